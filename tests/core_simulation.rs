//! The core on virtual time: thousands of venues, each drawn from a seed, against models that are too simple to be wrong.
//!
//! ```text
//! cargo test --locked --test core_simulation
//! ```
//!
//! A seed that fails prints the command that runs it alone. What happens in a venue, and what must hold, says
//! `tests/simulation/core/mod.rs`; that it would notice shows `tests/planted_bugs.rs`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod support;

#[path = "simulation/core/mod.rs"]
mod core;
#[path = "simulation/reference.rs"]
mod reference;
#[path = "simulation/seeds.rs"]
mod seeds;

use core::Happened;
use support::pack;

/// Seeds of one run. `SEEDS` in the environment asks for more, `SEED` for one alone.
const SEEDS: u64 = 2_000;
/// What seldom happens must have happened at least so often, in a run of [`SEEDS`].
const SELDOM_MIN: u64 = 20;
/// Everything that can happen, by the words with which it is counted.
const HAPPENINGS: [&str; 37] = [
    "answered",
    "decide within a decide",
    "entered a zone",
    "generation published",
    "hub booted",
    "hub gone",
    "hub reconnected",
    "hub silent",
    "left a zone",
    "made up",
    "no action",
    "numbers skipped",
    "outcome of another's",
    "outcome of one's own",
    "position known",
    "position not known",
    "sent to a place",
    "sighting contradicted",
    "sighting folded",
    "sighting lost",
    "sighting moved somebody",
    "sighting of a closed session",
    "sighting of a stranger",
    "sighting sent again",
    "sighting was a duplicate",
    "sighting was late",
    "signal applied",
    "signal in conflict",
    "signal was a duplicate",
    "signal with too many tags",
    "tag refused",
    "tag taken",
    "time leapt",
    "venue signal",
    "withdrawn while placed",
    "withdrawn while registered",
    "zone unseen",
];

#[test]
fn nothing_that_happens_in_two_thousand_venues_breaks_a_promise() {
    let bases = [pack("museum"), pack("stadium")];
    let mut happened = Happened::default();
    let seeds = seeds::asked_for(SEEDS);
    let len = seeds.end - seeds.start;
    for seed in seeds {
        seeds::name_if_it_fails(seed, "core_simulation", || happened.add(&core::run(seed, &bases).0));
    }
    println!(
        "{len} seeds, {} events each: {:#?}",
        happened.events() / len,
        happened.0
    );
    if len < SEEDS {
        return;
    }
    for what in HAPPENINGS {
        let is_within = what.contains("with") && !cfg!(feature = "planted-bugs") && what != "signal with too many tags";
        let often = happened.0.get(what).copied().unwrap_or(0);
        assert!(often >= SELDOM_MIN || is_within, "{what:?} happened {often} times");
    }
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let bases = [pack("museum"), pack("stadium")];
    for seed in 0..20 {
        assert_eq!(core::run(seed, &bases).1, core::run(seed, &bases).1, "seed {seed}");
    }
}
