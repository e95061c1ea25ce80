//! Other makers' payloads: whatever a broker or a gateway sends, reports name a hub, a transmitter and a strength that a
//! radio can give, every record is taken or counted, and no refusal repeats what was refused.

use nextbest::wire::payload::{
    Family, HUB_NAME_LEN_MAX, PayloadError, REPORTS_PER_PAYLOAD_MAX, Read, Said, Say, Topics, read_body, read_topic,
};

/// A topic of each kind that is subscribed to.
const TOPICS: [&str; 8] = [
    "espresense/devices/x/kitchen",
    "espresense/rooms/kitchen/status",
    "home/OpenMQTTGateway/BTtoMQTT/6087574C9BC2",
    "home/OpenMQTTGateway/LWT",
    "room_presence/kitchen",
    "happy-bubbles/ble/living-room/ibeacon/x",
    "happy-bubbles/ble/living-room/raw/x",
    "mokosmart",
];
const BODIES: [Family; 4] = [Family::Minew, Family::Kontakt, Family::Moko, Family::Raddec];
/// A refusal is one line that fits a log.
const SENTENCE_LEN_MAX: usize = 200;

/// The first byte says by which way the rest comes; the last way has the topic on its first line.
pub fn run(data: &[u8]) {
    let Some((&way, payload)) = data.split_first() else {
        return;
    };
    let way = usize::from(way) % (TOPICS.len() + BODIES.len() + 1);
    if let Some(topic) = TOPICS.get(way) {
        by_topic(topic, payload);
    } else if let Some(family) = BODIES.get(way - TOPICS.len()) {
        check(|say| read_body(*family, payload, say));
    } else if let Some(end) = payload.iter().position(|byte| *byte == b'\n')
        && let Ok(topic) = str::from_utf8(&payload[..end])
    {
        by_topic(topic, &payload[end + 1..]);
    }
}

fn by_topic(topic: &str, payload: &[u8]) {
    let topics = Topics::default();
    if let Some(family) = topics.family(topic) {
        check(|say| read_topic(&topics, family, topic, payload, say));
    }
}

fn check(read: impl FnOnce(&mut Say<'_>) -> Result<Read, PayloadError>) {
    let mut reports = 0;
    let result = read(&mut |said| match said {
        Said::Report(report) => {
            reports += 1;
            assert!((1..=HUB_NAME_LEN_MAX).contains(&report.hub.len()));
            assert!(!report.hub.contains(char::is_control), "a hub's name goes into logs");
            assert!(report.rssi_dbm <= 20);
            assert!(report.transmitter.tag.as_bytes().iter().any(|byte| *byte != 0));
        }
        Said::Hub { hub, .. } => assert!((1..=HUB_NAME_LEN_MAX).contains(&hub.len())),
    });
    match result {
        Ok(read) => {
            assert_eq!(reports, read.taken as usize);
            assert!(reports <= REPORTS_PER_PAYLOAD_MAX);
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.len() < SENTENCE_LEN_MAX && !sentence.contains('\n'));
        }
    }
}
