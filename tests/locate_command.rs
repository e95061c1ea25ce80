//! `nextbest locate` as a user runs it: the built program over recordings that nobody here made.
//!
//! Promise: figures for every walk and for all together, one JSON object with the agreed keys, and for every wrong
//! file one sentence that says where. How good the figures are is the promise of `locate_tetam.rs`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

fn data(file: &str) -> String {
    format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn locate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nextbest"))
        .arg("locate")
        .args(arguments)
        .output()
        .unwrap()
}

/// The one object on standard output.
fn object(arguments: &[&str]) -> Value {
    let output = locate(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is said on standard error when it fails, which is all that is said.
fn complaint(arguments: &[&str]) -> String {
    let output = locate(arguments);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

/// A file with this text, in a folder that goes with the value.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("walk.csv");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn one_object_has_the_agreed_keys() {
    let (hubs, survey) = (data("tetam/hubs.csv"), data("tetam/survey_set_1.csv"));
    let (walk, zones) = (data("tetam/walks/straight_01.csv"), data("tetam/zones.csv"));
    let object = object(&["--hubs", &hubs, "--survey", &survey, "--walk", &walk, "--zones", &zones]);
    for key in [
        "mean_m",
        "p50_m",
        "p90_m",
        "p95_m",
        "zone_accuracy",
        "delay_s",
        "ns_per_sighting",
    ] {
        assert!(object[key].is_f64(), "{key}: {object}");
    }
    assert_eq!(object["true_switches"], 1);
    assert!(object["zone_switches"].as_u64().unwrap() >= 1);
    assert!((0.5..=1.0).contains(&object["zone_accuracy"].as_f64().unwrap()));
    assert!(object["mean_m"].as_f64().unwrap() < 3.0);
    assert!(
        object["p50_m"].as_f64() <= object["p90_m"].as_f64() && object["p90_m"].as_f64() <= object["p95_m"].as_f64()
    );
}

#[test]
fn several_walks_have_a_line_each_and_one_together() {
    let (one, other) = (data("tetam/walks/straight_02.csv"), data("tetam/walks/straight_03.csv"));
    let output = locate(&["--hubs", &data("tetam/hubs.csv"), "--walk", &one, &other]);
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["straight_02 ", "straight_03 ", "all "] {
        assert_eq!(text.lines().filter(|line| line.starts_with(name)).count(), 1, "{text}");
    }
    let object = object(&["--hubs", &data("tetam/hubs.csv"), "--walk", &one, "--walk", &other]);
    let sightings = |value: &Value| value["sightings"].as_u64().unwrap();
    assert_eq!(
        sightings(&object),
        object["walks"].as_array().unwrap().iter().map(sightings).sum::<u64>()
    );
    assert_eq!(object["zone_accuracy"], Value::Null, "no file named a zone");
}

#[test]
fn a_labelled_recording_is_scored_by_its_labels() {
    let (hubs, walk) = (
        data("sal/measurement_config.txt"),
        data("sal/walk_sensor_1_measurement_1.csv"),
    );
    let object = object(&["--labels", "--hubs", &hubs, "--walk", &walk]);
    assert_eq!(
        (&object["mean_m"], &object["true_switches"]),
        (&Value::Null, &Value::from(4))
    );
    assert!(object["zone_accuracy"].as_f64().unwrap() > 0.95, "{object}");
}

#[test]
fn a_walk_without_truth_has_places_and_no_errors() {
    let lines: String = (0..50)
        .map(|at| format!("{},b827eb4521b4,e78f135624ce,-60\n", at * 100))
        .collect();
    let (_folder, walk) = file(&format!("t_ms,hub,tag,rssi_dbm\n{lines}"));
    let object = object(&[
        "--hubs",
        &data("tetam/hubs.csv"),
        "--walk",
        &walk,
        "--zones",
        &data("tetam/zones.csv"),
    ]);
    assert_eq!(
        (&object["mean_m"], &object["zone_accuracy"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&object["instants"], &object["placed"]),
        (&Value::from(9), &Value::from(9))
    );
}

#[test]
fn every_tag_in_a_file_is_followed_by_itself() {
    let line = |at: u32, tag: &str, east: f32| format!("{at},b827eb4521b4,{tag},-50,{east},7\n");
    let lines: String = (0..100)
        .map(|at| line(at * 50, ["aaaaaaaaaaaa", "bbbbbbbbbbbb"][at as usize % 2], 7.0))
        .collect();
    let (_folder, walk) = file(&format!("t_ms,hub,tag,rssi_dbm,x_m,y_m\n{lines}"));
    let object = object(&["--hubs", &data("tetam/hubs.csv"), "--walk", &walk]);
    let names: Vec<_> = object["walks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|walk| walk["walk"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["walk tag 1", "walk tag 2"]);
}

#[test]
fn a_mistake_is_one_sentence_with_its_place() {
    let hubs = data("tetam/hubs.csv");
    let (_folder, walk) = file("t_ms,hub,tag,rssi_dbm,x_m,y_m\n0,000000000999,e78f135624ce,-60,1,1\n");
    let said = complaint(&["--hubs", &hubs, "--walk", &walk]);
    assert!(
        said.contains("walk.csv:2:3: `hub` is `000000000999`; expected a hub of hubs.csv"),
        "{said}"
    );
    assert_eq!(said.matches("expected a hub of hubs.csv").count(), 1, "once: {said}");
    let (_folder, survey) =
        file("x_m,y_m,z_m,hub,rssi_mean_dbm,rssi_sd_db\n1,1,1,nobody,-60,2\n1,1,1,000000000101,loud,2\n");
    let said = complaint(&["--hubs", &hubs, "--survey", &survey, "--walk", &walk]);
    assert!(
        said.contains("`hub` is `nobody`") && said.contains("`rssi_mean_dbm` is `loud`"),
        "{said}"
    );
    assert!(said.contains("2 mistakes; nothing was done"), "{said}");
    let said = complaint(&["--hubs", "nowhere.csv", "--walk", &walk]);
    assert!(said.starts_with("nextbest: cannot read nowhere.csv"), "{said}");
}

#[test]
fn cells_beside_the_hubs_are_taken_unless_the_floor_is_open() {
    let (hubs, walk) = (data("tetam/hubs.csv"), data("tetam/walks/straight_01.csv"));
    let beside = object(&["--hubs", &hubs, "--walk", &walk]);
    assert_eq!(beside["floor"], "walkable_1m.csv");
    let named = object(&[
        "--hubs",
        &hubs,
        "--walk",
        &walk,
        "--walkable",
        &data("tetam/walkable_1m.csv"),
    ]);
    let open = object(&["--hubs", &hubs, "--walk", &walk, "--open-floor"]);
    assert_eq!(open["floor"], Value::Null);
    assert_eq!(beside["mean_m"], named["mean_m"]);
    assert_ne!(beside["mean_m"], open["mean_m"]);
}
