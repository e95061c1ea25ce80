//! What is known of transmitters that were heard lately, and nothing of those that were not.
//!
//! Two halves: the young one fills, and when it is full or old it becomes the old one, whose content is forgotten. So what
//! is heard again is kept, memory is bounded, and somebody who walked past is forgotten within [`FORGET_AFTER`].

use std::collections::HashMap;
use std::time::Duration;

use nextbest_proto::advert::address::Address;
use tokio::time::Instant;

/// Most transmitters that are remembered.
pub const DEVICES_LEN_MAX: usize = 8_192;
/// Who was not heard for this long is forgotten, some of them after half of it.
pub const FORGET_AFTER: Duration = Duration::from_secs(60);

/// Values by address.
#[derive(Debug)]
pub struct Recent<V> {
    young: HashMap<Address, V>,
    old: HashMap<Address, V>,
    turned_at: Instant,
}

impl<V> Recent<V> {
    /// Nobody.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            turned_at: now,
        }
    }

    /// What is known of somebody who is heard; what `new` says when nothing is.
    pub fn heard(&mut self, address: Address, new: impl FnOnce() -> V) -> &mut V {
        let known = self.old.remove(&address);
        self.young.entry(address).or_insert_with(|| known.unwrap_or_else(new))
    }

    /// What is known of somebody.
    #[must_use]
    pub fn known(&mut self, address: &Address) -> Option<&mut V> {
        self.young.get_mut(address).or_else(|| self.old.get_mut(address))
    }

    /// Forgets whoever is due, and gives them. To be called now and then, before [`Recent::heard`].
    pub fn forget(&mut self, now: Instant) -> impl Iterator<Item = (Address, V)> + use<V> {
        let is_due = self.young.len() >= DEVICES_LEN_MAX / 2 || now >= self.turned_at + FORGET_AFTER / 2;
        let forgotten = if is_due {
            self.turned_at = now;
            let young = std::mem::take(&mut self.young);
            std::mem::replace(&mut self.old, young)
        } else {
            HashMap::new()
        };
        forgotten.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> Address {
        let [a, b, c, d] = n.to_be_bytes();
        Address::new([0xc0, 1, a, b, c, d], true)
    }

    #[test]
    fn who_is_not_heard_is_forgotten_and_who_is_stays() {
        let start = Instant::now();
        let mut recent = Recent::new(start);
        *recent.heard(address(1), || 0) = 11;
        *recent.heard(address(2), || 0) = 22;
        for s in 1..=100 {
            let now = start + Duration::from_secs(s);
            recent.forget(now).for_each(drop);
            assert_eq!(*recent.heard(address(1), || 0), 11, "after {s} s");
        }
        assert_eq!(recent.known(&address(2)), None);
    }

    #[test]
    fn a_crowd_of_strangers_is_bounded() {
        let start = Instant::now();
        let mut recent = Recent::new(start);
        let mut forgotten = 0;
        for n in 0..100_000 {
            forgotten += recent.forget(start).count();
            recent.heard(address(n), || n);
            assert!(recent.young.len() + recent.old.len() <= DEVICES_LEN_MAX);
        }
        assert_eq!(forgotten + recent.young.len() + recent.old.len(), 100_000);
        assert!(recent.known(&address(99_999)).is_some());
    }
}
