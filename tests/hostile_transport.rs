//! Peers that misbehave below the contract: packets that are none, handshakes that end nowhere, streams that are opened and
//! never used, reset, or fed a byte at a time, replies that nobody reads. Each is refused, closed or bounded with its code and
//! its counter, and a well-behaved app and hub beside it are answered all the while.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;
#[path = "house/raw.rs"]
mod raw;
#[expect(dead_code, reason = "this test needs no role in particular")]
#[path = "house/staff.rs"]
mod staff;

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::BytesMut;
use house::{HUBS, House, WAIT, acknowledged, food, heard};
use nextbest::serve::GatewaySettings;
use nextbest::serve::admission::HandshakeLimits;
use nextbest::serve::clock::unix_s;
use nextbest::serve::doors::Rate;
use nextbest::serve::identities::IdentityLimits;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::{Identity, KeyFolder};
use nextbest::serve::metrics::Counter;
use nextbest::serve::transport::Limits;
use nextbest_client::{AppSession, HubSession};
use nextbest_proto::ALPN;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::v1::{self, ErrorCode, app_request};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use raw::closed_with;
use tokio::time::timeout;

/// An app and a hub that behave, beside whoever does not.
struct Witness {
    app: AppSession,
    hub: HubSession,
    batches: u64,
}

impl Witness {
    async fn of(house: &House) -> Self {
        Self {
            app: house.app(house.service_token()).await.unwrap(),
            hub: house.hub(HUBS[0], 1).await.unwrap(),
            batches: 0,
        }
    }

    /// Both are answered.
    async fn is_served(&mut self, beside: &str) {
        let query = v1::Query {
            subject: "witness".into(),
            ..food()
        };
        let answer = timeout(WAIT, self.app.query(query)).await.expect(beside);
        assert!(answer.is_ok(), "{beside}: {answer:?}");
        self.hub
            .send_batch(self.batches, 0, &[heard(1, -60)])
            .await
            .expect(beside);
        self.batches += 1;
        assert_eq!(acknowledged(&mut self.hub).await, self.batches, "{beside}");
    }
}

fn frame(body: app_request::Body) -> BytesMut {
    let mut out = BytesMut::new();
    let request = v1::AppRequest {
        request_id: 1,
        body: Some(body),
    };
    encode_frame(&request, &mut out);
    out
}

/// A connection of a customer that was welcomed.
async fn welcomed(house: &House, token: String) -> (Endpoint, Connection) {
    let (endpoint, connection) = house.raw(house.gateway.app_addr(), ALPN, None).await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let hello = v1::AppHello {
        protocol_version: nextbest_proto::PROTOCOL_VERSION,
        token,
        ..v1::AppHello::default()
    };
    send.write_all(&frame(app_request::Body::Hello(hello))).await.unwrap();
    send.finish().unwrap();
    timeout(WAIT, recv.read_to_end(16_384)).await.unwrap().unwrap();
    (endpoint, connection)
}

