//! A slot of the vault: one person's key, or what is left where one was.
//!
//! 64 bytes, so that a slot never crosses a sector, and written where it stands: a key that is overwritten is nowhere else
//! in the file.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | state: 0 empty (the whole slot is zero), 1 live, 2 erased, 3 retired |
//! | 4..8 | birth |
//! | 8..40 | key; zero unless live |
//! | 40..60 | zero |
//! | 60..64 | CRC32C of the journal's id, the slot's number and bytes 0..60 |

use zeroize::Zeroize;

use crate::journal::format::{JournalId, array, is_zero, u32_at};

/// Bytes of a slot.
pub(in crate::journal) const SLOT_LEN: usize = 64;
/// Bytes of a key.
pub(super) const KEY_LEN: usize = 32;
const SUM_AT: usize = SLOT_LEN - 4;

/// Whether there is a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum State {
    /// Never given out.
    #[default]
    Empty = 0,
    /// Somebody's.
    Live = 1,
    /// The key is destroyed; the slot may be given to another.
    Erased = 2,
    /// The slot was damaged, its key is lost, and it is given to nobody again.
    Retired = 3,
}

/// One slot.
#[derive(Clone, Default)]
pub(super) struct Slot {
    pub(super) state: State,
    pub(super) birth: u32,
    pub(super) key: [u8; KEY_LEN],
}

impl Slot {
    /// Destroys the key in memory.
    pub(super) fn end(&mut self, state: State) {
        self.key.zeroize();
        self.state = state;
    }

    /// Puts the slot's bytes behind what is in `out`.
    pub(super) fn encode(&self, journal: JournalId, number: u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&(self.state as u32).to_le_bytes());
        out.extend_from_slice(&self.birth.to_le_bytes());
        out.extend_from_slice(&self.key);
        out.resize(start + SUM_AT, 0);
        let sum = sum(journal, number, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&sum.to_le_bytes());
    }

    /// Reads a slot; `None` when it is damaged.
    pub(super) fn decode(journal: JournalId, number: u32, bytes: &[u8]) -> Option<Self> {
        if is_zero(bytes) {
            return Some(Self::default());
        }
        if u32_at(bytes, SUM_AT)? != sum(journal, number, bytes.get(..SUM_AT)?) {
            return None;
        }
        let state = match u32_at(bytes, 0)? {
            1 => State::Live,
            2 => State::Erased,
            3 => State::Retired,
            _ => return None,
        };
        Some(Self {
            state,
            birth: u32_at(bytes, 4)?,
            key: array(bytes, 8)?,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// The number is summed too: a slot that was copied to another place does not fit there.
fn sum(journal: JournalId, number: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(journal.sum(&number.to_le_bytes()), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back_and_every_flip_is_found() {
        let journal = JournalId(5);
        let slot = Slot {
            state: State::Live,
            birth: 3,
            key: [7; KEY_LEN],
        };
        let mut bytes = Vec::new();
        slot.encode(journal, 12, &mut bytes);
        assert_eq!(bytes.len(), SLOT_LEN);
        let read = Slot::decode(journal, 12, &bytes).unwrap();
        assert_eq!((read.state, read.birth, read.key), (State::Live, 3, [7; KEY_LEN]));
        assert!(Slot::decode(journal, 13, &bytes).is_none(), "in another's place");
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Slot::decode(journal, 12, &bytes).is_none(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
