//! What was applied: each message id once, within a stated window of ids.
//!
//! Ids and contents are hashes that the caller made, so that nothing here names anybody. Two generations of a set: when
//! the younger holds half of the maximum it becomes the older, whose ids are forgotten. So at least `len_max / 2` and
//! at most `len_max` of the latest ids are known, in bounded memory. A generation lies in parts by the highest bits of
//! the id, so that neither growing nor copying one for a snapshot takes long; the window is saved part by part, the
//! younger first, because an id only ever goes from the younger to the older.
//!
//! With each generation goes the date of its latest id. When one is forgotten, that date becomes the horizon: every id
//! that was applied after it is known, so that what was made after it is applied once, and what was made before is for
//! the caller to refuse. Dates are seconds since 1970-01-01 UTC.

use std::collections::HashMap;
#[expect(
    clippy::disallowed_types,
    reason = "held for two look-ups, and only signals take it, never a decide or a sighting"
)]
use std::sync::Mutex;
use std::sync::PoisonError;

use foldhash::fast::RandomState;

use crate::planted::{Bug, planted};

/// Parts of a generation, a power of two.
const PARTS: usize = 64;

/// Parts that a window is saved in: those of the younger generation, then those of the older.
pub const WINDOW_PARTS: usize = 2 * PARTS;

/// What is known about a message id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new.
    New,
    /// It was applied with the same content.
    Duplicate,
    /// It was applied with another content.
    Conflict,
}

/// An id that was applied, and what with: hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applied {
    /// Of the sender and the id.
    pub id: u64,
    /// Of the content.
    pub content: u64,
}

/// Dates of the latest id of those that are forgotten, of the older generation and of the younger, in seconds since
/// 1970-01-01 UTC; 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Of those that are forgotten.
    pub forgotten_s: u32,
    /// Of the older generation.
    pub older_s: u32,
    /// Of the younger generation.
    pub younger_s: u32,
}

/// The message ids of late.
pub struct Recent {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    generations: Mutex<Generations>,
    half_len_max: usize,
}

#[derive(Default)]
struct Generations {
    younger: Generation,
    older: Generation,
    /// The date of the latest id that is forgotten.
    forgotten_s: u32,
}

struct Generation {
    parts: [HashMap<u64, u64, RandomState>; PARTS],
    len: usize,
    /// The date of its latest id.
    latest_s: u32,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| HashMap::default()),
            len: 0,
            latest_s: 0,
        }
    }
}

impl Recent {
    /// Remembers between `len_max / 2` and `len_max` ids.
    #[must_use]
    pub fn new(len_max: u32) -> Self {
        Self {
            generations: Default::default(),
            half_len_max: (len_max as usize / 2).max(1),
        }
    }

    /// What is known of an id. It is remembered with this content when it is new, as one of a date.
    pub fn insert(&self, applied: Applied, date_s: u32) -> Seen {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = generations.look(applied);
        if seen == Seen::New {
            generations.add(applied, date_s, self.half_len_max);
        }
        seen
    }

    /// What is known of an id; nothing changes.
    #[must_use]
    pub fn look(&self, applied: Applied) -> Seen {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.look(applied)
    }

    /// Every id that was applied after this date is known; 0: every id.
    #[must_use]
    pub fn horizon_s(&self) -> u32 {
        self.horizon().forgotten_s
    }

    /// The dates of the window.
    #[must_use]
    pub fn horizon(&self) -> Horizon {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        Horizon {
            forgotten_s: generations.forgotten_s,
            older_s: generations.older.latest_s,
            younger_s: generations.younger.latest_s,
        }
    }

    /// Puts the dates of a window back. Later ones that are known stay.
    pub fn restore_horizon(&self, horizon: Horizon) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.forgotten_s = generations.forgotten_s.max(horizon.forgotten_s);
        generations.older.latest_s = generations.older.latest_s.max(horizon.older_s);
        generations.younger.latest_s = generations.younger.latest_s.max(horizon.younger_s);
    }

    /// One part of the window, of [`WINDOW_PARTS`], in the order of the ids.
    #[must_use]
    pub fn part(&self, part: usize) -> Vec<Applied> {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let map = match part.checked_sub(PARTS) {
            None => generations.younger.parts.get(part),
            Some(part) => generations.older.parts.get(part),
        };
        let entries = map.into_iter().flatten();
        let mut copied: Vec<Applied> = entries
            .map(|(id, content)| Applied {
                id: *id,
                content: *content,
            })
            .collect();
        drop(generations);
        copied.sort_unstable();
        copied
    }

    /// Puts one part of a window back. What is known already stays; what has no room is left out.
    pub fn restore(&self, part: usize, entries: impl IntoIterator<Item = Applied>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { younger, older, .. } = &mut *generations;
        let (into, other) = if part < PARTS {
            (younger, older)
        } else {
            (older, younger)
        };
        for applied in entries {
            if into.len < self.half_len_max && other.get(applied.id).is_none() {
                into.insert(applied);
            }
        }
    }
}

