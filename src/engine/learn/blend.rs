//! How far each model is believed: by how well it foretold what came, lately more than long ago.
//!
//! Weights fall with the exponent of the logarithmic loss (Vovk, "Aggregating strategies", COLT 1990), of an action's own
//! rewards and of all together, so that a new action starts with what is known of the others. The losses fade, so that
//! a model that learns late can win (Herbster and Warmuth, "Tracking the best expert", Machine Learning 1998).

/// The models: linear, linear with pairs, naive Bayes.
pub(super) const MODELS: usize = 3;

/// How fast weights follow losses; 0.1 and 0.5 score the same within a third of a point.
const RATE: f32 = 0.3;
/// What is left of a loss after one more; 0.98 costs half a point.
const KEPT: f32 = 0.99;
/// Loss that naive Bayes starts with: it is sure of itself too early.
const BAYES_LOSS: f32 = 3.0;
/// Probabilities are taken to be this far from 0 and 1, so that one surprise can't end a model.
const SURE_MIN: f32 = 0.02;
/// The most that the odds of naive Bayes say, in e-folds.
const LOG_ODDS_MAX: f32 = 6.0;
/// Bounds of the temper.
const TEMPER: std::ops::RangeInclusive<f32> = 0.05..=1.5;

/// Faded losses of the models.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Losses([f32; MODELS]);

impl Losses {
    pub(super) fn learn(&mut self, expected: [f32; MODELS], reward: f32) {
        for (loss, expected) in self.0.iter_mut().zip(expected) {
            let sure = expected.clamp(SURE_MIN, 1.0 - SURE_MIN);
            let surprise = -(reward * sure.ln() + (1.0 - reward) * (1.0 - sure).ln());
            *loss = *loss * KEPT + surprise;
        }
    }

    /// The weights of the models of one action; they sum to one.
    pub(super) fn weights(self, pooled: Self) -> [f32; MODELS] {
        let mut losses: [f32; MODELS] = std::array::from_fn(|model| (self.0[model] + pooled.0[model]) * 0.5);
        losses[MODELS - 1] += BAYES_LOSS;
        let least = losses.iter().copied().fold(f32::INFINITY, f32::min);
        let weights = losses.map(|loss| (RATE * (least - loss)).exp());
        let sum: f32 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }
}

/// How far the odds of naive Bayes are to be believed: features repeat one another, so that it is too sure by about the
/// same factor everywhere. Learned by gradient of the logarithmic loss with a step that falls (Duchi, Hazan and Singer,
/// "Adaptive subgradient methods", JMLR 2011).
#[derive(Clone, Copy, Debug)]
pub(super) struct Temper {
    factor: f32,
    squares: f32,
}

impl Default for Temper {
    fn default() -> Self {
        Self {
            factor: 1.0,
            squares: 0.0,
        }
    }
}

impl Temper {
    pub(super) const fn factor(self) -> f32 {
        self.factor
    }

    pub(super) fn learn(&mut self, log_odds: f32, reward: f32) {
        let tempered = (log_odds * self.factor).clamp(-LOG_ODDS_MAX, LOG_ODDS_MAX);
        let slope = (reward - chance(tempered)) * tempered / self.factor;
        self.squares += slope * slope;
        let step = 0.5 * slope / (1.0 + self.squares).sqrt();
        self.factor = (self.factor + step).clamp(*TEMPER.start(), *TEMPER.end());
    }
}

/// The probability of odds, given as their logarithm: a half plus half of the hyperbolic tangent of the half, by its
/// continued fraction, which needs no exponential and is within 0.012 of it.
#[inline]
pub(super) fn chance(log_odds: f32) -> f32 {
    let half = (log_odds * 0.5).clamp(-LOG_ODDS_MAX * 0.5, LOG_ODDS_MAX * 0.5);
    let square = half * half;
    0.5 + 0.5 * half * (27.0 + square) / (27.0 + 9.0 * square)
}
