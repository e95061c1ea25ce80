//! Hostile frames: what a broken or malicious peer may put on a stream, by name, and what becomes of it.
//!
//! Every frame of the contract (the golden ones) is cut, lengthened, announced wrongly and followed by rubbish;
//! each case ends in the error that it must, with no more memory than the largest frame. What the contract's bytes
//! can say and the gateway must still judge (numbers that are not finite, control characters in names) decodes
//! here, and is shown to, so that nobody relies on the decoder for it.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use nextbest_proto::frame::{FrameError, FrameReader, split_frame};
use nextbest_proto::limits::{
    APP_PUSH_LEN_MAX, APP_REPLY_LEN_MAX, APP_REQUEST_LEN_MAX, GATEWAY_TO_HUB_LEN_MAX, HUB_TO_GATEWAY_LEN_MAX,
};
use nextbest_proto::v1::{
    AppPush, AppReply, AppRequest, ErrorCode, GatewayToHub, HubHello, HubToGateway, Property, SightingBatch, Signal,
    app_request, hub_to_gateway, property,
};
use prost::Message;

#[test]
fn a_torn_frame_is_never_yielded() {
    for golden in goldens() {
        let stream = golden.framed();
        for len in 0..stream.len() {
            let mut reader = FrameReader::new(golden.len_max);
            assert_eq!(
                reader.next(&mut &stream[..len]),
                Ok(None),
                "{} cut at {len}",
                golden.name
            );
            assert_eq!(reader.finish().is_ok(), len == 0, "{} cut at {len}", golden.name);
        }
    }
}

#[test]
fn a_message_that_is_cut_is_refused_or_says_less() {
    for golden in goldens() {
        for len in 0..golden.message.len() {
            if let Ok(again) = golden.decode(&golden.message[..len]) {
                assert!(again.len() <= len, "{} cut at {len}", golden.name);
            }
        }
    }
}

#[test]
fn a_length_beyond_the_largest_frame_is_refused_at_once() {
    for golden in goldens() {
        let len_max = golden.len_max;
        for len in [
            len_max as u64 + 1,
            (1 << 16) - 1,
            (1 << 32) - 1,
            (1 << 62) - 1,
            u64::MAX,
        ] {
            let mut stream = varint(len);
            stream.extend(&golden.message);
            let mut reader = FrameReader::new(len_max);
            let refused = reader.next(&mut &stream[..]).unwrap_err();
            assert_eq!(refused, FrameError::TooLarge { len, len_max }, "{}", golden.name);
            assert_eq!(refused.code(), ErrorCode::FrameTooLarge);
        }
    }
}

#[test]
fn a_length_up_to_the_largest_frame_waits_for_its_bytes() {
    let mut reader = FrameReader::new(APP_REQUEST_LEN_MAX);
    assert_eq!(reader.next(&mut &varint(APP_REQUEST_LEN_MAX as u64)[..]), Ok(None));
    assert_eq!(
        reader.finish(),
        Err(FrameError::Torn {
            held: 0,
            expected: APP_REQUEST_LEN_MAX
        })
    );
}

#[test]
fn a_length_has_one_spelling_and_an_end() {
    check_length(&[0x80, 0x00], FrameError::LengthNotShortest);
    check_length(&[0x85, 0x80, 0x00], FrameError::LengthNotShortest);
    check_length(
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        FrameError::LengthTooLong,
    );
    check_length(&[0x80; 10], FrameError::LengthTooLong);
    check_length(&[0xff; 64], FrameError::LengthTooLong);
}

#[test]
fn what_follows_a_frame_belongs_to_the_next() {
    for golden in goldens() {
        let mut stream = golden.framed();
        stream.extend([0xff; 12]);
        let mut reader = FrameReader::new(golden.len_max);
        let mut chunk = &stream[..];
        assert_eq!(
            reader.next(&mut chunk),
            Ok(Some(&golden.message[..])),
            "{}",
            golden.name
        );
        assert_eq!(
            reader.next(&mut chunk),
            Err(FrameError::LengthTooLong),
            "{}",
            golden.name
        );
    }
}

