//! Answers do not make the crowd that they avoid: each is counted where it sends somebody, and the next one sees it.
//!
//! Through the engine's own doors. What a promise is worth and how it ends is tested beside the ledger; the figures of a
//! whole half-time are those of `examples/half_time_rush`.

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use nextbest::engine::spec::Spec;
use nextbest::engine::{PLACE_CLOSED, PLACE_OPENED};
use nextbest::model::{Property, Value};
use nextbest_venue::PlaceIx;

use support::small;
use support::world::World;

const PEOPLE: u32 = 60;

/// Each stand has one till, which takes a minute for everybody, so that a few people are a queue.
fn slow_tills() -> Spec {
    let spec = small("stadium");
    let mut venue = (*spec.venue).clone();
    for place in venue.places.iter_mut().filter(|place| place.servers > 0) {
        (place.servers, place.service_s) = (1, 60.0);
    }
    Spec {
        venue: Arc::new(venue),
        ..spec
    }
}

/// People who all stand where the first gate is.
fn crowd(world: &mut World) -> Vec<nextbest::engine::CustomerSlot> {
    let people = (0..PEOPLE).map(|number| world.customer(&number.to_string(), Some(number)));
    let people: Vec<_> = people.collect();
    let (level, at) = {
        let place = &world.generation.venue().places[0];
        (place.level, place.at)
    };
    for _ in 0..4 {
        (0..PEOPLE).for_each(|tag| world.hear_at(tag, level, at));
        world.step();
    }
    people
}

#[test]
fn people_who_ask_at_once_from_one_spot_are_not_sent_to_one_stand() {
    let mut world = World::new(slow_tills());
    let people = crowd(&mut world);
    let mut sent: HashMap<String, u32> = HashMap::new();
    let mut waits = Vec::new();
    for customer in people {
        let said = world.want(customer, "food");
        waits.push(said.answers.first().and_then(|answer| answer.wait_s).unwrap());
        *sent.entry(said.place().unwrap().to_owned()).or_default() += 1;
    }
    let most = sent.values().max().copied().unwrap();
    assert!(sent.len() >= 12 && most <= PEOPLE / 4, "{sent:?}");
    assert_eq!(waits[0], 0, "nobody was there");
    let promised: u32 = world.engine.queues().map(|queue| queue.queue.promised).sum();
    assert!(promised > PEOPLE / 2, "{promised} of {PEOPLE}");
    assert_eq!(world.engine.promise_counts().made, PEOPLE);
}

#[test]
fn who_asks_again_is_not_driven_away_by_their_own_promise() {
    let mut world = World::new(slow_tills());
    let people = crowd(&mut world);
    let first = world.want(people[0], "food");
    let second = world.want(people[0], "food");
    assert_eq!(first.place(), second.place());
    assert_eq!(first.answers[0].wait_s, second.answers[0].wait_s);
    assert_eq!(world.engine.promise_counts().withdrawn, 1);
}

#[test]
fn a_stand_that_closed_is_in_no_later_answer() {
    let mut world = World::new(slow_tills());
    let people = crowd(&mut world);
    let first = world.want(people[0], "food").place().unwrap().to_owned();
    let place = [Property {
        name: "place",
        value: Value::Text(&first),
    }];
    world.venue_signal(PLACE_CLOSED, &place);
    for customer in &people {
        assert_ne!(world.want(*customer, "food").place(), Some(first.as_str()));
    }
    world.venue_signal(PLACE_OPENED, &place);
    let again = people
        .iter()
        .any(|customer| world.want(*customer, "food").place() == Some(first.as_str()));
    assert!(again, "it is the nearest, and nobody is there");
}

#[test]
fn who_withdraws_being_located_is_expected_nowhere() {
    let mut world = World::new(slow_tills());
    let people = crowd(&mut world);
    for customer in &people {
        world.want(*customer, "food");
    }
    for customer in &people {
        world.consent(*customer, nextbest::model::Purpose::Location, false);
    }
    let promised = |place: PlaceIx| world.engine.queues().nth(place.index()).unwrap().queue.promised;
    let places = world.generation.venue().places.len() as u16;
    assert!((0..places).all(|place| promised(PlaceIx(place)) == 0));
}
