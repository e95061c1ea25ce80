//! The tetam recording as tests and the choice of settings use it: read, played into a locator, and scored.
//!
//! Scored every 0.5 s, causally: what is said at an instant rests on sightings before it alone. Deliberately absent:
//! any judgement; whoever scores states their own promise.

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
/// How far a rectangle of cells goes beyond hubs and surveyed points, in metres.
const MARGIN_M: f32 = 1.0;

/// Which cells the locator is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    /// The recording's own walkable cells.
    Walkable,
    /// A rectangle round hubs and surveyed points, all of it walkable: what somebody has who brings no map.
    Rectangle,
}

/// What the locator is told of the radio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survey {
    Set1,
    Set2,
    None,
}

/// What the recording gives.
pub(crate) struct Recording {
    stations: Vec<Station>,
    surveys: [Vec<SurveyPoint>; 2],
    zones: Vec<Rectangle>,
    pub(crate) walks: Vec<Walk>,
}

/// One walk.
pub(crate) struct Walk {
    pub(crate) name: &'static str,
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
pub(crate) struct Scored {
    at_ms: u32,
    pub(crate) fix: Option<Fix>,
    truth: (f32, f32),
    true_zone: Option<u16>,
}

/// The scores of walks.
#[derive(Clone, Default)]
pub(crate) struct Scores {
    errors_m: Vec<f32>,
    right: usize,
    pub(crate) switches: usize,
    pub(crate) true_switches: usize,
    delays_s: Vec<f32>,
}

impl Recording {
    pub(crate) fn load() -> Self {
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
        let survey = |file: &str| {
            let point = |row: &Vec<String>| SurveyPoint {
                level: 0,
                east_m: number(&row[0]),
                north_m: number(&row[1]),
                station: hub_index[row[3].as_str()],
                rssi_mean_dbm: number(&row[4]),
                rssi_sd_db: number(&row[5]),
            };
            rows(file).iter().map(point).collect()
        };
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
            stations,
            surveys: [survey("survey_set_1.csv"), survey("survey_set_2.csv")],
            walks: WALKS.into_iter().map(walk).collect(),
            zones,
        }
    }

    /// A locator that is told so much.
    pub(crate) fn locator(&self, floor: Floor, survey: Survey, settings: LocatorSettings) -> Locator {
        let points: &[SurveyPoint] = match survey {
            Survey::Set1 => &self.surveys[0],
            Survey::Set2 => &self.surveys[1],
            Survey::None => &[],
        };
        let plan = match floor {
            Floor::Walkable => walkable(&self.zones),
            Floor::Rectangle => {
                let hubs = self.stations.iter().map(|station| (station.east_m, station.north_m));
                let surveyed = points.iter().map(|point| (point.east_m, point.north_m));
                rectangle(&hubs.chain(surveyed).collect::<Vec<_>>(), &self.zones)
            }
        };
        Locator::new(plan, self.stations.clone(), Some(points), settings).unwrap()
    }

    /// Plays a walk into the locator and asks every half second.
    pub(crate) fn replay(&self, locator: &Locator, walk: &Walk) -> Vec<Scored> {
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

    /// Scores one walk.
    pub(crate) fn score(&self, locator: &Locator, walk: &Walk) -> Scores {
        let mut scores = Scores::default();
        scores.count(&self.replay(locator, walk));
        scores
    }
}

impl Scores {
    /// The head of a table of scores.
    pub(crate) fn print_head(title: &str) {
        println!(
            "{title:44} {:>6} {:>6} {:>6} {:>7} {:>9} {:>6}",
            "mean m", "p50 m", "p95 m", "zones %", "switches", "delay s"
        );
    }

    /// Adds the scores of other walks.
    pub(crate) fn add(&mut self, other: &Self) {
        self.errors_m.extend(&other.errors_m);
        self.right += other.right;
        self.switches += other.switches;
        self.true_switches += other.true_switches;
        self.delays_s.extend(&other.delays_s);
    }

    fn count(&mut self, walk: &[Scored]) {
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

    pub(crate) fn mean_m(&self) -> f32 {
        self.errors_m.iter().sum::<f32>() / self.errors_m.len() as f32
    }

    pub(crate) fn percentile_m(&self, share: f32) -> f32 {
        percentile(&self.errors_m, share)
    }

    pub(crate) fn delay_s(&self) -> f32 {
        percentile(&self.delays_s, 0.5)
    }

    pub(crate) fn zone_share(&self) -> f32 {
        self.right as f32 / self.errors_m.len() as f32
    }

    pub(crate) fn print(&self, name: &str) {
        println!(
            "  {name:42} {:6.2} {:6.2} {:6.2} {:7.1} {:>9} {:6.1}",
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
fn walkable(zones: &[Rectangle]) -> FloorPlan {
    let cells: Vec<(f32, f32, bool)> = rows("walkable_1m.csv")
        .iter()
        .map(|row| (number(&row[0]), number(&row[1]), row[2] == "1"))
        .collect();
    let middles: Vec<(f32, f32)> = cells.iter().map(|cell| (cell.0, cell.1)).collect();
    let mut plan = plan(&middles, 0.5, zones);
    let level = &mut plan.levels[0];
    level.walkable.fill(false);
    for (east_m, north_m, can_be_walked_on) in cells {
        let row = (north_m - level.origin_north_m) as usize;
        let cell = row * level.columns as usize + (east_m - level.origin_east_m) as usize;
        level.walkable[cell] = can_be_walked_on;
    }
    plan
}

/// A bare rectangle round points.
fn rectangle(points: &[(f32, f32)], zones: &[Rectangle]) -> FloorPlan {
    plan(points, MARGIN_M, zones)
}

/// Cells of 1 m round points with a margin, all walkable.
fn plan(points: &[(f32, f32)], margin_m: f32, zones: &[Rectangle]) -> FloorPlan {
    let least = |axis: fn(&(f32, f32)) -> f32| points.iter().map(axis).fold(f32::MAX, f32::min) - margin_m;
    let most = |axis: fn(&(f32, f32)) -> f32| points.iter().map(axis).fold(f32::MIN, f32::max) + margin_m;
    let (west_m, south_m) = (least(|at| at.0), least(|at| at.1));
    let columns = (most(|at| at.0) - west_m).ceil() as u32;
    let rows = (most(|at| at.1) - south_m).ceil() as u32;
    let middle = |cell: u32| {
        (
            west_m + (cell % columns) as f32 + 0.5,
            south_m + (cell / columns) as f32 + 0.5,
        )
    };
    let zone = |cell: u32| zone_at(zones, middle(cell).0, middle(cell).1).unwrap_or(NO_ZONE);
    let level = FloorLevel {
        origin_east_m: west_m,
        origin_north_m: south_m,
        columns,
        rows,
        walkable: vec![true; (columns * rows) as usize],
        zone: (0..columns * rows).map(zone).collect(),
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
