//! What a beacon says on the air, from its properties: exactly one of `ibeacon`, `eddystone_uid` and `address`.

use super::json::{Item, Members};
use crate::venue::BeaconIdentity;

const EXPECTED: &str = "exactly one of `ibeacon`, `eddystone_uid` and `address`";

/// Reads the identity of a beacon.
pub(super) fn read(properties: &Members<'_, '_>) -> Option<BeaconIdentity> {
    let given = (
        properties.find("ibeacon"),
        properties.find("eddystone_uid"),
        properties.find("address"),
    );
    match given {
        (Some(item), None, None) => ibeacon(&item),
        (None, Some(item), None) => eddystone_uid(&item),
        (None, None, Some(item)) => hex(&item, "six bytes such as \"c0:de:00:00:00:01\"").map(BeaconIdentity::Address),
        (None, None, None) => {
            properties.wrong("the beacon has no identity", EXPECTED);
            None
        }
        _ => {
            properties.wrong("the beacon has more than one identity", EXPECTED);
            None
        }
    }
}

fn ibeacon(item: &Item<'_, '_>) -> Option<BeaconIdentity> {
    let expected = "{\"uuid\": \"...\", \"major\": 1, \"minor\": 7}";
    let members = item.members(&["uuid", "major", "minor"], expected)?;
    let uuid = members
        .need("uuid", expected)
        .and_then(|item| hex(&item, "a UUID of 32 hexadecimal digits"));
    let number = |key| {
        members
            .need(key, expected)
            .and_then(|item| item.whole(0, 65_535, "0 to 65,535"))
    };
    let (major, minor) = (number("major"), number("minor"));
    Some(BeaconIdentity::IBeacon {
        uuid: uuid?,
        major: major? as u16,
        minor: minor? as u16,
    })
}

fn eddystone_uid(item: &Item<'_, '_>) -> Option<BeaconIdentity> {
    let expected = "{\"namespace\": \"20 digits\", \"instance\": \"12 digits\"}";
    let members = item.members(&["namespace", "instance"], expected)?;
    let namespace = members
        .need("namespace", expected)
        .and_then(|item| hex(&item, "20 hexadecimal digits"));
    let instance = members
        .need("instance", expected)
        .and_then(|item| hex(&item, "12 hexadecimal digits"));
    Some(BeaconIdentity::EddystoneUid {
        namespace: namespace?,
        instance: instance?,
    })
}

/// Hexadecimal digits, with `-` and `:` between them allowed.
fn hex<const N: usize>(item: &Item<'_, '_>, expected: &str) -> Option<[u8; N]> {
    let text = item.text(expected)?;
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let bytes: Option<[u8; N]> = digits
        .filter(|digits| digits.len() == 2 * N)
        .map(|digits| {
            digits
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
                .collect()
        })
        .and_then(|bytes: Vec<u8>| bytes.try_into().ok());
    if bytes.is_none() {
        item.wrong(format!("`{text}` is not {N} bytes"), expected);
    }
    bytes
}
