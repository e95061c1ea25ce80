//! The floor as cells: which can be walked on and which zone each belongs to.
//!
//! Every level carries a border as wide as a window, so that a window near an edge needs no bounds of its own.
//! Deliberately absent: walls thinner than a cell, doors, stairs; those belong to the venue's walking graph.

use super::bits::Bits;
use super::error::LocatorError;
use super::line::{Line, Lines};

/// The zone of a cell that belongs to none.
pub const NO_ZONE: u16 = u16::MAX;
/// Cells along one side of the window that follows a tag. Measured on the walks of `tests/data/tetam` at 1 m: 8 loses
/// people (1.44 m mean), 12 and 16 are as good (1.24, 1.26), and 16 costs nearly twice as much.
pub const WINDOW_SIDE: usize = 12;
/// Cells of a window.
pub(super) const WINDOW_CELLS: usize = WINDOW_SIDE * WINDOW_SIDE;
/// Levels that a floor plan may have.
pub const LEVELS_MAX: usize = 8;
/// Columns, and rows, that one level may have: 4 km at 1 m, and within 16 bits together with the border.
pub const LEVEL_SIDE_MAX: u32 = 4096;

/// The walkable cells of every level.
#[derive(Clone, Debug, PartialEq)]
pub struct FloorPlan {
    /// Side of a cell in metres, 0.25 to 10; 1 to 2 suits Bluetooth.
    pub pitch_m: f32,
    /// The levels, lowest first; a [`Station`](super::Station) names its level by place in this list.
    pub levels: Vec<FloorLevel>,
}

/// One level's cells, row by row from the south-west corner.
#[derive(Clone, Debug, PartialEq)]
pub struct FloorLevel {
    /// East of the south-west corner of the first cell, in metres from the venue's anchor.
    pub origin_east_m: f32,
    /// North of that corner, in metres from the venue's anchor.
    pub origin_north_m: f32,
    /// Cells from west to east.
    pub columns: u32,
    /// Cells from south to north.
    pub rows: u32,
    /// Whether one can stand there, `columns * rows` cells.
    pub walkable: Vec<bool>,
    /// The zone of each cell, or [`NO_ZONE`].
    pub zone: Vec<u16>,
    /// Height of the floor above the anchor, in metres.
    pub elevation_m: f32,
}

/// The south-west cell of a window, counted in a grid's cells with their border.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Corner {
    pub(super) column: u16,
    pub(super) row: u16,
}

/// A level's cells with a border of unwalkable ones, one window wide.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) origin_east_m: f32,
    pub(super) origin_north_m: f32,
    pub(super) columns: usize,
    pub(super) rows: usize,
    walkable: Bits,
    zone: Vec<u16>,
    zone_goes_on: Bits,
    zone_begins: Bits,
    pub(super) elevation_m: f32,
}

impl Grid {
    /// Checks every level of a floor plan and gives it its border.
    pub(super) fn all(floor: &FloorPlan) -> Result<Vec<Self>, LocatorError> {
        if floor.levels.is_empty() || floor.levels.len() > LEVELS_MAX {
            return Err(LocatorError::Levels {
                levels: floor.levels.len(),
            });
        }
        if !(0.25..=10.0).contains(&floor.pitch_m) {
            return Err(LocatorError::Pitch { pitch_m: floor.pitch_m });
        }
        floor
            .levels
            .iter()
            .enumerate()
            .map(|(index, level)| Self::new(level, index, floor.pitch_m))
            .collect()
    }

