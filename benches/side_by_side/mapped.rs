//! Methods that know what each hub should hear where: fingerprints, the most likely cell, and a hidden Markov model.
//!
//! The radio map is path loss with the locator's starting constants, bent by the survey if there is one: what a hub
//! heard more or less than path loss says, averaged over surveyed places by inverse squared distance (Shepard 1968).

use nextbest::engine::locate::{LocatorSettings, NO_ZONE};
use nextbest::recording::{Estimate, Site, Tracker};
use nextbest_venue::Point;

use crate::support::{Smoothed, estimate};

/// Fingerprints that are averaged.
const NEIGHBOURS: usize = 5;
/// What a hub that was not heard counts as, in dBm.
const UNHEARD_DBM: f32 = -100.0;
/// Standard deviation of a reading around the map, in dB.
const NOISE_DB: f32 = 6.0;
/// Chance of staying in a cell for one step of half a second; the rest goes to its eight neighbours.
const STAY: f32 = 0.4;
/// Posterior mass that another zone needs.
const ZONE_MASS: f32 = 0.6;

/// The k surveyed places whose readings are most alike, averaged.
pub(crate) struct Fingerprints<'a> {
    site: &'a Site,
    smoothed: Smoothed,
    places: Vec<(Point, Vec<f32>)>,
}

impl<'a> Fingerprints<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        let mut places: Vec<(Point, Vec<f32>)> = Vec::new();
        for point in &site.survey {
            let at = Point::new(point.east_m, point.north_m);
            let place = places.iter().position(|(known, _)| *known == at).unwrap_or_else(|| {
                places.push((at, vec![UNHEARD_DBM; site.hubs.len()]));
                places.len() - 1
            });
            places[place].1[usize::from(point.station)] = point.rssi_mean_dbm;
        }
        Self {
            site,
            smoothed: Smoothed::new(site, 1_000.0),
            places,
        }
    }
}

impl Tracker for Fingerprints<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        self.smoothed.observe(at_ms, station, rssi_dbm);
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        let mut heard = vec![UNHEARD_DBM; self.site.hubs.len()];
        self.smoothed
            .heard(at_ms)
            .for_each(|(hub, rssi_dbm)| heard[hub] = rssi_dbm);
        let apart = |print: &[f32]| {
            print
                .iter()
                .zip(&heard)
                .map(|(one, other)| (one - other).powi(2))
                .sum::<f32>()
        };
        let mut by_likeness: Vec<(f32, Point)> = self.places.iter().map(|(at, print)| (apart(print), *at)).collect();
        by_likeness.sort_by(|one, other| one.0.total_cmp(&other.0));
        let nearest = &by_likeness[..NEIGHBOURS.min(by_likeness.len())];
        let mean = |axis: fn(&Point) -> f32| nearest.iter().map(|(_, at)| axis(at)).sum::<f32>() / nearest.len() as f32;
        Some(estimate(
            self.site,
            Point::new(mean(|at| at.east_m), mean(|at| at.north_m)),
        ))
    }
}

/// What each hub should hear in each walkable cell.
pub(crate) struct RadioMap {
    cells: Vec<Cell>,
    columns: usize,
}

struct Cell {
    at: Point,
    column: usize,
    row: usize,
    zone: u16,
    expected_dbm: Vec<f32>,
}

impl RadioMap {
    pub(crate) fn new(site: &Site) -> Self {
        let (level, pitch_m) = (&site.floor.levels[0], site.floor.pitch_m);
        let columns = level.columns as usize;
        let mut cells = Vec::new();
        for (cell, _) in level.walkable.iter().enumerate().filter(|(_, walkable)| **walkable) {
            let (column, row) = (cell % columns, cell / columns);
            let at = Point::new(
                level.origin_east_m + (column as f32 + 0.5) * pitch_m,
                level.origin_north_m + (row as f32 + 0.5) * pitch_m,
            );
            let expected_dbm = (0..site.hubs.len()).map(|hub| expected_dbm(site, hub, at)).collect();
            let zone = level.zone[cell];
            cells.push(Cell {
                at,
                column,
                row,
                zone,
                expected_dbm,
            });
        }
        Self { cells, columns }
    }

    /// Log likelihood of what is heard, in each cell.
    fn fit<'a>(&'a self, heard: &'a [(usize, f32)]) -> impl Iterator<Item = f32> + 'a {
        self.cells.iter().map(move |cell| {
            heard
                .iter()
                .map(|(hub, rssi_dbm)| -((rssi_dbm - cell.expected_dbm[*hub]) / NOISE_DB).powi(2) / 2.0)
                .sum()
        })
    }
}

fn expected_dbm(site: &Site, hub: usize, at: Point) -> f32 {
    let (mut rest_db, mut total) = (0.0, 1e-6);
    for point in site.survey.iter().filter(|point| usize::from(point.station) == hub) {
        let surveyed = Point::new(point.east_m, point.north_m);
        let weight = 1.0 / (surveyed.distance_m(at).powi(2) + 0.25);
        rest_db += weight * (point.rssi_mean_dbm - path_loss_dbm(site, hub, surveyed));
        total += weight;
    }
    path_loss_dbm(site, hub, at) + rest_db / total
}

