//! What a venue may tune in the locator: each field with its unit, its default and what changing it costs.
//!
//! The defaults were chosen on the five walks of `tests/data/tetam` together, one set for all; the errors named below
//! are mean metres over them. Deliberately absent: anything per station or per tag, which the
//! locator learns or reads from a survey.

use super::error::LocatorError;
use super::radio_map::path_loss_dbm;

/// The settings of a [`Locator`](super::Locator).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocatorSettings {
    /// RSSI at one metre in dBm, where no survey says better. Default -59, which most beacons are built for. Each tag's
    /// difference from it is learned, so a wrong value costs accuracy only in a tag's first seconds.
    pub rssi_1m_dbm: f32,
    /// Path loss exponent, where no survey says better; 2 is free space. Default 1.8.
    pub path_loss_exponent: f32,
    /// What people, furniture and walls take besides, where no survey says better, in dB per metre. Default 0.45, in the
    /// middle of what Devasirvatham and others (IEEE VTC 1990) measured in buildings. The exponent alone costs 0.2 m at
    /// any value; 1.5 to 2 with 0.4 to 0.6 dB per metre are within 0.05 m.
    pub path_loss_db_per_m: f32,
    /// What one slab between levels takes, in dB. Default 15. Too small confuses levels, too large ignores stations of
    /// the level above.
    pub level_loss_db: f32,
    /// Height of a carried tag above its floor in metres. Default 1.2.
    pub tag_height_m: f32,
    /// How far a station's radio map reaches, in metres. Default 50. Memory grows with its square.
    pub hearing_range_m: f32,
    /// Scale of one reading's error against a surveyed map, in dB. Default 6. Less jumps, more lags: 4 costs 0.06 m, 8
    /// nothing but a second of delay.
    pub noise_survey_db: f32,
    /// Scale of one reading's error against path loss alone, in dB. Default 5. Less jumps, more lags.
    pub noise_path_loss_db: f32,
    /// By what share a reading's error against path loss alone grows for every 10 dB that it is weaker than the
    /// strongest of its step. Default 0.4. None costs 0.04 m and 0.4 m at the 95th percentile.
    pub weak_doubt_per_10_db: f32,
    /// How far tags may differ in what they send, as the standard deviation of their offset, in dB. Default 10.
    pub offset_sd_db: f32,
    /// What one reading says about a tag's offset, as a standard deviation in dB. Default 20: much more than a
    /// reading's noise, since the person's place is uncertain too. More learns a tag slower.
    pub offset_reading_sd_db: f32,
    /// How a tag's offset wanders (a hand, a pocket), as variance gained per second, in dB squared. Default 0.05.
    pub offset_wander_db2_per_s: f32,
    /// Share of a reading's error that is kept as the bias between one tag and one surveyed station, 0 to 1. Default
    /// 0.04; 0 costs 0.06 m, and more than 0.05 lets a lost tag explain itself away.
    pub bias_gain: f32,
    /// Standard deviation of a walking velocity per axis, in metres per second. Default 0.5, for people who stroll and
    /// stop. Less is calmer and later: 0.3 and 0.8 cost 0.03 and 0.07 m.
    pub speed_sd_m_per_s: f32,
    /// How long a velocity is remembered, in seconds. Default 6; 2 to 8 are within 0.01 m.
    pub speed_memory_s: f32,
    /// Share of the posterior mass in the old and the new zone that the new one needs before a person is moved into it,
    /// 0.5 to 1. Default 0.75. More is calmer and later.
    pub zone_confidence: f32,
    /// How far ahead a walking person's zone is decided, in seconds: what readings and map lag behind. Default 1.5; 0 is
    /// half a second later at borders.
    pub zone_ahead_s: f32,
    /// What `zone_confidence` is for the zone that was just left, 0.5 to 1. Default 0.9: people cross a border more often
    /// than they turn round on it. With the share of any other zone, one border in six is crossed twice too often.
    pub zone_return_confidence: f32,
    /// For how long a zone counts as just left, in seconds. Default 10.
    pub zone_return_s: f32,
    /// Evidence that another level needs, in nats. Default 6. More is calmer and later.
    pub level_evidence_nats: f32,
    /// A tag that nobody heard for this long has no position, in milliseconds. Default 15,000.
    pub time_to_live_ms: u32,
}

