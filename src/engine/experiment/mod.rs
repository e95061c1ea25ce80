//! Experiments: who gets which arm, what an arm is worth, and whether the split is what it should be.
//!
//! Who is in which arm follows from their id and the experiment's seed alone ([`bucket`]): nothing is stored, every
//! gateway agrees, and whoever has a GrowthBook SDK computes the same. Intervals ([`lift`]) and the check of the split
//! ([`ratio`]) hold at every look, so that somebody may look each day and stop when they like. Deliberately absent: what
//! an arm does, and where counts are kept.

pub mod bucket;
pub mod lift;
pub mod ratio;

use bucket::{BucketError, Ranges, share_of};

/// The version of the hash that assigns.
const HASH_VERSION: u32 = 2;

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// In the holdout: nothing may be personal, and nothing is learned from them.
    Holdout,
    /// In the arm of this number.
    Arm(usize),
    /// In no arm: the experiment does not cover everybody.
    Outside,
}

/// An experiment, as it assigns.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    seed: String,
    holdout_seed: String,
    holdout_share: f64,
    ranges: Ranges,
}

impl Experiment {
    /// With a seed of its own, arms of these weights and a coverage between 0 and 1. Who is held out depends on
    /// `holdout_seed` alone: experiments that share one hold out the same people.
    ///
    /// # Errors
    /// [`BucketError`] for more arms than there is room for, or a share that is none.
    pub fn new(
        seed: &str,
        coverage: f64,
        weights: &[f64],
        holdout_seed: &str,
        holdout_share: f64,
    ) -> Result<Self, BucketError> {
        if !(0.0..=1.0).contains(&holdout_share) {
            return Err(BucketError::Share(holdout_share));
        }
        if !(0.0..=1.0).contains(&coverage) {
            return Err(BucketError::Share(coverage));
        }
        if let Some(weight) = weights.iter().find(|weight| !(0.0..=1.0).contains(*weight)) {
            return Err(BucketError::Share(*weight));
        }
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > bucket::WEIGHTS_OFF_MAX {
            return Err(BucketError::Sum(sum));
        }
        Ok(Self {
            seed: seed.to_owned(),
            holdout_seed: holdout_seed.to_owned(),
            holdout_share,
            ranges: Ranges::new(weights.len(), coverage, Some(weights))?,
        })
    }

    /// Where somebody is, by their id. Allocates nothing.
    #[must_use]
    pub fn assign(&self, id: &str) -> Assignment {
        let is_held = share_of(&self.holdout_seed, id, HASH_VERSION).is_some_and(|share| share < self.holdout_share);
        if is_held {
            return Assignment::Holdout;
        }
        let arm = share_of(&self.seed, id, HASH_VERSION).and_then(|share| self.ranges.choose(share));
        arm.map_or(Assignment::Outside, Assignment::Arm)
    }
}
