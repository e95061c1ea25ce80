//! Golden bytes pin every message of the contract, in both directions.
//!
//! `golden/messages.txt` has one line for each case below: its name and its bytes in hexadecimal. A change of the
//! contract or of the code generator that would change what goes over the wire fails here, also where the
//! descriptors are the same. Every field of every message occurs in some case; a field that is added to the
//! contract must be added to a case, and its line in the file replaced by the one that the test prints.
#![expect(clippy::panic, clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use nextbest_proto::v1::{
    self, Answer, AppHello, AppPush, AppReply, AppRequest, AppWelcome, BatchAck, Consent, Decision, Drain, ErrorCode,
    Factors, GatewayToHub, HubFlag, HubGoodbye, HubHealth, HubHello, HubStatus, HubToGateway, HubWelcome, HubsReport,
    HubsRequest, IdentityKind, NotChosen, Outcome, OutcomeAck, OutcomeKind, Place, PresenceBatch, PresenceEvent,
    PresenceKind, PresenceWatched, Property, Purpose, Query, RadioState, Reading, ReadingsReply, ReadingsRequest,
    ReasonCode, Sighting, SightingBatch, Signal, SignalAck, SignalKind, StayEnd, Tag, WatchPresence, app_push,
    app_reply, app_request, gateway_to_hub, hub_to_gateway, property,
};
use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

#[test]
fn what_a_hub_says() {
    let said = |body| HubToGateway { body: Some(body) };
    check("hub_hello", &said(hub_to_gateway::Body::Hello(hub_hello())));
    check("hub_batch", &said(hub_to_gateway::Body::Batch(batch())));
    check("hub_batch_in_a_datagram", &batch());
    check("hub_health", &said(hub_to_gateway::Body::Health(hub_health())));
    check(
        "hub_goodbye",
        &said(hub_to_gateway::Body::Goodbye(HubGoodbye {
            reason: "update".into(),
        })),
    );
}

#[test]
fn what_a_hub_is_told() {
    let told = |body| GatewayToHub { body: Some(body) };
    let welcome = HubWelcome {
        next_sequence: 4_096,
        heartbeat_ms: 5_000,
        sightings_per_batch_max: 256,
    };
    check("hub_welcome", &told(gateway_to_hub::Body::Welcome(welcome)));
    check(
        "hub_ack",
        &told(gateway_to_hub::Body::Ack(BatchAck { next_sequence: 4_352 })),
    );
    check("hub_drain", &told(gateway_to_hub::Body::Drain(drain())));
    let error = v1::Error::because(ErrorCode::UnknownHub, "No such hub.");
    check("hub_error", &told(gateway_to_hub::Body::Error(error)));
}

#[test]
fn what_an_app_asks() {
    let asked = |body| AppRequest {
        request_id: 7,
        body: Some(body),
    };
    check("app_hello", &asked(app_request::Body::Hello(app_hello())));
    check("app_query", &asked(app_request::Body::Query(query())));
    check("app_signal", &asked(app_request::Body::Signal(signal())));
    check("app_outcome", &asked(app_request::Body::Outcome(outcome())));
    let keys = Signal {
        subject: "fan-7".into(),
        ..Signal::registering(
            "m-2",
            [Tag::resolved_by([0x44; 16]), Tag::ephemeral([0x55; 16], 10, 4_000)],
        )
    };
    check("app_signal_with_keys", &asked(app_request::Body::Signal(keys)));
    let dated = Signal {
        message_id: "m-3".into(),
        kind: SignalKind::Identify.into(),
        consents: vec![Consent {
            purpose: Purpose::Marketing.into(),
            allowed: true,
            given_unix_s: 1_790_000_000,
            until_unix_s: 1_800_000_000,
        }],
        ..Signal::default()
    };
    check("app_signal_with_dates", &asked(app_request::Body::Signal(dated)));
    check("app_hubs", &asked(app_request::Body::Hubs(HubsRequest { first: 32 })));
    let watch = WatchPresence {
        subject: "fan-7".into(),
        zone: "concourse-n".into(),
    };
    check("app_watch_presence", &asked(app_request::Body::WatchPresence(watch)));
    let readings = ReadingsRequest {
        subject: "surveyor".into(),
        tag: signal().tags.pop(),
        after: 4_096,
    };
    check("app_readings_request", &asked(app_request::Body::Readings(readings)));
}

