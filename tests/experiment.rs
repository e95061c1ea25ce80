//! Experiments: GrowthBook's vectors hold, intervals are true at every look, and a split that loses people is noticed
//! while a right one is not accused.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use nextbest::engine::experiment::bucket::{BucketError, Ranges, even_weights, in_namespace, share_of};
use nextbest::engine::experiment::lift::{Sample, difference, lift};
use nextbest::engine::experiment::ratio::mismatch;
use nextbest::engine::experiment::{Assignment, Experiment};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

fn vectors(name: &str) -> Vec<Vec<Value>> {
    let file: Value = serde_json::from_str(include_str!("data/experiment/growthbook_hash.json")).unwrap();
    let cases = file[name].as_array().unwrap();
    assert!(cases.len() > 5, "{name}");
    cases.iter().map(|case| case.as_array().unwrap().clone()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn hashes_are_growthbooks() {
    for case in vectors("hash") {
        let share = share_of(
            case[0].as_str().unwrap(),
            case[1].as_str().unwrap(),
            case[2].as_u64().unwrap() as u32,
        );
        assert_eq!(share, case[3].as_f64(), "{case:?}");
    }
}

#[test]
fn ranges_are_growthbooks() {
    for case in vectors("getBucketRange") {
        let weights = case[1][2].as_array().map(|_| numbers(&case[1][2]));
        let buckets = case[1][0].as_u64().unwrap() as usize;
        let ranges = Ranges::new(buckets, case[1][1].as_f64().unwrap(), weights.as_deref()).unwrap();
        let expected: Vec<Vec<f64>> = case[2].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(ranges.ranges().len(), expected.len());
        for (range, expected) in ranges.ranges().iter().zip(&expected) {
            assert!(
                near(range.0, expected[0]) && near(range.1, expected[1]),
                "{case:?}: {range:?}"
            );
        }
    }
    for case in vectors("getEqualWeights") {
        let weights = even_weights(usize::try_from(case[0].as_i64().unwrap()).unwrap_or(0));
        let expected = numbers(&case[1]);
        assert_eq!(weights.len(), expected.len());
        assert!(
            weights
                .iter()
                .zip(&expected)
                .all(|(weight, expected)| near(*weight, *expected))
        );
    }
}

#[test]
fn choices_and_namespaces_are_growthbooks() {
    for case in vectors("chooseVariation") {
        let ranges: Vec<(f64, f64)> = case[2]
            .as_array()
            .unwrap()
            .iter()
            .map(numbers)
            .map(|range| (range[0], range[1]))
            .collect();
        let chosen = Ranges::of(&ranges).unwrap().choose(case[1].as_f64().unwrap());
        assert_eq!(chosen, usize::try_from(case[3].as_i64().unwrap()).ok(), "{case:?}");
    }
    for case in vectors("inNamespace") {
        let (name, from, to) = (
            case[2][0].as_str().unwrap(),
            case[2][1].as_f64().unwrap(),
            case[2][2].as_f64().unwrap(),
        );
        let is_in = in_namespace(name, from, to, case[1].as_str().unwrap());
        assert_eq!(is_in, case[3].as_bool().unwrap(), "{case:?}");
    }
}

#[test]
fn people_are_where_the_weights_say_and_stay_there() {
    let experiment = Experiment::new("half-time", 0.8, &[0.5, 0.3, 0.2], "venue", 0.05).unwrap();
    let other = Experiment::new("gates", 1.0, &[0.5, 0.5], "venue", 0.05).unwrap();
    let mut counts = [0.0_f64; 5];
    let mut both = 0.0;
    for person in 0..40_000 {
        let id = format!("fan-{person}");
        let assigned = experiment.assign(&id);
        assert_eq!(assigned, experiment.assign(&id));
        let at = match assigned {
            Assignment::Arm(arm) => arm,
            Assignment::Outside => 3,
            Assignment::Holdout => 4,
        };
        counts[at] += 1.0;
        assert_eq!(
            assigned == Assignment::Holdout,
            other.assign(&id) == Assignment::Holdout,
            "one holdout for all"
        );
        if assigned == Assignment::Arm(0) && other.assign(&id) == Assignment::Arm(0) {
            both += 1.0;
        }
    }
    for (count, share) in counts.iter().zip([0.38, 0.228, 0.152, 0.19, 0.05]) {
        assert!((count / 40_000.0 - share).abs() < 0.01, "{counts:?}");
    }
    assert!(
        (both / counts[0] - 0.5).abs() < 0.02,
        "arms of two experiments have nothing to do with each other"
    );
}

#[test]
fn an_experiment_that_can_not_be_is_refused() {
    let refused =
        |weights: &[f64], coverage, holdout| Experiment::new("a", coverage, weights, "b", holdout).unwrap_err();
    assert_eq!(refused(&[0.5, 0.4], 1.0, 0.0), BucketError::Sum(0.9));
    assert_eq!(refused(&[0.5, 0.5], 1.1, 0.0), BucketError::Share(1.1));
    assert_eq!(refused(&[1.5, -0.5], 1.0, 0.0), BucketError::Share(1.5));
    assert_eq!(refused(&[1.0], 1.0, -0.1), BucketError::Share(-0.1));
    assert_eq!(refused(&[0.01; 100], 1.0, 0.0), BucketError::TooMany(100));
}

/// Plays an experiment and looks after every fifty people; says whether `sees` ever was true.
fn ever(random: &mut StdRng, rates: [f64; 2], people: u32, sees: impl Fn(&Sample, &Sample) -> bool) -> bool {
    let mut arms = [Sample::default(); 2];
    for person in 0..people {
        let arm = usize::from(random.random_bool(0.5));
        arms[arm].add(f64::from(u8::from(random.random_bool(rates[arm]))));
        if person % 50 == 49 && sees(&arms[0], &arms[1]) {
            return true;
        }
    }
    false
}

/// What somebody would do who never heard of looking too often.
fn fixed_interval_sees(control: &Sample, arm: &Sample) -> bool {
    if control.len() < 30.0 || arm.len() < 30.0 {
        return false;
    }
    let variance = |sample: &Sample| sample.mean() * (1.0 - sample.mean()) / sample.len();
    let error = (variance(control) + variance(arm)).sqrt();
    (arm.mean() - control.mean()).abs() > 1.96 * error
}

#[test]
fn who_looks_often_is_not_fooled_more_often_than_they_were_told() {
    let runs = 400;
    let fooled = |sees: fn(&Sample, &Sample) -> bool| {
        let mut random = StdRng::seed_from_u64(11);
        (0..runs).filter(|_| ever(&mut random, [0.3, 0.3], 6_000, sees)).count()
    };
    let always_valid =
        fooled(|control, arm| difference(control, arm, 0.05).is_some_and(|found| found.is_a_difference()));
    let relative = fooled(|control, arm| lift(control, arm, 0.05).is_some_and(|found| found.is_a_difference()));
    let fixed = fooled(fixed_interval_sees);
    // Of 400, 20 are 5 %; four standard errors more are 37.
    assert!(
        always_valid <= 37 && relative <= 37,
        "{always_valid} and {relative} of {runs} were fooled"
    );
    assert!(
        fixed > 80,
        "an interval for one look fooled only {fixed} of {runs}: the test tests nothing"
    );
}

#[test]
fn a_difference_that_is_there_is_found_and_its_size_is_right() {
    let mut random = StdRng::seed_from_u64(5);
    let sees = |control: &Sample, arm: &Sample| {
        difference(control, arm, 0.05).is_some_and(|found| found.low > 0.0 && found.high > 0.06)
    };
    let found = (0..50).filter(|_| ever(&mut random, [0.3, 0.36], 12_000, sees)).count();
    assert!(found > 45, "{found} of 50");
    let (mut control, mut arm) = (Sample::default(), Sample::default());
    for _ in 0..200_000 {
        control.add(f64::from(u8::from(random.random_bool(0.3))));
        arm.add(f64::from(u8::from(random.random_bool(0.36))));
    }
    let found = lift(&control, &arm, 0.05).unwrap();
    assert!(
        found.low < 0.2 && found.high > 0.2 && found.high - found.low < 0.06,
        "{found:?}, the truth is 0.2"
    );
    assert_eq!(difference(&Sample::default(), &arm, 0.05), None);
    assert_eq!(lift(&control, &arm, 0.0), None);
}

#[test]
fn a_right_split_is_not_accused_and_one_that_loses_people_is() {
    let mut random = StdRng::seed_from_u64(3);
    let mut accused = |share: f64, people: u32| {
        let mut counts = [0, 0];
        (0..people).any(|_| {
            counts[usize::from(random.random_bool(share))] += 1;
            mismatch(&counts, &[1.0, 1.0]).unwrap() < 0.01
        })
    };
    let wrongly = (0..200).filter(|_| accused(0.5, 4_000)).count();
    assert!(wrongly <= 6, "{wrongly} of 200 right splits were accused");
    let rightly = (0..20).filter(|_| accused(0.47, 60_000)).count();
    assert_eq!(rightly, 20, "three of a hundred people were lost");
    assert_eq!(mismatch(&[1, 2], &[1.0]), None);
    assert_eq!(mismatch(&[1, 2], &[1.0, 0.0]), None);
    assert_eq!(
        mismatch(&[0, 0, 0], &[0.2, 0.3, 0.5]).map(|found| (found * 1e9).round()),
        Some(1e9)
    );
}
