//! The two simplest methods: the strongest hub, and the centroid of hubs weighted by power.

use nextbest::recording::{Estimate, Site, Tracker};
use nextbest_venue::Point;

use crate::support::{Smoothed, estimate};

/// The tag is where the hub is that hears it best.
pub(crate) struct NearestHub<'a> {
    site: &'a Site,
    smoothed: Smoothed,
}

impl<'a> NearestHub<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self {
            site,
            smoothed: Smoothed::new(site, 1_000.0),
        }
    }
}

impl Tracker for NearestHub<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        self.smoothed.observe(at_ms, station, rssi_dbm);
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        let (hub, _) = self
            .smoothed
            .heard(at_ms)
            .max_by(|one, other| one.1.total_cmp(&other.1))?;
        Some(estimate(self.site, self.site.hubs[hub].at))
    }
}

/// The tag is between the hubs that hear it, nearer to those that hear it better.
pub(crate) struct WeightedCentroid<'a> {
    site: &'a Site,
    smoothed: Smoothed,
}

impl<'a> WeightedCentroid<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self {
            site,
            smoothed: Smoothed::new(site, 1_000.0),
        }
    }
}

impl Tracker for WeightedCentroid<'_> {
    fn observe(&mut self, at_ms: u32, station: u16, rssi_dbm: i8) {
        self.smoothed.observe(at_ms, station, rssi_dbm);
    }

    fn place(&mut self, at_ms: u32) -> Option<Estimate> {
        let (mut east_m, mut north_m, mut total) = (0.0, 0.0, 0.0);
        for (hub, rssi_dbm) in self.smoothed.heard(at_ms) {
            // The amplitude: half of the power's decibels.
            let weight = 10f32.powf(rssi_dbm / 20.0);
            east_m += weight * self.site.hubs[hub].at.east_m;
            north_m += weight * self.site.hubs[hub].at.north_m;
            total += weight;
        }
        (total > 0.0).then(|| estimate(self.site, Point::new(east_m / total, north_m / total)))
    }
}
