//! Class B: bytes that are not what their door expects. Each gets the code of the contract, and is read no further.

use nextbest::wire::{
    Body, WireError, read_app_request, read_hello, read_hub_frame, read_outcome, read_readings, read_watch,
};
use nextbest_proto::v1::{self, ErrorCode, app_request, hub_to_gateway};
use prost::Message as _;

/// Whose frame it is.
#[derive(Clone, Copy, Debug)]
enum Door {
    Hub,
    App,
}

use Door::{App, Hub};
use ErrorCode::{InvalidField, MalformedFrame, UnexpectedMessage};

struct Case {
    name: &'static str,
    door: Door,
    frame: Vec<u8>,
    /// `None`: it is taken.
    expected: Option<ErrorCode>,
}

fn case(name: &'static str, door: Door, frame: impl AsRef<[u8]>, expected: impl Into<Option<ErrorCode>>) -> Case {
    Case {
        name,
        door,
        frame: frame.as_ref().to_vec(),
        expected: expected.into(),
    }
}

fn hub(body: hub_to_gateway::Body) -> Vec<u8> {
    v1::HubToGateway { body: Some(body) }.encode_to_vec()
}

fn app(body: app_request::Body) -> Vec<u8> {
    v1::AppRequest {
        request_id: 7,
        body: Some(body),
    }
    .encode_to_vec()
}

fn query(query: v1::Query) -> Vec<u8> {
    app(app_request::Body::Query(query))
}

fn hello(hello: v1::HubHello) -> Vec<u8> {
    hub(hub_to_gateway::Body::Hello(hello))
}

fn outcome(outcome: v1::Outcome) -> Vec<u8> {
    app(app_request::Body::Outcome(outcome))
}

fn readings(tag: Option<v1::Tag>) -> Vec<u8> {
    app(app_request::Body::Readings(v1::ReadingsRequest {
        tag,
        ..Default::default()
    }))
}

fn batch(count: usize, first_sequence: u64) -> Vec<u8> {
    hub(hub_to_gateway::Body::Batch(v1::SightingBatch {
        first_sequence,
        sightings: vec![v1::Sighting::default(); count],
        ..Default::default()
    }))
}

fn long(len: usize) -> String {
    "x".repeat(len)
}

/// A frame whose field `number` holds these bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

fn structure() -> Vec<Case> {
    let deep = [0xfb, 0x7f].repeat(2_000);
    let two = [field(3, b""), field(4, b"")].concat();
    let giant = |last: u8| [&[0x12][..], &[0xff; 8], &[last]].concat();
    vec![
        case("hub: nothing", Hub, [], UnexpectedMessage),
        case("app: nothing", App, [], UnexpectedMessage),
        case("hub: a zero", Hub, [0], MalformedFrame),
        case("app: a zero", App, [0], MalformedFrame),
        case("hub: a key without its value", Hub, [0x0a], MalformedFrame),
        case("app: a key without its value", App, [0x1a], MalformedFrame),
        case("hub: a length that runs over by one", Hub, [0x0a, 1], MalformedFrame),
        case("app: a length that runs over by one", App, [0x1a, 1], MalformedFrame),
        case(
            "hub: a length of 2^32-1",
            Hub,
            [0x12, 0xff, 0xff, 0xff, 0xff, 0x0f],
            MalformedFrame,
        ),
        case(
            "app: a length of 2^32-1",
            App,
            [0x12, 0xff, 0xff, 0xff, 0xff, 0x0f],
            MalformedFrame,
        ),
        case("hub: a length of 2^63-1", Hub, giant(0x7f), MalformedFrame),
        case("app: a length of 2^63-1", App, giant(0x7f), MalformedFrame),
        case("hub: a varint without an end", Hub, [0xff; 11], MalformedFrame),
        case(
            "app: a varint without an end",
            App,
            [&[8][..], &[0xff; 11]].concat(),
            MalformedFrame,
        ),
        case("hub: a group", Hub, [0x0b], MalformedFrame),
        case("app: a group", App, [0x0b], MalformedFrame),
        case("hub: a group that ends", Hub, [0x0b, 0x0c], MalformedFrame),
        case("hub: groups in groups", Hub, &deep, MalformedFrame),
        case("app: groups in groups", App, &deep, MalformedFrame),
        case("hub: a type of tomorrow", Hub, [0x0e], MalformedFrame),
        case("app: a type of tomorrow", App, [0x0f], MalformedFrame),
        case("hub: a body of tomorrow", Hub, field(15, b"x"), UnexpectedMessage),
        case("app: a body of tomorrow", App, field(15, b"x"), UnexpectedMessage),
        case("hub: two bodies", Hub, &two, MalformedFrame),
        case("app: two bodies", App, &two, MalformedFrame),
        case("hub: a number for a body", Hub, [0x08, 1], MalformedFrame),
        case("app: a number for a body", App, [0x18, 1], MalformedFrame),
        case("app: a text for its number", App, [0x0a, 1, 1], MalformedFrame),
        case(
            "hub: rubbish behind a body",
            Hub,
            [&field(4, b"")[..], &[0x80]].concat(),
            MalformedFrame,
        ),
        case(
            "app: rubbish behind a body",
            App,
            [&field(3, b"")[..], &[0x80]].concat(),
            MalformedFrame,
        ),
        case(
            "hub: an unknown field beside a body",
            Hub,
            [field(4, b""), field(14, b"x")].concat(),
            None,
        ),
        case(
            "app: an unknown field beside a body",
            App,
            [field(3, b""), field(14, b"x")].concat(),
            None,
        ),
    ]
}

