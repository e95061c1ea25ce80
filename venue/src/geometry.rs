//! Points and polygons in the venue's own frame: metres east and north of the anchor.
//!
//! Everything after loading speaks this one flat frame, so no other module knows of longitudes. Deliberately absent:
//! geographic coordinates (`load::frame` turns them into metres) and clipping or union of polygons (no feature needs it).

/// A point on a level, in metres east and north of the venue's anchor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Metres east of the anchor.
    pub east_m: f32,
    /// Metres north of the anchor.
    pub north_m: f32,
}

impl Point {
    /// The point `east_m` east and `north_m` north of the anchor.
    #[must_use]
    pub const fn new(east_m: f32, north_m: f32) -> Self {
        Self { east_m, north_m }
    }

    /// Straight distance in metres, walls ignored: for radio, never for walking.
    #[must_use]
    pub fn distance_m(self, other: Self) -> f32 {
        (self.east_m - other.east_m).hypot(self.north_m - other.north_m)
    }

    /// The point halfway to `other`.
    #[must_use]
    pub fn midpoint(self, other: Self) -> Self {
        Self::new((self.east_m + other.east_m) / 2.0, (self.north_m + other.north_m) / 2.0)
    }
}

/// A closed ring of corners; the last corner joins the first and is not repeated.
pub type Ring = Vec<Point>;

/// An area: one outer ring and any number of holes. Loading accepts only rings that enclose an area and do not cross or
/// touch themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Polygon {
    /// The outer border.
    pub outer: Ring,
    /// Areas cut out of it.
    pub holes: Vec<Ring>,
}

/// The smallest upright rectangle around something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The south-west corner.
    pub low: Point,
    /// The north-east corner.
    pub high: Point,
}

/// Points nearer than this to a line lie on it: half the resolution of WGS84 degrees with seven decimals.
const ON_LINE_M: f32 = 0.005;

impl Bounds {
    /// The bounds of some points; `None` when there are none.
    #[must_use]
    pub fn of(points: &[Point]) -> Option<Self> {
        let first = *points.first()?;
        let start = Self {
            low: first,
            high: first,
        };
        Some(points.iter().fold(start, |bounds, point| {
            bounds.union(Self {
                low: *point,
                high: *point,
            })
        }))
    }

    /// The bounds of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            low: Point::new(
                self.low.east_m.min(other.low.east_m),
                self.low.north_m.min(other.low.north_m),
            ),
            high: Point::new(
                self.high.east_m.max(other.high.east_m),
                self.high.north_m.max(other.high.north_m),
            ),
        }
    }

    /// Whether the point lies in the rectangle, border included.
    #[must_use]
    pub fn contains(&self, at: Point) -> bool {
        (self.low.east_m..=self.high.east_m).contains(&at.east_m)
            && (self.low.north_m..=self.high.north_m).contains(&at.north_m)
    }

    /// Whether the two rectangles share a point.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.low.east_m <= other.high.east_m
            && other.low.east_m <= self.high.east_m
            && self.low.north_m <= other.high.north_m
            && other.low.north_m <= self.high.north_m
    }
}

impl Polygon {
    /// Every ring: the outer one, then the holes.
    pub fn rings(&self) -> impl Iterator<Item = &Ring> {
        std::iter::once(&self.outer).chain(&self.holes)
    }

