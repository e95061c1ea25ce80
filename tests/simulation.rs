//! Promises of the core, tried in virtual time by seeded chance.
//!
//! Each test runs its scenario once for each seed, and a failing seed prints the command that runs it again. The same seed does the same, bit for bit, which is a promise as well. What must come out is known from
//! [`reference`], which is too simple to be wrong, or from the sentence that the test is named after.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

#[path = "simulation/reference.rs"]
mod reference;
#[path = "simulation/seeds.rs"]
mod seeds;

use nextbest::engine::condition::{Condition, Truth};
use nextbest::engine::spec::{ActionSpec, Spec};
use nextbest::engine::{CustomerSlot, Position, SignalError};
use nextbest::model::{Consent, Property, Purpose, Query, Reason, STEP_MS, Signal, SignalKind, Value};
use nextbest_venue::{HubIx, LevelIx, PlaceIx, Point, ZoneIx};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use reference::{House, Person};
use support::small;
use support::world::{Heard, Said, SaidAnswer, World, signal, tag_id};

/// The seeds that are tried.
const SEEDS: u64 = 40;
/// People of one scenario.
const PEOPLE: u32 = 6;

/// Runs a scenario for each seed and names the seed that fails.
fn for_each_seed(pack: &str, scenario: impl Fn(&Spec, &mut ChaCha8Rng)) {
    let spec = small(pack);
    for seed in seeds::asked_for(SEEDS) {
        let run = || scenario(&spec, &mut ChaCha8Rng::seed_from_u64(seed));
        seeds::name_if_it_fails(seed, "simulation", run);
    }
}

/// All that anybody can see of a venue.
#[derive(Debug, PartialEq)]
struct Seen {
    positions: Vec<Option<Position>>,
    stages: Vec<Option<String>>,
    occupancy: Vec<Option<u32>>,
    waits_s: Vec<Option<u32>>,
}

fn seen(world: &World, people: &[CustomerSlot]) -> Seen {
    let zones = world.generation.venue().zones.len() as u16;
    Seen {
        positions: people
            .iter()
            .map(|customer| world.engine.position(world.now(), *customer))
            .collect(),
        stages: people.iter().map(|customer| world.engine.stage(*customer)).collect(),
        occupancy: (0..zones).map(|zone| world.engine.occupancy(ZoneIx(zone))).collect(),
        waits_s: world.engine.queues().map(|queue| queue.queue.wait_s).collect(),
    }
}

fn people(world: &mut World) -> Vec<CustomerSlot> {
    (0..PEOPLE)
        .map(|person| world.customer(&format!("p{person}"), Some(person)))
        .collect()
}

fn any_place(world: &World, rng: &mut ChaCha8Rng) -> PlaceIx {
    PlaceIx(rng.random_range(0..world.generation.venue().places.len() as u16))
}

/// Goes to places, each tag for itself; deals the sightings of each step as `deal` says.
fn walk(spec: &Spec, seed: u64, deal: impl Fn(Vec<Heard>) -> Vec<Heard>) -> (Vec<Seen>, Vec<Said>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::new(spec.clone());
    let people = people(&mut world);
    let (mut all_seen, mut said) = (Vec::new(), Vec::new());
    let mut places = vec![PlaceIx(0); people.len()];
    for step in 0..24 {
        let mut heard = Vec::new();
        for person in 0..PEOPLE {
            if step % 8 == 0 {
                places[person as usize] = any_place(&world, &mut rng);
            }
            // Twice in a step, from a little apart: only what does not depend on their order may come of it.
            for sway_m in [0.0, rng.random_range(-3.0..3.0)] {
                let place = &world.generation.venue().places[places[person as usize].index()];
                let (level, at) = (
                    place.level,
                    Point {
                        east_m: place.at.east_m + sway_m,
                        ..place.at
                    },
                );
                heard.extend(world.heard_at(tag_id(person), level, at));
            }
        }
        for heard in deal(heard) {
            world.hear(&heard);
        }
        all_seen.push(seen(&world, &people));
        said.push(world.want(people[step % people.len()], ""));
        world.step();
    }
    (all_seen, said)
}

#[test]
fn the_order_and_the_duplication_of_a_steps_sightings_change_nothing() {
    for_each_seed("museum", |spec, rng| {
        let (seed, shuffles) = (rng.random(), rng.random());
        let in_order = walk(spec, seed, |heard| heard);
        let shuffled = walk(spec, seed, |heard| {
            let mut twice: Vec<Heard> = heard.iter().chain(&heard).copied().collect();
            twice.shuffle(&mut ChaCha8Rng::seed_from_u64(shuffles));
            twice
        });
        assert_eq!(in_order, shuffled);
        assert!(
            in_order.0.iter().flat_map(|seen| &seen.positions).flatten().count() > 50,
            "people were located"
        );
    });
}

