//! Presence is told once and right: entered, dwelled, left and passed by follow from where somebody was, whatever the
//! order of the sightings and however often they come; and every stay ends, for a reason that is told.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;

use nextbest::engine::presence::{PresenceKind, StayEnd};
use nextbest::engine::spec::{Spec, StaySettings};
use nextbest::engine::{CustomerSlot, PresenceEvent};
use nextbest::model::{Purpose, STEP_MS, Signal, SignalKind};
use nextbest_venue::{HubIx, LevelIx, PlaceIx, Point, ZoneIx};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use support::small;
use support::world::{Heard, World, signal, tag_id};

const PEOPLE: u32 = 6;
const STEPS: usize = 160;
const SEEDS: u64 = 12;
/// Four steps are a second.
const STAY: StaySettings = StaySettings {
    dwell_s: 5,
    passed_by_s: 2,
};

fn spec(pack: &str) -> Spec {
    let mut spec = small(pack);
    spec.settings.stay = STAY;
    spec
}

fn spot(world: &World, place: PlaceIx) -> (LevelIx, Point) {
    let place = &world.generation.venue().places[place.index()];
    (place.level, place.at)
}

/// An event in plain numbers: who, when, what (in the order in which one step tells it), where, for how many milliseconds.
type Row = (u32, u32, PresenceKind, u16, u64);

fn rows(events: &[PresenceEvent]) -> Vec<Row> {
    let row = |told: &PresenceEvent| (told.customer.0, told.step, told.kind, told.zone.0, told.stay_ms);
    let mut rows: Vec<Row> = events.iter().map(row).collect();
    // People's events may mix; each person's are in order.
    rows.sort_by_key(|row| row.0);
    rows
}

fn kinds(events: &[PresenceEvent]) -> Vec<(PresenceKind, Option<StayEnd>)> {
    events.iter().map(|told| (told.kind, told.end)).collect()
}

/// People walk from place to place; the sightings of each step are dealt as `deal` says, which is given those of the
/// steps before as well. Returns what was told, and the zone of each person in each step.
fn walk(seed: u64, mut deal: impl FnMut(Vec<Heard>, &[Heard]) -> Vec<Heard>) -> (Vec<Row>, Vec<Vec<Option<ZoneIx>>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::new(spec("museum"));
    let people: Vec<CustomerSlot> = (0..PEOPLE)
        .map(|person| world.customer(&format!("p{person}"), Some(person)))
        .collect();
    let places = world.generation.venue().places.len() as u16;
    let mut at = vec![PlaceIx(0); people.len()];
    let mut zones = vec![Vec::new(); people.len()];
    let mut before = Vec::new();
    for step in 0..STEPS {
        let mut heard = Vec::new();
        for person in 0..PEOPLE {
            if step % 40 == 0 || rng.random_bool(0.02) {
                at[person as usize] = PlaceIx(rng.random_range(0..places));
            }
            let (level, point) = spot(&world, at[person as usize]);
            heard.extend(world.heard_at(tag_id(person), level, point));
        }
        for heard in deal(heard.clone(), &before) {
            world.hear(&heard);
        }
        before.extend(heard);
        world.step();
        for (zones, customer) in zones.iter_mut().zip(&people) {
            let position = world.engine.position(world.now(), *customer);
            let fresh = position.filter(|position| position.age_ms <= STEP_MS as u32);
            // What moved nobody leaves them where they were.
            let zone = fresh.map_or_else(|| zones.last().copied().flatten(), |position| position.zone);
            zones.push(zone);
        }
    }
    // Everybody falls silent, and their stays end.
    world.pass(u64::from(world.generation.settings().position_ttl_ms) + 6_000);
    (rows(&world.events()), zones)
}

#[test]
fn neither_order_nor_repetition_changes_what_is_told() {
    for seed in 0..SEEDS {
        let in_order = walk(seed, |heard, _| heard);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let shuffled = walk(seed, |heard, before| {
            // Twice, and with what was sent in the steps before once more.
            let again = before.iter().rev().take(60);
            let mut twice: Vec<Heard> = heard.iter().chain(&heard).chain(again).copied().collect();
            twice.shuffle(&mut rng);
            twice
        });
        assert_eq!(in_order.0, shuffled.0, "seed {seed}");
        assert_eq!(in_order.1, shuffled.1, "seed {seed}");
        assert!(in_order.0.len() > 20, "seed {seed}: {:?}", in_order.0);
    }
}

