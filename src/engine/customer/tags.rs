//! The tags that people carry: who carries which, and the state of the locator for each.
//!
//! Live location exists only here, only for registered tags, and is never stored. The state of a track is `T`, so
//! that this leaf knows nothing of locating. A handle names a cell and the cell's epoch; when a tag is given back
//! its cell's epoch moves on, so a handle that a hub session still keeps is refused rather than mistaken.

use std::sync::atomic::{AtomicU32, Ordering};
#[expect(
    clippy::disallowed_types,
    reason = "one per tag, held for one fold; hubs and doors are a thread each, so that two meet only over one tag"
)]
use std::sync::{Mutex, OnceLock, PoisonError};

use dashmap::DashMap;
use foldhash::fast::RandomState;
use thiserror::Error;

use super::CustomerSlot;
use crate::model::TagId;
use crate::planted::{Bug, planted};

/// Cells that are made at once; a venue pays for the tags it has, not for its maximum.
const CHUNK_LEN: u32 = 1_024;

/// No tag; no handle has this index.
pub const TAG_NONE: u32 = u32::MAX;

/// A registered tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TagHandle {
    /// Index of the cell.
    pub ix: u32,
    /// The epoch of the cell in which the handle is good.
    pub epoch: u32,
}

/// The table of tags has its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the table of tags holds its maximum of {0}; raise tags_max in the pack's settings")]
pub struct TagsFull(pub u32);

struct Cell<T> {
    /// Slot of the customer, plus one; 0: free.
    customer: AtomicU32,
    epoch: AtomicU32,
    /// The step in which it was last heard under a name that changes.
    heard_step: AtomicU32,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    state: Mutex<State<T>>,
}

#[derive(Default)]
struct State<T> {
    /// What the cell is registered as.
    tag: Option<TagId>,
    track: T,
}

/// All registered tags.
pub struct Tags<T> {
    handles: DashMap<TagId, TagHandle, RandomState>,
    chunks: Vec<OnceLock<Box<[Cell<T>]>>>,
    #[expect(clippy::disallowed_types, reason = "only registering and giving back take it")]
    free: Mutex<Vec<u32>>,
    next: AtomicU32,
    len_max: u32,
}

impl<T: Default> Tags<T> {
    /// Room for `len_max` tags.
    #[must_use]
    pub fn new(len_max: u32) -> Self {
        Self {
            handles: DashMap::with_hasher(RandomState::default()),
            chunks: (0..len_max.div_ceil(CHUNK_LEN)).map(|_| OnceLock::new()).collect(),
            free: Default::default(),
            next: AtomicU32::new(0),
            len_max,
        }
    }

    /// Registers a tag for a customer. A tag that somebody else carried goes over; who that was comes back too.
    ///
    /// # Errors
    /// `TagsFull` when there is no room.
    pub fn register(&self, tag: TagId, customer: CustomerSlot) -> Result<(TagHandle, Option<CustomerSlot>), TagsFull> {
        let known = self.find(&tag);
        if let Some(handle) = known
            && self.owner(handle) == Some(customer)
        {
            return Ok((handle, None));
        }
        let before = known.and_then(|handle| self.give_back(handle));
        let ix = self.free_cell()?;
        let cell = self.cell_or_make(ix).ok_or(TagsFull(self.len_max))?;
        cell.state.lock().unwrap_or_else(PoisonError::into_inner).tag = Some(tag);
        cell.customer.store(customer.0 + 1, Ordering::Release);
        let handle = TagHandle {
            ix,
            epoch: cell.epoch.load(Ordering::Acquire),
        };
        self.handles.insert(tag, handle);
        Ok((handle, before))
    }

    /// Gives a tag back: nobody carries it, and its track is forgotten. Returns who carried it.
    pub fn give_back(&self, handle: TagHandle) -> Option<CustomerSlot> {
        let owner = self.owner(handle)?;
        let cell = self.cell(handle.ix)?;
        let mut state = cell.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever moves the epoch on has the cell; another who came at the same time has nothing to give back.
        let next = handle.epoch.wrapping_add(1);
        cell.epoch
            .compare_exchange(handle.epoch, next, Ordering::AcqRel, Ordering::Acquire)
            .ok()?;
        cell.customer.store(0, Ordering::Release);
        cell.heard_step.store(0, Ordering::Relaxed);
        let given_back = std::mem::take(&mut *state);
        drop(state);
        if let Some(tag) = given_back.tag {
            self.handles.remove_if(&tag, |_, known| *known == handle);
        }
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(handle.ix);
        Some(owner)
    }

    /// The handle of a registered tag.
    #[must_use]
    pub fn find(&self, tag: &TagId) -> Option<TagHandle> {
        self.handles.get(tag).map(|handle| *handle)
    }

