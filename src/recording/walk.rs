//! One walk of one tag: what was heard, and what was true.
//!
//! Times count from the walk's first line. Deliberately absent: the tag's address, which nobody needs to score a walk.

use firmware_sim::replay::recording::RecordedWalk;
use nextbest_venue::Point;

/// Truths further apart than this say nothing about the time between them, in milliseconds.
const TRUTH_GAP_MS_MAX: f64 = 5_000.0;

/// A walk of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Its name; where several tags walked, with the number of this one.
    pub name: String,
    /// When its first line was, in the recording's own time: what is noted beside a recording counts in that.
    pub began_ms: f64,
    /// What was heard, in order of time.
    pub heard: Vec<Heard>,
    /// What was true, in order of time; empty when nobody wrote it down.
    pub truth: Vec<Truth>,
}

/// A station heard the tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Since the walk's first line.
    pub at_ms: f64,
    /// The station, by place in the site's hubs.
    pub station: u16,
    /// Signal strength.
    pub rssi_dbm: i8,
}

/// Where the tag was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Since the walk's first line.
    pub at_ms: f64,
    /// Its place, where the recording has places.
    pub at: Option<Point>,
    /// Its zone, where the recording has labels.
    pub zone: Option<u16>,
}

impl Walk {
    /// The walks of a recorded file, one for each tag.
    #[must_use]
    pub fn of(recorded: &RecordedWalk) -> Vec<Self> {
        let mut tags: Vec<[u8; 6]> = Vec::new();
        let mut walks: Vec<Self> = Vec::new();
        let began_ms = recorded.sightings.first().map_or(0.0, |first| first.at_ms);
        for sighting in &recorded.sightings {
            let place = tags.iter().position(|tag| *tag == sighting.tag).unwrap_or_else(|| {
                tags.push(sighting.tag);
                walks.push(Self {
                    name: format!("{} tag {}", recorded.name, tags.len()),
                    began_ms,
                    heard: Vec::new(),
                    truth: Vec::new(),
                });
                tags.len() - 1
            });
            // Stations are numbered as hubs, of which a site has fewer than 65,536.
            let (Some(walk), Ok(station)) = (walks.get_mut(place), u16::try_from(sighting.hub)) else {
                continue;
            };
            let at_ms = sighting.at_ms - began_ms;
            walk.heard.push(Heard {
                at_ms,
                station,
                rssi_dbm: sighting.rssi_dbm,
            });
            walk.truth.extend(sighting.truth.map(|at| Truth {
                at_ms,
                at: Some(at),
                zone: None,
            }));
        }
        if let [walk] = walks.as_mut_slice() {
            walk.name.clone_from(&recorded.name);
        }
        walks
    }

    /// The last instant at which something was heard or true, in whole milliseconds.
    #[must_use]
    pub fn lasts_ms(&self) -> u32 {
        let heard_ms = self.heard.last().map_or(0.0, |heard| heard.at_ms);
        // Readers refuse a walk of more than a day.
        self.truth.last().map_or(heard_ms, |truth| truth.at_ms.max(heard_ms)) as u32
    }

    /// The true place at an instant, between the truths before and after it.
    #[must_use]
    pub fn true_place(&self, at_ms: f64) -> Option<Point> {
        let after = self.truth.partition_point(|truth| truth.at_ms < at_ms);
        let before = self.truth.get(after.checked_sub(1)?)?;
        let next = self.truth.get(after).unwrap_or(before);
        let (from, to) = (before.at?, next.at?);
        let apart_ms = next.at_ms - before.at_ms;
        if apart_ms > TRUTH_GAP_MS_MAX || at_ms - before.at_ms > TRUTH_GAP_MS_MAX {
            return None;
        }
        let share = if apart_ms > 0.0 {
            ((at_ms - before.at_ms) / apart_ms) as f32
        } else {
            0.0
        };
        let mix = |from: f32, to: f32| from + share.clamp(0.0, 1.0) * (to - from);
        Some(Point::new(mix(from.east_m, to.east_m), mix(from.north_m, to.north_m)))
    }

    /// The zone that the last label before an instant names.
    #[must_use]
    pub fn true_zone(&self, at_ms: f64) -> Option<u16> {
        let after = self.truth.partition_point(|truth| truth.at_ms < at_ms);
        let before = self.truth.get(after.checked_sub(1)?)?;
        before.zone.filter(|_| at_ms - before.at_ms <= TRUTH_GAP_MS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use firmware_sim::replay::recording::RecordedSighting;

    use super::*;

    fn recorded(sightings: &[(f64, u8, Option<Point>)]) -> RecordedWalk {
        let sighting = |(at_ms, tag, truth): &(f64, u8, Option<Point>)| RecordedSighting {
            at_ms: *at_ms,
            hub: 0,
            tag: [*tag; 6],
            rssi_dbm: -60,
            truth: *truth,
        };
        RecordedWalk {
            name: "walk".to_owned(),
            sightings: sightings.iter().map(sighting).collect(),
        }
    }

    #[test]
    fn every_tag_is_a_walk_of_its_own() {
        let walks = Walk::of(&recorded(&[(100.0, 1, None), (200.0, 2, None), (300.0, 1, None)]));
        assert_eq!(
            walks.iter().map(|walk| walk.name.as_str()).collect::<Vec<_>>(),
            ["walk tag 1", "walk tag 2"]
        );
        assert_eq!(
            (walks[0].heard.len(), walks[0].heard[1].at_ms, walks[0].lasts_ms()),
            (2, 200.0, 200)
        );
        assert!(walks[0].truth.is_empty());
    }

    #[test]
    fn truth_lies_between_its_neighbours_and_not_in_a_gap() {
        let at = |east_m| Some(Point::new(east_m, 0.0));
        let walks = Walk::of(&recorded(&[
            (0.0, 1, at(0.0)),
            (1_000.0, 1, at(2.0)),
            (60_000.0, 1, at(2.0)),
        ]));
        assert_eq!(
            walks[0].true_place(0.0),
            None,
            "causal: nothing was true before the first line"
        );
        assert_eq!(walks[0].true_place(500.0), at(1.0));
        assert_eq!(walks[0].true_place(1_500.0), None);
        assert_eq!(walks[0].true_place(60_100.0), at(2.0));
    }
}
