//! What each station should hear of an ordinary tag in each cell.
//!
//! One byte per cell, and only for cells within hearing range of a station, so that memory and cost follow the number
//! of stations and not the size of the venue. Deliberately absent: silence as evidence; a dead station and a quiet one
//! look the same.

use super::error::LocatorError;
use super::floor::{Corner, Grid, WINDOW_SIDE};
use super::line::{LOADED_LEN, Line, Lines};
use super::settings::LocatorSettings;
use super::station::Station;
use super::survey::SurveyedStation;

/// Cells that all radio maps of a venue may have together: 256 MiB.
pub(in crate::engine) const MAP_CELLS_MAX: usize = 256 << 20;
/// Stored steps in one dB, below zero dBm: a byte reaches from 0 to -127.5 dBm.
const STEPS_PER_DB: f32 = 2.0;
/// What a cell out of range is expected to be heard at: -105 dBm, below what a receiver can decode.
const OUT_OF_RANGE: u8 = 210;
/// Path loss within this distance is flat, in metres: an antenna's near field is no place to extrapolate to.
const NEAR_M: f32 = 0.5;

/// Expected RSSI of every station.
#[derive(Debug)]
pub(super) struct RadioMap {
    /// By station, then by level.
    patches: Vec<Patch>,
    levels: usize,
    /// Half dB below zero dBm, row by row of each patch, and a few more, since rows are read a little beyond their end.
    steps: Vec<u8>,
    /// By station.
    errors: Vec<ErrorScale>,
}

/// How far readings of one station may be off.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorScale {
    /// Scale of the heavy-tailed error, in dB.
    pub(super) noise_db: f32,
    /// Whether a survey stands behind the map. Then errors are nearly Gaussian (Student's t with five degrees of
    /// freedom); path loss alone can be wrong by any amount (one degree, Cauchy). Measured on `tests/data/tetam`: with
    /// a survey one degree costs 0.06 m, without one five cost 0.15 m.
    pub(super) surveyed: bool,
}

/// The part of one level that one station hears, in cells of the level's grid.
#[derive(Clone, Copy, Debug, Default)]
struct Patch {
    column: u32,
    row: u32,
    columns: u32,
    rows: u32,
    start: usize,
}

/// What one station should hear in each cell of a window, in half dB below zero dBm: where the first row is, and how far
/// it is from one row to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowMap<'a> {
    steps: &'a [u8],
    apart: usize,
}

/// Room for a window that lies across the edge of a patch.
pub(super) type CutWindow = [u8; WINDOW_SIDE * LOADED_LEN];
/// An empty one.
pub(super) const CUT_WINDOW: CutWindow = [OUT_OF_RANGE; WINDOW_SIDE * LOADED_LEN];

impl WindowMap<'_> {
    /// Its mean over the weights, which sum to about one, in dBm.
    pub(super) fn mean_dbm(&self, weights: &Lines) -> f32 {
        let products = weights
            .iter()
            .zip(self.lines())
            .map(|(weights, steps)| *weights * steps);
        products.fold(Line::NOTHING, |sum, line| sum + line).sum() / -STEPS_PER_DB
    }

    #[inline]
    fn lines(&self) -> impl Iterator<Item = Line> {
        let (mut rest, apart) = (self.steps, self.apart);
        std::iter::from_fn(move || {
            let line = Line::of_bytes(*rest.first_chunk()?);
            rest = rest.get(apart..).unwrap_or_default();
            Some(line)
        })
    }
}

impl ErrorScale {
    /// One over the likelihood of an error, up to a constant: Student's t, with density proportional to
    /// (1 + e^2 / (v s^2))^(-(v + 1) / 2) for v degrees of freedom (Bishop, Pattern Recognition, 2.159).
    pub(super) fn misfit(self, error_db: f32) -> f32 {
        let base = 1.0 + error_db * error_db * self.inverse_scale();
        if self.surveyed { base * base * base } else { base }
    }

