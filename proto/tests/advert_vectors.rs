//! The published vectors of `data/ble.json` hold, all of them: what they decode to, what must be refused, what is
//! built is byte for byte what was published, and private addresses and ephemeral identifiers resolve as stated.
//!
//! A group or a frame kind that this file does not know fails the test, so that no vector is passed over.
#![expect(clippy::panic, clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use nextbest_proto::advert::address::Address;
use nextbest_proto::advert::altbeacon::AltBeacon;
use nextbest_proto::advert::eddystone::{self, Eddystone};
use nextbest_proto::advert::ephemeral::{Ephemeral, IdentityKey};
use nextbest_proto::advert::ibeacon::IBeacon;
use nextbest_proto::advert::private_address::ResolvingKey;
use nextbest_proto::advert::{self, Advert, Tally, decode_each};
use serde_json::Value;

#[test]
fn the_file_has_only_groups_that_are_checked_here() {
    let file = vectors();
    let groups: Vec<&str> = file.as_object().unwrap().keys().map(String::as_str).collect();
    let known = [
        "about",
        "altbeacon",
        "eddystone",
        "eddystone_eid",
        "ibeacon",
        "must_be_rejected",
        "rpa",
    ];
    let mut sorted = groups.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, known);
}

#[test]
fn ibeacons_decode_and_build() {
    for vector in group("ibeacon") {
        let expected = IBeacon {
            uuid: bytes(&vector["uuid"]),
            major: number(&vector["major"]),
            minor: number(&vector["minor"]),
            tx_1m_dbm: number(&vector["tx_1m_dbm"]),
        };
        assert_eq!(the_beacon_of(&vector), Advert::IBeacon(expected));
        // The published bytes differ from ours in the flags' value at most.
        assert_eq!(expected.advertisement()[3..], hex(&vector["ad"])[3..]);
    }
}

#[test]
fn altbeacons_decode_and_build() {
    for vector in group("altbeacon") {
        let expected = AltBeacon {
            company: number(&vector["manufacturer"]),
            id: bytes(&vector["id"]),
            id2: number(&vector["id2"]),
            id3: number(&vector["id3"]),
            tx_1m_dbm: number(&vector["tx_1m_dbm"]),
            reserved: number(&vector["reserved"]),
        };
        assert_eq!(the_beacon_of(&vector), Advert::AltBeacon(expected));
        assert_eq!(expected.advertisement()[3..], hex(&vector["ad"])[3..]);
    }
}

#[test]
fn eddystone_frames_decode() {
    for vector in group("eddystone") {
        let advertisement = advertisement(&vector);
        let found = the_only_beacon(&advertisement);
        let Advert::Eddystone(frame) = found else {
            panic!("{vector}: {found:?}")
        };
        check_eddystone(frame, &vector);
    }
}

#[test]
fn eddystone_uids_build_to_the_published_bytes() {
    let published = group("eddystone")
        .find(|vector| vector["ad"].is_string() && vector["frame"] == "uid")
        .unwrap();
    let expected = hex(&published["ad"]);
    let Advert::Eddystone(Eddystone::Uid(uid)) = the_only_beacon(&expected) else {
        panic!("{published}")
    };
    assert_eq!(uid.advertisement()[..], expected[..]);
}

#[test]
fn what_must_be_rejected_is_counted_and_yields_no_beacon() {
    for vector in group("must_be_rejected") {
        let advertisement = advertisement(&vector);
        let mut tally = Tally::default();
        let adverts: Vec<_> = advert::decode(&advertisement, &mut tally).collect();
        assert!(
            adverts.iter().all(|advert| matches!(advert, Advert::Flags(_))),
            "{vector}: {adverts:?}"
        );
        assert_eq!((tally.beacons(), tally.malformed()), (0, 1), "{vector}");
        let why = vector["why"].as_str().unwrap();
        let of_kind = match why {
            _ if why.contains("Eddystone") => tally.malformed_eddystone,
            _ if why.contains("longer than the data") => tally.malformed_overrun,
            _ if why.contains("AltBeacon too short") => tally.malformed_altbeacon,
            _ => panic!("of which kind is {vector}?"),
        };
        assert_eq!(of_kind, 1, "{vector}");
    }
}

#[test]
fn private_addresses_resolve_as_published() {
    let rpa = &vectors()["rpa"];
    for vector in rpa["ah"].as_array().unwrap() {
        assert_eq!(
            key(vector).hash(bytes(&vector["prand"])),
            bytes::<3>(&vector["hash"]),
            "{vector}"
        );
        assert!(key(vector).made(address(vector)), "{vector}");
    }
    for vector in rpa["resolves"].as_array().unwrap() {
        assert!(key(vector).made(address(vector)), "{vector}");
    }
    for vector in rpa["does_not_resolve"].as_array().unwrap() {
        assert!(!key(vector).made(address(vector)), "{vector}");
    }
}