    /// Checks a level and gives it its border.
    fn new(level: &FloorLevel, level_index: usize, pitch_m: f32) -> Result<Self, LocatorError> {
        let (columns, rows) = (level.columns as usize, level.rows as usize);
        let sides_fit = [level.columns, level.rows]
            .iter()
            .all(|side| (1..=LEVEL_SIDE_MAX).contains(side));
        if !sides_fit || level.walkable.len() != columns * rows || level.zone.len() != columns * rows {
            return Err(LocatorError::Cells {
                level: level_index,
                columns: level.columns,
                rows: level.rows,
                walkable: level.walkable.len(),
                zones: level.zone.len(),
            });
        }
        if ![level.origin_east_m, level.origin_north_m, level.elevation_m]
            .iter()
            .all(|value| value.is_finite())
        {
            return Err(LocatorError::LevelNowhere { level: level_index });
        }
        let (wide, high) = (columns + 2 * WINDOW_SIDE, rows + 2 * WINDOW_SIDE);
        let mut zone = vec![NO_ZONE; wide * high];
        for (row, zones) in level.zone.chunks(columns).enumerate() {
            let start = (row + WINDOW_SIDE) * wide + WINDOW_SIDE;
            zone[start..start + columns].copy_from_slice(zones);
        }
        let is_inside = |column: usize, row: usize| {
            (WINDOW_SIDE..WINDOW_SIDE + columns).contains(&column) && (WINDOW_SIDE..WINDOW_SIDE + rows).contains(&row)
        };
        let at = |column: usize, row: usize| zone[row * wide + column];
        Ok(Self {
            origin_east_m: level.origin_east_m - WINDOW_SIDE as f32 * pitch_m,
            origin_north_m: level.origin_north_m - WINDOW_SIDE as f32 * pitch_m,
            columns: wide,
            rows: high,
            walkable: Bits::new(wide, high, |column, row| {
                is_inside(column, row) && level.walkable[(row - WINDOW_SIDE) * columns + column - WINDOW_SIDE]
            }),
            zone_goes_on: Bits::new(wide, high, |column, row| {
                row > 0 && at(column, row) == at(column, row - 1)
            }),
            zone_begins: Bits::new(wide, high, |column, row| {
                column > 0 && at(column, row) != at(column - 1, row)
            }),
            zone,
            elevation_m: level.elevation_m,
        })
    }

    /// The corner of the window that has a point, given in cells of this grid, in its middle.
    pub(super) fn corner_around(&self, column: f32, row: f32) -> Corner {
        let half = WINDOW_SIDE as f32 / 2.0;
        let clamp = |at: f32, cells: usize| (at - half + 0.5).clamp(0.0, (cells - WINDOW_SIDE) as f32) as u16;
        Corner {
            column: clamp(column, self.columns),
            row: clamp(row, self.rows),
        }
    }

    /// The highest corner that a window of this grid may have.
    pub(super) fn corner_max(&self) -> Corner {
        Corner {
            column: (self.columns - WINDOW_SIDE) as u16,
            row: (self.rows - WINDOW_SIDE) as u16,
        }
    }

    /// Where a point is, in cells of this grid.
    pub(super) fn cell_of(&self, east_m: f32, north_m: f32, pitch_m: f32) -> (f32, f32) {
        (
            (east_m - self.origin_east_m) / pitch_m,
            (north_m - self.origin_north_m) / pitch_m,
        )
    }

    /// Which cells of a window can be walked on, as 1 or 0.
    #[inline]
    pub(super) fn walkable_in(&self, corner: Corner) -> Lines {
        let mut walkable = [Line::NOTHING; WINDOW_SIDE];
        for (line, row) in walkable.iter_mut().zip(usize::from(corner.row)..) {
            *line = Line::of_bits(self.walkable.row(usize::from(corner.column), row));
        }
        walkable
    }

    /// Whether each cell of a window's row is in the zone of the cell south of it.
    #[inline]
    pub(super) fn zones_go_on(&self, corner: Corner, row: usize) -> bool {
        let row = usize::from(corner.row) + row;
        self.zone_goes_on.row(usize::from(corner.column), row) == Bits::ALL
    }

    /// The zones of a window's row: by cell, and bit by cell whether it is in another one than the cell west of it.
    pub(super) fn zones_in(&self, corner: Corner, row: usize) -> (&[u16], u32) {
        let (column, row) = (usize::from(corner.column), usize::from(corner.row) + row);
        let start = row * self.columns + column;
        let zones = self.zone.get(start..start + WINDOW_SIDE).unwrap_or_default();
        (zones, self.zone_begins.row(column, row))
    }
}
