//! What happens in a world under one policy: people set out, arrive, wait and are served, counters count.
//!
//! Exact: each server serves one after the other, first come, first served. The next thing that happens is looked for
//! again and again; nothing happens between two things.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use nextbest_venue::ZoneIx;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::options::Options;
use crate::rush::{Rush, TROUBLE_S};

/// Passers-by whom a count takes for people in the queue, on average; the counter takes them off again.
const PASSERS_BY: f64 = 3.0;
/// Something that never happens.
const NEVER_S: f64 = f64::INFINITY;

/// Somebody asks where to go.
pub(crate) struct Asks {
    pub(crate) fan: usize,
    pub(crate) at_s: f64,
    pub(crate) zone: ZoneIx,
}

/// What counters and phones say at a moment.
pub(crate) struct Snapshot<'a> {
    /// People at each stand.
    pub(crate) counts: &'a [f64],
    /// Who was seen at which stand.
    pub(crate) seen: &'a [(usize, usize)],
}

/// Who sends.
pub(crate) trait Policy {
    fn counted(&mut self, at_s: f64, snapshot: &Snapshot<'_>);
    fn closed(&mut self, at_s: f64, stand: usize);
    fn served(&mut self, _at_s: f64, _stand: usize) {}
    /// The stand, and how long that took to decide in nanoseconds.
    fn send(&mut self, asks: &Asks) -> (usize, f64);
}

/// Whether a policy gets exact counts at each question, or old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    Fresh,
    Old,
}

/// How it went.
pub(crate) struct Played {
    pub(crate) mean_s: f64,
    pub(crate) p95_s: f64,
    pub(crate) wait_mean_s: f64,
    pub(crate) decide_ns: f64,
}

/// A number of seconds that can be ordered.
#[derive(Clone, Copy, PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Somebody at a stand.
#[derive(Clone, Copy)]
struct Visit {
    fan: usize,
    came_s: f64,
    begins_s: f64,
    ends_s: f64,
}

/// A stand's counter.
struct Counter {
    free: BinaryHeap<Reverse<At>>,
    visits: Vec<Visit>,
    /// When those who are there will have been served.
    ends: BinaryHeap<Reverse<At>>,
    pace: f64,
}

/// Plays a world.
pub(crate) fn play(rush: &Rush, options: &Options, policy: &mut dyn Policy, counts: Counts) -> Played {
    let mut game = Game::new(rush, options, counts);
    while game.next(policy) {}
    let mut total_s: Vec<f64> = game.ended.iter().map(|(total_s, _)| *total_s).collect();
    total_s.sort_by(f64::total_cmp);
    let people = total_s.len() as f64;
    Played {
        mean_s: total_s.iter().sum::<f64>() / people,
        p95_s: total_s[(people * 0.95) as usize],
        wait_mean_s: game.ended.iter().map(|(_, wait_s)| wait_s).sum::<f64>() / people,
        decide_ns: game.decided_ns / game.decisions,
    }
}

struct Game<'a> {
    rush: &'a Rush,
    options: &'a Options,
    counts: Counts,
    counters: Vec<Counter>,
    closed: Option<usize>,
    next_fan: usize,
    /// Who is on the way: when they arrive, who, and where.
    walking: BinaryHeap<Reverse<(At, usize, usize)>>,
    next_count_s: f64,
    trouble_s: f64,
    /// By person: seconds until they were served since they set out, and of these waiting.
    ended: Vec<(f64, f64)>,
    rng: ChaCha8Rng,
    decided_ns: f64,
    decisions: f64,
}

