//! The link layer's packets around an advertisement, for hubs that have a raw radio or a sniffer.
//!
//! ```text
//! | bytes | what                                                                                   |
//! |-------|----------------------------------------------------------------------------------------|
//! | 2     | type (4 bits), reserved, channel selection, sender is random, receiver is random; length |
//! | n     | payload: legacy: address (6, least significant byte first), then advertisement           |
//! |       | payload: extended: header length (6 bits) and mode (2), header, then advertisement       |
//! ```
//! Source: Bluetooth Core Specification, Vol 6, Part B, section 2.3. The caller has taken off preamble and access
//! address, and has checked the CRC ([`crc24`]). What is absent on purpose: tuning a radio to where [`AuxPointer`]
//! points, joining what comes in parts ([`super::chain`]), and data channels.

use super::address::Address;

/// The access address of the advertising channels.
pub const ADVERTISING_ACCESS_ADDRESS: u32 = 0x8e89_bed6;
/// What the CRC of the advertising channels begins with.
pub const ADVERTISING_CRC_INIT: u32 = 0x55_5555;

/// What a packet of the advertising channels is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PduKind {
    /// Connectable and scannable.
    AdvInd,
    /// For one device only; carries no advertisement.
    AdvDirectInd,
    /// Neither connectable nor scannable: most beacons.
    AdvNonconnInd,
    /// Scannable.
    AdvScanInd,
    /// A scanner asks for more.
    ScanReq,
    /// The answer to it.
    ScanRsp,
    /// A connection is asked for.
    ConnectInd,
    /// Extended advertising: on a primary channel it points to another packet, on a secondary channel it is
    /// that packet (`AUX_ADV_IND`, `AUX_SCAN_RSP`, `AUX_SYNC_IND`, `AUX_CHAIN_IND`).
    Extended,
    /// The answer to a request for a connection on a secondary channel.
    AuxConnectRsp,
}

/// A packet of the advertising channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdu<'a> {
    /// What it is for.
    pub kind: PduKind,
    /// Who advertises; `None` when the packet leaves it out or is not an advertiser's.
    pub advertiser: Option<Address>,
    /// Transmit power in dBm, when an extended header states it.
    pub tx_power_dbm: Option<i8>,
    /// Which of the advertiser's sets it belongs to, when an extended header states it.
    pub set: Option<AdvertisingSet>,
    /// Where more of the advertisement is, when an extended header points to it.
    pub next: Option<AuxPointer>,
    /// The advertisement: AD structures for [`super::decode`]. Empty when the packet carries none.
    pub advertisement: &'a [u8],
}

/// Which advertisement an extended packet belongs to: the field ADI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdvertisingSet {
    /// The advertiser's set, 0 to 15.
    pub set_id: u8,
    /// Changes with the content, 0 to 4,095.
    pub data_id: u16,
}

/// Where and when the next packet of an extended advertisement is sent: the field AuxPtr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AuxPointer {
    /// The secondary channel, 0 to 36.
    pub channel: u8,
    /// From the start of this packet to the start of the next, in microseconds; at most 2.5 s.
    pub offset_us: u32,
    /// The next packet's modulation: 0: 1M, 1: 2M, 2: coded.
    pub phy: u8,
}

/// Why bytes are not a packet of the advertising channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PduError {
    /// The length in the header is not the length of the payload.
    #[error("the header announces {announced} bytes of payload, {len} came")]
    Length {
        /// Bytes that the header announces.
        announced: usize,
        /// Bytes that came; 0 when the header itself was short.
        len: usize,
    },
    /// The type is reserved.
    #[error("packet type {number} is reserved")]
    ReservedKind {
        /// The type.
        number: u8,
    },
    /// The payload is shorter or longer than its type allows.
    #[error("the payload of a {kind:?} cannot have {len} bytes")]
    Payload {
        /// The type.
        kind: PduKind,
        /// Bytes of payload.
        len: usize,
    },
    /// The fields that an extended header announces do not fit in it.
    #[error("the extended header is shorter than the fields that it announces")]
    ExtendedHeader,
}