fn hubs() -> Vec<Case> {
    let named = |hub_id: &str| {
        hello(v1::HubHello {
            hub_id: hub_id.into(),
            ..Default::default()
        })
    };
    let venue_id = long(65);
    let firmware = long(65);
    let goodbye = |reason| hub(hub_to_gateway::Body::Goodbye(v1::HubGoodbye { reason }));
    let hot = |temperature_celsius| {
        hub(hub_to_gateway::Body::Health(v1::HubHealth {
            temperature_celsius: Some(temperature_celsius),
            ..Default::default()
        }))
    };
    vec![
        case("a hub's id of 64 bytes", Hub, named(&long(64)), None),
        case("a hub's id of 65 bytes", Hub, named(&long(65)), InvalidField),
        case(
            "a venue's id of 65 bytes",
            Hub,
            hello(v1::HubHello {
                venue_id,
                ..Default::default()
            }),
            InvalidField,
        ),
        case(
            "a firmware of 65 bytes",
            Hub,
            hello(v1::HubHello {
                firmware,
                ..Default::default()
            }),
            InvalidField,
        ),
        case(
            "a hub's id that is not UTF-8",
            Hub,
            field(1, &field(2, &[0xff])),
            MalformedFrame,
        ),
        case(
            "a hub's id with a slash too long",
            Hub,
            field(1, &field(2, &[0xc0, 0xaf])),
            MalformedFrame,
        ),
        // Names are compared, never shown: these are read, and name no hub.
        case("a hub's id with a NUL", Hub, named("a\0b"), None),
        case("a hub's id that turns around", Hub, named("a\u{202e}b"), None),
        case("a hub's id without width", Hub, named("a\u{200b}b"), None),
        case("a hub's id that combines", Hub, named("e\u{301}"), None),
        case("a goodbye of 65 bytes", Hub, goodbye(long(65)), InvalidField),
        case("a temperature that is no number", Hub, hot(f32::NAN), None),
        case("a temperature without end", Hub, hot(f32::INFINITY), None),
        case("a batch of none", Hub, batch(0, 0), InvalidField),
        case("a batch of one", Hub, batch(1, 0), None),
        case("a batch of 256", Hub, batch(256, 0), None),
        case("a batch of 257", Hub, batch(257, 0), InvalidField),
        case("numbers up to the last", Hub, batch(1, u64::MAX - 1), None),
        case("numbers that run over", Hub, batch(1, u64::MAX), InvalidField),
        case("a number for a sighting", Hub, field(2, &[0x20, 1]), MalformedFrame),
        case(
            "a million sightings that are not there",
            Hub,
            field(2, &[0x22, 0xc0, 0x84, 0x3d]),
            MalformedFrame,
        ),
    ]
}

