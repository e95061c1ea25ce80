//! Promise: a bad map is refused whole, and every mistake in it is named at once, with its place and what was expected.
//!
//! Each case takes a good map, replaces one piece of text, and says which mistakes must come out, no more and no fewer:
//! a slip that is reported twice in other words sends people looking for a second one.

mod common;

use common::{Building, Door, feature, load_text, point, rectangle};
use nextbest_venue::{HUBS_MAX, Mistake, Source, load};
use proptest::prelude::*;

/// A good map: a house of nine rooms with a hub, a beacon and a queue in it.
fn good() -> String {
    let doors = (0..3_usize)
        .flat_map(|column| (0..3_usize).map(move |row| (0, column, row)))
        .flat_map(|room| {
            [true, false].map(|is_east| Door {
                room,
                is_east,
                offset_m: 1,
                width_m: 2,
            })
        })
        .collect();
    let building = Building {
        levels: 1,
        solid: Vec::new(),
        doors,
        stairs_s: 0.0,
        places: vec![(0, 7, 7)],
    };
    let extra = [
        feature(
            "hub",
            "hub-1",
            r#""level_id": "level-0", "height_m": 3, "zone_ids": ["zone-0-0-0", "zone-0-1-0"]"#,
            &point(2.0, 2.0),
        ),
        feature(
            "beacon",
            "beacon-1",
            r#""level_id": "level-0", "height_m": 2, "tx_1m_dbm": -59, "ibeacon": {"uuid": "6e657874-6265-7374-8000-726976657273", "major": 1, "minor": 2}"#,
            &point(3.0, 3.0),
        ),
        feature(
            "occupant",
            "bar",
            r#""name": {"en": "Bar", "es": "Bar"}, "category": "food", "kinds": ["pizza"], "level_id": "level-0", "queue_zone_id": "zone-0-0-0", "servers": 3, "service_s": 30"#,
            &point(1.0, 1.0),
        ),
    ];
    building
        .geojson()
        .replace("\n]}\n", &format!(",\n{}\n]}}\n", extra.join(",\n")))
}

/// Replaces `from` by `to` in the good map and compares the mistakes: line of the offending text, the text itself, a part
/// of what is wrong and a part of what was expected.
fn check(from: &str, to: &str, expected: &[(&str, &str, &str)]) {
    let text = good();
    assert!(text.contains(from), "the map has no {from}");
    check_text(&text.replacen(from, to, 1), expected);
}

fn check_text(text: &str, expected: &[(&str, &str, &str)]) {
    let mistakes = load_text(text).err().unwrap_or_default();
    let found: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(mistakes.len(), expected.len(), "{found:#?}");
    for (mistake, (offending, what, wanted)) in mistakes.iter().zip(expected) {
        assert!(mistake.what.contains(what), "{mistake} should say {what}");
        assert!(mistake.expected.contains(wanted), "{mistake} should expect {wanted}");
        assert_eq!(&text[mistake.span.clone()], *offending, "{mistake}");
        let line = text.lines().nth(mistake.line - 1).unwrap_or_default();
        assert!(
            line.chars()
                .skip(mistake.column - 1)
                .collect::<String>()
                .starts_with(offending.lines().next().unwrap_or(""))
        );
    }
}

#[test]
fn the_good_map_is_good() {
    let venue = load_text(&good()).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]));
    assert_eq!(
        (
            venue.zones.len(),
            venue.places.len(),
            venue.hubs.len(),
            venue.beacons.len()
        ),
        (9, 2, 1, 1)
    );
    let bar = &venue.places[venue.place_by_id("bar").expect("there").index()];
    assert_eq!(bar.queue_zone, venue.zone_by_id("zone-0-0-0"));
    assert_eq!(
        bar.names,
        [("en".to_owned(), "Bar".to_owned()), ("es".to_owned(), "Bar".to_owned())]
    );
}

#[test]
fn words_and_keys_outside_the_vocabulary_are_named_with_the_nearest_one() {
    check(
        "\"hub\",\n",
        "\"hup\",\n",
        &[("\"hup\"", "unknown feature type `hup`", "`hub`? Else")],
    );
    check(
        "\"category\": \"food\"",
        "\"category\": \"foot\"",
        &[("\"foot\"", "unknown place category", "`food`?")],
    );
    check(
        "\"servers\": 3",
        "\"server\": 3, \"servers\": 3",
        &[("\"server\"", "unknown key `server`", "`servers`?")],
    );
    check(
        "\"category\": \"room\", \"level_id\"",
        "\"category\": \"rom\", \"level_id\"",
        &[("\"rom\"", "unit category", "`room`?")],
    );
    check(
        "\"frame\": \"local\"",
        "\"frame\": \"lokal\"",
        &[("\"lokal\"", "unknown frame", "`local`?")],
    );
}

