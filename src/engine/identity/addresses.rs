//! Resolvable private addresses: many keys against many addresses, each address once.
//!
//! An address that a key has made is kept with its tag for as long as devices keep one, and a margin; one that fits no
//! key goes into the filter. Both end by themselves. The keys are behind one mutex that the path of a sighting never
//! waits for: when it is held, the address waits to be heard again.
//!
//! Twenty-four bits of an address check it, so with 10,000 keys one stranger's address in 1,700 fits somebody's by
//! chance. A device has one address at a time: while a tag is heard under one, another that fits is contested and
//! moves nobody; when the first has been silent for [`QUIET_MS`], the other takes over, and the first is contested.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
#[expect(
    clippy::disallowed_types,
    reason = "the path of a sighting tries it and never waits; registering does"
)]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};

use dashmap::DashMap;
use foldhash::fast::RandomState;
use nextbest_proto::advert::address::Address;
use nextbest_proto::advert::private_address::ResolvingKey;

use super::allowance::{Allowance, Budget};
use super::filter::Filter;
use super::{Counter, Counters, Found, KeysFull};
use crate::model::{STEP_MS, SecretKey, Timestamp};

/// Keys that can be registered.
pub const RESOLVING_KEYS_MAX: usize = 32_768;
/// How long an address is taken for its tag's without being tried again, in milliseconds: the 15 minutes after which
/// devices change it (Core Specification, Vol 3, Part C, appendix A), and a margin of a third.
pub const ADDRESS_LIFETIME_MS: u64 = 20 * 60 * 1_000;
/// Addresses that are kept: two for each key, the old and the new.
pub const ADDRESSES_MAX: usize = 2 * RESOLVING_KEYS_MAX;
/// How long the address of a tag must be silent before another that fits takes over, in milliseconds.
pub const QUIET_MS: u64 = 2_000;
/// How long a session may use what it was told of an address before it asks again, in milliseconds: a step less than
/// another address needs to take over, so that no session believes the former one by then.
pub const ASK_AGAIN_MS: u64 = QUIET_MS - STEP_MS;
/// How often outlived addresses are swept out, in milliseconds.
const SWEEP_MS: u64 = 60_000;

/// The keys, and what was resolved by them.
pub(super) struct Addresses<H> {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    keys: Mutex<Keys<H>>,
    /// Number of the youngest key; 0: none was ever registered.
    youngest: AtomicU32,
    len: AtomicU32,
    resolved: DashMap<[u8; 6], Resolved<H>, RandomState>,
    resolved_len: AtomicU32,
    filter: Filter,
    budget: Budget,
    /// Second of the last sweep.
    swept_s: AtomicU32,
}

struct Keys<H> {
    /// By number, which grows: an address is tried against those that are younger than its last try. Each key stays
    /// where it is, so that dropping it overwrites its only copy.
    by_number: BTreeMap<u32, Box<Key<H>>>,
    numbers: HashMap<H, u32>,
}

struct Key<H> {
    key: ResolvingKey,
    /// What the key was made from, for a snapshot.
    secret: SecretKey,
    tag: H,
    /// The address under which the tag is heard.
    address: Option<[u8; 6]>,
}

#[derive(Clone, Copy)]
struct Resolved<H> {
    tag: H,
    since: Timestamp,
    is_contested: bool,
}

impl<H: Copy + Eq + Hash> Addresses<H> {
    pub(super) fn new() -> Self {
        Self {
            keys: Keys {
                by_number: BTreeMap::new(),
                numbers: HashMap::new(),
            }
            .into(),
            youngest: AtomicU32::new(0),
            len: AtomicU32::new(0),
            // Twice the maximum, so that no shard of the map grows while a sighting waits.
            resolved: DashMap::with_capacity_and_hasher(2 * ADDRESSES_MAX, RandomState::default()),
            resolved_len: AtomicU32::new(0),
            filter: Filter::new(),
            budget: Budget::default(),
            swept_s: AtomicU32::new(0),
        }
    }

