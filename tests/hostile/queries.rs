//! Class F: what is asked, and when. There is always an answer or a reason, whoever asks for whatever; what a query changes
//! is its own count and its own caps.

use nextbest::engine::{Generation, Scratch};
use nextbest::model::{ANSWERS_MAX, Purpose, Query, Reason};
use nextbest::wire::{decision_reply, decision_reply_datagram};
use nextbest_venue::HubIx;

use crate::people::Scene;
use crate::support::world::Said;

struct Case {
    name: &'static str,
    query: Query<'static>,
    /// What happened before.
    before: fn(&mut Scene),
    /// A reason that must be among those of the decision, or of what was not chosen.
    says: Option<Reason>,
}

fn case(name: &'static str, query: Query<'static>, says: impl Into<Option<Reason>>) -> Case {
    Case {
        name,
        query,
        before: |_| {},
        says: says.into(),
    }
}

fn after(name: &'static str, before: fn(&mut Scene), query: Query<'static>, says: impl Into<Option<Reason>>) -> Case {
    Case {
        name,
        query,
        before,
        says: says.into(),
    }
}

fn wanting(want: &'static str) -> Query<'static> {
    Query {
        want,
        answers_max: 3,
        why: true,
        ..Query::default()
    }
}

fn hubs_die(scene: &mut Scene) {
    for hub in 0..scene.world.generation.venue().hubs.len() as u16 {
        scene.world.kill(HubIx(hub));
    }
    scene.world.pass(20_000);
}

fn everything_closes(scene: &mut Scene) {
    of_every_place(scene, "Place Closed");
}

fn everything_sells_out(scene: &mut Scene) {
    of_every_place(scene, "Product Out Of Stock");
}

fn of_every_place(scene: &mut Scene, what: &str) {
    let places = &scene.world.generation.venue().places;
    let ids: Vec<_> = places.iter().map(|place| place.id.clone()).collect();
    for id in ids {
        let place = nextbest::model::Property {
            name: "place",
            value: nextbest::model::Value::Text(&id),
        };
        scene.world.venue_signal(what, &[place]);
    }
}

fn all_is_withdrawn(scene: &mut Scene) {
    for purpose in Purpose::ALL {
        scene.world.consent(scene.ada, purpose, false);
    }
}

fn marketing_is_withdrawn(scene: &mut Scene) {
    scene.world.consent(scene.ada, Purpose::Marketing, false);
}

fn cases() -> Vec<Case> {
    let food = wanting("food");
    vec![
        case("nothing in particular", Query::default(), None),
        case("something", food, None),
        case("a want that nobody declared", wanting("moon"), Reason::NotWanted),
        case("a want of another case", wanting("FOOD"), Reason::NotWanted),
        case("a want with a NUL", wanting("foo\0d"), Reason::NotWanted),
        case("a want of spaces", wanting("   "), Reason::NotWanted),
        case("a want that is a pattern", wanting("{ $food }"), Reason::NotWanted),
        case(
            "a channel of another case",
            Query {
                channel: "MOBILE",
                ..food
            },
            Reason::NoTreatment,
        ),
        case("a want that turns around", wanting("\u{202e}doof"), Reason::NotWanted),
        case("an empty channel", Query { channel: "", ..food }, None),
        case(
            "a channel that is none",
            Query { channel: "fax", ..food },
            Reason::NoTreatment,
        ),
        case(
            "a placement that is none",
            Query {
                placement: "ceiling",
                ..food
            },
            None,
        ),
        case("a language that is none", Query { locale: "xx", ..food }, None),
        case(
            "a language of the other half",
            Query {
                locale: "es-MX",
                ..food
            },
            None,
        ),
        case(
            "rubbish for a language",
            Query {
                locale: "-----",
                ..food
            },
            None,
        ),
        case("a language with a NUL", Query { locale: "e\0n", ..food }, None),
        case("no answers", Query { answers_max: 0, ..food }, None),
        case("as many as there may be", Query { answers_max: 3, ..food }, None),
        case(
            "more than there may be",
            Query {
                answers_max: u32::MAX,
                ..food
            },
            None,
        ),
        case("without why", Query { why: false, ..food }, None),
        after("when every hub is dead", hubs_die, food, Reason::ZoneUnknownHubsDead),
        after(
            "when a position has lapsed",
            |scene| scene.world.pass(16_000),
            food,
            Reason::PositionStale,
        ),
        after(
            "when a position is long gone",
            |scene| scene.world.pass(600_000),
            food,
            None,
        ),
        after(
            "when everything is closed",
            everything_closes,
            food,
            Reason::NoPlaceOpen,
        ),
        after(
            "when everything is sold out",
            everything_sells_out,
            food,
            Reason::NoPlaceInStock,
        ),
        after("when nothing is allowed", all_is_withdrawn, food, Reason::NoConsent),
        after(
            "when marketing is not",
            marketing_is_withdrawn,
            wanting(""),
            Reason::NoConsent,
        ),
    ]
}

#[test]
fn there_is_always_an_answer_or_a_reason() {
    let failures: Vec<_> = cases().iter().filter_map(|case| check(case).err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

fn check(case: &Case) -> Result<(), String> {
    let mut scene = Scene::new();
    (case.before)(&mut scene);
    let before = scene.seen();
    let said = scene.world.ask(scene.ada, &case.query);
    let mut reasons = said
        .reasons
        .iter()
        .chain(said.not_chosen.iter().map(|(_, reason)| reason));
    let is_as_promised = said.answers.len() <= ANSWERS_MAX
        && (!said.answers.is_empty() || !said.reasons.is_empty())
        && said.answers.is_empty() == (said.decision_id == 0)
        && case.says.is_none_or(|says| reasons.any(|reason| *reason == says))
        && scene.seen() == before;
    if is_as_promised {
        return Ok(());
    }
    let answers: Vec<_> = said.answers.iter().map(|answer| &answer.action).collect();
    Err(format!(
        "{}: {answers:?} {:?} {:?}",
        case.name, said.reasons, said.not_chosen
    ))
}

#[test]
fn ten_thousand_queries_of_one_person_are_answered_and_no_cap_is_passed() {
    let mut scene = Scene::new();
    let ada = scene.ada;
    let spec = scene.world.generation.spec().clone();
    let mut given = std::collections::HashMap::<String, usize>::new();
    for _ in 0..10_000 {
        let said = scene.world.ask(ada, &wanting(""));
        assert!(!said.answers.is_empty() || !said.reasons.is_empty());
        for answer in said.answers {
            *given.entry(answer.action).or_default() += 1;
        }
    }
    for action in spec.actions.iter().filter(|action| action.cap.is_some()) {
        let times = action.cap.as_ref().map_or(0, |cap| usize::from(cap.times));
        assert!(
            given.get(&action.id).is_none_or(|given| *given <= times),
            "{}",
            action.id
        );
    }
}

#[test]
fn a_person_whom_nobody_knows_gets_an_answer_that_says_so() {
    let mut scene = Scene::new();
    let stranger = scene.world.engine.customer("stranger").unwrap();
    let said: Said = scene.world.want(stranger, "food");
    assert!(said.reasons.contains(&Reason::CustomerUnknown), "{said:?}");
    assert!(said.zone.is_none());
}

#[test]
fn a_full_table_refuses_the_next_and_answers_the_others() {
    let mut scene = Scene::new();
    let made = (0..1_000)
        .filter(|number| scene.world.engine.customer(&format!("c{number}")).is_ok())
        .count();
    assert_eq!(made, 254, "256 fit, and two were there");
    let ada = scene.ada;
    assert!(!scene.world.want(ada, "food").answers.is_empty());
    assert!(scene.world.engine.customer("ada").is_ok(), "who is there is found");
}

#[test]
fn a_query_during_a_reload_is_answered_by_one_generation_and_names_it() {
    let scene = Scene::new();
    let engine = &scene.world.engine;
    let mut scratch = Scratch::default();
    for number in 2..200 {
        let before = engine.generation();
        let mut spec = before.spec().clone();
        spec.number = number;
        engine.publish(Generation::build(spec).unwrap()).unwrap();
        for generation in [before, engine.generation()] {
            let locale = generation.locale_for("en");
            let decision = engine.decide(
                scene.world.now(),
                &generation,
                scene.ada,
                locale,
                &wanting("food"),
                &mut scratch,
            );
            assert_eq!(decision.generation, generation.number());
            let mut out = bytes::BytesMut::new();
            assert!(decision_reply(1, &decision, &mut out).is_ok());
            assert!(decision_reply_datagram(1, &decision, &mut out).is_ok());
        }
    }
}
