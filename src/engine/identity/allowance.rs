//! How many keys may be tried, by everybody and by one hub, so that made-up addresses cost no more than that.
//!
//! The unit is one key against one address, which is one AES block. What exceeds the allowance waits for the address
//! to be heard again; nothing is queued.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::Timestamp;

/// Keys tried in one step of 250 ms by all hubs together. A try took 0.2 us on a busy machine (PERFORMANCE.md), so this is
/// a fifth of one core at worst; with 10,000 keys it is 100 new addresses a second, where 70,000 strangers who change
/// theirs every quarter of an hour make 78.
pub const TRIES_PER_STEP_MAX: u32 = 250_000;
/// Keys tried in one step for one hub: a quarter of all, so that three rogue hubs leave something for the others.
pub const TRIES_PER_HUB_STEP_MAX: u32 = TRIES_PER_STEP_MAX / 4;

/// What one hub has used of its share; its session keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    step: u32,
    tries: u32,
}

/// What all hubs have used together: the step in the upper half, the tries in the lower.
#[derive(Debug, Default)]
pub(super) struct Budget(AtomicU64);

impl Allowance {
    /// Takes `tries` from the hub's share. The first of a step is always granted: with more keys than a share has
    /// tries, one address is tried in each step.
    fn take(&mut self, step: u32, tries: u32) -> bool {
        if self.step != step {
            *self = Self { step, tries: 0 };
        }
        let used = self.tries.saturating_add(tries);
        let is_granted = self.tries == 0 || used <= TRIES_PER_HUB_STEP_MAX;
        if is_granted {
            self.tries = used;
        }
        is_granted
    }

    /// Gives back what was taken in the same step and not used.
    fn give_back(&mut self, tries: u32) {
        self.tries = self.tries.saturating_sub(tries);
    }
}

impl Budget {
    /// Takes `tries` for a hub: from its share, and from what all have together.
    pub(super) fn take(&self, now: Timestamp, hub: &mut Allowance, tries: u32) -> bool {
        let step = now.step();
        if !hub.take(step, tries) {
            return false;
        }
        let is_granted = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                let used = if (word >> 32) as u32 == step { word as u32 } else { 0 };
                let sum = used.saturating_add(tries);
                (used == 0 || sum <= TRIES_PER_STEP_MAX).then_some(u64::from(step) << 32 | u64::from(sum))
            })
            .is_ok();
        if !is_granted {
            hub.give_back(tries);
        }
        is_granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u32 = 10_000;

    #[test]
    fn a_hub_that_makes_up_addresses_leaves_the_others_their_share() {
        let budget = Budget::default();
        let now = Timestamp::from_millis(1_000);
        let mut rogue = Allowance::default();
        let taken = (0..10_000).filter(|_| budget.take(now, &mut rogue, KEYS)).count();
        assert_eq!(taken as u32, TRIES_PER_HUB_STEP_MAX / KEYS);
        let mut honest = Allowance::default();
        let share = TRIES_PER_HUB_STEP_MAX / KEYS;
        assert!((0..share).all(|_| budget.take(now, &mut honest, KEYS)));
    }

    #[test]
    fn all_together_have_a_maximum_and_the_next_step_starts_anew() {
        let budget = Budget::default();
        let now = Timestamp::from_millis(1_000);
        let granted = |now| {
            let mut hubs = [Allowance::default(); 50];
            let take = |hub: &mut Allowance| (0..50).filter(|_| budget.take(now, hub, KEYS)).count() as u32;
            hubs.iter_mut().map(take).sum::<u32>()
        };
        assert_eq!(granted(now), TRIES_PER_STEP_MAX / KEYS);
        assert_eq!(granted(Timestamp::from_millis(1_250)), TRIES_PER_STEP_MAX / KEYS);
    }

    #[test]
    fn more_keys_than_a_share_are_still_tried_once_in_a_step() {
        let (budget, mut hub) = (Budget::default(), Allowance::default());
        let take = |hub: &mut Allowance, ms| budget.take(Timestamp::from_millis(ms), hub, u32::MAX);
        assert!(take(&mut hub, 0) && !take(&mut hub, 249) && take(&mut hub, 250));
    }
}