    /// Every edge of every ring.
    pub fn edges(&self) -> impl Iterator<Item = (Point, Point)> + '_ {
        self.rings().flat_map(|ring| edges(ring))
    }

    /// Whether the point lies inside, by the number of edges that a ray to the east crosses; a point on the border is
    /// inside exactly one of two polygons that share that border.
    #[must_use]
    pub fn contains(&self, at: Point) -> bool {
        self.edges().fold(false, |inside, (a, b)| {
            let straddles = (a.north_m > at.north_m) != (b.north_m > at.north_m);
            inside != (straddles && at.east_m < east_at(a, b, at.north_m))
        })
    }

    /// Area in square metres, holes taken off.
    #[must_use]
    pub fn area_m2(&self) -> f32 {
        ring_area_m2(&self.outer).abs() - self.holes.iter().map(|hole| ring_area_m2(hole).abs()).sum::<f32>()
    }

    /// The bounds of the outer ring.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds::of(&self.outer).unwrap_or(Bounds {
            low: Point::default(),
            high: Point::default(),
        })
    }

    /// Distance in metres to the nearest border.
    #[must_use]
    pub fn border_m(&self, at: Point) -> f32 {
        self.edges()
            .map(|(a, b)| segment_distance_m(at, a, b))
            .fold(f32::INFINITY, f32::min)
    }

    /// Where a line from west to east at `north_m` enters and leaves the polygon, in turn, from the west.
    pub(crate) fn cuts(&self, north_m: f32) -> Vec<f32> {
        let mut cuts: Vec<f32> = self
            .edges()
            .filter(|(a, b)| (a.north_m > north_m) != (b.north_m > north_m))
            .map(|(a, b)| east_at(a, b, north_m))
            .collect();
        cuts.sort_by(f32::total_cmp);
        cuts
    }

    /// A point well inside: of the middles of the spans that a few lines from west to east cut out, the one furthest from
    /// the border. Also right for rings with a hole, whose centre of gravity is outside.
    #[must_use]
    pub fn interior(&self) -> Point {
        const LINES: u16 = 9;
        let bounds = self.bounds();
        let mut best = (f32::NEG_INFINITY, bounds.low);
        for line in 0..LINES {
            let share = (f32::from(line) + 0.5) / f32::from(LINES);
            let north_m = bounds.low.north_m + share * (bounds.high.north_m - bounds.low.north_m);
            for span in self.cuts(north_m).chunks_exact(2) {
                let at = Point::new((span[0] + span[1]) / 2.0, north_m);
                let border_m = self.border_m(at);
                if border_m > best.0 {
                    best = (border_m, at);
                }
            }
        }
        best.1
    }
}

/// The edges of a closed ring.
pub(crate) fn edges(ring: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))
}

/// Signed area in square metres: positive when the ring runs counterclockwise (shoelace formula).
pub(crate) fn ring_area_m2(ring: &[Point]) -> f32 {
    let Some(origin) = ring.first() else {
        return 0.0;
    };
    let twice: f32 = edges(ring).map(|(a, b)| cross(*origin, a, b)).sum();
    twice / 2.0
}

/// Whether the segments cross, or come nearer to each other than a border is exact.
pub(crate) fn segments_touch(a: Point, b: Point, c: Point, d: Point) -> bool {
    segments_cross(a, b, c, d)
        || [(a, c, d), (b, c, d), (c, a, b), (d, a, b)]
            .iter()
            .any(|(point, from, to)| segment_distance_m(*point, *from, *to) <= ON_LINE_M)
}

/// Whether the segments cross at a point inside both.
pub(crate) fn segments_cross(a: Point, b: Point, c: Point, d: Point) -> bool {
    let apart = |from, to, one, other| cross(from, to, one) * cross(from, to, other) < 0.0;
    apart(a, b, c, d) && apart(c, d, a, b)
}

/// Whether the segments cross, where a point on a line counts as on its right: of the pieces of a wall that meet in a
/// point, exactly one is crossed by a step through that point.
pub(crate) fn step_crosses(a: Point, b: Point, c: Point, d: Point) -> bool {
    let apart = |from, to, one, other| (cross(from, to, one) > 0.0) != (cross(from, to, other) > 0.0);
    apart(a, b, c, d) && apart(c, d, a, b)
}

/// How far along `a..b` (0 to 1) the line `c..d` cuts it; `None` when they are parallel.
pub(crate) fn cut_at(a: Point, b: Point, c: Point, d: Point) -> Option<f32> {
    let (from, to) = (cross(c, d, a), cross(c, d, b));
    let span = from - to;
    (span.abs() > f32::EPSILON).then(|| from / span)
}

