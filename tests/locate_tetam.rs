//! The locator on recordings that nobody here made: five walks through a furnished floor with twelve hubs.
//!
//! Promise: with a survey the mean error stays within 1.25 m and without one within 1.8 m, and zones are right and calm,
//! with the default settings for all walks. Run with `--nocapture` for the table. Scored every 0.5 s, causally: what is
//! said at an instant rests on sightings before it alone.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test, a panic is how it fails"
)]

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use nextbest::engine::locate::{
    Fix, FloorLevel, FloorPlan, Locator, LocatorSettings, NO_ZONE, Observed, STEP_MS, Station, SurveyPoint, Track,
};

const WALKS: [&str; 5] = [
    "rectangular_without_rotation",
    "straight_01",
    "straight_02",
    "straight_03",
    "zigzagging_with_rotation",
];
/// How often a position is asked for, in milliseconds.
const SCORE_EVERY_MS: u32 = 500;

#[test]
fn with_a_survey() {
    let recording = Recording::load();
    let locator = recording.locator(true);
    let scores = recording.score_all(&locator, "survey set_1");
    assert!(scores.mean_m() <= 1.25, "mean {}", scores.mean_m());
    assert!(
        scores.percentile_m(0.50) <= 1.10,
        "median {}",
        scores.percentile_m(0.50)
    );
    assert!(scores.percentile_m(0.95) <= 2.6, "p95 {}", scores.percentile_m(0.95));
    assert!(scores.zone_share() >= 0.89, "zones {}", scores.zone_share());
    assert!(
        scores.switches <= 20,
        "{} switches for {}",
        scores.switches,
        scores.true_switches
    );
    assert!(scores.delay_s() <= 2.0, "delay {}", scores.delay_s());
}

#[test]
fn without_a_survey() {
    let recording = Recording::load();
    let scores = recording.score_all(&recording.locator(false), "path loss alone");
    assert!(scores.mean_m() <= 1.8, "mean {}", scores.mean_m());
    assert!(scores.zone_share() >= 0.78, "zones {}", scores.zone_share());
}

#[test]
fn without_a_survey_a_tag_of_any_power_is_found() {
    let recording = Recording::load();
    for rssi_1m_dbm in [-67.0, -52.0] {
        let settings = LocatorSettings {
            rssi_1m_dbm,
            ..LocatorSettings::default()
        };
        let locator = Locator::new(recording.floor.clone(), recording.stations.clone(), None, settings).unwrap();
        let scores = recording.score_all(&locator, &format!("path loss alone, told {rssi_1m_dbm} dBm at 1 m"));
        assert!(scores.mean_m() <= 2.0, "mean {}", scores.mean_m());
    }
}

#[test]
fn the_same_walk_twice_gives_the_same_bits() {
    let recording = Recording::load();
    let locator = recording.locator(true);
    let run = |walk: &Walk| {
        recording
            .replay(&locator, walk)
            .into_iter()
            .map(|scored| scored.fix)
            .collect::<Vec<_>>()
    };
    for walk in &recording.walks {
        let bits = |fixes: Vec<Option<Fix>>| fixes.iter().map(|fix| format!("{fix:?}")).collect::<Vec<_>>();
        assert_eq!(bits(run(walk)), bits(run(walk)), "{}", walk.name);
    }
}

/// What the recording gives.
struct Recording {
    floor: FloorPlan,
    stations: Vec<Station>,
    survey: Vec<SurveyPoint>,
    zones: Vec<Rectangle>,
    walks: Vec<Walk>,
}

struct Walk {
    name: &'static str,
    sightings: Vec<Sighting>,
}

struct Sighting {
    at_ms: f64,
    station: u16,
    rssi_dbm: i8,
    truth: (f32, f32),
}

struct Rectangle {
    east_m: std::ops::Range<f32>,
    north_m: std::ops::Range<f32>,
}

/// One instant: what was said, and what was true.
struct Scored {
    at_ms: u32,
    fix: Option<Fix>,
    truth: (f32, f32),
    true_zone: Option<u16>,
}

/// The scores of all walks.
#[derive(Default)]
struct Scores {
    errors_m: Vec<f32>,
    right: usize,
    switches: usize,
    true_switches: usize,
    delays_s: Vec<f32>,
}

