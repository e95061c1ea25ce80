//! Who was heard: identities out of texts and out of raw advertisements.

use nextbest_proto::advert::{self, EXTENDED_LEN_MAX, IdentityKind};

use super::{BadReport, Read, Transmitter};
use crate::model::{TagId, TagKind};

/// Hexadecimal digits of the longest advertisement.
const ADVERTISEMENT_DIGITS_MAX: usize = EXTENDED_LEN_MAX * 2;

/// The address that a text writes, in any of the usual ways: `AC233FC03641`, `ac:23:3f:c0:36:41`, `AC-23-..`.
pub(super) fn address(text: &str) -> Option<TagId> {
    TagId::new(TagKind::Address, &hex::<6>(text)?).ok()
}

/// What an iBeacon or an AltBeacon says: UUID, major and minor.
pub(super) fn beacon(kind: TagKind, uuid: &str, major: u16, minor: u16) -> Option<TagId> {
    let [major_high, major_low] = major.to_be_bytes();
    let [minor_high, minor_low] = minor.to_be_bytes();
    let mut identity = [0; 20];
    let tail = [major_high, major_low, minor_high, minor_low];
    let bytes = hex::<16>(uuid)?.into_iter().chain(tail);
    identity.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    TagId::new(kind, &identity).ok()
}

/// `N` bytes in hexadecimal digits of either case; `:` and `-` between bytes are skipped.
pub(super) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut digits = text.bytes().filter(|byte| !matches!(byte, b':' | b'-')).map(digit);
    let mut bytes = [0; N];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    digits.next().is_none().then_some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The bytes of an advertisement in hexadecimal digits.
pub(super) fn advertisement(text: &str) -> Option<Vec<u8>> {
    if text.len() > ADVERTISEMENT_DIGITS_MAX || !text.len().is_multiple_of(2) {
        return None;
    }
    let digits = text.as_bytes();
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Who a transmitter is by its address and what it says on the air.
pub(super) fn heard(address: TagId, advertisement: &[u8], read: &mut Read) -> Transmitter {
    let (mut said, mut is_malformed) = (None, false);
    for decoded in advert::decode_each(advertisement) {
        match decoded {
            Ok(advert) => said = said.or_else(|| advert.identity().and_then(|identity| tag(&identity))),
            Err(_) => is_malformed = true,
        }
    }
    read.malformed_adverts += u32::from(is_malformed);
    of(said, Some(address)).unwrap_or(Transmitter {
        tag: address,
        address: None,
    })
}

/// Who a transmitter is by what it says of itself, else by its address.
pub(super) fn of(said: Option<TagId>, address: Option<TagId>) -> Option<Transmitter> {
    match (said, address) {
        (Some(tag), address) => Some(Transmitter {
            tag,
            address: address.filter(|address| *address != tag),
        }),
        (None, Some(tag)) => Some(Transmitter { tag, address: None }),
        (None, None) => None,
    }
}

/// Nobody can be told by the record.
pub(super) const fn nobody(key: &'static str) -> BadReport {
    BadReport::Value {
        key,
        expected: "the identity of a transmitter: an address, an iBeacon, an Eddystone-UID or an AltBeacon",
    }
}

/// The model's identity for the air's.
pub(super) fn tag(identity: &advert::Identity) -> Option<TagId> {
    let kind = match identity.kind() {
        IdentityKind::Address => TagKind::Address,
        IdentityKind::IBeacon => TagKind::IBeacon,
        IdentityKind::EddystoneUid => TagKind::EddystoneUid,
        IdentityKind::AltBeacon => TagKind::AltBeacon,
        IdentityKind::EddystoneEid => TagKind::EddystoneEid,
    };
    TagId::new(kind, identity.bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_in_every_way_of_writing_it() {
        let plain = address("AC233FC03641").unwrap();
        for text in ["ac233fc03641", "AC:23:3F:C0:36:41", "ac-23-3f-c0-36-41"] {
            assert_eq!(address(text), Some(plain), "{text}");
        }
        for text in [
            "",
            "AC233FC0364",
            "AC233FC036411",
            "AC233FC0364G",
            "000000000000",
            "ÄC233FC0364",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn an_advertisement_is_whole_bytes_of_bounded_length() {
        assert_eq!(advertisement("0201 "), None);
        assert_eq!(advertisement("020"), None);
        assert_eq!(advertisement("0201Fe"), Some(vec![2, 1, 0xfe]));
        assert_eq!(advertisement(&"00".repeat(EXTENDED_LEN_MAX + 1)), None);
    }
}
