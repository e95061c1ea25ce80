//! Hostile advertisements: anybody can put anything on the air, and it must decode, or be counted, and do no more.
//!
//! One table, each row an advertisement by name with the tally that it must leave. Beacons that are one byte too
//! short or too long are not beacons: a truncated identity would be somebody else's.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use nextbest_proto::advert::{self, EXTENDED_LEN_MAX, Tally, decode_each};

#[test]
fn structures() {
    let malformed: Expected = |tally| tally.malformed_structure = 1;
    check("nothing", &[], |_| ());
    check("only an end", &[0], |_| ());
    check("padding", &[2, 1, 6, 0, 0, 0, 0], |tally| tally.flags = 1);
    let hidden: Expected = |tally| {
        tally.flags = 1;
        tally.malformed_after_end = 1;
    };
    check("something behind the end", &[2, 1, 6, 0, 2, 1, 6], hidden);
    check("overrun by one", &[2, 1, 6, 3, 9, b'a'], |tally| {
        tally.flags = 1;
        tally.malformed_overrun = 1;
    });
    check("overrun by all", &[255], |tally| tally.malformed_overrun = 1);
    check("a kind and no data", &[1, 0x09], |tally| tally.name = 1);
    check("a kind of tomorrow", &[3, 0x7e, 1, 2], |tally| tally.unknown_kind = 1);
    check("flags without flags", &[1, 0x01], malformed);
    check("two bytes of power", &[3, 0x0a, 1, 2], malformed);
    check("half a service", &[4, 0x03, 0xaa, 0xfe, 1], malformed);
    check("a name that is not UTF-8", &[3, 0x09, 0xff, 0xfe], malformed);
    check("a manufacturer cut short", &[2, 0xff, 0x4c], malformed);
    check("a service cut short", &[2, 0x16, 0xaa], malformed);
    check("a full legacy one of ends", &[0; 31], |_| ());
}

#[test]
fn many_and_long_structures() {
    let many = [1, 0xfe].repeat(EXTENDED_LEN_MAX / 2);
    check("as many as fit", &many, |tally| tally.unknown_kind = 825);
    let mut long = vec![255, 0xff, 0x4c, 0x00];
    long.resize(256, 7);
    check("as long as possible", &long, |tally| tally.unknown_manufacturer = 1);
    let ibeacons = ibeacon().repeat(15);
    check("many of one kind", &ibeacons, |tally| tally.ibeacon = 15);
}

#[test]
fn ibeacons() {
    let good: Expected = |tally| tally.ibeacon = 1;
    let malformed: Expected = |tally| tally.malformed_ibeacon = 1;
    let other: Expected = |tally| tally.unknown_manufacturer = 1;
    check("right", &ibeacon(), good);
    check("length 0x14", &changed(&ibeacon(), 5, 0x14), malformed);
    check("length 0x16", &changed(&ibeacon(), 5, 0x16), malformed);
    check("another company", &changed(&ibeacon(), 2, 0x4d), other);
    check("another of Apple's", &changed(&ibeacon(), 4, 0x10), other);
    check("one byte more", &longer(&ibeacon()), malformed);
    check_cuts(&ibeacon(), 5, malformed);
    let ends = [0, 0, 0xff, 0xff, 0x80];
    let mut at_the_ends = ibeacon();
    at_the_ends[22..27].copy_from_slice(&ends);
    check("numbers at their ends", &at_the_ends, good);
}

#[test]
fn altbeacons() {
    let malformed: Expected = |tally| tally.malformed_altbeacon = 1;
    check("right", &altbeacon(), |tally| tally.altbeacon = 1);
    check("another code", &changed(&altbeacon(), 4, 0xbf), |tally| {
        tally.unknown_manufacturer = 1;
    });
    check("one byte more", &longer(&altbeacon()), malformed);
    check_cuts(&altbeacon(), 6, malformed);
}

