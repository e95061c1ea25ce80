//! Tags that change what they call themselves, end to end over QUIC: simulated tags, the hub firmware's decoding, hub
//! sessions, the gateway; a desk registers their keys. And ten thousand strangers whom nothing remembers: not the
//! metrics, not the log at its finest level.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]
#![expect(clippy::disallowed_types, reason = "the log is written by threads of the gateway")]

mod house;
#[path = "house/staff.rs"]
mod staff;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use firmware_sim::radio::{Format, Rotation, Tag};
use house::{HUBS, House, WAIT, acknowledged, food, heard, identify};
use nextbest::serve::GatewaySettings;
use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest_client::{AppSession, HubSession};
use nextbest_proto::advert::IdentityKind;
use nextbest_proto::v1;
use tokio::time::{Instant, timeout};

/// The RSSI at the hubs in the west, the middle and the east.
type Place = [i32; 3];
const WEST: Place = [-52, -86, -97];
const MIDDLE: Place = [-84, -52, -91];

/// The hubs of the hall, and the time of the tags that they hear.
struct Hubs {
    sessions: Vec<HubSession>,
    next_sequence: u64,
    began: Instant,
}

impl Hubs {
    async fn of(house: &House) -> Self {
        let mut sessions = Vec::new();
        for hub_id in HUBS {
            sessions.push(house.hub(hub_id, 1).await.unwrap());
        }
        Self {
            sessions,
            next_sequence: 0,
            began: Instant::now(),
        }
    }

    /// Milliseconds of real time since the tags were switched on.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// Each hub hears a tag once, and the gateway has taken it.
    async fn hear(&mut self, tag: &Tag, tag_ms: u64, place: Place) {
        let identity = tag.identity(tag_ms).unwrap();
        self.hear_all(&[(identity.wire_kind(), identity.bytes().to_vec())], place)
            .await;
    }

    async fn hear_all(&mut self, identities: &[(i32, Vec<u8>)], place: Place) {
        for (session, rssi_dbm) in self.sessions.iter_mut().zip(place) {
            let heard: Vec<_> = identities
                .iter()
                .map(|(identity_kind, identity)| v1::Sighting {
                    identity_kind: *identity_kind,
                    identity: identity.clone().into(),
                    rssi_dbm,
                    age_ms: 0,
                })
                .collect();
            session.send_batch(self.next_sequence, 0, &heard).await.unwrap();
            acknowledged(session).await;
        }
        self.next_sequence += identities.len() as u64;
    }
}

/// A gateway that operators can look at.
fn open() -> House {
    House::open_with(&GatewaySettings {
        drain_wait: Duration::ZERO,
        admin: Some("127.0.0.1:0".parse().unwrap()),
        ..GatewaySettings::default()
    })
}

async fn register(house: &House, message_id: &str, tag: v1::Tag) -> v1::SignalAck {
    let desk = house.app(house.service_token()).await.unwrap();
    let signal = v1::Signal {
        subject: "ada".into(),
        ..v1::Signal::registering(message_id, [tag])
    };
    desk.signal(signal).await.unwrap()
}

/// Hears a tag at a place until the gateway says the zone.
async fn hear_until(hubs: &mut Hubs, app: &AppSession, say: impl Fn(u64) -> (Tag, u64), place: Place, zone: &str) {
    let heard = async {
        loop {
            let (tag, tag_ms) = say(hubs.now_ms());
            hubs.hear(&tag, tag_ms, place).await;
            if app.query(food()).await.unwrap().zone == zone {
                return;
            }
        }
    };
    timeout(WAIT, heard).await.expect("the zone in time");
}

#[tokio::test]
async fn a_person_is_followed_when_the_address_of_their_tag_changes() {
    let house = open();
    let tag = Tag::new(1, 7, Format::PrivateAddress, 1_000, Rotation::default(), 0);
    let ack = register(&house, "desk-1", tag.registered(0).unwrap()).await;
    assert_eq!(ack.tags_refused, []);
    let (mut hubs, app) = (Hubs::of(&house).await, house.app(house.token("ada")).await.unwrap());
    let quarter_ms = 15 * 60 * 1_000;
    for (turn, (place, zone)) in [(WEST, "west-queue"), (MIDDLE, "floor-west"), (WEST, "west-queue")]
        .iter()
        .enumerate()
    {
        let tag_ms = turn as u64 * quarter_ms;
        hear_until(&mut hubs, &app, |_| (tag.clone(), tag_ms), *place, zone).await;
    }
    assert_ne!(tag.address(0), tag.address(quarter_ms));
    assert_eq!(count(&house, "address_strange").await, 0);
}