#[test]
fn what_an_app_is_answered() {
    let answered = |body| AppReply {
        request_id: 7,
        body: Some(body),
    };
    let welcome = AppWelcome {
        venue_id: "stadium".into(),
        generation: 3,
        token_expires_in_s: 900,
        requests_open_max: 16,
    };
    check("app_welcome", &answered(app_reply::Body::Welcome(welcome)));
    check("app_decision", &answered(app_reply::Body::Decision(decision())));
    let ack = SignalAck {
        message_id: "m-1".into(),
        duplicate: true,
        ..SignalAck::default()
    };
    check("app_signal_ack", &answered(app_reply::Body::SignalAck(ack)));
    let refused = SignalAck {
        message_id: "m-2".into(),
        tags_refused: vec![v1::TagRefusal {
            tag: 1,
            reason: v1::TagRefusalReason::CarriedByAnother.into(),
        }],
        ..SignalAck::default()
    };
    check("app_signal_ack_refused", &answered(app_reply::Body::SignalAck(refused)));
    check(
        "app_outcome_ack",
        &answered(app_reply::Body::OutcomeAck(OutcomeAck { decision_id: 99 })),
    );
    let readings = ReadingsReply {
        readings: vec![Reading {
            hub_id: "hub-3".into(),
            rssi_dbm: -71,
            age_ms: 250,
        }],
        next: 4_097,
        dropped: 3,
    };
    check("app_readings", &answered(app_reply::Body::Readings(readings)));
    let error = v1::Error::because(ErrorCode::Overloaded, "Too much to do.").after(250);
    check("app_error", &answered(app_reply::Body::Error(error)));
    check("app_hubs_report", &answered(app_reply::Body::Hubs(hubs_report())));
    check(
        "app_presence_watched",
        &answered(app_reply::Body::PresenceWatched(PresenceWatched {})),
    );
}

#[test]
fn what_an_app_is_pushed() {
    check(
        "push_decision",
        &AppPush {
            body: Some(app_push::Body::Decision(decision())),
        },
    );
    check(
        "push_drain",
        &AppPush {
            body: Some(app_push::Body::Drain(drain())),
        },
    );
    check(
        "push_presence",
        &AppPush {
            body: Some(app_push::Body::Presence(presence())),
        },
    );
}

#[test]
fn every_field_of_the_contract_is_pinned() {
    let set = FileDescriptorSet::decode(&include_bytes!("../descriptor/nextbest.v1.binpb")[..]).unwrap();
    let messages: BTreeMap<String, DescriptorProto> = set
        .file
        .into_iter()
        .flat_map(|file| file.message_type)
        .map(|message| (format!(".nextbest.v1.{}", message.name()), message))
        .collect();
    let mut seen = BTreeSet::new();
    for (name, bytes) in golden() {
        collect_fields(&messages, frame_type(name), &bytes, &mut seen);
    }
    let unseen = messages
        .iter()
        .flat_map(|(name, message)| message.field.iter().map(move |field| (name, field)));
    let unseen: Vec<String> = unseen
        .filter(|(name, field)| !seen.contains(&((*name).clone(), field.number())))
        .map(|(name, field)| format!("{name}.{}", field.name()))
        .collect();
    assert!(unseen.is_empty(), "add these fields to a case: {unseen:?}");
}

/// The frame that a line holds, by the beginning of its name.
fn frame_type(name: &str) -> &'static str {
    match name {
        "hub_batch_in_a_datagram" => ".nextbest.v1.SightingBatch",
        "hub_hello" | "hub_batch" | "hub_health" | "hub_goodbye" => ".nextbest.v1.HubToGateway",
        "app_hello"
        | "app_query"
        | "app_signal"
        | "app_signal_with_keys"
        | "app_signal_with_dates"
        | "app_outcome"
        | "app_hubs"
        | "app_watch_presence"
        | "app_readings_request" => ".nextbest.v1.AppRequest",
        name if name.starts_with("hub_") => ".nextbest.v1.GatewayToHub",
        name if name.starts_with("app_") => ".nextbest.v1.AppReply",
        name if name.starts_with("push_") => ".nextbest.v1.AppPush",
        name => panic!("{name}: of which frame?"),
    }
}

