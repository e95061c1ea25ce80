//! Which settings would be chosen on four walks, and how they do on the fifth: leave-one-walk-out on `tests/data/tetam`.
//!
//! `cargo run --locked --example choose_locator_settings` starts from the defaults and changes one setting at a time for as long
//! as the mean error plus a quarter of the 95th percentile falls, on the walkable cells and on a bare rectangle
//! together. It prints the choice of every four walks and its score on the walk left out, then the defaults' own score,
//! and both on survey set 2, which nothing was chosen on. Where the choices differ between folds, five walks can't
//! tell, and the defaults keep to the middle of what is equally good. Deliberately absent: writing the choice
//! anywhere; a person decides.

#[path = "../tests/tetam/mod.rs"]
mod tetam;

use nextbest::engine::locate::LocatorSettings;
use tetam::{Floor, Recording, Scores, Survey};

/// Times that all settings are gone through.
const ROUNDS: usize = 2;
/// What a change must gain to be taken, in metres.
const GAIN_MIN_M: f32 = 0.002;

/// One setting and the values it may take.
struct Choice {
    name: &'static str,
    values: &'static [f32],
    field: fn(&mut LocatorSettings) -> &mut f32,
}

const WITH_SURVEY: [Choice; 5] = [
    Choice {
        name: "noise_survey_db",
        values: &[4.0, 5.0, 6.0, 7.0, 8.0],
        field: |settings| &mut settings.noise_survey_db,
    },
    Choice {
        name: "speed_sd_m_per_s",
        values: &[0.3, 0.4, 0.5, 0.6, 0.8],
        field: |settings| &mut settings.speed_sd_m_per_s,
    },
    Choice {
        name: "speed_memory_s",
        values: &[2.0, 3.0, 4.0, 6.0],
        field: |settings| &mut settings.speed_memory_s,
    },
    Choice {
        name: "bias_gain",
        values: &[0.0, 0.01, 0.02, 0.04],
        field: |settings| &mut settings.bias_gain,
    },
    Choice {
        name: "offset_sd_db",
        values: &[3.0, 5.0, 10.0],
        field: |settings| &mut settings.offset_sd_db,
    },
];

const WITHOUT_SURVEY: [Choice; 4] = [
    Choice {
        name: "noise_path_loss_db",
        values: &[4.0, 5.0, 6.0, 7.0],
        field: |settings| &mut settings.noise_path_loss_db,
    },
    Choice {
        name: "path_loss_exponent",
        values: &[1.5, 1.8, 2.0, 2.2],
        field: |settings| &mut settings.path_loss_exponent,
    },
    Choice {
        name: "path_loss_db_per_m",
        values: &[0.0, 0.3, 0.45, 0.6],
        field: |settings| &mut settings.path_loss_db_per_m,
    },
    Choice {
        name: "weak_doubt_per_10_db",
        values: &[0.0, 0.2, 0.4, 0.6, 1.0],
        field: |settings| &mut settings.weak_doubt_per_10_db,
    },
];

fn main() {
    let recording = Recording::load();
    study(
        &recording,
        "survey set_1",
        Survey::Set1,
        Some(Survey::Set2),
        &WITH_SURVEY,
    );
    study(&recording, "no survey", Survey::None, None, &WITHOUT_SURVEY);
}

/// Chooses for every walk on the others, and prints what came of it.
fn study(recording: &Recording, title: &str, survey: Survey, other: Option<Survey>, choices: &[Choice]) {
    Scores::print_head(title);
    let default = LocatorSettings::default();
    let (mut unseen, mut unseen_other) = (pair(), pair());
    for (left_out, walk) in recording.walks.iter().enumerate() {
        let chosen = choose(recording, survey, choices, left_out);
        let values: Vec<String> = choices
            .iter()
            .map(|choice| format!("{} {}", choice.name, *(choice.field)(&mut chosen.clone())))
            .collect();
        println!("  without {}: {}", walk.name, values.join(", "));
        add(&mut unseen, &score(recording, survey, chosen), left_out);
        if let Some(other) = other {
            add(&mut unseen_other, &score(recording, other, chosen), left_out);
        }
    }
    print(&unseen, "chosen on the other four");
    let mut all = pair();
    let mut all_other = pair();
    for walk in 0..recording.walks.len() {
        add(&mut all, &score(recording, survey, default), walk);
        if let Some(other) = other {
            add(&mut all_other, &score(recording, other, default), walk);
        }
    }
    print(&all, "defaults");
    if other.is_some() {
        print(&unseen_other, "chosen on the other four, survey set_2");
        print(&all_other, "defaults, survey set_2");
    }
}

/// Changes one setting at a time while that is better on all walks but one.
fn choose(recording: &Recording, survey: Survey, choices: &[Choice], left_out: usize) -> LocatorSettings {
    let loss = |settings: LocatorSettings| -> f32 {
        let mut sum = 0.0;
        for walks in score(recording, survey, settings) {
            let mut seen = Scores::default();
            for (_, scores) in walks.iter().enumerate().filter(|(walk, _)| *walk != left_out) {
                seen.add(scores);
            }
            sum += seen.mean_m() + 0.25 * seen.percentile_m(0.95);
        }
        sum
    };
    let mut best = LocatorSettings::default();
    let mut least = loss(best);
    for _ in 0..ROUNDS {
        for choice in choices {
            for value in choice.values {
                let mut changed = best;
                *(choice.field)(&mut changed) = *value;
                let lost = loss(changed);
                if lost < least - GAIN_MIN_M {
                    (best, least) = (changed, lost);
                }
            }
        }
    }
    best
}

/// The scores of every walk: on the walkable cells, and on a bare rectangle.
fn score(recording: &Recording, survey: Survey, settings: LocatorSettings) -> [Vec<Scores>; 2] {
    [Floor::Walkable, Floor::Rectangle].map(|floor| {
        let locator = recording.locator(floor, survey, settings);
        recording
            .walks
            .iter()
            .map(|walk| recording.score(&locator, walk))
            .collect()
    })
}

fn pair() -> [Scores; 2] {
    [Scores::default(), Scores::default()]
}

fn add(sums: &mut [Scores; 2], walks: &[Vec<Scores>; 2], walk: usize) {
    for (sum, walks) in sums.iter_mut().zip(walks) {
        sum.add(&walks[walk]);
    }
}

fn print(scores: &[Scores; 2], title: &str) {
    for (scores, floor) in scores.iter().zip(["walkable cells", "rectangle"]) {
        scores.print(&format!("{title}, {floor}"));
    }
}
