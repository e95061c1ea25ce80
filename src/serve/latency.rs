//! How long decides take, told apart finely enough for percentiles.
//!
//! One histogram for the process. Who records never waits: while a reader copies it, which takes microseconds a few
//! times a second, a record is counted as missed instead.

#[expect(
    clippy::disallowed_types,
    reason = "recording only tries it, so no decide waits; readers copy and let go"
)]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Longest latency that is told apart, in nanoseconds; longer ones count as this.
const LATENCY_NS_MAX: u64 = 1_000_000_000;
/// Significant digits.
const DIGITS: u8 = 3;

/// The latencies of all decides.
#[derive(Debug)]
pub(super) struct Latency {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    histogram: Mutex<Histogram<u64>>,
    missed: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            histogram: empty().into(),
            missed: AtomicU64::new(0),
        }
    }
}

impl Latency {
    /// Records one.
    pub(super) fn record(&self, took: Duration) {
        match self.histogram.try_lock() {
            Ok(mut histogram) => histogram.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
            Err(_) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// All that was recorded, in nanoseconds.
    #[must_use]
    pub(super) fn snapshot(&self) -> Histogram<u64> {
        self.histogram.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Latencies that fell on a moment when somebody was reading.
    #[must_use]
    pub(super) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// A moment in real time, whatever the gateway's clock does.
pub(super) fn start() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "latencies are real even when a test clock is scaled"
    )]
    Instant::now()
}

#[expect(
    clippy::expect_used,
    reason = "the bounds are constants that the constructor accepts, as the test shows"
)]
fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, DIGITS).expect("1 ns to 1 s with three digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read() {
        let latency = Latency::default();
        latency.record(Duration::from_nanos(750));
        latency.record(Duration::from_secs(3_600));
        let read = latency.snapshot();
        assert_eq!((read.len(), read.min()), (2, 750));
        assert_eq!(latency.missed(), 0);
    }
}
