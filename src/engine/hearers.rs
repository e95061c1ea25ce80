//! Which hubs heard a tag lately: who vouches for the zone it is in, and who says what cannot be.
//!
//! A hub is believed about its own zones only, and one hub that hears a tag loudly where several others know it is not
//! is a copied tag or a hub that lies. Both are told from the hubs that heard the tag in the two seconds before the
//! present step, so that nothing has to be known of a hub's past, and neither the order nor the repetition of a step's
//! sightings changes a verdict. How long one hub has been alone with a tag is kept beside, since a tag that only one
//! ever hears may be made up. Deliberately absent: guilt, which is of many tags (`suspicion`).

use nextbest_venue::{Hub, Point};

use super::locate::Fix;
use super::reach::Reach;

/// Hubs that are remembered of one tag: the latest, and of one step those that hear best.
const HEARERS_MAX: usize = 8;
/// For how many steps a hub counts as having heard a tag: two seconds.
const RECENT_STEPS: u32 = 8;
/// Louder than this, in dBm, a tag is within a few metres: at 30 m even a beacon of the highest class, -39 dBm at one
/// metre, is 30 dB weaker than at one metre in free space, and people and walls stand in between.
const LOUD_DBM: i8 = -69;
/// A reading below this, in dBm, draws nobody near to its hub, true or not: nothing is asked about it.
const FAINT_DBM: i8 = -80;
/// Farther than this from a hub, in metres, nobody is loud.
const FAR_M: f32 = 30.0;
/// So many other hubs near a tag are believed against one that is far from it.
const WITNESSES_MIN: usize = 2;
/// So many others must tell of a tag before one is too loud for what they hear: two may both be of a moment ago.
const LISTENERS_MIN: usize = 3;
/// A reading that lies so far above what the map expects, and above what the others hear more than it expects, is no
/// radio's: bodies and walls weaken a signal by as much, and nothing strengthens it. In dB.
const TOO_LOUD_DB: f32 = 20.0;
/// By so much more than a tag beside the one hub would give, in dB, another hub hears one that is elsewhere.
const ELSEWHERE_DB: f32 = 3.0;
/// Below this nobody asks the others, in dB: they differ among each other by no more than the rest of it.
const LOUD_DB: f32 = 8.0;
/// What a map expects below this, in dBm, it does not know: path loss over that distance is of another hall, and readings so
/// faint are of the luckiest packets.
const UNKNOWN_DBM: f32 = -95.0;
/// Who is not known to be within so many metres may be anywhere, and proves nothing.
const ACCURATE_M: f32 = 5.0;
/// A person walks no faster than this towards a hub while nobody looks, in metres per step.
const WALK_M_PER_STEP: f32 = 0.5;
/// Steps of silence after which a tag is found anew: fifteen seconds.
const LOST_STEPS: u32 = 60;
/// For so many steps the crowd counts a tag that a second hub or a till told of: a minute, in which a hub that can hear a
/// tag at all hears it.
const COUNTED_STEPS: u32 = 240;

/// The hubs that heard one tag lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hearers {
    /// The step that is open.
    step: u32,
    /// The step in which it was found.
    found: u32,
    /// The step after the last in which two hubs heard it, or a till told of it; 0: never.
    shared: u32,
    /// Who hears it in the open step: nobody's witness before the step is over.
    open: [Heard; HEARERS_MAX],
    heard: [Heard; HEARERS_MAX],
}

/// One hub alone hears a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alone {
    pub(super) hub: u16,
    /// How loud, at last.
    pub(super) rssi_dbm: i8,
    /// For so many steps, and nobody else since the tag was found; 0: somebody else did.
    pub(super) steps: u32,
}

/// Ordered as hubs are kept: the latest, then the loudest. Four bytes, since each tag has sixteen of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Heard {
    /// How far in the past it was: [`NOW`] in the open step, one less with each step after; 0: never, or as good as that.
    fresh: u8,
    rssi_dbm: i8,
    hub: u16,
}

