//! What is known of a slot beside its record, which hardly any decide reads: whose it is, how far it follows a journal,
//! and the dates of consents. A decide reads those of somebody whose record says that a consent may have ended.
//!
//! Cold words of their own, so that a record stays at four cache lines. They are zeroed and untouched until somebody
//! comes, as the records are.

use std::sync::atomic::{AtomicU64, Ordering};

use super::consents::Dates;
use super::customer::CustomerSlot;
use crate::model::Purpose;

/// Words of a slot.
pub(super) const LEDGER_WORDS: usize = DATES_AT + Purpose::ALL.len();

const APPLIED_AT: usize = 0;
const BIRTH_AT: usize = 1;
const KEY_AT: usize = 2;
/// The dates of each purpose: given in the higher half, until in the lower.
const DATES_AT: usize = 4;

/// A position that no journal gives: what is applied without one.
pub(super) const UNJOURNALED: u64 = u64::MAX;

/// The secret by which what a person sent is remembered without naming them. It goes with the person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PersonKey(pub [u64; 2]);

/// Tells nothing.
impl std::fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonKey(..)")
    }
}

/// The cold words of all slots.
pub(super) struct Ledger {
    words: Vec<AtomicU64>,
    venue_applied: AtomicU64,
}

impl Ledger {
    pub(super) fn new(slots: u32) -> Self {
        Self {
            words: zeroed(slots as usize * LEDGER_WORDS),
            venue_applied: AtomicU64::new(0),
        }
    }

    /// A person gets a slot. `birth` is 1 for the first who has it.
    pub(super) fn begin(&self, slot: CustomerSlot, birth: u32, key: PersonKey) {
        self.store(slot, APPLIED_AT, 0);
        self.store(slot, KEY_AT, key.0[0]);
        self.store(slot, KEY_AT + 1, key.0[1]);
        self.store(slot, BIRTH_AT, u64::from(birth));
    }

    /// A person loses their slot. The position stays, so that no earlier record of a journal is applied to it.
    pub(super) fn end(&self, slot: CustomerSlot) {
        self.store(slot, BIRTH_AT, 0);
        self.store(slot, KEY_AT, 0);
        self.store(slot, KEY_AT + 1, 0);
        for purpose in Purpose::ALL {
            self.set_dates(slot, purpose, Dates::default());
        }
    }

    /// The dates of what the person said last about a purpose; each of one moment, whoever writes meanwhile.
    pub(super) fn dates(&self, slot: CustomerSlot, purpose: Purpose) -> Dates {
        let word = self.load(slot, DATES_AT + purpose as usize);
        Dates {
            given_unix_s: (word >> 32) as u32,
            until_unix_s: word as u32,
        }
    }

    pub(super) fn set_dates(&self, slot: CustomerSlot, purpose: Purpose, dates: Dates) {
        let word = u64::from(dates.given_unix_s) << 32 | u64::from(dates.until_unix_s);
        self.store(slot, DATES_AT + purpose as usize, word);
    }

    /// The how-manieth person has the slot; 0: nobody.
    pub(super) fn birth(&self, slot: CustomerSlot) -> u32 {
        self.load(slot, BIRTH_AT) as u32
    }

    pub(super) fn key(&self, slot: CustomerSlot) -> PersonKey {
        PersonKey([self.load(slot, KEY_AT), self.load(slot, KEY_AT + 1)])
    }

    /// The position of the latest record that was applied to the person.
    pub(super) fn applied(&self, slot: CustomerSlot) -> u64 {
        self.load(slot, APPLIED_AT)
    }

    pub(super) fn set_applied(&self, slot: CustomerSlot, position: u64) {
        if position != UNJOURNALED {
            self.store(slot, APPLIED_AT, position);
        }
    }

    /// The position of the latest record that was applied to the venue.
    pub(super) fn venue_applied(&self) -> u64 {
        self.venue_applied.load(Ordering::Acquire)
    }

    pub(super) fn set_venue_applied(&self, position: u64) {
        if position != UNJOURNALED {
            self.venue_applied.store(position, Ordering::Release);
        }
    }

    fn load(&self, slot: CustomerSlot, at: usize) -> u64 {
        self.words
            .get(slot.0 as usize * LEDGER_WORDS + at)
            .map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn store(&self, slot: CustomerSlot, at: usize, value: u64) {
        if let Some(word) = self.words.get(slot.0 as usize * LEDGER_WORDS + at) {
            word.store(value, Ordering::Release);
        }
    }
}

fn zeroed(len: usize) -> Vec<AtomicU64> {
    <AtomicU64 as zerocopy::FromZeros>::new_vec_zeroed(len)
        .unwrap_or_else(|_| (0..len).map(|_| AtomicU64::new(0)).collect())
}
