//! A site survey: `survey.csv`, what the hubs heard of a tag that stood at known points.
//!
//! Columns: `x_m`, `y_m`, `z_m`, `hub`, `rssi_mean_dbm` and `rssi_sd_db`; more may follow and are not read. Hubs and
//! levels are the caller's to name, so that a pack and a recording share the reader. Deliberately absent: what a
//! survey means for a radio map, which is the locator's.

use std::ops::RangeInclusive;

use nextbest_venue::table::{Column, Row, Table};
use nextbest_venue::{Mistake, Source, Venue};

use crate::engine::locate::SurveyPoint;

/// Points that a survey may have.
pub const SURVEY_LEN_MAX: usize = 65_536;
/// Places, in the map's own metres.
const PLACE_M: RangeInclusive<f32> = -1e5..=1e5;
/// Heights, in metres.
const HEIGHT_M: RangeInclusive<f32> = -1e3..=1e4;
/// What a radio can give on average, in dBm.
const RSSI_DBM: RangeInclusive<f32> = -127.0..=20.0;
/// How far readings at one point may spread, in dB.
const SPREAD_DB: RangeInclusive<f32> = 0.0..=60.0;

/// Reads a survey: its points, and every mistake. `station` is the place of a hub in the locator's list, `level` that
/// of the level which a height in metres belongs to.
pub fn read_survey(
    source: &Source,
    station: impl Fn(&str) -> Option<u16>,
    level: impl Fn(f32) -> u8,
) -> (Vec<SurveyPoint>, Vec<Mistake>) {
    let (mut points, mut mistakes) = (Vec::new(), Vec::new());
    let opened = Table::new(source).and_then(|table| Ok((Columns::of(&table)?, table)));
    let (columns, mut table) = match opened {
        Ok(opened) => opened,
        Err(mistake) => return (points, vec![*mistake]),
    };
    while let Some(row) = table.next_row() {
        if points.len() == SURVEY_LEN_MAX {
            mistakes.push(*row.wrong(&columns.hub, format!("at most {SURVEY_LEN_MAX} points")));
            break;
        }
        match columns.point(&row, &station, &level) {
            Ok(point) => points.push(point),
            Err(mistake) => mistakes.push(*mistake),
        }
    }
    (points, mistakes)
}

/// The highest level of a map whose floor is not above a height.
pub(super) fn level_of(venue: &Venue, height_m: f32) -> u8 {
    let below = (0_u8..)
        .zip(&venue.levels)
        .filter(|(_, level)| level.elevation_m <= height_m);
    below
        .max_by(|(_, one), (_, other)| one.elevation_m.total_cmp(&other.elevation_m))
        .map_or(0, |(level, _)| level)
}

struct Columns {
    east: Column,
    north: Column,
    height: Column,
    hub: Column,
    mean: Column,
    spread: Column,
}

impl Columns {
    fn of(table: &Table<'_>) -> Result<Self, Box<Mistake>> {
        Ok(Self {
            east: table.column("x_m")?,
            north: table.column("y_m")?,
            height: table.column("z_m")?,
            hub: table.column("hub")?,
            mean: table.column("rssi_mean_dbm")?,
            spread: table.column("rssi_sd_db")?,
        })
    }

    fn point(
        &self,
        row: &Row<'_>,
        station: impl Fn(&str) -> Option<u16>,
        level: impl Fn(f32) -> u8,
    ) -> Result<SurveyPoint, Box<Mistake>> {
        let known = station(row.text(&self.hub)?);
        Ok(SurveyPoint {
            level: level(row.number(&self.height, HEIGHT_M)?),
            east_m: row.number(&self.east, PLACE_M)?,
            north_m: row.number(&self.north, PLACE_M)?,
            station: known.ok_or_else(|| row.wrong(&self.hub, "the id of a hub of the map"))?,
            rssi_mean_dbm: row.number(&self.mean, RSSI_DBM)?,
            rssi_sd_db: row.number(&self.spread, SPREAD_DB)?,
        })
    }
}
