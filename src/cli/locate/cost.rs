//! What a sighting costs the engine, from the bytes that a hub sends to the zone in a person's record: a walk is played
//! again and again, and of each half second of it the median play counts.
//!
//! A play is everything the gateway does for the walk: every batch decoded, every sighting resolved and folded in, every
//! step closed and written, and twice a second the time passed and the place asked for; what it takes is divided by the
//! sightings. Half a second of a walk takes microseconds, so hardly any is interrupted by what else the machine does, while
//! of whole plays most are. Nothing is read, encoded or scored meanwhile.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::recording::{Batch, Gateway, NoEngine, Site, Walk};

/// Plays of which the median counts.
const PLAYS: usize = 15;

/// The cost of one sighting in nanoseconds; zero for a walk in which nobody was heard.
pub(super) fn ns_per_sighting(site: &Site, walk: &Walk) -> Result<f64, NoEngine> {
    if walk.heard.is_empty() {
        return Ok(0.0);
    }
    let batches = Batch::of(walk);
    let mut laps: Vec<Vec<Duration>> = Vec::new();
    for _ in 0..PLAYS {
        let mut gateway = Gateway::new(site)?;
        let (mut lap, mut began) = (0, now());
        gateway.play(&batches, walk.lasts_ms(), |at_ms, said| {
            black_box((at_ms, said));
            let took = began.elapsed();
            match laps.get_mut(lap) {
                Some(plays) => plays.push(took),
                None => laps.push(vec![took]),
            }
            (lap, began) = (lap + 1, now());
        });
    }
    let sum: Duration = laps.iter_mut().map(|plays| median(plays)).sum();
    Ok(sum.as_nanos() as f64 / walk.heard.len() as f64)
}

fn median(plays: &mut [Duration]) -> Duration {
    plays.sort_unstable();
    plays.get(plays.len() / 2).copied().unwrap_or_default()
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement of real time, which decides nothing"
    )]
    Instant::now()
}
