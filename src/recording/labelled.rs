//! A zone-labelled recording as the SAL-Autarkic-Localization-RSSI-BLE-Dataset ships it (AVL, Silicon Austria Labs;
//! CC BY 4.0): ten hubs at a hall's door hear one tag, and a photosensor knows on which side of the door it is.
//!
//! | file | columns |
//! |---|---|
//! | `measurement_config.txt` | `Label`, `Description`, `X`, `Y`, `Z`: the hubs; a label `O-..` or a description `outside ..` is outside, `I-..` or `inside ..` inside |
//! | `walk_sensor_*.csv` | `superframe` (of 100 ms), one column for each hub with its RSSI in dBm (-100: not heard), `Label` (0 outside, 1 inside, 2 inside at the test position) |
//!
//! Nobody drew the two zones: a place belongs to the side of the hub that is nearest to it. Deliberately absent: the
//! photosensor's own columns.

use firmware_sim::replay::recording::RecordedHub;
use nextbest_venue::table::{Column, Table};
use nextbest_venue::{Mistake, Point, Source};

use super::walk::{Heard, Truth, Walk};
use crate::engine::locate::NO_ZONE;

/// The zones' names, by number.
pub(super) const SIDES: [&str; 2] = ["outside", "inside"];
const OUTSIDE: u16 = 0;
const INSIDE: u16 = 1;
/// A superframe's length.
const SUPERFRAME_MS: f64 = 100.0;
/// Superframes of a day.
const SUPERFRAME_MAX: u32 = 864_000;
/// What stands where a hub heard nothing.
const NOT_HEARD_DBM: i8 = -100;
/// Hubs of a recording; each is a column.
const HUBS_LEN_MAX: usize = 1_024;

/// A hub and its side of the door.
pub(super) type SidedHub = (RecordedHub, u16);

/// Reads `measurement_config.txt`.
pub(super) fn parse_hubs(source: &Source) -> Result<Vec<SidedHub>, Box<Mistake>> {
    let mut table = Table::new(source)?;
    let [label, description, x, y, z] = ["Label", "Description", "X", "Y", "Z"].map(|name| table.column(name));
    let (label, description, x, y, z) = (label?, description?, x?, y?, z?);
    let mut hubs: Vec<SidedHub> = Vec::new();
    while let Some(row) = table.next_row() {
        let id = row.text(&label)?;
        if id.is_empty() || hubs.iter().any(|(hub, _)| hub.id == id) || hubs.len() == HUBS_LEN_MAX {
            return Err(row.wrong(
                &label,
                format!("a label that no other hub has, of at most {HUBS_LEN_MAX} hubs"),
            ));
        }
        let side = side_of(id, row.text(&description)?).ok_or_else(|| {
            row.wrong(
                &label,
                "a label `O-..` or `I-..`, or a description with `outside` or `inside`",
            )
        })?;
        let hub = RecordedHub {
            id: id.to_owned(),
            at: Point::new(row.number(&x, -1e5..=1e5)?, row.number(&y, -1e5..=1e5)?),
            height_m: row.number(&z, -1e3..=1e4)?,
        };
        hubs.push((hub, side));
    }
    if hubs.is_empty() {
        return Err(table.wrong_head("there is no hub", "at least one line with a hub"));
    }
    Ok(hubs)
}

/// The side of the hub that is nearest to a place.
pub(super) fn side_at(hubs: &[SidedHub], at: Point) -> u16 {
    let apart_m = |hub: &SidedHub| hub.0.at.distance_m(at);
    let nearest = hubs.iter().min_by(|one, other| apart_m(one).total_cmp(&apart_m(other)));
    nearest.map_or(NO_ZONE, |(_, side)| *side)
}

