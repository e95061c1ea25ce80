//! A record, as it stands in a block, one after the other without gaps.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | CRC32C of the journal's id and bytes 4.. to the end of the payload |
//! | 4..8 | length of the payload |
//! | 8..16 | position |
//! | 16..24 | when, in microseconds on the journal's clock |
//! | 24..28 | the person's number |
//! | 28..32 | the person's birth; 0 means that it is about the venue |
//! | 32 | kind |
//! | 33..40 | zero |
//! | 40.. | payload |

use thiserror::Error;

use super::{JournalId, array, u32_at, u64_at};
use crate::journal::{Person, Position, RECORD_LEN_MAX, Record, RecordKind};
use crate::model::Timestamp;
use crate::planted::{Bug, planted};

/// Bytes of a record before its payload.
pub const RECORD_HEADER_LEN: usize = 40;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadRecord {
    /// They end before it does.
    #[error("a record runs past the end of its block")]
    Short,
    /// Longer than a record can be.
    #[error("a record says that it has {0} bytes, and {RECORD_LEN_MAX} are the most")]
    Long(u32),
    /// The sum does not fit.
    #[error("a record does not fit its checksum")]
    Damaged,
    /// Whole, but of a kind that this version does not know.
    #[error("a record is of the unknown kind {0}")]
    Kind(u8),
}

/// A record in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Its place.
    pub position: Position,
    /// What was appended.
    pub record: Record<'a>,
}

impl<'a> Stored<'a> {
    /// Bytes it takes.
    #[must_use]
    pub const fn len(&self) -> usize {
        RECORD_HEADER_LEN + self.record.payload.len()
    }

    /// Whether its payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.record.payload.is_empty()
    }

    /// Puts its bytes behind what is in `out`.
    pub fn encode(&self, journal: JournalId, out: &mut Vec<u8>) {
        encode(journal, self.position, &self.record, out);
    }

    /// The record at the start of `bytes`.
    ///
    /// # Errors
    /// [`BadRecord`].
    pub fn decode(journal: JournalId, bytes: &'a [u8]) -> Result<Self, BadRecord> {
        let payload_len = u32_at(bytes, 4).ok_or(BadRecord::Short)?;
        if payload_len as usize > RECORD_LEN_MAX {
            return Err(BadRecord::Long(payload_len));
        }
        let summed = bytes
            .get(4..RECORD_HEADER_LEN + payload_len as usize)
            .ok_or(BadRecord::Short)?;
        if u32_at(bytes, 0) != Some(journal.sum(summed)) && !planted(Bug::SumUnchecked) {
            return Err(BadRecord::Damaged);
        }
        Self::fields(bytes, payload_len as usize).ok_or(BadRecord::Short)?
    }

    fn fields(bytes: &'a [u8], payload_len: usize) -> Option<Result<Self, BadRecord>> {
        let [code, zeros @ ..] = array::<8>(bytes, 32)?;
        let Some(kind) = RecordKind::from_code(code).filter(|_| zeros == [0; 7]) else {
            return Some(Err(BadRecord::Kind(code)));
        };
        let person = Person {
            number: u32_at(bytes, 24)?,
            birth: u32_at(bytes, 28)?,
        };
        let record = Record {
            at: Timestamp::from_micros(u64_at(bytes, 16)?),
            kind,
            subject: (person.birth > 0).then_some(person),
            payload: bytes.get(RECORD_HEADER_LEN..RECORD_HEADER_LEN + payload_len)?,
        };
        let position = Position(u64_at(bytes, 8)?);
        Some(Ok(Self { position, record }))
    }
}

/// Puts a record behind what is in `out`.
pub(crate) fn encode(journal: JournalId, position: Position, record: &Record<'_>, out: &mut Vec<u8>) {
    debug_assert!(record.payload.len() <= RECORD_LEN_MAX, "checked by who takes it");
    debug_assert!(
        record.subject.is_none_or(|person| person.birth > 0),
        "births begin at 1"
    );
    let start = out.len();
    let person = record.subject.unwrap_or_default();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&u32::try_from(record.payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&position.0.to_le_bytes());
    out.extend_from_slice(&record.at.as_micros().to_le_bytes());
    out.extend_from_slice(&person.number.to_le_bytes());
    out.extend_from_slice(&person.birth.to_le_bytes());
    out.extend_from_slice(&[record.kind.code(), 0, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(record.payload);
    let sum = journal.sum(out.get(start + 4..).unwrap_or_default()).to_le_bytes();
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_every_flip_is_found() {
        let journal = JournalId(3);
        let record = Record {
            at: Timestamp::from_micros(5_000_001),
            kind: RecordKind::Outcome,
            subject: Some(Person { number: 17, birth: 2 }),
            payload: b"sealed",
        };
        let mut bytes = Vec::new();
        encode(journal, Position(8), &record, &mut bytes);
        let stored = Stored::decode(journal, &bytes).unwrap();
        assert_eq!(
            (stored.position, stored.record, stored.len()),
            (Position(8), record, 46)
        );
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Stored::decode(journal, &flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Stored::decode(journal, &bytes[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn a_kind_of_a_later_version_is_said() {
        let journal = JournalId(3);
        let record = Record {
            at: Timestamp::default(),
            kind: RecordKind::Administration,
            subject: None,
            payload: b"",
        };
        let mut bytes = Vec::new();
        encode(journal, Position(1), &record, &mut bytes);
        bytes[32] = 99;
        let sum = journal.sum(&bytes[4..]).to_le_bytes();
        bytes[..4].copy_from_slice(&sum);
        assert_eq!(Stored::decode(journal, &bytes), Err(BadRecord::Kind(99)));
    }
}
