//! The locator on recordings that nobody here made: five walks through a furnished floor with twelve hubs.
//!
//! Promise, with the default settings for all walks: how far off the locator is and how right and calm its zones are,
//! with a survey and without, told which cells can be walked on or told nothing of the floor. The figures are a little
//! above what is reached. Run with `--nocapture` for the tables; `examples/choose_locator_settings.rs` shows what
//! settings would be chosen, and reach, on walks that they were not chosen on.

mod tetam;

use nextbest::engine::locate::{Fix, LocatorSettings};
use tetam::{Floor, Recording, Scores, Survey, Walk};

#[test]
fn with_a_survey() {
    let scores = score(Floor::Walkable, Survey::Set1, LocatorSettings::default());
    within(&scores, 1.20, 1.07, 2.60);
    calm(&scores, 0.93, 15, 1.5);
}

#[test]
fn with_a_survey_and_no_map() {
    let scores = score(Floor::Rectangle, Survey::Set1, LocatorSettings::default());
    within(&scores, 1.45, 1.34, 2.90);
    calm(&scores, 0.85, 18, 2.0);
}

#[test]
fn with_a_survey_of_half_the_points() {
    let scores = score(Floor::Walkable, Survey::Set2, LocatorSettings::default());
    within(&scores, 1.24, 1.0, 2.95);
    let scores = score(Floor::Rectangle, Survey::Set2, LocatorSettings::default());
    within(&scores, 1.46, 1.36, 2.95);
}

#[test]
fn without_a_survey() {
    let scores = score(Floor::Walkable, Survey::None, LocatorSettings::default());
    within(&scores, 1.80, 1.45, 4.80);
    calm(&scores, 0.81, 20, 4.0);
    let scores = score(Floor::Rectangle, Survey::None, LocatorSettings::default());
    within(&scores, 2.0, 1.85, 4.0);
}

#[test]
fn without_a_survey_a_tag_of_any_power_is_found() {
    for rssi_1m_dbm in [-67.0, -52.0] {
        let settings = LocatorSettings {
            rssi_1m_dbm,
            ..LocatorSettings::default()
        };
        let scores = score(Floor::Walkable, Survey::None, settings);
        assert!(
            scores.mean_m() <= 1.95,
            "told {rssi_1m_dbm} dBm at 1 m: mean {}",
            scores.mean_m()
        );
    }
}

#[test]
fn the_same_walk_twice_gives_the_same_bits() {
    let recording = Recording::load();
    let locator = recording.locator(Floor::Walkable, Survey::Set1, LocatorSettings::default());
    let run = |walk: &Walk| -> Vec<Option<Fix>> {
        let scored = recording.replay(&locator, walk).into_iter();
        scored.map(|scored| scored.fix).collect()
    };
    for walk in &recording.walks {
        let bits = |fixes: Vec<Option<Fix>>| fixes.iter().map(|fix| format!("{fix:?}")).collect::<Vec<_>>();
        assert_eq!(bits(run(walk)), bits(run(walk)), "{}", walk.name);
    }
}

/// Scores every walk and prints a table.
fn score(floor: Floor, survey: Survey, settings: LocatorSettings) -> Scores {
    let recording = Recording::load();
    let locator = recording.locator(floor, survey, settings);
    Scores::print_head(&format!("{floor:?}, survey {survey:?}, {} dBm", settings.rssi_1m_dbm));
    let mut all = Scores::default();
    for walk in &recording.walks {
        let scores = recording.score(&locator, walk);
        scores.print(walk.name);
        all.add(&scores);
    }
    all.print("all");
    all
}

fn within(scores: &Scores, mean_m: f32, p50_m: f32, p95_m: f32) {
    assert!(scores.mean_m() <= mean_m, "mean {}", scores.mean_m());
    assert!(
        scores.percentile_m(0.50) <= p50_m,
        "median {}",
        scores.percentile_m(0.50)
    );
    assert!(scores.percentile_m(0.95) <= p95_m, "p95 {}", scores.percentile_m(0.95));
}

fn calm(scores: &Scores, zone_share: f32, switches: usize, delay_s: f32) {
    assert!(scores.zone_share() >= zone_share, "zones {}", scores.zone_share());
    assert!(
        scores.switches <= switches,
        "{} switches for {}",
        scores.switches,
        scores.true_switches
    );
    assert!(scores.delay_s() <= delay_s, "delay {}", scores.delay_s());
}
