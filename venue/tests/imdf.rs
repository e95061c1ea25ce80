//! Promise: an IMDF archive becomes a map with its floors, doors and stairs, and nothing of it is lost in silence.
//!
//! The arcade in `tests/data/imdf` was written for these tests in the form of the examples of OGC 20-094, with one of each
//! feature type. The poisoned archives each have one slip, and say which mistakes must come out.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;

use nextbest_venue::imdf::{Fate, ImdfOptions, Imported, Note, import_imdf};
use nextbest_venue::{LevelIx, Mistake, Point, Source, Venue};
use proptest::prelude::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/imdf");

fn archive() -> Vec<Source> {
    let mut sources: Vec<Source> = fs::read_dir(format!("{FOLDER}/arcade"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| Source {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap().into(),
        })
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources
}

fn beside(name: &str) -> Option<Source> {
    Some(Source {
        name: name.to_owned(),
        text: fs::read_to_string(format!("{FOLDER}/{name}")).unwrap().into(),
    })
}

fn options() -> ImdfOptions {
    ImdfOptions {
        hubs: beside("hubs.csv"),
        beacons: beside("beacons.csv"),
        ..ImdfOptions::default()
    }
}

fn arcade() -> Imported {
    import_imdf(&archive(), &options()).unwrap()
}

/// The archive with one piece of text of one file replaced.
fn poisoned(file: &str, from: &str, to: &str) -> Vec<Source> {
    let mut sources = archive();
    let source = sources.iter_mut().find(|source| source.name == file).unwrap();
    assert!(source.text.contains(from), "{file} has no {from}");
    source.text = source.text.replacen(from, to, 1).into();
    sources
}

fn mistakes(sources: &[Source]) -> Vec<Mistake> {
    import_imdf(sources, &options()).err().unwrap_or_default()
}

#[track_caller]
fn refuses(file: &str, from: &str, to: &str, what: &str) {
    let found = mistakes(&poisoned(file, from, to));
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    let hit = found.iter().find(|mistake| mistake.to_string().contains(what));
    let hit = hit.unwrap_or_else(|| unreachable!("no mistake says `{what}`: {texts:#?}"));
    assert!(hit.line >= 1 && hit.column >= 1);
    assert_eq!(hit.file, file);
}

fn seconds(venue: &Venue, from: Point, place: &str) -> f32 {
    let place = venue.places.iter().position(|it| it.names[0].1 == place).unwrap();
    let place = nextbest_venue::PlaceIx(place as u16);
    venue.walks.point_to_place_s(venue, (LevelIx(0), from), place).unwrap()
}

fn noted<'n>(notes: &'n [Note], fate: Fate, feature_type: &str, what: &str) -> &'n Note {
    let is = |note: &&Note| note.fate == fate && note.feature_type == feature_type && note.what.contains(what);
    notes
        .iter()
        .find(is)
        .unwrap_or_else(|| unreachable!("nothing is noted of {what}: {notes:#?}"))
}

#[test]
fn the_archive_becomes_levels_zones_places_hubs_and_beacons() {
    let Imported { venue, .. } = arcade();
    let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect::<Vec<_>>().join(", ");
    assert_eq!(
        names(&mut venue.levels.iter().map(|level| level.name.as_str())),
        "Ground Floor, First Floor"
    );
    assert_eq!(venue.time_zone, "Europe/London");
    assert_eq!(
        names(&mut venue.places.iter().map(|place| place.names[0].1.as_str())),
        "Restroom female, Cash machine, Information, East entrance, Wick & Bean, Fornello, Lantern Books, Gallery One, Parcel Cart"
    );
    let categories = names(&mut venue.places.iter().map(|place| place.category.as_str()));
    assert_eq!(
        categories,
        "restroom, service, information, gate, drink, food, shop, exhibit, food"
    );
    let dumplings = venue
        .places
        .iter()
        .find(|place| place.names[0].1 == "Parcel Cart")
        .unwrap();
    assert_eq!(dumplings.kinds, ["chinese", "dimsum"]);
    let restroom = venue.places.iter().find(|place| place.category == "restroom").unwrap();
    assert_eq!(restroom.kinds, ["female", "wheelchair"]);
    assert_eq!((venue.hubs.len(), venue.beacons.len()), (4, 2));
    let up = &venue.hubs[venue.hub_by_id("hub-up").unwrap().index()];
    assert_eq!((up.level, up.height_m), (LevelIx(1), 2.8));
    assert_eq!(up.aliases, ["minew-04"]);
    assert!((up.at.east_m + 20.0).abs() < 0.01 && up.at.north_m.abs() < 0.01);
    assert!(
        up.zones
            .iter()
            .all(|zone| venue.zones[zone.index()].level == LevelIx(1))
    );
}

