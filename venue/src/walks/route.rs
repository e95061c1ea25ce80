//! From a cost field to way points: walk downhill cell by cell, then pull the way straight as far as one can see.

use super::WALK_M_PER_S;
use super::field;
use super::graph::{Graph, NONE};
use crate::floor::Floor;
use crate::geometry::{Point, along};
use crate::index::LevelIx;

/// A line that passes the corner of a cell this closely counts as passing through it, which needs all four cells around it
/// open: rounding must not squeeze it past the end of a wall.
const CORNER_M: f32 = 1e-3;

/// One point of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WayPoint {
    /// The level of the point.
    pub level: LevelIx,
    /// The point.
    pub at: Point,
    /// Seconds from the way point before it; 0 for the first.
    pub leg_s: f32,
}

/// A way from one point to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Start, corners, both ends of each stair, and goal; never empty.
    pub points: Vec<WayPoint>,
    /// Seconds for the whole way.
    pub walk_s: f32,
}

/// The way from a point down to the goal of the field, ending at `exact` or at the centre of the goal's cell.
pub(super) fn follow(
    graph: &Graph,
    floor: &Floor,
    costs: &[u16],
    from: (LevelIx, Point),
    exact: Option<Point>,
) -> Option<Route> {
    let start = graph.nearest(floor, from.0, from.1, |_| true)?;
    let path = field::descend(graph, costs, start)?;
    let goal = path.last().copied();
    let mut route = Route {
        points: vec![WayPoint {
            level: from.0,
            at: from.1,
            leg_s: 0.0,
        }],
        walk_s: 0.0,
    };
    let mut before = None;
    // Between stretches of steps lies a link.
    for stretch in path.chunk_by(|a, b| is_step(graph, *a, *b)) {
        let (first, last) = (*stretch.first()?, *stretch.last()?);
        let (level, mut points) = centres(graph, floor, stretch);
        if let Some(before) = before {
            let link = graph.links_from(before).find(|link| link.to == first)?;
            route.push(level, *points.first()?, link.traverse_s);
        } else if graph.node_at(floor, from.0, from.1) == Some(start) {
            *points.first_mut()? = from.1;
        } else {
            route.walk_to(level, *points.first()?);
        }
        if let Some(exact) = exact.filter(|_| Some(last) == goal) {
            points.truncate((stretch.len() - 1).max(1));
            points.push(exact);
        }
        for corner in pull_straight(graph, floor, level, &points) {
            route.walk_to(level, corner);
        }
        before = Some(last);
    }
    Some(route)
}

impl Route {
    fn walk_to(&mut self, level: LevelIx, at: Point) {
        let from = self.points.last().map_or(at, |point| point.at);
        if from != at {
            self.push(level, at, from.distance_m(at) / WALK_M_PER_S);
        }
    }

    fn push(&mut self, level: LevelIx, at: Point, leg_s: f32) {
        self.points.push(WayPoint { level, at, leg_s });
        self.walk_s += leg_s;
    }
}

fn is_step(graph: &Graph, from: u32, to: u32) -> bool {
    graph
        .neighbours
        .get(from as usize)
        .is_some_and(|neighbours| to != NONE && neighbours.contains(&to))
}

fn centres(graph: &Graph, floor: &Floor, nodes: &[u32]) -> (LevelIx, Vec<Point>) {
    let mut points = Vec::with_capacity(nodes.len() + 1);
    let mut level = LevelIx(0);
    for node in nodes {
        let (on_level, at) = graph.centre(floor, *node);
        level = on_level;
        points.push(at);
    }
    (level, points)
}

/// The corners of a way along the points: those that are needed, forwards, and then again backwards.
///
/// The way down a field runs along axes and diagonals, so its first corner may lie in open floor; seen backwards from the
/// goal, along stretches cut into pieces of a cell, such corners fall away.
fn pull_straight(graph: &Graph, floor: &Floor, level: LevelIx, points: &[Point]) -> Vec<Point> {
    let corners = needed(graph, floor, level, points);
    if corners.len() <= 2 {
        return corners;
    }
    let mut pieces: Vec<Point> = corners.first().copied().into_iter().collect();
    for pair in corners.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let count = (from.distance_m(to) / floor.pitch_m).ceil().max(1.0) as u32;
        pieces.extend((1..=count).map(|piece| along(from, to, piece as f32 / count as f32)));
    }
    pieces.reverse();
    let mut corners = needed(graph, floor, level, &pieces);
    corners.reverse();
    corners
}

