//! Which hubs are odd, by what others hear and by what no radio does.
//!
//! A hub that lies about many people is contradicted over many tags, by far more of what it says than a wrong reading in a
//! crowd explains; an honest one is contradicted now and then. What is odd is counted over a window, so that a hub's good
//! past hides nothing, and tags by one bit each of a 64-bit hash, so that nothing here can grow and nothing names a tag.
//! Deliberately absent: any effect. The engine asks [`Suspicion::is_distrusted`] and leaves such a hub's words out.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::hub_counts::HubCounts;

/// Tags over which a hub must be odd: one copied tag makes no liar of the hubs that hear the copy.
const TAGS_MIN: u32 = 3;
/// Fewest contradicted sightings in a window, or steps in which it alone tells of tags that others should hear or puts them
/// where it may not: a wrong reading is no lie.
const ODD_MIN: u64 = 20;
/// Fewest readings in a window that no radio gives, or that make no sense.
const NO_RADIO_MIN: u64 = 10;
/// One part in so many of what a hub says must be odd.
const ODD_SHARE: u64 = 10;
/// Sightings in a second: a radio on three advertising channels that hears packets of 0.4 ms one after the other gets
/// no more than this.
const SIGHTINGS_PER_S_MAX: f32 = 2_500.0;
/// A hub is contradicted this many times as often as the usual one before it is flagged: where all are, the map is wrong.
const USUAL_FACTOR: u64 = 4;
/// Fewest sightings in a window that tell how often a hub is contradicted.
const TOLD_MIN: u64 = 50;
/// Seconds of a window. Two of them pass within the minute in which a hub that lies is to be found.
pub(super) const WINDOW_S: u32 = 20;
/// Seconds for which a flag stays after its cause was last seen.
const FLAG_S: u32 = 60;

/// What is odd about a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HubOddity {
    /// What other hubs hear contradicts much of what it says, about several tags. What it says is left out.
    Contradicted,
    /// It sends strengths that no radio gives, or records that make no sense.
    NoRadioValues,
    /// It alone would put several tags into zones that it may not report.
    ForeignZones,
    /// It sends more than a radio can hear.
    Flooding,
    /// It alone tells of several tags that hubs near it should hear as well: they are made up, or walls stand between that
    /// the radio map does not know.
    Alone,
}

/// Every oddity, in the order of the flags.
const ALL: [HubOddity; 5] = [
    HubOddity::Contradicted,
    HubOddity::NoRadioValues,
    HubOddity::ForeignZones,
    HubOddity::Flooding,
    HubOddity::Alone,
];

/// Which oddities a hub has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubOddities(u8);

impl HubOddities {
    /// Whether it has this one.
    #[must_use]
    pub const fn has(self, oddity: HubOddity) -> bool {
        self.0 >> (oddity as u8) & 1 == 1
    }

    /// Each that it has.
    pub fn iter(self) -> impl Iterator<Item = HubOddity> {
        ALL.into_iter().filter(move |oddity| self.has(*oddity))
    }
}

/// What is noted of one hub.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    contradicted: Over,
    foreign: Over,
    unheard_of: Over,
    /// What had become of its sightings up to the beginning of the window.
    used_before: AtomicU64,
    no_radio_before: AtomicU64,
    flags: AtomicU32,
    /// The second up to which each flag stays.
    until_s: [AtomicU32; ALL.len()],
}

/// How often something odd was seen in a window, and over which tags, a bit each.
#[derive(Debug, Default)]
struct Over {
    times: AtomicU64,
    tags: AtomicU64,
}

impl Over {
    fn note(&self, tag: u32) {
        self.times.fetch_add(1, Ordering::Relaxed);
        self.tags.fetch_or(bit(tag), Ordering::Relaxed);
    }

    fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    fn is_of_several(&self) -> bool {
        self.tags.load(Ordering::Relaxed).count_ones() >= TAGS_MIN
    }

    fn clear(&self) {
        self.times.store(0, Ordering::Relaxed);
        self.tags.store(0, Ordering::Relaxed);
    }
}

impl Suspicion {
    /// Other hubs contradict it over a tag.
    pub(super) fn on_contradicted(&self, tag: u32) {
        self.contradicted.note(tag);
    }

    /// In a step it alone would put a tag into a zone that is not its own.
    pub(super) fn on_foreign_zone(&self, tag: u32) {
        self.foreign.note(tag);
    }

    /// In a step it alone tells of a tag that hubs near it should hear.
    pub(super) fn on_unheard_of(&self, tag: u32) {
        self.unheard_of.note(tag);
    }

    /// Of a thousand sightings in this window, how many others contradict; `None`: too few to tell.
    pub(super) fn contradicted_permille(&self, counts: &HubCounts) -> Option<u64> {
        let times = self.contradicted.times();
        let told = since(counts.used, &self.used_before).saturating_add(times);
        (told >= TOLD_MIN).then(|| times.saturating_mul(1_000) / told)
    }