impl<'a> Game<'a> {
    fn new(rush: &'a Rush, options: &'a Options, counts: Counts) -> Self {
        let counter = |servers: usize| Counter {
            free: (0..servers).map(|_| Reverse(At(0.0))).collect(),
            visits: Vec::new(),
            ends: BinaryHeap::new(),
            pace: 1.0,
        };
        let has_trouble = options.close_a_stand || options.halve_a_service;
        Self {
            rush,
            options,
            counts,
            counters: rush.stands.iter().map(|stand| counter(stand.servers)).collect(),
            closed: None,
            next_fan: 0,
            walking: BinaryHeap::new(),
            next_count_s: options.snapshot_s,
            trouble_s: if has_trouble { TROUBLE_S } else { NEVER_S },
            ended: vec![(0.0, 0.0); rush.fans.len()],
            rng: ChaCha8Rng::seed_from_u64(rush.seed + 999),
            decided_ns: 0.0,
            decisions: 0.0,
        }
    }

    /// The next thing happens; false: nothing is left.
    fn next(&mut self, policy: &mut dyn Policy) -> bool {
        let sets_out_s = self.rush.fans.get(self.next_fan).map_or(NEVER_S, |fan| fan.sets_out_s);
        let arrives_s = self.walking.peek().map_or(NEVER_S, |Reverse((at, ..))| at.0);
        let now_s = sets_out_s.min(arrives_s);
        if now_s == NEVER_S {
            return false;
        }
        if self.next_count_s <= now_s.min(self.trouble_s) {
            self.count(policy);
        } else if self.trouble_s <= now_s {
            self.trouble(policy);
        } else if sets_out_s <= arrives_s {
            let fan = self.next_fan;
            self.next_fan += 1;
            self.ask(policy, fan, sets_out_s, self.rush.fans[fan].zone);
        } else if let Some(Reverse((at, fan, stand))) = self.walking.pop() {
            if self.closed == Some(stand) {
                self.ask(policy, fan, at.0, self.rush.queue_zone(stand));
            } else {
                self.queue(fan, stand, at.0);
            }
        }
        true
    }

    fn ask(&mut self, policy: &mut dyn Policy, fan: usize, at_s: f64, zone: ZoneIx) {
        if self.counts == Counts::Fresh {
            let counts: Vec<f64> = self.counters.iter_mut().map(|counter| counter.people(at_s)).collect();
            policy.counted(
                at_s,
                &Snapshot {
                    counts: &counts,
                    seen: &[],
                },
            );
        }
        let asks = Asks { fan, at_s, zone };
        let (sent, ns) = policy.send(&asks);
        self.decided_ns += ns;
        self.decisions += 1.0;
        let complies = self.rush.fans[fan].will < self.options.compliance;
        let stand = if complies { sent } else { self.nearest(zone) };
        let arrives_s = at_s + self.rush.walk_s(fan, zone, stand);
        self.walking.push(Reverse((At(arrives_s), fan, stand)));
    }

    fn nearest(&self, zone: ZoneIx) -> usize {
        let open = (0..self.counters.len()).filter(|stand| Some(*stand) != self.closed);
        open.min_by_key(|stand| self.rush.map_walk_s(zone, *stand)).unwrap()
    }

    fn queue(&mut self, fan: usize, stand: usize, at_s: f64) {
        let of = &self.rush.fans[fan];
        let service_s = self.rush.stands[stand].service_s * of.service_share;
        let begins_s = self.counters[stand].take(fan, at_s, service_s);
        self.ended[fan] = (begins_s - of.sets_out_s, begins_s - at_s);
    }

    /// Counters count, phones are seen; both miss some.
    fn count(&mut self, policy: &mut dyn Policy) {
        let at_s = self.next_count_s;
        self.next_count_s += self.options.snapshot_s;
        let (mut counts, mut seen) = (Vec::new(), Vec::new());
        for stand in 0..self.counters.len() {
            for ended_s in self.counters[stand].leave(at_s) {
                policy.served(ended_s, stand);
            }
            let mut heard = 0.0;
            for visit in &self.counters[stand].visits {
                if self.rng.random::<f64>() >= self.options.noise {
                    heard += 1.0;
                    seen.push((visit.fan, stand));
                }
            }
            let passers_by = if self.options.noise > 0.0 {
                self.passers_by() - PASSERS_BY
            } else {
                0.0
            };
            counts.push((heard / (1.0 - self.options.noise) + passers_by).max(0.0));
        }
        if self.counts == Counts::Old {
            let snapshot = Snapshot {
                counts: &counts,
                seen: &seen,
            };
            policy.counted(at_s, &snapshot);
        }
    }

