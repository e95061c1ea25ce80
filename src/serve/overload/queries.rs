//! Which queries are refused when not all can be answered: those of least worth first, and never quite all.
//!
//! A query is worth what somebody does with its answer. One that a program asks without a deadline can be asked
//! again; one with a deadline has a person looking at a screen. Within a class every tenth is answered all the
//! same, so that no class starves while another is served; beyond the patience with those of most worth nothing is,
//! because by then the answer is late for everybody.
//!
//! A burst is met with patience, because it passes: who comes last waits for tens of milliseconds and is answered.
//! When there is more to do than can be done, patience makes everybody wait that long and answers nobody more. So the
//! first refusal takes most of it away, until a tenth of a second has passed in which few were refused. This is the
//! controlled delay of "Fail at Scale" (Maurer, ACM Queue 13(8), 2015), after CoDel (RFC 8289): short waits while the
//! queue stands, long ones while it comes and goes.
//!
//! Deliberately absent: the latest first, which the same article has for a queue of its own. There is none here.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::backlog::Waited;

/// What a query is worth, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::serve) enum QueryClass {
    /// Asks for explanations, or a service asks without a deadline.
    Background,
    /// A customer of the pack's lowest tier, or of none.
    Customer,
    /// A customer of a higher tier.
    Valued,
}

/// How long a query may have waited before most of its class is refused, by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patience([Duration; 3]);

impl Patience {
    /// With a burst. No query waits longer than the last of these.
    const CALM: Self = Self::of_ms([20, 35, 50]);
    /// While more comes than can be answered. With 2 ms a query, waits of 5 ms keep the thread busy from one look at
    /// its socket to the next, and an answer takes 8 ms at most.
    const CROWDED: Self = Self::of_ms([5, 8, 12]);

    const fn of_ms([background, customer, valued]: [u64; 3]) -> Self {
        Self([
            Duration::from_millis(background),
            Duration::from_millis(customer),
            Duration::from_millis(valued),
        ])
    }

    fn with(self, class: QueryClass) -> Duration {
        let Self([background, customer, valued]) = self;
        match class {
            QueryClass::Background => background,
            QueryClass::Customer => customer,
            QueryClass::Valued => valued,
        }
    }
}

/// How long the share of the refused is watched.
const WINDOW_US: u64 = 100_000;
/// While one in so many is refused, or more, there is more to do than can be done.
const CROWDED_ONE_IN: u32 = 10;
/// One in so many of a class is answered although it has waited too long for its class.
const FLOOR: u32 = 10;

/// Judges queries one by one.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_crowded: AtomicBool,
    window_began_us: AtomicU64,
    /// In this window.
    judged: AtomicU32,
    refused: AtomicU32,
    /// By class, since the start.
    late: [AtomicU32; 3],
}

impl Gate {
    /// Whether more comes than can be answered. Who has refused nobody for a while is not asked too much, also when nobody
    /// asks any more.
    pub(super) fn is_crowded(&self, now_us: u64) -> bool {
        let age_us = now_us.saturating_sub(self.window_began_us.load(Ordering::Relaxed));
        self.is_crowded.load(Ordering::Relaxed) && age_us < 2 * WINDOW_US
    }

    /// Whether a query that has waited for so long is refused. When memory is short, all but those of most worth are
    /// late. Whether a customer is of a higher tier is asked only when it makes a difference.
    pub(super) fn refuses(
        &self,
        waited: Waited,
        is_memory_short: bool,
        class: QueryClass,
        is_valued: impl FnOnce() -> bool,
    ) -> bool {
        self.turn_window(waited.at_us);
        let patience = self.patience();
        let longest = patience.with(QueryClass::Valued);
        let wait = if is_memory_short {
            waited.wait.max(longest)
        } else {
            waited.wait
        };
        let is_late = wait > patience.with(class);
        let class = if is_late && class == QueryClass::Customer && is_valued() {
            QueryClass::Valued
        } else {
            class
        };
        let is_refused = wait > patience.with(class) && (wait > longest || !self.is_floor(class));
        self.note(waited, is_refused, patience.with(class));
        is_refused
    }

    fn patience(&self) -> Patience {
        if self.is_crowded.load(Ordering::Relaxed) {
            Patience::CROWDED
        } else {
            Patience::CALM
        }
    }

