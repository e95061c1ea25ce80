//! `nextbest calibrate` and `nextbest survey` as an engineer runs them, on the recorded floor with faults put in.
//!
//! Promise: a swapped pair, a deaf hub, a moved hub and a silent one are each named, hubs as they were are not, and a
//! survey that is made from a recording is read by everything that reads surveys.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn data(file: &str) -> String {
    format!("{}/tests/data/tetam/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn nextbest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nextbest"))
        .args(arguments)
        .output()
        .unwrap()
}

/// The object for a survey and hubs whose text was changed, and whether all is well.
fn calibrate(hubs: impl Fn(String) -> String, survey: impl Fn(String) -> String) -> (Value, bool) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name).display().to_string();
        fs::write(&path, text).unwrap();
        path
    };
    let hubs = write("hubs.csv", hubs(fs::read_to_string(data("hubs.csv")).unwrap()));
    let survey = write(
        "survey.csv",
        survey(fs::read_to_string(data("survey_set_1.csv")).unwrap()),
    );
    let output = nextbest(&["calibrate", "--hubs", &hubs, "--survey", &survey, "--json"]);
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.success())
}

fn hub<'a>(object: &'a Value, id: &str) -> &'a Value {
    object["hubs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|hub| hub["hub"] == id)
        .unwrap()
}

/// The hubs with a complaint.
fn wrong(object: &Value) -> Vec<&str> {
    let hubs = object["hubs"].as_array().unwrap().iter();
    hubs.filter(|hub| !hub["wrong"].as_array().unwrap().is_empty())
        .map(|hub| hub["hub"].as_str().unwrap())
        .collect()
}

/// The mean RSSI of one hub's lines, changed.
fn changed(text: String, id: &str, change: impl Fn(f32) -> Option<f32>) -> String {
    let line = |line: &str| {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        if fields[3] == id {
            fields[4] = change(fields[4].parse().unwrap())?.to_string();
        }
        Some(fields.join(","))
    };
    text.lines().filter_map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn hubs_as_they_were_are_well() {
    let (object, well) = calibrate(|hubs| hubs, |survey| survey);
    assert!(well && wrong(&object).is_empty(), "{object:#}");
    assert!((1.2..3.0).contains(&object["exponent"].as_f64().unwrap()));
}

#[test]
fn two_swapped_hubs_are_named() {
    let swap = |text: String| {
        text.replace("000000000101", "?")
            .replace("000000000302", "000000000101")
            .replace('?', "000000000302")
    };
    let (object, well) = calibrate(swap, |survey| survey);
    assert!(!well);
    assert_eq!(hub(&object, "000000000101")["swapped_with"], "000000000302");
    assert_eq!(hub(&object, "000000000302")["swapped_with"], "000000000101");
    assert_eq!(wrong(&object).len(), 2, "{object:#}");
}

#[test]
fn a_hub_that_hears_12_db_less_is_named() {
    let (object, well) = calibrate(
        |hubs| hubs,
        |survey| changed(survey, "000000000402", |dbm| Some(dbm - 12.0)),
    );
    assert!(!well);
    assert_eq!(wrong(&object), ["000000000402"]);
    let off_db = hub(&object, "000000000402")["off_db"].as_f64().unwrap();
    assert!((-14.0..-10.0).contains(&off_db), "{off_db}");
}

#[test]
fn a_hub_that_is_elsewhere_is_named_with_its_place() {
    // On the map it is 5 m east of where it hangs, in the middle of the floor.
    let moved = |text: String| text.replace("b827eb4521b4,sensor10,7.0,", "b827eb4521b4,sensor10,12.0,");
    let (object, well) = calibrate(moved, |survey| survey);
    assert!(!well);
    assert_eq!(wrong(&object), ["b827eb4521b4"], "{object:#}");
    let hub = hub(&object, "b827eb4521b4");
    assert!(hub["moved"].as_bool().unwrap());
    assert!((hub["fits_best"]["x_m"].as_f64().unwrap() - 7.0).abs() < 3.0, "{hub}");
}

#[test]
fn a_silent_hub_is_named() {
    let (object, well) = calibrate(|hubs| hubs, |survey| changed(survey, "000000000102", |_| None));
    assert!(!well);
    assert!(hub(&object, "000000000102")["silent"].as_bool().unwrap());
    assert_eq!(wrong(&object), ["000000000102"]);
}

#[test]
fn what_changed_since_the_survey_is_told_from_walks() {
    let walk = data("walks/rectangular_without_rotation.csv");
    let output = nextbest(&[
        "calibrate",
        "--hubs",
        &data("hubs.csv"),
        "--survey",
        &data("survey_set_1.csv"),
        "--walk",
        &walk,
        "--json",
    ]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    for hub in object["hubs"].as_array().unwrap() {
        assert!(hub["since_survey_db"].as_f64().unwrap().abs() < 9.0, "{hub}");
    }
}

#[test]
fn a_plan_covers_the_floor() {
    let output = nextbest(&[
        "survey",
        "--hubs",
        &data("hubs.csv"),
        "--walkable",
        &data("walkable_1m.csv"),
        "--every",
        "2",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    let place = |line: &str| {
        let fields: Vec<f32> = line.split(',').map(|field| field.parse().unwrap()).collect();
        (fields[1], fields[2])
    };
    let places: Vec<(f32, f32)> = text.lines().skip(1).map(place).collect();
    assert!((30..120).contains(&places.len()), "{} places", places.len());
    for line in fs::read_to_string(data("walkable_1m.csv")).unwrap().lines().skip(1) {
        let fields: Vec<f32> = line.split(',').map(|field| field.parse().unwrap()).collect();
        let near = |place: &(f32, f32)| (place.0 - fields[0]).hypot(place.1 - fields[1]) <= 2.01;
        assert!(fields[2] == 0.0 || places.iter().any(near), "{line}");
    }
}

#[test]
fn a_survey_is_taken_in_parts_and_a_place_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("survey.csv");
    let take = |stops: &str| {
        let path = folder.path().join("stops.csv");
        fs::write(&path, format!("from_ms,to_ms,x_m,y_m,z_m\n{stops}\n")).unwrap();
        let (hubs, walk) = (data("hubs.csv"), data("walks/straight_01.csv"));
        let files = [path.display().to_string(), out.display().to_string()];
        nextbest(&[
            "survey", "--hubs", &hubs, "--from", &walk, "--stops", &files[0], "--out", &files[1],
        ])
    };
    assert!(take("0,10000,18,8.5,1.2").status.success());
    let first = lines(&out);
    assert!(first > 5, "{first} hubs heard the first stop");
    assert!(take("20000,30000,12,8.5,1.2").status.success());
    let both = lines(&out);
    assert!(both > first);
    assert!(take("2000,10000,18,8.5,1.2").status.success());
    assert_eq!(lines(&out), both, "a place that is taken again replaces what was there");
    let read = nextbest(&[
        "locate",
        "--hubs",
        &data("hubs.csv"),
        "--survey",
        &out.display().to_string(),
        "--walk",
        &data("walks/straight_01.csv"),
    ]);
    assert!(String::from_utf8(read.stdout).unwrap().contains("a survey at 2 places"));
    let late = take("900000,910000,1,1,1");
    assert!(
        String::from_utf8(late.stderr)
            .unwrap()
            .contains("nobody heard the tag at stop 1")
    );
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count() - 1
}