    /// Multiplies the misfit of every cell by that of a reading. Says what would be heard in the cell that should hear
    /// most, in dBm.
    pub(super) fn multiply_misfit(self, misfit: &mut Lines, reading_dbm: f32, expected: &WindowMap<'_>) -> f32 {
        // In the map's own steps, which count below zero.
        let reading = Line::all(reading_dbm * STEPS_PER_DB);
        let inverse_scale = Line::all(self.inverse_scale() / (STEPS_PER_DB * STEPS_PER_DB));
        let mut best = Line::all(f32::MAX);
        for (misfit, steps) in misfit.iter_mut().zip(expected.lines()) {
            let error = reading + steps;
            let base = Line::all(1.0) + error * error * inverse_scale;
            *misfit *= if self.surveyed { base * base * base } else { base };
            best = best.at_most(steps);
        }
        best.least() / -STEPS_PER_DB
    }

    /// One over degrees of freedom and scale squared.
    fn inverse_scale(self) -> f32 {
        let freedom = if self.surveyed { 5.0 } else { 1.0 };
        1.0 / (freedom * self.noise_db * self.noise_db)
    }
}

impl RadioMap {
    /// Computes the map of every station on every level.
    pub(super) fn new(
        grids: &[Grid],
        pitch_m: f32,
        stations: &[Station],
        surveyed: &[Option<SurveyedStation>],
        settings: &LocatorSettings,
    ) -> Result<Self, LocatorError> {
        let mut map = Self {
            patches: Vec::new(),
            levels: grids.len(),
            steps: Vec::new(),
            errors: Vec::new(),
        };
        for (station, surveyed) in stations.iter().zip(surveyed) {
            let noise_db = if surveyed.is_some() {
                settings.noise_survey_db
            } else {
                settings.noise_path_loss_db
            };
            map.errors.push(ErrorScale {
                noise_db,
                surveyed: surveyed.is_some(),
            });
            let station_up_m = grids
                .get(usize::from(station.level))
                .map_or(0.0, |grid| grid.elevation_m)
                + station.height_m;
            for (level, grid) in (0u8..).zip(grids) {
                let patch = map.reserve(grid, pitch_m, station, settings.hearing_range_m)?;
                let up_m = grid.elevation_m + settings.tag_height_m - station_up_m;
                let slabs_db = settings.level_loss_db * f32::from(level.abs_diff(station.level));
                map.fill(&patch, grid, pitch_m, |east_m, north_m| {
                    let distance_m =
                        ((east_m - station.east_m).powi(2) + (north_m - station.north_m).powi(2) + up_m * up_m).sqrt();
                    match surveyed {
                        Some(surveyed) => surveyed.rssi_dbm(level, east_m, north_m, distance_m, slabs_db),
                        None => settings.rssi_dbm(distance_m) - slabs_db,
                    }
                });
            }
        }
        map.steps.extend([OUT_OF_RANGE; LOADED_LEN]);
        Ok(map)
    }

    /// Adds the patch of a level that a station may hear; its cells come next.
    fn reserve(&mut self, grid: &Grid, pitch_m: f32, station: &Station, range_m: f32) -> Result<Patch, LocatorError> {
        let (column, row) = grid.cell_of(station.east_m, station.north_m, pitch_m);
        let reach = range_m / pitch_m;
        let span = |at: f32, cells: usize| -> (u32, u32) {
            let first = (at - reach).floor().clamp(0.0, cells as f32) as u32;
            let end = (at + reach).ceil().clamp(0.0, cells as f32) as u32;
            (first, end - first)
        };
        let ((column, columns), (row, rows)) = (span(column, grid.columns), span(row, grid.rows));
        let patch = Patch {
            column,
            row,
            columns,
            rows,
            start: self.steps.len(),
        };
        if self.steps.len() + columns as usize * rows as usize > MAP_CELLS_MAX {
            return Err(LocatorError::MapTooLarge {
                cells_max: MAP_CELLS_MAX,
            });
        }
        self.patches.push(patch);
        Ok(patch)
    }

    fn fill(&mut self, patch: &Patch, grid: &Grid, pitch_m: f32, rssi_dbm: impl Fn(f32, f32) -> f32) {
        for row in patch.row..patch.row + patch.rows {
            let north_m = grid.origin_north_m + (row as f32 + 0.5) * pitch_m;
            for column in patch.column..patch.column + patch.columns {
                let east_m = grid.origin_east_m + (column as f32 + 0.5) * pitch_m;
                self.steps.push(
                    (-rssi_dbm(east_m, north_m) * STEPS_PER_DB)
                        .round()
                        .clamp(0.0, f32::from(u8::MAX)) as u8,
                );
            }
        }
    }

