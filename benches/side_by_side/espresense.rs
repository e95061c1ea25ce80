//! The rules of ESPresense and its companion: hubs report filtered distances, scenarios turn them into places, and the
//! most confident scenario is reported.
//!
//! From ESPresense's firmware (`lib/BleFingerprint/FilteredDistance.cpp`, 0d544b4; `defaults.h`: -65 dBm at 1 m,
//! absorption 3.5; `BleFingerprintCollection.h`: cut-offs 0.1, 0.001, 0.005) and from ESPresense-companion's `src`
//! (`Locators/NearestNode.cs` 5180dcc, `NadarayaWatsonMultilateralizer.cs` b5321cc, `NelderMeadMultilateralizer.cs`
//! c0cc82b, `MLEMultilateralizer.cs` and `BaseMultilateralizer.cs` 1d97f75, `GaussianWeighting.cs` 18fa978,
//! `MultiScenarioLocator.cs` f267229, `Models/KalmanLocation.cs` 23a3745, `Utils/MathUtils.cs` 02430f0), in our own words:
//!
//! 1. A hub low-passes its distances, keeps five, and reports the mean of those within 1.2 times their median.
//! 2. *Nadaraya-Watson*: the mean of the hubs heard within 30 s by inverse squared distance; confidence 100 less ten
//!    times the weighted squared error, at least 10.
//! 3. *Nelder-Mead*: the place and scale with the least squared error of distances, near hubs counting more; confidence
//!    100 less what the nearest distance, the scale and the error take away, at least 10.
//! 4. *Maximum likelihood*: the place with the least squared error of distances over their variance, near hubs counting
//!    more; confidence half of it by the share of hubs that hear, half by the error and the correlation of distances. The
//!    firmware's variance (`FilteredDistance.cpp`, 61c417b) is that of the distances it keeps.
//! 5. *Nearest node*: the place of the hub with the least distance; confidence 10.
//! 6. Each scenario smooths its place with a Kalman filter of constant velocity, at most 0.5 m/s.
//! 7. A scenario that is more confident than the reported one by more than 2 replaces it.
//!
//! Deliberately absent: BFGS and Gauss-Newton, which minimise nearly the same as Nelder-Mead, and gains of directed
//! antennas, of which the recordings say nothing.

use nextbest::recording::{Estimate, Site, Tracker};
use nextbest_venue::Point;

use crate::nelder_mead;
use crate::support::estimate;

const RSSI_1M_DBM: f64 = -65.0;
const ABSORPTION: f64 = 3.5;
const CUTOFF: f64 = 0.1;
const SLOPE_SHARE: f64 = 0.001;
const SLOPE_CUTOFF: f64 = 0.005;
const KEPT: usize = 5;
const TIMEOUT_MS: u32 = 30_000;
const CONFIDENCE_LEAD: f64 = 2.0;
const WEIGHT_SIGMA: f64 = 0.3;
const VARIANCE_MIN_M2: f64 = 1e-6;
/// Error at which nothing of the confidence is left that stands for it.
const ERROR_MAX: f64 = 10.0;
/// Heights that a floor's bounds allow, in metres.
const HEIGHTS_M: [f64; 2] = [0.0, 3.0];

type At = [f64; 3];

pub(crate) struct Companion<'a> {
    site: &'a Site,
    nodes: Vec<Node>,
    scenarios: [Scenario; 4],
    best: Option<usize>,
    bounds: [At; 2],
}

/// A hub's filter of distances.
#[derive(Clone, Default)]
struct Node {
    smooth_m: f64,
    slope: f64,
    last_m: f64,
    last_ms: Option<u32>,
    kept_m: Vec<f64>,
}

#[derive(Default)]
struct Scenario {
    confidence: f64,
    scale: Option<f64>,
    kalman: Option<Kalman>,
}

/// A node that was heard lately.
struct Fix {
    distance_m: f64,
    variance_m2: f64,
    at: At,
}