fn path_loss_dbm(site: &Site, hub: usize, at: Point) -> f32 {
    let settings = LocatorSettings::default();
    let hub = &site.hubs[hub];
    let distance_m = hub
        .at
        .distance_m(at)
        .hypot(hub.height_m - settings.tag_height_m)
        .max(0.5);
    settings.rssi_1m_dbm - 10.0 * settings.path_loss_exponent * distance_m.log10()
}

/// The cell that explains the smoothed readings best.
pub(crate) struct MostLikely<'a> {
    site: &'a Site,
    map: &'a RadioMap,
    smoothed: Smoothed,
}

impl<'a> MostLikely<'a> {
    pub(crate) fn new(site: &'a Site, map: &'a RadioMap) -> Self {
        Self {
            site,
            map,
            smoothed: Smoothed::new(site, 1_500.0),
        }
    }
}

impl Tracker for MostLikely<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        self.smoothed.observe(at_ms, station, rssi_dbm);
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        let heard: Vec<(usize, f32)> = self.smoothed.heard(at_ms).collect();
        let best = self
            .map
            .fit(&heard)
            .enumerate()
            .max_by(|one, other| one.1.total_cmp(&other.1))?;
        (!heard.is_empty()).then(|| estimate(self.site, self.map.cells[best.0].at))
    }
}

/// Cells as hidden states, neighbours as transitions, the readings of each half second as what is seen.
pub(crate) struct HiddenMarkov<'a> {
    map: &'a RadioMap,
    /// By cell of the map.
    mass: Vec<f32>,
    /// The neighbours of each cell, itself not among them.
    neighbours: Vec<Vec<usize>>,
    /// Sum and number of readings of this step, by hub.
    step: Vec<(f32, f32)>,
    zone: u16,
}

impl<'a> HiddenMarkov<'a> {
    pub(crate) fn new(site: &'a Site, map: &'a RadioMap) -> Self {
        let mut at = vec![None; map.columns * (site.floor.levels[0].rows as usize)];
        for (number, cell) in map.cells.iter().enumerate() {
            at[cell.row * map.columns + cell.column] = Some(number);
        }
        let around = |cell: &Cell| -> Vec<usize> {
            let near = |middle: usize| middle.saturating_sub(1)..=middle + 1;
            let cells = near(cell.row).flat_map(|row| near(cell.column).map(move |column| (row, column)));
            cells
                .filter(|(row, column)| (*row, *column) != (cell.row, cell.column) && *column < map.columns)
                .filter_map(|(row, column)| *at.get(row * map.columns + column)?)
                .collect()
        };
        Self {
            map,
            mass: vec![1.0 / map.cells.len() as f32; map.cells.len()],
            neighbours: map.cells.iter().map(around).collect(),
            step: vec![(0.0, 0.0); site.hubs.len()],
            zone: NO_ZONE,
        }
    }

    fn spread(&mut self) {
        let mut moved = vec![0.0; self.mass.len()];
        for (cell, mass) in self.mass.iter().enumerate() {
            moved[cell] += STAY * mass;
            let around = &self.neighbours[cell];
            // What finds no way out stays.
            moved[cell] += (1.0 - STAY) * mass * (8 - around.len()) as f32 / 8.0;
            around.iter().for_each(|next| moved[*next] += (1.0 - STAY) * mass / 8.0);
        }
        self.mass = moved;
    }

    /// The zone with enough of the mass, else the one before.
    fn zone(&self) -> u16 {
        let mass_of = |zone: u16| -> f32 {
            let cells = self.map.cells.iter().zip(&self.mass);
            cells.filter(|(cell, _)| cell.zone == zone).map(|(_, mass)| mass).sum()
        };
        let mut zones: Vec<u16> = self.map.cells.iter().map(|cell| cell.zone).collect();
        zones.sort_unstable();
        zones.dedup();
        let enough = |zone: &u16| mass_of(*zone) > ZONE_MASS;
        zones.into_iter().find(enough).unwrap_or(self.zone)
    }
}

impl Tracker for HiddenMarkov<'_> {
    fn observe(&mut self, _: u32, station: u16, rssi_dbm: i8) {
        let (sum, count) = &mut self.step[usize::from(station)];
        *sum += f32::from(rssi_dbm);
        *count += 1.0;
    }

    fn place(&mut self, _: u32) -> Option<Estimate> {
        let heard = |(hub, (sum, count)): (usize, &(f32, f32))| (*count > 0.0).then(|| (hub, sum / count));
        let heard: Vec<(usize, f32)> = self.step.iter().enumerate().filter_map(heard).collect();
        self.step.fill((0.0, 0.0));
        self.spread();
        let fit: Vec<f32> = self.map.fit(&heard).collect();
        let best = fit.iter().copied().fold(f32::MIN, f32::max);
        self.mass
            .iter_mut()
            .zip(&fit)
            .for_each(|(mass, fit)| *mass *= (fit - best).exp());
        let total: f32 = self.mass.iter().sum::<f32>() + 1e-30;
        self.mass.iter_mut().for_each(|mass| *mass = *mass / total + 1e-12);
        let mean = |axis: fn(&Point) -> f32| -> f32 {
            self.map
                .cells
                .iter()
                .zip(&self.mass)
                .map(|(cell, mass)| axis(&cell.at) * mass)
                .sum()
        };
        let at = Point::new(mean(|at| at.east_m), mean(|at| at.north_m));
        self.zone = self.zone();
        Some(Estimate { at, zone: self.zone })
    }
}
