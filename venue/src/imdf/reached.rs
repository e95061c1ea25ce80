//! What people can get to on the map as drafted: the same cells and graph that loading the finished map makes.

use super::draft::Draft;
use crate::floor::Floor;
use crate::geometry::Point;
use crate::index::LevelIx;
use crate::load::reach;
use crate::raster::{self, CELLS_MAX};
use crate::venue::{Place, Zone};
use crate::walks::{FIELD_BYTES_MAX, Graph, field_bytes};

/// Sides of a cell to choose from, finest first.
const PITCHES_M: [f32; 7] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0];

/// The floor, the graph over it, and its largest part.
pub(super) struct Reached {
    pub(super) floor: Floor,
    graph: Graph,
    parts: Vec<u32>,
    main_part: u32,
    /// For each level the unit of the plan in each cell.
    units: Vec<Vec<u32>>,
    /// Ways whose unit has no cell, by number.
    pub(super) stranded: Vec<usize>,
}

/// The finest pitch at which the map keeps within the limits of a venue.
pub(super) fn finest_pitch_m(draft: &Draft, goals: usize) -> f32 {
    let mut plan = draft.plan();
    let walkable_m2: f32 = draft
        .units
        .iter()
        .filter(|unit| unit.is_walkable())
        .map(|unit| unit.area.area_m2())
        .sum();
    let fits = |pitch_m: &f32| {
        plan.pitch_m = *pitch_m;
        let nodes = (walkable_m2 / (pitch_m * pitch_m)) as usize;
        raster::cell_count(&plan) <= CELLS_MAX && field_bytes(nodes, goals, 0) <= FIELD_BYTES_MAX
    };
    PITCHES_M.into_iter().find(fits).unwrap_or(5.0)
}

impl Reached {
    pub(super) fn new(draft: &Draft, zones: &[Zone]) -> Self {
        let plan = draft.plan();
        let (mut floor, units) = raster::paint(&plan, zones);
        let (graph, stranded) = Graph::settled(&mut floor, &plan, &units);
        let (parts, main_part) = graph.parts();
        Self {
            floor,
            graph,
            parts,
            main_part,
            units,
            stranded,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// Every cell that people can get to: its level, its number, its centre.
    pub(super) fn cells(&self) -> impl Iterator<Item = (LevelIx, usize, Point)> + '_ {
        (0..self.graph.node_count() as u32)
            .filter(|node| self.is_main(*node))
            .map(|node| {
                let (level, at) = self.graph.centre(&self.floor, node);
                (level, self.floor.cell_at(level, at).unwrap_or(usize::MAX), at)
            })
    }

    /// How many cells of each unit of a draft people can get to.
    pub(super) fn cells_of_units(&self, draft: &Draft) -> Vec<usize> {
        let mut on_level: Vec<Vec<usize>> = draft.levels.iter().map(|_| Vec::new()).collect();
        for (ix, unit) in draft.units.iter().enumerate() {
            if let Some(units) = on_level.get_mut(unit.level) {
                units.push(ix);
            }
        }
        let mut counts = vec![0; draft.units.len()];
        for (level, cell, _) in self.cells() {
            let unit = self.units.get(level.index()).and_then(|units| units.get(cell));
            let ix = unit.and_then(|unit| on_level.get(level.index())?.get(*unit as usize));
            if let Some(count) = ix.and_then(|ix| counts.get_mut(*ix)) {
                *count += 1;
            }
        }
        counts
    }

    /// Where one stands at a place: itself when that can be reached, else the nearest cell that can, and how far it is.
    pub(super) fn stand(&self, place: &Place, away_m_max: f32) -> Option<(Point, f32)> {
        let node = reach::stand(&self.floor, &self.graph, place);
        if node.is_some_and(|node| self.is_main(node)) {
            return Some((place.at, 0.0));
        }
        let on_level = self.cells().filter(|(level, ..)| *level == place.level);
        let nearest = on_level.map(|(_, _, at)| (at, at.distance_m(place.at)));
        nearest
            .filter(|(_, away_m)| *away_m <= away_m_max)
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Whether a place that can be reached is in a zone.
    pub(super) fn has_zone(&self, place: &Place) -> bool {
        let node = reach::stand(&self.floor, &self.graph, place);
        node.is_some_and(|node| reach::zone(&self.floor, &self.graph, place, node).is_some())
    }

    fn is_main(&self, node: u32) -> bool {
        self.parts.get(node as usize) == Some(&self.main_part)
    }
}
