//! Who listens for zone changes: from a customer to the sessions that asked for pushes.
//!
//! A zone change wakes the session, which then asks the engine what is best where the person is by then. So
//! nothing queues: however often somebody moves before the session gets to run, one wake-up is kept and the
//! newest state answers it. The map is sharded locks; no guard leaves a function here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::fast::RandomState;
use tokio::sync::Notify;

use crate::engine::CustomerSlot;

/// Sessions of one customer that are woken; a person has few phones.
const SESSIONS_PER_CUSTOMER_MAX: usize = 4;

/// Who listens.
#[derive(Default)]
pub(super) struct Subscribers {
    sessions: DashMap<CustomerSlot, Vec<Arc<Notify>>, RandomState>,
    len: AtomicUsize,
}

impl Subscribers {
    /// Wakes `session` when `customer` changes zone; false when the customer has too many sessions that listen.
    pub(super) fn add(&self, customer: CustomerSlot, session: &Arc<Notify>) -> bool {
        let mut sessions = self.sessions.entry(customer).or_default();
        if sessions.len() >= SESSIONS_PER_CUSTOMER_MAX {
            return false;
        }
        sessions.push(Arc::clone(session));
        self.len.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Wakes `session` no longer.
    pub(super) fn remove(&self, customer: CustomerSlot, session: &Arc<Notify>) {
        let is_last = self.sessions.get_mut(&customer).is_some_and(|mut sessions| {
            let before = sessions.len();
            sessions.retain(|other| !Arc::ptr_eq(other, session));
            self.len.fetch_sub(before - sessions.len(), Ordering::Relaxed);
            sessions.is_empty()
        });
        if is_last {
            self.sessions.remove_if(&customer, |_, sessions| sessions.is_empty());
        }
    }

    /// Wakes everybody who listens for `customer`. Costs one load when nobody listens at all.
    pub(super) fn wake(&self, customer: CustomerSlot) {
        if self.len.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Some(sessions) = self.sessions.get(&customer) {
            sessions.iter().for_each(|session| session.notify_one());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_left_is_not_kept() {
        let subscribers = Subscribers::default();
        let (ada, phone) = (CustomerSlot(1), Arc::new(Notify::new()));
        assert!(subscribers.add(ada, &phone));
        assert_eq!(Arc::strong_count(&phone), 2);
        subscribers.remove(ada, &phone);
        assert_eq!(Arc::strong_count(&phone), 1);
        assert!(subscribers.sessions.is_empty());
        assert_eq!(subscribers.len.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn one_person_cannot_listen_without_end() {
        let subscribers = Subscribers::default();
        let added = (0..10)
            .filter(|_| subscribers.add(CustomerSlot(1), &Arc::new(Notify::new())))
            .count();
        assert_eq!(added, SESSIONS_PER_CUSTOMER_MAX);
    }
}