#[test]
fn references_to_nothing_and_to_the_wrong_thing_are_named() {
    let dangling = (
        "\"zone-0-9-9\"",
        "no section has the id `zone-0-9-9`",
        "the id of a section",
    );
    check(
        "[\"zone-0-0-0\", \"zone-0-1-0\"]",
        "[\"zone-0-0-0\", \"zone-0-9-9\"]",
        &[dangling],
    );
    check(
        "[\"zone-0-0-0\", ",
        "[\"room-0-0-0\", ",
        &[("\"room-0-0-0\"", "`room-0-0-0` is a unit", "the id of a section")],
    );
    check(
        "\"queue_zone_id\": \"zone-0-0-0\"",
        "\"queue_zone_id\": \"zone\"",
        &[("\"zone\"", "no section", "section")],
    );
    let level = "\"tx_1m_dbm\": -59, \"level_id\": \"level-7\"";
    check("\"tx_1m_dbm\": -59", level, &[("\"level_id\"", "given twice", "once")]);
}

#[test]
fn a_feature_referred_to_is_blamed_once_for_its_own_mistake() {
    // The zone is mistaken; the hub and the place that name it are not.
    let wrong = ("\"rum\"", "unknown section category", "`room`?");
    check(
        "\"Zone 0-0-0\"}, \"category\": \"room\"",
        "\"Zone 0-0-0\"}, \"category\": \"rum\"",
        &[wrong],
    );
}

#[test]
fn a_hub_has_its_names_to_itself() {
    let heights = "\"height_m\": 3,";
    let named = |aliases: &str| format!("{heights} \"aliases\": {aliases},");
    check(heights, &named("[\"kitchen\", \"AC:23:3F:C0:36:41\"]"), &[]);
    check(
        heights,
        &named("[\"Kitchen\", \"kitchen\"]"),
        &[("\"kitchen\"", "already goes by `kitchen`", "no other hub")],
    );
    check(
        heights,
        &named("[\"ac233fc03641\", \"AC:23:3F:C0:36:41\"]"),
        &[("\"AC:23:3F:C0:36:41\"", "already goes by", "no other hub")],
    );
    check(
        heights,
        &named("[\"HUB-1\"]"),
        &[("\"HUB-1\"", "already goes by `HUB-1`", "no other hub")],
    );
    check(heights, &named("[\" \"]"), &[("\" \"", "no name", "1 to 64 bytes")]);
    check(
        heights,
        &named("\"kitchen\""),
        &[("\"kitchen\"", "text", "[\"kitchen\"")],
    );
}

#[test]
fn an_id_is_used_once() {
    check(
        "\"beacon-1\"",
        "\"hub-1\"",
        &[("\"hub-1\"", "already the id of another hub", "no other feature")],
    );
    check(
        "\"beacon-1\"",
        "\"beacon 1\"",
        &[("\"beacon 1\"", "is no id", "letters, digits")],
    );
}

#[test]
fn shapes_that_are_none_are_refused() {
    let area = rectangle(0.0, 0.0, 5.0, 5.0);
    let ring = "[[0, 0], [5, 0], [5, 5], [0, 5], [0, 0]]";
    let replace = |with: &str, what: &str, wanted: &str| {
        let text = good().replacen(
            &format!("\"Zone 0-0-0\"}}, \"category\": \"room\", \"level_id\": \"level-0\"}},\n \"geometry\": {area}"),
            &format!(
                "\"Zone 0-0-0\"}}, \"category\": \"room\", \"level_id\": \"level-0\"}},\n \"geometry\": {}",
                area.replace(ring, with)
            ),
            1,
        );
        assert_ne!(text, good(), "replaced");
        check_text(&text, &[(with, what, wanted)]);
    };
    replace(
        "[[0, 0], [5, 5], [5, 0], [0, 3], [0, 0]]",
        "touches itself",
        "neither crosses nor touches",
    );
    replace(
        "[[0, 0], [5, 0], [2, 0], [2, 4], [0, 0]]",
        "touches itself",
        "neither crosses nor touches",
    );
    replace("[[0, 0], [5, 0], [3, 0], [0, 0]]", "no area", "0.01 square metres");
    replace(
        "[[0, 0], [5, 0], [5, 5], [0, 5]]",
        "not closed",
        "the last equal to the first",
    );
}