fn initial(version: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![0xc3];
    packet.extend(version.to_be_bytes());
    packet.extend([8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    let rest = u16::try_from(len - packet.len() - 2).unwrap() | 0x4000;
    packet.extend(rest.to_be_bytes());
    packet.resize(len, 0x5a);
    packet
}

#[tokio::test]
async fn packets_that_are_none_are_ignored_and_never_amplified() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let before = handshakes(&house);
    let mut noise: u32 = 0x1234_5678;
    let mut random = |len: usize| -> Vec<u8> {
        let next = |noise: &mut u32| {
            *noise ^= *noise << 13;
            *noise ^= *noise >> 17;
            *noise ^= *noise << 5;
            noise.to_be_bytes()[0]
        };
        (0..len).map(|_| next(&mut noise)).collect()
    };
    let mut packets: Vec<(&str, Vec<u8>)> = (1..200).map(|n| ("noise", random(n * 7))).collect();
    packets.extend([0, 1, 20, 600, 1_199].map(|len| ("a short Initial", initial(1, len.max(30)))));
    packets.extend((0..50).map(|_| ("an Initial that nobody encrypted", initial(1, 1_200))));
    packets.push(("another version", initial(0x1a2a_3a4a, 1_200)));
    packets.push(("another version, short", initial(0x1a2a_3a4a, 1_199)));
    let mut kinds: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for (what, packet) in packets {
        kinds.entry(what).or_default().push(packet);
    }
    for (what, packets) in kinds {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut sent = 0;
        for packet in packets {
            for to in [house.gateway.app_addr(), house.gateway.hub_addr()] {
                socket.send_to(&packet, to).unwrap();
                sent += packet.len();
            }
        }
        // Both listeners have answered it by then, if they do: they work in the order in which packets come.
        witness.is_served(what).await;
        let (mut buffer, mut received) = ([0; 2_000], 0);
        while let Ok((len, _from)) = socket.recv_from(&mut buffer) {
            received += len;
        }
        assert!(received <= sent, "{what}: {received} bytes came back for {sent}");
    }
    assert_eq!(handshakes(&house), before, "none of it became a connection");
}

fn handshakes(house: &House) -> u64 {
    house.counted(Counter::AppConnected) + house.counted(Counter::HubConnected)
}

#[tokio::test]
async fn who_has_no_right_certificate_or_protocol_is_not_let_in() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let make = |unix_s: u64, hub: &str| {
        let folder = tempfile::TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            hub_ids: vec![hub.into()],
            ..KeyRequest::default()
        };
        make_keys(folder.path(), &request, unix_s).unwrap();
        KeyFolder::open(folder.path()).unwrap().hub(hub).unwrap()
    };
    let (apps, hubs) = (house.gateway.app_addr(), house.gateway.hub_addr());
    let cases: Vec<(&str, SocketAddr, &[u8], Option<Identity>)> = vec![
        ("an app without our protocol", apps, b"h3", None),
        ("an app with an empty protocol", apps, b"x", None),
        (
            "a hub without our protocol",
            hubs,
            b"h3",
            Some(house.keys.hub("hub-east").unwrap()),
        ),
        ("a hub without a certificate", hubs, ALPN, None),
        (
            "a hub of another authority",
            hubs,
            ALPN,
            Some(make(unix_s(), "hub-east")),
        ),
        (
            "a hub whose certificate has ended",
            hubs,
            ALPN,
            Some(make(1_000_000_000, "hub-east")),
        ),
        (
            "a hub with the gateway's certificate",
            hubs,
            ALPN,
            Some(house.keys.server().unwrap()),
        ),
    ];
    for (what, to, alpn, identity) in cases {
        let (failed, before) = (house.counted(Counter::HandshakeFailed), handshakes(&house));
        // With TLS 1.3 a client learns of its refused certificate after its own side of the handshake.
        if let Ok((_endpoint, connection)) = house.raw(to, alpn, identity).await {
            closed_with(&connection).await;
        }
        witness.is_served(what).await;
        assert_eq!(house.counted(Counter::HandshakeFailed), failed + 1, "{what}");
        assert_eq!(handshakes(&house), before, "{what}");
    }
}

#[tokio::test]
async fn handshakes_that_end_nowhere_leave_nothing() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    for _ in 0..40 {
        let (endpoint, connection) = house.raw(house.gateway.app_addr(), ALPN, None).await.unwrap();
        connection.close(0_u32.into(), b"");
        drop((connection, endpoint));
    }
    witness.is_served("a close storm").await;
    assert!(house.counted(Counter::AppConnected) >= 41);
}

#[tokio::test]
async fn an_address_that_comes_often_proves_itself_and_gets_in() {
    let house = House::open();
    let mut connections = Vec::new();
    for _ in 0..100 {
        connections.push(house.raw(house.gateway.app_addr(), ALPN, None).await.unwrap());
    }
    assert!(
        house.counted(Counter::HandshakeRetried) > 0,
        "beyond 64 at once a Retry is sent"
    );
    assert_eq!(house.counted(Counter::HandshakeRefused), 0);
    assert!(
        house.counted(Counter::AppConnected) >= 99,
        "a stadium shares an address, and all of it gets in"
    );
}

#[tokio::test]
async fn everybody_proves_their_address_when_the_operator_says_so() {
    let always = HandshakeLimits {
        retry_from: 0,
        ..HandshakeLimits::DEFAULT
    };
    let house = House::open_with(&GatewaySettings {
        apps: Limits {
            handshakes: always,
            ..Limits::APP
        },
        hubs: Limits {
            handshakes: always,
            ..Limits::HUB
        },
        ..GatewaySettings::default()
    });
    let mut witness = Witness::of(&house).await;
    witness.is_served("a Retry for each").await;
    assert_eq!(house.counted(Counter::HandshakeRetried), 2);
}