/// Whether every stay is entered, dwelled at most once, and ended once by the right event.
fn check_stays(rows: &[Row], person: u32) {
    const SECOND_MS: u64 = 1_000;
    let mut entered: Option<(u32, u16, bool)> = None;
    for (_, step, kind, zone, stay_ms) in rows.iter().filter(|row| row.0 == person) {
        match kind {
            PresenceKind::Entered => {
                assert!(entered.is_none(), "entered twice: {rows:?}");
                entered = Some((*step, *zone, false));
            }
            PresenceKind::Dwelled => {
                let (since, of, is_dwell) = entered.unwrap();
                let dwell_steps = STAY.dwell_s * 4;
                assert_eq!((of, is_dwell, step - since), (*zone, false, dwell_steps));
                entered = Some((since, of, true));
            }
            PresenceKind::Left | PresenceKind::PassedBy => {
                let (since, of, is_dwell) = entered.take().unwrap();
                assert_eq!((of, u64::from(step - since) * STEP_MS), (*zone, *stay_ms));
                assert_eq!(is_dwell, *stay_ms >= u64::from(STAY.dwell_s) * SECOND_MS, "{rows:?}");
                let is_short = *stay_ms < u64::from(STAY.passed_by_s) * SECOND_MS;
                assert_eq!(*kind == PresenceKind::PassedBy, is_short, "{rows:?}");
            }
        }
    }
    assert!(entered.is_none(), "never left: {rows:?}");
}

#[test]
fn what_is_told_is_what_a_plain_walk_over_the_positions_finds() {
    let mut told = std::collections::BTreeSet::new();
    for seed in 0..SEEDS {
        let (rows, zones) = walk(seed, |heard, _| heard);
        told.extend(rows.iter().map(|row| row.2));
        for (person, zones) in (0..).zip(&zones) {
            check_stays(&rows, person);
            let mut plain = Vec::new();
            let mut before = None;
            for zone in zones {
                if *zone != before {
                    plain.extend(zone.map(|zone| zone.0));
                    before = *zone;
                }
            }
            let entered: Vec<u16> = rows
                .iter()
                .filter(|row| row.0 == person && row.2 == PresenceKind::Entered)
                .map(|row| row.3)
                .collect();
            assert_eq!(entered, plain, "seed {seed}, person {person}");
        }
    }
    assert_eq!(told.len(), 4, "every kind of event happened: {told:?}");
}

#[test]
fn who_falls_silent_left_when_they_were_last_heard() {
    let mut world = World::new(spec("museum"));
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 41);
    let last_heard = world.now().step() - 1;
    world.events();
    let ttl_ms = u64::from(world.generation.settings().position_ttl_ms);
    world.pass(ttl_ms - 1_000);
    assert_eq!(world.events(), [], "a position lives");
    world.pass(6_000);
    let told = world.events();
    assert_eq!(kinds(&told), [(PresenceKind::Left, Some(StayEnd::Silent))]);
    assert_eq!((told[0].step, told[0].stay_ms), (last_heard, 10_000));
    assert_eq!(world.engine.position(world.now(), ada), None);
    world.pass(60_000);
    assert_eq!(world.events(), [], "once");
}

#[test]
fn a_withdrawn_consent_ends_the_stay_and_nothing_more_is_told() {
    let mut world = World::new(spec("museum"));
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 5);
    assert_eq!(kinds(&world.events()), [(PresenceKind::Entered, None)]);
    for _ in 0..2 {
        world.consent(ada, Purpose::Location, false);
    }
    let told = world.events();
    // A second is no passing by: they may well be there still.
    assert_eq!(kinds(&told), [(PresenceKind::Left, Some(StayEnd::NotLocated))]);
    assert!(!world.engine.is_locatable(world.now(), ada));
    world.stay_at(0, PlaceIx(0), 40);
    world.pass(30_000);
    assert_eq!(world.events(), [], "nobody hears of them any more");
}

#[test]
fn a_tag_that_another_takes_over_ends_the_stay_of_who_had_it() {
    let mut world = World::new(spec("museum"));
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 30);
    world.events();
    let ben = world.customer("ben", Some(0));
    world.stay_at(0, PlaceIx(0), 5);
    let told: Vec<_> = world
        .events()
        .iter()
        .map(|told| (told.customer, told.kind, told.end))
        .collect();
    let left = (ada, PresenceKind::Left, Some(StayEnd::NotLocated));
    assert_eq!(told, [left, (ben, PresenceKind::Entered, None)]);
}

#[test]
fn a_zone_whose_hubs_die_is_left_once_and_entered_again_when_they_are_back() {
    let mut world = World::new(spec("museum"));
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 20);
    let zone = world.engine.position(world.now(), ada).unwrap().zone.unwrap();
    assert_eq!(kinds(&world.events()), [(PresenceKind::Entered, None)]);
    let venue = Arc::clone(world.generation.venue());
    let level = venue.zones[zone.index()].level;
    for (hub_ix, hub) in (0_u16..).zip(&venue.hubs) {
        if hub.zones.contains(&zone) || (hub.zones.is_empty() && hub.level == level) {
            world.kill(HubIx(hub_ix));
        }
    }
    // Other hubs may hear her still, and nobody is put into a zone that nobody sees.
    let steps = world.generation.settings().hub_dead_after_ms / STEP_MS as u32 + 24;
    world.stay_at(0, PlaceIx(0), steps);
    let told = world.events();
    let ends: Vec<_> = told.iter().filter(|told| told.zone == zone).collect();
    assert!(!ends.is_empty(), "{told:?}");
    assert_eq!(ends.iter().filter(|told| told.end.is_some()).count(), 1, "{told:?}");
    assert_eq!(world.engine.occupancy(zone), None, "unknown, not empty");
    world.pass(30_000);
    let told: Vec<_> = world.events().into_iter().filter(|told| told.zone == zone).collect();
    assert_eq!(told, [], "once");
}

