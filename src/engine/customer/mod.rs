//! Who there is: ids to slots, tags to people, traits from signals.
//!
//! A person is resolved to a slot once per connection; after that only the slot is used. The maps are sharded
//! locks, not lock-free: every access copies out and lets go inside one function here.

mod recent;
mod tags;
mod traits;

use std::sync::atomic::{AtomicU32, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;
use thiserror::Error;

pub use recent::{Recent, Seen};
pub use tags::{TAG_NONE, TagHandle, Tags};
pub use traits::{apply_event, apply_traits};

/// A customer's place in the slab; valid for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerSlot(pub u32);

/// Longest id of a customer, in bytes.
pub const CUSTOMER_ID_LEN_MAX: usize = 64;

/// A customer cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoRoom {
    /// The table has its maximum.
    #[error("the table of customers holds its maximum of {0}; raise customers_max in the pack's settings")]
    Full(u32),
    /// The id cannot be one.
    #[error("a customer's id has 1 to {CUSTOMER_ID_LEN_MAX} bytes, not {0}")]
    IdLength(usize),
}

/// The ids of all customers.
pub struct People {
    slots: DashMap<Box<str>, u32, RandomState>,
    next: AtomicU32,
    len_max: u32,
}

impl People {
    /// Room for `len_max` people.
    #[must_use]
    pub fn new(len_max: u32) -> Self {
        Self {
            slots: DashMap::with_hasher(RandomState::default()),
            next: AtomicU32::new(0),
            len_max,
        }
    }

    /// The slot of a customer, and whether it was just given.
    ///
    /// # Errors
    /// [`NoRoom`] when the id cannot be one or the table is full.
    pub fn find_or_add(&self, id: &str) -> Result<(CustomerSlot, bool), NoRoom> {
        if let Some(slot) = self.find(id) {
            return Ok((slot, false));
        }
        if id.is_empty() || id.len() > CUSTOMER_ID_LEN_MAX {
            return Err(NoRoom::IdLength(id.len()));
        }
        match self.slots.entry(id.into()) {
            Entry::Occupied(known) => Ok((CustomerSlot(*known.get()), false)),
            Entry::Vacant(vacant) => {
                let slot = self
                    .next
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                        (next < self.len_max).then_some(next + 1)
                    })
                    .map_err(|_| NoRoom::Full(self.len_max))?;
                vacant.insert(slot);
                Ok((CustomerSlot(slot), true))
            }
        }
    }

    /// The slot of a customer who is known.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<CustomerSlot> {
        self.slots.get(id).map(|slot| CustomerSlot(*slot))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_slot_and_the_table_has_an_end() {
        let people = People::new(2);
        let (first, is_new) = people.find_or_add("ada").unwrap();
        assert!(is_new);
        assert_eq!(people.find_or_add("ada"), Ok((first, false)));
        assert!(people.find_or_add("ben").is_ok());
        assert_eq!(people.find_or_add("cy"), Err(NoRoom::Full(2)));
        assert_eq!(people.find("cy"), None);
        assert_eq!(people.count(), 2);
    }

    #[test]
    fn an_id_that_cannot_be_one_is_refused() {
        let people = People::new(2);
        assert_eq!(people.find_or_add(""), Err(NoRoom::IdLength(0)));
        assert_eq!(people.find_or_add(&"x".repeat(65)), Err(NoRoom::IdLength(65)));
    }
}