/// Walks over the bytes with the descriptors and remembers each field that occurs.
fn collect_fields(
    messages: &BTreeMap<String, DescriptorProto>,
    name: &str,
    mut bytes: &[u8],
    seen: &mut BTreeSet<(String, i32)>,
) {
    while !bytes.is_empty() {
        let key = prost::encoding::decode_varint(&mut bytes).unwrap();
        let number = i32::try_from(key >> 3).unwrap();
        let field = messages[name]
            .field
            .iter()
            .find(|field| field.number() == number)
            .unwrap();
        seen.insert((name.to_owned(), number));
        match key & 7 {
            0 => drop(prost::encoding::decode_varint(&mut bytes).unwrap()),
            1 => bytes = &bytes[8..],
            2 => {
                let len = usize::try_from(prost::encoding::decode_varint(&mut bytes).unwrap()).unwrap();
                let (value, rest) = bytes.split_at(len);
                if field.r#type() == Type::Message {
                    collect_fields(messages, field.type_name(), value, seen);
                }
                bytes = rest;
            }
            5 => bytes = &bytes[4..],
            wire_type => panic!("{name}.{}: wire type {wire_type}", field.name()),
        }
    }
}

/// Both directions: the message gives exactly the bytes of the file, and the bytes give the message.
fn check<M: Message + Default + PartialEq + Debug>(name: &str, message: &M) {
    let line = format!("{name} = {}", hex(&message.encode_to_vec()));
    let golden = golden().find(|(golden, _)| *golden == name).map(|(_, bytes)| bytes);
    let golden = golden.unwrap_or_else(|| panic!("the file has no such line:\n{line}"));
    assert_eq!(
        hex(&message.encode_to_vec()),
        hex(&golden),
        "if the contract grew, the line becomes:\n{line}"
    );
    assert_eq!(&M::decode(&golden[..]).unwrap(), message, "{name}");
}

/// Names and bytes of the file; lines that begin with # are for people.
fn golden() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let lines = include_str!("golden/messages.txt").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, digits) = line.split_once(" = ").unwrap();
            let pairs = (0..digits.len()).step_by(2);
            (
                name,
                pairs
                    .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
                    .collect(),
            )
        })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hub_hello() -> HubHello {
    HubHello {
        protocol_version: 1,
        hub_id: "hub-3".into(),
        venue_id: "stadium".into(),
        boot_epoch: 17,
        oldest_sequence: 4_000,
        firmware: "sim 0.1".into(),
    }
}

fn batch() -> SightingBatch {
    let sighting = |kind: IdentityKind, identity: &'static [u8], rssi_dbm, age_ms| Sighting {
        identity_kind: kind.into(),
        identity: identity.into(),
        rssi_dbm,
        age_ms,
    };
    SightingBatch {
        boot_epoch: 17,
        first_sequence: 4_096,
        sent_at_ms: 123_456,
        sightings: vec![
            sighting(IdentityKind::Address, &[0xe7, 0x8f, 0x13, 1, 2, 3], -127, 250),
            sighting(IdentityKind::Ibeacon, &[0x2f; 20], -59, 0),
            sighting(IdentityKind::EddystoneUid, &[0x11; 16], 20, 1),
            sighting(IdentityKind::Altbeacon, &[0x22; 20], 127, u32::MAX),
            sighting(IdentityKind::EddystoneEid, &[0x33; 8], 0, 128),
        ],
    }
}

fn hub_health() -> HubHealth {
    HubHealth {
        uptime_ms: 86_400_000,
        adverts_heard: 1_000_000,
        sightings_dropped: 12,
        buffer_len: 300,
        adverts_malformed: 4,
        clock_unix_ms: 1_700_000_000_000,
        temperature_celsius: Some(-12.5),
        adapter: "hci0".into(),
        radio_state: RadioState::Scanning.into(),
        adverts_per_second: 312.5,
        adverts_filtered: 999_000,
        radio_restarts: 2,
    }
}

fn drain() -> Drain {
    Drain {
        reconnect_after_ms: 1_000,
        jitter_ms: 5_000,
    }
}

fn app_hello() -> AppHello {
    AppHello {
        protocol_version: 1,
        token: "a.b.c".into(),
        locale: "es-MX".into(),
        app: "fan 2.1".into(),
        subscribe: true,
    }
}

