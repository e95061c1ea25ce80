//! The rules of Bermuda BLE Trilateration for Home Assistant (agittins/bermuda), which says an area and no place.
//!
//! From its `custom_components/bermuda`: `const.py` (00b0a9e: constants, all at their defaults), `util.py` (07dd6dc:
//! path loss), `bermuda_advert.py` (1519ee0: `calculate_data`, smoothing) and `coordinator.py` of the same series
//! (`_refresh_area_by_min_distance`, the contest), in our own words:
//!
//! 1. Every 1.05 s the latest reading of each hub becomes a distance: `10^((-55 - rssi) / 30)`.
//! 2. A reading that flies away faster than 3 m/s against any of the last ten is replaced by the one before.
//! 3. The distance is the mean over the last 20 cycles of the running minimum from the newest back, if that is less
//!    than the newest; a hub silent for 30 s has none.
//! 4. Whoever holds the tag keeps it until another hub, heard within 10 s and within 20 m, is closer and either was
//!    closer in all of the last five cycles than the holder in any, by more than 15 %, or is closer by 18 %.
//!    A percentage is half of the difference over the sum, as the project computes it.
//!
//! The tag's place, for the errors in metres, is the holder's; its zone is the one the holder hangs in.

use nextbest::recording::{Estimate, Site, Tracker};

use crate::support::estimate;

const CYCLE_MS: u32 = 1_050;
const RSSI_1M_DBM: f32 = -55.0;
const ATTENUATION: f32 = 3.0;
const VELOCITY_MAX_M_PER_S: f32 = 3.0;
const READINGS_MAX: usize = 10;
const CYCLES_MAX: usize = 20;
const AWAY_MS: u32 = 30_000;
const CONTEST_AGE_MS_MAX: u32 = 10_000;
const RADIUS_M_MAX: f32 = 20.0;
const HISTORY_MIN: usize = 3;
const HISTORY_MAX: usize = 5;
const HISTORY_SHARE: f32 = 0.15;
const SHARE: f32 = 0.18;

pub(crate) struct Bermuda<'a> {
    site: &'a Site,
    adverts: Vec<Advert>,
    /// Hubs in the order in which they first heard the tag: the order of the contest.
    order: Vec<usize>,
    holder: Option<usize>,
    next_cycle_ms: u32,
}

/// What one hub knows of the tag; lists begin with the newest.
#[derive(Default)]
struct Advert {
    latest: Option<(u32, i8)>,
    readings: Vec<(u32, f32)>,
    cycles: Vec<f32>,
    distance_m: Option<f32>,
}

impl<'a> Bermuda<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self {
            site,
            adverts: site.hubs.iter().map(|_| Advert::default()).collect(),
            order: Vec::new(),
            holder: None,
            next_cycle_ms: CYCLE_MS,
        }
    }

    /// All cycles that are due.
    fn advance(&mut self, now_ms: u32) {
        while self.next_cycle_ms <= now_ms {
            let cycle_ms = self.next_cycle_ms;
            self.adverts.iter_mut().for_each(|advert| advert.cycle(cycle_ms));
            self.contest(cycle_ms);
            self.next_cycle_ms += CYCLE_MS;
        }
    }

    fn contest(&mut self, now_ms: u32) {
        for &rival in &self.order {
            if self.holder == Some(rival) {
                continue;
            }
            let advert = &self.adverts[rival];
            if advert
                .readings
                .first()
                .is_none_or(|(at_ms, _)| now_ms - at_ms > CONTEST_AGE_MS_MAX)
            {
                continue;
            }
            let held = self.holder.map(|holder| &self.adverts[holder]);
            if held.is_none_or(|holder| advert.beats(holder)) {
                self.holder = Some(rival);
            }
        }
    }
}

impl Advert {
    fn cycle(&mut self, now_ms: u32) {
        let newest = self.latest.take().map(|(at_ms, rssi_dbm)| {
            (
                at_ms,
                10f32.powf((RSSI_1M_DBM - f32::from(rssi_dbm)) / (10.0 * ATTENUATION)),
            )
        });
        self.readings.splice(0..0, newest);
        self.readings.truncate(READINGS_MAX);
        let Some(&(last_ms, raw_m)) = self.readings.first() else {
            return;
        };
        if self.distance_m.is_none() {
            if newest.is_some() {
                self.distance_m = Some(raw_m);
                self.cycles = vec![raw_m];
            }
            return;
        }
        if newest.is_none() && now_ms - last_ms > AWAY_MS {
            self.distance_m = None;
            self.cycles.clear();
            return;
        }
        let too_fast = self.velocity_m_per_s() > VELOCITY_MAX_M_PER_S;
        let kept_m = if too_fast {
            self.cycles.first().copied().unwrap_or(raw_m)
        } else {
            raw_m
        };
        self.cycles.insert(0, kept_m);
        self.cycles.truncate(CYCLES_MAX);
        let (mut least_m, mut total_m) = (raw_m, 0.0);
        for distance_m in &self.cycles {
            least_m = least_m.min(*distance_m);
            total_m += least_m;
        }
        self.distance_m = Some(raw_m.min(total_m / self.cycles.len() as f32));
    }

    /// How fast the newest reading flies away: against the one before, and if that is no approach, the most against
    /// any older one.
    fn velocity_m_per_s(&self) -> f32 {
        let Some(((new_ms, new_m), older)) = self.readings.split_first() else {
            return 0.0;
        };
        let velocity = |(at_ms, distance_m): &(u32, f32)| match new_ms - at_ms {
            0 => 0.0,
            apart_ms => (new_m - distance_m) / (apart_ms as f32 / 1_000.0),
        };
        let Some((before, older)) = older.split_first() else {
            return 0.0;
        };
        let first = velocity(before);
        if first < 0.0 {
            return first;
        }
        older.iter().map(velocity).fold(first, f32::max)
    }

    fn beats(&self, holder: &Self) -> bool {
        let Some(held_m) = holder.distance_m else { return true };
        let Some(distance_m) = self.distance_m.filter(|distance_m| *distance_m <= RADIUS_M_MAX) else {
            return false;
        };
        if held_m < distance_m {
            return false;
        }
        let share = (distance_m - held_m).abs() / (distance_m + held_m) / 2.0;
        let recent = |cycles: &[f32]| cycles[..cycles.len().min(HISTORY_MAX)].to_vec();
        if self.cycles.len() > HISTORY_MIN {
            let held_least_m = recent(&holder.cycles).into_iter().fold(f32::MAX, f32::min);
            let most_m = recent(&self.cycles).into_iter().fold(0.0, f32::max);
            if most_m < held_least_m && share > HISTORY_SHARE {
                return true;
            }
        }
        share >= SHARE
    }
}

impl Tracker for Bermuda<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        self.advance(at_ms);
        let hub = usize::from(station);
        if !self.order.contains(&hub) {
            self.order.push(hub);
        }
        self.adverts[hub].latest = Some((at_ms, rssi_dbm));
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        self.advance(at_ms);
        let holder = self
            .holder
            .filter(|holder| self.adverts[*holder].distance_m.is_some())?;
        Some(estimate(self.site, self.site.hubs[holder].at))
    }
}
