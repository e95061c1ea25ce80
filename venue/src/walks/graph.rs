//! The walkable graph: a node for each walkable cell, steps to its open neighbours, links for stairs and lifts.
//!
//! Costs are whole numbers so that sums are exact and a path can be followed by comparing them: a straight step costs 12 and
//! a diagonal one 17 (17 / 12 = 1.4167 against 1.4142, 0.2 % too much).

use super::walls::Walls;
use crate::floor::Floor;
use crate::geometry::Point;
use crate::index::LevelIx;
use crate::plan::{Plan, UnitIx};
use crate::walks::WALK_M_PER_S;

/// Cost of a step to a cell that shares a side.
pub(super) const STRAIGHT: u32 = 12;
/// Cost of a step to a cell that shares a corner.
pub(super) const DIAGONAL: u32 = 17;
/// No node.
pub(super) const NONE: u32 = u32::MAX;
/// Columns east and rows north of the eight steps; straight ones first, so that ties prefer them.
const STEPS: [(i32, i32); 8] = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)];
/// Furthest that a point off the walkable cells is moved onto them.
const SNAP_M_MAX: f32 = 8.0;

/// A link from one node to another that is no step: stairs, an escalator, a lift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) cost: u32,
    pub(super) traverse_s: f32,
}

/// Nodes, steps and links.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(super) pitch_m: f32,
    /// Level and cell of each node.
    pub(super) cells: Vec<(LevelIx, u32)>,
    /// Node of each cell, level by level.
    nodes: Vec<Vec<u32>>,
    /// The nodes one step away, in the order of `STEPS`.
    pub(super) neighbours: Vec<[u32; 8]>,
    /// All links, by where they start.
    pub(super) links_out: Vec<Link>,
    /// All links, by where they end.
    pub(super) links_in: Vec<Link>,
    /// For each node whether a link ends there.
    linked: Vec<bool>,
    /// Nodes from which an opening leads to another.
    doors: Vec<u32>,
    /// For each cell of each level whether it is in a room that nothing leads into.
    sealed: Vec<Vec<bool>>,
}

impl Graph {
    /// Builds the graph; the passages whose unit has no walkable cell are returned by number.
    pub(crate) fn new(floor: &Floor, plan: &Plan, units: &[Vec<u32>]) -> (Self, Vec<usize>) {
        let mut graph = Self {
            pitch_m: floor.pitch_m,
            ..Self::default()
        };
        graph.number_cells(floor);
        for (at, ((raster, level_plan), units)) in floor.rasters.iter().zip(&plan.levels).zip(units).enumerate() {
            let level = LevelIx(at as u8);
            let walls = Walls::new(floor, level, raster, level_plan, units);
            graph.join_cells(at, &walls, raster.columns as usize);
            let doors = walls.doors().iter().filter_map(|cell| graph.node(level, *cell));
            let doors: Vec<u32> = doors.collect();
            graph.doors.extend(doors);
        }
        let stranded = graph.join_levels(floor, plan, units);
        (graph, stranded)
    }

    /// Builds the floor's cells from the graph of units: those of parts that no opening, stair or lift joins to anything are
    /// taken from the floor, and those that are left say which of their sides are open.
    pub(crate) fn settled(floor: &mut Floor, plan: &Plan, units: &[Vec<u32>]) -> (Self, Vec<usize>) {
        let (graph, _) = Self::new(floor, plan, units);
        let (parts, largest) = graph.parts();
        let mut is_joined = vec![false; parts.iter().max().map_or(0, |part| *part as usize + 1)];
        let links = graph.links_out.iter().flat_map(|link| [link.from, link.to]);
        let joints = graph.doors.iter().copied().chain(links);
        for part in joints.filter_map(|node| parts.get(node as usize)).chain([&largest]) {
            if let Some(joined) = is_joined.get_mut(*part as usize) {
                *joined = true;
            }
        }
        let mut sealed: Vec<Vec<bool>> = graph.nodes.iter().map(|nodes| vec![false; nodes.len()]).collect();
        for ((level, cell), part) in graph.cells.iter().zip(&parts) {
            let (level, cell) = (level.index(), *cell as usize);
            let is_joined = is_joined.get(*part as usize) == Some(&true);
            let raster = floor.rasters.get_mut(level);
            if let Some(walkable) = raster.and_then(|raster| raster.walkable.get_mut(cell)) {
                *walkable = is_joined;
            }
            if let Some(slot) = sealed.get_mut(level).and_then(|sealed| sealed.get_mut(cell)) {
                *slot = !is_joined;
            }
        }
        let (mut graph, stranded) = Self::new(floor, plan, units);
        graph.sealed = sealed;
        graph.open_sides(floor);
        (graph, stranded)
    }

