//! The JSON forms: a list whose first object is the gateway, in JSON-LONG `{"type": "Gateway", "mac"}`, in JSON-RAW
//! `{"gateway"}`, and whose others are what it heard. A beacon comes decoded (`ibeaconUuid`), or as `rawData`.

use serde::Deserialize;

use crate::model::{TagId, TagKind};
use crate::wire::payload::record::{Field, Objects, objects};
use crate::wire::payload::transmitter::{advertisement, beacon, heard, of};
use crate::wire::payload::{BadReport, HubStatus, PayloadError, Read, Report, Said, Say, Transmitter};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow, rename = "type")]
    kind: Field<'a>,
    #[serde(borrow)]
    gateway: Field<'a>,
    #[serde(borrow)]
    mac: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
    #[serde(borrow)]
    timestamp: Field<'a>,
    #[serde(borrow, rename = "rawData")]
    raw_data: Field<'a>,
    #[serde(borrow, rename = "ibeaconUuid")]
    ibeacon_uuid: Field<'a>,
    #[serde(borrow, rename = "ibeaconMajor")]
    ibeacon_major: Field<'a>,
    #[serde(borrow, rename = "ibeaconMinor")]
    ibeacon_minor: Field<'a>,
}

impl Record<'_> {
    fn is_gateway(&self) -> bool {
        self.kind.text() == Some("Gateway") || !self.gateway.is_missing()
    }
}

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let records: Objects<Record<'_>> = objects(payload, "a list whose first object is the gateway, with its `mac`")?;
    let gateway = records.objects.iter().find(|record| record.is_gateway());
    let (key, expected) = (
        "Gateway",
        "an object with `type` \"Gateway\" and its `mac`, before what it heard",
    );
    let gateway = gateway.ok_or(BadReport::Missing { key, expected })?;
    let hub = match gateway.gateway.is_missing() {
        true => gateway.mac.hub("mac")?,
        false => gateway.gateway.hub("gateway")?,
    };
    let status = HubStatus::Alive;
    say(Said::Hub { hub, status });
    let mut read = Read::default();
    records.count_others(&mut read.left_out);
    for record in records.objects.iter().filter(|record| !record.is_gateway()) {
        let report = transmitter(record, &mut read).and_then(|transmitter| {
            Ok(Report {
                hub,
                transmitter,
                rssi_dbm: record.rssi.rssi_dbm("rssi")?,
                hint_unix_ms: record.timestamp.unix_ms(),
            })
        });
        read.take(report, say);
    }
    Ok(read)
}

fn transmitter(record: &Record<'_>, read: &mut Read) -> Result<Transmitter, BadReport> {
    let address = record.mac.address("mac")?;
    if let Some(raw) = record.raw_data.text().and_then(advertisement) {
        return Ok(heard(address, &raw, read));
    }
    Ok(of(ibeacon(record), Some(address)).unwrap_or(Transmitter {
        tag: address,
        address: None,
    }))
}

fn ibeacon(record: &Record<'_>) -> Option<TagId> {
    let (major, minor) = (record.ibeacon_major.u16()?, record.ibeacon_minor.u16()?);
    beacon(TagKind::IBeacon, record.ibeacon_uuid.text()?, major, minor)
}
