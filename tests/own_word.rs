//! What people say themselves counts for themselves alone: a tag's identity is heard by everybody on the air, so naming
//! another's tag must not give it away, and nobody's word makes a till.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use nextbest::engine::{CustomerSlot, SignalOutcome};
use nextbest::model::{Consent, Property, Purpose, Reason, Signal, SignalKind, Value};
use nextbest_venue::PlaceIx;

use support::small;
use support::world::{World, signal, tag_id};

const LOCATION: Consent = Consent::new(Purpose::Location, true);

fn named_tag(message_id: &str, tag: u32) -> Signal<'_> {
    Signal {
        tags: vec![tag_id(tag)],
        consents: vec![LOCATION],
        ..signal(message_id, SignalKind::Identify, "", &[])
    }
}

fn own(world: &World, customer: CustomerSlot, signal: &Signal<'_>) -> SignalOutcome {
    world.engine.on_own_signal(world.now(), customer, signal).unwrap()
}

#[test]
fn nobody_gets_anothers_tag_by_naming_it() {
    let mut world = World::new(small("stadium"));
    let ada = world.customer("ada", Some(0));
    let mallory = world.customer("mallory", None);
    let stand = PlaceIx(0);
    world.stay_at(0, stand, 8);
    let outcome = own(&world, mallory, &named_tag("theft", 0));
    assert_eq!(outcome.tags_refused, 1);
    world.stay_at(0, stand, 8);
    assert!(world.engine.position(world.now(), ada).is_some(), "ada keeps her tag");
    assert_eq!(world.engine.position(world.now(), mallory), None);
}

#[test]
fn a_free_tag_is_registered_and_a_service_may_move_it() {
    let mut world = World::new(small("stadium"));
    let (ada, ben) = (world.customer("ada", None), world.customer("ben", None));
    assert_eq!(own(&world, ada, &named_tag("mine", 7)).tags_refused, 0);
    world.stay_at(7, PlaceIx(0), 8);
    assert!(world.engine.position(world.now(), ada).is_some());
    let moved = world
        .engine
        .on_signal(world.now(), ben, &named_tag("moved", 7))
        .unwrap();
    assert_eq!(moved.tags_refused, 0);
    world.stay_at(7, PlaceIx(0), 8);
    assert!(world.engine.position(world.now(), ben).is_some());
    assert_eq!(world.engine.position(world.now(), ada), None);
}

#[test]
fn nobodys_word_makes_a_till() {
    let mut world = World::new(small("stadium"));
    let ada = world.customer("ada", None);
    let generation = world.engine.generation();
    let stand = generation
        .venue()
        .places
        .iter()
        .position(|place| place.servers > 0)
        .unwrap();
    let id = generation.venue().places[stand].id.clone();
    let bought = [Property {
        name: "place",
        value: Value::Text(&id),
    }];
    let served = |world: &World| world.engine.queues().nth(stand).unwrap().queue.served;
    own(
        &world,
        ada,
        &signal("own", SignalKind::Track, "Order Completed", &bought),
    );
    assert_eq!(served(&world), 0);
    let till = signal("till", SignalKind::Track, "Order Completed", &bought);
    world.engine.on_signal(world.now(), ada, &till).unwrap();
    assert_eq!(served(&world), 1);
}

#[test]
fn no_action_has_a_reason() {
    let mut world = World::new(small("stadium"));
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 8);
    let said = world.want(ada, "nonsense");
    assert!(said.answers.is_empty());
    assert!(said.reasons.contains(&Reason::NotWanted), "{:?}", said.reasons);
}
