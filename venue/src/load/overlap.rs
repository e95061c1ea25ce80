//! Notes exclusive zones that overlap: a person would be counted in both.

use super::collection::Feature;
use crate::geometry::{Bounds, Point, Polygon, along, cut_at};
use crate::venue::Zone;

/// Zones may overlap by less than this: borders drawn twice never agree to the millimetre.
const SLACK_M: f32 = 0.2;

/// Notes each pair once, at the later zone.
pub(super) fn check(zones: &[Zone], features: &[Feature<'_, '_>]) {
    let bounds: Vec<Bounds> = zones.iter().map(|zone| zone.area.bounds()).collect();
    for (at, ((zone, box_of), feature)) in zones
        .iter()
        .zip(&bounds)
        .zip(features)
        .enumerate()
        .filter(|(_, ((zone, _), _))| zone.exclusive)
    {
        let earlier = zones.iter().zip(&bounds).take(at);
        let rivals =
            earlier.filter(|(other, bounds)| other.exclusive && other.level == zone.level && bounds.meets(box_of));
        for (other, _) in rivals {
            if let Some(shared) = overlap(&zone.area, &other.area) {
                let what = format!(
                    "the exclusive zones `{}` and `{}` overlap, for instance {:.1} m east, {:.1} m north of the anchor",
                    zone.id, other.id, shared.east_m, shared.north_m
                );
                feature.geometry.wrong(
                    what,
                    "zones that only share borders, or `\"exclusive\": false` on one of them",
                );
            }
        }
    }
}

/// A point well inside both polygons, if there is one.
///
/// Either an edge of one runs through the other, or one lies wholly inside the other: pieces of edges between the cuts,
/// and one inner point of each, find both.
pub(crate) fn overlap(one: &Polygon, other: &Polygon) -> Option<Point> {
    let is_deep = |area: &Polygon, at: &Point| area.contains(*at) && area.border_m(*at) > SLACK_M;
    pieces(one, other)
        .find(|at| is_deep(other, at))
        .or_else(|| pieces(other, one).find(|at| is_deep(one, at)))
        .or_else(|| Some(one.interior()).filter(|at| is_deep(other, at)))
        .or_else(|| Some(other.interior()).filter(|at| is_deep(one, at)))
}

/// The middles of the pieces into which the edges of `by` cut those of `area`.
fn pieces<'p>(area: &'p Polygon, by: &'p Polygon) -> impl Iterator<Item = Point> + 'p {
    area.edges().flat_map(move |(a, b)| {
        let mut shares: Vec<f32> = by
            .edges()
            .filter_map(|(c, d)| {
                cut_at(a, b, c, d).filter(|_| cut_at(c, d, a, b).is_some_and(|share| (0.0..=1.0).contains(&share)))
            })
            .filter(|share| (0.0..=1.0).contains(share))
            .chain([0.0, 1.0])
            .collect();
        shares.sort_by(f32::total_cmp);
        shares
            .windows(2)
            .map(|pair| along(a, b, (pair[0] + pair[1]) / 2.0))
            .collect::<Vec<_>>()
    })
}
