//! From the radio to an identity: the ring an interrupt fills, and the decoding the main loop does.
//!
//! Pushing is a copy, so the radio never waits. Decoding is the contract crate's; an advertisement that names
//! its transmitter in no known form is forwarded by address when the hub is told so, else only counted.

use nextbest_proto::advert::{self, Identity, IdentityKind, Tally};

use super::ring::Ring;

/// What one transmitter was heard to say.
#[derive(Debug, Clone, Copy)]
struct Scan {
    heard_local_ms: u64,
    address: [u8; 6],
    payload: [u8; ADVERT_LEN_MAX],
    payload_len: u8,
    rssi_dbm: i8,
}

/// A decoded advertisement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) identity: Identity,
    pub(super) rssi_dbm: i8,
    pub(super) heard_local_ms: u64,
}

#[derive(Debug)]
pub(super) struct Scanner {
    ring: Ring<Scan>,
    heard: u64,
    dropped: u64,
    too_long: u64,
    tally: Tally,
}

impl Scanner {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ring: Ring::new(capacity),
            heard: 0,
            dropped: 0,
            too_long: 0,
            tally: Tally::default(),
        }
    }

    /// Keeps an advertisement for the main loop. One that is longer than the radio can receive is malformed.
    pub(super) fn push(&mut self, heard_local_ms: u64, address: [u8; 6], payload: &[u8], rssi_dbm: i8) {
        self.heard += 1;
        let payload_len = payload.len() as u8;
        let mut scan = Scan {
            heard_local_ms,
            address,
            payload: [0; ADVERT_LEN_MAX],
            payload_len,
            rssi_dbm,
        };
        let Some(kept) = scan.payload.get_mut(..payload.len()) else {
            self.too_long += 1;
            return;
        };
        kept.copy_from_slice(payload);
        self.dropped += u64::from(self.ring.push(scan).is_some());
    }

    /// Something was heard that does not pass through the ring.
    pub(super) fn count_heard(&mut self) {
        self.heard += 1;
    }

    /// The next advertisement that names its transmitter.
    pub(super) fn next(&mut self, forward_addresses: bool) -> Option<Heard> {
        while let Some(scan) = self.ring.pop() {
            let payload = scan.payload.get(..usize::from(scan.payload_len)).unwrap_or_default();
            // Every structure is decoded, so that every malformed one is counted; the first name wins.
            let named = advert::decode(payload, &mut self.tally).filter_map(|advert| advert.identity());
            let named = named.fold(None, |first: Option<Identity>, next| first.or(Some(next)));
            let addressed = || {
                Identity::new(IdentityKind::Address, &scan.address)
                    .ok()
                    .filter(|_| forward_addresses)
            };
            let identity = named.or_else(addressed);
            if let Some(identity) = identity {
                return Some(Heard {
                    identity,
                    rssi_dbm: scan.rssi_dbm,
                    heard_local_ms: scan.heard_local_ms,
                });
            }
        }
        None
    }

    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn malformed(&self) -> u64 {
        self.tally.malformed() + self.too_long
    }
}

/// The data of one advertisement and its scan response together.
pub const ADVERT_LEN_MAX: usize = 62;
