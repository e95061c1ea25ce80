//! Where people can stand: one raster of square cells per level.
//!
//! A cell is walkable when its centre lies in a walkable unit that an opening or a way between levels joins to another; its
//! open sides say where one can step from it, which is never through a wall. Cells are what the locator keeps its beliefs over, what
//! walking times are computed on, and what the simulated crowd walks on, so the three agree about walls.

use crate::geometry::Point;
use crate::index::{LevelIx, ZoneIx};

/// A raster cell outside every exclusive zone.
pub const NO_ZONE: u16 = u16::MAX;

/// In `Raster::open_sides`: one can step to the next cell east.
pub const OPEN_EAST: u8 = 1;
/// In `Raster::open_sides`: one can step to the next cell north.
pub const OPEN_NORTH: u8 = 2;
/// In `Raster::open_sides`: one can step to the next cell west.
pub const OPEN_WEST: u8 = 4;
/// In `Raster::open_sides`: one can step to the next cell south.
pub const OPEN_SOUTH: u8 = 8;

/// The rasters of all levels, at one pitch.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// Side of a cell in metres.
    pub pitch_m: f32,
    /// One per level, in the order of `Venue::levels`.
    pub rasters: Vec<Raster>,
}

/// The cells of one level, row by row, the southernmost row first.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    /// The south-west corner of cell (0, 0).
    pub origin: Point,
    /// Cells from west to east.
    pub columns: u32,
    /// Cells from south to north.
    pub rows: u32,
    /// Whether one can stand in the cell: only where an opening or stairs lead, never in a room without a door.
    pub walkable: Vec<bool>,
    /// The sides of the cell that are open, as the bits [`OPEN_EAST`] to [`OPEN_SOUTH`]: no wall lies between the two
    /// centres, or an opening does. One steps diagonally where both ways around the corner are open.
    pub open_sides: Vec<u8>,
    /// The exclusive zone of the cell's centre as a `ZoneIx`, or [`NO_ZONE`].
    pub zone: Vec<u16>,
}

impl Floor {
    /// The cell (position in the raster's vectors) that holds the point, or `None` off the raster.
    #[must_use]
    pub fn cell_at(&self, level: LevelIx, at: Point) -> Option<usize> {
        let raster = self.rasters.get(level.index())?;
        let column = ((at.east_m - raster.origin.east_m) / self.pitch_m).floor();
        let row = ((at.north_m - raster.origin.north_m) / self.pitch_m).floor();
        let inside = column >= 0.0 && row >= 0.0 && column < raster.columns as f32 && row < raster.rows as f32;
        inside.then(|| row as usize * raster.columns as usize + column as usize)
    }

    /// The centre of a cell of that level.
    #[must_use]
    pub fn centre(&self, level: LevelIx, cell: usize) -> Point {
        let Some(raster) = self.rasters.get(level.index()) else {
            return Point::default();
        };
        let columns = raster.columns.max(1) as usize;
        let (row, column) = (cell / columns, cell % columns);
        Point::new(
            raster.origin.east_m + (column as f32 + 0.5) * self.pitch_m,
            raster.origin.north_m + (row as f32 + 0.5) * self.pitch_m,
        )
    }

    /// Whether one can stand at the point.
    #[must_use]
    pub fn is_walkable(&self, level: LevelIx, at: Point) -> bool {
        self.cell_at(level, at)
            .and_then(|cell| self.rasters.get(level.index())?.walkable.get(cell).copied())
            .unwrap_or(false)
    }

    /// The zone of the cell that holds the point: coarser than `Venue::zone_at` by up to half a cell.
    #[must_use]
    pub fn cell_zone(&self, level: LevelIx, at: Point) -> Option<ZoneIx> {
        let cell = self.cell_at(level, at)?;
        let zone = self.rasters.get(level.index())?.zone.get(cell).copied()?;
        (zone != NO_ZONE).then_some(ZoneIx(zone))
    }
}