    /// A second has passed: flags come and go by what has become of the hub's sightings, and by how many of a thousand
    /// others contradict of a usual hub.
    pub(super) fn on_second(&self, second: u32, counts: &HubCounts, usual_permille: u64) {
        let no_radio_total = counts.bad.saturating_add(counts.unmeasured);
        let used = since(counts.used, &self.used_before);
        let no_radio = since(no_radio_total, &self.no_radio_before);
        let is_much = |odd: u64, least: u64| odd >= least && odd.saturating_mul(ODD_SHARE) >= used.saturating_add(odd);
        let is_often = |odd: &Over| is_much(odd.times(), ODD_MIN) && odd.is_of_several();
        let is_unusual = self
            .contradicted_permille(counts)
            .is_none_or(|permille| permille >= usual_permille.saturating_mul(USUAL_FACTOR));
        self.flag(
            second,
            [
                is_often(&self.contradicted) && is_unusual,
                is_much(no_radio, NO_RADIO_MIN),
                is_often(&self.foreign),
                counts.per_s > SIGHTINGS_PER_S_MAX,
                is_often(&self.unheard_of),
            ],
        );
        if second.is_multiple_of(WINDOW_S) {
            let windows = [&self.contradicted, &self.foreign, &self.unheard_of];
            windows.into_iter().for_each(Over::clear);
            self.used_before.store(counts.used, Ordering::Relaxed);
            self.no_radio_before.store(no_radio_total, Ordering::Relaxed);
        }
    }

    /// What is odd about it.
    pub(super) fn oddities(&self) -> HubOddities {
        HubOddities(self.flags.load(Ordering::Relaxed) as u8)
    }

    /// Whether what it says is to be left out.
    pub(super) fn is_distrusted(&self) -> bool {
        self.oddities().has(HubOddity::Contradicted)
    }

    /// Sets the flags whose causes are there, and lets go of those whose causes are long gone.
    fn flag(&self, second: u32, causes: [bool; ALL.len()]) {
        let mut flags = 0;
        for (place, (cause, until_s)) in causes.into_iter().zip(&self.until_s).enumerate() {
            if cause {
                until_s.store(second.saturating_add(FLAG_S), Ordering::Relaxed);
            }
            flags |= u32::from(second < until_s.load(Ordering::Relaxed)) << place;
        }
        self.flags.store(flags, Ordering::Relaxed);
    }
}

fn since(count: u64, before: &AtomicU64) -> u64 {
    count.saturating_sub(before.load(Ordering::Relaxed))
}

/// One of 64 bits, by Fibonacci hashing.
const fn bit(number: u32) -> u64 {
    1 << ((number as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(used: u64, unmeasured: u64) -> HubCounts {
        HubCounts {
            used,
            unmeasured,
            ..HubCounts::default()
        }
    }

    #[test]
    fn who_is_contradicted_over_many_tags_is_flagged_for_a_while() {
        let hub = Suspicion::default();
        (0..10).for_each(|tag| hub.on_contradicted(tag));
        hub.on_second(5, &counts(100, 0), 0);
        assert!(!hub.is_distrusted(), "ten wrong readings are no lie");
        (0..10).for_each(|tag| hub.on_contradicted(tag));
        hub.on_second(6, &counts(300, 0), 0);
        assert!(!hub.is_distrusted(), "one in sixteen is no lie");
        hub.on_second(7, &counts(100, 0), 0);
        assert!(hub.is_distrusted());
        assert_eq!(hub.oddities().iter().collect::<Vec<_>>(), [HubOddity::Contradicted]);
        (8..7 + FLAG_S).for_each(|second| hub.on_second(second, &counts(100, 0), 0));
        assert!(hub.is_distrusted(), "the flag stays for a while");
        hub.on_second(20 + FLAG_S, &counts(100, 0), 0);
        assert!(!hub.is_distrusted());
    }

    #[test]
    fn a_copied_tag_makes_no_liar_of_the_hub_that_hears_the_copy() {
        let hub = Suspicion::default();
        (0..100).for_each(|_| hub.on_contradicted(7));
        hub.on_second(5, &counts(100, 0), 0);
        assert_eq!(hub.oddities(), HubOddities::default());
    }

    #[test]
    fn where_all_hubs_are_contradicted_the_map_is_wrong_and_nobody_lies() {
        let hub = Suspicion::default();
        (0..30).for_each(|tag| hub.on_contradicted(tag));
        let counts = counts(70, 0);
        assert_eq!(hub.contradicted_permille(&counts), Some(300));
        hub.on_second(5, &counts, 100);
        assert_eq!(hub.oddities(), HubOddities::default());
        hub.on_second(6, &counts, 50);
        assert!(hub.is_distrusted(), "six times as often as the usual hub");
        assert_eq!(Suspicion::default().contradicted_permille(&counts), Some(0));
        assert_eq!(Suspicion::default().contradicted_permille(&HubCounts::default()), None);
    }

    #[test]
    fn a_good_past_hides_nothing() {
        let hub = Suspicion::default();
        hub.on_second(WINDOW_S, &counts(1_000_000, 0), 0);
        (0..20).for_each(|tag| hub.on_contradicted(tag));
        hub.on_second(WINDOW_S + 5, &counts(1_000_050, 0), 0);
        assert!(hub.is_distrusted());
    }

    #[test]
    fn a_flood_and_readings_of_no_radio_are_flagged() {
        let hub = Suspicion::default();
        hub.on_second(
            1,
            &HubCounts {
                per_s: 2_400.0,
                ..counts(100, 9)
            },
            0,
        );
        assert_eq!(hub.oddities(), HubOddities::default());
        hub.on_second(
            2,
            &HubCounts {
                per_s: 2_600.0,
                ..counts(100, 20)
            },
            0,
        );
        assert!(hub.oddities().has(HubOddity::NoRadioValues) && hub.oddities().has(HubOddity::Flooding));
    }
}
