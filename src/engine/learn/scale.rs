//! Features in their own spread: mean and deviation of what was seen, learned on the way.
//!
//! Source: Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 1962. The
//! count ends at [`SEEN_MAX`], so that a slow change of what people are like is followed. One wild value can't ruin a
//! scale: it counts as [`SURPRISE_DEVIATIONS`].

use wide::f32x4;

use super::context::{Context, FEATURES_MAX};

/// From then on the oldest fade.
const SEEN_MAX: f32 = 10_000.0;
/// Values before which a feature's deviation says nothing of what is wild.
const SEEN_SURE: f32 = 16.0;
/// Deviations that a value counts for at most when the scale learns from it.
const SURPRISE_DEVIATIONS: f32 = 8.0;
/// Deviations that a scaled feature has at most; a sixteenth of them is the finest that a model needs to tell apart.
/// Two and a half and five score the same within a third of a point.
pub(super) const SCALED_ABS_MAX: f32 = 3.0;

/// What was seen of each feature.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    seen: [f32; FEATURES_MAX],
    mean: [f32; FEATURES_MAX],
    variance: [f32; FEATURES_MAX],
    /// One over the deviation; 0 for a feature that never changed.
    sharpness: [f32; FEATURES_MAX],
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            seen: [0.0; FEATURES_MAX],
            mean: [0.0; FEATURES_MAX],
            variance: [0.0; FEATURES_MAX],
            sharpness: [0.0; FEATURES_MAX],
        }
    }
}

impl Scale {
    pub(super) fn learn(&mut self, context: &Context) {
        for (feature, value) in context.features().iter().enumerate() {
            if !value.is_nan() {
                self.learn_one(feature, *value);
            }
        }
    }

    fn learn_one(&mut self, feature: usize, value: f32) {
        let seen = (self.seen[feature] + 1.0).min(SEEN_MAX);
        let (mean, variance) = (self.mean[feature], self.variance[feature]);
        let mut off = value - mean;
        if seen > SEEN_SURE && variance > 0.0 {
            let far = SURPRISE_DEVIATIONS * variance.sqrt();
            off = off.clamp(-far, far);
        }
        let mean_after = mean + off / seen;
        // The mean of the squares, with the weight that the newest has among those that count.
        let variance_after = variance + (off * (mean + off - mean_after) - variance) / seen;
        self.seen[feature] = seen;
        self.mean[feature] = mean_after;
        self.variance[feature] = variance_after;
        // Below what the float can tell of numbers of this size, a deviation is rounding.
        let least = mean_after.abs() * 1e-6 + 1e-20;
        let deviation = variance_after.max(0.0).sqrt();
        self.sharpness[feature] = if deviation > least { deviation.recip() } else { 0.0 };
    }

    /// A context's features in deviations from their means; 0 for what is not known.
    #[inline]
    pub(super) fn apply(&self, context: &Context) -> [f32; FEATURES_MAX] {
        let mut scaled = [0.0; FEATURES_MAX];
        let values = context.features().as_chunks::<4>().0;
        let scales = self
            .mean
            .as_chunks::<4>()
            .0
            .iter()
            .zip(self.sharpness.as_chunks::<4>().0);
        let each = scaled.as_chunks_mut::<4>().0.iter_mut().zip(values).zip(scales);
        for ((scaled, value), (mean, sharpness)) in each {
            let deviations = (f32x4::new(*value) - f32x4::new(*mean)) * f32x4::new(*sharpness);
            let bounded = deviations
                .fast_max(f32x4::splat(-SCALED_ABS_MAX))
                .fast_min(f32x4::splat(SCALED_ABS_MAX));
            // All bits of a lane that is a number, none of one that is not.
            *scaled = (bounded & deviations.simd_eq(deviations)).to_array();
        }
        scaled
    }
}
