//! What the hubs hear of a tag that somebody surveys with, reading by reading.
//!
//! The ring is kept beside the track of the tag, under the lock that a sighting takes for it anyway: the sighting of a tag
//! that nobody watches costs one look at an empty place. A watch ends by itself. Deliberately absent: who may watch, which
//! the shell knows, and what readings mean.

#[expect(
    clippy::disallowed_types,
    reason = "few watches, looked at when somebody asks and once in a step; sightings never take it"
)]
use std::sync::{Mutex, PoisonError};

use nextbest_venue::HubIx;
use thiserror::Error;

use super::Engine;
use super::customer::{CustomerSlot, TagHandle};
use super::locate::RSSI_DBM;
use crate::model::{Purpose, TagId, Timestamp};

/// Readings that are kept of one tag: more than ten seconds of two dozen hubs that hear it ten times a second.
pub const READINGS_LEN_MAX: usize = 4_096;
/// Tags that may be watched at once.
pub const WATCHED_MAX: usize = 4;
/// A watch ends when nobody has asked for it for this long, in milliseconds.
pub const WATCH_LAPSES_MS: u64 = 10_000;

/// A hub heard a watched tag once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The hub.
    pub hub: HubIx,
    /// Signal strength.
    pub rssi_dbm: i8,
    /// How long ago.
    pub age_ms: u32,
}

/// What was heard of a watched tag since it was last asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadingsSince {
    /// Oldest first.
    pub readings: Vec<Reading>,
    /// What to ask after next time.
    pub next: u64,
    /// Readings in between that were let go.
    pub dropped: u64,
}

/// A tag cannot be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WatchError {
    /// It is not registered.
    #[error("nobody carries this tag; register it with consent to be located")]
    NotCarried,
    /// It is registered to somebody else than was said.
    #[error("somebody else carries this tag")]
    CarriedByAnother,
    /// Its carrier does not allow being located.
    #[error("the carrier of this tag does not allow being located")]
    NoConsent,
    /// Others watch.
    #[error("{WATCHED_MAX} tags are watched already; a watch ends 10 s after it was last asked for")]
    TooMany,
}

/// The watches that are open.
#[derive(Default)]
pub(super) struct Watches {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    open: Mutex<Vec<Watch>>,
}

struct Watch {
    handle: TagHandle,
    asked: Timestamp,
}

/// The readings of one tag. Numbers begin at the microsecond at which the watch was opened, so that those of a later
/// watch are higher: a tag is not heard a million times in a second.
#[derive(Debug)]
pub(super) struct Readings {
    first: u64,
    next: u64,
    ring: Box<[Kept]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    hub: u16,
    rssi_dbm: i8,
    at_ms: u64,
}

impl Readings {
    fn new(now: Timestamp) -> Self {
        let first = now.as_micros();
        Self {
            first,
            next: first,
            ring: vec![Kept::default(); READINGS_LEN_MAX].into_boxed_slice(),
        }
    }

    /// Keeps a reading in the place of the oldest.
    pub(super) fn add(&mut self, now: Timestamp, hub: u16, rssi_dbm: i8, age_ms: u32) {
        if !RSSI_DBM.contains(&rssi_dbm) {
            return;
        }
        let place = Self::place(self.next);
        if let Some(kept) = self.ring.get_mut(place) {
            *kept = Kept {
                hub,
                rssi_dbm,
                at_ms: now.as_millis().saturating_sub(u64::from(age_ms)),
            };
            self.next += 1;
        }
    }

    fn since(&self, now: Timestamp, after: u64, len_max: usize) -> ReadingsSince {
        let oldest = self.first.max(self.next.saturating_sub(READINGS_LEN_MAX as u64));
        let from = after.clamp(self.first, self.next);
        let begin = from.max(oldest);
        let end = self.next.min(begin + len_max as u64);
        let reading = |number: u64| {
            let kept = self.ring.get(Self::place(number))?;
            Some(Reading {
                hub: HubIx(kept.hub),
                rssi_dbm: kept.rssi_dbm,
                age_ms: u32::try_from(now.as_millis().saturating_sub(kept.at_ms)).unwrap_or(u32::MAX),
            })
        };
        ReadingsSince {
            readings: (begin..end).filter_map(reading).collect(),
            next: end,
            dropped: begin - from,
        }
    }

