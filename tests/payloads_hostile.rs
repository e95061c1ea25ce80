//! Nothing that a payload holds can stop the process, and nobody is heard who was not: payloads cut at each byte, with
//! each byte flipped, with every value replaced by the worst, and made of anything.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test reads what it writes")]
mod payload_support;

use nextbest::wire::payload::{Family, HUB_NAME_LEN_MAX, PAYLOAD_LEN_MAX, PayloadError, REPORTS_PER_PAYLOAD_MAX};
use proptest::prelude::*;
use serde_json::{Value, json};

use payload_support::{Told, bytes_of, hex, of_body, of_topic, payloads};

/// How a payload comes in.
#[derive(Clone, Copy, Debug)]
enum Way {
    Topic(Family, &'static str),
    Body(Family),
}

const TOPICS: [Way; 8] = [
    Way::Topic(Family::Espresense, "espresense/devices/x/kitchen"),
    Way::Topic(Family::Espresense, "espresense/rooms/kitchen/status"),
    Way::Topic(Family::OpenMqttGateway, "home/OpenMQTTGateway/BTtoMQTT/6087574C9BC2"),
    Way::Topic(Family::OpenMqttGateway, "home/OpenMQTTGateway/LWT"),
    Way::Topic(Family::Room, "room_presence/kitchen"),
    Way::Topic(Family::HappyBubbles, "happy-bubbles/ble/living-room/ibeacon/x"),
    Way::Topic(Family::HappyBubbles, "happy-bubbles/ble/living-room/raw/x"),
    Way::Topic(Family::Moko, "mokosmart"),
];
const BODIES: [Way; 4] = [
    Way::Body(Family::Minew),
    Way::Body(Family::Kontakt),
    Way::Body(Family::Moko),
    Way::Body(Family::Raddec),
];

impl Way {
    fn read(self, payload: &[u8]) -> Result<Told, PayloadError> {
        match self {
            Self::Topic(family, topic) => of_topic(family, topic, payload),
            Self::Body(family) => of_body(family, payload),
        }
    }
}

/// Reads a payload every way, and checks what holds of every report.
fn survives(payload: &[u8]) {
    for way in TOPICS.into_iter().chain(BODIES) {
        match way.read(payload) {
            Ok(told) => {
                assert!(told.reports.len() <= REPORTS_PER_PAYLOAD_MAX);
                assert_eq!(told.reports.len(), told.read.taken as usize);
                for report in &told.reports {
                    assert!((1..=HUB_NAME_LEN_MAX).contains(&report.hub.len()), "{way:?}");
                    assert!(report.identity.iter().any(|byte| *byte != 0), "{way:?}");
                    assert!(report.rssi_dbm <= 20, "{way:?}");
                }
            }
            Err(error) => {
                let sentence = error.to_string();
                assert!(sentence.len() < 200 && !sentence.contains('\n'), "{way:?}: {sentence}");
            }
        }
    }
}

/// Every recorded payload, with a list and an object of each.
fn recorded() -> Vec<Vec<u8>> {
    let payloads = payloads();
    let mut all = vec![bytes_of("minew_bb01.hex"), bytes_of("raddec_options.hex")];
    all.push(hex(payloads["reelyactive_raddec"]["binary"]["hex"].as_str().unwrap()));
    for family in payloads.as_object().unwrap().values() {
        all.extend(
            [&family["payload"], &family["payloads"]]
                .iter()
                .filter(|value| !value.is_null())
                .map(|value| value.to_string().into_bytes()),
        );
    }
    all
}

#[test]
fn a_payload_cut_anywhere_harms_nobody() {
    for payload in recorded() {
        for len in 0..payload.len() {
            survives(&payload[..len]);
        }
    }
}

#[test]
fn a_payload_with_any_byte_flipped_harms_nobody() {
    for payload in recorded() {
        for at in 0..payload.len() {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                let mut flipped = payload.clone();
                flipped[at] ^= mask;
                survives(&flipped);
            }
        }
    }
}

