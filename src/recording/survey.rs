//! Taking a site survey: where to stand, and what was heard while standing there.
//!
//! Where: walkable cells, each time the one farthest from all chosen before (Gonzalez 1985, at most twice the best
//! number's distance), until every cell has one within reach; then in the order of a short way. What: the sightings
//! between the beginning and the end of a stop, by hub. Deliberately absent: what a survey means, which is the locator's.

use nextbest_venue::table::Table;
use nextbest_venue::{Mistake, Point, Source};

use super::walk::Walk;
use crate::engine::locate::FloorPlan;

/// Stops that one plan or file may have.
pub const STOPS_MAX: usize = 4_096;

/// A place to stand at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The level, by place in the floor plan.
    pub level: u8,
    /// Where.
    pub at: Point,
}

/// A stop of a recorded survey: the tag stood still at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// When it began, in the recording's milliseconds.
    pub from_ms: f64,
    /// When it ended.
    pub to_ms: f64,
    /// Where.
    pub at: Point,
    /// The tag's height, in metres.
    pub height_m: f32,
}

/// What one hub heard at one stop.
#[derive(Clone, Debug, PartialEq)]
pub struct HeardAtStop {
    /// The hub, by place in the site's list.
    pub hub: usize,
    /// Sightings.
    pub count: usize,
    /// Their mean, in dBm.
    pub mean_dbm: f32,
    /// Their standard deviation, in dB.
    pub spread_db: f32,
    /// Their 75th percentile, in dBm.
    pub p75_dbm: i8,
}

/// Places such that every walkable cell is within reach of one; at most [`STOPS_MAX`].
#[must_use]
pub fn plan(floor: &FloorPlan, reach_m: f32) -> Vec<Place> {
    let mut places = Vec::new();
    for (level, cells) in (0u8..).zip(&floor.levels) {
        let columns = cells.columns.max(1);
        let middle = |(cell, _): (u32, &bool)| {
            Point::new(
                cells.origin_east_m + ((cell % columns) as f32 + 0.5) * floor.pitch_m,
                cells.origin_north_m + ((cell / columns) as f32 + 0.5) * floor.pitch_m,
            )
        };
        let walkable: Vec<Point> = (0u32..)
            .zip(&cells.walkable)
            .filter(|(_, walkable)| **walkable)
            .map(middle)
            .collect();
        let room = STOPS_MAX - places.len();
        let chosen = in_walking_order(farthest_first(&walkable, reach_m, room));
        places.extend(chosen.into_iter().map(|at| Place { level, at }));
    }
    places
}

fn farthest_first(cells: &[Point], reach_m: f32, most: usize) -> Vec<Point> {
    let Some(first) = cells.first().copied().filter(|_| most > 0) else {
        return Vec::new();
    };
    let mut chosen = vec![first];
    let mut apart_m: Vec<f32> = cells.iter().map(|cell| cell.distance_m(first)).collect();
    while chosen.len() < most {
        let farthest = apart_m.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1));
        let Some((at, _)) = farthest.filter(|(_, apart_m)| **apart_m > reach_m) else {
            break;
        };
        let Some(next) = cells.get(at).copied() else { break };
        chosen.push(next);
        for (apart_m, cell) in apart_m.iter_mut().zip(cells) {
            *apart_m = apart_m.min(cell.distance_m(next));
        }
    }
    chosen
}

/// Each time the nearest that is left.
fn in_walking_order(mut left: Vec<Point>) -> Vec<Point> {
    let mut way: Vec<Point> = Vec::new();
    while !left.is_empty() {
        let from = way
            .last()
            .copied()
            .unwrap_or(Point::new(f32::MIN / 4.0, f32::MIN / 4.0));
        let nearest = |(_, one): &(usize, &Point), (_, other): &(usize, &Point)| {
            one.distance_m(from).total_cmp(&other.distance_m(from))
        };
        let at = left.iter().enumerate().min_by(nearest).map_or(0, |(at, _)| at);
        way.push(left.swap_remove(at));
    }
    way
}

/// Reads `stops.csv`: `from_ms`, `to_ms`, `x_m`, `y_m`, and `z_m`, the tag's height, if there is such a column.
///
/// # Errors
/// The first mistake.
pub fn parse_stops(source: &Source) -> Result<Vec<Stop>, Box<Mistake>> {
    let mut table = Table::new(source)?;
    let [from, to, x, y] = ["from_ms", "to_ms", "x_m", "y_m"].map(|name| table.column(name));
    let (from, to, x, y, z) = (from?, to?, x?, y?, table.find("z_m"));
    let mut stops = Vec::new();
    while let Some(row) = table.next_row() {
        if stops.len() == STOPS_MAX {
            return Err(row.wrong(&from, format!("at most {STOPS_MAX} stops")));
        }
        let from_ms = row.number(&from, 0.0..=1e13)?;
        let to_ms = row.number(&to, 0.0..=1e13)?;
        if to_ms <= from_ms {
            return Err(row.wrong(&to, format!("more than from_ms, which is {from_ms}")));
        }
        stops.push(Stop {
            from_ms,
            to_ms,
            at: Point::new(row.number(&x, -1e5..=1e5)?, row.number(&y, -1e5..=1e5)?),
            height_m: match &z {
                Some(z) => row.number(z, -1e3..=1e4)?,
                None => HELD_M,
            },
        });
    }
    if stops.is_empty() {
        return Err(table.wrong_head("there is no stop", "at least one line with a stop"));
    }
    Ok(stops)
}