    /// Whether it is the turn of one who is late.
    fn is_floor(&self, class: QueryClass) -> bool {
        let late = self.late.get(class as usize);
        late.is_some_and(|late| late.fetch_add(1, Ordering::Relaxed) % FLOOR == FLOOR - 1)
    }

    /// Ends the window when its time has come. A window in which nobody asked says that all is well.
    fn turn_window(&self, at_us: u64) {
        let lasted_us = at_us.saturating_sub(self.window_began_us.load(Ordering::Relaxed));
        if lasted_us < WINDOW_US {
            return;
        }
        let (judged, refused) = (
            self.judged.swap(0, Ordering::Relaxed),
            self.refused.swap(0, Ordering::Relaxed),
        );
        let is_old = lasted_us >= 2 * WINDOW_US;
        let few_refused = refused.saturating_mul(CROWDED_ONE_IN) < judged.max(1);
        if is_old || few_refused {
            self.is_crowded.store(false, Ordering::Relaxed);
        }
        self.window_began_us.store(at_us, Ordering::Relaxed);
    }

    /// Counts a query, and takes patience away with the first that was refused for its own wait.
    fn note(&self, waited: Waited, is_refused: bool, patience: Duration) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        if !is_refused {
            return;
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        if waited.wait > patience && !self.is_crowded.swap(true, Ordering::Relaxed) {
            self.window_began_us.store(waited.at_us, Ordering::Relaxed);
            self.judged.store(1, Ordering::Relaxed);
            self.refused.store(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::backlog::Backlog;
    use super::*;

    /// What a query costs, and what a refusal does.
    const SERVICE_US: u64 = 2_000;
    const REFUSAL_US: u64 = 10;

    /// One thread as a listener's is, on a clock of its own: it reads all that is there, works it off, and reads again.
    struct Thread {
        backlog: Backlog,
        gate: Gate,
        now_us: u64,
        answered_us: Vec<u64>,
        refused_us: Vec<u64>,
    }

    impl Thread {
        fn new() -> Self {
            Self {
                backlog: Backlog::default(),
                gate: Gate::default(),
                now_us: 1_000_000,
                answered_us: Vec::new(),
                refused_us: Vec::new(),
            }
        }

        /// Takes what comes at `load` times the capacity for so long.
        fn take(&mut self, load: f64, lasts_us: u64) {
            self.answered_us.clear();
            self.refused_us.clear();
            let every_us = SERVICE_US as f64 / load;
            let (began_us, count) = (self.now_us, (lasts_us as f64 / every_us) as u64);
            let mut coming: VecDeque<u64> = (1..=count)
                .map(|number| began_us + (number as f64 * every_us) as u64)
                .collect();
            while let Some(first_us) = coming.front() {
                self.now_us = self.now_us.max(*first_us);
                let is_there = coming.partition_point(|came_us| *came_us <= self.now_us);
                self.backlog.on_look(self.now_us);
                self.backlog.on_read(self.now_us, None);
                self.backlog.on_empty(self.now_us);
                for came_us in coming.drain(..is_there) {
                    self.work_off(came_us);
                }
            }
        }

        fn work_off(&mut self, came_us: u64) {
            let waited = self.backlog.waited(self.now_us);
            let real_us = self.now_us - came_us;
            assert!(
                waited.wait >= Duration::from_micros(real_us),
                "{waited:?} of {real_us} us: nobody waits longer than it is thought"
            );
            if self.gate.refuses(waited, false, QueryClass::Background, || false) {
                self.now_us += REFUSAL_US;
                self.refused_us.push(real_us);
            } else {
                self.now_us += SERVICE_US;
                self.answered_us.push(self.now_us - came_us);
            }
            self.backlog.on_work(self.now_us);
        }

        fn answered_us_max(&self) -> u64 {
            self.answered_us.iter().max().copied().unwrap_or_default()
        }
    }

    #[test]
    fn ten_times_too_much_is_answered_as_fast_as_can_be_and_soon() {
        let mut thread = Thread::new();
        thread.take(10.0, 200_000);
        assert!(
            thread.answered_us_max() <= 24_000,
            "before it is seen: {} us",
            thread.answered_us_max()
        );
        let began_us = thread.now_us;
        thread.take(10.0, 5_000_000);
        let busy_us = thread.answered_us.len() as u64 * SERVICE_US + thread.refused_us.len() as u64 * REFUSAL_US;
        assert!(
            busy_us * 100 >= (thread.now_us - began_us) * 99,
            "the thread is never idle"
        );
        let share = thread.answered_us.len() as f64 * SERVICE_US as f64 / 5_000_000.0;
        assert!(share >= 0.95, "{share} of the capacity went into answers");
        assert!(
            thread.answered_us_max() <= 16_000,
            "an answer took {} us",
            thread.answered_us_max()
        );
        let refused_us_max = thread.refused_us.iter().max().unwrap();
        assert!(*refused_us_max <= 50_000, "a refusal took {refused_us_max} us");
    }

    #[test]
    fn a_little_too_much_costs_little() {
        let mut thread = Thread::new();
        thread.take(1.1, 10_000_000);
        let share = thread.answered_us.len() as f64 * SERVICE_US as f64 / 10_000_000.0;
        assert!(share >= 0.95, "{share} of the capacity went into answers");
    }

    #[test]
    fn after_a_spike_all_is_well_within_a_second() {
        let mut thread = Thread::new();
        thread.take(10.0, 1_000_000);
        assert!(thread.gate.is_crowded(thread.now_us));
        thread.take(0.8, 300_000);
        thread.take(0.8, 5_000_000);
        assert_eq!(thread.refused_us.len(), 0);
        assert!(!thread.gate.is_crowded(thread.now_us));
    }

    #[test]
    fn a_spike_that_ends_in_silence_is_over() {
        let mut thread = Thread::new();
        thread.take(10.0, 1_000_000);
        assert!(!thread.gate.is_crowded(thread.now_us + 2 * WINDOW_US));
        thread.now_us += 60_000_000;
        thread.take(10.0, 2_000);
        assert_eq!(thread.refused_us.len(), 0, "a burst is met with patience");
    }

    #[test]
    fn what_is_worth_least_goes_first() {
        use QueryClass::{Background, Customer, Valued};
        let answered = |is_crowded, class, wait_ms| {
            let gate = Gate::default();
            let judge = |wait_ms, class| {
                let waited = Waited {
                    at_us: 0,
                    wait: Duration::from_millis(wait_ms),
                };
                gate.refuses(waited, false, class, || false)
            };
            gate.is_crowded.store(is_crowded, Ordering::Relaxed);
            (0..100).filter(|_| !judge(wait_ms, class)).count()
        };
        let table = [
            (false, 20, [100, 100, 100]),
            (true, 5, [100, 100, 100]),
            (true, 6, [10, 100, 100]),
            (true, 9, [10, 10, 100]),
            (true, 13, [0, 0, 0]),
        ];
        for (is_crowded, wait_ms, expected) in table {
            let seen = [Background, Customer, Valued].map(|class| answered(is_crowded, class, wait_ms));
            assert_eq!(seen, expected, "{wait_ms} ms");
        }
        for class in [Background, Customer, Valued] {
            assert_eq!(answered(false, class, 51), 0, "nobody waits longer than 50 ms");
        }
    }

    #[test]
    fn a_customer_of_a_higher_tier_is_worth_more_and_asked_about_only_when_late() {
        let gate = Gate::default();
        let judge = |wait_ms, is_valued: fn() -> bool| {
            let waited = Waited {
                at_us: 0,
                wait: Duration::from_millis(wait_ms),
            };
            gate.refuses(waited, false, QueryClass::Customer, is_valued)
        };
        assert!(!judge(35, || unreachable!("nobody is late")));
        assert!(!judge(36, || true));
        assert!(judge(36, || false));
    }

    #[test]
    fn short_memory_refuses_all_but_those_of_most_worth() {
        let gate = Gate::default();
        let at_once = Waited {
            at_us: 0,
            wait: Duration::ZERO,
        };
        let judge = |class| gate.refuses(at_once, true, class, || false);
        assert!(judge(QueryClass::Background) && judge(QueryClass::Customer));
        assert!(!judge(QueryClass::Valued));
        assert!(!gate.is_crowded(0), "which is not for too many queries");
    }
}
