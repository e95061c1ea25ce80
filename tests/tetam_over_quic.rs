//! The main job on real input, end to end: recorded hubs over real QUIC into a gateway that runs, and its positions and
//! zones beside the truth of the recording.
//!
//! Promise: every sighting is taken once, and where the gateway says that somebody is stays within the bounds below,
//! whatever the machine is doing. Run with `--nocapture` for the table. Each walk has a gateway of its own, on a test
//! clock that waits for it; it is asked every half second of recorded time. `tests/locate_tetam.rs` scores the locator on the same walks
//! without the way there. Here a sighting comes a batch later, and the position is that of the last step which closed,
//! so that somebody who walks is a little further along than it says: about 6 cm of mean error, with a survey.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

mod loopback;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use firmware_sim::drive::{self, Progress, Snapshot};
use firmware_sim::replay::{RecordedSighting, RecordedWalk, Recording, ReplaySettings, ReplaySummary, replay};
use nextbest::engine::{Engine, Position};
use nextbest::model::Timestamp;
use nextbest::serve::clock::Clock;
use nextbest::serve::metrics::{Counter, Metrics};
use nextbest_venue::{Point, Venue};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval};

use loopback::{Loopback, engine, pack};

/// How many times as fast as they were recorded the walks are played at most.
const SPEED: u64 = 10;
/// For so long after a walk has begun, in recorded milliseconds, time passes no faster than it did: what arrives 25 ms apart
/// would be of different steps otherwise, and a tag that one far hub is heard of first is found in a wrong place.
const FOUND_MS: u64 = 3_000;
/// How often recorded time passes, in real milliseconds.
const PASS_EVERY_MS: u64 = 5;
/// How far recorded time is ahead of a sighting that was not taken yet before it slows down, in milliseconds. It then
/// passes at the pace of real time, so that a hub which has to connect again does.
const AHEAD_MAX_MS: u32 = 500;
/// How often a position is asked for, in recorded milliseconds.
const ASK_EVERY_MS: u64 = 500;
/// Who carries the beacon.
const WALKER: &str = "walker";

#[test]
fn with_a_survey() {
    let all = play_all("survey set_1", true);
    assert!(all.mean_m() <= 1.8, "mean {}", all.mean_m());
    assert!(all.zone_share() >= 0.85, "zones {}", all.zone_share());
}

#[test]
fn without_a_survey() {
    let all = play_all("path loss alone", false);
    assert!(all.mean_m() <= 2.7, "mean {}", all.mean_m());
    assert!(all.zone_share() >= 0.75, "zones {}", all.zone_share());
}

/// Plays every walk at the same time, each to a gateway of its own, and prints the table.
fn play_all(title: &str, is_surveyed: bool) -> Scores {
    let recording = Recording::read(&data()).unwrap();
    let zones = zones();
    let scores: Vec<(String, Scores)> = thread::scope(|scope| {
        let start = |walk: &RecordedWalk| {
            let one = Recording {
                hubs: recording.hubs.clone(),
                walks: vec![walk.clone()],
            };
            let zones = &zones;
            scope.spawn(move || (one.walks[0].name.clone(), play(&one, zones, is_surveyed)))
        };
        let playing: Vec<_> = recording.walks.iter().map(start).collect();
        playing.into_iter().map(|walk| walk.join().unwrap()).collect()
    });
    let mut all = Scores::default();
    let mut table = header(title);
    for (name, walk) in scores {
        table += &walk.row(&name);
        all.add(walk);
    }
    print!("{table}{}", all.row("all"));
    let sightings: usize = recording.walks.iter().map(|walk| walk.sightings.len()).sum();
    assert_eq!(all.taken as usize, sightings, "each sighting is taken, and once");
    assert_eq!(all.refused, 0, "late, unknown or bad sightings");
    assert!(
        all.unknown * 50 <= all.errors_m.len(),
        "{} times the position was not known",
        all.unknown
    );
    all
}

