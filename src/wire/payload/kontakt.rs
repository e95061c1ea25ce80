//! Kontakt.io's telemetry stream, posted to a URL of the venue: one object for what one gateway heard, or a list of them.
//!
//! Format: "Telemetry data model", developer.kontakt.io/backend/locationservices/streamsconfig. The hub is `sourceId`,
//! "unique ID of scanning device"; who was heard is `trackingId`, "in most cases equal to lowercase MAC address of the
//! device". A tracking id that is no address names a device that only Kontakt.io's cloud knows, and is left out.
//! `timestamp` is when the cloud received it.

use serde::Deserialize;

use super::record::{Field, Objects, objects};
use super::transmitter::of;
use super::{BadReport, PayloadError, Read, Report, Say};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Telemetry<'a> {
    #[serde(borrow, rename = "sourceId")]
    source_id: Field<'a>,
    #[serde(borrow, rename = "trackingId")]
    tracking_id: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
    #[serde(borrow)]
    timestamp: Field<'a>,
}

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let shape = "an object with `sourceId`, `trackingId` and `rssi`, or a list of them";
    let all: Objects<Telemetry<'_>> = objects(payload, shape)?;
    let mut read = Read::default();
    all.count_others(&mut read.left_out);
    for telemetry in &all.objects {
        read.take(report(telemetry), say);
    }
    read.of_one()
}

fn report<'t>(telemetry: &'t Telemetry<'_>) -> Result<Report<'t>, BadReport> {
    let address = telemetry.tracking_id.address("trackingId")?;
    Ok(Report {
        hub: telemetry.source_id.hub("sourceId")?,
        transmitter: of(None, Some(address)).ok_or(BadReport::NotAnObject)?,
        rssi_dbm: telemetry.rssi.rssi_dbm("rssi")?,
        hint_unix_ms: telemetry.timestamp.unix_ms(),
    })
}