impl Default for LocatorSettings {
    fn default() -> Self {
        Self {
            rssi_1m_dbm: -59.0,
            path_loss_exponent: 1.8,
            path_loss_db_per_m: 0.45,
            level_loss_db: 15.0,
            tag_height_m: 1.2,
            hearing_range_m: 50.0,
            noise_survey_db: 6.0,
            noise_path_loss_db: 5.0,
            weak_doubt_per_10_db: 0.4,
            offset_sd_db: 10.0,
            offset_reading_sd_db: 20.0,
            offset_wander_db2_per_s: 0.05,
            bias_gain: 0.04,
            speed_sd_m_per_s: 0.5,
            speed_memory_s: 6.0,
            zone_confidence: 0.75,
            zone_ahead_s: 1.5,
            zone_return_confidence: 0.9,
            zone_return_s: 10.0,
            level_evidence_nats: 6.0,
            time_to_live_ms: 15_000,
        }
    }
}

impl LocatorSettings {
    /// RSSI in dBm that is expected at a distance in metres, where no survey says better, without slabs between.
    /// Log-distance path loss with attenuation in proportion to the distance: Devasirvatham and others, IEEE VTC 1990.
    #[must_use]
    pub fn rssi_dbm(&self, distance_m: f32) -> f32 {
        path_loss_dbm(self.rssi_1m_dbm, self.path_loss_exponent, distance_m) - self.path_loss_db_per_m * distance_m
    }

    /// Refuses what makes no sense, so that nothing below has to ask.
    pub(super) fn check(&self) -> Result<(), LocatorError> {
        let ranges = [
            ("rssi_1m_dbm", self.rssi_1m_dbm, -120.0, 20.0),
            ("path_loss_exponent", self.path_loss_exponent, 1.0, 8.0),
            ("path_loss_db_per_m", self.path_loss_db_per_m, 0.0, 5.0),
            ("level_loss_db", self.level_loss_db, 0.0, 100.0),
            ("tag_height_m", self.tag_height_m, 0.0, 10.0),
            ("hearing_range_m", self.hearing_range_m, 1.0, 1000.0),
            ("noise_survey_db", self.noise_survey_db, 0.5, 50.0),
            ("noise_path_loss_db", self.noise_path_loss_db, 0.5, 50.0),
            ("weak_doubt_per_10_db", self.weak_doubt_per_10_db, 0.0, 10.0),
            ("offset_sd_db", self.offset_sd_db, 0.0, 50.0),
            ("offset_reading_sd_db", self.offset_reading_sd_db, 1.0, 1000.0),
            ("offset_wander_db2_per_s", self.offset_wander_db2_per_s, 0.0, 100.0),
            ("bias_gain", self.bias_gain, 0.0, 1.0),
            ("speed_sd_m_per_s", self.speed_sd_m_per_s, 0.05, 10.0),
            ("speed_memory_s", self.speed_memory_s, 0.1, 60.0),
            ("zone_confidence", self.zone_confidence, 0.5, 1.0),
            ("zone_ahead_s", self.zone_ahead_s, 0.0, 10.0),
            ("zone_return_confidence", self.zone_return_confidence, 0.5, 1.0),
            ("zone_return_s", self.zone_return_s, 0.0, 600.0),
            ("level_evidence_nats", self.level_evidence_nats, 0.1, 100.0),
        ];
        ranges
            .into_iter()
            .find(|(_, value, least, most)| !(least..=most).contains(&value))
            .map_or(Ok(()), |(name, value, least, most)| {
                Err(LocatorError::Setting {
                    name,
                    value,
                    least,
                    most,
                })
            })
    }
}
