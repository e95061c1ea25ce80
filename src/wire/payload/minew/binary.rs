//! The long binary form, 0xBB01.
//!
//! | bytes | what |
//! |---|---|
//! | 2 | the header 0xBB01 |
//! | 4 | length of everything, big endian |
//! | 6 | the gateway's address |
//! | 2 | how many transmitters follow, big endian |
//! | 6 + 2 each | the transmitter's address, how many packets follow |
//! | 1 + n + 1 + 1 each | length n of the advertisement, the advertisement, the kind of packet and address, signal strength in dBm as a signed byte |
//! | 1 | the tail 0xDD |
//!
//! Each packet is a sighting of its own. Who the transmitter is, all of its packets say together: a beacon's answer to a
//! scan request does not name the beacon again.

use crate::model::{TagId, TagKind};
use crate::wire::payload::record::rssi_of;
use crate::wire::payload::transmitter::{heard, of};
use crate::wire::payload::{BadReport, HubStatus, PayloadError, Read, Report, Said, Say};

const HEADER: [u8; 2] = [0xbb, 0x01];
const TAIL: u8 = 0xdd;
const ADDRESS_EXPECTED: &str = "an address that somebody can own";

/// Walks over the bytes.
#[derive(Clone)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// An advertisement and how loud it was.
    fn packet(&mut self) -> Option<(&'a [u8], i8)> {
        let [len] = self.array()?;
        let advertisement = self.take(usize::from(len))?;
        let [_kind, rssi_dbm] = self.array()?;
        Some((advertisement, rssi_dbm.cast_signed()))
    }
}

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let form = "Minew's long binary form 0xBB01";
    let wrong = |what| PayloadError::Binary { form, what };
    let mut bytes = Bytes(payload);
    if bytes.array() != Some(HEADER) {
        return Err(wrong(
            "its first two bytes are not 0xBB01; set the gateway's format to Binary / Long or JSON",
        ));
    }
    let len = bytes.array().map(u32::from_be_bytes);
    if len.and_then(|len| usize::try_from(len).ok()) != Some(payload.len()) {
        return Err(wrong("its length is not the one that it states"));
    }
    let (tail, body) = bytes.0.split_last().ok_or(wrong("it ends after its length"))?;
    if *tail != TAIL {
        return Err(wrong("its last byte is not 0xDD"));
    }
    let mut bytes = Bytes(body);
    let gateway: [u8; 6] = bytes.array().ok_or(wrong("it ends inside of the gateway's address"))?;
    let hub = gateway
        .iter()
        .fold(String::with_capacity(12), |hub, byte| hub + &format!("{byte:02x}"));
    let transmitters_len = bytes
        .array()
        .map(u16::from_be_bytes)
        .ok_or(wrong("it ends inside of its head"))?;
    let status = HubStatus::Alive;
    say(Said::Hub { hub: &hub, status });
    let mut read = Read::default();
    for _ in 0..transmitters_len {
        // What was said before stays said; a gateway that cuts a payload off is cut off there.
        transmitter(&mut bytes, &hub, &mut read, say).ok_or(wrong("it ends inside of a transmitter"))?;
    }
    Ok(read)
}

/// One transmitter with its packets; `None` when the bytes end before.
fn transmitter(bytes: &mut Bytes<'_>, hub: &str, read: &mut Read, say: &mut Say<'_>) -> Option<()> {
    let address: [u8; 6] = bytes.array()?;
    let packets_len = u16::from_be_bytes(bytes.array()?);
    let packets = bytes.clone();
    let address = TagId::new(TagKind::Address, &address).ok();
    let mut said = None;
    for _ in 0..packets_len {
        let (advertisement, _) = bytes.packet()?;
        let by_packet = address.map(|address| heard(address, advertisement, read).tag);
        said = said.or(by_packet.filter(|tag| tag.kind() != TagKind::Address));
    }
    let mut packets = packets;
    for _ in 0..packets_len {
        let (_, rssi_dbm) = packets.packet()?;
        let report = of(said, address).ok_or(BadReport::Value {
            key: "transmitter",
            expected: ADDRESS_EXPECTED,
        });
        let report = report.and_then(|transmitter| {
            Ok(Report {
                hub,
                transmitter,
                rssi_dbm: rssi_of(i16::from(rssi_dbm), "rssi")?,
                hint_unix_ms: None,
            })
        });
        read.take(report, say);
    }
    Some(())
}
