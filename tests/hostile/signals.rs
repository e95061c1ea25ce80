//! Class E: what people and services say. A signal outside of the contract is refused by its field; one that makes no sense
//! here changes nothing; one that was said before changes nothing again.

use nextbest::engine::{OutcomeError, SignalError, VenueSignalError};
use nextbest::model::{Outcome, OutcomeKind, Property, Signal, SignalKind, Value};
use nextbest::wire::{WireError, read_signal};
use nextbest_proto::v1;

use crate::people::Scene;
use crate::support::world::{signal, tag_id};

/// A signal that is right, but for what a case changes.
fn right() -> v1::Signal {
    v1::Signal {
        message_id: "m".into(),
        kind: v1::SignalKind::Track.into(),
        name: "Order Completed".into(),
        ..v1::Signal::default()
    }
}

fn long(len: usize) -> String {
    "x".repeat(len)
}

fn property(name: &str, value: Option<v1::property::Value>) -> v1::Property {
    v1::Property {
        name: name.into(),
        value,
    }
}

fn number(number: f64) -> Vec<v1::Property> {
    vec![property("total", Some(v1::property::Value::Number(number)))]
}

fn text(len: usize) -> Vec<v1::Property> {
    vec![property("cuisine", Some(v1::property::Value::Text(long(len))))]
}

fn tag(identity_kind: i32, identity: &[u8]) -> Vec<v1::Tag> {
    vec![v1::Tag {
        identity_kind,
        identity: identity.to_vec().into(),
        ..v1::Tag::default()
    }]
}

fn key(resolving_key: &[u8]) -> Vec<v1::Tag> {
    vec![v1::Tag {
        identity_kind: 1,
        resolving_key: resolving_key.to_vec(),
        ..v1::Tag::default()
    }]
}

fn beacon(rotation_exponent: u32) -> Vec<v1::Tag> {
    let key = v1::EphemeralKey {
        identity_key: vec![7; 16],
        rotation_exponent,
        clock_s: 0,
    };
    vec![v1::Tag {
        identity_kind: 5,
        ephemeral_key: Some(key),
        ..v1::Tag::default()
    }]
}

fn consents(purpose: i32, count: usize) -> Vec<v1::Consent> {
    vec![
        v1::Consent {
            purpose,
            allowed: true,
            ..v1::Consent::default()
        };
        count
    ]
}

/// The field that a signal is refused for; `None`: it is read.
fn refused_for(signal: &v1::Signal) -> Option<&'static str> {
    match read_signal(signal) {
        Ok(_) => None,
        Err(
            WireError::Text { field, .. }
            | WireError::Value { field, .. }
            | WireError::Count { field, .. }
            | WireError::Missing(field),
        ) => Some(field),
        Err(WireError::Malformed | WireError::TwoBodies | WireError::NoBody) => panic!("{signal:?} is a message"),
    }
}

type Field = (&'static str, v1::Signal, Option<&'static str>);

/// A signal that is right but for a change.
fn field(name: &'static str, change: impl FnOnce(&mut v1::Signal), expected: impl Into<Option<&'static str>>) -> Field {
    let mut signal = right();
    change(&mut signal);
    (name, signal, expected.into())
}

#[test]
fn a_signal_outside_of_the_contract_is_refused_by_its_field() {
    let cases = [
        field("no id", |signal| signal.message_id = String::new(), "message_id"),
        field("an id of 64", |signal| signal.message_id = long(64), None),
        field("an id of 65", |signal| signal.message_id = long(65), "message_id"),
        field("a name of 65", |signal| signal.name = long(65), "name"),
        field("a subject of 65", |signal| signal.subject = long(65), "subject"),
        field("a channel of 33", |signal| signal.channel = long(33), "channel"),
        field(
            "another id of 65",
            |signal| signal.anonymous_id = long(65),
            "anonymous_id",
        ),
        field("no kind", |signal| signal.kind = 0, "kind"),
        field("a kind of tomorrow", |signal| signal.kind = 99, "kind"),
        field(
            "33 properties",
            |signal| signal.properties = vec![number(1.0).remove(0); 33],
            "properties",
        ),
        field(
            "a property of 65",
            |signal| signal.properties = vec![property(&long(65), None)],
            "property name",
        ),
        field(
            "a property of nothing",
            |signal| signal.properties = vec![property("total", None)],
            "property value",
        ),
        field("a text of 256", |signal| signal.properties = text(256), None),
        field("a text of 257", |signal| signal.properties = text(257), "property text"),
        field(
            "an amount that is none",
            |signal| signal.properties = number(f64::NAN),
            "property number",
        ),
        field(
            "an endless amount",
            |signal| signal.properties = number(f64::INFINITY),
            "property number",
        ),
        field(
            "an endless debt",
            |signal| signal.properties = number(f64::NEG_INFINITY),
            "property number",
        ),
        field("minus nothing", |signal| signal.properties = number(-0.0), None),
        field(
            "six tags",
            |signal| signal.tags = vec![tag(1, &[1; 6]).remove(0); 6],
            "tags",
        ),
        field(
            "a tag of no kind",
            |signal| signal.tags = tag(0, &[1; 6]),
            "identity_kind",
        ),
        field(
            "a tag never on the air",
            |signal| signal.tags = tag(64, &[1; 16]),
            "identity_kind",
        ),
        field("a short tag", |signal| signal.tags = tag(1, &[1; 5]), "identity"),
        field("a blank tag", |signal| signal.tags = tag(1, &[0xff; 6]), "identity"),
        field("a short key", |signal| signal.tags = key(&[1; 15]), "resolving_key"),
        field("a blank key", |signal| signal.tags = key(&[0; 16]), "resolving_key"),
        field("a beacon at its slowest", |signal| signal.tags = beacon(15), None),
        field(
            "a beacon too slow",
            |signal| signal.tags = beacon(16),
            "rotation_exponent",
        ),
        field(
            "a beacon of eternity",
            |signal| signal.tags = beacon(u32::MAX),
            "rotation_exponent",
        ),
        field("nine consents", |signal| signal.consents = consents(1, 9), "consents"),
        field(
            "a purpose of none",
            |signal| signal.consents = consents(0, 1),
            "purpose",
        ),
        field(
            "a purpose of tomorrow",
            |signal| signal.consents = consents(99, 1),
            "purpose",
        ),
    ];
    for (name, signal, expected) in cases {
        assert_eq!(refused_for(&signal), expected, "{name}");
    }
}

