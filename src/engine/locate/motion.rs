//! How a person moves between two steps: a 3x3 kernel over walkable cells, shifted and spread as their walk asks for.
//!
//! A walk is a Kalman filter beside the cells: velocity wanders back to standing (an Ornstein-Uhlenbeck process), and
//! what the cells learn about the place teaches the velocity as far as the two go together. On `tests/data/tetam` it is
//! as good as 4,000 particles with a velocity each (1.32 m against 1.33 over a bare rectangle), and 0.03 m and at the
//! 95th percentile 0.25 m better than a diffusion with an averaged velocity. Deliberately absent: routes and stairs. A
//! window is small and a step short; the walls that matter are cells that can't be walked on.

use super::floor::WINDOW_SIDE;
use super::line::{Line, Lines};
use super::settings::LocatorSettings;
use super::track::STEP_MS;

/// Times whose pace is known in advance, in steps.
const PACES_LEN: usize = 64;
/// Passes that one gap may take: longer gaps have spread the mass over the window anyway.
const PASSES_MAX: u32 = 8;
/// Variance that one pass can express, in cells squared, with room for a drift.
const PASS_VARIANCE_MAX: f32 = 0.6;
/// Drift that one pass can express, in cells.
const PASS_DRIFT_MAX: f32 = 0.5;
/// Headings of less than this, in cells, change no zone.
const HEADING_MIN_CELLS: f32 = 0.1;
/// Nobody walks faster, in metres per second; a jump of the posterior is not a walk.
const SPEED_MAX_M_PER_S: f32 = 2.0;

/// What a time does to any walk: the moments of an Ornstein-Uhlenbeck process (Gillespie, Physical Review E 54, 1996).
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Share of a velocity that is left.
    kept: f32,
    /// How far a velocity has carried, in seconds.
    carried_s: f32,
    /// Variance that a place gained, in square metres.
    place_m2: f32,
    /// Covariance of place and velocity that arose.
    shared_m2_per_s: f32,
    /// Variance that a velocity gained.
    velocity_m2_per_s2: f32,
}

impl Pace {
    /// Of a venue's people over so many steps.
    fn of(steps: u32, settings: &LocatorSettings) -> Self {
        let elapsed_s = steps as f32 * (STEP_MS as f32 / 1000.0);
        Self::new(settings.speed_sd_m_per_s, settings.speed_memory_s, elapsed_s)
    }

    /// Of people whose velocity has a standard deviation per axis, and is remembered for a time.
    fn new(speed_sd_m_per_s: f32, memory_s: f32, elapsed_s: f32) -> Self {
        let kept = (-elapsed_s / memory_s).exp();
        let lost = 1.0 - kept;
        let speed_m2_per_s2 = speed_sd_m_per_s * speed_sd_m_per_s;
        let turned = 2.0 * elapsed_s / memory_s - 4.0 * lost + (1.0 - kept * kept);
        Self {
            kept,
            carried_s: memory_s * lost,
            place_m2: speed_m2_per_s2 * memory_s * memory_s * turned.max(0.0),
            shared_m2_per_s: speed_m2_per_s2 * memory_s * lost * lost,
            velocity_m2_per_s2: speed_m2_per_s2 * (1.0 - kept * kept),
        }
    }
}

/// Paces of the times that are common, in steps; an exponential less for each step that closes.
#[derive(Debug)]
pub(super) struct Paces([Pace; PACES_LEN]);

impl Paces {
    pub(super) fn new(settings: &LocatorSettings) -> Self {
        Self(std::array::from_fn(|steps| Pace::of(steps as u32, settings)))
    }

    /// The pace of a time in steps.
    pub(super) fn after(&self, steps: u32, settings: &LocatorSettings) -> Pace {
        let known = usize::try_from(steps).ok().and_then(|steps| self.0.get(steps));
        known.copied().unwrap_or_else(|| Pace::of(steps, settings))
    }
}

/// A walk along one axis: where the cells say the person is, and the velocity that goes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct AxisWalk {
    at_m: f32,
    at_m2: f32,
    velocity_m_per_s: f32,
    velocity_m2_per_s2: f32,
    shared_m2_per_s: f32,
}

/// How far the mass moves along one axis, and how much variance it gains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    drift_m: f32,
    spread_m2: f32,
}

impl AxisWalk {
    /// A person who was just found: whether they walk is not known.
    pub(super) fn found(at_m: f32, at_m2: f32, speed_sd_m_per_s: f32) -> Self {
        Self {
            at_m,
            at_m2,
            velocity_m2_per_s2: speed_sd_m_per_s * speed_sd_m_per_s,
            ..Self::default()
        }
    }

