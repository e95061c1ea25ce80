//! What one tag's readings lie above the radio map: one offset for the tag, one bias for each surveyed station near it.
//!
//! The offset is a Kalman filter of one state (transmit power, a pocket, a body); biases are slow averages that
//! explain a part of what remains, because a survey was made on another day. Deliberately absent: biases without a
//! survey, where path loss is so far off that they learn the wrong place (measured: up to 0.1 m worse).

use super::settings::LocatorSettings;

/// Stations whose bias is kept for one tag; of more, the largest biases are kept.
const BIASES_MAX: usize = 16;
/// Share of a bias that is believed. On `tests/data/tetam` 0.4 and 0.8 are as good, and all of it costs 0.06 m.
const BIAS_SHARE: f32 = 0.6;
/// One reading can't be further off than this, in dB; more is another effect, and must not teach.
const ERROR_MAX_DB: f32 = 12.0;
/// Tags differ by less than this from what the map was made for, in dB.
const OFFSET_MAX_DB: f32 = 25.0;

/// What is known of one tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TagOffset {
    offset_db: f32,
    variance_db2: f32,
    biases: [Bias; BIASES_MAX],
    biases_len: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bias {
    station: u16,
    bias_db: f32,
}

/// One reading against the map, as seen from where the tag is believed to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared {
    pub(super) station: u16,
    pub(super) surveyed: bool,
    pub(super) rssi_dbm: f32,
    /// What the map expects of an ordinary tag there.
    pub(super) expected_dbm: f32,
}

impl TagOffset {
    /// A tag nobody knows.
    pub(super) fn unknown(settings: &LocatorSettings) -> Self {
        Self {
            variance_db2: settings.offset_sd_db.powi(2),
            ..Self::default()
        }
    }

    /// What to take from a reading of a station, so that it can be compared with the map.
    pub(super) fn of_station(&self, station: u16) -> f32 {
        let known = self
            .biases
            .iter()
            .take(usize::from(self.biases_len))
            .find(|bias| bias.station == station);
        self.offset_db + BIAS_SHARE * known.map_or(0.0, |bias| bias.bias_db)
    }

    /// By how much the tag is stronger than an ordinary one, in dB.
    pub(super) const fn stronger_db(&self) -> f32 {
        self.offset_db
    }

    /// Learns from the readings of one step, `elapsed_s` after the one before.
    pub(super) fn learn(
        &mut self,
        readings: impl Iterator<Item = Compared>,
        elapsed_s: f32,
        settings: &LocatorSettings,
    ) {
        let (mut total_db, mut count) = (0.0, 0.0);
        let offset_db = self.offset_db;
        for reading in readings {
            let error_db = (reading.rssi_dbm - reading.expected_dbm - offset_db).clamp(-ERROR_MAX_DB, ERROR_MAX_DB);
            total_db += error_db;
            count += 1.0;
            if reading.surveyed && settings.bias_gain > 0.0 {
                self.learn_bias(reading.station, error_db, settings.bias_gain);
            }
        }
        if count == 0.0 {
            return;
        }
        let wander_db2 = settings.offset_wander_db2_per_s * elapsed_s;
        let prior = (self.variance_db2 + wander_db2).min(settings.offset_sd_db.powi(2));
        let gain = prior / (prior + settings.offset_reading_sd_db.powi(2) / count);
        self.variance_db2 = prior * (1.0 - gain);
        self.offset_db = (offset_db + gain * total_db / count).clamp(-OFFSET_MAX_DB, OFFSET_MAX_DB);
    }

    fn learn_bias(&mut self, station: u16, error_db: f32, gain: f32) {
        let len = usize::from(self.biases_len);
        if let Some(known) = self.biases.iter_mut().take(len).find(|bias| bias.station == station) {
            known.bias_db += gain * (error_db - known.bias_db);
            return;
        }
        let bias = Bias {
            station,
            bias_db: gain * error_db,
        };
        if let Some(free) = self.biases.get_mut(len) {
            *free = bias;
            self.biases_len += 1;
        } else if let Some(least) = self
            .biases
            .iter_mut()
            .min_by(|left, right| left.bias_db.abs().total_cmp(&right.bias_db.abs()))
        {
            *least = bias;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_tag_is_learned_and_stations_are_told_apart() {
        let settings = LocatorSettings::default();
        let mut tag = TagOffset::unknown(&settings);
        for _ in 0..200 {
            let reading = |station, expected_dbm, rssi_dbm| Compared {
                station,
                surveyed: true,
                rssi_dbm,
                expected_dbm,
            };
            tag.learn(
                [reading(7, -60.0, -70.0), reading(8, -60.0, -66.0)].into_iter(),
                0.5,
                &settings,
            );
        }
        assert!((tag.offset_db + 8.0).abs() < 1.0, "{tag:?}");
        assert!(
            tag.of_station(7) < tag.of_station(9) && tag.of_station(9) < tag.of_station(8),
            "{tag:?}"
        );
    }

    #[test]
    fn a_thousand_stations_keep_to_the_table() {
        let settings = LocatorSettings::default();
        let mut tag = TagOffset::unknown(&settings);
        let readings = (0..1000).map(|station| Compared {
            station,
            surveyed: true,
            rssi_dbm: -128.0,
            expected_dbm: 0.0,
        });
        tag.learn(readings, f32::INFINITY, &settings);
        assert!(tag.of_station(3).is_finite() && usize::from(tag.biases_len) == BIASES_MAX);
    }
}
