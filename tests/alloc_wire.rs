//! Reading sightings and queries and writing decisions allocates nothing.

use bytes::BytesMut;
use nextbest::model::{ANSWERS_MAX, Answer, Decision, Factors, ReasonSet};
use nextbest::wire::{DECISION_LEN_MAX, SightingBatchReader, decision_reply, read_app_request};
use nextbest_proto::v1::{self, app_request};
use prost::Message as _;

#[test]
fn sightings_are_read_in_place() {
    let sighting = v1::Sighting {
        identity_kind: 2,
        identity: vec![3; 20].into(),
        rssi_dbm: -71,
        age_ms: 250,
    };
    let batch = v1::SightingBatch {
        boot_epoch: 1,
        sightings: vec![sighting; 256],
        ..Default::default()
    };
    let bytes = batch.encode_to_vec();
    let mut read = 0;
    let counted = allocation_counter::measure(|| {
        for _ in 0..10 {
            read += SightingBatchReader::new(&bytes)
                .unwrap()
                .sightings()
                .filter(|(_, read)| read.is_ok())
                .count();
        }
    });
    assert_eq!((read, counted.count_total), (2_560, 0));
}

#[test]
fn a_query_is_read_in_place() {
    let query = v1::Query {
        subject: "ada".into(),
        want: "food".into(),
        why: true,
        ..Default::default()
    };
    let bytes = v1::AppRequest {
        request_id: 9,
        body: Some(app_request::Body::Query(query)),
    }
    .encode_to_vec();
    let counted = allocation_counter::measure(|| {
        assert!(read_app_request(&bytes).is_ok());
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn a_decision_is_written_into_the_buffer() {
    let answer = Answer {
        issue: "service",
        group: "wayfinding",
        action: "eat",
        treatment: "phone",
        message: "West Grill: 1 min to walk.",
        locale: "en",
        place: None,
        expires_in_ms: 60_000,
        factors: Factors {
            propensity: 0.5,
            context: 1.0,
            value: 10.0,
            levers: 1.0,
            capacity: 0.7,
        },
        reasons: ReasonSet::default(),
    };
    let decision = Decision {
        decision_id: 7,
        answers: [Some(answer); ANSWERS_MAX],
        ..Decision::default()
    };
    let mut out = BytesMut::with_capacity(DECISION_LEN_MAX);
    let counted = allocation_counter::measure(|| {
        for request_id in 0..100 {
            out.clear();
            assert!(decision_reply(request_id, &decision, &mut out).is_ok());
        }
    });
    assert_eq!(counted.count_total, 0);
}