impl<'a> Companion<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        let level = &site.floor.levels[0];
        let (west, south) = (f64::from(level.origin_east_m), f64::from(level.origin_north_m));
        let side = |cells: u32| f64::from(cells) * f64::from(site.floor.pitch_m);
        Self {
            site,
            nodes: vec![Node::default(); site.hubs.len()],
            scenarios: Default::default(),
            best: None,
            bounds: [
                [west, south, HEIGHTS_M[0]],
                [west + side(level.columns), south + side(level.rows), HEIGHTS_M[1]],
            ],
        }
    }

    /// The nodes that heard lately, the nearest first.
    fn fixes(&self, at_ms: u32) -> Vec<Fix> {
        let fix = |(node, hub): (&Node, &firmware_sim::replay::RecordedHub)| {
            let current = node.last_ms.is_some_and(|last_ms| at_ms - last_ms < TIMEOUT_MS);
            let at = [hub.at.east_m, hub.at.north_m, hub.height_m].map(f64::from);
            current.then(|| Fix {
                distance_m: node.distance_m(),
                variance_m2: node.variance_m2(),
                at,
            })
        };
        let mut fixes: Vec<Fix> = self.nodes.iter().zip(&self.site.hubs).filter_map(fix).collect();
        fixes.sort_by(|one, other| one.distance_m.total_cmp(&other.distance_m));
        fixes
    }
}

impl Tracker for Companion<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        let raw_m = 10f64.powf((RSSI_1M_DBM - f64::from(rssi_dbm)) / (10.0 * ABSORPTION));
        self.nodes[usize::from(station)].measure(at_ms, raw_m);
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        let fixes = self.fixes(at_ms);
        if fixes.len() > 1 {
            let [smooth, simplex, likely, nearest] = &mut self.scenarios;
            smooth.nadaraya_watson(at_ms, &fixes);
            simplex.nelder_mead(at_ms, &fixes, &self.bounds);
            likely.maximum_likelihood(at_ms, &fixes, &self.bounds, self.nodes.len());
            nearest.update(at_ms, fixes[0].at, 10.0);
        }
        let confidence = |scenario: usize| self.scenarios[scenario].confidence;
        // Of equals the first.
        let most = (0..self.scenarios.len())
            .rev()
            .max_by(|one, other| confidence(*one).total_cmp(&confidence(*other)))?;
        if self
            .best
            .is_none_or(|best| confidence(most) - confidence(best) > CONFIDENCE_LEAD)
        {
            self.best = Some(most);
        }
        let at = self.scenarios[self.best?].kalman.as_ref()?.at();
        Some(estimate(self.site, Point::new(at[0] as f32, at[1] as f32)))
    }
}

impl Node {
    fn measure(&mut self, at_ms: u32, raw_m: f64) {
        let since_ms = self.last_ms.map_or(at_ms, |last_ms| at_ms - last_ms);
        let since_s = (f64::from(since_ms) / 1_000.0).max(0.001);
        let share = |cutoff: f64| 1.0 / (1.0 + 1.0 / (2.0 * std::f64::consts::PI * cutoff) / since_s);
        if self.last_ms.is_none() {
            // The firmware begins at zero and needs seconds to leave it; a tag that is new begins where it is heard.
            (self.smooth_m, self.last_m) = (raw_m, raw_m);
        }
        self.smooth_m += share(CUTOFF) * (raw_m - self.smooth_m);
        let slope = (raw_m - self.last_m) / since_s;
        let slope_share = share(SLOPE_CUTOFF);
        self.slope = slope_share * (self.slope + (1.0 - slope_share) * slope);
        self.last_m = self.smooth_m + SLOPE_SHARE * self.slope;
        self.last_ms = Some(at_ms);
        self.kept_m.insert(0, self.last_m);
        self.kept_m.truncate(KEPT);
    }

    fn distance_m(&self) -> f64 {
        let mut sorted = self.kept_m.clone();
        sorted.sort_by(f64::total_cmp);
        let median_m = sorted[sorted.len() / 2];
        sorted.retain(|distance_m| *distance_m <= 1.2 * median_m);
        if sorted.is_empty() {
            self.last_m
        } else {
            sorted.iter().sum::<f64>() / sorted.len() as f64
        }
    }

    fn variance_m2(&self) -> f64 {
        let mean = |of: &dyn Fn(f64) -> f64| {
            self.kept_m.iter().map(|kept_m| of(*kept_m)).sum::<f64>() / self.kept_m.len() as f64
        };
        let mean_m = mean(&|kept_m| kept_m);
        mean(&|kept_m| (kept_m - mean_m).powi(2)).max(VARIANCE_MIN_M2)
    }
}

