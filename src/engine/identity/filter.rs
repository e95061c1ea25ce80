//! Which addresses were tried against the keys, so that a crowd of strangers costs its keys once and not each time.
//!
//! It holds no address: 32 bits of a keyed hash under a salt that changes every 15 minutes, and up to which key the
//! address was tried. Two generations exist; the older is wiped when it has aged, so nothing is kept longer than 30
//! minutes. A key that is registered later than an address was tried is tried on its own, so that somebody who
//! registers is found at once, and nobody else is tried again.
//!
//! A stranger is mistaken for tried with a probability of 16 / 2^32 per address (8 entries of a bucket in each of two
//! generations); a customer's fresh address that suffers it is found when the generation ends. When a bucket is full
//! an older entry goes, which costs a second try. Entries are single atomic words: readers and writers never wait,
//! and a race costs a second try too.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Timestamp;

/// How long a generation takes addresses, in milliseconds: the time after which phones change theirs.
pub const FILTER_ROTATES_MS: u64 = 15 * 60 * 1_000;
/// Entries of one bucket: a cache line.
const BUCKET_LEN: usize = 8;
/// Entries of one generation: 2 MiB, room for all that a stadium's phones call themselves in a quarter of an hour.
pub const FILTER_ENTRIES: usize = 1 << 18;
const BUCKETS: u64 = (FILTER_ENTRIES / BUCKET_LEN) as u64;

/// Addresses already tried.
pub(super) struct Filter {
    /// From the operating system's random numbers, once.
    keyed: RandomState,
    generations: [Generation; 2],
    /// Number of the generation that takes addresses; its place is the lowest bit.
    current: AtomicU64,
}

struct Generation {
    salt: AtomicU64,
    entries: Box<[AtomicU64]>,
}

impl Filter {
    pub(super) fn new() -> Self {
        let keyed = RandomState::new();
        let generation = |number: u64| Generation {
            salt: AtomicU64::new(fresh_salt(number)),
            entries: (0..FILTER_ENTRIES).map(|_| AtomicU64::new(0)).collect(),
        };
        Self {
            keyed,
            generations: [generation(0), generation(1)],
            current: AtomicU64::new(0),
        }
    }

    /// Up to which key, by its number, the address was tried; 0: it was not.
    pub(super) fn tried_up_to(&self, address: [u8; 6]) -> u32 {
        self.generations
            .iter()
            .map(|generation| generation.find(&self.keyed, address))
            .max()
            .unwrap_or(0)
    }

    /// Notes that an address fits no key up to number `up_to`.
    pub(super) fn note(&self, address: [u8; 6], up_to: u32) {
        let place = (self.current.load(Ordering::Relaxed) & 1) as usize;
        if let Some(generation) = self.generations.get(place) {
            generation.note(&self.keyed, address, up_to);
        }
    }

    /// Ends the generation when its time has come: the older one is wiped and takes over, under a new salt.
    pub(super) fn rotate(&self, now: Timestamp) {
        let number = now.as_millis() / FILTER_ROTATES_MS;
        let before = self.current.swap(number, Ordering::Relaxed);
        if number == before {
            return;
        }
        // After a pause of several generations, both are too old.
        let both = number.saturating_sub(before) > 1;
        for (place, generation) in (0..).zip(&self.generations) {
            if both || number & 1 == place {
                generation.wipe(number);
            }
        }
    }

    /// Entries in use, of both generations.
    pub(super) fn len(&self) -> u64 {
        let used = |generation: &Generation| {
            let used = generation
                .entries
                .iter()
                .filter(|entry| entry.load(Ordering::Relaxed) != 0);
            used.count() as u64
        };
        self.generations.iter().map(used).sum()
    }

    /// Bytes of both generations.
    pub(super) const fn bytes() -> u64 {
        2 * (FILTER_ENTRIES * size_of::<u64>()) as u64
    }
}

