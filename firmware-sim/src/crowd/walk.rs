//! A walk along a route: where somebody is on it at any moment, without moving them step by step.
//!
//! The route's seconds are those of the map's mean walker; a fan's own speed stretches or shortens them. The
//! position is interpolated on a leg when somebody asks, so walkers cost nothing while nobody does.

use nextbest_venue::{LevelIx, Point, Route, WALK_M_PER_S, WayPoint};

/// Where somebody stands and which way they face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stance {
    /// The floor.
    pub level: LevelIx,
    /// The point on it.
    pub at: Point,
    /// The way they face, in radians from east towards north.
    pub facing_rad: f32,
}

#[derive(Debug, Clone)]
pub(super) struct Walk {
    points: Box<[WayPoint]>,
    started_ms: u64,
    /// Own seconds for one of the route's.
    pace: f32,
    whole_ms: u64,
}

impl Walk {
    /// Starts along `route` at `started_ms`, at `speed_m_per_s` on the level.
    pub(super) fn new(route: Route, started_ms: u64, speed_m_per_s: f32) -> Self {
        let pace = WALK_M_PER_S / speed_m_per_s.max(SPEED_MIN_M_PER_S);
        let whole_s: f32 = route.points.iter().map(|point| point.leg_s).sum();
        Self {
            points: route.points.into(),
            started_ms,
            pace,
            whole_ms: (whole_s * pace * 1_000.0) as u64,
        }
    }

    /// When the end is reached.
    pub(super) fn ends_ms(&self) -> u64 {
        self.started_ms + self.whole_ms
    }

    /// The position at `now_ms`: on the level of the leg's start until its end is reached.
    pub(super) fn stance(&self, now_ms: u64) -> Option<Stance> {
        let mut left_s = now_ms.saturating_sub(self.started_ms) as f32 / 1_000.0 / self.pace;
        for (from, to) in self.points.iter().zip(self.points.iter().skip(1)) {
            if left_s < to.leg_s {
                return Some(between(from, to, left_s / to.leg_s));
            }
            left_s -= to.leg_s;
        }
        let last = self.points.last()?;
        let before = self.points.iter().rev().nth(1).unwrap_or(last);
        Some(Stance {
            level: last.level,
            at: last.at,
            facing_rad: direction_rad(before.at, last.at),
        })
    }
}

/// The same way in the other direction. Stairs take as long up as down, which the map's mean already is.
pub(super) fn reversed(route: Route) -> Route {
    let legs_s = std::iter::once(0.0).chain(route.points.iter().skip(1).rev().map(|point| point.leg_s));
    let points = route
        .points
        .iter()
        .rev()
        .zip(legs_s)
        .map(|(point, leg_s)| WayPoint { leg_s, ..*point });
    Route {
        points: points.collect(),
        walk_s: route.walk_s,
    }
}

/// The direction from one point to another, in radians from east towards north.
pub(super) fn direction_rad(from: Point, to: Point) -> f32 {
    (to.north_m - from.north_m).atan2(to.east_m - from.east_m)
}

fn between(from: &WayPoint, to: &WayPoint, share: f32) -> Stance {
    let at = Point::new(
        from.at.east_m + (to.at.east_m - from.at.east_m) * share,
        from.at.north_m + (to.at.north_m - from.at.north_m) * share,
    );
    Stance {
        level: from.level,
        at,
        facing_rad: direction_rad(from.at, to.at),
    }
}

/// Nobody walks slower than this; it keeps a walk finite.
const SPEED_MIN_M_PER_S: f32 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        let point = |level, east_m, north_m, leg_s| WayPoint {
            level: LevelIx(level),
            at: Point::new(east_m, north_m),
            leg_s,
        };
        let points = vec![
            point(0, 0.0, 0.0, 0.0),
            point(0, 12.0, 0.0, 10.0),
            point(1, 12.0, 0.0, 20.0),
            point(1, 12.0, 6.0, 5.0),
        ];
        Route { points, walk_s: 35.0 }
    }

    #[test]
    fn a_walker_is_on_the_leg_of_the_moment() {
        let walk = Walk::new(route(), 1_000, WALK_M_PER_S);
        let at = |now_ms| {
            walk.stance(now_ms)
                .map(|stance| (stance.level.0, stance.at.east_m, stance.at.north_m))
        };
        assert_eq!(at(0), Some((0, 0.0, 0.0)), "before the start");
        assert_eq!(at(6_000), Some((0, 6.0, 0.0)), "half of the first leg");
        assert_eq!(at(16_000), Some((0, 12.0, 0.0)), "on the stairs");
        assert_eq!(at(36_000), Some((1, 12.0, 6.0)), "at the end");
        assert_eq!(walk.ends_ms(), 36_000);
    }

    #[test]
    fn twice_the_speed_takes_half_the_time() {
        assert_eq!(Walk::new(route(), 0, 2.0 * WALK_M_PER_S).ends_ms(), 17_500);
    }

    #[test]
    fn the_way_back_is_as_long_and_ends_at_the_start() {
        let back = reversed(route());
        let legs_s: Vec<f32> = back.points.iter().map(|point| point.leg_s).collect();
        assert_eq!(legs_s, [0.0, 5.0, 20.0, 10.0]);
        assert_eq!(back.points.last().map(|point| point.at), Some(Point::new(0.0, 0.0)));
    }
}
