//! A block: what one sync wrote. A header, records, zeros to the end of a sector, and in its last four bytes the header's
//! sum again: a write that broke off anywhere has not written those.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | magic: `NBbk` |
//! | 4..8 | length of the records that follow, in bytes |
//! | 8..16 | the position of the first record; in a mark, of the next |
//! | 16..20 | how many records |
//! | 20 | kind |
//! | 21..24 | zero |
//! | 24..28 | generation |
//! | 28..32 | CRC32C of the journal's id and bytes 0..28 |

use super::{JournalId, array, to_sectors, u32_at, u64_at};
use crate::journal::Position;

/// Bytes of a block before its records.
pub const BLOCK_HEADER_LEN: usize = 32;
/// Bytes at the end of a block's last sector.
pub const BLOCK_END_LEN: usize = 4;
const MAGIC: [u8; 4] = *b"NBbk";
const SUM_AT: usize = BLOCK_HEADER_LEN - 4;

/// What a block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockKind {
    /// Records.
    Records = 1,
    /// The journal was opened. Everything before was durable then, and positions may go on from a later one.
    Opened = 2,
    /// The segment is full, and another begins at the position given.
    Ended = 3,
    /// The journal was closed in order; nothing was in flight.
    Closed = 4,
}

impl BlockKind {
    fn from_code(code: u8) -> Option<Self> {
        [Self::Records, Self::Opened, Self::Ended, Self::Closed]
            .into_iter()
            .find(|kind| *kind as u8 == code)
    }

    /// Whether the position may be later than the one after the last record.
    #[must_use]
    pub const fn may_jump(self) -> bool {
        matches!(self, Self::Opened | Self::Ended)
    }
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// What the block says.
    pub kind: BlockKind,
    /// The position of its first record, or of the next one.
    pub first: Position,
    /// How many records follow.
    pub count: u32,
    /// Bytes of the records that follow.
    pub body_len: u32,
    /// How often the journal had been opened.
    pub generation: u32,
}

impl BlockHeader {
    /// A block without records.
    #[must_use]
    pub const fn mark(kind: BlockKind, next: Position, generation: u32) -> Self {
        Self {
            kind,
            first: next,
            count: 0,
            body_len: 0,
            generation,
        }
    }

    /// Bytes from the header to the end of the last record.
    #[must_use]
    pub const fn len(&self) -> usize {
        BLOCK_HEADER_LEN + self.body_len as usize
    }

    /// Whether it has no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that the block takes in the file.
    #[must_use]
    pub const fn sectors_len(&self) -> usize {
        to_sectors(self.len() + BLOCK_END_LEN)
    }

    /// The last bytes of the block.
    #[must_use]
    pub fn end(&self, journal: JournalId) -> [u8; BLOCK_END_LEN] {
        array(&self.encode(journal), SUM_AT).unwrap_or_default()
    }

    /// Makes `block`, which has room for the header and then the records, what is written.
    pub fn complete(&self, journal: JournalId, block: &mut Vec<u8>) {
        debug_assert_eq!(block.len(), self.len(), "the records that it counts");
        if let Some(place) = block.first_chunk_mut() {
            *place = self.encode(journal);
        }
        block.resize(self.sectors_len() - BLOCK_END_LEN, 0);
        block.extend_from_slice(&self.end(journal));
    }

    /// The sector of a block without records.
    #[must_use]
    pub fn mark_bytes(&self, journal: JournalId) -> Vec<u8> {
        debug_assert!(self.is_empty(), "a mark");
        let mut bytes = vec![0; BLOCK_HEADER_LEN];
        self.complete(journal, &mut bytes);
        bytes
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self, journal: JournalId) -> [u8; BLOCK_HEADER_LEN] {
        let mut bytes = Vec::with_capacity(BLOCK_HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.body_len.to_le_bytes());
        bytes.extend_from_slice(&self.first.0.to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&[self.kind as u8, 0, 0, 0]);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        let sum = journal.sum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        array(&bytes, 0).unwrap_or([0; BLOCK_HEADER_LEN])
    }

    /// The header at the start of `bytes`, if a header of this journal is there.
    #[must_use]
    pub fn decode(journal: JournalId, bytes: &[u8]) -> Option<Self> {
        if array(bytes, 0) != Some(MAGIC) || u32_at(bytes, SUM_AT)? != journal.sum(bytes.get(..SUM_AT)?) {
            return None;
        }
        let [kind, zeros @ ..] = array::<4>(bytes, 20)?;
        if zeros != [0; 3] {
            return None;
        }
        Some(Self {
            kind: BlockKind::from_code(kind)?,
            first: Position(u64_at(bytes, 8)?),
            count: u32_at(bytes, 16)?,
            body_len: u32_at(bytes, 4)?,
            generation: u32_at(bytes, 24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_header_comes_back_and_every_flip_is_found() {
        let journal = JournalId(3);
        let header = BlockHeader {
            kind: BlockKind::Records,
            first: Position(9),
            count: 2,
            body_len: 300,
            generation: 4,
        };
        let mut bytes = header.encode(journal);
        assert_eq!(BlockHeader::decode(journal, &bytes), Some(header));
        assert_eq!(BlockHeader::decode(JournalId(4), &bytes), None, "of another journal");
        assert_eq!((header.len(), header.sectors_len()), (332, 512));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BlockHeader::decode(journal, &bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
