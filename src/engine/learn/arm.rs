//! What is learned of one action, and how it is named across generations.

use super::bayes::Bayes;
use super::blend::{Losses, MODELS, Temper, chance};
use super::inputs::{INPUTS, Inputs};
use super::linear::Linear;
use super::noise::Noise;

/// Firmness of the belief that features don't matter, as a precision for each input: the more inputs, the less each is
/// believed. Half as much again of either loses a third of a point on digits.
const FIRMNESS_PAIRED: f32 = 0.1;
/// The same of the model without pairs.
const FIRMNESS_PLAIN: f32 = 0.2;
/// In how many steps a half-life is walked; between them nothing fades.
const STEPS_PER_HALF_LIFE: u32 = 64;

/// An action's name, the same in every generation: a stable hash of what the pack calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArmKey(pub u64);

/// An action as a generation offers it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArmSpec {
    /// Which action.
    pub key: ArmKey,
    /// Whose experience it starts with.
    pub group: u64,
    /// What it is believed to earn while neither it nor its group has any evidence, 0 to 1.
    pub rate: f32,
}

/// One action's models.
#[derive(Clone, Debug)]
pub(super) struct Arm {
    pub(super) key: ArmKey,
    pub(super) plain: Linear,
    pub(super) paired: Linear,
    pub(super) bayes: Bayes,
    pub(super) losses: Losses,
    /// Plays that were learned from, faded.
    pub(super) evidence: f32,
    /// When it last learned.
    pub(super) learned_s: u32,
    faded_s: u32,
}

impl Arm {
    pub(super) fn new(
        key: ArmKey,
        features: usize,
        plain_len: usize,
        rate: f32,
        now_s: u32,
        noise: &mut Noise,
    ) -> Self {
        Self {
            key,
            plain: Linear::new(plain_len, FIRMNESS_PLAIN, rate, noise),
            paired: Linear::new(INPUTS, FIRMNESS_PAIRED, rate, noise),
            bayes: Bayes::new(features),
            losses: Losses::default(),
            evidence: 0.0,
            learned_s: now_s,
            faded_s: now_s,
        }
    }

    /// Bytes of one action, what it points to included.
    pub(super) const fn bytes(features: usize) -> usize {
        let covariances = Linear::covariance_bytes(INPUTS) + Linear::covariance_bytes(1 + features);
        size_of::<Self>() + covariances + Bayes::bytes(features)
    }

    /// What each model expects of a context.
    pub(super) fn expect(&self, inputs: &Inputs, temper: Temper) -> [f32; MODELS] {
        [
            self.plain.expect(&inputs.vectors),
            self.paired.expect(&inputs.vectors),
            chance(self.bayes.log_odds(inputs) * temper.factor()),
        ]
    }

    pub(super) fn learn(&mut self, inputs: &Inputs, reward: f32, now_s: u32, noise: &mut Noise) {
        self.plain.learn(&inputs.vectors, reward, noise);
        self.paired.learn(&inputs.vectors, reward, noise);
        self.bayes.learn(inputs, reward);
        self.evidence += 1.0;
        self.learned_s = now_s;
    }

    /// Fades by the time since it last did, when that is a step of the half-life or more.
    pub(super) fn fade(&mut self, now_s: u32, half_life_s: u32, noise: &mut Noise) {
        if let Some(kept) = kept_since(&mut self.faded_s, now_s, half_life_s) {
            self.plain.fade(kept, noise);
            self.paired.fade(kept, noise);
            self.bayes.fade(kept);
            self.evidence *= kept;
        }
    }
}

/// What is kept since a moment, which becomes `now_s`; `None` while less than a step has passed, or when nothing fades.
pub(super) fn kept_since(faded_s: &mut u32, now_s: u32, half_life_s: u32) -> Option<f32> {
    let elapsed_s = now_s.saturating_sub(*faded_s);
    if half_life_s == 0 || elapsed_s == 0 || elapsed_s < half_life_s / STEPS_PER_HALF_LIFE {
        return None;
    }
    *faded_s = now_s;
    Some((-(elapsed_s as f32 / half_life_s as f32)).exp2())
}
