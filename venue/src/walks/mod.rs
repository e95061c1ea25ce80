//! Walking: how long it takes, and by which way points.
//!
//! Everything follows the walkable cells and the links between levels, so no answer leads through a wall. The cost of
//! every cell to every place and to every zone is computed once, when the venue is loaded; afterwards a time is one read,
//! and a route is a walk downhill. Deliberately absent: crowding, which slows people down (the engine knows it, the map does
//! not), and preferences such as step-free ways.
//!
//! Times between cells are those of eight-neighbour steps, which are exact along the axes and diagonals and at most 8 %
//! too long between (cos(22.5 degrees)); way points of a route are pulled straight, and its time is that of the straight
//! stretches.

mod field;
mod graph;
mod route;
mod walls;

pub use route::{Route, WayPoint};

pub(crate) use graph::Graph;

use field::{Buckets, UNREACHED};

use crate::floor::Floor;
use crate::geometry::Point;
use crate::index::{LevelIx, PlaceIx, ZoneIx};
use crate::venue::{Venue, Zone};

/// Mean free walking speed of a visitor on the level, in metres per second: the 1.2 m/s that the Highway Capacity Manual and
/// crossing signals assume, a little below the 1.34 m/s of commuters (Weidmann, Transporttechnik der Fussgänger, 1993).
pub const WALK_M_PER_S: f32 = 1.2;

/// Most bytes of all cost fields together (2 bytes for each cell and each place or zone).
pub(crate) const FIELD_BYTES_MAX: usize = 256 << 20;

/// Entry of the table for "no way".
const NO_WAY_S: u16 = u16::MAX;

/// Walking times and routes over the walkable cells and the stairs between levels; never through walls.
#[derive(Clone, Debug, Default)]
pub struct Walks {
    graph: Graph,
    /// Seconds from each zone to each place, zone by zone.
    zone_to_place_s: Vec<u16>,
    /// The cost from each node to each place, place by place.
    place_fields: Vec<u16>,
    /// The cost from each node to the nearest cell of each zone, zone by zone.
    zone_fields: Vec<u16>,
    place_count: usize,
    zone_count: usize,
}

/// The memory that the fields of a venue would take, in bytes.
pub(crate) fn field_bytes(nodes: usize, places: usize, zones: usize) -> usize {
    nodes.saturating_mul(places + zones).saturating_mul(2)
}

impl Walks {
    /// Computes all fields and the table. `stands` has the node of each place.
    pub(crate) fn new(graph: Graph, floor: &Floor, zones: &[Zone], stands: &[u32]) -> Self {
        let zone_nodes: Vec<Vec<u32>> = (0..zones.len())
            .map(|zone| nodes_of(&graph, floor, zones, zone))
            .collect();
        let goals: Vec<Vec<u32>> = stands.iter().map(|node| vec![*node]).collect();
        let place_fields = fields(&graph, &goals);
        let zone_fields = fields(&graph, &zone_nodes);
        let mut zone_to_place_s = Vec::with_capacity(zones.len() * stands.len());
        for nodes in &zone_nodes {
            for place in 0..stands.len() {
                let field = slice(&place_fields, place, graph.node_count());
                zone_to_place_s.push(mean_s(&graph, field, nodes));
            }
        }
        Self {
            zone_to_place_s,
            place_fields,
            zone_fields,
            place_count: stands.len(),
            zone_count: zones.len(),
            graph,
        }
    }

    /// Mean walk in seconds from the zone to where one stands at the place; `None` when there is no way.
    ///
    /// It is the mean over the zone's cells: people spread over a zone walk that long on average, so that promises made from
    /// it are right in sum, which the median of a long zone would not be.
    #[must_use]
    pub fn zone_to_place_s(&self, zone: ZoneIx, place: PlaceIx) -> Option<u16> {
        if place.index() >= self.place_count {
            return None;
        }
        let seconds = *self
            .zone_to_place_s
            .get(zone.index() * self.place_count + place.index())?;
        (seconds != NO_WAY_S).then_some(seconds)
    }

    /// Walk in seconds from a point to where one stands at the place.
    #[must_use]
    pub fn point_to_place_s(&self, venue: &Venue, from: (LevelIx, Point), place: PlaceIx) -> Option<f32> {
        self.point_s(venue, from, self.place_field(place)?)
    }

    /// Walk in seconds from a point to the nearest cell of the zone.
    #[must_use]
    pub fn point_to_zone_s(&self, venue: &Venue, from: (LevelIx, Point), zone: ZoneIx) -> Option<f32> {
        self.point_s(venue, from, self.zone_field(zone)?)
    }

