//! A running gateway, as a survey sees it: the tag is registered to the surveyor, and what the hubs hear of it comes back.
//!
//! Deliberately absent: when to listen, and what becomes of it, which is [`super::take`]'s.

use std::fs;
use std::net::SocketAddr;

use nextbest_client::{AppClient, AppClientSettings, AppHelloSettings, ClientEndpoint, RequestError, Trust};
use nextbest_proto::limits::READINGS_MAX;
use nextbest_proto::v1::{self, ErrorCode};

use super::super::Failure;
use crate::model::{TagId, TagKind};
use crate::serve::clock::unix_s;
use crate::serve::key_maker::SERVICE_SUBJECT;
use crate::serve::keys::KeyFolder;
use crate::serve::token::Role;

/// Life of the token that is signed for one survey, in seconds: a long day.
const TOKEN_LIFE_S: u64 = 16 * 3_600;
/// Most requests for one look, so that a hub which never stops does not hold it.
const REQUESTS_MAX: usize = 64;

/// A gateway and the tag that is carried through the venue.
pub(super) struct Live {
    app: AppClient,
    subject: String,
    tag: v1::Tag,
    after: u64,
}

/// What was heard since the last look.
#[derive(Default)]
pub(super) struct Look {
    /// Oldest first.
    pub(super) readings: Vec<v1::Reading>,
    /// Readings that were let go in between.
    pub(super) dropped: u64,
}

impl Live {
    /// Connects as the service principal of a key folder; requests wait for the connection.
    pub(super) fn start(
        keys: &KeyFolder,
        (to, server_name): (SocketAddr, &str),
        subject: &str,
        tag: v1::Tag,
    ) -> Result<Self, Failure> {
        let trust = Trust::from_der(&keys.authority().map_err(Failure::wrong)?).map_err(Failure::wrong)?;
        let hello = AppHelloSettings {
            token: token(keys)?,
            app: concat!("nextbest survey ", env!("CARGO_PKG_VERSION")).to_owned(),
            ..AppHelloSettings::default()
        };
        let endpoint = ClientEndpoint::towards(to).map_err(Failure::wrong)?;
        Ok(Self {
            app: AppClient::start(endpoint, to, server_name, trust, hello, AppClientSettings::default()),
            subject: subject.to_owned(),
            tag,
            after: 0,
        })
    }

    /// Makes the tag the surveyor's, who allows being located. A tag that somebody else carries is taken only when
    /// `take_over` says so: it would place that person wrongly, and it is theirs.
    pub(super) async fn register(&self, take_over: bool) -> Result<(), Failure> {
        if let Err(RequestError::Refused(error)) = self.ask().await
            && error.code() == ErrorCode::NotAllowed
            && !take_over
        {
            return Err(Failure::no_answer(format!(
                "{}; survey with a tag of your own, or say --take-over",
                error.sentence
            )));
        }
        let signal = v1::Signal {
            kind: v1::SignalKind::Identify.into(),
            subject: self.subject.clone(),
            tags: vec![self.tag.clone()],
            consents: vec![v1::Consent {
                purpose: v1::Purpose::Location.into(),
                allowed: true,
                ..v1::Consent::default()
            }],
            ..v1::Signal::default()
        };
        self.app.signal(signal).await.map_err(Failure::no_answer)?;
        self.ask().await.map_err(Failure::no_answer).map(drop)
    }

    /// What was heard since the last look.
    pub(super) async fn look(&mut self) -> Result<Look, Failure> {
        let mut look = Look::default();
        for _ in 0..REQUESTS_MAX {
            let reply = self.ask().await.map_err(Failure::no_answer)?;
            let is_all = reply.readings.len() < READINGS_MAX;
            self.after = reply.next;
            look.dropped += reply.dropped;
            look.readings.extend(reply.readings);
            if is_all {
                break;
            }
        }
        Ok(look)
    }

    async fn ask(&self) -> Result<v1::ReadingsReply, RequestError> {
        let request = v1::ReadingsRequest {
            subject: self.subject.clone(),
            tag: Some(self.tag.clone()),
            after: self.after,
        };
        self.app.readings(request).await
    }
}

/// A token of the service, signed for this survey where the key is there.
fn token(keys: &KeyFolder) -> Result<String, Failure> {
    if fs::exists(keys.path().join("token-signing.key")).unwrap_or(false) {
        let signer = keys.token_signer().map_err(Failure::wrong)?;
        return signer
            .sign(SERVICE_SUBJECT, Role::Service, unix_s(), TOKEN_LIFE_S)
            .map_err(Failure::wrong);
    }
    keys.token(SERVICE_SUBJECT).map_err(Failure::wrong)
}

/// Reads `c0:ff:ee:00:00:01`, an address, or `ibeacon:UUID-MAJOR-MINOR` with the numbers in decimal.
pub(super) fn parse_tag(text: &str) -> Result<v1::Tag, String> {
    let (kind, bytes) = match text.strip_prefix("ibeacon:") {
        Some(beacon) => (TagKind::IBeacon, ibeacon(beacon)),
        None => (TagKind::Address, hexadecimal(text)),
    };
    let bytes = bytes.ok_or_else(|| format!("a tag is expected to be {FORMS}"))?;
    let tag = TagId::new(kind, &bytes).map_err(|error| format!("{error}; expected {FORMS}"))?;
    Ok(v1::Tag {
        identity_kind: i32::from(tag.kind() as u8),
        identity: bytes.into(),
        ..v1::Tag::default()
    })
}

const FORMS: &str = "an address such as c0ffee000001, or ibeacon:UUID-MAJOR-MINOR";

fn ibeacon(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.rsplitn(3, '-');
    let minor: u16 = parts.next()?.parse().ok()?;
    let major: u16 = parts.next()?.parse().ok()?;
    let mut bytes = hexadecimal(parts.next()?).filter(|uuid| uuid.len() == 16)?;
    bytes.extend(major.to_be_bytes());
    bytes.extend(minor.to_be_bytes());
    Some(bytes)
}

/// Bytes; `:` and `-` between them mean nothing.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| !matches!(character, ':' | '-'))
        .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    let byte = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | digit);
    Some(digits.chunks_exact(2).map(byte).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_an_address_or_an_ibeacon() {
        let address = parse_tag("C0:ff:ee:00:00:01").unwrap();
        assert_eq!(address.identity[..], [0xc0, 0xff, 0xee, 0, 0, 1]);
        let beacon = parse_tag("ibeacon:f7826da6-4fa2-4e98-8024-bc5b71e0893e-1-513").unwrap();
        assert_eq!(beacon.identity_kind, i32::from(v1::IdentityKind::Ibeacon));
        assert_eq!(beacon.identity[..2], [0xf7, 0x82]);
        assert_eq!(beacon.identity[16..], [0, 1, 2, 1]);
        for wrong in [
            "",
            "c0ffee",
            "000000000000",
            "ibeacon:f7-1-2",
            "ibeacon:f7826da64fa24e988024bc5b71e0893e-1-65536",
        ] {
            assert!(parse_tag(wrong).is_err(), "{wrong}");
        }
    }
}
