//! How long does a sighting take from bytes to zone: on a small floor and in a full stadium, in a room of people and with
//! 70,000 of them?
//!
//! The gateway's own path: batches as hubs send them are decoded in place, and each sighting is resolved, folded, and
//! when a step closes, placed and written into its carrier's record. Every tag is heard by three hubs in every second, in
//! one of two ways: the three hear one advertisement, so that one sighting of three closes a step, or each hears another
//! one in another step, so that each closes one, which is the worst case. Tags come in random order; of 70,000 none is in
//! a cache. A batch is timed as a whole: p50 and p99 are over its sightings' share of it.
//!
//! `cargo bench --locked --no-default-features --bench sighting`; without `--bench` everything is run once with few tags.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a bench stops at the first surprise, and measures real time"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use nextbest::engine::spec::Spec;
use nextbest::engine::{Engine, Generation, HubIntake, SightingOutcome};
use nextbest::model::{STEP_MS, Sighting, TagId, TagKind, Timestamp};
use nextbest::wire::SightingBatchReader;
use nextbest_proto::v1;
use nextbest_venue::{HubIx, Point, Raster, Venue};
use prost::Message;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use support::synthetic::{populate, synthetic};
use support::world::tag_id;

const TAGS_MANY: u32 = 70_000;
const TAGS_FEW: u32 = 64;
const HEARERS: usize = 3;
const STEPS_PER_S: usize = 4;
/// Sightings of the largest batch.
const BATCH_LEN_MAX: usize = 64;
/// Sightings that a row of the table measures.
const MEASURED: usize = 3_000_000;

/// How the hubs that hear a tag share its advertisements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// All hear the same one.
    Together,
    /// Each hears another one, in another step.
    Apart,
}

/// One hub's batch in one step of the second.
struct Batch {
    hub: usize,
    step: u64,
    len: usize,
    bytes: Vec<u8>,
}

struct World {
    engine: Engine,
    intakes: Vec<HubIntake>,
    second: u64,
    moved: u64,
}

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let many = if is_measured { TAGS_MANY } else { 500 };
    println!("{:>34} {:>8} {:>8} {:>8}", "ns a sighting", "mean", "p50", "p99");
    for (name, spec) in [
        ("364 m2", support::pack("tetam")),
        ("stadium", support::pack("stadium")),
    ] {
        println!("{name}, {} m2 of cells, {} hubs", area_m2(&spec), spec.venue.hubs.len());
        for (people, tags) in [("warm", TAGS_FEW), ("cold", many)] {
            for (hearing, heard) in [(Hearing::Together, "together"), (Hearing::Apart, "apart")] {
                let mut spec = synthetic(&spec, 0, 5, 0.1, tags);
                spec.settings.position_ttl_ms = 15_000;
                if spec.vocabulary.tiers.is_empty() {
                    spec.vocabulary.tiers.push("guest".to_owned());
                }
                let mut world = World::new(spec, tags);
                let batches = second(&world, tags, hearing);
                let seconds = if is_measured {
                    MEASURED / (tags as usize * HEARERS)
                } else {
                    1
                };
                // The first second finds everybody.
                world.take_second(&batches, &mut |_, _| ());
                let row = format!("{tags} tags, {people}, heard {heard}");
                print(&row, &batches, seconds, |batch_took| {
                    world.take_second(&batches, batch_took);
                });
                black_box(world.moved);
            }
        }
    }
    let world = World::new(synthetic(&support::pack("stadium"), 0, 5, 0.1, many), many);
    let batches = second(&world, many, Hearing::Apart);
    let rounds = if is_measured { 10 } else { 1 };
    for (name, decode) in [
        ("decode alone, in place", decode_in_place as fn(&[u8])),
        ("decode alone, into structs", decode_into_structs),
    ] {
        print(name, &batches, rounds, |batch_took| {
            for batch in &batches {
                let began = Instant::now();
                decode(&batch.bytes);
                batch_took(began.elapsed().as_nanos() as u64, batch.len);
            }
        });
    }
}

/// Prints what rounds of batches took.
fn print(name: &str, batches: &[Batch], rounds: usize, mut round: impl FnMut(&mut dyn FnMut(u64, usize))) {
    let mut shares = Histogram::<u64>::new(3).unwrap();
    let mut total_ns = 0;
    for _ in 0..rounds {
        round(&mut |took_ns, len| {
            total_ns += took_ns;
            shares.record_n(took_ns / len as u64, len as u64).unwrap();
        });
    }
    let sightings: usize = batches.iter().map(|batch| batch.len).sum();
    println!(
        "{name:>34} {:>8.0} {:>8} {:>8}",
        total_ns as f64 / (rounds * sightings) as f64,
        shares.value_at_quantile(0.5),
        shares.value_at_quantile(0.99)
    );
}

impl World {
    fn new(spec: Spec, tags: u32) -> Self {
        let engine = Engine::new(Generation::build(spec).unwrap()).unwrap();
        populate(&engine, tags, tags);
        let hubs = engine.generation().venue().hubs.len();
        let connect = |hub| engine.hub_connected(Timestamp::from_millis(0), HubIx(hub), 1, 0);
        Self {
            intakes: (0..hubs as u16).map(connect).collect(),
            engine,
            second: 1,
            moved: 0,
        }
    }

