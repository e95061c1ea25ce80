//! ESPresense: `espresense/devices/<id>/<room>`, `espresense/rooms/<room>/telemetry` and `../status`.
//!
//! Format: the firmware's `lib/BleFingerprint/BleFingerprint.cpp` and `src/main.cpp` (github.com/ESPresense/ESPresense).
//! The hub is the room in the topic. Who was heard is the `id`, which the firmware composes from the best thing that it
//! knows: `iBeacon:<uuid>-<major>-<minor>`, `altBeacon:<uuid>-<major>-<minor>` (both decimal), `eddy:<namespace>-
//! <instance>`, `known:<address>`. For any other id (`irk:`, `apple:`, `node:`, names that the owner gave) it is the
//! `mac`. There is no clock in it.

use serde::Deserialize;

use super::record::{Field, hub_name, object};
use super::topic::parts;
use super::transmitter::{address, beacon, hex, nobody, of};
use super::{BadReport, HubStatus, PayloadError, Read, Report, Said, Say, Topics};
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
}

pub(super) fn read(topics: &Topics, topic: &str, payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let [kind, first, second] = parts::<3>(&topics.espresense, topic).ok_or(PayloadError::Topic)?;
    match (kind, first, second) {
        ("devices", _, room) => {
            let message: Message<'_> = object(payload, "an object with `id`, `mac` and `rssi`")?;
            let mut read = Read::default();
            let hub = hub_name(room).ok_or(PayloadError::Topic)?;
            read.take(report(&message, hub), say);
            read.of_one()
        }
        ("rooms", room, "telemetry") => tell(room, HubStatus::Alive, say),
        ("rooms", room, "status") if payload == b"offline" => tell(room, HubStatus::Gone, say),
        ("rooms", room, "status") => tell(room, HubStatus::Alive, say),
        _ => Err(PayloadError::Topic),
    }
}

fn tell(room: &str, status: HubStatus, say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let hub = hub_name(room).ok_or(PayloadError::Topic)?;
    say(Said::Hub { hub, status });
    Ok(Read::default())
}

fn report<'t>(message: &Message<'_>, hub: &'t str) -> Result<Report<'t>, BadReport> {
    let address = match message.mac.is_missing() {
        true => None,
        false => Some(message.mac.address("mac")?),
    };
    let said = message.id.text().and_then(identity);
    Ok(Report {
        hub,
        transmitter: of(said, address).ok_or(nobody("id"))?,
        rssi_dbm: message.rssi.rssi_dbm("rssi")?,
        hint_unix_ms: None,
    })
}

fn identity(id: &str) -> Option<TagId> {
    let (kind, rest) = id.split_once(':')?;
    match kind {
        "iBeacon" => numbered(TagKind::IBeacon, rest),
        "altBeacon" => numbered(TagKind::AltBeacon, rest),
        "eddy" => eddystone(rest),
        "known" => address(rest),
        _ => None,
    }
}

/// `<uuid>-<major>-<minor>`, the numbers decimal.
fn numbered(kind: TagKind, text: &str) -> Option<TagId> {
    let (rest, minor) = text.rsplit_once('-')?;
    let (uuid, major) = rest.rsplit_once('-')?;
    beacon(kind, uuid, major.parse().ok()?, minor.parse().ok()?)
}

/// `<namespace>-<instance>` in hexadecimal digits. The firmware up to version 4 writes the fifth byte of the namespace
/// twice, and that byte says so.
fn eddystone(text: &str) -> Option<TagId> {
    let (namespace, instance) = text.split_once('-')?;
    let namespace = hex::<10>(namespace).or_else(|| match hex::<11>(namespace)? {
        [a, b, c, d, e, again, f, g, h, i, j] if e == again => Some([a, b, c, d, e, f, g, h, i, j]),
        _ => None,
    })?;
    TagId::new(TagKind::EddystoneUid, &[&namespace[..], &hex::<6>(instance)?].concat()).ok()
}
