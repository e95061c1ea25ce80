//! Tags that change what they call themselves, told by their keys: resolvable private addresses and Eddystone-EID.
//!
//! | file | what |
//! |---|---|
//! | `addresses` | many resolving keys against many addresses, each address once |
//! | `filter` | which addresses were tried, without holding one |
//! | `allowance` | how many keys may be tried, by all and by one hub |
//! | `beacons` | the identifiers of every beacon's windows, worked out before they are said |
//! | `beacon_clock` | what a beacon's clock shows, and how far it drifts |
//!
//! A tag is the caller's handle `H`, so that this leaf knows nobody. Tables are made when the first key comes: a venue
//! without changing tags pays nothing. Finding allocates nothing. It waits neither for a key that is tried nor for a
//! window that turns, for it only tries their mutexes; it can meet one entry being written in its shard of a map, whose
//! room is made at the start. Registering may do both.
//! Deliberately absent: who carries a tag, tags that never change (a map of the caller's), and anything stored.

mod addresses;
mod allowance;
mod beacon_clock;
mod beacons;
mod filter;

use std::fmt;
use std::hash::Hash;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nextbest_proto::advert::ephemeral::{EphemeralError, IdentityKey};
use thiserror::Error;

pub use addresses::{ADDRESS_LIFETIME_MS, ADDRESSES_MAX, ASK_AGAIN_MS, QUIET_MS, RESOLVING_KEYS_MAX};
pub use allowance::{Allowance, TRIES_PER_HUB_STEP_MAX, TRIES_PER_STEP_MAX};
pub use beacon_clock::{ClockState, DRIFT_MAX};
pub use beacons::{BEACONS_MAX, IDENTIFIERS_MAX, TURNS_PER_TICK_MAX, WINDOWS_ACCEPTED_MAX, WINDOWS_REFUSED};
pub use filter::{FILTER_ENTRIES, FILTER_ROTATES_MS};

use crate::model::{SecretKey, TagKey, Timestamp};

use self::addresses::Addresses;
use self::beacon_clock::BeaconClock;
use self::beacons::Beacons;

/// Everything that tells changing tags.
pub struct Identities<H> {
    addresses: OnceLock<Addresses<H>>,
    beacons: OnceLock<Beacons<H>>,
    counters: Counters,
}

/// The key of a tag, as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyState {
    /// Of a device whose address changes.
    Resolving(SecretKey),
    /// Of an Eddystone-EID beacon.
    Ephemeral(BeaconState),
}

/// An Eddystone-EID beacon, as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct BeaconState {
    /// Its identity key.
    pub key: SecretKey,
    /// Its identifier changes every 2^`rotation_exponent` seconds.
    pub rotation_exponent: u8,
    /// What is known of its clock.
    pub clock: ClockState,
    /// The latest window that it was heard in, and since when.
    pub latest: Option<(u32, Timestamp)>,
}

impl BeaconState {
    /// One that nobody heard yet, whose clock shows `clock_s`.
    fn registered(now: Timestamp, key: &SecretKey, rotation_exponent: u8, clock_s: u32) -> Self {
        Self {
            key: key.clone(),
            rotation_exponent,
            clock: BeaconClock::registered(now, clock_s).state(),
            latest: None,
        }
    }
}

/// Whose it is that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<H> {
    /// A registered tag's.
    Tag {
        /// The tag.
        tag: H,
        /// What was found may be used until then.
        ask_again: Timestamp,
    },
    /// Nobody's here, or one that is refused; it is counted which.
    Stranger,
    /// Not looked for: there is too much to look for. It may be when it is heard again.
    Deferred,
}

