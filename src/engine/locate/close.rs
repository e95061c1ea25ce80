//! What happens when a step closes: find or follow, weigh, learn, conclude. Once per step and tag.
//!
//! Deliberately absent: clocks. Time is the difference between steps.

use super::Locator;
use super::floor::{Corner, Grid, LEVELS_MAX, NO_ZONE, WINDOW_SIDE};
use super::level::LevelEvidence;
use super::line::{Line, Lines};
use super::motion::{AxisWalk, Motion};
use super::posterior::{self, Marginal};
use super::radio_map::{CUT_WINDOW, ErrorScale};
use super::tag::{Compared, TagOffset};
use super::track::{Fix, Heard, Left, STEP_MS, Track};
use super::zone::ZoneMass;

/// Readings that are weighed before their product is scaled: one makes 1e9 at worst, and a few more on top of the
/// same number scaled must stay within a float.
const READINGS_PER_SCALE: usize = 2;
/// Misfit of a cell in which nobody can be, before any reading.
const NOWHERE_MISFIT: f32 = 1e30;
/// Within a cell the truth is anywhere: variance per axis, in cells squared.
const CELL_VARIANCE: f32 = 1.0 / 12.0;
/// Share of a track's `too_strong` that is kept from one step to the next.
const TOO_STRONG_MEMORY: f32 = 0.8;
/// One step adds no more than this to it, before its share: one wild reading is not enough.
const TOO_STRONG_STEP_MAX: f32 = 3.0;
/// Above this a tag is lost and looked for again. The walks of `tests/data/tetam` stay below 0.2 for 95 % of
/// the time and below 0.72 always; a tag carried off unheard passes it within four readings.
const TOO_STRONG_MAX: f32 = 1.2;

impl Locator {
    /// Closes the open step. `None` when none was open, or when the tag can't be on any walkable cell.
    pub(super) fn close_open_step(&self, track: &mut Track) -> Option<Fix> {
        if track.open.heard().is_empty() {
            return None;
        }
        let step = track.open.step;
        if self.is_stale(track, step) || !track.located {
            track.placed = false;
        }
        if !track.placed || track.too_strong > TOO_STRONG_MAX {
            // A lost tag may have explained itself away, so what was learned of it goes too.
            track.tag = TagOffset::unknown(&self.settings);
            self.search(track);
        } else {
            self.change_level(track);
        }
        let fix = self.locate(track, step);
        track.open.clear();
        track.located = fix.is_some();
        fix
    }

    /// Whether the last fix is too old to stand on at a step.
    pub(super) fn is_stale(&self, track: &Track, step: u32) -> bool {
        step.saturating_sub(track.fix.step) > self.settings.time_to_live_ms / STEP_MS
    }

    /// Moves, weighs and concludes, in the window as it is.
    fn locate(&self, track: &mut Track, step: u32) -> Option<Fix> {
        let elapsed_steps = step.saturating_sub(track.fix.step);
        let grid = self.grids.get(usize::from(track.level))?;
        let walkable = grid.walkable_in(track.corner);
        let mut weights = track.kept.weights();
        if track.placed {
            let pace = self.paces.after(elapsed_steps, &self.settings);
            let [east, north] = &mut track.walk;
            Motion::new(east.walk(&pace), north.walk(&pace), self.pitch_m).apply(&mut weights, &walkable);
        }
        let total = self.weigh(track, &mut weights, &walkable);
        posterior::normalise(&mut weights, &walkable, total);
        self.learn_tag(track, &weights, elapsed_steps as f32 * (STEP_MS as f32 / 1000.0));
        let (columns, rows) = posterior::marginals(&weights);
        if !columns.mean.is_finite() {
            return None;
        }
        self.learn_walk(track, grid, &columns, &rows);
        let fix = self.conclude(track, grid, &weights, (&columns, &rows), step);
        let to = posterior::follow(&columns, &rows, track.corner, grid.corner_max());
        if to != track.corner {
            posterior::shift(&mut weights, track.corner, to);
            track.corner = to;
        }
        track.kept.keep(&weights);
        if fix.zone_changed {
            track.left = Left {
                zone: track.fix.zone.unwrap_or(NO_ZONE),
                until: if track.placed { step.saturating_add(1) } else { 0 },
            };
        }
        track.fix = fix;
        track.placed = true;
        Some(fix)
    }

    /// Puts the window around the stations that hear the tag, knowing nothing else: the centroid of the strongest
    /// one's level, weighted by amplitude; or the strongest one, when nobody can stand near that.
    fn search(&self, track: &mut Track) {
        let Some(strongest) = track.open.strongest() else {
            return;
        };
        let Some(nearest) = self.stations.get(usize::from(strongest.station)) else {
            return;
        };
        let (mut east_m, mut north_m, mut total) = (0.0, 0.0, 0.0);
        for heard in track.open.heard() {
            let Some(station) = self
                .stations
                .get(usize::from(heard.station))
                .filter(|station| station.level == nearest.level)
            else {
                continue;
            };
            let amplitude = 10f32.powf(f32::from(heard.rssi_dbm) / 20.0);
            east_m += amplitude * station.east_m;
            north_m += amplitude * station.north_m;
            total += amplitude;
        }
        if !self.look_around(track, nearest.level, east_m / total, north_m / total) {
            self.look_around(track, nearest.level, nearest.east_m, nearest.north_m);
        }
    }

