//! The building's walls: units, openings and ways between levels, in metres and with references resolved.
//!
//! It is what the raster and the walkable graph are made of, and is dropped once they are made.

use crate::geometry::{Point, Polygon};

/// The walls of the whole building.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Side of a cell in metres.
    pub(crate) pitch_m: f32,
    /// One per level, in the order of the levels.
    pub(crate) levels: Vec<LevelPlan>,
    /// Stairs and the like.
    pub(crate) passages: Vec<Passage>,
}

/// The walls of one level.
#[derive(Debug, Default)]
pub(crate) struct LevelPlan {
    /// The level itself, in as many pieces as it has.
    pub(crate) areas: Vec<Polygon>,
    /// Rooms, walkways and solids.
    pub(crate) units: Vec<Unit>,
    /// The gaps in the borders of units that visitors may pass.
    pub(crate) openings: Vec<Vec<Point>>,
}

/// A room, a walkway, or something solid.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) area: Polygon,
    pub(crate) walkable: bool,
}

/// A way between two units, usually on two levels.
#[derive(Debug)]
pub(crate) struct Passage {
    pub(crate) from: UnitIx,
    pub(crate) to: UnitIx,
    pub(crate) both_ways: bool,
    pub(crate) traverse_s: f32,
}

/// Where a unit is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnitIx {
    pub(crate) level: usize,
    pub(crate) unit: usize,
}
