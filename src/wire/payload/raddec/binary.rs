//! The binary form.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the flag 0x10 |
//! | 2 | length of everything, big endian |
//! | 1 | type of the transmitter's id |
//! | 6, 8, 12 or 16 | the transmitter's id |
//! | 1 | in its low half: how many receivers follow |
//! | 1 + 1 + 1 + n each | signal strength + 127, number of decodings, type of the receiver's id, the id |
//! | .. | 0xf0: timestamp, 6 bytes of milliseconds since 1970; 0xf1: a number of packets, each with its length before it; another flag ends the reading |
//! | 1 | sum of all bytes before it, modulo 256 |

use super::{EUI48, FLAG, RANDOM48, id_len, transmitter};
use crate::model::{TagId, TagKind};
use crate::wire::payload::record::rssi_of;
use crate::wire::payload::{BadReport, PayloadError, Read, Report, Say};

const TIMESTAMP: u8 = 0xf0;
const PACKETS: u8 = 0xf1;
/// What is added to a signal strength, so that it is not negative.
const RSSI_OFFSET: i16 = 127;
/// Bytes of the longest receiver's id, in hexadecimal digits.
const ID_DIGITS_MAX: usize = 32;

/// Walks over the bytes.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }
}

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    let wrong = |what| PayloadError::Binary { form: "a raddec", what };
    let (&checksum, checked) = payload.split_last().ok_or(wrong("it is empty"))?;
    let mut bytes = Bytes(checked);
    let head = bytes.take(3).ok_or(wrong("it is shorter than its head of 3 bytes"))?;
    let &[FLAG, high, low] = head else {
        return Err(wrong("its first byte is not the flag 0x10"));
    };
    if usize::from(u16::from_be_bytes([high, low])) != payload.len() {
        return Err(wrong("its length is not the one that it states"));
    }
    if checked.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != checksum {
        return Err(wrong("its last byte is not the sum of those before it"));
    }
    let cut = wrong("it ends inside of a field");
    let id_type = bytes.byte().ok_or(cut)?;
    let id_len = id_len(id_type).ok_or(wrong("the type of its transmitter's id is none from 0 to 6"))?;
    let id = bytes.take(id_len).ok_or(cut)?;
    let receivers_len = bytes.byte().ok_or(cut)? & 0x0f;
    let mut receivers = Vec::with_capacity(usize::from(receivers_len));
    for _ in 0..receivers_len {
        receivers.push(receiver(&mut bytes).ok_or(cut)?);
    }
    let optional = optional(&mut bytes);
    let mut read = Read::default();
    let is_address = matches!(id_type, EUI48 | RANDOM48);
    let address = TagId::new(TagKind::Address, id).ok().filter(|_| is_address);
    let transmitter = transmitter(address, optional.packets.iter().copied(), &mut read);
    for receiver in receivers {
        let mut digits = [0; ID_DIGITS_MAX];
        let report = receiver.hub(&mut digits).and_then(|hub| {
            Ok(Report {
                hub,
                transmitter: transmitter?,
                rssi_dbm: receiver.rssi_dbm()?,
                hint_unix_ms: optional.unix_ms,
            })
        });
        read.take(report, say);
    }
    read.of_one()
}

/// Somebody who heard the transmitter.
struct Receiver<'a> {
    rssi: u8,
    id: &'a [u8],
}

fn receiver<'a>(bytes: &mut Bytes<'a>) -> Option<Receiver<'a>> {
    let &[rssi, _decodings, id_type] = bytes.take(3)? else {
        return None;
    };
    let id = bytes.take(id_len(id_type)?)?;
    Some(Receiver { rssi, id })
}

impl Receiver<'_> {
    fn rssi_dbm(&self) -> Result<i8, BadReport> {
        rssi_of(i16::from(self.rssi) - RSSI_OFFSET, "rssi")
    }

    /// The id in hexadecimal digits, as the hub's owner writes it down.
    fn hub<'d>(&self, digits: &'d mut [u8; ID_DIGITS_MAX]) -> Result<&'d str, BadReport> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let (key, expected) = (
            "receiverId",
            "an id of 6 or 8 bytes, with a `receiverIdType` from 1 to 3",
        );
        let halves = self.id.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        let mut len = 0;
        for (to, half) in digits.iter_mut().zip(halves) {
            *to = DIGITS.get(usize::from(half)).copied().unwrap_or(b'0');
            len += 1;
        }
        let text = digits.get(..len).and_then(|digits| std::str::from_utf8(digits).ok());
        text.filter(|text| !text.is_empty())
            .ok_or(BadReport::Missing { key, expected })
    }
}

#[derive(Default)]
struct Optional<'a> {
    unix_ms: Option<u64>,
    packets: Vec<&'a [u8]>,
}

/// Reads the optional parts; what is cut off or unknown ends the reading, as its makers have it.
fn optional<'a>(bytes: &mut Bytes<'a>) -> Optional<'a> {
    let mut optional = Optional::default();
    while let Some(flag) = bytes.byte() {
        match flag {
            TIMESTAMP => match bytes.take(6) {
                Some(ms) => optional.unix_ms = Some(ms.iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte))),
                None => break,
            },
            PACKETS => {
                for _ in 0..bytes.byte().unwrap_or_default() {
                    let packet = bytes.byte().and_then(|len| bytes.take(usize::from(len)));
                    optional.packets.extend(packet);
                }
            }
            _ => break,
        }
    }
    optional
}
