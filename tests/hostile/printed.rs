//! Class J: what is printed. No type that holds something of a person shows it, and no error repeats what a stranger sent:
//! a canary stands where a person would be, and must not be seen.

use std::fmt::Debug;

use nextbest::engine::decide::message::{Arguments, MessageBuffer, Value as MessageValue};
use nextbest::model::{
    Consent, Outcome, OutcomeKind, Property, Purpose, SecretKey, Sighting, Signal, SignalKind, TagId, TagKey, TagKind,
    Value,
};
use nextbest::serve::token::{Principal, Role};
use nextbest::wire::payload::{Family, Transmitter, read_body};
use nextbest::wire::{Body, QueryRequest, Request, read_app_request, read_hub_frame};
use nextbest_proto::advert::{Identity, IdentityKind};
use nextbest_proto::v1;

use crate::people::Scene;

/// What nobody may see, as text, as bytes in decimal and as bytes in hexadecimal.
const CANARY: &str = "canary-7f3a";
const TRACES: [&str; 3] = ["canary", "99, 97, 110", "63616e"];
/// A tag's address and a key that spell it, too.
const ADDRESS: [u8; 6] = *b"canary";
const KEY: [u8; 16] = *b"canary-7f3acanar";

#[track_caller]
fn case(name: &str, printed: &impl Debug) {
    let shown = format!("{printed:?} {printed:#?}");
    for trace in TRACES {
        assert!(!shown.to_lowercase().contains(trace), "{name} shows {shown}");
    }
    assert!(!shown.is_empty(), "{name} shows something");
}

#[track_caller]
fn said(name: &str, sentence: impl ToString) {
    let sentence = sentence.to_string();
    for trace in TRACES {
        assert!(!sentence.to_lowercase().contains(trace), "{name} says {sentence}");
    }
    assert!(!sentence.contains(char::is_control), "{name} says {sentence:?}");
}

fn tag() -> TagId {
    TagId::new(TagKind::Address, &ADDRESS).unwrap()
}

#[test]
fn no_type_of_the_model_shows_a_person() {
    let property = Property {
        name: CANARY,
        value: Value::Text(CANARY),
    };
    let signal = Signal {
        made_unix_ms: 0,
        message_id: CANARY,
        kind: SignalKind::Track,
        name: CANARY,
        properties: vec![property],
        channel: CANARY,
        anonymous_id: CANARY,
        tags: vec![tag()],
        keys: vec![TagKey::Resolving(SecretKey::new(KEY))],
        consents: vec![Consent::new(Purpose::Location, true)],
    };
    case("a signal", &signal);
    case("a property", &property);
    case("a value", &property.value);
    case("a tag", &tag());
    case("a key", &SecretKey::new(KEY));
    case("a tag's key", &signal.keys[0]);
    case(
        "a sighting",
        &Sighting {
            tag: tag(),
            rssi_dbm: -60,
            age_ms: 0,
        },
    );
    case(
        "a principal",
        &Principal {
            subject: CANARY.into(),
            role: Role::Customer,
            token_id: Some(CANARY.into()),
            issued_unix_s: 0,
            expires_unix_s: 0,
            signed_by: *b"canary-7f3acanary-7f3acanary-7f3",
        },
    );
    case(
        "a transmitter",
        &Transmitter {
            tag: tag(),
            address: Some(tag()),
        },
    );
    case(
        "an identity of the contract",
        &Identity::new(IdentityKind::Address, &ADDRESS).unwrap(),
    );
    let arguments = Arguments {
        name: Some(CANARY),
        place: Some(CANARY),
        ..Arguments::default()
    };
    case("the values of a message", &arguments);
    case("a value of a message", &MessageValue::Text(CANARY));
    case("a message", &MessageBuffer::default());
    let outcome = Outcome {
        decision_id: 1,
        action: "tea",
        kind: OutcomeKind::Accept,
    };
    case("an outcome", &outcome);
}

#[test]
fn no_type_of_the_wire_shows_a_person() {
    let request = QueryRequest {
        subject: CANARY,
        ..QueryRequest::default()
    };
    case("a query", &request);
    case(
        "a query's request",
        &Request {
            request_id: 1,
            body: Body::Query(request),
        },
    );
    for (name, body) in [
        ("a hello's bytes", Body::Hello(CANARY.as_bytes())),
        ("a signal's bytes", Body::Signal(CANARY.as_bytes())),
        ("an outcome's bytes", Body::Outcome(CANARY.as_bytes())),
        ("a reading's bytes", Body::Readings(CANARY.as_bytes())),
    ] {
        case(name, &Request { request_id: 1, body });
    }
    case(
        "a tag of the contract",
        &v1::Tag {
            identity: ADDRESS.to_vec().into(),
            resolving_key: KEY.to_vec(),
            ..Default::default()
        },
    );
    case(
        "a hello of the contract",
        &v1::AppHello {
            token: CANARY.into(),
            ..Default::default()
        },
    );
    case(
        "a query of the contract",
        &v1::Query {
            subject: CANARY.into(),
            ..Default::default()
        },
    );
    case(
        "a reading of the contract",
        &v1::ReadingsRequest {
            subject: CANARY.into(),
            tag: None,
            after: 0,
        },
    );
    case(
        "a watch of the contract",
        &v1::WatchPresence {
            subject: CANARY.into(),
            ..Default::default()
        },
    );
    case(
        "an outcome of the contract",
        &v1::Outcome {
            subject: CANARY.into(),
            ..Default::default()
        },
    );
}

#[test]
fn no_error_repeats_what_a_stranger_sent() {
    let mut bytes = vec![0x1a, 13, 0x0a, 11];
    bytes.extend(CANARY.as_bytes());
    case("a request that was read", &read_app_request(&bytes));
    bytes[3] = 99;
    said("a request that is torn", read_app_request(&bytes).unwrap_err().error);
    said(
        "a hub's frame that is torn",
        read_hub_frame(CANARY.as_bytes()).unwrap_err(),
    );
    for family in [Family::Minew, Family::Kontakt, Family::Moko, Family::Raddec] {
        if let Err(error) = read_body(family, CANARY.as_bytes(), &mut |_| {}) {
            said("a payload", error);
        }
    }
    let scene = Scene::new();
    let long = CANARY.repeat(20);
    said(
        "a customer who cannot be one",
        scene.world.engine.customer(&long).unwrap_err(),
    );
    case("a customer who cannot be one", &scene.world.engine.customer(&long));
    case("the engine", &scene.world.engine);
    case("a tag that is none", &TagId::new(TagKind::IBeacon, CANARY.as_bytes()));
}
