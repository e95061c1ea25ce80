//! What must hold: of a sighting, of a change of zone, of a person, of the venue.

use std::sync::Arc;

use nextbest::engine::{CustomerSlot, Engine, HubOddity, SightingOutcome, ZoneChange};
use nextbest::model::{STEP_MS, Timestamp};
use nextbest_venue::{HubIx, PlaceIx, ZoneIx};
use rand::RngExt;

use super::{OnTheWay, STRANGERS_FROM, Sim, word_of};

/// What became of a sighting is what had to.
pub(super) fn outcome(
    sim: &mut Sim,
    sighting: &OnTheWay,
    age_ms: u32,
    is_first: bool,
    outcome: SightingOutcome,
    is_withdrawn: bool,
) {
    sim.happened.count(word_of(&outcome));
    let hub = HubIx(sighting.hub as u16);
    let tag = sighting.tag as usize;
    let is_late = age_ms > sim.generation.settings().sighting_late_after_ms;
    let is_carried = sighting.tag < STRANGERS_FROM && sim.people.tags[tag].owner.is_some();
    let expected = match (is_first, is_late, is_carried) {
        (false, _, _) => Some(SightingOutcome::Duplicate),
        (true, true, _) => Some(SightingOutcome::Late),
        (true, false, false) => Some(SightingOutcome::UnknownTag),
        (true, false, true) => None,
    };
    if let Some(expected) = expected {
        assert_eq!(
            outcome, expected,
            "number {} of hub {}",
            sighting.sequence, sighting.hub
        );
        return;
    }
    match outcome {
        SightingOutcome::Contradicted => {
            let step = sim.now().step();
            let others = sim.people.tags[tag].heard.iter();
            let others = others.filter(|(other, heard)| *other != hub && heard + 8 >= step);
            let is_believed = sim.engine.hubs(sim.now()).nth(sighting.hub);
            let is_believed = is_believed.is_some_and(|hub| !hub.oddities.has(HubOddity::Contradicted));
            assert!(!is_believed || others.count() >= 2, "one hub's word against another's");
        }
        SightingOutcome::Folded => sim.people.on_heard(tag, hub, sim.now().step()),
        SightingOutcome::Moved(moved) => {
            assert!(!is_withdrawn, "who withdrew was moved");
            sim.people.on_heard(tag, hub, sim.now().step());
            assert_eq!(
                sim.people.tags[tag].owner.map(|owner| sim.people.who[owner].slot),
                Some(moved.customer),
                "who carries the tag moves, and nobody else"
            );
            let step = placed_step(&sim.engine, sim.now(), moved.customer);
            change(sim, &moved, step);
        }
        SightingOutcome::Duplicate
        | SightingOutcome::Late
        | SightingOutcome::Beacon
        | SightingOutcome::UnknownTag
        | SightingOutcome::NotARadioValue => panic!("{outcome:?} of a tag that somebody carries"),
    }
}

/// The step of the position that is known of somebody.
pub(super) fn placed_step(engine: &Engine, now: Timestamp, customer: CustomerSlot) -> Option<u32> {
    let position = engine.position(now, customer)?;
    Some(now.step() - position.age_ms / STEP_MS as u32)
}

/// Somebody changed their zone, by what was heard up to a step: one that is seen, and that a hub which heard them may
/// report.
pub(super) fn change(sim: &mut Sim, change: &ZoneChange, step: Option<u32>) {
    let now = sim.now();
    let number = sim.people.on_change(sim.generation.spec(), now, change, step);
    let Some(to) = change.to else {
        return sim.happened.count("left a zone");
    };
    sim.happened.count("entered a zone");
    assert!(
        sim.seen[to.index()],
        "somebody was put into zone {}, which no hub sees",
        to.0
    );
    if let Some(step) = step {
        let is_vouched = sim.people.is_vouched(sim.generation.spec(), number, to, step);
        assert!(is_vouched, "no hub that heard them may report zone {}", to.0);
    }
}

/// Where everybody is.
pub(super) fn people(sim: &mut Sim) {
    let (now, ttl_ms) = (sim.now(), sim.generation.settings().position_ttl_ms);
    for number in 0..sim.people.who.len() {
        let position = sim.people.check_position(&sim.engine, now, number, ttl_ms);
        let who = &mut sim.people.who[number];
        who.person.place = position.map(|position| (position.level, position.zone));
        sim.happened.count(if position.is_some() {
            "position known"
        } else {
            "position not known"
        });
    }
}

