//! MOKO gateways, over MQTT, on whatever topic their owner chose.
//!
//! Format: `lib/mqttprotocoldecoder.js` (github.com/reelyactive/barnowl-mokosmart). Messages are told by `msg_id`: 3003
//! is the network's state, 3004 is what was heard in the older protocol (`data` is a list of `{type, value}`), 3070 in
//! the newer (`data` is a list of packets). The hub is `device_info.mac`. Other ids are of settings and are no mistake.
//! The newer protocol has a clock in milliseconds; the older one writes a local time of its own form, which is not read.

use serde::Deserialize;

use super::record::{Field, Objects, object};
use super::transmitter::{advertisement, heard};
use super::{BadReport, HubStatus, PayloadError, Read, Report, Said, Say, Transmitter};

const SCANNED: u16 = 3_004;
const SCAN_NOTIFICATION: u16 = 3_070;
const SHAPE: &str = "an object with `msg_id`, `device_info` and `data`";

/// What every message has.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head<'a> {
    #[serde(borrow)]
    msg_id: Field<'a>,
    #[serde(borrow)]
    device_info: Objects<Device<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Device<'a> {
    #[serde(borrow)]
    mac: Field<'a>,
}

/// What a message holds, read once its head has told of what kind.
#[derive(Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
struct Body<T> {
    data: Objects<T>,
}

impl<T> Default for Body<T> {
    fn default() -> Self {
        Self {
            data: Objects::default(),
        }
    }
}

/// An entry of the older protocol.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Scanned<'a> {
    #[serde(borrow)]
    value: Objects<Packet<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Packet<'a> {
    #[serde(borrow)]
    mac: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow)]
    raw: Field<'a>,
    #[serde(borrow, rename = "raw data")]
    raw_data: Field<'a>,
    #[serde(borrow)]
    adv_data: Field<'a>,
    #[serde(borrow)]
    rsp_data: Field<'a>,
}

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let head: Head<'_> = object(payload, SHAPE)?;
    let message = head.msg_id.need("msg_id", "the number of a MOKO message", Field::u16)?;
    let missing = Field::Missing;
    let mac = head.device_info.objects.first().map_or(&missing, |device| &device.mac);
    let hub = mac.hub("device_info.mac")?;
    // Whatever it says, it is there to say it.
    let status = HubStatus::Alive;
    say(Said::Hub { hub, status });
    let mut read = Read::default();
    match message {
        SCANNED => {
            let body: Body<Scanned<'_>> = object(payload, SHAPE)?;
            body.data.count_others(&mut read.left_out);
            for scanned in &body.data.objects {
                match scanned.value.objects.first() {
                    Some(packet) => take(packet, hub, &mut read, say),
                    None => read.left_out.add(BadReport::Missing {
                        key: "value",
                        expected: "an object with `mac` and `rssi`",
                    }),
                }
            }
        }
        SCAN_NOTIFICATION => {
            let body: Body<Packet<'_>> = object(payload, SHAPE)?;
            body.data.count_others(&mut read.left_out);
            for packet in &body.data.objects {
                take(packet, hub, &mut read, say);
            }
        }
        // The network's state, and settings.
        _ => {}
    }
    Ok(read)
}

fn take(packet: &Packet<'_>, hub: &str, read: &mut Read, say: &mut Say<'_>) {
    let report = transmitter(packet, read).and_then(|transmitter| {
        Ok(Report {
            hub,
            transmitter,
            rssi_dbm: packet.rssi.rssi_dbm("rssi")?,
            hint_unix_ms: packet.timestamp.unix_ms(),
        })
    });
    read.take(report, say);
}

fn transmitter(packet: &Packet<'_>, read: &mut Read) -> Result<Transmitter, BadReport> {
    let address = packet.mac.address("mac")?;
    let raw = [&packet.raw_data, &packet.raw, &packet.adv_data, &packet.rsp_data];
    let raw: Vec<u8> = raw
        .into_iter()
        .filter_map(|field| field.text().and_then(advertisement))
        .flatten()
        .collect();
    Ok(heard(address, &raw, read))
}
