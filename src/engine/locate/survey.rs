//! A surveyed station's radio map: path loss fitted to its survey points, and a Gaussian process over what is left.
//!
//! Regression as in Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 2.1, with the Matern 3/2
//! covariance (equation 4.17): radio maps are continuous and not smooth. Deliberately absent: fitting the process's
//! three constants, which a survey of one floor can't tell apart.

use super::radio_map::path_loss_dbm;
use super::settings::LocatorSettings;
use super::station::{Station, SurveyPoint};

/// Survey points that count for one station; of more, the nearest are kept, since the cost grows with the cube.
const STATION_POINTS_MAX: usize = 256;
/// A station with fewer points keeps the path loss of the settings.
const STATION_POINTS_MIN: usize = 3;
/// Distance over which a radio map is alike, in metres. On `tests/data/tetam` 4 to 8 m are equal within 0.02 m.
const LENGTH_M: f32 = 6.0;
/// Standard deviation of a radio map around path loss, in dB. 4 and 8 cost 0.02 to 0.1 m.
const SHADOW_SD_DB: f32 = 6.0;
/// Standard deviation of a surveyed mean, in dB: tag, body and day of the survey were others. 2 costs 0.1 m.
const POINT_SD_DB: f32 = 5.0;

/// The radio map of one surveyed station.
#[derive(Debug)]
pub(super) struct SurveyedStation {
    rssi_1m_dbm: f32,
    exponent: f32,
    points: Vec<At>,
    weights: Vec<f32>,
    /// Bit by level: where the survey was taken.
    levels: u32,
}

/// A surveyed place.
#[derive(Clone, Copy, Debug)]
struct At {
    level: u8,
    east_m: f32,
    north_m: f32,
}

impl SurveyedStation {
    /// Fits the points of one station; `None` when there are too few. `elevations_m` are the levels'.
    pub(super) fn fit(
        station: &Station,
        index: u16,
        survey: &[SurveyPoint],
        elevations_m: &[f32],
        settings: &LocatorSettings,
    ) -> Option<Self> {
        let up_m = |level: u8| elevations_m.get(usize::from(level)).copied().unwrap_or_default();
        let distance_m = |point: &SurveyPoint| {
            let up_m = up_m(point.level) + settings.tag_height_m - up_m(station.level) - station.height_m;
            ((point.east_m - station.east_m).powi(2) + (point.north_m - station.north_m).powi(2) + up_m * up_m).sqrt()
        };
        // Slabs are taken out first, so that one path loss serves all levels.
        let slabs_db = |point: &SurveyPoint| settings.level_loss_db * f32::from(point.level.abs_diff(station.level));
        let mut heard: Vec<(f32, f32, At)> = survey
            .iter()
            .filter(|point| point.station == index)
            .map(|point| {
                let at = At {
                    level: point.level,
                    east_m: point.east_m,
                    north_m: point.north_m,
                };
                (distance_m(point), point.rssi_mean_dbm + slabs_db(point), at)
            })
            .collect();
        if heard.len() < STATION_POINTS_MIN {
            return None;
        }
        heard.sort_by(|left, right| left.0.total_cmp(&right.0));
        heard.truncate(STATION_POINTS_MAX);
        let (rssi_1m_dbm, exponent) = fit_path_loss(&heard, settings);
        let points: Vec<At> = heard.iter().map(|heard| heard.2).collect();
        let rest_db = heard
            .iter()
            .map(|(distance_m, rssi_dbm, _)| rssi_dbm - path_loss_dbm(rssi_1m_dbm, exponent, *distance_m))
            .collect();
        let levels = points.iter().fold(0, |levels, at| levels | 1 << at.level);
        Some(Self {
            rssi_1m_dbm,
            exponent,
            weights: solve(covariances(&points), rest_db),
            points,
            levels,
        })
    }

    /// Expected RSSI at a place, `slabs_db` of them in between.
    pub(super) fn rssi_dbm(&self, level: u8, east_m: f32, north_m: f32, distance_m: f32, slabs_db: f32) -> f32 {
        let path_loss_dbm = path_loss_dbm(self.rssi_1m_dbm, self.exponent, distance_m) - slabs_db;
        if self.levels & 1 << level == 0 {
            return path_loss_dbm;
        }
        let at = At { level, east_m, north_m };
        let rest_db: f32 = self
            .points
            .iter()
            .zip(&self.weights)
            .map(|(point, weight)| weight * covariance(at, *point))
            .sum();
        path_loss_dbm + rest_db
    }
}

