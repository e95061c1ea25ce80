//! Which hubs can hear a spot: a grid over the venue, so that a tag asks a few hubs and not all of them.
//!
//! Built once for the hubs and the reach of the strongest tag. A floor between two takes so much strength that
//! only hubs on the same level and on the ones next to it are kept, those with a shorter reach.

use nextbest_venue::{Bounds, HubIx, LevelIx, Point, Venue};

use super::Radio;

/// A hub within reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receiver {
    /// Which hub.
    pub hub: HubIx,
    /// Floors between the spot and the hub.
    pub floors_between: u32,
}

/// The hubs within reach of every spot.
#[derive(Debug, Clone)]
pub struct Receivers {
    low: Point,
    columns: usize,
    rows: usize,
    /// For each level and cell, row by row, southernmost first.
    cells: Vec<Vec<Receiver>>,
}

impl Receivers {
    /// The receivers for tags of at most `tx_1m_dbm`.
    #[must_use]
    pub fn new(venue: &Venue, radio: &Radio, tx_1m_dbm: i8) -> Self {
        let reach_m = [0, 1].map(|floors| radio.reach_m(tx_1m_dbm, floors));
        let bounds = bounds_of_floor(venue);
        let columns = cells_along(bounds.high.east_m - bounds.low.east_m);
        let rows = cells_along(bounds.high.north_m - bounds.low.north_m);
        let mut receivers = Self {
            low: bounds.low,
            columns,
            rows,
            cells: Vec::new(),
        };
        for level in 0..venue.levels.len() {
            for cell in 0..columns * rows {
                let centre = receivers.centre(cell);
                receivers.cells.push(hubs_near(venue, level, centre, reach_m));
            }
        }
        receivers
    }

    /// The hubs that may hear a tag at this spot; none outside of the venue's floor.
    #[must_use]
    pub fn at(&self, level: LevelIx, at: Point) -> &[Receiver] {
        let column = ((at.east_m - self.low.east_m) / CELL_M).floor();
        let row = ((at.north_m - self.low.north_m) / CELL_M).floor();
        if column < 0.0 || row < 0.0 || column >= self.columns as f32 || row >= self.rows as f32 {
            return &[];
        }
        let cell = (level.index() * self.rows + row as usize) * self.columns + column as usize;
        self.cells.get(cell).map_or(&[], Vec::as_slice)
    }

    fn centre(&self, cell: usize) -> Point {
        let (row, column) = (cell / self.columns, cell % self.columns);
        Point::new(
            self.low.east_m + (column as f32 + 0.5) * CELL_M,
            self.low.north_m + (row as f32 + 0.5) * CELL_M,
        )
    }
}

fn hubs_near(venue: &Venue, level: usize, centre: Point, reach_m: [f32; 2]) -> Vec<Receiver> {
    let hubs = venue.hubs.iter().take(usize::from(u16::MAX)).enumerate();
    let near = hubs.filter_map(|(ix, hub)| {
        let floors_between = hub.level.index().abs_diff(level);
        let reach_m = reach_m.get(floors_between)?;
        let within = hub.at.distance_m(centre) <= reach_m + CELL_M * std::f32::consts::FRAC_1_SQRT_2;
        within.then_some(Receiver {
            hub: HubIx(ix as u16),
            floors_between: floors_between as u32,
        })
    });
    near.collect()
}

/// The smallest rectangle around all levels' rasters.
fn bounds_of_floor(venue: &Venue) -> Bounds {
    let pitch_m = venue.floor.pitch_m;
    let corners = venue.floor.rasters.iter().map(|raster| Bounds {
        low: raster.origin,
        high: Point::new(
            raster.origin.east_m + raster.columns as f32 * pitch_m,
            raster.origin.north_m + raster.rows as f32 * pitch_m,
        ),
    });
    let both = |a: Bounds, b: Bounds| Bounds {
        low: Point::new(a.low.east_m.min(b.low.east_m), a.low.north_m.min(b.low.north_m)),
        high: Point::new(a.high.east_m.max(b.high.east_m), a.high.north_m.max(b.high.north_m)),
    };
    corners.reduce(both).unwrap_or(Bounds {
        low: Point::default(),
        high: Point::default(),
    })
}

fn cells_along(length_m: f32) -> usize {
    ((length_m / CELL_M).ceil() as usize).clamp(1, CELLS_ALONG_MAX)
}

/// Side of a cell. Half as long quadruples the table and saves a tag one hub in six.
const CELL_M: f32 = 8.0;
/// A venue is at most 8 km long; the map's own limits are far below.
const CELLS_ALONG_MAX: usize = 1_024;