impl Recording {
    fn load() -> Self {
        let hubs = rows("hubs.csv");
        let hub_index: HashMap<&str, u16> = (0u16..)
            .zip(&hubs)
            .map(|(index, row)| (row[0].as_str(), index))
            .collect();
        let stations = hubs
            .iter()
            .map(|row| Station {
                level: 0,
                east_m: number(&row[2]),
                north_m: number(&row[3]),
                height_m: number(&row[4]),
            })
            .collect();
        let zones: Vec<Rectangle> = rows("zones.csv")
            .iter()
            .map(|row| Rectangle {
                east_m: number(&row[1])..number(&row[2]),
                north_m: number(&row[3])..number(&row[4]),
            })
            .collect();
        let survey = rows("survey_set_1.csv")
            .iter()
            .map(|row| SurveyPoint {
                level: 0,
                east_m: number(&row[0]),
                north_m: number(&row[1]),
                station: hub_index[row[3].as_str()],
                rssi_mean_dbm: number(&row[4]),
                rssi_sd_db: number(&row[5]),
            })
            .collect();
        let walk = |name: &'static str| {
            let sighting = |row: &Vec<String>| Sighting {
                at_ms: number(&row[0]),
                station: hub_index[row[1].as_str()],
                rssi_dbm: number(&row[3]),
                truth: (number(&row[4]), number(&row[5])),
            };
            Walk {
                name,
                sightings: rows(&format!("walks/{name}.csv")).iter().map(sighting).collect(),
            }
        };
        Self {
            floor: floor(&zones),
            stations,
            survey,
            walks: WALKS.into_iter().map(walk).collect(),
            zones,
        }
    }

    fn locator(&self, surveyed: bool) -> Locator {
        let survey = surveyed.then_some(self.survey.as_slice());
        Locator::new(
            self.floor.clone(),
            self.stations.clone(),
            survey,
            LocatorSettings::default(),
        )
        .unwrap()
    }

    /// Plays a walk into the locator and asks every half second.
    fn replay(&self, locator: &Locator, walk: &Walk) -> Vec<Scored> {
        let mut track = Track::default();
        let mut coming = walk.sightings.iter().peekable();
        let mut last = &walk.sightings[0];
        let end_ms = walk.sightings.last().unwrap().at_ms as u32;
        let mut scored = Vec::new();
        for at_ms in (SCORE_EVERY_MS..=end_ms).step_by(SCORE_EVERY_MS as usize) {
            while let Some(sighting) = coming.next_if(|sighting| sighting.at_ms < f64::from(at_ms)) {
                let observed = locator.observe(
                    &mut track,
                    sighting.at_ms as u32 / STEP_MS,
                    sighting.station,
                    sighting.rssi_dbm,
                );
                assert!(
                    matches!(observed, Observed::Folded | Observed::Closed(_)),
                    "{observed:?}"
                );
                last = sighting;
            }
            let fix = locator.close(&mut track, at_ms / STEP_MS);
            let truth = between(last, coming.peek().copied().unwrap_or(last), at_ms);
            scored.push(Scored {
                at_ms,
                fix,
                truth,
                true_zone: zone_at(&self.zones, truth.0, truth.1),
            });
        }
        scored
    }

    /// Scores every walk and prints a table.
    fn score_all(&self, locator: &Locator, title: &str) -> Scores {
        let mut all = Scores::default();
        println!(
            "{title:38} {:>6} {:>6} {:>6} {:>7} {:>9} {:>6}",
            "mean m", "p50 m", "p95 m", "zones %", "switches", "delay s"
        );
        for walk in &self.walks {
            let mut scores = Scores::default();
            scores.add(&self.replay(locator, walk));
            scores.print(walk.name);
            all.add(&self.replay(locator, walk));
        }
        all.print("all");
        all
    }
}

