//! Signals and outcomes: checked against the contract's limits, then borrowed as model types.

use nextbest_proto::advert::ephemeral::ROTATION_EXPONENT_MAX;
use nextbest_proto::limits::{
    ACTION_LEN_MAX, CHANNEL_LEN_MAX, CONSENTS_MAX, MESSAGE_ID_LEN_MAX, PROPERTIES_MAX, PROPERTY_NAME_LEN_MAX,
    PROPERTY_TEXT_LEN_MAX, SIGNAL_NAME_LEN_MAX, SUBJECT_LEN_MAX, TAGS_MAX,
};
use nextbest_proto::v1::{self, property};

use super::WireError;
use super::hub::at_most;
use super::sightings::tag_kind;
use crate::model::{
    Consent, Outcome, OutcomeKind, Property, Purpose, SecretKey, Signal, SignalKind, TAG_KEY_LEN, TagId, TagKey,
    TagRefusal, Value,
};

/// The model's signal, borrowed from the contract's.
///
/// # Errors
/// [`WireError`] that names the first field outside of the contract.
pub fn read_signal(signal: &v1::Signal) -> Result<Signal<'_>, WireError> {
    if signal.message_id.is_empty() {
        return Err(WireError::Missing("message_id"));
    }
    at_most("message_id", &signal.message_id, MESSAGE_ID_LEN_MAX)?;
    at_most("subject", &signal.subject, SUBJECT_LEN_MAX)?;
    at_most("name", &signal.name, SIGNAL_NAME_LEN_MAX)?;
    at_most("channel", &signal.channel, CHANNEL_LEN_MAX)?;
    at_most("anonymous_id", &signal.anonymous_id, SUBJECT_LEN_MAX)?;
    at_most_entries("properties", signal.properties.len(), PROPERTIES_MAX)?;
    at_most_entries("tags", signal.tags.len(), TAGS_MAX)?;
    at_most_entries("consents", signal.consents.len(), CONSENTS_MAX)?;
    Ok(Signal {
        message_id: &signal.message_id,
        made_unix_ms: signal.timestamp_unix_ms,
        kind: signal_kind(signal.kind())?,
        name: &signal.name,
        properties: signal.properties.iter().map(read_property).collect::<Result<_, _>>()?,
        channel: &signal.channel,
        anonymous_id: &signal.anonymous_id,
        tags: signal
            .tags
            .iter()
            .filter(|tag| !has_key(tag))
            .map(read_tag)
            .collect::<Result<_, _>>()?,
        keys: signal
            .tags
            .iter()
            .filter(|tag| has_key(tag))
            .map(read_key)
            .collect::<Result<_, _>>()?,
        consents: signal.consents.iter().map(read_consent).collect::<Result<_, _>>()?,
    })
}

/// The model's outcome, borrowed from the contract's.
///
/// # Errors
/// [`WireError`] that names the first field outside of the contract.
pub fn read_outcome(outcome: &v1::Outcome) -> Result<Outcome<'_>, WireError> {
    at_most("subject", &outcome.subject, SUBJECT_LEN_MAX)?;
    at_most("action", &outcome.action, ACTION_LEN_MAX)?;
    if outcome.decision_id == 0 {
        return Err(WireError::Missing("decision_id"));
    }
    let kind = match outcome.kind() {
        v1::OutcomeKind::Unspecified => return Err(unknown("kind")),
        v1::OutcomeKind::Impression => OutcomeKind::Impression,
        v1::OutcomeKind::Click => OutcomeKind::Click,
        v1::OutcomeKind::Accept => OutcomeKind::Accept,
        v1::OutcomeKind::Reject => OutcomeKind::Reject,
        v1::OutcomeKind::Convert => OutcomeKind::Convert,
    };
    Ok(Outcome {
        decision_id: outcome.decision_id,
        action: &outcome.action,
        kind,
    })
}

/// The tag that a `ReadingsRequest` is about.
///
/// # Errors
/// [`WireError`] when a field is outside of the contract.
pub fn read_readings(request: &v1::ReadingsRequest) -> Result<TagId, WireError> {
    at_most("subject", &request.subject, SUBJECT_LEN_MAX)?;
    read_tag(request.tag.as_ref().ok_or(WireError::Missing("tag"))?)
}

fn signal_kind(kind: v1::SignalKind) -> Result<SignalKind, WireError> {
    match kind {
        v1::SignalKind::Unspecified => Err(unknown("kind")),
        v1::SignalKind::Identify => Ok(SignalKind::Identify),
        v1::SignalKind::Track => Ok(SignalKind::Track),
        v1::SignalKind::Page => Ok(SignalKind::Page),
        v1::SignalKind::Screen => Ok(SignalKind::Screen),
        v1::SignalKind::Group => Ok(SignalKind::Group),
        v1::SignalKind::Alias => Ok(SignalKind::Alias),
    }
}

fn read_property(property: &v1::Property) -> Result<Property<'_>, WireError> {
    at_most("property name", &property.name, PROPERTY_NAME_LEN_MAX)?;
    let value = match &property.value {
        None => return Err(WireError::Missing("property value")),
        Some(property::Value::Text(text)) => {
            at_most("property text", text, PROPERTY_TEXT_LEN_MAX)?;
            Value::Text(text)
        }
        Some(property::Value::Number(number)) if !number.is_finite() => {
            return Err(WireError::Value {
                field: "property number",
                expected: "finite",
            });
        }
        Some(property::Value::Number(number)) => Value::Number(*number),
        Some(property::Value::Flag(flag)) => Value::Flag(*flag),
    };
    Ok(Property {
        name: &property.name,
        value,
    })
}

