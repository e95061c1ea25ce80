//! What is kept of one tag in the venue: its window of cells, the open step, and the last fix.
//!
//! Inline and of fixed size, so that a table of tracks is one allocation. All zeros is a tag nobody heard.

use super::floor::Corner;
use super::level::LevelEvidence;
use super::motion::AxisWalk;
use super::posterior::Kept;
use super::tag::TagOffset;

/// Milliseconds of one step. Sightings of one step are one reading of the air, whatever order they come in.
pub const STEP_MS: u32 = 250;
/// Stations that count in one step; of more, the ones that hear best are kept.
pub const STEP_STATIONS_MAX: usize = 24;

/// Where a tag is, as of the step that closed last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fix {
    /// The step of the sightings behind it; its age is the present step minus this one, in [`STEP_MS`].
    pub step: u32,
    /// The level, by place in the floor plan.
    pub level: u8,
    /// Metres east of the venue's anchor.
    pub east_m: f32,
    /// Metres north of the venue's anchor.
    pub north_m: f32,
    /// Root mean square distance at which the truth is expected, in metres.
    pub accuracy_m: f32,
    /// The zone, held until the posterior is for another; `None` outside every zone.
    pub zone: Option<u16>,
    /// Posterior mass of that zone, 0 to 1.
    pub zone_confidence: f32,
    /// Whether the call that returned this fix moved the tag into `zone`.
    pub zone_changed: bool,
}

/// The state of one tag in the venue; about a kilobyte. [`Track::default`] is a tag nobody heard.
#[derive(Clone, Debug)]
pub struct Track {
    /// Posterior mass of each cell of the window, summing to one.
    pub(super) kept: Kept,
    /// South-west cell of the window.
    pub(super) corner: Corner,
    /// The level of the window.
    pub(super) level: u8,
    /// Whether the window holds a position.
    pub(super) located: bool,
    /// Whether a fix was given since the tag was found; until then it has no zone to hold.
    pub(super) placed: bool,
    /// Steps before this one are closed.
    pub(super) open_from: u32,
    /// Strongest reading of each station in the open step.
    pub(super) open: OpenStep,
    /// By how many noise scales the strongest readings were lately above what any cell of the window explains.
    pub(super) too_strong: f32,
    /// How the person walks east and north.
    pub(super) walk: [AxisWalk; 2],
    pub(super) tag: TagOffset,
    pub(super) levels: LevelEvidence,
    /// The zone that was left last, and when.
    pub(super) left: Left,
    /// The last fix; its step is the one that motion has reached.
    pub(super) fix: Fix,
}

impl Default for Track {
    fn default() -> Self {
        Self {
            kept: Kept::default(),
            corner: Corner::default(),
            level: 0,
            located: false,
            placed: false,
            open_from: 0,
            open: OpenStep::default(),
            too_strong: 0.0,
            walk: [AxisWalk::default(); 2],
            tag: TagOffset::default(),
            levels: LevelEvidence::default(),
            left: Left::default(),
            fix: Fix::default(),
        }
    }
}

/// A zone that was left in a step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    pub(super) zone: u16,
    /// The step after it; 0: none was left.
    pub(super) until: u32,
}

/// The strongest reading of one station in the open step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) station: u16,
    pub(super) rssi_dbm: i8,
}

/// The readings of one step, by station. The strongest of a station's readings stands for all of them: a maximum
/// does not depend on order or duplication, and fading only ever takes power away.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenStep {
    pub(super) step: u32,
    len: u8,
    heard: [Heard; STEP_STATIONS_MAX],
}

impl OpenStep {
    /// The readings, by ascending station; empty means that no step is open.
    pub(super) fn heard(&self) -> &[Heard] {
        self.heard.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The strongest reading; of equals that of the highest station.
    pub(super) fn strongest(&self) -> Option<Heard> {
        self.heard()
            .iter()
            .copied()
            .max_by_key(|heard| (heard.rssi_dbm, heard.station))
    }

    /// Forgets the readings.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Folds one reading in. When the table is full the weakest makes room: at each moment it holds the best of what
    /// was heard, so what it holds at the end depends on neither order nor duplication.
    pub(super) fn fold(&mut self, reading: Heard) {
        let len = usize::from(self.len);
        let at = self.heard().partition_point(|heard| heard.station < reading.station);
        if let Some(known) = self
            .heard
            .get_mut(at)
            .filter(|known| at < len && known.station == reading.station)
        {
            known.rssi_dbm = known.rssi_dbm.max(reading.rssi_dbm);
            return;
        }
        if len < STEP_STATIONS_MAX {
            self.heard.copy_within(at..len, at + 1);
            self.heard[at] = reading;
            self.len += 1;
            return;
        }
        let rank = |heard: &Heard| (heard.rssi_dbm, heard.station);
        let Some(weakest) = (0..len).min_by_key(|&place| rank(&self.heard[place])) else {
            return;
        };
        if rank(&self.heard[weakest]) < rank(&reading) {
            self.heard[weakest] = reading;
            self.heard.sort_unstable_by_key(|heard| heard.station);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_track_is_small() {
        assert!(size_of::<Track>() <= 1024, "{} bytes", size_of::<Track>());
    }

    /// What the table should hold: the best of each station, and of those the best that fit, by station.
    fn model(readings: &[Heard]) -> Vec<Heard> {
        let mut best: Vec<Heard> = Vec::new();
        for reading in readings {
            match best.iter_mut().find(|known| known.station == reading.station) {
                Some(known) => known.rssi_dbm = known.rssi_dbm.max(reading.rssi_dbm),
                None => best.push(*reading),
            }
        }
        best.sort_by_key(|heard| std::cmp::Reverse((heard.rssi_dbm, heard.station)));
        best.truncate(STEP_STATIONS_MAX);
        best.sort_by_key(|heard| heard.station);
        best
    }

    proptest! {
        #[test]
        fn a_step_holds_the_best_readings_in_any_order(
            readings in prop::collection::vec((0u16..60, -100i8..-40), 0..200),
        ) {
            let heard = |(station, rssi_dbm)| Heard { station, rssi_dbm };
            let readings: Vec<Heard> = readings.into_iter().map(heard).collect();
            let mut step = OpenStep::default();
            readings.iter().for_each(|reading| step.fold(*reading));
            prop_assert_eq!(step.heard(), model(&readings));
        }
    }
}