/// Of what is heard in the open step.
const NOW: u8 = u8::MAX;

impl Heard {
    /// The same, so many steps later.
    fn after(self, steps: u32) -> Self {
        let steps = u8::try_from(steps).unwrap_or(u8::MAX);
        Self {
            fresh: self.fresh.saturating_sub(steps),
            ..self
        }
    }

    /// The step after it, when `open` is the open step.
    const fn until(self, open: u32) -> u32 {
        open.saturating_sub((NOW - self.fresh) as u32).saturating_add(1)
    }
}

impl Hearers {
    /// A step begins: who heard the tag in the step before is a witness.
    pub(super) fn turn_to(&mut self, step: u32) {
        if step <= self.step {
            return;
        }
        let ended = std::mem::replace(&mut self.step, step);
        let steps = step.saturating_sub(ended);
        let is_lost = |heard: &Heard| heard.fresh == 0 || heard.until(ended).saturating_add(LOST_STEPS) <= ended;
        let are_lost = self.heard.iter().all(is_lost);
        self.heard = self.heard.map(|heard| heard.after(steps));
        let open = std::mem::take(&mut self.open);
        if open.iter().all(|heard| heard.fresh == 0) {
            return;
        }
        if are_lost {
            self.found = ended;
        }
        for heard in open.iter().filter(|heard| heard.fresh > 0) {
            keep(&mut self.heard, heard.after(steps));
        }
        if self.recent(ended).nth(1).is_some() {
            self.shared = ended.saturating_add(1);
        }
    }

    /// A hub heard the tag in the open step.
    pub(super) fn note(&mut self, hub: u16, rssi_dbm: i8) {
        keep(
            &mut self.open,
            Heard {
                fresh: NOW,
                rssi_dbm,
                hub,
            },
        );
    }

    /// A till told of the person who carries the tag.
    pub(super) fn vouch(&mut self, step: u32) {
        self.shared = self.shared.max(step.saturating_add(1));
    }

    /// Whether a strength is worth asking the others about.
    pub(super) const fn is_worth_asking(rssi_dbm: i8) -> bool {
        rssi_dbm >= FAINT_DBM
    }

