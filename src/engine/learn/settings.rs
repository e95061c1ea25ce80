//! What can be set of the learner, and what it takes in memory.

use super::arm::{Arm, ArmSpec};
use super::context::FEATURES_MAX;
use super::published::Published;

/// Actions that a learner can hold.
pub const ARMS_MAX: usize = 4_096;

/// How the learner learns. The same values serve every kind of data that they were tried on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnSettings {
    /// Features of a context, 1 to [`FEATURES_MAX`]. A decide costs in proportion to none of it: short contexts are
    /// filled up with pairs.
    pub features: usize,
    /// Actions that are learned about, 1 to [`ARMS_MAX`]; further ones have their group's rate. Memory is in proportion:
    /// see [`LearnSettings::bytes_max`].
    pub arms_max: usize,
    /// In this many seconds, what was learned goes half of the way back to what was believed before; 0: never.
    pub half_life_s: u32,
    /// Share of decisions that take any of the offered actions, whatever the votes, 0 to 1. It bounds what one logged
    /// decision can weigh in an estimate, and costs at most that share of the reward.
    pub floor: f32,
    /// What an action without evidence is believed to earn, 0 to 1. A hopeful belief makes it be tried.
    pub rate: f32,
    /// What the members' disagreement, the pairs and the tries start from.
    pub seed: u64,
}

impl Default for LearnSettings {
    fn default() -> Self {
        Self {
            features: FEATURES_MAX,
            arms_max: 512,
            half_life_s: 0,
            floor: 0.002,
            rate: 0.3,
            seed: 1,
        }
    }
}

/// Why settings can't be used.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum LearnSettingsError {
    /// Too few or too many features.
    #[error("{0} features; between 1 and {FEATURES_MAX} can be learned from")]
    Features(usize),
    /// Too few or too many actions.
    #[error("room for {0} actions; between 1 and {ARMS_MAX} are possible")]
    Arms(usize),
    /// Not a share.
    #[error("a floor of {0}; it is a share between 0 and 1")]
    Floor(f32),
    /// Not a rate.
    #[error("a rate of {0}; it is between 0 and 1")]
    Rate(f32),
}

impl LearnSettings {
    /// Whether a learner can be made from them.
    ///
    /// # Errors
    /// The first value that is out of its bounds.
    pub fn check(&self) -> Result<(), LearnSettingsError> {
        if !(1..=FEATURES_MAX).contains(&self.features) {
            return Err(LearnSettingsError::Features(self.features));
        }
        if !(1..=ARMS_MAX).contains(&self.arms_max) {
            return Err(LearnSettingsError::Arms(self.arms_max));
        }
        if !(0.0..=1.0).contains(&self.floor) {
            return Err(LearnSettingsError::Floor(self.floor));
        }
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(LearnSettingsError::Rate(self.rate));
        }
        Ok(())
    }

    /// The most bytes that a learner takes with them: the writer, and two published forms, one of which readers may
    /// still hold.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        let arm = Arm::bytes(self.features) + 2 * Published::bytes_per_arm(self.features);
        self.arms_max * arm + ARMS_MAX * (OFFERED_BYTES + 2 * Published::BYTES_PER_OFFER) + FIXED_BYTES
    }
}

/// What the writer's lists and maps take for an action that is on offer, whether or not it is learned about; twice what
/// the entries are, for maps have room to grow.
const OFFERED_BYTES: usize = 2 * (size_of::<(ArmSpec, Option<usize>)>() + 2 * size_of::<(u64, usize)>());
/// Scales, hinges and sums, in the writer and in two published forms.
const FIXED_BYTES: usize = 16_384;
