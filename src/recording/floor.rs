//! The cells of a recording: read from `walkable_1m.csv`, or an open rectangle round the hubs.
//!
//! `walkable_1m.csv` has the columns `x_center_m`, `y_center_m` and `walkable` (1 or 0), one line for each cell of a
//! square grid; cells that are not there can't be walked on. Deliberately absent: walls within a cell, and levels; a
//! recording has one.

use std::ops::RangeInclusive;

use nextbest_venue::table::Table;
use nextbest_venue::{Mistake, Point, Source};

use crate::engine::locate::{FloorLevel, FloorPlan, LEVEL_SIDE_MAX, NO_ZONE};

/// How far the floor goes on beyond the hubs and surveyed points, where no file says which cells there are, in metres:
/// hubs hang on walls and people walk up to those. On the recordings 0.5 to 2 m are alike, and 3 m costs 0.1 m.
const MARGIN_M: f32 = 2.0;
/// Side of a cell where no file says it, in metres: what suits Bluetooth.
const PITCH_M: f32 = 1.0;
/// Middles of cells, in the recording's own metres.
const PLACE_M: RangeInclusive<f32> = -1e5..=1e5;
/// Sides of cells that the locator takes, in metres.
const PITCHES_M: RangeInclusive<f32> = 0.25..=10.0;

/// An open rectangle round all points, each cell in the zone that `zone` gives its middle. `None` when it is larger
/// than the locator takes.
pub(super) fn around(points: &[Point], zone: impl Fn(Point) -> u16) -> Option<FloorPlan> {
    let west_m = least(points.iter().map(|at| at.east_m)) - MARGIN_M;
    let south_m = least(points.iter().map(|at| at.north_m)) - MARGIN_M;
    let east_m = -least(points.iter().map(|at| -at.east_m)) + MARGIN_M;
    let north_m = -least(points.iter().map(|at| -at.north_m)) + MARGIN_M;
    let cells =
        |wide_m: f32| Some((wide_m / PITCH_M).ceil() as u32).filter(|cells| (1..=LEVEL_SIDE_MAX).contains(cells));
    let (columns, rows) = (cells(east_m - west_m)?, cells(north_m - south_m)?);
    let plan = Plan {
        west_m,
        south_m,
        pitch_m: PITCH_M,
        columns,
        rows,
    };
    Some(plan.paint(vec![true; (columns * rows) as usize], zone))
}

/// Reads the cells of a file.
///
/// # Errors
/// The first mistake.
pub(super) fn parse(source: &Source, zone: impl Fn(Point) -> u16) -> Result<FloorPlan, Box<Mistake>> {
    let mut table = Table::new(source)?;
    let [east, north, walkable] = ["x_center_m", "y_center_m", "walkable"].map(|name| table.column(name));
    let (east, north, can_walk) = (east?, north?, walkable?);
    let mut cells = Vec::new();
    while let Some(row) = table.next_row() {
        let middle = Point::new(row.number(&east, PLACE_M)?, row.number(&north, PLACE_M)?);
        let can_walk = match row.text(&can_walk)? {
            "0" => false,
            "1" => true,
            _ => return Err(row.wrong(&can_walk, "1 for a cell that can be walked on, or 0")),
        };
        cells.push((middle, can_walk));
    }
    let plan = Plan::of(&cells).ok_or_else(|| {
        let expected = format!(
            "the middles of square cells of {} to {} m, at most {LEVEL_SIDE_MAX} in a row",
            PITCHES_M.start(),
            PITCHES_M.end()
        );
        table.wrong_head("the cells make no grid that the locator takes", expected)
    })?;
    let mut walkable = vec![false; plan.columns as usize * plan.rows as usize];
    for (middle, can_walk) in &cells {
        if let Some(cell) = walkable.get_mut(plan.cell_at(*middle)) {
            *cell = *can_walk;
        }
    }
    if !walkable.contains(&true) {
        return Err(table.wrong_head("no cell can be walked on", "a 1 in the column `walkable`"));
    }
    Ok(plan.paint(walkable, zone))
}

/// A grid of cells.
struct Plan {
    west_m: f32,
    south_m: f32,
    pitch_m: f32,
    columns: u32,
    rows: u32,
}