    /// The hubs that heard the tag in the two seconds up to a step that is over.
    pub(super) fn recent(&self, step: u32) -> impl Iterator<Item = u16> + '_ {
        self.recent_heard(step).map(|heard| heard.hub)
    }

    /// Whether two hubs, or a till, told of the tag in the minute up to a step that is over.
    pub(super) fn are_several(&self, step: u32) -> bool {
        self.shared > 0 && self.shared.saturating_add(COUNTED_STEPS) > step
    }

    /// The hub that alone heard the tag in the two seconds up to a step that is over, if one did.
    pub(super) fn alone(&self, step: u32) -> Option<Alone> {
        let mut recent = self.recent_heard(step);
        let heard = recent.next().filter(|_| recent.next().is_none())?;
        let is_since_found = self.shared <= self.found;
        Some(Alone {
            hub: heard.hub,
            rssi_dbm: heard.rssi_dbm,
            steps: if is_since_found {
                step.saturating_sub(self.found)
            } else {
                0
            },
        })
    }

    /// Whether a hub hears the tag so loudly, while several others hear it too far away for that, that one of them is
    /// not hearing this tag. The many are believed, until they no longer hear it.
    pub(super) fn contradict(&self, hubs: &[Hub], fix: &Fix, hub: u16, rssi_dbm: i8) -> bool {
        if rssi_dbm < LOUD_DBM {
            return false;
        }
        let may_be_off_m = 2.0 * fix.accuracy_m;
        if away_m(hubs, fix, hub).is_none_or(|away_m| away_m < FAR_M + may_be_off_m) {
            return false;
        }
        let witnesses = self.recent(self.step).filter(|other| *other != hub);
        witnesses
            .filter(|other| away_m(hubs, fix, *other).is_some_and(|away_m| away_m < FAR_M))
            .count()
            >= WITNESSES_MIN
    }

    /// Whether a hub hears the tag louder than any radio could, by what the others hear of it, and the tag is not where the
    /// hub is: one of the others hears it louder than it would there. `expected_dbm` says what a hub is expected to hear of
    /// a tag at a point of the fix's level.
    pub(super) fn is_too_loud(
        &self,
        hubs: &[Hub],
        expected_dbm: impl Fn(u16, Point) -> Option<f32>,
        fix: &Fix,
        (hub, rssi_dbm): (u16, i8),
    ) -> bool {
        let over_db =
            |hub: u16, rssi_dbm: i8, at: Point| Some(f32::from(rssi_dbm) - expected_dbm(hub, at)?.max(UNKNOWN_DBM));
        let at = Point::new(fix.east_m, fix.north_m);
        let own_db = over_db(hub, rssi_dbm, at).filter(|own_db| *own_db > LOUD_DB && fix.accuracy_m <= ACCURATE_M);
        let Some(own_db) = own_db else {
            return false;
        };
        let others = || self.recent_heard(self.step).filter(|heard| heard.hub != hub);
        let mut others_db = [0.0; HEARERS_MAX];
        let known = others().filter_map(|heard| over_db(heard.hub, heard.rssi_dbm, at));
        let len = known.zip(&mut others_db).map(|(db, other)| *other = db).count();
        let Some(others_db) = others_db.get_mut(..len).filter(|_| len >= LISTENERS_MIN) else {
            return false;
        };
        others_db.sort_unstable_by(f32::total_cmp);
        // The upper one of two in the middle: in doubt for the hub.
        let usual_db = others_db.get(len / 2).copied().unwrap_or(own_db);
        let steps = self.step.saturating_sub(fix.step) as f32;
        let nearer_db = away_m(hubs, fix, hub).map_or(0.0, |away_m| {
            let nearest_m = (away_m - 2.0 * fix.accuracy_m - WALK_M_PER_STEP * steps).max(1.0);
            20.0 * (away_m.max(1.0) / nearest_m).log10()
        });
        own_db - usual_db > TOO_LOUD_DB + nearer_db
            && hubs.get(usize::from(hub)).is_some_and(|own| {
                let over_db = |heard: &Heard| over_db(heard.hub, heard.rssi_dbm, own.at);
                let elsewhere_db = usual_db.max(0.0) + ELSEWHERE_DB;
                others().filter_map(over_db).any(|other_db| other_db > elsewhere_db)
            })
    }

    /// Whether a hub hears the tag so loudly, and several others too, that it cannot be within the reach of both the hub and
    /// any of them, wherever it is believed to be. `stronger_db` is by how much the tag is stronger than ordinary ones.
    pub(super) fn are_apart(&self, reach: &Reach, stronger_db: f32, (hub, rssi_dbm): (u16, i8)) -> bool {
        let own_m = reach.of(hub, rssi_dbm, stronger_db);
        let is_apart = |heard: &&Heard| {
            let other_m = reach.of(heard.hub, heard.rssi_dbm, stronger_db);
            reach.are_farther_apart(hub, heard.hub, own_m + other_m)
        };
        self.recent_heard(self.step).filter(is_apart).count() >= WITNESSES_MIN
    }

    fn recent_heard(&self, step: u32) -> impl Iterator<Item = &Heard> {
        let open = self.step;
        let recent = move |heard: &&Heard| heard.fresh > 0 && heard.until(open).saturating_add(RECENT_STEPS) > step;
        self.heard.iter().filter(recent)
    }
}

/// How far from a hub of its level a fix is, in metres.
fn away_m(hubs: &[Hub], fix: &Fix, hub: u16) -> Option<f32> {
    let hub = hubs.get(usize::from(hub)).filter(|hub| hub.level.0 == fix.level)?;
    Some((hub.at.east_m - fix.east_m).hypot(hub.at.north_m - fix.north_m))
}

