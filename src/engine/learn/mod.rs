//! Learning which action works: from what was offered, to whom and what came of it, to how likely the next one is to be
//! taken.
//!
//! Each action has three models of its reward. Two are Bayesian linear regressions with their whole covariance
//! (`linear`), one over the context alone, one over the context and over pairs of its features (`inputs`); the third
//! is naive Bayes over bins (`bayes`). They are blended by how well each foretold what came (`blend`), so that the
//! answer is never much behind the best of them. Eight perturbed copies of the regressions, the members, disagree as far
//! as the evidence leaves it open; each votes for an action, and the share of votes is the probability with which an
//! action is taken: exploration that ends by itself, and a propensity that is true because it is counted.
//!
//! [`Learner`] is the one writer, off the hot path. [`Published`] is what readers hold: immutable, a product of a row of
//! numbers for each member and action. Deliberately absent: clocks, threads, randomness that is not a seed, and whatever
//! was not offered: only the reward of the action that was taken is ever learned from.
//!
//! Tried over the ten orders of digits, segment and phishing and over sixteen other sets (mean reward on digits,
//! segment, phishing) and left out: one regression alone (0.854, 0.878, 0.888; with pairs 0.839, 0.885, 0.915), naive
//! Bayes alone (0.762, 0.855, 0.916), logistic instead of linear regression (0.841, 0.881, 0.883), naive Bayes as an
//! input of a second model (0.836, 0.890, 0.912, and 14 points less where most features are noise), random cosines (0.829,
//! 0.833, 0.890), 64 pairs whatever the features (0.848, 0.886, 0.913), rewards weighted four to one (0.853, 0.878,
//! 0.911), contexts in which another action was taken as weak evidence for what was believed (0.857, 0.890, 0.912, and
//! twice as dear), and failures told to the actions that were not taken, where only one can be right (0.784, 0.740).
//!
//! Reading order: `settings`, `context`, `scale` and `inputs` are what goes in, `linear`, `bayes` and `blend` the models,
//! `arm` one action's, `learner` the writer, `published` the reader, with `packed`, `estimate` what a log of decisions is
//! worth.

mod arm;
mod bayes;
mod blend;
mod context;
pub mod estimate;
mod inputs;
mod learner;
mod linear;
mod noise;
mod packed;
mod published;
mod scale;
mod settings;
#[cfg(test)]
mod tests;

pub use arm::{ArmKey, ArmSpec};
pub use context::{Context, FEATURES_MAX};
pub use learner::{Learned, Learner};
pub use linear::MEMBERS;
pub use published::{Pick, Published};
pub use settings::{ARMS_MAX, LearnSettings, LearnSettingsError};
