//! The hand-written readers and writers say what the generated types say, on whatever bytes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use bytes::{BufMut as _, BytesMut};
use nextbest::model::{
    ANSWERS_MAX, Answer, Decision, Factors, NotChosen, PlaceAnswer, Reason, ReasonSet, TagId, TagKind,
};
use nextbest::wire::{
    BadRecord, Body, HubFrame, SightingBatchReader, decision_push, decision_reply, decision_reply_datagram,
    read_app_request, read_hub_frame,
};
use nextbest_proto::v1::{self, app_push, app_reply};
use prop::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

/// A field that no version of the contract has.
fn unknown_field() -> impl Strategy<Value = Vec<u8>> {
    let number = 100..10_000_u32;
    (number, any::<u64>(), vec(any::<u8>(), 0..40), 0..4_u32).prop_map(|(number, value, bytes, kind)| {
        let mut out = BytesMut::new();
        let wire_type = [0, 1, 2, 5][kind as usize];
        prost::encoding::encode_varint(u64::from(number << 3 | wire_type), &mut out);
        match wire_type {
            0 => prost::encoding::encode_varint(value, &mut out),
            1 => out.put_u64_le(value),
            2 => {
                prost::encoding::encode_varint(bytes.len() as u64, &mut out);
                out.put_slice(&bytes);
            }
            _ => out.put_u32_le(value as u32),
        }
        out.to_vec()
    })
}

fn sighting() -> impl Strategy<Value = v1::Sighting> {
    (0..8_i32, vec(any::<u8>(), 0..24), -140..140_i32, any::<u32>()).prop_map(
        |(identity_kind, identity, rssi_dbm, age_ms)| v1::Sighting {
            identity_kind,
            identity: identity.into(),
            rssi_dbm,
            age_ms,
        },
    )
}

/// What the contract says of a sighting, written from the contract and not from the reader.
fn expected(sighting: &v1::Sighting) -> Option<(TagId, i8, u32)> {
    let kind = match sighting.identity_kind {
        1 => TagKind::Address,
        2 => TagKind::IBeacon,
        3 => TagKind::EddystoneUid,
        4 => TagKind::AltBeacon,
        5 => TagKind::EddystoneEid,
        _ => return None,
    };
    let tag = TagId::new(kind, &sighting.identity).ok()?;
    let rssi_dbm = sighting.rssi_dbm;
    let is_radio_value = (-127..=20).contains(&rssi_dbm) || rssi_dbm == 127;
    is_radio_value.then(|| (tag, i8::try_from(rssi_dbm).unwrap(), sighting.age_ms))
}

/// The fields of an encoded message, in another order, with strange ones between them.
fn shuffled(message: &[u8], strange: &[Vec<u8>], turn: usize) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let key = prost::encoding::decode_varint(&mut rest).unwrap();
        match key & 7 {
            0 => drop(prost::encoding::decode_varint(&mut rest).unwrap()),
            2 => {
                let len = prost::encoding::decode_varint(&mut rest).unwrap() as usize;
                rest = &rest[len..];
            }
            other => panic!("type {other} is not used here"),
        }
        fields.push(start[..start.len() - rest.len()].to_vec());
    }
    fields.extend(strange.iter().cloned());
    let turn = turn % fields.len().max(1);
    fields.rotate_left(turn);
    fields.concat()
}