impl<'a> Pdu<'a> {
    /// Reads a packet: header and payload, without access address and CRC.
    ///
    /// # Errors
    /// [`PduError`] when it is not well-formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PduError> {
        let Some((&[first, announced], payload)) = bytes.split_first_chunk() else {
            return Err(PduError::Length { announced: 0, len: 0 });
        };
        let announced = usize::from(announced);
        if announced != payload.len() {
            return Err(PduError::Length {
                announced,
                len: payload.len(),
            });
        }
        let kind = PduKind::from_number(first & 0x0f)?;
        let random = first & SENDER_IS_RANDOM != 0;
        match kind {
            PduKind::AdvInd | PduKind::AdvNonconnInd | PduKind::AdvScanInd | PduKind::ScanRsp => {
                legacy(kind, random, payload)
            }
            PduKind::AdvDirectInd => directed(random, payload),
            PduKind::ScanReq => no_advertiser(kind, payload, SCAN_REQ_LEN),
            PduKind::ConnectInd => no_advertiser(kind, payload, CONNECT_IND_LEN),
            PduKind::Extended | PduKind::AuxConnectRsp => extended(kind, random, payload),
        }
    }

    /// A packet that carries nothing.
    const fn empty(kind: PduKind) -> Self {
        Self {
            kind,
            advertiser: None,
            tx_power_dbm: None,
            set: None,
            next: None,
            advertisement: &[],
        }
    }
}

impl AdvertisingSet {
    /// Section 2.3.4.4: data id (12 bits), set id (4 bits), least significant byte first.
    fn from_air(bytes: [u8; 2]) -> Self {
        let info = u16::from_le_bytes(bytes);
        Self {
            set_id: (info >> 12) as u8,
            data_id: info & 0x0fff,
        }
    }
}

impl AuxPointer {
    /// Section 2.3.4.5: channel (6 bits), clock accuracy (1), offset units (1: 300 us, else 30), offset (13), PHY (3).
    fn from_air([first, second, third]: [u8; 3]) -> Self {
        let unit_us = if first & 0x80 == 0 { 30 } else { 300 };
        Self {
            channel: first & 0x3f,
            offset_us: (u32::from(third & 0x1f) << 8 | u32::from(second)) * unit_us,
            phy: third >> 5,
        }
    }
}

impl PduKind {
    fn from_number(number: u8) -> Result<Self, PduError> {
        Ok(match number {
            0 => Self::AdvInd,
            1 => Self::AdvDirectInd,
            2 => Self::AdvNonconnInd,
            3 => Self::ScanReq,
            4 => Self::ScanRsp,
            5 => Self::ConnectInd,
            6 => Self::AdvScanInd,
            7 => Self::Extended,
            8 => Self::AuxConnectRsp,
            number => return Err(PduError::ReservedKind { number }),
        })
    }
}

/// The three bytes of CRC that follow `bytes`, header and payload, in a packet as radios hand it over: the lowest
/// bit of each byte came first (Vol 6, Part B, section 3.1.1). On the advertising channels `init` is
/// [`ADVERTISING_CRC_INIT`].
pub fn crc24(init: u32, bytes: &[u8]) -> [u8; 3] {
    let register = bytes.iter().fold(init & CRC_MASK, |crc, &byte| {
        (0..8).fold(crc, |crc, bit| {
            let feedback = (crc >> 23) ^ u32::from((byte >> bit) & 1);
            ((crc << 1) & CRC_MASK) ^ (feedback * CRC_POLYNOMIAL)
        })
    });
    // The register is sent highest bit first.
    let [_, high, middle, low] = register.to_be_bytes();
    [high.reverse_bits(), middle.reverse_bits(), low.reverse_bits()]
}

