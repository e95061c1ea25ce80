//! Hubs: which are alive, which zones they see, and what was taken from each.
//!
//! A hub numbers its sightings within a boot epoch. What was taken is remembered per hub across connections, so a
//! hub that sends again after a break changes nothing. Batches on a stream come in order; datagrams may overtake
//! one another, so a window of the latest numbers tells a late one from a repeated one.

use std::sync::atomic::{AtomicU64, Ordering};

use nextbest_venue::{HubIx, Venue};

use super::customer::TagHandle;
use super::hub_counts::{Counters, HubCounts, HubTally, Sampler, Taken};
use super::identity::Allowance;
use crate::model::{TagId, Timestamp};
use crate::planted::{Bug, planted};

/// Numbers that the window remembers one by one; older ones count as taken.
const WINDOW_LEN: u64 = 1_024;
/// Words of the window.
const WINDOW_WORDS: usize = WINDOW_LEN as usize / 64;
/// Tags whose handle a session keeps. A hub hears a few hundred at a time; two tags that share an entry only cost
/// a look-up in the map.
const RESOLVED_LEN: usize = 2_048;

struct Hub {
    /// When it last said anything, plus one; 0: never.
    alive_us: AtomicU64,
    boot_epoch: AtomicU64,
    next_sequence: AtomicU64,
    counters: Counters,
}

/// Set in the time when a hub was heard once it is known to have gone. No clock reaches it in 292,000 years.
const GONE: u64 = 1 << 63;

/// All hubs of the venue.
pub(super) struct Hubs {
    hubs: Vec<Hub>,
    sampler: Sampler,
    /// By zone: the hubs that see it.
    seers: Vec<Vec<u16>>,
}

/// A hub, for operators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HubState {
    /// The hub.
    pub hub: HubIx,
    /// Whether it was heard within the time that the pack allows.
    pub is_alive: bool,
    /// Milliseconds since it was last heard; `None`: never.
    pub heard_ms_ago: Option<u64>,
    /// The number that is expected next from it.
    pub next_sequence: u64,
    /// What came from it, and what became of that.
    pub counts: HubCounts,
}

impl Hubs {
    /// The hubs of a venue. A hub that names no zones sees all of its level.
    #[must_use]
    pub(super) fn new(venue: &Venue) -> Self {
        let mut seers = vec![Vec::new(); venue.zones.len()];
        for (hub_ix, hub) in (0_u16..).zip(&venue.hubs) {
            for (zone_ix, zone) in venue.zones.iter().enumerate() {
                let is_named = hub.zones.iter().any(|named| named.index() == zone_ix);
                if is_named || (hub.zones.is_empty() && hub.level == zone.level) {
                    seers[zone_ix].push(hub_ix);
                }
            }
        }
        let hub = || Hub {
            alive_us: AtomicU64::new(0),
            boot_epoch: AtomicU64::new(0),
            next_sequence: AtomicU64::new(0),
            counters: Counters::default(),
        };
        Self {
            sampler: Sampler::new(),
            hubs: venue.hubs.iter().map(|_| hub()).collect(),
            seers,
        }
    }

    /// A hub said something.
    pub(super) fn on_alive(&self, now: Timestamp, hub: HubIx) {
        if let Some(hub) = self.hubs.get(hub.index()) {
            hub.alive_us.store(now.as_micros().saturating_add(1), Ordering::Relaxed);
        }
    }

    /// A hub has gone, as itself or its broker says: it is dead at once, and until it is heard again.
    pub(super) fn on_gone(&self, hub: HubIx) {
        if let Some(hub) = self.hubs.get(hub.index())
            && !planted(Bug::GoneHubSees)
        {
            hub.alive_us.fetch_or(GONE, Ordering::Relaxed);
        }
    }

