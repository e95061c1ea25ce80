//! What holds for any message, any tearing of a stream and any bytes at all.
//!
//! Messages go over the wire and back unchanged; a stream gives the same frames however it is torn; beacons that
//! are built are heard as they were built; and no bytes, whoever made them, panic or are lost without being
//! counted.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use nextbest_proto::advert::altbeacon::AltBeacon;
use nextbest_proto::advert::eddystone::{Eddystone, Uid};
use nextbest_proto::advert::ibeacon::IBeacon;
use nextbest_proto::advert::pdu::Pdu;
use nextbest_proto::advert::{self, Advert, Identity, IdentityKind, Tally, decode_each};
use nextbest_proto::frame::{FrameError, FrameReader, decode_frame, encode_frame, split_frame};
use nextbest_proto::limits::IDENTITY_LEN_MAX;
use nextbest_proto::v1::{
    self, AppHello, AppReply, AppRequest, Consent, Decision, GatewayToHub, HubHealth, HubHello, HubToGateway, Outcome,
    Property, Query, Sighting, SightingBatch, Signal, Tag, app_reply, app_request, gateway_to_hub, hub_to_gateway,
    property,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;

proptest! {
    #[test]
    fn hub_frames_go_over_and_back(message in hub_to_gateway()) {
        round_trip(&message)?;
    }

    #[test]
    fn frames_to_hubs_go_over_and_back(message in gateway_to_hub()) {
        round_trip(&message)?;
    }

    #[test]
    fn app_requests_go_over_and_back(message in app_request()) {
        round_trip(&message)?;
    }

    #[test]
    fn app_replies_go_over_and_back(message in app_reply()) {
        round_trip(&message)?;
    }

    #[test]
    fn a_field_of_a_later_version_changes_nothing(message in hub_to_gateway(), number in 2_000_u32..9_999, value: Vec<u8>) {
        let mut bytes = message.encode_to_vec();
        prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut bytes);
        prost::encoding::encode_varint(value.len() as u64, &mut bytes);
        bytes.extend(value);
        prop_assert_eq!(HubToGateway::decode(&bytes[..]), Ok(message));
    }

    #[test]
    fn a_stream_gives_the_same_frames_however_it_is_torn(frames in vec(vec(any::<u8>(), 0..300), 0..20), tears: Vec<prop::sample::Index>) {
        let stream = framed(&frames);
        let (found, error) = read(&stream, &tears, 300);
        prop_assert_eq!(error, None);
        prop_assert_eq!(found, frames);
    }

    #[test]
    fn any_bytes_give_the_same_frames_and_the_same_error_however_they_are_torn(
        bytes in vec(prop_oneof![3 => 0_u8..6, 1 => any::<u8>()], 0..200),
        tears: Vec<prop::sample::Index>,
    ) {
        prop_assert_eq!(read(&bytes, &tears, 40), split_all(&bytes, 40));
    }

    #[test]
    fn a_length_is_taken_exactly_up_to_the_maximum(len: u64, small in 0_u64..70_000, len_max in 0_usize..70_000) {
        for len in [len, small, len_max as u64, len_max as u64 + 1] {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(len, &mut bytes);
            let taken = split_frame(&mut &bytes[..], len_max);
            match len {
                0 => prop_assert_eq!(taken, Ok(Some(&[][..]))),
                len if len <= len_max as u64 => prop_assert_eq!(taken, Ok(None)),
                len => prop_assert_eq!(taken, Err(FrameError::TooLarge { len, len_max })),
            }
        }
    }

    #[test]
    fn a_length_with_a_second_spelling_is_refused(len in 0_u64..u64::MAX >> 7, zeros in 1_usize..9) {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(len, &mut bytes);
        let room = 10 - bytes.len();
        *bytes.last_mut().unwrap() |= 0x80;
        bytes.extend(vec![0x80; zeros.min(room) - 1]);
        bytes.push(0);
        prop_assert_eq!(split_frame(&mut &bytes[..], usize::MAX), Err(FrameError::LengthNotShortest));
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes: Vec<u8>) {
        let _ = HubToGateway::decode(&bytes[..]);
        let _ = GatewayToHub::decode(&bytes[..]);
        let _ = AppRequest::decode(&bytes[..]);
        let _ = AppReply::decode(&bytes[..]);
        let _ = v1::AppPush::decode(&bytes[..]);
    }

    #[test]
    fn any_advertisement_is_counted_to_its_last_structure(bytes in advertisement()) {
        let mut tally = Tally::default();
        let decoded = advert::decode(&bytes, &mut tally).count() as u64;
        prop_assert_eq!(tally.structures(), decode_each(&bytes).count() as u64);
        prop_assert_eq!(tally.structures() - tally.malformed(), decoded);
        // Only the last structure may be cut short or follow the end.
        prop_assert!(tally.malformed_overrun + tally.malformed_after_end <= 1);
    }

    #[test]
    fn any_packet_is_read_within_its_bytes(bytes: Vec<u8>) {
        if let Ok(pdu) = Pdu::parse(&bytes) {
            prop_assert!(bytes.ends_with(pdu.advertisement));
        }
    }

    #[test]
    fn ibeacons_are_heard_as_built(uuid: [u8; 16], major: u16, minor: u16, tx_1m_dbm: i8) {
        let beacon = IBeacon { uuid, major, minor, tx_1m_dbm };
        heard_as(&beacon.advertisement(), Advert::IBeacon(beacon))?;
    }

    #[test]
    fn altbeacons_are_heard_as_built(company: u16, id: [u8; 16], id2: u16, id3: u16, tx_1m_dbm: i8, reserved: u8) {
        let beacon = AltBeacon { company, id, id2, id3, tx_1m_dbm, reserved };
        heard_as(&beacon.advertisement(), Advert::AltBeacon(beacon))?;
    }

    #[test]
    fn eddystone_uids_are_heard_as_built(namespace: [u8; 10], instance: [u8; 6], tx_0m_dbm: i8) {
        let uid = Uid { tx_0m_dbm, namespace, instance };
        heard_as(&uid.advertisement(), Advert::Eddystone(Eddystone::Uid(uid)))?;
    }

    #[test]
    fn identities_go_over_and_back(kind in 0_usize..5, bytes: [u8; IDENTITY_LEN_MAX]) {
        let kind = IdentityKind::ALL[kind];
        if let Ok(identity) = Identity::new(kind, &bytes[..kind.identity_len()]) {
            prop_assert_eq!(Identity::from_wire(identity.wire_kind(), identity.bytes()), Ok(identity));
        }
    }

    #[test]
    fn any_kind_and_bytes_are_an_identity_or_an_error(kind: i32, known in 0_i32..7, bytes in vec(any::<u8>(), 0..40)) {
        for kind in [kind, known] {
            if let Ok(identity) = Identity::from_wire(kind, &bytes) {
                prop_assert_eq!((identity.wire_kind(), identity.bytes()), (kind, &bytes[..]));
            }
        }
    }
}