impl Scenario {
    fn nadaraya_watson(&mut self, at_ms: u32, fixes: &[Fix]) {
        if fixes.len() < 3 {
            return self.update(at_ms, self.guess(fixes), 1.0);
        }
        let weight = |fix: &Fix| 1.0 / (fix.distance_m * fix.distance_m + 1e-6);
        let total: f64 = fixes.iter().map(weight).sum();
        let mut at = [0.0; 3];
        for fix in fixes {
            at.iter_mut()
                .zip(&fix.at)
                .for_each(|(at, node)| *at += weight(fix) * node / total);
        }
        let error = |fix: &Fix| weight(fix) * (apart_m(&at, &fix.at) - fix.distance_m).powi(2) / total;
        let confidence = (100.0 - 10.0 * fixes.iter().map(error).sum::<f64>())
            .clamp(10.0, 100.0)
            .floor();
        self.update(at_ms, at, confidence);
    }

    fn nelder_mead(&mut self, at_ms: u32, fixes: &[Fix], bounds: &[At; 2]) {
        if fixes.len() < 3 {
            return self.update(at_ms, self.guess(fixes), 1.0);
        }
        let misfit = |at: &At, scale: f64, fix: &Fix| (apart_m(at, &fix.at) * scale - fix.distance_m).powi(2);
        let (at, scale, error) = self.least(fixes, bounds, misfit, fixes.len() as f64);
        let nearest_m = fixes[0].distance_m;
        let taken = nearest_m * nearest_m + (10.0 * (1.0 - scale)).powi(2) + nearest_m + error;
        self.update(at_ms, at, (100.0 - taken).clamp(10.0, 100.0).floor());
    }

    fn maximum_likelihood(&mut self, at_ms: u32, fixes: &[Fix], bounds: &[At; 2], nodes_len: usize) {
        if fixes.len() < 3 {
            return self.update(at_ms, self.guess(fixes), 1.0);
        }
        let misfit =
            |at: &At, _: f64, fix: &Fix| (apart_m(at, &fix.at) - fix.distance_m).powi(2) / (2.0 * fix.variance_m2);
        let weights: f64 = (0..fixes.len()).map(|place| weight(place, fixes.len())).sum();
        let (at, _, error) = self.least(fixes, bounds, misfit, weights);
        let coverage = fixes.len() as f64 / nodes_len as f64;
        let error_score = (1.0 - error / ERROR_MAX).clamp(0.0, 1.0);
        let quality = 0.6 * error_score + 0.4 * correlation(&at, fixes).max(0.0);
        self.update(at_ms, at, (50.0 * coverage + 50.0 * quality).round().clamp(5.0, 100.0));
    }

    /// The place and scale within the bounds where the weighted misfit over `divisor` is least, and how much it is.
    fn least(
        &mut self,
        fixes: &[Fix],
        bounds: &[At; 2],
        misfit: impl Fn(&At, f64, &Fix) -> f64,
        divisor: f64,
    ) -> (At, f64, f64) {
        let [low, high] = [
            [bounds[0][0], bounds[0][1], bounds[0][2], 0.5],
            [bounds[1][0], bounds[1][1], bounds[1][2], 1.5],
        ];
        let value = |x: &[f64; 4]| {
            let outside: f64 = (0..4)
                .map(|axis| (low[axis] - x[axis]).max(x[axis] - high[axis]).max(0.0).powi(2))
                .sum();
            let penalty = if outside > 0.0 {
                5f64.powf(1.0 + outside.sqrt())
            } else {
                0.0
            };
            let error =
                |(place, fix): (usize, &Fix)| weight(place, fixes.len()) * misfit(&[x[0], x[1], x[2]], x[3], fix);
            penalty + (5.0 * (1.0 - x[3])).powi(2) + fixes.iter().enumerate().map(error).sum::<f64>() / divisor
        };
        let guess = self.guess(fixes);
        let scale = self.scale.unwrap_or(1.0);
        let start: At = std::array::from_fn(|axis| guess[axis].clamp(low[axis], high[axis]));
        let middle: At = std::array::from_fn(|axis| fixes[..3].iter().map(|fix| fix.at[axis]).sum::<f64>() / 3.0);
        let far = apart_m(&middle, &start).max(1e-9);
        let step: At = std::array::from_fn(|axis| (middle[axis] - start[axis]) / far);
        let (x, error) = nelder_mead::least(
            [start[0], start[1], start[2], scale],
            [step[0], step[1], step[2], 0.05 * scale],
            value,
        );
        let x: [f64; 4] = std::array::from_fn(|axis| x[axis].clamp(low[axis], high[axis]));
        self.scale = Some(x[3]);
        ([x[0], x[1], x[2]], x[3], error)
    }

