//! The only clock of the gateway: monotonic microseconds since it first started, and the wall clock for tokens and
//! certificates. With a state folder it goes on after a restart where the last record was, or later.
//!
//! Everything below the shell takes `now` as an argument, so one value of this type drives gateway, demo and
//! crowd alike. A test clock runs a stated number of times faster than real time; it is for replaying recordings
//! and for the demo. The clock of a runtime follows tokio's, which a simulation pauses, and its wall clock is what the
//! simulation says. A clock that is told waits for whoever tells it, so that a recording is played no faster than a busy
//! machine can follow. Deliberately absent: calendars and time zones, and any way to set the monotonic clock back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;
use crate::planted::{Bug, planted};

/// Fastest test clock. Beyond it a timer's own jitter is longer than a step of the locator.
pub const SPEED_MAX: f64 = 1_000.0;

/// The gateway's clock. Copies of it agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    source: Source,
    /// What it showed when it started.
    shown: Timestamp,
    /// What the wall clock showed then, in milliseconds since 1970-01-01 UTC.
    started_unix_ms: u64,
    speed: f64,
}

/// Where time comes from, and since when.
#[derive(Clone, Copy, Debug)]
enum Source {
    Machine(Instant),
    /// The runtime's clock, and a wall clock in milliseconds since 1970.
    Runtime(tokio::time::Instant, &'static AtomicU64),
    /// Milliseconds that somebody sets.
    Told(&'static AtomicU64),
}

impl Clock {
    /// A clock that starts at zero and runs in real time.
    #[must_use]
    pub fn start() -> Self {
        Self::start_scaled(1.0)
    }

    /// A test clock that starts at zero and runs `speed` times as fast as real time. Anything that is not a
    /// number between 1/1,000 and [`SPEED_MAX`] is taken as the nearest one that is.
    #[must_use]
    pub fn start_scaled(speed: f64) -> Self {
        let speed = if speed.is_nan() {
            1.0
        } else {
            speed.clamp(1.0 / SPEED_MAX, SPEED_MAX)
        };
        Self {
            source: Source::Machine(instant()),
            shown: Timestamp::default(),
            started_unix_ms: unix_ms(),
            speed,
        }
    }

    /// A clock that starts at zero and follows the clock of the tokio runtime around it, which may be paused. Its wall
    /// clock shows what `unix_ms` says, and may jump.
    #[must_use]
    pub fn of_runtime(unix_ms: &'static AtomicU64) -> Self {
        Self {
            source: Source::Runtime(tokio::time::Instant::now(), unix_ms),
            shown: Timestamp::default(),
            started_unix_ms: unix_ms.load(Ordering::Relaxed),
            speed: 1.0,
        }
    }

    /// A test clock that shows the milliseconds in `told`, which never go back. Timers run as by a clock that is `speed`
    /// times as fast as real time, the fastest that it should be told.
    #[must_use]
    pub fn told(told: &'static AtomicU64, speed: f64) -> Self {
        Self {
            source: Source::Told(told),
            ..Self::start_scaled(speed)
        }
    }

    /// The same clock, which shows at least `at` from here on.
    #[must_use]
    pub fn not_before(self, at: Timestamp) -> Self {
        Self {
            shown: self.shown.after(at.since(self.now())),
            ..self
        }
    }

    /// The moment on this clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if planted(Bug::WallClockCounts) {
            return Timestamp::from_millis(self.unix_ms());
        }
        let elapsed = match self.source {
            Source::Machine(origin) => instant().saturating_duration_since(origin),
            Source::Runtime(origin, _) => origin.elapsed(),
            Source::Told(told) => return self.shown.after(Duration::from_millis(told.load(Ordering::Relaxed))),
        };
        self.shown.after(self.scaled(elapsed))
    }

    /// How many times as fast as real time the clock runs.
    #[must_use]
    pub const fn speed(&self) -> f64 {
        self.speed
    }

    /// The real time in which `gateway` passes on this clock, for timers.
    #[must_use]
    pub fn real(&self, gateway: Duration) -> Duration {
        if self.speed == 1.0 {
            gateway
        } else {
            gateway.div_f64(self.speed)
        }
    }

    /// The moment on this clock at which the wall clock shows `unix_s`; the start when that has passed.
    #[must_use]
    pub fn moment_of(&self, unix_s: u64) -> Timestamp {
        let left = Duration::from_secs(unix_s.saturating_sub(self.unix_s()));
        self.now().after(self.scaled(left.min(LEFT_MAX)))
    }

    /// Seconds since 1970-01-01 UTC on the machine's wall clock. Never scaled.
    #[must_use]
    pub fn unix_s(&self) -> u64 {
        self.unix_ms() / 1_000
    }

