//! What boards and apps do: the nearest stand, the shortest queue, walk + wait, the better of two by chance.
//!
//! They know the map, the servers and the believed speed of each stand, which stand is closed, and the counts they are
//! given, old or fresh. None of them knows whom it has sent.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::play::{Asks, Policy, Snapshot, timed};
use crate::rush::Rush;

/// Stands among which the better of two is drawn.
const NEAREST_LEN: usize = 10;

/// How a stand is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Nearest,
    /// The fewest people beyond the servers, as a board shows them; of those that are equal the nearest.
    Shortest,
    WalkAndWait,
    BestOfTwo,
}

pub(crate) struct Comparator<'a> {
    rush: &'a Rush,
    rule: Rule,
    counts: Vec<f64>,
    closed: Option<usize>,
    rng: ChaCha8Rng,
    /// Stands by distance, for the best of two.
    order: Vec<(u32, usize)>,
}

impl<'a> Comparator<'a> {
    pub(crate) fn new(rush: &'a Rush, rule: Rule) -> Self {
        Self {
            rush,
            rule,
            counts: vec![0.0; rush.stands.len()],
            closed: None,
            rng: ChaCha8Rng::seed_from_u64(rush.seed + 5),
            order: Vec::new(),
        }
    }

    fn walk_and_wait_s(&self, asks: &Asks, stand: usize) -> f64 {
        let of = &self.rush.stands[stand];
        let ahead = (self.counts[stand] - of.servers as f64 + 1.0).max(0.0);
        let wait_s = ahead * of.believed_service_s / of.servers as f64;
        f64::from(self.rush.map_walk_s(asks.zone, stand)) + wait_s
    }

    fn choose(&mut self, asks: &Asks) -> usize {
        let walk_s = |stand: usize| f64::from(self.rush.map_walk_s(asks.zone, stand));
        match self.rule {
            Rule::Nearest => self.least(|stand| (walk_s(stand), 0.0)),
            Rule::Shortest => {
                let waiting = |stand: usize| self.counts[stand] - self.rush.stands[stand].servers as f64;
                self.least(|stand| (waiting(stand).max(0.0), walk_s(stand)))
            }
            Rule::WalkAndWait => self.least(|stand| (self.walk_and_wait_s(asks, stand), walk_s(stand))),
            Rule::BestOfTwo => self.best_of_two(asks),
        }
    }
    fn least(&self, cost: impl Fn(usize) -> (f64, f64)) -> usize {
        let open = (0..self.rush.stands.len()).filter(|stand| Some(*stand) != self.closed);
        open.min_by(|one, other| cost(*one).partial_cmp(&cost(*other)).unwrap())
            .unwrap()
    }

    fn best_of_two(&mut self, asks: &Asks) -> usize {
        let open = (0..self.rush.stands.len()).filter(|stand| Some(*stand) != self.closed);
        self.order.clear();
        self.order
            .extend(open.map(|stand| (self.rush.map_walk_s(asks.zone, stand), stand)));
        self.order.sort_unstable();
        let len = NEAREST_LEN.min(self.order.len());
        let first = self.rng.random_range(0..len);
        let second = (first + self.rng.random_range(1..len.max(2))) % len;
        let (one, other) = (self.order[first].1, self.order[second].1);
        if self.walk_and_wait_s(asks, one) <= self.walk_and_wait_s(asks, other) {
            one
        } else {
            other
        }
    }
}

impl Policy for Comparator<'_> {
    fn counted(&mut self, _: f64, snapshot: &Snapshot<'_>) {
        self.counts.copy_from_slice(snapshot.counts);
    }

    fn closed(&mut self, _: f64, stand: usize) {
        self.closed = Some(stand);
    }

    fn send(&mut self, asks: &Asks) -> (usize, f64) {
        timed(|| self.choose(asks))
    }
}
