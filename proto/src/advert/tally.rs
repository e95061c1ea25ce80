//! What was heard, counted by kind, so that nothing is lost silently.
//!
//! What is absent on purpose: which transmitter said it. A tally is for the operator and names nobody.

use super::eddystone::Eddystone;
use super::{Advert, AdvertError};

/// Counts of AD structures. Wraps only after 2^64 of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// iBeacons.
    pub ibeacon: u64,
    /// AltBeacons.
    pub altbeacon: u64,
    /// Eddystone-UID frames.
    pub eddystone_uid: u64,
    /// Eddystone-URL frames.
    pub eddystone_url: u64,
    /// Eddystone-TLM frames, plain.
    pub eddystone_tlm: u64,
    /// Eddystone-TLM frames, encrypted.
    pub eddystone_tlm_encrypted: u64,
    /// Eddystone-EID frames.
    pub eddystone_eid: u64,
    /// Flags.
    pub flags: u64,
    /// Transmit powers.
    pub tx_power: u64,
    /// Names.
    pub name: u64,
    /// Lists of services.
    pub services: u64,
    /// Unknown: data of manufacturers that are no beacon.
    pub unknown_manufacturer: u64,
    /// Unknown: data of services that are no beacon.
    pub unknown_service: u64,
    /// Unknown: structures of other kinds.
    pub unknown_kind: u64,
    /// Malformed: a structure that overruns its advertisement.
    pub malformed_overrun: u64,
    /// Malformed: something behind the end of the advertisement.
    pub malformed_after_end: u64,
    /// Malformed: a structure of a basic kind.
    pub malformed_structure: u64,
    /// Malformed: iBeacons.
    pub malformed_ibeacon: u64,
    /// Malformed: AltBeacons.
    pub malformed_altbeacon: u64,
    /// Malformed: Eddystone frames, those of unknown types included.
    pub malformed_eddystone: u64,
}

impl Tally {
    /// Counts one structure.
    pub fn count(&mut self, decoded: &Result<Advert<'_>, AdvertError>) {
        let counter = match decoded {
            Ok(advert) => self.decoded_counter(advert),
            Err(AdvertError::Overrun { .. }) => &mut self.malformed_overrun,
            Err(AdvertError::AfterEnd { .. }) => &mut self.malformed_after_end,
            Err(AdvertError::Structure { .. }) => &mut self.malformed_structure,
            Err(AdvertError::IBeacon { .. }) => &mut self.malformed_ibeacon,
            Err(AdvertError::AltBeacon { .. }) => &mut self.malformed_altbeacon,
            Err(AdvertError::Eddystone { .. }) => &mut self.malformed_eddystone,
        };
        *counter = counter.wrapping_add(1);
    }

    /// All that were counted.
    pub fn structures(&self) -> u64 {
        self.decoded() + self.unknown() + self.malformed()
    }

    /// Those that were understood.
    pub fn decoded(&self) -> u64 {
        self.beacons() + self.flags + self.tx_power + self.name + self.services
    }

    /// Those that were understood and are frames of beacons.
    pub fn beacons(&self) -> u64 {
        self.ibeacon
            + self.altbeacon
            + self.eddystone_uid
            + self.eddystone_url
            + self.eddystone_tlm
            + self.eddystone_tlm_encrypted
            + self.eddystone_eid
    }

    /// Those that are well-formed and mean nothing here.
    pub fn unknown(&self) -> u64 {
        self.unknown_manufacturer + self.unknown_service + self.unknown_kind
    }

    /// Those that are not well-formed.
    pub fn malformed(&self) -> u64 {
        self.malformed_overrun
            + self.malformed_after_end
            + self.malformed_structure
            + self.malformed_ibeacon
            + self.malformed_altbeacon
            + self.malformed_eddystone
    }

    fn decoded_counter(&mut self, advert: &Advert<'_>) -> &mut u64 {
        match advert {
            Advert::IBeacon(_) => &mut self.ibeacon,
            Advert::AltBeacon(_) => &mut self.altbeacon,
            Advert::Eddystone(Eddystone::Uid(_)) => &mut self.eddystone_uid,
            Advert::Eddystone(Eddystone::Url(_)) => &mut self.eddystone_url,
            Advert::Eddystone(Eddystone::Tlm(_)) => &mut self.eddystone_tlm,
            Advert::Eddystone(Eddystone::EncryptedTlm(_)) => &mut self.eddystone_tlm_encrypted,
            Advert::Eddystone(Eddystone::Eid(_)) => &mut self.eddystone_eid,
            Advert::Flags(_) => &mut self.flags,
            Advert::TxPower(_) => &mut self.tx_power,
            Advert::Name(_) => &mut self.name,
            Advert::Services { .. } => &mut self.services,
            Advert::Manufacturer { .. } => &mut self.unknown_manufacturer,
            Advert::ServiceData { .. } => &mut self.unknown_service,
            Advert::Unknown(_) => &mut self.unknown_kind,
        }
    }
}
