//! Who is expected at one place and when: bins of ten seconds with what our own answers have sent there.
//!
//! A ring of words, one for each bin of the next quarter of an hour and of the last minutes. The higher half of a word
//! counts promises that nothing has been heard of, the lower half is the people expected, in parts of a person
//! ([`PARTS`]). One addition puts a promise in and one subtraction takes it out, from any number of threads. A bin that is
//! [`EXPIRES_BINS`] old is emptied, and what it still counts never came.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds of a bin. People walk a minute or two and never at the speed of the map: finer bins would be noise, and
/// coarser ones would forecast a wave too flat.
pub const BIN_MS: u64 = 10_000;
/// Seconds of a bin.
pub const BIN_S: f32 = 10.0;
/// Bins that are forecast: a quarter of an hour, as long as a half-time.
pub const HORIZON_BINS: u32 = 90;
/// A promise that nobody has kept so many bins after its time has expired: two minutes.
pub const EXPIRES_BINS: u32 = 12;
/// Parts of a person that a promise is counted in.
pub const PARTS: u64 = 63;

/// Bins of the ring: the horizon, what waits to expire, and so many more that whoever was suspended for minutes between
/// looking and writing still meets a bin that nobody uses.
const BINS_LEN: usize = 128;
/// One promise, in the higher half of a word.
const ONE: u64 = 1 << 32;

/// Expected arrivals at a place.
pub struct Arrivals {
    bins: [AtomicU64; BINS_LEN],
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            bins: [const { AtomicU64::new(0) }; BINS_LEN],
        }
    }
}

impl Arrivals {
    /// Expects `parts` of a person in a bin; `counts`: as a promise whose outcome is told.
    pub fn add(&self, bin: u32, parts: u64, counts: bool) {
        if let Some(word) = self.word(bin) {
            word.fetch_add(parts | if counts { ONE } else { 0 }, Ordering::AcqRel);
        }
    }

    /// Takes back what [`Arrivals::add`] put in. The caller makes sure that the bin has not been emptied.
    pub fn take(&self, bin: u32, parts: u64, counts: bool) {
        if let Some(word) = self.word(bin) {
            word.fetch_sub(parts | if counts { ONE } else { 0 }, Ordering::AcqRel);
        }
    }

    /// People expected in a bin.
    #[must_use]
    pub fn people(&self, bin: u32) -> f32 {
        let parts = self.word(bin).map_or(0, |word| word.load(Ordering::Acquire)) as u32;
        parts as f32 / PARTS as f32
    }

    /// People expected from a bin to the end of the horizon.
    #[must_use]
    pub fn people_from(&self, bin: u32) -> f32 {
        (bin..=bin.saturating_add(HORIZON_BINS))
            .map(|bin| self.people(bin))
            .sum()
    }

    /// Time goes from one bin to a later one; returns how many promises have expired by it.
    pub fn turn(&self, from: u32, to: u32) -> u32 {
        let first = from.max(to.saturating_sub(BINS_LEN as u32));
        let mut expired = 0;
        for bin in first..to {
            expired += self.empty(bin.wrapping_sub(EXPIRES_BINS));
            // Nothing is there but what somebody took out too late.
            self.empty(bin.wrapping_add(HORIZON_BINS + 2));
        }
        expired
    }

    fn empty(&self, bin: u32) -> u32 {
        self.word(bin)
            .map_or(0, |word| (word.swap(0, Ordering::AcqRel) >> 32) as u32)
    }

    fn word(&self, bin: u32) -> Option<&AtomicU64> {
        self.bins.get(bin as usize % BINS_LEN)
    }
}
