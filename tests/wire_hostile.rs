//! A peer that misbehaves gets a typed error, a close code or a counter; everybody else goes on as before.
//!
//! Every case runs over real QUIC beside a well-behaved app and a well-behaved hub, which must still be served
//! afterwards. Each counter must move by exactly what the case did.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod house;
#[path = "house/raw.rs"]
mod raw;

use house::{House, WAIT, acknowledged, food, heard, identify};
use nextbest::serve::GatewaySettings;
use nextbest::serve::metrics::Counter;
use nextbest::serve::token::Role;
use nextbest_client::{AppSession, HubEvent, HubHelloSettings, HubSession, Mode};
use nextbest_proto::ALPN;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::v1::{self, ErrorCode, app_reply, app_request, hub_to_gateway};
use prost::Message as _;
use quinn::{Connection, Endpoint};
use raw::closed_with;
use tokio::time::timeout;

/// A gateway with a well-behaved app and a well-behaved hub.
struct Scene {
    house: House,
    good_app: AppSession,
    good_hub: HubSession,
    next_sequence: u64,
}

impl Scene {
    async fn new() -> Self {
        let house = House::open();
        let good_app = house.app(house.token("good")).await.unwrap();
        let good_hub = house.hub("hub-middle", 1).await.unwrap();
        Self {
            house,
            good_app,
            good_hub,
            next_sequence: 0,
        }
    }

    /// The well-behaved go on.
    async fn goes_on(mut self) {
        let decision = self.good_app.query(food()).await.unwrap();
        assert_eq!(decision.answers.len(), 1);
        self.good_hub
            .send_batch(self.next_sequence, 0, &[heard(1, -60)])
            .await
            .unwrap();
        assert_eq!(acknowledged(&mut self.good_hub).await, self.next_sequence + 1);
        assert_ne!(self.house.alive_hubs(), 0);
    }

    async fn raw_app(&self) -> (Endpoint, Connection) {
        self.house.raw(self.house.gateway.app_addr(), ALPN, None).await.unwrap()
    }

    async fn welcomed_raw_app(&self) -> (Endpoint, Connection) {
        let (endpoint, connection) = self.raw_app().await;
        let replies = exchange(&connection, &frame(&hello(self.house.token("mallory")))).await;
        assert!(matches!(replies[..], [app_reply::Body::Welcome(_)]), "{replies:?}");
        (endpoint, connection)
    }

    async fn raw_hub(&self) -> (Endpoint, Connection) {
        let identity = self.house.keys.hub("hub-east").unwrap();
        self.house
            .raw(self.house.gateway.hub_addr(), ALPN, Some(identity))
            .await
            .unwrap()
    }
}

fn hello(token: String) -> v1::AppRequest {
    let hello = v1::AppHello {
        protocol_version: 1,
        token,
        ..Default::default()
    };
    v1::AppRequest {
        request_id: 1,
        body: Some(app_request::Body::Hello(hello)),
    }
}

fn query(subject: &str) -> v1::AppRequest {
    let query = v1::Query {
        subject: subject.into(),
        ..food()
    };
    v1::AppRequest {
        request_id: 2,
        body: Some(app_request::Body::Query(query)),
    }
}

fn hub_hello(hub_id: &str) -> v1::HubToGateway {
    let hello = v1::HubHello {
        protocol_version: 1,
        hub_id: hub_id.into(),
        venue_id: "hall".into(),
        boot_epoch: 1,
        ..Default::default()
    };
    v1::HubToGateway {
        body: Some(hub_to_gateway::Body::Hello(hello)),
    }
}

fn frame(message: &impl prost::Message) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    encode_frame(message, &mut out);
    out.to_vec()
}

