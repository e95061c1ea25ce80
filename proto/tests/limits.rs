//! The limits hold together: the largest message that the fields' limits allow fits the frame of its stream, and
//! the sizes that nanopb is given are the same.
//!
//! A limit that is raised without its frame, or in one of the two places only, fails here.

use nextbest_proto::advert::IdentityKind;
use nextbest_proto::limits::*;
use nextbest_proto::v1::{
    self, AppHello, AppPush, AppReply, AppRequest, Consent, ErrorCode, GatewayToHub, HubGoodbye, HubHealth, HubHello,
    HubStatus, HubToGateway, HubsReport, Outcome, PresenceBatch, PresenceEvent, Property, Query, Sighting,
    SightingBatch, Signal, Tag, WatchPresence, app_push, app_reply, app_request, gateway_to_hub, hub_to_gateway,
    property,
};
use prost::Message;

#[test]
fn limit_hub_to_gateway_len_max() {
    let fits = |body| {
        let len = HubToGateway { body: Some(body) }.encoded_len();
        assert!(len <= HUB_TO_GATEWAY_LEN_MAX, "{len}");
    };
    fits(hub_to_gateway::Body::Batch(largest_batch()));
    fits(hub_to_gateway::Body::Hello(HubHello {
        protocol_version: u32::MAX,
        hub_id: text(HUB_ID_LEN_MAX),
        venue_id: text(VENUE_ID_LEN_MAX),
        boot_epoch: u64::MAX,
        oldest_sequence: u64::MAX,
        firmware: text(FIRMWARE_LEN_MAX),
    }));
    fits(hub_to_gateway::Body::Health(HubHealth {
        uptime_ms: u64::MAX,
        adverts_heard: u64::MAX,
        sightings_dropped: u64::MAX,
        buffer_len: u32::MAX,
        adverts_malformed: u64::MAX,
        clock_unix_ms: u64::MAX,
        temperature_celsius: Some(f32::MAX),
        adapter: text(ADAPTER_LEN_MAX),
        radio_state: i32::MAX,
        adverts_per_second: f32::MAX,
        adverts_filtered: u64::MAX,
        radio_restarts: u32::MAX,
    }));
    fits(hub_to_gateway::Body::Goodbye(HubGoodbye {
        reason: text(GOODBYE_REASON_LEN_MAX),
    }));
}

#[test]
fn limit_gateway_to_hub_len_max() {
    let told = GatewayToHub {
        body: Some(gateway_to_hub::Body::Error(largest_error())),
    };
    assert!(told.encoded_len() <= GATEWAY_TO_HUB_LEN_MAX);
}

#[test]
fn limit_app_request_not_signal_len_max() {
    let fits = |body| {
        let len = AppRequest {
            request_id: u64::MAX,
            body: Some(body),
        }
        .encoded_len();
        assert!(len <= APP_REQUEST_NOT_SIGNAL_LEN_MAX, "{len}");
    };
    fits(app_request::Body::Hello(AppHello {
        protocol_version: u32::MAX,
        token: text(TOKEN_LEN_MAX),
        locale: text(LOCALE_LEN_MAX),
        app: text(APP_LEN_MAX),
        subscribe: true,
    }));
    fits(app_request::Body::Query(Query {
        subject: text(SUBJECT_LEN_MAX),
        want: text(WANT_LEN_MAX),
        channel: text(CHANNEL_LEN_MAX),
        placement: text(PLACEMENT_LEN_MAX),
        locale: text(LOCALE_LEN_MAX),
        answers_max: u32::MAX,
        why: true,
        deadline_ms: u32::MAX,
    }));
    fits(app_request::Body::Readings(v1::ReadingsRequest {
        subject: text(SUBJECT_LEN_MAX),
        tag: Some(Tag {
            identity_kind: i32::MAX,
            identity: vec![0xff; IDENTITY_LEN_MAX].into(),
            ..Tag::default()
        }),
        after: u64::MAX,
    }));
    fits(app_request::Body::Outcome(Outcome {
        subject: text(SUBJECT_LEN_MAX),
        decision_id: u64::MAX,
        action: text(ACTION_LEN_MAX),
        kind: i32::MAX,
    }));
    fits(app_request::Body::WatchPresence(WatchPresence {
        subject: text(SUBJECT_LEN_MAX),
        zone: text(ZONE_ID_LEN_MAX),
    }));
}

#[test]
fn limit_app_request_len_max() {
    let property = Property {
        name: text(PROPERTY_NAME_LEN_MAX),
        value: Some(property::Value::Text(text(PROPERTY_TEXT_LEN_MAX))),
    };
    let tag = Tag {
        identity_kind: i32::MAX,
        identity: vec![0xff; IDENTITY_LEN_MAX].into(),
        resolving_key: vec![0xff; TAG_KEY_LEN],
        ephemeral_key: Some(v1::EphemeralKey {
            identity_key: vec![0xff; TAG_KEY_LEN],
            rotation_exponent: u32::MAX,
            clock_s: u32::MAX,
        }),
    };
    let signal = Signal {
        message_id: text(MESSAGE_ID_LEN_MAX),
        kind: i32::MAX,
        subject: text(SUBJECT_LEN_MAX),
        name: text(SIGNAL_NAME_LEN_MAX),
        timestamp_unix_ms: u64::MAX,
        properties: vec![property; PROPERTIES_MAX],
        channel: text(CHANNEL_LEN_MAX),
        anonymous_id: text(SUBJECT_LEN_MAX),
        tags: vec![tag; TAGS_MAX],
        consents: vec![
            Consent {
                purpose: i32::MAX,
                allowed: true,
                given_unix_s: u64::MAX,
                until_unix_s: u64::MAX,
            };
            CONSENTS_MAX
        ],
    };
    let request = AppRequest {
        request_id: u64::MAX,
        body: Some(app_request::Body::Signal(signal)),
    };
    assert!(request.encoded_len() <= APP_REQUEST_LEN_MAX);
}