fn legacy(kind: PduKind, random: bool, payload: &[u8]) -> Result<Pdu<'_>, PduError> {
    match payload.split_first_chunk() {
        Some((&address, advertisement)) if advertisement.len() <= super::LEGACY_LEN_MAX => Ok(Pdu {
            kind,
            advertiser: Some(Address::from_air(address, random)),
            advertisement,
            ..Pdu::empty(kind)
        }),
        _ => Err(PduError::Payload {
            kind,
            len: payload.len(),
        }),
    }
}

/// The advertiser and the one device that it is for.
fn directed(random: bool, payload: &[u8]) -> Result<Pdu<'_>, PduError> {
    let kind = PduKind::AdvDirectInd;
    match payload.split_first_chunk() {
        Some((&address, target)) if target.len() == ADDRESS_LEN => Ok(Pdu {
            kind,
            advertiser: Some(Address::from_air(address, random)),
            ..Pdu::empty(kind)
        }),
        _ => Err(PduError::Payload {
            kind,
            len: payload.len(),
        }),
    }
}

fn no_advertiser(kind: PduKind, payload: &[u8], len: usize) -> Result<Pdu<'_>, PduError> {
    if payload.len() != len {
        return Err(PduError::Payload {
            kind,
            len: payload.len(),
        });
    }
    Ok(Pdu::empty(kind))
}

/// Section 2.3.4: the flags say which fields follow, in the order of their bits.
fn extended(kind: PduKind, random: bool, payload: &[u8]) -> Result<Pdu<'_>, PduError> {
    let Some((&header_len_and_mode, rest)) = payload.split_first() else {
        return Err(PduError::Payload { kind, len: 0 });
    };
    let header_len = usize::from(header_len_and_mode & 0x3f);
    let (mut header, advertisement) = rest.split_at_checked(header_len).ok_or(PduError::ExtendedHeader)?;
    let flags = header.split_off_first().copied().unwrap_or(0);
    let mut field = |bit: u8, len: usize| -> Result<Option<&[u8]>, PduError> {
        if flags & bit == 0 {
            return Ok(None);
        }
        header.split_off(..len).map(Some).ok_or(PduError::ExtendedHeader)
    };
    let advertiser = field(HAS_ADVERTISER, ADDRESS_LEN)?.and_then(|bytes| bytes.try_into().ok());
    let (_target, _tone) = (field(HAS_TARGET, ADDRESS_LEN)?, field(HAS_TONE_INFO, 1)?);
    let set = field(HAS_SET, 2)?.and_then(|bytes| bytes.try_into().ok());
    let next = field(HAS_POINTER, 3)?.and_then(|bytes| bytes.try_into().ok());
    let (_sync, tx_power) = (field(HAS_SYNC_INFO, SYNC_INFO_LEN)?, field(HAS_TX_POWER, 1)?);
    Ok(Pdu {
        advertiser: advertiser.map(|bytes| Address::from_air(bytes, random)),
        tx_power_dbm: tx_power.and_then(|bytes| bytes.first()).map(|dbm| dbm.cast_signed()),
        set: set.map(AdvertisingSet::from_air),
        next: next.map(AuxPointer::from_air),
        advertisement,
        ..Pdu::empty(kind)
    })
}

