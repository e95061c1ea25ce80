//! Shadowing: what stands between a spot and a hub, always.
//!
//! Each corner of a grid has a normal number for each hub, and a spot takes the mean of its four corners by
//! nearness, scaled back to the spread that was asked for. So two spots a step apart are shadowed alike, two
//! spots a few cells apart independently (Gudmundson, "Correlation model for shadow fading", 1991), and nothing
//! has to be kept: the grid is a function of the seed.

use nextbest_venue::{LevelIx, Point};

use crate::prng::{draw, normal};

#[derive(Debug, Clone)]
pub(super) struct Shadow {
    seed: u64,
    spread_db: f32,
    cell_m: f32,
}

impl Shadow {
    pub(super) fn new(seed: u64, spread_db: f32, cell_m: f32) -> Self {
        Self {
            seed: seed ^ SHADOW,
            spread_db,
            cell_m: cell_m.max(0.1),
        }
    }

    /// Decibels to add at this spot for hub number `receiver`.
    pub(super) fn at(&self, receiver: u64, level: LevelIx, at: Point) -> f32 {
        let (column, east) = split(at.east_m / self.cell_m);
        let (row, north) = split(at.north_m / self.cell_m);
        let corners = [
            (0, 0, (1.0 - east) * (1.0 - north)),
            (1, 0, east * (1.0 - north)),
            (0, 1, (1.0 - east) * north),
            (1, 1, east * north),
        ];
        let (mut sum, mut squares) = (0.0, 0.0);
        for (right, up, weight) in corners {
            let corner = corner(level, column + right, row + up);
            sum += weight * normal(draw(self.seed, receiver, corner));
            squares += weight * weight;
        }
        self.spread_db * sum / squares.sqrt()
    }
}

/// The whole and the fractional part.
fn split(x: f32) -> (i32, f32) {
    let floor = x.floor();
    (floor as i32, x - floor)
}

/// One number for each corner of each level.
fn corner(level: LevelIx, column: i32, row: i32) -> u64 {
    let (column, row) = (u64::from(column as u32 & 0xff_ffff), u64::from(row as u32 & 0xff_ffff));
    (u64::from(level.0) << 48) | (column << 24) | row
}

/// Tells these draws from others of the same seed.
const SHADOW: u64 = 0x7368_6164;