    /// Poisson by the product of uniform draws (Knuth 1969).
    fn passers_by(&mut self) -> f64 {
        let limit = (-PASSERS_BY).exp();
        let (mut product, mut passers_by) = (self.rng.random::<f64>(), 0.0);
        while product > limit {
            product *= self.rng.random::<f64>();
            passers_by += 1.0;
        }
        passers_by
    }

    fn trouble(&mut self, policy: &mut dyn Policy) {
        let (at_s, stand) = (self.trouble_s, self.rush.largest());
        self.trouble_s = NEVER_S;
        let waiting = self.counters[stand].give_up_waiting(at_s);
        if self.options.halve_a_service {
            self.counters[stand].pace = 2.0;
        }
        if self.options.close_a_stand {
            self.closed = Some(stand);
            policy.closed(at_s, stand);
            for visit in waiting {
                self.ask(policy, visit.fan, at_s, self.rush.queue_zone(stand));
            }
        } else {
            for visit in waiting {
                self.queue(visit.fan, stand, visit.came_s);
            }
        }
    }
}

impl Counter {
    /// Somebody comes; says when they are served.
    fn take(&mut self, fan: usize, came_s: f64, service_s: f64) -> f64 {
        let Reverse(At(free_s)) = self.free.pop().unwrap();
        let begins_s = came_s.max(free_s);
        let ends_s = begins_s + service_s * self.pace;
        self.free.push(Reverse(At(ends_s)));
        self.ends.push(Reverse(At(ends_s)));
        self.visits.push(Visit {
            fan,
            came_s,
            begins_s,
            ends_s,
        });
        begins_s
    }

    fn people(&mut self, at_s: f64) -> f64 {
        while self.ends.peek().is_some_and(|Reverse(At(ends_s))| *ends_s <= at_s) {
            self.ends.pop();
        }
        self.ends.len() as f64
    }

    /// Lets those go who have been served; says when that was.
    fn leave(&mut self, at_s: f64) -> Vec<f64> {
        let served = |visit: &Visit| visit.ends_s <= at_s;
        let mut ended: Vec<f64> = self
            .visits
            .iter()
            .filter(|visit| served(visit))
            .map(|visit| visit.ends_s)
            .collect();
        self.visits.retain(|visit| !served(visit));
        ended.sort_by(f64::total_cmp);
        ended
    }

    /// Those who are not being served yet, in their order; the servers are then free when they are done with theirs.
    fn give_up_waiting(&mut self, at_s: f64) -> Vec<Visit> {
        let (in_service, waiting): (Vec<Visit>, Vec<Visit>) =
            self.visits.iter().partition(|visit| visit.begins_s <= at_s);
        let ends = || in_service.iter().map(|visit| visit.ends_s.max(at_s));
        let servers = self.free.len();
        let mut busy: Vec<f64> = ends().filter(|ends_s| *ends_s > at_s).collect();
        busy.resize(servers, at_s);
        self.free = busy.into_iter().map(|ends_s| Reverse(At(ends_s))).collect();
        self.ends = ends().map(|ends_s| Reverse(At(ends_s))).collect();
        self.visits = in_service;
        waiting
    }
}

/// Does something, and says how many nanoseconds it took.
#[expect(clippy::disallowed_methods, reason = "an example that measures reads a clock")]
pub(crate) fn timed<R>(what: impl FnOnce() -> R) -> (R, f64) {
    let began = Instant::now();
    let result = what();
    (result, began.elapsed().as_nanos() as f64)
}