fn read_tag(tag: &v1::Tag) -> Result<TagId, WireError> {
    let kind = u32::try_from(tag.identity_kind)
        .ok()
        .and_then(tag_kind)
        .ok_or(unknown("identity_kind"))?;
    let expected = "as many bytes as its kind has, neither all 0x00 nor all 0xFF";
    TagId::new(kind, &tag.identity).map_err(|_| WireError::Value {
        field: "identity",
        expected,
    })
}

/// Whether a tag is named by a key.
fn has_key(tag: &v1::Tag) -> bool {
    !tag.resolving_key.is_empty() || tag.ephemeral_key.is_some()
}

fn read_key(tag: &v1::Tag) -> Result<TagKey, WireError> {
    let is_one = tag.identity.is_empty() && tag.resolving_key.is_empty() == tag.ephemeral_key.is_some();
    match (tag.identity_kind(), &tag.ephemeral_key) {
        (v1::IdentityKind::Address, None) if is_one => {
            Ok(TagKey::Resolving(secret("resolving_key", &tag.resolving_key)?))
        }
        (v1::IdentityKind::EddystoneEid, Some(ephemeral)) if is_one => Ok(TagKey::Ephemeral {
            key: secret("identity_key", &ephemeral.identity_key)?,
            rotation_exponent: u8::try_from(ephemeral.rotation_exponent)
                .ok()
                .filter(|exponent| *exponent <= ROTATION_EXPONENT_MAX)
                .ok_or(WireError::Value {
                    field: "rotation_exponent",
                    expected: "0 to 15",
                })?,
            clock_s: ephemeral.clock_s,
        }),
        _ => Err(WireError::Value {
            field: "tags",
            expected: "one of identity, resolving_key (kind ADDRESS) and ephemeral_key (kind EDDYSTONE_EID)",
        }),
    }
}

/// A key that somebody has: 16 bytes, neither all 0x00 nor all 0xFF, which is what a device without one sends.
fn secret(field: &'static str, bytes: &[u8]) -> Result<SecretKey, WireError> {
    let key = <[u8; TAG_KEY_LEN]>::try_from(bytes)
        .ok()
        .filter(|key| key.iter().any(|byte| *byte != 0) && key.iter().any(|byte| *byte != 0xFF));
    key.map(SecretKey::new).ok_or(WireError::Value {
        field,
        expected: "16 bytes, neither all 0x00 nor all 0xFF",
    })
}

/// The tags of a signal that were not registered, by their place in the message.
#[must_use]
pub fn tags_refused(
    signal: &v1::Signal,
    tags: &[Option<TagRefusal>],
    keys: &[Option<TagRefusal>],
) -> Vec<v1::TagRefusal> {
    let (mut tags, mut keys) = (tags.iter(), keys.iter());
    let refused = |(place, tag): (u32, &v1::Tag)| {
        let refusal = if has_key(tag) { keys.next() } else { tags.next() };
        let reason = match (*refusal?)? {
            TagRefusal::NoConsent => v1::TagRefusalReason::NoConsent,
            TagRefusal::CarriedByAnother => v1::TagRefusalReason::CarriedByAnother,
            TagRefusal::TableFull => v1::TagRefusalReason::TableFull,
            TagRefusal::ServiceOnly => v1::TagRefusalReason::ServiceOnly,
            TagRefusal::TooMany => v1::TagRefusalReason::TooMany,
        };
        Some(v1::TagRefusal {
            tag: place,
            reason: reason.into(),
        })
    };
    (0..).zip(&signal.tags).filter_map(refused).collect()
}

fn read_consent(consent: &v1::Consent) -> Result<Consent, WireError> {
    let purpose = match consent.purpose() {
        v1::Purpose::Unspecified => return Err(unknown("purpose")),
        v1::Purpose::Service => Purpose::Service,
        v1::Purpose::Personalization => Purpose::Personalization,
        v1::Purpose::Marketing => Purpose::Marketing,
        v1::Purpose::Research => Purpose::Research,
        v1::Purpose::Location => Purpose::Location,
    };
    if !consent.allowed && consent.until_unix_s != 0 {
        return Err(WireError::Value {
            field: "until_unix_s",
            expected: "0 of a withdrawal",
        });
    }
    Ok(Consent {
        purpose,
        allowed: consent.allowed,
        given_unix_s: date("given_unix_s", consent.given_unix_s)?,
        until_unix_s: date("until_unix_s", consent.until_unix_s)?,
    })
}

fn date(field: &'static str, unix_s: u64) -> Result<u32, WireError> {
    let expected = "seconds since 1970, below 2^32";
    u32::try_from(unix_s).map_err(|_| WireError::Value { field, expected })
}

const fn at_most_entries(field: &'static str, len: usize, len_max: usize) -> Result<(), WireError> {
    if len > len_max {
        Err(WireError::Count {
            field,
            len_min: 0,
            len_max,
        })
    } else {
        Ok(())
    }
}

const fn unknown(field: &'static str) -> WireError {
    WireError::Value {
        field,
        expected: "one of the contract's values",
    }
}
