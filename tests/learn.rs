//! What is learned of actions, through its public doors: probabilities are true, the same calls give the same bits,
//! nothing that a context says can break it, and a log of its decisions is worth what the estimators say.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use nextbest::engine::learn::estimate::{Estimator, Logged};
use nextbest::engine::learn::{
    ArmKey, ArmSpec, Context, FEATURES_MAX, LearnSettings, LearnSettingsError, Learned, Learner, Published,
};
use proptest::prelude::{any, prop, prop_assert, proptest};
use proptest::test_runner::Config;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const SEED: u64 = 42;

fn settings(features: usize) -> LearnSettings {
    LearnSettings {
        features,
        ..LearnSettings::default()
    }
}

fn specs(keys: std::ops::Range<u64>) -> Vec<ArmSpec> {
    keys.map(|key| ArmSpec {
        key: ArmKey(key),
        group: 0,
        rate: 0.3,
    })
    .collect()
}

fn learner(settings: LearnSettings, arms: u64) -> Learner {
    let mut learner = Learner::new(settings).unwrap();
    learner.offer(0, &specs(0..arms));
    learner
}

/// A world whose truth is known: what an action earns depends on the context, and some are better for some people.
struct World {
    random: StdRng,
    actions: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            actions: 4,
        }
    }

    fn context(&mut self) -> [f32; 3] {
        std::array::from_fn(|_| self.random.random_range(-1.0..1.0))
    }

    /// The chance of a reward.
    fn truth(&self, context: &[f32; 3], action: usize) -> f64 {
        let [a, b, c] = context.map(f64::from);
        let drive = [1.6 * a, -1.6 * a, 1.4 * b + 0.2, 2.0 * a * c - 0.2][action % self.actions];
        0.1 + 0.8 / (1.0 + (-2.0 * drive).exp())
    }

    fn reward(&mut self, context: &[f32; 3], action: usize) -> f32 {
        f32::from(u8::from(self.random.random_bool(self.truth(context, action))))
    }

    fn best(&self, context: &[f32; 3]) -> f64 {
        (0..self.actions)
            .map(|action| self.truth(context, action))
            .fold(0.0, f64::max)
    }
}

/// Plays so many rounds; returns the last form, and the truth of what was earned and of the best that could be in the
/// last half.
fn play(world: &mut World, learner: &mut Learner, rounds: u32) -> (Published, f64, f64) {
    let mut published = learner.publish(0);
    let (mut earned, mut best) = (0.0, 0.0);
    for round in 0..rounds {
        let numbers = world.context();
        let context = Context::of(&numbers);
        let pick = published.pick(&context, &[0, 1, 2, 3], u64::from(round)).unwrap();
        let reward = world.reward(&numbers, usize::from(pick.action));
        learner.learn(0, &context, ArmKey(u64::from(pick.action)), reward, false);
        published = learner.publish(0);
        if round >= rounds / 2 {
            earned += world.truth(&numbers, usize::from(pick.action));
            best += world.best(&numbers);
        }
    }
    (published, earned, best)
}

#[test]
fn it_learns_who_wants_what() {
    for seed in SEED..SEED + 3 {
        let (_, earned, best) = play(&mut World::new(seed), &mut learner(settings(3), 4), 3_000);
        assert!(earned / best > 0.93, "seed {seed}: {:.3} of the best", earned / best);
    }
}