#[tokio::test]
async fn streams_are_bounded_and_idle_ones_harm_nobody_else() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let (_endpoint, connection) = welcomed(&house, house.token("ada")).await;
    let mut held: Vec<(SendStream, RecvStream)> = Vec::new();
    let a_moment = Duration::from_millis(300);
    while let Ok(Ok((mut send, recv))) = timeout(a_moment, connection.open_bi()).await {
        // A length, and nothing of what it announces.
        if send.write_all(&[0x64]).await.is_err() {
            break;
        }
        held.push((send, recv));
    }
    let uni = timeout(a_moment, connection.open_uni()).await;
    assert!(!matches!(uni, Ok(Ok(_))), "a unidirectional stream was let in");
    witness.is_served("idle streams").await;
    assert!((1..=16).contains(&held.len()), "{} streams", held.len());
    // The frames that were announced are given up, and with ten of them the connection.
    assert_eq!(closed_with(&connection).await, Some(ErrorCode::DeadlinePassed as u64));
    assert!(house.errors(ErrorCode::DeadlinePassed) > 10);
    witness.is_served("a connection that held its streams").await;
}

#[tokio::test]
async fn a_frame_has_one_deadline_however_its_bytes_are_spread() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let (_endpoint, connection) = welcomed(&house, house.token("ada")).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    // 1,000 bytes are announced; one comes every fifth of a second.
    send.write_all(&[0xe8, 0x07]).await.unwrap();
    let mut buffer = [0; 1_024];
    let mut sent = 0;
    let read = loop {
        match timeout(Duration::from_millis(200), recv.read(&mut buffer)).await {
            Ok(read) => break read.unwrap(),
            Err(_) => sent += usize::from(send.write_all(&[0]).await.is_ok()),
        }
        assert!(sent < 100, "the frame's deadline never ends");
    };
    assert!(read.is_some(), "the peer is told why");
    assert_eq!(house.errors(ErrorCode::DeadlinePassed), 1);
    witness.is_served("a byte at a time").await;
}

#[tokio::test]
async fn torn_frames_of_a_connection_are_bounded_together() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let (_endpoint, connection) = welcomed(&house, house.token("ada")).await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        let (mut send, recv) = connection.open_bi().await.unwrap();
        // 32,000 bytes are announced, and 12,000 come.
        send.write_all(&[0x80, 0xfa, 0x01]).await.unwrap();
        send.write_all(&[0; 12_000]).await.unwrap();
        streams.push((send, recv));
    }
    let mut refused = 0;
    for (_send, recv) in &mut streams {
        refused += usize::from(
            !timeout(WAIT, recv.read_to_end(4_096))
                .await
                .unwrap()
                .unwrap()
                .is_empty(),
        );
    }
    assert_eq!(refused, 6, "some at once, the others at their deadline");
    assert!(house.errors(ErrorCode::Overloaded) >= 3);
    witness.is_served("torn frames").await;
}

#[tokio::test]
async fn a_peer_that_resets_its_streams_is_closed() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let (_endpoint, connection) = welcomed(&house, house.token("ada")).await;
    for _ in 0..2_000 {
        let Ok((mut send, _recv)) = connection.open_bi().await else {
            break;
        };
        if send.write_all(&[0x64]).await.is_err() || send.reset(7_u32.into()).is_err() {
            break;
        }
    }
    assert_eq!(closed_with(&connection).await, Some(ErrorCode::StreamsAbandoned as u64));
    assert_eq!(house.errors(ErrorCode::StreamsAbandoned), 1);
    witness.is_served("a reset flood").await;
}

#[tokio::test]
async fn a_peer_that_wants_no_answers_is_bounded() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let (_endpoint, connection) = welcomed(&house, house.token("ada")).await;
    let query = frame(app_request::Body::Query(food()));
    for _ in 0..300 {
        let Ok((mut send, mut recv)) = connection.open_bi().await else {
            break;
        };
        if send.write_all(&query).await.is_err() {
            break;
        }
        let _stopped = recv.stop(9_u32.into());
        let _finished = send.finish();
    }
    witness.is_served("a flood of STOP_SENDING").await;
}

#[tokio::test]
async fn a_peer_that_never_reads_is_given_up() {
    let house = House::open();
    let mut witness = Witness::of(&house).await;
    let (_endpoint, connection) = welcomed(&house, house.service_token()).await;
    connection.set_receive_window(8_192_u32.into());
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    let query = frame(app_request::Body::Query(v1::Query {
        subject: "ada".into(),
        ..food()
    }));
    let many = query.repeat(500);
    let pushed = async {
        while send.write_all(&many).await.is_ok() {}
        send.stopped().await
    };
    let stopped = timeout(WAIT, pushed).await.expect("the gateway gives it up").unwrap();
    assert_eq!(
        stopped.map(quinn::VarInt::into_inner),
        Some(ErrorCode::Overloaded as u64)
    );
    witness.is_served("replies that nobody reads").await;
}