#[test]
fn a_binary_payload_that_lost_a_byte_hears_nobody() {
    let (minew, raddec) = (bytes_of("minew_bb01.hex"), bytes_of("raddec_options.hex"));
    for (way, payload) in [(BODIES[0], minew), (BODIES[3], raddec)] {
        for len in 0..payload.len() {
            assert!(way.read(&payload[..len]).is_err(), "{way:?} cut at {len}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_raddec_is_noticed() {
    let raddec = bytes_of("raddec_options.hex");
    for at in 0..raddec.len() {
        for bit in 0..8 {
            let mut flipped = raddec.clone();
            flipped[at] ^= 1 << bit;
            assert!(BODIES[3].read(&flipped).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn the_worst_value_in_every_place_harms_nobody() {
    let worst = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(-1e308),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(0.5),
        json!(""),
        json!("\u{0}"),
        json!("\u{10ffff}"),
        json!("0".repeat(10_000)),
        json!("ff".repeat(1_650)),
        json!([]),
        json!({}),
        json!([[[[[]]]]]),
        json!({ "mac": { "mac": [{}] } }),
    ];
    for payload in recorded()
        .iter()
        .filter_map(|payload| serde_json::from_slice::<Value>(payload).ok())
    {
        for path in paths(&payload, &mut String::new()) {
            for worst in &worst {
                let mut changed = payload.clone();
                *changed.pointer_mut(&path).unwrap() = worst.clone();
                survives(changed.to_string().as_bytes());
            }
        }
    }
}

/// The pointers to all values.
fn paths(value: &Value, path: &mut String) -> Vec<String> {
    let mut all = vec![path.clone()];
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(array) => array
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, value) in inner {
        let len = path.len();
        path.push('/');
        path.push_str(&key);
        all.extend(paths(value, path));
        path.truncate(len);
    }
    all
}

#[test]
fn depth_and_length_are_bounded() {
    for open in [
        "[",
        "{\"a\":",
        "[{\"mac\":[",
        "{\"data\":[{\"value\":",
        "{\"rssiSignature\":[",
    ] {
        survives(open.repeat(60_000).as_bytes());
    }
    for text in [
        "1e400",
        "-1e400",
        &"9".repeat(100_000),
        "{\"rssi\":1e400}",
        "\u{feff}{}",
    ] {
        survives(text.as_bytes());
    }
    let long = vec![b' '; PAYLOAD_LEN_MAX + 1];
    for way in TOPICS.into_iter().chain(BODIES) {
        assert_eq!(
            way.read(&long).unwrap_err(),
            PayloadError::TooLong { len: long.len() },
            "{way:?}"
        );
    }
}

#[test]
fn no_error_repeats_what_a_payload_holds() {
    let secret = "c0ffee15c0de";
    for text in [
        format!("{{\"mac\": {secret}}}"),
        format!("[{{\"{secret}"),
        format!("\"{secret}\""),
        format!("{{\"id\":\"{secret}!\"}}"),
    ] {
        for way in TOPICS.into_iter().chain(BODIES) {
            if let Err(error) = way.read(text.as_bytes()) {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(secret), "{way:?}: {shown}");
            }
        }
    }
}

proptest! {
    #[test]
    fn bytes_of_any_kind_harm_nobody(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&payload);
    }

    #[test]
    fn a_sealed_raddec_of_any_content_harms_nobody(mut body in prop::collection::vec(any::<u8>(), 0..80)) {
        let len = u16::try_from(body.len() + 4).unwrap().to_be_bytes();
        body.splice(0..0, [0x10, len[0], len[1]]);
        body.push(body.iter().fold(0, |sum, byte| u8::wrapping_add(sum, *byte)));
        survives(&body);
    }

    #[test]
    fn a_sealed_minew_frame_of_any_content_harms_nobody(mut body in prop::collection::vec(any::<u8>(), 8..120)) {
        let len = u32::try_from(body.len() + 7).unwrap().to_be_bytes();
        body.splice(0..0, [0xbb, 0x01, len[0], len[1], len[2], len[3]]);
        body.push(0xdd);
        survives(&body);
    }
}