    /// Walks on; says how to move the mass of the cells.
    pub(super) fn walk(&mut self, pace: &Pace) -> Moved {
        let (carried_s, before_m2) = (pace.carried_s, self.at_m2);
        let drift_m = carried_s * self.velocity_m_per_s;
        self.at_m += drift_m;
        self.at_m2 += carried_s * (2.0 * self.shared_m2_per_s + carried_s * self.velocity_m2_per_s2) + pace.place_m2;
        self.shared_m2_per_s =
            pace.kept * (self.shared_m2_per_s + carried_s * self.velocity_m2_per_s2) + pace.shared_m2_per_s;
        self.velocity_m_per_s *= pace.kept;
        self.velocity_m2_per_s2 = pace.kept * pace.kept * self.velocity_m2_per_s2 + pace.velocity_m2_per_s2;
        Moved {
            drift_m,
            spread_m2: (self.at_m2 - before_m2).max(0.0),
        }
    }

    /// Learns from where the readings put the mass.
    pub(super) fn learn(&mut self, at_m: f32, at_m2: f32) {
        let gain = self.shared_m2_per_s / self.at_m2;
        let velocity_m_per_s = self.velocity_m_per_s + gain * (at_m - self.at_m);
        self.velocity_m_per_s = velocity_m_per_s.clamp(-SPEED_MAX_M_PER_S, SPEED_MAX_M_PER_S);
        // Cells that disagree may spread the mass; that says nothing about the velocity.
        let known_m2 = (self.at_m2 - at_m2).max(0.0);
        self.velocity_m2_per_s2 -= gain * gain * known_m2;
        self.shared_m2_per_s = gain * (self.at_m2 - known_m2);
        (self.at_m, self.at_m2) = (at_m, at_m2);
    }
}

impl Motion {
    /// What brings the mass as far as a person walks on in a time, in seconds, without spreading it: where they are
    /// heading. `None` when that is less than a tenth of a cell.
    pub(super) fn heading(walk: &[AxisWalk; 2], ahead_s: f32, pitch_m: f32) -> Option<Self> {
        let moved = walk.each_ref().map(|walk| Moved {
            drift_m: walk.velocity_m_per_s * ahead_s,
            spread_m2: 0.0,
        });
        let [east, north] = moved;
        (east.drift_m.hypot(north.drift_m) > HEADING_MIN_CELLS * pitch_m).then(|| Self::new(east, north, pitch_m))
    }
}

/// One step's motion: how often to apply which kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    passes: u32,
    east: Shares,
    north: Shares,
}

/// One axis of the kernel: what a cell gets from the cell before it, keeps, and gets from the cell after it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shares {
    before: f32,
    stay: f32,
    after: f32,
}

impl Motion {
    /// The kernel that moves and spreads the mass as two axes ask for.
    pub(super) fn new(east: Moved, north: Moved, pitch_m: f32) -> Self {
        let variance = east.spread_m2.max(north.spread_m2) / (pitch_m * pitch_m);
        let drift = east.drift_m.abs().max(north.drift_m.abs()) / pitch_m;
        let passes = (variance / PASS_VARIANCE_MAX).max(drift / PASS_DRIFT_MAX).ceil();
        let passes = (passes as u32).clamp(1, PASSES_MAX);
        let shares = |moved: Moved| {
            let part = 1.0 / passes as f32;
            Shares::new(
                moved.drift_m / pitch_m * part,
                moved.spread_m2 / (pitch_m * pitch_m) * part,
            )
        };
        Self {
            passes,
            east: shares(east),
            north: shares(north),
        }
    }

    /// Moves the mass. What would enter a wall is lost, so the caller normalises.
    pub(super) fn apply(&self, weights: &mut Lines, walkable: &Lines) {
        for _ in 0..self.passes {
            spread(weights, walkable, self.east, self.north);
        }
    }
}

impl Shares {
    /// Shares with a mean and a variance, both in cells, as far as three cells can express them.
    fn new(mean: f32, variance: f32) -> Self {
        let mean = mean.clamp(-0.5, 0.5);
        let second = (variance + mean * mean).clamp(mean.abs(), 0.8);
        Self {
            before: 0.5 * (second + mean),
            stay: 1.0 - second,
            after: 0.5 * (second - mean),
        }
    }

    fn lines(self) -> (Line, Line, Line) {
        (Line::all(self.before), Line::all(self.stay), Line::all(self.after))
    }
}