#[test]
fn probabilities_are_those_of_the_picks() {
    let mut world = World::new(SEED);
    let mut learner = learner(
        LearnSettings {
            floor: 0.1,
            ..settings(3)
        },
        4,
    );
    let (published, ..) = play(&mut world, &mut learner, 100);
    for _ in 0..20 {
        let context = Context::of(&world.context());
        let offered = [3, 1, 0];
        let said = published.probabilities(&context, &offered);
        assert!((said.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{said:?}");
        let mut seen = [0_u32; 3];
        for seed in 0..20_000 {
            let pick = published.pick(&context, &offered, seed).unwrap();
            let at = offered.iter().position(|action| *action == pick.action).unwrap();
            assert_eq!(pick.probability.to_bits(), said[at].to_bits());
            assert!(pick.probability >= 0.1 / 3.0 - 1e-6, "{said:?}");
            seen[at] += 1;
        }
        for (seen, said) in seen.iter().zip(&said) {
            // Five standard errors.
            let error = 5.0 * (said * (1.0 - said) / 20_000.0).sqrt();
            let share = *seen as f32 / 20_000.0;
            assert!(
                (share - said).abs() <= error + 1e-6,
                "{share} of the picks, {said} was said"
            );
        }
    }
}

#[test]
fn the_same_calls_give_the_same_bits() {
    let run = || {
        let mut world = World::new(SEED);
        let mut learner = learner(settings(3), 4);
        let (published, ..) = play(&mut world, &mut learner, 300);
        let context = Context::of(&world.context());
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let picks: Vec<_> = (0..50)
            .map(|seed| published.pick(&context, &[0, 1, 2, 3], seed))
            .collect();
        (bits(published.probabilities(&context, &[0, 1, 2, 3])), picks)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_new_action_starts_with_what_its_group_has_seen() {
    let mut learner = learner(settings(2), 0);
    let spec = |key, group| ArmSpec {
        key: ArmKey(key),
        group,
        rate: 0.3,
    };
    learner.offer(0, &[spec(1, 10), spec(2, 20)]);
    for round in 0..400_u16 {
        let context = Context::of(&[f32::from(round % 7), f32::from(round % 5)]);
        learner.learn(0, &context, ArmKey(1), f32::from(u8::from(round % 10 != 0)), false);
        learner.learn(0, &context, ArmKey(2), f32::from(u8::from(round % 10 == 0)), false);
    }
    learner.offer(0, &[spec(1, 10), spec(2, 20), spec(3, 10), spec(4, 20)]);
    let published = learner.publish(0);
    let expected = published.propensities(&Context::of(&[3.0, 2.0]), &[2, 3]);
    // A rate's worth of naive Bayes, which knows nothing of the group, is in the blend.
    assert!(
        expected[0] > 0.75 && expected[1] < 0.25,
        "{expected:?} where groups have 0.9 and 0.1"
    );
    assert!(published.evidence(2) == 0.0 && published.evidence(0) > 399.0);
}

#[test]
fn old_evidence_fades_by_the_half_life() {
    let mut learner = learner(
        LearnSettings {
            half_life_s: 1_000,
            ..settings(2)
        },
        1,
    );
    let context = Context::of(&[1.0, 2.0]);
    for _ in 0..300 {
        learner.learn(0, &context, ArmKey(0), 1.0, false);
    }
    let evidence = |learner: &mut Learner, now_s| learner.publish(now_s).evidence(0);
    let expected = |learner: &mut Learner, now_s| learner.publish(now_s).propensities(&context, &[0])[0];
    assert!((evidence(&mut learner, 0) - 300.0).abs() < 1e-3);
    let learned = expected(&mut learner, 0);
    assert!((evidence(&mut learner, 1_000) - 150.0).abs() < 0.5);
    let faded = expected(&mut learner, 1_000);
    assert!(learned > 0.95 && faded < 0.85 && faded > 0.5, "{learned}, then {faded}");
    assert!(expected(&mut learner, 20_000) < 0.45);
}

#[test]
fn nobody_in_the_holdout_teaches_and_outcomes_may_come_late() {
    let context = Context::of(&[1.0, 2.0, 3.0]);
    let mut early = learner(settings(3), 2);
    let before = early.publish(0).probabilities(&context, &[0, 1]);
    assert_eq!(early.learn(9, &context, ArmKey(0), 1.0, true), Learned::Holdout);
    assert_eq!(early.learn(9, &context, ArmKey(7), 1.0, false), Learned::UnknownAction);
    assert_eq!(
        early.learn(9, &context, ArmKey(0), f32::NAN, false),
        Learned::NotAReward
    );
    assert_eq!(early.publish(9).probabilities(&context, &[0, 1]), before);
    assert_eq!(early.learn(9, &context, ArmKey(0), 1.0, false), Learned::Yes);
    let mut late = learner(settings(3), 2);
    assert_eq!(late.learn(90_000, &context, ArmKey(0), 1.0, false), Learned::Yes);
    assert_eq!(
        early.publish(90_000).propensities(&context, &[0, 1]),
        late.publish(90_000).propensities(&context, &[0, 1])
    );
}

#[test]
fn actions_come_and_go_and_room_is_bounded() {
    let mut learner = learner(
        LearnSettings {
            arms_max: 3,
            ..settings(1)
        },
        3,
    );
    let context = Context::of(&[0.5]);
    for round in 0..50 {
        learner.learn(round, &context, ArmKey(u64::from(round % 3)), 1.0, false);
    }
    let evidence = |learner: &mut Learner, action| learner.publish(50).evidence(action);
    let knew = evidence(&mut learner, 2);
    // Gone and back: what was known is kept, under another number.
    learner.offer(50, &specs(0..2));
    learner.offer(50, &specs(2..4));
    assert_eq!(evidence(&mut learner, 0).to_bits(), knew.to_bits());
    assert_eq!(evidence(&mut learner, 1).to_bits(), 0.0_f32.to_bits());
    // All that there is room for is offered: a further one has its group's rate, and teaches nothing.
    learner.offer(50, &specs(2..9));
    assert_eq!(
        learner.learn(50, &context, ArmKey(8), 1.0, false),
        Learned::UnknownAction
    );
    let published = learner.publish(50);
    assert_eq!(published.len(), 7);
    assert!(published.propensities(&context, &[6])[0] > 0.8, "its group earns 1");
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let refused = |settings: LearnSettings| Learner::new(settings).unwrap_err();
    assert_eq!(refused(settings(0)), LearnSettingsError::Features(0));
    assert_eq!(
        refused(settings(FEATURES_MAX + 1)),
        LearnSettingsError::Features(FEATURES_MAX + 1)
    );
    let floor = refused(LearnSettings {
        floor: 1.5,
        ..settings(1)
    });
    assert_eq!(floor.to_string(), "a floor of 1.5; it is a share between 0 and 1");
    assert!(
        LearnSettings {
            rate: f32::NAN,
            ..settings(1)
        }
        .check()
        .is_err()
    );
}

#[test]
fn a_pick_allocates_nothing_and_memory_stays_below_what_is_said() {
    let settings = LearnSettings {
        arms_max: 200,
        ..settings(FEATURES_MAX)
    };
    let mut kept = None;
    let used = allocation_counter::measure(|| {
        let mut learner = learner(settings, 200);
        let first = learner.publish(0);
        let second = learner.publish(0);
        kept = Some((learner, first, second));
    });
    assert!(
        used.bytes_max <= settings.bytes_max() as u64,
        "{} of {}",
        used.bytes_max,
        settings.bytes_max()
    );
    assert!(
        used.bytes_max * 2 > settings.bytes_max() as u64,
        "the bound is no use: {}",
        settings.bytes_max()
    );
    let (_, published, _) = kept.unwrap();
    let (context, offered) = (Context::of(&[1.0; FEATURES_MAX]), [0, 3, 5, 19]);
    let picked = allocation_counter::measure(|| {
        assert!(published.pick(&context, &offered, 5).is_some());
    });
    assert_eq!(picked.count_total, 0);
    assert_eq!(published.pick(&context, &[], 5), None);
}

proptest! {
    #![proptest_config(Config::with_cases(64))]

    #[test]
    fn nothing_that_a_context_says_gives_a_probability_that_is_none(
        rows in prop::collection::vec((prop::collection::vec(any::<f32>(), 5), 0..3_u64, any::<f32>()), 1..80),
        asked in prop::collection::vec(any::<f32>(), 0..70),
    ) {
        let mut learner = learner(settings(5), 3);
        for (at, (numbers, action, reward)) in rows.iter().enumerate() {
            let mut numbers = numbers.clone();
            // Features that never change, are missing, or jump.
            numbers[0] = 7.0;
            numbers[1] = if at % 2 == 0 { f32::NAN } else { f32::INFINITY };
            learner.learn(at as u32 * 1_000_000, &Context::of(&numbers), ArmKey(*action), *reward, false);
        }
        let published = learner.publish(u32::MAX);
        let context = Context::of(&asked);
        let probabilities = published.probabilities(&context, &[0, 1, 2]);
        prop_assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{:?}", probabilities);
        prop_assert!(probabilities.iter().all(|probability| *probability > 0.0));
        let propensities = published.propensities(&context, &[0, 1, 2, 9]);
        prop_assert!(propensities.iter().all(|propensity| (0.0..=1.0).contains(propensity)), "{:?}", propensities);
    }
}

/// With what probability each action is taken in a context.
type Policy = fn(&[f32; 3]) -> [f64; 4];

/// Estimates of three policies from a log of a fourth, many times over: the mean of the estimates is the truth.
#[test]
fn estimates_from_the_logged_probabilities_are_unbiased() {
    let mut world = World::new(SEED);
    let mut learner = learner(
        LearnSettings {
            floor: 0.2,
            ..settings(3)
        },
        4,
    );
    let (published, ..) = play(&mut world, &mut learner, 200);
    // Each takes one action for each kind of person, or any.
    let policies: [Policy; 3] = [
        |_| [0.25; 4],
        |context| {
            if context[0] > 0.0 {
                [1.0, 0.0, 0.0, 0.0]
            } else {
                [0.0, 1.0, 0.0, 0.0]
            }
        },
        |context| {
            if context[1] > 0.0 {
                [0.0, 0.0, 0.9, 0.1]
            } else {
                [0.1, 0.1, 0.1, 0.7]
            }
        },
    ];
    for (number, policy) in policies.iter().enumerate() {
        let mut estimator = Estimator::default();
        let (mut truth, rounds) = (0.0, 60_000);
        for round in 0..rounds {
            let numbers = world.context();
            let context = Context::of(&numbers);
            let pick = published.pick(&context, &[0, 1, 2, 3], round).unwrap();
            let (action, target) = (usize::from(pick.action), policy(&numbers));
            truth += (0..4)
                .map(|action| target[action] * world.truth(&numbers, action))
                .sum::<f64>()
                / rounds as f64;
            let expected = published.propensities(&context, &[0, 1, 2, 3]);
            estimator.add(&Logged {
                probability: f64::from(pick.probability),
                target: target[action],
                reward: f64::from(world.reward(&numbers, action)),
                expected: f64::from(expected[action]),
                expected_target: target
                    .iter()
                    .zip(&expected)
                    .map(|(share, each)| share * f64::from(*each))
                    .sum(),
            });
        }
        let said = [estimator.ipw(), estimator.snipw(), estimator.doubly_robust()];
        for (estimate, name) in said.iter().zip(["IPW", "SNIPW", "DR"]) {
            let off = (estimate.mean - truth).abs();
            assert!(
                off < 4.0 * estimate.error,
                "policy {number}: {name} {estimate:?}, the truth is {truth:.4}"
            );
        }
        assert!(
            said[2].error < said[0].error,
            "a model that knows something makes the estimate steadier: {said:?}"
        );
        assert_eq!(estimator.skipped(), 0);
        assert!(estimator.effective_len() > 500.0);
    }
}

/// The same with probabilities that are not true, as of a policy that says it always took what it took: wrong by far.
#[test]
fn false_probabilities_would_be_noticed() {
    let mut world = World::new(SEED);
    let mut learner = learner(settings(3), 4);
    let (published, ..) = play(&mut world, &mut learner, 400);
    let mut estimator = Estimator::default();
    let mut truth = 0.0;
    for round in 0..20_000 {
        let numbers = world.context();
        let pick = published.pick(&Context::of(&numbers), &[0, 1, 2, 3], round).unwrap();
        let action = usize::from(pick.action);
        truth += (0..4).map(|action| 0.25 * world.truth(&numbers, action)).sum::<f64>() / 20_000.0;
        estimator.add(&Logged {
            probability: 1.0,
            target: 0.25,
            reward: f64::from(world.reward(&numbers, action)),
            expected: 0.0,
            expected_target: 0.0,
        });
    }
    assert!((estimator.ipw().mean - truth).abs() > 20.0 * estimator.ipw().error);
}
