//! What other systems of the venue know: cameras and light barriers count people, a locating system says where a tag is.
//!
//! Both are believed about what they measure and nothing else: a count moves nobody, and a position is somebody's only
//! while they carry the tag and allow being located, as if hubs had heard it. Deliberately absent: who counts; a zone has
//! one count, the latest.

use nextbest_venue::{LevelIx, Point, ZoneIx};

use super::locate::Fix;
use super::{Engine, ZoneChange};
use crate::model::{TagId, Timestamp};

/// Where another system sees a tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located {
    /// The level.
    pub level: LevelIx,
    /// Metres east and north of the anchor.
    pub at: Point,
    /// Root mean square distance at which the truth is expected, in metres.
    pub accuracy_m: f32,
    /// The zone; `None`: outside every zone.
    pub zone: Option<ZoneIx>,
}

impl Engine {
    /// A counter says how many people are in a zone; for two minutes that counts instead of the tags heard there, also in
    /// a zone that no hub sees. Who counts with an error need not say so: a count is believed less the more it surprises.
    pub fn on_counted(&self, now: Timestamp, zone: ZoneIx, people: f32) {
        self.crowd.on_counted(now, zone.0, people);
    }

    /// Another locating system sees a tag; says when its carrier changed their zone by it. Nothing happens when nobody
    /// registered the tag, or its carrier does not allow being located; nobody is put into a zone that no hub sees.
    pub fn on_located(&self, now: Timestamp, tag: &TagId, located: &Located) -> Option<ZoneChange> {
        let handle = self.tags.find(tag)?;
        let customer = self.tags.owner(handle)?;
        let fix = Fix {
            step: now.step(),
            level: located.level.0,
            east_m: located.at.east_m,
            north_m: located.at.north_m,
            accuracy_m: located.accuracy_m,
            zone: located.zone.map(|zone| zone.0),
            zone_confidence: 1.0,
            zone_changed: false,
        };
        let generation = self.generation.load();
        self.place_at(now, &generation, (handle, customer), (&fix, (true, true)))
    }
}
