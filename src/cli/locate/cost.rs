//! What a sighting costs the engine, from the bytes that a hub sends to the zone in a person's record: a walk is played
//! again and again, and the median play counts.
//!
//! A play is everything the gateway does for the walk: every batch decoded, every sighting resolved and folded in, every
//! step closed and written, and twice a second the time passed and the place asked for; what it takes is divided by the
//! sightings. The median keeps out what else the machine does. Nothing is read, encoded or scored meanwhile.

use std::hint::black_box;
use std::time::Instant;

use crate::recording::{Batch, Gateway, NoEngine, Site, Walk};

/// Plays whose median counts.
const PLAYS: usize = 15;

/// The cost of one sighting in nanoseconds; zero for a walk in which nobody was heard.
pub(super) fn ns_per_sighting(site: &Site, walk: &Walk) -> Result<f64, NoEngine> {
    if walk.heard.is_empty() {
        return Ok(0.0);
    }
    let batches = Batch::of(walk);
    let mut plays_ns = [0; PLAYS];
    for play_ns in &mut plays_ns {
        let mut gateway = Gateway::new(site)?;
        let began = now();
        gateway.play(&batches, walk.lasts_ms(), |at_ms, said| {
            black_box((at_ms, said));
        });
        *play_ns = began.elapsed().as_nanos();
    }
    plays_ns.sort_unstable();
    let median_ns = plays_ns.get(PLAYS / 2).copied().unwrap_or_default();
    Ok(median_ns as f64 / walk.heard.len() as f64)
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement of real time, which decides nothing"
    )]
    Instant::now()
}
