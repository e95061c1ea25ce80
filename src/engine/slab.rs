//! Fixed-size records of atomic words, each behind its own sequence lock.
//!
//! A read takes no lock: it copies the words and looks whether the version moved meanwhile. A writer takes the
//! record by compare-and-swap on the version, which is odd while it writes. All words are atomics, so a torn
//! read is a wrong version and never undefined behaviour, and the module needs no `unsafe`. Measured against a
//! bare array read in `benches/decide.rs`; the ordering argument is in [`Slab::read`], and
//! `interleavings/tests/slab.rs` explores it under loom.
//!
//! Memory is asked for zeroed and untouched, so that room for a million people costs nothing until they come.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How often a read is tried again while writers are at the record, before it gives up. A writer holds a record
/// for well under a microsecond, so this many failures mean that one was suspended in the middle.
#[cfg(not(loom))]
const READ_ATTEMPTS_MAX: u32 = 256;
/// Under loom every attempt multiplies the orders to explore.
#[cfg(loom)]
const READ_ATTEMPTS_MAX: u32 = 2;

/// Bytes of a cache line; records start on one.
#[cfg(not(loom))]
const CACHE_LINE_LEN: usize = 64;

/// A record was being written too often, or a writer was suspended in the middle: nothing can be said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Records of `WORDS` words; the first word of each is its version.
pub struct Slab<const WORDS: usize> {
    words: Vec<AtomicU64>,
    first: usize,
    len: usize,
}

impl<const WORDS: usize> Slab<WORDS> {
    /// A slab of `len` records, all words zero.
    #[must_use]
    #[cfg(not(loom))]
    pub fn new(len: usize) -> Self {
        let padding = CACHE_LINE_LEN / size_of::<AtomicU64>();
        let words = zeroed(len.saturating_mul(WORDS).saturating_add(padding));
        let first = words.as_ptr().align_offset(CACHE_LINE_LEN).min(padding);
        Self { words, first, len }
    }

    /// A slab of `len` records, all words zero.
    #[must_use]
    #[cfg(loom)]
    pub fn new(len: usize) -> Self {
        Self {
            words: (0..len * WORDS).map(|_| AtomicU64::new(0)).collect(),
            first: 0,
            len,
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies a record out, without its version word (which reads 0).
    ///
    /// Why it is whole: the first load acquires the version that a writer released after its last word. The
    /// fence orders the word loads before the second version load, so a word written by a later writer makes
    /// that writer's odd version (stored before its words, kept in order by its release fence) visible to it.
    ///
    /// # Errors
    /// [`Busy`] after 256 attempts, or when there is no such record.
    pub fn read(&self, slot: u32) -> Result<[u64; WORDS], Busy> {
        let (version, words) = self.record(slot).ok_or(Busy)?;
        for _ in 0..READ_ATTEMPTS_MAX {
            let before = version.load(Ordering::Acquire);
            if before & 1 == 0 {
                let mut copy = [0; WORDS];
                for (to, from) in copy.iter_mut().skip(1).zip(words) {
                    *to = from.load(Ordering::Relaxed);
                }
                fence(Ordering::Acquire);
                if version.load(Ordering::Relaxed) == before {
                    return Ok(copy);
                }
            }
            pause();
        }
        Err(Busy)
    }

    /// Reads a word of each cache line of a record, so that the lines come while others are asked for. What it returns
    /// means nothing.
    #[cfg(not(loom))]
    pub fn touch(&self, slot: u32) -> u64 {
        let lines = self
            .record(slot)
            .map(|(version, words)| (version, words.chunks(CACHE_LINE_LEN / size_of::<AtomicU64>())));
        let Some((version, lines)) = lines else { return 0 };
        let first = version.load(Ordering::Relaxed);
        // Words begin one after the version, so that the first of each chunk but the first is in a line of its own.
        lines
            .filter_map(<[AtomicU64]>::last)
            .fold(first, |sum, word| sum ^ word.load(Ordering::Relaxed))
    }

    /// Takes a record, lets `change` change a copy, and publishes what it left there. Waits for another writer.
    /// Nothing happens, and `None` comes back, when there is no such record.
    pub fn write<R>(&self, slot: u32, change: impl FnOnce(&mut [u64; WORDS]) -> R) -> Option<R> {
        let (version, words) = self.record(slot)?;
        let taken = take(version);
        fence(Ordering::Release);
        let mut copy = [0; WORDS];
        for (to, from) in copy.iter_mut().skip(1).zip(words) {
            *to = from.load(Ordering::Relaxed);
        }
        let before = copy;
        let result = change(&mut copy);
        for ((new, old), word) in copy.iter().zip(&before).skip(1).zip(words) {
            if new != old {
                word.store(*new, Ordering::Relaxed);
            }
        }
        version.store(taken.wrapping_add(1), Ordering::Release);
        Some(result)
    }

    fn record(&self, slot: u32) -> Option<(&AtomicU64, &[AtomicU64])> {
        let slot = usize::try_from(slot).ok().filter(|slot| *slot < self.len)?;
        let start = self.first + slot * WORDS;
        self.words.get(start..start + WORDS)?.split_first()
    }
}

/// Makes the version odd and returns the odd value.
fn take(version: &AtomicU64) -> u64 {
    loop {
        let seen = version.load(Ordering::Relaxed);
        let odd = seen | 1;
        if seen != odd
            && version
                .compare_exchange_weak(seen, odd, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        {
            return odd;
        }
        pause();
    }
}

#[cfg(not(loom))]
fn pause() {
    std::hint::spin_loop();
}

#[cfg(loom)]
fn pause() {
    loom::thread::yield_now();
}

/// Zeroed words that the system backs with memory when they are first touched. zerocopy knows that an atomic
/// may be all zero and asks the allocator for zeroed memory; where it cannot, the words are made one by one.
#[cfg(not(loom))]
fn zeroed(len: usize) -> Vec<AtomicU64> {
    <AtomicU64 as zerocopy::FromZeros>::new_vec_zeroed(len)
        .unwrap_or_else(|_| (0..len).map(|_| AtomicU64::new(0)).collect())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_read_and_its_neighbours_are_left_alone() {
        let slab = Slab::<8>::new(3);
        slab.write(1, |words| words[7] = 42).unwrap();
        assert_eq!(slab.read(1).unwrap()[7], 42);
        assert_eq!(slab.read(0).unwrap(), [0; 8]);
        assert_eq!(slab.read(2).unwrap(), [0; 8]);
    }

    #[test]
    fn a_record_that_does_not_exist_is_busy_and_not_a_panic() {
        let slab = Slab::<8>::new(3);
        assert_eq!(slab.read(3), Err(Busy));
        assert_eq!(slab.write(u32::MAX, |_| ()), None);
    }

    #[test]
    fn a_suspended_writer_makes_readers_give_up() {
        let slab = Slab::<8>::new(1);
        slab.write(0, |_| assert_eq!(slab.read(0), Err(Busy)));
        assert!(slab.read(0).is_ok());
    }

    #[test]
    fn readers_never_see_half_a_write() {
        let slab = Slab::<8>::new(1);
        std::thread::scope(|scope| {
            for thread in 1..=2_u64 {
                let slab = &slab;
                scope.spawn(move || {
                    for round in 0..20_000 {
                        slab.write(0, |words| words[1..].fill(round * 2 + thread)).unwrap();
                    }
                });
            }
            for _ in 0..20_000 {
                if let Ok(words) = slab.read(0) {
                    assert!(words[1..].iter().all(|word| *word == words[1]), "{words:?}");
                }
            }
        });
    }
}
