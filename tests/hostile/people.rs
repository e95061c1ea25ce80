//! What the classes of people and places share: a person, and all that anybody can see of a venue.

use nextbest::engine::{Counts, CustomerSlot, Position};
use nextbest_venue::{PlaceIx, ZoneIx};

use crate::support::small;
use crate::support::world::World;

/// Somebody at a stand of the stadium, and all hubs alive.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) ada: CustomerSlot,
    pub(crate) ben: CustomerSlot,
}

/// All that anybody can see.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    positions: Vec<Option<Position>>,
    stages: Vec<Option<String>>,
    occupancy: Vec<Option<u32>>,
    waits_s: Vec<Option<u32>>,
    served: Vec<u32>,
    counts: Counts,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let mut world = World::new(small("stadium"));
        let (ada, ben) = (world.customer("ada", Some(0)), world.customer("ben", Some(1)));
        world.stay_at(0, PlaceIx(0), 8);
        Self { world, ada, ben }
    }

    pub(crate) fn seen(&self) -> Seen {
        let (engine, now) = (&self.world.engine, self.world.now());
        let people = [self.ada, self.ben];
        let zones = self.world.generation.venue().zones.len() as u16;
        Seen {
            positions: people.iter().map(|person| engine.position(now, *person)).collect(),
            stages: people.iter().map(|person| engine.stage(*person)).collect(),
            occupancy: (0..zones).map(|zone| engine.occupancy(ZoneIx(zone))).collect(),
            waits_s: engine.queues().map(|queue| queue.queue.wait_s).collect(),
            served: engine.queues().map(|queue| queue.queue.served).collect(),
            counts: engine.counts(),
        }
    }
}
