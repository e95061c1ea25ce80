//! From an advertisement to the sighting that is passed on, or to none.
//!
//! A transmitter goes by the most specific name that it gives: what its beacon frame says, else its address. A frame that
//! names nobody (telemetry, a scan response, strength alone) is a sighting of whom its address has last named. With a list
//! the first of these names that is on it is taken. Everything is counted; nothing of it names anybody.

use bytes::Bytes;
use nextbest_proto::advert::{self, Identity, Tally};
use nextbest_proto::limits::RSSI_UNKNOWN_DBM;
use nextbest_proto::v1;
use tokio::time::Instant;

use super::only::Only;
use super::radio::Heard;
use super::recent::Recent;

/// Strengths that the contract has, in dBm.
const RSSI_DBM: std::ops::RangeInclusive<i32> = -127..=20;

/// Advertisements, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EarCounts {
    /// Heard, before any filter.
    pub heard: u64,
    /// Passed over, as told.
    pub filtered: u64,
    /// Of senders whose name and address name nobody.
    pub nameless: u64,
    /// Structures that could not be decoded.
    pub malformed: u64,
}

/// What makes sightings of advertisements.
#[derive(Debug)]
pub struct Ear {
    only: Option<Only>,
    /// By address: whom its last beacon frame named.
    named: Recent<Option<Identity>>,
    tally: Tally,
    counts: EarCounts,
}

impl Ear {
    /// Passes on what `only` says; without it, everything.
    #[must_use]
    pub fn new(only: Option<Only>, now: Instant) -> Self {
        Self {
            only,
            named: Recent::new(now),
            tally: Tally::default(),
            counts: EarCounts::default(),
        }
    }

    /// The sighting to pass on.
    pub fn hear(&mut self, heard: &Heard) -> Option<v1::Sighting> {
        self.counts.heard += 1;
        self.named.forget(heard.at).for_each(drop);
        let named = names(&heard.advertisement, &mut self.tally, |it| {
            passes(self.only.as_ref(), &it)
        });
        self.counts.malformed = self.tally.malformed();
        let remembered = self.named.heard(heard.address, || None);
        let identity = match named {
            Named::Nobody => *remembered,
            Named::Others => None,
            Named::Wanted(identity) => {
                *remembered = Some(identity);
                Some(identity)
            }
        };
        let address = heard.address.identity().filter(|identity| {
            let is_private = || {
                self.only
                    .as_ref()
                    .is_some_and(|only| only.passes_private(heard.address))
            };
            passes(self.only.as_ref(), identity) || is_private()
        });
        let Some(identity) = identity.or(address) else {
            match self.only {
                Some(_) => self.counts.filtered += 1,
                None => self.counts.nameless += 1,
            }
            return None;
        };
        Some(v1::Sighting {
            identity_kind: identity.wire_kind(),
            identity: Bytes::copy_from_slice(identity.bytes()),
            rssi_dbm: rssi_dbm(heard.rssi_dbm),
            age_ms: 0,
        })
    }

    /// Remembers what an address names, without a sighting.
    pub fn learn(&mut self, address: advert::address::Address, advertisement: &[u8]) {
        let named = names(advertisement, &mut self.tally, |it| passes(self.only.as_ref(), &it));
        self.counts.malformed = self.tally.malformed();
        if let Named::Wanted(identity) = named {
            *self.named.heard(address, || None) = Some(identity);
        }
    }

    /// An advertisement was heard and could not be told.
    pub fn miss(&mut self) {
        self.counts.heard += 1;
        self.counts.nameless += 1;
    }

    /// What was counted.
    #[must_use]
    pub const fn counts(&self) -> EarCounts {
        self.counts
    }
}

fn passes(only: Option<&Only>, identity: &Identity) -> bool {
    only.is_none_or(|only| only.passes(identity))
}

/// Whom an advertisement names.
enum Named {
    Nobody,
    /// Some, none of them wanted.
    Others,
    Wanted(Identity),
}

/// The first identity in the advertisement that is wanted; every structure is decoded and counted.
fn names(advertisement: &[u8], tally: &mut Tally, is_wanted: impl Fn(Identity) -> bool) -> Named {
    let identities = advert::decode(advertisement, tally).filter_map(|advert| advert.identity());
    identities.fold(Named::Nobody, |named, identity| match named {
        Named::Wanted(first) => Named::Wanted(first),
        Named::Nobody | Named::Others if is_wanted(identity) => Named::Wanted(identity),
        Named::Nobody | Named::Others => Named::Others,
    })
}

fn rssi_dbm(heard: Option<i16>) -> i32 {
    let heard = heard.map(i32::from).filter(|rssi_dbm| RSSI_DBM.contains(rssi_dbm));
    heard.unwrap_or(RSSI_UNKNOWN_DBM)
}

