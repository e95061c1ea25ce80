//! The day of a match, in milliseconds since the gates opened, and when each fan does what.
//!
//! The half-time rush is the one of the reference simulation: seven in ten decide to go around three minutes
//! after the whistle (normal, 180 s, spread 100 s), the others at any moment of the fifteen minutes. Arrivals
//! and departures are simpler, because nothing is measured on them.

use crate::prng::{draw, normal, unit};

/// When things happen, in milliseconds since the gates opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Play begins; nearly everybody has arrived.
    pub kick_off_ms: u64,
    /// Half-time begins.
    pub half_time_ms: u64,
    /// Half-time ends.
    pub second_half_ms: u64,
    /// Play ends and people leave.
    pub final_whistle_ms: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            kick_off_ms: 90 * MINUTE_MS,
            half_time_ms: 135 * MINUTE_MS,
            second_half_ms: 150 * MINUTE_MS,
            final_whistle_ms: 195 * MINUTE_MS,
        }
    }
}

impl Schedule {
    /// When this fan comes through a gate: most within the hour before play begins.
    pub(super) fn arrives_ms(&self, seed: u64, fan: u64) -> u64 {
        let before_s = (30.0 * 60.0 + 15.0 * 60.0 * normal(draw(seed, fan, ARRIVES))).max(60.0);
        self.kick_off_ms.saturating_sub((before_s * 1_000.0) as u64)
    }

    /// When this fan decides to go and get something at half-time.
    pub(super) fn decides_ms(&self, seed: u64, fan: u64) -> u64 {
        let rushes = unit(draw(seed, fan, RUSHES)) < RUSH_SHARE;
        let after_s = match rushes {
            true => (RUSH_MEAN_S + RUSH_SPREAD_S * normal(draw(seed, fan, DECIDES))).abs(),
            false => {
                unit(draw(seed, fan, DECIDES)) * self.second_half_ms.saturating_sub(self.half_time_ms) as f32 / 1_000.0
            }
        };
        self.half_time_ms + (after_s * 1_000.0) as u64
    }

    /// When this fan gets up to leave.
    pub(super) fn leaves_ms(&self, seed: u64, fan: u64) -> u64 {
        self.final_whistle_ms + (unit(draw(seed, fan, LEAVES)) * LEAVING_S * 1_000.0) as u64
    }
}

const MINUTE_MS: u64 = 60_000;
/// The shape of the rush, as in the reference simulation of the half-time.
const RUSH_SHARE: f32 = 0.7;
const RUSH_MEAN_S: f32 = 180.0;
const RUSH_SPREAD_S: f32 = 100.0;
/// The last fan gets up this long after play has ended.
const LEAVING_S: f32 = 600.0;
/// Names of the draws.
const ARRIVES: u64 = 1;
const RUSHES: u64 = 2;
const DECIDES: u64 = 3;
const LEAVES: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rush_has_its_shape() {
        let schedule = Schedule::default();
        let mut after_s: Vec<f32> = (0..20_000)
            .map(|fan| (schedule.decides_ms(11, fan) - schedule.half_time_ms) as f32 / 1_000.0)
            .collect();
        after_s.sort_by(f32::total_cmp);
        let share_within =
            |low, high| after_s.iter().filter(|s| (low..high).contains(*s)).count() as f32 / after_s.len() as f32;
        // 0.7 x the normal's share within one spread + 0.3 x 200 / 900.
        assert!(
            (share_within(80.0, 280.0) - 0.545).abs() < 0.02,
            "{}",
            share_within(80.0, 280.0)
        );
        // After ten minutes only those who take their time are left.
        assert!(
            (share_within(600.0, 900.0) - 0.1).abs() < 0.01,
            "{}",
            share_within(600.0, 900.0)
        );
        assert!(after_s.last().is_some_and(|last| *last <= 900.0));
    }
}
