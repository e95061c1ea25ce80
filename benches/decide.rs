//! How long does a decide take with 1,024 actions of five criteria, at 1,000,000 customers with cold records?
//!
//! Beside it in the same run: the floor (one cold record read, and one cold read of a bare array), the bitmaps alone,
//! and the opposite of the floor, a typed walk over all conditions. Each at 2 % and 10 % of the actions eligible.
//! Everybody has a position, half of the actions have caps, one in five sends to a place, and each answer is worded.
//! Which customer comes next depends on the last answer, so that no two decides overlap.
//!
//! `cargo bench --locked --no-default-features --bench decide` runs it. A filter that contains `10,000,000` adds that many
//! people, who need 8 GiB. Criterion tells the mean; p50 and p99 come from timing each decide by itself, the clock's
//! own cost included.

#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use hdrhistogram::Histogram;
use nextbest::engine::condition::{Attributes, CATEGORIES_LEN, Category, Condition, Quantity, Truth};
use nextbest::engine::decide::catalogue::{Catalogue, WORDS_MAX};
use nextbest::engine::record::RECORD_WORDS;
use nextbest::engine::slab::Slab;
use nextbest::engine::spec::Spec;
use nextbest::engine::{CustomerSlot, Engine, Generation, Scratch};
use nextbest::model::{Query, STEP_MS, Sighting, Timestamp};
use nextbest_venue::HubIx;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use support::synthetic::{populate, synthetic};
use support::world::tag_id;

const ACTIONS: u32 = 1_024;
const CRITERIA: u32 = 5;
const SHARES_ELIGIBLE: [f64; 2] = [0.02, 0.10];
/// People whose records stay in the caches.
const WARM: usize = 64;
/// Decides that are timed one by one.
const TIMED: u32 = 200_000;
/// People who can have a position; each needs a kilobyte for their track.
const LOCATED_MAX: u32 = 1_000_000;
/// Virtual milliseconds between two decides: the caps' windows pass before anybody is asked again.
const APART_MS: u64 = 1_000;

fn main_question(criterion: &mut Criterion) {
    let size = if is_measured() { 1_000_000 } else { 1_000 };
    decide(criterion, size);
    floor(criterion, size as usize);
    conditions(criterion);
}

/// Only when asked for by name.
fn ten_million(criterion: &mut Criterion) {
    if is_measured() && std::env::args().any(|argument| argument.contains("10,000,000")) {
        decide(criterion, 10_000_000);
        floor(criterion, 10_000_000);
    }
}

/// Cargo says `--bench` when it measures, and nothing when it only tests that benches work.
fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// One person after the other, each chosen by what came out for the last.
struct Asker<'a> {
    engine: &'a Engine,
    generation: &'a Generation,
    people: &'a [CustomerSlot],
    scratch: Scratch,
    now_ms: u64,
    last: u64,
    eligible: u64,
    answers: u64,
    asked: u64,
}

impl Asker<'_> {
    fn ask(&mut self) {
        let customer = self.people[next(self.last) as usize % self.people.len()];
        self.now_ms += APART_MS;
        let now = Timestamp::from_millis(self.now_ms);
        let locale = self.generation.locale_for("");
        let query = Query {
            answers_max: 1,
            ..Query::default()
        };
        let decision = self
            .engine
            .decide(now, self.generation, customer, locale, &query, &mut self.scratch);
        self.last = self.last.wrapping_add(decision.decision_id).wrapping_add(1);
        self.asked += 1;
        self.eligible += u64::from(decision.actions_eligible);
        self.answers += u64::from(decision.answers[0].is_some_and(|answer| !answer.message.is_empty()));
    }
}