/// Keeps a hub, in its own place or in that of the least.
fn keep(kept: &mut [Heard; HEARERS_MAX], heard: Heard) {
    let own = kept.iter().position(|other| other.fresh > 0 && other.hub == heard.hub);
    let least = || {
        let places = kept.iter().enumerate();
        places.min_by_key(|(_, other)| **other).map(|(place, _)| place)
    };
    if let Some(other) = own.or_else(least).and_then(|place| kept.get_mut(place)) {
        *other = heard.max(*other);
    }
}

#[cfg(test)]
mod tests {
    use nextbest_venue::LevelIx;

    use super::*;
    use crate::engine::locate::LocatorSettings;

    /// Hubs every 20 m along a corridor.
    fn hubs() -> Vec<Hub> {
        let hub = |number: u16| Hub {
            id: format!("hub-{number}"),
            aliases: Vec::new(),
            level: LevelIx(0),
            at: Point::new(f32::from(number) * 20.0, 0.0),
            height_m: 2.5,
            zones: Vec::new(),
        };
        (0..6).map(hub).collect()
    }

    fn fix(east_m: f32) -> Fix {
        Fix {
            east_m,
            accuracy_m: 2.0,
            ..Fix::default()
        }
    }

    #[test]
    fn a_loud_hub_far_away_is_contradicted_by_two_near_ones() {
        let (hubs, mut hearers) = (hubs(), Hearers::default());
        hearers.turn_to(100);
        hearers.note(0, -50);
        hearers.turn_to(101);
        assert!(!hearers.contradict(&hubs, &fix(5.0), 5, -40), "one against one");
        hearers.note(1, -50);
        assert!(
            !hearers.contradict(&hubs, &fix(5.0), 5, -40),
            "a step that is not over says nothing, whatever the order"
        );
        hearers.turn_to(102);
        assert!(hearers.contradict(&hubs, &fix(5.0), 5, -40));
        assert!(!hearers.contradict(&hubs, &fix(5.0), 5, -80), "a weak one may be true");
        assert!(!hearers.contradict(&hubs, &fix(5.0), 1, -40), "a near one may be true");
        hearers.turn_to(102 + RECENT_STEPS);
        assert!(
            !hearers.contradict(&hubs, &fix(5.0), 5, -40),
            "nobody else hears it any more: it was carried away"
        );
    }

    #[test]
    fn what_is_louder_than_all_others_allow_is_no_radios() {
        let (hubs, mut hearers) = (hubs(), Hearers::default());
        hearers.turn_to(100);
        (1..4).for_each(|hub| hearers.note(hub, -80));
        hearers.turn_to(101);
        // Beside hub 0 a tag is heard by the others at `beside_dbm`.
        let is_too_loud_at = |accuracy_m, beside_dbm: f32, expected_dbm: f32, rssi_dbm| {
            let fix = Fix {
                step: 100,
                accuracy_m,
                ..fix(25.0)
            };
            let expected_dbm = |_, at: Point| Some(if at.east_m == 0.0 { beside_dbm } else { expected_dbm });
            hearers.is_too_loud(&hubs, expected_dbm, &fix, (0, rssi_dbm))
        };
        let is_too_loud = |expected_dbm, rssi_dbm| is_too_loud_at(1.0, -95.0, expected_dbm, rssi_dbm);
        assert!(is_too_loud(-80.0, -55), "25 dB above what it should be");
        assert!(!is_too_loud(-80.0, -65), "people and antennas differ by as much");
        assert!(!is_too_loud(-80.0, -95), "a body weakens");
        assert!(!is_too_loud(-100.0, -65), "a tag that is stronger is so for all");
        assert!(!is_too_loud(-115.0, -68), "nobody knows what is heard from so far away");
        assert!(
            !is_too_loud_at(9.0, -95.0, -80.0, -50),
            "who may be anywhere may be near"
        );
        assert!(
            !is_too_loud_at(1.0, -82.0, -80.0, -50),
            "the others hear what they would if it is there"
        );
    }

