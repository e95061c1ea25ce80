//! Hubs: which are alive, which zones they see, and what was taken from each.
//!
//! A hub numbers its sightings within a boot epoch. What was taken is remembered per hub across connections, so a
//! hub that sends again after a break changes nothing. How often the usual hub is contradicted tells a map that is wrong
//! from a hub that lies. Deliberately absent: what a session keeps (`intake`).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nextbest_venue::{HubIx, Venue};

use super::hub_counts::{Counters, HubCounts, Sampler, Taken};
use super::intake::HubIntake;
use super::suspicion::{HubOddities, Suspicion, WINDOW_S};
use crate::model::Timestamp;
use crate::planted::{Bug, planted};

/// The nearest hubs of its level that a hub's word is compared with.
const NEIGHBOURS_LEN_MAX: usize = 6;
/// Where more of a thousand sightings of the usual hub are contradicted, the map is wrong: tags are heard farther than it says.
const WRONG_MAP_PERMILLE: u64 = 5;
/// By so much louder than the map says tags may be from then on, in dB, after each window in which it was wrong.
const WRONG_MAP_STEP_DB: u32 = 6;
/// And at most, in dB.
const WRONG_MAP_DB_MAX: u32 = 36;
/// Hubs that tell how often the usual one is contradicted, at least.
const USUAL_OF_MIN: usize = 5;
/// Hubs that see a zone of which no more are asked.
const SEERS_LEN_MAX: usize = 64;

#[derive(Default)]
struct Hub {
    /// When it last said anything, plus one; 0: never.
    alive_us: AtomicU64,
    boot_epoch: AtomicU64,
    next_sequence: AtomicU64,
    counters: Counters,
    suspicion: Suspicion,
    neighbours: Vec<u16>,
}

/// Set in the time when a hub was heard once it is known to have gone. No clock reaches it in 292,000 years.
const GONE: u64 = 1 << 63;

/// All hubs of the venue.
#[derive(Default)]
pub(super) struct Hubs {
    hubs: Vec<Hub>,
    sampler: Sampler,
    /// By zone: the hubs that see it.
    seers: Vec<Vec<u16>>,
    /// Of a thousand sightings of the usual hub, how many were contradicted in the last window.
    usual_permille: AtomicU64,
    /// By how much louder than the map says tags may be, since it was wrong, in dB.
    wrong_map_db: AtomicU32,
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
    /// What is odd about it.
    pub oddities: HubOddities,
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
        let hub = |hub_ix| Hub {
            neighbours: neighbours(venue, hub_ix),
            ..Hub::default()
        };
        Self {
            hubs: (0..venue.hubs.len()).map(hub).collect(),
            seers,
            ..Self::default()
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
        HubIntake::numbered(hub_ix, boot_epoch, next)
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

    /// Time passes: the counters are sampled once in each second, and what is odd about each hub follows from them.
    pub(super) fn on_tick(&self, now: Timestamp) {
        if !self.sampler.sample(now, self.hubs.iter().map(|hub| &hub.counters)) {
            return;
        }
        if now.as_secs().is_multiple_of(WINDOW_S) {
            self.compare(now);
        }
        let usual_permille = self.usual_permille.load(Ordering::Relaxed);
        for hub in &self.hubs {
            let counts = hub.counters.read(now, self.sampler.first_s());
            hub.suspicion.on_second(now.as_secs(), &counts, usual_permille);
        }
    }

    /// A window ends: how often the usual hub was contradicted in it. One that lies makes no difference to the one in the
    /// middle; where that is contradicted often, hubs are elsewhere than the map says, or the air is unlike the map's.
    fn compare(&self, now: Timestamp) {
        // Counted by value, since a tick allocates nothing.
        let mut hubs_of = [0_usize; 1_001];
        for hub in &self.hubs {
            let counts = hub.counters.read(now, self.sampler.first_s());
            let permille = hub.suspicion.contradicted_permille(&counts);
            if let Some(hubs) = permille.and_then(|permille| hubs_of.get_mut(permille as usize)) {
                *hubs += 1;
            }
        }
        let told: usize = hubs_of.iter().sum();
        let mut below = told / 2;
        let is_usual = |hubs: &usize| {
            let is_reached = *hubs > below;
            below = below.saturating_sub(*hubs);
            is_reached
        };
        let usual = hubs_of.iter().position(is_usual).filter(|_| told >= USUAL_OF_MIN);
        let usual = usual.unwrap_or_default() as u64;
        self.usual_permille.store(usual, Ordering::Relaxed);
        if usual > WRONG_MAP_PERMILLE {
            let wrong_db = self.wrong_map_db() as u32 + WRONG_MAP_STEP_DB;
            self.wrong_map_db
                .store(wrong_db.min(WRONG_MAP_DB_MAX), Ordering::Relaxed);
        }
    }

    /// By how much louder than the map says tags may be, in dB, because the usual hub was contradicted too often.
    pub(super) fn wrong_map_db(&self) -> f32 {
        self.wrong_map_db.load(Ordering::Relaxed) as f32
    }

    /// Whether what a hub says counts.
    pub(super) fn is_believed(&self, hub: u16) -> bool {
        self.suspicion(hub).is_some_and(|hub| !hub.is_distrusted())
    }

    /// What is odd about a hub is noted here.
    pub(super) fn suspicion(&self, hub: u16) -> Option<&Suspicion> {
        self.hubs.get(usize::from(hub)).map(|hub| &hub.suspicion)
    }

    /// A hub alone would have put a tag into a zone that it may not report.
    pub(super) fn on_foreign_zone(&self, hub: u16, tag: u32) {
        if let Some(hub) = self.hubs.get(usize::from(hub)) {
            hub.counters.count(Taken::Foreign);
            hub.suspicion.on_foreign_zone(tag);
        }
    }

    /// The other hubs near a hub, and those that see a zone, each once, as far as they live and are believed.
    pub(super) fn others(
        &self,
        now: Timestamp,
        dead_after_ms: u32,
        hub: u16,
        zone: Option<u16>,
    ) -> impl Iterator<Item = u16> + '_ {
        let near = self.hubs.get(usize::from(hub)).map_or(&[][..], |hub| &hub.neighbours);
        let seers = zone.and_then(|zone| self.seers.get(usize::from(zone)));
        let seers = seers.into_iter().flatten().take(SEERS_LEN_MAX);
        let others = near
            .iter()
            .chain(seers.filter(move |seer| **seer != hub && !near.contains(seer)));
        let others = others.copied();
        others.filter(move |hub| self.is_alive(now, dead_after_ms, *hub) && self.is_believed(*hub))
    }

