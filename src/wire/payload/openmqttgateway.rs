//! OpenMQTTGateway and Theengs Gateway: `home/<gateway>/BTtoMQTT/<address>`, `home/<gateway>/SYStoMQTT` and `../LWT`.
//!
//! Format: `docs/use/ble.md` (github.com/1technophile/OpenMQTTGateway). The hub is the gateway's name in the topic. What
//! a transmitter says of itself comes decoded (`uuid`, `major`, `minor` of an iBeacon) or, when the firmware is told to
//! publish undecoded data, as hexadecimal `servicedata` with its `servicedatauuid`, `manufacturerdata`, or `rawdata`.
//! `id` is the address; a gateway that publishes iBeacons under their UUID puts the address into `mac`. There is no clock.

use serde::Deserialize;

use nextbest_proto::advert::structure::{Structure, kind};
use nextbest_proto::advert::{self, eddystone};

use super::record::{Field, hub_name, object};
use super::topic::parts;
use super::transmitter::{address, advertisement, beacon, heard, hex, nobody, of, tag};
use super::{BadReport, HubStatus, PayloadError, Read, Report, Said, Say, Topics, Transmitter};
use crate::model::{TagId, TagKind};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    mac: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
    #[serde(borrow)]
    model_id: Field<'a>,
    #[serde(borrow)]
    uuid: Field<'a>,
    #[serde(borrow)]
    major: Field<'a>,
    #[serde(borrow)]
    minor: Field<'a>,
    #[serde(borrow)]
    servicedata: Field<'a>,
    #[serde(borrow)]
    servicedatauuid: Field<'a>,
    #[serde(borrow)]
    manufacturerdata: Field<'a>,
    #[serde(borrow)]
    rawdata: Field<'a>,
}

pub(super) fn read(topics: &Topics, topic: &str, payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    if let Some([gateway, about]) = parts::<2>(&topics.openmqttgateway, topic) {
        let hub = hub_name(gateway).ok_or(PayloadError::Topic)?;
        let status = match (about, payload) {
            ("LWT", b"offline" | b"Offline") => HubStatus::Gone,
            ("LWT" | "SYStoMQTT", _) => HubStatus::Alive,
            _ => return Err(PayloadError::Topic),
        };
        say(Said::Hub { hub, status });
        return Ok(Read::default());
    }
    let [gateway, "BTtoMQTT", _] = parts::<3>(&topics.openmqttgateway, topic).ok_or(PayloadError::Topic)? else {
        return Err(PayloadError::Topic);
    };
    let hub = hub_name(gateway).ok_or(PayloadError::Topic)?;
    let message: Message<'_> = object(payload, "an object with `id` and `rssi`")?;
    let mut read = Read::default();
    let report = transmitter(&message, &mut read).and_then(|transmitter| {
        Ok(Report {
            hub,
            transmitter,
            rssi_dbm: message.rssi.rssi_dbm("rssi")?,
            hint_unix_ms: None,
        })
    });
    read.take(report, say);
    read.of_one()
}

fn transmitter(message: &Message<'_>, read: &mut Read) -> Result<Transmitter, BadReport> {
    let by_address = [&message.mac, &message.id]
        .into_iter()
        .find_map(|field| field.text().and_then(address));
    if let (Some(address), Some(raw)) = (by_address, message.rawdata.text().and_then(advertisement)) {
        return Ok(heard(address, &raw, read));
    }
    let said = decoded(message).or_else(|| structures(message, read));
    if message.id.is_missing() && said.is_none() {
        let expected = "the address of the transmitter";
        return Err(BadReport::Missing { key: "id", expected });
    }
    of(said, by_address).ok_or(nobody("id"))
}

/// An iBeacon that the gateway has decoded. Its numbers come as numbers, from old firmware as hexadecimal texts.
fn decoded(message: &Message<'_>) -> Option<TagId> {
    let number = |field: &Field<'_>| {
        field
            .u16()
            .or_else(|| Some(u16::from_be_bytes(hex::<2>(field.text()?)?)))
    };
    let is_beacon = message.model_id.text().is_none_or(|model| model == "IBEACON");
    let uuid = message.uuid.text().filter(|_| is_beacon)?;
    beacon(TagKind::IBeacon, uuid, number(&message.major)?, number(&message.minor)?)
}

/// A transmitter by the parts of its advertisement that the gateway has passed on.
fn structures(message: &Message<'_>, read: &mut Read) -> Option<TagId> {
    let manufacturer = message.manufacturerdata.text().and_then(advertisement);
    let service = message.servicedata.text().and_then(advertisement).map(|data| {
        let uuid = message
            .servicedatauuid
            .text()
            .and_then(service_uuid)
            .unwrap_or(eddystone::SERVICE);
        let [low, high] = uuid.to_le_bytes();
        [&[low, high], &data[..]].concat()
    });
    [(kind::MANUFACTURER, manufacturer), (kind::SERVICE_DATA_16, service)]
        .into_iter()
        .find_map(|(kind, data)| {
            let data = data?;
            match advert::decode_structure(Structure { kind, data: &data }) {
                Ok(advert) => tag(&advert.identity()?),
                Err(_) => {
                    read.malformed_adverts += 1;
                    None
                }
            }
        })
}

/// `0xfeaa`, `feaa` or the long form `0000feaa-0000-1000-8000-00805f9b34fb`.
fn service_uuid(text: &str) -> Option<u16> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    if text.len() == 4 {
        return u16::from_str_radix(text, 16).ok();
    }
    match hex::<16>(text)? {
        [0, 0, high, low, 0, 0, 0x10, 0, 0x80, 0, 0, 0x80, 0x5f, 0x9b, 0x34, 0xfb] => {
            Some(u16::from_be_bytes([high, low]))
        }
        _ => None,
    }
}