    #[test]
    fn nobody_is_loud_at_both_ends_of_a_corridor() {
        let (hubs, mut hearers) = (hubs(), Hearers::default());
        let reach = Reach::of_path_loss(&LocatorSettings::default(), &hubs);
        hearers.turn_to(100);
        (0..2).for_each(|hub| hearers.note(hub, -70));
        hearers.turn_to(101);
        let are_apart = |stronger_db, heard| hearers.are_apart(&reach, stronger_db, heard);
        assert!(are_apart(0.0, (5, -70)), "80 and 100 m from those that hear it");
        assert!(!are_apart(30.0, (5, -70)), "a tag that is so strong is heard that far");
        assert!(!are_apart(0.0, (2, -70)), "20 and 40 m");
        assert!(!are_apart(0.0, (1, -40)), "one that is apart from none");
        hearers.turn_to(101 + RECENT_STEPS);
        assert!(
            !hearers.are_apart(&reach, 0.0, (5, -70)),
            "nobody else hears it any more"
        );
    }

    #[test]
    fn a_hub_is_alone_until_another_hears_the_tag_or_it_is_found_anew() {
        let mut hearers = Hearers::default();
        let mut hear = |steps: std::ops::Range<u32>, hubs: &[u16]| {
            for step in steps {
                hearers.turn_to(step);
                hubs.iter().for_each(|hub| hearers.note(*hub, -60));
            }
            let step = hearers.step;
            hearers.turn_to(step + 1);
            (
                hearers.alone(step).map(|alone| (alone.hub, alone.steps)),
                hearers.are_several(step),
            )
        };
        assert_eq!(hear(100..120, &[3]), (Some((3, 19)), false));
        assert_eq!(hear(121..124, &[3, 4]), (None, true));
        assert_eq!(
            hear(125..140, &[3]),
            (Some((3, 0)), true),
            "it was not alone with it all the time"
        );
        let (_, are_several) = hear(141..124 + RECENT_STEPS + COUNTED_STEPS + 2, &[3]);
        assert!(!are_several, "a second hub has not told of it for a minute");
        let again = 1_000 + LOST_STEPS;
        assert_eq!(hear(again..again + 10, &[3]), (Some((3, 9)), false), "found anew");
        hearers.vouch(again + 10);
        assert!(hearers.are_several(again + 10), "a till is a witness");
    }

    #[test]
    fn the_latest_hubs_are_remembered() {
        let mut hearers = Hearers::default();
        for hub in 0..20 {
            hearers.turn_to(100 + u32::from(hub));
            hearers.note(hub, -60);
        }
        hearers.turn_to(120);
        let mut recent: Vec<u16> = hearers.recent(119).collect();
        recent.sort_unstable();
        assert_eq!(recent, (12..20).collect::<Vec<_>>());
        assert_eq!(hearers.recent(200).count(), 0);
    }

    #[test]
    fn of_one_step_those_that_hear_best_are_kept_whatever_the_order() {
        let heard: Vec<(u16, i8)> = (0..20).map(|hub| (hub, -90 + (hub * 7 % 20) as i8)).collect();
        let kept = |heard: &mut dyn Iterator<Item = &(u16, i8)>| {
            let mut hearers = Hearers::default();
            hearers.turn_to(1);
            heard.for_each(|(hub, rssi_dbm)| hearers.note(*hub, *rssi_dbm));
            hearers.turn_to(2);
            let mut kept: Vec<u16> = hearers.recent(1).collect();
            kept.sort_unstable();
            kept
        };
        let forth = kept(&mut heard.iter());
        assert_eq!(forth, kept(&mut heard.iter().rev().chain(&heard)));
        assert_eq!(forth.len(), HEARERS_MAX);
        assert!(forth.iter().all(|hub| hub * 7 % 20 >= 12), "{forth:?}");
    }
}
