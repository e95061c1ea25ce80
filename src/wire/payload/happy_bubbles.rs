//! happy-bubbles: `happy-bubbles/ble/<hub>/{ibeacon,eddystone,raw}/<id>`.
//!
//! Format: `user/ble.c` of the detector's firmware (github.com/happy-bubbles/nodered-presence and its forks). The hub is
//! the `hostname`, which the topic repeats. `major` and `minor` are hexadecimal texts; `raw` messages have the whole
//! advertisement in `data`. There is no clock.

use serde::Deserialize;

use super::record::{Field, hub_name, object};
use super::topic::parts;
use super::transmitter::{advertisement, beacon, heard, hex, of};
use super::{BadReport, PayloadError, Read, Report, Say, Topics, Transmitter};
use crate::model::{TagId, TagKind};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    hostname: Field<'a>,
    #[serde(borrow)]
    mac: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
    #[serde(borrow)]
    uuid: Field<'a>,
    #[serde(borrow)]
    major: Field<'a>,
    #[serde(borrow)]
    minor: Field<'a>,
    #[serde(borrow)]
    namespace: Field<'a>,
    #[serde(borrow)]
    instance_id: Field<'a>,
    #[serde(borrow)]
    data: Field<'a>,
}

pub(super) fn read(topics: &Topics, topic: &str, payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let [in_topic, "ibeacon" | "eddystone" | "raw", _] =
        parts::<3>(&topics.happy_bubbles, topic).ok_or(PayloadError::Topic)?
    else {
        return Err(PayloadError::Topic);
    };
    let message: Message<'_> = object(payload, "an object with `hostname`, `mac` and `rssi`")?;
    let mut read = Read::default();
    let report = report(&message, in_topic, &mut read);
    read.take(report, say);
    read.of_one()
}

fn report<'m>(message: &'m Message<'_>, in_topic: &'m str, read: &mut Read) -> Result<Report<'m>, BadReport> {
    let hub = match hub_name(in_topic) {
        Some(hub) if message.hostname.is_missing() => hub,
        Some(_) | None => message.hostname.hub("hostname")?,
    };
    Ok(Report {
        hub,
        transmitter: transmitter(message, read)?,
        rssi_dbm: message.rssi.rssi_dbm("rssi")?,
        hint_unix_ms: None,
    })
}

fn transmitter(message: &Message<'_>, read: &mut Read) -> Result<Transmitter, BadReport> {
    let address = message.mac.address("mac")?;
    if let Some(raw) = message.data.text().and_then(advertisement) {
        return Ok(heard(address, &raw, read));
    }
    let said = ibeacon(message).or_else(|| eddystone(message));
    Ok(of(said, Some(address)).unwrap_or(Transmitter {
        tag: address,
        address: None,
    }))
}

fn ibeacon(message: &Message<'_>) -> Option<TagId> {
    let number = |field: &Field<'_>| Some(u16::from_be_bytes(hex::<2>(field.text()?)?));
    let (major, minor) = (number(&message.major)?, number(&message.minor)?);
    beacon(TagKind::IBeacon, message.uuid.text()?, major, minor)
}

fn eddystone(message: &Message<'_>) -> Option<TagId> {
    let (namespace, instance) = (
        hex::<10>(message.namespace.text()?)?,
        hex::<6>(message.instance_id.text()?)?,
    );
    TagId::new(TagKind::EddystoneUid, &[&namespace[..], &instance[..]].concat()).ok()
}