#[cfg(test)]
mod tests {
    use advert::address::Address;
    use advert::eddystone::Uid;
    use advert::ibeacon::IBeacon;
    use nextbest_proto::v1::IdentityKind;

    use super::*;

    /// Eddystone telemetry, which names nobody.
    const TELEMETRY: [u8; 18] = [17, 0x16, 0xaa, 0xfe, 0x20, 0, 11, 0, 25, 0, 0, 0, 0, 9, 0, 0, 0, 9];

    fn heard(last: u8, advertisement: &[u8]) -> Heard {
        Heard {
            address: Address::new([0xe7, 1, 2, 3, 4, last], true),
            rssi_dbm: Some(-60),
            advertisement: advertisement.to_vec(),
            at: Instant::now(),
        }
    }

    fn ibeacon(minor: u16) -> Vec<u8> {
        let (uuid, major, tx_1m_dbm) = ([0x2f; 16], 7, -59);
        let beacon = IBeacon {
            uuid,
            major,
            minor,
            tx_1m_dbm,
        };
        beacon.advertisement().to_vec()
    }

    fn ear(only: Option<&str>) -> Ear {
        let only = only.map(|text| {
            let mut only = Only::default();
            only.add_file(text).unwrap();
            only
        });
        Ear::new(only, Instant::now())
    }

    /// The kind of the sighting and the last byte of its identity.
    fn named(sighting: Option<v1::Sighting>) -> Option<(IdentityKind, u8)> {
        let sighting = sighting?;
        let kind = IdentityKind::try_from(sighting.identity_kind).unwrap();
        Some((kind, *sighting.identity.last().unwrap()))
    }

    #[test]
    fn the_beacon_names_before_the_address_does() {
        let mut ear = ear(None);
        assert_eq!(named(ear.hear(&heard(9, &[]))), Some((IdentityKind::Address, 9)));
        assert_eq!(
            named(ear.hear(&heard(9, &ibeacon(42)))),
            Some((IdentityKind::Ibeacon, 42))
        );
        let uid = Uid {
            tx_0m_dbm: -10,
            namespace: [5; 10],
            instance: [6; 6],
        };
        let eddystone = uid.advertisement();
        assert_eq!(
            named(ear.hear(&heard(8, &eddystone))),
            Some((IdentityKind::EddystoneUid, 6))
        );
        assert_eq!(ear.counts().heard, 3);
    }

    #[test]
    fn a_frame_that_names_nobody_is_of_whom_the_address_named_last() {
        let mut ear = ear(None);
        ear.hear(&heard(9, &ibeacon(42)));
        assert_eq!(
            named(ear.hear(&heard(9, &TELEMETRY))),
            Some((IdentityKind::Ibeacon, 42))
        );
        assert_eq!(named(ear.hear(&heard(9, &[]))), Some((IdentityKind::Ibeacon, 42)));
        assert_eq!(named(ear.hear(&heard(8, &TELEMETRY))), Some((IdentityKind::Address, 8)));
        ear.learn(heard(7, &[]).address, &ibeacon(43));
        assert_eq!(named(ear.hear(&heard(7, &[]))), Some((IdentityKind::Ibeacon, 43)));
    }

    #[test]
    fn only_who_is_on_the_list_is_passed_on_by_the_name_that_is_on_it() {
        let list = "address = ['e70102030409']\nibeacon = ['2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f 0007 002a']";
        let mut ear = ear(Some(list));
        assert_eq!(
            named(ear.hear(&heard(8, &ibeacon(42)))),
            Some((IdentityKind::Ibeacon, 42))
        );
        assert_eq!(named(ear.hear(&heard(7, &ibeacon(43)))), None);
        assert_eq!(
            named(ear.hear(&heard(9, &ibeacon(43)))),
            Some((IdentityKind::Address, 9))
        );
        assert_eq!(named(ear.hear(&heard(7, &[]))), None);
        let counts = ear.counts();
        assert_eq!((counts.heard, counts.filtered), (4, 2));
    }

    #[test]
    fn a_strength_that_no_radio_gives_is_sent_as_unknown() {
        for (heard, sent) in [
            (Some(-127), -127),
            (Some(20), 20),
            (Some(21), 127),
            (Some(-128), 127),
            (None, 127),
        ] {
            assert_eq!(rssi_dbm(heard), sent, "{heard:?}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_counted() {
        let mut ear = ear(None);
        ear.hear(&heard(9, &[5, 0xff, 0x4c, 0, 2, 0x15]));
        assert_eq!(ear.counts().malformed, 1);
    }
}
