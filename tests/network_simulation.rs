//! The gateway and its clients with real QUIC between them, over a network that loses, doubles, delays and reorders.
//!
//! ```text
//! cargo test --locked --test network_simulation
//! ```
//!
//! A seed that fails prints the command that runs it alone, and does the same again, packet for packet: whoever waits for
//! several things looks at them in a fixed order (`biased`), because tokio's `select!` otherwise asks the machine for one.
//! What happens and what must hold says `tests/simulation/network/mod.rs`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "simulation/network/mod.rs"]
mod network;
#[path = "simulation/seeds.rs"]
mod seeds;

use std::rc::Rc;

use network::{Came, Hall};

/// Seeds of one run. `SEEDS` in the environment asks for more, `SEED` for one alone.
const SEEDS: u64 = 100;
/// Each seed is run twice, so that a run which cannot be repeated is found here and not when it is needed.
#[test]
fn on_a_hundred_bad_networks_nothing_acknowledged_is_lost_or_done_twice_and_each_can_be_repeated() {
    let hall = Rc::new(Hall::new());
    let mut all = Came::default();
    let seeds = seeds::asked_for(SEEDS);
    let len = seeds.end - seeds.start;
    for seed in seeds {
        seeds::name_if_it_fails(seed, "network_simulation", || {
            let came = network::run(seed, &hall);
            assert_eq!(came, network::run(seed, &hall), "the same seed did something else");
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
