//! The map of a venue: IMDF-shaped GeoJSON in; levels, zones, places, hubs, beacons and walking times out.
//!
//! The crate is pure: the caller reads the files and hands over their text as [`Source`]s, and [`load`] gives back a
//! [`Venue`] or every [`Mistake`] in them at once, each with file, line, column, the offending text and what was expected.
//! A `Venue` that exists is a valid one. Same files, same `Venue`, bit for bit.
//!
//! # The format
//! Features are those of Apple's Indoor Mapping Data Format (IMDF 1.0.0, OGC community standard) with the properties that
//! a venue needs here, and two of our own. Unknown types, keys and categories are mistakes. `venue/README.md` has every
//! property; this is how features become the model:
//!
//! | feature type | geometry | becomes | unlike IMDF |
//! |---|---|---|---|
//! | `venue` | Polygon or null | [`Venue`] | `frame`, `anchor`, `pitch_m` and `time_zone` are ours |
//! | `level` | Polygon or MultiPolygon | [`Level`], one [`Raster`] | `elevation_m` is ours |
//! | `unit` | Polygon | walkable cells, or walls | categories also name `seating` and `retail` |
//! | `opening` | LineString | a gap in the walls of units | no door properties |
//! | `section` | Polygon | [`Zone`] | `exclusive` and `seats` are ours |
//! | `amenity`, `occupant` | Point | [`Place`] | a point of its own instead of an anchor; `kinds`, `servers`, `service_s` and `queue_zone_id` are ours |
//! | `relationship` | null | stairs, escalators and lifts between units | `traverse_s` is ours |
//! | `hub` | Point | [`Hub`] | ours |
//! | `beacon` | Point | [`Beacon`] | ours |
//!
//! Ids are short words instead of UUIDs, since people type them in actions and read them in reports.
//!
//! [`imdf`] imports an IMDF archive as it is: it becomes files of this format.
//!
//! # Walking
//! The floor is a raster of square cells ([`Floor`]); [`Walks`] has the time from every cell to every place and zone over
//! open cells and stairs, so that no answer leads through a wall:
//!
//! ```
//! use nextbest_venue::{LevelIx, Point, Source, load};
//!
//! let map = r#"{"type": "FeatureCollection", "features": [
//!   {"type": "Feature", "id": "kiosk", "feature_type": "venue", "geometry": null, "properties":
//!     {"name": {"en": "Kiosk"}, "category": "museum", "time_zone": "Europe/Madrid", "frame": "local", "pitch_m": 1}},
//!   {"type": "Feature", "id": "ground", "feature_type": "level", "properties":
//!     {"name": {"en": "Ground"}, "ordinal": 0, "elevation_m": 0},
//!    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [24, 0], [24, 4], [0, 4], [0, 0]]]}},
//!   {"type": "Feature", "id": "hall", "feature_type": "unit", "properties": {"category": "lobby", "level_id": "ground"},
//!    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [24, 0], [24, 4], [0, 4], [0, 0]]]}},
//!   {"type": "Feature", "id": "lobby", "feature_type": "section", "properties":
//!     {"name": {"en": "Lobby"}, "category": "lobby", "level_id": "ground"},
//!    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [24, 0], [24, 4], [0, 4], [0, 0]]]}},
//!   {"type": "Feature", "id": "desk", "feature_type": "amenity", "properties":
//!     {"name": {"en": "Desk"}, "category": "information", "level_id": "ground"},
//!    "geometry": {"type": "Point", "coordinates": [22.5, 1.5]}}
//! ]}"#;
//! let source = Source { name: "map.geojson".into(), text: map.into() };
//!
//! let venue = load(&[source]).map_err(|mistakes| mistakes[0].to_string())?;
//! let desk = venue.place_by_id("desk").ok_or("there is a desk")?;
//! let door = (LevelIx(0), Point::new(1.5, 1.5));
//! let route = venue.walks.steps_to_place(&venue, door, desk).ok_or("there is a way")?;
//! assert_eq!(route.points.len(), 2, "straight through an empty hall");
//! assert_eq!(route.walk_s, 21.0 / 1.2);
//!
//! let typing_mistake = map.replace("information", "informtion");
//! let source = Source { name: "map.geojson".into(), text: typing_mistake.as_str().into() };
//! let mistakes = load(&[source]).err().unwrap_or_default();
//! assert!(mistakes[0].to_string().starts_with("map.geojson:13:42: unknown place category `informtion`; expected `information`?"));
//! # Ok::<(), String>(())
//! ```
//!
//! # In reading order
//! `load` turns text into features and features into the model; `venue` is that model; `raster` paints units and zones
//! onto the cells of `floor`; `walks` finds ways over them; `lookup` answers which zone a point is in; [`svg`] draws it all.
//! [`table`] reads the comma-separated files beside a map: hubs, surveys, recordings.
//! Deliberately absent: IO, clocks, people, opening hours and anything else that changes while the doors are open.

pub mod imdf;
mod load;
mod mistake;
pub mod table;
mod venue;
pub mod words;

mod geometry;
mod index;

mod floor;
mod lookup;
mod plan;
mod raster;
mod walks;

pub mod svg;

pub use crate::floor::{Floor, NO_ZONE, OPEN_EAST, OPEN_NORTH, OPEN_SOUTH, OPEN_WEST, Raster};
pub use crate::geometry::{Bounds, Point, Polygon, Ring};
pub use crate::index::{BeaconIx, HubIx, LevelIx, PlaceIx, ZoneIx};
pub use crate::load::{SOURCE_BYTES_MAX, SOURCES_MAX, load};
pub use crate::mistake::{Mistake, Source};
pub use crate::venue::{
    BEACONS_MAX, Beacon, BeaconIdentity, HUBS_MAX, Hub, LEVELS_MAX, Level, PLACES_MAX, Place, Venue, ZONES_MAX, Zone,
    hub_key,
};
pub use crate::walks::{Route, WALK_M_PER_S, Walks, WayPoint};