    /// A hub connected; what is taken from it goes on where it was, or from `oldest_sequence` of a new boot.
    #[must_use]
    pub(super) fn connect(&self, hub_ix: HubIx, boot_epoch: u64, oldest_sequence: u64) -> HubIntake {
        let next = self.hubs.get(hub_ix.index()).map_or(oldest_sequence, |hub| {
            let is_new_boot = hub.boot_epoch.swap(boot_epoch, Ordering::Relaxed) != boot_epoch;
            let next = if is_new_boot && !planted(Bug::BootEpochIgnored) {
                oldest_sequence
            } else {
                hub.next_sequence.load(Ordering::Relaxed)
            };
            hub.next_sequence.store(next, Ordering::Relaxed);
            next
        });
        HubIntake {
            hub: hub_ix,
            boot_epoch,
            is_numbered: true,
            window: Window::starting_at(next),
            resolved: Resolved::new(),
            allowance: Allowance::default(),
            tally: HubTally::default(),
        }
    }

    /// A hub whose sightings have no numbers of their own: they count in the order of their arrival. Leaves what is
    /// remembered of the hub's own numbers alone, so that a hub may come in by two ways at once.
    #[must_use]
    pub(super) fn by_arrival(hub_ix: HubIx) -> HubIntake {
        HubIntake {
            hub: hub_ix,
            boot_epoch: 0,
            is_numbered: false,
            window: Window::starting_at(0),
            resolved: Resolved::new(),
            allowance: Allowance::default(),
            tally: HubTally::default(),
        }
    }

    /// Remembers how far a hub was taken, and what became of that.
    pub(super) fn keep(&self, intake: &mut HubIntake) {
        let Some(hub) = self.hubs.get(intake.hub.index()) else {
            return;
        };
        hub.counters.add(&mut intake.tally);
        let is_present_boot = hub.boot_epoch.load(Ordering::Relaxed) == intake.boot_epoch;
        if intake.is_numbered && (is_present_boot || planted(Bug::FormerBootCounts)) {
            hub.next_sequence.fetch_max(intake.next_sequence(), Ordering::Relaxed);
        }
    }

    /// Time passes: the counters are sampled once in each second.
    pub(super) fn on_tick(&self, now: Timestamp) {
        self.sampler.sample(now, self.hubs.iter().map(|hub| &hub.counters));
    }

    /// Whether a hub may report a zone.
    pub(super) fn may_report(&self, zone: u16, hub: u16) -> bool {
        // In the hubs' order, since they were put in so.
        let seers = self.seers.get(usize::from(zone));
        seers.is_some_and(|seers| seers.binary_search(&hub).is_ok())
    }

    /// Calls `say` with every zone and whether a hub that sees it is alive.
    pub(super) fn for_each_zone(&self, now: Timestamp, dead_after_ms: u32, mut say: impl FnMut(u16, bool)) {
        for (zone_ix, seers) in (0_u16..).zip(&self.seers) {
            say(zone_ix, seers.iter().any(|hub| self.is_alive(now, dead_after_ms, *hub)));
        }
    }

    /// Every hub.
    pub(super) fn states(&self, now: Timestamp, dead_after_ms: u32) -> impl Iterator<Item = HubState> + '_ {
        (0_u16..).zip(&self.hubs).map(move |(hub_ix, hub)| {
            let heard_us = (hub.alive_us.load(Ordering::Relaxed) & !GONE).checked_sub(1);
            HubState {
                hub: HubIx(hub_ix),
                is_alive: self.is_alive(now, dead_after_ms, hub_ix),
                heard_ms_ago: heard_us.map(|heard_us| now.as_micros().saturating_sub(heard_us) / 1_000),
                next_sequence: hub.next_sequence.load(Ordering::Relaxed),
                counts: hub.counters.read(now, self.sampler.first_s()),
            }
        })
    }

    fn is_alive(&self, now: Timestamp, dead_after_ms: u32, hub_ix: u16) -> bool {
        let heard_us = self
            .hubs
            .get(usize::from(hub_ix))
            .map_or(0, |hub| hub.alive_us.load(Ordering::Relaxed));
        heard_us != 0
            && heard_us & GONE == 0
            && (now.as_micros().saturating_sub(heard_us - 1) <= u64::from(dead_after_ms) * 1_000
                || planted(Bug::DeadHubSees))
    }
}