/// Plays one walk to a gateway of its own, and scores what it believed.
fn play(recording: &Recording, zones: &[Zone], is_surveyed: bool) -> Scores {
    let mut spec = pack("tetam");
    if !is_surveyed {
        spec.survey.clear();
    }
    let venue = Arc::clone(&spec.venue);
    let told: &'static AtomicU64 = Box::leak(Box::default());
    let (engine, clock) = (engine(spec), Clock::told(told, SPEED as f64));
    let loopback = Loopback::start(&engine, clock);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (played, asked) =
        LocalSet::new().block_on(&runtime, play_and_ask(recording, &loopback, &engine, (clock, told)));
    let walk = &recording.walks[0];
    let began_ms = played.walks[0].began_ms;
    let mut scores = Scores::of(loopback.gateway.metrics());
    let during = asked
        .iter()
        .filter(|asked| (began_ms + ASK_EVERY_MS..began_ms + walk.lasts_ms()).contains(&asked.at_ms));
    for asked in during {
        scores.score(asked, truth(walk, (asked.at_ms - began_ms) as f64), zones, &venue);
    }
    loopback.gateway.stop();
    scores
}

/// What the gateway believed at a moment of its clock.
struct Asked {
    at_ms: u64,
    position: Option<Position>,
}

/// Plays the recording, and asks for the position at a steady pace until it has ended.
async fn play_and_ask(
    recording: &Recording,
    loopback: &Loopback,
    engine: &Engine,
    (clock, told): (Clock, &AtomicU64),
) -> (ReplaySummary, Vec<Asked>) {
    let gateway = drive::Gateway {
        apps: loopback.gateway.app_addr(),
        hubs: loopback.gateway.hub_addr(),
        server_name: "localhost".to_owned(),
        trust: loopback.wallet.trust(),
    };
    let settings = ReplaySettings {
        venue_id: "tetam".to_owned(),
        register_as: Some(WALKER.to_owned()),
        gap_ms: 0,
        ..ReplaySettings::default()
    };
    let (_stop, stopped) = watch::channel(false);
    let credentials: Arc<dyn drive::Credentials> = Arc::clone(&loopback.wallet) as _;
    let ticks: drive::Clock = Arc::new(move || clock.now().as_millis());
    let progress = Arc::new(Progress::default());
    let playing = replay(
        recording,
        settings,
        gateway,
        credentials,
        ticks,
        Arc::clone(&progress),
        stopped,
    );
    let mut asked = Vec::new();
    let passing = async {
        let walker = engine.customer(WALKER).unwrap();
        let mut began = None;
        let mut pace = interval(Duration::from_millis(PASS_EVERY_MS));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            let is_followed = is_followed(recording, &progress.snapshot(), clock.now(), &mut began);
            let is_found = began.is_some_and(|began| clock.now().since(began).as_millis() >= u128::from(FOUND_MS));
            let speed = if is_followed && is_found { SPEED } else { 1 };
            let before_ms = told.fetch_add(PASS_EVERY_MS * speed, Ordering::Relaxed);
            let now = clock.now();
            if before_ms / ASK_EVERY_MS < now.as_millis() / ASK_EVERY_MS {
                asked.push(Asked {
                    at_ms: now.as_millis(),
                    position: engine.position(now, walker),
                });
            }
        }
    };
    let played = tokio::select! {
        played = playing => played.unwrap(),
        () = passing => unreachable!("time passes until it is dropped"),
    };
    (played, asked)
}

/// Whether the gateway has followed so far: every hub is there, since when the walk has begun, and what was heard a while
/// ago was taken. Sightings that come twice, because their acknowledgement is on the way, count once.
fn is_followed(recording: &Recording, progress: &Snapshot, now: Timestamp, began: &mut Option<Timestamp>) -> bool {
    if progress.hubs_connected < recording.hubs.len() as u64 {
        return false;
    }
    let played = now.since(*began.get_or_insert(now));
    let due_ms = played.as_millis() as f64 - f64::from(AHEAD_MAX_MS);
    let due = recording.walks[0]
        .sightings
        .partition_point(|sighting| sighting.at_ms < due_ms);
    progress.sightings_taken >= due as u64
}

/// Where the beacon truly was, between the sighting before and the one after.
fn truth(walk: &RecordedWalk, at_ms: f64) -> Point {
    let after = walk.sightings.partition_point(|sighting| sighting.at_ms <= at_ms);
    let before = &walk.sightings[after.saturating_sub(1)];
    let after = walk.sightings.get(after).unwrap_or(before);
    let place = |sighting: &RecordedSighting| sighting.truth.unwrap();
    let apart_ms = after.at_ms - before.at_ms;
    let share = if apart_ms > 0.0 {
        ((at_ms - before.at_ms) / apart_ms).clamp(0.0, 1.0) as f32
    } else {
        0.0
    };
    let mix = |from: f32, to: f32| from + share * (to - from);
    let (from, to) = (place(before), place(after));
    Point::new(mix(from.east_m, to.east_m), mix(from.north_m, to.north_m))
}