    /// Spreads the mass evenly over the walkable cells around a point; says whether there are any.
    fn look_around(&self, track: &mut Track, level: u8, east_m: f32, north_m: f32) -> bool {
        let Some(grid) = self.grids.get(usize::from(level)) else {
            return false;
        };
        let (column, row) = grid.cell_of(east_m, north_m, self.pitch_m);
        track.level = level;
        track.corner = grid.corner_around(column, row);
        let walkable = grid.walkable_in(track.corner);
        let mut weights = walkable;
        posterior::normalise(&mut weights, &walkable, 0.0);
        track.kept.keep(&weights);
        track.too_strong = 0.0;
        let speed_sd_m_per_s = self.settings.speed_sd_m_per_s;
        let found = |at_m| AxisWalk::found(at_m, self.pitch_m * self.pitch_m, speed_sd_m_per_s);
        track.walk = [found(east_m), found(north_m)];
        track.levels = LevelEvidence::default();
        posterior::sum(&walkable) > 0.0
    }

    /// Moves the tag to another level when the readings fit better there.
    fn change_level(&self, track: &mut Track) {
        if self.grids.len() < 2 {
            return;
        }
        let mut fit_nats = [0.0; LEVELS_MAX];
        for (level, (grid, fit)) in (0u8..).zip(self.grids.iter().zip(&mut fit_nats)) {
            *fit = self.fit_nats(track, level, grid);
        }
        let fit_nats = fit_nats.get(..self.grids.len()).unwrap_or_default();
        if let Some(level) = track
            .levels
            .add(fit_nats, track.level, self.settings.level_evidence_nats)
        {
            self.look_around(track, level, track.fix.east_m, track.fix.north_m);
        }
    }

    /// Log likelihood of the open step on a level, at the best of five points where the tag was last.
    fn fit_nats(&self, track: &Track, level: u8, grid: &Grid) -> f32 {
        const APART: i64 = WINDOW_SIDE as i64 / 4;
        let (column, row) = grid.cell_of(track.fix.east_m, track.fix.north_m, self.pitch_m);
        let (column, row) = (column.floor() as i64, row.floor() as i64);
        let points = [(0, 0), (APART, 0), (-APART, 0), (0, APART), (0, -APART)];
        // Twenty-four readings of 1e9 at worst need the range of a double.
        let mut misfits = [1.0f64; 5];
        let strongest = track.open.strongest();
        for heard in track.open.heard() {
            let Some(scale) = self.error_scale(heard, strongest) else {
                continue;
            };
            let reading_dbm = f32::from(heard.rssi_dbm) - track.tag.of_station(heard.station);
            for (misfit, (east, north)) in misfits.iter_mut().zip(points) {
                let expected_dbm = self.map.cell_dbm(heard.station, level, column + east, row + north);
                *misfit *= f64::from(scale.misfit(reading_dbm - expected_dbm));
            }
        }
        -misfits.into_iter().fold(f64::MAX, f64::min).ln() as f32
    }

    /// Multiplies the mass of each cell by the likelihood of the open step there; returns the sum of the mass.
    fn weigh(&self, track: &mut Track, weights: &mut Lines, walkable: &Lines) -> f32 {
        // One where somebody can be, as good as infinite elsewhere.
        let mut misfit = *walkable;
        for line in &mut misfit {
            *line = (Line::all(1.0) - *line) * Line::all(NOWHERE_MISFIT) + Line::all(1.0);
        }
        let mut cut = CUT_WINDOW;
        let strongest = track.open.strongest();
        for (count, heard) in track.open.heard().iter().enumerate() {
            let Some(scale) = self.error_scale(heard, strongest) else {
                continue;
            };
            if count > 0 && count % READINGS_PER_SCALE == 0 {
                posterior::scale_down(&mut misfit);
            }
            let reading_dbm = f32::from(heard.rssi_dbm) - track.tag.of_station(heard.station);
            let expected = self.map.window(heard.station, track.level, track.corner, &mut cut);
            let best_dbm = scale.multiply_misfit(&mut misfit, reading_dbm, &expected);
            if strongest == Some(*heard) {
                // Anything can weaken a signal and nothing strengthens it: a reading that is stronger than at the best
                // cell of the window comes from outside the window.
                let above_db = reading_dbm - best_dbm;
                let too_strong = (above_db / scale.noise_db - 1.0).clamp(0.0, TOO_STRONG_STEP_MAX);
                track.too_strong = TOO_STRONG_MEMORY * track.too_strong + (1.0 - TOO_STRONG_MEMORY) * too_strong;
            }
        }
        if track.open.heard().len() > READINGS_PER_SCALE {
            posterior::scale_down(&mut misfit);
        }
        posterior::weigh(weights, &misfit)
    }

