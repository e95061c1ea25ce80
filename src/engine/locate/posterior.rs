//! The posterior over a window's cells: normalise, take moments, follow the person.
//!
//! Sums run in a fixed order of lanes, so that equal inputs give equal bits. Weights have a floor, so that no
//! arithmetic meets a denormal and a person who turns up in an unlikely cell is found again.

use super::floor::{Corner, WINDOW_CELLS, WINDOW_SIDE};

/// Posterior mass by cell, or another value by cell, row by row from the south-west.
pub(super) type Weights = [f32; WINDOW_CELLS];

/// What every walkable cell gets at each step, as mass: the chance of a surprise. Measured on `tests/data/tetam`
/// with a survey: 1e-4 and 1e-8 cost 0.1 m and more at the 95th percentile.
const SURPRISE_MASS: f32 = 1e-5;
/// Mass that a moving window may leave behind. More and a second guess at the edge is forgotten.
const LEFT_BEHIND_MASS_MAX: f32 = 0.01;
/// How far, in cells, the middle of the mass may be from the middle of the window before the window follows.
const OFF_MIDDLE_CELLS_MAX: f32 = 1.5;

/// Mass along one axis of a window, in cells from its corner.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marginal {
    pub(super) mass: [f32; WINDOW_SIDE],
    /// Middle of the mass.
    pub(super) mean: f32,
    /// Spread of the mass, squared.
    pub(super) variance: f32,
}

impl Marginal {
    fn new(mass: [f32; WINDOW_SIDE]) -> Self {
        let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
        for (place, mass) in mass.iter().enumerate() {
            let at = place as f32 + 0.5;
            total += mass;
            first += mass * at;
            second += mass * at * at;
        }
        let (mean, square) = (first / total, second / total);
        Self {
            mass,
            mean,
            variance: (square - mean * mean).max(0.0),
        }
    }

    /// Where the window's corner goes so that the mass is in its middle; near the wanted place when too much mass
    /// would be left behind. The highest corner of the grid is `corner_max`.
    fn follow(&self, corner: u16, corner_max: u16) -> u16 {
        let off_middle = self.mean - WINDOW_SIDE as f32 / 2.0;
        if off_middle.abs() <= OFF_MIDDLE_CELLS_MAX {
            return corner;
        }
        let wanted = off_middle.abs().round() as usize;
        let mut left_behind = 0.0;
        let mut edge = self.mass;
        if off_middle < 0.0 {
            edge.reverse();
        }
        let cells = edge.iter().take(wanted).take_while(|mass| {
            left_behind += **mass;
            left_behind <= LEFT_BEHIND_MASS_MAX
        });
        let cells = cells.count() as u16;
        if off_middle < 0.0 {
            corner.saturating_sub(cells)
        } else {
            corner.saturating_add(cells).min(corner_max)
        }
    }
}

/// The marginals by column and by row.
pub(super) fn marginals(weights: &Weights) -> (Marginal, Marginal) {
    let mut by_column = [0.0; WINDOW_SIDE];
    let mut by_row = [0.0; WINDOW_SIDE];
    for (row, total) in weights.chunks_exact(WINDOW_SIDE).zip(&mut by_row) {
        for (column, weight) in by_column.iter_mut().zip(row) {
            *column += weight;
        }
        *total = sum_line(row);
    }
    (Marginal::new(by_column), Marginal::new(by_row))
}

/// Scales weights of a known sum to about one and puts the floor under every walkable cell; with no sum to scale, every
/// walkable cell gets the same. The sum ends within 0.2 % of one, which is all that its readers need.
pub(super) fn normalise(weights: &mut Weights, walkable: &Weights, total: f32) {
    if total.is_finite() && total > f32::MIN_POSITIVE {
        let scale = 1.0 / total;
        for (weight, walkable) in weights.iter_mut().zip(walkable) {
            *weight = *weight * scale + SURPRISE_MASS * walkable;
        }
        return;
    }
    let cells = sum(walkable).max(1.0);
    for (weight, walkable) in weights.iter_mut().zip(walkable) {
        *weight = walkable / cells;
    }
}

/// Sum of all weights, by column, then across.
pub(super) fn sum(weights: &Weights) -> f32 {
    let mut lanes = [0.0; WINDOW_SIDE];
    for row in weights.chunks_exact(WINDOW_SIDE) {
        for (lane, weight) in lanes.iter_mut().zip(row) {
            *lane += weight;
        }
    }
    sum_line(&lanes)
}

