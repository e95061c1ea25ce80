//! What readers hold: immutable, quick to ask, and able to say how probable its answer was.
//!
//! The blend's weights are known when it is published, so that both regressions are one row of numbers, and so is each
//! member. A pick is nine products with the inputs for each action, in small whole numbers, and a sum of logarithms.

use std::sync::Arc;

use wide::{f32x4, i16x8};

use super::arm::Arm;
use super::blend::{Losses, Temper, chance};
use super::context::{Context, FEATURES_MAX};
use super::inputs::Shape;
use super::linear::{MEMBERS, Weights};
use super::noise::{mixed, share};
use super::packed::{PACKED, Ratios, Row, pack_inputs, pack_ratios, pack_weights, products, ratios_sum};
use super::scale::Scale;

/// Rows of an action: the mean, then the members.
const ROWS: usize = MEMBERS + 1;

/// One action to readers.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// By inputs first, so that a pick reads memory in order.
    rows: Box<[[i16x8; ROWS]; PACKED]>,
    /// What each row's sum is to be multiplied by.
    scales: [f32; ROWS],
    /// Tempered ratios of naive Bayes.
    ratios: Vec<Ratios>,
    base: f32,
    /// How far naive Bayes is believed.
    bayes: f32,
    evidence: f32,
}

impl Form {
    pub(super) fn new(arm: &Arm, losses: Losses, temper: Temper) -> Self {
        let [plain, paired, bayes] = arm.losses.weights(losses);
        let (plain, paired) = (f32x4::splat(plain), f32x4::splat(paired));
        let mut rows = Box::new([[i16x8::ZERO; ROWS]; PACKED]);
        let mut scales = [0.0; ROWS];
        let members = arm.plain.members.iter().zip(&arm.paired.members);
        let each = std::iter::once((&arm.plain.mean, &arm.paired.mean)).chain(members);
        for (row, ((a, b), scale)) in each.zip(&mut scales).enumerate() {
            let folded: Weights = std::array::from_fn(|at| a[at] * plain + b[at] * paired);
            let (packed, unit) = pack_weights(&folded);
            *scale = unit;
            for (cells, packed) in rows.iter_mut().zip(packed) {
                cells[row] = packed;
            }
        }
        let factor = temper.factor();
        Self {
            rows,
            scales,
            ratios: pack_ratios(&arm.bayes.ratios, factor),
            base: arm.bayes.base() * factor,
            bayes,
            evidence: arm.evidence,
        }
    }

    /// What the mean expects, and what each member believes: at least that, for what it doubts may be better. Inlined,
    /// because its nine numbers would otherwise go through memory: an eighth of a pick.
    #[inline(always)]
    fn scores(&self, inputs: &Packed) -> (f32, [f32; MEMBERS]) {
        let mut sums = products(&self.rows, &inputs.row);
        for (sum, scale) in sums.iter_mut().zip(&self.scales) {
            *sum *= scale;
        }
        let bayes = self.bayes * chance(self.base + ratios_sum(&self.ratios, &inputs.bins));
        let [mean, mut members @ ..] = sums;
        for member in &mut members {
            *member = member.max(mean) + bayes;
        }
        (mean + bayes, members)
    }
}

/// One context as readers see it.
struct Packed {
    row: Row,
    bins: [u8; FEATURES_MAX],
}

/// An action that was picked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// Which of the actions on offer, from 0.
    pub action: u16,
    /// The probability with which it was picked, whatever the seed, above 0.
    pub probability: f32,
    /// What it is expected to earn, 0 to 1.
    pub propensity: f32,
}

/// What was learned, as readers see it.
#[derive(Clone, Debug)]
pub struct Published {
    floor: f32,
    shape: Arc<Shape>,
    scale: Scale,
    /// Per action in the order of its generation; a rate for one that nothing is learned about.
    forms: Vec<Result<Form, f32>>,
}

impl Published {
    pub(super) const fn new(floor: f32, shape: Arc<Shape>, scale: Scale, forms: Vec<Result<Form, f32>>) -> Self {
        Self {
            floor,
            shape,
            scale,
            forms,
        }
    }

    /// Bytes of one action on offer.
    pub(super) const BYTES_PER_OFFER: usize = size_of::<Result<Form, f32>>();

