//! What an Eddystone-EID beacon's clock shows: two bounds, which what is heard of it draws together.
//!
//! A beacon's clock is off by up to 150 ppm: 79 minutes in a year. Nobody can make an identifier of a window that has
//! not begun, so hearing one proves that the clock has reached the window's start; that bound is hard. That the clock
//! has not reached the window's end is only likely, because an old identifier can be sent again, so that bound
//! gives way whenever it contradicts the other. Between two hearings both bounds drift apart, at 150 ppm at first, and
//! less when the beacon's own rate has been learned from the edges between its windows.

use crate::model::Timestamp;

/// How fast or slow a beacon's clock may be, in seconds per second (eid-computation.md).
pub const DRIFT_MAX: f64 = 150e-6;
/// How much the rate of one crystal changes with the temperature, in seconds per second: a 32 kHz crystal 25 degrees
/// away from 25 C (0.034 ppm per squared degree).
const RATE_CHANGE: f64 = 20e-6;
/// A rate is learned over at least so many seconds; shorter, and the reading errors weigh more than the drift.
const RATE_LEARNED_S: f64 = 6.0 * 3_600.0;
/// After so many seconds a new base for the rate is taken, so that it follows the seasons.
const RATE_BASE_S: f64 = 14.0 * 86_400.0;
/// How late a sighting may come beyond the age that its hub states, in seconds.
const LATE_S: f64 = 2.0;
/// How far the stated clock of a registration may be off, in seconds: whole seconds, and the way here.
const STATED_S: f64 = 3.0;

/// Bounds of what a beacon's clock shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct BeaconClock {
    at: Timestamp,
    /// It shows at least this at `at`, in seconds.
    least_s: f64,
    /// It shows at most this.
    most_s: f64,
    /// Its rate beyond real time, between these.
    slowest: f64,
    fastest: f64,
    /// Where the rate is learned from.
    base: (Timestamp, f64, f64),
}

/// A beacon's clock, as it is written down. Moments are microseconds on the gateway's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockState {
    /// When the bounds held.
    pub at: Timestamp,
    /// It showed at least and at most this, in seconds.
    pub shown_s: (f64, f64),
    /// Its rate beyond real time lies between these, in seconds per second.
    pub rate: (f64, f64),
    /// Where its rate is learned from: when, and what it showed.
    pub base: (Timestamp, f64, f64),
}

impl BeaconClock {
    /// The clock as it is written down.
    pub(super) const fn state(&self) -> ClockState {
        ClockState {
            at: self.at,
            shown_s: (self.least_s, self.most_s),
            rate: (self.slowest, self.fastest),
            base: self.base,
        }
    }

    /// The clock that was written down.
    pub(super) const fn of(state: &ClockState) -> Self {
        Self {
            at: state.at,
            least_s: state.shown_s.0,
            most_s: state.shown_s.1,
            slowest: state.rate.0,
            fastest: state.rate.1,
            base: state.base,
        }
    }

    /// A clock that showed `clock_s` when it was registered.
    pub(super) fn registered(now: Timestamp, clock_s: u32) -> Self {
        let (least_s, most_s) = (f64::from(clock_s), f64::from(clock_s) + STATED_S);
        Self {
            at: now,
            least_s,
            most_s,
            slowest: -DRIFT_MAX,
            fastest: DRIFT_MAX,
            base: (now, least_s, most_s),
        }
    }

    /// The bounds at `now`.
    pub(super) fn bounds_s(&self, now: Timestamp) -> (f64, f64) {
        let passed_s = now.since(self.at).as_secs_f64();
        (
            self.least_s + passed_s * (1.0 + self.slowest),
            self.most_s + passed_s * (1.0 + self.fastest),
        )
    }

    /// An identifier of the window that begins at `begins_s` and has `window_s` seconds was heard `age_s` ago.
    pub(super) fn heard(&mut self, now: Timestamp, age_s: f64, begins_s: f64, window_s: f64) {
        (self.least_s, self.most_s) = self.bounds_s(now);
        self.at = now;
        if begins_s > self.least_s {
            self.least_s = begins_s;
        }
        if self.least_s > self.most_s {
            // Faster than it was believed to be: what was learned of it is void.
            self.most_s = self.least_s + window_s;
            (self.slowest, self.fastest) = (-DRIFT_MAX, DRIFT_MAX);
            self.base = (now, self.least_s, self.most_s);
        }
        let ends_s = begins_s + window_s + age_s + LATE_S;
        if (self.least_s..self.most_s).contains(&ends_s) {
            self.most_s = ends_s;
        }
        self.learn_rate(now);
    }