#[test]
fn the_same_seed_gives_the_same_decisions_bit_for_bit() {
    for_each_seed("stadium", |spec, rng| {
        let seed = rng.random();
        let first = walk(spec, seed, |heard| heard);
        assert_eq!(first, walk(spec, seed, |heard| heard));
        assert!(
            first.1.iter().any(|said| said.place().is_some()),
            "somebody was sent somewhere"
        );
    });
}

/// Applies something random to the engine and to the plain engine alike.
fn something_happens(
    world: &mut World,
    house: &mut House,
    customer: CustomerSlot,
    person: &mut Person,
    tag: u32,
    rng: &mut ChaCha8Rng,
) {
    let spec = world.generation.spec().clone();
    match rng.random_range(0..6) {
        0 | 1 => {
            let event = spec.vocabulary.events.choose(rng).unwrap();
            let total = Value::Number(f64::from(rng.random_range(1..200_u8)));
            let cuisine = ["burgers", "pizza", "vegan", "no cuisine"].choose(rng).unwrap();
            let properties = [
                Property {
                    name: "total",
                    value: total,
                },
                Property {
                    name: "score",
                    value: Value::Number(f64::from(rng.random_range(0..11_u8))),
                },
                Property {
                    name: "balance",
                    value: total,
                },
                Property {
                    name: "cuisine",
                    value: Value::Text(cuisine),
                },
            ];
            world.track(customer, event, &properties);
            person.track(&spec, event, &properties);
        }
        2 => {
            let tiers = &spec.vocabulary.tiers;
            let tier = tiers.choose(rng).map_or("no tier", String::as_str);
            let properties = [
                Property {
                    name: "tier",
                    value: Value::Text(tier),
                },
                Property {
                    name: "with_children",
                    value: Value::Flag(rng.random()),
                },
                Property {
                    name: "dietary",
                    value: Value::Text("vegan"),
                },
            ];
            world.signal(customer, signal("", SignalKind::Identify, "", &properties));
            person.identify(&spec, &properties, &[]);
        }
        3 => {
            let purpose = *Purpose::ALL.choose(rng).unwrap();
            let consents = [Consent::new(purpose, rng.random())];
            // Who allows to be located again says by which tag.
            let tags = vec![tag_id(tag)];
            let identify = signal("", SignalKind::Identify, "", &[]);
            world.signal(
                customer,
                Signal {
                    consents: consents.to_vec(),
                    tags,
                    ..identify
                },
            );
            person.identify(&spec, &[], &consents);
        }
        4 => {
            let place = any_place(world, rng);
            let want = rng.random_range(0..spec.vocabulary.wants.len());
            let id = Property {
                name: "place",
                value: Value::Text(&spec.venue.places[place.index()].id),
            };
            let product = Property {
                name: "product",
                value: Value::Text(&spec.vocabulary.wants[want]),
            };
            let sold_out = (place, want as u16);
            house.closed.retain(|closed| *closed != place);
            house.sold_out.retain(|known| *known != sold_out);
            if rng.random() {
                world.venue_signal("Place Closed", &[id]);
                house.closed.push(place);
            } else {
                world.venue_signal("Place Opened", &[id]);
            }
            if rng.random() {
                world.venue_signal("Product Out Of Stock", &[id, product]);
                house.sold_out.push(sold_out);
            } else {
                world.venue_signal("Product Back In Stock", &[id, product]);
            }
        }
        _ => {
            let phase = rng.random_range(0..spec.vocabulary.phases.len());
            let name = Property {
                name: "phase",
                value: Value::Text(&spec.vocabulary.phases[phase]),
            };
            world.venue_signal("Phase Started", &[name]);
            house.phase = phase as u16 + 1;
        }
    }
}

/// People who only queue.
const CROWD: u32 = 12;

/// Each stand has one till, which takes a minute for everybody, so that a few people are a queue.
fn slow_tills(spec: &Spec) -> Spec {
    let mut venue = (*spec.venue).clone();
    for place in venue.places.iter_mut().filter(|place| place.servers > 0) {
        (place.servers, place.service_s) = (1, 60.0);
    }
    Spec {
        venue: std::sync::Arc::new(venue),
        ..spec.clone()
    }
}

