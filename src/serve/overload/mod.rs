//! More than the machine can do: what is measured, what is left undone first, and what never is.
//!
//! Three things are looked at ten times a second: how long packets wait for each listener's thread (`backlog`) and
//! whether queries are refused for it, how much of the printed memory bound is in use (`memory`), and whether a
//! thread still turns (`watch`). `shedding` turns them into one of eight steps. What a step leaves undone is asked
//! where it would be done, by one atomic read; each answer that is not given is counted by its step.
//!
//! A query is judged by itself as well (`queries`): who has waited too long is told so at once, because a late answer
//! costs as much as a good one and helps nobody. Deliberately absent: queues of our own. The kernel's buffer is the
//! queue, and packets that were read are answered or refused before the next are read.

mod backlog;
pub mod memory;
mod queries;
mod shedding;
mod watch;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use self::backlog::{Backlog, Waited};
pub(super) use self::backlog::{ProbedSocket, SideOf};
use self::queries::Gate;
pub(super) use self::queries::QueryClass;
pub use self::shedding::Step;
pub(super) use self::watch::{Beat, beat, run};
use super::clock::Clock;

/// How long a refused peer should wait before it asks again, in milliseconds. The client adds a jitter of its own.
pub(super) const RETRY_AFTER_MS: u32 = 1_000;

/// One listener's load: how far behind it is, and what is left undone for it.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) backlog: Backlog,
    step: AtomicU8,
}

impl Side {
    fn on(clock: Clock) -> Self {
        Self {
            backlog: Backlog::on(clock),
            ..Self::default()
        }
    }

    /// The step in force.
    pub(super) fn step(&self) -> Step {
        Step::from_number(self.step.load(Ordering::Relaxed))
    }
}

/// What is left undone at the moment, and how much was.
///
/// Apps and hubs have a step each, because each has a listener and a thread: leaving sightings undone gives the apps'
/// thread no time, and a flood of apps must not keep a hub out. Memory is common to both.
#[derive(Debug, Default)]
pub struct Overload {
    pub(super) apps: Side,
    pub(super) hubs: Side,
    is_memory_short: AtomicBool,
    /// By step: what was not done for it.
    shed: [AtomicU64; Step::ALL.len()],
    gate: Gate,
    pub(super) beats: watch::Beats,
}

impl Overload {
    /// As by default, but with waits that count for a fraction of what they are.
    pub(super) fn patient(patience: u32) -> Self {
        Self::on(Clock::start_scaled(1.0 / f64::from(patience.max(1))))
    }

    /// As by default, but with the waits of packets measured on a clock that somebody else drives.
    pub(super) fn on(clock: Clock) -> Self {
        Self {
            apps: Side::on(clock),
            hubs: Side::on(clock),
            ..Self::default()
        }
    }

    /// The step in force, of the listener that is worse off.
    #[must_use]
    pub fn step(&self) -> Step {
        self.apps.step().max(self.hubs.step())
    }

    /// Whether `step` is in force for apps, so that what it names is left undone. Counts it when it is.
    pub(super) fn sheds(&self, step: Step) -> bool {
        let is_in_force = self.apps.step() >= step;
        if is_in_force {
            self.count(step, 1);
        }
        is_in_force
    }

    /// Counts what was left undone for a step.
    pub(super) fn count(&self, step: Step, n: u64) {
        if let Some(cell) = self.shed.get(step as usize) {
            cell.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// What was left undone for a step since the start.
    #[must_use]
    pub fn shed(&self, step: Step) -> u64 {
        self.shed
            .get(step as usize)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Whether a query that has waited for so long is refused. Counts it when it is. Whether a customer is of a higher
    /// tier is asked only when it makes a difference.
    pub(super) fn refuses(&self, class: QueryClass, waited: Waited, is_valued: impl FnOnce() -> bool) -> bool {
        let is_memory_short = self.is_memory_short.load(Ordering::Relaxed);
        let is_refused = self.gate.refuses(waited, is_memory_short, class, is_valued);
        if is_refused {
            self.count(Step::Queries, 1);
        }
        is_refused
    }

    /// A decide is done.
    pub(super) fn answered(&self) {
        self.gate.on_answered(self.apps.backlog.worked());
    }

    /// How often a thread did not turn for longer than it may.
    #[must_use]
    pub fn stalls(&self) -> u64 {
        self.beats.stalls()
    }

    /// What was left undone since the start, for people; `None`: nothing.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let shed = Step::ALL.map(|step| (step, self.shed(step)));
        let parts: Vec<_> = shed
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(step, count)| format!("{count} {}", step.name()))
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl Side {
    fn set_step(&self, step: Step) {
        self.step.store(step as u8, Ordering::Relaxed);
    }
}
