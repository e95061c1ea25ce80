//! reelyActive's raddec: one transmitter and everybody who heard it, as JSON or in bytes.
//!
//! Format: `README.md`, `lib/raddec.js`, `lib/identifiers.js` and `lib/rssi.js` (github.com/reelyactive/raddec). It is
//! sent as a UDP datagram by `barnowl` and its kin, and as JSON over HTTP and UDP. The hubs are the receivers. Transmitters
//! and receivers have ids of a type: 1 is an EUI-64, 2 a public address, 3 a random address; a transmitter of another type
//! (an RFID tag, a UUID) is no device address and left out unless its packets say who it is.
//!
//! Packets are whole link-layer packets of the advertising channel: two bytes of header, six of address, the advertisement.

mod binary;
mod json;

use super::transmitter::{heard, of};
use super::{BadReport, PayloadError, Read, Say, Transmitter};
use crate::model::{TagId, TagKind};

/// Bytes before the advertisement in a packet: the header and the address.
const PACKET_HEAD_LEN: usize = 8;
const EUI64: u8 = 1;
const EUI48: u8 = 2;
const RANDOM48: u8 = 3;
/// The first byte of the binary form, which JSON cannot start with.
const FLAG: u8 = 0x10;

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    match payload.first() {
        Some(&FLAG) => binary::read(payload, say),
        Some(_) | None => json::read(payload, say),
    }
}

/// Bytes of an id of the type; `None`: a type that this version does not know.
const fn id_len(id_type: u8) -> Option<usize> {
    match id_type {
        0 => Some(0),
        EUI64 => Some(8),
        EUI48 | RANDOM48 => Some(6),
        // TID-96, EPC-96 and UUID-128.
        4 | 5 => Some(12),
        6 => Some(16),
        _ => None,
    }
}

/// Who was heard, by an id of six bytes and by what its packets say.
fn transmitter<'p>(
    address: Option<TagId>,
    packets: impl Iterator<Item = &'p [u8]>,
    read: &mut Read,
) -> Result<Transmitter, BadReport> {
    let mut said = None;
    for packet in packets {
        let advertisement = packet.get(PACKET_HEAD_LEN..).unwrap_or_default();
        // Somebody must have an address for a packet to be heard at all.
        let Some(by_packet) = address.or_else(|| packet_address(packet)) else {
            continue;
        };
        let by_packet = heard(by_packet, advertisement, read);
        said = said.or((by_packet.tag.kind() != TagKind::Address).then_some(by_packet.tag));
    }
    of(said, address).ok_or(BadReport::Value {
        key: "transmitterId",
        expected: "an address of 12 hexadecimal digits, with `transmitterIdType` 2 or 3",
    })
}

/// The address in a packet, which the air has from its last byte to its first.
fn packet_address(packet: &[u8]) -> Option<TagId> {
    let &[a, b, c, d, e, f] = packet.get(2..PACKET_HEAD_LEN)? else {
        return None;
    };
    TagId::new(TagKind::Address, &[f, e, d, c, b, a]).ok()
}