proptest! {
    #[test]
    fn a_batch_reads_as_the_generated_type_says(
        boot_epoch in any::<u64>(),
        first_sequence in 0..u64::MAX - 300,
        sightings in vec(sighting(), 1..40),
        strange in vec(unknown_field(), 0..4),
        turn in any::<usize>(),
    ) {
        let batch = v1::SightingBatch { boot_epoch, first_sequence, sent_at_ms: 77, sightings };
        let bytes = shuffled(&batch.encode_to_vec(), &strange, turn);
        let oracle = v1::SightingBatch::decode(&bytes[..]).unwrap();
        let reader = SightingBatchReader::new(&bytes).unwrap();
        prop_assert_eq!(
            (reader.boot_epoch, reader.first_sequence, reader.sent_at_ms, reader.len),
            (oracle.boot_epoch, oracle.first_sequence, oracle.sent_at_ms, oracle.sightings.len())
        );
        let read: Vec<_> = reader.sightings().collect();
        prop_assert_eq!(read.len(), oracle.sightings.len());
        for (at, ((sequence, read), oracle)) in read.iter().zip(&oracle.sightings).enumerate() {
            prop_assert_eq!(*sequence, first_sequence + at as u64);
            let read = read.ok().map(|sighting| (sighting.tag, sighting.rssi_dbm, sighting.age_ms));
            prop_assert_eq!(read, expected(oracle));
        }
    }

    #[test]
    fn a_query_reads_as_the_generated_type_says(
        request_id in any::<u64>(),
        subject in "[a-zé]{0,20}", want in "[a-z]{0,32}", channel in "[a-z]{0,32}",
        placement in "[a-z]{0,32}", locale in "[a-zA-Z-]{0,35}",
        answers_max in 0..4_u32, why in any::<bool>(), deadline_ms in any::<u32>(),
        strange in vec(unknown_field(), 0..4), turn in any::<usize>(),
    ) {
        let query = v1::Query { subject, want, channel, placement, locale, answers_max, why, deadline_ms };
        let query_bytes = shuffled(&query.encode_to_vec(), &strange, turn);
        let mut request = v1::AppRequest { request_id, body: None }.encode_to_vec();
        prost::encoding::encode_key(3, prost::encoding::WireType::LengthDelimited, &mut request);
        prost::encoding::encode_varint(query_bytes.len() as u64, &mut request);
        request.extend_from_slice(&query_bytes);
        let oracle = v1::AppRequest::decode(&request[..]).unwrap();
        prop_assert_eq!(&oracle.body, &Some(v1::app_request::Body::Query(query.clone())));
        let read = read_app_request(&request).unwrap();
        prop_assert_eq!(read.request_id, request_id);
        let Body::Query(read) = read.body else { panic!("a query was written") };
        prop_assert_eq!((read.subject, read.deadline_ms), (query.subject.as_str(), deadline_ms));
        prop_assert_eq!(
            (read.query.want, read.query.channel, read.query.placement, read.query.locale),
            (query.want.as_str(), query.channel.as_str(), query.placement.as_str(), query.locale.as_str())
        );
        prop_assert_eq!((read.query.answers_max, read.query.why), (answers_max, why));
    }

    #[test]
    fn whatever_comes_nothing_panics_and_what_is_taken_is_protobuf(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(batch) = SightingBatchReader::new(&bytes) {
            prop_assert_eq!(batch.sightings().count(), batch.len);
        }
        if let Ok(HubFrame::Hello(_)) = read_hub_frame(&bytes) {
            prop_assert!(v1::HubToGateway::decode(&bytes[..]).is_ok());
        }
        if let Ok(request) = read_app_request(&bytes)
            && matches!(request.body, Body::Query(_))
        {
            prop_assert!(v1::AppRequest::decode(&bytes[..]).is_ok());
        }
    }

    #[test]
    fn a_decision_is_written_as_the_generated_type_would(
        request_id in any::<u64>(),
        decision_id in any::<u64>(),
        texts in vec("[a-zé ]{0,200}", 6),
        numbers in vec(prop::option::of(any::<u32>()), 4),
        floats in vec(prop_oneof![Just(0.0_f32), any::<f32>().prop_filter("a number", |f| !f.is_nan())], 7),
        answers in 0..=ANSWERS_MAX, not_chosen in 0..33_u16, reasons in any::<u32>(),
    ) {
        let ids: Vec<Box<str>> = (0..40).map(|n| format!("action-{n}").into()).collect();
        let rows: Vec<NotChosen> = (0..not_chosen)
            .map(|action| NotChosen { action, reason: Reason::NotWanted, priority: (action % 2 == 0).then_some(floats[0]) })
            .collect();
        let decision = decision(decision_id, &texts, &numbers, &floats, answers, reasons, &rows, &ids);
        let expected = mirror(&decision);

        let mut out = BytesMut::new();
        decision_reply(request_id, &decision, &mut out).unwrap();
        let reply = v1::AppReply { request_id, body: Some(app_reply::Body::Decision(expected.clone())) };
        prop_assert_eq!(&out[..], &reply.encode_length_delimited_to_vec()[..]);

        out.clear();
        decision_reply_datagram(request_id, &decision, &mut out).unwrap();
        prop_assert_eq!(&out[..], &reply.encode_to_vec()[..]);

        out.clear();
        decision_push(&decision, &mut out).unwrap();
        let push = v1::AppPush { body: Some(app_push::Body::Decision(expected)) };
        prop_assert_eq!(&out[..], &push.encode_length_delimited_to_vec()[..]);
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "everything that may differ between two decisions"
)]
fn decision<'a>(
    decision_id: u64,
    texts: &'a [String],
    numbers: &[Option<u32>],
    floats: &[f32],
    answers: usize,
    reasons: u32,
    rows: &'a [NotChosen],
    ids: &'a [Box<str>],
) -> Decision<'a> {
    let mut set = ReasonSet::default();
    let all = [
        Reason::HighestPriority,
        Reason::FallbackLanguage,
        Reason::PositionStale,
        Reason::RecordBusy,
    ];
    for (bit, reason) in all.into_iter().enumerate() {
        if reasons >> bit & 1 == 1 {
            set.insert(reason);
        }
    }
    let place = PlaceAnswer {
        id: &texts[0],
        name: &texts[1],
        level: &texts[2],
        east_m: floats[5],
        north_m: floats[6],
        walk_s: numbers[0],
        wait_s: numbers[1],
    };
    let answer = Answer {
        issue: &texts[3],
        group: &texts[4],
        action: &texts[5],
        treatment: &texts[0],
        message: &texts[1],
        locale: &texts[2],
        place: numbers[2].map(|_| place),
        expires_in_ms: numbers[3].unwrap_or(0),
        factors: Factors {
            propensity: floats[0],
            context: floats[1],
            value: floats[2],
            levers: floats[3],
            capacity: floats[4],
        },
        reasons: set,
    };
    let mut all_answers = [None; ANSWERS_MAX];
    all_answers[..answers].fill(Some(answer));
    Decision {
        decision_id,
        generation: u64::from(reasons),
        answers: all_answers,
        reasons: set,
        zone: numbers[0].map(|_| texts[3].as_str()),
        zone_age_ms: numbers[1],
        zone_confidence: numbers[1].map(|_| floats[0]),
        stage: &texts[4],
        not_chosen_raw: rows,
        action_ids: ids,
        actions_considered: 40,
        actions_eligible: numbers[2].unwrap_or(0),
    }
}