impl Scores {
    fn add(&mut self, walk: &[Scored]) {
        for scored in walk {
            let fix = scored.fix.expect("a tag that is heard has a position");
            self.errors_m
                .push((fix.east_m - scored.truth.0).hypot(fix.north_m - scored.truth.1));
            self.right += usize::from(fix.zone == scored.true_zone);
        }
        let zone = |scored: &Scored| scored.fix.and_then(|fix| fix.zone);
        self.switches += walk.windows(2).filter(|pair| zone(&pair[0]) != zone(&pair[1])).count();
        for (place, pair) in walk
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| pair[0].true_zone != pair[1].true_zone)
        {
            self.true_switches += 1;
            let entered = &pair[1];
            let noticed = walk[place + 1..]
                .iter()
                .find(|scored| zone(scored) == entered.true_zone);
            self.delays_s
                .extend(noticed.map(|noticed| (noticed.at_ms - entered.at_ms) as f32 / 1000.0));
        }
    }

    fn mean_m(&self) -> f32 {
        self.errors_m.iter().sum::<f32>() / self.errors_m.len() as f32
    }

    fn percentile_m(&self, share: f32) -> f32 {
        percentile(&self.errors_m, share)
    }

    fn delay_s(&self) -> f32 {
        percentile(&self.delays_s, 0.5)
    }

    fn zone_share(&self) -> f32 {
        self.right as f32 / self.errors_m.len() as f32
    }

    fn print(&self, name: &str) {
        println!(
            "  {name:36} {:6.2} {:6.2} {:6.2} {:7.1} {:>9} {:6.1}",
            self.mean_m(),
            self.percentile_m(0.50),
            self.percentile_m(0.95),
            100.0 * self.zone_share(),
            format!("{} for {}", self.switches, self.true_switches),
            self.delay_s(),
        );
    }
}

/// The 1 m grid with the zones of its cells' middles.
fn floor(zones: &[Rectangle]) -> FloorPlan {
    let cells: Vec<(f32, f32, bool)> = rows("walkable_1m.csv")
        .iter()
        .map(|row| (number(&row[0]), number(&row[1]), row[2] == "1"))
        .collect();
    let least = |axis: fn(&(f32, f32, bool)) -> f32| cells.iter().map(axis).fold(f32::MAX, f32::min);
    let most = |axis: fn(&(f32, f32, bool)) -> f32| cells.iter().map(axis).fold(f32::MIN, f32::max);
    let (west_m, south_m) = (least(|cell| cell.0), least(|cell| cell.1));
    let columns = (most(|cell| cell.0) - west_m) as u32 + 1;
    let rows = (most(|cell| cell.1) - south_m) as u32 + 1;
    let mut walkable = vec![false; (columns * rows) as usize];
    let mut zone = vec![NO_ZONE; walkable.len()];
    for (east_m, north_m, can_be_walked_on) in cells {
        let cell = (north_m - south_m) as usize * columns as usize + (east_m - west_m) as usize;
        walkable[cell] = can_be_walked_on;
        zone[cell] = zone_at(zones, east_m, north_m).unwrap_or(NO_ZONE);
    }
    let level = FloorLevel {
        origin_east_m: west_m - 0.5,
        origin_north_m: south_m - 0.5,
        columns,
        rows,
        walkable,
        zone,
        elevation_m: 0.0,
    };
    FloorPlan {
        pitch_m: 1.0,
        levels: vec![level],
    }
}

fn zone_at(zones: &[Rectangle], east_m: f32, north_m: f32) -> Option<u16> {
    zones
        .iter()
        .position(|zone| zone.east_m.contains(&east_m) && zone.north_m.contains(&north_m))
        .map(|zone| zone as u16)
}

/// The truth at an instant between two sightings.
fn between(before: &Sighting, after: &Sighting, at_ms: u32) -> (f32, f32) {
    let apart_ms = after.at_ms - before.at_ms;
    let share = if apart_ms > 0.0 {
        ((f64::from(at_ms) - before.at_ms) / apart_ms).clamp(0.0, 1.0) as f32
    } else {
        0.0
    };
    let mix = |from: f32, to: f32| from + share * (to - from);
    (mix(before.truth.0, after.truth.0), mix(before.truth.1, after.truth.1))
}

fn percentile(values: &[f32], share: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted
        .get((sorted.len() as f32 * share) as usize)
        .copied()
        .unwrap_or(f32::NAN)
}

fn rows(file: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/tetam")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

fn number<T: FromStr<Err: Display>>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?} is not a number: {error}"))
}