#[test]
fn people_walk_through_the_openings_and_not_through_walls() {
    let Imported { venue, .. } = arcade();
    // The counter of the cafe and the pizza oven are 15 m apart, with a wall between.
    let cafe = Point::new(-22.5, -9.0);
    let route_s = seconds(&venue, cafe, "Fornello");
    assert!(
        (20.0..35.0).contains(&route_s),
        "over both doors and the walk: {route_s} s"
    );
    // The staff room is shut by its restriction, the kitchen by its category.
    assert!(!venue.floor.is_walkable(LevelIx(0), Point::new(-20.0, 9.0)));
    assert!(!venue.floor.is_walkable(LevelIx(0), Point::new(20.0, -9.0)));
    // A piece of furniture stands in the walk, and the ground outside is reached by the main door.
    assert!(!venue.floor.is_walkable(LevelIx(0), Point::new(7.0, 0.0)));
    assert!(seconds(&venue, Point::new(40.0, 0.0), "East entrance") < 15.0);
}

#[test]
fn stairs_and_lifts_join_the_levels() {
    let Imported { venue, notes, .. } = arcade();
    let gallery = venue
        .places
        .iter()
        .position(|place| place.names[0].1 == "Gallery One")
        .unwrap();
    let from = (LevelIx(0), Point::new(-8.0, 0.0));
    let route = venue
        .walks
        .steps_to_place(&venue, from, nextbest_venue::PlaceIx(gallery as u16))
        .unwrap();
    let change = route
        .points
        .windows(2)
        .find(|pair| pair[0].level != pair[1].level)
        .unwrap();
    // The stairs lie at 20 to 24 m, the lift at 26 to 29 m from the western wall; the stairs take 20 s, the lift 34 s.
    assert!((-10.0..=-6.0).contains(&change[0].at.east_m), "{:?}", change[0].at);
    assert!((change[1].leg_s - 20.0).abs() < 0.1, "{}", change[1].leg_s);
    noted(&notes, Fate::Assumed, "relationship", "a way by stairs");
    noted(&notes, Fate::Assumed, "relationship", "seconds for elevator");
    // Without the relationship, the lift is found by its units as well.
    let sources: Vec<Source> = archive()
        .into_iter()
        .filter(|it| it.name != "relationship.geojson")
        .collect();
    let found = import_imdf(&sources, &options()).unwrap();
    noted(&found.notes, Fate::Assumed, "relationship", "a way by elevator");
}

#[test]
fn nothing_is_lost_in_silence() {
    let Imported { notes, .. } = arcade();
    for (feature_type, what) in [
        ("address", "all of it"),
        ("building", "all of it"),
        ("footprint", "all of it"),
        ("detail", "all of it"),
        ("amenity", "`elevator`"),
        ("occupant", "`hours`"),
        ("venue", "`phone`"),
        ("relationship", "on one level"),
    ] {
        assert_eq!(
            noted(&notes, Fate::LeftOut, feature_type, what).count,
            1,
            "{feature_type} {what}"
        );
    }
    noted(&notes, Fate::Changed, "opening", "`badgereader`");
    noted(&notes, Fate::Changed, "unit", "restricted");
    assert!(noted(&notes, Fate::Changed, "occupant", "out of reach").ids[0].starts_with("Lantern Books"));
    let stranger = poisoned(
        "unit.geojson",
        "\"alt_name\": null",
        "\"alt_name\": null, \"colour\": \"red\"",
    );
    let found = import_imdf(&stranger, &options()).unwrap();
    noted(&found.notes, Fate::LeftOut, "unit", "`colour`");
    let mut extra = archive();
    extra.push(Source {
        name: "readme.txt".into(),
        text: "".into(),
    });
    noted(
        &import_imdf(&extra, &options()).unwrap().notes,
        Fate::LeftOut,
        "file",
        "not of IMDF",
    );
}

