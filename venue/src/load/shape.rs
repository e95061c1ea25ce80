//! Reads GeoJSON geometries and refuses those that are no shape: open rings, no area, borders that touch themselves.

use super::frame::Frame;
use super::json::Item;
use crate::geometry::{Point, Polygon, Ring, edges, ring_area_m2, segments_touch};

/// Most corners of one ring, so that the pairwise check of its edges stays bounded.
pub(crate) const CORNERS_MAX: usize = 2_048;
/// Most holes of one polygon.
pub(crate) const HOLES_MAX: usize = 256;
/// Most polygons of one MultiPolygon.
pub(crate) const PIECES_MAX: usize = 256;
/// Corners of a ring nearer than this are one corner: drawing tools repeat them.
const SAME_M: f32 = 1e-4;
/// Smallest area of a polygon in square metres: smaller ones are a slip of the mouse.
const AREA_M2_MIN: f32 = 0.01;

/// The `coordinates` of a geometry of the given type.
fn coordinates<'a, 'r>(item: &Item<'a, 'r>, kind: &str) -> Option<Item<'a, 'r>> {
    let expected = format!("a GeoJSON {kind}");
    let members = item.members(&["type", "coordinates"], &expected)?;
    let found = members.need("type", &expected)?;
    let name = found.text(&expected)?;
    if name != kind {
        found.wrong(
            format!("the geometry is a {name}"),
            format!("a {kind} for this type of feature"),
        );
        return None;
    }
    members.need("coordinates", &expected)
}

/// The one position of a Point, unread.
pub(crate) fn point_item<'a, 'r>(item: &Item<'a, 'r>) -> Option<Item<'a, 'r>> {
    coordinates(item, "Point")
}

pub(crate) fn point(item: &Item<'_, '_>, frame: &Frame) -> Option<Point> {
    frame.position(&point_item(item)?)
}

/// A LineString of at least two different positions.
pub(crate) fn line(item: &Item<'_, '_>, frame: &Frame) -> Option<Vec<Point>> {
    let coordinates = coordinates(item, "LineString")?;
    let points = positions(&coordinates, frame)?;
    let length_m: f32 = points.windows(2).map(|pair| pair[0].distance_m(pair[1])).sum();
    if points.len() < 2 || length_m <= 0.0 {
        coordinates.wrong("the line has no length", "two different positions or more");
        return None;
    }
    Some(points)
}

/// A Polygon whose rings enclose an area, do not touch themselves or each other, with its holes inside.
pub(crate) fn polygon(item: &Item<'_, '_>, frame: &Frame) -> Option<Polygon> {
    rings(&coordinates(item, "Polygon")?, frame)
}

/// A Polygon, or the polygons of a MultiPolygon.
pub(crate) fn polygons(item: &Item<'_, '_>, frame: &Frame) -> Option<Vec<Polygon>> {
    if !is_multi(item) {
        return polygon(item, frame).map(|polygon| vec![polygon]);
    }
    let coordinates = coordinates(item, "MultiPolygon")?;
    let items = coordinates.array(PIECES_MAX, "an array of polygons")?;
    if items.is_empty() {
        coordinates.wrong("there is no polygon", "at least one");
    }
    let read: Vec<Option<Polygon>> = items.iter().map(|item| rings(item, frame)).collect();
    let read: Vec<Polygon> = read.into_iter().collect::<Option<_>>()?;
    (!read.is_empty()).then_some(read)
}

/// Whether the geometry calls itself a MultiPolygon; whatever else is wrong with it, `coordinates` says.
fn is_multi(item: &Item<'_, '_>) -> bool {
    item.text_of("type") == Some("MultiPolygon")
}

