//! When to try the gateway again: exponential back-off with jitter.
//!
//! A gateway that restarts would otherwise be met by every hub of the building in the same millisecond. The
//! delay doubles with each failure up to a limit, and a random half of it is taken off ("equal jitter": Brooker,
//! "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Only an acknowledgement counts as success:
//! a gateway that welcomes and then falls over is still backed away from.

use crate::prng::Prng;

/// The limits of the back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffLimits {
    /// The delay after the first failure, before jitter.
    pub first_ms: u32,
    /// No delay is longer.
    pub longest_ms: u32,
}

impl Default for BackoffLimits {
    fn default() -> Self {
        Self {
            first_ms: 500,
            longest_ms: 30_000,
        }
    }
}

#[derive(Debug)]
pub(super) struct Backoff {
    limits: BackoffLimits,
    failures: u32,
    prng: Prng,
}

impl Backoff {
    pub(super) fn new(limits: BackoffLimits, prng: Prng) -> Self {
        Self {
            limits,
            failures: 0,
            prng,
        }
    }

    /// The gateway took something: the next failure counts as the first.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure: between half and all of the doubled delay.
    pub(super) fn failed(&mut self) -> u64 {
        let doubled_ms = u64::from(self.limits.first_ms) << self.failures.min(DOUBLINGS_MAX);
        let whole_ms = doubled_ms.min(u64::from(self.limits.longest_ms));
        self.failures = self.failures.saturating_add(1);
        whole_ms - self.prng.below(whole_ms / 2 + 1)
    }

    /// A random time of up to `limit_ms`, for a reconnect that the gateway asked for.
    pub(super) fn jitter(&mut self, limit_ms: u32) -> u64 {
        self.prng.below(u64::from(limit_ms) + 1)
    }
}

/// 2^20 times the first delay is past every limit in use, and cannot overflow.
const DOUBLINGS_MAX: u32 = 20;
