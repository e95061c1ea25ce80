//! Fixed radios, and what a survey heard of them. A hub that hears tags and a beacon that phones hear are the same
//! thing to the locator: a known end of a radio path. Deliberately absent: names and keys.

use super::error::LocatorError;

/// Stations that a venue may have; bounds the memory of the radio maps.
pub const STATIONS_MAX: usize = 4096;

/// A fixed radio: a hub that hears tags, or a beacon that phones hear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Station {
    /// The level, by place in the floor plan.
    pub level: u8,
    /// Metres east of the venue's anchor.
    pub east_m: f32,
    /// Metres north of the venue's anchor.
    pub north_m: f32,
    /// Metres above its level's floor.
    pub height_m: f32,
}

/// What one station heard of a tag that stood at a known point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurveyPoint {
    /// The level, by place in the floor plan.
    pub level: u8,
    /// Metres east of the venue's anchor.
    pub east_m: f32,
    /// Metres north of the venue's anchor.
    pub north_m: f32,
    /// The station, by place in the locator's list.
    pub station: u16,
    /// Mean RSSI in dBm.
    pub rssi_mean_dbm: f32,
    /// Spread of RSSI in dB.
    pub rssi_sd_db: f32,
}

/// Checks that every station is somewhere on the floor plan's levels.
pub(super) fn check_stations(stations: &[Station], levels: usize) -> Result<(), LocatorError> {
    if stations.len() > STATIONS_MAX {
        return Err(LocatorError::Stations {
            stations: stations.len(),
        });
    }
    let somewhere = |station: &Station| {
        usize::from(station.level) < levels
            && [station.east_m, station.north_m, station.height_m]
                .iter()
                .all(|at| at.is_finite())
    };
    stations
        .iter()
        .position(|station| !somewhere(station))
        .map_or(Ok(()), |station| Err(LocatorError::Station { station }))
}

/// Checks that every survey point names a station and a level that exist.
pub(super) fn check_survey(survey: &[SurveyPoint], stations: usize, levels: usize) -> Result<(), LocatorError> {
    let usable = |point: &SurveyPoint| {
        let numbers = [point.east_m, point.north_m, point.rssi_mean_dbm, point.rssi_sd_db];
        usize::from(point.station) < stations
            && usize::from(point.level) < levels
            && numbers.iter().all(|number| number.is_finite())
    };
    survey
        .iter()
        .position(|point| !usable(point))
        .map_or(Ok(()), |point| Err(LocatorError::SurveyPoint { point }))
}
