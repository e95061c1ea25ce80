//! The coordinates of a bowl: how far around, and how far out.
//!
//! A stadium is a rounded rectangle, and everything in it lies along that ring. In (around, out) a stand, a sector and a
//! queue are plain rectangles; this turns them into metres. Corners are made of straight pieces, so that areas that share
//! a border share it exactly.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::geojson::Metres;

/// Straight pieces of one corner.
const PIECES: usize = 16;

/// A rounded rectangle around the anchor; `around` runs clockwise from the middle of the north side.
pub(super) struct Ring {
    half_east_m: f64,
    half_north_m: f64,
    radius_m: f64,
}

impl Ring {
    pub(super) const fn new(half_east_m: f64, half_north_m: f64, radius_m: f64) -> Self {
        Self {
            half_east_m,
            half_north_m,
            radius_m,
        }
    }

    /// Metres once around.
    pub(super) fn length_m(&self) -> f64 {
        4.0 * (self.half_east_m + self.half_north_m - 2.0 * self.radius_m) + TAU * self.radius_m
    }

    /// The point `around_m` along the ring and `out_m` outside it.
    pub(super) fn at(&self, around_m: f64, out_m: f64) -> Metres {
        let around_m = around_m.rem_euclid(self.length_m());
        let breaks = self.breaks();
        let after = breaks.partition_point(|at| *at <= around_m).clamp(1, breaks.len() - 1);
        let (from, to) = (breaks[after - 1], breaks[after]);
        let share = (around_m - from) / (to - from);
        let ((a, b), (c, d)) = (self.exact(from, out_m), self.exact(to, out_m));
        (a + (c - a) * share, b + (d - b) * share)
    }

    /// The points along the ring from one place to another (either way round), `out_m` outside it.
    pub(super) fn along(&self, from_m: f64, to_m: f64, out_m: f64) -> Vec<Metres> {
        let (low, high) = (from_m.min(to_m), from_m.max(to_m));
        let length_m = self.length_m();
        let breaks = self.breaks();
        let turns = [-1.0, 0.0, 1.0, 2.0];
        let mut stops: Vec<f64> = turns
            .iter()
            .flat_map(|turn| breaks.iter().map(move |at| at + turn * length_m))
            .collect();
        stops.retain(|at| *at > low + 0.01 && *at < high - 0.01);
        stops.dedup_by(|a, b| (*a - *b).abs() < 0.01);
        stops.insert(0, low);
        stops.push(high);
        if from_m > to_m {
            stops.reverse();
        }
        stops.into_iter().map(|at| self.at(at, out_m)).collect()
    }

    /// The area between two places and two distances.
    pub(super) fn area(&self, around_m: (f64, f64), out_m: (f64, f64)) -> Vec<Metres> {
        let mut ring = self.along(around_m.0, around_m.1, out_m.1);
        ring.extend(self.along(around_m.1, around_m.0, out_m.0));
        ring
    }

    /// The whole ring at a distance.
    pub(super) fn whole(&self, out_m: f64) -> Vec<Metres> {
        let mut ring = self.along(0.0, self.length_m(), out_m);
        ring.pop();
        ring
    }

    /// Where the straight pieces meet.
    fn breaks(&self) -> Vec<f64> {
        let (top, side) = (
            self.half_east_m - self.radius_m,
            2.0 * (self.half_north_m - self.radius_m),
        );
        let corner = FRAC_PI_2 * self.radius_m;
        let mut breaks = vec![0.0];
        let mut at = top;
        for straight in [side, 2.0 * top, side, top] {
            breaks.extend((0..=PIECES).map(|piece| at + corner * piece as f64 / PIECES as f64));
            at += corner + straight;
        }
        breaks.push(self.length_m());
        breaks
    }

    /// The point on the true curve.
    fn exact(&self, around_m: f64, out_m: f64) -> Metres {
        let (east, north) = (self.half_east_m - self.radius_m, self.half_north_m - self.radius_m);
        let corner = FRAC_PI_2 * self.radius_m;
        let radius = self.radius_m + out_m;
        // Each corner with its centre, the heading at its start, and the straight side that follows it.
        let corners = [
            ((east, north), 0.0, 2.0 * north),
            ((east, -north), 1.0, 2.0 * east),
            ((-east, -north), 2.0, 2.0 * north),
            ((-east, north), 3.0, east),
        ];
        let mut left = around_m - east;
        if left <= 0.0 {
            return (around_m, self.half_north_m + out_m);
        }
        for ((centre_east, centre_north), quarter, straight) in corners {
            let angle = FRAC_PI_2 * (quarter + (left / corner).min(1.0));
            let (sin, cos) = angle.sin_cos();
            let beyond = (left - corner).max(0.0);
            if left <= corner + straight + 1e-6 {
                return (
                    centre_east + radius * sin + beyond * cos,
                    centre_north + radius * cos - beyond * sin,
                );
            }
            left -= corner + straight;
        }
        (0.0, self.half_north_m + out_m)
    }
}
