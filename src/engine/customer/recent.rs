//! Which signals were applied: each message id once, within a stated window of ids.
//!
//! Two generations of a set: when the younger holds half of the maximum it becomes the older, whose ids are
//! forgotten. So at least `len_max / 2` and at most `len_max` of the latest ids are known, in bounded memory.

use std::collections::HashMap;
use std::hash::BuildHasher;
#[expect(
    clippy::disallowed_types,
    reason = "held for two look-ups, and only signals take it, never a decide or a sighting"
)]
use std::sync::Mutex;
use std::sync::PoisonError;

use foldhash::fast::RandomState;

use crate::planted::{Bug, planted};

/// What is known about a message id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new, and from here on it is known.
    New,
    /// It was applied with the same content.
    Duplicate,
    /// It was applied with another content.
    Conflict,
}

/// The message ids of late.
pub struct Recent {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    generations: Mutex<Generations>,
    hasher: RandomState,
    half_len_max: usize,
}

#[derive(Default)]
struct Generations {
    younger: HashMap<u64, u64, RandomState>,
    older: HashMap<u64, u64, RandomState>,
}

impl Recent {
    /// Remembers between `len_max / 2` and `len_max` ids.
    #[must_use]
    pub fn new(len_max: u32) -> Self {
        let half_len_max = (len_max as usize / 2).max(1);
        Self {
            generations: Default::default(),
            hasher: RandomState::default(),
            half_len_max,
        }
    }

    /// Looks an id of a customer up and remembers it. `content` is a hash of what the signal says.
    pub fn insert(&self, customer: u32, message_id: &str, content: u64) -> Seen {
        let key = self.hasher.hash_one((customer, message_id));
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let known = generations
            .younger
            .get(&key)
            .or_else(|| generations.older.get(&key))
            .copied();
        match known {
            Some(_) if planted(Bug::DuplicateApplied) => Seen::New,
            Some(known) if known == content || planted(Bug::ConflictTakenAsDuplicate) => Seen::Duplicate,
            Some(_) => Seen::Conflict,
            None => {
                if generations.younger.len() >= self.half_len_max {
                    generations.older = std::mem::take(&mut generations.younger);
                    if planted(Bug::MessageIdsForgottenAtOnce) {
                        generations.older.clear();
                    }
                }
                generations.younger.insert(key, content);
                Seen::New
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_another_content_is_a_conflict() {
        let recent = Recent::new(8);
        assert_eq!(recent.insert(1, "a", 5), Seen::New);
        assert_eq!(recent.insert(1, "a", 5), Seen::Duplicate);
        assert_eq!(recent.insert(1, "a", 6), Seen::Conflict);
        assert_eq!(recent.insert(2, "a", 6), Seen::New, "ids are each customer's own");
    }

    #[test]
    fn at_least_half_of_the_maximum_is_remembered_and_never_more_than_all() {
        let recent = Recent::new(8);
        for id in 0..100 {
            assert_eq!(recent.insert(1, &id.to_string(), 0), Seen::New);
            for back in 0..4.min(id) {
                assert_eq!(
                    recent.insert(1, &(id - back).to_string(), 0),
                    Seen::Duplicate,
                    "{back} before {id}"
                );
            }
        }
        let generations = recent.generations.lock().unwrap();
        assert!(generations.younger.len() + generations.older.len() <= 8);
    }
}
