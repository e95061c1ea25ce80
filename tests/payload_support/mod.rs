//! What the tests of payloads share: the recorded payloads, and what reading one has told.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

use nextbest::model::TagKind;
use nextbest::wire::payload::{Family, HubStatus, PayloadError, Read, Report, Said, Topics, read_body, read_topic};
use serde_json::Value;

/// What a payload told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) reports: Vec<Owned>,
    pub(crate) hubs: Vec<(String, HubStatus)>,
    pub(crate) read: Read,
}

/// A report that outlives its payload.
#[derive(Debug, PartialEq)]
pub(crate) struct Owned {
    pub(crate) hub: String,
    pub(crate) kind: TagKind,
    pub(crate) identity: Vec<u8>,
    pub(crate) address: Option<Vec<u8>>,
    pub(crate) rssi_dbm: i8,
    pub(crate) hint_unix_ms: Option<u64>,
}

impl Told {
    fn hear(&mut self, said: Said<'_>) {
        match said {
            Said::Report(report) => self.reports.push(Owned::of(&report)),
            Said::Hub { hub, status } => self.hubs.push((hub.to_owned(), status)),
        }
    }
}

impl Owned {
    fn of(report: &Report<'_>) -> Self {
        let transmitter = &report.transmitter;
        Self {
            hub: report.hub.to_owned(),
            kind: transmitter.tag.kind(),
            identity: transmitter.tag.as_bytes().to_vec(),
            address: transmitter.address.map(|address| address.as_bytes().to_vec()),
            rssi_dbm: report.rssi_dbm,
            hint_unix_ms: report.hint_unix_ms,
        }
    }
}

/// Reads an MQTT message.
pub(crate) fn of_topic(family: Family, topic: &str, payload: &[u8]) -> Result<Told, PayloadError> {
    let topics = Topics::default();
    assert_eq!(topics.family(topic), Some(family), "{topic}");
    let mut told = Told::default();
    let read = read_topic(&topics, family, topic, payload, &mut |said| told.hear(said))?;
    told.read = read;
    Ok(told)
}

/// Reads a body or a datagram.
pub(crate) fn of_body(family: Family, payload: &[u8]) -> Result<Told, PayloadError> {
    let mut told = Told::default();
    let read = read_body(family, payload, &mut |said| told.hear(said))?;
    told.read = read;
    Ok(told)
}

/// Reads an MQTT message that is right.
#[track_caller]
pub(crate) fn topic(family: Family, topic: &str, payload: &Value) -> Told {
    of_topic(family, topic, payload.to_string().as_bytes()).unwrap_or_else(|error| panic!("{topic}: {error}"))
}

/// Reads a body that is right.
#[track_caller]
pub(crate) fn body(family: Family, payload: &Value) -> Told {
    of_body(family, payload.to_string().as_bytes()).unwrap_or_else(|error| panic!("{family:?}: {error}"))
}

/// The recorded payloads.
pub(crate) fn payloads() -> Value {
    serde_json::from_str(&text("hub_payloads.json")).unwrap()
}

/// A recorded payload in bytes.
pub(crate) fn bytes_of(name: &str) -> Vec<u8> {
    hex(&text(name).split_whitespace().collect::<String>())
}

/// Bytes from hexadecimal digits.
#[track_caller]
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/payloads");
    fs::read_to_string(folder.join(name)).unwrap()
}
