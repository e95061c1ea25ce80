//! A ring of a fixed length over memory that is allocated once, at boot.
//!
//! The scan queue and the store are both rings. A full ring overwrites its oldest entry, because what was
//! heard last is worth most; the caller is told, so that every loss is counted. It never grows.

use alloc::{boxed::Box, vec};

#[derive(Debug)]
pub(super) struct Ring<T> {
    slots: Box<[Option<T>]>,
    head: usize,
    len: usize,
}

impl<T: Copy> Ring<T> {
    /// An empty ring of `capacity` entries, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            slots: vec![None; capacity.max(1)].into_boxed_slice(),
            head: 0,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends an entry and returns the oldest one when it had to go for it.
    pub(super) fn push(&mut self, entry: T) -> Option<T> {
        let evicted = if self.len == self.slots.len() { self.pop() } else { None };
        let at = self.slot(self.len);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(entry);
            self.len += 1;
        }
        evicted
    }

    /// Takes the oldest entry.
    pub(super) fn pop(&mut self) -> Option<T> {
        let oldest = self.nth(0)?;
        self.drop_front(1);
        Some(oldest)
    }

    /// The entry at `position`, 0 being the oldest.
    pub(super) fn nth(&self, position: usize) -> Option<T> {
        if position >= self.len {
            return None;
        }
        self.slots.get(self.slot(position)).copied().flatten()
    }

    /// Forgets the oldest `count` entries.
    pub(super) fn drop_front(&mut self, count: usize) {
        let count = count.min(self.len);
        self.head = self.slot(count);
        self.len -= count;
    }

    fn slot(&self, position: usize) -> usize {
        (self.head + position) % self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_gives_up_its_oldest_entry() {
        let mut ring = Ring::new(3);
        assert_eq!(
            [1, 2, 3, 4, 5].map(|entry| ring.push(entry)),
            [None, None, None, Some(1), Some(2)]
        );
        assert_eq!([ring.nth(0), ring.nth(2), ring.nth(3)], [Some(3), Some(5), None]);
        ring.drop_front(2);
        assert_eq!((ring.pop(), ring.pop(), ring.len()), (Some(5), None, 0));
    }
}