    /// Where a search begins: where the scenario is, or between the two nearest nodes.
    fn guess(&self, fixes: &[Fix]) -> At {
        match &self.kalman {
            Some(kalman) if self.confidence >= 5.0 => kalman.at(),
            _ => std::array::from_fn(|axis| (fixes[0].at[axis] + fixes[1].at[axis]) / 2.0),
        }
    }

    fn update(&mut self, at_ms: u32, at: At, confidence: f64) {
        self.confidence = confidence;
        match &mut self.kalman {
            Some(kalman) => kalman.update(at_ms, at, confidence),
            None => self.kalman = Some(Kalman::new(at_ms, at)),
        }
    }
}

/// Position and velocity by axis; the axes share nothing but the limit of speed.
struct Kalman {
    /// By axis: position, velocity, and their covariance.
    axes: [([f64; 2], [[f64; 2]; 2]); 3],
    at_ms: u32,
}

impl Kalman {
    const PROCESS: f64 = 0.01;
    const MEASUREMENT: f64 = 0.1;
    const SPEED_MAX_M_PER_S: f64 = 0.5;

    fn new(at_ms: u32, at: At) -> Self {
        Self {
            axes: at.map(|at| ([at, 0.0], [[1.0, 0.0], [0.0, 1.0]])),
            at_ms,
        }
    }

    fn at(&self) -> At {
        self.axes.map(|(state, _)| state[0])
    }

    fn update(&mut self, at_ms: u32, measured: At, confidence: f64) {
        let since_s = f64::from(at_ms - self.at_ms) / 1_000.0;
        self.at_ms = at_ms;
        let (far_m, reach_m) = (apart_m(&self.at(), &measured), Self::SPEED_MAX_M_PER_S * since_s);
        let excess = if far_m > reach_m {
            (far_m / reach_m.max(1e-9)).powi(2)
        } else {
            1.0
        };
        let noise = Self::MEASUREMENT * excess;
        let process = Self::PROCESS * 100.0 / confidence.max(1.0);
        for (state, covariance) in &mut self.axes {
            state[0] += since_s * state[1];
            let [[a, b], [c, d]] = *covariance;
            let wander = |power: i32, divisor: f64| process * since_s.powi(power) / divisor;
            *covariance = [
                [
                    a + since_s * (b + c) + since_s * since_s * d + wander(4, 4.0),
                    b + since_s * d + wander(3, 2.0),
                ],
                [c + since_s * d + wander(3, 2.0), d + wander(2, 1.0)],
            ];
        }
        self.limit();
        for ((state, covariance), measured) in self.axes.iter_mut().zip(measured) {
            let [[a, b], [c, d]] = *covariance;
            let gain = [a / (a + noise), c / (a + noise)];
            let surprise = measured - state[0];
            state[0] += gain[0] * surprise;
            state[1] += gain[1] * surprise;
            *covariance = [
                [(1.0 - gain[0]) * a, (1.0 - gain[0]) * b],
                [c - gain[1] * a, d - gain[1] * b],
            ];
        }
        self.limit();
    }

    fn limit(&mut self) {
        let speed = self
            .axes
            .iter()
            .map(|(state, _)| state[1] * state[1])
            .sum::<f64>()
            .sqrt();
        if speed > Self::SPEED_MAX_M_PER_S {
            self.axes
                .iter_mut()
                .for_each(|(state, _)| state[1] *= Self::SPEED_MAX_M_PER_S / speed);
        }
    }
}

fn apart_m(one: &At, other: &At) -> f64 {
    one.iter()
        .zip(other)
        .map(|(one, other)| (one - other).powi(2))
        .sum::<f64>()
        .sqrt()
}

/// What the place of a node in the order of distances makes of it.
fn weight(place: usize, len: usize) -> f64 {
    let along = place as f64 / (len - 1) as f64;
    (-along * along / (2.0 * WEIGHT_SIGMA * WEIGHT_SIGMA)).exp() / ((2.0 * std::f64::consts::PI).sqrt() * WEIGHT_SIGMA)
}

/// Pearson's correlation of measured distances with those from a place; 0 where one of them does not vary.
fn correlation(at: &At, fixes: &[Fix]) -> f64 {
    let count = fixes.len() as f64;
    let pairs = || fixes.iter().map(|fix| (fix.distance_m, apart_m(at, &fix.at)));
    let (mean_x, mean_y) = pairs().fold((0.0, 0.0), |(sum_x, sum_y), (x, y)| {
        (sum_x + x / count, sum_y + y / count)
    });
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
    let spread = (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    if spread > 0.0 { sum(&|x, y| x * y) / spread } else { 0.0 }
}
