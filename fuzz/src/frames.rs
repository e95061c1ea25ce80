//! Streams of frames: the stream reader agrees with itself however the network tears the stream, a decoded message has
//! one spelling, and the hand-written readers take nothing that the generated types refuse.

use bytes::BytesMut;
use nextbest::wire::{
    Body, HubFrame, read_app_request, read_hello, read_hub_frame, read_outcome, read_readings, read_signal, read_watch,
};
use nextbest_proto::frame::{FrameReader, encode_frame, split_frame};
use nextbest_proto::limits::{
    APP_PUSH_LEN_MAX, APP_REPLY_LEN_MAX, APP_REQUEST_LEN_MAX, CONSENTS_MAX, GATEWAY_TO_HUB_LEN_MAX,
    HUB_TO_GATEWAY_LEN_MAX, PROPERTIES_MAX, RSSI_MAX_DBM, RSSI_MIN_DBM, RSSI_UNKNOWN_DBM, SIGHTINGS_PER_BATCH_MAX,
    TAGS_MAX,
};
use nextbest_proto::v1;
use prost::Message;

/// The longest frame of each kind of stream, and what reads it.
const STREAMS: [(usize, Read); 5] = [
    (HUB_TO_GATEWAY_LEN_MAX, from_hub),
    (APP_REQUEST_LEN_MAX, from_app),
    (GATEWAY_TO_HUB_LEN_MAX, one_spelling::<v1::GatewayToHub>),
    (APP_REPLY_LEN_MAX, one_spelling::<v1::AppReply>),
    (APP_PUSH_LEN_MAX, one_spelling::<v1::AppPush>),
];

/// What is done with one frame.
type Read = fn(&[u8]);

/// The first byte says which stream, the second how it is torn.
pub fn run(data: &[u8]) {
    let Some((&[stream, tear], bytes)) = data.split_first_chunk() else {
        return;
    };
    let (len_max, read) = STREAMS[usize::from(stream) % STREAMS.len()];
    let (frames, refused) = at_once(bytes, len_max);
    assert_eq!((frames.clone(), refused), torn(bytes, usize::from(tear) + 1, len_max));
    for frame in frames {
        assert!(frame.len() <= len_max);
        read(&frame);
    }
}

/// The frames of a stream that came whole, and the code that it ends with.
type Frames = (Vec<Vec<u8>>, Option<v1::ErrorCode>);

fn at_once(mut bytes: &[u8], len_max: usize) -> Frames {
    let mut frames = Vec::new();
    loop {
        match split_frame(&mut bytes, len_max) {
            Ok(Some(frame)) => frames.push(frame.to_vec()),
            Ok(None) => return (frames, (!bytes.is_empty()).then_some(v1::ErrorCode::MalformedFrame)),
            Err(error) => return (frames, Some(error.code())),
        }
    }
}

fn torn(bytes: &[u8], chunk_len: usize, len_max: usize) -> Frames {
    let mut reader = FrameReader::new(len_max);
    let mut frames = Vec::new();
    for mut chunk in bytes.chunks(chunk_len) {
        loop {
            match reader.next(&mut chunk) {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(error) => return (frames, Some(error.code())),
            }
        }
        assert!(chunk.is_empty(), "a reader takes all of a chunk");
    }
    let end = reader.finish().err();
    (frames, end.map(|error| error.code()))
}

/// What decodes is encoded in one way only, which decodes to itself, alone and as a frame.
fn one_spelling<M: Message + Default>(bytes: &[u8]) {
    let Ok(message) = M::decode(bytes) else { return };
    let spelled = message.encode_to_vec();
    assert_eq!(spelled.len(), message.encoded_len());
    let again = M::decode(&spelled[..]).map(|again| again.encode_to_vec());
    assert_eq!(again.as_ref(), Ok(&spelled));
    let mut framed = BytesMut::new();
    encode_frame(&message, &mut framed);
    assert_eq!(split_frame(&mut &framed[..], usize::MAX), Ok(Some(&spelled[..])));
}

fn from_hub(frame: &[u8]) {
    one_spelling::<v1::HubToGateway>(frame);
    match read_hub_frame(frame) {
        Ok(HubFrame::Batch(batch)) => {
            assert!((1..=SIGHTINGS_PER_BATCH_MAX).contains(&batch.len));
            let mut expected = batch.first_sequence;
            for (sequence, sighting) in batch.sightings() {
                assert_eq!(sequence, expected);
                expected += 1;
                let Ok(sighting) = sighting else { continue };
                let rssi_dbm = i32::from(sighting.rssi_dbm);
                assert!((RSSI_MIN_DBM..=RSSI_MAX_DBM).contains(&rssi_dbm) || rssi_dbm == RSSI_UNKNOWN_DBM);
                assert!(sighting.tag.as_bytes().iter().any(|byte| *byte != 0));
            }
            assert_eq!(expected - batch.first_sequence, batch.len as u64);
        }
        Ok(HubFrame::Hello(_) | HubFrame::Health(_) | HubFrame::Goodbye(_)) => {
            assert!(v1::HubToGateway::decode(frame).is_ok());
        }
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
}

fn from_app(frame: &[u8]) {
    one_spelling::<v1::AppRequest>(frame);
    let request = match read_app_request(frame) {
        Ok(request) => request,
        Err(refused) => return assert!(!refused.error.to_string().contains('\n')),
    };
    match request.body {
        Body::Query(query) => {
            let oracle = v1::AppRequest::decode(frame).map(|request| (request.request_id, request.body));
            let expected = v1::Query {
                subject: query.subject.into(),
                want: query.query.want.into(),
                channel: query.query.channel.into(),
                placement: query.query.placement.into(),
                locale: query.query.locale.into(),
                answers_max: query.query.answers_max,
                why: query.query.why,
                deadline_ms: query.deadline_ms,
            };
            let expected = v1::app_request::Body::Query(expected);
            assert_eq!(oracle, Ok((request.request_id, Some(expected))));
        }
        Body::Hello(bytes) => drop(read_hello(bytes)),
        Body::Signal(bytes) => from_signal(bytes),
        Body::Outcome(bytes) => {
            let outcome = v1::Outcome::decode(bytes).unwrap_or_default();
            assert!(read_outcome(&outcome).is_err() || outcome.decision_id != 0);
        }
        Body::WatchPresence(bytes) => drop(read_watch(bytes)),
        Body::Readings(bytes) => {
            let request = v1::ReadingsRequest::decode(bytes).unwrap_or_default();
            assert!(read_readings(&request).is_err() || request.tag.is_some());
        }
        Body::Hubs(bytes) => one_spelling::<v1::HubsRequest>(bytes),
    }
}

fn from_signal(bytes: &[u8]) {
    let Ok(message) = v1::Signal::decode(bytes) else { return };
    let Ok(signal) = read_signal(&message) else { return };
    assert!(!signal.message_id.is_empty());
    assert!(signal.properties.len() <= PROPERTIES_MAX && signal.consents.len() <= CONSENTS_MAX);
    assert!(signal.tags.len() + signal.keys.len() <= TAGS_MAX);
}
