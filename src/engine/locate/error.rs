//! Why a locator can't be built. Deliberately absent: errors per sighting, which are values of `Observed`.

use super::floor::{LEVEL_SIDE_MAX, LEVELS_MAX};
use super::station::STATIONS_MAX;

/// Why a [`Locator`](super::Locator) can't be built: the first thing that was out of range, and what was expected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LocatorError {
    /// No level, or too many.
    #[error("a floor plan needs 1 to {LEVELS_MAX} levels, this one has {levels}")]
    Levels {
        /// How many there are.
        levels: usize,
    },
    /// Cells nobody could walk on.
    #[error("the side of a cell must be 0.25 to 10 m, not {pitch_m}")]
    Pitch {
        /// The side that was given, in metres.
        pitch_m: f32,
    },
    /// A level whose cells don't fill it.
    #[error(
        "level {level} has {columns} x {rows} cells, {walkable} walkable flags and {zones} zones: \
         expected 1 to {LEVEL_SIDE_MAX} columns and rows, and one flag and one zone per cell"
    )]
    Cells {
        /// The level, by place in the floor plan.
        level: usize,
        /// Its columns.
        columns: u32,
        /// Its rows.
        rows: u32,
        /// How many walkable flags came with it.
        walkable: usize,
        /// How many zones came with it.
        zones: usize,
    },
    /// A level that is nowhere.
    #[error("level {level}: origin and elevation must be finite numbers of metres")]
    LevelNowhere {
        /// The level, by place in the floor plan.
        level: usize,
    },
    /// More stations than a sighting can name.
    #[error("a venue may have {STATIONS_MAX} stations, not {stations}")]
    Stations {
        /// How many there are.
        stations: usize,
    },
    /// A station that is nowhere.
    #[error("station {station}: its level must exist and its position must be finite numbers of metres")]
    Station {
        /// The station, by place in the list.
        station: usize,
    },
    /// A survey point of nothing.
    #[error("survey point {point}: its station and level must exist and its numbers must be finite")]
    SurveyPoint {
        /// The point, by place in the survey.
        point: usize,
    },
    /// A setting that makes no sense.
    #[error("setting {name} must be {least} to {most}, not {value}")]
    Setting {
        /// The field of the settings.
        name: &'static str,
        /// What was given.
        value: f32,
        /// The least that is accepted.
        least: f32,
        /// The most that is accepted.
        most: f32,
    },
    /// Radio maps that would not fit.
    #[error("the radio maps need more than {cells_max} cells: use a larger pitch or a smaller hearing_range_m")]
    MapTooLarge {
        /// Cells that all maps may have together.
        cells_max: usize,
    },
}
