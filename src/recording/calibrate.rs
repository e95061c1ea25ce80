//! Which hub is off, and by how much: what each hub heard at known places against what its place on the map predicts.
//!
//! Known places are those of a survey and the truth of walks. One path loss serves all hubs: its exponent is the median
//! of the hubs' own, so that a few wrong hubs don't bend it, and each hub keeps a level of its own. Then, hub by hub:
//! its level against the median of all; the place where it would fit best; and for each pair, whether both fit better at
//! each other's place. With a survey and walks, the walks are also compared with the survey's radio map, which knows
//! walls: what changed since. A hub's level is the median of what its readings say and its misfit their mean distance
//! from it, which a blocked corner moves little; squares would let it decide.
//!
//! Deliberately absent: corrections. A venue repairs its hub or its map; the locator learns what is left.

use nextbest_venue::Point;

use super::site::Site;
use super::walk::Walk;
use crate::engine::locate::LocatorSettings;

/// Side of the cells into which a walk's sightings are averaged, in metres.
const CELL_M: f32 = 1.0;
/// Fewer places say nothing about a hub.
const PLACES_MIN: usize = 8;
/// Exponents that a building can have.
const EXPONENTS: std::ops::RangeInclusive<f32> = 1.2..=4.0;
/// Two hubs are taken for swapped when their misfits at each other's place come to less than this share. On
/// `tests/data/tetam` hubs that are where they should be reach 0.92, and swapped ones 0.53 to 0.83.
const SWAPPED_SHARE: f32 = 0.87;
/// A hub is taken for moved when it fits this much better elsewhere, and elsewhere is so far away. On
/// `tests/data/tetam` walls alone reach 1.42 at 6 m.
const MOVED_SHARE: f32 = 1.45;
const MOVED_M: f32 = 3.0;
/// Where a better place is looked for: this far around all places, in steps of half a metre.
const SEARCH_MARGIN_M: f32 = 3.0;
const SEARCH_STEP_M: f32 = 0.5;
/// Steps of a search, per axis.
const SEARCH_STEPS_MAX: usize = 256;

/// What a hub heard on average of a tag at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reading {
    hub: usize,
    at: Point,
    rssi_dbm: f32,
    spread_db: f32,
}

/// What the hubs of a site came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Median RSSI at one metre over the hubs, in dBm.
    pub rssi_1m_dbm: f32,
    /// The path loss exponent of the building.
    pub exponent: f32,
    /// The hubs, in the site's order.
    pub hubs: Vec<HubCheck>,
}

/// What one hub came to; figures are `None` where it was heard at too few places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HubCheck {
    /// Its id.
    pub hub: String,
    /// Places at which it heard the tag.
    pub places: usize,
    /// Share of all places at which it did, 0 to 1.
    pub heard_share: f32,
    /// By how much it hears more than the median hub, in dB.
    pub off_db: Option<f32>,
    /// The same against the radio map of the survey: what changed since.
    pub since_survey_db: Option<f32>,
    /// Its own path loss exponent; far from the building's, its gain or its place is wrong.
    pub exponent: Option<f32>,
    /// Mean spread of its readings at one place, in dB.
    pub noise_db: Option<f32>,
    /// Mean distance of its readings from path loss at its place on the map, in dB.
    pub misfit_db: Option<f32>,
    /// The place where it would fit best.
    pub fits_best: Option<Point>,
    /// How far that is from its place on the map, in metres.
    pub apart_m: Option<f32>,
    /// The other hub, when both fit better at each other's place.
    pub swapped_with: Option<String>,
    /// Whether it fits so much better elsewhere that it must hang there.
    pub moved: bool,
}

impl HubCheck {
    /// Whether it heard nothing at all.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.places == 0
    }

    /// Its larger offset, in dB either way.
    #[must_use]
    pub fn worst_off_db(&self) -> f32 {
        self.off_db
            .unwrap_or(0.0)
            .abs()
            .max(self.since_survey_db.unwrap_or(0.0).abs())
    }
}

