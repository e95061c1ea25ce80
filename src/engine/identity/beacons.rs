//! Eddystone-EID: what every registered beacon says in its windows, worked out before it says it.
//!
//! One map holds the identifiers of each beacon: those of the previous, the present and the next window of its clock
//! are accepted, the one after is ready, and the last [`WINDOWS_REFUSED`] are kept to tell a replay from a stranger.
//! When a beacon's window turns, one identifier is added and one removed. A beacon that was not heard for months has
//! a clock that is less certain; then more windows are accepted, up to [`WINDOWS_ACCEPTED_MAX`].
//!
//! Within its windows an identifier can be recorded and sent elsewhere; nothing in the format prevents that. Once the
//! beacon was heard in a later window, though, whoever still says the earlier one is somebody else, and is refused.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::RangeInclusive;
#[expect(
    clippy::disallowed_types,
    reason = "the path of a sighting tries it and never waits; registering does"
)]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use foldhash::fast::RandomState;
use nextbest_proto::advert::ephemeral::{Ephemeral, IdentityKey};

use super::beacon_clock::BeaconClock;
use super::{BeaconState, Counter, Counters, Found, KeyRefused, KeysFull};
use crate::model::{SecretKey, Timestamp};

/// Beacons that can be registered.
pub const BEACONS_MAX: usize = 32_768;
/// Windows of one beacon that can be accepted at a time; three unless it was silent for long.
pub const WINDOWS_ACCEPTED_MAX: u32 = 16;
/// Windows before the accepted ones whose identifiers are known, to be refused and counted: nine hours of windows of
/// 1,024 s. What is older is refused too, as a stranger's.
pub const WINDOWS_REFUSED: u32 = 32;
/// Identifiers that are known when all is full: for each beacon the refused, the accepted with the present one amid
/// them, and the one that is ready.
pub const IDENTIFIERS_MAX: usize = BEACONS_MAX * (WINDOWS_REFUSED + WINDOWS_ACCEPTED_MAX + 2) as usize;
/// Beacons whose windows turn in one tick; the rest turn in the next. The window that is ready covers the delay.
pub const TURNS_PER_TICK_MAX: usize = 4_096;
/// How long after a beacon was first heard in a window the one before may still come from a hub that was slow.
const OVERLAP_MS: u64 = 5_000;

/// How long a session may use what it was told of an identifier at most before it asks again, in milliseconds.
const ASK_AGAIN_MS: u64 = 10_000;

/// The beacons, and what they say.
pub(super) struct Beacons<H> {
    identifiers: DashMap<[u8; 8], Said<H>, RandomState>,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    known: Mutex<Known<H>>,
    len: AtomicU32,
}

/// What an identifier says: which beacon, in which window.
struct Said<H> {
    beacon: std::sync::Arc<Beacon<H>>,
    window: u32,
}

impl<H> Clone for Said<H> {
    fn clone(&self) -> Self {
        Self {
            beacon: std::sync::Arc::clone(&self.beacon),
            window: self.window,
        }
    }
}

struct Known<H> {
    beacons: HashMap<H, Registered<H>>,
    /// When each beacon's window turns next, the earliest first: one for each of `beacons`.
    turns: BTreeMap<Turn, H>,
    /// Of the youngest registration.
    number: u64,
}

struct Registered<H> {
    beacon: std::sync::Arc<Beacon<H>>,
    turn: Turn,
}

/// When a window turns, and the number of the registration: of those due at the same moment the older goes first.
type Turn = (Timestamp, u64);

struct Beacon<H> {
    tag: H,
    ephemeral: Ephemeral,
    /// The identity key, for a snapshot.
    secret: SecretKey,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    state: Mutex<State>,
}

struct State {
    clock: BeaconClock,
    /// The windows whose identifiers are in the map; empty before the first.
    filled: Option<RangeInclusive<u32>>,
    /// The latest window that the beacon was heard in, and since when.
    latest: Option<(u32, Timestamp)>,
}

impl<H: Copy + Eq + Hash> Beacons<H> {
    pub(super) fn new() -> Self {
        Self {
            // All at once, so that no shard of the map grows while a sighting waits; what is not used costs no memory.
            identifiers: DashMap::with_capacity_and_hasher(IDENTIFIERS_MAX, RandomState::default()),
            known: Known {
                beacons: HashMap::new(),
                turns: BTreeMap::new(),
                number: 0,
            }
            .into(),
            len: AtomicU32::new(0),
        }
    }

