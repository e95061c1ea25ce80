//! Paints units and zones onto cells, by scan lines through the middles of the rows.
//!
//! Of walkable units that overlap, the smallest wins a cell, and a solid one wins over all: a column on a walkway, a
//! lift in a lobby.

use crate::floor::{Floor, NO_ZONE, Raster};
use crate::geometry::{Bounds, Point, Polygon};
use crate::plan::{LevelPlan, Plan};
use crate::venue::Zone;

/// Most cells of all levels together: 256 x 256 m on four levels at 1 m.
pub(crate) const CELLS_MAX: usize = 1 << 18;

/// A cell in no unit.
const NO_UNIT: u32 = u32::MAX;

/// How many cells the plan needs.
pub(crate) fn cell_count(plan: &Plan) -> usize {
    plan.levels
        .iter()
        .map(|level| extent(level, plan.pitch_m))
        .map(|(_, columns, rows)| columns as usize * rows as usize)
        .sum()
}

/// The floor, and for each level the unit of each cell.
pub(crate) fn paint(plan: &Plan, zones: &[Zone]) -> (Floor, Vec<Vec<u32>>) {
    let mut floor = Floor {
        pitch_m: plan.pitch_m,
        rasters: Vec::new(),
    };
    let mut units_of_cells = Vec::new();
    for (at, level) in plan.levels.iter().enumerate() {
        let (origin, columns, rows) = extent(level, plan.pitch_m);
        let grid = Grid {
            origin,
            columns,
            rows,
            pitch_m: plan.pitch_m,
        };
        let units = paint_units(level, &grid);
        let is_walkable = |unit: &u32| level.units.get(*unit as usize).is_some_and(|unit| unit.walkable);
        let walkable = units.iter().map(is_walkable).collect();
        let zone = paint_zones(zones, at, &grid);
        floor.rasters.push(Raster {
            origin,
            columns,
            rows,
            open_sides: vec![0; units.len()],
            walkable,
            zone,
        });
        units_of_cells.push(units);
    }
    (floor, units_of_cells)
}

/// South-west corner, columns and rows: corners lie on multiples of the pitch, so that levels line up.
fn extent(level: &LevelPlan, pitch_m: f32) -> (Point, u32, u32) {
    let bounds = level
        .areas
        .iter()
        .map(Polygon::bounds)
        .reduce(Bounds::union)
        .unwrap_or(Bounds {
            low: Point::default(),
            high: Point::default(),
        });
    // A border that rounding moved by less than a tenth of a cell is not worth a row of its own.
    let low = |m: f32| (m / pitch_m + 0.1).floor();
    let high = |m: f32| (m / pitch_m - 0.1).ceil();
    let (west, south) = (low(bounds.low.east_m), low(bounds.low.north_m));
    let columns = (high(bounds.high.east_m) - west).max(1.0) as u32;
    let rows = (high(bounds.high.north_m) - south).max(1.0) as u32;
    (Point::new(west * pitch_m, south * pitch_m), columns, rows)
}

struct Grid {
    origin: Point,
    columns: u32,
    rows: u32,
    pitch_m: f32,
}

impl Grid {
    /// Calls `paint` with every cell whose centre lies in the polygon.
    fn fill(&self, area: &Polygon, mut paint: impl FnMut(usize)) {
        let bounds = area.bounds();
        let first = ((bounds.low.north_m - self.origin.north_m) / self.pitch_m - 0.5)
            .floor()
            .max(0.0) as u32;
        let last = ((bounds.high.north_m - self.origin.north_m) / self.pitch_m + 0.5)
            .ceil()
            .max(0.0) as u32;
        for row in first..last.min(self.rows) {
            let north_m = self.origin.north_m + (row as f32 + 0.5) * self.pitch_m;
            for span in area.cuts(north_m).chunks_exact(2) {
                let [from, to] =
                    [span[0], span[1]].map(|m| ((m - self.origin.east_m) / self.pitch_m - 0.5).ceil().max(0.0) as u32);
                for column in from..to.min(self.columns) {
                    paint(row as usize * self.columns as usize + column as usize);
                }
            }
        }
    }
}

fn paint_units(level: &LevelPlan, grid: &Grid) -> Vec<u32> {
    let mut cells = vec![NO_UNIT; grid.columns as usize * grid.rows as usize];
    let mut order: Vec<(bool, f32, usize)> = level
        .units
        .iter()
        .enumerate()
        .map(|(at, unit)| (unit.walkable, unit.area.area_m2(), at))
        .collect();
    // Walkable ones first, large before small; solids last.
    order.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    for (_, _, at) in order {
        if let Some(unit) = level.units.get(at) {
            grid.fill(&unit.area, |cell| set(&mut cells, cell, at as u32));
        }
    }
    cells
}

fn paint_zones(zones: &[Zone], level: usize, grid: &Grid) -> Vec<u16> {
    let mut cells = vec![NO_ZONE; grid.columns as usize * grid.rows as usize];
    let on_level = zones
        .iter()
        .enumerate()
        .filter(|(_, zone)| zone.exclusive && zone.level.index() == level);
    for (at, zone) in on_level {
        grid.fill(&zone.area, |cell| set(&mut cells, cell, at as u16));
    }
    cells
}

fn set<T>(cells: &mut [T], at: usize, value: T) {
    if let Some(cell) = cells.get_mut(at) {
        *cell = value;
    }
}
