//! What is worth forwarding: one sighting per transmitter and interval, more when it moved.
//!
//! A tag that advertises ten times a second on three channels is heard thirty times; the gateway folds
//! sightings in steps of 250 ms, so repeats inside an interval cost air and bring nothing. A jump in signal
//! strength is news and passes. The table is small and forgets the longest-silent transmitter when two
//! compete for a slot; a forgotten transmitter is forwarded once too often, never too seldom.

use alloc::{boxed::Box, vec};

use nextbest_proto::advert::Identity;

/// When a repeat is worth forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLimits {
    /// The same transmitter is forwarded at most once in this time. 0: everything is forwarded.
    pub interval_ms: u32,
    /// A change of at least this many decibels passes before the interval is over.
    pub change_db: u8,
    /// How many transmitters are remembered.
    pub transmitters_max: usize,
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self {
            interval_ms: 200,
            change_db: 12,
            transmitters_max: 1_024,
        }
    }
}

#[derive(Debug)]
pub(super) struct Filter {
    limits: FilterLimits,
    slots: Box<[Slot]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Of the identity; 0 in an empty slot.
    hash: u64,
    forwarded_ms: u64,
    rssi_dbm: i8,
}

impl Filter {
    pub(super) fn new(limits: FilterLimits) -> Self {
        let slots = limits.transmitters_max.max(PROBES).next_power_of_two();
        Self {
            limits,
            slots: vec![Slot::default(); slots].into_boxed_slice(),
        }
    }

    /// Whether to forward this one; remembers it when so.
    pub(super) fn passes(&mut self, identity: &Identity, rssi_dbm: i8, now_ms: u64) -> bool {
        let hash = hash(identity);
        let (interval_ms, change_db) = (u64::from(self.limits.interval_ms), self.limits.change_db.max(1));
        let Some(slot) = self.slot_of(hash) else { return true };
        let repeat = slot.hash == hash
            && now_ms.saturating_sub(slot.forwarded_ms) < interval_ms
            && slot.rssi_dbm.abs_diff(rssi_dbm) < change_db;
        if !repeat {
            *slot = Slot {
                hash,
                forwarded_ms: now_ms,
                rssi_dbm,
            };
        }
        !repeat
    }

    /// The slot that holds `hash`, or the one to give to it: an empty one, else the longest silent.
    fn slot_of(&mut self, hash: u64) -> Option<&mut Slot> {
        let mask = self.slots.len() - 1;
        let places = (0..PROBES).map(|step| (hash as usize).wrapping_add(step) & mask);
        let best = places.min_by_key(|place| match self.slots.get(*place) {
            Some(slot) if slot.hash == hash => (0, 0),
            Some(slot) if slot.hash == 0 => (1, 0),
            Some(slot) => (2, slot.forwarded_ms),
            None => (3, 0),
        })?;
        self.slots.get_mut(best)
    }
}

/// FNV-1a over kind and bytes, never 0. Two transmitters that collide share an interval, which costs a
/// repeat and no more.
fn hash(identity: &Identity) -> u64 {
    let kind = [identity.kind() as u8];
    kind.iter()
        .chain(identity.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
        .max(1)
}

/// How many neighbouring slots an identity may lie in.
const PROBES: usize = 8;
