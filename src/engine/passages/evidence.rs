//! What the stations heard at one known point, as running means.

/// Stations that count for one point; of more, the ones that hear it best are kept.
pub const HUBS_PER_POINT_MAX: usize = 24;
/// Readings after which a mean is worth a survey's.
const READINGS_MIN: u32 = 3;
/// A mean forgets what lies further back than this many readings, so that it follows a venue that changes.
const READINGS_MEMORY: u32 = 500;

/// The means of one point.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    heard: Vec<Running>,
}

/// What one station heard at a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The station.
    pub station: u16,
    /// Mean, in dBm.
    pub rssi_dbm: f32,
    /// Standard deviation, in dB.
    pub sd_db: f32,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    station: u16,
    /// The step of the last reading.
    step: u32,
    readings: u32,
    mean_dbm: f32,
    variance_db2: f32,
}

impl Evidence {
    /// Takes one reading of an ordinary tag at the point; says whether it counts. A station counts once in a step, so
    /// that who sends often teaches no faster than who sends seldom.
    pub fn add(&mut self, step: u32, station: u16, rssi_dbm: f32) -> bool {
        if let Some(known) = self.heard.iter_mut().find(|heard| heard.station == station) {
            if known.step == step {
                return false;
            }
            known.add(step, rssi_dbm);
            return true;
        }
        let first = Running::new(step, station, rssi_dbm);
        if self.heard.len() < HUBS_PER_POINT_MAX {
            self.heard.push(first);
            return true;
        }
        let weakest = self
            .heard
            .iter_mut()
            .min_by(|one, other| one.mean_dbm.total_cmp(&other.mean_dbm));
        match weakest.filter(|weakest| weakest.mean_dbm < rssi_dbm) {
            Some(weakest) => *weakest = first,
            None => return false,
        }
        true
    }

    /// The stations of which enough was heard.
    pub fn means(&self) -> impl Iterator<Item = Mean> + '_ {
        let trusted = self.heard.iter().filter(|heard| heard.readings >= READINGS_MIN);
        trusted.map(|heard| Mean {
            station: heard.station,
            rssi_dbm: heard.mean_dbm,
            sd_db: heard.variance_db2.max(0.0).sqrt(),
        })
    }
}

impl Running {
    const fn new(step: u32, station: u16, rssi_dbm: f32) -> Self {
        Self {
            station,
            step,
            readings: 1,
            mean_dbm: rssi_dbm,
            variance_db2: 0.0,
        }
    }

    /// West's update of mean and variance, which becomes exponential once the memory is full (D. H. D. West, Updating
    /// Mean and Variance Estimates, Communications of the ACM 22(9), 1979).
    fn add(&mut self, step: u32, rssi_dbm: f32) {
        self.step = step;
        self.readings = (self.readings + 1).min(READINGS_MEMORY);
        let share = 1.0 / self.readings as f32;
        let off_db = rssi_dbm - self.mean_dbm;
        self.mean_dbm += share * off_db;
        self.variance_db2 = (1.0 - share) * (self.variance_db2 + share * off_db * off_db);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_told_once_enough_was_heard() {
        let mut evidence = Evidence::default();
        for (step, rssi_dbm) in [(1, -70.0), (2, -65.0), (3, -60.0)] {
            assert_eq!(evidence.means().count(), 0);
            assert!(evidence.add(step, 3, rssi_dbm));
            assert!(!evidence.add(step, 3, 0.0), "once in a step");
        }
        let mean = evidence.means().next().unwrap();
        assert_eq!((mean.station, mean.rssi_dbm), (3, -65.0));
        // The variance of all three: 50 dB2 over 3.
        assert!((mean.sd_db - (50.0_f32 / 3.0).sqrt()).abs() < 1e-3, "{mean:?}");
    }

    #[test]
    fn of_a_thousand_stations_the_best_are_kept() {
        let mut evidence = Evidence::default();
        for station in 0..1_000_u16 {
            for step in 0..READINGS_MIN {
                evidence.add(step, station, -100.0 + f32::from(station) / 20.0);
            }
        }
        let kept: Vec<u16> = evidence.means().map(|mean| mean.station).collect();
        assert_eq!(kept.len(), HUBS_PER_POINT_MAX);
        assert!(
            kept.iter().all(|station| *station >= 1_000 - HUBS_PER_POINT_MAX as u16),
            "{kept:?}"
        );
    }

    #[test]
    fn a_mean_follows_a_hub_that_was_turned() {
        let mut evidence = Evidence::default();
        for step in 0..5_000 {
            evidence.add(step, 1, -50.0);
        }
        for step in 5_000..5_000 + 2 * READINGS_MEMORY {
            evidence.add(step, 1, -70.0);
        }
        assert!(evidence.means().next().unwrap().rssi_dbm < -67.0);
    }
}