/// What each hub heard during a stop, in the hubs' order; hubs that heard nothing are not there.
#[must_use]
pub fn heard_at(walk: &Walk, stop: &Stop, hubs: usize) -> Vec<HeardAtStop> {
    let during = |at_ms: f64| (stop.from_ms..=stop.to_ms).contains(&(walk.began_ms + at_ms));
    let of = |hub: usize| {
        let mut rssi: Vec<i8> = walk
            .heard
            .iter()
            .filter(|heard| usize::from(heard.station) == hub && during(heard.at_ms))
            .map(|heard| heard.rssi_dbm)
            .collect();
        rssi.sort_unstable();
        let count = rssi.len();
        let mean_dbm = rssi.iter().map(|rssi_dbm| f32::from(*rssi_dbm)).sum::<f32>() / count as f32;
        let square: f32 = rssi
            .iter()
            .map(|rssi_dbm| (f32::from(*rssi_dbm) - mean_dbm).powi(2))
            .sum();
        Some(HeardAtStop {
            hub,
            count,
            mean_dbm,
            spread_db: (square / count as f32).sqrt(),
            p75_dbm: rssi.get(count * 3 / 4).copied()?,
        })
    };
    (0..hubs).filter_map(of).collect()
}

/// Height at which a tag is held during a survey, where nobody says it, in metres.
const HELD_M: f32 = 1.2;

#[cfg(test)]
mod tests {
    use firmware_sim::replay::recording::{parse_hubs, parse_walk};

    use super::*;
    use crate::engine::locate::{FloorLevel, NO_ZONE};
    use crate::recording::Heard as Sighting;

    #[test]
    fn every_walkable_cell_is_within_reach_and_places_are_few() {
        let level = FloorLevel {
            origin_east_m: -2.0,
            origin_north_m: 5.0,
            columns: 20,
            rows: 10,
            walkable: (0..200).map(|cell| cell % 20 != 7).collect(),
            zone: vec![NO_ZONE; 200],
            elevation_m: 0.0,
        };
        let floor = FloorPlan {
            pitch_m: 1.0,
            levels: vec![level],
        };
        let places = plan(&floor, 3.0);
        for cell in (0..200_u8).filter(|cell| cell % 20 != 7) {
            let at = Point::new(f32::from(cell % 20) - 1.5, f32::from(cell / 20) + 5.5);
            assert!(
                places.iter().any(|place| place.at.distance_m(at) <= 3.0),
                "{at:?} is out of reach"
            );
        }
        assert!(places.len() <= 20, "{}", places.len());
        let far_m = |pair: &[Place]| pair[0].at.distance_m(pair[1].at);
        assert!(
            places.windows(2).map(far_m).sum::<f32>() < 5.0 * places.len() as f32,
            "the way is short"
        );
    }

    #[test]
    fn a_stop_counts_what_was_heard_during_it() {
        let sighting = |at_ms: f64, rssi_dbm: i8| Sighting {
            at_ms,
            station: 1,
            rssi_dbm,
        };
        let walk = Walk {
            name: "walk".to_owned(),
            began_ms: 0.0,
            heard: vec![
                sighting(0.0, -20),
                sighting(100.0, -60),
                sighting(200.0, -64),
                sighting(900.0, -20),
            ],
            truth: Vec::new(),
        };
        let stop = Stop {
            from_ms: 100.0,
            to_ms: 500.0,
            at: Point::new(1.0, 2.0),
            height_m: 1.2,
        };
        let heard = heard_at(&walk, &stop, 2);
        assert_eq!(
            heard,
            [HeardAtStop {
                hub: 1,
                count: 2,
                mean_dbm: -62.0,
                spread_db: 2.0,
                p75_dbm: -60
            }]
        );
    }

    #[test]
    fn a_stop_counts_in_the_time_of_a_recording_that_does_not_begin_at_zero() {
        let source = |text: &str| Source {
            name: "walk.csv".to_owned(),
            text: text.to_owned().into(),
        };
        let hubs = parse_hubs(&source("hub,x_m,y_m,z_m\nh,0,0,2")).unwrap();
        let lines = "t_ms,hub,tag,rssi_dbm\n7000,h,010203040506,-20\n7100,h,010203040506,-60\n7900,h,010203040506,-30";
        let walks = Walk::of(&parse_walk("walk", &source(lines), &hubs).unwrap());
        let stops = parse_stops(&source("from_ms,to_ms,x_m,y_m\n7050,7500,1,2")).unwrap();
        let heard = heard_at(&walks[0], &stops[0], 1);
        assert_eq!((heard.len(), heard[0].count, heard[0].mean_dbm), (1, 1, -60.0));
    }

    #[test]
    fn a_stop_ends_after_it_begins() {
        let source = Source {
            name: "stops.csv".to_owned(),
            text: "from_ms,to_ms,x_m,y_m\n5,5,1,1".into(),
        };
        let mistake = parse_stops(&source).unwrap_err().to_string();
        assert_eq!(
            mistake,
            "stops.csv:2:3: `to_ms` is `5`; expected more than from_ms, which is 5"
        );
    }
}