/// What one hub session keeps between its batches.
#[derive(Debug)]
pub struct HubIntake {
    /// The hub.
    pub hub: HubIx,
    /// Its boot epoch.
    pub boot_epoch: u64,
    /// Whether the numbers are the hub's own, rather than those of arrival.
    is_numbered: bool,
    window: Window,
    resolved: Resolved,
    /// What is left of the hub's share of keys to try.
    pub(super) allowance: Allowance,
    tally: HubTally,
}

impl HubIntake {
    /// Everything before this number was taken.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.window.next
    }

    /// Counts a number as taken whose sighting made no sense, so that the hub does not send it again.
    pub fn skip(&mut self, sequence: u64) {
        if self.window.take(sequence) {
            self.tally.count(Taken::Bad);
        }
    }

    /// Counts what became of a sighting; it shows after [`super::Engine::on_hub_alive`].
    pub(super) fn count(&mut self, taken: Taken) {
        self.tally.count(taken);
    }

    /// Takes a number; false when it was taken before.
    pub(super) fn take(&mut self, sequence: u64) -> bool {
        self.window.take(sequence)
    }

    /// The handle that the session remembers for a tag, and whether the tag's name changes.
    pub(super) fn resolved(&self, step: u32, tag: &TagId) -> Option<(TagHandle, bool)> {
        self.resolved.find(step, tag)
    }

    /// Remembers the handle of a tag: for good, or to the end of a step when its name changes.
    pub(super) fn remember(&mut self, tag: TagId, handle: TagHandle, until: Option<u32>) {
        self.resolved.insert(tag, handle, until.unwrap_or(FOR_GOOD));
    }
}

/// Which of the latest numbers were taken.
#[derive(Debug)]
struct Window {
    next: u64,
    taken: [u64; WINDOW_WORDS],
}

impl Window {
    const fn starting_at(next: u64) -> Self {
        Self {
            next,
            taken: [u64::MAX; WINDOW_WORDS],
        }
    }

    /// The last number is never taken: there is none after it that would tell it from what comes next.
    fn take(&mut self, sequence: u64) -> bool {
        if sequence == u64::MAX {
            return false;
        }
        if sequence >= self.next {
            let skipped = sequence - self.next;
            if skipped >= WINDOW_LEN {
                self.taken = [0; WINDOW_WORDS];
            } else {
                for between in self.next..sequence {
                    self.set(between, false);
                }
            }
            self.set(sequence, true);
            self.next = sequence + 1;
            return true;
        }
        let window_len = WINDOW_LEN - u64::from(planted(Bug::SequenceWindowTooShort));
        let is_taken = self.is_taken(sequence) && !planted(Bug::RepeatCounted);
        if self.next - sequence > window_len || is_taken {
            return false;
        }
        self.set(sequence, true);
        true
    }

    fn is_taken(&self, sequence: u64) -> bool {
        self.taken
            .get(Self::word(sequence))
            .is_some_and(|word| word >> (sequence % 64) & 1 == 1)
    }

    fn set(&mut self, sequence: u64, is_taken: bool) {
        if let Some(word) = self.taken.get_mut(Self::word(sequence)) {
            let bit = 1 << (sequence % 64);
            *word = if is_taken { *word | bit } else { *word & !bit };
        }
    }

    const fn word(sequence: u64) -> usize {
        (sequence % WINDOW_LEN / 64) as usize
    }
}

/// The handles of the tags that a session has lately resolved, each in the one entry that its bytes point to.
#[derive(Debug)]
struct Resolved {
    entries: Box<[Option<Remembered>]>,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    tag: TagId,
    handle: TagHandle,
    /// The last step in which the handle is the tag's; [`FOR_GOOD`] for a tag whose name stays.
    until: u32,
}

/// The end of what has none.
const FOR_GOOD: u32 = u32::MAX;

impl Resolved {
    fn new() -> Self {
        Self {
            entries: vec![None; RESOLVED_LEN].into_boxed_slice(),
        }
    }