#[test]
fn a_zone_that_becomes_unknown_while_somebody_is_in_it_says_so() {
    let mut spec = spec("museum");
    // Longer than the hubs may be silent, so that it is the zone that goes.
    spec.settings.position_ttl_ms = 60_000;
    let mut world = World::new(spec);
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 41);
    let last_heard = world.now().step() - 1;
    world.events();
    let hubs = world.generation.venue().hubs.len() as u16;
    (0..hubs).for_each(|hub| world.kill(HubIx(hub)));
    let dead_after_ms = u64::from(world.generation.settings().hub_dead_after_ms);
    world.pass(dead_after_ms - 1_000);
    assert_eq!(world.events(), [], "they may be heard yet");
    world.pass(6_000);
    let told = world.events();
    assert_eq!(kinds(&told), [(PresenceKind::Left, Some(StayEnd::ZoneUnknown))]);
    assert_eq!((told[0].step, told[0].stay_ms), (last_heard, 10_000));
    let position = world.engine.position(world.now(), ada).unwrap();
    assert_eq!(
        position.zone, None,
        "where she was is still known, and not that she is there"
    );
    world.pass(120_000);
    assert_eq!(world.events(), [], "once");
}

/// The two places of the map that are farthest apart on one level.
fn far_apart(world: &World) -> (PlaceIx, PlaceIx) {
    let places = &world.generation.venue().places;
    let pairs = (0..places.len()).flat_map(|one| (0..places.len()).map(move |other| (one, other)));
    let distance_m = |(one, other): &(usize, usize)| {
        let (one, other) = (&places[*one], &places[*other]);
        if one.level == other.level {
            (one.at.east_m - other.at.east_m).hypot(one.at.north_m - other.at.north_m)
        } else {
            0.0
        }
    };
    let (one, other) = pairs
        .max_by(|one, other| distance_m(one).total_cmp(&distance_m(other)))
        .unwrap();
    (PlaceIx(one as u16), PlaceIx(other as u16))
}

#[test]
fn who_carries_two_tags_is_in_one_place() {
    let mut world = World::new(spec("stadium"));
    let (here, there) = far_apart(&world);
    let ada = world.customer("ada", Some(0));
    let second = Signal {
        tags: vec![tag_id(1)],
        ..signal("", SignalKind::Identify, "", &[])
    };
    world.signal(ada, second);
    // The phone is in her hand, the wristband in her locker.
    for _ in 0..60 {
        for (tag, place) in [(0, here), (1, there)] {
            let (level, at) = spot(&world, place);
            world.hear_at(tag, level, at);
        }
        world.step();
        assert!(away_m(&world, ada, here) < 20.0, "she is where her phone is");
    }
    let entered = |told: &[PresenceEvent]| told.iter().filter(|told| told.kind == PresenceKind::Entered).count();
    let told = world.events();
    // A place on the border of two zones may be said to be in the one and then in the other.
    assert!(entered(&told) <= 2, "{told:?}");
    // The phone's battery dies, and the wristband is what is left.
    world.stay_at(1, there, 40);
    assert!(away_m(&world, ada, there) < 20.0, "she is where her wristband is");
    let moved = world.events();
    assert_eq!(
        (moved[0].end, entered(&moved[..2])),
        (Some(StayEnd::Elsewhere), 1),
        "{moved:?}"
    );
}

fn away_m(world: &World, customer: CustomerSlot, place: PlaceIx) -> f32 {
    let Some(position) = world.engine.position(world.now(), customer) else {
        return 0.0;
    };
    let (_, at) = spot(world, place);
    (position.east_m - at.east_m).hypot(position.north_m - at.north_m)
}

#[test]
fn a_zones_category_may_say_otherwise_what_a_dwell_is() {
    let mut spec = spec("museum");
    let mut world = World::new(spec.clone());
    let ada = world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 20);
    let zone = world.engine.position(world.now(), ada).unwrap().zone.unwrap();
    let category = &spec.venue.zones[zone.index()].category;
    let known = spec
        .vocabulary
        .zone_categories
        .iter()
        .position(|known| known == category);
    let stay = StaySettings {
        dwell_s: 2,
        passed_by_s: 1,
    };
    spec.settings.stay_by_category = vec![(known.unwrap() as u16, stay)];
    let mut world = World::new(spec);
    world.customer("ada", Some(0));
    world.stay_at(0, PlaceIx(0), 20);
    let told = world.events();
    assert_eq!(told[1].kind, PresenceKind::Dwelled, "{told:?}");
    assert_eq!(told[1].stay_ms, 2_000);
}
