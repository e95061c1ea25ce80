//! How much better an arm is than another, with an interval that holds however often one looks.
//!
//! An ordinary 95 % interval holds at one look that was planned before; who looks after every hundred people and stops
//! at the first success is fooled four times as often as they think. The intervals here are asymptotic confidence sequences
//! by a normal mixture (Robbins, Annals of Mathematical Statistics 1970; Waudby-Smith, Arbour, Sinha, Kennedy and
//! Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024, theorem
//! 2.2): with probability 1 - alpha the truth is in all of them at once. They are about half as wide again as one that is
//! looked at once.

/// People for whom the interval is narrowest. Far fewer or far more cost some width, never truth.
pub const TUNED_LEN: f64 = 5_000.0;
/// People in each arm before whom the central limit theorem is not believed.
pub const LEN_MIN: f64 = 30.0;

/// Sums of an arm: constant memory, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    len: f64,
    sum: f64,
    squares: f64,
}

impl Sample {
    /// Adds somebody's value; one that is not a number is left out.
    pub fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.len += 1.0;
            self.sum += value;
            self.squares += value * value;
        }
    }

    /// Mean of the values; 0 without any.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.len > 0.0 { self.sum / self.len } else { 0.0 }
    }

    /// How many were added.
    #[must_use]
    pub const fn len(&self) -> f64 {
        self.len
    }

    /// Whether nobody was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0.0
    }

    /// Variance of the mean.
    fn error_squared(&self) -> f64 {
        let mean = self.mean();
        let variance = (self.squares / self.len - mean * mean).max(0.0);
        variance / (self.len - 1.0)
    }
}

/// An estimate, and the bounds that the truth stays within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// What is most likely.
    pub estimate: f64,
    /// Upper bound.
    pub high: f64,
}

impl Interval {
    fn around(estimate: f64, half: f64) -> Self {
        Self {
            low: estimate - half,
            estimate,
            high: estimate + half,
        }
    }

    /// Whether it leaves out that there is no difference.
    #[must_use]
    pub fn is_a_difference(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The difference of the means, arm less control, in the values' unit. `alpha`, above 0 and below 1, is the probability
/// with which the truth is ever outside. `None` with fewer than [`LEN_MIN`] people in an arm.
#[must_use]
pub fn difference(control: &Sample, arm: &Sample, alpha: f64) -> Option<Interval> {
    let half = half_width(control, arm, alpha, control.error_squared() + arm.error_squared())?;
    Some(Interval::around(arm.mean() - control.mean(), half))
}

/// The relative lift, (arm - control) / control, by the delta method. `None` also when the control has earned nothing.
#[must_use]
pub fn lift(control: &Sample, arm: &Sample, alpha: f64) -> Option<Interval> {
    let (base, mean) = (control.mean(), arm.mean());
    if base == 0.0 {
        return None;
    }
    let ratio = mean / base;
    let error_squared = (arm.error_squared() + ratio * ratio * control.error_squared()) / (base * base);
    let half = half_width(control, arm, alpha, error_squared)?;
    Some(Interval::around(ratio - 1.0, half))
}

fn half_width(control: &Sample, arm: &Sample, alpha: f64, error_squared: f64) -> Option<f64> {
    if control.len < LEN_MIN || arm.len < LEN_MIN || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    let tuned = -2.0 * alpha.ln();
    let rho_squared = (tuned + (tuned + 1.0).ln()) / TUNED_LEN;
    let seen = (control.len + arm.len) * rho_squared;
    let widening = 2.0 * (seen + 1.0) / seen * ((seen + 1.0).sqrt() / alpha).ln();
    Some((error_squared * widening).sqrt())
}
