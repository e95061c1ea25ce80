//! A building of rooms for the tests: rooms in a grid on one or more levels, doors between them, stairs in a corner.
//!
//! The same description is written as GeoJSON for the crate and read as plain arithmetic by the reference, so that the two
//! share nothing but the description.

use std::fmt::Write as _;

use nextbest_venue::{Mistake, Source, Venue, load};

/// Side of a room in metres; cells are one metre.
pub(crate) const ROOM_M: usize = 5;
/// Rooms along each side.
pub(crate) const ROOMS: usize = 3;
/// Cells along each side.
pub(crate) const SIDE: usize = ROOM_M * ROOMS;

/// A room by level, column and row.
pub(crate) type RoomIx = (usize, usize, usize);

/// A door in the wall east of a room (`is_east`) or north of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    pub(crate) room: RoomIx,
    pub(crate) is_east: bool,
    /// Where it begins along the wall, in whole metres.
    pub(crate) offset_m: usize,
    pub(crate) width_m: usize,
}

/// A building.
#[derive(Clone, Debug, Default)]
pub(crate) struct Building {
    pub(crate) levels: usize,
    /// Rooms of solid rock.
    pub(crate) solid: Vec<RoomIx>,
    pub(crate) doors: Vec<Door>,
    /// Stairs join the corner rooms (0, 0) of neighbouring levels.
    pub(crate) stairs_s: f32,
    /// Places: level and cell.
    pub(crate) places: Vec<(usize, usize, usize)>,
}

impl Building {
    pub(crate) fn rooms(&self) -> impl Iterator<Item = RoomIx> + '_ {
        (0..self.levels)
            .flat_map(|level| (0..ROOMS).flat_map(move |column| (0..ROOMS).map(move |row| (level, column, row))))
    }

    pub(crate) fn is_solid(&self, room: RoomIx) -> bool {
        self.solid.contains(&room)
    }

    /// The map as one GeoJSON file.
    pub(crate) fn geojson(&self) -> String {
        let outline = rectangle(0.0, 0.0, SIDE as f64, SIDE as f64);
        let mut features = vec![feature(
            "venue",
            "house",
            r#""name": {"en": "House"}, "category": "museum", "time_zone": "Europe/Madrid", "frame": "local", "pitch_m": 1"#,
            &outline,
        )];
        for level in 0..self.levels {
            let properties = format!(
                r#""name": {{"en": "Level {level}"}}, "ordinal": {level}, "elevation_m": {}"#,
                level * 4
            );
            features.push(feature("level", &format!("level-{level}"), &properties, &outline));
        }
        for room in self.rooms() {
            features.extend(self.room(room));
        }
        features.extend(self.doors.iter().enumerate().map(|(at, door)| opening(at, door)));
        for level in 1..self.levels {
            let end = |level: usize| format!(r#"{{"id": "room-{level}-0-0", "feature_type": "unit"}}"#);
            let properties = format!(
                r#""category": "stairs", "direction": "undirected", "origin": {}, "destination": {}, "traverse_s": {}"#,
                end(level - 1),
                end(level),
                self.stairs_s
            );
            features.push(feature("relationship", &format!("stairs-{level}"), &properties, "null"));
        }
        for (at, (level, column, row)) in self.places.iter().enumerate() {
            let properties =
                format!(r#""name": {{"en": "Place {at}"}}, "category": "exhibit", "level_id": "level-{level}""#);
            let geometry = point(*column as f64 + 0.5, *row as f64 + 0.5);
            features.push(feature("amenity", &format!("place-{at}"), &properties, &geometry));
        }
        format!(
            "{{\"type\": \"FeatureCollection\", \"features\": [\n{}\n]}}\n",
            features.join(",\n")
        )
    }

    fn room(&self, room: RoomIx) -> Vec<String> {
        let (level, column, row) = room;
        let (west, south) = ((column * ROOM_M) as f64, (row * ROOM_M) as f64);
        let area = rectangle(west, south, west + ROOM_M as f64, south + ROOM_M as f64);
        let name = format!("{level}-{column}-{row}");
        let category = if self.is_solid(room) { "concrete" } else { "room" };
        let unit = format!(r#""category": "{category}", "level_id": "level-{level}""#);
        let zone = format!(r#""name": {{"en": "Zone {name}"}}, "category": "room", "level_id": "level-{level}""#);
        vec![
            feature("unit", &format!("room-{name}"), &unit, &area),
            feature("section", &format!("zone-{name}"), &zone, &area),
        ]
    }
}

pub(crate) fn load_text(text: &str) -> Result<Venue, Vec<Mistake>> {
    load(&[Source {
        name: "house.geojson".to_owned(),
        text: text.into(),
    }])
}

fn opening(at: usize, door: &Door) -> String {
    let (level, column, row) = door.room;
    let (west, south) = ((column * ROOM_M) as f64, (row * ROOM_M) as f64);
    let (from, to) = (door.offset_m as f64, (door.offset_m + door.width_m) as f64);
    let side = ROOM_M as f64;
    let line = if door.is_east {
        format!("[[{0}, {1}], [{0}, {2}]]", west + side, south + from, south + to)
    } else {
        format!("[[{1}, {0}], [{2}, {0}]]", south + side, west + from, west + to)
    };
    let geometry = format!(r#"{{"type": "LineString", "coordinates": {line}}}"#);
    let properties = format!(r#""category": "pedestrian", "level_id": "level-{level}""#);
    feature("opening", &format!("door-{at}"), &properties, &geometry)
}

pub(crate) fn feature(kind: &str, id: &str, properties: &str, geometry: &str) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "{{\"type\": \"Feature\", \"id\": \"{id}\", \"feature_type\": \"{kind}\",\n \"properties\": {{{properties}}},\n \"geometry\": {geometry}}}"
    );
    text
}

pub(crate) fn point(east_m: f64, north_m: f64) -> String {
    format!(r#"{{"type": "Point", "coordinates": [{east_m}, {north_m}]}}"#)
}

pub(crate) fn rectangle(west: f64, south: f64, east: f64, north: f64) -> String {
    format!(
        r#"{{"type": "Polygon", "coordinates": [[[{west}, {south}], [{east}, {south}], [{east}, {north}], [{west}, {north}], [{west}, {south}]]]}}"#
    )
}