#[test]
fn eddystone_frames() {
    let malformed: Expected = |tally| tally.malformed_eddystone = 1;
    check("no frame", &eddystone(&[]), malformed);
    check("frame of tomorrow", &eddystone(&[0x40, 0, 0]), malformed);
    check("UID", &eddystone(&[0; 20]), |tally| tally.eddystone_uid = 1);
    check("UID without the reserved", &eddystone(&[0; 18]), |tally| {
        tally.eddystone_uid = 1;
    });
    for len in (1..18).chain([19, 21, 27]) {
        check("UID of another length", &eddystone(&vec![0; len]), malformed);
    }
    check("EID", &eddystone(&[0x30, 0, 1, 2, 3, 4, 5, 6, 7, 8]), |tally| {
        tally.eddystone_eid = 1;
    });
    check("EID one short", &eddystone(&[0x30, 0, 1, 2, 3, 4, 5, 6, 7]), malformed);
    check(
        "EID one long",
        &eddystone(&[0x30, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        malformed,
    );
}

#[test]
fn eddystone_telemetry() {
    let malformed: Expected = |tally| tally.malformed_eddystone = 1;
    let tlm = |version: u8, len: usize| eddystone(&[&[0x20, version][..], &vec![0x80; len - 2]].concat());
    check("plain", &tlm(0, 14), |tally| tally.eddystone_tlm = 1);
    check("plain, short", &tlm(0, 13), malformed);
    check("plain, long", &tlm(0, 15), malformed);
    check("encrypted", &tlm(1, 18), |tally| tally.eddystone_tlm_encrypted = 1);
    check("encrypted, short", &tlm(1, 17), malformed);
    check("encrypted, long", &tlm(1, 19), malformed);
    check("of tomorrow", &tlm(2, 14), malformed);
}

#[test]
fn eddystone_urls() {
    let good: Expected = |tally| tally.eddystone_url = 1;
    let malformed: Expected = |tally| tally.malformed_eddystone = 1;
    let url = |scheme: u8, text: &[u8]| eddystone(&[&[0x10, 0, scheme][..], text].concat());
    check("scheme alone", &url(3, b""), good);
    check("17 bytes", &url(3, &[b'a'; 17]), good);
    check("18 bytes", &url(3, &[b'a'; 18]), malformed);
    check("no scheme", &eddystone(&[0x10, 0]), malformed);
    check("scheme of tomorrow", &url(4, b"a"), malformed);
    for byte in 0..=255 {
        let allowed = byte <= 13 || (0x21..=0x7e).contains(&byte);
        check(
            &format!("byte {byte}"),
            &url(0, &[b'a', byte]),
            if allowed { good } else { malformed },
        );
    }
}

#[test]
fn beacons_that_name_nobody_have_no_identity() {
    for byte in [0, 0xff] {
        let mut beacon = ibeacon();
        beacon[6..26].fill(byte);
        assert!(decode_each(&beacon).all(|advert| advert.unwrap().identity().is_none()));
        let mut beacon = altbeacon();
        beacon[6..26].fill(byte);
        assert!(decode_each(&beacon).all(|advert| advert.unwrap().identity().is_none()));
    }
    assert!(decode_each(&eddystone(&[0; 20])).all(|advert| advert.unwrap().identity().is_none()));
}

/// Counts what is expected in an empty tally.
type Expected = fn(&mut Tally);

fn check(name: &str, advertisement: &[u8], expect: Expected) {
    let (mut tally, mut expected) = (Tally::default(), Tally::default());
    advert::decode(advertisement, &mut tally).for_each(drop);
    expect(&mut expected);
    assert_eq!(tally, expected, "{name}: {advertisement:02x?}");
}

/// Cuts the one structure, its length put right, from its whole down to `len_min` bytes after the length.
fn check_cuts(structure: &[u8], len_min: u8, expected: Expected) {
    for len in len_min..structure[0] {
        let cut = changed(&structure[..=usize::from(len)], 0, len);
        check(&format!("cut to {len}"), &cut, expected);
    }
}

fn ibeacon() -> Vec<u8> {
    let beacon = advert::ibeacon::IBeacon {
        uuid: [0x2f; 16],
        major: 1,
        minor: 2,
        tx_1m_dbm: -59,
    };
    beacon.advertisement()[3..].to_vec()
}

fn altbeacon() -> Vec<u8> {
    let (id, id2, id3) = ([0x2f; 16], 1, 2);
    let beacon = advert::altbeacon::AltBeacon {
        company: 0x0118,
        id,
        id2,
        id3,
        tx_1m_dbm: -59,
        reserved: 0,
    };
    beacon.advertisement()[3..].to_vec()
}

fn eddystone(data: &[u8]) -> Vec<u8> {
    [&[u8::try_from(data.len() + 3).unwrap(), 0x16, 0xaa, 0xfe], data].concat()
}

fn changed(structure: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut changed = structure.to_vec();
    changed[at] = byte;
    changed
}

fn longer(structure: &[u8]) -> Vec<u8> {
    let longer = [structure, &[0]].concat();
    changed(&longer, 0, structure[0] + 1)
}