/// Checks the hubs of a site against its survey and walks with truth.
#[must_use]
pub fn calibrate(site: &Site, walks: &[Walk]) -> Calibration {
    let (surveyed, walked) = (surveyed(site), walked(walks));
    let all: Vec<Reading> = surveyed.iter().chain(&walked).copied().collect();
    let by_hub: Vec<Vec<Reading>> = (0..site.hubs.len())
        .map(|hub| all.iter().filter(|reading| reading.hub == hub).copied().collect())
        .collect();
    let enough = |hub: usize| by_hub.get(hub).filter(|readings| readings.len() >= PLACES_MIN);
    let exponents: Vec<Option<f32>> = (0..site.hubs.len())
        .map(|hub| own_exponent(site, hub, enough(hub)?))
        .collect();
    let exponent = median(exponents.iter().flatten().copied().collect())
        .unwrap_or(LocatorSettings::default().path_loss_exponent)
        .clamp(*EXPONENTS.start(), *EXPONENTS.end());
    let fitter = Fitter { site, exponent };
    let fits: Vec<Option<Fit>> = (0..site.hubs.len())
        .map(|hub| fitter.at_map(hub, enough(hub)?))
        .collect();
    let rssi_1m_dbm = median(fits.iter().flatten().map(|fit| fit.level_dbm).collect()).unwrap_or(f32::NAN);
    let changes = changes_db(&fitter, &surveyed, &walked);
    let places = places_of(&all).len();
    let mut hubs: Vec<HubCheck> = Vec::new();
    for (hub, readings) in by_hub.iter().enumerate() {
        let best = enough(hub).and_then(|readings| fitter.best(hub, readings, &all));
        let fit = fits.get(hub).copied().flatten();
        let at = site.hubs.get(hub).map(|hub| hub.at);
        let apart_m = best.zip(at).map(|((place, _), at)| place.distance_m(at));
        let moved = fit.zip(best).zip(apart_m).is_some_and(|((fit, (_, best)), apart_m)| {
            apart_m >= MOVED_M && fit.misfit_db >= MOVED_SHARE * best.misfit_db
        });
        hubs.push(HubCheck {
            hub: site.hubs.get(hub).map_or_else(String::new, |hub| hub.id.clone()),
            places: readings.len(),
            heard_share: places_of(readings).len() as f32 / places.max(1) as f32,
            off_db: fit.map(|fit| fit.level_dbm - rssi_1m_dbm),
            since_survey_db: changes.get(hub).copied().flatten(),
            exponent: exponents.get(hub).copied().flatten(),
            noise_db: mean(readings.iter().map(|reading| reading.spread_db)),
            misfit_db: fit.map(|fit| fit.misfit_db),
            fits_best: best.map(|(place, _)| place),
            apart_m,
            swapped_with: None,
            moved,
        });
    }
    name_swaps(&fitter, &by_hub, &fits, &mut hubs);
    Calibration {
        rssi_1m_dbm,
        exponent,
        hubs,
    }
}

fn surveyed(site: &Site) -> Vec<Reading> {
    let reading = |point: &crate::engine::locate::SurveyPoint| Reading {
        hub: usize::from(point.station),
        at: Point::new(point.east_m, point.north_m),
        rssi_dbm: point.rssi_mean_dbm,
        spread_db: point.rssi_sd_db,
    };
    site.survey.iter().map(reading).collect()
}

