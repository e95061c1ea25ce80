//! What is kept of one registered tag in the venue: where the locator sees it, which hubs heard it lately, and what it
//! teaches or is surveyed with.
//!
//! A sighting of a later step first closes the open one and then is judged by it, so that every sighting of a step meets
//! the same verdict, whatever their order. Each fix comes out once.

use nextbest_venue::{Hub, Point};

use super::hearers::Hearers;
use super::hubs::Hubs;
use super::locate::{Fix, Locator, Observed, RSSI_DBM, Track};
use super::passages::Passage;
use super::reach::Reach;
use super::watched::Readings;
use crate::model::{Sighting, Timestamp};
use crate::planted::{Bug, planted};

/// The state of one tag. [`Tracked::default`] is a tag nobody heard.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    track: Track,
    hearers: Hearers,
    /// The step after that of the last fix that came out.
    told_to: u32,
    /// Set while a till or a gate has just said where the person is.
    pub(super) passage: Option<Box<Passage>>,
    /// Set while somebody surveys with the tag.
    pub(super) readings: Option<Box<Readings>>,
}

/// What sightings are judged by.
pub(super) struct Senses<'a> {
    pub(super) locator: &'a Locator,
    /// Those of the map.
    pub(super) map: &'a [Hub],
    pub(super) reach: &'a Reach,
    /// Whose words count.
    pub(super) hubs: &'a Hubs,
}

/// What became of a sighting of a tag.
pub(super) enum Took {
    /// It was folded in; the steps before may have come to a fix.
    Folded(Option<Placing>),
    /// Several other hubs hear the tag too far away for it, or too weak.
    Contradicted,
    /// Others contradict its hub much.
    Disbelieved,
    /// Its step is closed.
    Late,
    /// No radio gives its strength.
    NotARadioValue,
    /// The locator does not know the hub.
    UnknownStation,
}

/// A fix that came out, and who heard the tag for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placing {
    pub(super) fix: Fix,
    pub(super) hearers: Hearers,
}

impl Tracked {
    /// A hub heard the tag.
    pub(super) fn hear(&mut self, senses: &Senses<'_>, now: Timestamp, station: u16, sighting: &Sighting) -> Took {
        let (step, rssi_dbm) = (now.step(), sighting.rssi_dbm);
        if !RSSI_DBM.contains(&rssi_dbm) {
            return Took::NotARadioValue;
        }
        let locator = senses.locator;
        let fix = self.close(locator, step);
        let is_believed = senses.hubs.is_believed(station);
        // A survey is of what hubs hear, whatever the map that it is to mend makes of it.
        if let Some(readings) = self.readings.as_mut().filter(|_| is_believed) {
            readings.add(now, station, rssi_dbm, sighting.age_ms);
        }
        if Hearers::is_worth_asking(rssi_dbm)
            && fix.is_some_and(|fix| self.is_contradicted(senses, &fix, (station, rssi_dbm)))
            && !planted(Bug::ContradictedBelieved)
        {
            return Took::Contradicted;
        }
        if !is_believed {
            return Took::Disbelieved;
        }
        match locator.observe(&mut self.track, step, station, rssi_dbm) {
            Observed::Folded | Observed::Closed(_) => {}
            Observed::Late => return Took::Late,
            Observed::NotARadioValue => return Took::NotARadioValue,
            Observed::UnknownStation => return Took::UnknownStation,
        }
        self.hearers.note(station, rssi_dbm);
        if let Some(passage) = &mut self.passage {
            passage.add(step, station, rssi_dbm);
        }
        Took::Folded(self.news(fix))
    }

    /// Whether what other hubs lately heard of the tag rules the reading out.
    fn is_contradicted(&self, senses: &Senses<'_>, fix: &Fix, heard: (u16, i8)) -> bool {
        let (hearers, map) = (&self.hearers, senses.map);
        let expected_dbm = |hub, at: Point| senses.locator.expected_dbm(hub, fix.level, at.east_m, at.north_m);
        let stronger_db = senses.locator.stronger_db(&self.track).max(0.0) + senses.hubs.wrong_map_db();
        hearers.contradict(map, fix, heard.0, heard.1)
            || hearers.are_apart(senses.reach, stronger_db, heard)
            || hearers.is_too_loud(map, expected_dbm, fix, heard)
    }

    /// A till or a gate says that the person is at a place.
    pub(super) fn pass(&mut self, now: Timestamp, place: u16) {
        self.hearers.vouch(now.step());
        self.passage = Some(Box::new(Passage::new(place, now.step())));
    }

    /// Where the tag is by the steps before `step`, whether that has come out before or not.
    pub(super) fn look(&mut self, locator: &Locator, step: u32) -> Option<Placing> {
        let fix = self.close(locator, step);
        let hearers = self.hearers;
        self.news(fix).or(fix.map(|fix| Placing { fix, hearers }))
    }

    /// Closes the steps before `step`: where the tag is.
    fn close(&mut self, locator: &Locator, step: u32) -> Option<Fix> {
        self.hearers.turn_to(step);
        locator.close(&mut self.track, step)
    }

    fn news(&mut self, fix: Option<Fix>) -> Option<Placing> {
        let fix = fix.filter(|fix| fix.step >= self.told_to)?;
        self.told_to = fix.step.saturating_add(1);
        let hearers = self.hearers;
        Some(Placing { fix, hearers })
    }
}
