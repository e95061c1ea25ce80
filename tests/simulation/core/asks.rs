//! What people ask and what they make of the answer: decides and outcomes, against a plain walk over everything.

use std::sync::Arc;

use nextbest::engine::{Generation, Novelty, OutcomeError};
use nextbest::model::{Outcome, OutcomeKind, Property, Query, Reason, Value};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::{Sim, Slipped};
use crate::reference::Best;
use crate::support::world::Said;

/// Somebody asks; perhaps twice at once, perhaps under the generation that was just replaced.
pub(super) fn somebody(sim: &mut Sim) {
    let number = sim.rng.random_range(0..sim.people.who.len());
    super::checks::people(sim);
    let former = sim.former.clone().filter(|_| sim.rng.random_bool(0.3));
    let generation = former.unwrap_or_else(|| Arc::clone(&sim.generation));
    let (want, other) = (any_want(sim), any_want(sim));
    let slot = sim.people.who[number].slot;
    if sim.seams.are_marked() && sim.rng.random_bool(0.3) {
        sim.seams
            .plan(sim.now(), slot, Slipped::Ask(Arc::clone(&generation), other.clone()));
    }
    let query = Query {
        want: &want,
        ..Query::default()
    };
    let locale = generation.locale_for("en");
    sim.house.look(&sim.engine, &generation, sim.now(), slot);
    let said = Said::of(
        &sim.engine
            .decide(sim.now(), &generation, slot, locale, &query, &mut sim.scratch),
    );
    // What got in between had reserved before.
    if let (_, Some(between)) = sim.seams.take() {
        sim.happened.count("decide within a decide");
        check(sim, number, &generation, &other, &between);
    }
    check(sim, number, &generation, &want, &said);
}

fn any_want(sim: &mut Sim) -> String {
    let wants = &sim.generation.spec().vocabulary.wants;
    let want = wants.choose(&mut sim.rng).filter(|_| sim.rng.random_bool(0.5));
    want.cloned().unwrap_or_default()
}

/// The answer is the one that a plain walk over everything finds, and it says what is known.
fn check(sim: &mut Sim, number: usize, generation: &Generation, want: &str, said: &Said) {
    let query = Query {
        want,
        ..Query::default()
    };
    let now = sim.now();
    let who = &mut sim.people.who[number];
    let expected = who.person.best(&sim.engine, generation, &sim.house, now, &query);
    let best = said.answers.first().map(|answer| Best {
        action: answer.action.clone(),
        place: answer.place.clone(),
        walk_s: answer.walk_s,
        wait_s: answer.wait_s,
        is_crowd_stale: answer.reasons.contains(&Reason::CrowdStale),
        priority: answer.priority,
    });
    assert_eq!(
        best, expected,
        "to who wants {want:?}: {:?} in {:?}",
        who.person, sim.house
    );
    assert_eq!(said.generation, generation.number(), "the generation that was asked");
    assert_eq!(
        said.stage,
        generation.spec().journey.stages[usize::from(who.person.stage)]
    );
    let position = sim.engine.position(now, who.slot);
    let zone = position.and_then(|position| position.zone);
    let zone = zone.map(|zone| generation.venue().zones[zone.index()].id.clone());
    assert_eq!(said.zone, zone);
    let is_said = said.reasons.contains(&Reason::PositionUnknown) || said.reasons.contains(&Reason::PositionStale);
    assert_eq!(
        is_said,
        position.is_none(),
        "an answer says when nobody knows where: {:?}",
        said.reasons
    );
    let word = match best {
        Some(best) => {
            who.decisions.push((said.decision_id, best.action));
            if best.place.is_some() {
                "sent to a place"
            } else {
                "answered"
            }
        }
        None => "no action",
    };
    sim.happened.count(word);
    sim.fold(said);
}

/// Somebody makes something of an answer: their own, or one that is not theirs.
pub(super) fn outcome(sim: &mut Sim) {
    let (number, of) = (
        sim.rng.random_range(0..sim.people.who.len()),
        sim.rng.random_range(0..sim.people.who.len()),
    );
    let Some((decision_id, action)) = sim.people.who[of].decisions.choose(&mut sim.rng).cloned() else {
        return;
    };
    let kinds = [
        (OutcomeKind::Impression, "Answer Shown"),
        (OutcomeKind::Click, "Answer Opened"),
        (OutcomeKind::Accept, "Answer Accepted"),
        (OutcomeKind::Reject, "Answer Rejected"),
        (OutcomeKind::Convert, "Answer Converted"),
    ];
    let (kind, event) = *kinds.choose(&mut sim.rng).unwrap();
    let outcome = Outcome {
        decision_id,
        action: &action,
        kind,
    };
    let said = sim.engine.on_outcome(sim.now(), sim.people.who[number].slot, &outcome);
    if number == of {
        assert!(said.is_ok(), "{said:?}");
        if said == Ok(Novelty::Duplicate) {
            // The same outcome changes something once.
            return;
        }
        // What was done with an answer is remembered among the signals.
        let sender = sim.people.who[number].slot.0;
        sim.ids
            .push(sender, format!("outcome {} {action} {kind:?}", outcome.decision_id), 0);
        let properties = [Property {
            name: "action",
            value: Value::Text(&action),
        }];
        let spec = Arc::clone(&sim.generation);
        sim.people.who[number].person.track(spec.spec(), event, &properties);
        sim.happened.count("outcome of one's own");
    } else {
        assert_eq!(
            said,
            Err(OutcomeError::UnknownDecision),
            "of a decision that was made for another"
        );
        sim.happened.count("outcome of another's");
    }
}
