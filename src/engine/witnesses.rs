//! What one hub's word is worth: where it puts somebody, whether the crowd counts them by it, and what goes against it.
//!
//! A hub is believed about its own zones. The crowd counts who two hubs have told of lately, or a till, so that one hub
//! alone fills no zone; where no other hub could hear, its word has to do. A tag that one hub alone has ever heard, where
//! its neighbours should hear it as well, goes against the hub, and so does one that it alone would put into another's
//! zone. Neither moves anybody: a wall that the radio map does not know silences neighbours too. Only who is contradicted
//! by what others do hear is not believed any more.

use super::hearers::Alone;
use super::locate::{Fix, Locator};
use super::tracked::Placing;
use super::{Engine, Generation};
use crate::model::Timestamp;
use crate::planted::{Bug, planted};

/// Where a tag is expected to be as loud as this, in dBm, a hub hears it nearly always.
const HEARD_WELL_DBM: f32 = -90.0;
/// So many other hubs that should hear a tag and do not speak against a hub that says it does.
const SILENT_MIN: usize = 2;
/// Steps for which a hub must be alone with a tag until that goes against it: four seconds, in which each of its
/// neighbours has had a dozen advertisements to miss.
const ALONE_STEPS: u32 = 16;

impl Engine {
    /// Other hubs contradict a hub over a tag.
    pub(super) fn on_contradicted(&self, hub: u16, tag: u32) {
        if let Some(hub) = self.hubs.suspicion(hub) {
            hub.on_contradicted(tag);
        }
    }

    /// Whether one of the hubs that lately heard a tag may report the zone of its fix.
    pub(super) fn is_vouched(&self, Placing { fix, hearers }: &Placing) -> bool {
        let Some(zone) = fix.zone else { return true };
        planted(Bug::HubBelievedAnywhere) || hearers.recent(fix.step).any(|hub| self.hubs.may_report(zone, hub))
    }

    /// Whether the crowd counts who carries a tag: two hubs or a till have told of it lately, or no other hub could.
    pub(super) fn is_told_by_several(&self, now: Timestamp, generation: &Generation, placing: &Placing) -> bool {
        let Placing { fix, hearers } = placing;
        if hearers.are_several(fix.step) || planted(Bug::CountedByOneHub) {
            return true;
        }
        let Some(hub) = hearers.recent(fix.step).next() else {
            return false;
        };
        let locator = self.locator.load();
        let dead_after_ms = generation.settings().hub_dead_after_ms;
        let mut others = self.hubs.others(now, dead_after_ms, hub, fix.zone);
        others.all(|hub| !is_heard_well(&locator, fix, hub, 0.0))
    }

    /// What one hub alone says of a tag may go against it.
    pub(super) fn doubt(&self, now: Timestamp, generation: &Generation, tag: u32, placing: &Placing) {
        let Some(alone) = placing.hearers.alone(placing.fix.step) else {
            return;
        };
        if !self.is_vouched(placing) {
            self.hubs.on_foreign_zone(alone.hub, tag);
        }
        if alone.steps >= ALONE_STEPS
            && self.is_unheard_of(now, generation, &placing.fix, alone)
            && let Some(hub) = self.hubs.suspicion(alone.hub)
        {
            hub.on_unheard_of(tag);
        }
    }

    /// Whether at least two others should hear what it alone says it hears.
    fn is_unheard_of(&self, now: Timestamp, generation: &Generation, fix: &Fix, alone: Alone) -> bool {
        let locator = self.locator.load();
        let expected_dbm = locator.expected_dbm(alone.hub, fix.level, fix.east_m, fix.north_m);
        // A tag that is weaker than others is so for everybody.
        let weaker_db = expected_dbm.map_or(0.0, |dbm| (dbm - f32::from(alone.rssi_dbm)).max(0.0));
        let dead_after_ms = generation.settings().hub_dead_after_ms;
        let others = self.hubs.others(now, dead_after_ms, alone.hub, fix.zone);
        let silent = others.filter(|hub| is_heard_well(&locator, fix, *hub, weaker_db) && self.hubs.hears(now, *hub));
        silent.take(SILENT_MIN).count() == SILENT_MIN
    }
}

/// Whether a hub should hear a tag where a fix is, that is so much weaker than an ordinary one.
fn is_heard_well(locator: &Locator, fix: &Fix, hub: u16, weaker_db: f32) -> bool {
    let expected_dbm = locator.expected_dbm(hub, fix.level, fix.east_m, fix.north_m);
    expected_dbm.is_some_and(|dbm| dbm - weaker_db >= HEARD_WELL_DBM)
}
