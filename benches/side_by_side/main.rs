//! Location methods side by side on recordings that nobody here made: what each says, asked the same way.
//!
//! Each method is a [`Tracker`]: it gets every sighting and is asked for a place every half second, causally, with one
//! set of constants for all walks. `simple` and `mapped` are the textbook's, `bermuda` and `espresense` the published
//! rules of the two open systems in use, written from their sources in our own words, and the last rows are the real
//! locator. Run `cargo bench --locked --bench side_by_side`; without `--bench`, as in CI, each walk is played once for the cost.
//!
//! Deliberately absent: constants chosen on these walks. The rules run with their projects' defaults, the textbook's
//! with what `LocatorSettings` starts from.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench stops at the first surprise, and measures real time"
)]

mod bermuda;
mod espresense;
mod mapped;
mod nelder_mead;
mod simple;
mod support;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nextbest::engine::locate::LocatorSettings;
use nextbest::recording::{LocatorTracker, Scores, Site, SiteFiles, Tracker, Walk, play, run};

const WALKS: [&str; 5] = [
    "rectangular_without_rotation",
    "straight_01",
    "straight_02",
    "straight_03",
    "zigzagging_with_rotation",
];
/// Plays of a walk whose median is the cost, when benches are run as such.
const PLAYS: usize = 9;

/// A site with its walks.
struct Recording {
    name: &'static str,
    site: Site,
    walks: Vec<Walk>,
}

fn main() {
    let plays = if std::env::args().any(|argument| argument == "--bench") {
        PLAYS
    } else {
        1
    };
    let recordings = [
        tetam("tetam, five walks, survey set_1", &["survey_set_1.csv"]),
        tetam(
            "tetam, five walks, both surveys",
            &["survey_set_1.csv", "survey_set_2.csv"],
        ),
        tetam("tetam, five walks, no survey", &[]),
        sal(),
    ];
    for recording in &recordings {
        side_by_side(recording, plays);
    }
    if cfg!(debug_assertions) {
        println!("ns: a debug build, which is no measure");
    }
}

fn side_by_side(recording: &Recording, plays: usize) {
    println!(
        "\n{:40} {:>6} {:>6} {:>6} {:>7} {:>9} {:>7} {:>7}",
        recording.name, "mean m", "p50 m", "p95 m", "zones %", "switches", "delay s", "ns"
    );
    let site = &recording.site;
    let surveyed = !site.survey.is_empty();
    let row = |name: &str, tracker: &dyn Fn() -> Box<dyn Tracker>| recording.row(name, plays, tracker);
    row("nearest hub, smoothed 1 s", &|| Box::new(simple::NearestHub::new(site)));
    row("weighted centroid", &|| Box::new(simple::WeightedCentroid::new(site)));
    if surveyed {
        row("k-nearest fingerprints, k = 5", &|| {
            Box::new(mapped::Fingerprints::new(site))
        });
    }
    let map = mapped::RadioMap::new(site);
    row("radio map, maximum likelihood", &|| {
        Box::new(mapped::MostLikely::new(site, &map))
    });
    row("hidden Markov model, 1 m grid", &|| {
        Box::new(mapped::HiddenMarkov::new(site, &map))
    });
    row("Bermuda's rules", &|| Box::new(bermuda::Bermuda::new(site)));
    row("ESPresense companion's rules", &|| {
        Box::new(espresense::Companion::new(site))
    });
    let locator = site.locator(LocatorSettings::default()).unwrap();
    recording.scored("nextbest", plays, || LocatorTracker::new(&locator));
}

impl Recording {
    fn row<'a>(&self, name: &str, plays: usize, tracker: &dyn Fn() -> Box<dyn Tracker + 'a>) {
        self.scored(name, plays, || support::Boxed(tracker()));
    }

    fn scored<T: Tracker>(&self, name: &str, plays: usize, tracker: impl Fn() -> T) {
        let mut scores = Scores::default();
        let (mut spent_ns, mut sightings) = (0, 0);
        for walk in &self.walks {
            scores.add(&Scores::of(&play(&self.site, &mut tracker(), walk)));
            spent_ns += cost_ns(walk, plays, &tracker);
            sightings += walk.heard.len();
        }
        let metres = |metres: Option<f32>| metres.map_or_else(|| "-".to_owned(), |metres| format!("{metres:.2}"));
        println!(
            "{name:40} {:>6} {:>6} {:>6} {:>7.1} {:>9} {:>7} {:>7}",
            metres(scores.mean_m()),
            metres(scores.percentile_m(0.50)),
            metres(scores.percentile_m(0.95)),
            100.0 * scores.zone_accuracy().unwrap_or(f32::NAN),
            format!("{}/{}", scores.switches, scores.true_switches),
            scores
                .delay_s()
                .map_or_else(|| "-".to_owned(), |delay_s| format!("{delay_s:.1}")),
            spent_ns / sightings as u128,
        );
    }
}

/// The median time of a play.
fn cost_ns<T: Tracker>(walk: &Walk, plays: usize, tracker: &impl Fn() -> T) -> u128 {
    let mut plays_ns: Vec<u128> = (0..plays)
        .map(|_| {
            let mut tracker = tracker();
            let began = Instant::now();
            run(&mut tracker, walk, |at_ms, said| {
                black_box((at_ms, said));
            });
            began.elapsed().as_nanos()
        })
        .collect();
    plays_ns.sort_unstable();
    plays_ns[plays / 2]
}

fn tetam(name: &'static str, surveys: &[&str]) -> Recording {
    let folder = data("tetam");
    let site = Site::open(&SiteFiles {
        hubs: folder.join("hubs.csv"),
        surveys: surveys.iter().map(|survey| folder.join(survey)).collect(),
        zones: Some(folder.join("zones.csv")),
        walkable: Some(folder.join("walkable_1m.csv")),
        labelled: false,
    })
    .unwrap();
    let walk = |name: &&str| site.walks(&folder.join(format!("walks/{name}.csv"))).unwrap();
    let walks = WALKS.iter().flat_map(walk).collect();
    Recording { name, site, walks }
}

fn sal() -> Recording {
    let folder = data("sal");
    let site = Site::open(&SiteFiles {
        hubs: folder.join("measurement_config.txt"),
        labelled: true,
        ..SiteFiles::default()
    })
    .unwrap();
    let walk = |number: u8| {
        site.walks(&folder.join(format!("walk_sensor_1_measurement_{number}.csv")))
            .unwrap()
    };
    let walks = (1..=2).flat_map(walk).collect();
    Recording {
        name: "SAL, two walks, inside or outside",
        site,
        walks,
    }
}

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}