const SENDER_IS_RANDOM: u8 = 1 << 6;
const ADDRESS_LEN: usize = 6;
const SCAN_REQ_LEN: usize = 12;
const CONNECT_IND_LEN: usize = 34;
const CRC_MASK: u32 = 0xff_ffff;
/// x^24 + x^10 + x^9 + x^6 + x^4 + x^3 + x + 1.
const CRC_POLYNOMIAL: u32 = 0x00_065b;
const HAS_ADVERTISER: u8 = 1;
const HAS_TARGET: u8 = 1 << 1;
const HAS_TONE_INFO: u8 = 1 << 2;
const HAS_SET: u8 = 1 << 3;
const HAS_POINTER: u8 = 1 << 4;
const HAS_SYNC_INFO: u8 = 1 << 5;
const HAS_TX_POWER: u8 = 1 << 6;
const SYNC_INFO_LEN: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    const BEACON: Address = Address::new([0xc6, 5, 4, 3, 2, 1], true);

    /// Every field that an extended header can have, in the order of the flags: address, target, CTE info,
    /// advertising data info, pointer, sync info, power; then additional controller data, then the advertisement.
    fn auxiliary() -> [u8; 47] {
        let mut packet = [0xee; 47];
        packet[..4].copy_from_slice(&[0x47, 45, 41, 0x7f]);
        packet[4..10].copy_from_slice(&[1, 2, 3, 4, 5, 0xc6]);
        packet[40] = (-7_i8).cast_unsigned();
        packet[44..].copy_from_slice(&[2, 1, 6]);
        packet
    }

    #[test]
    fn an_extended_header_is_read_in_the_order_of_its_flags() {
        let packet = auxiliary();
        let pdu = Pdu::parse(&packet).unwrap();
        assert_eq!(
            (pdu.kind, pdu.advertiser, pdu.tx_power_dbm),
            (PduKind::Extended, Some(BEACON), Some(-7))
        );
        assert_eq!(pdu.advertisement, [2, 1, 6]);
    }

    #[test]
    fn an_extended_header_must_hold_the_fields_that_it_announces() {
        // Flags, then 37 bytes of fields: what is left of 41 is additional controller data.
        for header_len in 0..=44 {
            let mut packet = auxiliary();
            packet[2] = header_len;
            let parsed = Pdu::parse(&packet);
            let expected = if (1..38).contains(&header_len) {
                Some(PduError::ExtendedHeader)
            } else {
                None
            };
            assert_eq!(parsed.err(), expected, "{header_len}");
        }
        let mut packet = auxiliary();
        packet[2] = 45;
        assert_eq!(Pdu::parse(&packet), Err(PduError::ExtendedHeader));
    }

    #[test]
    fn a_pointer_on_a_primary_channel_carries_no_advertisement() {
        // Header length 6: flags (data info and pointer), data info (2), pointer (3).
        let pdu = Pdu::parse(&[0x07, 7, 6, 0x18, 0x34, 0x92, 0x83, 0x05, 0x21]).unwrap();
        let expected = Pdu {
            set: Some(AdvertisingSet {
                set_id: 9,
                data_id: 0x234,
            }),
            next: Some(AuxPointer {
                channel: 3,
                offset_us: 0x105 * 300,
                phy: 1,
            }),
            ..Pdu::empty(PduKind::Extended)
        };
        assert_eq!(pdu, expected);
    }

    #[test]
    fn a_legacy_advertisement_has_31_bytes_at_most() {
        let mut packet = [0; 2 + 6 + 32];
        packet[1] = 38;
        let refused = PduError::Payload {
            kind: PduKind::AdvInd,
            len: 38,
        };
        assert_eq!(Pdu::parse(&packet), Err(refused));
        packet[1] = 37;
        assert_eq!(Pdu::parse(&packet[..39]).unwrap().advertisement.len(), 31);
    }

    #[test]
    fn requests_and_reserved_types_carry_nothing() {
        for (number, len) in [(1, 12), (3, 12), (5, 34)] {
            let mut packet = [0; 64];
            packet[..2].copy_from_slice(&[number, len]);
            let len = usize::from(len);
            assert!(Pdu::parse(&packet[..2 + len]).unwrap().advertisement.is_empty());
            packet[1] += 1;
            assert!(Pdu::parse(&packet[..3 + len]).is_err());
        }
        for number in 9..16 {
            assert_eq!(Pdu::parse(&[number, 0]), Err(PduError::ReservedKind { number }));
        }
        assert_eq!(Pdu::parse(&[0, 5, 1]), Err(PduError::Length { announced: 5, len: 1 }));
        assert_eq!(Pdu::parse(&[0]), Err(PduError::Length { announced: 0, len: 0 }));
    }
}