/// The same decision as the generated type.
fn mirror(decision: &Decision<'_>) -> v1::Decision {
    v1::Decision {
        decision_id: decision.decision_id,
        generation: decision.generation,
        answers: decision.answers.iter().flatten().map(mirror_answer).collect(),
        reasons: codes(decision.reasons),
        zone: decision.zone.unwrap_or_default().into(),
        zone_age_ms: decision.zone_age_ms,
        stage: decision.stage.into(),
        not_chosen: decision
            .not_chosen()
            .map(|(action, reason, priority)| v1::NotChosen {
                action: action.into(),
                reason: reason as i32,
                priority,
            })
            .collect(),
        actions_considered: decision.actions_considered,
        actions_eligible: decision.actions_eligible,
        zone_confidence: decision.zone_confidence,
    }
}

fn mirror_answer(answer: &Answer<'_>) -> v1::Answer {
    let Factors {
        propensity,
        context,
        value,
        levers,
        capacity,
    } = answer.factors;
    let priority = answer.factors.priority();
    v1::Answer {
        issue: answer.issue.into(),
        group: answer.group.into(),
        action: answer.action.into(),
        treatment: answer.treatment.into(),
        message: answer.message.into(),
        locale: answer.locale.into(),
        place: answer.place.map(|place| v1::Place {
            id: place.id.into(),
            name: place.name.into(),
            walk_s: place.walk_s,
            wait_s: place.wait_s,
            level: place.level.into(),
            east_m: place.east_m,
            north_m: place.north_m,
        }),
        expires_in_ms: answer.expires_in_ms,
        factors: Some(v1::Factors {
            propensity,
            context,
            value,
            levers,
            capacity,
            priority,
        }),
        reasons: codes(answer.reasons),
    }
}

fn codes(reasons: ReasonSet) -> Vec<i32> {
    reasons.iter().map(|reason| reason as i32).collect()
}

#[test]
fn a_batch_of_none_or_of_too_many_is_refused() {
    let sightings = |count| v1::SightingBatch {
        sightings: vec![v1::Sighting::default(); count],
        ..Default::default()
    };
    assert!(SightingBatchReader::new(&sightings(0).encode_to_vec()).is_err());
    assert!(SightingBatchReader::new(&sightings(256).encode_to_vec()).is_ok());
    assert!(SightingBatchReader::new(&sightings(257).encode_to_vec()).is_err());
    let last = v1::SightingBatch {
        first_sequence: u64::MAX,
        ..sightings(1)
    };
    assert!(
        SightingBatchReader::new(&last.encode_to_vec()).is_err(),
        "its numbers run over"
    );
}

#[test]
fn a_garbled_sighting_leaves_its_neighbours() {
    let good = v1::Sighting {
        identity_kind: 1,
        identity: vec![1; 6].into(),
        rssi_dbm: -60,
        age_ms: 0,
    };
    let batch = v1::SightingBatch {
        first_sequence: 9,
        sightings: vec![good.clone(); 3],
        ..Default::default()
    };
    let mut bytes = batch.encode_to_vec();
    // The second sighting's identity says that it is longer than its sighting.
    let second = 2 + (bytes.len() - 2) / 3;
    bytes[second + 5] = 0x7f;
    let read: Vec<_> = SightingBatchReader::new(&bytes).unwrap().sightings().collect();
    assert!(read[0].1.is_ok() && read[2].1.is_ok());
    assert_eq!(read[1], (10, Err(BadRecord::Malformed)));
    assert_eq!(read[2].0, 11);
}

#[test]
fn every_truncation_of_every_frame_is_refused_or_whole() {
    let batch = v1::SightingBatch {
        boot_epoch: 5,
        first_sequence: 300,
        sent_at_ms: 70_000,
        sightings: vec![
            v1::Sighting {
                identity_kind: 1,
                identity: vec![1; 6].into(),
                rssi_dbm: -60,
                age_ms: 3
            };
            4
        ],
    };
    let frame = v1::HubToGateway {
        body: Some(v1::hub_to_gateway::Body::Batch(batch)),
    }
    .encode_to_vec();
    assert!(matches!(read_hub_frame(&frame), Ok(HubFrame::Batch(batch)) if batch.len == 4));
    for len in 0..frame.len() {
        assert!(read_hub_frame(&frame[..len]).is_err(), "cut after {len} bytes");
    }
}