/// A key cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyRefused {
    /// There is no room.
    #[error(transparent)]
    Full(#[from] KeysFull),
    /// The rotation is slower than the format allows.
    #[error(transparent)]
    Rotation(#[from] EphemeralError),
}

/// A table of keys has its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the table of keys holds its maximum of {0}")]
pub struct KeysFull(pub usize);

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident $field:ident;)*) => {
        /// What is counted on the way.
        #[derive(Clone, Copy)]
        enum Counter { $($(#[$doc])* $name,)* }

        /// What became of changing identities, and how full the tables are; names nobody.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct IdentityCounts {
            $($(#[$doc])* pub $field: u64,)*
            /// Resolving keys that are registered.
            pub resolving_keys: u32,
            /// Addresses that are kept with their tag.
            pub addresses: u32,
            /// Beacons that are registered.
            pub beacons: u32,
        }

        impl Counters {
            fn read(&self) -> IdentityCounts {
                IdentityCounts {
                    $($field: self.value(Counter::$name),)*
                    ..IdentityCounts::default()
                }
            }
        }
    };
}

counters! {
    /// Addresses that a key has made.
    AddressResolved addresses_resolved;
    /// Addresses that fit no key.
    AddressStranger addresses_strange;
    /// Times that an address was heard which had been tried before.
    AddressFiltered addresses_filtered;
    /// Times that an address was not tried, for want of allowance.
    AddressDeferred addresses_deferred;
    /// Times that an address fitted a tag that is heard under another: chance, or somebody who imitates it.
    AddressContested addresses_contested;
    /// Windows in which a beacon was first heard.
    EphemeralResolved ephemeral_resolved;
    /// Identifiers of windows that are over: recorded, and sent again.
    EphemeralReplayed ephemeral_replayed;
    /// Identifiers of a window after which the beacon was heard in a later one: a second transmitter says them.
    EphemeralCloned ephemeral_cloned;
    /// Identifiers that were not looked for, because the beacon's window was just turning.
    EphemeralDeferred ephemeral_deferred;
    /// Ticks in which more windows were due than could be turned.
    EphemeralTurnsLate ephemeral_turns_late;
}

const COUNTERS_LEN: usize = Counter::EphemeralTurnsLate as usize + 1;

#[derive(Default)]
struct Counters([AtomicU64; COUNTERS_LEN]);

impl Counters {
    fn count(&self, counter: Counter) {
        if let Some(cell) = self.0.get(counter as usize) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn value(&self, counter: Counter) -> u64 {
        self.0
            .get(counter as usize)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

impl<H> Default for Identities<H> {
    fn default() -> Self {
        Self {
            addresses: OnceLock::new(),
            beacons: OnceLock::new(),
            counters: Counters::default(),
        }
    }
}

impl<H: Copy + Eq + Hash> Identities<H> {
    /// Registers the key of a tag.
    ///
    /// # Errors
    /// [`KeyRefused`] when there is no room, or the key is of a rotation that cannot be.
    pub fn register(&self, now: Timestamp, key: &TagKey, tag: H) -> Result<(), KeyRefused> {
        match key {
            TagKey::Resolving(key) => {
                let addresses = self.addresses.get_or_init(Addresses::new);
                Ok(addresses.add(key, tag)?)
            }
            TagKey::Ephemeral {
                key,
                rotation_exponent,
                clock_s,
            } => {
                let beacons = self.beacons.get_or_init(Beacons::new);
                beacons.add(
                    now,
                    &BeaconState::registered(now, key, *rotation_exponent, *clock_s),
                    tag,
                )
            }
        }
    }

    /// The key of a tag, as it is written down; `None` when it has none.
    #[must_use]
    pub fn state(&self, tag: H) -> Option<KeyState> {
        let address = || self.addresses.get()?.secret(tag).map(KeyState::Resolving);
        let beacon = || self.beacons.get()?.state(tag).map(KeyState::Ephemeral);
        address().or_else(beacon)
    }

    /// Registers the key of a tag that was written down.
    ///
    /// # Errors
    /// [`KeyRefused`] when there is no room, or the key is of a rotation that cannot be.
    pub fn restore(&self, now: Timestamp, key: &KeyState, tag: H) -> Result<(), KeyRefused> {
        match key {
            KeyState::Resolving(key) => Ok(self.addresses.get_or_init(Addresses::new).add(key, tag)?),
            KeyState::Ephemeral(beacon) => self.beacons.get_or_init(Beacons::new).add(now, beacon, tag),
        }
    }

    /// Drops the key of a tag and all that was told by it; false when it had none.
    pub fn forget(&self, tag: H) -> bool {
        let had_address = self.addresses.get().is_some_and(|addresses| addresses.remove(tag));
        self.beacons.get().is_some_and(|beacons| beacons.remove(tag)) || had_address
    }

    /// Whose address it is. It is tried only when its two highest bits say that it can be resolved; a maker's address
    /// that looks the same fits no key. `quiet_ms` says how long a tag was not heard.
    pub fn of_address(
        &self,
        now: Timestamp,
        hub: &mut Allowance,
        address: [u8; 6],
        quiet_ms: impl Fn(H) -> u64,
    ) -> Found<H> {
        match self.addresses.get() {
            Some(addresses) if address[0] >> 6 == 0b01 => addresses.find(now, hub, address, quiet_ms, &self.counters),
            Some(_) | None => Found::Stranger,
        }
    }

    /// Whose ephemeral identifier it is that was heard `age` ago.
    pub fn of_ephemeral(&self, now: Timestamp, age: Duration, eid: [u8; 8]) -> Found<H> {
        self.beacons
            .get()
            .map_or(Found::Stranger, |beacons| beacons.find(now, age, eid, &self.counters))
    }

    /// Time passes: windows turn, the filter and what was resolved age. Call it in each step.
    pub fn tick(&self, now: Timestamp) {
        if let Some(addresses) = self.addresses.get() {
            addresses.tick(now);
        }
        if let Some(beacons) = self.beacons.get() {
            beacons.tick(now, &self.counters);
        }
    }

    /// What became of changing identities.
    #[must_use]
    pub fn counts(&self) -> IdentityCounts {
        IdentityCounts {
            resolving_keys: self.addresses.get().map_or(0, Addresses::keys_len),
            addresses: self.addresses.get().map_or(0, Addresses::resolved_len),
            beacons: self.beacons.get().map_or(0, Beacons::len),
            ..self.counters.read()
        }
    }

    /// Entries of the filter of tried addresses; counts them one by one.
    #[must_use]
    pub fn filter_len(&self) -> u64 {
        self.addresses.get().map_or(0, |addresses| addresses.filter().len())
    }

    /// Bytes of all tables when they are full.
    #[must_use]
    pub const fn bytes() -> u64 {
        Addresses::<H>::bytes() + Beacons::<H>::bytes()
    }
}

/// Shows how many, not who.
impl<H: Copy + Eq + Hash> fmt::Debug for Identities<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identities").field(&self.counts()).finish()
    }
}

/// What stands for a key where the key itself must not be: one AES block under it, which tells nothing of it.
#[must_use]
pub fn fingerprint(key: &SecretKey) -> [u8; 16] {
    IdentityKey::new(key.reveal()).fingerprint()
}
