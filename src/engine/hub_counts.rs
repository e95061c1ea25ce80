//! What came from each hub and what became of it, and how much in a second.
//!
//! A session counts in a [`HubTally`] of its own, which costs a sighting one addition; the tally is added to the
//! hub's counters once for each batch. Rates come from the counters, sampled once in each second of the gateway's
//! clock. Deliberately absent: anything about a transmitter, so that strangers are a number and nothing else.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::model::Timestamp;

/// What became of a sighting, for the counters of its hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It counts for where its tag is, or for the radio map.
    Used,
    /// Nobody registered its transmitter.
    Unknown,
    /// It was taken before.
    Duplicate,
    /// It came too late.
    Late,
    /// The radio could not tell how strong it was.
    Unmeasured,
    /// It makes no sense.
    Bad,
    /// What other hubs hear rules it out.
    Contradicted,
    /// It would have put somebody into a zone that no hub who heard them may report. Counted beside what else it became.
    Foreign,
}

/// Number of variants of [`Taken`].
const KINDS: usize = 8;
/// Seconds that are remembered, one sample each; longer than the longest window of a rate.
const SAMPLES_LEN: u32 = 64;
/// Windows of the rates, in seconds.
const RATE_WINDOWS_S: [u32; 2] = [10, 60];

/// What one session has counted since it last handed over.
#[derive(Debug, Default)]
pub(super) struct HubTally([u32; KINDS]);

impl HubTally {
    pub(super) fn count(&mut self, taken: Taken) {
        if let Some(count) = self.0.get_mut(taken as usize) {
            *count = count.saturating_add(1);
        }
    }
}

/// The counters of one hub since the gateway started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HubCounts {
    /// Sightings of registered tags that counted for where these are.
    pub used: u64,
    /// Sightings of transmitters that nobody registered.
    pub unknown: u64,
    /// Sightings that were sent again.
    pub duplicate: u64,
    /// Sightings that came too late to move anybody.
    pub late: u64,
    /// Sightings whose strength the radio could not tell.
    pub unmeasured: u64,
    /// Sightings that make no sense.
    pub bad: u64,
    /// Sightings that what other hubs hear rules out.
    pub contradicted: u64,
    /// Times it would have put somebody into a zone that no hub who heard them may report.
    pub foreign: u64,
    /// Sightings in a second over the last 10 seconds, duplicates apart.
    pub per_s: f32,
    /// The same over the last 60 seconds.
    pub per_s_of_minute: f32,
}

/// The shared counters of one hub.
#[derive(Debug)]
pub(super) struct Counters {
    totals: [AtomicU64; KINDS],
    /// All sightings up to the beginning of a second, duplicates apart; by second.
    samples: [AtomicU32; SAMPLES_LEN as usize],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            totals: [const { AtomicU64::new(0) }; KINDS],
            samples: [const { AtomicU32::new(0) }; SAMPLES_LEN as usize],
        }
    }
}

impl Counters {
    /// Adds what a session counted, and empties it.
    pub(super) fn add(&self, tally: &mut HubTally) {
        for (total, count) in self.totals.iter().zip(&mut tally.0) {
            if *count > 0 {
                total.fetch_add(u64::from(std::mem::take(count)), Ordering::Relaxed);
            }
        }
    }

