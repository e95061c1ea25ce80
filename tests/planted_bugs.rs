//! The simulations would notice: every bug of `src/planted.rs`, planted alone, must be found by one of them.
//!
//! ```text
//! cargo test --locked --features planted-bugs --test planted_bugs -- --nocapture
//! ```
//!
//! prints how many seeds each took, from seed 0 on. Without a bug the same seeds find nothing,
//! also where calls are slipped in between two steps of another.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

#[path = "simulation/core/mod.rs"]
mod core;
#[path = "simulation/journal.rs"]
mod journal;
#[path = "simulation/network/mod.rs"]
mod network;
#[path = "simulation/reference.rs"]
mod reference;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::rc::Rc;

use core::Happened;
use network::Hall;

use nextbest::planted::{Bug, select};
use support::pack;

/// A bug that is not found in so many seeds is not found.
const SEEDS_MAX: u64 = 2_000;
/// Half of the bugs are to be found in as many seeds.
const MEDIAN_MAX: u64 = 200;
/// Seeds that must pass without a bug.
const SOUND_SEEDS: u64 = 200;

/// Bugs of listeners and sessions, which the simulation of the network finds; the core's finds all others.
const OF_SESSIONS: [Bug; 3] = [
    Bug::WallClockCounts,
    Bug::AcknowledgedBeforeTaken,
    Bug::AcknowledgedBeforeDurable,
];

/// Bugs of the journal, which the simulation of a disk that loses power finds.
const OF_JOURNAL: [Bug; 3] = [Bug::AcknowledgedBeforeSynced, Bug::SumUnchecked, Bug::TornRecordCounted];

/// A bug, and in how many seeds it was found.
struct Found {
    bug: Bug,
    seeds: u64,
}

#[test]
fn the_simulations_find_every_planted_bug() {
    let bases = [pack("museum"), pack("stadium")];
    let hall = Rc::new(Hall::new());
    let mut happened = Happened::default();
    for seed in 0..SOUND_SEEDS {
        happened.add(&core::run(seed, &bases).0);
    }
    println!(
        "{SOUND_SEEDS} seeds without a bug, {} events each",
        happened.events() / SOUND_SEEDS
    );
    for seed in 0..SOUND_SEEDS / 10 {
        network::run(seed, &hall);
    }
    for seed in 0..SOUND_SEEDS {
        journal::run(seed);
    }
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let search = |bug: &Bug| {
        if OF_SESSIONS.contains(bug) {
            find(*bug, |seed| network::run(seed, &hall))
        } else if OF_JOURNAL.contains(bug) {
            find(*bug, journal::run)
        } else {
            find(*bug, |seed| core::run(seed, &bases))
        }
    };
    let found: Vec<Found> = Bug::ALL.iter().map(search).collect();
    set_hook(hook);
    for Found { bug, seeds } in &found {
        println!("{seeds:>6} seeds  {:<32} {}", format!("{bug:?}"), bug.what());
    }
    let mut seeds: Vec<u64> = found.iter().map(|found| found.seeds).collect();
    seeds.sort_unstable();
    let median = seeds[seeds.len() / 2];
    println!("{} bugs, median {median} seeds", found.len());
    let missed = found.iter().filter(|found| found.seeds > SEEDS_MAX);
    let missed: Vec<Bug> = missed.map(|found| found.bug).collect();
    assert!(missed.is_empty(), "not found in {SEEDS_MAX} seeds: {missed:?}");
    assert!(median <= MEDIAN_MAX, "the median is {median} seeds");
}

/// Runs seeds until one fails.
fn find<R>(bug: Bug, run: impl Fn(u64) -> R) -> Found {
    let fails_with = |planted: Option<Bug>, seed: u64| {
        select(planted);
        let run = catch_unwind(AssertUnwindSafe(|| run(seed)));
        select(None);
        run.is_err()
    };
    let fails = |seed: &u64| {
        let is_found = fails_with(Some(bug), *seed);
        assert!(
            !is_found || !fails_with(None, *seed),
            "seed {seed} fails without {bug:?} too"
        );
        is_found
    };
    Found {
        bug,
        seeds: (0..SEEDS_MAX).find(fails).unwrap_or(SEEDS_MAX) + 1,
    }
}