/// The first point, and then again and again the last one seen from the one before it.
fn needed(graph: &Graph, floor: &Floor, level: LevelIx, points: &[Point]) -> Vec<Point> {
    let Some((mut anchor, rest)) = points.split_first() else {
        return Vec::new();
    };
    let mut corners = vec![*anchor];
    let mut seen = anchor;
    for point in rest {
        if !is_clear(graph, floor, level, *anchor, *point) {
            corners.push(*seen);
            anchor = seen;
        }
        seen = point;
    }
    corners.push(*seen);
    corners
}

/// Whether one can walk straight from `a` to `b`: every cell border on the way is open (grid traversal of Amanatides and
/// Woo 1987).
pub(super) fn is_clear(graph: &Graph, floor: &Floor, level: LevelIx, a: Point, b: Point) -> bool {
    let Some(raster) = floor.rasters.get(level.index()) else {
        return false;
    };
    let (Some(start), Some(end)) = (floor.cell_at(level, a), floor.cell_at(level, b)) else {
        return false;
    };
    let columns = raster.columns as usize;
    let east = Axis::new(
        a.east_m,
        b.east_m,
        raster.origin.east_m,
        floor.pitch_m,
        start % columns,
        end % columns,
    );
    let north = Axis::new(
        a.north_m,
        b.north_m,
        raster.origin.north_m,
        floor.pitch_m,
        start / columns,
        end / columns,
    );
    let (Some(from), Some(to)) = (graph.node(level, start), graph.node(level, end)) else {
        return false;
    };
    let corner = f64::from(CORNER_M / a.distance_m(b).max(CORNER_M));
    walk_straight(graph, from, to, (east, north), corner)
}

/// Crosses border by border; two that are crossed within the share `corner` of the way are crossed in their common corner.
fn walk_straight(graph: &Graph, start: u32, end: u32, (mut east, mut north): (Axis, Axis), corner: f64) -> bool {
    let mut node = start;
    while east.left > 0 || north.left > 0 {
        let (by_east, by_north) = match east.next - north.next {
            gap if gap.abs() <= corner => (true, true),
            gap => (gap < 0.0, gap > 0.0),
        };
        let (columns, rows) = (
            if by_east { east.take() } else { 0 },
            if by_north { north.take() } else { 0 },
        );
        match graph.step(node, columns, rows) {
            Some(next) => node = next,
            None => return false,
        }
    }
    node == end
}

/// The borders that a straight line crosses along one axis.
struct Axis {
    /// Share of the way (0 to 1) at which the next border is crossed; infinite when none is left.
    next: f64,
    /// Share of the way between borders.
    pitch: f64,
    step: i32,
    left: usize,
}

impl Axis {
    fn new(from_m: f32, to_m: f32, origin_m: f32, pitch_m: f32, first: usize, last: usize) -> Self {
        let left = first.abs_diff(last);
        let length_m = (f64::from(to_m) - f64::from(from_m)).abs();
        let border = if last > first { first + 1 } else { first };
        let border_m = f64::from(origin_m) + border as f64 * f64::from(pitch_m);
        let next = if left == 0 {
            f64::INFINITY
        } else {
            (border_m - f64::from(from_m)).abs() / length_m
        };
        Self {
            next,
            pitch: f64::from(pitch_m) / length_m,
            step: if last > first { 1 } else { -1 },
            left,
        }
    }

    fn take(&mut self) -> i32 {
        self.left = self.left.saturating_sub(1);
        self.next = if self.left == 0 {
            f64::INFINITY
        } else {
            self.next + self.pitch
        };
        self.step
    }
}
