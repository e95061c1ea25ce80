//! Tags that are registered, heard, taken over and withdrawn by many threads at once.
//!
//! Each person is looked after by one thread, which registers tags for them, takes other people's, and withdraws the
//! consent to be located; threads of hubs hear all tags meanwhile, and one lets time pass. Who has withdrawn is nowhere, at
//! once and until they allow it again, whatever is under way. When all threads have ended nothing may be left over: no
//! tag without a person, nobody counted in a zone, no place in a record that a tag once had.
//!
//! The threads are real, so a seed draws what each of them does and not how they meet; `tests/core_simulation.rs` has the
//! same races with seams between the steps of a call, and there a seed says all. `shuttle` is not used: its `dashmap` has
//! another locking than the one that ships, and the slab's orderings are loom's (`interleavings/tests/slab.rs`).

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

#[path = "simulation/seeds.rs"]
mod seeds;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nextbest::engine::{CustomerSlot, Engine, Generation, Scratch, SightingOutcome, VenueTime};
use nextbest::model::{Consent, Purpose, Query, STEP_MS, Sighting, Signal, SignalKind, Timestamp};
use nextbest_venue::{HubIx, ZoneIx};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use support::small;
use support::world::{signal, tag_id};

/// Seeds of one run.
const SEEDS: u64 = 10;
/// Threads that look after a person each.
const PEOPLE: u64 = 4;
/// Threads that hear everybody.
const LISTENERS: u64 = 2;
/// What each person's thread does.
const DEEDS: u32 = 200;
/// Tags that are fought over: fewer than people could carry.
const TAGS: u32 = 6;
/// Tags that one person may carry.
const TAGS_PER_PERSON: u32 = 5;

/// What all threads share.
struct Venue {
    engine: Engine,
    now_ms: AtomicU64,
    messages: AtomicU64,
    is_over: AtomicBool,
    start: Barrier,
}

#[test]
fn whatever_meets_nobody_is_found_after_withdrawing_and_nothing_is_left_over() {
    let spec = small("museum");
    for seed in seeds::asked_for(SEEDS) {
        seeds::name_if_it_fails(seed, "registration_races", || {
            let generation = Generation::build(spec.clone()).unwrap();
            run(seed, Engine::new(generation).unwrap());
        });
    }
}

fn run(seed: u64, engine: Engine) {
    let venue = Venue {
        engine,
        now_ms: AtomicU64::new(1_000_000),
        messages: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        start: Barrier::new((PEOPLE + LISTENERS + 1) as usize),
    };
    let slots: Vec<CustomerSlot> = (0..PEOPLE)
        .map(|person| venue.engine.customer(&format!("p{person}")).unwrap())
        .collect();
    std::thread::scope(|scope| {
        let venue = &venue;
        let people: Vec<_> = slots
            .iter()
            .enumerate()
            .map(|(person, slot)| scope.spawn(move || venue.live(*slot, seed * 100 + person as u64)))
            .collect();
        for listener in 0..LISTENERS {
            scope.spawn(move || venue.listen(HubIx(listener as u16), seed * 100 + 50 + listener));
        }
        scope.spawn(|| venue.pass());
        let ended: Vec<_> = people.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        venue.is_over.store(true, Ordering::Relaxed);
        for person in ended {
            person.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    venue.nothing_is_left_over(&slots);
}

impl Venue {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.load(Ordering::Relaxed))
    }

    fn says(&self, customer: CustomerSlot, allowed: bool, tags: &[u32]) -> u32 {
        let message_id = format!("m{}", self.messages.fetch_add(1, Ordering::Relaxed));
        let consents = vec![Consent::new(Purpose::Location, allowed)];
        let says = Signal {
            consents,
            tags: tags.iter().map(|tag| tag_id(*tag)).collect(),
            ..signal(&message_id, SignalKind::Identify, "", &[])
        };
        let outcome = self.engine.on_signal(self.now(), customer, &says);
        outcome.map_or(0, |outcome| outcome.tags_refused)
    }

    /// One person's life: tags come and go, and so does the consent.
    fn live(&self, customer: CustomerSlot, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tags: Vec<u32> = (0..TAGS).collect();
        let (generation, mut scratch) = (self.engine.generation(), Scratch::default());
        self.start.wait();
        for _ in 0..DEEDS {
            match rng.random_range(0..10) {
                0..5 => {
                    self.says(customer, true, &[*tags.choose(&mut rng).unwrap()]);
                }
                5..8 => {
                    let locale = generation.locale_for("en");
                    let query = Query::default();
                    self.engine
                        .decide(self.now(), &generation, customer, locale, &query, &mut scratch);
                }
                _ => {
                    self.says(customer, false, &[]);
                    for _ in 0..rng.random_range(1..40) {
                        let position = self.engine.position(self.now(), customer);
                        assert_eq!(position, None, "who withdrew is nowhere");
                        std::thread::yield_now();
                    }
                }
            }
        }
    }

    /// A hub hears every tag, again and again.
    fn listen(&self, hub: HubIx, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut intake = self.engine.hub_connected(self.now(), hub, 1, 0);
        self.start.wait();
        let mut sequence = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let sighting = Sighting {
                tag: tag_id(rng.random_range(0..TAGS)),
                rssi_dbm: rng.random_range(-80..-50),
                age_ms: 0,
            };
            self.engine.on_sighting(self.now(), &mut intake, sequence, &sighting);
            self.engine.on_hub_alive(self.now(), &mut intake);
            sequence += 1;
            std::thread::yield_now();
        }
    }

    fn pass(&self) {
        self.start.wait();
        while !self.is_over.load(Ordering::Relaxed) {
            self.step();
            std::thread::yield_now();
        }
    }

    fn step(&self) {
        self.now_ms.fetch_add(STEP_MS, Ordering::Relaxed);
        self.engine.tick(self.now(), VenueTime::default(), |_| {});
    }

    /// All threads have ended: everybody goes, and it is as if nobody had been there.
    fn nothing_is_left_over(&self, slots: &[CustomerSlot]) {
        let hubs = self.engine.generation().venue().hubs.len() as u16;
        for hub in (0..hubs).map(HubIx) {
            self.engine
                .on_hub_alive(self.now(), &mut self.engine.hub_arriving(self.now(), hub));
        }
        let mut intake = self.engine.hub_arriving(self.now(), HubIx(0));
        for slot in slots {
            self.says(*slot, false, &[]);
        }
        self.engine.on_hub_alive(self.now(), &mut intake);
        self.step();
        assert_eq!(self.engine.counts().tags, 0, "no tag without a person");
        for (sequence, tag) in (0..).zip(0..TAGS) {
            let sighting = Sighting {
                tag: tag_id(tag),
                rssi_dbm: -60,
                age_ms: 0,
            };
            let outcome = self.engine.on_sighting(self.now(), &mut intake, sequence, &sighting);
            assert_eq!(outcome, SightingOutcome::UnknownTag, "nobody is it");
        }
        let zones = self.engine.generation().venue().zones.len() as u16;
        let people: u32 = (0..zones).filter_map(|zone| self.engine.occupancy(ZoneIx(zone))).sum();
        assert_eq!(people, 0, "nobody is counted who is nowhere");
        for (slot, first) in slots.iter().zip((100..).step_by(10)) {
            let tags: Vec<u32> = (first..first + TAGS_PER_PERSON).collect();
            assert_eq!(self.says(*slot, true, &tags), 0, "a record has all its places again");
        }
        assert_eq!(self.engine.counts().tags, TAGS_PER_PERSON * slots.len() as u32);
    }
}