/// Who is counted where, how long queues are, what is known of hubs, and how full the tables are.
pub(super) fn venue(sim: &mut Sim) {
    let venue = Arc::clone(sim.generation.venue());
    let people_per_tag = 1.0 / sim.generation.settings().tag_share;
    let people_in = |zone: ZoneIx| {
        let people = sim.people.counted_in(&sim.engine, zone) as f32 * people_per_tag;
        sim.seen[zone.index()].then_some(people)
    };
    for zone in (0..venue.zones.len() as u16).map(ZoneIx) {
        let expected = people_in(zone).map(|people| people.round() as u32);
        assert_eq!(sim.engine.occupancy(zone), expected, "people in zone {}", zone.0);
    }
    for queue in sim.engine.queues() {
        let PlaceIx(place) = queue.place;
        let place = &venue.places[usize::from(place)];
        let people = place.queue_zone.and_then(people_in);
        let servers = f32::from(place.servers);
        let wait_s = |people: f32| ((people - servers + 1.0).max(0.0) * queue.queue.service_s / servers).round() as u32;
        let expected = if place.servers == 0 {
            Some(0)
        } else {
            people.map(wait_s)
        };
        assert_eq!(
            queue.queue.wait_s, expected,
            "the wait at {} with {people:?} people",
            place.id
        );
        assert_eq!(
            queue.queue.served,
            sim.served[queue.place.index()],
            "who was served at {}",
            place.id
        );
    }
    let now = sim.now();
    let has_lived = |hub: HubIx| {
        let hub = &sim.hubs[hub.index()];
        hub.silent_until_ms == 0 && hub.is_alive(now, sim.generation.settings().hub_dead_after_ms)
    };
    sim.people
        .check_counted(&sim.engine, sim.generation.spec(), now, has_lived);
    for (state, hub) in sim.engine.hubs(now).zip(&sim.hubs) {
        let counts = state.counts;
        let counted = [
            counts.used,
            counts.duplicate,
            counts.late,
            counts.unknown,
            counts.contradicted,
        ];
        assert_eq!(counted, hub.counts, "what hub {} sent", hub.ix.0);
        let is_alive = hub.is_alive(now, sim.generation.settings().hub_dead_after_ms);
        assert_eq!(state.is_alive, is_alive, "whether hub {} lives", hub.ix.0);
    }
    let counts = sim.engine.counts();
    assert_eq!(
        counts.customers as usize,
        sim.people.who.len(),
        "nobody else became a customer"
    );
    assert_eq!(
        counts.tags as usize,
        sim.people.tags_registered(),
        "tags that are registered"
    );
}

/// A tag that stands near two hubs which hear it is heard loudly by one that is far away: that one is not believed.
pub(super) fn copied_tag(sim: &mut Sim) {
    let (now, venue) = (sim.now(), Arc::clone(sim.generation.venue()));
    let number = sim.rng.random_range(0..sim.people.who.len());
    let mut carried = (0..sim.people.tags.len()).filter(|tag| sim.people.tags[*tag].owner == Some(number));
    let (Some(tag), None) = (carried.next(), carried.next()) else {
        return;
    };
    let Some(position) = sim.engine.position(now, sim.people.who[number].slot) else {
        return;
    };
    if u64::from(position.age_ms) > 2 * STEP_MS {
        return;
    }
    let away_m = |hub: HubIx| {
        let hub = &venue.hubs[hub.index()];
        let away_m = (hub.at.east_m - position.east_m).hypot(hub.at.north_m - position.north_m);
        (hub.level == position.level).then_some(away_m)
    };
    let is_near = |hub: &HubIx| away_m(*hub).is_some_and(|away_m| away_m < 25.0);
    let lately = sim.people.tags[tag].heard.iter().rev().take(8);
    let mut near: Vec<HubIx> = lately
        .filter(|(_, heard)| heard + 4 >= now.step())
        .map(|(hub, _)| *hub)
        .filter(is_near)
        .collect();
    near.sort_unstable();
    near.dedup();
    let is_far = |hub: &HubIx| away_m(*hub).is_some_and(|away_m| away_m > 40.0 + 2.0 * position.accuracy_m);
    let far = (0..sim.hubs.len() as u16).map(HubIx).find(is_far);
    let (true, Some(far)) = (near.len() >= 2, far) else {
        return;
    };
    let before = sim.happened.0.get("sighting contradicted").copied();
    let sequence = sim.hubs[far.index()].next;
    sim.hubs[far.index()].next += 1;
    let claim = OnTheWay {
        hub: far.index(),
        epoch: sim.hubs[far.index()].epoch,
        sequence,
        tag: tag as u32,
        rssi_dbm: -40,
        heard_ms: sim.now_ms,
        age_ms: Some(0),
    };
    sim.take(&claim);
    let after = sim.happened.0.get("sighting contradicted").copied();
    assert_ne!(before, after, "a hub far away was believed against {near:?}");
}