#[test]
fn rubbish_behind_the_fields_of_a_message_is_refused() {
    for golden in goldens() {
        for rubbish in [
            &[0x00][..],
            &[0x07],
            &[0xff],
            &[0x0a],
            &[0x0a, 0x05, 1],
            &[0xff; 11],
            &[0x80; 10],
        ] {
            let message = [&golden.message[..], rubbish].concat();
            assert!(golden.decode(&message).is_err(), "{} and {rubbish:02x?}", golden.name);
        }
    }
}

#[test]
fn an_unknown_field_is_passed_over() {
    for golden in goldens() {
        // Field 2,047 as a number, as 8 bytes, as text, as 4 bytes.
        for field in [
            &[0xf8, 0x7f, 5][..],
            &[0xf9, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xfa, 0x7f, 1, 9],
            &[0xfd, 0x7f, 1, 2, 3, 4],
        ] {
            let message = [&golden.message[..], field].concat();
            assert_eq!(golden.decode(&message).as_ref(), Ok(&golden.message), "{}", golden.name);
        }
    }
}

#[test]
fn a_false_type_on_the_wire_is_refused() {
    // Field 1 of the hub's frame as a number, the boot epoch of a batch as text.
    assert!(HubToGateway::decode(&[0x08, 0x01][..]).is_err());
    assert!(SightingBatch::decode(&[0x0a, 0x01, 0x31][..]).is_err());
    // The start and the end of a group, which this contract does not have, are paired or refused.
    assert!(HubToGateway::decode(&[0xfb, 0x7f][..]).is_err());
    assert!(HubToGateway::decode(&[0xfc, 0x7f][..]).is_err());
}

#[test]
fn a_count_that_its_bytes_do_not_hold_is_refused() {
    // A batch whose fourth field announces 2^32 - 1 bytes, with ten bytes behind.
    let mut batch = vec![0x22];
    batch.extend(varint(u64::from(u32::MAX)));
    batch.extend([0; 10]);
    assert!(SightingBatch::decode(&batch[..]).is_err());
    let mut frame = vec![0x12];
    frame.extend(varint(batch.len() as u64));
    frame.extend(batch);
    assert!(HubToGateway::decode(&frame[..]).is_err());
}

#[test]
fn groups_within_groups_are_refused_before_the_stack_ends() {
    // Field 2,047 opens a group, again and again: as deep as the largest frame allows.
    let nested = [0xfb, 0x7f].repeat(APP_REQUEST_LEN_MAX / 2);
    assert!(AppRequest::decode(&nested[..]).is_err());
}

#[test]
fn of_a_field_that_comes_twice_the_last_counts() {
    let hello = [
        HubHello {
            hub_id: "first".into(),
            ..HubHello::default()
        },
        HubHello {
            hub_id: "last".into(),
            ..HubHello::default()
        },
    ];
    let bytes = hello.map(|hello| hello.encode_to_vec()).concat();
    assert_eq!(HubHello::decode(&bytes[..]).unwrap().hub_id, "last");
    // Two bodies: the last one, not both.
    let bytes = [&[0x0a, 0x00][..], &[0x22, 0x00]].concat();
    let body = HubToGateway::decode(&bytes[..]).unwrap().body;
    assert!(matches!(body, Some(hub_to_gateway::Body::Goodbye(_))));
}

#[test]
fn text_is_utf_8() {
    // Not UTF-8 at all, a slash spelled too long, a surrogate, beyond Unicode, cut inside a character.
    for text in [
        &[0xff, 0xfe][..],
        &[0xc0, 0xaf],
        &[0xed, 0xa0, 0x80],
        &[0xf4, 0x90, 0x80, 0x80],
        &[0xe2, 0x82],
    ] {
        let hello = [&[0x12, u8::try_from(text.len()).unwrap()], text].concat();
        assert!(HubHello::decode(&hello[..]).is_err(), "{text:02x?}");
    }
}

