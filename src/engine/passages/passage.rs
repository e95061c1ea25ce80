//! Somebody is at a known point for a few seconds, and what the stations hear of them there.
//!
//! Tags differ in what they send by ten decibels and more, so what they have in common over all stations is taken out
//! before a passage teaches: it keeps only how the stations differ from one another.

use thiserror::Error;

/// Steps for which a passage lasts: whoever has just paid is still at the till for three seconds.
pub const PASSAGE_STEPS: u32 = 12;
/// Stations of one passage.
const STATIONS_MAX: usize = 16;
/// With fewer stations a tag's own strength can't be told from the place's.
const STATIONS_MIN: usize = 3;
/// Readings that are off by more than this from what is expected, in dB, after the tag's own strength is taken out: the
/// person was not where the till said, or the tag was not with them. Walls alone reach 8 dB on the recordings.
const SPREAD_MAX_DB: f32 = 15.0;

/// One person at one known point.
#[derive(Clone, Debug)]
pub struct Passage {
    point: u16,
    until_step: u32,
    len: u8,
    heard: [Heard; STATIONS_MAX],
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    station: u16,
    readings: u16,
    total_dbm: f32,
}

/// Why a passage teaches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Too few stations heard it.
    #[error("fewer than {STATIONS_MIN} hubs heard the tag")]
    TooFewStations,
    /// What was heard does not fit the point.
    #[error("what the hubs heard does not fit the place")]
    DoesNotFit,
}

impl Passage {
    /// Somebody is at a point, by its number, from `step` on.
    #[must_use]
    pub fn new(point: u16, step: u32) -> Self {
        Self {
            point,
            until_step: step.saturating_add(PASSAGE_STEPS),
            len: 0,
            heard: [Heard::default(); STATIONS_MAX],
        }
    }

    /// Takes a reading, unless the passage is over.
    pub fn add(&mut self, step: u32, station: u16, rssi_dbm: i8) {
        if self.is_over(step) {
            return;
        }
        let len = usize::from(self.len);
        let known = self.heard.iter().take(len).position(|heard| heard.station == station);
        let Some(heard) = self.heard.get_mut(known.unwrap_or(len)) else {
            return;
        };
        if known.is_none() {
            *heard = Heard {
                station,
                ..Heard::default()
            };
            self.len += 1;
        }
        heard.readings = heard.readings.saturating_add(1);
        heard.total_dbm += f32::from(rssi_dbm);
    }

    /// Whether the person may have left the point at a step.
    #[must_use]
    pub const fn is_over(&self, step: u32) -> bool {
        step >= self.until_step
    }

    /// Whether no station heard anything.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.len == 0
    }

    /// Says what each station would have heard of an ordinary tag: point, station and dBm. `expected_dbm` is what a map
    /// expects of an ordinary tag at the point.
    ///
    /// # Errors
    /// [`Refused`] when it teaches nothing.
    pub fn teach(
        &self,
        expected_dbm: impl Fn(u16, u16) -> f32,
        mut say: impl FnMut(usize, u16, f32),
    ) -> Result<(), Refused> {
        let heard = self.heard.get(..usize::from(self.len)).unwrap_or_default();
        if heard.len() < STATIONS_MIN {
            return Err(Refused::TooFewStations);
        }
        let off_db = |heard: &Heard| heard.mean_dbm() - expected_dbm(self.point, heard.station);
        let count = heard.len() as f32;
        let tag_db = heard.iter().map(off_db).sum::<f32>() / count;
        let spread_db2 = heard.iter().map(|heard| (off_db(heard) - tag_db).powi(2)).sum::<f32>() / count;
        if spread_db2.is_nan() || spread_db2 > SPREAD_MAX_DB * SPREAD_MAX_DB {
            return Err(Refused::DoesNotFit);
        }
        for heard in heard {
            say(usize::from(self.point), heard.station, heard.mean_dbm() - tag_db);
        }
        Ok(())
    }
}

impl Heard {
    fn mean_dbm(&self) -> f32 {
        self.total_dbm / f32::from(self.readings.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a passage teaches about point 4, when stations 0, 1, .. hear these, where -60 is expected of each.
    fn taught(heard_dbm: &[i8]) -> Result<Vec<f32>, Refused> {
        let mut passage = Passage::new(4, 100);
        for (station, rssi_dbm) in (0..).zip(heard_dbm) {
            passage.add(101, station, *rssi_dbm);
            passage.add(102, station, *rssi_dbm);
        }
        let mut taught = Vec::new();
        passage.teach(
            |_, _| -60.0,
            |point, station, rssi_dbm| {
                assert_eq!((point, usize::from(station)), (4, taught.len()));
                taught.push(rssi_dbm);
            },
        )?;
        Ok(taught)
    }

    #[test]
    fn strong_and_weak_tags_teach_the_same() {
        let strong = taught(&[-40, -50, -60]);
        assert_eq!(strong, taught(&[-70, -80, -90]));
        assert_eq!(strong, Ok(vec![-50.0, -60.0, -70.0]));
    }

    #[test]
    fn somebody_who_was_elsewhere_teaches_nothing() {
        assert_eq!(taught(&[-40, -95, -95, -40]), Err(Refused::DoesNotFit));
        assert_eq!(taught(&[-40, -50]), Err(Refused::TooFewStations));
    }

    #[test]
    fn what_is_heard_after_the_passage_is_not_of_it() {
        let mut passage = Passage::new(0, 100);
        for station in 0..5 {
            passage.add(100 + PASSAGE_STEPS, station, -50);
        }
        assert_eq!(passage.teach(|_, _| -60.0, |_, _, _| {}), Err(Refused::TooFewStations));
    }

    #[test]
    fn more_stations_than_fit_are_left_out() {
        let heard: Vec<i8> = vec![-60; STATIONS_MAX + 9];
        assert_eq!(taught(&heard).unwrap().len(), STATIONS_MAX);
    }
}