    /// Whether a cell is in a room that nothing leads into: no way starts or ends there, and none is found from beside it.
    pub(crate) fn is_sealed(&self, level: LevelIx, cell: usize) -> bool {
        self.sealed.get(level.index()).and_then(|sealed| sealed.get(cell)) == Some(&true)
    }

    /// Writes into the floor which sides of each cell are open.
    fn open_sides(&self, floor: &mut Floor) {
        for ((level, cell), neighbours) in self.cells.iter().zip(&self.neighbours) {
            let open = neighbours.iter().take(4).enumerate();
            let sides = open.fold(0, |sides, (side, next)| sides | u8::from(*next != NONE) << side);
            let raster = floor.rasters.get_mut(level.index());
            if let Some(slot) = raster.and_then(|raster| raster.open_sides.get_mut(*cell as usize)) {
                *slot = sides;
            }
        }
    }

    pub(crate) fn node_count(&self) -> usize {
        self.cells.len()
    }

    /// Seconds for a cost.
    pub(super) fn seconds(&self, cost: f32) -> f32 {
        cost * self.pitch_m / STRAIGHT as f32 / WALK_M_PER_S
    }

    /// The node of a cell.
    pub(super) fn node(&self, level: LevelIx, cell: usize) -> Option<u32> {
        let node = *self.nodes.get(level.index())?.get(cell)?;
        (node != NONE).then_some(node)
    }

    /// The centre of a node's cell.
    pub(crate) fn centre(&self, floor: &Floor, node: u32) -> (LevelIx, Point) {
        let (level, cell) = self.cells.get(node as usize).copied().unwrap_or((LevelIx(0), 0));
        (level, floor.centre(level, cell as usize))
    }

    /// The node whose cell holds the point.
    pub(super) fn node_at(&self, floor: &Floor, level: LevelIx, at: Point) -> Option<u32> {
        self.node(level, floor.cell_at(level, at)?)
    }

    /// The node whose cell holds the point, else the nearest one that `fits` within reach.
    pub(crate) fn nearest(
        &self,
        floor: &Floor,
        level: LevelIx,
        at: Point,
        fits: impl Fn(usize) -> bool,
    ) -> Option<u32> {
        if let Some(cell) = floor.cell_at(level, at).filter(|cell| fits(*cell))
            && let Some(node) = self.node(level, cell)
        {
            return Some(node);
        }
        if floor.cell_at(level, at).is_some_and(|cell| self.is_sealed(level, cell)) {
            return None;
        }
        let raster = floor.rasters.get(level.index())?;
        let reach = (SNAP_M_MAX / floor.pitch_m).ceil();
        let column = ((at.east_m - raster.origin.east_m) / floor.pitch_m).floor();
        let row = ((at.north_m - raster.origin.north_m) / floor.pitch_m).floor();
        let range = |middle: f32, count: u32| {
            (middle - reach).max(0.0) as u32..((middle + reach + 1.0).max(0.0) as u32).min(count)
        };
        let mut best: Option<(f32, u32)> = None;
        for row in range(row, raster.rows) {
            for column in range(column, raster.columns) {
                let cell = row as usize * raster.columns as usize + column as usize;
                let Some(node) = self.node(level, cell).filter(|_| fits(cell)) else {
                    continue;
                };
                let distance_m = floor.centre(level, cell).distance_m(at);
                if distance_m <= SNAP_M_MAX && best.is_none_or(|(nearest_m, _)| distance_m < nearest_m) {
                    best = Some((distance_m, node));
                }
            }
        }
        best.map(|(_, node)| node)
    }

    /// The step of a node to the neighbour that lies `east` columns and `north` rows away, each -1 to 1.
    pub(super) fn step(&self, node: u32, east: i32, north: i32) -> Option<u32> {
        let step = match (east, north) {
            (1, 0) => 0,
            (0, 1) => 1,
            (-1, 0) => 2,
            (0, -1) => 3,
            (1, 1) => 4,
            (-1, 1) => 5,
            (-1, -1) => 6,
            (1, -1) => 7,
            _ => return None,
        };
        debug_assert_eq!(STEPS.get(step), Some(&(east, north)));
        let next = *self.neighbours.get(node as usize)?.get(step)?;
        (next != NONE).then_some(next)
    }

    /// Whether a link ends at a node.
    pub(super) fn has_link(&self, node: u32) -> bool {
        self.linked.get(node as usize) == Some(&true)
    }

