//! How a person moves between two steps: a 3x3 kernel over walkable cells, shifted by the walking direction.
//!
//! Deliberately absent: routes and stairs. A window is small and a step short; the walls that matter are cells that
//! can't be walked on.

use super::floor::WINDOW_SIDE;
use super::posterior::Weights;

/// Cells from one row to the next while a window is spread: the window's and one of nothing.
const STRIDE: usize = WINDOW_SIDE + 1;
/// Cells of a window laid out that way.
const FLAT_CELLS: usize = STRIDE * WINDOW_SIDE;
/// Passes that one gap may take: longer gaps have spread the mass over the window anyway.
const PASSES_MAX: u32 = 8;
/// Variance that one pass can express, in cells squared, with room for a drift.
const PASS_VARIANCE_MAX: f32 = 0.6;
/// Nobody walks faster, in metres per second; a jump of the posterior is not a walk.
const SPEED_MAX_M_PER_S: f32 = 2.0;
/// Share of a second's new velocity that is believed. On `tests/data/tetam` 0.4 costs 0.02 m.
const VELOCITY_GAIN_PER_S: f32 = 0.2;
/// After a gap of this many seconds a person's direction is anybody's guess.
const VELOCITY_GAP_S_MAX: f32 = 3.0;

/// A walking velocity in metres per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Velocity {
    east_m_per_s: f32,
    north_m_per_s: f32,
}

impl Velocity {
    /// Learns from a move that took a time.
    pub(super) fn learn(&mut self, east_m: f32, north_m: f32, elapsed_s: f32) {
        if elapsed_s <= 0.0 || elapsed_s > VELOCITY_GAP_S_MAX {
            *self = Self::default();
            return;
        }
        let gain = (VELOCITY_GAIN_PER_S * elapsed_s).min(0.5);
        let learn = |velocity: &mut f32, moved_m: f32| {
            *velocity =
                (*velocity + gain * (moved_m / elapsed_s - *velocity)).clamp(-SPEED_MAX_M_PER_S, SPEED_MAX_M_PER_S);
        };
        learn(&mut self.east_m_per_s, east_m);
        learn(&mut self.north_m_per_s, north_m);
    }
}

/// One step's motion: how often to apply which kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    passes: u32,
    east: Shares,
    north: Shares,
}

/// One axis of the kernel: what a cell gets from the cell before it, keeps, and gets from the cell after it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shares {
    before: f32,
    stay: f32,
    after: f32,
}

impl Motion {
    /// Motion over a time: `velocity` times `share` as drift, `spread_m2_per_s` as variance per axis.
    pub(super) fn new(velocity: Velocity, share: f32, spread_m2_per_s: f32, elapsed_s: f32, pitch_m: f32) -> Self {
        let variance = spread_m2_per_s * elapsed_s / (pitch_m * pitch_m);
        let passes = ((variance / PASS_VARIANCE_MAX).ceil() as u32).clamp(1, PASSES_MAX);
        let part = 1.0 / passes as f32;
        let drift = share * elapsed_s.min(VELOCITY_GAP_S_MAX) / pitch_m * part;
        Self {
            passes,
            east: Shares::new(drift * velocity.east_m_per_s, variance * part),
            north: Shares::new(drift * velocity.north_m_per_s, variance * part),
        }
    }

    /// Moves the mass. What would enter a wall is lost, so the caller normalises.
    pub(super) fn apply(&self, weights: &mut Weights, walkable: &Weights) {
        for _ in 0..self.passes {
            spread(weights, walkable, self.east, self.north);
        }
    }
}

impl Shares {
    /// Shares with a mean and a variance, both in cells, as far as three cells can express them.
    fn new(mean: f32, variance: f32) -> Self {
        let mean = mean.clamp(-0.5, 0.5);
        let second = (variance + mean * mean).clamp(mean.abs(), 0.8);
        Self {
            before: 0.5 * (second + mean),
            stay: 1.0 - second,
            after: 0.5 * (second - mean),
        }
    }
}

/// One pass of the kernel, first along rows, then across them. Rows lie one cell of nothing apart, with a row of
/// nothing on either side, so that both loops run over flat memory without a case for edges.
fn spread(weights: &mut Weights, walkable: &Weights, east: Shares, north: Shares) {
    let mut apart = [0.0; FLAT_CELLS + 2];
    for (row, weights) in weights.chunks_exact(WINDOW_SIDE).enumerate() {
        apart[row * STRIDE + 1..][..WINDOW_SIDE].copy_from_slice(weights);
    }
    let mut across = [0.0; FLAT_CELLS + 2 * STRIDE];
    for (cell, out) in across[STRIDE..].iter_mut().take(FLAT_CELLS).enumerate() {
        *out = east.before * apart[cell] + east.stay * apart[cell + 1] + east.after * apart[cell + 2];
    }
    let mut spread = [0.0; FLAT_CELLS];
    for (cell, out) in spread.iter_mut().enumerate() {
        *out =
            north.before * across[cell] + north.stay * across[cell + STRIDE] + north.after * across[cell + 2 * STRIDE];
    }
    let rows = weights
        .chunks_exact_mut(WINDOW_SIDE)
        .zip(walkable.chunks_exact(WINDOW_SIDE))
        .zip(spread.chunks_exact(STRIDE));
    for ((weights, walkable), spread) in rows {
        for (weight, (walkable, spread)) in weights.iter_mut().zip(walkable.iter().zip(spread)) {
            *weight = walkable * spread;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::floor::WINDOW_CELLS;
    use super::super::posterior::{marginals, sum};
    use super::*;

    #[test]
    fn motion_has_the_drift_and_spread_it_was_asked_for() {
        let mut weights = [0.0; WINDOW_CELLS];
        weights[6 * WINDOW_SIDE + 6] = 1.0;
        let velocity = Velocity {
            east_m_per_s: 0.8,
            north_m_per_s: -0.4,
        };
        Motion::new(velocity, 0.5, 0.5, 1.0, 1.0).apply(&mut weights, &[1.0; WINDOW_CELLS]);
        let (columns, rows) = marginals(&weights);
        assert!((sum(&weights) - 1.0).abs() < 1e-6);
        assert!(
            (columns.mean - 6.9).abs() < 1e-3 && (rows.mean - 6.3).abs() < 1e-3,
            "{columns:?} {rows:?}"
        );
        assert!(
            (columns.variance - 0.5).abs() < 1e-3 && (rows.variance - 0.5).abs() < 1e-3,
            "{columns:?} {rows:?}"
        );
    }

    #[test]
    fn nobody_walks_into_a_wall() {
        let mut weights = [0.0; WINDOW_CELLS];
        weights[6 * WINDOW_SIDE + 6] = 1.0;
        let mut walkable = [1.0; WINDOW_CELLS];
        walkable[6 * WINDOW_SIDE + 7] = 0.0;
        Motion::new(Velocity::default(), 0.0, 0.5, 1.0, 1.0).apply(&mut weights, &walkable);
        assert_eq!(weights[6 * WINDOW_SIDE + 7], 0.0);
        assert!(weights[6 * WINDOW_SIDE + 5] > 0.0);
    }
}