    /// Counts one, that no session counts.
    pub(super) fn count(&self, taken: Taken) {
        if let Some(total) = self.totals.get(taken as usize) {
            total.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many became that.
    pub(super) fn total(&self, taken: Taken) -> u64 {
        self.totals
            .get(taken as usize)
            .map_or(0, |total| total.load(Ordering::Relaxed))
    }

    /// Every counter, with the rates of a moment whose samples were taken since second `first_s`.
    pub(super) fn read(&self, now: Timestamp, first_s: u32) -> HubCounts {
        let [per_s, per_s_of_minute] = RATE_WINDOWS_S.map(|window_s| self.rate(now.as_secs(), first_s, window_s));
        HubCounts {
            used: self.total(Taken::Used),
            unknown: self.total(Taken::Unknown),
            duplicate: self.total(Taken::Duplicate),
            late: self.total(Taken::Late),
            unmeasured: self.total(Taken::Unmeasured),
            bad: self.total(Taken::Bad),
            contradicted: self.total(Taken::Contradicted),
            foreign: self.total(Taken::Foreign),
            per_s,
            per_s_of_minute,
        }
    }

    /// Sightings in a second before the second that runs.
    fn rate(&self, second: u32, first_s: u32, window_s: u32) -> f32 {
        let window_s = window_s.min(second.saturating_sub(first_s));
        if window_s == 0 {
            return 0.0;
        }
        let heard = self.sample(second).wrapping_sub(self.sample(second - window_s));
        heard as f32 / window_s as f32
    }

    fn sample(&self, second: u32) -> u32 {
        self.samples
            .get((second % SAMPLES_LEN) as usize)
            .map_or(0, |sample| sample.load(Ordering::Relaxed))
    }

    fn take_sample(&self, second: u32) {
        let duplicate = self.total(Taken::Duplicate);
        let all: u64 = self.totals.iter().map(|total| total.load(Ordering::Relaxed)).sum();
        if let Some(sample) = self.samples.get((second % SAMPLES_LEN) as usize) {
            // Differences of 60 seconds are taken modulo 2^32, which no hub reaches in a minute.
            sample.store(all.wrapping_sub(duplicate) as u32, Ordering::Relaxed);
        }
    }
}

/// Which seconds were sampled.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    /// The first second, plus one; 0: none was.
    first_s: AtomicU32,
    next_s: AtomicU32,
}

impl Sampler {
    /// The first second that was sampled.
    pub(super) fn first_s(&self) -> u32 {
        self.first_s.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Samples the counters when another second has begun; true when it has. Seconds in which nobody called get the
    /// values of this moment.
    pub(super) fn sample<'a>(&self, now: Timestamp, counters: impl Iterator<Item = &'a Counters> + Clone) -> bool {
        let second = now.as_secs();
        let next_s = match self.first_s.load(Ordering::Relaxed) {
            0 => {
                self.first_s.store(second.saturating_add(1), Ordering::Relaxed);
                second
            }
            _ => self.next_s.load(Ordering::Relaxed),
        };
        if second < next_s {
            return false;
        }
        for missed in next_s.max(second.saturating_sub(SAMPLES_LEN - 1))..=second {
            counters.clone().for_each(|counters| counters.take_sample(missed));
        }
        self.next_s.store(second.saturating_add(1), Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks four times a second, with so many sightings before each tick.
    fn run(counters: &Counters, sampler: &Sampler, seconds: std::ops::Range<u64>, per_tick: u32) {
        for ms in (seconds.start * 1_000..seconds.end * 1_000).step_by(250) {
            let mut tally = HubTally::default();
            (0..per_tick).for_each(|_| tally.count(Taken::Used));
            tally.count(Taken::Duplicate);
            counters.add(&mut tally);
            sampler.sample(Timestamp::from_millis(ms), std::iter::once(counters));
        }
    }

    #[test]
    fn a_rate_follows_within_its_window_and_counts_no_duplicate() {
        let (counters, sampler) = (Counters::default(), Sampler::default());
        run(&counters, &sampler, 1_000..1_005, 5);
        let read = |at_s: u64| counters.read(Timestamp::from_millis(at_s * 1_000 + 900), sampler.first_s());
        assert_eq!(
            (read(1_004).per_s, read(1_004).per_s_of_minute),
            (20.0, 20.0),
            "from the start"
        );
        run(&counters, &sampler, 1_005..1_065, 10);
        assert_eq!((read(1_064).per_s, read(1_064).per_s_of_minute), (40.0, 39.75));
        run(&counters, &sampler, 1_065..1_135, 0);
        assert_eq!((read(1_134).per_s, read(1_134).per_s_of_minute), (0.0, 0.0));
        assert_eq!((read(1_134).used, read(1_134).duplicate), (2_500, 540));
    }

    #[test]
    fn a_pause_of_the_clock_is_a_pause_of_the_hub() {
        let (counters, sampler) = (Counters::default(), Sampler::default());
        run(&counters, &sampler, 10..20, 5);
        run(&counters, &sampler, 3_620..3_622, 5);
        let read = counters.read(Timestamp::from_millis(3_621_900), sampler.first_s());
        assert!(read.per_s <= 4.5 && read.per_s_of_minute < 1.0, "{read:?}");
    }
}