    /// The shortest way from a point to where one stands at a place.
    ///
    /// Points off the walkable cells are moved to the nearest one within 8 m; `None` when there is none or no way.
    #[must_use]
    pub fn steps_to_place(&self, venue: &Venue, from: (LevelIx, Point), place: PlaceIx) -> Option<Route> {
        route::follow(&self.graph, &venue.floor, self.place_field(place)?, from, None)
    }

    /// The shortest way from a point to the nearest cell of a zone.
    #[must_use]
    pub fn steps_to_zone(&self, venue: &Venue, from: (LevelIx, Point), zone: ZoneIx) -> Option<Route> {
        route::follow(&self.graph, &venue.floor, self.zone_field(zone)?, from, None)
    }

    /// The shortest way from a point to another point.
    ///
    /// It searches anew, where [`Walks::steps_to_place`] and [`Walks::steps_to_zone`] follow what is known: prefer those.
    #[must_use]
    pub fn route(&self, venue: &Venue, from: (LevelIx, Point), to: (LevelIx, Point)) -> Option<Route> {
        let floor = &venue.floor;
        let goal = self.graph.nearest(floor, to.0, to.1, |_| true)?;
        let start = self.graph.nearest(floor, from.0, from.1, |_| true)?;
        let mut field = vec![UNREACHED; self.graph.node_count()];
        field::fill(&self.graph, &[goal], Some(start), &mut Buckets::default(), &mut field);
        let exact = (self.graph.node_at(floor, to.0, to.1) == Some(goal)).then_some(to.1);
        route::follow(&self.graph, floor, &field, from, exact)
    }

    /// Bytes that the walking times and the graph take, to within a few links.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        /// Level and cell, eight neighbours, and whether a link ends here.
        const NODE_BYTES: usize = 8 + 8 * 4 + 1;
        let times = self.place_fields.len() + self.zone_fields.len() + self.zone_to_place_s.len();
        2 * times + NODE_BYTES * self.graph.node_count()
    }

    fn place_field(&self, place: PlaceIx) -> Option<&[u16]> {
        (place.index() < self.place_count).then(|| slice(&self.place_fields, place.index(), self.graph.node_count()))
    }

    fn zone_field(&self, zone: ZoneIx) -> Option<&[u16]> {
        (zone.index() < self.zone_count).then(|| slice(&self.zone_fields, zone.index(), self.graph.node_count()))
    }

    fn point_s(&self, venue: &Venue, from: (LevelIx, Point), field: &[u16]) -> Option<f32> {
        let node = self.graph.nearest(&venue.floor, from.0, from.1, |_| true)?;
        let cost = *field.get(node as usize)?;
        (cost != UNREACHED).then(|| self.graph.seconds(f32::from(cost)))
    }
}

/// The nodes of a zone; of a zone that covers no walkable cell, the one nearest to its middle.
fn nodes_of(graph: &Graph, floor: &Floor, zones: &[Zone], zone: usize) -> Vec<u32> {
    let Some(Zone {
        area, level, exclusive, ..
    }) = zones.get(zone)
    else {
        return Vec::new();
    };
    let Some(raster) = floor.rasters.get(level.index()) else {
        return Vec::new();
    };
    let is_inside = |cell: usize| match exclusive {
        true => raster.zone.get(cell) == Some(&(zone as u16)),
        false => area.contains(floor.centre(*level, cell)),
    };
    let inside =
        (0..raster.walkable.len()).filter(|cell| raster.walkable.get(*cell) == Some(&true) && is_inside(*cell));
    let mut nodes: Vec<u32> = inside.filter_map(|cell| graph.node(*level, cell)).collect();
    if nodes.is_empty() {
        nodes.extend(graph.nearest(floor, *level, area.interior(), |_| true));
    }
    nodes
}

fn fields(graph: &Graph, goals: &[Vec<u32>]) -> Vec<u16> {
    let mut fields = vec![UNREACHED; goals.len() * graph.node_count()];
    let mut buckets = Buckets::default();
    for (goals, field) in goals.iter().zip(fields.chunks_exact_mut(graph.node_count().max(1))) {
        field::fill(graph, goals, None, &mut buckets, field);
    }
    fields
}

fn slice(fields: &[u16], at: usize, len: usize) -> &[u16] {
    fields.get(at * len..(at + 1) * len).unwrap_or_default()
}

fn mean_s(graph: &Graph, field: &[u16], nodes: &[u32]) -> u16 {
    let costs = nodes
        .iter()
        .filter_map(|node| field.get(*node as usize))
        .filter(|cost| **cost != UNREACHED);
    let (sum, count) = costs.fold((0_u64, 0_u64), |(sum, count), cost| (sum + u64::from(*cost), count + 1));
    if count == 0 {
        return NO_WAY_S;
    }
    let mean_s = graph.seconds(sum as f32 / count as f32).round();
    mean_s.min(f32::from(NO_WAY_S - 1)) as u16
}
