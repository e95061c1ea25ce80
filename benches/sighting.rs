//! How long does a sighting take from bytes to zone, in a full stadium at half-time?
//!
//! 70,000 tags, each heard by three hubs in every second. Tags come in random order and their tracks are far more than
//! the caches hold. Beside it the decoding of the batches alone: by the generated structs, and in place as the gateway
//! reads them. Every sighting falls into another step than the one before of its tag, so each closes a step: the worst
//! case.
//!
//! `cargo bench --locked --no-default-features --bench sighting`; criterion's throughput is sightings in a second on one core.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench stops at the first surprise")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nextbest::engine::{Engine, Generation, HubIntake, SightingOutcome};
use nextbest::model::{STEP_MS, Sighting, TagId, TagKind, Timestamp};
use nextbest::wire::SightingBatchReader;
use nextbest_proto::v1;
use nextbest_venue::HubIx;
use prost::Message;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use support::synthetic::{populate, synthetic};
use support::world::tag_id;

const TAGS: u32 = 70_000;
const HEARERS: usize = 3;
const STEPS_PER_S: usize = 4;
/// Sightings of the largest batch.
const BATCH_LEN_MAX: usize = 64;

/// One hub's batch in one step of the second.
struct Batch {
    hub: usize,
    step: u64,
    sightings: Vec<Sighting>,
    bytes: Vec<u8>,
}

struct Venue {
    engine: Engine,
    intakes: Vec<HubIntake>,
    sequences: Vec<u64>,
    second: u64,
    moved: u64,
}

impl Venue {
    fn new(spec: nextbest::engine::spec::Spec, tags: u32) -> Self {
        let engine = Engine::new(Generation::build(spec).unwrap()).unwrap();
        populate(&engine, tags, tags);
        let hubs = engine.generation().venue().hubs.len();
        let connect = |hub| engine.hub_connected(Timestamp::from_millis(0), HubIx(hub), 1, 0);
        let intakes = (0..hubs as u16).map(connect).collect();
        Self {
            engine,
            intakes,
            sequences: vec![0; hubs],
            second: 1,
            moved: 0,
        }
    }

    /// When a batch of the present second arrives.
    fn now(&self, batch: &Batch) -> Timestamp {
        Timestamp::from_millis(self.second * 1_000 + batch.step * STEP_MS)
    }

    fn take(&mut self, now: Timestamp, hub: usize, sighting: &Sighting) {
        let sequence = self.sequences[hub];
        self.sequences[hub] += 1;
        match self.engine.on_sighting(now, &mut self.intakes[hub], sequence, sighting) {
            SightingOutcome::Folded => {}
            SightingOutcome::Moved(_) => self.moved += 1,
            refused @ (SightingOutcome::Duplicate
            | SightingOutcome::Late
            | SightingOutcome::Beacon
            | SightingOutcome::Contradicted
            | SightingOutcome::UnknownTag
            | SightingOutcome::NotARadioValue) => panic!("{refused:?}"),
        }
    }
}

fn sighting(criterion: &mut Criterion) {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let tags = if is_measured { TAGS } else { 500 };
    let mut spec = synthetic(&support::pack("stadium"), 16, 5, 0.1, tags);
    spec.settings.position_ttl_ms = 15_000;
    let mut venue = Venue::new(spec, tags);
    let batches = second(&venue, tags);
    let mut group = criterion.benchmark_group(format!("sightings, {tags} tags by {HEARERS} hubs"));
    group.throughput(Throughput::Elements(
        batches.iter().map(|batch| batch.sightings.len() as u64).sum(),
    ));
    group.sample_size(10);
    group.bench_function("decode into structs", |bencher| {
        bencher.iter(|| {
            for batch in &batches {
                decode_into_structs(&batch.bytes, |sighting| {
                    black_box(sighting);
                });
            }
        });
    });
    group.bench_function("decode in place", |bencher| {
        bencher.iter(|| {
            for batch in &batches {
                decode_in_place(&batch.bytes, |sighting| {
                    black_box(sighting);
                });
            }
        });
    });
    group.bench_function("on_sighting", |bencher| {
        bencher.iter(|| {
            for batch in &batches {
                let now = venue.now(batch);
                batch
                    .sightings
                    .iter()
                    .for_each(|sighting| venue.take(now, batch.hub, sighting));
            }
            venue.second += 1;
        });
    });
    group.bench_function("bytes to zone", |bencher| {
        bencher.iter(|| {
            for batch in &batches {
                let now = venue.now(batch);
                decode_in_place(&batch.bytes, |sighting| venue.take(now, batch.hub, &sighting));
            }
            venue.second += 1;
        });
    });
    group.finish();
    println!("{} changes of zone in {} seconds", venue.moved, venue.second);
}

/// As the gateway reads them.
fn decode_in_place(bytes: &[u8], mut take: impl FnMut(Sighting)) {
    for (_, sighting) in SightingBatchReader::new(bytes).unwrap().sightings() {
        take(sighting.unwrap());
    }
}

/// By the generated structs.
fn decode_into_structs(bytes: &[u8], mut take: impl FnMut(Sighting)) {
    for sighting in v1::SightingBatch::decode(bytes).unwrap().sightings {
        let tag = TagId::new(TagKind::Address, &sighting.identity).unwrap();
        take(Sighting {
            tag,
            rssi_dbm: sighting.rssi_dbm as i8,
            age_ms: sighting.age_ms,
        });
    }
}

/// One second of the stadium: everybody stands near some place and is heard by the three hubs nearest to it, each in
/// another step.
fn second(venue: &Venue, tags: u32) -> Vec<Batch> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let generation = venue.engine.generation();
    let map = generation.venue();
    let mut order: Vec<u32> = (0..tags).collect();
    order.shuffle(&mut rng);
    let mut heard = vec![vec![Vec::new(); map.hubs.len()]; STEPS_PER_S];
    for tag in order {
        let place = &map.places[rng.random_range(0..map.places.len())];
        let mut near: Vec<(f32, usize)> = (0..)
            .zip(&map.hubs)
            .filter(|(_, hub)| hub.level == place.level)
            .map(|(ix, hub): (usize, _)| {
                (
                    (hub.at.east_m - place.at.east_m).hypot(hub.at.north_m - place.at.north_m),
                    ix,
                )
            })
            .collect();
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        let first_step = rng.random_range(0..STEPS_PER_S);
        for (later, (distance_m, hub)) in near.into_iter().take(HEARERS).enumerate() {
            let rssi_dbm = (-59.0 - 24.0 * distance_m.max(1.0).log10() + rng.random_range(-4.0..4.0)) as i8;
            heard[(first_step + later) % STEPS_PER_S][hub].push(Sighting {
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

fn batches(hub: usize, step: u64, sightings: &[Sighting]) -> Vec<Batch> {
    let batch = |sightings: &[Sighting]| Batch {
        hub,
        step,
        sightings: sightings.to_vec(),
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

criterion_group!(benches, sighting);
criterion_main!(benches);