fn rings(coordinates: &Item<'_, '_>, frame: &Frame) -> Option<Polygon> {
    let rings = coordinates.array(HOLES_MAX + 1, "an array of rings, the outer one first")?;
    if rings.is_empty() {
        coordinates.wrong("the polygon has no ring", "at least the outer ring");
        return None;
    }
    let read: Vec<Option<Ring>> = rings.iter().map(|item| ring(item, frame)).collect();
    let mut read: Vec<Ring> = read.into_iter().collect::<Option<_>>()?;
    let holes = read.split_off(1);
    let polygon = Polygon {
        outer: read.pop()?,
        holes,
    };
    holes_fit(&polygon, rings.get(1..)?).then_some(polygon)
}

fn positions(item: &Item<'_, '_>, frame: &Frame) -> Option<Vec<Point>> {
    let items = item.array(CORNERS_MAX, "an array of positions")?;
    let read: Vec<Option<Point>> = items.iter().map(|item| frame.position(item)).collect();
    read.into_iter().collect()
}

fn ring(item: &Item<'_, '_>, frame: &Frame) -> Option<Ring> {
    let mut points = positions(item, frame)?;
    if points.len() < 4 || points.first() != points.last() {
        item.wrong(
            "the ring is not closed",
            "four positions or more, the last equal to the first",
        );
        return None;
    }
    points.pop();
    let is_same = |a: Point, b: Point| a.distance_m(b) <= SAME_M;
    points.dedup_by(|a, b| is_same(*a, *b));
    while points.len() > 1 && points.first().zip(points.last()).is_some_and(|(a, b)| is_same(*a, *b)) {
        points.pop();
    }
    if ring_area_m2(&points).abs() < AREA_M2_MIN {
        item.wrong("the ring has no area", "a ring around at least 0.01 square metres");
        return None;
    }
    if let Some(at) = self_touch(&points) {
        let what = format!(
            "the border touches itself {:.2} m east, {:.2} m north of the anchor",
            at.east_m, at.north_m
        );
        item.wrong(what, "a ring that neither crosses nor touches itself");
        return None;
    }
    Some(points)
}

/// Where a ring crosses or touches itself, if it does.
fn self_touch(points: &[Point]) -> Option<Point> {
    let all: Vec<(Point, Point)> = edges(points).collect();
    let last = all.len().saturating_sub(1);
    for (i, &(a, b)) in all.iter().enumerate() {
        if a == b {
            return Some(a);
        }
        for (j, &(c, d)) in all.iter().enumerate().skip(i + 1) {
            let shared = if j == i + 1 {
                Some((b, a, d))
            } else {
                (i == 0 && j == last).then_some((a, b, c))
            };
            let touch = match shared {
                Some((corner, before, after)) => folds_back(corner, before, after).then_some(corner),
                None => (segments_touch(a, b, c, d)).then_some(c),
            };
            if touch.is_some() {
                return touch;
            }
        }
    }
    None
}

/// Whether two edges that share `corner` lie on each other.
fn folds_back(corner: Point, before: Point, after: Point) -> bool {
    let (ax, ay) = (before.east_m - corner.east_m, before.north_m - corner.north_m);
    let (bx, by) = (after.east_m - corner.east_m, after.north_m - corner.north_m);
    let cross = ax * by - ay * bx;
    let dot = ax * bx + ay * by;
    dot > 0.0 && cross.abs() <= 1e-6 * dot
}

fn holes_fit(polygon: &Polygon, items: &[Item<'_, '_>]) -> bool {
    let mut fit = true;
    let solid = Polygon {
        outer: polygon.outer.clone(),
        holes: Vec::new(),
    };
    for (at, (hole, item)) in polygon.holes.iter().zip(items).enumerate() {
        let others = std::iter::once(&polygon.outer).chain(polygon.holes.iter().take(at));
        let touches = others.clone().any(|other| rings_touch(hole, other));
        if touches || !hole.first().is_some_and(|corner| solid.contains(*corner)) {
            item.wrong(
                "the hole is not inside the outer ring",
                "a hole that touches neither the outer ring nor another hole",
            );
            fit = false;
        }
    }
    fit
}

fn rings_touch(one: &[Point], other: &[Point]) -> bool {
    edges(one).any(|(a, b)| edges(other).any(|(c, d)| segments_touch(a, b, c, d)))
}