    fn find(&self, step: u32, tag: &TagId) -> Option<(TagHandle, bool)> {
        let known = self.entries.get(Self::entry(tag))?.as_ref()?;
        (known.tag == *tag && step <= known.until).then_some((known.handle, known.until != FOR_GOOD))
    }

    fn insert(&mut self, tag: TagId, handle: TagHandle, until: u32) {
        if let Some(entry) = self.entries.get_mut(Self::entry(&tag)) {
            *entry = Some(Remembered { tag, handle, until });
        }
    }

    fn entry(tag: &TagId) -> usize {
        // Fibonacci hashing over the last eight bytes, which differ between the tags of one maker.
        let tail = tag
            .as_bytes()
            .iter()
            .rev()
            .take(8)
            .fold(0_u64, |tail, byte| tail << 8 | u64::from(*byte));
        (tail.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 53) as usize % RESOLVED_LEN
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_order_each_number_is_taken_once(
            mut sequences in prop::collection::vec(100..900_u64, 1..400),
        ) {
            let mut window = Window::starting_at(100);
            let taken: Vec<u64> = sequences.iter().copied().filter(|sequence| window.take(*sequence)).collect();
            let mut unique = taken.clone();
            unique.sort_unstable();
            unique.dedup();
            prop_assert_eq!(unique.len(), taken.len(), "a number was taken twice");
            sequences.sort_unstable();
            sequences.dedup();
            prop_assert_eq!(unique, sequences, "a number within the window was refused");
        }
    }

    #[test]
    fn what_is_older_than_the_window_counts_as_taken() {
        let mut window = Window::starting_at(0);
        assert!(window.take(5_000));
        assert!(!window.take(5_000 - WINDOW_LEN));
        assert!(window.take(5_001 - WINDOW_LEN));
        assert!(!window.take(5_001 - WINDOW_LEN));
        assert!(window.take(u64::MAX - 1) && !window.take(u64::MAX - 1));
        assert!(!window.take(u64::MAX), "it could be taken again and again");
    }

    #[test]
    fn a_hub_that_has_gone_is_dead_until_it_is_heard_again() {
        let hubs = Hubs {
            hubs: vec![Hub {
                alive_us: AtomicU64::new(0),
                boot_epoch: AtomicU64::new(0),
                next_sequence: AtomicU64::new(0),
                counters: Counters::default(),
            }],
            sampler: Sampler::new(),
            seers: Vec::new(),
        };
        let state = |at_ms| hubs.states(Timestamp::from_millis(at_ms), 10_000).next().unwrap();
        hubs.on_alive(Timestamp::from_millis(100), HubIx(0));
        assert!(state(200).is_alive);
        hubs.on_gone(HubIx(0));
        assert!(!state(200).is_alive);
        assert_eq!(state(200).heard_ms_ago, Some(100), "when it was heard is still known");
        hubs.on_alive(Timestamp::from_millis(300), HubIx(0));
        assert!(state(400).is_alive);
    }

    #[test]
    fn a_hub_that_comes_in_by_two_ways_does_not_disturb_its_own_numbers() {
        let hubs = Hubs {
            hubs: vec![Hub {
                alive_us: AtomicU64::new(0),
                boot_epoch: AtomicU64::new(0),
                next_sequence: AtomicU64::new(0),
                counters: Counters::default(),
            }],
            sampler: Sampler::new(),
            seers: Vec::new(),
        };
        let mut numbered = hubs.connect(HubIx(0), 7, 0);
        assert!(numbered.take(0) && numbered.take(1));
        hubs.keep(&mut numbered);
        let mut arriving = Hubs::by_arrival(HubIx(0));
        for arrival in 0..50 {
            assert!(arriving.take(arrival));
            hubs.keep(&mut arriving);
        }
        assert_eq!(hubs.connect(HubIx(0), 7, 0).next_sequence(), 2);
    }

    #[test]
    fn a_connection_starts_with_everything_before_it_taken() {
        let mut window = Window::starting_at(50);
        assert!(!window.take(49));
        assert!(window.take(50));
    }
}
