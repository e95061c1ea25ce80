//! Store and forward: what was heard and not yet acknowledged, with its sequence numbers.
//!
//! Sightings enter at the back with the next number. A batch is read from a cursor and stays in the store; an
//! acknowledgement drops everything before its number. After a break the cursor goes back to the oldest, so
//! nothing that the gateway has not taken is lost, unless the store ran over: then the oldest goes and is
//! counted, because the gateway has more use for where people are than for where they were.

use nextbest_proto::advert::Identity;

use super::ring::Ring;

/// A sighting as it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) identity: Identity,
    pub(super) rssi_dbm: i8,
    /// When it was heard, by the hub's clock.
    pub(super) heard_local_ms: u64,
}

#[derive(Debug)]
pub(super) struct Store {
    ring: Ring<Stored>,
    /// The sequence number of the oldest entry, or of the next one when the store is empty.
    oldest: u64,
    /// The sequence number to send next; between `oldest` and one past the youngest.
    cursor: u64,
    dropped: u64,
}

impl Store {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ring: Ring::new(capacity),
            oldest: 0,
            cursor: 0,
            dropped: 0,
        }
    }

    pub(super) fn push(&mut self, sighting: Stored) {
        if self.ring.push(sighting).is_some() {
            self.dropped += 1;
            self.oldest += 1;
            self.cursor = self.cursor.max(self.oldest);
        }
    }

    /// Everything before `next_sequence` has been taken by the gateway.
    pub(super) fn taken_before(&mut self, next_sequence: u64) {
        let taken = next_sequence.saturating_sub(self.oldest).min(self.ring.len() as u64);
        self.ring.drop_front(taken as usize);
        self.oldest += taken;
        if self.ring.len() == 0 {
            // A gateway that knows more of this boot than the hub does has the last word on its numbers.
            self.oldest = self.oldest.max(next_sequence);
        }
        self.cursor = self.cursor.max(self.oldest);
    }

    /// The session ended: what was sent may be lost, so it is sent again.
    pub(super) fn rewind(&mut self) {
        self.cursor = self.oldest;
    }

    /// The sequence number of the oldest entry.
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// The sequence number of the next sighting to send.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// How many wait, sent or not.
    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }

    /// How many wait to be sent.
    pub(super) fn unsent(&self) -> usize {
        self.ring.len() - self.sent()
    }

    /// The unsent sighting at `position`, 0 being the one at the cursor.
    pub(super) fn unsent_nth(&self, position: usize) -> Option<Stored> {
        self.ring.nth(self.sent() + position)
    }

    /// The next `count` sightings have gone out.
    pub(super) fn advance(&mut self, count: usize) {
        self.cursor += count.min(self.unsent()) as u64;
    }

    /// How many were lost because the store was full.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn sent(&self) -> usize {
        (self.cursor - self.oldest) as usize
    }
}