    /// Bytes of one action that is learned about, beyond those.
    pub(super) const fn bytes_per_arm(features: usize) -> usize {
        PACKED * size_of::<[i16x8; ROWS]>() + features.div_ceil(4) * size_of::<Ratios>()
    }

    /// Actions that it knows of.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.forms.len()
    }

    /// Whether it knows of none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Picks one of the offered actions, given by their numbers in their generation; the same for the same seed. `None`
    /// when none is offered. Allocates nothing.
    #[must_use]
    pub fn pick(&self, context: &Context, offered: &[u16], seed: u64) -> Option<Pick> {
        let inputs = self.packed(context);
        let votes = self.votes(&inputs, offered);
        let first = mixed(seed);
        let second = mixed(first);
        let (at, mean) = if share(first) < self.floor {
            let at = (second % offered.len().max(1) as u64) as usize;
            (at, self.scores(&inputs, *offered.get(at)?).0)
        } else {
            let member = (second % MEMBERS as u64) as usize;
            (*votes.of.get(member)?, *votes.means.get(member)?)
        };
        let action = *offered.get(at)?;
        Some(Pick {
            action,
            probability: self.probability(&votes, at, offered.len()),
            propensity: mean.clamp(0.0, 1.0),
        })
    }

    /// The probability with which [`Published::pick`] takes each of the offered actions, in their order.
    #[must_use]
    pub fn probabilities(&self, context: &Context, offered: &[u16]) -> Vec<f32> {
        let votes = self.votes(&self.packed(context), offered);
        (0..offered.len())
            .map(|at| self.probability(&votes, at, offered.len()))
            .collect()
    }

    /// What each offered action is expected to earn, 0 to 1, in their order.
    #[must_use]
    pub fn propensities(&self, context: &Context, offered: &[u16]) -> Vec<f32> {
        let inputs = self.packed(context);
        offered
            .iter()
            .map(|action| self.scores(&inputs, *action).0.clamp(0.0, 1.0))
            .collect()
    }

    /// Plays that were learned from, faded: 0 for an action that only its group speaks for.
    #[must_use]
    pub fn evidence(&self, action: u16) -> f32 {
        match self.forms.get(usize::from(action)) {
            Some(Ok(form)) => form.evidence,
            Some(Err(_)) | None => 0.0,
        }
    }

    #[inline]
    fn packed(&self, context: &Context) -> Packed {
        let inputs = self.shape.inputs(&self.scale, context);
        Packed {
            row: pack_inputs(&inputs.vectors),
            bins: inputs.bins,
        }
    }

    fn probability(&self, votes: &Votes, at: usize, offered_len: usize) -> f32 {
        let voters = votes.of.iter().filter(|vote| **vote == at).count();
        (1.0 - self.floor) * voters as f32 / MEMBERS as f32 + self.floor / offered_len as f32
    }

    #[inline]
    fn votes(&self, inputs: &Packed, offered: &[u16]) -> Votes {
        let mut votes = Votes {
            scores: [f32::NEG_INFINITY; MEMBERS],
            of: [0; MEMBERS],
            means: [0.0; MEMBERS],
        };
        for (at, action) in offered.iter().enumerate() {
            let (mean, scores) = self.scores(inputs, *action);
            votes.see(at, mean, scores);
        }
        votes
    }

    #[inline(always)]
    fn scores(&self, inputs: &Packed, action: u16) -> (f32, [f32; MEMBERS]) {
        match self.forms.get(usize::from(action)) {
            Some(Ok(form)) => form.scores(inputs),
            Some(Err(rate)) => (*rate, [*rate; MEMBERS]),
            None => (0.0, [0.0; MEMBERS]),
        }
    }
}

/// What each member votes for: the first of equals.
struct Votes {
    /// The best score that each has seen.
    scores: [f32; MEMBERS],
    /// Which offer has it.
    of: [usize; MEMBERS],
    /// What that offer's mean expects.
    means: [f32; MEMBERS],
}

impl Votes {
    #[inline]
    fn see(&mut self, offer: usize, mean: f32, scores: [f32; MEMBERS]) {
        let each = self
            .scores
            .iter_mut()
            .zip(&mut self.of)
            .zip(&mut self.means)
            .zip(scores);
        for (((best, of), best_mean), score) in each {
            let is_better = score > *best;
            *of = if is_better { offer } else { *of };
            *best_mean = if is_better { mean } else { *best_mean };
            *best = if is_better { score } else { *best };
        }
    }
}
