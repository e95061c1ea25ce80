//! Which queries are refused when not all can be answered: those of least worth first, and never quite all.
//!
//! A query is worth what somebody does with its answer. One that a program asks without a deadline can be asked
//! again; one with a deadline has a person looking at a screen. A class that has got less than a tenth of the answers
//! lately is answered although it is late, so that none starves while another is served; beyond the patience with
//! those of most worth nothing is, because by then the answer is late for everybody.
//!
//! A burst is met with patience, because it passes: who comes last waits for tens of milliseconds and is answered.
//! When there is more to do than can be done, patience makes everybody wait that long and answers nobody more. So the
//! first refusal takes most of it away, until a tenth of a second has passed in which few were refused. This is the
//! controlled delay of "Fail at Scale" (Maurer, ACM Queue 13(8), 2015), after CoDel (RFC 8289): short waits while the
//! queue stands, long ones while it comes and goes.
//!
//! Refusing takes time too. Whoever asks again at once, hundreds at a time, would keep the thread refusing for longer than
//! its patience lasts, and nobody would be answered. So after a while of nothing but refusals the next one is.
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
/// How long a thread may do nothing but refuse.
const REFUSING_US_MAX: u64 = 5_000;
/// One in so many answers is for a class that would be refused.
const FLOOR_ONE_IN: u32 = 10;

/// Judges queries one by one.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_crowded: AtomicBool,
    window_began_us: AtomicU64,
    /// In this window.
    judged: AtomicU32,
    refused: AtomicU32,
    /// By class, those that were judged and not refused.
    answered: [AtomicU32; 3],
    /// When the last answer was done.
    answered_us: AtomicU64,
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
        let is_due = wait <= longest && self.starves(class) || self.only_refuses(waited);
        let is_refused = wait > patience.with(class) && !is_due;
        self.note(class, is_refused);
        if is_refused && waited.wait > patience.with(class) {
            self.on_late(waited.at_us);
        }
        is_refused
    }

    /// An answer is done.
    pub(super) fn on_answered(&self, now_us: u64) {
        self.answered_us.store(now_us, Ordering::Relaxed);
    }

    /// Whether the thread has done nothing but refuse for too long, and who is next has not waited longer than anybody may.
    fn only_refuses(&self, waited: Waited) -> bool {
        let since_us = waited.at_us.saturating_sub(self.answered_us.load(Ordering::Relaxed));
        self.is_crowded.load(Ordering::Relaxed)
            && since_us > REFUSING_US_MAX
            && waited.wait <= Patience::CALM.with(QueryClass::Valued)
    }

    fn patience(&self) -> Patience {
        if self.is_crowded.load(Ordering::Relaxed) {
            Patience::CROWDED
        } else {
            Patience::CALM
        }
    }

    /// Whether a class has got less than its share of the answers in this window. Nobody starves where nobody is answered.
    fn starves(&self, class: QueryClass) -> bool {
        let answered = |cell: &AtomicU32| cell.load(Ordering::Relaxed);
        let all: u32 = self.answered.iter().map(answered).sum();
        let own = self.answered.get(class as usize).map_or(0, answered);
        own.saturating_mul(FLOOR_ONE_IN) < all
    }

    /// Ends the window when its time has come. A window in which nobody asked says that all is well.
    fn turn_window(&self, at_us: u64) {
        let lasted_us = at_us.saturating_sub(self.window_began_us.load(Ordering::Relaxed));
        if lasted_us < WINDOW_US {
            return;
        }
        self.answered.iter().for_each(|cell| cell.store(0, Ordering::Relaxed));
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

    fn note(&self, class: QueryClass, is_refused: bool) {
        self.judged.fetch_add(1, Ordering::Relaxed);
        if is_refused {
            self.refused.fetch_add(1, Ordering::Relaxed);
        } else if let Some(answered) = self.answered.get(class as usize) {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes patience away with the first who is refused for their own wait.
    fn on_late(&self, at_us: u64) {
        if !self.is_crowded.swap(true, Ordering::Relaxed) {
            self.window_began_us.store(at_us, Ordering::Relaxed);
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
                self.gate.on_answered(self.now_us);
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
            thread.answered_us_max() <= 9_000,
            "an answer took {} us",
            thread.answered_us_max()
        );
        let refused_us_max = thread.refused_us.iter().max().unwrap();
        assert!(*refused_us_max <= 50_000, "a refusal took {refused_us_max} us");
    }

    #[test]
    fn a_thread_that_could_do_nothing_but_refuse_answers_some() {
        let mut thread = Thread::new();
        let began_us = thread.now_us;
        // Everybody asks again at once, so that all are there at every look, and refusing them takes 10 ms.
        while thread.now_us < began_us + 1_000_000 {
            let now_us = thread.now_us;
            thread.backlog.on_look(now_us);
            thread.backlog.on_read(now_us, None);
            thread.backlog.on_empty(now_us);
            (0..1_000).for_each(|_| thread.work_off(now_us));
        }
        let share = thread.answered_us.len() as f64 * SERVICE_US as f64 / 1_000_000.0;
        assert!(share >= 0.25, "{share} of the capacity went into answers");
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

    /// Whether a gate of its own answers who has waited for so long.
    fn answers(is_crowded: bool, class: QueryClass, wait_ms: u64) -> bool {
        let gate = Gate::default();
        gate.is_crowded.store(is_crowded, Ordering::Relaxed);
        !gate.refuses(after_ms(wait_ms), false, class, || false)
    }

    fn after_ms(wait_ms: u64) -> Waited {
        Waited {
            at_us: 0,
            wait: Duration::from_millis(wait_ms),
        }
    }

    #[test]
    fn what_is_worth_least_goes_first() {
        use QueryClass::{Background, Customer, Valued};
        let table = [
            (false, 20, [true, true, true]),
            (false, 21, [false, true, true]),
            (false, 36, [false, false, true]),
            (false, 51, [false, false, false]),
            (true, 5, [true, true, true]),
            (true, 6, [false, true, true]),
            (true, 9, [false, false, true]),
            (true, 13, [false, false, false]),
        ];
        for (is_crowded, wait_ms, expected) in table {
            let seen = [Background, Customer, Valued].map(|class| answers(is_crowded, class, wait_ms));
            assert_eq!(seen, expected, "{wait_ms} ms");
        }
    }

    #[test]
    fn no_class_starves_while_another_is_served() {
        let gate = Gate::default();
        let judge = |class| !gate.refuses(after_ms(40), false, class, || false);
        assert!(!judge(QueryClass::Background), "nobody is served yet");
        gate.is_crowded.store(false, Ordering::Relaxed);
        let (mut valued, mut background) = (0, 0);
        for _ in 0..90 {
            valued += u32::from(judge(QueryClass::Valued));
            background += u32::from(judge(QueryClass::Background));
            // What follows is about the floor.
            gate.is_crowded.store(false, Ordering::Relaxed);
        }
        assert_eq!((valued, background), (90, 10));
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