    /// Registers a key for a tag.
    pub(super) fn add(&self, secret: &SecretKey, tag: H) -> Result<(), KeysFull> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.numbers.len() >= RESOLVING_KEYS_MAX && !keys.numbers.contains_key(&tag) {
            return Err(KeysFull(RESOLVING_KEYS_MAX));
        }
        let number = self.youngest.load(Ordering::Relaxed).saturating_add(1);
        let key = Key {
            key: ResolvingKey::new(secret.reveal()),
            secret: secret.clone(),
            tag,
            address: None,
        };
        keys.by_number.insert(number, Box::new(key));
        if let Some(before) = keys.numbers.insert(tag, number) {
            keys.by_number.remove(&before);
        }
        self.publish(&keys, number);
        Ok(())
    }

    /// Drops the key of a tag, and the addresses that were resolved by it.
    pub(super) fn remove(&self, tag: H) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(number) = keys.numbers.remove(&tag) else {
            return false;
        };
        keys.by_number.remove(&number);
        self.publish(&keys, self.youngest.load(Ordering::Relaxed));
        drop(keys);
        self.retain(|resolved| resolved.tag != tag);
        true
    }

    /// The key of a tag.
    pub(super) fn secret(&self, tag: H) -> Option<SecretKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let number = keys.numbers.get(&tag)?;
        keys.by_number.get(number).map(|key| key.secret.clone())
    }

    /// Whose address it is. `quiet_ms` says how long a tag was not heard.
    pub(super) fn find(
        &self,
        now: Timestamp,
        hub: &mut Allowance,
        address: [u8; 6],
        quiet_ms: impl Fn(H) -> u64,
        counters: &Counters,
    ) -> Found<H> {
        let known = self.resolved.get(&address).map(|resolved| *resolved);
        match known {
            Some(known) if now.since(known.since).as_millis() as u64 > ADDRESS_LIFETIME_MS => {}
            Some(known) if !known.is_contested => return known.found(now),
            Some(known) if quiet_ms(known.tag) < QUIET_MS => {
                counters.count(Counter::AddressContested);
                return Found::Stranger;
            }
            Some(known) => return self.take_over(now, address, known, counters),
            None => {}
        }
        let (tried, youngest) = (self.filter.tried_up_to(address), self.youngest.load(Ordering::Acquire));
        if tried >= youngest {
            counters.count(Counter::AddressFiltered);
            return Found::Stranger;
        }
        let tries = (youngest - tried).min(self.len.load(Ordering::Relaxed));
        if !self.budget.take(now, hub, tries) {
            counters.count(Counter::AddressDeferred);
            return Found::Deferred;
        }
        self.resolve(now, address, tried, quiet_ms, counters)
    }

    /// Tries an address against the keys that are younger than number `tried`.
    fn resolve(
        &self,
        now: Timestamp,
        address: [u8; 6],
        tried: u32,
        quiet_ms: impl Fn(H) -> u64,
        counters: &Counters,
    ) -> Found<H> {
        let Ok(mut keys) = self.keys.try_lock() else {
            counters.count(Counter::AddressDeferred);
            return Found::Deferred;
        };
        let on_air = Address::new(address, true);
        let mut younger = keys.by_number.range_mut(tried.saturating_add(1)..);
        let Some((_, key)) = younger.find(|(_, key)| key.key.made(on_air)) else {
            self.filter.note(address, self.youngest.load(Ordering::Relaxed));
            counters.count(Counter::AddressStranger);
            return Found::Stranger;
        };
        let former = key.address.filter(|former| *former != address);
        let resolved = Resolved {
            tag: key.tag,
            since: now,
            is_contested: former.is_some() && quiet_ms(key.tag) < QUIET_MS,
        };
        if !resolved.is_contested {
            key.address = Some(address);
        }
        drop(keys);
        self.keep(address, resolved);
        if resolved.is_contested {
            counters.count(Counter::AddressContested);
            return Found::Stranger;
        }
        self.contest(former, resolved.tag);
        counters.count(Counter::AddressResolved);
        resolved.found(now)
    }

    /// The former address of a tag is silent: the contested one is the tag's from now on.
    fn take_over(&self, now: Timestamp, address: [u8; 6], known: Resolved<H>, counters: &Counters) -> Found<H> {
        let Ok(mut keys) = self.keys.try_lock() else {
            return Found::Deferred;
        };
        let number = keys.numbers.get(&known.tag).copied();
        let Some(key) = number.and_then(|number| keys.by_number.get_mut(&number)) else {
            return Found::Stranger;
        };
        let former = key.address.replace(address).filter(|former| *former != address);
        drop(keys);
        self.contest(former, known.tag);
        let accepted = Resolved {
            is_contested: false,
            ..known
        };
        self.keep(address, accepted);
        counters.count(Counter::AddressResolved);
        accepted.found(now)
    }

    /// Sweeps out what has outlived its time.
    pub(super) fn tick(&self, now: Timestamp) {
        self.filter.rotate(now);
        let swept_s = self.swept_s.load(Ordering::Relaxed);
        if u64::from(now.as_secs().saturating_sub(swept_s)) * 1_000 >= SWEEP_MS {
            self.swept_s.store(now.as_secs(), Ordering::Relaxed);
            self.retain(|resolved| now.since(resolved.since).as_millis() as u64 <= ADDRESS_LIFETIME_MS);
        }
    }

    pub(super) fn keys_len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    pub(super) fn resolved_len(&self) -> u32 {
        self.resolved_len.load(Ordering::Relaxed)
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Bytes when all is full.
    pub(super) const fn bytes() -> u64 {
        let key = size_of::<Key<H>>() + 64;
        let resolved = size_of::<([u8; 6], Resolved<H>)>() + 8;
        Filter::bytes() + (RESOLVING_KEYS_MAX * key + 2 * ADDRESSES_MAX * resolved) as u64
    }

    fn publish(&self, keys: &Keys<H>, youngest: u32) {
        self.len
            .store(u32::try_from(keys.numbers.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.youngest.store(youngest, Ordering::Release);
    }

    /// A tag is heard under another address than its former one, which by that is good only when the other is silent.
    fn contest(&self, former: Option<[u8; 6]>, tag: H) {
        if let Some(mut former) = former.and_then(|former| self.resolved.get_mut(&former))
            && former.tag == tag
        {
            former.is_contested = true;
        }
    }

    /// Keeps an address; when there is no room, it is resolved again when it is heard again.
    fn keep(&self, address: [u8; 6], resolved: Resolved<H>) {
        if let Some(mut kept) = self.resolved.get_mut(&address) {
            *kept = resolved;
            return;
        }
        if self.resolved_len() as usize >= ADDRESSES_MAX {
            return;
        }
        if self.resolved.insert(address, resolved).is_none() {
            self.resolved_len.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Drops what is not to be kept, one at a time: looking for it shuts out nobody who only looks too.
    fn retain(&self, keep: impl Fn(&Resolved<H>) -> bool) {
        let entries = self.resolved.iter();
        let outlived: Vec<[u8; 6]> = entries.filter(|entry| !keep(entry)).map(|entry| *entry.key()).collect();
        for address in outlived {
            if self
                .resolved
                .remove_if(&address, |_, resolved| !keep(resolved))
                .is_some()
            {
                self.resolved_len.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl<H: Copy> Resolved<H> {
    fn found(&self, now: Timestamp) -> Found<H> {
        Found::Tag {
            tag: self.tag,
            ask_again: now.after(std::time::Duration::from_millis(ASK_AGAIN_MS)),
        }
    }
}
