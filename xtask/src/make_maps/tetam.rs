//! The floor of the TETAM recordings, from the files that came with them, in the floor's own metres.
//!
//! Source: Danis et al., "Position Annotated BLE RSSI Dataset", Pervasive and Mobile Computing 81 (2022), CC0 1.0. The
//! walkable cells become upright rectangles, one for each run of cells, with openings where runs of two rows meet.

use super::geojson::{Frame, Map, Metres, Shape, rectangle, text, texts};

const WALKABLE: &str = include_str!("tetam/walkable_1m.csv");
const ZONES: &str = include_str!("tetam/zones.csv");
const HUBS: &str = include_str!("tetam/hubs.csv");
const LEVEL: &str = "floor";
/// South-west and north-east corner of the six zones together.
const OUTLINE: (Metres, Metres) = ((-1.0, -1.0), (22.0, 19.0));

/// The map.
pub(super) fn draw() -> Map {
    let mut map = Map::new(Frame::Local);
    let outline = [rectangle(OUTLINE.0, OUTLINE.1)];
    let properties = [
        ("name", name("TETAM test floor")),
        ("category", text("university")),
        ("time_zone", text("Europe/Istanbul")),
        ("frame", text("local")),
        ("pitch_m", "1".to_owned()),
    ];
    map.add("venue", "tetam", &properties, &Shape::Polygon(&outline));
    let properties = [
        ("name", name("Test floor")),
        ("ordinal", "0".to_owned()),
        ("elevation_m", "0".to_owned()),
    ];
    map.add("level", LEVEL, &properties, &Shape::Polygon(&outline));
    floor(&mut map);
    let zones = zones(&mut map);
    hubs(&mut map, &zones);
    map
}

fn name(english: &str) -> String {
    format!("{{\"en\": {}}}", text(english))
}

/// The rows of a file after its header, cell by cell.
fn rows(csv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect())
}

fn metres(cell: &str) -> f64 {
    cell.trim().parse().unwrap_or_default()
}

/// A run of walkable cells from west to east, as many rows high as the same run repeats.
#[derive(Clone, Copy)]
struct Run {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

fn floor(map: &mut Map) {
    let runs = merge(&runs());
    for (at, run) in runs.iter().enumerate() {
        let properties = [("category", text("walkway")), ("level_id", text(LEVEL))];
        let ring = rectangle((run.west, run.south), (run.east, run.north));
        map.add(
            "unit",
            &format!("walkway-{:02}", at + 1),
            &properties,
            &Shape::Polygon(&[ring]),
        );
    }
    let mut count = 0;
    for below in &runs {
        for above in runs.iter().filter(|above| same(above.south, below.north)) {
            let (west, east) = (below.west.max(above.west), below.east.min(above.east));
            if east > west {
                count += 1;
                let properties = [("category", text("pedestrian")), ("level_id", text(LEVEL))];
                let line = [(west, below.north), (east, below.north)];
                map.add(
                    "opening",
                    &format!("opening-{count:02}"),
                    &properties,
                    &Shape::Line(&line),
                );
            }
        }
    }
}

/// The runs of single rows, from south to north and west to east.
fn runs() -> Vec<Run> {
    let mut cells: Vec<(f64, f64)> = rows(WALKABLE)
        .filter(|row| row[2].trim() == "1")
        .map(|row| (metres(row[1]), metres(row[0])))
        .collect();
    cells.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut runs: Vec<Run> = Vec::new();
    for (y, x) in cells {
        match runs.last_mut() {
            Some(run) if same(run.south, y - 0.5) && same(run.east, x - 0.5) => run.east = x + 0.5,
            _ => runs.push(Run {
                west: x - 0.5,
                east: x + 0.5,
                south: y - 0.5,
                north: y + 0.5,
            }),
        }
    }
    runs
}

/// Joins runs of neighbouring rows that begin and end alike.
fn merge(runs: &[Run]) -> Vec<Run> {
    let mut merged: Vec<Run> = Vec::new();
    for run in runs {
        let below = |low: &&mut Run| same(low.north, run.south) && same(low.west, run.west) && same(low.east, run.east);
        match merged.iter_mut().find(below) {
            Some(low) => low.north = run.north,
            None => merged.push(*run),
        }
    }
    merged
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

fn zones(map: &mut Map) -> Vec<&'static str> {
    let mut ids = Vec::new();
    for row in rows(ZONES) {
        let (west, east, south, north) = (metres(row[1]), metres(row[2]), metres(row[3]), metres(row[4]));
        let properties = [
            ("name", name(row[0])),
            ("category", text("room")),
            ("level_id", text(LEVEL)),
        ];
        map.add(
            "section",
            row[0],
            &properties,
            &Shape::Polygon(&[rectangle((west, south), (east, north))]),
        );
        ids.push(row[0]);
    }
    ids
}

fn hubs(map: &mut Map, zones: &[&str]) {
    for row in rows(HUBS) {
        let properties = [
            ("name", name(row[1])),
            ("level_id", text(LEVEL)),
            ("height_m", row[4].trim().to_owned()),
            ("zone_ids", texts(zones)),
        ];
        map.add(
            "hub",
            row[0],
            &properties,
            &Shape::Point((metres(row[2]), metres(row[3]))),
        );
    }
}