/// Mean of a value over the weights, which sum to about one.
pub(super) fn mean(weights: &Weights, values: &Weights) -> f32 {
    let mut lanes = [0.0; WINDOW_SIDE];
    for (weights, values) in weights.chunks_exact(WINDOW_SIDE).zip(values.chunks_exact(WINDOW_SIDE)) {
        for (lane, (weight, value)) in lanes.iter_mut().zip(weights.iter().zip(values)) {
            *lane += weight * value;
        }
    }
    sum_line(&lanes)
}

/// Where the window goes next, in a grid whose highest corner is `corner_max`.
pub(super) fn follow(columns: &Marginal, rows: &Marginal, corner: Corner, corner_max: Corner) -> Corner {
    Corner {
        column: columns.follow(corner.column, corner_max.column),
        row: rows.follow(corner.row, corner_max.row),
    }
}

/// Moves the window; mass of cells that stay inside stays where it is on the floor.
pub(super) fn shift(weights: &mut Weights, from: Corner, to: Corner) {
    let old = *weights;
    let columns = i32::from(to.column) - i32::from(from.column);
    let rows = i32::from(to.row) - i32::from(from.row);
    let inside = |at: usize, by: i32| usize::try_from(at as i32 + by).ok().filter(|&at| at < WINDOW_SIDE);
    for row in 0..WINDOW_SIDE {
        for column in 0..WINDOW_SIDE {
            weights[row * WINDOW_SIDE + column] = match (inside(row, rows), inside(column, columns)) {
                (Some(old_row), Some(old_column)) => old[old_row * WINDOW_SIDE + old_column],
                _ => 0.0,
            };
        }
    }
}

/// Sum of one row, in four lanes.
fn sum_line(line: &[f32]) -> f32 {
    let mut lanes = [0.0; 4];
    for quad in line.chunks_exact(4) {
        for (lane, weight) in lanes.iter_mut().zip(quad) {
            *lane += weight;
        }
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half the mass in each of two cells.
    fn two_cells(one: (usize, usize), other: (usize, usize)) -> Weights {
        let mut weights = [0.0; WINDOW_CELLS];
        weights[one.1 * WINDOW_SIDE + one.0] = 0.5;
        weights[other.1 * WINDOW_SIDE + other.0] = 0.5;
        weights
    }

    #[test]
    fn a_window_follows_without_losing_mass_or_moving_it() {
        let corner = Corner { column: 40, row: 40 };
        let corner_max = Corner { column: 100, row: 100 };
        let mut weights = two_cells((9, 8), (11, 8));
        let (columns, rows) = marginals(&weights);
        let to = follow(&columns, &rows, corner, corner_max);
        assert_eq!(
            to,
            Corner { column: 45, row: 43 },
            "mean 10.5, 8.5 against a middle of 6"
        );
        shift(&mut weights, corner, to);
        let (moved_columns, moved_rows) = marginals(&weights);
        assert_eq!(sum(&weights), 1.0);
        assert_eq!(
            moved_columns.mean + f32::from(to.column),
            columns.mean + f32::from(corner.column)
        );
        assert_eq!(moved_rows.mean + f32::from(to.row), rows.mean + f32::from(corner.row));
    }

    #[test]
    fn a_second_guess_at_the_edge_holds_the_window() {
        let corner = Corner { column: 40, row: 40 };
        let mut weights = two_cells((11, 6), (11, 6));
        weights[11 + 6 * WINDOW_SIDE] = 0.9;
        weights[6 * WINDOW_SIDE] = 0.1;
        let (columns, rows) = marginals(&weights);
        assert_eq!(
            follow(&columns, &rows, corner, Corner { column: 100, row: 100 }),
            corner
        );
    }

    #[test]
    fn nothing_becomes_uniform() {
        let mut walkable = [0.0; WINDOW_CELLS];
        (walkable[3], walkable[8]) = (1.0, 1.0);
        for total in [0.0, f32::NAN, f32::INFINITY] {
            let mut weights = [f32::NAN; WINDOW_CELLS];
            normalise(&mut weights, &walkable, total);
            assert_eq!((weights[3], weights[8], weights[0]), (0.5, 0.5, 0.0));
        }
    }
}
