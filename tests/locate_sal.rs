//! Inside or outside: two walks through the door of a test hall, heard by ten hubs, that nobody here made.
//!
//! Promise: with the default settings, no survey and no map, the side of the door is right for at least 96.5 % of each
//! walk and 97 % of both, and changes as often as the person did. A cell belongs to the side of its nearest hub.
//! Run with `--nocapture` for the figures. Scored at every superframe, causally.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use nextbest::engine::locate::{FloorLevel, FloorPlan, Locator, LocatorSettings, STEP_MS, Station, Track};

/// Time of one superframe.
const SUPERFRAME_MS: u32 = 100;
/// What stands for a hub that heard nothing.
const NOT_HEARD: i8 = -100;
/// How far the floor goes beyond the hubs, in metres.
const MARGIN_M: f32 = 1.0;

#[test]
fn the_side_of_the_door_is_right_and_calm() {
    let hubs = hubs();
    let locator = locator(&hubs);
    let (mut right, mut asked) = (0, 0);
    for walk in ["walk_sensor_1_measurement_1.csv", "walk_sensor_1_measurement_2.csv"] {
        let score = play(&locator, &superframes(walk));
        println!(
            "{walk}: {:.1} % right, {} switches for {}",
            100.0 * score.share(),
            score.switches,
            score.true_switches
        );
        assert!(score.share() >= 0.965, "{walk}: {} right", score.share());
        assert!(
            score.switches <= 2 * score.true_switches,
            "{walk}: {} switches for {}",
            score.switches,
            score.true_switches
        );
        (right, asked) = (right + score.right, asked + score.asked);
    }
    assert!(f64::from(right) / f64::from(asked) >= 0.97, "{right} of {asked} right");
}

/// A fixed hub, and whether it is inside.
struct Hub {
    at: Station,
    inside: bool,
}

/// What the hubs heard in 100 ms, and whether the tag was inside.
struct Superframe {
    heard: Vec<(u16, i8)>,
    inside: bool,
}

#[derive(Default)]
struct Score {
    asked: u32,
    right: u32,
    switches: u32,
    true_switches: u32,
}

impl Score {
    fn share(&self) -> f64 {
        f64::from(self.right) / f64::from(self.asked)
    }
}

/// Plays a walk; asks after every superframe, from the first step that is over.
fn play(locator: &Locator, superframes: &[Superframe]) -> Score {
    let mut track = Track::default();
    let mut score = Score::default();
    let mut before = None;
    for (count, superframe) in (0u32..).zip(superframes) {
        for (station, rssi_dbm) in &superframe.heard {
            locator.observe(&mut track, count * SUPERFRAME_MS / STEP_MS, *station, *rssi_dbm);
        }
        let Some(fix) = locator.close(&mut track, (count + 1) * SUPERFRAME_MS / STEP_MS) else {
            continue;
        };
        let said = (fix.zone == Some(1), superframe.inside);
        score.asked += 1;
        score.right += u32::from(said.0 == said.1);
        if let Some((side, true_side)) = before.replace(said) {
            score.switches += u32::from(side != said.0);
            score.true_switches += u32::from(true_side != said.1);
        }
    }
    score
}

/// Cells of 1 m in a rectangle round the hubs, each on the side of its nearest hub: zone 0 outside, 1 inside.
fn locator(hubs: &[Hub]) -> Locator {
    let least = |axis: fn(&Hub) -> f32| hubs.iter().map(axis).fold(f32::MAX, f32::min) - MARGIN_M;
    let most = |axis: fn(&Hub) -> f32| hubs.iter().map(axis).fold(f32::MIN, f32::max) + MARGIN_M;
    let (west_m, south_m) = (least(|hub| hub.at.east_m), least(|hub| hub.at.north_m));
    let columns = (most(|hub| hub.at.east_m) - west_m).ceil() as u32;
    let rows = (most(|hub| hub.at.north_m) - south_m).ceil() as u32;
    let side = |cell: u32| {
        let east_m = west_m + (cell % columns) as f32 + 0.5;
        let north_m = south_m + (cell / columns) as f32 + 0.5;
        let distance_m = |hub: &Hub| (hub.at.east_m - east_m).hypot(hub.at.north_m - north_m);
        let nearest = hubs
            .iter()
            .min_by(|left, right| distance_m(left).total_cmp(&distance_m(right)));
        u16::from(nearest.unwrap().inside)
    };
    let level = FloorLevel {
        origin_east_m: west_m,
        origin_north_m: south_m,
        columns,
        rows,
        walkable: vec![true; (columns * rows) as usize],
        zone: (0..columns * rows).map(side).collect(),
        elevation_m: 0.0,
    };
    let floor = FloorPlan {
        pitch_m: 1.0,
        levels: vec![level],
    };
    let stations = hubs.iter().map(|hub| hub.at).collect();
    Locator::new(floor, stations, None, LocatorSettings::default()).unwrap()
}

fn hubs() -> Vec<Hub> {
    let rows = rows("measurement_config.txt");
    let hub = |row: &Vec<String>| Hub {
        at: Station {
            level: 0,
            east_m: number(&row[2]),
            north_m: number(&row[3]),
            height_m: number(&row[4]),
        },
        inside: row[0].starts_with("I-"),
    };
    rows.iter().map(hub).collect()
}

/// The hubs' columns stand in the order of the hubs' file.
fn superframes(file: &str) -> Vec<Superframe> {
    let superframe = |row: &Vec<String>| {
        let rssi_dbm = row[1..11].iter().map(|rssi| number::<i8>(rssi));
        Superframe {
            heard: (0u16..).zip(rssi_dbm).filter(|heard| heard.1 != NOT_HEARD).collect(),
            inside: row[11] != "0",
        }
    };
    rows(file).iter().map(superframe).collect()
}

fn rows(file: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sal").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .skip(1)
        .filter(|line| line.contains(','))
        .map(|line| line.split(',').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

fn number<T: FromStr<Err: Display>>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?} is not a number: {error}"))
}
