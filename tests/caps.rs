//! A cap is never exceeded, whatever runs at once; and a decision belongs to the person it was made for.
//!
//! Many threads decide for one person at the same moment. What they were given is counted exactly, since one too many is
//! what a person notices, and one too few is worth money. `interleavings/tests/slab.rs` explores the same with two deciders, in
//! every order that is possible.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeMap;
use std::sync::Barrier;

use nextbest::engine::condition::Condition;
use nextbest::engine::spec::{ActionSpec, CapSpec, Spec};
use nextbest::engine::{Novelty, OutcomeError, Scratch};
use nextbest::model::{ANSWERS_MAX, Outcome, OutcomeKind, Query, Timestamp};

use support::small;
use support::world::World;

const THREADS: usize = 64;
const DECIDES_PER_THREAD: usize = 40;
const WINDOW_S: u32 = 3_600;

/// A pack of which each action may be given to anybody, so many times.
fn capped(times: &[u8]) -> Spec {
    let mut spec = small("stadium");
    let like = spec
        .actions
        .iter()
        .find(|action| action.places.is_empty() && action.treatments[0].channel == 0)
        .unwrap();
    let always = Condition::Constant(true);
    let action = |(number, times): (usize, &u8)| ActionSpec {
        id: format!("capped-{number}"),
        eligibility: always.clone(),
        applicability: always.clone(),
        suitability: always.clone(),
        only_when_wanted: false,
        cap: Some(CapSpec {
            times: *times,
            window_s: WINDOW_S,
        }),
        value: 100.0 - number as f32,
        ..like.clone()
    };
    spec.actions = times.iter().enumerate().map(action).collect();
    spec
}

#[test]
fn however_many_decide_at_once_a_cap_is_met_exactly() {
    for round in 0..8 {
        let times = [3, 1, 5, 2];
        let mut world = World::new(capped(&times));
        let customer = world.customer("ada", None);
        let (start, now) = (Barrier::new(THREADS), world.now());
        let decide_often = |thread: usize| {
            let generation = world.engine.generation();
            let locale = generation.locale_for("");
            let query = Query {
                answers_max: (thread % (ANSWERS_MAX + 1)) as u32,
                ..Query::default()
            };
            let mut scratch = Scratch::default();
            let mut given = Vec::new();
            start.wait();
            for _ in 0..DECIDES_PER_THREAD {
                let decision = world
                    .engine
                    .decide(now, &generation, customer, locale, &query, &mut scratch);
                let answers = decision.answers.iter().flatten().map(|answer| answer.action.to_owned());
                given.extend(answers.map(|action| (action, decision.decision_id)));
            }
            given
        };
        let given: Vec<(String, u64)> = std::thread::scope(|scope| {
            let decide_often = &decide_often;
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| scope.spawn(move || decide_often(thread)))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let mut counts: BTreeMap<&str, u8> = BTreeMap::new();
        for (action, decision_id) in &given {
            assert_ne!(*decision_id, 0, "an answer that no outcome can name");
            *counts.entry(action).or_default() += 1;
        }
        let names: Vec<String> = (0..times.len()).map(|number| format!("capped-{number}")).collect();
        let expected: BTreeMap<&str, u8> = names.iter().map(String::as_str).zip(times).collect();
        assert_eq!(counts, expected, "round {round}");
    }
}

#[test]
fn a_cap_ends_with_its_window_to_the_second() {
    let mut world = World::new(capped(&[1]));
    let customer = world.customer("ada", None);
    assert_eq!(world.want(customer, "").answers.len(), 1);
    let given_at_s = world.now().as_secs();
    for (second, answers) in [(WINDOW_S - 1, 0), (WINDOW_S, 1), (2 * WINDOW_S - 1, 0)] {
        world.now_ms = Timestamp::from_millis(u64::from(given_at_s + second) * 1_000).as_millis();
        assert_eq!(world.want(customer, "").answers.len(), answers, "after {second} s");
    }
}

#[test]
fn a_decision_belongs_to_the_person_it_was_made_for() {
    let mut world = World::new(capped(&[2]));
    let (ada, ben) = (world.customer("ada", None), world.customer("ben", None));
    let said = world.want(ada, "");
    let outcome = |decision_id, action| Outcome {
        decision_id,
        action,
        kind: OutcomeKind::Accept,
    };
    let of_ada = outcome(said.decision_id, "capped-0");
    assert_eq!(
        world.engine.on_outcome(world.now(), ben, &of_ada),
        Err(OutcomeError::UnknownDecision)
    );
    let not_made_yet = outcome(said.decision_id + 1, "capped-0");
    assert_eq!(
        world.engine.on_outcome(world.now(), ada, &not_made_yet),
        Err(OutcomeError::UnknownDecision)
    );
    assert_eq!(
        world.engine.on_outcome(world.now(), ada, &outcome(0, "capped-0")),
        Err(OutcomeError::UnknownDecision)
    );
    let other = outcome(said.decision_id, "no such action");
    assert_eq!(
        world.engine.on_outcome(world.now(), ada, &other),
        Err(OutcomeError::UnknownAction)
    );
    assert_eq!(world.engine.on_outcome(world.now(), ada, &of_ada), Ok(Novelty::New));
    assert_eq!(
        world.engine.on_outcome(world.now(), ada, &of_ada),
        Ok(Novelty::Duplicate),
        "once"
    );
}