    /// Whether a hub has heard anything in the last seconds.
    pub(super) fn hears(&self, now: Timestamp, hub: u16) -> bool {
        let hub = self.hubs.get(usize::from(hub));
        hub.is_some_and(|hub| hub.counters.read(now, self.sampler.first_s()).per_s > 0.0)
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
                oddities: hub.suspicion.oddities(),
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

/// The nearest other hubs of a hub's level.
fn neighbours(venue: &Venue, hub_ix: usize) -> Vec<u16> {
    let Some(hub) = venue.hubs.get(hub_ix) else {
        return Vec::new();
    };
    let others = (0_u16..).zip(&venue.hubs);
    let others = others.filter(|(other_ix, other)| usize::from(*other_ix) != hub_ix && other.level == hub.level);
    let mut others: Vec<(f32, u16)> = others.map(|(ix, other)| (other.at.distance_m(hub.at), ix)).collect();
    others.sort_by(|one, other| one.0.total_cmp(&other.0));
    others.truncate(NEIGHBOURS_LEN_MAX);
    others.into_iter().map(|(_, ix)| ix).collect()
}

#[cfg(test)]
mod tests {
    use super::super::hub_counts::HubTally;
    use super::*;

    #[test]
    fn a_hub_that_has_gone_is_dead_until_it_is_heard_again() {
        let hubs = Hubs {
            hubs: vec![Hub::default()],
            ..Hubs::default()
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
            hubs: vec![Hub::default()],
            ..Hubs::default()
        };
        let mut numbered = hubs.connect(HubIx(0), 7, 0);
        assert!(numbered.take(0) && numbered.take(1));
        hubs.keep(&mut numbered);
        let mut arriving = HubIntake::by_arrival(HubIx(0));
        for arrival in 0..50 {
            assert!(arriving.take(arrival));
            hubs.keep(&mut arriving);
        }
        assert_eq!(hubs.connect(HubIx(0), 7, 0).next_sequence(), 2);
    }

    /// Twenty hubs of which some are contradicted in one of five sightings, over a window.
    fn contradicted(lying: usize) -> Hubs {
        let hubs = Hubs {
            hubs: (0..20).map(|_| Hub::default()).collect(),
            ..Hubs::default()
        };
        hubs.on_tick(Timestamp::from_millis(1_000));
        for (number, hub) in hubs.hubs.iter().enumerate() {
            let mut tally = HubTally::default();
            (0..80).for_each(|_| tally.count(Taken::Used));
            hub.counters.add(&mut tally);
            if number < lying {
                (0..20).for_each(|tag| hub.suspicion.on_contradicted(tag));
            }
        }
        hubs.on_tick(Timestamp::from_millis(u64::from(WINDOW_S) * 1_000));
        hubs
    }

    #[test]
    fn where_most_hubs_are_contradicted_tags_are_heard_farther_than_the_map_says() {
        assert_eq!(contradicted(9).wrong_map_db(), 0.0, "fewer than half may lie");
        let hubs = contradicted(15);
        assert!((0..20).all(|hub| hubs.is_believed(hub)));
        assert_eq!(hubs.wrong_map_db(), WRONG_MAP_STEP_DB as f32);
        (0..20).for_each(|_| hubs.compare(Timestamp::from_millis(u64::from(WINDOW_S) * 1_000)));
        assert_eq!(hubs.wrong_map_db(), WRONG_MAP_STEP_DB as f32, "nothing was heard since");
    }
}
