//! Who there is: ids to slots, tags to people, traits from signals.
//!
//! A person is resolved to a slot once per connection; after that only the slot is used. The maps are sharded
//! locks, not lock-free: every access copies out and lets go inside one function here.

mod recent;
mod tags;
mod traits;

use std::sync::atomic::{AtomicU32, Ordering};
#[expect(
    clippy::disallowed_types,
    reason = "one per customer, held to copy a pointer; taken when somebody is added, forgotten or saved"
)]
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;
use thiserror::Error;

pub use recent::{Applied, Horizon, Recent, Seen, WINDOW_PARTS};
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
    /// A slot that is given to somebody is another's, or they have another.
    #[error("the slot belongs to another customer")]
    SlotTaken,
}

/// Names that are made at once; a venue pays for the customers it has, not for its maximum.
const CHUNK_LEN: u32 = 4_096;

/// The ids of all customers.
pub struct People {
    slots: DashMap<Arc<str>, u32, RandomState>,
    /// By slot, in chunks.
    names: Vec<OnceLock<Box<[Name]>>>,
    /// The lowest slot that was never given.
    next: AtomicU32,
    len_max: u32,
}

#[expect(clippy::disallowed_types, reason = "see the import")]
type Name = Mutex<Option<Arc<str>>>;

impl People {
    /// Room for `len_max` people.
    #[must_use]
    pub fn new(len_max: u32) -> Self {
        Self {
            slots: DashMap::with_hasher(RandomState::default()),
            names: (0..len_max.div_ceil(CHUNK_LEN)).map(|_| OnceLock::new()).collect(),
            next: AtomicU32::new(0),
            len_max,
        }
    }

    /// Gives the next slot that was never given.
    ///
    /// # Errors
    /// [`NoRoom::Full`] when the table is full.
    pub fn next_slot(&self) -> Result<CustomerSlot, NoRoom> {
        self.next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                (next < self.len_max).then_some(next + 1)
            })
            .map(CustomerSlot)
            .map_err(|_| NoRoom::Full(self.len_max))
    }

    /// Adds a customer. `slot` gives the slot and prepares it, before anybody can find it; it is asked only when the
    /// customer is not known. Returns the slot that the customer has.
    ///
    /// # Errors
    /// [`NoRoom`] when the id cannot be one, or as `slot` says.
    pub fn find_or_add(
        &self,
        id: &str,
        slot: impl FnOnce() -> Result<CustomerSlot, NoRoom>,
    ) -> Result<CustomerSlot, NoRoom> {
        if let Some(slot) = self.find(id) {
            return Ok(slot);
        }
        check_id(id)?;
        let id: Arc<str> = id.into();
        match self.slots.entry(Arc::clone(&id)) {
            Entry::Occupied(known) => Ok(CustomerSlot(*known.get())),
            Entry::Vacant(vacant) => {
                let slot = slot()?;
                let name = self.name_or_make(slot).ok_or(NoRoom::Full(self.len_max))?;
                *name.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
                self.next.fetch_max(slot.0.saturating_add(1), Ordering::Relaxed);
                vacant.insert(slot.0);
                Ok(slot)
            }
        }
    }

    /// Forgets a customer; returns the slot that they had, which nobody has from then on.
    pub fn forget(&self, id: &str) -> Option<CustomerSlot> {
        let (_, slot) = self.slots.remove(id)?;
        if let Some(name) = self.name_cell(CustomerSlot(slot)) {
            *name.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Some(CustomerSlot(slot))
    }

    /// The slot of a customer who is known.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<CustomerSlot> {
        self.slots.get(id).map(|slot| CustomerSlot(*slot))
    }

    /// Whose slot it is, by their id; `None`: nobody's.
    #[must_use]
    pub fn id(&self, slot: CustomerSlot) -> Option<Arc<str>> {
        self.name_cell(slot)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// All slots that were ever given are below.
    #[must_use]
    pub fn slots_len(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    fn name_cell(&self, slot: CustomerSlot) -> Option<&Name> {
        self.names
            .get((slot.0 / CHUNK_LEN) as usize)?
            .get()?
            .get((slot.0 % CHUNK_LEN) as usize)
    }

    fn name_or_make(&self, slot: CustomerSlot) -> Option<&Name> {
        if slot.0 >= self.len_max {
            return None;
        }
        self.names
            .get((slot.0 / CHUNK_LEN) as usize)?
            .get_or_init(|| (0..CHUNK_LEN).map(|_| Name::default()).collect())
            .get((slot.0 % CHUNK_LEN) as usize)
    }
}

/// Whether an id can be one.
///
/// # Errors
/// [`NoRoom::IdLength`] when it is empty or too long.
pub const fn check_id(id: &str) -> Result<(), NoRoom> {
    if id.is_empty() || id.len() > CUSTOMER_ID_LEN_MAX {
        return Err(NoRoom::IdLength(id.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(people: &People, id: &str) -> Result<CustomerSlot, NoRoom> {
        people.find_or_add(id, || people.next_slot())
    }

    #[test]
    fn an_id_keeps_its_slot_and_the_table_has_an_end() {
        let people = People::new(2);
        let first = add(&people, "ada").unwrap();
        assert_eq!(add(&people, "ada"), Ok(first));
        assert!(add(&people, "ben").is_ok());
        assert_eq!(add(&people, "cy"), Err(NoRoom::Full(2)));
        assert_eq!(people.find("cy"), None);
        assert_eq!((people.count(), people.slots_len()), (2, 2));
    }

    #[test]
    fn an_id_that_cannot_be_one_is_refused() {
        let people = People::new(2);
        assert_eq!(add(&people, ""), Err(NoRoom::IdLength(0)));
        assert_eq!(add(&people, &"x".repeat(65)), Err(NoRoom::IdLength(65)));
    }

    #[test]
    fn who_is_forgotten_has_no_slot_and_no_name() {
        let people = People::new(9_000);
        let given = people.find_or_add("ada", || Ok(CustomerSlot(8_000)));
        assert_eq!(given, Ok(CustomerSlot(8_000)));
        assert_eq!(people.id(CustomerSlot(8_000)).as_deref(), Some("ada"));
        assert_eq!(people.forget("ada"), Some(CustomerSlot(8_000)));
        assert_eq!((people.find("ada"), people.id(CustomerSlot(8_000))), (None, None));
        assert_eq!((people.forget("ada"), people.count()), (None, 0));
        assert_eq!(people.next_slot(), Ok(CustomerSlot(8_001)), "a slot is not given twice");
        let beyond = people.find_or_add("ben", || Ok(CustomerSlot(9_000)));
        assert_eq!(beyond, Err(NoRoom::Full(9_000)));
    }
}
