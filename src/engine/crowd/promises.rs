//! One live promise per person: where our own answer sent them, when they should be there, and how sure that was.
//!
//! A word per person. A decide adds the new promise to the bins of its place and swaps the word; what comes out of the
//! swap is theirs to give back, so that two decides at once leave one promise, and the sighting that sees the person come
//! and the decide that sends them elsewhere never both give the same one back. A word whose time is long over is as good as
//! none: its bins were emptied. Live only: a restart forgets promises, and counts see who comes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::bins::{EXPIRES_BINS, PARTS};

const PLACE_BITS: u32 = 11;
const BIN_BITS: u32 = 24;
const SHARE_BITS: u32 = 6;
/// Most bins that the nearest place can be ahead of the promised one.
const AHEAD_BINS_MAX: u32 = (1 << SHARE_BITS) - 1;

/// Where somebody was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The place.
    pub place: u16,
    /// The bin in which they should be there.
    pub bin: u32,
    /// How much of a person is expected there, in [`PARTS`].
    pub parts: u64,
    /// Where they would go by themselves: the nearest place of the kind.
    pub nearest: u16,
    /// The bin in which they would be there: at most 63 before `bin`, and never after it.
    pub nearest_bin: u32,
    /// How much of a person is expected there.
    pub nearest_parts: u64,
    /// Whether what becomes of it can be seen, and so teaches.
    pub counts: bool,
}

/// The promises of all customers, by slot.
pub struct Promises {
    words: Vec<AtomicU64>,
}

impl Promises {
    /// Bytes for each customer.
    pub const BYTES: u64 = size_of::<AtomicU64>() as u64;

    /// Room for so many customers; untouched, and so without memory, until they are sent somewhere.
    #[must_use]
    pub fn new(customers_max: usize) -> Self {
        Self {
            words: zeroed(customers_max),
        }
    }

    /// Puts a promise in the place of the one before, which comes back to be given back, unless it has expired by `bin`.
    pub fn swap(&self, slot: u32, promise: Option<&Promise>, bin: u32) -> Option<Promise> {
        let word = self.words.get(slot as usize)?;
        let before = word.swap(promise.map_or(0, pack), Ordering::AcqRel);
        unpack(before).filter(|promise| promise.is_live(bin))
    }

    /// The live promise of somebody.
    #[must_use]
    pub fn of(&self, slot: u32, bin: u32) -> Option<Promise> {
        let word = self.words.get(slot as usize)?.load(Ordering::Acquire);
        unpack(word).filter(|promise| promise.is_live(bin))
    }

    /// Reads a word, so that it comes while other memory is asked for. What it returns means nothing.
    #[must_use]
    pub fn touch(&self, slot: u32) -> u64 {
        self.words
            .get(slot as usize)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Takes out exactly this promise; false when it is another by this moment.
    pub fn take(&self, slot: u32, promise: &Promise) -> bool {
        let word = self.words.get(slot as usize);
        word.is_some_and(|word| {
            word.compare_exchange(pack(promise), 0, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        })
    }
}

impl Promise {
    /// The promise as it is kept: bins that are too far apart for a word are brought together.
    #[must_use]
    pub fn fitted(self) -> Self {
        let bin = self.bin & mask(BIN_BITS) as u32;
        let nearest_bin = self.nearest_bin.clamp(bin.saturating_sub(AHEAD_BINS_MAX), bin);
        Self {
            bin,
            nearest_bin,
            parts: self.parts.min(PARTS),
            nearest_parts: self.nearest_parts.min(PARTS),
            ..self
        }
    }

    const fn is_live(&self, bin: u32) -> bool {
        self.bin.saturating_add(EXPIRES_BINS) >= bin
    }
}

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// From the lowest bit: place + 1, nearest place (+1 when the promise counts is its highest bit), bin, and three shares.
fn pack(promise: &Promise) -> u64 {
    let fields = [
        (u64::from(promise.place) + 1, PLACE_BITS),
        (u64::from(promise.nearest), PLACE_BITS - 1),
        (u64::from(promise.counts), 1),
        (u64::from(promise.bin), BIN_BITS),
        (u64::from(promise.bin.saturating_sub(promise.nearest_bin)), SHARE_BITS),
        (promise.parts, SHARE_BITS),
        (promise.nearest_parts, SHARE_BITS),
    ];
    let mut at = 0;
    fields.iter().fold(0, |word, (value, bits)| {
        let placed = (value & mask(*bits)) << at;
        at += bits;
        word | placed
    })
}

fn unpack(word: u64) -> Option<Promise> {
    let mut rest = word;
    let mut field = |bits: u32| {
        let value = rest & mask(bits);
        rest >>= bits;
        value
    };
    let place = field(PLACE_BITS).checked_sub(1)?;
    let nearest = field(PLACE_BITS - 1);
    let counts = field(1) == 1;
    let bin = field(BIN_BITS) as u32;
    let ahead = field(SHARE_BITS) as u32;
    Some(Promise {
        place: place as u16,
        bin,
        parts: field(SHARE_BITS),
        nearest: nearest as u16,
        nearest_bin: bin.saturating_sub(ahead),
        nearest_parts: field(SHARE_BITS),
        counts,
    })
}

/// Zeroed words that the system backs with memory when they are first touched.
fn zeroed(len: usize) -> Vec<AtomicU64> {
    <AtomicU64 as zerocopy::FromZeros>::new_vec_zeroed(len)
        .unwrap_or_else(|_| (0..len).map(|_| AtomicU64::new(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISE: Promise = Promise {
        place: 1_023,
        bin: 7_654_321,
        parts: 63,
        nearest: 1_022,
        nearest_bin: 7_654_300,
        nearest_parts: 17,
        counts: true,
    };

    #[test]
    fn every_field_keeps_to_its_bits() {
        for promise in [
            PROMISE,
            Promise {
                place: 0,
                nearest: 0,
                counts: false,
                ..PROMISE
            },
        ] {
            assert_eq!(unpack(pack(&promise)), Some(promise));
        }
        assert_eq!(unpack(0), None);
        let apart = Promise {
            nearest_bin: 5,
            ..PROMISE
        };
        assert_eq!(unpack(pack(&apart.fitted())), Some(apart.fitted()));
    }

    #[test]
    fn of_two_who_want_it_back_one_gets_it() {
        let promises = Promises::new(4);
        assert_eq!(promises.swap(3, Some(&PROMISE), PROMISE.bin), None);
        assert_eq!(promises.of(3, PROMISE.bin), Some(PROMISE));
        assert!(promises.take(3, &PROMISE) && !promises.take(3, &PROMISE));
        assert_eq!(promises.swap(3, None, PROMISE.bin), None);
    }

    #[test]
    fn what_has_expired_is_not_given_back() {
        let promises = Promises::new(1);
        promises.swap(0, Some(&PROMISE), 0);
        assert_eq!(
            promises.of(0, PROMISE.bin + EXPIRES_BINS).map(|promise| promise.place),
            Some(1_023)
        );
        assert_eq!(promises.of(0, PROMISE.bin + EXPIRES_BINS + 1), None);
        assert_eq!(promises.swap(0, None, PROMISE.bin + EXPIRES_BINS + 1), None);
    }
}
