//! The gateway and its clients with real QUIC between them, over a network that loses, doubles, delays and reorders.
//!
//! ```text
//! cargo test --locked --test network_simulation
//! ```
//!
//! A seed that fails prints the command that runs it alone. It does the same again, packet for packet, but for about one
//! seed in thirty: tokio's `select!` polls its branches in an order that the machine draws, and a stable runtime cannot
//! be given a seed for it. What happens and what must hold says `tests/simulation/network/mod.rs`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "simulation/network/mod.rs"]
mod network;
#[path = "simulation/seeds.rs"]
mod seeds;

use std::rc::Rc;

use network::{Came, Hall};

/// Seeds of one run. `SEEDS` in the environment asks for more, `SEED` for one alone.
const SEEDS: u64 = 100;
/// Seeds that are run twice, and of these, those that must send the same packets both times.
const SEEDS_TWICE: u64 = 30;
const SAME_MIN: usize = 24;

#[test]
fn on_a_hundred_bad_networks_nothing_acknowledged_is_lost_or_done_twice() {
    let hall = Rc::new(Hall::new());
    let mut all = Came::default();
    let seeds = seeds::asked_for(SEEDS);
    let len = seeds.end - seeds.start;
    for seed in seeds {
        seeds::name_if_it_fails(seed, "network_simulation", || {
            let came = network::run(seed, &hall);
            assert!(
                came.acked > 50 && came.signals > 10,
                "hardly anything happened: {came:?}"
            );
            all.trace.1 += came.trace.1;
            all.acked += came.acked;
            all.taken += came.taken;
            all.signals += came.signals;
            all.answered += came.answered;
            all.refused += came.refused;
        });
    }
    println!(
        "{len} seeds, {} packets: {} sightings acknowledged of {} taken, {} signals applied once, {} requests answered and {} refused",
        all.trace.1, all.acked, all.taken, all.signals, all.answered, all.refused
    );
}

#[test]
fn the_same_seed_sends_the_same_packets() {
    let hall = Rc::new(Hall::new());
    let is_same = |seed: &u64| network::run(*seed, &hall) == network::run(*seed, &hall);
    let same = (0..SEEDS_TWICE).filter(is_same).count();
    println!("{same} of {SEEDS_TWICE} seeds sent the same packets twice");
    assert!(
        same >= SAME_MIN,
        "only {same} of {SEEDS_TWICE} seeds sent the same packets twice"
    );
}
