//! The best few candidates by priority, in a fixed room.

use super::place::Chosen;
use crate::model::Factors;

/// Candidates that are kept: the answers, and spares for those whose cap another decide took meanwhile.
pub const CANDIDATES_LEN_MAX: usize = 8;

/// An action that could be the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Index of the action.
    pub action: u16,
    /// What its priority is made of.
    pub factors: Factors,
    /// Their product.
    pub priority: f32,
    /// The place it would send to.
    pub place: Option<Chosen>,
}

/// The best candidates so far, best first. Of two with the same priority the earlier action of the pack is better,
/// so that the same question gets the same answer.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    best: [Option<Candidate>; CANDIDATES_LEN_MAX],
}

impl Ranking {
    /// Takes a candidate when it is among the best.
    pub fn offer(&mut self, candidate: Candidate) {
        // Most candidates are worse than all that are kept.
        if let Some(Some(worst)) = self.best.last()
            && !is_better(&candidate, worst)
        {
            return;
        }
        let mut offered = Some(candidate);
        for kept in &mut self.best {
            let Some(new) = offered else { return };
            if kept.is_none_or(|kept| is_better(&new, &kept)) {
                offered = kept.replace(new);
            }
        }
    }

    /// The priority that a candidate must exceed to be kept.
    #[must_use]
    pub fn floor(&self) -> f32 {
        self.best
            .last()
            .copied()
            .flatten()
            .map_or(f32::NEG_INFINITY, |worst| worst.priority)
    }

    /// The candidates, best first.
    pub fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.best.iter().flatten()
    }

    /// Forgets all candidates.
    pub fn clear(&mut self) {
        self.best = Default::default();
    }
}

fn is_better(one: &Candidate, other: &Candidate) -> bool {
    match one.priority.total_cmp(&other.priority) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => one.action < other.action,
        std::cmp::Ordering::Less => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(action: u16, priority: f32) -> Candidate {
        Candidate {
            action,
            factors: Factors::default(),
            priority,
            place: None,
        }
    }

    proptest! {
        #[test]
        fn the_best_are_those_that_sorting_puts_first(priorities in prop::collection::vec(0..20_u8, 0..60)) {
            let mut ranking = Ranking::default();
            let mut all: Vec<Candidate> =
                (0_u16..).zip(&priorities).map(|(action, priority)| candidate(action, f32::from(*priority))).collect();
            for candidate in all.iter().rev() {
                ranking.offer(*candidate);
            }
            all.sort_by(|one, other| other.priority.total_cmp(&one.priority).then(one.action.cmp(&other.action)));
            all.truncate(CANDIDATES_LEN_MAX);
            prop_assert_eq!(ranking.iter().copied().collect::<Vec<_>>(), all);
        }
    }
}