impl Plan {
    /// The grid that has all these middles; `None` when there is none within bounds.
    fn of(cells: &[(Point, bool)]) -> Option<Self> {
        let mut east_m: Vec<f32> = cells.iter().map(|(middle, _)| middle.east_m).collect();
        let mut north_m: Vec<f32> = cells.iter().map(|(middle, _)| middle.north_m).collect();
        east_m.sort_by(f32::total_cmp);
        north_m.sort_by(f32::total_cmp);
        let apart_m = |sorted: &[f32]| {
            least(
                sorted
                    .windows(2)
                    .map(|pair| pair[1] - pair[0])
                    .filter(|apart| *apart > 0.01),
            )
        };
        let pitch_m = apart_m(&east_m).min(apart_m(&north_m));
        if !PITCHES_M.contains(&pitch_m) {
            return None;
        }
        let count = |sorted: &[f32]| {
            let cells = ((sorted.last()? - sorted.first()?) / pitch_m).round() as u32 + 1;
            (cells <= LEVEL_SIDE_MAX).then_some(cells)
        };
        Some(Self {
            west_m: east_m.first()? - pitch_m / 2.0,
            south_m: north_m.first()? - pitch_m / 2.0,
            pitch_m,
            columns: count(&east_m)?,
            rows: count(&north_m)?,
        })
    }

    fn cell_at(&self, at: Point) -> usize {
        let column = ((at.east_m - self.west_m) / self.pitch_m) as usize;
        let row = ((at.north_m - self.south_m) / self.pitch_m) as usize;
        row * self.columns as usize + column
    }

    fn paint(&self, walkable: Vec<bool>, zone: impl Fn(Point) -> u16) -> FloorPlan {
        let middle = |cell: u32| {
            let (column, row) = (cell % self.columns, cell / self.columns);
            Point::new(
                self.west_m + (column as f32 + 0.5) * self.pitch_m,
                self.south_m + (row as f32 + 0.5) * self.pitch_m,
            )
        };
        let cells = 0..self.columns * self.rows;
        let level = FloorLevel {
            origin_east_m: self.west_m,
            origin_north_m: self.south_m,
            columns: self.columns,
            rows: self.rows,
            zone: cells.map(|cell| zone(middle(cell))).collect(),
            walkable,
            elevation_m: 0.0,
        };
        FloorPlan {
            pitch_m: self.pitch_m,
            levels: vec![level],
        }
    }
}

/// The zone of a point where zones may leave gaps.
pub(super) fn zone_or_none(zone: Option<u16>) -> u16 {
    zone.unwrap_or(NO_ZONE)
}

fn least(numbers: impl Iterator<Item = f32>) -> f32 {
    numbers.fold(f32::INFINITY, f32::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(lines: &str) -> Result<FloorPlan, String> {
        let source = Source {
            name: "walkable.csv".to_owned(),
            text: format!("x_center_m,y_center_m,walkable\n{lines}").into(),
        };
        parse(&source, |at| at.east_m as u16).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn cells_come_in_any_order_and_may_be_missing() {
        let floor = floor("2.25,0.25,1\n0.25,0.25,1\n0.75,0.75,0").unwrap();
        let level = &floor.levels[0];
        assert_eq!((floor.pitch_m, level.columns, level.rows), (0.5, 5, 2));
        assert_eq!(level.walkable.iter().filter(|walkable| **walkable).count(), 2);
        assert_eq!((level.walkable[0], level.walkable[4], level.zone[4]), (true, true, 2));
    }

    #[test]
    fn what_is_no_grid_is_a_mistake() {
        assert!(floor("0,0,1").unwrap_err().contains("make no grid"));
        assert!(floor("0,0,1\n99999,0,1").unwrap_err().contains("make no grid"));
        assert!(floor("0,0,0\n1,0,0").unwrap_err().contains("no cell can be walked on"));
        assert_eq!(
            floor("0,0,yes").unwrap_err(),
            "walkable.csv:2:5: `walkable` is `yes`; expected 1 for a cell that can be walked on, or 0"
        );
    }

    #[test]
    fn a_rectangle_goes_round_all_points() {
        let floor = around(&[Point::new(1.0, 1.0), Point::new(5.5, 1.0)], |_| 7).unwrap();
        let level = &floor.levels[0];
        assert_eq!((level.origin_east_m, level.origin_north_m), (-1.0, -1.0));
        assert_eq!((level.columns, level.rows), (9, 4));
        assert!(around(&[Point::new(0.0, 0.0), Point::new(9e4, 0.0)], |_| 7).is_none());
    }
}