/// Reads `walk_sensor_*.csv`.
pub(super) fn parse_walk(name: &str, source: &Source, hubs: &[RecordedHub]) -> Result<Walk, Box<Mistake>> {
    let mut table = Table::new(source)?;
    let (superframe, label) = (table.column("superframe")?, table.column("Label")?);
    let columns: Vec<(u16, Column)> = (0u16..)
        .zip(hubs)
        .filter_map(|(station, hub)| Some((station, table.find(&hub.id)?)))
        .collect();
    if columns.is_empty() {
        return Err(table.wrong_head(
            "there is no column of a hub",
            "a column for each hub, named by its label",
        ));
    }
    let (mut heard, mut truth): (Vec<Heard>, Vec<Truth>) = (Vec::new(), Vec::new());
    let mut began = None;
    while let Some(row) = table.next_row() {
        let frame: u32 = row.number(&superframe, 0..=u32::MAX)?;
        let since = frame.checked_sub(*began.get_or_insert(frame));
        let at_ms = since
            .filter(|since| *since <= SUPERFRAME_MAX)
            .map(|since| f64::from(since) * SUPERFRAME_MS);
        let at_ms = at_ms
            .filter(|at_ms| truth.last().is_none_or(|last| last.at_ms <= *at_ms))
            .ok_or_else(|| row.wrong(&superframe, "a number that is not below the line above, within a day"))?;
        for (station, column) in &columns {
            let rssi_dbm = row.number(column, -127..=20)?;
            if rssi_dbm != NOT_HEARD_DBM {
                heard.push(Heard {
                    at_ms,
                    station: *station,
                    rssi_dbm,
                });
            }
        }
        let zone = match row.text(&label)? {
            "0" => OUTSIDE,
            "1" | "2" => INSIDE,
            _ => return Err(row.wrong(&label, "0 for outside, 1 or 2 for inside")),
        };
        truth.push(Truth {
            at_ms,
            at: None,
            zone: Some(zone),
        });
    }
    Ok(Walk {
        name: name.to_owned(),
        began_ms: 0.0,
        heard,
        truth,
    })
}

fn side_of(label: &str, description: &str) -> Option<u16> {
    let says = |prefix: &str, word: &str| label.starts_with(prefix) || description.to_lowercase().contains(word);
    match (says("O-", "outside"), says("I-", "inside")) {
        (true, false) => Some(OUTSIDE),
        (false, true) => Some(INSIDE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "Label,Description,X,Y,Z\n\nO-A,outside,2.0,0,1\n\nI-B,inside,-2.0,0,1\n";

    fn source(name: &str, text: &str) -> Source {
        Source {
            name: name.to_owned(),
            text: text.into(),
        }
    }

    fn walk(lines: &str) -> Result<Walk, String> {
        let hubs = parse_hubs(&source("config.txt", CONFIG)).unwrap();
        let hubs: Vec<RecordedHub> = hubs.into_iter().map(|(hub, _)| hub).collect();
        let text = format!("superframe,O-A,I-B,Label,raw_photosensor_door\n{lines}");
        parse_walk("walk", &source("walk.csv", &text), &hubs).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn a_place_is_on_the_side_of_its_nearest_hub() {
        let hubs = parse_hubs(&source("config.txt", CONFIG)).unwrap();
        assert_eq!(side_at(&hubs, Point::new(0.1, 5.0)), OUTSIDE);
        assert_eq!(side_at(&hubs, Point::new(-0.1, 5.0)), INSIDE);
        let neither = parse_hubs(&source("config.txt", "Label,Description,X,Y,Z\nA,door,0,0,1")).unwrap_err();
        assert_eq!(
            neither.to_string(),
            "config.txt:2:1: `Label` is `A`; expected a label `O-..` or `I-..`, or a description with `outside` or `inside`"
        );
    }

    #[test]
    fn a_superframe_is_one_sighting_for_each_hub_that_heard() {
        let walk = walk("7,-60,-100,0,1\n9,-61,-70,2,1").unwrap();
        assert_eq!(
            walk.heard
                .iter()
                .map(|heard| (heard.at_ms, heard.station))
                .collect::<Vec<_>>(),
            [(0.0, 0), (200.0, 0), (200.0, 1)]
        );
        assert_eq!(
            (walk.true_zone(100.0), walk.true_zone(201.0)),
            (Some(OUTSIDE), Some(INSIDE))
        );
    }

    #[test]
    fn mistakes_have_their_place() {
        assert_eq!(
            walk("0,-60,-70,3,0").unwrap_err(),
            "walk.csv:2:11: `Label` is `3`; expected 0 for outside, 1 or 2 for inside"
        );
        assert!(
            walk("5,-60,-70,1,0\n4,-60,-70,1,0")
                .unwrap_err()
                .starts_with("walk.csv:3:1: `superframe` is `4`")
        );
        assert!(
            walk("5,-60,,1,0")
                .unwrap_err()
                .starts_with("walk.csv:2:7: `I-B` is empty")
        );
    }
}
