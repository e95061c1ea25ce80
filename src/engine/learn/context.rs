//! What is known when a decision is taken, as a bounded row of numbers.
//!
//! A number has a slot of its own. Categories share the slots behind the numbers: each value is hashed to one, as in
//! Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009. What is not known is `NaN` and
//! counts as the mean of what was seen, as does whatever is not a number. Units don't matter: features are scaled by
//! what was seen of them.

use super::noise::mixed;

/// Features of a context at most.
pub const FEATURES_MAX: usize = 64;

/// The most that a feature can be, either way; beyond it counts as that much.
const FEATURE_ABS_MAX: f32 = 1e9;

/// Features of one decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Context([f32; FEATURES_MAX]);

impl Default for Context {
    fn default() -> Self {
        Self([0.0; FEATURES_MAX])
    }
}

impl Context {
    /// From numbers; those beyond [`FEATURES_MAX`] are left out.
    #[must_use]
    pub fn of(numbers: &[f32]) -> Self {
        let mut context = Self::default();
        for (slot, number) in numbers.iter().enumerate() {
            context.number(slot, *number);
        }
        context
    }

    /// Says a number, in its unit. A slot beyond [`FEATURES_MAX`] is left out.
    pub fn number(&mut self, slot: usize, value: f32) {
        if let Some(feature) = self.0.get_mut(slot) {
            // A `NaN` stays one.
            *feature = value.clamp(-FEATURE_ABS_MAX, FEATURE_ABS_MAX);
        }
    }

    /// Says that a category has a value: one of the slots `from..features` becomes 1. Two values can share a slot;
    /// what tells them apart is then learned from the others.
    pub fn category(&mut self, from: usize, features: usize, category: u64, value: u64) {
        let slots = features.min(FEATURES_MAX).saturating_sub(from) as u64;
        if slots > 0 {
            let slot = mixed(mixed(category) ^ value) % slots;
            self.number(from + slot as usize, 1.0);
        }
    }

    pub(super) const fn features(&self) -> &[f32; FEATURES_MAX] {
        &self.0
    }
}
