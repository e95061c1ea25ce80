//! From the map to the locator's own plain inputs: cells and stations.

use super::locate::{
    FloorLevel, FloorPlan, Locator, LocatorError, LocatorSettings, MAP_CELLS_MAX, Station, SurveyPoint,
};
use super::spec::Spec;

/// Bytes that the radio maps of a venue take at most, as if each hub were heard in each cell: the one in use, and the one
/// that is built anew from what was learned.
#[must_use]
pub fn radio_maps_bytes_max(spec: &Spec) -> u64 {
    let rasters = spec.venue.floor.rasters.iter();
    let cells: u64 = rasters
        .map(|raster| u64::from(raster.columns) * u64::from(raster.rows))
        .sum();
    2 * (cells * spec.venue.hubs.len() as u64).min(MAP_CELLS_MAX as u64)
}

/// The locator of a venue: its hubs are the stations, in their order. What was learned while running stands beside the
/// survey.
pub(super) fn build(spec: &Spec, learned: &[SurveyPoint]) -> Result<Locator, LocatorError> {
    let venue = &spec.venue;
    let levels = venue
        .floor
        .rasters
        .iter()
        .zip(&venue.levels)
        .map(|(raster, level)| FloorLevel {
            origin_east_m: raster.origin.east_m,
            origin_north_m: raster.origin.north_m,
            columns: raster.columns,
            rows: raster.rows,
            walkable: raster.walkable.clone(),
            zone: raster.zone.clone(),
            elevation_m: level.elevation_m,
        });
    let floor = FloorPlan {
        pitch_m: venue.floor.pitch_m,
        levels: levels.collect(),
    };
    let stations = venue.hubs.iter().map(|hub| Station {
        level: hub.level.0,
        east_m: hub.at.east_m,
        north_m: hub.at.north_m,
        height_m: hub.height_m,
    });
    let settings = LocatorSettings {
        rssi_1m_dbm: spec.settings.path_loss_1m_dbm,
        path_loss_exponent: spec.settings.path_loss_exponent,
        time_to_live_ms: spec.settings.position_ttl_ms,
        ..LocatorSettings::default()
    };
    let survey: Vec<SurveyPoint> = spec.survey.iter().chain(learned).copied().collect();
    Locator::new(floor, stations.collect(), Some(&survey), settings)
}