/// Writes bytes on a stream of their own, finishes it, and reads every reply.
async fn exchange(connection: &Connection, bytes: &[u8]) -> Vec<app_reply::Body> {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    // A gateway that has refused the first bytes does not read the rest.
    let _refused = send.write_all(bytes).await;
    let _refused = send.finish();
    let read = timeout(WAIT, recv.read_to_end(65_536)).await.expect("a reply in time");
    let mut replies = &read.unwrap_or_default()[..];
    let mut bodies = Vec::new();
    while !replies.is_empty() {
        bodies.push(
            v1::AppReply::decode_length_delimited(&mut replies)
                .unwrap()
                .body
                .unwrap(),
        );
    }
    bodies
}

#[track_caller]
fn assert_error(replies: &[app_reply::Body], code: ErrorCode) {
    let [app_reply::Body::Error(error)] = replies else {
        panic!("expected {code:?}, got {replies:?}")
    };
    assert_eq!(error.code(), code, "{error}");
}

#[tokio::test]
async fn another_protocol_does_not_get_past_the_handshake() {
    let scene = Scene::new().await;
    for (to, alpn) in [
        (scene.house.gateway.app_addr(), b"h3"),
        (scene.house.gateway.hub_addr(), b"h2"),
    ] {
        let refused = scene.house.raw(to, alpn, None).await.unwrap_err();
        assert!(
            matches!(refused, quinn::ConnectionError::ConnectionClosed(_)),
            "{refused:?}"
        );
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn nothing_is_answered_before_the_hello() {
    let scene = Scene::new().await;
    let (_endpoint, connection) = scene.raw_app().await;
    assert_error(
        &exchange(&connection, &frame(&query(""))).await,
        ErrorCode::HelloExpected,
    );
    assert_eq!(scene.house.errors(ErrorCode::HelloExpected), 1);
    let replies = exchange(&connection, &frame(&hello(scene.house.token("late")))).await;
    assert!(
        matches!(replies[..], [app_reply::Body::Welcome(_)]),
        "an early question costs nothing: {replies:?}"
    );
    scene.goes_on().await;
}

#[tokio::test]
async fn a_hello_that_is_refused_closes_the_connection_with_the_reason() {
    let scene = Scene::new().await;
    let now = nextbest::serve::clock::unix_s();
    let expired = scene
        .house
        .signer
        .sign("mallory", Role::Customer, now - 120, 60)
        .unwrap();
    let version = v1::AppHello {
        protocol_version: 2,
        token: scene.house.token("mallory"),
        ..Default::default()
    };
    let cases = [
        (hello(expired), ErrorCode::TokenExpired),
        (hello(String::new()), ErrorCode::TokenMissing),
        (hello("x".repeat(3_000)), ErrorCode::TokenInvalid),
        (hello("a.b.c".into()), ErrorCode::TokenInvalid),
        (
            v1::AppRequest {
                request_id: 1,
                body: Some(app_request::Body::Hello(version)),
            },
            ErrorCode::UnsupportedVersion,
        ),
    ];
    for (request, code) in cases {
        let before = scene.house.errors(code);
        let (_endpoint, connection) = scene.raw_app().await;
        assert_error(&exchange(&connection, &frame(&request)).await, code);
        assert_eq!(closed_with(&connection).await, Some(code as u64));
        assert_eq!(scene.house.errors(code), before + 1);
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_giant_token_is_not_even_read() {
    let scene = Scene::new().await;
    let (_endpoint, connection) = scene.raw_app().await;
    assert_error(
        &exchange(&connection, &frame(&hello("x".repeat(100_000)))).await,
        ErrorCode::FrameTooLarge,
    );
    assert_error(
        &exchange(&connection, &frame(&hello("x".repeat(30_000)))).await,
        ErrorCode::FrameTooLarge,
    );
    scene.goes_on().await;
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_their_stream_and_after_ten_the_connection() {
    let scene = Scene::new().await;
    let (_endpoint, connection) = scene.welcomed_raw_app().await;
    let whole = frame(&query(""));
    let cases: [(&[u8], ErrorCode); 5] = [
        (&whole[..whole.len() - 1], ErrorCode::MalformedFrame),
        (&[0x80], ErrorCode::MalformedFrame),
        (&[0x80, 0x00], ErrorCode::MalformedFrame),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], ErrorCode::FrameTooLarge),
        (&[0xff; 11], ErrorCode::MalformedFrame),
    ];
    for (bytes, code) in cases {
        assert_error(&exchange(&connection, bytes).await, code);
    }
    let answered = exchange(&connection, &whole).await;
    assert!(
        matches!(answered[..], [app_reply::Body::Decision(_)]),
        "other streams go on: {answered:?}"
    );
    for _ in cases.len()..10 {
        assert_error(&exchange(&connection, &[0x80]).await, ErrorCode::MalformedFrame);
    }
    exchange(&connection, &[0x80]).await;
    assert_eq!(closed_with(&connection).await, Some(ErrorCode::MalformedFrame as u64));
    scene.goes_on().await;
}

#[tokio::test]
async fn a_request_that_makes_no_sense_leaves_its_neighbours_on_the_stream() {
    let scene = Scene::new().await;
    let (_endpoint, connection) = scene.welcomed_raw_app().await;
    let too_many = v1::Query {
        answers_max: 1_000_000_000,
        ..food()
    };
    let long = v1::Query {
        want: "x".repeat(33),
        ..food()
    };
    let requests = [
        (frame(&query("")), None),
        (vec![2, 0xff, 0xff], Some(ErrorCode::MalformedFrame)),
        (vec![0], Some(ErrorCode::UnexpectedMessage)),
        (
            frame(&v1::AppRequest {
                request_id: 3,
                body: Some(app_request::Body::Query(too_many)),
            }),
            Some(ErrorCode::InvalidField),
        ),
        (
            frame(&v1::AppRequest {
                request_id: 4,
                body: Some(app_request::Body::Query(long)),
            }),
            Some(ErrorCode::InvalidField),
        ),
        (frame(&query("somebody-else")), Some(ErrorCode::NotAllowed)),
        (
            frame(&hello(scene.house.token("again"))),
            Some(ErrorCode::UnexpectedMessage),
        ),
    ];
    // A second hello closes the connection, so it comes last.
    let bytes: Vec<u8> = requests.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    let replies = exchange(&connection, &bytes).await;
    assert_eq!(replies.len(), requests.len(), "{replies:?}");
    for (reply, (_, expected)) in replies.iter().zip(&requests) {
        let code = match reply {
            app_reply::Body::Error(error) => Some(error.code()),
            app_reply::Body::Decision(_) => None,
            app_reply::Body::Welcome(_)
            | app_reply::Body::SignalAck(_)
            | app_reply::Body::OutcomeAck(_)
            | app_reply::Body::Hubs(_)
            | app_reply::Body::PresenceWatched(_)
            | app_reply::Body::Readings(_) => panic!("{reply:?}"),
        };
        assert_eq!(code, *expected);
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn only_a_query_may_be_lost() {
    let scene = Scene::new().await;
    let app = scene.house.app(scene.house.token("ada")).await.unwrap();
    assert!(app.query_by(Mode::Datagram, food()).await.is_ok());
    let request = v1::AppRequest {
        request_id: 7,
        body: Some(app_request::Body::Signal(identify("m", "", 9))),
    };
    let (_endpoint, connection) = scene.welcomed_raw_app().await;
    connection.send_datagram(request.encode_to_vec().into()).unwrap();
    let reply = timeout(WAIT, connection.read_datagram()).await.unwrap().unwrap();
    let reply = v1::AppReply::decode(reply).unwrap();
    assert_eq!(reply.request_id, 7);
    assert_error(&[reply.body.unwrap()], ErrorCode::UnexpectedMessage);
    scene.goes_on().await;
}

#[tokio::test]
async fn streams_that_are_held_open_hold_up_nobody() {
    let scene = Scene::new().await;
    let (_endpoint, connection) = scene.welcomed_raw_app().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&[200]).await.unwrap();
        held.push((send, recv));
    }
    let answered = exchange(&connection, &frame(&query(""))).await;
    assert!(matches!(answered[..], [app_reply::Body::Decision(_)]), "{answered:?}");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_hub_without_a_certificate_of_ours_does_not_get_past_the_handshake() {
    let scene = Scene::new().await;
    let stranger = House::open();
    let identities = [
        None,
        Some(stranger.keys.hub("hub-west").unwrap()),
        Some(scene.house.keys.server().unwrap()),
    ];
    for identity in identities {
        let to = scene.house.gateway.hub_addr();
        let closed = match scene.house.raw(to, ALPN, identity).await {
            Err(error) => error,
            // A client may believe in the handshake before the gateway has judged its certificate.
            Ok((_endpoint, connection)) => timeout(WAIT, connection.closed()).await.unwrap(),
        };
        assert!(
            matches!(closed, quinn::ConnectionError::ConnectionClosed(_)),
            "{closed:?}"
        );
    }
    assert_eq!(scene.house.counted(Counter::HubConnected), 1, "only the good one");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_hub_says_who_its_certificate_says() {
    let scene = Scene::new().await;
    let house = &scene.house;
    let other_venue = HubHelloSettings {
        venue_id: "museum".into(),
        ..house.hub_hello("hub-west")
    };
    let cases = [
        ("hub-west", house.hub_hello("hub-east"), ErrorCode::NotAllowed),
        ("hub-west", other_venue, ErrorCode::WrongVenue),
        ("hub-nowhere", house.hub_hello("hub-nowhere"), ErrorCode::UnknownHub),
    ];
    for (certificate, hello, code) in cases {
        let refused = house.hub_with(certificate, hello).await.unwrap_err();
        assert_eq!(refused.refusal().map(v1::Error::code), Some(code), "{refused}");
        assert_eq!(house.errors(code), 1);
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn what_is_no_frame_of_a_hub_ends_its_connection_with_the_code() {
    let scene = Scene::new().await;
    let hello = frame(&hub_hello("hub-east"));
    let batch = |boot_epoch, count: usize| {
        let batch = v1::SightingBatch {
            boot_epoch,
            sightings: vec![heard(1, -60); count],
            ..Default::default()
        };
        frame(&v1::HubToGateway {
            body: Some(hub_to_gateway::Body::Batch(batch)),
        })
    };
    let old = v1::HubHello {
        protocol_version: 9,
        ..Default::default()
    };
    let old = frame(&v1::HubToGateway {
        body: Some(hub_to_gateway::Body::Hello(old)),
    });
    let cases = [
        (batch(1, 1), ErrorCode::HelloExpected),
        (old, ErrorCode::UnsupportedVersion),
        ([&hello[..], &[0xff, 0xff, 0x7f]].concat(), ErrorCode::FrameTooLarge),
        ([&hello[..], &batch(1, 1)[..9]].concat(), ErrorCode::MalformedFrame),
        ([&hello[..], &[3, 0x12, 0x7f, 0x00]].concat(), ErrorCode::MalformedFrame),
        ([&hello[..], &hello[..]].concat(), ErrorCode::UnexpectedMessage),
        ([&hello[..], &batch(2, 1)[..]].concat(), ErrorCode::InvalidField),
        ([&hello[..], &batch(1, 257)[..]].concat(), ErrorCode::InvalidField),
    ];
    for (at, (bytes, code)) in cases.into_iter().enumerate() {
        let (_endpoint, connection) = scene.raw_hub().await;
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        let _refused = send.write_all(&bytes).await;
        let _refused = send.finish();
        assert_eq!(closed_with(&connection).await, Some(code as u64), "case {at}");
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn one_bad_record_leaves_the_rest_of_its_batch() {
    let mut scene = Scene::new().await;
    scene.good_app.signal(identify("m-1", "", 1)).await.unwrap();
    let bad = [
        v1::Sighting {
            identity_kind: 0,
            ..heard(1, -60)
        },
        v1::Sighting {
            identity: vec![0; 6].into(),
            ..heard(1, -60)
        },
        v1::Sighting {
            identity: vec![1; 7].into(),
            ..heard(1, -60)
        },
        heard(1, -128),
        heard(1, 21),
    ];
    let batch: Vec<_> = bad
        .iter()
        .flat_map(|bad| [heard(1, -60), bad.clone()])
        .chain([heard(99, -60)])
        .collect();
    scene.good_hub.send_batch(0, 0, &batch).await.unwrap();
    assert_eq!(
        acknowledged(&mut scene.good_hub).await,
        11,
        "nothing needs to be sent again"
    );
    assert_eq!(scene.house.counted(Counter::SightingBad), 5);
    assert_eq!(scene.house.counted(Counter::SightingUnknownTag), 1);
    let taken = scene.house.counted(Counter::SightingFolded) + scene.house.counted(Counter::SightingMoved);
    assert_eq!(taken, 5);
    // A batch that ends in a bad record is taken whole as well.
    scene
        .good_hub
        .send_batch(11, 0, &[heard(1, -60), heard(1, 100)])
        .await
        .unwrap();
    assert_eq!(acknowledged(&mut scene.good_hub).await, 13);
    // The same again changes nothing.
    scene.good_hub.send_batch(11, 0, &[heard(1, -60)]).await.unwrap();
    assert_eq!(acknowledged(&mut scene.good_hub).await, 13);
    assert_eq!(scene.house.counted(Counter::SightingDuplicate), 1);
    scene.next_sequence = 13;
    scene.goes_on().await;
}

#[tokio::test]
async fn the_newest_connection_of_a_hub_wins() {
    let scene = Scene::new().await;
    let old = scene.house.hub("hub-west", 1).await.unwrap();
    let mut new = scene.house.hub("hub-west", 2).await.unwrap();
    assert_eq!(closed_with(old.connection()).await, Some(ErrorCode::HubReplaced as u64));
    new.send_batch(0, 0, &[heard(7, -60)]).await.unwrap();
    assert_eq!(acknowledged(&mut new).await, 1);
    assert_eq!(scene.house.errors(ErrorCode::HubReplaced), 1);
    scene.goes_on().await;
}

#[tokio::test]
async fn an_app_token_is_worth_nothing_to_a_hub_and_a_service_must_say_for_whom() {
    let scene = Scene::new().await;
    let service = scene.house.app(scene.house.service_token()).await.unwrap();
    let refused = service.query(food()).await.unwrap_err();
    assert_eq!(refused.refusal().map(v1::Error::code), Some(ErrorCode::InvalidField));
    let for_ada = v1::Query {
        subject: "ada".into(),
        ..food()
    };
    assert!(service.query(for_ada).await.is_ok());
    scene.goes_on().await;
}

#[tokio::test]
async fn draining_is_said_before_the_door_closes() {
    let settings = GatewaySettings {
        drain_wait: nextbest::serve::DRAIN_WAIT_MAX,
        ..GatewaySettings::default()
    };
    let house = House::open_with(&settings);
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    let app = house.app(house.token("ada")).await.unwrap();
    let House { gateway, .. } = house;
    let stopping = tokio::task::spawn_blocking(move || gateway.stop());
    let event = timeout(WAIT, hub.next()).await.unwrap().unwrap();
    assert!(
        matches!(event, HubEvent::Drain(drain) if drain.reconnect_after_ms > 0),
        "{event:?}"
    );
    for connection in [hub.connection(), app.connection()] {
        assert_eq!(closed_with(connection).await, Some(ErrorCode::Draining as u64));
    }
    timeout(WAIT, stopping).await.unwrap().unwrap();
}
