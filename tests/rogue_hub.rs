//! Hubs that lie, tags that are copied, and zones that nobody watches.
//!
//! Promises: a hub moves nobody outside its own zones; a copy of a tag, or a hub that makes one up, moves nobody whom
//! several others hear, and is counted against the hub that heard it; nobody is put into a zone whose hubs are dead.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use nextbest::engine::{CustomerSlot, SightingOutcome};
use nextbest_venue::{HubIx, LevelIx, PlaceIx, Point, ZoneIx};
use support::small;
use support::world::World;

/// Somebody whose tag is heard where a place is.
fn somebody_at(world: &mut World, tag: u32, place: PlaceIx) -> CustomerSlot {
    let customer = world.customer(&format!("customer-{tag}"), Some(tag));
    world.stay_at(tag, place, 12);
    customer
}

fn zone_of(world: &World, customer: CustomerSlot) -> Option<ZoneIx> {
    world
        .engine
        .position(world.now(), customer)
        .and_then(|position| position.zone)
}

/// The hub of the same level that is farthest from a point.
fn farthest_hub(world: &World, level: LevelIx, from: Point) -> HubIx {
    let generation = world.engine.generation();
    let away_m = |at: Point| (at.east_m - from.east_m).hypot(at.north_m - from.north_m);
    let hubs = (0_u16..)
        .zip(&generation.venue().hubs)
        .filter(|(_, hub)| hub.level == level);
    let farthest = hubs.max_by(|one, other| away_m(one.1.at).total_cmp(&away_m(other.1.at)));
    HubIx(farthest.unwrap().0)
}

#[test]
fn a_copied_tag_moves_nobody_whom_others_hear() {
    let mut world = World::new(small("stadium"));
    let place = PlaceIx(0);
    let (level, at) = {
        let place = &world.generation.venue().places[0];
        (place.level, place.at)
    };
    let victim = somebody_at(&mut world, 1, place);
    let (zone, rogue) = (zone_of(&world, victim), farthest_hub(&world, level, at));
    assert!(zone.is_some());
    for _ in 0..80 {
        for _ in 0..5 {
            assert_eq!(world.claim(rogue, 1, -40), SightingOutcome::Contradicted);
        }
        world.stay_at(1, place, 1);
        assert_eq!(zone_of(&world, victim), zone);
    }
    let counts = |hub: HubIx| {
        world
            .engine
            .hubs(world.now())
            .find(|state| state.hub == hub)
            .unwrap()
            .counts
    };
    let contradicted: u64 = world
        .engine
        .hubs(world.now())
        .map(|state| state.counts.contradicted)
        .sum();
    assert_eq!(
        (counts(rogue).contradicted, contradicted),
        (400, 400),
        "and no other hub is blamed"
    );
}

#[test]
fn a_tag_that_was_carried_away_unheard_is_found_again() {
    let mut world = World::new(small("stadium"));
    let (level, at) = {
        let place = &world.generation.venue().places[0];
        (place.level, place.at)
    };
    let carrier = somebody_at(&mut world, 1, PlaceIx(0));
    let far = farthest_hub(&world, level, at);
    world.pass(3_000);
    for _ in 0..40 {
        world.claim(far, 1, -50);
        world.step();
    }
    let position = world.engine.position(world.now(), carrier).unwrap();
    let hub = &world.generation.venue().hubs[far.index()];
    let away_m = (position.east_m - hub.at.east_m).hypot(position.north_m - hub.at.north_m);
    assert!(away_m < 20.0, "{away_m} m from the only hub that hears it");
}

#[test]
fn no_hub_alone_puts_anybody_into_a_zone_that_it_may_not_report() {
    let mut world = World::new(small("stadium"));
    let hubs = world.generation.venue().hubs.clone();
    let mut placed = 0;
    for (tag, hub) in (0_u32..).zip(&hubs) {
        let customer = world.customer(&format!("customer-{tag}"), Some(tag));
        let hub_ix = HubIx(tag as u16);
        for step in 0..12_i8 {
            world.claim(hub_ix, tag, -95 + 4 * step);
            world.step();
            let zone = zone_of(&world, customer);
            placed += u32::from(zone.is_some());
            assert!(
                zone.is_none_or(|zone| hub.zones.is_empty() || hub.zones.contains(&zone)),
                "{}",
                hub.id
            );
        }
    }
    assert!(placed > 0, "hubs do put people into zones of their own");
}

#[test]
fn nobody_is_put_into_a_zone_whose_hubs_are_dead() {
    let mut world = World::new(small("stadium"));
    let place = PlaceIx(0);
    let customer = somebody_at(&mut world, 1, place);
    let zone = zone_of(&world, customer).unwrap();
    let generation = world.engine.generation();
    let sees =
        |hub: &nextbest_venue::Hub, level| hub.zones.contains(&zone) || (hub.zones.is_empty() && hub.level == level);
    let level = generation.venue().zones[zone.index()].level;
    for (hub_ix, hub) in (0_u16..).zip(&generation.venue().hubs) {
        if sees(hub, level) {
            world.kill(HubIx(hub_ix));
        }
    }
    let steps = generation.settings().hub_dead_after_ms / 250 + 4;
    world.stay_at(1, place, steps);
    assert_eq!(world.engine.occupancy(zone), None, "unknown, not empty");
    assert_ne!(zone_of(&world, customer), Some(zone));
}
