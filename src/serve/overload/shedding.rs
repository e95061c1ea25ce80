//! What is left undone first: eight steps, and when each begins and ends.
//!
//! The order is that of what a person in the venue would miss least. Queries are last, and among them those that
//! somebody looks at are last of all. Never shed: withdrawing a consent, erasing, health, and draining. Pure: the
//! shell measures, this decides.

use std::time::Duration;

/// What is left undone. Each step includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// Nothing.
    #[default]
    None = 0,
    /// Reports for operators: hubs, readings, exports.
    Reports = 1,
    /// Sightings that a hub has kept for a while.
    LateSightings = 2,
    /// Every second sighting: the next one of the same tag is a fraction of a second away.
    LiveSightings = 3,
    /// Messages that nobody asked for.
    Pushes = 4,
    /// Connections that are new.
    Connections = 5,
    /// Signals, which their sender keeps and sends again. Not those that withdraw a consent.
    Signals = 6,
    /// Queries, those of least worth first.
    Queries = 7,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Reports,
        Self::LateSightings,
        Self::LiveSightings,
        Self::Pushes,
        Self::Connections,
        Self::Signals,
        Self::Queries,
    ];

    /// The step's name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reports => "reports",
            Self::LateSightings => "late_sightings",
            Self::LiveSightings => "live_sightings",
            Self::Pushes => "pushes",
            Self::Connections => "connections",
            Self::Signals => "signals",
            Self::Queries => "queries",
        }
    }

    pub(super) fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or_default()
    }
}

/// What was measured since the last check.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// How long the listener's packets waited on average.
    pub(super) backlog: Duration,
    /// Memory in use, as a share of the bound.
    pub(super) memory_share: f32,
    /// Whether more queries come than can be answered, so that some are refused.
    pub(super) is_crowded: bool,
}

/// A backlog and a share of the memory from which a step is in force.
struct Trigger {
    backlog: Duration,
    memory_share: f32,
    step: Step,
}

/// The steps that are entered at once; those between come with them.
const TRIGGERS: [Trigger; 3] = [
    Trigger {
        backlog: Duration::from_millis(5),
        memory_share: 0.85,
        step: Step::LiveSightings,
    },
    Trigger {
        backlog: Duration::from_millis(20),
        memory_share: 0.92,
        step: Step::Connections,
    },
    Trigger {
        backlog: Duration::from_millis(50),
        memory_share: MEMORY_SHORT_SHARE,
        step: Step::Queries,
    },
];
/// A trigger holds until what it measures is below this share of it, so that a step does not flap.
const RELEASE_SHARE: f32 = 0.8;
/// The same for memory, which does not swing.
const MEMORY_RELEASE_SHARE: f32 = 0.97;
/// Checks in a row that must ask for less before less is shed: three tenths of a second. With the check in which a load
/// ends and one more for the queries, all is taken again within a second of it, connections too.
const CALM_CHECKS: u32 = 3;

/// The share of the memory from which queries are refused as well.
pub(super) const MEMORY_SHORT_SHARE: f32 = 0.95;

/// The step in force for a listener, and how long less has been asked for.
#[derive(Debug)]
pub(super) struct Shedding {
    /// The last step that a backlog alone is a reason for.
    backlog_step_max: Step,
    /// How many times as long a backlog may be as for apps.
    patience: u32,
    step: Step,
    calm_checks: u32,
}

impl Shedding {
    /// For the listener of apps.
    pub(super) const fn of_apps() -> Self {
        Self::up_to(Step::Queries, 1)
    }

    /// For the listener of hubs, who send nothing but sightings: being behind costs sightings alone. They wait for the end
    /// of their step of 250 ms anyway, so nobody is worse off for the first fifth of one.
    pub(super) const fn of_hubs() -> Self {
        Self::up_to(Step::LiveSightings, 10)
    }

    const fn up_to(backlog_step_max: Step, patience: u32) -> Self {
        Self {
            backlog_step_max,
            patience,
            step: Step::None,
            calm_checks: 0,
        }
    }

    /// The step for what was measured. More is shed at once, less after three tenths of a second of calm.
    pub(super) fn next(&mut self, load: &Load) -> Step {
        let entered = self.wanted(load, 1.0);
        if entered > self.step {
            self.step = entered;
            self.calm_checks = 0;
            return self.step;
        }
        let held = self.wanted(load, RELEASE_SHARE);
        self.calm_checks = if held < self.step { self.calm_checks + 1 } else { 0 };
        if self.calm_checks >= CALM_CHECKS {
            self.step = held;
            self.calm_checks = 0;
        }
        self.step
    }

    /// The step that a load asks for, with every trigger at `share` of its threshold.
    fn wanted(&self, load: &Load, share: f32) -> Step {
        let mut step = if load.is_crowded { Step::Queries } else { Step::None };
        for trigger in &TRIGGERS {
            if load.backlog > (trigger.backlog * self.patience).mul_f32(share) {
                step = step.max(trigger.step.min(self.backlog_step_max));
            }
            if load.memory_share > trigger.memory_share * share.max(MEMORY_RELEASE_SHARE) {
                step = step.max(trigger.step);
            }
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(backlog_ms: u64) -> Load {
        Load {
            backlog: Duration::from_millis(backlog_ms),
            ..Load::default()
        }
    }

    #[test]
    fn more_is_shed_at_once_and_less_after_some_calm() {
        let mut shedding = Shedding::of_apps();
        assert_eq!(shedding.next(&behind(4)), Step::None);
        assert_eq!(shedding.next(&behind(6)), Step::LiveSightings);
        assert_eq!(shedding.next(&behind(60)), Step::Queries);
        for check in 1..CALM_CHECKS {
            assert_eq!(shedding.next(&behind(0)), Step::Queries, "calm check {check}");
        }
        assert_eq!(shedding.next(&behind(0)), Step::None);
    }

    #[test]
    fn a_load_at_the_threshold_does_not_flap() {
        let mut shedding = Shedding::of_apps();
        let _entered = shedding.next(&behind(21));
        for check in 0..100 {
            let backlog_ms = if check % 2 == 0 { 19 } else { 21 };
            assert_eq!(shedding.next(&behind(backlog_ms)), Step::Connections, "check {check}");
        }
    }

    #[test]
    fn nothing_is_kept_up_while_queries_are_refused() {
        let crowded = Load {
            is_crowded: true,
            ..behind(4)
        };
        assert_eq!(Shedding::of_apps().next(&crowded), Step::Queries);
    }

    #[test]
    fn a_flood_of_hubs_costs_sightings_alone() {
        assert_eq!(Shedding::of_hubs().next(&behind(49)), Step::None);
        assert_eq!(Shedding::of_hubs().next(&behind(1_000)), Step::LiveSightings);
    }

    #[test]
    fn memory_alone_is_a_reason() {
        for (memory_share, step) in [
            (0.84, Step::None),
            (0.86, Step::LiveSightings),
            (0.93, Step::Connections),
            (0.96, Step::Queries),
        ] {
            let load = Load {
                memory_share,
                ..Load::default()
            };
            assert_eq!(Shedding::of_apps().next(&load), step, "{memory_share}");
            assert_eq!(Shedding::of_hubs().next(&load), step, "{memory_share}");
        }
    }

    #[test]
    fn every_step_has_its_number_and_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names.len(), Step::ALL.len());
        for step in Step::ALL {
            assert_eq!(Step::from_number(step as u8), step);
        }
        assert_eq!(Step::from_number(200), Step::None);
    }
}
