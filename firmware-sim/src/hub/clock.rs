//! The hub's own clock: milliseconds since it booted, by a crystal that runs a little fast or slow.
//!
//! A real hub counts ticks of a crystal which is off by some parts per million. The simulation hands in true
//! time, and this turns it into what the hub would believe. The gateway is told the hub's belief only as a
//! hint; order comes from sequence numbers.

/// How far a hub's crystal is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skew {
    /// What the clock shows at boot, in milliseconds: a hub that kept its counter over a reset starts above 0.
    pub offset_ms: u64,
    /// Parts per million that it runs fast (positive) or slow. Crystals of hubs lie within 20 to 50.
    pub drift_ppm: i32,
}

/// A clock of one boot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    skew: Skew,
    booted_ms: u64,
}

impl Clock {
    /// A clock that starts at true time `booted_ms`.
    pub(super) fn new(skew: Skew, booted_ms: u64) -> Self {
        Self { skew, booted_ms }
    }

    /// What the hub's clock shows at true time `now_ms`. It never runs backwards when `now_ms` does not.
    pub(super) fn local_ms(&self, now_ms: u64) -> u64 {
        let elapsed_ms = now_ms.saturating_sub(self.booted_ms);
        let rate_ppm = u128::from(PPM.saturating_add_signed(i64::from(self.skew.drift_ppm)));
        let shown_ms = u128::from(elapsed_ms) * rate_ppm / u128::from(PPM);
        self.skew
            .offset_ms
            .saturating_add(u64::try_from(shown_ms).unwrap_or(u64::MAX))
    }

    /// True milliseconds since the boot.
    pub(super) fn uptime_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.booted_ms)
    }
}

const PPM: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_crystal_gains_and_a_slow_one_loses() {
        let day_ms = 86_400_000;
        let shown = |drift_ppm| {
            Clock::new(
                Skew {
                    offset_ms: 500,
                    drift_ppm,
                },
                1_000,
            )
            .local_ms(1_000 + day_ms)
        };
        assert_eq!(shown(0), 500 + day_ms);
        assert_eq!(shown(50), 500 + day_ms + 4_320);
        assert_eq!(shown(-50), 500 + day_ms - 4_320);
    }
}
