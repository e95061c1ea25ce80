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
    readings: u32,
    mean_dbm: f32,
    variance_db2: f32,
}

impl Evidence {
    /// Takes one reading of an ordinary tag at the point.
    pub fn add(&mut self, station: u16, rssi_dbm: f32) {
        let running = match self.heard.iter().position(|heard| heard.station == station) {
            Some(known) => known,
            None if self.heard.len() < HUBS_PER_POINT_MAX => {
                self.heard.push(Running::new(station, rssi_dbm));
                return;
            }
            None => {
                let weakest = (0..self.heard.len())
                    .min_by(|left, right| self.heard[*left].mean_dbm.total_cmp(&self.heard[*right].mean_dbm));
                if let Some(weakest) = weakest.filter(|weakest| self.heard[*weakest].mean_dbm < rssi_dbm) {
                    self.heard[weakest] = Running::new(station, rssi_dbm);
                }
                return;
            }
        };
        self.heard[running].add(rssi_dbm);
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
    const fn new(station: u16, rssi_dbm: f32) -> Self {
        Self {
            station,
            readings: 1,
            mean_dbm: rssi_dbm,
            variance_db2: 0.0,
        }
    }

    /// West's update of mean and variance, which becomes exponential once the memory is full (D. H. D. West, Updating
    /// Mean and Variance Estimates, Communications of the ACM 22(9), 1979).
    fn add(&mut self, rssi_dbm: f32) {
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
        for rssi_dbm in [-70.0, -65.0, -60.0] {
            assert_eq!(evidence.means().count(), 0);
            evidence.add(3, rssi_dbm);
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
            for _ in 0..READINGS_MIN {
                evidence.add(station, -100.0 + f32::from(station) / 20.0);
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
        (0..5_000).for_each(|_| evidence.add(1, -50.0));
        (0..2 * READINGS_MEMORY).for_each(|_| evidence.add(1, -70.0));
        assert!(evidence.means().next().unwrap().rssi_dbm < -67.0);
    }
}