/// A permutation of 64 bits (the finaliser of MurmurHash3).
fn next(last: u64) -> u64 {
    let mixed = (last ^ last >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ mixed >> 33
}

fn decide(criterion: &mut Criterion, size: u32) {
    let stadium = support::pack("stadium");
    let specs = SHARES_ELIGIBLE.map(|share| synthetic(&stadium, ACTIONS, CRITERIA, share, size));
    let engine = Engine::new(Generation::build(specs[0].clone()).unwrap()).unwrap();
    let located = size.min(LOCATED_MAX);
    let people = populate(&engine, size, located);
    locate(&engine, located);
    let mut group = criterion.benchmark_group(format!("decide, {size} customers"));
    group.sample_size(if is_measured() { 30 } else { 10 });
    let mut now_ms = 10_000_000;
    for (share, spec) in SHARES_ELIGIBLE.iter().zip(specs) {
        let generation = Generation::build(spec).unwrap();
        for (name, people) in [("warm", &people[..WARM.min(people.len())]), ("cold", &people[..])] {
            let (engine, generation) = (&engine, &generation);
            let mut asker = Asker {
                engine,
                generation,
                people,
                scratch: Scratch::default(),
                now_ms,
                last: 1,
                eligible: 0,
                answers: 0,
                asked: 0,
            };
            group.bench_function(BenchmarkId::new(name, share), |bencher| bencher.iter(|| asker.ask()));
            report(&format!("{size} customers, {name}, {share} eligible"), &mut asker);
            now_ms = asker.now_ms;
        }
    }
    group.finish();
}

/// Everybody is heard in two steps by a hub of their own, so that everybody has a position.
fn locate(engine: &Engine, located: u32) {
    let hubs = engine.generation().venue().hubs.len() as u32;
    for hub in 0..hubs {
        let mut intake = engine.hub_connected(Timestamp::from_millis(0), HubIx(hub as u16), 1, 0);
        let mut sequence = 0;
        for step in [1, 2] {
            let now = Timestamp::from_millis(step * STEP_MS);
            for tag in (hub..located).step_by(hubs as usize) {
                let sighting = Sighting {
                    tag: tag_id(tag),
                    rssi_dbm: -65,
                    age_ms: 0,
                };
                black_box(engine.on_sighting(now, &mut intake, sequence, &sighting));
                sequence += 1;
            }
        }
    }
}

/// Times decides one by one.
#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn report(name: &str, asker: &mut Asker<'_>) {
    if !is_measured() {
        return;
    }
    let mut times_ns = Histogram::<u64>::new_with_max(1_000_000_000, 3).unwrap();
    let (mut clock_ns, timed) = (u64::MAX, f64::from(TIMED));
    (asker.eligible, asker.answers, asker.asked) = (0, 0, 0);
    for _ in 0..TIMED {
        let start = Instant::now();
        asker.ask();
        let end = Instant::now();
        clock_ns = clock_ns.min(end.elapsed().as_nanos() as u64);
        times_ns.saturating_record((end - start).as_nanos() as u64);
    }
    let at = |quantile: f64| times_ns.value_at_quantile(quantile);
    println!(
        "{name}: p50 {} ns, p90 {} ns, p99 {} ns, p99.9 {} ns (clock {clock_ns} ns); {:.1} eligible, {:.2} answers\n",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        asker.eligible as f64 / timed,
        asker.answers as f64 / timed,
    );
}

/// What no decide can be faster than.
fn floor(criterion: &mut Criterion, size: usize) {
    let mut group = criterion.benchmark_group(format!("floor, {size} records"));
    let slab = Slab::<RECORD_WORDS>::new(size);
    for record in 0..size {
        slab.write(record as u32, |words| words[1..].fill(record as u64 | 1));
    }
    let mut last = 1_u64;
    group.bench_function("record from the slab", |bencher| {
        bencher.iter(|| {
            let words = slab.read((next(last) % size as u64) as u32).unwrap();
            last = last.wrapping_add(black_box(words).iter().sum());
        });
    });
    drop(slab);
    let array: Vec<[u64; RECORD_WORDS]> = (1..=size as u64).map(|record| [record; RECORD_WORDS]).collect();
    group.bench_function("record from an array", |bencher| {
        bencher.iter(|| {
            let words = array[(next(last) % size as u64) as usize];
            last = last.wrapping_add(black_box(words).iter().sum());
        });
    });
    group.finish();
}

/// All conditions of all actions: by bitmaps, and one by one.
fn conditions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conditions of all actions");
    let stadium = support::pack("stadium");
    for share in SHARES_ELIGIBLE {
        let spec = synthetic(&stadium, ACTIONS, CRITERIA, share, 1);
        let policies: Vec<Condition> = spec
            .actions
            .iter()
            .map(|action| {
                [&action.eligibility, &action.applicability, &action.suitability]
                    .map(Clone::clone)
                    .to_vec()
            })
            .map(Condition::All)
            .collect();
        let catalogue = Catalogue::build(&policies, |category| values_len(&spec, category));
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let people: Vec<Attributes> = (0..4_096).map(|_| attributes(&spec, &mut rng)).collect();
        let mut bits = [0; WORDS_MAX];
        let mut person = 0;
        let mut any = || {
            person = (person + 1) % people.len();
            &people[person]
        };
        group.bench_function(BenchmarkId::new("bitmaps", share), |bencher| {
            bencher.iter_batched(
                &mut any,
                |person| catalogue.eligible(black_box(person), &mut bits),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("typed walk", share), |bencher| {
            bencher.iter_batched(
                &mut any,
                |person| policies.iter().filter(|policy| policy.holds(black_box(person))).count(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn values_len(spec: &Spec, category: Category) -> usize {
    let names = [
        (Category::Stage, spec.journey.stages.len()),
        (Category::Tier, spec.vocabulary.tiers.len()),
        (Category::Zone, spec.venue.zones.len()),
    ];
    // What is not here is a text of four values.
    names
        .into_iter()
        .find(|(named, _)| *named == category)
        .map_or(4, |(_, len)| len)
        + 1
}

fn attributes(spec: &Spec, rng: &mut ChaCha8Rng) -> Attributes {
    let mut attributes = Attributes::default();
    for category in [Category::Stage, Category::Tier, Category::Zone] {
        attributes.set_category(category, rng.random_range(1..values_len(spec, category)) as u16);
    }
    for slot in 0..(CATEGORIES_LEN - 10) as u8 {
        attributes.set_category(Category::Text(slot), rng.random_range(1..=4));
        attributes.set_quantity(Quantity::Number(slot), rng.random_range(0.0..1.0));
        attributes.set_truth(Truth::Flag(slot), rng.random_bool(0.5));
    }
    attributes
}

criterion_group!(benches, main_question, ten_million);
criterion_main!(benches);