fn queries() -> Vec<Case> {
    let asked = |change: fn(&mut v1::Query)| {
        let mut asked = v1::Query::default();
        change(&mut asked);
        query(asked)
    };
    vec![
        case(
            "a subject of 65 bytes",
            App,
            asked(|query| query.subject = long(65)),
            InvalidField,
        ),
        case(
            "a want of 33 bytes",
            App,
            asked(|query| query.want = long(33)),
            InvalidField,
        ),
        case(
            "a channel of 33 bytes",
            App,
            asked(|query| query.channel = long(33)),
            InvalidField,
        ),
        case(
            "a placement of 33 bytes",
            App,
            asked(|query| query.placement = long(33)),
            InvalidField,
        ),
        case(
            "a locale of 36 bytes",
            App,
            asked(|query| query.locale = long(36)),
            InvalidField,
        ),
        case("three answers", App, asked(|query| query.answers_max = 3), None),
        case("four answers", App, asked(|query| query.answers_max = 4), InvalidField),
        case(
            "a thousand million answers",
            App,
            asked(|query| query.answers_max = 1_000_000_000),
            InvalidField,
        ),
        case(
            "a want that is not UTF-8",
            App,
            field(3, &field(2, &[0xff])),
            InvalidField,
        ),
        case(
            "a want with a surrogate",
            App,
            field(3, &field(2, &[0xed, 0xa0, 0x80])),
            InvalidField,
        ),
        case(
            "a want cut in a character",
            App,
            field(3, &field(2, &[0xe2, 0x82])),
            InvalidField,
        ),
        case("a text for a deadline", App, field(3, &[0x42, 1, 1]), MalformedFrame),
    ]
}

fn apps() -> Vec<Case> {
    let decided = |change: fn(&mut v1::Outcome)| {
        let mut decided = v1::Outcome {
            decision_id: 1,
            kind: 1,
            ..Default::default()
        };
        change(&mut decided);
        outcome(decided)
    };
    let greeting = v1::AppHello {
        app: long(65),
        ..Default::default()
    };
    let blank = v1::Tag {
        identity_kind: 1,
        identity: vec![0; 6].into(),
        ..Default::default()
    };
    vec![
        case(
            "an app of 65 bytes",
            App,
            app(app_request::Body::Hello(greeting)),
            InvalidField,
        ),
        case(
            "a token that is not UTF-8",
            App,
            field(2, &field(2, &[0xff])),
            MalformedFrame,
        ),
        case(
            "an outcome of nothing",
            App,
            outcome(v1::Outcome::default()),
            InvalidField,
        ),
        case(
            "an outcome without its kind",
            App,
            decided(|outcome| outcome.kind = 0),
            InvalidField,
        ),
        case(
            "an outcome of tomorrow",
            App,
            decided(|outcome| outcome.kind = 99),
            InvalidField,
        ),
        case(
            "an action of 65 bytes",
            App,
            decided(|outcome| outcome.action = long(65)),
            InvalidField,
        ),
        case("readings of nobody", App, readings(None), InvalidField),
        case("readings of a blank tag", App, readings(Some(blank)), InvalidField),
    ]
}

/// Reads a frame as far as its session does before it asks the engine.
fn read(door: Door, frame: &[u8]) -> Result<(), ErrorCode> {
    let code = |error: WireError| error.code();
    let no_message = |_| MalformedFrame;
    match door {
        Hub => read_hub_frame(frame).map(drop).map_err(code),
        App => match read_app_request(frame).map_err(|refused| code(refused.error))?.body {
            Body::Query(_) | Body::Signal(_) | Body::Hubs(_) => Ok(()),
            Body::Hello(bytes) => read_hello(bytes).map(drop).map_err(code),
            Body::Outcome(bytes) => {
                let outcome = v1::Outcome::decode(bytes).map_err(no_message)?;
                read_outcome(&outcome).map(drop).map_err(code)
            }
            Body::WatchPresence(bytes) => read_watch(bytes).map(drop).map_err(code),
            Body::Readings(bytes) => {
                let request = v1::ReadingsRequest::decode(bytes).map_err(no_message)?;
                read_readings(&request).map(drop).map_err(code)
            }
        },
    }
}

#[test]
fn every_frame_is_taken_or_gets_its_code() {
    for case in structure().into_iter().chain(hubs()).chain(queries()).chain(apps()) {
        assert_eq!(read(case.door, &case.frame).err(), case.expected, "{}", case.name);
    }
}
