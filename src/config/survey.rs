//! A site survey: `survey.csv`, what the hubs heard of a tag that stood at known points.
//!
//! Columns: `x_m,y_m,z_m,hub,rssi_mean_dbm,rssi_sd_db`, more may follow and are not read. A point belongs to the highest
//! level whose floor is not above it.

use std::sync::Arc;

use nextbest_venue::Venue;

use super::mistake::{Mistake, SourceFile};
use crate::engine::locate::SurveyPoint;

/// The columns that are read, in their order.
const COLUMNS: [&str; 6] = ["x_m", "y_m", "z_m", "hub", "rssi_mean_dbm", "rssi_sd_db"];
/// Points that a survey may have.
const SURVEY_LEN_MAX: usize = 65_536;

/// Reads a survey; what is wrong goes to `mistakes`.
pub(super) fn read(file: &Arc<SourceFile>, venue: &Venue, mistakes: &mut Vec<Mistake>) -> Vec<SurveyPoint> {
    let mut points = Vec::new();
    let mut start = 0;
    for (line_ix, line) in file.text.split_inclusive('\n').enumerate() {
        let span = start..start + line.trim_end().len();
        start += line.len();
        let line = line.trim_end();
        let read = match line_ix {
            _ if line.is_empty() => continue,
            0 => header(line).map(|()| None),
            _ => point(line, venue).map(Some),
        };
        match read {
            Ok(point) => points.extend(point),
            Err((what, expected)) => mistakes.push(Mistake::new(file, span.clone(), what, expected)),
        }
        if points.len() > SURVEY_LEN_MAX {
            let what = "the survey has too many points";
            mistakes.push(Mistake::new(file, span, what, format!("at most {SURVEY_LEN_MAX}")));
            break;
        }
    }
    points
}

type Wrong = (String, String);

fn header(line: &str) -> Result<(), Wrong> {
    if line
        .split(',')
        .zip(COLUMNS)
        .filter(|(found, wanted)| found.trim() == *wanted)
        .count()
        == COLUMNS.len()
    {
        return Ok(());
    }
    Err((
        format!("the columns are `{line}`"),
        format!("`{}`, and more that are not read", COLUMNS.join(",")),
    ))
}

fn point(line: &str, venue: &Venue) -> Result<SurveyPoint, Wrong> {
    let mut fields = line.split(',').map(str::trim);
    let mut field = |name: &str| {
        fields
            .next()
            .ok_or_else(|| (format!("the line ends before `{name}`"), "six fields".into()))
    };
    let east_m = number("x_m", field("x_m")?, -1e5..1e5)?;
    let north_m = number("y_m", field("y_m")?, -1e5..1e5)?;
    let height_m = number("z_m", field("z_m")?, -1e3..1e4)?;
    let hub = field("hub")?;
    let rssi_mean_dbm = number("rssi_mean_dbm", field("rssi_mean_dbm")?, -127.0..20.0)?;
    let rssi_sd_db = number("rssi_sd_db", field("rssi_sd_db")?, 0.0..60.0)?;
    let station = venue.hub_by_id(hub).ok_or_else(|| {
        (
            format!("no hub of the map is called `{hub}`"),
            "the id of a hub of the map".to_owned(),
        )
    })?;
    Ok(SurveyPoint {
        level: level(venue, height_m),
        east_m,
        north_m,
        station: station.0,
        rssi_mean_dbm,
        rssi_sd_db,
    })
}

fn number(name: &str, text: &str, range: std::ops::Range<f32>) -> Result<f32, Wrong> {
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            (
                format!("`{name}` is `{text}`"),
                format!("a number from {} to {}", range.start, range.end),
            )
        })
}

/// The highest level whose floor is not above the point.
fn level(venue: &Venue, height_m: f32) -> u8 {
    let below = (0_u8..)
        .zip(&venue.levels)
        .filter(|(_, level)| level.elevation_m <= height_m);
    below
        .max_by(|(_, one), (_, other)| one.elevation_m.total_cmp(&other.elevation_m))
        .map_or(0, |(level, _)| level)
}