    const fn place(number: u64) -> usize {
        (number % READINGS_LEN_MAX as u64) as usize
    }
}

impl Engine {
    /// What was heard of a tag that `customer` carries after a reading, at most `len_max` of them. Begins to watch the
    /// tag; it is watched until nobody has asked for [`WATCH_LAPSES_MS`].
    ///
    /// # Errors
    /// [`WatchError`] when it may not be watched.
    pub fn watch_readings(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        tag: &TagId,
        after: u64,
        len_max: usize,
    ) -> Result<ReadingsSince, WatchError> {
        let handle = self.tags.find(tag).ok_or(WatchError::NotCarried)?;
        let owner = self.tags.owner(handle).ok_or(WatchError::NotCarried)?;
        if owner != customer {
            return Err(WatchError::CarriedByAnother);
        }
        if !self.allows(now, owner, Purpose::Location) {
            return Err(WatchError::NoConsent);
        }
        self.keep_watching(now, handle)?;
        let since = self.tags.with_track(handle, |tracked| {
            let readings = tracked.readings.get_or_insert_with(|| Box::new(Readings::new(now)));
            readings.since(now, after, len_max)
        });
        since.ok_or(WatchError::NotCarried)
    }

    fn keep_watching(&self, now: Timestamp, handle: TagHandle) -> Result<(), WatchError> {
        let mut open = self.watches.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.end_lapsed(now, &mut open);
        if let Some(watch) = open.iter_mut().find(|watch| watch.handle == handle) {
            watch.asked = now;
        } else if open.len() < WATCHED_MAX {
            open.push(Watch { handle, asked: now });
        } else {
            return Err(WatchError::TooMany);
        }
        Ok(())
    }

    /// Lets go of the readings that nobody asks for any more.
    pub(super) fn lapse_watches(&self, now: Timestamp) {
        let mut open = self.watches.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.end_lapsed(now, &mut open);
    }

    fn end_lapsed(&self, now: Timestamp, open: &mut Vec<Watch>) {
        open.retain(|watch| {
            // A tag that was given back has lost its readings already.
            let is_carried = self.tags.owner(watch.handle).is_some();
            let is_asked = now.since(watch.asked).as_millis() < u128::from(WATCH_LAPSES_MS);
            if !is_asked {
                self.tags.with_track(watch.handle, |tracked| tracked.readings = None);
            }
            is_carried && is_asked
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn each_reading_comes_once_and_what_was_overwritten_is_counted() {
        let mut readings = Readings::new(at(1_000));
        for number in 0..10_u16 {
            readings.add(at(1_000), number, -60, 0);
        }
        let begun = readings.since(at(1_500), 0, 4);
        let hubs: Vec<u16> = begun.readings.iter().map(|reading| reading.hub.0).collect();
        assert_eq!((hubs, begun.dropped), (vec![0, 1, 2, 3], 0));
        assert_eq!(begun.readings[0].age_ms, 500);
        let rest = readings.since(at(1_500), begun.next, 100);
        assert_eq!((rest.readings.len(), rest.readings[0].hub.0), (6, 4));
        assert!(readings.since(at(1_500), rest.next, 100).readings.is_empty());
        for _ in 0..READINGS_LEN_MAX + 3 {
            readings.add(at(2_000), 7, -70, 0);
        }
        let late = readings.since(at(2_000), rest.next, READINGS_LEN_MAX);
        assert_eq!((late.readings.len(), late.dropped), (READINGS_LEN_MAX, 3));
    }

    #[test]
    fn a_number_of_an_earlier_watch_asks_for_all_of_a_later_one() {
        let mut earlier = Readings::new(at(1_000));
        (0..500).for_each(|_| earlier.add(at(1_000), 1, -60, 0));
        let next = earlier.since(at(1_001), 0, 1_000).next;
        let mut later = Readings::new(at(20_000));
        later.add(at(20_000), 2, -50, 0);
        let since = later.since(at(20_000), next, 10);
        assert_eq!((since.readings.len(), since.dropped), (1, 0));
    }

    #[test]
    fn what_no_radio_gives_is_no_reading() {
        let mut readings = Readings::new(at(0));
        readings.add(at(0), 1, 127, 0);
        assert!(readings.since(at(0), 0, 10).readings.is_empty());
    }
}
