//! The places that a survey goes to: from a plan, or made from the map, with what an engineer needs to find them.

use std::path::Path;

use firmware_sim::replay::recording::read_source;
use nextbest_venue::table::Table;
use nextbest_venue::{Mistake, Point, Source, Venue};

use super::super::Failure;
use super::super::locate::refused;
use super::{HELD_M, floor_of};
use crate::engine::locate::{FloorPlan, NO_ZONE};
use crate::recording::{STOPS_MAX, Stop, plan};

/// A place to stand at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned {
    /// Its name in the plan.
    pub(super) id: String,
    /// Where; its times say nothing.
    pub(super) stop: Stop,
    /// The level's name.
    pub(super) level: String,
    /// The zone's name; empty outside every zone.
    pub(super) zone: String,
}

/// The places of a plan's file.
pub(super) fn from_file(venue: &Venue, path: &Path) -> Result<Vec<Planned>, Failure> {
    let source = read_source(path).map_err(Failure::wrong)?;
    let rows = parse(&source).map_err(|mistake| refused(mistake.into()))?;
    let floor = floor_of(venue);
    Ok(rows
        .into_iter()
        .map(|(id, at, height_m)| planned(venue, &floor, id, at, height_m))
        .collect())
}

/// Places such that every walkable one is within `every_m` of one.
pub(super) fn from_map(venue: &Venue, every_m: f32) -> Vec<Planned> {
    let floor = floor_of(venue);
    let place = |(number, place): (usize, &crate::recording::Place)| {
        let level = floor.levels.get(usize::from(place.level));
        let height_m = level.map_or(0.0, |level| level.elevation_m) + HELD_M;
        planned(venue, &floor, number.to_string(), place.at, height_m)
    };
    (1..).zip(&plan(&floor, every_m)).map(place).collect()
}

fn planned(venue: &Venue, floor: &FloorPlan, id: String, at: Point, height_m: f32) -> Planned {
    let below = floor
        .levels
        .iter()
        .enumerate()
        .filter(|(_, level)| level.elevation_m <= height_m);
    let level = below
        .max_by(|(_, one), (_, other)| one.elevation_m.total_cmp(&other.elevation_m))
        .map_or(0, |(level, _)| level);
    Planned {
        id,
        stop: Stop {
            from_ms: 0.0,
            to_ms: f64::INFINITY,
            at,
            height_m,
        },
        level: venue
            .levels
            .get(level)
            .map(|level| level.id.clone())
            .unwrap_or_default(),
        zone: zone_at(venue, floor, level, at),
    }
}

fn zone_at(venue: &Venue, floor: &FloorPlan, level: usize, at: Point) -> String {
    let zone = || {
        let level = floor.levels.get(level)?;
        let cell = |from_m: f32, to_m: f32, cells: u32| {
            let cell = ((to_m - from_m) / floor.pitch_m).floor();
            (0.0..cells as f32).contains(&cell).then_some(cell as usize)
        };
        let column = cell(level.origin_east_m, at.east_m, level.columns)?;
        let row = cell(level.origin_north_m, at.north_m, level.rows)?;
        let zone = *level.zone.get(row * level.columns as usize + column)?;
        let zone = venue.zones.get(usize::from(zone)).filter(|_| zone != NO_ZONE)?;
        Some(zone.id.clone())
    };
    zone().unwrap_or_default()
}

fn parse(source: &Source) -> Result<Vec<(String, Point, f32)>, Box<Mistake>> {
    let mut table = Table::new(source)?;
    let [place, x, y, z] = ["place", "x_m", "y_m", "z_m"].map(|name| table.column(name));
    let (place, x, y, z) = (place?, x?, y?, z?);
    let mut rows = Vec::new();
    while let Some(row) = table.next_row() {
        if rows.len() == STOPS_MAX {
            return Err(row.wrong(&place, format!("at most {STOPS_MAX} places")));
        }
        let at = Point::new(row.number(&x, -1e5..=1e5)?, row.number(&y, -1e5..=1e5)?);
        rows.push((row.text(&place)?.to_owned(), at, row.number(&z, -1e3..=1e4)?));
    }
    if rows.is_empty() {
        return Err(table.wrong_head("there is no place", "at least one line with a place"));
    }
    Ok(rows)
}