fn round_trip<M: Message + Default + PartialEq + Debug>(message: &M) -> Result<(), TestCaseError> {
    let mut stream = BytesMut::new();
    encode_frame(message, &mut stream);
    let found = decode_frame::<M>(&mut stream, usize::MAX)?;
    prop_assert_eq!(found.as_ref(), Some(message));
    prop_assert!(stream.is_empty());
    Ok(())
}

fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    for frame in frames {
        prost::encoding::encode_varint(frame.len() as u64, &mut stream);
        stream.extend(frame);
    }
    stream
}

/// Reads the stream in the chunks that the tears make.
fn read(stream: &[u8], tears: &[prop::sample::Index], len_max: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut cuts: Vec<usize> = tears.iter().map(|tear| tear.index(stream.len() + 1)).collect();
    cuts.push(stream.len());
    cuts.sort_unstable();
    let mut reader = FrameReader::new(len_max);
    let mut found = Vec::new();
    let mut start = 0;
    for cut in cuts {
        let mut chunk = &stream[start..cut];
        start = cut;
        loop {
            match reader.next(&mut chunk) {
                Ok(Some(frame)) => found.push(frame.to_vec()),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
        assert!(chunk.is_empty());
    }
    (found, reader.finish().err())
}

/// The same, done the simple way: all bytes at once.
fn split_all(mut bytes: &[u8], len_max: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut found = Vec::new();
    loop {
        match split_frame(&mut bytes, len_max) {
            Ok(Some(frame)) => found.push(frame.to_vec()),
            Ok(None) if bytes.is_empty() => return (found, None),
            Ok(None) => {
                // The length is below 128 here, so it is one byte, or was torn itself.
                let expected = if bytes[0] < 0x80 { usize::from(bytes[0]) } else { 0 };
                let held = if expected == 0 { 0 } else { bytes.len() - 1 };
                return (found, Some(FrameError::Torn { held, expected }));
            }
            Err(error) => return (found, Some(error)),
        }
    }
}

/// The last structure of what was built is `expected`; the others are flags and services.
fn heard_as(advertisement: &[u8], expected: Advert<'_>) -> Result<(), TestCaseError> {
    prop_assert_eq!(decode_each(advertisement).last(), Some(Ok(expected)));
    prop_assert!(decode_each(advertisement).all(|advert| advert.is_ok()));
    Ok(())
}

/// Structures of beacons, half broken, and noise.
fn advertisement() -> impl Strategy<Value = Vec<u8>> {
    let begins = prop::sample::select(vec![
        &[0xff, 0x4c, 0x00, 0x02, 0x15][..],
        &[0xff, 0x18, 0x01, 0xbe, 0xac],
        &[0x16, 0xaa, 0xfe, 0x00],
        &[0x16, 0xaa, 0xfe, 0x10],
        &[0x16, 0xaa, 0xfe, 0x20],
        &[0x16, 0xaa, 0xfe, 0x30],
        &[0x09],
        &[0x03],
        &[],
    ]);
    let structure = (begins, vec(any::<u8>(), 0..30), -2_i8..3).prop_map(|(begin, rest, lie)| {
        let len = u8::try_from(begin.len() + rest.len()).unwrap();
        let lie = if lie.abs() < 2 { 0 } else { lie };
        [&[len.saturating_add_signed(lie)], begin, &rest].concat()
    });
    vec(structure, 0..8).prop_map(|structures| structures.concat())
}

fn text() -> impl Strategy<Value = String> {
    ".{0,20}"
}

prop_compose! {
    fn sighting()(identity_kind in 0..7, identity in vec(any::<u8>(), 0..24), rssi_dbm: i32, age_ms: u32) -> Sighting {
        Sighting { identity_kind, identity: Bytes::from(identity), rssi_dbm, age_ms }
    }
}

prop_compose! {
    fn batch()(boot_epoch: u64, first_sequence: u64, sent_at_ms: u64, sightings in vec(sighting(), 0..40)) -> SightingBatch {
        SightingBatch { boot_epoch, first_sequence, sent_at_ms, sightings }
    }
}

prop_compose! {
    fn hub_hello()(
        protocol_version: u32, hub_id in text(), venue_id in text(), boot_epoch: u64, oldest_sequence: u64,
        firmware in text(),
    ) -> HubHello {
        HubHello { protocol_version, hub_id, venue_id, boot_epoch, oldest_sequence, firmware }
    }
}

prop_compose! {
    fn hub_health()(
        uptime_ms: u64, adverts_heard: u64, sightings_dropped: u64, buffer_len: u32, adverts_malformed: u64,
        clock_unix_ms: u64, temperature_celsius in option::of(-100_f32..100.0), adapter in text(), radio_state in 0..5,
        adverts_per_second in 0_f32..1e6, adverts_filtered: u64, radio_restarts: u32,
    ) -> HubHealth {
        HubHealth {
            uptime_ms, adverts_heard, sightings_dropped, buffer_len, adverts_malformed, clock_unix_ms,
            temperature_celsius, adapter, radio_state, adverts_per_second, adverts_filtered, radio_restarts,
        }
    }
}

fn hub_to_gateway() -> impl Strategy<Value = HubToGateway> {
    use hub_to_gateway::Body;
    let body = prop_oneof![
        hub_hello().prop_map(Body::Hello),
        batch().prop_map(Body::Batch),
        hub_health().prop_map(Body::Health),
        text().prop_map(|reason| Body::Goodbye(v1::HubGoodbye { reason })),
    ];
    option::of(body).prop_map(|body| HubToGateway { body })
}

fn gateway_to_hub() -> impl Strategy<Value = GatewayToHub> {
    use gateway_to_hub::Body;
    let welcome = any::<(u64, u32, u32)>().prop_map(|(next_sequence, heartbeat_ms, sightings_per_batch_max)| {
        Body::Welcome(v1::HubWelcome {
            next_sequence,
            heartbeat_ms,
            sightings_per_batch_max,
        })
    });
    let drain = any::<(u32, u32)>().prop_map(|(reconnect_after_ms, jitter_ms)| {
        Body::Drain(v1::Drain {
            reconnect_after_ms,
            jitter_ms,
        })
    });
    let ack = any::<u64>().prop_map(|next_sequence| Body::Ack(v1::BatchAck { next_sequence }));
    let body = prop_oneof![welcome, ack, drain, error().prop_map(Body::Error)];
    option::of(body).prop_map(|body| GatewayToHub { body })
}

prop_compose! {
    fn error()(code: i32, name in text(), sentence in text(), retry: bool, retry_after_ms: u32) -> v1::Error {
        v1::Error { code, name, sentence, retry, retry_after_ms }
    }
}

prop_compose! {
    fn query()(
        subject in text(), want in text(), channel in text(), placement in text(), locale in text(), answers_max: u32,
        why: bool, deadline_ms: u32,
    ) -> Query {
        Query { subject, want, channel, placement, locale, answers_max, why, deadline_ms }
    }
}

fn property() -> impl Strategy<Value = Property> {
    let value = prop_oneof![
        text().prop_map(property::Value::Text),
        (-1e9..1e9).prop_map(property::Value::Number),
        any::<bool>().prop_map(property::Value::Flag),
    ];
    (text(), option::of(value)).prop_map(|(name, value)| Property { name, value })
}

prop_compose! {
    fn signal()(
        (message_id, subject, name, channel, anonymous_id) in (text(), text(), text(), text(), text()),
        kind in 0..9, timestamp_unix_ms: u64, properties in vec(property(), 0..8),
        tags in vec((0..7, vec(any::<u8>(), 0..24)), 0..4), consents in vec((0..8, any::<bool>()), 0..8),
    ) -> Signal {
        let tag = |(identity_kind, identity): (_, Vec<u8>)| Tag { identity_kind, identity: identity.into(), ..Tag::default() };
        let consent = |(purpose, allowed)| Consent { purpose, allowed, ..Consent::default() };
        Signal {
            message_id, kind, subject, name, timestamp_unix_ms, properties, channel, anonymous_id,
            tags: tags.into_iter().map(tag).collect(),
            consents: consents.into_iter().map(consent).collect(),
        }
    }
}

fn app_request() -> impl Strategy<Value = AppRequest> {
    use app_request::Body;
    let hello = (any::<u32>(), text(), text(), text(), any::<bool>()).prop_map(
        |(protocol_version, token, locale, app, subscribe)| {
            Body::Hello(AppHello {
                protocol_version,
                token,
                locale,
                app,
                subscribe,
            })
        },
    );
    let outcome = (text(), any::<u64>(), text(), any::<i32>()).prop_map(|(subject, decision_id, action, kind)| {
        Body::Outcome(Outcome {
            subject,
            decision_id,
            action,
            kind,
        })
    });
    let readings =
        (text(), option::of((0..7, vec(any::<u8>(), 0..24))), any::<u64>()).prop_map(|(subject, tag, after)| {
            let tag = tag.map(|(identity_kind, identity)| Tag {
                identity_kind,
                identity: identity.into(),
                ..Tag::default()
            });
            Body::Readings(v1::ReadingsRequest { subject, tag, after })
        });
    let body = prop_oneof![
        hello,
        query().prop_map(Body::Query),
        signal().prop_map(Body::Signal),
        outcome,
        readings
    ];
    (any::<u64>(), option::of(body)).prop_map(|(request_id, body)| AppRequest { request_id, body })
}

prop_compose! {
    fn answer()(
        (issue, group, action, treatment, message) in (text(), text(), text(), text(), text()),
        walk_s: Option<u32>, wait_s: Option<u32>, east_m in -500_f32..500.0, placed: bool, expires_in_ms: u32,
        reasons in vec(any::<i32>(), 0..5), factor in 0_f32..1.0,
    ) -> v1::Answer {
        let place = v1::Place { id: group.clone(), walk_s, wait_s, east_m, ..v1::Place::default() };
        v1::Answer {
            issue, group, action, treatment, message, locale: "es".to_owned(), place: placed.then_some(place),
            expires_in_ms, factors: Some(v1::Factors { propensity: factor, priority: factor, ..Default::default() }),
            reasons,
        }
    }
}

prop_compose! {
    fn decision()(
        decision_id: u64, generation: u64, answers in vec(answer(), 0..4), reasons in vec(any::<i32>(), 0..5),
        zone in text(), zone_age_ms: Option<u32>, not_chosen in vec((text(), any::<i32>()), 0..32),
    ) -> Decision {
        let one = |(action, reason)| v1::NotChosen { action, reason, priority: None };
        Decision {
            decision_id, generation, answers, reasons, zone, zone_age_ms,
            not_chosen: not_chosen.into_iter().map(one).collect(),
            ..Decision::default()
        }
    }
}

fn app_reply() -> impl Strategy<Value = AppReply> {
    use app_reply::Body;
    let ack = (text(), any::<bool>()).prop_map(|(message_id, duplicate)| {
        Body::SignalAck(v1::SignalAck {
            message_id,
            duplicate,
            ..v1::SignalAck::default()
        })
    });
    let body = prop_oneof![decision().prop_map(Body::Decision), ack, error().prop_map(Body::Error)];
    (any::<u64>(), option::of(body)).prop_map(|(request_id, body)| AppReply { request_id, body })
}
