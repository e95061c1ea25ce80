//! Looks at the gateway ten times a second: how far behind its listeners are, how much memory it uses, and whether
//! its threads still turn.
//!
//! On a thread of its own, so that it sees a thread that stands still. A change of the step is one line in the log;
//! what is shed within a step is only counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::memory;
use super::shedding::{Load, MEMORY_SHORT_SHARE, Shedding, Step};
use crate::serve::clock::Clock;
use crate::serve::shared::{Shared, Stage};

/// How often the gateway is looked at.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// How often a thread shows that it turns.
const BEAT_EVERY: Duration = Duration::from_millis(25);
/// A thread that has not shown itself for so long stands still.
const STALL: Duration = Duration::from_millis(100);
/// Checks between two looks at the memory, which cost a file each.
const CHECKS_PER_MEMORY: u32 = 10;

/// A thread that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Beat {
    /// The apps' thread.
    Apps,
    /// The hubs' thread.
    Hubs,
}

impl Beat {
    const ALL: [Self; 2] = [Self::Apps, Self::Hubs];

    const fn name(self) -> &'static str {
        match self {
            Self::Apps => "apps",
            Self::Hubs => "hubs",
        }
    }
}

/// When each thread has shown itself last.
#[derive(Debug)]
pub(in crate::serve) struct Beats {
    clock: Clock,
    /// In microseconds; 0: not yet.
    last_us: [AtomicU64; Beat::ALL.len()],
    stalls: AtomicU64,
}

impl Default for Beats {
    fn default() -> Self {
        Self {
            clock: Clock::start(),
            last_us: Default::default(),
            stalls: AtomicU64::new(0),
        }
    }
}

impl Beats {
    pub(super) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    fn beat(&self, beat: Beat) {
        let now_us = self.clock.now().as_micros().max(1);
        if let Some(last_us) = self.last_us.get(beat as usize) {
            last_us.store(now_us, Ordering::Relaxed);
        }
    }

    /// How long ago the thread has shown itself.
    fn age(&self, beat: Beat) -> Duration {
        let now_us = self.clock.now().as_micros();
        let last_us = self
            .last_us
            .get(beat as usize)
            .map_or(0, |last| last.load(Ordering::Relaxed));
        let age_us = if last_us == 0 {
            0
        } else {
            now_us.saturating_sub(last_us)
        };
        Duration::from_micros(age_us)
    }
}

/// Shows that the thread on which it runs turns, until the thread ends.
pub(in crate::serve) async fn beat(shared: Arc<Shared>, of: Beat) {
    let mut ticks = interval(BEAT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        shared.overload.beats.beat(of);
    }
}

/// Watches until the gateway drains. `memory_bytes_max` is the bound that was printed at the start.
pub(in crate::serve) async fn run(shared: Arc<Shared>, memory_bytes_max: Option<u64>) {
    let mut stage = shared.stage.clone();
    let mut watch = Watch {
        shared: &shared,
        memory_bytes_max,
        apps: Shedding::of_apps(),
        hubs: Shedding::of_hubs(),
        memory_share: 0.0,
        checks: 0,
        stalled: [false; Beat::ALL.len()],
    };
    let mut ticks = interval(CHECK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _stage = stage.wait_for(|stage| *stage == Stage::Draining) => return,
            _tick = ticks.tick() => watch.check(),
        }
    }
}

struct Watch<'a> {
    shared: &'a Shared,
    memory_bytes_max: Option<u64>,
    apps: Shedding,
    hubs: Shedding,
    memory_share: f32,
    checks: u32,
    stalled: [bool; Beat::ALL.len()],
}

impl Watch<'_> {
    fn check(&mut self) {
        let overload = &self.shared.overload;
        if self.checks.is_multiple_of(CHECKS_PER_MEMORY) {
            self.memory_share = share(memory::resident_bytes(), self.memory_bytes_max);
        }
        self.checks = self.checks.wrapping_add(1);
        let is_memory_short = self.memory_share > MEMORY_SHORT_SHARE;
        overload.is_memory_short.store(is_memory_short, Ordering::Relaxed);
        let is_crowded = overload.gate.is_crowded(overload.apps.backlog.now_us());
        let sides = [
            ("apps", &overload.apps, &mut self.apps, is_crowded),
            ("hubs", &overload.hubs, &mut self.hubs, false),
        ];
        for (of, side, shedding, is_crowded) in sides {
            let load = Load {
                backlog: side.backlog.take_mean(),
                memory_share: self.memory_share,
                is_crowded,
            };
            let (before, step) = (side.step(), shedding.next(&load));
            if step != before {
                side.set_step(step);
                say(of, before, step, &load);
            }
        }
        for beat in Beat::ALL {
            self.look_at(beat);
        }
    }

    /// Says once that a thread stands still, and once that it turns again.
    fn look_at(&mut self, beat: Beat) {
        let beats = &self.shared.overload.beats;
        let is_stalled = beats.age(beat) > STALL;
        let Some(was_stalled) = self.stalled.get_mut(beat as usize) else {
            return;
        };
        if is_stalled && !*was_stalled {
            beats.stalls.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                thread = beat.name(),
                "a thread has not turned for {} ms",
                STALL.as_millis()
            );
        } else if *was_stalled && !is_stalled {
            tracing::info!(thread = beat.name(), "the thread turns again");
        }
        *was_stalled = is_stalled;
    }
}

/// One line for each change.
fn say(of: &str, before: Step, step: Step, load: &Load) {
    let (step_name, backlog_ms) = (step.name(), load.backlog.as_millis());
    let memory_percent = (load.memory_share * 100.0).round();
    if step > before {
        tracing::warn!(
            of,
            step = step_name,
            backlog_ms,
            memory_percent,
            "more work than can be done: shedding up to this step"
        );
    } else {
        tracing::info!(of, step = step_name, backlog_ms, memory_percent, "shedding less");
    }
}

fn share(used: Option<u64>, bound: Option<u64>) -> f32 {
    match (used, bound) {
        (Some(used), Some(bound)) if bound > 0 => used as f32 / bound as f32,
        _ => 0.0,
    }
}