fn named<'a>(name: &'a str, value: Value<'a>) -> Property<'a> {
    Property { name, value }
}

type Idle = (&'static str, Signal<'static>);

fn idle(name: &'static str, kind: SignalKind, event: &'static str, properties: &[Property<'static>]) -> Idle {
    (name, signal("idle", kind, event, properties))
}

#[test]
fn what_makes_no_sense_here_changes_nothing() {
    use SignalKind::{Alias, Group, Identify, Page, Screen, Track};
    let cases = [
        idle("an event that nobody declared", Track, "Moon Landed", &[]),
        idle("an event of another case", Track, "ticket purchased", &[]),
        idle("an event without a name", Track, "", &[]),
        idle("a stage that is not the next", Track, "Rewards Joined", &[]),
        idle("the end of a cycle that has not begun", Track, "Season Started", &[]),
        idle("a way back that does not exist", Track, "Customer Lapsed", &[]),
        idle("an answer's event by name", Track, "Answer Accepted", &[]),
        idle(
            "a phase, by somebody who may not",
            Track,
            "Phase Started",
            &[named("phase", Value::Text("full-time"))],
        ),
        idle(
            "a place closed by a customer's signal",
            Track,
            "Place Closed",
            &[named("place", Value::Text("stand-c1-01"))],
        ),
        idle(
            "an order at no place",
            Page,
            "Moon",
            &[named("place", Value::Text("nowhere"))],
        ),
        idle(
            "a property that nobody reads",
            Identify,
            "",
            &[named("shoe size", Value::Number(44.0))],
        ),
        idle(
            "a tier that is none",
            Identify,
            "",
            &[named("tier", Value::Text("diamond"))],
        ),
        idle(
            "a number for a tier",
            Identify,
            "",
            &[named("tier", Value::Number(9.0))],
        ),
        idle(
            "a text for a flag",
            Identify,
            "",
            &[named("step_free", Value::Text("yes"))],
        ),
        idle(
            "a value outside of its set",
            Identify,
            "",
            &[named("dietary", Value::Text("\u{202e}nagev"))],
        ),
        idle(
            "a role that nobody has",
            Identify,
            "",
            &[named("role", Value::Text("service"))],
        ),
        idle("another name for a person", Alias, "", &[]),
        idle("a group", Group, "", &[named("tier", Value::Text(""))]),
        idle("a screen", Screen, "Home", &[]),
    ];
    for (name, signal) in cases {
        let scene = Scene::new();
        let before = scene.seen();
        let outcome = scene
            .world
            .engine
            .on_own_signal(scene.world.now(), scene.ada, &signal)
            .unwrap();
        assert_eq!((outcome.entered_stage, outcome.tags_refused), (None, 0), "{name}");
        assert_eq!(scene.seen(), before, "{name}");
    }
}

#[test]
fn an_amount_beyond_what_is_kept_is_mended_by_the_next() {
    for monstrous in [1e308, -1e308, f64::MAX, f64::MIN] {
        let mut scene = Scene::new();
        let ada = scene.ada;
        for amount in [monstrous, -monstrous, 30.0] {
            scene
                .world
                .track(ada, "Order Completed", &[named("total", Value::Number(amount))]);
        }
        let points = [named("balance", Value::Number(monstrous))];
        scene.world.track(ada, "Points Updated", &points);
        scene
            .world
            .track(ada, "Points Updated", &[named("balance", Value::Number(7.0))]);
        let said = scene.world.want(ada, "");
        assert!(
            said.answers
                .iter()
                .all(|answer| f32::from_bits(answer.priority).is_finite()),
            "{said:?}"
        );
    }
}

#[test]
fn an_id_is_applied_once_and_is_each_persons_own() {
    let scene = Scene::new();
    let (engine, now) = (&scene.world.engine, scene.world.now());
    let first = signal("order-1", SignalKind::Track, "Order Completed", &[]);
    let total = [named("total", Value::Number(9.0))];
    let other = signal("order-1", SignalKind::Track, "Order Completed", &total);
    assert!(!engine.on_signal(now, scene.ada, &first).unwrap().is_duplicate);
    let before = scene.seen();
    assert!(engine.on_signal(now, scene.ada, &first).unwrap().is_duplicate);
    assert!(engine.on_own_signal(now, scene.ada, &first).unwrap().is_duplicate);
    assert_eq!(engine.on_signal(now, scene.ada, &other), Err(SignalError::Conflict));
    assert_eq!(engine.on_own_signal(now, scene.ada, &other), Err(SignalError::Conflict));
    assert_eq!(scene.seen(), before);
    assert!(!engine.on_signal(now, scene.ben, &other).unwrap().is_duplicate);
    let nameless = signal("", SignalKind::Track, "Order Completed", &[]);
    assert_eq!(
        engine.on_signal(now, scene.ada, &nameless),
        Err(SignalError::NoMessageId)
    );
}

#[test]
fn ten_thousand_events_of_one_person_leave_one_person() {
    let scene = Scene::new();
    let counts = scene.world.engine.counts();
    for number in 0..10_000 {
        let id = format!("burst-{number}");
        let event = signal(&id, SignalKind::Track, "Feedback Given", &[]);
        scene
            .world
            .engine
            .on_own_signal(scene.world.now(), scene.ada, &event)
            .unwrap();
    }
    assert_eq!(scene.world.engine.counts(), counts);
}

#[test]
fn a_sixth_tag_is_refused_whole_and_nothing_of_its_signal_is_kept() {
    let scene = Scene::new();
    let (engine, now) = (&scene.world.engine, scene.world.now());
    let many = |id, tags: std::ops::Range<u32>| Signal {
        tags: tags.map(tag_id).collect(),
        ..signal(id, SignalKind::Identify, "", &[])
    };
    engine.on_signal(now, scene.ada, &many("four more", 10..14)).unwrap();
    let before = scene.seen();
    assert_eq!(
        engine.on_signal(now, scene.ada, &many("one more", 14..15)),
        Err(SignalError::TooManyTags)
    );
    assert_eq!(scene.seen(), before);
}

#[test]
fn what_no_venue_says_changes_no_venue() {
    let of = |event, properties: &[Property<'static>]| signal("venue", SignalKind::Track, event, properties);
    let place = named("place", Value::Text("stand-c1-01"));
    let nowhere = named("place", Value::Text("nowhere"));
    let cases = [
        of("Place Opened", &[]),
        of("Place Closed", &[nowhere]),
        of("Place Closed", &[named("place", Value::Number(1.0))]),
        of("Product Out Of Stock", &[place, named("product", Value::Text("gold"))]),
        of("Product Back In Stock", &[named("product", Value::Text("pizza"))]),
        of("Phase Started", &[]),
        of("Phase Started", &[named("phase", Value::Text("extra-time"))]),
        of("Order Completed", &[nowhere]),
        of("Ticket Purchased", &[place]),
        of("", &[]),
    ];
    for signal in cases {
        let scene = Scene::new();
        let before = scene.seen();
        let error = scene
            .world
            .engine
            .on_venue_signal(scene.world.now(), &signal)
            .unwrap_err();
        assert!(!matches!(error, VenueSignalError::Signal(_)), "{error}");
        assert_eq!(scene.seen(), before, "{error}");
    }
}

#[test]
fn an_outcome_is_about_a_decision_of_ones_own() {
    let mut scene = Scene::new();
    let ada = scene.ada;
    let decision_id = scene.world.want(ada, "").decision_id;
    let before = scene.seen();
    let outcome = |decision_id, action| Outcome {
        decision_id,
        action,
        kind: OutcomeKind::Accept,
    };
    let cases = [
        (scene.ada, outcome(0, "welcome"), OutcomeError::UnknownDecision),
        (
            scene.ada,
            outcome(decision_id + 1, "welcome"),
            OutcomeError::UnknownDecision,
        ),
        (scene.ada, outcome(u64::MAX, "welcome"), OutcomeError::UnknownDecision),
        (
            scene.ben,
            outcome(decision_id, "welcome"),
            OutcomeError::UnknownDecision,
        ),
        (scene.ada, outcome(decision_id, "moon"), OutcomeError::UnknownAction),
        (scene.ada, outcome(decision_id, ""), OutcomeError::UnknownAction),
    ];
    for (customer, outcome, expected) in cases {
        assert_eq!(
            scene.world.engine.on_outcome(scene.world.now(), customer, &outcome),
            Err(expected),
            "{outcome:?}"
        );
        assert_eq!(scene.seen(), before);
    }
}
