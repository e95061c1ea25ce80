//! The bytes of the journal's files, and nothing else: no file is opened here.
//!
//! `FORMAT.md` beside the journal draws them. All numbers are little-endian. Everything starts on a sector of
//! [`SECTOR_LEN`] bytes, because that is what a disk writes whole or not at all, and so that nothing acknowledged is ever
//! written over.

mod block;
mod header;
mod record;

use crc32c::{crc32c, crc32c_append};

pub use block::{BLOCK_END_LEN, BLOCK_HEADER_LEN, BlockHeader, BlockKind};
pub use header::{BadHeader, FileKind, Header};
pub use record::{BadRecord, RECORD_HEADER_LEN, Stored};

pub(super) use record::encode as encode_record;

/// Bytes that a disk writes whole or not at all.
pub const SECTOR_LEN: usize = 512;
/// The version of everything described here. A reader refuses a later one.
pub const FORMAT_VERSION: u32 = 1;

/// Which journal a file belongs to: drawn at random when the journal is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalId(pub u128);

impl JournalId {
    /// The CRC32C (Castagnoli) of the id followed by `bytes`: a block or record of another journal never fits.
    #[must_use]
    pub fn sum(self, bytes: &[u8]) -> u32 {
        crc32c_append(crc32c(&self.0.to_le_bytes()), bytes)
    }
}

/// The next multiple of a sector.
#[must_use]
pub const fn to_sectors(len: usize) -> usize {
    len.div_ceil(SECTOR_LEN) * SECTOR_LEN
}

/// Whether every byte is zero.
#[must_use]
pub fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// `N` bytes at `at`, if they are there.
pub(in crate::journal) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(in crate::journal) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(in crate::journal) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_tells_journals_apart() {
        assert_ne!(JournalId(1).sum(b"same"), JournalId(2).sum(b"same"));
        // The check value of CRC-32C from the Rocksoft catalogue.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn zero_is_seen_at_every_place() {
        let mut bytes = vec![0; 37];
        assert!(is_zero(&bytes));
        for at in 0..bytes.len() {
            bytes[at] = 1;
            assert!(!is_zero(&bytes), "byte {at}");
            bytes[at] = 0;
        }
    }
}
