//! Forty seconds of real air go through the decoder: every packet is accounted for, and nothing panics.
//!
//! `data/conference_room_nrf52_0deg.pcapng` is pcapng with link type 272 (NORDIC_BLE), read here without a
//! library. The exact counts were found independently, with Wireshark's tshark 4.0 and with a reader in another
//! language; the CRC was computed over every packet and agrees with the sniffer's own flag on all of them.
//!
//! ```text
//! | bytes | NORDIC_BLE, version 2, little endian                                            |
//! |-------|---------------------------------------------------------------------------------|
//! | 7     | board, length of what follows these 7 (2), version, packet counter (2), packet kind |
//! | 10    | length of this part, flags (bit 0: CRC was good), channel, RSSI as -dBm, event counter (2), time (4) |
//! | 4     | access address                                                                  |
//! | n     | header and payload of the link layer                                            |
//! | 3     | CRC                                                                             |
//! ```
#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use std::collections::{BTreeMap, BTreeSet};

use nextbest_proto::advert::pdu::{ADVERTISING_ACCESS_ADDRESS, ADVERTISING_CRC_INIT, Pdu, PduKind, crc24};
use nextbest_proto::advert::{self, Tally};

const CAPTURE: &[u8] = include_bytes!("data/conference_room_nrf52_0deg.pcapng");

#[test]
fn every_packet_is_accounted_for() {
    let mut crc_bad = 0;
    let mut kinds = BTreeMap::new();
    let mut advertisers = BTreeSet::new();
    let mut tally = Tally::default();
    for packet in packets() {
        if !packet.crc_is_good() {
            crc_bad += 1;
            continue;
        }
        let pdu = Pdu::parse(packet.pdu).unwrap();
        *kinds.entry(format!("{:?}", pdu.kind)).or_insert(0) += 1;
        advertisers.extend(pdu.advertiser);
        advert::decode(pdu.advertisement, &mut tally).for_each(drop);
    }
    assert_eq!(crc_bad, 1_116);
    let expected = [
        ("AdvInd", 7_546),
        ("AdvNonconnInd", 4_097),
        ("AdvScanInd", 113),
        ("ScanReq", 1_014),
        ("ScanRsp", 851),
    ];
    assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!(advertisers.len(), 40);
    let expected = Tally {
        flags: 7_836,
        tx_power: 7_063,
        name: 5_615,
        services: 67,
        // Apple 7,882 and Microsoft 3,807; there was no beacon in the room.
        unknown_manufacturer: 11_689,
        ..Tally::default()
    };
    assert_eq!(tally, expected);
    assert_eq!((tally.structures(), tally.malformed()), (32_270, 0));
}

#[test]
fn the_crc_agrees_with_the_sniffer_on_every_packet() {
    let good = packets().filter(Packet::crc_is_good).count();
    let disagreeing = packets()
        .filter(|packet| packet.crc_is_good() != packet.flagged_good)
        .count();
    assert_eq!((good, disagreeing), (13_621, 0));
}

/// What a hub with a broken CRC check would hand over: any bytes at all, and still each structure counts once.
#[test]
fn packets_with_a_bad_crc_would_do_no_harm() {
    let mut tally = Tally::default();
    let mut refused = 0;
    let mut structures = 0;
    for packet in packets().filter(|packet| !packet.crc_is_good()) {
        match Pdu::parse(packet.pdu) {
            Ok(pdu) => {
                structures += advert::decode_each(pdu.advertisement).count();
                advert::decode(pdu.advertisement, &mut tally).for_each(drop);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0 && tally.malformed() > 0, "{refused} refused, {tally:?}");
    assert_eq!(tally.structures(), structures as u64);
}

#[test]
fn a_packet_that_is_cut_anywhere_is_refused_or_read_within_its_bytes() {
    let first = packets().find(Packet::crc_is_good).unwrap();
    assert_eq!(Pdu::parse(first.pdu).unwrap().kind, PduKind::AdvInd);
    for len in 0..first.pdu.len() {
        assert!(Pdu::parse(&first.pdu[..len]).is_err(), "{len}");
    }
}

struct Packet {
    flagged_good: bool,
    pdu: &'static [u8],
    crc: [u8; 3],
}

impl Packet {
    fn crc_is_good(&self) -> bool {
        crc24(ADVERTISING_CRC_INIT, self.pdu) == self.crc
    }
}

/// All 14,737 packets; a file that is not what the header describes fails the test.
fn packets() -> impl Iterator<Item = Packet> {
    let packets: Vec<Packet> = blocks()
        .filter(|(kind, _)| *kind == ENHANCED_PACKET)
        .map(|(_, body)| packet(body))
        .collect();
    assert_eq!(packets.len(), 14_737);
    packets.into_iter()
}

/// The body of an enhanced packet block: interface, time (8), captured length, original length, the packet.
fn packet(body: &'static [u8]) -> Packet {
    let captured = &body[20..][..number(&body[12..16])];
    let (board, ble) = captured.split_at(7);
    assert_eq!(
        (board[0], usize::from(board[1]) | usize::from(board[2]) << 8, board[3]),
        (11, ble.len(), 2)
    );
    let (radio, link) = ble.split_at(10);
    assert_eq!(usize::from(radio[0]), radio.len());
    let (access_address, link) = link.split_at(4);
    assert_eq!(access_address, ADVERTISING_ACCESS_ADDRESS.to_le_bytes());
    let (pdu, crc) = link.split_last_chunk().unwrap();
    Packet {
        flagged_good: radio[1] & 1 == 1,
        pdu,
        crc: *crc,
    }
}

/// pcapng: blocks of kind (4), total length (4), body, total length again (4).
fn blocks() -> impl Iterator<Item = (usize, &'static [u8])> {
    let mut left = CAPTURE;
    std::iter::from_fn(move || {
        let (kind, len) = (number(left.get(..4)?), number(left.get(4..8)?));
        let (block, rest) = left.split_at(len);
        left = rest;
        Some((kind, &block[8..len - 4]))
    })
}

fn number(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes.try_into().unwrap()) as usize
}

const ENHANCED_PACKET: usize = 6;