    /// Takes a second of batches, and says how long each took.
    fn take_second(&mut self, batches: &[Batch], batch_took: &mut dyn FnMut(u64, usize)) {
        for batch in batches {
            let now = Timestamp::from_millis(self.second * 1_000 + batch.step * STEP_MS);
            let intake = &mut self.intakes[batch.hub];
            let began = Instant::now();
            let first = intake.next_sequence();
            let reader = SightingBatchReader::new(&batch.bytes).unwrap();
            let numbered = reader
                .sightings()
                .map(|(at, sighting)| (first + at, Some(sighting.unwrap())));
            let moved = &mut self.moved;
            self.engine
                .on_sightings(now, intake, numbered, |outcome| match outcome {
                    // Of millions of honest readings a few are taken for lies.
                    SightingOutcome::Folded | SightingOutcome::Contradicted => {}
                    SightingOutcome::Moved(_) => *moved += 1,
                    refused @ (SightingOutcome::Duplicate
                    | SightingOutcome::Late
                    | SightingOutcome::Beacon
                    | SightingOutcome::UnknownTag
                    | SightingOutcome::NotARadioValue) => panic!("{refused:?}"),
                });
            self.engine.on_hub_alive(now, intake);
            batch_took(began.elapsed().as_nanos() as u64, batch.len);
        }
        self.second += 1;
    }
}

fn decode_in_place(bytes: &[u8]) {
    for (_, sighting) in SightingBatchReader::new(bytes).unwrap().sightings() {
        black_box(sighting.unwrap());
    }
}

fn decode_into_structs(bytes: &[u8]) {
    for sighting in v1::SightingBatch::decode(bytes).unwrap().sightings {
        black_box(Sighting {
            tag: TagId::new(TagKind::Address, &sighting.identity).unwrap(),
            rssi_dbm: sighting.rssi_dbm as i8,
            age_ms: sighting.age_ms,
        });
    }
}

/// What the cells that the locator knows cover.
fn area_m2(spec: &Spec) -> u32 {
    let floor = &spec.venue.floor;
    let cells: u32 = floor.rasters.iter().map(|raster| raster.columns * raster.rows).sum();
    (cells as f32 * floor.pitch_m * floor.pitch_m) as u32
}

/// One second: everybody stands somewhere and is heard by the hubs nearest to it.
fn second(world: &World, tags: u32, hearing: Hearing) -> Vec<Batch> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let generation = world.engine.generation();
    let map = generation.venue();
    let stands = stands(map);
    let mut order: Vec<u32> = (0..tags).collect();
    order.shuffle(&mut rng);
    let mut heard = vec![vec![Vec::new(); map.hubs.len()]; STEPS_PER_S];
    for tag in order {
        let (level, at) = stands[rng.random_range(0..stands.len())];
        let mut near: Vec<(f32, usize)> = (0..)
            .zip(&map.hubs)
            .filter(|(_, hub)| hub.level.index() == level)
            .map(|(ix, hub): (usize, _)| (hub.at.distance_m(at), ix))
            .collect();
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        let first_step = rng.random_range(0..STEPS_PER_S);
        for (later, (distance_m, hub)) in near.into_iter().take(HEARERS).enumerate() {
            let rssi_dbm = (-59.0 - 24.0 * distance_m.max(1.0).log10() + rng.random_range(-4.0..4.0)) as i8;
            let step = match hearing {
                Hearing::Together => first_step,
                Hearing::Apart => (first_step + later) % STEPS_PER_S,
            };
            heard[step][hub].push(Sighting {
                tag: tag_id(tag),
                rssi_dbm,
                age_ms: 20,
            });
        }
    }
    let of_step = |(step, hubs): (u64, Vec<Vec<Sighting>>)| {
        hubs.into_iter()
            .enumerate()
            .flat_map(move |(hub, sightings)| batches(hub, step, &sightings))
    };
    (0..).zip(heard).flat_map(of_step).collect()
}

/// The middles of all cells in which one can stand, by level.
fn stands(map: &Venue) -> Vec<(usize, Point)> {
    let of_level = |(level, raster): (usize, &Raster)| -> Vec<(usize, Point)> {
        let walkable = (0_u32..).zip(&raster.walkable).filter(|(_, walkable)| **walkable);
        let middle = |cell: u32| {
            let middle_m = |cells: u32| (cells as f32 + 0.5) * map.floor.pitch_m;
            Point::new(
                raster.origin.east_m + middle_m(cell % raster.columns),
                raster.origin.north_m + middle_m(cell / raster.columns),
            )
        };
        walkable.map(|(cell, _)| (level, middle(cell))).collect()
    };
    map.floor.rasters.iter().enumerate().flat_map(of_level).collect()
}

fn batches(hub: usize, step: u64, sightings: &[Sighting]) -> Vec<Batch> {
    let batch = |sightings: &[Sighting]| Batch {
        hub,
        step,
        len: sightings.len(),
        bytes: encode(sightings),
    };
    sightings.chunks(BATCH_LEN_MAX).map(batch).collect()
}

fn encode(sightings: &[Sighting]) -> Vec<u8> {
    let encode = |sighting: &Sighting| v1::Sighting {
        identity_kind: v1::IdentityKind::Address as i32,
        identity: sighting.tag.as_bytes().to_vec().into(),
        rssi_dbm: i32::from(sighting.rssi_dbm),
        age_ms: sighting.age_ms,
    };
    let sightings = sightings.iter().map(encode).collect();
    v1::SightingBatch {
        boot_epoch: 1,
        first_sequence: 0,
        sent_at_ms: 0,
        sightings,
    }
    .encode_to_vec()
}
