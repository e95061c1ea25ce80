//! Which exclusive zone a point is in, exactly, in a few nanoseconds: one grid per level names the zones near each cell.
//!
//! Most cells lie wholly in one zone and need no geometry; only those that a border crosses ask the polygons.

use crate::floor::{Floor, NO_ZONE};
use crate::geometry::{Bounds, Point, Polygon, segments_touch};
use crate::index::{LevelIx, ZoneIx};
use crate::venue::Zone;

/// The zones near each cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookup {
    levels: Vec<Vec<Near>>,
    /// The zones of mixed cells, smallest first.
    shared: Vec<Vec<ZoneIx>>,
}

#[derive(Clone, Copy, Debug)]
enum Near {
    /// No exclusive zone touches the cell.
    Nothing,
    /// The cell lies wholly in this zone.
    Whole(ZoneIx),
    /// A border crosses the cell: a position in `shared`.
    Mixed(u32),
}

impl Lookup {
    pub(crate) fn new(floor: &Floor, zones: &[Zone]) -> Self {
        let mut lookup = Self::default();
        for (at, raster) in floor.rasters.iter().enumerate() {
            let level = LevelIx(at as u8);
            let mut crossing: Vec<Vec<ZoneIx>> = vec![Vec::new(); raster.walkable.len()];
            for (zone_at, zone) in by_area(zones, level) {
                crossed_cells(floor, level, &zone.area, |cell| {
                    if let Some(crossing) = crossing.get_mut(cell) {
                        crossing.push(zone_at);
                    }
                });
            }
            let near = crossing
                .into_iter()
                .zip(&raster.zone)
                .map(|(crossing, middle)| lookup.near(crossing, *middle))
                .collect();
            lookup.levels.push(near);
        }
        lookup
    }

    fn near(&mut self, mut crossing: Vec<ZoneIx>, middle: u16) -> Near {
        if crossing.is_empty() {
            return if middle == NO_ZONE {
                Near::Nothing
            } else {
                Near::Whole(ZoneIx(middle))
            };
        }
        // A zone around the whole cell crosses nothing in it, and may still be where the point is.
        if middle != NO_ZONE && !crossing.contains(&ZoneIx(middle)) {
            crossing.push(ZoneIx(middle));
        }
        self.shared.push(crossing);
        Near::Mixed((self.shared.len() - 1) as u32)
    }

    /// The exclusive zone that contains the point.
    pub(crate) fn zone_at(&self, floor: &Floor, zones: &[Zone], level: LevelIx, at: Point) -> Option<ZoneIx> {
        let cell = floor.cell_at(level, at)?;
        match *self.levels.get(level.index())?.get(cell)? {
            Near::Nothing => None,
            Near::Whole(zone) => Some(zone),
            Near::Mixed(shared) => {
                let candidates = self.shared.get(shared as usize)?;
                candidates
                    .iter()
                    .copied()
                    .find(|zone| zones.get(zone.index()).is_some_and(|zone| zone.area.contains(at)))
            }
        }
    }
}

/// The exclusive zones of a level, smallest first.
fn by_area(zones: &[Zone], level: LevelIx) -> Vec<(ZoneIx, &Zone)> {
    let mut on_level: Vec<(f32, ZoneIx, &Zone)> = zones
        .iter()
        .enumerate()
        .filter(|(_, zone)| zone.exclusive && zone.level == level)
        .map(|(at, zone)| (zone.area.area_m2(), ZoneIx(at as u16), zone))
        .collect();
    on_level.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    on_level.into_iter().map(|(_, at, zone)| (at, zone)).collect()
}

/// Every cell that a border of the polygon touches, once.
fn crossed_cells(floor: &Floor, level: LevelIx, area: &Polygon, mut found: impl FnMut(usize)) {
    let Some(raster) = floor.rasters.get(level.index()) else {
        return;
    };
    let mut cells = Vec::new();
    for (a, b) in area.edges() {
        let Some(bounds) = Bounds::of(&[a, b]) else {
            continue;
        };
        let column = |m: f32| ((m - raster.origin.east_m) / floor.pitch_m).max(0.0) as u32;
        let row = |m: f32| ((m - raster.origin.north_m) / floor.pitch_m).max(0.0) as u32;
        for row in row(bounds.low.north_m).saturating_sub(1)..(row(bounds.high.north_m) + 2).min(raster.rows) {
            for column in
                column(bounds.low.east_m).saturating_sub(1)..(column(bounds.high.east_m) + 2).min(raster.columns)
            {
                let cell = row as usize * raster.columns as usize + column as usize;
                if touches_cell(floor.centre(level, cell), floor.pitch_m, a, b) {
                    cells.push(cell);
                }
            }
        }
    }
    cells.sort_unstable();
    cells.dedup();
    cells.into_iter().for_each(&mut found);
}

fn touches_cell(centre: Point, pitch_m: f32, a: Point, b: Point) -> bool {
    let half_m = pitch_m / 2.0;
    let corner = |east: f32, north: f32| Point::new(centre.east_m + east * half_m, centre.north_m + north * half_m);
    let square = [
        corner(-1.0, -1.0),
        corner(1.0, -1.0),
        corner(1.0, 1.0),
        corner(-1.0, 1.0),
    ];
    let bounds = Bounds {
        low: square[0],
        high: square[2],
    };
    bounds.contains(a) || bounds.contains(b) || crate::geometry::edges(&square).any(|(c, d)| segments_touch(a, b, c, d))
}