/// Where people queue at some stand.
fn any_stand(world: &World, rng: &mut ChaCha8Rng) -> (LevelIx, Point) {
    let venue = world.generation.venue();
    let queues: Vec<ZoneIx> = venue.places.iter().filter_map(|place| place.queue_zone).collect();
    let zone = &venue.zones[queues.choose(rng).unwrap().index()];
    (zone.level, zone.area.interior())
}

/// Asks the engine and the plain engine, who must agree on stage and best answer. Returns the walk to the place of the
/// answer, and the walk to the nearest that it could have been.
fn ask_both(
    world: &mut World,
    house: &mut House,
    customer: CustomerSlot,
    person: &mut Person,
    want: &str,
) -> Option<(u32, u32)> {
    let query = Query {
        want,
        ..Query::default()
    };
    house.look(&world.engine, &world.generation, world.now(), customer);
    let said = world.ask(customer, &query);
    let expected = person.best(&world.engine, &world.generation, house, world.now(), &query);
    let best = said.answers.first().map(|answer| reference::Best {
        action: answer.action.clone(),
        place: answer.place.clone(),
        walk_s: answer.walk_s,
        wait_s: answer.wait_s,
        is_crowd_stale: answer.reasons.contains(&Reason::CrowdStale),
        priority: answer.priority,
    });
    assert_eq!(best, expected, "to who wants {want:?}: {person:?} in {house:?}");
    assert_eq!(
        said.stage,
        world.generation.spec().journey.stages[usize::from(person.stage)]
    );
    let best = best?;
    let action = world
        .generation
        .spec()
        .actions
        .iter()
        .find(|action| action.id == best.action)?;
    let nearest_s = action
        .places
        .iter()
        .filter_map(|place| person.walk_s(&world.generation, *place))
        .min()?;
    Some((best.walk_s?, nearest_s))
}

#[test]
fn every_decide_sees_every_signal_and_answers_what_a_plain_walk_over_everything_finds() {
    let (sent, longer) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    for_each_seed("stadium", |spec, rng| {
        let spec = &slow_tills(spec);
        let mut world = World::new(spec.clone());
        let mut house = House {
            phase: 0,
            minute_of_day: 20.0 * 60.0,
            closed: Vec::new(),
            sold_out: Vec::new(),
            outlooks: Vec::new(),
        };
        house.phase = spec.settings.phase.map_or(0, |phase| u16::from(phase) + 1);
        world.step();
        let consents = Purpose::ALL.map(|purpose| Consent::new(purpose, true));
        let slots = people(&mut world);
        let mut plain = vec![Person::new(); slots.len()];
        plain
            .iter_mut()
            .for_each(|person| person.identify(spec, &[], &consents));
        for tag in 100..100 + CROWD {
            world.customer(&format!("crowd {tag}"), Some(tag));
        }
        let mut stands = vec![any_stand(&world, rng); (PEOPLE + CROWD) as usize];
        for round in 0..24 {
            if round % 8 == 0 {
                let busiest = any_stand(&world, rng);
                for stand in &mut stands {
                    *stand = if rng.random_bool(0.6) {
                        busiest
                    } else {
                        any_stand(&world, rng)
                    };
                }
            }
            for (tag, (level, at)) in (0..PEOPLE).chain(100..100 + CROWD).zip(&stands) {
                world.hear_at(tag, *level, *at);
            }
            observe(&world, &slots, &mut plain);
            world.step();
            observe(&world, &slots, &mut plain);
            let who = rng.random_range(0..slots.len());
            something_happens(&mut world, &mut house, slots[who], &mut plain[who], who as u32, rng);
            observe(&world, &slots, &mut plain);
            let want = spec
                .vocabulary
                .wants
                .choose(rng)
                .filter(|_| rng.random_bool(0.7))
                .map_or("", String::as_str);
            if let Some((walk_s, nearest_s)) = ask_both(&mut world, &mut house, slots[who], &mut plain[who], want) {
                sent.set(sent.get() + 1);
                longer.set(longer.get() + u32::from(walk_s > nearest_s));
            }
        }
    });
    let (sent, longer) = (sent.get(), longer.get());
    assert!(
        sent > 100 && longer > 10,
        "{sent} answers sent somebody to a place, {longer} past a nearer one"
    );
}

/// Tells the plain engine where the engine says that everybody is.
fn observe(world: &World, slots: &[CustomerSlot], plain: &mut [Person]) {
    for (customer, person) in slots.iter().zip(plain) {
        let position = world.engine.position(world.now(), *customer);
        let before = person.place.and_then(|(_, zone)| zone);
        person.place = position.map(|position| (position.level, position.zone));
        let zone = position.and_then(|position| position.zone);
        if zone != before {
            let age_steps = position.map_or(0, |position| position.age_ms / STEP_MS as u32);
            person.goes_to(world.generation.spec(), world.now().step() - age_steps, zone);
        }
    }
}

