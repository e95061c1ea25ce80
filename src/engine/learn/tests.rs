//! What only the inside can show: that updates are the regression they claim to be, and that readers see the writer's
//! mind.

use super::arm::{Arm, ArmKey, ArmSpec};
use super::blend::{Losses, MODELS, Temper, chance};
use super::context::Context;
use super::inputs::{INPUTS, Shape};
use super::learner::Learner;
use super::linear::{Linear, Weights, dot};
use super::noise::Noise;
use super::scale::Scale;
use super::settings::LearnSettings;

/// A context of normal features.
fn normal_context(features: usize, noise: &mut Noise) -> Context {
    let numbers: Vec<f32> = (0..features).map(|_| noise.normal()).collect();
    Context::of(&numbers)
}

/// The weights of a ridge regression with all its data at once: (X'X + precision)^-1 (X'y + precision * start), by
/// elimination.
fn ridge(rows: &[(Vec<f64>, f64)], precision: f64, rate: f64) -> Vec<f64> {
    let len = rows[0].0.len();
    let mut system = vec![vec![0.0; len + 1]; len];
    for (at, row) in system.iter_mut().enumerate() {
        row[at] = precision;
    }
    system[0][len] = precision * rate;
    for (inputs, reward) in rows {
        for a in 0..len {
            for b in 0..len {
                system[a][b] += inputs[a] * inputs[b];
            }
            system[a][len] += inputs[a] * reward;
        }
    }
    for pivot in 0..len {
        let row = system[pivot].clone();
        for (at, other) in system.iter_mut().enumerate() {
            if at != pivot {
                let factor = other[pivot] / row[pivot];
                other.iter_mut().zip(&row).for_each(|(cell, row)| *cell -= factor * row);
            }
        }
    }
    (0..len).map(|at| system[at][len] / system[at][at]).collect()
}

#[test]
fn updates_one_by_one_are_the_regression_over_all_of_them() {
    let (len, firmness, rate) = (10, 0.1, 0.3);
    let mut noise = Noise::new(7);
    let shape = Shape::new(len - 1, 1);
    let mut scale = Scale::default();
    let mut linear = Linear::new(len, firmness, rate, &mut noise);
    let mut rows = Vec::new();
    for _ in 0..400 {
        let context = normal_context(len - 1, &mut noise);
        scale.learn(&context);
        let inputs = shape.inputs(&scale, &context).vectors;
        let numbers: Vec<f64> = inputs
            .iter()
            .flat_map(|four| four.to_array())
            .take(len)
            .map(f64::from)
            .collect();
        let reward = if numbers[1] + 0.5 * numbers[2] > 0.3 { 1.0 } else { 0.0 };
        linear.learn(&inputs, reward, &mut noise);
        rows.push((numbers, f64::from(reward)));
    }
    let expected = ridge(&rows, f64::from(firmness) * len as f64, f64::from(rate));
    let learned: Vec<f32> = linear.mean.iter().flat_map(|four| four.to_array()).collect();
    for (learned, expected) in learned.iter().zip(&expected) {
        assert!(
            (f64::from(*learned) - expected).abs() < 1e-3,
            "{learned} is {expected} in one go"
        );
    }
    assert!(
        learned[len..].iter().all(|weight| *weight == 0.0),
        "inputs beyond the model have no weight"
    );
}

#[test]
fn members_disagree_less_where_there_is_evidence() {
    let mut noise = Noise::new(3);
    let (shape, mut scale) = (Shape::new(2, 1), Scale::default());
    let mut linear = Linear::new(INPUTS, 0.1, 0.3, &mut noise);
    let contexts: Vec<Context> = (0..300).map(|_| normal_context(2, &mut noise)).collect();
    contexts.iter().for_each(|context| scale.learn(context));
    let spread = |linear: &Linear| {
        let inputs = shape.inputs(&scale, &contexts[0]).vectors;
        let mean = linear.expect(&inputs);
        let off = |member: &Weights| (dot(member, &inputs) - mean).powi(2);
        linear.members.iter().map(off).sum::<f32>()
    };
    let before = spread(&linear);
    for context in &contexts {
        linear.learn(&shape.inputs(&scale, context).vectors, 1.0, &mut noise);
    }
    let after = spread(&linear);
    assert!(after < before / 4.0, "{after} after 300 plays, {before} before");
}

