//! Time as the core knows it: microseconds since the gateway started, handed in by the shell.
//!
//! There is no wall clock here. Venue-calendar attributes are computed by the shell and handed over on a tick.

use std::time::Duration;

/// Sightings fold into the locator in steps of this many milliseconds.
pub const STEP_MS: u64 = 250;

/// A moment on the gateway's monotonic clock, in microseconds since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `us` microseconds after the start.
    #[must_use]
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// The moment `ms` milliseconds after the start.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000))
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole seconds since the start; records keep times in this unit. 136 years fit.
    #[must_use]
    pub const fn as_secs(self) -> u32 {
        let seconds = self.0 / 1_000_000;
        if seconds > u32::MAX as u64 {
            u32::MAX
        } else {
            seconds as u32
        }
    }

    /// The step of [`STEP_MS`] that this moment falls into.
    #[must_use]
    pub const fn step(self) -> u32 {
        let step = self.as_millis() / STEP_MS;
        if step > u32::MAX as u64 { u32::MAX } else { step as u32 }
    }

    /// Time since `earlier`, zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_falls_into_the_step_that_contains_it() {
        assert_eq!(Timestamp::from_millis(249).step(), 0);
        assert_eq!(Timestamp::from_millis(250).step(), 1);
        assert_eq!(Timestamp::from_micros(u64::MAX).step(), u32::MAX);
    }

    #[test]
    fn time_does_not_run_backwards() {
        let earlier = Timestamp::from_millis(10);
        assert_eq!(earlier.since(earlier.after(Duration::from_millis(5))), Duration::ZERO);
    }
}