    /// Registers a beacon; one that is registered already has its clock set anew.
    pub(super) fn add(&self, now: Timestamp, state: &BeaconState, tag: H) -> Result<(), KeyRefused> {
        let ephemeral = Ephemeral::new(IdentityKey::new(state.key.reveal()), state.rotation_exponent)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.beacons.len() >= BEACONS_MAX && !known.beacons.contains_key(&tag) {
            return Err(KeysFull(BEACONS_MAX).into());
        }
        // First, because the former says the same identifiers as the new one.
        self.drop_beacon(&mut known, tag);
        let beacon = std::sync::Arc::new(Beacon {
            tag,
            ephemeral,
            secret: state.key.clone(),
            state: State {
                clock: BeaconClock::of(&state.clock),
                filled: None,
                latest: state.latest,
            }
            .into(),
        });
        known.number += 1;
        let turn = (self.turn(now, &beacon), known.number);
        known.turns.insert(turn, tag);
        known.beacons.insert(tag, Registered { beacon, turn });
        self.publish(&known);
        Ok(())
    }

    /// Drops the key of a beacon, and all that it says.
    pub(super) fn remove(&self, tag: H) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_removed = self.drop_beacon(&mut known, tag);
        self.publish(&known);
        is_removed
    }

    /// A beacon as it is written down.
    pub(super) fn state(&self, tag: H) -> Option<BeaconState> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let beacon = std::sync::Arc::clone(&known.beacons.get(&tag)?.beacon);
        drop(known);
        let state = beacon.state.lock().unwrap_or_else(PoisonError::into_inner);
        Some(BeaconState {
            key: beacon.secret.clone(),
            // A rotation is a power of two.
            rotation_exponent: beacon.ephemeral.rotation_s().trailing_zeros() as u8,
            clock: state.clock.state(),
            latest: state.latest,
        })
    }

    /// Whose identifier it is, when it is heard `age` ago.
    pub(super) fn find(&self, now: Timestamp, age: Duration, eid: [u8; 8], counters: &Counters) -> Found<H> {
        let Some(said) = self.identifiers.get(&eid).map(|said| said.value().clone()) else {
            return Found::Stranger;
        };
        let (beacon, window) = (&said.beacon, said.window);
        let Ok(mut state) = beacon.state.try_lock() else {
            counters.count(Counter::EphemeralDeferred);
            return Found::Deferred;
        };
        let window_s = f64::from(beacon.ephemeral.rotation_s());
        let accepted = state.accepted(now, window_s);
        if !accepted.contains(&window) {
            counters.count(Counter::EphemeralReplayed);
            return Found::Stranger;
        }
        match state.latest {
            Some((latest, since)) if window < latest => {
                if now.since(since) > age + Duration::from_millis(OVERLAP_MS) {
                    counters.count(Counter::EphemeralCloned);
                    return Found::Stranger;
                }
            }
            Some((latest, _)) if window == latest => {}
            Some(_) | None => {
                state.latest = Some((window, now));
                counters.count(Counter::EphemeralResolved);
            }
        }
        state
            .clock
            .heard(now, age.as_secs_f64(), f64::from(window) * window_s, window_s);
        Found::Tag {
            tag: beacon.tag,
            ask_again: now.after(Duration::from_millis(ASK_AGAIN_MS).min(Duration::from_secs_f64(window_s / 4.0))),
        }
    }

    /// Turns the windows that are due.
    pub(super) fn tick(&self, now: Timestamp, counters: &Counters) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..TURNS_PER_TICK_MAX {
            let Known { beacons, turns, .. } = &mut *known;
            let Some(due) = turns.first_entry().filter(|turn| turn.key().0 <= now) else {
                return;
            };
            let ((_, number), tag) = due.remove_entry();
            let Some(registered) = beacons.get_mut(&tag) else {
                continue;
            };
            registered.turn = (self.turn(now, &registered.beacon), number);
            turns.insert(registered.turn, tag);
        }
        counters.count(Counter::EphemeralTurnsLate);
    }

    pub(super) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    /// Bytes when all is full: [`BEACONS_MAX`] beacons, one turn of each, and the map of [`IDENTIFIERS_MAX`] with the
    /// eighth that stays free, in a power of two.
    pub(super) const fn bytes() -> u64 {
        let slots = (IDENTIFIERS_MAX * 8 / 7).next_power_of_two();
        let identifiers = slots * (size_of::<([u8; 8], Said<H>)>() + 1);
        let beacon = size_of::<Beacon<H>>() + 2 * size_of::<(H, Registered<H>)>() + 2 * size_of::<(Turn, H)>();
        (BEACONS_MAX * beacon + identifiers) as u64
    }

    /// Brings a beacon's identifiers up to its clock; returns when to do it again.
    fn turn(&self, now: Timestamp, beacon: &std::sync::Arc<Beacon<H>>) -> Timestamp {
        let mut state = beacon.state.lock().unwrap_or_else(PoisonError::into_inner);
        let window_s = beacon.ephemeral.rotation_s();
        let accepted = state.accepted(now, f64::from(window_s));
        let first = accepted.start().saturating_sub(WINDOWS_REFUSED);
        let last = accepted.end().saturating_add(1);
        let before = state.filled.replace(first..=last);
        let is_in =
            |range: &Option<RangeInclusive<u32>>, window| range.as_ref().is_some_and(|range| range.contains(&window));
        for window in (first..=last).filter(|window| !is_in(&before, *window)) {
            let said = Said {
                beacon: std::sync::Arc::clone(beacon),
                window,
            };
            self.identifiers.insert(beacon.identifier(window), said);
        }
        for window in before
            .into_iter()
            .flatten()
            .filter(|window| !(first..=last).contains(window))
        {
            self.identifiers.remove(&beacon.identifier(window));
        }
        let (least_s, most_s) = state.clock.bounds_s(now);
        let shown_s = f64::midpoint(least_s, most_s);
        let left_s = f64::from(window_s) - shown_s.rem_euclid(f64::from(window_s));
        now.after(Duration::from_secs_f64(left_s))
    }

    /// Drops a beacon with its turn and all that it says; false when it is not known.
    fn drop_beacon(&self, known: &mut Known<H>, tag: H) -> bool {
        let Some(Registered { beacon, turn }) = known.beacons.remove(&tag) else {
            return false;
        };
        known.turns.remove(&turn);
        let mut state = beacon.state.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = state.filled.take();
        drop(state);
        for window in filled.into_iter().flatten() {
            self.identifiers.remove(&beacon.identifier(window));
        }
        true
    }

    fn publish(&self, known: &Known<H>) {
        self.len.store(
            u32::try_from(known.beacons.len()).unwrap_or(u32::MAX),
            Ordering::Relaxed,
        );
    }
}

