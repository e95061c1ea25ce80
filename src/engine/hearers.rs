//! Which hubs heard a tag lately: who vouches for the zone it is in, and who says what cannot be.
//!
//! A hub is believed about its own zones only, and one hub that hears a tag loudly where several others know it is not
//! is a copied tag or a hub that lies. Both are told from the hubs that heard the tag in the two seconds before the
//! present step, so that nothing has to be known of a hub's past, and neither the order nor the repetition of a step's
//! sightings changes a verdict. Deliberately absent: guilt; who is odd too often is for operators to see.

use nextbest_venue::Hub;

use super::locate::Fix;

/// Hubs that are remembered of one tag: the latest, and of one step those that hear best.
const HEARERS_MAX: usize = 8;
/// For how many steps a hub counts as having heard a tag: two seconds.
const RECENT_STEPS: u32 = 8;
/// Louder than this, in dBm, a tag is within a few metres: at 30 m even a beacon of the highest class, -39 dBm at one
/// metre, is 30 dB weaker than at one metre in free space, and people and walls stand in between.
const LOUD_DBM: i8 = -69;
/// Farther than this from a hub, in metres, nobody is loud.
const FAR_M: f32 = 30.0;
/// So many other hubs near a tag are believed against one that is far from it.
const WITNESSES_MIN: usize = 2;

/// The hubs that heard one tag lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hearers {
    /// The step that is open.
    step: u32,
    /// Who hears it in the open step: nobody's witness before the step is over.
    open: [Heard; HEARERS_MAX],
    heard: [Heard; HEARERS_MAX],
}

/// Ordered as hubs are kept: the latest, then the loudest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Heard {
    /// The step after that of the last sighting; 0: never.
    until: u32,
    rssi_dbm: i8,
    hub: u16,
}

impl Hearers {
    /// A step begins: who heard the tag in the step before is a witness.
    pub(super) fn turn_to(&mut self, step: u32) {
        if step <= self.step {
            return;
        }
        self.step = step;
        for heard in std::mem::take(&mut self.open).iter().filter(|heard| heard.until > 0) {
            keep(&mut self.heard, *heard);
        }
    }

    /// A hub heard the tag in the open step.
    pub(super) fn note(&mut self, hub: u16, rssi_dbm: i8) {
        let until = self.step.saturating_add(1);
        keep(&mut self.open, Heard { until, rssi_dbm, hub });
    }

    /// The hubs that heard the tag in the two seconds up to a step that is over.
    pub(super) fn recent(&self, step: u32) -> impl Iterator<Item = u16> + '_ {
        let recent = move |heard: &&Heard| heard.until > 0 && heard.until.saturating_add(RECENT_STEPS) > step;
        self.heard.iter().filter(recent).map(|heard| heard.hub)
    }

    /// Whether a hub hears the tag so loudly, while several others hear it too far away for that, that one of them is
    /// not hearing this tag. The many are believed, until they no longer hear it.
    pub(super) fn contradict(&self, hubs: &[Hub], fix: &Fix, hub: u16, rssi_dbm: i8) -> bool {
        if rssi_dbm < LOUD_DBM {
            return false;
        }
        let away_m = |hub: u16| {
            let hub = hubs.get(usize::from(hub)).filter(|hub| hub.level.0 == fix.level)?;
            Some((hub.at.east_m - fix.east_m).hypot(hub.at.north_m - fix.north_m))
        };
        let may_be_off_m = 2.0 * fix.accuracy_m;
        if away_m(hub).is_none_or(|away_m| away_m < FAR_M + may_be_off_m) {
            return false;
        }
        let witnesses = self.recent(self.step).filter(|other| *other != hub);
        witnesses
            .filter(|other| away_m(*other).is_some_and(|away_m| away_m < FAR_M))
            .count()
            >= WITNESSES_MIN
    }
}

/// Keeps a hub, in its own place or in that of the least.
fn keep(kept: &mut [Heard; HEARERS_MAX], heard: Heard) {
    let own = kept.iter().position(|other| other.until > 0 && other.hub == heard.hub);
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
    use nextbest_venue::{LevelIx, Point};

    use super::*;

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