#[test]
fn options_choose_language_anchor_and_what_is_walkable() {
    let spanish = ImdfOptions {
        language: Some("es".into()),
        walkable: vec!["kitchen".into()],
        pitch_m: Some(0.5),
        storey_m: 5.5,
        ..ImdfOptions::default()
    };
    let found = import_imdf(&archive(), &spanish).unwrap();
    assert_eq!(found.venue.name, "Galería Linterna");
    assert_eq!(found.venue.levels[1].elevation_m, 5.5);
    assert_eq!(found.venue.floor.pitch_m, 0.5);
    noted(&found.notes, Fate::Changed, "unit", "`kitchen`");
    let moved = ImdfOptions {
        anchor: Some((-0.1275, 51.508)),
        ..ImdfOptions::default()
    };
    let east = import_imdf(&archive(), &moved).unwrap().venue.places[0].at;
    assert!(east.north_m < -80.0, "the anchor moved north: {east:?}");
}

#[test]
fn the_same_archive_makes_the_same_files() {
    assert_eq!(arcade().files, arcade().files);
}

#[test]
fn a_broken_archive_is_refused_with_the_place_of_the_mistake() {
    refuses("manifest.json", "1.0.0", "2.0.0", "IMDF version `2.0.0`");
    refuses(
        "unit.geojson",
        "\"feature_type\": \"unit\"",
        "\"feature_type\": \"level\"",
        "the feature type is `level`",
    );
    refuses("level.geojson", "\"ordinal\": 1", "\"ordinal\": 1.5", "a whole number");
    refuses(
        "anchor.geojson",
        "\"unit_id\": \"",
        "\"unit_id\": \"0",
        "no unit has the id",
    );
    refuses(
        "occupant.geojson",
        "\"anchor_id\": \"",
        "\"anchor_id\": \"0",
        "no anchor has the id",
    );
    refuses(
        "unit.geojson",
        "\"restriction\": null",
        "\"restriction\": \"vip\"",
        "unknown restriction `vip`",
    );
    refuses(
        "unit.geojson",
        "\"restriction\": null",
        "\"restriction\": NaN",
        "this is not JSON",
    );
    refuses(
        "amenity.geojson",
        "\"type\": \"Point\", \"coordinates\": [",
        "\"type\": \"Point\", \"coordinates\": [1e999, ",
        "position",
    );
    refuses("opening.geojson", "LineString", "Polygon", "the geometry is a Polygon");
    refuses(
        "relationship.geojson",
        "\"origin\": {\"id\": \"",
        "\"origin\": {\"id\": \"0",
        "no unit has the id",
    );
    refuses(
        "unit.geojson",
        "\"level_id\": \"",
        "\"level_id\": \"0",
        "no level has the id",
    );
    refuses(
        "unit.geojson",
        "\"category\": \"walkway\", ",
        "",
        "`category` is missing",
    );
}

#[test]
fn what_is_missing_or_twice_is_said() {
    for file in ["manifest.json", "venue.geojson", "level.geojson", "unit.geojson"] {
        let sources: Vec<Source> = archive().into_iter().filter(|source| source.name != file).collect();
        assert!(
            mistakes(&sources)
                .iter()
                .any(|it| it.what.contains(&format!("no file `{file}`"))),
            "{file}"
        );
    }
    assert_eq!(mistakes(&[]).len(), 4);
    let id = |text: &str| text.split("\"id\": \"").nth(1).unwrap()[..36].to_owned();
    let units = archive().into_iter().find(|it| it.name == "unit.geojson").unwrap();
    let levels = archive().into_iter().find(|it| it.name == "level.geojson").unwrap();
    refuses(
        "unit.geojson",
        &id(&units.text),
        &id(&levels.text),
        "is already the id of a level",
    );
    let huge = Source {
        name: "unit.geojson".into(),
        text: " ".repeat((16 << 20) + 1).into(),
    };
    let sources: Vec<Source> = archive()
        .into_iter()
        .filter(|it| it.name != "unit.geojson")
        .chain([huge])
        .collect();
    assert!(mistakes(&sources).iter().any(|it| it.what.contains("bytes")));
}

