//! What the models are given of a context: a constant, the scaled features, and hinges over pairs of them.
//!
//! A hinge is max(0, a*x + b*y + c) of two features, with a, b and c drawn once: random features as in Rahimi and Recht,
//! "Weighted sums of random kitchen sinks", NIPS 2008, kept to pairs, because what interacts in practice is two things.
//! Pairs are taken in turn from a shuffled list of all of them, so that none is left out while another comes twice.
//! Whatever the number of features, there are [`INPUTS`] inputs: few features are filled up with many hinges.

use wide::f32x4;

use super::context::{Context, FEATURES_MAX};
use super::noise::Noise;
use super::scale::Scale;

/// Numbers that a model is given. With 128 the mean over nineteen sets is a fifth of a point higher, digits a point
/// and a half lower, and a pick a third dearer.
pub(super) const INPUTS: usize = 96;
/// Vectors of four of them.
pub(super) const VECTORS: usize = INPUTS / 4;
/// Bins of a feature for naive Bayes; 6 to 16 score the same.
pub(super) const BINS: usize = 8;
/// Width of a bin, in deviations; the outer ones are open.
const BIN_DEVIATIONS: f32 = 0.4;
/// Spread of where hinges bend, in deviations.
const BEND: f32 = 0.5;

/// One context as the models see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs {
    /// The constant, the features, the hinges.
    pub(super) vectors: [f32x4; VECTORS],
    /// The bin of each feature.
    pub(super) bins: [u8; FEATURES_MAX],
}

/// One hinge.
#[derive(Clone, Copy, Debug)]
struct Hinge {
    features: [u8; 2],
    weights: [f32; 2],
    bend: f32,
}

/// How a context becomes inputs, beside its scale.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    features: usize,
    hinges: Vec<Hinge>,
}

impl Shape {
    /// For so many features, at most [`FEATURES_MAX`].
    pub(super) fn new(features: usize, seed: u64) -> Self {
        let features = features.clamp(1, FEATURES_MAX);
        let mut noise = Noise::new(seed);
        let pairs = shuffled_pairs(features, &mut noise);
        let hinges = pairs
            .iter()
            .cycle()
            .take(INPUTS - 1 - features)
            .map(|features| Hinge {
                features: *features,
                weights: [noise.normal() * 0.5_f32.sqrt(), noise.normal() * 0.5_f32.sqrt()],
                bend: noise.normal() * BEND,
            })
            .collect();
        Self { features, hinges }
    }

    /// Inputs of the model without hinges.
    pub(super) const fn plain_len(&self) -> usize {
        1 + self.features
    }

    #[inline]
    pub(super) fn inputs(&self, scale: &Scale, context: &Context) -> Inputs {
        let scaled = scale.apply(context);
        let mut numbers = [0.0; INPUTS];
        numbers[0] = 1.0;
        for (number, scaled) in numbers[1..].iter_mut().zip(&scaled[..self.features]) {
            *number = *scaled;
        }
        for (number, hinge) in numbers[1 + self.features..].iter_mut().zip(&self.hinges) {
            let [a, b] = hinge
                .features
                .map(|feature| scaled[usize::from(feature) % FEATURES_MAX]);
            *number = (hinge.weights[0] * a + hinge.weights[1] * b + hinge.bend).max(0.0);
        }
        let mut inputs = Inputs {
            vectors: [f32x4::ZERO; VECTORS],
            bins: [0; FEATURES_MAX],
        };
        for (vector, numbers) in inputs.vectors.iter_mut().zip(numbers.as_chunks::<4>().0) {
            *vector = f32x4::new(*numbers);
        }
        for (bins, scaled) in inputs
            .bins
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .zip(scaled.as_chunks::<4>().0)
        {
            *bins = bins_of(f32x4::new(*scaled));
        }
        inputs
    }
}

/// Which bins scaled features are in: even ones around their means.
#[inline]
fn bins_of(deviations: f32x4) -> [u8; 4] {
    let bins = deviations * f32x4::splat(BIN_DEVIATIONS.recip()) + f32x4::splat(BINS as f32 / 2.0);
    let bounded = bins.fast_max(f32x4::ZERO).fast_min(f32x4::splat(BINS as f32 - 1.0));
    // Neither negative nor large by then.
    bounded.fast_trunc_int().to_array().map(|bin| bin as u8)
}

/// All pairs of different features in any order, or the one feature with itself.
fn shuffled_pairs(features: usize, noise: &mut Noise) -> Vec<[u8; 2]> {
    if features < 2 {
        return vec![[0, 0]];
    }
    let number = |feature: usize| u8::try_from(feature).unwrap_or(0);
    let mut pairs: Vec<[u8; 2]> = (0..features)
        .flat_map(|a| (a + 1..features).map(move |b| [number(a), number(b)]))
        .collect();
    for left in (1..pairs.len()).rev() {
        pairs.swap(left, noise.below(left + 1));
    }
    pairs
}
