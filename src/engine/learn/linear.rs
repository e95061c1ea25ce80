//! Bayesian linear regression of one action's reward, with its whole covariance and with members that disagree.
//!
//! One reward costs one rank-one update (Sherman and Morrison, Annals of Mathematical Statistics 1950). A member is the
//! same regression with noise added to its start and to each reward it sees; its spread around the mean is the
//! posterior's (ensemble sampling: Lu and Van Roy, NIPS 2017), without a product with the covariance in a decide.
//!
//! Forgetting is a stated drift: weights wander around what was believed first (Ornstein and Uhlenbeck), so that after
//! a half-life the mean is half way back and the covariance has gone with it, and neither can run away.

use wide::f32x4;

use super::inputs::{INPUTS, VECTORS};
use super::noise::Noise;

/// Copies that disagree. With 12 the reward is the same and a pick costs a third more; with 6 the mean over seventeen sets
/// is a point lower.
pub const MEMBERS: usize = 8;

/// Deviation of the members' noise, in reward. With 0.04 and with 0.14 digits loses two thirds of a point.
const NOISE: f32 = 0.08;
/// Least variance of a direction that a rounding error may leave, before the covariance starts anew.
const SPREAD_MIN: f32 = 1e-12;

/// A row of weights.
pub(super) type Weights = [f32x4; VECTORS];

/// One regression over the first `len` inputs.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    len: usize,
    /// Precision of each weight before any evidence.
    precision: f32,
    /// What the reward was believed to be before any evidence: the constant's weight.
    rate: f32,
    pub(super) mean: Weights,
    pub(super) members: [Weights; MEMBERS],
    /// `len` rows of as many vectors as hold `len` numbers.
    covariance: Vec<f32x4>,
}

impl Linear {
    /// Over so many inputs, with a precision of `firmness` for each, believing in `rate`.
    pub(super) fn new(len: usize, firmness: f32, rate: f32, noise: &mut Noise) -> Self {
        let len = len.clamp(1, INPUTS);
        let precision = firmness * len as f32;
        let mean = constant(rate);
        let spread = NOISE / precision.sqrt();
        let members = std::array::from_fn(|_| added(&mean, &normal(len, noise), spread));
        let covariance = vec![f32x4::ZERO; len * vectors(len)];
        let mut linear = Self {
            len,
            precision,
            rate,
            mean,
            members,
            covariance,
        };
        linear.forget_covariance();
        linear
    }

    /// Bytes of the covariance of so many inputs.
    pub(super) const fn covariance_bytes(len: usize) -> usize {
        len * vectors(len) * size_of::<f32x4>()
    }

    /// What the mean expects. Inputs beyond `len` have no weight.
    pub(super) fn expect(&self, inputs: &Weights) -> f32 {
        dot(&self.mean, inputs)
    }

    /// Learns that these inputs earned `reward`.
    pub(super) fn learn(&mut self, inputs: &Weights, reward: f32, noise: &mut Noise) {
        let row = vectors(self.len);
        let mut gain = [0.0; INPUTS];
        for (gain, row) in gain.iter_mut().zip(self.covariance.chunks_exact(row)) {
            *gain = dot(row, inputs);
        }
        let vectors: Weights = std::array::from_fn(|at| f32x4::new(std::array::from_fn(|lane| gain[at * 4 + lane])));
        let spread = dot(&vectors, inputs);
        if spread.is_nan() || spread < SPREAD_MIN {
            self.forget_covariance();
            return;
        }
        let share = (1.0 + spread).recip();
        let error = reward - self.expect(inputs);
        self.mean = added(&self.mean, &vectors, share * error);
        for member in &mut self.members {
            let error = reward + NOISE * noise.normal() - dot(member, inputs);
            *member = added(member, &vectors, share * error);
        }
        for (gain, row) in gain.iter().zip(self.covariance.chunks_exact_mut(row)) {
            let taken = f32x4::splat(-gain * share);
            for (cell, vector) in row.iter_mut().zip(&vectors) {
                *cell += taken * *vector;
            }
        }
    }

    /// Goes back toward what was believed first; 1 keeps all, 0.5 is half of the way.
    pub(super) fn fade(&mut self, kept: f32, noise: &mut Noise) {
        let start = constant(self.rate);
        let faded = |weights: &Weights| -> Weights {
            std::array::from_fn(|at| start[at] + (weights[at] - start[at]) * f32x4::splat(kept))
        };
        self.mean = faded(&self.mean);
        let lost = 1.0 - kept * kept;
        let spread = NOISE * (lost / self.precision).sqrt();
        for member in &mut self.members {
            *member = added(&faded(member), &normal(self.len, noise), spread);
        }
        for cell in &mut self.covariance {
            *cell *= f32x4::splat(kept * kept);
        }
        self.add_to_diagonal(lost / self.precision);
    }

    fn forget_covariance(&mut self) {
        self.covariance.fill(f32x4::ZERO);
        self.add_to_diagonal(self.precision.recip());
    }

    fn add_to_diagonal(&mut self, variance: f32) {
        let row = vectors(self.len);
        for (at, row) in self.covariance.chunks_exact_mut(row).enumerate() {
            let unit = f32x4::new(std::array::from_fn(|lane| if lane == at % 4 { variance } else { 0.0 }));
            if let Some(cell) = row.get_mut(at / 4) {
                *cell += unit;
            }
        }
    }
}

/// Vectors that hold so many numbers.
const fn vectors(len: usize) -> usize {
    len.div_ceil(4)
}

/// The product of two rows, as far as the shorter goes.
#[inline]
pub(super) fn dot(a: &[f32x4], b: &[f32x4]) -> f32 {
    let mut sum = f32x4::ZERO;
    for (a, b) in a.iter().zip(b) {
        sum += *a * *b;
    }
    sum.reduce_add()
}

/// `a + b * factor`.
pub(super) fn added(a: &Weights, b: &Weights, factor: f32) -> Weights {
    std::array::from_fn(|at| a[at] + b[at] * f32x4::splat(factor))
}

/// Nothing but the constant's weight.
fn constant(rate: f32) -> Weights {
    let mut weights = [f32x4::ZERO; VECTORS];
    weights[0] = f32x4::new([rate, 0.0, 0.0, 0.0]);
    weights
}

/// Noise for the first `len` weights.
fn normal(len: usize, noise: &mut Noise) -> Weights {
    std::array::from_fn(|at| {
        f32x4::new(std::array::from_fn(|lane| {
            if at * 4 + lane < len { noise.normal() } else { 0.0 }
        }))
    })
}