impl<H> Beacon<H> {
    /// What it says in a window. A beacon's clock has 32 bits and begins again after 136 years.
    fn identifier(&self, window: u32) -> [u8; 8] {
        self.ephemeral
            .identifier(window.wrapping_mul(self.ephemeral.rotation_s()))
    }
}

impl State {
    /// The windows whose identifiers are accepted: the previous, the present and the next of the likeliest clock, and
    /// what else its bounds allow.
    fn accepted(&self, now: Timestamp, window_s: f64) -> RangeInclusive<u32> {
        let (least_s, most_s) = self.clock.bounds_s(now);
        let window_of = |shown_s: f64| (shown_s / window_s).max(0.0) as u32;
        let present = window_of(f64::midpoint(least_s, most_s));
        let first = present.saturating_sub(1).min(window_of(least_s));
        let last = present.saturating_add(1).max(window_of(most_s));
        let beyond = WINDOWS_ACCEPTED_MAX / 2;
        first.max(present.saturating_sub(beyond))..=last.min(present.saturating_add(beyond))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPONENT: u8 = 10;

    fn beacon(now: Timestamp, tag: u32, clock_s: u32) -> BeaconState {
        let mut key = [3; 16];
        key[..4].copy_from_slice(&tag.to_be_bytes());
        BeaconState::registered(now, &SecretKey::new(key), EXPONENT, clock_s)
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn a_beacon_has_one_turn_however_often_it_is_registered_and_none_when_it_is_gone() {
        let beacons = Beacons::<u32>::new();
        let turns_len = || beacons.known.lock().unwrap().turns.len();
        for second in 0..100 {
            beacons.add(at(second), &beacon(at(second), 1, 4_000), 1).unwrap();
        }
        assert_eq!(turns_len(), 1);
        beacons.tick(at(5_000), &Counters::default());
        assert_eq!(turns_len(), 1);
        for second in 5_000..5_100 {
            beacons.add(at(second), &beacon(at(second), 2, 4_000), 2).unwrap();
            assert!(beacons.remove(2));
        }
        assert!(beacons.remove(1) && !beacons.remove(1));
        assert_eq!((turns_len(), beacons.identifiers.len()), (0, 0));
    }

    #[test]
    fn a_full_table_still_sets_the_clock_of_a_beacon_that_it_holds() {
        let beacons = Beacons::<u32>::new();
        // Clocks that begin have few windows, so that this is quick.
        for tag in 0..BEACONS_MAX as u32 {
            beacons.add(at(0), &beacon(at(0), tag, 0), tag).unwrap();
        }
        assert_eq!(
            beacons.add(at(1), &beacon(at(1), u32::MAX, 0), u32::MAX),
            Err(KeysFull(BEACONS_MAX).into())
        );
        assert_eq!(beacons.add(at(1), &beacon(at(1), 7, 0), 7), Ok(()));
    }
}