/// A rectangle to score with.
struct Zone {
    id: String,
    east_m: Range<f32>,
    north_m: Range<f32>,
}

fn zones() -> Vec<Zone> {
    let text = fs::read_to_string(data().join("zones.csv")).unwrap();
    let zone = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |column: usize| fields[column].parse::<f32>().unwrap();
        Zone {
            id: fields[0].to_owned(),
            east_m: number(1)..number(2),
            north_m: number(3)..number(4),
        }
    };
    text.lines().skip(1).map(zone).collect()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tetam")
}

/// How well a gateway did.
#[derive(Default)]
struct Scores {
    errors_m: Vec<f32>,
    /// Times the position was not known.
    unknown: usize,
    right: usize,
    switches: usize,
    true_switches: usize,
    /// The zone that was said and the true one, when it was last asked.
    last: Option<[Option<String>; 2]>,
    taken: u64,
    /// Sightings that came twice, because a hub had not yet heard that they were taken.
    again: u64,
    refused: u64,
}

impl Scores {
    fn of(metrics: &Metrics) -> Self {
        let sum = |counters: &[Counter]| counters.iter().map(|counter| metrics.value(*counter)).sum();
        Self {
            taken: sum(&[Counter::SightingFolded, Counter::SightingMoved]),
            again: sum(&[Counter::SightingDuplicate]),
            refused: sum(&[
                Counter::SightingLate,
                Counter::SightingUnknownTag,
                Counter::SightingNoRadioValue,
                Counter::SightingBad,
            ]),
            ..Self::default()
        }
    }

    fn score(&mut self, asked: &Asked, truth: Point, zones: &[Zone], venue: &Venue) {
        let Some(position) = asked.position else {
            self.unknown += 1;
            return;
        };
        self.errors_m
            .push((position.east_m - truth.east_m).hypot(position.north_m - truth.north_m));
        let is_in = |zone: &&Zone| zone.east_m.contains(&truth.east_m) && zone.north_m.contains(&truth.north_m);
        let said = position.zone.map(|zone| venue.zones[zone.index()].id.clone());
        let true_zone = zones.iter().find(is_in).map(|zone| zone.id.clone());
        self.right += usize::from(said == true_zone);
        if let Some([last_said, last_true]) = &self.last {
            self.switches += usize::from(*last_said != said);
            self.true_switches += usize::from(*last_true != true_zone);
        }
        self.last = Some([said, true_zone]);
    }

    fn add(&mut self, walk: Self) {
        self.errors_m.extend(walk.errors_m);
        self.unknown += walk.unknown;
        self.right += walk.right;
        self.switches += walk.switches;
        self.true_switches += walk.true_switches;
        self.taken += walk.taken;
        self.again += walk.again;
        self.refused += walk.refused;
    }

    fn mean_m(&self) -> f32 {
        self.errors_m.iter().sum::<f32>() / self.errors_m.len() as f32
    }

    fn percentile_m(&self, share: f32) -> f32 {
        let mut sorted = self.errors_m.clone();
        sorted.sort_by(f32::total_cmp);
        sorted
            .get((sorted.len() as f32 * share) as usize)
            .copied()
            .unwrap_or(f32::NAN)
    }

    fn zone_share(&self) -> f32 {
        self.right as f32 / self.errors_m.len() as f32
    }

    fn row(&self, name: &str) -> String {
        format!(
            "  {name:28} {:6.2} {:6.2} {:6.2} {:8.1} {:>9} {:7} {:8} {:6}\n",
            self.mean_m(),
            self.percentile_m(0.50),
            self.percentile_m(0.95),
            100.0 * self.zone_share(),
            format!("{} for {}", self.switches, self.true_switches),
            self.unknown,
            self.taken,
            self.again,
        )
    }
}

fn header(title: &str) -> String {
    format!(
        "{title:30} {:>6} {:>6} {:>6} {:>8} {:>9} {:>7} {:>8} {:>6}\n",
        "mean m", "p50 m", "p95 m", "zones %", "switches", "unknown", "taken", "again"
    )
}