#[test]
fn ephemeral_identifiers_are_computed_as_published() {
    for vector in vectors()["eddystone_eid"]["ephemeral_id"].as_array().unwrap() {
        let key = IdentityKey::new(bytes(&vector["identity_key"]));
        let beacon = Ephemeral::new(key, number(&vector["k"])).unwrap();
        assert_eq!(
            beacon.identifier(number(&vector["time_s"])),
            bytes(&vector["eid"]),
            "{vector}"
        );
    }
}

#[test]
fn beacon_and_resolver_agree_on_the_published_key() {
    let vector = &vectors()["eddystone_eid"]["key_agreement"];
    let expected = IdentityKey::new(bytes(&vector["identity_key"]));
    let public = |who: &str| bytes(&vector[format!("{who}_public")]);
    let private = |who: &str| bytes(&vector[format!("{who}_private")]);
    assert_eq!(
        IdentityKey::agreed_by_resolver(private("resolver"), public("beacon")),
        Ok(expected.clone())
    );
    assert_eq!(
        IdentityKey::agreed_by_beacon(private("beacon"), public("resolver")),
        Ok(expected)
    );
}

fn check_eddystone(frame: Eddystone<'_>, vector: &Value) {
    match (vector["frame"].as_str().unwrap(), frame) {
        ("uid", Eddystone::Uid(uid)) => {
            assert_eq!(uid.namespace, bytes(&vector["namespace"]), "{vector}");
            assert_eq!(uid.instance, bytes(&vector["instance"]), "{vector}");
            assert_eq!(uid.tx_0m_dbm, number::<i8>(&vector["tx_0m_dbm"]), "{vector}");
        }
        ("url", Eddystone::Url(url)) => {
            assert_eq!(url.to_string(), vector["url"].as_str().unwrap());
            assert_eq!(url.tx_0m_dbm, number::<i8>(&vector["tx_0m_dbm"]), "{vector}");
        }
        ("tlm", Eddystone::Tlm(tlm)) => {
            assert_eq!(tlm.battery_mv, Some(number(&vector["battery_mv"])), "{vector}");
            let temperature = vector["temperature_c"].as_f64().unwrap();
            assert_eq!(tlm.temperature_celsius.map(f64::from), Some(temperature), "{vector}");
            assert_eq!(tlm.advertisements, number::<u32>(&vector["advertisements"]), "{vector}");
            assert_eq!(tlm.uptime_ds, number::<u32>(&vector["uptime_ds"]), "{vector}");
        }
        ("eid", Eddystone::Eid(eid)) => {
            assert_eq!(eid.eid, bytes(&vector["eid"]), "{vector}");
            assert_eq!(eid.tx_0m_dbm, number::<i8>(&vector["tx_0m_dbm"]), "{vector}");
        }
        (expected, found) => panic!("expected {expected}, found {found:?}"),
    }
}

fn the_beacon_of(vector: &Value) -> Advert<'static> {
    the_only_beacon(advertisement(vector).leak())
}

/// The advertisement's one structure that is neither flags nor a list of services.
fn the_only_beacon(advertisement: &[u8]) -> Advert<'_> {
    let mut adverts = decode_each(advertisement)
        .map(Result::unwrap)
        .filter(|advert| !matches!(advert, Advert::Flags(_) | Advert::Services { .. }));
    let beacon = adverts.next().unwrap();
    assert!(adverts.next().is_none());
    beacon
}

/// Vectors give the whole advertisement, or the data of the Eddystone service only.
fn advertisement(vector: &Value) -> Vec<u8> {
    if vector["ad"].is_string() {
        return hex(&vector["ad"]);
    }
    let data = hex(&vector["service_data"]);
    let mut advertisement = vec![u8::try_from(data.len() + 3).unwrap(), 0x16];
    advertisement.extend(eddystone::SERVICE.to_le_bytes());
    advertisement.extend(data);
    advertisement
}

fn key(vector: &Value) -> ResolvingKey {
    ResolvingKey::new(bytes(&vector["irk"]))
}

fn address(vector: &Value) -> Address {
    Address::new(bytes(&vector["address"]), true)
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/ble.json")).unwrap()
}

fn group(name: &str) -> impl Iterator<Item = Value> {
    let vectors = vectors()[name].as_array().unwrap().clone();
    assert!(!vectors.is_empty());
    vectors.into_iter()
}

fn number<N: TryFrom<i64, Error: std::fmt::Debug>>(value: &Value) -> N {
    N::try_from(value.as_i64().unwrap()).unwrap()
}

fn bytes<const LEN: usize>(value: &Value) -> [u8; LEN] {
    hex(value).try_into().unwrap()
}

/// Hexadecimal digits, with the separators of UUIDs and addresses.
fn hex(value: &Value) -> Vec<u8> {
    let digits: Vec<u8> = value
        .as_str()
        .unwrap()
        .bytes()
        .filter(|byte| !b"-:".contains(byte))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