impl Generations {
    fn look(&self, applied: Applied) -> Seen {
        match self.younger.get(applied.id).or_else(|| self.older.get(applied.id)) {
            Some(_) if planted(Bug::DuplicateApplied) => Seen::New,
            Some(content) if content == applied.content || planted(Bug::ConflictTakenAsDuplicate) => Seen::Duplicate,
            Some(_) => Seen::Conflict,
            None => Seen::New,
        }
    }

    fn add(&mut self, applied: Applied, date_s: u32, half_len_max: usize) {
        if self.younger.len >= half_len_max {
            self.forgotten_s = self.forgotten_s.max(self.older.latest_s);
            self.older = std::mem::take(&mut self.younger);
            if planted(Bug::MessageIdsForgottenAtOnce) {
                self.older = Generation::default();
            }
        }
        self.younger.insert(applied);
        self.younger.latest_s = self.younger.latest_s.max(date_s);
    }
}

impl Generation {
    fn get(&self, id: u64) -> Option<u64> {
        self.parts.get(part_of(id))?.get(&id).copied()
    }

    fn insert(&mut self, applied: Applied) {
        if let Some(part) = self.parts.get_mut(part_of(applied.id))
            && part.insert(applied.id, applied.content).is_none()
        {
            self.len += 1;
        }
    }
}

const fn part_of(id: u64) -> usize {
    (id >> (u64::BITS - PARTS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(id: u64, content: u64) -> Applied {
        // Spread over the parts as hashes are.
        let id = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Applied { id, content }
    }

    #[test]
    fn an_id_is_new_once_and_another_content_is_a_conflict() {
        let recent = Recent::new(8);
        assert_eq!(recent.look(applied(1, 5)), Seen::New);
        assert_eq!(recent.insert(applied(1, 5), 0), Seen::New);
        assert_eq!(recent.insert(applied(1, 5), 0), Seen::Duplicate);
        assert_eq!(recent.insert(applied(1, 6), 0), Seen::Conflict);
        assert_eq!(recent.look(applied(1, 6)), Seen::Conflict);
    }

    #[test]
    fn at_least_half_of_the_maximum_is_remembered_and_never_more_than_all() {
        let recent = Recent::new(8);
        for id in 0..100 {
            assert_eq!(recent.insert(applied(id, 0), 0), Seen::New);
            for back in 0..4.min(id) {
                assert_eq!(
                    recent.insert(applied(id - back, 0), 0),
                    Seen::Duplicate,
                    "{back} before {id}"
                );
            }
        }
        let generations = recent.generations.lock().unwrap();
        assert!(generations.younger.len + generations.older.len <= 8);
    }

    #[test]
    fn a_window_that_was_saved_and_put_back_forgets_at_the_same_moment() {
        let (before, after) = (Recent::new(100), Recent::new(100));
        for id in 0..180 {
            before.insert(applied(id, id), 0);
        }
        for part in 0..WINDOW_PARTS {
            after.restore(part, before.part(part));
        }
        for id in 180..400 {
            for known in 0..id {
                assert_eq!(before.look(applied(known, known)), after.look(applied(known, known)));
            }
            assert_eq!(before.insert(applied(id, id), 0), after.insert(applied(id, id), 0));
        }
    }

    #[test]
    fn whatever_was_applied_after_the_horizon_is_known_also_when_it_was_saved_between() {
        let mut recent = Recent::new(8);
        for id in 1..200_u32 {
            assert_eq!(recent.insert(applied(id.into(), 0), id), Seen::New);
            let horizon_s = recent.horizon_s();
            assert!(
                horizon_s < id && (id <= 8 || horizon_s >= id - 8),
                "{horizon_s} at {id}"
            );
            for earlier in horizon_s + 1..=id {
                assert_eq!(recent.look(applied(earlier.into(), 0)), Seen::Duplicate);
            }
            if id % 7 == 0 {
                let restored = Recent::new(8);
                (0..WINDOW_PARTS).for_each(|part| restored.restore(part, recent.part(part)));
                restored.restore_horizon(recent.horizon());
                recent = restored;
            }
        }
    }
}