/// The point at `share` (0 to 1) of the way from `a` to `b`.
pub(crate) fn along(a: Point, b: Point, share: f32) -> Point {
    Point::new(
        a.east_m + (b.east_m - a.east_m) * share,
        a.north_m + (b.north_m - a.north_m) * share,
    )
}

/// Distance in metres from a point to a segment.
pub(crate) fn segment_distance_m(at: Point, a: Point, b: Point) -> f32 {
    let (east_m, north_m) = (b.east_m - a.east_m, b.north_m - a.north_m);
    let length2 = east_m * east_m + north_m * north_m;
    if length2 <= f32::EPSILON {
        return at.distance_m(a);
    }
    let share = ((at.east_m - a.east_m) * east_m + (at.north_m - a.north_m) * north_m) / length2;
    at.distance_m(along(a, b, share.clamp(0.0, 1.0)))
}

/// Where the line through `a` and `b` is at `north_m`.
fn east_at(a: Point, b: Point, north_m: f32) -> f32 {
    a.east_m + (north_m - a.north_m) * (b.east_m - a.east_m) / (b.north_m - a.north_m)
}

/// Twice the signed area of the triangle: positive when it turns to the left.
fn cross(a: Point, b: Point, c: Point) -> f32 {
    (b.east_m - a.east_m) * (c.north_m - a.north_m) - (b.north_m - a.north_m) * (c.east_m - a.east_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(low: f32, high: f32) -> Ring {
        [(low, low), (high, low), (high, high), (low, high)]
            .map(|(east_m, north_m)| Point::new(east_m, north_m))
            .to_vec()
    }

    /// A square courtyard: 10 m wide with a hole of 6 m.
    fn courtyard() -> Polygon {
        Polygon {
            outer: square(0.0, 10.0),
            holes: vec![square(2.0, 8.0)],
        }
    }

    #[test]
    fn a_hole_is_outside() {
        let area = courtyard();
        assert_eq!(area.area_m2(), 64.0);
        assert!(area.contains(Point::new(1.0, 5.0)));
        assert!(!area.contains(Point::new(5.0, 5.0)));
        assert!(!area.contains(Point::new(11.0, 5.0)));
    }

    #[test]
    fn the_interior_point_is_not_in_the_hole_and_well_off_the_border() {
        let at = courtyard().interior();
        assert!(courtyard().contains(at) && courtyard().border_m(at) > 0.8, "{at:?}");
    }

    #[test]
    fn a_point_on_a_shared_border_is_in_exactly_one_of_two_neighbours() {
        let of = |ring| Polygon {
            outer: ring,
            holes: Vec::new(),
        };
        let west = of(square(0.0, 4.0));
        let east = of(square(0.0, 4.0)
            .iter()
            .map(|at| Point::new(at.east_m + 4.0, at.north_m))
            .collect());
        for north in [0.0, 0.5, 1.0, 3.999] {
            let at = Point::new(4.0, north);
            assert!(west.contains(at) != east.contains(at), "{at:?}");
        }
    }

    #[test]
    fn a_step_through_the_joint_of_a_wall_crosses_exactly_one_of_its_pieces() {
        let (from, to) = (Point::new(-1.0, 0.0), Point::new(1.0, 0.0));
        let wall = [Point::new(0.0, -3.0), Point::new(0.0, 0.0), Point::new(0.0, 3.0)];
        let crossed = wall
            .windows(2)
            .filter(|pair| step_crosses(pair[0], pair[1], from, to))
            .count();
        assert_eq!(crossed, 1);
    }

    #[test]
    fn segments_touch_where_they_meet_and_cross_where_they_pass() {
        let point = |east_m, north_m| Point::new(east_m, north_m);
        let (a, b) = (point(0.0, 0.0), point(4.0, 0.0));
        assert!(segments_cross(a, b, point(2.0, -1.0), point(2.0, 1.0)));
        assert!(!segments_cross(a, b, point(2.0, 0.0), point(2.0, 1.0)));
        assert!(segments_touch(a, b, point(2.0, 0.0), point(2.0, 1.0)));
        assert!(!segments_touch(a, b, point(2.0, 0.1), point(2.0, 1.0)));
    }
}
