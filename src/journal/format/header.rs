//! The first sector of every file: what it is, which format, which journal.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | magic: `NBJOURNL`, `NBSNAPSH` or `NBPEOPLE` |
//! | 8..12 | format version |
//! | 12..16 | generation: how often the journal had been opened |
//! | 16..32 | the journal's id |
//! | 32..40 | position: the first of a segment, the last that a snapshot folds |
//! | 40..48 | epoch: milliseconds from 1970 to the zero of the journal's clock |
//! | 48..508 | zero |
//! | 508..512 | CRC32C of bytes 0..508 |

use crc32c::crc32c;
use thiserror::Error;

use super::{FORMAT_VERSION, JournalId, SECTOR_LEN, array, u32_at, u64_at};
use crate::journal::Position;

/// Where the sum is.
const SUM_AT: usize = SECTOR_LEN - 4;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Records.
    Segment,
    /// A state.
    Snapshot,
    /// The keys of people.
    People,
}

impl FileKind {
    const fn magic(self) -> [u8; 8] {
        match self {
            Self::Segment => *b"NBJOURNL",
            Self::Snapshot => *b"NBSNAPSH",
            Self::People => *b"NBPEOPLE",
        }
    }
}

/// The first sector of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the file is.
    pub kind: FileKind,
    /// How often the journal had been opened when the file was made.
    pub generation: u32,
    /// Which journal it belongs to.
    pub journal: JournalId,
    /// The first position of a segment, the last one that a snapshot folds, 0 for the keys.
    pub position: Position,
    /// Milliseconds from 1970 to the zero of the journal's clock.
    pub epoch_unix_ms: u64,
}

/// Why a sector is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadHeader {
    /// Another kind of file.
    #[error("it does not begin with the magic bytes of its kind")]
    Magic,
    /// A later version wrote it.
    #[error("it has format version {0}")]
    Newer(u32),
    /// The sum does not fit.
    #[error("its header does not fit its checksum")]
    Damaged,
}

impl Header {
    /// The sector.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SECTOR_LEN);
        bytes.extend_from_slice(&self.kind.magic());
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.journal.0.to_le_bytes());
        bytes.extend_from_slice(&self.position.0.to_le_bytes());
        bytes.extend_from_slice(&self.epoch_unix_ms.to_le_bytes());
        bytes.resize(SUM_AT, 0);
        let sum = crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the first sector of a file of this kind.
    ///
    /// # Errors
    /// [`BadHeader`].
    pub fn decode(kind: FileKind, bytes: &[u8]) -> Result<Self, BadHeader> {
        if array(bytes, 0) != Some(kind.magic()) {
            return Err(BadHeader::Magic);
        }
        if let Some(version) = u32_at(bytes, 8).filter(|version| *version > FORMAT_VERSION) {
            return Err(BadHeader::Newer(version));
        }
        let summed = bytes.get(..SUM_AT).ok_or(BadHeader::Damaged)?;
        if u32_at(bytes, SUM_AT) != Some(crc32c(summed)) {
            return Err(BadHeader::Damaged);
        }
        let read = || {
            Some(Self {
                kind,
                generation: u32_at(bytes, 12)?,
                journal: JournalId(u128::from_le_bytes(array(bytes, 16)?)),
                position: Position(u64_at(bytes, 32)?),
                epoch_unix_ms: u64_at(bytes, 40)?,
            })
        };
        read().ok_or(BadHeader::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_every_flip_is_found() {
        let header = Header {
            kind: FileKind::Segment,
            generation: 7,
            journal: JournalId(0x0123_4567_89ab_cdef),
            position: Position(42),
            epoch_unix_ms: 1_700_000_000_000,
        };
        let mut bytes = header.encode();
        assert_eq!(bytes.len(), SECTOR_LEN);
        assert_eq!(Header::decode(FileKind::Segment, &bytes), Ok(header));
        assert_eq!(Header::decode(FileKind::Snapshot, &bytes), Err(BadHeader::Magic));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(FileKind::Segment, &bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