impl Generation {
    /// The address's bucket, and its mark in it (never 0, in the upper half of an entry).
    fn bucket(&self, keyed: &RandomState, address: [u8; 6]) -> (&[AtomicU64], u64) {
        let hash = keyed.hash_one((self.salt.load(Ordering::Relaxed), address));
        let start = (hash % BUCKETS) as usize * BUCKET_LEN;
        let mark = (hash >> 32).max(1) << 32;
        (self.entries.get(start..start + BUCKET_LEN).unwrap_or_default(), mark)
    }

    fn find(&self, keyed: &RandomState, address: [u8; 6]) -> u32 {
        let (bucket, mark) = self.bucket(keyed, address);
        bucket
            .iter()
            .map(|entry| entry.load(Ordering::Relaxed))
            .find(|entry| entry >> 32 << 32 == mark)
            .map_or(0, |entry| entry as u32)
    }

    fn note(&self, keyed: &RandomState, address: [u8; 6], up_to: u32) {
        let (bucket, mark) = self.bucket(keyed, address);
        let place = |is_it: &dyn Fn(u64) -> bool| bucket.iter().find(|entry| is_it(entry.load(Ordering::Relaxed)));
        // A full bucket gives up the entry that the mark's own bits point to: as good as a random one.
        let entry = place(&|entry| entry >> 32 << 32 == mark)
            .or_else(|| place(&|entry| entry == 0))
            .or_else(|| bucket.get((mark >> 32) as usize % BUCKET_LEN));
        if let Some(entry) = entry {
            entry.store(mark | u64::from(up_to), Ordering::Relaxed);
        }
    }

    fn wipe(&self, number: u64) {
        self.salt.store(fresh_salt(number), Ordering::Relaxed);
        self.entries.iter().for_each(|entry| entry.store(0, Ordering::Relaxed));
    }
}

/// A number that nobody can foresee: a hash under the operating system's random numbers.
fn fresh_salt(number: u64) -> u64 {
    RandomState::new().hash_one(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> [u8; 6] {
        let [a, b, c, d] = number.to_be_bytes();
        [0x40, 7, a, b, c, d]
    }

    #[test]
    fn what_was_tried_is_known_up_to_the_key_and_forgotten_after_two_generations() {
        let filter = Filter::new();
        assert_eq!(filter.tried_up_to(address(1)), 0);
        filter.note(address(1), 40);
        filter.note(address(1), 41);
        assert_eq!((filter.tried_up_to(address(1)), filter.len()), (41, 1));
        filter.rotate(Timestamp::from_millis(FILTER_ROTATES_MS));
        assert_eq!(filter.tried_up_to(address(1)), 41);
        filter.rotate(Timestamp::from_millis(2 * FILTER_ROTATES_MS));
        assert_eq!((filter.tried_up_to(address(1)), filter.len()), (0, 0));
        filter.note(address(1), 9);
        filter.rotate(Timestamp::from_millis(9 * FILTER_ROTATES_MS));
        assert_eq!(filter.len(), 0, "after a pause nothing is left");
    }

    #[test]
    fn it_holds_a_crowd_and_mistakes_nobody() {
        let filter = Filter::new();
        (0..50_000).for_each(|number| filter.note(address(number), 3));
        let kept = (0..50_000)
            .filter(|number| filter.tried_up_to(address(*number)) == 3)
            .count();
        assert!(kept > 49_900, "{kept} of 50,000 kept");
        let mistaken = (50_000..150_000)
            .filter(|number| filter.tried_up_to(address(*number)) != 0)
            .count();
        assert!(mistaken <= 1, "{mistaken} of 100,000 mistaken");
    }

    #[test]
    fn no_entry_holds_bytes_of_an_address_and_two_filters_differ() {
        let (one, other) = (Filter::new(), Filter::new());
        let marks = |filter: &Filter| -> Vec<u64> {
            filter.note(address(0x1234_5678), 0);
            let entries = filter
                .generations
                .iter()
                .flat_map(|generation| generation.entries.iter());
            entries
                .map(|entry| entry.load(Ordering::Relaxed))
                .filter(|entry| *entry != 0)
                .collect()
        };
        let (one, other) = (marks(&one), marks(&other));
        assert_eq!((one.len(), other.len()), (1, 1));
        assert_ne!(one, other);
        assert_ne!(one[0] >> 32, 0x1234_5678);
    }
}
