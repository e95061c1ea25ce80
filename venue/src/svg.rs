//! Draws a level as an SVG plan: cells, zones, places, hubs and beacons.
//!
//! It is how a venue engineer sees that every hub and zone is where it should be. Deliberately absent: live figures; a
//! caller that has them draws on top.

use std::fmt::Write as _;

use crate::geometry::{Point, Polygon};
use crate::index::LevelIx;
use crate::venue::Venue;
use crate::walks::Route;

/// Width of a plan in pixels.
const WIDTH_PX: f32 = 1_500.0;
/// Metres around the plan.
const MARGIN_M: f32 = 2.0;

/// The plan of a level as the text of an SVG file; empty for a level that is not there.
#[must_use]
pub fn draw(venue: &Venue, level: LevelIx) -> String {
    draw_with_routes(venue, level, &[])
}

/// The same with routes drawn on it, as far as they run on this level.
#[must_use]
pub fn draw_with_routes(venue: &Venue, level: LevelIx, routes: &[Route]) -> String {
    let Some(sheet) = Sheet::new(venue, level) else {
        return String::new();
    };
    let mut svg = sheet.head();
    cells(venue, &sheet, &mut svg);
    zones(venue, &sheet, &mut svg);
    for route in routes {
        let _ = writeln!(svg, "<polyline class=\"route\" points=\"{}\"/>", sheet.route(route));
    }
    for beacon in venue.beacons.iter().filter(|beacon| beacon.level == level) {
        sheet.dot(&mut svg, "beacon", beacon.at, 8.0, &beacon.id);
    }
    for hub in venue.hubs.iter().filter(|hub| hub.level == level) {
        sheet.dot(&mut svg, "hub", hub.at, 6.0, &hub.id);
    }
    places(venue, &sheet, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn cells(venue: &Venue, sheet: &Sheet, svg: &mut String) {
    let Some(raster) = venue.floor.rasters.get(sheet.level.index()) else {
        return;
    };
    let pitch_m = venue.floor.pitch_m;
    let columns = raster.columns.max(1) as usize;
    for (row, cells) in raster.walkable.chunks(columns).enumerate() {
        let mut column = 0;
        // One rectangle for each run of walkable cells.
        for run in cells.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                let corner = Point::new(
                    raster.origin.east_m + column as f32 * pitch_m,
                    raster.origin.north_m + (row + 1) as f32 * pitch_m,
                );
                let (x, y) = sheet.px(corner);
                let (width, height) = (run.len() as f32 * pitch_m * sheet.px_per_m, pitch_m * sheet.px_per_m);
                let _ = writeln!(
                    svg,
                    "<rect class=\"walkable\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
                );
            }
            column += run.len();
        }
    }
}

fn zones(venue: &Venue, sheet: &Sheet, svg: &mut String) {
    for zone in venue.zones.iter().filter(|zone| zone.level == sheet.level) {
        let _ = writeln!(
            svg,
            "<path class=\"zone\" fill=\"hsl({}, 70%, 60%)\" d=\"{}\"><title>{}: {}</title></path>",
            hue(&zone.category),
            sheet.path(&zone.area),
            escape(&zone.id),
            escape(&zone.name),
        );
    }
}

fn places(venue: &Venue, sheet: &Sheet, svg: &mut String) {
    for place in venue.places.iter().filter(|place| place.level == sheet.level) {
        let name = place.names.first().map_or(place.id.as_str(), |(_, name)| name);
        sheet.dot(svg, "place", place.at, 4.0, &place.id);
        let (x, y) = sheet.px(place.at);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\">{}</text>", y - 9.0, escape(name));
    }
}

/// A colour that depends on the word alone, so that plans of all venues agree (FNV-1a).
fn hue(word: &str) -> u32 {
    word.bytes().fold(2_166_136_261_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
    }) % 360
}

/// Text as it may stand between two tags or quotes of an SVG file.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Where metres go on the page.
struct Sheet {
    level: LevelIx,
    px_per_m: f32,
    west_m: f32,
    north_m: f32,
    width_m: f32,
    height_m: f32,
    title: String,
}

impl Sheet {
    fn new(venue: &Venue, level: LevelIx) -> Option<Self> {
        let raster = venue.floor.rasters.get(level.index())?;
        let (width_m, height_m) = (
            raster.columns as f32 * venue.floor.pitch_m,
            raster.rows as f32 * venue.floor.pitch_m,
        );
        Some(Self {
            level,
            px_per_m: WIDTH_PX / (width_m + 2.0 * MARGIN_M),
            west_m: raster.origin.east_m - MARGIN_M,
            north_m: raster.origin.north_m + height_m + MARGIN_M,
            width_m: width_m + 2.0 * MARGIN_M,
            height_m: height_m + 2.0 * MARGIN_M,
            title: format!("{}, {}", venue.name, venue.levels.get(level.index())?.name),
        })
    }

    fn head(&self) -> String {
        let (width, height) = (self.width_m * self.px_per_m, self.height_m * self.px_per_m);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
             <title>{}</title>\n\
             <style>\n\
             svg {{ background: #ffffff }}\n\
             text {{ font: 11px sans-serif; text-anchor: middle; fill: #222222 }}\n\
             .walkable {{ fill: #e4e4e4 }}\n\
             .zone {{ fill-opacity: 0.35; stroke: #555555; stroke-width: 0.7; fill-rule: evenodd }}\n\
             .route {{ fill: none; stroke: #cc0000; stroke-width: 2.5; stroke-linejoin: round }}\n\
             .hub {{ fill: #1144cc }}\n\
             .beacon {{ fill: #118833 }}\n\
             .place {{ fill: #cc3311 }}\n\
             </style>\n",
            escape(&self.title),
        )
    }

    fn px(&self, at: Point) -> (f32, f32) {
        (
            (at.east_m - self.west_m) * self.px_per_m,
            (self.north_m - at.north_m) * self.px_per_m,
        )
    }

    fn dot(&self, svg: &mut String, class: &str, at: Point, radius: f32, title: &str) {
        let (x, y) = self.px(at);
        let title = escape(title);
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"><title>{title}</title></circle>"
        );
    }

    fn path(&self, area: &Polygon) -> String {
        let mut path = String::new();
        for ring in area.rings() {
            for (at, point) in ring.iter().enumerate() {
                let (x, y) = self.px(*point);
                let _ = write!(path, "{}{x:.1} {y:.1} ", if at == 0 { "M" } else { "L" });
            }
            path.push_str("Z ");
        }
        path
    }

    fn route(&self, route: &Route) -> String {
        let on_level = route.points.iter().filter(|point| point.level == self.level);
        let points = on_level
            .map(|point| self.px(point.at))
            .map(|(x, y)| format!("{x:.1},{y:.1}"));
        points.collect::<Vec<_>>().join(" ")
    }
}