#[test]
fn limit_readings_max() {
    let reading = v1::Reading {
        hub_id: text(HUB_ID_LEN_MAX),
        rssi_dbm: i32::MIN,
        age_ms: u32::MAX,
    };
    let reply = AppReply {
        request_id: u64::MAX,
        body: Some(app_reply::Body::Readings(v1::ReadingsReply {
            readings: vec![reading; READINGS_MAX],
            next: u64::MAX,
            dropped: u64::MAX,
        })),
    };
    assert!(reply.encoded_len() <= APP_REPLY_LEN_MAX);
}

#[test]
fn limit_app_reply_len_max() {
    let reply = AppReply {
        request_id: u64::MAX,
        body: Some(app_reply::Body::Error(largest_error())),
    };
    assert!(reply.encoded_len() <= APP_REPLY_LEN_MAX);
}

#[test]
fn limit_hubs_per_report_max() {
    let status = HubStatus {
        hub_id: text(HUB_ID_LEN_MAX),
        alive: true,
        heard_ms_ago: Some(u64::MAX),
        sightings_per_s: f32::MAX,
        sightings_per_s_of_minute: f32::MAX,
        share: 1.0,
        sightings_used: u64::MAX,
        sightings_unknown: u64::MAX,
        sightings_duplicate: u64::MAX,
        sightings_late: u64::MAX,
        sightings_bad: u64::MAX,
        sightings_contradicted: u64::MAX,
        sightings_dropped: u64::MAX,
        buffer_len: u32::MAX,
        adverts_per_s: f32::MAX,
        adverts_malformed: u64::MAX,
        clock_offset_ms: Some(i64::MIN),
        temperature_celsius: Some(f32::MAX),
        uptime_ms: u64::MAX,
        firmware: text(FIRMWARE_LEN_MAX),
        flags: vec![1; 31],
    };
    let report = HubsReport {
        hubs_known: u32::MAX,
        first: u32::MAX,
        sightings_per_s: f32::MAX,
        hubs: vec![status; HUBS_PER_REPORT_MAX],
    };
    let reply = AppReply {
        request_id: u64::MAX,
        body: Some(app_reply::Body::Hubs(report)),
    };
    assert!(reply.encoded_len() <= APP_REPLY_LEN_MAX, "{}", reply.encoded_len());
}

#[test]
fn limit_presence_events_per_push_max() {
    let event = PresenceEvent {
        kind: i32::MAX,
        subject: text(SUBJECT_LEN_MAX),
        zone: text(ZONE_ID_LEN_MAX),
        at_unix_ms: u64::MAX,
        stay_ms: u32::MAX,
        confidence: 1.0,
        end: i32::MAX,
    };
    let push = AppPush {
        body: Some(app_push::Body::Presence(PresenceBatch {
            events: vec![event; PRESENCE_EVENTS_PER_PUSH_MAX],
            dropped: u64::MAX,
        })),
    };
    assert!(push.encoded_len() <= APP_PUSH_LEN_MAX, "{}", push.encoded_len());
}

#[test]
fn limit_identity_len_max() {
    let longest = IdentityKind::ALL.map(IdentityKind::identity_len).into_iter().max();
    assert_eq!(longest, Some(IDENTITY_LEN_MAX));
}

#[test]
fn nanopb_is_given_the_same_limits() {
    let options = concat!(
        include_str!("../nextbest/v1/common.options"),
        include_str!("../nextbest/v1/hub.options")
    );
    let stated: Vec<(&str, &str)> = options
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_start_matches("nextbest.v1.").split_once(' '))
        .map(|(field, size)| (field, size.trim_start()))
        .collect();
    let expected = [
        ("Error.name", format!("max_length:{ERROR_NAME_LEN_MAX}")),
        ("Error.sentence", format!("max_length:{ERROR_SENTENCE_LEN_MAX}")),
        ("HubHello.hub_id", format!("max_length:{HUB_ID_LEN_MAX}")),
        ("HubHello.venue_id", format!("max_length:{VENUE_ID_LEN_MAX}")),
        ("HubHello.firmware", format!("max_length:{FIRMWARE_LEN_MAX}")),
        (
            "SightingBatch.sightings",
            format!("max_count:{SIGHTINGS_PER_BATCH_MAX}"),
        ),
        ("Sighting.identity", format!("max_size:{IDENTITY_LEN_MAX}")),
        ("HubHealth.adapter", format!("max_length:{ADAPTER_LEN_MAX}")),
        ("HubGoodbye.reason", format!("max_length:{GOODBYE_REASON_LEN_MAX}")),
    ];
    assert_eq!(stated, expected.each_ref().map(|(field, size)| (*field, size.as_str())));
}

fn largest_batch() -> SightingBatch {
    let sighting = Sighting {
        identity_kind: i32::MAX,
        identity: vec![0xff; IDENTITY_LEN_MAX].into(),
        rssi_dbm: RSSI_MIN_DBM,
        age_ms: u32::MAX,
    };
    SightingBatch {
        boot_epoch: u64::MAX,
        first_sequence: u64::MAX,
        sent_at_ms: u64::MAX,
        sightings: vec![sighting; SIGHTINGS_PER_BATCH_MAX],
    }
}

fn largest_error() -> v1::Error {
    let sentence = text(ERROR_SENTENCE_LEN_MAX);
    v1::Error {
        name: text(ERROR_NAME_LEN_MAX),
        ..v1::Error::because(ErrorCode::Internal, sentence).after(u32::MAX)
    }
}

fn text(len: usize) -> String {
    "x".repeat(len)
}