#[test]
fn what_is_left_for_the_gateway_to_judge() {
    for text in ["\0", "a\u{202e}b", "zero\u{200b}width", "e\u{301}", "\u{1b}[2J", "\r\n"] {
        let hello = HubHello {
            hub_id: text.into(),
            ..HubHello::default()
        };
        assert_eq!(HubHello::decode(&hello.encode_to_vec()[..]).unwrap().hub_id, text);
    }
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
        let value = Some(property::Value::Number(number));
        let signal = Signal {
            properties: vec![Property {
                name: "total".into(),
                value,
            }],
            ..Signal::default()
        };
        let request = AppRequest {
            request_id: 1,
            body: Some(app_request::Body::Signal(signal)),
        };
        let again = AppRequest::decode(&request.encode_to_vec()[..]).unwrap();
        let Some(app_request::Body::Signal(signal)) = again.body else {
            panic!("no signal")
        };
        let Some(property::Value::Number(found)) = signal.properties[0].value else {
            panic!("no number")
        };
        assert_eq!(found.to_bits(), number.to_bits());
    }
    // No body, an unknown body, a code and a kind of a later version.
    assert_eq!(HubToGateway::decode(&[][..]).unwrap().body, None);
    assert_eq!(HubToGateway::decode(&[0x7a, 0x00][..]).unwrap().body, None);
    assert_eq!(Signal::decode(&[0x10, 0x7f][..]).unwrap().kind, 127);
}

struct Golden {
    name: &'static str,
    message: Vec<u8>,
    len_max: usize,
    /// Decodes the bytes as this frame's message, and encodes what was understood.
    decode: fn(&[u8]) -> Result<Vec<u8>, prost::DecodeError>,
}

impl Golden {
    fn framed(&self) -> Vec<u8> {
        [varint(self.message.len() as u64), self.message.clone()].concat()
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
        (self.decode)(bytes)
    }
}

/// The golden frames, each with the reader of its stream. Every kind of frame occurs.
fn goldens() -> Vec<Golden> {
    let lines = include_str!("golden/messages.txt")
        .lines()
        .filter_map(|line| line.split_once(" = "));
    let goldens: Vec<Golden> = lines.map(|(name, digits)| golden(name, bytes(digits))).collect();
    assert_eq!(goldens.len(), 30);
    goldens
}

fn golden(name: &'static str, message: Vec<u8>) -> Golden {
    let (len_max, decode): (_, fn(&[u8]) -> _) = match name {
        "hub_batch_in_a_datagram" => (HUB_TO_GATEWAY_LEN_MAX, again::<SightingBatch>),
        "hub_hello" | "hub_batch" | "hub_health" | "hub_goodbye" => (HUB_TO_GATEWAY_LEN_MAX, again::<HubToGateway>),
        "app_hello"
        | "app_query"
        | "app_signal"
        | "app_signal_with_keys"
        | "app_signal_with_dates"
        | "app_outcome"
        | "app_readings_request"
        | "app_hubs"
        | "app_watch_presence" => (APP_REQUEST_LEN_MAX, again::<AppRequest>),
        name if name.starts_with("hub_") => (GATEWAY_TO_HUB_LEN_MAX, again::<GatewayToHub>),
        name if name.starts_with("app_") => (APP_REPLY_LEN_MAX, again::<AppReply>),
        _ => (APP_PUSH_LEN_MAX, again::<AppPush>),
    };
    Golden {
        name,
        message,
        len_max,
        decode,
    }
}

fn again<M: Message + Default>(bytes: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
    M::decode(bytes).map(|message| message.encode_to_vec())
}

fn check_length(stream: &[u8], expected: FrameError) {
    assert_eq!(expected.code(), ErrorCode::MalformedFrame);
    assert_eq!(
        split_frame(&mut &stream[..], usize::MAX),
        Err(expected.clone()),
        "{stream:02x?}"
    );
    let mut reader = FrameReader::new(usize::MAX);
    let torn = stream
        .iter()
        .try_for_each(|byte| reader.next(&mut &[*byte][..]).map(drop));
    assert_eq!(torn, Err(expected), "{stream:02x?}");
}

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
