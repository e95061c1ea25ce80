//! The latest presence events, for whoever watches: written without a wait, read by cursor.
//!
//! A writer takes the next number and writes the entry of that number; a reader that was too slow finds a later number
//! there and learns how many it missed. A cursor begins at the newest, so that nobody can ask where people were.
//! Deliberately absent: waking readers; the shell looks. `interleavings/tests/presence.rs` explores it
//! under loom.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Confidence, PresenceKind, StayEnd, StayEvent};
use crate::engine::slab::Slab;

/// Events that a reader may be behind before it misses some.
#[cfg(not(loom))]
pub const PRESENCE_EVENTS_LEN_MAX: u32 = 65_536;
/// Under loom every entry multiplies what there is to explore.
#[cfg(loom)]
pub const PRESENCE_EVENTS_LEN_MAX: u32 = 1;
/// Words of an entry: version, number of the event plus one, who and what, when. Who and what is the slot in 32 bits, the
/// zone in 16, the kind in 4, the end plus one in 4, and the confidence in 8.
const ENTRY_WORDS: usize = 4;

/// The latest events, and how many there were of each kind.
pub struct PresenceRing {
    entries: Slab<ENTRY_WORDS>,
    next: AtomicU64,
    counts: [AtomicU64; KINDS.len()],
}

/// Every kind, in the order of its number in an entry.
const KINDS: [PresenceKind; 4] = [
    PresenceKind::Entered,
    PresenceKind::Dwelled,
    PresenceKind::Left,
    PresenceKind::PassedBy,
];

/// Every end, in the order of its number in an entry, from 1.
const ENDS: [StayEnd; 4] = [
    StayEnd::Elsewhere,
    StayEnd::Silent,
    StayEnd::ZoneUnknown,
    StayEnd::NotLocated,
];

/// How many events there were since the start, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceCounts {
    /// `entered`.
    pub entered: u64,
    /// `dwelled`.
    pub dwelled: u64,
    /// `left`.
    pub left: u64,
    /// `passed_by`.
    pub passed_by: u64,
}

/// How far a reader has read.
#[derive(Clone, Debug)]
pub struct PresenceCursor {
    next: u64,
    missed: u64,
}

impl PresenceCursor {
    /// How many events were missed since this was asked last, whomever they were about.
    pub const fn take_missed(&mut self) -> u64 {
        std::mem::replace(&mut self.missed, 0)
    }
}

impl Default for PresenceRing {
    fn default() -> Self {
        Self {
            entries: Slab::new(PRESENCE_EVENTS_LEN_MAX as usize),
            next: AtomicU64::new(0),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl PresenceRing {
    /// Bytes of a ring.
    pub const BYTES: u64 = PRESENCE_EVENTS_LEN_MAX as u64 * ENTRY_WORDS as u64 * 8;

    /// Something happened in the stay of the customer in a slot.
    pub fn add(&self, slot: u32, event: &StayEvent) {
        if let Some(count) = self.counts.get(event.kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let number = self.next.fetch_add(1, Ordering::AcqRel);
        let end = event.end.map_or(0, |end| end as u64 + 1);
        let what = u64::from(event.zone) << 32
            | (event.kind as u64) << 48
            | end << 52
            | u64::from(event.confidence.as_byte()) << 56;
        let when = u64::from(event.step) | u64::from(event.stay_steps) << 32;
        self.entries.write(Self::entry(number), |words| {
            // A writer that was overtaken by a whole round leaves what is newer.
            if words[1] <= number {
                *words = [words[0], number + 1, u64::from(slot) | what, when];
            }
        });
    }

    /// A cursor at the newest: it reads what happens from here on.
    #[must_use]
    pub fn cursor(&self) -> PresenceCursor {
        PresenceCursor {
            next: self.next.load(Ordering::Acquire),
            missed: 0,
        }
    }

    /// The next event, with the slot of its customer; `None` when there is none yet.
    pub fn read(&self, cursor: &mut PresenceCursor) -> Option<(u32, StayEvent)> {
        loop {
            let next = self.next.load(Ordering::Acquire);
            if cursor.next >= next {
                return None;
            }
            let oldest = next.saturating_sub(PRESENCE_EVENTS_LEN_MAX.into());
            if cursor.next < oldest {
                cursor.missed += oldest - cursor.next;
                cursor.next = oldest;
            }
            let words = self.entries.read(Self::entry(cursor.next)).ok()?;
            if words[1] <= cursor.next {
                return None; // Its writer has the number and is about to write it.
            }
            let is_overwritten = words[1] > cursor.next + 1;
            cursor.next += 1;
            if !is_overwritten {
                return event(&words);
            }
            cursor.missed += 1;
        }
    }

    /// How many there were.
    #[must_use]
    pub fn counts(&self) -> PresenceCounts {
        let [entered, dwelled, left, passed_by] = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        PresenceCounts {
            entered,
            dwelled,
            left,
            passed_by,
        }
    }

    const fn entry(number: u64) -> u32 {
        (number % PRESENCE_EVENTS_LEN_MAX as u64) as u32
    }
}

fn event(&[_, _, what, when]: &[u64; ENTRY_WORDS]) -> Option<(u32, StayEvent)> {
    let event = StayEvent {
        kind: *KINDS.get((what >> 48 & 0xF) as usize)?,
        zone: (what >> 32) as u16,
        step: when as u32,
        stay_steps: (when >> 32) as u32,
        confidence: Confidence::from_byte((what >> 56) as u8),
        end: (what >> 52 & 0xF)
            .checked_sub(1)
            .and_then(|end| ENDS.get(end as usize).copied()),
    };
    Some((what as u32, event))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn at(step: u32) -> StayEvent {
        StayEvent {
            kind: PresenceKind::PassedBy,
            zone: u16::MAX,
            step,
            stay_steps: u32::MAX,
            confidence: Confidence::new(1.0),
            end: Some(StayEnd::NotLocated),
        }
    }

    #[test]
    fn a_reader_reads_each_event_once_from_where_it_began() {
        let ring = PresenceRing::default();
        ring.add(1, &at(1));
        let mut cursor = ring.cursor();
        assert_eq!(ring.read(&mut cursor), None, "what was before is not told");
        ring.add(u32::MAX, &at(2));
        ring.add(3, &at(3));
        assert_eq!(ring.read(&mut cursor), Some((u32::MAX, at(2))));
        assert_eq!(ring.read(&mut cursor), Some((3, at(3))));
        assert_eq!(ring.read(&mut cursor), None);
        assert_eq!(cursor.take_missed(), 0);
        assert_eq!(ring.counts().passed_by, 3);
    }

    #[test]
    fn a_reader_that_is_too_slow_learns_how_many_it_missed() {
        let ring = PresenceRing::default();
        let mut cursor = ring.cursor();
        (0..PRESENCE_EVENTS_LEN_MAX + 7).for_each(|step| ring.add(0, &at(step)));
        assert_eq!(ring.read(&mut cursor).map(|(_, event)| event.step), Some(7));
        assert_eq!((cursor.take_missed(), cursor.take_missed()), (7, 0));
        assert_eq!(
            std::iter::from_fn(|| ring.read(&mut cursor)).count(),
            PRESENCE_EVENTS_LEN_MAX as usize - 1
        );
    }
}
