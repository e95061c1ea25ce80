//! Where a tag is: a Bayesian filter over the walkable cells around it.
//!
//! Sightings fold into steps of [`STEP_MS`]. When a step closes, the tag's mass spreads by walking, is multiplied by
//! how well each cell explains what the stations heard, and gives position, level and zone. Cells live in a window
//! that follows the tag, so cost does not grow with the venue. Deliberately absent: clocks, IO, allocation per
//! sighting, and trust in a sighting's own time stamp.
//!
//! Tried on `tests/data/tetam` and left out (mean metres over a bare rectangle unless said): silence of a station that
//! should hear (+0.06 and more), skewed errors (+0.02 and more), errors that remember the last one (no gain), cells of
//! 0.5 m (no gain), cells near surveyed points preferred (-0.03, but +0.3 at the 95th percentile, and it keeps people
//! out of places that nobody surveyed), the survey's own doubt as noise (-0.03, but +0.4 where a map is learned from a
//! few tills), one field of shadows for all stations (maps no closer to the walks), exponent and station offsets learned
//! on the way (+0.05 and more), a velocity that lasts longer (-0.02, switches more), and the place itself moved ahead by
//! the velocity as zones are (+0.01).
//!
//! Reading order: `floor` and `station` are what is given, `survey` and `radio_map` what is computed from it once,
//! `track` what is kept per tag, and `close` what happens per step, with `motion`, `posterior`, `tag`, `level` and
//! `zone` as its leaves.

mod bits;
mod close;
mod error;
mod floor;
mod level;
mod line;
mod motion;
mod posterior;
mod radio_map;
mod settings;
mod station;
mod survey;
mod tag;
#[cfg(test)]
mod tests;
mod track;
mod zone;

pub use error::LocatorError;
pub(super) use radio_map::MAP_CELLS_MAX;

pub use floor::{FloorLevel, FloorPlan, LEVEL_SIDE_MAX, LEVELS_MAX, NO_ZONE, WINDOW_SIDE};
pub use settings::LocatorSettings;
pub use station::{STATIONS_MAX, Station, SurveyPoint};
pub use track::{Fix, STEP_MS, STEP_STATIONS_MAX, Track};

use floor::Grid;
use motion::Paces;
use radio_map::RadioMap;
use station::{check_stations, check_survey};
use survey::SurveyedStation;
use track::Heard;

/// The RSSI that a radio can give, in dBm; 127 means "not available" (Bluetooth Core 5.4, vol. 4, part E, 7.7.65.2).
pub const RSSI_DBM: std::ops::RangeInclusive<i8> = -127..=20;

/// What became of a sighting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observed {
    /// Folded into the open step.
    Folded,
    /// Folded into a later step; the one before closed with this fix.
    Closed(Fix),
    /// Its step is closed: to be counted, not applied.
    Late,
    /// There is no station of this number.
    UnknownStation,
    /// No radio gives this RSSI.
    NotARadioValue,
}

/// Finds tags. Immutable: all that changes is in the [`Track`] of each tag, so one locator serves every thread.
#[derive(Debug)]
pub struct Locator {
    grids: Vec<Grid>,
    pitch_m: f32,
    stations: Vec<Station>,
    map: RadioMap,
    paces: Paces,
    settings: LocatorSettings,
}

impl Locator {
    /// Computes the radio maps of a venue: a few milliseconds, and a second for hundreds of surveyed stations.
    ///
    /// # Errors
    /// Names the first thing that is out of range.
    pub fn new(
        floor: FloorPlan,
        stations: Vec<Station>,
        survey: Option<&[SurveyPoint]>,
        settings: LocatorSettings,
    ) -> Result<Self, LocatorError> {
        let survey = survey.unwrap_or_default();
        settings.check()?;
        let grids = Grid::all(&floor)?;
        check_stations(&stations, grids.len())?;
        check_survey(survey, stations.len(), grids.len())?;
        let elevations_m: Vec<f32> = grids.iter().map(|grid| grid.elevation_m).collect();
        let fit = |(index, station)| SurveyedStation::fit(station, index, survey, &elevations_m, &settings);
        let surveyed: Vec<Option<SurveyedStation>> = (0u16..).zip(&stations).map(fit).collect();
        let map = RadioMap::new(&grids, floor.pitch_m, &stations, &surveyed, &settings)?;
        Ok(Self {
            grids,
            pitch_m: floor.pitch_m,
            stations,
            map,
            paces: Paces::new(&settings),
            settings,
        })
    }