#[test]
fn a_half_life_goes_half_of_the_way_back_and_long_silence_all_of_it() {
    let mut noise = Noise::new(5);
    let shape = Shape::new(1, 1);
    let inputs = shape.inputs(&Scale::default(), &Context::of(&[0.0])).vectors;
    let mut linear = Linear::new(INPUTS, 0.1, 0.2, &mut noise);
    for _ in 0..500 {
        linear.learn(&inputs, 1.0, &mut noise);
    }
    let at = |linear: &Linear| linear.expect(&inputs);
    let learned = at(&linear);
    let believed = at(&Linear::new(INPUTS, 0.1, 0.2, &mut noise));
    linear.fade(0.5, &mut noise);
    assert!(
        (at(&linear) - (learned + believed) / 2.0).abs() < 1e-3,
        "{} of {learned}",
        at(&linear)
    );
    linear.fade(0.0, &mut noise);
    assert!((at(&linear) - believed).abs() < 1e-3);
    // What was certain is open again: one reward moves it as far as it moves one that knows nothing.
    let mut fresh = Linear::new(INPUTS, 0.1, 0.2, &mut noise);
    linear.learn(&inputs, 1.0, &mut noise);
    fresh.learn(&inputs, 1.0, &mut noise);
    assert!((at(&linear) - at(&fresh)).abs() < 1e-3);
}

#[test]
fn readers_see_what_the_writer_expects() {
    let settings = LearnSettings {
        features: 12,
        ..LearnSettings::default()
    };
    let mut learner = Learner::new(settings).unwrap();
    let specs = [0, 1, 2].map(|key| ArmSpec {
        key: ArmKey(key),
        group: 0,
        rate: 0.3,
    });
    learner.offer(0, &specs);
    let mut noise = Noise::new(11);
    for round in 0..600 {
        let context = normal_context(12, &mut noise);
        let reward = if context.features()[round % 3] > 0.0 { 1.0 } else { 0.0 };
        learner.learn(0, &context, ArmKey(round as u64 % 3), reward, false);
    }
    let published = learner.publish(0);
    for _ in 0..200 {
        let context = normal_context(12, &mut noise);
        let read = published.propensities(&context, &[0, 1, 2]);
        for (read, written) in read.iter().zip(learner.expected(&context)) {
            assert!((read - written).abs() < 2e-3, "{read} is read, {written} was meant");
        }
    }
}

#[test]
fn what_is_not_known_counts_as_the_mean_and_one_wild_value_ruins_nothing() {
    let mut scale = Scale::default();
    for round in 0..1_000_u16 {
        scale.learn(&Context::of(&[f32::from(round % 11), 4.0, f32::NAN]));
    }
    let scaled = |numbers: &[f32]| scale.apply(&Context::of(numbers));
    assert_eq!(scaled(&[f32::NAN, f32::NAN, f32::NAN])[..3], [0.0; 3]);
    assert_eq!(
        scaled(&[5.0, 9.0, 9.0])[1..3],
        [0.0; 2],
        "a feature that never changed says nothing"
    );
    let before = scaled(&[10.0])[0];
    assert!((before - 1.58).abs() < 0.02, "{before}");
    scale.learn(&Context::of(&[f32::INFINITY, 4.0, 0.0]));
    let after = scale.apply(&Context::of(&[10.0]))[0];
    assert!(
        (before - after).abs() < 0.1,
        "{after} after one wild value, {before} before"
    );
}

#[test]
fn chances_of_odds_are_near_the_logistic_curve_and_never_fall() {
    let mut before = 0.0;
    for step in -80..=80 {
        let odds = step as f32 / 10.0;
        let exact = 1.0 / (1.0 + (-odds).exp());
        assert!((chance(odds) - exact).abs() < 0.013, "{} at {odds}", chance(odds));
        assert!(chance(odds) >= before);
        before = chance(odds);
    }
}

#[test]
fn the_model_that_foretells_best_is_believed_most() {
    for best in 0..MODELS {
        let mut losses = Losses::default();
        for round in 0..200 {
            let reward = f32::from(u8::from(round % 2 == 0));
            let expected = std::array::from_fn(|model| {
                let sure = if model == best { 0.9 } else { 0.5 };
                if reward > 0.5 { sure } else { 1.0 - sure }
            });
            losses.learn(expected, reward);
        }
        let weights = losses.weights(losses);
        assert!(weights[best] > 0.95, "{weights:?}");
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn a_model_that_is_too_sure_is_tempered() {
    let mut temper = Temper::default();
    let mut noise = Noise::new(2);
    for _ in 0..2_000 {
        // Odds that claim 20 to 1 where it is 3 to 1.
        let reward = f32::from(u8::from(noise.below(4) != 0));
        temper.learn(3.0, reward);
    }
    assert!(
        (temper.factor() - 3.0_f32.ln() / 3.0).abs() < 0.1,
        "{}",
        temper.factor()
    );
}

#[test]
fn an_action_takes_the_bytes_that_are_said() {
    let arm = Arm::new(ArmKey(1), 64, 65, 0.3, 0, &mut Noise::new(1));
    assert!(
        Arm::bytes(64) > size_of_val(&arm) && Arm::bytes(64) < 80_000,
        "{}",
        Arm::bytes(64)
    );
}
