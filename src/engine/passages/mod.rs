//! What hubs hear at points that are known anyway: a till, a gate, a beacon on the wall.
//!
//! A venue that was never surveyed still learns its radio map, from traffic that says where it is: a sale names the
//! till, a ticket scan the gate, and a fixed beacon (the one beside a hub, too) never moves. Only sums are kept, by point and
//! station; of whom they are is gone when the passage is folded in. Deliberately absent: where points and stations are,
//! what a map expects there, and building a map, which the engine does.

mod evidence;
mod passage;

pub use evidence::{Evidence, HUBS_PER_POINT_MAX, Mean};
pub use passage::{PASSAGE_STEPS, Passage, Refused};

#[expect(
    clippy::disallowed_types,
    reason = "one per known point, held for one addition; tags' sightings never take it"
)]
use std::sync::{Mutex, PoisonError};

use std::sync::atomic::{AtomicU64, Ordering};

/// The evidence of all known points.
pub struct KnownPoints {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    points: Vec<Mutex<Evidence>>,
    /// Readings taken, of which the map knows nothing before it is built anew.
    readings: AtomicU64,
}

impl KnownPoints {
    /// Points of which nothing is known yet.
    #[must_use]
    pub fn new(points: usize) -> Self {
        Self {
            points: (0..points).map(|_| Default::default()).collect(),
            readings: AtomicU64::new(0),
        }
    }

    /// A station heard an ordinary tag at a point at this strength, in dBm; it counts once in a step.
    pub fn add(&self, step: u32, point: usize, station: u16, rssi_dbm: f32) {
        let Some(evidence) = self.points.get(point) else { return };
        let mut evidence = evidence.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = evidence.add(step, station, rssi_dbm);
        self.readings.fetch_add(u64::from(counts), Ordering::Relaxed);
    }

    /// Readings taken since the start.
    #[must_use]
    pub fn readings(&self) -> u64 {
        self.readings.load(Ordering::Relaxed)
    }

    /// Calls `say` with each point and each station of which enough was heard there.
    pub fn for_each(&self, mut say: impl FnMut(usize, Mean)) {
        for (point, evidence) in self.points.iter().enumerate() {
            let evidence = evidence.lock().unwrap_or_else(PoisonError::into_inner).clone();
            evidence.means().for_each(|mean| say(point, mean));
        }
    }
}
