//! Naive Bayes over bins of one action's rewards: how much more often a value came with a reward than without.
//!
//! The shape of the models that most decisioning systems use. It needs few examples and takes any curve of one feature,
//! and knows nothing of two together. What a decide needs is one number for each feature, kept as the logarithm of a
//! ratio and touched only where a count changed.

use super::context::FEATURES_MAX;
use super::inputs::{BINS, Inputs};

/// What each cell counts before anything was seen (Krichevsky and Trofimov, IEEE Transactions on Information Theory
/// 1981).
const CELL: f32 = 0.5;
/// What each outcome counts before anything was seen.
const OUTCOME: f32 = 1.0;

/// One action's counts.
#[derive(Clone, Debug)]
pub(super) struct Bayes {
    /// Without and with a reward.
    outcomes: [f32; 2],
    /// Per feature and bin, without and with a reward.
    cells: Vec<[[f32; 2]; BINS]>,
    /// ln(with / without) of each cell.
    pub(super) ratios: Vec<[f32; BINS]>,
}

impl Bayes {
    pub(super) fn new(features: usize) -> Self {
        let features = features.min(FEATURES_MAX);
        Self {
            outcomes: [0.0; 2],
            cells: vec![[[0.0; 2]; BINS]; features],
            ratios: vec![[0.0; BINS]; features],
        }
    }

    pub(super) const fn bytes(features: usize) -> usize {
        features * size_of::<[[f32; 3]; BINS]>()
    }

    /// What is the same for every context: how often there was a reward at all, and the sums that cells are shares of.
    pub(super) fn base(&self) -> f32 {
        let [without, with] = self.outcomes;
        let cells = CELL * BINS as f32;
        let rate = ((with + OUTCOME) / (without + OUTCOME)).ln();
        rate - self.cells.len() as f32 * ((with + cells) / (without + cells)).ln()
    }

    /// The logarithm of the odds of a reward.
    pub(super) fn log_odds(&self, inputs: &Inputs) -> f32 {
        let each = self.ratios.iter().zip(&inputs.bins);
        self.base() + each.map(|(ratios, bin)| ratios[usize::from(*bin) % BINS]).sum::<f32>()
    }

    pub(super) fn learn(&mut self, inputs: &Inputs, reward: f32) {
        let came = [1.0 - reward, reward];
        for (outcome, came) in self.outcomes.iter_mut().zip(came) {
            *outcome += came;
        }
        let each = self.cells.iter_mut().zip(&mut self.ratios);
        for ((cells, ratios), bin) in each.zip(&inputs.bins) {
            let bin = usize::from(*bin) % BINS;
            for (count, came) in cells[bin].iter_mut().zip(came) {
                *count += came;
            }
            ratios[bin] = log_ratio(cells[bin]);
        }
    }

    pub(super) fn fade(&mut self, kept: f32) {
        self.outcomes = self.outcomes.map(|count| count * kept);
        let ratios = self.ratios.as_flattened_mut();
        for (cell, ratio) in self.cells.as_flattened_mut().iter_mut().zip(ratios) {
            *cell = cell.map(|count| count * kept);
            *ratio = log_ratio(*cell);
        }
    }
}

fn log_ratio([without, with]: [f32; 2]) -> f32 {
    ((with + CELL) / (without + CELL)).ln()
}