/// The sightings of walks with truth, averaged by hub and cell.
fn walked(walks: &[Walk]) -> Vec<Reading> {
    let mut cells: std::collections::BTreeMap<(u16, i32, i32), Vec<f32>> = std::collections::BTreeMap::new();
    for walk in walks {
        for heard in &walk.heard {
            // The truth at the very sighting counts as well.
            let Some(at) = walk.true_place(heard.at_ms + 0.001) else {
                continue;
            };
            let cell = |metres: f32| (metres / CELL_M).floor() as i32;
            let key = (heard.station, cell(at.east_m), cell(at.north_m));
            cells.entry(key).or_default().push(f32::from(heard.rssi_dbm));
        }
    }
    let reading = |((hub, column, row), heard): ((u16, i32, i32), Vec<f32>)| {
        let mean_dbm = mean(heard.iter().copied()).unwrap_or_default();
        let square = mean(heard.iter().map(|rssi_dbm| (rssi_dbm - mean_dbm).powi(2))).unwrap_or_default();
        Reading {
            hub: usize::from(hub),
            at: Point::new((column as f32 + 0.5) * CELL_M, (row as f32 + 0.5) * CELL_M),
            rssi_dbm: mean_dbm,
            spread_db: square.sqrt(),
        }
    };
    cells.into_iter().map(reading).collect()
}

/// A hub's level and how well path loss explains it.
#[derive(Clone, Copy, Debug)]
struct Fit {
    level_dbm: f32,
    misfit_db: f32,
}

struct Fitter<'a> {
    site: &'a Site,
    exponent: f32,
}

impl Fitter<'_> {
    fn at_map(&self, hub: usize, readings: &[Reading]) -> Option<Fit> {
        self.at(hub, self.site.hubs.get(hub)?.at, readings)
    }

    /// The fit if the hub hung at a place, at its own height.
    fn at(&self, hub: usize, place: Point, readings: &[Reading]) -> Option<Fit> {
        let height_m = self.site.hubs.get(hub)?.height_m;
        let level = |reading: &Reading| reading.rssi_dbm + self.exponent * decades(place, height_m, reading.at);
        let levels: Vec<f32> = readings.iter().map(level).collect();
        let level_dbm = median(levels.clone())?;
        let misfit_db = mean(levels.iter().map(|level| (level - level_dbm).abs()))?;
        Some(Fit { level_dbm, misfit_db })
    }

    /// The place where a hub fits best, around all places that are known.
    fn best(&self, hub: usize, readings: &[Reading], all: &[Reading]) -> Option<(Point, Fit)> {
        let span = |axis: fn(&Point) -> f32| {
            let least = all
                .iter()
                .map(|reading| axis(&reading.at))
                .fold(f32::INFINITY, f32::min)
                - SEARCH_MARGIN_M;
            let most = all
                .iter()
                .map(|reading| axis(&reading.at))
                .fold(f32::NEG_INFINITY, f32::max)
                + SEARCH_MARGIN_M;
            let steps = (((most - least) / SEARCH_STEP_M) as usize).min(SEARCH_STEPS_MAX);
            (0..=steps).map(move |step| least + step as f32 * (most - least) / steps.max(1) as f32)
        };
        let mut best: Option<(Point, Fit)> = None;
        for east_m in span(|at| at.east_m) {
            for north_m in span(|at| at.north_m) {
                let place = Point::new(east_m, north_m);
                let Some(fit) = self.at(hub, place, readings) else {
                    continue;
                };
                if best.is_none_or(|(_, known)| fit.misfit_db < known.misfit_db) {
                    best = Some((place, fit));
                }
            }
        }
        best
    }
}