#[test]
fn a_broken_border_is_refused_or_left_out() {
    let units = archive().into_iter().find(|it| it.name == "unit.geojson").unwrap();
    let ring = units.text.split("[[[").nth(2).unwrap().split("]]]").next().unwrap();
    let corners: Vec<&str> = ring.split("], [").collect();
    let (lon, lat) = corners[3].split_once(", ").unwrap();
    let further = format!("{lon}, {}", lat.parse::<f64>().unwrap() + 0.0001);
    let bow_tie = [corners[0], corners[2], corners[1], &further, corners[4]].join("], [");
    let what = "the border touches itself";
    refuses("unit.geojson", ring, &bow_tie, what);
    refuses(
        "unit.geojson",
        ring,
        &corners[..4].join("], ["),
        "the ring is not closed",
    );
    let skipping = ImdfOptions {
        skips_broken: true,
        ..options()
    };
    let found = import_imdf(&poisoned("unit.geojson", ring, &bow_tie), &skipping).unwrap();
    let note = noted(&found.notes, Fate::LeftOut, "unit", "a broken geometry");
    assert!(
        note.why.contains(what) && note.ids[0].contains("unit.geojson:"),
        "{note:?}"
    );
    let swapped = poisoned("unit.geojson", ring, &ring.replace("51.507", "31.507"));
    assert!(
        mistakes(&swapped)
            .iter()
            .any(|it| it.what.contains("km from the anchor"))
    );
}

#[test]
fn mistakes_in_the_tables_beside_have_line_and_column() {
    let hubs = |text: &str| ImdfOptions {
        hubs: Some(Source {
            name: "hubs.csv".into(),
            text: text.into(),
        }),
        ..ImdfOptions::default()
    };
    for (text, expected) in [
        (
            "hub,x_m,y_m,level\na,0,north,0\n",
            "hubs.csv:2:5: `north` is no such number",
        ),
        ("hub,x_m,y_m,level\na,0,0,9\n", "hubs.csv:2:7: no level is called `9`"),
        ("hub,x_m,y_m\na,0\n", "hubs.csv:2:1: the row has 2 cells"),
        ("hub,x_m\na,0\n", "hubs.csv:2:1: the row has no position"),
        (
            "hub,x_m,y_m,zones\na,0,0,nowhere\n",
            "hubs.csv:2:7: no zone has the id `nowhere`",
        ),
        ("", "hubs.csv:1:1: the table is empty"),
    ] {
        let found = import_imdf(&archive(), &hubs(text)).err().unwrap_or_default();
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(texts.iter().any(|it| it.starts_with(expected)), "{expected}: {texts:?}");
    }
}

#[test]
fn hubs_may_come_as_geojson() {
    let text = r#"{"type": "FeatureCollection", "features": [{"type": "Feature", "id": "hub-1", "feature_type": "hub",
        "properties": {"level": 1, "height_m": 3, "vendor": "x"},
        "geometry": {"type": "Point", "coordinates": [-0.1275, 51.5072]}}]}"#;
    let with = ImdfOptions {
        hubs: Some(Source {
            name: "hub.geojson".into(),
            text: text.into(),
        }),
        ..ImdfOptions::default()
    };
    let found = import_imdf(&archive(), &with).unwrap();
    assert_eq!(
        (found.venue.hubs[0].level, found.venue.hubs[0].height_m),
        (LevelIx(1), 3.0)
    );
    noted(&found.notes, Fate::LeftOut, "hub", "`vendor`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_slip_of_an_archive_panics(file in 0_usize..17, at in 0.0..1.0_f64, length in 0_usize..40, with in "[\\[\\]{}\",:0-9a-z.-]{0,6}") {
        let mut sources = archive();
        let count = sources.len();
        let source = &mut sources[file % count];
        let text = source.text.to_string();
        let start = (0..=(at * text.len() as f64) as usize).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let end = ((start + length).min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
        source.text = format!("{}{with}{}", &text[..start], &text[end..]).into();
        match import_imdf(&sources, &options()) {
            Ok(found) => prop_assert!(!found.venue.levels.is_empty()),
            Err(found) => prop_assert!(!found.is_empty(), "refused without a word"),
        }
    }
}
