//! The plan: cells, zones, hubs, the true way and the way that was said, with the error between the two.

use nextbest_venue::Point;

use super::canvas::{ERROR, FAINT, FLOOR, HUB, INK, Picture, Px, SAID, Side, TRUTH, px, zone_colour};
use crate::engine::locate::NO_ZONE;
use crate::recording::{Instant, Site};

/// A part of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// Lengths that a scale bar may have, in metres.
const BARS_M: [f32; 8] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
/// Where the scale bar goes, below the plan.
const BELOW_PX: f32 = 34.0;

pub(super) fn draw(picture: &mut Picture, frame: &Frame, site: &Site, instants: &[Instant]) {
    let Some(sheet) = Sheet::new(frame, site) else { return };
    cells(picture, &sheet, site);
    zone_names(picture, &sheet, site);
    for instant in instants {
        if let Some((said, is)) = instant.said.zip(instant.true_place) {
            picture.line(vec![sheet.px(is), sheet.px(said.at)], 0.8, ERROR);
        }
    }
    let truth = instants.iter().map(|instant| instant.true_place);
    way(picture, &sheet, truth, 2.2, TRUTH);
    let said = instants.iter().map(|instant| instant.said.map(|said| said.at));
    way(picture, &sheet, said, 1.4, SAID);
    for said in instants.iter().filter_map(|instant| instant.said) {
        picture.dot(sheet.px(said.at), 2.0, SAID);
    }
    for hub in &site.hubs {
        let at = sheet.px(hub.at);
        picture.rectangle(px(at.x - 4.5, at.y - 4.5), 9.0, 9.0, HUB);
        picture.text(px(at.x, at.y - 8.0), 10.0, Side::Middle, HUB, short(&hub.id));
    }
    scale_bar(picture, &sheet, frame);
}

/// A line for each stretch of instants with a place.
fn way(
    picture: &mut Picture,
    sheet: &Sheet,
    places: impl Iterator<Item = Option<Point>>,
    width: f32,
    colour: super::canvas::Colour,
) {
    let mut stretch: Vec<Px> = Vec::new();
    for place in places {
        match place {
            Some(at) => stretch.push(sheet.px(at)),
            None => picture.line(std::mem::take(&mut stretch), width, colour),
        }
    }
    if let Some(begin) = stretch.first().copied() {
        picture.line(stretch, width, colour);
        picture.dot(begin, 4.0, colour);
    }
}

fn cells(picture: &mut Picture, sheet: &Sheet, site: &Site) {
    let side = site.floor.pitch_m * sheet.px_per_m;
    for level in &site.floor.levels {
        let columns = level.columns.max(1) as usize;
        let rows = level.walkable.chunks(columns).zip(level.zone.chunks(columns));
        for (row, (walkable, zones)) in rows.enumerate() {
            let row_cells: Vec<(bool, u16)> = walkable.iter().copied().zip(zones.iter().copied()).collect();
            let mut column = 0;
            // One rectangle for each run of equal cells.
            for run in row_cells.chunk_by(|one, other| one == other) {
                let north_west = Point::new(
                    level.origin_east_m + column as f32 * site.floor.pitch_m,
                    level.origin_north_m + (row + 1) as f32 * site.floor.pitch_m,
                );
                column += run.len();
                let (at, wide) = (sheet.px(north_west), run.len() as f32 * side);
                match run.first() {
                    Some((true, NO_ZONE)) => picture.rectangle(at, wide, side, FLOOR),
                    Some((true, zone)) => picture.rectangle(at, wide, side, zone_colour(*zone, 0x48)),
                    Some((false, _)) | None => {}
                }
            }
        }
    }
}

/// The name of each zone in the middle of its cells' northern edge, where the fewest ways run.
fn zone_names(picture: &mut Picture, sheet: &Sheet, site: &Site) {
    let Some(level) = site.floor.levels.first() else { return };
    for (zone, name) in (0u16..).zip(&site.zones.names) {
        let columns = level.columns.max(1) as usize;
        let cells: Vec<(usize, usize)> = level
            .zone
            .iter()
            .zip(&level.walkable)
            .enumerate()
            .filter(|(_, (of, walkable))| **of == zone && **walkable)
            .map(|(cell, _)| (cell % columns, cell / columns))
            .collect();
        let Some(north) = cells.iter().map(|(_, row)| *row).max() else {
            continue;
        };
        let middle = cells.iter().map(|(column, _)| *column as f32).sum::<f32>() / cells.len() as f32;
        let at = sheet.px(Point::new(
            level.origin_east_m + (middle + 0.5) * site.floor.pitch_m,
            level.origin_north_m + (north + 1) as f32 * site.floor.pitch_m,
        ));
        picture.text(px(at.x, at.y + 14.0), 12.0, Side::Middle, FAINT, name.as_str());
    }
}

fn scale_bar(picture: &mut Picture, sheet: &Sheet, frame: &Frame) {
    let fits = |bar_m: &&f32| **bar_m * sheet.px_per_m <= frame.width / 4.0;
    let bar_m = BARS_M.iter().rev().find(fits).copied().unwrap_or(1.0);
    let y = frame.top + frame.height - 6.0;
    let right = frame.left + bar_m * sheet.px_per_m;
    picture.line(
        vec![
            px(frame.left, y - 5.0),
            px(frame.left, y),
            px(right, y),
            px(right, y - 5.0),
        ],
        1.6,
        INK,
    );
    picture.text(px(right + 8.0, y), 12.0, Side::Right, INK, format!("{bar_m} m"));
}

/// The last four characters of a long id, which tell hubs apart.
fn short(id: &str) -> &str {
    let start = id.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    id.get(start..).unwrap_or(id)
}

/// Where metres go on the page.
struct Sheet {
    px_per_m: f32,
    west_m: f32,
    north_m: f32,
    left: f32,
    top: f32,
}

impl Sheet {
    fn new(frame: &Frame, site: &Site) -> Option<Self> {
        let level = site.floor.levels.first()?;
        let wide_m = level.columns as f32 * site.floor.pitch_m;
        let high_m = level.rows as f32 * site.floor.pitch_m;
        let room = frame.height - BELOW_PX;
        let px_per_m = (frame.width / wide_m).min(room / high_m);
        Some(Self {
            px_per_m,
            west_m: level.origin_east_m,
            north_m: level.origin_north_m + high_m,
            left: frame.left + (frame.width - wide_m * px_per_m) / 2.0,
            top: frame.top + (room - high_m * px_per_m) / 2.0,
        })
    }

    fn px(&self, at: Point) -> Px {
        px(
            self.left + (at.east_m - self.west_m) * self.px_per_m,
            self.top + (self.north_m - at.north_m) * self.px_per_m,
        )
    }
}
