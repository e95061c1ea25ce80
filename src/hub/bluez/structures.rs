//! BlueZ's properties back into the AD structures that they were.
//!
//! BlueZ takes advertisements apart, into data by company and data by service. The decoder wants them as on the air.
//! Services of 16 bits are those within the Bluetooth base UUID; data of others are no beacon's and are left out.
//! Deliberately absent: flags, names and service lists, which name nobody.

use std::collections::HashMap;

use btleplug::api::PeripheralProperties;
use nextbest_proto::advert::address::Address;
use nextbest_proto::advert::structure::kind;
use uuid::Uuid;

/// `00000000-0000-1000-8000-00805f9b34fb`, with its first 32 bits for the service.
const BASE_UUID: u128 = 0x0000_0000_0000_1000_8000_0080_5f9b_34fb;

/// Manufacturers' data, as AD structures.
pub(super) fn manufacturer(data: &HashMap<u16, Vec<u8>>) -> Vec<u8> {
    let mut structures = Vec::new();
    for (company, data) in data {
        add(&mut structures, kind::MANUFACTURER, *company, data);
    }
    structures
}

/// Services' data, as AD structures.
pub(super) fn service(data: &HashMap<Uuid, Vec<u8>>) -> Vec<u8> {
    let mut structures = Vec::new();
    for (uuid, data) in data {
        if let Some(service) = short(uuid) {
            add(&mut structures, kind::SERVICE_DATA_16, service, data);
        }
    }
    structures
}

/// All that a device's properties hold.
pub(super) fn all(properties: &PeripheralProperties) -> Vec<u8> {
    let mut structures = manufacturer(&properties.manufacturer_data);
    structures.extend(service(&properties.service_data));
    structures
}

/// The address in a device's path, `hci0/dev_C0_11_22_33_44_55`. Which kind it is, the path does not say: an address that
/// looks resolvable may be a public one. Only the properties know.
pub(super) fn address(path: &str) -> Option<Address> {
    let digits = path.rsplit("dev_").next()?;
    let mut bytes = [0; 6];
    let mut parts = digits.split('_');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(Address::new(bytes, true))
}

fn short(uuid: &Uuid) -> Option<u16> {
    let bits = uuid.as_u128();
    let is_short = bits & !(0xffff << 96) == BASE_UUID;
    is_short.then_some((bits >> 96) as u16)
}

/// A structure that is too long for its length was none on the air.
fn add(structures: &mut Vec<u8>, kind: u8, number: u16, data: &[u8]) {
    if let Ok(len) = u8::try_from(data.len() + 3) {
        structures.extend([len, kind]);
        structures.extend(number.to_le_bytes());
        structures.extend(data);
    }
}

#[cfg(test)]
mod tests {
    use nextbest_proto::advert::{self, Tally, ibeacon::IBeacon};

    use super::*;

    #[test]
    fn a_beacon_survives_being_taken_apart() {
        let beacon = IBeacon {
            uuid: [0x2f; 16],
            major: 7,
            minor: 42,
            tx_1m_dbm: -59,
        };
        // Behind flags (3 bytes), length, kind and company.
        let data = HashMap::from([(0x004c, beacon.advertisement()[7..].to_vec()), (0xffff, vec![1, 2])]);
        let structures = manufacturer(&data);
        let mut tally = Tally::default();
        let heard = advert::decode(&structures, &mut tally).find_map(|advert| advert.identity());
        assert_eq!(heard, beacon.identity());
    }

    #[test]
    fn services_of_other_lengths_are_left_out() {
        let uuid = |text: &str| text.parse::<Uuid>().unwrap();
        assert_eq!(short(&uuid("0000feaa-0000-1000-8000-00805f9b34fb")), Some(0xfeaa));
        assert_eq!(short(&uuid("1234feaa-0000-1000-8000-00805f9b34fb")), None);
        assert_eq!(short(&uuid("0000feaa-0000-1000-8000-00805f9b34fc")), None);
        let data = HashMap::from([
            (uuid("0000feaa-0000-1000-8000-00805f9b34fb"), vec![0x20]),
            (uuid("e2c56db5-dffb-48d2-b060-d0f5a71096e0"), vec![9; 20]),
            (uuid("0000fe9f-0000-1000-8000-00805f9b34fb"), vec![9; 253]),
        ]);
        assert_eq!(service(&data), [4, 0x16, 0xaa, 0xfe, 0x20]);
    }

    #[test]
    fn an_address_is_read_from_a_path() {
        let expected = Address::new([0xc0, 0x11, 0x22, 0x33, 0x44, 0x55], true);
        assert_eq!(address("hci0/dev_C0_11_22_33_44_55"), Some(expected));
        for wrong in [
            "hci0",
            "hci0/dev_",
            "hci0/dev_C0_11_22_33_44",
            "hci0/dev_C0_11_22_33_44_55_66",
            "dev_x",
        ] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