/// What each hub hears on walks beyond the survey's radio map, against the median hub: the tag may be another one.
fn changes_db(fitter: &Fitter<'_>, surveyed: &[Reading], walked: &[Reading]) -> Vec<Option<f32>> {
    let change = |hub: usize| {
        let of = |readings: &[Reading]| -> Vec<Reading> {
            readings.iter().filter(|reading| reading.hub == hub).copied().collect()
        };
        let (survey, walk) = (of(surveyed), of(walked));
        if survey.len() < PLACES_MIN || walk.len() < PLACES_MIN {
            return None;
        }
        let place = fitter.site.hubs.get(hub)?;
        let level =
            |reading: &Reading| reading.rssi_dbm + fitter.exponent * decades(place.at, place.height_m, reading.at);
        // The survey's level around a place, by inverse squared distance.
        let around = |at: Point| {
            let weight = |reading: &Reading| 1.0 / (reading.at.distance_m(at).powi(2) + 0.25);
            let total: f32 = survey.iter().map(weight).sum();
            survey
                .iter()
                .map(|reading| weight(reading) * level(reading))
                .sum::<f32>()
                / total
        };
        median(walk.iter().map(|reading| level(reading) - around(reading.at)).collect())
    };
    let changes: Vec<Option<f32>> = (0..fitter.site.hubs.len()).map(change).collect();
    let common = median(changes.iter().flatten().copied().collect()).unwrap_or_default();
    changes.into_iter().map(|change| Some(change? - common)).collect()
}

/// Names pairs that fit better at each other's place, the clearest first, each hub at most once.
fn name_swaps(fitter: &Fitter<'_>, by_hub: &[Vec<Reading>], fits: &[Option<Fit>], hubs: &mut [HubCheck]) {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    let misfit = |hub: usize, at: usize| {
        let place = fitter.site.hubs.get(at)?.at;
        Some(fitter.at(hub, place, by_hub.get(hub)?)?.misfit_db)
    };
    for one in 0..by_hub.len() {
        for other in one + 1..by_hub.len() {
            let own = fits.get(one).copied().flatten().zip(fits.get(other).copied().flatten());
            let crossed = misfit(one, other).zip(misfit(other, one));
            let Some(((own_one, own_other), (crossed_one, crossed_other))) = own.zip(crossed) else {
                continue;
            };
            let share = (crossed_one + crossed_other) / (own_one.misfit_db + own_other.misfit_db).max(1e-3);
            if share < SWAPPED_SHARE && crossed_one < own_one.misfit_db && crossed_other < own_other.misfit_db {
                pairs.push((share, one, other));
            }
        }
    }
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (_, one, other) in pairs {
        let name = |hub: usize| fitter.site.hubs.get(hub).map(|hub| hub.id.clone());
        let taken = |hub: usize| hubs.get(hub).is_none_or(|check| check.swapped_with.is_some());
        if taken(one) || taken(other) {
            continue;
        }
        for (hub, with) in [(one, other), (other, one)] {
            if let Some(check) = hubs.get_mut(hub) {
                check.swapped_with = name(with);
                check.moved = false;
            }
        }
    }
}

/// Least squares of a hub's readings over the logarithm of distance.
fn own_exponent(site: &Site, hub: usize, readings: &[Reading]) -> Option<f32> {
    let hub = site.hubs.get(hub)?;
    let x: Vec<f32> = readings
        .iter()
        .map(|reading| decades(hub.at, hub.height_m, reading.at))
        .collect();
    let (mean_x, mean_y) = (
        mean(x.iter().copied())?,
        mean(readings.iter().map(|reading| reading.rssi_dbm))?,
    );
    let square: f32 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
    let product: f32 = x
        .iter()
        .zip(readings)
        .map(|(x, reading)| (x - mean_x) * (reading.rssi_dbm - mean_y))
        .sum();
    (square > 1e-3).then(|| -product / square)
}

/// Ten times the logarithm of the distance in metres: what is lost per exponent.
fn decades(place: Point, height_m: f32, at: Point) -> f32 {
    let up_m = height_m - LocatorSettings::default().tag_height_m;
    10.0 * place.distance_m(at).hypot(up_m).max(0.5).log10()
}

/// The different places of some readings.
fn places_of(readings: &[Reading]) -> Vec<(u32, u32)> {
    let mut places: Vec<(u32, u32)> = readings
        .iter()
        .map(|reading| (reading.at.east_m.to_bits(), reading.at.north_m.to_bits()))
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn mean(values: impl Iterator<Item = f32>) -> Option<f32> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f32)
}

fn median(mut values: Vec<f32>) -> Option<f32> {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied()
}