    /// How far a reading may be off. Where path loss alone stands behind the map, a weak reading says less than a strong
    /// one: its way is longer, and what lies on it unknown.
    fn error_scale(&self, heard: &Heard, strongest: Option<Heard>) -> Option<ErrorScale> {
        let scale = self.map.error_of(heard.station)?;
        let weaker_db = strongest.map_or(0, |strongest| i16::from(strongest.rssi_dbm) - i16::from(heard.rssi_dbm));
        Some(if scale.surveyed {
            scale
        } else {
            ErrorScale {
                noise_db: scale.noise_db * (1.0 + self.settings.weak_doubt_per_10_db * f32::from(weaker_db) / 10.0),
                ..scale
            }
        })
    }

    /// Learns what the tag's readings lie above the map, seen from the new posterior.
    fn learn_tag(&self, track: &mut Track, weights: &Lines, elapsed_s: f32) {
        let (corner, level) = (track.corner, track.level);
        let mut cut = CUT_WINDOW;
        let compared = track.open.heard().iter().map(|heard: &Heard| Compared {
            station: heard.station,
            surveyed: self.map.error_of(heard.station).is_some_and(|scale| scale.surveyed),
            rssi_dbm: f32::from(heard.rssi_dbm),
            expected_dbm: self
                .map
                .window(heard.station, level, corner, &mut cut)
                .mean_dbm(weights),
        });
        track.tag.learn(compared, elapsed_s, &self.settings);
    }

    /// Learns how the person walks from where the posterior has gone.
    fn learn_walk(&self, track: &mut Track, grid: &Grid, columns: &Marginal, rows: &Marginal) {
        let speed_sd_m_per_s = self.settings.speed_sd_m_per_s;
        let (east_m, north_m) = self.middle(track, grid, columns, rows);
        let axes = [(east_m, columns), (north_m, rows)];
        for (walk, (at_m, marginal)) in track.walk.iter_mut().zip(axes) {
            let at_m2 = (marginal.variance + CELL_VARIANCE) * self.pitch_m * self.pitch_m;
            if track.placed {
                walk.learn(at_m, at_m2);
            } else {
                *walk = AxisWalk::found(at_m, at_m2, speed_sd_m_per_s);
            }
        }
    }

    /// The middle of the mass, in metres east and north of the venue's anchor.
    fn middle(&self, track: &Track, grid: &Grid, columns: &Marginal, rows: &Marginal) -> (f32, f32) {
        let Corner { column, row } = track.corner;
        (
            grid.origin_east_m + (f32::from(column) + columns.mean) * self.pitch_m,
            grid.origin_north_m + (f32::from(row) + rows.mean) * self.pitch_m,
        )
    }

    /// The fix that the posterior gives.
    fn conclude(
        &self,
        track: &Track,
        grid: &Grid,
        weights: &Lines,
        (columns, rows): (&Marginal, &Marginal),
        step: u32,
    ) -> Fix {
        let (east_m, north_m) = self.middle(track, grid, columns, rows);
        let mass = ZoneMass::new(weights, grid, track.corner);
        let held = track.placed.then(|| track.fix.zone.unwrap_or(NO_ZONE));
        let confidence = |zone: u16| self.zone_confidence(track, zone, step);
        let (zone, zone_changed) = match held {
            Some(held) if !mass.is_sure_of(held) => {
                self.mass_ahead(track, grid, weights).decide(Some(held), confidence)
            }
            Some(_) | None => mass.decide(held, confidence),
        };
        let variance = columns.variance + rows.variance + 2.0 * CELL_VARIANCE;
        Fix {
            step,
            level: track.level,
            east_m,
            north_m,
            accuracy_m: variance.sqrt() * self.pitch_m,
            zone: (zone != NO_ZONE).then_some(zone),
            zone_confidence: mass.of(zone),
            zone_changed,
        }
    }

    /// The share of mass that a zone needs in a step.
    fn zone_confidence(&self, track: &Track, zone: u16, step: u32) -> f32 {
        let return_steps = (self.settings.zone_return_s * (1000.0 / STEP_MS as f32)) as u32;
        let was_just_left = zone == track.left.zone && step <= track.left.until.saturating_add(return_steps);
        if was_just_left && track.left.until > 0 {
            self.settings.zone_return_confidence
        } else {
            self.settings.zone_confidence
        }
    }

    /// Zones of the mass a moment ahead: readings and the map say where a person was rather than where they are, so that
    /// who walks would be late everywhere.
    fn mass_ahead(&self, track: &Track, grid: &Grid, weights: &Lines) -> ZoneMass {
        let mut ahead = *weights;
        if let Some(heading) = Motion::heading(&track.walk, self.settings.zone_ahead_s, self.pitch_m) {
            heading.apply(&mut ahead, &[Line::all(1.0); WINDOW_SIDE]);
        }
        ZoneMass::new(&ahead, grid, track.corner)
    }
}
