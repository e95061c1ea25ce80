//! How long to wait before the broker is tried again: exponential, with jitter, so that everything that lost it does
//! not come back in one instant.
//!
//! Pure: the random number is an argument. Deliberately absent: the clock.

use std::time::Duration;

/// Upper bound of the first wait.
const FIRST: Duration = Duration::from_millis(500);
/// Upper bound of every wait.
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// A session that lasted for this long was a success.
const SETTLED: Duration = Duration::from_secs(10);

/// The waits of one client.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: half of the bound for certain, and of the other half the share `random` of
    /// `u32::MAX`.
    pub(super) fn failed(&mut self, random: u32) -> Duration {
        let bound = FIRST.saturating_mul(1_u32 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let jitter_ms = (bound.as_millis() as u64 / 2).saturating_mul(u64::from(random)) / u64::from(u32::MAX);
        bound / 2 + Duration::from_millis(jitter_ms)
    }

    /// The wait after a refusal that will not pass by itself: half of the longest at least.
    pub(super) fn refused(&mut self, random: u32) -> Duration {
        self.failures = 16;
        self.failed(random)
    }

    /// A session has ended after this time; one that settled makes the next wait a short one.
    pub(super) const fn lasted(&mut self, lasted: Duration) {
        if lasted.as_millis() >= SETTLED.as_millis() {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = Backoff::default();
        for bound_ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(backoff.failed(u32::MAX).as_millis(), bound_ms);
        }
        backoff.lasted(SETTLED - Duration::from_millis(1));
        assert_eq!(backoff.failed(0), LONGEST / 2);
        backoff.lasted(SETTLED);
        assert_eq!(backoff.failed(0), FIRST / 2);
        assert_eq!(backoff.refused(u32::MAX), LONGEST);
    }

    #[test]
    fn no_number_of_failures_makes_it_spin_or_panic() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.failed(0), LONGEST / 2);
        assert_eq!(backoff.failed(u32::MAX), LONGEST);
    }
}