    /// Milliseconds since 1970-01-01 UTC on the machine's wall clock. Never scaled.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        match self.source {
            Source::Machine(_) | Source::Told(_) => unix_ms(),
            Source::Runtime(_, unix_ms) => unix_ms.load(Ordering::Relaxed),
        }
    }

    /// The date, in seconds since 1970-01-01 UTC, for what ends on a date: what the wall clock shows, or what it showed at
    /// the start and the time since, whichever is later. So nothing that has ended comes back when the clock is set back.
    #[must_use]
    pub fn date_s(&self) -> u64 {
        let since_start = match self.source {
            Source::Machine(origin) => instant().saturating_duration_since(origin),
            Source::Runtime(origin, _) => origin.elapsed(),
            // What is told has nothing to do with a calendar.
            Source::Told(_) => Duration::ZERO,
        };
        let since_start_ms = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
        let steady_ms = self.started_unix_ms.saturating_add(since_start_ms);
        self.unix_ms().max(steady_ms) / 1_000
    }

    /// The same clock, by which the date at its start was at least this, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn dated_from(self, unix_ms: u64) -> Self {
        Self {
            started_unix_ms: self.started_unix_ms.max(unix_ms),
            ..self
        }
    }

    /// What the wall clock showed at a moment of this clock that has passed, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn unix_ms_of(&self, moment: Timestamp) -> u64 {
        let ago = self.real(self.now().since(moment));
        unix_ms().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
    }

    fn scaled(&self, real: Duration) -> Duration {
        if self.speed == 1.0 {
            real
        } else {
            real.mul_f64(self.speed)
        }
    }
}

/// Longest time ahead that [`Clock::moment_of`] tells apart: ten years.
const LEFT_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Seconds since 1970-01-01 UTC on the machine's wall clock, for commands that run without a gateway.
#[must_use]
pub fn unix_s() -> u64 {
    unix_ms() / 1_000
}

fn unix_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "this file is the clock")]
    let wall = SystemTime::now();
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this file is the clock")]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_scales_timers_the_other_way() {
        let clock = Clock::start_scaled(8.0);
        assert_eq!(clock.real(Duration::from_millis(2_000)), Duration::from_millis(250));
        assert_eq!(Clock::start().real(Duration::from_millis(7)), Duration::from_millis(7));
    }

    #[test]
    fn a_speed_that_makes_no_sense_is_replaced() {
        assert_eq!(Clock::start_scaled(f64::NAN).speed(), 1.0);
        assert_eq!(Clock::start_scaled(-3.0).speed(), 1.0 / SPEED_MAX);
        assert_eq!(Clock::start_scaled(1e9).speed(), SPEED_MAX);
    }

    #[test]
    fn a_clock_goes_on_from_where_it_was() {
        let clock = Clock::start();
        let later = Timestamp::from_millis(86_400_000);
        assert!(clock.not_before(later).now() >= later);
        let resumed = clock.not_before(later).not_before(Timestamp::from_millis(5));
        assert!(resumed.now() >= later, "never back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_date_goes_on_when_the_wall_clock_is_set_back_and_with_it_when_it_is_set_ahead() {
        let wall = Box::leak(Box::new(AtomicU64::new(1_000_000)));
        let clock = Clock::of_runtime(wall);
        assert_eq!(clock.date_s(), 1_000);
        tokio::time::advance(Duration::from_secs(10)).await;
        wall.store(0, Ordering::Relaxed);
        assert_eq!(clock.date_s(), 1_010, "set back");
        wall.store(5_000_000, Ordering::Relaxed);
        assert_eq!(clock.date_s(), 5_000, "set ahead");
        wall.store(1_010_000, Ordering::Relaxed);
        assert_eq!(clock.date_s(), 1_010, "and set right again");
        assert_eq!(clock.dated_from(2_000_000).date_s(), 2_010, "a journal knows better");
    }

    #[test]
    fn a_clock_that_is_told_shows_nothing_else() {
        static TOLD: AtomicU64 = AtomicU64::new(0);
        let clock = Clock::told(&TOLD, 10.0);
        assert_eq!(clock.now(), Timestamp::default());
        TOLD.store(250, Ordering::Relaxed);
        assert_eq!(clock.now(), Timestamp::from_millis(250));
        assert_eq!(clock.real(Duration::from_millis(250)), Duration::from_millis(25));
    }

    #[test]
    fn a_moment_that_has_passed_is_not_ahead() {
        let clock = Clock::start();
        assert!(clock.moment_of(0) <= clock.now());
        assert!(clock.moment_of(u64::MAX) > clock.now());
    }
}
