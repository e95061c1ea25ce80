//! Which zone settings would be chosen on four walks, and how they do on the fifth: leave-one-walk-out on `tests/data/tetam`.
//!
//! `cargo run --locked --no-default-features --example choose_zone_settings` goes through a grid of settings. What a setting
//! costs is the share of wrong answers, and two seconds for each switch that was not made or made in vain, on four ways to
//! know the floor. Five walks cross thirteen borders, so single grid points win by luck: a setting is judged with its
//! neighbours on the grid, which finds the middle of what is good. It prints the choice of every four walks, their score on
//! the walk left out, and the defaults'. Deliberately absent: writing the choice anywhere; a person decides.

#[path = "../tests/tetam/mod.rs"]
mod tetam;

use nextbest::engine::locate::LocatorSettings;
use tetam::{Floor, Recording, Scores, Survey};

/// What as many switches in vain as there are true ones cost, as a share of wrong answers: about two seconds each.
const SWITCHES_COST: f32 = 0.08;
const CONFIDENCE: [f32; 5] = [0.6, 0.675, 0.75, 0.825, 0.9];
const AHEAD_S: [f32; 5] = [0.5, 1.0, 1.5, 2.0, 2.5];
const RETURN_CONFIDENCE: [f32; 5] = [0.75, 0.8, 0.85, 0.9, 0.95];
/// The ways to know the floor on which settings are judged; the first is scored.
const WAYS: [(Floor, Survey); 4] = [
    (Floor::Walkable, Survey::Set1),
    (Floor::Rectangle, Survey::Set1),
    (Floor::Walkable, Survey::Set2),
    (Floor::Walkable, Survey::None),
];

/// A point of the grid, by the places in the lists above.
type Point = [usize; 3];

/// The scores of every walk, by way.
type Played = Vec<Vec<Scores>>;

fn main() {
    let recording = Recording::load();
    let points: Vec<Point> = points().collect();
    let played: Vec<Played> = points.iter().map(|point| play(&recording, settings(*point))).collect();
    Scores::print_head("survey set_1, walkable cells");
    let mut unseen = Scores::default();
    for (left_out, walk) in recording.walks.iter().enumerate() {
        let loss: Vec<f32> = played.iter().map(|played| loss(played, left_out)).collect();
        let smooth = |place: &usize| with_neighbours(&points, &loss, *place);
        let chosen = (0..points.len())
            .min_by(|one, other| smooth(one).total_cmp(&smooth(other)))
            .unwrap_or(0);
        let LocatorSettings {
            zone_confidence,
            zone_ahead_s,
            zone_return_confidence,
            ..
        } = settings(points[chosen]);
        println!(
            "  without {}: {zone_confidence} {zone_ahead_s} s {zone_return_confidence}",
            walk.name
        );
        unseen.add(&played[chosen][0][left_out]);
    }
    unseen.print("chosen on the other four");
    let mut all = Scores::default();
    let defaults = play(&recording, LocatorSettings::default());
    defaults[0].iter().for_each(|walk| all.add(walk));
    all.print("defaults");
}

fn points() -> impl Iterator<Item = Point> {
    let places = |len: usize| 0..len;
    places(CONFIDENCE.len()).flat_map(move |confidence| {
        places(AHEAD_S.len())
            .flat_map(move |ahead| places(RETURN_CONFIDENCE.len()).map(move |back| [confidence, ahead, back]))
    })
}

fn settings([confidence, ahead, back]: Point) -> LocatorSettings {
    LocatorSettings {
        zone_confidence: CONFIDENCE[confidence],
        zone_ahead_s: AHEAD_S[ahead],
        zone_return_confidence: RETURN_CONFIDENCE[back].max(CONFIDENCE[confidence]),
        ..LocatorSettings::default()
    }
}

fn play(recording: &Recording, settings: LocatorSettings) -> Played {
    let way = |(floor, survey): (Floor, Survey)| {
        let locator = recording.locator(floor, survey, settings);
        let score = |walk| recording.score(&locator, walk);
        recording.walks.iter().map(score).collect()
    };
    WAYS.map(way).into()
}

/// What a setting costs on all walks but one, as a share of the answers.
fn loss(played: &Played, left_out: usize) -> f32 {
    let way = |walks: &Vec<Scores>| {
        let mut seen = Scores::default();
        let kept = walks.iter().enumerate().filter(|(walk, _)| *walk != left_out);
        kept.for_each(|(_, scores)| seen.add(scores));
        let in_vain = seen.switches.abs_diff(seen.true_switches) as f32;
        1.0 - seen.zone_share() + SWITCHES_COST * in_vain / seen.true_switches as f32
    };
    played.iter().map(way).sum::<f32>() / played.len() as f32
}

/// The mean loss of a point and of those beside it.
fn with_neighbours(points: &[Point], loss: &[f32], place: usize) -> f32 {
    let middle = points[place];
    let is_beside = |point: &Point| point.iter().zip(&middle).all(|(one, other)| one.abs_diff(*other) <= 1);
    let beside = points.iter().zip(loss).filter(|(point, _)| is_beside(point));
    let (sum, count) = beside.fold((0.0, 0.0), |(sum, count), (_, loss)| (sum + loss, count + 1.0));
    sum / count
}
