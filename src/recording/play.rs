//! A walk, played through a tracker: sightings in, and every half second what it says.
//!
//! Causal: what is said at an instant rests on sightings before it alone. A tracker is the real locator, or one of the
//! comparators of `benches/side_by_side`, so that all are asked the same. Deliberately absent: clocks; whoever wants to
//! know what a sighting costs calls [`run`] and looks at his own.

use nextbest_venue::Point;

use super::site::Site;
use super::walk::Walk;
use crate::engine::locate::{Locator, NO_ZONE, STEP_MS, Track};

/// How often a place is asked for, in milliseconds.
pub const SCORE_EVERY_MS: u32 = 500;

/// Whatever says where a tag is.
pub trait Tracker {
    /// A station heard the tag, `at_ms` after the walk began.
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8);

    /// Where the tag is at an instant that no sighting comes before any more.
    fn place(&mut self, at_ms: u32) -> Option<Estimate>;
}

/// Where a tracker says the tag is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Its place.
    pub at: Point,
    /// Its zone, [`NO_ZONE`] outside of all.
    pub zone: u16,
}

/// One instant: what was said, and what was true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instant {
    /// Since the walk's first line.
    pub at_ms: u32,
    /// What the tracker said; `None` when it had no place.
    pub said: Option<Estimate>,
    /// The true place, where somebody knows it.
    pub true_place: Option<Point>,
    /// The true zone, [`NO_ZONE`] outside of all, where somebody knows it.
    pub true_zone: Option<u16>,
}

/// The real locator with one tag.
#[derive(Debug)]
pub struct LocatorTracker<'a> {
    locator: &'a Locator,
    track: Track,
}

impl<'a> LocatorTracker<'a> {
    /// A tag that nobody heard.
    #[must_use]
    pub fn new(locator: &'a Locator) -> Self {
        Self {
            locator,
            track: Track::default(),
        }
    }
}

impl Tracker for LocatorTracker<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        self.locator
            .observe(&mut self.track, at_ms / STEP_MS, station, rssi_dbm);
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        let fix = self.locator.close(&mut self.track, at_ms / STEP_MS)?;
        Some(Estimate {
            at: Point::new(fix.east_m, fix.north_m),
            zone: fix.zone.unwrap_or(NO_ZONE),
        })
    }
}

/// Plays a walk and hands over what is said every half second.
pub fn run(tracker: &mut impl Tracker, walk: &Walk, mut said: impl FnMut(u32, Option<Estimate>)) {
    let mut coming = walk.heard.iter().peekable();
    for at_ms in (SCORE_EVERY_MS..=walk.lasts_ms()).step_by(SCORE_EVERY_MS as usize) {
        while let Some(heard) = coming.next_if(|heard| heard.at_ms < f64::from(at_ms)) {
            tracker.observe(heard.at_ms as u32, heard.station, heard.rssi_dbm);
        }
        said(at_ms, tracker.place(at_ms));
    }
}

impl Instant {
    /// What was said, with the truth beside it.
    #[must_use]
    pub fn of(site: &Site, walk: &Walk, at_ms: u32, said: Option<Estimate>) -> Self {
        Self {
            at_ms,
            said,
            true_place: walk.true_place(f64::from(at_ms)),
            true_zone: site.true_zone(walk, f64::from(at_ms)),
        }
    }
}

/// Plays a walk and puts the truth beside what is said.
pub fn play(site: &Site, tracker: &mut impl Tracker, walk: &Walk) -> Vec<Instant> {
    let mut instants = Vec::new();
    run(tracker, walk, |at_ms, said| {
        instants.push(Instant::of(site, walk, at_ms, said));
    });
    instants
}