#[tokio::test]
async fn a_person_is_followed_while_the_windows_of_their_beacon_turn() {
    let house = open();
    // A new identifier every second.
    let tag = Tag::new(
        1,
        7,
        Format::EddystoneEid { rotation_exponent: 0 },
        1_000,
        Rotation::default(),
        0,
    );
    let (mut hubs, app) = (Hubs::of(&house).await, house.app(house.token("ada")).await.unwrap());
    register(&house, "desk-1", tag.registered(hubs.now_ms()).unwrap()).await;
    let mut places = [(WEST, "west-queue"), (MIDDLE, "floor-west")].into_iter().cycle();
    while count(&house, "ephemeral_resolved").await < 4 {
        let (place, zone) = places.next().unwrap();
        hear_until(&mut hubs, &app, |now_ms| (tag.clone(), now_ms), place, zone).await;
    }
    // The windows go on, and what it said at the beginning is refused.
    while hubs.now_ms() < 4_000 {
        let now_ms = hubs.now_ms();
        hubs.hear(&tag, now_ms, WEST).await;
    }
    hubs.hear(&tag, 0, WEST).await;
    assert!(count(&house, "ephemeral_replayed").await > 0);
}

#[tokio::test]
async fn an_app_may_not_register_a_resolving_key_and_is_told_why() {
    let house = House::open();
    let app = house.app(house.token("ada")).await.unwrap();
    let ack = app
        .signal(v1::Signal::registering("own-1", [v1::Tag::resolved_by([3; 16])]))
        .await
        .unwrap();
    let reasons: Vec<_> = ack
        .tags_refused
        .iter()
        .map(|refusal| (refusal.tag, refusal.reason()))
        .collect();
    assert_eq!(reasons, [(0, v1::TagRefusalReason::ServiceOnly)]);
}

/// Strangers' identities: easy to recognise, whatever form something would write them in.
fn strangers() -> Vec<(i32, Vec<u8>)> {
    let kinds = [
        (IdentityKind::Address, vec![0x5A, 0xCA, 0xFE]),
        (IdentityKind::Address, vec![0xFA, 0xCA, 0xFE]),
        (IdentityKind::EddystoneEid, vec![0xE1, 0xDB, 0xCA, 0xFE, 0x77]),
    ];
    let stranger = |number: u32| {
        let (kind, head) = &kinds[number as usize % kinds.len()];
        let [_, a, b, c] = number.to_be_bytes();
        (
            v1::IdentityKind::from(*kind).into(),
            [head.as_slice(), &[a, b, c]].concat(),
        )
    };
    (0..10_000).map(stranger).collect()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn ten_thousand_strangers_leave_no_trace_in_metrics_and_log() {
    let log = Log::default();
    let written = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || written.clone())
        .try_init()
        .expect("this test alone sets the log");
    let house = open();
    let secret = [0x5E; 16];
    register(&house, "desk-1", v1::Tag::resolved_by(secret)).await;
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("desk-2", "ben", 1)).await.unwrap();
    let mut hubs = Hubs::of(&house).await;
    assert_eq!(house.alive_hubs(), HUBS.len());
    // Among them is somebody whom the venue knows, by a tag that stays.
    let known = heard(1, 0);
    hubs.hear_all(&[(known.identity_kind, known.identity.to_vec())], WEST)
        .await;
    for some in strangers().chunks(200) {
        hubs.hear_all(some, WEST).await;
    }
    tracing::info!("the log is taken");
    assert!(count(&house, "address_strange").await > 3_000);
    let metrics = metrics(&house).await;
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).to_lowercase();
    assert!(log.contains("the log is taken"));
    for text in [
        metrics.to_lowercase(),
        log,
        format!("{:?}", house.engine).to_lowercase(),
    ] {
        // Long enough not to be met by chance among the hexadecimal ids of connections.
        for trace in [
            "5acafe",
            "facafe",
            "dbcafe",
            "ca:fe:",
            "ca, fe, ",
            "202, 254, ",
            "5e5e5e5e",
            "94, 94, 94",
        ] {
            assert!(!text.contains(trace), "{trace} is in the text");
        }
    }
}

/// What the gateway shows to staff.
async fn metrics(house: &House) -> String {
    let name = format!("viewer-{}", house.keys.admin_tokens().unwrap().iter().count());
    let viewer = house.staff(&name, AdminRole::Viewer);
    house.ask("GET", "/metrics", &viewer, "").await.1
}

/// How often something became of a changing identity.
async fn count(house: &House, outcome: &str) -> u64 {
    let series = format!("nextbest_changing_identities_total{{outcome=\"{outcome}\"}} ");
    let metrics = metrics(house).await;
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.expect("the series").parse().unwrap()
}
