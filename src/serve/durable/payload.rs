//! What the records of the journal carry.
//!
//! | kind | payload |
//! |---|---|
//! | signal, sealed | version 1; 1 customer or 2 service; tags that were refused (2); the `Signal` as it came |
//! | signal, sealed | version 1; 3: a tag went over to another person; kind of the tag, its identity |
//! | outcome, sealed | version 1; the `Outcome` as it came |
//! | decision, sealed | [`crate::engine::state::Reserved`] |
//! | person, sealed | [`crate::engine::state::PersonState`] |
//! | venue signal | [`crate::engine::state::VenueEvent`] |
//! | erasure | nothing |
//! | administration | `super::changes` |

use crate::engine::Speaker;
use crate::engine::state::{StateError, decode_tag, encode_tag};
use crate::model::TagId;

const VERSION: u8 = 1;
const OF_CUSTOMER: u8 = 1;
const OF_SERVICE: u8 = 2;
const LOSS: u8 = 3;

/// Puts the payload of a signal into `out`.
pub(super) fn signal(speaker: Speaker, refused: u16, bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(VERSION);
    out.push(match speaker {
        Speaker::Customer => OF_CUSTOMER,
        Speaker::Service => OF_SERVICE,
    });
    out.extend(refused.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Who said a signal, which of its tags were refused, and its bytes.
pub(super) fn read_signal(payload: &[u8]) -> Option<(Speaker, u16, &[u8])> {
    let (speaker, low, high, bytes) = match payload {
        [VERSION, OF_CUSTOMER, low, high, bytes @ ..] => (Speaker::Customer, low, high, bytes),
        [VERSION, OF_SERVICE, low, high, bytes @ ..] => (Speaker::Service, low, high, bytes),
        _ => return None,
    };
    Some((speaker, u16::from_le_bytes([*low, *high]), bytes))
}

/// Puts the payload of a tag that went over into `out`.
pub(super) fn loss(tag: &TagId, out: &mut Vec<u8>) {
    out.clear();
    out.extend([VERSION, LOSS]);
    out.extend(encode_tag(tag));
}

/// The tag that went over; `None` when the payload is a signal's.
pub(super) fn read_loss(payload: &[u8]) -> Option<Result<TagId, StateError>> {
    match payload {
        [VERSION, LOSS, tag @ ..] => Some(decode_tag(tag)),
        _ => None,
    }
}

/// Puts the payload of an outcome into `out`.
pub(super) fn outcome(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(bytes);
}

/// The bytes of an outcome.
pub(super) fn read_outcome(payload: &[u8]) -> Option<&[u8]> {
    match payload {
        [VERSION, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_back() {
        let mut out = Vec::new();
        signal(Speaker::Service, 0x0102, b"bytes", &mut out);
        assert_eq!(out, b"\x01\x02\x02\x01bytes");
        assert_eq!(read_signal(&out), Some((Speaker::Service, 0x0102, b"bytes".as_slice())));
        outcome(b"bytes", &mut out);
        assert_eq!(read_outcome(&out), Some(b"bytes".as_slice()));
        assert_eq!(
            (read_signal(&[2, 1]), read_signal(&[1]), read_outcome(&[])),
            (None, None, None)
        );
    }
}
