//! What the records of the journal carry.
//!
//! | kind | payload |
//! |---|---|
//! | signal, sealed | version 2; 1 customer or 2 service; tags that were refused (2); the date, in seconds since 1970 (4); the `Signal` as it came |
//! | signal, sealed | version 1: the same without the date |
//! | signal, sealed | version 1; 3: a tag went over to another person; kind of the tag, its identity |
//! | outcome, sealed | version 1; the `Outcome` as it came |
//! | decision, sealed | [`crate::engine::state::Reserved`] |
//! | person, sealed | [`crate::engine::state::PersonState`] |
//! | venue signal | [`crate::engine::state::VenueEvent`] |
//! | erasure | [`super::proofs`]; nothing of one that was written down before there were proofs |
//! | administration | `super::changes` |

use crate::engine::Speaker;
use crate::engine::state::{StateError, decode_tag, encode_tag};
use crate::model::TagId;

const VERSION: u8 = 1;
const DATED: u8 = 2;
const OF_CUSTOMER: u8 = 1;
const OF_SERVICE: u8 = 2;
const LOSS: u8 = 3;

/// Puts the payload of a signal into `out`.
pub(super) fn signal(speaker: Speaker, refused: u16, date_s: u32, bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(DATED);
    out.push(match speaker {
        Speaker::Customer => OF_CUSTOMER,
        Speaker::Service => OF_SERVICE,
    });
    out.extend(refused.to_le_bytes());
    out.extend(date_s.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// A signal as it was written down.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    /// Who said it.
    pub(super) speaker: Speaker,
    /// Which of its tags were refused.
    pub(super) refused: u16,
    /// When; `None`: it was written down before that was.
    pub(super) date_s: Option<u32>,
    /// The `Signal`.
    pub(super) bytes: &'a [u8],
}

/// Reads the payload of a signal.
pub(super) fn read_signal(payload: &[u8]) -> Option<Said<'_>> {
    let ([version, speaker, low, high], bytes) = payload.split_first_chunk()?;
    let speaker = match *speaker {
        OF_CUSTOMER => Speaker::Customer,
        OF_SERVICE => Speaker::Service,
        _ => return None,
    };
    let (date_s, bytes) = match *version {
        VERSION => (None, bytes),
        DATED => {
            let (date, bytes) = bytes.split_first_chunk()?;
            (Some(u32::from_le_bytes(*date)), bytes)
        }
        _ => return None,
    };
    Some(Said {
        speaker,
        refused: u16::from_le_bytes([*low, *high]),
        date_s,
        bytes,
    })
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
        signal(Speaker::Service, 0x0102, 0x0304_0506, b"bytes", &mut out);
        assert_eq!(out, b"\x02\x02\x02\x01\x06\x05\x04\x03bytes");
        let said = Said {
            speaker: Speaker::Service,
            refused: 0x0102,
            date_s: Some(0x0304_0506),
            bytes: b"bytes",
        };
        assert_eq!(read_signal(&out), Some(said));
        let undated = Said {
            speaker: Speaker::Customer,
            refused: 0x0102,
            date_s: None,
            bytes: b"bytes",
        };
        assert_eq!(read_signal(b"\x01\x01\x02\x01bytes"), Some(undated));
        assert_eq!(read_signal(b"\x02\x01\x02\x01byt"), None);
        outcome(b"bytes", &mut out);
        assert_eq!(read_outcome(&out), Some(b"bytes".as_slice()));
        assert_eq!(
            (read_signal(&[2, 1]), read_signal(&[1]), read_outcome(&[])),
            (None, None, None)
        );
    }
}
