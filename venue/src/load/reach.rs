//! The last checks, on the painted floor: its size, and whether people can get to every place.

use super::collection::Feature;
use super::link::Linked;
use crate::floor::Floor;
use crate::geometry::Point;
use crate::index::{LevelIx, ZoneIx};
use crate::raster::{self, CELLS_MAX};
use crate::venue::Place;
use crate::walks::{FIELD_BYTES_MAX, Graph, field_bytes};

/// The floor, the graph over it, and the node at which one stands at each place.
pub(super) struct Reached {
    pub(super) floor: Floor,
    pub(super) graph: Graph,
    pub(super) stands: Vec<u32>,
}

/// Furthest from its counter or door that one stands at a place, in metres; at coarse pitches a cell and a half.
const STAND_M_MAX: f32 = 3.0;

/// Whether the floor keeps within its limits.
pub(super) fn fits(linked: &Linked<'_, '_>, venue: &Feature<'_, '_>) -> bool {
    let cells = raster::cell_count(&linked.plan);
    if cells > CELLS_MAX {
        let what = format!("the levels have {cells} cells at a pitch of {} m", linked.plan.pitch_m);
        venue
            .id_item
            .wrong(what, format!("at most {CELLS_MAX}: a larger `pitch_m`"));
    }
    cells <= CELLS_MAX
}

/// Finds the zone and the node of each place, and notes those that nobody can get to.
pub(super) fn settle(linked: &mut Linked<'_, '_>, venue: &Feature<'_, '_>) -> Option<Reached> {
    let (mut floor, units) = raster::paint(&linked.plan, &linked.zones);
    let (graph, stranded) = Graph::settled(&mut floor, &linked.plan, &units);
    for passage in &stranded {
        if let Some(feature) = linked.passage_features.get(*passage) {
            feature.id_item.wrong(
                "one of the units it joins covers no cell",
                "units wider than the pitch, not covered by others",
            );
        }
    }
    if graph.node_count() == 0 {
        venue
            .id_item
            .wrong("nobody can walk anywhere", "units such as \"walkway\" on the levels");
        return None;
    }
    let bytes = field_bytes(graph.node_count(), linked.places.len(), linked.zones.len());
    if bytes > FIELD_BYTES_MAX {
        let what = format!("walking times would take {} MiB", bytes >> 20);
        venue.id_item.wrong(
            what,
            format!("at most {} MiB: a larger `pitch_m`", FIELD_BYTES_MAX >> 20),
        );
        return None;
    }
    let (parts, main_part) = graph.parts();
    let mut stands = Vec::new();
    let are_zones_whole = linked.are_zones_whole;
    for (place, feature) in linked.places.iter_mut().zip(&linked.place_features) {
        let found = stand(&floor, &graph, place);
        let at_cell = floor.cell_at(place.level, place.at);
        if found.is_none() && at_cell.is_some_and(|cell| graph.is_sealed(place.level, cell)) {
            unreachable(place, feature);
            continue;
        }
        let Some(node) = found else {
            let what = format!("nobody can stand at the place `{}`", place.id);
            feature
                .geometry
                .wrong(what, format!("a walkable cell within {:.1} m of it", reach_m(&floor)));
            continue;
        };
        if parts.get(node as usize) != Some(&main_part) {
            unreachable(place, feature);
        }
        match zone(&floor, &graph, place, node) {
            Some(zone) => place.zone = zone,
            None if are_zones_whole => {
                let what = format!("the place `{}` is in no zone", place.id);
                feature
                    .geometry
                    .wrong(what, "an exclusive section around it, or a `queue_zone_id`");
            }
            None => {}
        }
        stands.push(node);
    }
    Some(Reached { floor, graph, stands })
}

fn unreachable(place: &Place, feature: &Feature<'_, '_>) {
    let what = format!(
        "the place `{}` cannot be reached: no opening or stairs lead to it",
        place.id
    );
    feature
        .geometry
        .wrong(what, "a way to it from the largest walkable part of the venue");
}

/// The node at which one stands: the nearest in the queue zone, else the nearest.
pub(crate) fn stand(floor: &Floor, graph: &Graph, place: &Place) -> Option<u32> {
    let raster = floor.rasters.get(place.level.index())?;
    let queues = |cell: usize| {
        place
            .queue_zone
            .is_some_and(|zone| raster.zone.get(cell) == Some(&zone.0))
    };
    let node = graph
        .nearest(floor, place.level, place.at, queues)
        .or_else(|| graph.nearest(floor, place.level, place.at, |_| true))?;
    let (_, at) = graph.centre(floor, node);
    (at.distance_m(place.at) <= reach_m(floor)).then_some(node)
}

pub(crate) fn reach_m(floor: &Floor) -> f32 {
    STAND_M_MAX.max(floor.pitch_m * 1.5)
}

pub(crate) fn zone(floor: &Floor, graph: &Graph, place: &Place, node: u32) -> Option<ZoneIx> {
    let (level, at): (LevelIx, Point) = graph.centre(floor, node);
    place
        .queue_zone
        .or_else(|| floor.cell_zone(level, place.at))
        .or_else(|| floor.cell_zone(level, at))
}
