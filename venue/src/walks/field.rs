//! The cost from every node to one goal: Dijkstra's algorithm with a ring of buckets (Dial 1969), since costs are small
//! whole numbers. One field takes about as long as touching each node's eight neighbours once.

use super::graph::{DIAGONAL, Graph, NONE, STRAIGHT};

/// The cost of a node from which the goal cannot be reached.
pub(super) const UNREACHED: u16 = u16::MAX;
const STEP_COSTS: [u32; 8] = [
    STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT, DIAGONAL, DIAGONAL, DIAGONAL, DIAGONAL,
];

/// Buckets kept between fields, so that the second one allocates nothing.
#[derive(Default)]
pub(super) struct Buckets {
    ring: Vec<Vec<u32>>,
    popped: Vec<u32>,
}

/// Fills `field` with the cost from each node to the nearest of `goals`; ends early once the cost of `until` is known.
///
/// Links are followed against their direction, since the field says what it costs to *get to* the goal. Costs of
/// `UNREACHED` and more (5 km at a pitch of 1 m) count as unreachable.
pub(super) fn fill(graph: &Graph, goals: &[u32], until: Option<u32>, buckets: &mut Buckets, field: &mut [u16]) {
    field.fill(UNREACHED);
    let longest = graph
        .links_in
        .iter()
        .map(|link| link.cost)
        .max()
        .unwrap_or(0)
        .clamp(DIAGONAL, u32::from(UNREACHED));
    let ring_len = longest as usize + 1;
    buckets.ring.resize_with(ring_len, Vec::new);
    buckets.ring.iter_mut().for_each(Vec::clear);
    let mut waiting = 0;
    for goal in goals {
        if let (Some(slot), Some(bucket)) = (field.get_mut(*goal as usize), buckets.ring.first_mut()) {
            *slot = 0;
            bucket.push(*goal);
            waiting += 1;
        }
    }
    let mut cost = 0_u32;
    while waiting > 0 && cost < u32::from(UNREACHED) {
        let at = cost as usize % ring_len;
        let mut popped = std::mem::take(&mut buckets.popped);
        if let Some(bucket) = buckets.ring.get_mut(at) {
            std::mem::swap(bucket, &mut popped);
        }
        waiting -= popped.len();
        for node in popped.drain(..) {
            if field.get(node as usize).is_none_or(|known| u32::from(*known) != cost) {
                continue;
            }
            if until == Some(node) {
                buckets.popped = Vec::new();
                return;
            }
            relax(graph, node, cost, field, |next, at_cost| {
                if let Some(bucket) = buckets.ring.get_mut(at_cost as usize % ring_len) {
                    bucket.push(next);
                    waiting += 1;
                }
            });
        }
        buckets.popped = popped;
        cost += 1;
    }
}

/// Lowers the cost of every node from which one can get to `node`, and calls `lowered` with each.
fn relax(graph: &Graph, node: u32, cost: u32, field: &mut [u16], mut lowered: impl FnMut(u32, u32)) {
    let mut lower = |next: u32, to_cost: u32| {
        if let Some(slot) = field.get_mut(next as usize)
            && to_cost < u32::from(*slot)
        {
            *slot = to_cost as u16;
            lowered(next, to_cost);
        }
    };
    let Some(neighbours) = graph.neighbours.get(node as usize) else {
        return;
    };
    for (next, step) in neighbours.iter().zip(STEP_COSTS).filter(|(next, _)| **next != NONE) {
        lower(*next, cost + step);
    }
    if graph.has_link(node) {
        let first = graph.links_in.partition_point(|link| link.to < node);
        for link in graph.links_in.iter().skip(first).take_while(|link| link.to == node) {
            lower(link.from, cost + link.cost);
        }
    }
}

/// The nodes of a cheapest way from `start` down to a goal of the field, both included; `None` when there is none.
pub(super) fn descend(graph: &Graph, field: &[u16], start: u32) -> Option<Vec<u32>> {
    let mut path = vec![start];
    let (mut node, mut cost) = (start, *field.get(start as usize)?);
    if cost == UNREACHED {
        return None;
    }
    while cost > 0 {
        (node, cost) = cheaper(graph, field, node, cost)?;
        path.push(node);
    }
    Some(path)
}

/// The next node on a cheapest way: costs fall with every step, so a way always ends.
fn cheaper(graph: &Graph, field: &[u16], node: u32, cost: u16) -> Option<(u32, u16)> {
    let neighbours = graph.neighbours.get(node as usize)?;
    let steps = neighbours
        .iter()
        .copied()
        .zip(STEP_COSTS)
        .filter(|(next, _)| *next != NONE);
    let links = graph.links_from(node).map(|link| (link.to, link.cost));
    steps.chain(links).find_map(|(next, step)| {
        let next_cost = *field.get(next as usize)?;
        (u32::from(next_cost) + step == u32::from(cost)).then_some((next, next_cost))
    })
}
