//! What a sighting costs: a walk is played again and again, and the median play counts.
//!
//! A play is everything the locator does for the walk: every sighting folded in, every step closed and the place asked
//! for twice a second; its time is divided by the sightings. The median keeps out what else the machine does. Nothing
//! is read, allocated or scored meanwhile.

use std::hint::black_box;
use std::time::Instant;

use crate::recording::{Tracker, Walk, run};

/// Plays whose median counts.
const PLAYS: usize = 15;

/// The cost of one sighting in nanoseconds; zero for a walk in which nobody was heard.
pub(super) fn ns_per_sighting<T: Tracker>(walk: &Walk, tracker: impl Fn() -> T) -> f64 {
    if walk.heard.is_empty() {
        return 0.0;
    }
    let mut plays_ns: Vec<u128> = (0..PLAYS)
        .map(|_| {
            let mut tracker = tracker();
            let began = now();
            run(&mut tracker, walk, |at_ms, said| {
                black_box((at_ms, said));
            });
            began.elapsed().as_nanos()
        })
        .collect();
    plays_ns.sort_unstable();
    let median_ns = plays_ns.get(PLAYS / 2).copied().unwrap_or_default();
    median_ns as f64 / walk.heard.len() as f64
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement of real time, which decides nothing"
    )]
    Instant::now()
}