#[test]
fn somebody_whom_nobody_knew_is_in_the_segments_of_newcomers_at_once() {
    let mut spec = small("stadium");
    let newcomers = spec
        .segments
        .iter()
        .position(|segment| segment.id == "first_timers")
        .unwrap();
    let plain = spec
        .actions
        .iter()
        .find(|action| action.places.is_empty() && action.treatments[0].channel == 0);
    spec.actions = vec![ActionSpec {
        eligibility: Condition::Is(Truth::Segment(newcomers as u8)),
        applicability: Condition::Constant(true),
        suitability: Condition::Constant(true),
        purpose: Purpose::Service,
        only_when_wanted: false,
        ..plain.unwrap().clone()
    }];
    let mut world = World::new(spec);
    let customer = world.engine.customer("never identified").unwrap();
    assert_eq!(world.want(customer, "").answers.len(), 1);
}

#[test]
fn a_dead_hub_makes_a_zone_unknown_and_nobody_is_sent_on_what_was_known() {
    for_each_seed("stadium", |spec, rng| {
        let mut world = World::new(spec.clone());
        let customer = world.customer("ada", Some(0));
        let start = any_place(&world, rng);
        world.stay_at(0, start, 4);
        let said = world.want(customer, "food");
        let venue = std::sync::Arc::clone(world.generation.venue());
        let Some(stand) = said.place().and_then(|id| venue.place_by_id(id)) else {
            return;
        };
        assert!(said.answers[0].reasons.contains(&Reason::LeastWalkAndWait), "{said:?}");
        let Some(zone) = venue.places[stand.index()].queue_zone else {
            return;
        };
        for (hub, of) in (0_u16..).zip(&venue.hubs) {
            if of.zones.contains(&zone) {
                world.kill(HubIx(hub));
            }
        }
        let dead_after_ms = u64::from(spec.settings.hub_dead_after_ms);
        for _ in 0..dead_after_ms / STEP_MS + 2 {
            world.stay_at(0, start, 1);
        }
        assert_eq!(world.engine.occupancy(zone), None, "unknown, not empty");
        let queue = world.engine.queues().find(|queue| queue.place == stand).unwrap().queue;
        assert_eq!((queue.people, queue.wait_s), (None, None));
        let said = world.want(customer, "food");
        assert_ne!(
            said.place(),
            Some(venue.places[stand.index()].id.as_str()),
            "other queues are known: {said:?}"
        );
    });
}

#[test]
fn a_queue_that_nobody_has_seen_for_thirty_seconds_is_not_used_and_the_answer_says_so() {
    for_each_seed("stadium", |spec, rng| {
        let mut spec = spec.clone();
        // So patient with its hubs that only the age of the count can matter.
        spec.settings.hub_dead_after_ms = 600_000;
        let mut world = World::new(spec);
        let customer = world.customer("ada", Some(0));
        let start = any_place(&world, rng);
        world.stay_at(0, start, 4);
        let said = world.want(customer, "food");
        let venue = std::sync::Arc::clone(world.generation.venue());
        let stand = said.place().and_then(|id| venue.place_by_id(id));
        let Some(zone) = stand.and_then(|stand| venue.places[stand.index()].queue_zone) else {
            return;
        };
        for (hub, of) in (0_u16..).zip(&venue.hubs) {
            if of.zones.contains(&zone) {
                world.kill(HubIx(hub));
            }
        }
        let killed_ms = world.now_ms;
        let mut ages = [0, 0];
        while world.now_ms < killed_ms + 40_000 {
            world.stay_at(0, start, 4);
            let (said, age_ms) = (world.want(customer, "food"), world.now_ms - killed_ms);
            let is_said = |answer: &SaidAnswer| answer.reasons.contains(&Reason::CrowdStale);
            let is_stale = said.answers.first().is_some_and(is_said);
            if age_ms < 29_000 {
                assert!(
                    !is_stale && world.engine.occupancy(zone).is_some(),
                    "{age_ms} ms: {said:?}"
                );
            }
            if age_ms > 31_000 {
                assert!(
                    is_stale && world.engine.occupancy(zone).is_none(),
                    "{age_ms} ms: {said:?}"
                );
            }
            ages[usize::from(is_stale)] += 1;
        }
        assert!(ages.iter().all(|&seen| seen > 5), "{ages:?}");
    });
}

