//! Which neighbouring cells of a level are open to each other.
//!
//! The border of every unit is a wall, thinner than a cell or not: a step from a cell to its neighbour that crosses one is
//! closed, unless it also crosses an opening. An opening too narrow for any step to cross opens the one nearest to it, so
//! that a door works at every pitch.

use crate::floor::{Floor, Raster};
use crate::geometry::{Bounds, Point, along, step_crosses};
use crate::index::LevelIx;
use crate::plan::LevelPlan;

/// The four steps to a neighbour that shares a side.
#[derive(Clone, Copy)]
enum Step {
    East,
    North,
}

/// The open steps of one level.
pub(super) struct Walls {
    columns: usize,
    rows: usize,
    east_open: Vec<bool>,
    north_open: Vec<bool>,
    /// Cells from which an opening leads to another.
    doors: Vec<usize>,
}

impl Walls {
    /// Reads the walls of a level from its plan.
    pub(super) fn new(floor: &Floor, level: LevelIx, raster: &Raster, plan: &LevelPlan, units: &[u32]) -> Self {
        let grid = Grid { floor, level, raster };
        let mut walls = Self {
            columns: raster.columns as usize,
            rows: raster.rows as usize,
            east_open: vec![false; raster.walkable.len()],
            north_open: vec![false; raster.walkable.len()],
            doors: Vec::new(),
        };
        walls.open_within_units(&grid, units);
        for (a, b) in plan.units.iter().flat_map(|unit| unit.area.edges()) {
            grid.steps_across(a, b, |cell, step| walls.set(cell, step, false));
        }
        for opening in &plan.openings {
            walls.open_door(&grid, opening);
        }
        walls
    }

    /// Whether one may step from a cell to the next one east (`north` 0) or north (`east` 0), or back.
    pub(super) fn is_open(&self, cell: usize, east: i32, north: i32) -> bool {
        let (row, column) = (cell / self.columns, cell % self.columns);
        let (Some(to_row), Some(to_column)) = (
            row.checked_add_signed(north as isize),
            column.checked_add_signed(east as isize),
        ) else {
            return false;
        };
        if to_row >= self.rows || to_column >= self.columns {
            return false;
        }
        let low = row.min(to_row) * self.columns + column.min(to_column);
        match (east, north) {
            (_, 0) => at(&self.east_open, low),
            (0, _) => at(&self.north_open, low),
            _ => self.is_corner_open(cell, east, north),
        }
    }

    /// The cells from which an opening leads to another.
    pub(super) fn doors(&self) -> &[usize] {
        &self.doors
    }

    /// A diagonal step is open when both ways around the corner are: nobody cuts through the end of a wall.
    fn is_corner_open(&self, cell: usize, east: i32, north: i32) -> bool {
        let beside = cell.saturating_add_signed(east as isize);
        let ahead = cell.saturating_add_signed(north as isize * self.columns as isize);
        self.is_open(cell, east, 0)
            && self.is_open(beside, 0, north)
            && self.is_open(cell, 0, north)
            && self.is_open(ahead, east, 0)
    }

    fn open_within_units(&mut self, grid: &Grid<'_>, units: &[u32]) {
        for cell in 0..units.len() {
            for step in [Step::East, Step::North] {
                if let Some(next) = grid.next(cell, step).filter(|next| grid.walkable(cell, *next)) {
                    self.set(cell, step, units.get(cell) == units.get(next));
                }
            }
        }
    }

    fn open_door(&mut self, grid: &Grid<'_>, line: &[Point]) {
        let mut crossed = Vec::new();
        for pair in line.windows(2) {
            grid.steps_across(pair[0], pair[1], |cell, step| crossed.push((cell, step)));
        }
        if crossed.is_empty() {
            crossed.extend(nearest_across(grid, line));
        }
        for (cell, step) in crossed {
            let passes = grid.next(cell, step).is_some_and(|next| grid.walkable(cell, next));
            self.set(cell, step, passes);
            if passes {
                self.doors.push(cell);
            }
        }
    }

    fn set(&mut self, cell: usize, step: Step, open: bool) {
        let steps = match step {
            Step::East => &mut self.east_open,
            Step::North => &mut self.north_open,
        };
        if let Some(slot) = steps.get_mut(cell) {
            *slot = open;
        }
    }
}

/// Of the steps across a narrow opening, were it one cell wider on both sides, the one nearest to its middle.
fn nearest_across(grid: &Grid<'_>, line: &[Point]) -> Option<(usize, Step)> {
    let (first, last) = (*line.first()?, *line.last()?);
    let middle = first.midpoint(last);
    let wider = grid.floor.pitch_m / first.distance_m(last).max(f32::EPSILON);
    let (from, to) = (along(first, last, -wider), along(first, last, 1.0 + wider));
    let mut best: Option<(f32, usize, Step)> = None;
    grid.steps_in(Bounds::of(&[from, to])?, |cell, step, start, end| {
        let distance_m = start.midpoint(end).distance_m(middle);
        if step_crosses(from, to, start, end) && best.is_none_or(|(nearest_m, ..)| distance_m < nearest_m) {
            best = Some((distance_m, cell, step));
        }
    });
    best.map(|(_, cell, step)| (cell, step))
}

fn at(steps: &[bool], cell: usize) -> bool {
    steps.get(cell).copied().unwrap_or(false)
}

struct Grid<'f> {
    floor: &'f Floor,
    level: LevelIx,
    raster: &'f Raster,
}

impl Grid<'_> {
    fn next(&self, cell: usize, step: Step) -> Option<usize> {
        let columns = self.raster.columns as usize;
        match step {
            Step::East => (cell % columns + 1 < columns).then_some(cell + 1),
            Step::North => (cell + columns < self.raster.walkable.len()).then_some(cell + columns),
        }
    }

    fn walkable(&self, one: usize, other: usize) -> bool {
        at(&self.raster.walkable, one) && at(&self.raster.walkable, other)
    }

    /// Every step whose line from centre to centre crosses the segment.
    fn steps_across(&self, a: Point, b: Point, mut found: impl FnMut(usize, Step)) {
        let Some(bounds) = Bounds::of(&[a, b]) else {
            return;
        };
        self.steps_in(bounds, |cell, step, from, to| {
            if step_crosses(a, b, from, to) {
                found(cell, step);
            }
        });
    }

    /// Every step from a cell in the rectangle, which is widened by a cell and a half on each side.
    fn steps_in(&self, bounds: Bounds, mut found: impl FnMut(usize, Step, Point, Point)) {
        let pitch_m = self.floor.pitch_m;
        let column = |m: f32| ((m - self.raster.origin.east_m) / pitch_m).max(0.0);
        let row = |m: f32| ((m - self.raster.origin.north_m) / pitch_m).max(0.0);
        let columns = (column(bounds.low.east_m) - 1.5).max(0.0) as u32
            ..((column(bounds.high.east_m) + 2.5) as u32).min(self.raster.columns);
        let rows = (row(bounds.low.north_m) - 1.5).max(0.0) as u32
            ..((row(bounds.high.north_m) + 2.5) as u32).min(self.raster.rows);
        for row in rows {
            for column in columns.clone() {
                let cell = row as usize * self.raster.columns as usize + column as usize;
                let from = self.floor.centre(self.level, cell);
                found(cell, Step::East, from, Point::new(from.east_m + pitch_m, from.north_m));
                found(cell, Step::North, from, Point::new(from.east_m, from.north_m + pitch_m));
            }
        }
    }
}
