//! Message ids in the order in which they were applied: the latest must be known, the oldest must be forgotten.

/// What must become of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    New,
    Duplicate,
    Conflict,
    /// It is between the number of ids that must be known and the number that may be: new, or what it was.
    Either,
}

/// All ids that were applied, the oldest first.
pub(crate) struct Ids {
    applied: Vec<(u32, String, u64)>,
    len_max: usize,
}

impl Ids {
    pub(crate) fn new(len_max: u32) -> Self {
        Self {
            applied: Vec::new(),
            len_max: len_max as usize,
        }
    }

    /// What a signal is, by its sender, its id and what it says.
    pub(crate) fn expected(&self, sender: u32, message_id: &str, content: u64) -> Expected {
        let is_it = |known: &&(u32, String, u64)| known.0 == sender && known.1 == message_id;
        let mut back = self.applied.iter().rev();
        let Some(ago) = back.position(|known| is_it(&known)) else {
            return Expected::New;
        };
        let is_same = self
            .applied
            .iter()
            .rev()
            .nth(ago)
            .is_some_and(|known| known.2 == content);
        if ago < self.len_max / 2 {
            if is_same {
                Expected::Duplicate
            } else {
                Expected::Conflict
            }
        } else if ago < self.len_max {
            Expected::Either
        } else {
            Expected::New
        }
    }

    /// It was applied.
    pub(crate) fn push(&mut self, sender: u32, message_id: String, content: u64) {
        self.applied.push((sender, message_id, content));
    }

    /// One of the latest, so many back.
    pub(crate) fn back(&self, ago: usize) -> Option<&(u32, String, u64)> {
        self.applied.iter().rev().nth(ago)
    }

    /// How many must be known.
    pub(crate) const fn known_min(&self) -> usize {
        self.len_max / 2
    }
}
