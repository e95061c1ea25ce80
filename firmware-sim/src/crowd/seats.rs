//! Where people sit: cells of the seating zones, with two crowded sides.
//!
//! Six in ten fans sit around two opposite ends of the bowl, as home and away supporters do; the others
//! anywhere. A venue without seating (a museum) seats people on any walkable cell that belongs to a zone.

use std::f32::consts::{PI, TAU};

use nextbest_venue::{LevelIx, NO_ZONE, Point, Venue};

use crate::prng::{draw, normal, scale, unit};

use super::walk::{Stance, direction_rad};

/// All seats of a venue, in order of their direction from the middle.
#[derive(Debug)]
pub(super) struct Seats {
    middle: Point,
    seats: Vec<Seat>,
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    level: LevelIx,
    at: Point,
    /// From the middle, as a share of a full turn, 0 to 1.
    turn: f32,
}

impl Seats {
    pub(super) fn new(venue: &Venue) -> Self {
        let mut cells = cells(venue, |category| category == "seating");
        if cells.is_empty() {
            cells = self::cells(venue, |_| true);
        }
        let count = cells.len().max(1) as f32;
        let middle = Point::new(
            cells.iter().map(|(_, at)| at.east_m).sum::<f32>() / count,
            cells.iter().map(|(_, at)| at.north_m).sum::<f32>() / count,
        );
        let seat = |(level, at): (LevelIx, Point)| Seat {
            level,
            at,
            turn: (direction_rad(middle, at) + PI) / TAU,
        };
        let mut seats: Vec<Seat> = cells.into_iter().map(seat).collect();
        seats.sort_by(|a, b| a.turn.total_cmp(&b.turn));
        Self { middle, seats }
    }

    /// The seat of a fan; nothing when the venue has no floor. Several fans may share a cell.
    pub(super) fn of(&self, seed: u64, fan: u64) -> Option<Stance> {
        let anywhere = draw(seed, fan, SEAT);
        let position = match unit(draw(seed, fan, SIDE)) < DENSE_SHARE {
            true => self.near_a_dense_side(seed, fan),
            false => scale(anywhere, self.seats.len() as u64) as usize,
        };
        let seat = self.seats.get(position)?;
        Some(Stance {
            level: seat.level,
            at: seat.at,
            facing_rad: direction_rad(seat.at, self.middle),
        })
    }

    /// A seat whose direction is normally distributed around one of the two sides.
    fn near_a_dense_side(&self, seed: u64, fan: u64) -> usize {
        let side = if draw(seed, fan, WHICH_SIDE) & 1 == 0 {
            0.25
        } else {
            0.75
        };
        let turn = (side + DENSE_SPREAD * normal(draw(seed, fan, SEAT))).rem_euclid(1.0);
        let first = self.seats.partition_point(|seat| seat.turn < turn);
        // Seats of one direction lie behind each other in the list: take one of the rows.
        let rows = (self.seats.len() / 200).max(1) as u64;
        let row = scale(draw(seed, fan, ROW), rows) as usize;
        (first + row) % self.seats.len().max(1)
    }
}

/// The walkable cells of the zones whose category is wanted, level by level.
fn cells(venue: &Venue, wanted: impl Fn(&str) -> bool) -> Vec<(LevelIx, Point)> {
    let mut found = Vec::new();
    for (ix, raster) in venue.floor.rasters.iter().enumerate() {
        let level = LevelIx(ix as u8);
        let cells = raster.walkable.iter().zip(&raster.zone).enumerate();
        for (cell, (_, zone)) in cells.filter(|(_, (walkable, zone))| **walkable && **zone != NO_ZONE) {
            if venue
                .zones
                .get(usize::from(*zone))
                .is_some_and(|zone| wanted(&zone.category))
            {
                found.push((level, venue.floor.centre(level, cell)));
            }
        }
    }
    found
}

/// Share of the fans around the two dense sides and how far they spread, as a share of a full turn; both as
/// in the reference simulation.
const DENSE_SHARE: f32 = 0.6;
const DENSE_SPREAD: f32 = 0.09;
/// Names of the draws.
const SIDE: u64 = 16;
const WHICH_SIDE: u64 = 17;
const SEAT: u64 = 18;
const ROW: u64 = 19;