    /// Folds one sighting in. Inside a step neither order nor duplication changes anything; a sighting of a later step
    /// first closes the open one. The caller removes what a hub sent twice over steps.
    pub fn observe(&self, track: &mut Track, step: u32, station: u16, rssi_dbm: i8) -> Observed {
        if !RSSI_DBM.contains(&rssi_dbm) {
            return Observed::NotARadioValue;
        }
        if usize::from(station) >= self.stations.len() {
            return Observed::UnknownStation;
        }
        if step < track.open_from {
            return Observed::Late;
        }
        let closed = if track.open_from < step {
            self.close_open_step(track)
        } else {
            None
        };
        track.open_from = step;
        track.open.step = step;
        track.open.fold(Heard { station, rssi_dbm });
        closed.map_or(Observed::Folded, Observed::Closed)
    }

    /// Closes the open step when it is older than `step_now`, and says where the tag is: nowhere when nobody heard it
    /// for the time to live. Sightings of steps before `step_now` are late from then on.
    pub fn close(&self, track: &mut Track, step_now: u32) -> Option<Fix> {
        if track.open_from < step_now {
            let closed = self.close_open_step(track);
            track.open_from = step_now;
            if closed.is_some_and(|fix| fix.step < step_now) && !self.is_stale(track, step_now) {
                return closed;
            }
        }
        if self.is_stale(track, step_now) {
            track.located = false;
        }
        self.fix(track)
    }

    /// Where the tag is, as of the last closed step.
    pub fn fix(&self, track: &Track) -> Option<Fix> {
        track.located.then_some(Fix {
            zone_changed: false,
            ..track.fix
        })
    }

    /// What a station is expected to hear of an ordinary tag at a point, in dBm; `None` when there is no such station.
    #[must_use]
    pub fn expected_dbm(&self, station: u16, level: u8, east_m: f32, north_m: f32) -> Option<f32> {
        self.map.error_of(station)?;
        let (column, row) = self
            .grids
            .get(usize::from(level))?
            .cell_of(east_m, north_m, self.pitch_m);
        Some(
            self.map
                .cell_dbm(station, level, column.floor() as i64, row.floor() as i64),
        )
    }

    /// Calls `say` for every cell in which a station may hear a tag: how far its middle is from the station on the map, in
    /// metres, and what the station is expected to hear there of an ordinary tag, in dBm.
    pub fn for_each_cell_of(&self, station: u16, mut say: impl FnMut(f32, f32)) {
        let Some(at) = self.stations.get(usize::from(station)) else {
            return;
        };
        for (level, grid) in (0_u8..).zip(&self.grids) {
            self.map.for_each_cell(station, level, |column, row, dbm| {
                let east_m = grid.origin_east_m + (column as f32 + 0.5) * self.pitch_m;
                let north_m = grid.origin_north_m + (row as f32 + 0.5) * self.pitch_m;
                say((east_m - at.east_m).hypot(north_m - at.north_m), dbm);
            });
        }
    }

    /// By how much a tag is stronger than an ordinary one, in dB, as far as it is known.
    #[must_use]
    pub fn stronger_db(&self, track: &Track) -> f32 {
        track.tag.stronger_db()
    }

    /// The settings it was built with.
    pub fn settings(&self) -> &LocatorSettings {
        &self.settings
    }
}