/// One pass of the kernel, along rows and then across them, row by row; a row of nothing lies on either side of the
/// window.
fn spread(weights: &mut Lines, walkable: &Lines, east: Shares, north: Shares) {
    let (before, stay, after) = east.lines();
    let along = |line: Line| before * line.western() + stay * line + after * line.eastern();
    let (before, stay, after) = north.lines();
    let (mut south, mut here) = (Line::NOTHING, along(weights[0]));
    for row in 0..WINDOW_SIDE {
        let north = weights.get(row + 1).map_or(Line::NOTHING, |line| along(*line));
        weights[row] = walkable[row] * (before * south + stay * here + after * north);
        (south, here) = (here, north);
    }
}

#[cfg(test)]
mod tests {
    use super::super::floor::WINDOW_CELLS;
    use super::super::line::{flat, lines};
    use super::super::posterior::{marginals, sum};
    use super::*;

    /// A window whose cells are all alike but one.
    fn all_but(cell: usize, value: f32, others: f32) -> Lines {
        let mut cells = [others; WINDOW_CELLS];
        cells[cell] = value;
        lines(&cells, |cell| cell)
    }

    #[test]
    fn motion_has_the_drift_and_spread_it_was_asked_for() {
        let mut weights = all_but(6 * WINDOW_SIDE + 6, 1.0, 0.0);
        let moved = |drift_m: f32| Moved {
            drift_m,
            spread_m2: 0.5,
        };
        Motion::new(moved(0.4), moved(-0.2), 1.0).apply(&mut weights, &[Line::all(1.0); WINDOW_SIDE]);
        let (columns, rows) = marginals(&weights);
        assert!((sum(&weights) - 1.0).abs() < 1e-6);
        assert!(
            (columns.mean - 6.9).abs() < 1e-3 && (rows.mean - 6.3).abs() < 1e-3,
            "{columns:?} {rows:?}"
        );
        assert!(
            (columns.variance - 0.5).abs() < 1e-3 && (rows.variance - 0.5).abs() < 1e-3,
            "{columns:?} {rows:?}"
        );
    }

    #[test]
    fn a_walk_is_learned_and_forgotten() {
        let mut walk = AxisWalk::found(0.0, 1.0, 0.5);
        let pace = Pace::new(0.5, 4.0, 0.5);
        for step in 1..60 {
            walk.walk(&pace);
            walk.learn(0.4 * step as f32, 0.5);
        }
        let walking_m_per_s = walk.velocity_m_per_s;
        assert!(
            (0.4..0.8).contains(&walking_m_per_s),
            "0.8 m/s walked, drawn to standing: {walk:?}"
        );
        let moved = walk.walk(&Pace::new(0.5, 4.0, 60.0));
        assert!(walk.velocity_m_per_s.abs() < 1e-3, "{walk:?}");
        assert!((moved.drift_m - 4.0 * walking_m_per_s).abs() < 0.01, "{moved:?}");
        assert!((walk.velocity_m2_per_s2 - 0.25).abs() < 1e-3, "{walk:?}");
    }

    #[test]
    fn halves_of_a_time_add_up_to_it() {
        let mut whole = AxisWalk::found(3.0, 2.0, 0.7);
        whole.velocity_m_per_s = 0.9;
        let mut halves = whole;
        whole.walk(&Pace::new(0.5, 4.0, 3.0));
        halves.walk(&Pace::new(0.5, 4.0, 1.5));
        halves.walk(&Pace::new(0.5, 4.0, 1.5));
        let near = |left: f32, right: f32| (left - right).abs() < 1e-4;
        assert!(
            near(whole.at_m, halves.at_m) && near(whole.at_m2, halves.at_m2),
            "{whole:?} {halves:?}"
        );
        assert!(
            near(whole.shared_m2_per_s, halves.shared_m2_per_s),
            "{whole:?} {halves:?}"
        );
    }

    #[test]
    fn nobody_walks_into_a_wall() {
        let mut weights = all_but(6 * WINDOW_SIDE + 6, 1.0, 0.0);
        let walkable = all_but(6 * WINDOW_SIDE + 7, 0.0, 1.0);
        let moved = Moved {
            drift_m: 0.0,
            spread_m2: 0.5,
        };
        Motion::new(moved, moved, 1.0).apply(&mut weights, &walkable);
        let weights = flat(&weights);
        assert_eq!(weights[6 * WINDOW_SIDE + 7], 0.0);
        assert!(weights[6 * WINDOW_SIDE + 5] > 0.0);
    }
}
