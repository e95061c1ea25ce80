//! Home Assistant's `mqtt_room`: `<state_topic>/<room>` with `id`, `name` and `distance`.
//!
//! Format: `source/_integrations/mqtt_room.markdown` (github.com/home-assistant/home-assistant.io). The hub is the room
//! in the topic. Home Assistant asks only for a distance, and neither it nor the topic says how the publisher made that
//! of a signal strength: ESPresense, OpenMQTTGateway and room-assistant each have a formula of their own. Most of them
//! also send the `rssi`, and then that is what counts. When there is none, the distance is turned back by
//! [`super::PathLoss`], the locator's own formula with what the pack tells the locator, so that it believes the distance
//! that was sent; an owner who knows the publisher's formula sets its numbers. Who was heard
//! is the `id` when that is an address or `<uuid>-<major>-<minor>`; a name that only its owner knows names nobody.

use serde::Deserialize;

use super::record::{Field, hub_name, object};
use super::topic::parts;
use super::transmitter::{address, beacon, nobody, of};
use super::{BadReport, PathLoss, PayloadError, Read, Report, Say, Topics, Transmitter};
use crate::model::{TagId, TagKind};

/// Farthest distance that a publisher may claim, in metres.
const DISTANCE_M_MAX: f64 = 1_000.0;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Field<'a>,
    #[serde(borrow)]
    uuid: Field<'a>,
    #[serde(borrow)]
    mac: Field<'a>,
    #[serde(borrow)]
    distance: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
}

pub(super) fn read(topics: &Topics, topic: &str, payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let [room] = parts::<1>(&topics.room, topic).ok_or(PayloadError::Topic)?;
    let hub = hub_name(room).ok_or(PayloadError::Topic)?;
    let message: Message<'_> = object(payload, "an object with `id` and `distance`")?;
    let mut read = Read::default();
    let report = transmitter(&message).and_then(|transmitter| {
        Ok(Report {
            hub,
            transmitter,
            rssi_dbm: strength(&message, &topics.path_loss)?,
            hint_unix_ms: None,
        })
    });
    read.take(report, say);
    read.of_one()
}

fn transmitter(message: &Message<'_>) -> Result<Transmitter, BadReport> {
    if message.id.is_missing() {
        let expected = "the id of the transmitter";
        return Err(BadReport::Missing { key: "id", expected });
    }
    let said = [&message.id, &message.uuid]
        .into_iter()
        .find_map(|field| field.text().and_then(numbered));
    let address = [&message.mac, &message.id]
        .into_iter()
        .find_map(|field| field.text().and_then(address));
    of(said, address).ok_or(nobody("id"))
}

/// `<uuid>-<major>-<minor>`, the numbers decimal, perhaps with a publisher's word before it.
fn numbered(id: &str) -> Option<TagId> {
    let id = id.rsplit(':').next().filter(|rest| rest.len() > 32)?;
    let (rest, minor) = id.rsplit_once(['-', '_'])?;
    let (uuid, major) = rest.rsplit_once(['-', '_'])?;
    beacon(TagKind::IBeacon, uuid, major.parse().ok()?, minor.parse().ok()?)
}

fn strength(message: &Message<'_>, path_loss: &PathLoss) -> Result<i8, BadReport> {
    if !message.rssi.is_missing() {
        return message.rssi.rssi_dbm("rssi");
    }
    let expected = "a number of metres between 0 and 1,000, or an `rssi` beside it";
    let metres = |field: &Field<'_>| field.number().filter(|metres| (0.0..=DISTANCE_M_MAX).contains(metres));
    let distance_m = message.distance.need("distance", expected, metres)?;
    Ok(path_loss.rssi_dbm(distance_m).clamp(-127.0, 20.0).round() as i8)
}