    /// How far readings of a station may be off; `None` when there is no such station.
    pub(super) fn error_of(&self, station: u16) -> Option<ErrorScale> {
        self.errors.get(usize::from(station)).copied()
    }

    /// What a station should hear in each cell of a window. `cut` is room for a window that lies across the edge of what
    /// the station hears, which is rare.
    #[inline]
    pub(super) fn window<'a>(
        &'a self,
        station: u16,
        level: u8,
        corner: Corner,
        cut: &'a mut CutWindow,
    ) -> WindowMap<'a> {
        match self.whole_window(station, level, corner) {
            Some(whole) => whole,
            None => {
                self.cut_window(station, level, corner, cut);
                WindowMap {
                    steps: cut,
                    apart: LOADED_LEN,
                }
            }
        }
    }

    /// The window, when a patch has all of it.
    #[inline]
    fn whole_window(&self, station: u16, level: u8, corner: Corner) -> Option<WindowMap<'_>> {
        let patch = self.patch(station, level)?;
        let column = u32::from(corner.column).checked_sub(patch.column)?;
        let row = u32::from(corner.row).checked_sub(patch.row)?;
        let side = WINDOW_SIDE as u32;
        if column.saturating_add(side) > patch.columns || row.saturating_add(side) > patch.rows {
            return None;
        }
        let apart = patch.columns as usize;
        let steps = self.steps.get(patch.start + row as usize * apart + column as usize..)?;
        Some(WindowMap { steps, apart })
    }

    /// The window cell by cell.
    #[cold]
    fn cut_window(&self, station: u16, level: u8, corner: Corner, cut: &mut CutWindow) {
        cut.fill(OUT_OF_RANGE);
        let Some(patch) = self.patch(station, level) else {
            return;
        };
        let west = i64::from(corner.column) - i64::from(patch.column);
        for (row, out) in (u32::from(corner.row)..).zip(cut.as_chunks_mut::<LOADED_LEN>().0) {
            let Some(line) = self.line(patch, row) else { continue };
            for (column, out) in (west..).zip(out) {
                if let Some(&steps) = usize::try_from(column).ok().and_then(|column| line.get(column)) {
                    *out = steps;
                }
            }
        }
    }

    /// What a station should hear in one cell, in dBm.
    pub(super) fn cell_dbm(&self, station: u16, level: u8, column: i64, row: i64) -> f32 {
        let steps = || {
            let patch = self.patch(station, level)?;
            let column = usize::try_from(column - i64::from(patch.column)).ok()?;
            self.line(patch, u32::try_from(row).ok()?)?.get(column).copied()
        };
        -f32::from(steps().unwrap_or(OUT_OF_RANGE)) / STEPS_PER_DB
    }

    /// Calls `say` with every cell of a level in which a station may be heard, as column and row of the level's grid, and
    /// what it should hear there in dBm.
    pub(super) fn for_each_cell(&self, station: u16, level: u8, mut say: impl FnMut(u32, u32, f32)) {
        let Some(patch) = self.patch(station, level) else {
            return;
        };
        for row in patch.row..patch.row + patch.rows {
            let line = self.line(patch, row).unwrap_or_default();
            for (column, steps) in (patch.column..).zip(line) {
                say(column, row, -f32::from(*steps) / STEPS_PER_DB);
            }
        }
    }

    fn patch(&self, station: u16, level: u8) -> Option<&Patch> {
        self.patches
            .get(usize::from(station) * self.levels + usize::from(level))
    }

    fn line(&self, patch: &Patch, row: u32) -> Option<&[u8]> {
        let row = row.checked_sub(patch.row).filter(|&row| row < patch.rows)?;
        let start = patch.start + row as usize * patch.columns as usize;
        self.steps.get(start..start + patch.columns as usize)
    }
}

/// Log-distance path loss: Rappaport, Wireless Communications, section 4.9.
pub(super) fn path_loss_dbm(rssi_1m_dbm: f32, exponent: f32, distance_m: f32) -> f32 {
    rssi_1m_dbm - 10.0 * exponent * distance_m.max(NEAR_M).log10()
}
