//! What several methods need: zones of places, and smoothed RSSI by hub.

use nextbest::engine::locate::NO_ZONE;
use nextbest::recording::{Estimate, Site, Tracker};
use nextbest_venue::Point;

/// A hub that was silent for so long says nothing about the present, in milliseconds.
pub(crate) const SILENT_MS: u32 = 5_000;

/// A tracker behind a pointer.
pub(crate) struct Boxed<'a>(pub(crate) Box<dyn Tracker + 'a>);

impl Tracker for Boxed<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        self.0.observe(at_ms, station, rssi_dbm);
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        self.0.place(at_ms)
    }
}

/// A place with the zone that it is in.
pub(crate) fn estimate(site: &Site, at: Point) -> Estimate {
    Estimate {
        at,
        zone: zone_at(site, at),
    }
}

/// The zone of a place: the rectangle's, or that of the cell.
pub(crate) fn zone_at(site: &Site, at: Point) -> u16 {
    if !site.zones.rectangles.is_empty() {
        return site.zones.at(at).unwrap_or(NO_ZONE);
    }
    let level = &site.floor.levels[0];
    let cell = |metres: f32, origin_m: f32, cells: u32| {
        ((metres - origin_m) / site.floor.pitch_m).clamp(0.0, cells as f32 - 1.0) as usize
    };
    let column = cell(at.east_m, level.origin_east_m, level.columns);
    let row = cell(at.north_m, level.origin_north_m, level.rows);
    level.zone[row * level.columns as usize + column]
}

/// RSSI by hub, smoothed exponentially over time.
pub(crate) struct Smoothed {
    over_ms: f32,
    hubs: Vec<Option<(u32, f32)>>,
}

impl Smoothed {
    pub(crate) fn new(site: &Site, over_ms: f32) -> Self {
        Self {
            over_ms,
            hubs: vec![None; site.hubs.len()],
        }
    }

    pub(crate) fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        let hub = &mut self.hubs[usize::from(station)];
        let rssi_dbm = f32::from(rssi_dbm);
        *hub = Some(match *hub {
            Some((last_ms, smoothed)) if at_ms - last_ms < SILENT_MS => {
                let share = 1.0 - (-((at_ms - last_ms).max(20) as f32) / self.over_ms).exp();
                (at_ms, smoothed + share * (rssi_dbm - smoothed))
            }
            _ => (at_ms, rssi_dbm),
        });
    }

    /// Hubs that heard lately, with what they hear.
    pub(crate) fn heard(&self, at_ms: u32) -> impl Iterator<Item = (usize, f32)> {
        self.hubs
            .iter()
            .enumerate()
            .filter_map(|(hub, heard)| Some((hub, (*heard)?)))
            .filter(move |(_, (last_ms, _))| at_ms - last_ms < SILENT_MS)
            .map(|(hub, (_, rssi_dbm))| (hub, rssi_dbm))
    }
}