    /// Who carries the tag; `None` when the handle is of a tag that was given back.
    #[must_use]
    pub fn owner(&self, handle: TagHandle) -> Option<CustomerSlot> {
        let cell = self.cell(handle.ix)?;
        if cell.epoch.load(Ordering::Acquire) != handle.epoch && !planted(Bug::StaleHandleUsed) {
            return None;
        }
        cell.customer.load(Ordering::Acquire).checked_sub(1).map(CustomerSlot)
    }

    /// What a tag is registered as.
    #[must_use]
    pub fn tag(&self, handle: TagHandle) -> Option<TagId> {
        let cell = self.cell(handle.ix)?;
        let state = cell.state.lock().unwrap_or_else(PoisonError::into_inner);
        (cell.epoch.load(Ordering::Acquire) == handle.epoch).then_some(state.tag)?
    }

    /// Notes that a tag was heard under a name that changes.
    pub fn note_heard(&self, handle: TagHandle, step: u32) {
        if let Some(cell) = self.cell(handle.ix) {
            cell.heard_step.store(step, Ordering::Relaxed);
        }
    }

    /// The step in which a tag was last heard under a name that changes; 0: never.
    #[must_use]
    pub fn heard_step(&self, handle: TagHandle) -> u32 {
        self.cell(handle.ix)
            .map_or(0, |cell| cell.heard_step.load(Ordering::Relaxed))
    }

    /// Lets `change` change the track of a tag.
    pub fn with_track<R>(&self, handle: TagHandle, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let cell = self.cell(handle.ix)?;
        let mut state = cell.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = cell.epoch.load(Ordering::Acquire) == handle.epoch || planted(Bug::StaleHandleUsed);
        is_good.then(|| change(&mut state.track))
    }

    /// The handle of the tag in a cell, when it is registered.
    #[must_use]
    pub fn at(&self, ix: u32) -> Option<TagHandle> {
        let cell = self.cell(ix)?;
        let handle = TagHandle {
            ix,
            epoch: cell.epoch.load(Ordering::Acquire),
        };
        self.owner(handle).map(|_| handle)
    }

    /// Cells that have ever been used; the indices of all registered tags are below.
    #[must_use]
    pub fn cells_len(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// How many tags are registered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.handles.len()
    }

    fn free_cell(&self) -> Result<u32, TagsFull> {
        if let Some(ix) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(ix);
        }
        self.next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                (next < self.len_max).then_some(next + 1)
            })
            .map_err(|_| TagsFull(self.len_max))
    }

    fn cell(&self, ix: u32) -> Option<&Cell<T>> {
        self.chunks
            .get((ix / CHUNK_LEN) as usize)?
            .get()?
            .get((ix % CHUNK_LEN) as usize)
    }

    fn cell_or_make(&self, ix: u32) -> Option<&Cell<T>> {
        let make = || {
            (0..CHUNK_LEN)
                .map(|_| Cell {
                    customer: AtomicU32::new(0),
                    epoch: AtomicU32::new(0),
                    heard_step: AtomicU32::new(0),
                    state: Default::default(),
                })
                .collect()
        };
        self.chunks
            .get((ix / CHUNK_LEN) as usize)?
            .get_or_init(make)
            .get((ix % CHUNK_LEN) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TagKind;

    fn tag(number: u8) -> TagId {
        TagId::new(TagKind::Address, &[number, 1, 2, 3, 4, 5]).unwrap()
    }

    #[test]
    fn a_tag_goes_over_to_who_registers_it_and_old_handles_are_refused() {
        let tags = Tags::<u32>::new(4);
        let (first, _) = tags.register(tag(1), CustomerSlot(7)).unwrap();
        tags.with_track(first, |track| *track = 99);
        let (second, before) = tags.register(tag(1), CustomerSlot(8)).unwrap();
        assert_eq!(before, Some(CustomerSlot(7)));
        assert_eq!((tags.owner(first), tags.owner(second)), (None, Some(CustomerSlot(8))));
        assert_eq!(tags.with_track(first, |track| *track), None);
        assert_eq!(
            tags.with_track(second, |track| *track),
            Some(0),
            "the track of another person is forgotten"
        );
    }

    #[test]
    fn what_is_given_back_makes_room() {
        let tags = Tags::<u32>::new(2);
        tags.register(tag(1), CustomerSlot(1)).unwrap();
        tags.register(tag(2), CustomerSlot(1)).unwrap();
        assert_eq!(tags.register(tag(3), CustomerSlot(2)), Err(TagsFull(2)));
        for tag in [tag(1), tag(2)] {
            assert_eq!(tags.give_back(tags.find(&tag).unwrap()), Some(CustomerSlot(1)));
        }
        assert_eq!((tags.count(), tags.find(&tag(1))), (0, None));
        assert!(tags.register(tag(3), CustomerSlot(2)).is_ok());
    }

    #[test]
    fn registering_again_changes_nothing() {
        let tags = Tags::<u32>::new(2);
        let (handle, _) = tags.register(tag(1), CustomerSlot(1)).unwrap();
        assert_eq!(tags.register(tag(1), CustomerSlot(1)), Ok((handle, None)));
    }
}