#[tokio::test]
async fn an_identity_is_slowed_down_and_the_others_are_not() {
    let house = House::open_with(&GatewaySettings {
        identities: IdentityLimits {
            customer: Rate { per_s: 1, burst: 30 },
            ..IdentityLimits::DEFAULT
        },
        ..GatewaySettings::default()
    });
    let mut witness = Witness::of(&house).await;
    let app = house.app(house.token("ada")).await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..100 {
        codes.push(app.query(food()).await.err());
    }
    let exceeded = house.errors(ErrorCode::RateExceeded);
    assert!(
        exceeded > 0,
        "a hundred questions at once are more than this house allows"
    );
    assert_eq!(codes.iter().flatten().count() as u64, exceeded, "each is told so");
    witness.is_served("a customer who asks too often").await;
    let other = house.app(house.token("ben")).await.unwrap();
    assert!(other.query(food()).await.is_ok());
    for (n, allowed) in [(0, true), (1, false), (2, true), (3, false)] {
        let answer = app.signal(consent(n, &[allowed])).await;
        assert_eq!(
            answer.is_ok(),
            !allowed,
            "withdrawing alone is always heard: {answer:?}"
        );
    }
    assert!(
        app.signal(consent(4, &[false, true])).await.is_err(),
        "nothing rides along"
    );
    let mut with_more = consent(5, &[false]);
    with_more.tags.push(house::tag(1));
    assert!(app.signal(with_more).await.is_err());

    let mut connections = Vec::new();
    for _ in 0..15 {
        connections.push(house.app(house.token("ada")).await.unwrap());
    }
    let one_more = house
        .app(house.token("ada"))
        .await
        .expect_err("a seventeenth connection");
    let code = one_more.refusal().map(v1::Error::code);
    assert_eq!(code, Some(ErrorCode::TooManyConnections));
    assert!(house.app(house.token("ben")).await.is_ok());
}

fn consent(n: u32, allowed: &[bool]) -> v1::Signal {
    let consent = |allowed: &bool| v1::Consent {
        purpose: v1::Purpose::Location.into(),
        allowed: *allowed,
        ..v1::Consent::default()
    };
    v1::Signal {
        message_id: format!("consent-{n}"),
        kind: v1::SignalKind::Identify.into(),
        consents: allowed.iter().map(consent).collect(),
        ..v1::Signal::default()
    }
}

#[tokio::test]
async fn a_request_over_https_has_to_come() {
    let house = House::open_with(&GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        ..GatewaySettings::default()
    });
    let admin = house.gateway.admin_addr().unwrap();
    let silent = house.ask_raw(admin, String::new());
    let torn = house.ask_raw(admin, "GET /healthz HTTP/1.1\r\nhost: local".to_owned());
    // The listener ends both. Whoever reads gives up only after WAIT.
    let ended = async { tokio::join!(silent, torn) };
    timeout(WAIT.mul_f32(0.9), ended).await.unwrap();
    assert_eq!(house.ask("GET", "/healthz", "", "").await.0, 200);
}

#[tokio::test]
async fn a_full_listener_leaves_the_others_alone() {
    let house = House::open_with(&GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        apps: Limits {
            connections_max: 8,
            ..Limits::APP
        },
        ..GatewaySettings::default()
    });
    let mut witness = Witness::of(&house).await;
    let mut connections = Vec::new();
    for _ in 0..7 {
        connections.push(house.raw(house.gateway.app_addr(), ALPN, None).await.unwrap());
    }
    for refused in 1..=50 {
        assert!(house.raw(house.gateway.app_addr(), ALPN, None).await.is_err());
        assert_eq!(house.counted(Counter::HandshakeRefused), refused);
    }
    witness.is_served("a full listener of apps").await;
    for hub in &HUBS[1..] {
        let mut hub = house.hub(hub, 1).await.unwrap();
        for sequence in 0..20 {
            hub.send_batch(sequence, 0, &[heard(1, -60)]).await.unwrap();
            assert_eq!(acknowledged(&mut hub).await, sequence + 1);
        }
    }
    assert_eq!(house.ask("GET", "/healthz", "", "").await.0, 200);
}