/// Matern 3/2; places on different levels have nothing in common.
fn covariance(left: At, right: At) -> f32 {
    if left.level != right.level {
        return 0.0;
    }
    let apart_m = ((left.east_m - right.east_m).powi(2) + (left.north_m - right.north_m).powi(2)).sqrt();
    let scaled = 3f32.sqrt() * apart_m / LENGTH_M;
    SHADOW_SD_DB * SHADOW_SD_DB * (1.0 + scaled) * (-scaled).exp()
}

/// The covariance of what was measured at the points.
fn covariances(points: &[At]) -> Vec<f32> {
    let mut matrix: Vec<f32> = points
        .iter()
        .flat_map(|left| points.iter().map(|right| covariance(*left, *right)))
        .collect();
    for diagonal in matrix.iter_mut().step_by(points.len() + 1) {
        *diagonal += POINT_SD_DB * POINT_SD_DB;
    }
    matrix
}

/// Least squares of RSSI over log distance, drawn to the settings by a prior: 10 dB of freedom at one metre and 1 in
/// the exponent, against 6 dB of noise, so that points at one distance still give a sane slope.
fn fit_path_loss(heard: &[(f32, f32, At)], settings: &LocatorSettings) -> (f32, f32) {
    let prior = 36.0 / 100.0;
    let (mut one_one, mut one_log, mut log_log) = (prior, 0.0, prior);
    let (mut one_rssi, mut log_rssi) = (
        prior * settings.rssi_1m_dbm,
        prior * -10.0 * settings.path_loss_exponent,
    );
    for (distance_m, rssi_dbm, _) in heard {
        // The same function that the map is computed with: minus its logarithm, per ten.
        let log = -path_loss_dbm(0.0, 0.1, *distance_m);
        one_one += 1.0;
        one_log += log;
        log_log += log * log;
        one_rssi += rssi_dbm;
        log_rssi += log * rssi_dbm;
    }
    let determinant = one_one * log_log - one_log * one_log;
    let rssi_1m_dbm = (one_rssi * log_log - log_rssi * one_log) / determinant;
    let slope = (log_rssi * one_one - one_rssi * one_log) / determinant;
    (rssi_1m_dbm, -slope / 10.0)
}

/// Solves a symmetric positive definite system by Cholesky decomposition.
fn solve(mut matrix: Vec<f32>, mut right: Vec<f32>) -> Vec<f32> {
    let size = right.len();
    for row in 0..size {
        for column in 0..=row {
            let known: f32 = (0..column)
                .map(|inner| matrix[row * size + inner] * matrix[column * size + inner])
                .sum();
            let rest = matrix[row * size + column] - known;
            matrix[row * size + column] = if row == column {
                rest.max(f32::EPSILON).sqrt()
            } else {
                rest / matrix[column * size + column]
            };
        }
    }
    for row in 0..size {
        let known: f32 = (0..row).map(|inner| matrix[row * size + inner] * right[inner]).sum();
        right[row] = (right[row] - known) / matrix[row * size + row];
    }
    for row in (0..size).rev() {
        let known: f32 = (row + 1..size)
            .map(|inner| matrix[inner * size + row] * right[inner])
            .sum();
        right[row] = (right[row] - known) / matrix[row * size + row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let solution = solve(vec![4.0, 2.0, 2.0, 3.0], vec![2.0, 5.0]);
        assert!(
            (solution[0] + 0.5).abs() < 1e-5 && (solution[1] - 2.0).abs() < 1e-5,
            "{solution:?}"
        );
    }

    #[test]
    fn a_survey_bends_the_map_where_it_was_taken() {
        let station = Station {
            level: 0,
            east_m: 0.0,
            north_m: 0.0,
            height_m: 1.2,
        };
        let settings = LocatorSettings::default();
        let point = |east_m: f32, loss_db: f32| SurveyPoint {
            level: 0,
            east_m,
            north_m: 0.0,
            station: 0,
            rssi_mean_dbm: path_loss_dbm(settings.rssi_1m_dbm, settings.path_loss_exponent, east_m.abs()) - loss_db,
            rssi_sd_db: 2.0,
        };
        // A wall in the east that takes 10 dB.
        let survey: Vec<SurveyPoint> = (1..20)
            .flat_map(|at| [point(at as f32, 10.0), point(-(at as f32), 0.0)])
            .collect();
        let surveyed = SurveyedStation::fit(&station, 0, &survey, &[0.0], &settings).unwrap();
        let at = |east_m: f32| surveyed.rssi_dbm(0, east_m, 0.0, east_m.abs(), 0.0);
        assert!(at(-10.0) - at(10.0) > 7.0, "west {} east {}", at(-10.0), at(10.0));
        assert!(SurveyedStation::fit(&station, 1, &survey, &[0.0], &settings).is_none());
    }
}
