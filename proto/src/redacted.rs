//! `Debug` for messages that say who somebody is: shows their shape, never the person.
//!
//! A message reaches a log sooner or later. Tokens, customers, what is known of them and what they carry are left
//! out here, so that it does no harm. A field that is added to one of these messages must be named here before the
//! crate builds again. What is absent on purpose: the other messages, whose `Debug` is generated.

use core::fmt::{Debug, Formatter, Result};

use crate::v1::{
    AppHello, EphemeralKey, Outcome, PresenceEvent, Property, Query, ReadingsRequest, Sighting, Signal, Tag,
    WatchPresence, property,
};

/// Stands for something that was said and is not shown.
const HIDDEN: &str = "..";

impl Debug for Sighting {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            identity_kind: _,
            identity: _,
            rssi_dbm,
            age_ms,
        } = self;
        f.debug_struct("Sighting")
            .field("identity_kind", &self.identity_kind())
            .field("rssi_dbm", rssi_dbm)
            .field("age_ms", age_ms)
            .finish_non_exhaustive()
    }
}

impl Debug for Tag {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            identity_kind: _,
            identity: _,
            resolving_key: _,
            ephemeral_key,
        } = self;
        f.debug_struct("Tag")
            .field("identity_kind", &self.identity_kind())
            .field("ephemeral_key", ephemeral_key)
            .finish_non_exhaustive()
    }
}

impl Debug for EphemeralKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            identity_key: _,
            rotation_exponent,
            clock_s: _,
        } = self;
        f.debug_struct("EphemeralKey")
            .field("rotation_exponent", rotation_exponent)
            .finish_non_exhaustive()
    }
}

impl Debug for AppHello {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            protocol_version,
            token,
            locale,
            app,
            subscribe,
        } = self;
        f.debug_struct("AppHello")
            .field("protocol_version", protocol_version)
            .field("token", hidden(token))
            .field("locale", locale)
            .field("app", app)
            .field("subscribe", subscribe)
            .finish()
    }
}

impl Debug for PresenceEvent {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            kind: _,
            subject,
            zone: _,
            at_unix_ms: _,
            stay_ms,
            confidence,
            end: _,
        } = self;
        f.debug_struct("PresenceEvent")
            .field("kind", &self.kind())
            .field("subject", hidden(subject))
            .field("stay_ms", stay_ms)
            .field("confidence", confidence)
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}

impl Debug for WatchPresence {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { subject, zone } = self;
        f.debug_struct("WatchPresence")
            .field("subject", hidden(subject))
            .field("zone", zone)
            .finish()
    }
}

impl Debug for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            subject,
            want,
            channel,
            placement,
            locale,
            answers_max,
            why,
            deadline_ms,
        } = self;
        f.debug_struct("Query")
            .field("subject", hidden(subject))
            .field("want", want)
            .field("channel", channel)
            .field("placement", placement)
            .field("locale", locale)
            .field("answers_max", answers_max)
            .field("why", why)
            .field("deadline_ms", deadline_ms)
            .finish()
    }
}

impl Debug for ReadingsRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { subject, tag, after } = self;
        f.debug_struct("ReadingsRequest")
            .field("subject", hidden(subject))
            .field("tag", tag)
            .field("after", after)
            .finish()
    }
}

impl Debug for Signal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            message_id,
            kind: _,
            subject,
            name,
            timestamp_unix_ms,
            properties,
            channel,
            anonymous_id,
            tags,
            consents,
        } = self;
        f.debug_struct("Signal")
            .field("message_id", message_id)
            .field("kind", &self.kind())
            .field("subject", hidden(subject))
            .field("name", name)
            .field("timestamp_unix_ms", timestamp_unix_ms)
            .field("properties", properties)
            .field("channel", channel)
            .field("anonymous_id", hidden(anonymous_id))
            .field("tags", tags)
            .field("consents", consents)
            .finish()
    }
}

impl Debug for Property {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { name, value } = self;
        f.debug_struct("Property")
            .field("name", name)
            .field("value", value)
            .finish()
    }
}

impl Debug for property::Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Number(_) => "Number(..)",
            Self::Flag(_) => "Flag(..)",
        })
    }
}

impl Debug for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self {
            subject,
            decision_id,
            action,
            kind: _,
        } = self;
        f.debug_struct("Outcome")
            .field("subject", hidden(subject))
            .field("decision_id", decision_id)
            .field("action", action)
            .field("kind", &self.kind())
            .finish()
    }
}

/// Whether something was said matters to whoever looks for a fault.
fn hidden(text: &str) -> &'static &'static str {
    if text.is_empty() { &"" } else { &HIDDEN }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;

    use super::*;

    const CANARY: &str = "canary";

    fn check(message: &impl Debug) {
        let shown = format!("{message:?} {message:#?}");
        assert!(!shown.contains(CANARY) && !shown.contains("99, 97, 110"), "{shown}");
    }

    #[test]
    fn nobody_is_named() {
        let (text, identity) = (CANARY.into(), CANARY.as_bytes().into());
        check(&AppHello {
            token: text,
            ..AppHello::default()
        });
        check(&Query {
            subject: CANARY.into(),
            ..Query::default()
        });
        check(&ReadingsRequest {
            subject: CANARY.into(),
            ..ReadingsRequest::default()
        });
        check(&Outcome {
            subject: CANARY.into(),
            ..Outcome::default()
        });
        check(&Sighting {
            identity,
            ..Sighting::default()
        });
        let value = Some(property::Value::Text(CANARY.into()));
        check(&Signal {
            subject: CANARY.into(),
            anonymous_id: CANARY.into(),
            tags: vec![Tag {
                identity: CANARY.as_bytes().into(),
                identity_kind: 1,
                resolving_key: CANARY.as_bytes().into(),
                ephemeral_key: Some(EphemeralKey {
                    identity_key: CANARY.as_bytes().into(),
                    ..EphemeralKey::default()
                }),
            }],
            properties: vec![Property {
                name: "e-mail".into(),
                value,
            }],
            ..Signal::default()
        });
    }

    #[test]
    fn what_was_left_empty_shows() {
        assert!(format!("{:?}", Query::default()).contains("subject: \"\""));
        assert!(
            format!(
                "{:?}",
                Query {
                    subject: "x".into(),
                    ..Query::default()
                }
            )
            .contains("subject: \"..\"")
        );
    }
}
