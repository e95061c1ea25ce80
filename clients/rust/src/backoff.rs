//! How long to wait before the next attempt to connect: exponential, with jitter, so that a stadium of clients
//! does not come back in one instant.
//!
//! Pure; the jitter comes from a seed, so that a run can be repeated. Deliberately absent: the clock.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use nextbest_proto::v1;

/// How long the first attempt to connect may take, in milliseconds.
const ATTEMPT_MS_MIN: u64 = 1_000;
/// How long any attempt may take, in milliseconds.
const ATTEMPT_MS_MAX: u64 = 10_000;
/// Failures after which attempts get longer. Within one attempt the first packet is sent again after 0.3, 0.9 and 2.1 s, so a
/// gateway that starts meanwhile is found sooner by another attempt than by a longer one.
const ATTEMPTS_SHORT: u32 = 3;
/// A session that lasted for this long was a success, in milliseconds.
const SETTLED_MS: u64 = 5_000;

/// How a client waits between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffSettings {
    /// Upper bound of the first wait, in milliseconds; it doubles with every failure.
    pub first_ms: u64,
    /// Upper bound of every wait, in milliseconds.
    pub longest_ms: u64,
    /// Seed of the jitter; `None` takes one from the system, so that no two clients agree.
    pub seed: Option<u64>,
}

impl Default for BackoffSettings {
    /// 100 ms doubling up to 10 s.
    fn default() -> Self {
        Self {
            first_ms: 100,
            longest_ms: 10_000,
            seed: None,
        }
    }
}

/// The waits of one client.
#[derive(Debug)]
pub(crate) struct Backoff {
    settings: BackoffSettings,
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(settings: BackoffSettings) -> Self {
        let random = settings.seed.unwrap_or_else(|| RandomState::new().hash_one(0_u8));
        Self {
            settings,
            failures: 0,
            random,
        }
    }

    /// The wait after one more failure: half of the bound for certain, the other half at random.
    pub(crate) fn failed(&mut self) -> Duration {
        let bound_ms = self
            .settings
            .first_ms
            .checked_shl(self.failures.min(32))
            .unwrap_or(u64::MAX)
            .min(self.settings.longest_ms)
            .max(1);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(bound_ms / 2 + self.below(bound_ms - bound_ms / 2 + 1))
    }

    /// The wait after a failure that will not pass by itself: the longest.
    pub(crate) fn refused(&mut self) -> Duration {
        self.failures = 32;
        self.failed()
    }

    /// The wait that the gateway asks for: at least, and with its jitter.
    pub(crate) fn drained(&mut self, drain: &v1::Drain) -> (Duration, Duration) {
        let least = Duration::from_millis(u64::from(drain.reconnect_after_ms));
        (
            least,
            least + Duration::from_millis(self.below(u64::from(drain.jitter_ms) + 1)),
        )
    }

    /// How long the next attempt may take: short at first, so that a packet lost at the start of the handshake
    /// costs no second, then longer, for a path that is slow.
    pub(crate) fn attempt(&self) -> Duration {
        let longer = self.failures.saturating_sub(ATTEMPTS_SHORT).min(8);
        Duration::from_millis((ATTEMPT_MS_MIN << longer).min(ATTEMPT_MS_MAX))
    }

    /// A session has ended after this time; one that settled makes the next wait a short one.
    pub(crate) fn lasted(&mut self, lasted: Duration) {
        if lasted >= Duration::from_millis(SETTLED_MS) {
            self.failures = 0;
        }
    }

    /// 64 random bits.
    ///
    /// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random number below `end`, which is not 0; the bias of the remainder is far below a millisecond.
    fn below(&mut self, end: u64) -> u64 {
        self.random() % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(seed: u64) -> Backoff {
        Backoff::new(BackoffSettings {
            first_ms: 100,
            longest_ms: 1_000,
            seed: Some(seed),
        })
    }

    #[test]
    fn waits_double_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = backoff(1);
        for bound_ms in [100, 200, 400, 800, 1_000, 1_000] {
            let wait_ms = backoff.failed().as_millis();
            assert!((bound_ms / 2..=bound_ms).contains(&wait_ms), "{wait_ms} of {bound_ms}");
        }
        backoff.lasted(Duration::from_millis(SETTLED_MS - 1));
        assert!(backoff.failed().as_millis() >= 500);
        backoff.lasted(Duration::from_millis(SETTLED_MS));
        assert!(backoff.failed().as_millis() <= 100);
        assert!(backoff.refused().as_millis() >= 500);
    }

    #[test]
    fn a_gateway_that_starts_is_tried_every_second_and_a_slow_path_gets_longer() {
        let mut backoff = backoff(1);
        let mut attempts_ms = Vec::new();
        for _ in 0..9 {
            attempts_ms.push(backoff.attempt().as_millis());
            backoff.failed();
        }
        assert_eq!(
            attempts_ms,
            [1_000, 1_000, 1_000, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
        );
    }

    #[test]
    fn a_thousand_clients_come_back_spread_over_the_drain() {
        let drain = v1::Drain {
            reconnect_after_ms: 50,
            jitter_ms: 999,
        };
        let mut tenths = [0_u32; 10];
        for seed in 0..1_000 {
            let wait_ms = u64::try_from(backoff(seed).drained(&drain).1.as_millis()).unwrap();
            assert!((50..=1_049).contains(&wait_ms));
            tenths[usize::try_from((wait_ms - 50) / 100).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|&clients| (50..=150).contains(&clients)),
            "{tenths:?}"
        );
    }

    #[test]
    fn an_extreme_setting_neither_panics_nor_spins() {
        let mut backoff = Backoff::new(BackoffSettings {
            first_ms: u64::MAX,
            longest_ms: 0,
            seed: Some(7),
        });
        assert!(backoff.failed() <= Duration::from_millis(1));
        let drain = v1::Drain {
            reconnect_after_ms: u32::MAX,
            jitter_ms: u32::MAX,
        };
        assert!(backoff.drained(&drain).1.as_millis() >= u128::from(u32::MAX));
    }
}
