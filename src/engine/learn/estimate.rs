//! What another policy would have earned, from a log of decisions with the probabilities they were taken with.
//!
//! Three estimates, none of which needs the other policy to run:
//! - IPW, inverse propensity weighting (Horvitz and Thompson, JASA 1952): mean of w*r, with w = the other policy's
//!   probability of the action that was taken over the logged one. Unbiased wherever the logged probability is above 0.
//! - SNIPW, self-normalised (Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning",
//!   NIPS 2015): sum of w*r over sum of w. Slightly biased, less by one over the length of the log; steadier.
//! - DR, doubly robust (Dudik, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011): what a
//!   model expects of the other policy, corrected by w*(r - what the model expected of the action taken). Unbiased when
//!   the probabilities are true, whatever the model; steadier the better the model is.

/// One logged decision, seen from another policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// With what probability it was taken; above 0.
    pub probability: f64,
    /// With what probability the other policy takes the same action here.
    pub target: f64,
    /// What came of it.
    pub reward: f64,
    /// What a model expects of the action that was taken; 0 without a model.
    pub expected: f64,
    /// What the model expects of the other policy here: the sum over its actions of probability times expectation.
    pub expected_target: f64,
}

/// A mean reward with the standard error of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The mean reward of a decision.
    pub mean: f64,
    /// Standard error; 0 for fewer than two decisions.
    pub error: f64,
}

/// Sums over a log: constant memory, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimator {
    len: f64,
    skipped: u64,
    weights: f64,
    weights_squared: f64,
    rewards: f64,
    rewards_squared: f64,
    weights_rewards: f64,
    corrected: f64,
    corrected_squared: f64,
}

impl Estimator {
    /// Adds a decision. One whose numbers are not numbers, or whose probability is not above 0, can't be weighed: it is
    /// counted and left out.
    pub fn add(&mut self, logged: &Logged) {
        let weight = logged.target / logged.probability;
        let weighted = weight * logged.reward;
        let corrected = logged.expected_target + weight * (logged.reward - logged.expected);
        if logged.probability <= 0.0 || !weighted.is_finite() || !corrected.is_finite() {
            self.skipped += 1;
            return;
        }
        self.len += 1.0;
        self.weights += weight;
        self.weights_squared += weight * weight;
        self.rewards += weighted;
        self.rewards_squared += weighted * weighted;
        self.weights_rewards += weight * weighted;
        self.corrected += corrected;
        self.corrected_squared += corrected * corrected;
    }

    /// Decisions that could not be weighed.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many decisions of the other policy the log is worth (Kish, "Survey sampling", 1965).
    #[must_use]
    pub fn effective_len(&self) -> f64 {
        if self.weights_squared > 0.0 {
            self.weights * self.weights / self.weights_squared
        } else {
            0.0
        }
    }

    /// Inverse propensity weighting.
    #[must_use]
    pub fn ipw(&self) -> Estimate {
        mean(self.len, self.rewards, self.rewards_squared)
    }

    /// Self-normalised; its error is that of a ratio, to the first order.
    #[must_use]
    pub fn snipw(&self) -> Estimate {
        if self.weights <= 0.0 {
            return Estimate::default();
        }
        let ratio = self.rewards / self.weights;
        let squares = self.rewards_squared - 2.0 * ratio * self.weights_rewards + ratio * ratio * self.weights_squared;
        Estimate {
            mean: ratio,
            error: squares.max(0.0).sqrt() / self.weights,
        }
    }

    /// Doubly robust.
    #[must_use]
    pub fn doubly_robust(&self) -> Estimate {
        mean(self.len, self.corrected, self.corrected_squared)
    }
}

fn mean(len: f64, sum: f64, squares: f64) -> Estimate {
    if len < 1.0 {
        return Estimate::default();
    }
    let mean = sum / len;
    let variance = (squares / len - mean * mean).max(0.0);
    let error = if len < 2.0 {
        0.0
    } else {
        (variance / (len - 1.0)).sqrt()
    };
    Estimate { mean, error }
}