fn query() -> Query {
    Query {
        subject: "fan-7".into(),
        want: "food".into(),
        channel: "mobile".into(),
        placement: "home".into(),
        locale: "en".into(),
        answers_max: 3,
        why: true,
        deadline_ms: 200,
    }
}

fn signal() -> Signal {
    let property = |name: &str, value| Property {
        name: name.into(),
        value: Some(value),
    };
    Signal {
        message_id: "m-1".into(),
        kind: SignalKind::Track.into(),
        subject: "fan-7".into(),
        name: "Order Completed".into(),
        timestamp_unix_ms: 1_700_000_000_000,
        properties: vec![
            property("dish", property::Value::Text("pizza".into())),
            property("total", property::Value::Number(12.5)),
            property("member", property::Value::Flag(true)),
        ],
        channel: "kiosk".into(),
        anonymous_id: "anon-1".into(),
        tags: vec![Tag {
            identity_kind: IdentityKind::EddystoneEid.into(),
            identity: (&[0x33; 8][..]).into(),
            ..Tag::default()
        }],
        consents: vec![Consent {
            purpose: Purpose::Location.into(),
            allowed: true,
            ..Consent::default()
        }],
    }
}

fn outcome() -> Outcome {
    Outcome {
        subject: "fan-7".into(),
        decision_id: 99,
        action: "nearest_food".into(),
        kind: OutcomeKind::Accept.into(),
    }
}

fn decision() -> Decision {
    Decision {
        decision_id: 99,
        generation: 3,
        answers: vec![answer()],
        reasons: vec![ReasonCode::PositionStale.into(), ReasonCode::CustomerUnknown.into()],
        zone: "concourse-n".into(),
        zone_age_ms: Some(0),
        stage: "retention".into(),
        not_chosen: vec![NotChosen {
            action: "scarf".into(),
            reason: ReasonCode::CapReached.into(),
            priority: Some(0.25),
        }],
        actions_considered: 1_024,
        actions_eligible: 40,
        zone_confidence: Some(0.75),
    }
}

fn hubs_report() -> HubsReport {
    let status = HubStatus {
        hub_id: "hub-3".into(),
        alive: true,
        heard_ms_ago: Some(120),
        sightings_per_s: 40.5,
        sightings_per_s_of_minute: 38.25,
        share: 0.125,
        sightings_used: 9_000,
        sightings_unknown: 700,
        sightings_duplicate: 60,
        sightings_late: 5,
        sightings_bad: 4,
        sightings_contradicted: 3,
        sightings_dropped: 12,
        buffer_len: 300,
        adverts_per_s: 512.0,
        adverts_malformed: 4,
        clock_offset_ms: Some(-2_500),
        temperature_celsius: Some(41.5),
        uptime_ms: 86_400_000,
        firmware: "sim 0.1".into(),
        flags: vec![HubFlag::Contradicted.into(), HubFlag::ClockSkewed.into()],
    };
    HubsReport {
        hubs_known: 40,
        first: 32,
        sightings_per_s: 306.0,
        hubs: vec![status],
    }
}

fn presence() -> PresenceBatch {
    PresenceBatch {
        events: vec![PresenceEvent {
            kind: PresenceKind::Left.into(),
            subject: "fan-7".into(),
            zone: "concourse-n".into(),
            at_unix_ms: 1_700_000_000_000,
            stay_ms: 60_000,
            confidence: 0.75,
            end: StayEnd::Silent.into(),
        }],
        dropped: 2,
    }
}

fn answer() -> Answer {
    Answer {
        issue: "service".into(),
        group: "food".into(),
        action: "nearest_food".into(),
        treatment: "push".into(),
        message: "Pizza en 4 min".into(),
        locale: "es".into(),
        place: Some(Place {
            id: "stand-12".into(),
            name: "Pizza Norte".into(),
            walk_s: Some(75),
            wait_s: Some(0),
            level: "l1".into(),
            east_m: 12.5,
            north_m: -40.25,
        }),
        expires_in_ms: 60_000,
        factors: Some(Factors {
            propensity: 0.5,
            context: 1.25,
            value: 4.0,
            levers: 1.5,
            capacity: 0.75,
            priority: 2.8125,
        }),
        reasons: vec![ReasonCode::LeastWalkAndWait.into()],
    }
}