#[test]
fn a_position_older_than_its_time_to_live_is_not_used() {
    for_each_seed("stadium", |spec, rng| {
        let mut world = World::new(spec.clone());
        let customer = world.customer("ada", Some(0));
        let place = any_place(&world, rng);
        world.stay_at(0, place, 4);
        let fresh = world.want(customer, "food");
        assert!(
            world.engine.position(world.now(), customer).is_some() && fresh.zone.is_some(),
            "{fresh:?}"
        );
        world.now_ms += u64::from(spec.settings.position_ttl_ms) + STEP_MS;
        let stale = world.want(customer, "food");
        assert!(stale.reasons.contains(&Reason::PositionStale), "{stale:?}");
        assert_eq!(
            (stale.zone.as_ref(), world.engine.position(world.now(), customer)),
            (None, None)
        );
        assert!(stale.answers.iter().all(|answer| answer.walk_s.is_none()), "{stale:?}");
        world.pass(8_000);
        let zones = world.generation.venue().zones.len() as u16;
        let people: u32 = (0..zones).filter_map(|zone| world.engine.occupancy(ZoneIx(zone))).sum();
        assert_eq!(people, 0, "who is gone is counted out");
    });
}

#[test]
fn withdrawn_consent_holds_in_the_very_next_decide() {
    for_each_seed("stadium", |spec, rng| {
        let mut world = World::new(spec.clone());
        let customer = world.customer("ada", Some(0));
        let place = any_place(&world, rng);
        world.stay_at(0, place, 4);
        world.consent(customer, Purpose::Marketing, false);
        let query = Query {
            answers_max: 3,
            why: true,
            ..Query::default()
        };
        let said = world.ask(customer, &query);
        let purpose_of = |id: &str| spec.actions.iter().find(|action| action.id == id).unwrap().purpose;
        assert!(
            said.answers
                .iter()
                .all(|answer| purpose_of(&answer.action) != Purpose::Marketing),
            "{said:?}"
        );
        assert!(
            said.not_chosen.iter().any(|(_, reason)| *reason == Reason::NoConsent),
            "{said:?}"
        );
        assert_eq!(world.engine.counts().tags, 1);
        world.consent(customer, Purpose::Location, false);
        assert_eq!(
            (world.engine.position(world.now(), customer), world.engine.counts().tags),
            (None, 0)
        );
        let said = world.ask(customer, &query);
        assert_eq!(said.zone, None);
        let before = seen(&world, &[customer]);
        world.stay_at(0, place, 4);
        assert_eq!(
            seen(&world, &[customer]),
            before,
            "the hubs still hear the tag, and nobody is it"
        );
    });
}

#[test]
fn unknown_tags_leave_no_trace() {
    for_each_seed("stadium", |spec, rng| {
        let mut world = World::new(spec.clone());
        let people = people(&mut world);
        world.step();
        let (before, counts) = (seen(&world, &people), world.engine.counts());
        for stranger in 0..20 {
            let place = any_place(&world, rng);
            world.stay_at(1_000 + stranger, place, 1);
        }
        assert_eq!((seen(&world, &people), world.engine.counts()), (before, counts));
    });
}

#[test]
fn a_message_id_is_applied_once_and_never_with_another_content() {
    for_each_seed("stadium", |spec, rng| {
        let mut world = World::new(spec.clone());
        let customer = world.customer("ada", None);
        let bought = |total| {
            [Property {
                name: "total",
                value: Value::Number(total),
            }]
        };
        let (total, other) = (f64::from(rng.random_range(1..100_u8)), 1_000.0);
        let first = signal("order-1", SignalKind::Track, "Order Completed", &bought(total));
        let conflict = signal("order-1", SignalKind::Track, "Order Completed", &bought(other));
        let outcome = world.engine.on_signal(world.now(), customer, &first).unwrap();
        assert!(!outcome.is_duplicate);
        let once = world.want(customer, "");
        for _ in 0..rng.random_range(1..12) {
            assert!(
                world
                    .engine
                    .on_signal(world.now(), customer, &first)
                    .unwrap()
                    .is_duplicate
            );
            assert_eq!(
                world.engine.on_signal(world.now(), customer, &conflict),
                Err(SignalError::Conflict)
            );
        }
        let again = world.want(customer, "");
        assert_eq!(again.stage, once.stage, "a second order would have moved the stage on");
        let ben = world.customer("ben", None);
        let of_ben = world.engine.on_signal(world.now(), ben, &conflict);
        assert!(!of_ben.unwrap().is_duplicate, "ids are each person's own");
    });
}