#[test]
fn exclusive_zones_may_share_borders_but_no_floor() {
    let extra = |area: &str, exclusive: &str| {
        let properties = format!(r#""name": {{"en": "Extra"}}, "category": "queue", "level_id": "level-0"{exclusive}"#);
        good().replace(
            "\n]}\n",
            &format!(",\n{}\n]}}\n", feature("section", "extra", &properties, area)),
        )
    };
    // Across the border of two rooms; inside one; the same as one; and a bar through all three of a row.
    for (area, times) in [
        (rectangle(4.0, 1.0, 6.0, 3.0), 2),
        (rectangle(1.0, 1.0, 3.0, 3.0), 1),
        (rectangle(0.0, 0.0, 5.0, 5.0), 1),
        (rectangle(0.0, 2.0, 15.0, 3.0), 3),
    ] {
        let overlap = (area.as_str(), "`extra` and `zone-0-", "only share borders");
        check_text(&extra(&area, ""), &vec![overlap; times]);
        assert!(
            load_text(&extra(&area, r#", "exclusive": false"#)).is_ok(),
            "a zone that is not exclusive may lie anywhere"
        );
    }
    assert!(
        load_text(&extra(&rectangle(15.0, 0.0, 15.3, 5.0), "")).is_ok(),
        "a shared border is no overlap"
    );
}

#[test]
fn places_hubs_and_beacons_are_where_people_are() {
    let far = point(99.0, 2.0);
    check(
        &point(2.0, 2.0),
        &far,
        &[(&far, "the hub `hub-1` lies 84.0 m outside", "inside the level")],
    );
    check(
        &point(3.0, 3.0),
        &far,
        &[(&far, "the beacon `beacon-1` lies", "inside the level")],
    );
    check(
        &point(7.5, 7.5),
        &far,
        &[(&far, "the amenity `place-0` lies", "inside the level")],
    );
    let near = point(9_999.0, 2.0);
    check(&point(2.0, 2.0), &near, &[("9999", "out of range", "within 5,000 m")]);
}

#[test]
fn a_place_behind_walls_without_a_door_is_unreachable() {
    let closed = Building {
        levels: 1,
        doors: Vec::new(),
        places: vec![(0, 7, 7)],
        ..Building::default()
    };
    let rooms = Building {
        doors: vec![Door {
            room: (0, 0, 0),
            is_east: true,
            offset_m: 1,
            width_m: 1,
        }],
        ..closed
    };
    let at = point(7.5, 7.5);
    check_text(
        &rooms.geojson(),
        &[(&at, "the place `place-0` cannot be reached", "a way to it")],
    );
    let rock = Building {
        solid: vec![(0, 1, 1), (0, 0, 1), (0, 2, 1), (0, 1, 0), (0, 1, 2)],
        ..rooms
    };
    let at = point(7.5, 7.5);
    check_text(
        &rock.geojson(),
        &[(&at, "nobody can stand at the place", "a walkable cell within 3.0 m")],
    );
}

#[test]
fn a_place_in_no_zone_is_named() {
    let text = good();
    let zone = text.find("\"zone-0-1-1\"").expect("there");
    let start = text[..zone].rfind("{\"type\"").expect("a feature");
    let end = start + text[start..].find("},\n{").expect("another one") + 3;
    let without = format!("{}{}", &text[..start], &text[end..]);
    check_text(
        &without,
        &[(
            &point(7.5, 7.5),
            "the place `place-0` is in no zone",
            "an exclusive section",
        )],
    );
}

#[test]
fn numbers_have_ranges_and_values_have_types() {
    check(
        "\"height_m\": 3",
        "\"height_m\": 300",
        &[("300", "300 is out of range", "0 to 50")],
    );
    check(
        "\"height_m\": 3",
        "\"height_m\": \"3\"",
        &[("\"3\"", "this is a text", "metres above the floor")],
    );
    check(
        "\"ordinal\": 0",
        "\"ordinal\": 0.5",
        &[("0.5", "this is a number", "a whole number")],
    );
    check(
        "\"pitch_m\": 1",
        "\"pitch_m\": 0.01",
        &[("0.01", "out of range", "between 0.25 and 5")],
    );
    check(
        ", \"servers\": 3",
        "",
        &[("{", "of `servers` and `service_s` only one", "or neither")],
    );
    check(
        "\"zone_ids\": [\"zone-0-0-0\", \"zone-0-1-0\"]",
        "\"zone_ids\": []",
        &[("[]", "the list is empty", "at least one")],
    );
    check(
        "\"Bar\", \"es\": \"Bar\"",
        "\"\", \"es\": \"Bar\"",
        &[("\"\"", "no name to show", "1 to 120 bytes")],
    );
    check(
        "\"minor\": 2",
        "\"minor\": 65536",
        &[("65536", "out of range", "65,535")],
    );
    check(
        "6e657874-",
        "6e65787-",
        &[("\"6e65787-6265-7374-8000-726976657273\"", "is not 16 bytes", "a UUID")],
    );
    check(
        "\"tx_1m_dbm\": -59, ",
        "\"tx_1m_dbm\": -59, \"address\": \"c0:de:00:00:00:01\", ",
        &[("{", "more than one identity", "exactly one")],
    );
}

#[test]
fn degrees_have_ranges_and_lie_near_their_anchor() {
    let geographic = |venue: &str| {
        let level = r#"{"type": "Polygon", "coordinates": [[[2.0, 48.0], [2.001, 48.0], [2.001, 48.001], [2.0, 48.001], [2.0, 48.0]]]}"#;
        let features = [
            feature(
                "venue",
                "v",
                &format!(r#""name": {{"en": "V"}}, "category": "zoo", "time_zone": "UTC", {venue}"#),
                "null",
            ),
            feature(
                "level",
                "l",
                r#""name": {"en": "L"}, "ordinal": 0, "elevation_m": 0"#,
                level,
            ),
            feature("unit", "u", r#""category": "walkway", "level_id": "l""#, level),
        ];
        format!(
            "{{\"type\": \"FeatureCollection\", \"features\": [\n{}\n]}}\n",
            features.join(",\n")
        )
    };
    let anchor = |lon: &str, lat: &str| {
        format!(r#""frame": "wgs84", "anchor": {{"type": "Point", "coordinates": [{lon}, {lat}]}}"#)
    };
    let venue = load_text(&geographic(&anchor("2.0", "48.0"))).expect("good");
    let high = venue
        .floor
        .centre(nextbest_venue::LevelIx(0), venue.floor.rasters[0].walkable.len() - 1);
    // A thousandth of a degree at 48 degrees north: 74.6 m east and 111.2 m north (Vincenty on WGS84: 74.64 and 111.18).
    assert!(
        (high.east_m - 74.6).abs() < 1.0 && (high.north_m - 111.2).abs() < 1.0,
        "{high:?}"
    );
    check_text(
        &geographic(&anchor("2.0", "148.0")),
        &[("148.0", "148 is out of range", "-85 to 85")],
    );
    let missing = ("{", "`anchor` is missing", "a GeoJSON Point");
    check_text(&geographic(r#""frame": "wgs84""#), &[missing]);
    let swapped = load_text(&geographic(&anchor("48.0", "2.0"))).expect_err("longitude and latitude are swapped");
    assert!(swapped[0].what.contains("km from the anchor"), "{}", swapped[0]);
}

#[test]
fn stairs_join_walkable_units() {
    let stairs = |origin: &str, destination: &str, kind: &str| {
        let end = |id: &str| format!(r#"{{"id": "{id}", "feature_type": "{kind}"}}"#);
        let properties = format!(
            r#""category": "stairs", "direction": "undirected", "origin": {}, "destination": {}, "traverse_s": 20"#,
            end(origin),
            end(destination)
        );
        good().replace(
            "\n]}\n",
            &format!(",\n{}\n]}}\n", feature("relationship", "stairs", &properties, "null")),
        )
    };
    assert!(load_text(&stairs("room-0-0-0", "room-0-2-2", "unit")).is_ok());
    check_text(
        &stairs("room-0-0-0", "room-0-0-0", "unit"),
        &[("\"room-0-0-0\"", "to itself", "another unit")],
    );
    check_text(
        &stairs("room-0-0-0", "hub-1", "unit"),
        &[("\"hub-1\"", "`hub-1` is a feature", "the id of a unit")],
    );
    let kinds = ("\"level\"", "unknown feature type `level`", "`unit`");
    check_text(&stairs("room-0-0-0", "room-0-1-0", "level"), &[kinds, kinds]);
}

#[test]
fn every_mistake_of_every_file_is_reported_at_once_in_order() {
    let good = good();
    let cut = good.find("{\"type\": \"Feature\", \"id\": \"hub-1\"").expect("there");
    let head = format!("{}\n]}}\n", good[..cut].trim_end().trim_end_matches(','));
    let tail = format!("{{\"type\": \"FeatureCollection\", \"features\": [\n{}", &good[cut..]);
    let tail = tail
        .replace("\"height_m\": 3", "\"height_m\": -3")
        .replace("zone-0-1-0", "zone-x")
        .replace("\"food\"", "\"fod\"");
    let head = head.replacen("\"category\": \"museum\"", "\"category\": \"musem\"", 1);
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.into(),
    };
    let broken = source(
        "broken.geojson",
        "{\"type\": \"FeatureCollection\", // mine\n \"features\": []}",
    );
    let mistakes = load(&[source("head", &head), source("tail", &tail), broken]).expect_err("five mistakes");
    let found: Vec<(&str, &str)> = mistakes
        .iter()
        .map(|mistake| (mistake.file.as_str(), mistake.text.as_str()))
        .collect();
    assert_eq!(
        found[..4],
        [
            ("head", "\"musem\""),
            ("tail", "-3"),
            ("tail", "\"fod\""),
            ("broken.geojson", found[3].1)
        ],
        "{found:?}"
    );
    assert!(mistakes[3].what.contains("not JSON"), "{}", mistakes[3]);
}

#[test]
fn limits_are_named() {
    let hubs: Vec<String> = (0..=HUBS_MAX)
        .map(|at| {
            feature(
                "hub",
                &format!("h{at}"),
                r#""level_id": "level-0", "height_m": 3, "zone_ids": ["zone-0-0-0"]"#,
                &point(1.0, 1.0),
            )
        })
        .collect();
    let text = good().replace("\n]}\n", &format!(",\n{}\n]}}\n", hubs.join(",\n")));
    check_text(&text, &[("\"h2047\"", "the map has 2050 hubs", "at most 2048")]);
    let wide = rectangle(0.0, 0.0, 4_900.0, 4_900.0);
    let level = format!(
        "\"elevation_m\": 0}},\n \"geometry\": {}",
        rectangle(0.0, 0.0, 15.0, 15.0)
    );
    let text = good().replace(&level, &format!("\"elevation_m\": 0}},\n \"geometry\": {wide}"));
    check_text(&text, &[("\"house\"", "cells at a pitch of 1 m", "a larger `pitch_m`")]);
}

#[test]
fn what_is_no_map_at_all_says_so() {
    for (text, what) in [
        ("", "the file is empty"),
        ("[]", "this is an array"),
        ("{\"type\": \"FeatureCollection\"", "not JSON"),
        (
            "{\"type\": \"FeatureCollection\", \"features\": []}",
            "no feature of type `venue`",
        ),
    ] {
        let mistakes = load_text(text).expect_err("no map");
        assert!(
            mistakes.iter().any(|mistake| mistake.what.contains(what)),
            "{text}: {mistakes:?}"
        );
    }
    assert!(load(&[]).expect_err("nothing")[0].what.contains("no file"));
}

#[test]
fn a_mistake_prints_as_one_line_and_as_a_diagnostic_with_its_source() {
    use miette::Diagnostic as _;
    let text = good().replace("\"food\"", "\"foot\"");
    let mistakes: Vec<Mistake> = load_text(&text).expect_err("one mistake");
    let line = mistakes[0].to_string();
    assert!(
        line.starts_with("house.geojson:") && line.contains("; expected `food`?"),
        "{line}"
    );
    let label = mistakes[0].labels().expect("a label").next().expect("one");
    let source = mistakes[0]
        .source_code()
        .expect("the text")
        .read_span(label.inner(), 0, 0)
        .expect("inside");
    assert_eq!(source.data(), b"\"foot\"");
    assert_eq!(source.name(), Some("house.geojson"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing in a file can panic the loader: a piece of a good map is dropped, doubled or replaced.
    #[test]
    fn any_damage_gives_mistakes_or_a_venue(at in 0..8_000_usize, len in 0..60_usize, with in "[\\[\\]{}\",:0-9eE.\\-a-zñ ]{0,12}") {
        let mut text = good();
        let (from, to) = (at.min(text.len()), (at + len).min(text.len()));
        text.replace_range(from..to, &with);
        if let Err(mistakes) = load_text(&text) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                prop_assert!(text.get(mistake.span.clone()).is_some());
            }
        }
    }
}
