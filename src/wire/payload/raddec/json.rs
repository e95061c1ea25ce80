//! The JSON form: one raddec, or a list of them.

use serde::Deserialize;

use super::{EUI48, RANDOM48, transmitter};
use crate::model::TagId;
use crate::wire::payload::record::{Field, Objects, objects};
use crate::wire::payload::transmitter::advertisement;
use crate::wire::payload::{BadReport, PayloadError, Read, Report, Say};

/// Packets of one raddec that are read; the firmware sends 15 at most.
const PACKETS_MAX: usize = 16;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raddec<'a> {
    #[serde(borrow, rename = "transmitterId")]
    transmitter_id: Field<'a>,
    #[serde(borrow, rename = "transmitterIdType")]
    transmitter_id_type: Field<'a>,
    #[serde(borrow, rename = "rssiSignature")]
    rssi_signature: Objects<Receiver<'a>>,
    #[serde(borrow)]
    packets: Fields<'a>,
    #[serde(borrow)]
    timestamp: Field<'a>,
    /// The one receiver of the flattened form.
    #[serde(borrow, rename = "receiverId")]
    receiver_id: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Receiver<'a> {
    #[serde(borrow, rename = "receiverId")]
    receiver_id: Field<'a>,
    #[serde(borrow)]
    rssi: Field<'a>,
}

/// A list of anything.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Fields<'a>(#[serde(borrow)] Vec<Field<'a>>);

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let raddecs: Objects<Raddec<'_>> =
        objects(payload, "a raddec: an object with `transmitterId` and `rssiSignature`")?;
    let mut read = Read::default();
    raddecs.count_others(&mut read.left_out);
    for raddec in &raddecs.objects {
        take(raddec, &mut read, say);
    }
    read.of_one()
}

fn take(raddec: &Raddec<'_>, read: &mut Read, say: &mut Say<'_>) {
    let packets: Vec<Vec<u8>> = raddec.packets.0.iter().take(PACKETS_MAX).filter_map(packet).collect();
    let transmitter = address(raddec).and_then(|address| transmitter(address, packets.iter().map(Vec::as_slice), read));
    let hint_unix_ms = raddec.timestamp.unix_ms();
    let report = |receiver_id: &'_ Field<'_>, rssi: &Field<'_>, read: &mut Read, say: &mut Say<'_>| {
        let report = receiver_id.hub("receiverId").and_then(|hub| {
            Ok(Report {
                hub,
                transmitter: transmitter?,
                rssi_dbm: rssi.rssi_dbm("rssi")?,
                hint_unix_ms,
            })
        });
        read.take(report, say);
    };
    raddec.rssi_signature.count_others(&mut read.left_out);
    if raddec.rssi_signature.objects.is_empty() {
        return report(&raddec.receiver_id, &raddec.rssi, read, say);
    }
    for receiver in &raddec.rssi_signature.objects {
        report(&receiver.receiver_id, &receiver.rssi, read, say);
    }
}

/// The transmitter's address; `None` when its id is of a kind that is no address.
fn address(raddec: &Raddec<'_>) -> Result<Option<TagId>, BadReport> {
    match raddec.transmitter_id_type.u16() {
        Some(id_type) if id_type != u16::from(EUI48) && id_type != u16::from(RANDOM48) => Ok(None),
        // Some listeners cannot tell a public address from a random one and leave the type out.
        Some(_) | None => raddec.transmitter_id.address("transmitterId").map(Some),
    }
}

fn packet(field: &Field<'_>) -> Option<Vec<u8>> {
    field.text().and_then(advertisement)
}