    fn learn_rate(&mut self, now: Timestamp) {
        let (base, base_least_s, base_most_s) = self.base;
        let passed_s = now.since(base).as_secs_f64();
        if passed_s < RATE_LEARNED_S {
            return;
        }
        let slowest = (self.least_s - base_most_s) / passed_s - 1.0 - RATE_CHANGE;
        let fastest = (self.most_s - base_least_s) / passed_s - 1.0 + RATE_CHANGE;
        if slowest < fastest {
            self.slowest = slowest.clamp(-DRIFT_MAX, DRIFT_MAX);
            self.fastest = fastest.clamp(-DRIFT_MAX, DRIFT_MAX);
        }
        if passed_s > RATE_BASE_S {
            self.base = (now, self.least_s, self.most_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WINDOW_S: f64 = 1_024.0;
    const YEAR_S: u64 = 365 * 86_400;

    fn start() -> Timestamp {
        Timestamp::from_millis(5_000)
    }

    fn at(passed_s: u64) -> Timestamp {
        start().after(Duration::from_secs(passed_s))
    }

    /// What a clock with this rate shows.
    fn shows_s(rate: f64, passed_s: u64) -> f64 {
        1_000.0 + passed_s as f64 * (1.0 + rate)
    }

    fn hear(clock: &mut BeaconClock, rate: f64, passed_s: u64) {
        let begins_s = (shows_s(rate, passed_s) / WINDOW_S).floor() * WINDOW_S;
        clock.heard(at(passed_s), 0.0, begins_s, WINDOW_S);
    }

    /// Hears a beacon in some hours of every `every_d` days for a year; returns the widest that the bounds came.
    fn a_year(rate: f64, every_d: u64) -> f64 {
        let mut clock = BeaconClock::registered(start(), 1_000);
        let mut widest_s: f64 = 0.0;
        for passed_s in (0..YEAR_S).step_by(300) {
            let (least_s, most_s) = clock.bounds_s(at(passed_s));
            let truth_s = shows_s(rate, passed_s);
            assert!(
                // At the very limit of the drift the bound and the truth are the same but for rounding.
                least_s - 1e-3 <= truth_s && truth_s <= most_s + 1e-3,
                "{rate} {passed_s}: {truth_s} is not in {least_s} to {most_s}"
            );
            widest_s = widest_s.max(most_s - least_s);
            if passed_s / 86_400 % every_d == 0 && passed_s % 86_400 < 6 * 3_600 {
                hear(&mut clock, rate, passed_s);
            }
        }
        widest_s
    }

    #[test]
    fn a_year_at_any_drift_stays_within_the_bounds_and_the_bounds_within_a_window() {
        for rate in [-150e-6, -149e-6, -40e-6, 0.0, 3e-6, 149e-6, 150e-6] {
            let widest_s = a_year(rate, 1);
            assert!(widest_s < 60.0, "{rate}: {widest_s} s apart");
            let widest_s = a_year(rate, 30);
            assert!(widest_s < WINDOW_S, "{rate}, heard once in 30 days: {widest_s} s apart");
        }
    }

    #[test]
    fn the_rate_is_learned_so_that_a_long_silence_costs_less() {
        let mut clock = BeaconClock::registered(start(), 1_000);
        for passed_s in (0..10 * 86_400).step_by(60) {
            hear(&mut clock, 120e-6, passed_s);
        }
        let (least_s, most_s) = clock.bounds_s(at(100 * 86_400));
        assert!((least_s..most_s).contains(&shows_s(120e-6, 100 * 86_400)));
        let unlearned_s = 2.0 * DRIFT_MAX * 90.0 * 86_400.0;
        assert!(most_s - least_s < unlearned_s / 4.0, "{} s apart", most_s - least_s);
    }

    #[test]
    fn sending_old_identifiers_again_does_not_hold_the_clock_back() {
        let mut clock = BeaconClock::registered(start(), 1_000);
        hear(&mut clock, 0.0, 0);
        // The identifier of the first window, again and again for an hour, and the beacon itself is silent.
        for passed_s in 1..3_600 {
            clock.heard(at(passed_s), 0.0, 0.0, WINDOW_S);
        }
        let (least_s, most_s) = clock.bounds_s(at(3_600));
        assert!(least_s > 4_590.0 && most_s < 4_610.0, "{least_s} to {most_s}");
    }

    #[test]
    fn a_clock_that_is_ahead_of_everything_is_believed() {
        let mut clock = BeaconClock::registered(start(), 1_000);
        clock.heard(at(10), 0.0, 3_072.0, WINDOW_S);
        let (least_s, most_s) = clock.bounds_s(at(10));
        assert!(least_s >= 3_072.0 && most_s <= 4_100.0, "{least_s} to {most_s}");
    }
}
