//! A place where people are served: its servers, who waits, and where the line stands.
//!
//! First come, first served, by whichever server is free first. Because nobody overtakes and nobody gives up,
//! a fan's turn is known when they join: the line is a list of moments, not a simulation of its own.

use std::{cmp::Reverse, collections::BinaryHeap};

use nextbest_venue::{LevelIx, Place, Point, Venue};

use super::walk::{Stance, direction_rad};

#[derive(Debug)]
pub(super) struct Stand {
    /// When each server is free, soonest first.
    free_ms: BinaryHeap<Reverse<u64>>,
    service_s: f32,
    /// Spots of the line, nearest to the counter first.
    spots: Vec<Point>,
    level: LevelIx,
    counter: Point,
    /// Tickets given, turns that have come, and fans who have been served.
    joined: u64,
    begun: u64,
    served: u64,
}

/// What a fan gets who joins the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Their number in the line of the day.
    pub(super) ticket: u64,
    pub(super) begins_ms: u64,
    pub(super) ends_ms: u64,
}

impl Stand {
    pub(super) fn new(venue: &Venue, place: &Place) -> Self {
        let servers = usize::from(place.servers);
        Self {
            free_ms: std::iter::repeat_n(Reverse(0), servers).collect(),
            service_s: if place.service_s > 0.0 {
                place.service_s
            } else {
                UNSERVED_STAY_S
            },
            spots: spots(venue, place),
            level: place.level,
            counter: place.at,
            joined: 0,
            begun: 0,
            served: 0,
        }
    }

    /// A fan joins at `now_ms`; `service_factor` is their own service time in units of the mean.
    pub(super) fn join(&mut self, now_ms: u64, service_factor: f32) -> Turn {
        let ticket = self.joined;
        self.joined += 1;
        let service_ms = (self.service_s * service_factor * 1_000.0).max(1.0) as u64;
        let Some(mut soonest) = self.free_ms.peek_mut() else {
            return Turn {
                ticket,
                begins_ms: now_ms,
                ends_ms: now_ms + service_ms,
            };
        };
        let begins_ms = soonest.0.max(now_ms);
        soonest.0 = begins_ms + service_ms;
        Turn {
            ticket,
            begins_ms,
            ends_ms: begins_ms + service_ms,
        }
    }

    /// The turn of one fan has come.
    pub(super) fn begin(&mut self) {
        self.begun += 1;
    }

    /// One fan has been served.
    pub(super) fn end(&mut self) {
        self.served += 1;
    }

    /// How many wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        (self.joined - self.begun) as usize
    }

    /// How many are being served.
    pub(super) fn in_service(&self) -> usize {
        (self.begun - self.served) as usize
    }

    /// How many have been served since the gates opened.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    /// How long somebody who joined at `now_ms` would wait, in seconds.
    pub(super) fn wait_s(&self, now_ms: u64) -> f32 {
        self.free_ms
            .peek()
            .map_or(0.0, |soonest| soonest.0.saturating_sub(now_ms) as f32 / 1_000.0)
    }

    /// How far the end of the line is from the counter, in seconds of walking.
    pub(super) fn tail_s(&self) -> f32 {
        let tail = self.spots.get(self.spot(self.waiting()));
        tail.map_or(0.0, |tail| tail.distance_m(self.counter) / nextbest_venue::WALK_M_PER_S)
    }

    /// Where the fan with this ticket stands, facing the counter.
    pub(super) fn stance(&self, ticket: u64) -> Stance {
        let at = self
            .spots
            .get(self.spot(ticket.saturating_sub(self.begun) as usize))
            .copied()
            .unwrap_or(self.counter);
        Stance {
            level: self.level,
            at,
            facing_rad: direction_rad(at, self.counter),
        }
    }

    fn spot(&self, ahead: usize) -> usize {
        (ahead / FANS_PER_SPOT).min(self.spots.len().saturating_sub(1))
    }
}

/// The walkable cells in which one stands at the place, nearest first; the counter alone when there are none.
fn spots(venue: &Venue, place: &Place) -> Vec<Point> {
    let zone = place.queue_zone.unwrap_or(place.zone);
    let Some(raster) = venue.floor.rasters.get(place.level.index()) else {
        return vec![place.at];
    };
    let cells = raster.walkable.iter().zip(&raster.zone).enumerate();
    let inside = cells.filter(|(_, (walkable, of))| **walkable && **of == zone.0);
    let mut spots: Vec<Point> = inside
        .map(|(cell, _)| venue.floor.centre(place.level, cell))
        .filter(|at| at.distance_m(place.at) <= LINE_M)
        .collect();
    spots.sort_by(|a, b| a.distance_m(place.at).total_cmp(&b.distance_m(place.at)));
    spots.truncate(SPOTS_MAX);
    spots
}

/// Two people stand in a cell of a metre or so.
const FANS_PER_SPOT: usize = 2;
/// A line is packed within this distance of the counter.
const LINE_M: f32 = 25.0;
/// No line has more spots; further fans share the last one.
const SPOTS_MAX: usize = 256;
/// How long one stays at a place where nobody serves, when the map does not say.
const UNSERVED_STAY_S: f32 = 60.0;
