//! The posterior over a window's cells: normalise, take moments, follow the person.
//!
//! Sums run in a fixed order of lanes, so that equal inputs give equal bits. Weights have a floor, so that no
//! arithmetic meets a denormal and a person who turns up in an unlikely cell is found again.

use super::floor::{Corner, WINDOW_CELLS, WINDOW_SIDE};
use super::line::{Line, Lines, flat, lines, sums};

/// Posterior mass as it is kept between steps: the upper half of each float. A rounding error of 0.4 % is far below what
/// a reading says, and a track that is half as long comes from memory in half the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept([u16; WINDOW_CELLS]);

impl Default for Kept {
    fn default() -> Self {
        Self([0; WINDOW_CELLS])
    }
}

impl Kept {
    pub(super) fn weights(&self) -> Lines {
        lines(&self.0, |kept| f32::from_bits(u32::from(kept) << 16))
    }

    pub(super) fn keep(&mut self, weights: &Lines) {
        for (kept, weight) in self.0.iter_mut().zip(flat(weights)) {
            // Mass is neither negative nor near the largest float, so rounding up can't run over.
            *kept = (weight.to_bits().wrapping_add(0x8000) >> 16) as u16;
        }
    }
}

/// The least that one step may multiply a cell's mass by.
const LIKELIHOOD_MIN: f32 = 1e-20;
/// Where the middles of a row's cells are, in cells, and their squares.
const MIDDLES: Line = Line::of([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5]);
const MIDDLES_SQUARED: Line = Line::of([
    0.25, 2.25, 6.25, 12.25, 20.25, 30.25, 42.25, 56.25, 72.25, 90.25, 110.25, 132.25,
]);
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
        let line = Line::of(mass);
        let total = line.sum();
        let (mean, square) = ((line * MIDDLES).sum() / total, (line * MIDDLES_SQUARED).sum() / total);
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
pub(super) fn marginals(weights: &Lines) -> (Marginal, Marginal) {
    let by_column = weights.iter().fold(Line::NOTHING, |sum, line| sum + *line);
    (Marginal::new(by_column.row()), Marginal::new(sums(weights)))
}

/// Scales weights of a known sum to about one and puts the floor under every walkable cell; with no sum to scale, every
/// walkable cell gets the same. The sum ends within 0.2 % of one, which is all that its readers need.
pub(super) fn normalise(weights: &mut Lines, walkable: &Lines, total: f32) {
    if total.is_finite() && total > f32::MIN_POSITIVE {
        let (scale, surprise) = (Line::all(1.0 / total), Line::all(SURPRISE_MASS));
        for (weights, walkable) in weights.iter_mut().zip(walkable) {
            *weights = *weights * scale + surprise * *walkable;
        }
        return;
    }
    let share = Line::all(1.0 / sum(walkable).max(1.0));
    for (weights, walkable) in weights.iter_mut().zip(walkable) {
        *weights = *walkable * share;
    }
}

/// Scales the best cell's misfit to one.
pub(super) fn scale_down(misfit: &mut Lines) {
    let least = misfit
        .iter()
        .fold(Line::all(f32::INFINITY), |least, line| least.at_most(*line));
    let scale = 1.0 / least.least();
    if scale > 0.0 {
        misfit.iter_mut().for_each(|misfit| *misfit *= Line::all(scale));
    }
}

/// Divides the mass of each cell by its misfit; returns the sum of the mass.
pub(super) fn weigh(weights: &mut Lines, misfit: &Lines) -> f32 {
    let mut total = Line::NOTHING;
    for (weights, misfit) in weights.iter_mut().zip(misfit) {
        *weights *= misfit.inverse().at_least(Line::all(LIKELIHOOD_MIN));
        total += *weights;
    }
    total.sum()
}

/// Sum of all weights.
pub(super) fn sum(weights: &Lines) -> f32 {
    weights.iter().fold(Line::NOTHING, |sum, line| sum + *line).sum()
}

/// Where the window goes next, in a grid whose highest corner is `corner_max`.
pub(super) fn follow(columns: &Marginal, rows: &Marginal, corner: Corner, corner_max: Corner) -> Corner {
    Corner {
        column: columns.follow(corner.column, corner_max.column),
        row: rows.follow(corner.row, corner_max.row),
    }
}

/// Moves the window; mass of cells that stay inside stays where it is on the floor.
pub(super) fn shift(weights: &mut Lines, from: Corner, to: Corner) {
    let old = flat(weights);
    let mut new = [0.0; WINDOW_CELLS];
    let columns = i32::from(to.column) - i32::from(from.column);
    let rows = i32::from(to.row) - i32::from(from.row);
    let inside = |at: usize, by: i32| usize::try_from(at as i32 + by).ok().filter(|&at| at < WINDOW_SIDE);
    for row in 0..WINDOW_SIDE {
        let Some(old_row) = inside(row, rows) else { continue };
        for column in 0..WINDOW_SIDE {
            if let Some(old_column) = inside(column, columns) {
                new[row * WINDOW_SIDE + column] = old[old_row * WINDOW_SIDE + old_column];
            }
        }
    }
    *weights = lines(&new, |weight| weight);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share of the mass in one cell, the rest in another.
    fn two_cells(one: (usize, usize), other: (usize, usize), share: f32) -> Lines {
        let mut weights = [0.0; WINDOW_CELLS];
        weights[one.1 * WINDOW_SIDE + one.0] = share;
        weights[other.1 * WINDOW_SIDE + other.0] = 1.0 - share;
        lines(&weights, |weight| weight)
    }

    #[test]
    fn a_window_follows_without_losing_mass_or_moving_it() {
        let corner = Corner { column: 40, row: 40 };
        let corner_max = Corner { column: 100, row: 100 };
        let mut weights = two_cells((9, 8), (11, 8), 0.5);
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
    fn what_is_kept_is_within_half_a_percent() {
        let weights = lines(
            &std::array::from_fn::<f32, WINDOW_CELLS, _>(|cell| 0.3f32.powi(cell as i32 % 20)),
            |weight| weight,
        );
        let mut kept = Kept::default();
        kept.keep(&weights);
        for (kept, weight) in flat(&kept.weights()).iter().zip(flat(&weights)) {
            assert!((kept - weight).abs() <= 0.004 * weight, "{kept} of {weight}");
        }
    }

    #[test]
    fn a_second_guess_at_the_edge_holds_the_window() {
        let corner = Corner { column: 40, row: 40 };
        let weights = two_cells((11, 6), (0, 6), 0.9);
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
        let walkable = lines(&walkable, |walkable| walkable);
        for total in [0.0, f32::NAN, f32::INFINITY] {
            let mut weights = lines(&[f32::NAN; WINDOW_CELLS], |weight| weight);
            normalise(&mut weights, &walkable, total);
            let weights = flat(&weights);
            assert_eq!((weights[3], weights[8], weights[0]), (0.5, 0.5, 0.0));
        }
    }
}
