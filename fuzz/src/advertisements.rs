//! What anybody can put on the air: advertisements, packets of a sniffer, advertisements in parts, and identifiers that
//! change. Everything is counted once, and an identity that was read is one on the wire as well.

use nextbest::model::{TagId, TagKind};
use nextbest_proto::advert::chain::{Chains, Fragment};
use nextbest_proto::advert::eddystone::Eddystone;
use nextbest_proto::advert::ephemeral::{Ephemeral, IdentityKey};
use nextbest_proto::advert::pdu::Pdu;
use nextbest_proto::advert::private_address::ResolvingKey;
use nextbest_proto::advert::{self, Advert, EXTENDED_LEN_MAX, Identity, IdentityKind, Tally, decode_each};

use super::draw::Draw;

/// The first byte says as what the rest is read.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    match first % 4 {
        0 => advertisement(rest),
        1 => packet(rest),
        2 => parts(Draw::new(rest)),
        _ => resolve(Draw::new(rest)),
    }
}

fn advertisement(bytes: &[u8]) {
    let mut tally = Tally::default();
    let decoded = advert::decode(bytes, &mut tally).count() as u64;
    let each: Vec<_> = decode_each(bytes).collect();
    assert_eq!(tally.structures(), each.len() as u64);
    assert_eq!(tally.decoded() + tally.unknown(), decoded);
    for advert in each.into_iter().flatten() {
        advertised_again(advert);
        if let Some(identity) = advert.identity() {
            names_somebody(identity);
        }
    }
}

/// A beacon's frame is written as it was read.
fn advertised_again(advert: Advert<'_>) {
    let written = match advert {
        Advert::IBeacon(beacon) => beacon.advertisement().to_vec(),
        Advert::AltBeacon(beacon) => beacon.advertisement().to_vec(),
        Advert::Eddystone(Eddystone::Uid(uid)) => uid.advertisement().to_vec(),
        Advert::Eddystone(Eddystone::Eid(eid)) => eid.advertisement().to_vec(),
        Advert::Eddystone(_)
        | Advert::Flags(_)
        | Advert::TxPower(_)
        | Advert::Name(_)
        | Advert::Services { .. }
        | Advert::Manufacturer { .. }
        | Advert::ServiceData { .. }
        | Advert::Unknown(_) => return,
    };
    assert_eq!(decode_each(&written).last(), Some(Ok(advert)));
}

fn names_somebody(identity: Identity) {
    assert_eq!(
        Identity::from_wire(identity.wire_kind(), identity.bytes()),
        Ok(identity)
    );
    let kinds = [
        (IdentityKind::Address, TagKind::Address),
        (IdentityKind::IBeacon, TagKind::IBeacon),
        (IdentityKind::EddystoneUid, TagKind::EddystoneUid),
        (IdentityKind::AltBeacon, TagKind::AltBeacon),
        (IdentityKind::EddystoneEid, TagKind::EddystoneEid),
    ];
    let kind = kinds.into_iter().find(|(kind, _)| *kind == identity.kind());
    assert!(kind.is_some_and(|(_, kind)| TagId::new(kind, identity.bytes()).is_ok()));
}

fn packet(bytes: &[u8]) {
    if let Ok(pdu) = Pdu::parse(bytes) {
        assert!(pdu.advertisement.len() <= bytes.len());
        advertisement(pdu.advertisement);
        if let Some(identity) = pdu.advertiser.and_then(|address| address.identity()) {
            names_somebody(identity);
        }
    }
}

/// Packets one after the other, each behind its length and how long it was waited for.
fn parts(mut draw: Draw<'_>) {
    let mut chains = Chains::default();
    let mut now_ms = 0;
    while !draw.is_empty() {
        now_ms += u64::from(draw.byte()) * 10;
        if let Ok(pdu) = Pdu::parse(draw.bytes())
            && let Some(whole) = chains.join(now_ms, &Fragment::of(&pdu))
        {
            assert!(whole.advertisement.len() <= EXTENDED_LEN_MAX);
            advertisement(whole.advertisement);
        }
    }
}

/// A beacon is known by what it says with its own key, in its window; an address by the key that made it.
fn resolve(mut draw: Draw<'_>) {
    let key = ResolvingKey::new(draw.array());
    assert!(key.made(key.address(draw.array())));
    let rotation_exponent = draw.byte();
    let Ok(beacon) = Ephemeral::new(IdentityKey::new(draw.array()), rotation_exponent) else {
        return assert!(rotation_exponent > 15);
    };
    let time_s = u32::from_le_bytes(draw.array());
    let said = [&[0x0d, 0x16, 0xaa, 0xfe, 0x30, 0][..], &beacon.identifier(time_s)].concat();
    for advert in decode_each(&said).flatten() {
        if let Advert::Eddystone(Eddystone::Eid(heard)) = advert {
            assert!(beacon.find(&heard, time_s).is_some());
        }
    }
}