    /// The links that start at a node.
    pub(super) fn links_from(&self, node: u32) -> impl Iterator<Item = &Link> {
        let first = self.links_out.partition_point(|link| link.from < node);
        self.links_out
            .iter()
            .skip(first)
            .take_while(move |link| link.from == node)
    }

    /// For each node the number of its part of the building; parts that no step or link joins have different numbers.
    /// Also the number of the largest part.
    pub(crate) fn parts(&self) -> (Vec<u32>, u32) {
        let mut parts = vec![NONE; self.node_count()];
        let (mut largest, mut largest_len, mut count) = (0, 0, 0);
        for start in 0..self.node_count() as u32 {
            if parts.get(start as usize) != Some(&NONE) {
                continue;
            }
            let len = self.flood(start, count, &mut parts);
            if len > largest_len {
                (largest, largest_len) = (count, len);
            }
            count += 1;
        }
        (parts, largest)
    }

    fn flood(&self, start: u32, part: u32, parts: &mut [u32]) -> usize {
        let mut open = vec![start];
        let mut len = 0;
        while let Some(node) = open.pop() {
            match parts.get_mut(node as usize) {
                Some(slot) if *slot == NONE => *slot = part,
                _ => continue,
            }
            len += 1;
            let into = self
                .links_in
                .iter()
                .filter(|link| link.to == node)
                .map(|link| link.from);
            open.extend(
                self.neighbours
                    .get(node as usize)
                    .into_iter()
                    .flatten()
                    .copied()
                    .filter(|next| *next != NONE),
            );
            open.extend(self.links_from(node).map(|link| link.to).chain(into));
        }
        len
    }

    fn number_cells(&mut self, floor: &Floor) {
        for (at, raster) in floor.rasters.iter().enumerate() {
            let mut nodes = vec![NONE; raster.walkable.len()];
            for (cell, slot) in nodes
                .iter_mut()
                .enumerate()
                .filter(|(cell, _)| raster.walkable.get(*cell) == Some(&true))
            {
                *slot = self.cells.len() as u32;
                self.cells.push((LevelIx(at as u8), cell as u32));
            }
            self.nodes.push(nodes);
        }
        self.neighbours = vec![[NONE; 8]; self.cells.len()];
    }

    fn join_cells(&mut self, level: usize, walls: &Walls, columns: usize) {
        let Some(nodes) = self.nodes.get(level) else {
            return;
        };
        for (cell, node) in nodes.iter().enumerate().filter(|(_, node)| **node != NONE) {
            let Some(neighbours) = self.neighbours.get_mut(*node as usize) else {
                continue;
            };
            for (slot, (east, north)) in neighbours.iter_mut().zip(STEPS) {
                if walls.is_open(cell, east, north) {
                    let next = cell.saturating_add_signed(east as isize + north as isize * columns as isize);
                    *slot = nodes.get(next).copied().unwrap_or(NONE);
                }
            }
        }
    }

    fn join_levels(&mut self, floor: &Floor, plan: &Plan, units: &[Vec<u32>]) -> Vec<usize> {
        let mut stranded = Vec::new();
        for (at, passage) in plan.passages.iter().enumerate() {
            let ends = (
                self.landing(floor, plan, units, passage.from),
                self.landing(floor, plan, units, passage.to),
            );
            let (Some(from), Some(to)) = ends else {
                stranded.push(at);
                continue;
            };
            let traverse_s = passage.traverse_s;
            let cost = (traverse_s / self.seconds(1.0)).round().max(1.0) as u32;
            self.links_out.push(Link {
                from,
                to,
                cost,
                traverse_s,
            });
            if passage.both_ways {
                self.links_out.push(Link {
                    from: to,
                    to: from,
                    cost,
                    traverse_s,
                });
            }
        }
        self.links_in = self.links_out.clone();
        self.linked = vec![false; self.cells.len()];
        for link in &self.links_in {
            if let Some(slot) = self.linked.get_mut(link.to as usize) {
                *slot = true;
            }
        }
        self.links_out.sort_by_key(|link| (link.from, link.to, link.cost));
        self.links_in.sort_by_key(|link| (link.to, link.from, link.cost));
        stranded
    }

    /// The node in the middle of a unit.
    fn landing(&self, floor: &Floor, plan: &Plan, units: &[Vec<u32>], ix: UnitIx) -> Option<u32> {
        let unit = plan.levels.get(ix.level)?.units.get(ix.unit)?;
        let cells = units.get(ix.level)?;
        let inside = |cell: usize| cells.get(cell) == Some(&(ix.unit as u32));
        self.nearest(floor, LevelIx(ix.level as u8), unit.area.interior(), inside)
    }
}
