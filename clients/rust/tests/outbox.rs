//! Whatever breaks and whenever: each sighting of a hub is taken once, or counted as dropped.
//!
//! Random steps are applied to the real buffer and to a gateway and a path that are obviously right.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::VecDeque, ops::Range, time::Duration};

use nextbest_client::{Batch, IN_FLIGHT_LEN_MAX, Outbox, OutboxSettings};
use nextbest_proto::v1;
use proptest::prelude::*;

/// Later than any batch is due.
const LATER: Duration = Duration::from_secs(1);

fn outbox(held_len_max: usize, batch_len: usize) -> Outbox {
    Outbox::new(OutboxSettings {
        held_len_max,
        batch_len,
        batch_age: Duration::from_millis(100),
    })
}

fn push(outbox: &mut Outbox, count: usize) {
    for _ in 0..count {
        outbox.push(Duration::ZERO, v1::Sighting::default());
    }
}

/// The next batch, as the range of its numbers.
fn fill(outbox: &mut Outbox) -> Option<Range<u64>> {
    let mut batch = Batch::default();
    let filled = outbox.fill(LATER, &mut batch);
    filled.then(|| batch.first_sequence..batch.first_sequence + batch.sightings.len() as u64)
}

/// What may happen to a hub.
#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    /// The hub sends its next batch; it waits on the path.
    Send,
    /// The gateway takes the next batch from the path; its acknowledgement waits on the way back.
    Take,
    /// The hub hears one of the acknowledgements on the way back, in any order, and maybe again later.
    Hear {
        which: usize,
        again: bool,
    },
    /// The connection breaks: what is on the path is gone.
    Break,
    /// It breaks, and the gateway has forgotten everything.
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..40_usize).prop_map(Step::Push),
        4 => Just(Step::Send),
        3 => Just(Step::Take),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, again)| Step::Hear { which, again }),
        1 => Just(Step::Break),
    ]
}

fn step_or_forget() -> impl Strategy<Value = Step> {
    prop_oneof![30 => step(), 1 => Just(Step::Forget)]
}

/// A gateway and a path that are obviously right.
#[derive(Default)]
struct Model {
    to_gateway: VecDeque<Range<u64>>,
    acks: Vec<u64>,
    next: u64,
    taken: Vec<u64>,
    repeated: u64,
    pushed: u64,
}

impl Model {
    fn apply(&mut self, outbox: &mut Outbox, step: &Step) {
        match *step {
            Step::Push(count) => {
                push(outbox, count);
                self.pushed += count as u64;
            }
            Step::Send => self.to_gateway.extend(fill(outbox)),
            Step::Take => self.take(),
            Step::Hear { which, again } if !self.acks.is_empty() => {
                let which = which % self.acks.len();
                outbox.acknowledge(LATER, self.acks[which]).unwrap();
                if !again {
                    self.acks.remove(which);
                }
            }
            Step::Hear { .. } => {}
            Step::Break => self.reconnect(outbox),
            Step::Forget => {
                self.next = 0;
                self.reconnect(outbox);
            }
        }
    }

    fn take(&mut self) {
        let Some(batch) = self.to_gateway.pop_front() else {
            return;
        };
        for sequence in batch.clone() {
            if sequence < self.next {
                self.repeated += 1;
            } else {
                self.taken.push(sequence);
            }
        }
        self.next = self.next.max(batch.end);
        self.acks.push(batch.end);
    }

    fn reconnect(&mut self, outbox: &mut Outbox) {
        self.to_gateway.clear();
        self.acks.clear();
        self.next = self.next.max(outbox.oldest_sequence());
        outbox.resume(LATER, self.next).unwrap();
    }

    /// The network is well again: everything arrives.
    fn settle(&mut self, outbox: &mut Outbox) {
        self.reconnect(outbox);
        while let Some(batch) = fill(outbox) {
            self.to_gateway.push_back(batch);
            self.take();
            outbox.acknowledge(LATER, self.next).unwrap();
        }
    }
}

fn check(outbox: &Outbox) {
    let statistics = outbox.statistics();
    assert_eq!(
        statistics.pushed,
        statistics.acked + statistics.dropped + outbox.held_len() as u64
    );
    assert_eq!(outbox.next_sequence(), statistics.pushed);
    assert!(outbox.in_flight_len() <= IN_FLIGHT_LEN_MAX && outbox.in_flight_len() <= outbox.held_len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Each sighting is taken exactly once and in order, whatever breaks and whenever, while there is room.
    #[test]
    fn with_room_each_is_taken_exactly_once(steps in prop::collection::vec(step(), 0..200), batch_len in 1..70_usize) {
        let (mut outbox, mut model) = (outbox(100_000, batch_len), Model::default());
        for step in &steps {
            model.apply(&mut outbox, step);
            check(&outbox);
        }
        model.settle(&mut outbox);
        prop_assert_eq!(model.repeated, 0, "nothing is sent that the welcome said was taken");
        prop_assert_eq!(&model.taken, &(0..model.pushed).collect::<Vec<_>>());
        prop_assert_eq!(outbox.statistics().acked, model.pushed);
    }

    /// With a buffer that is too small, what was never taken is counted as dropped.
    #[test]
    fn without_room_what_is_lost_is_counted(steps in prop::collection::vec(step(), 0..200), held_len_max in 1..60_usize) {
        let (mut outbox, mut model) = (outbox(held_len_max, 16), Model::default());
        for step in &steps {
            model.apply(&mut outbox, step);
            check(&outbox);
            prop_assert!(outbox.held_len() <= held_len_max);
        }
        model.settle(&mut outbox);
        prop_assert!(model.taken.is_sorted_by(|a, b| a < b), "none twice");
        let lost = model.pushed - model.taken.len() as u64;
        prop_assert!(lost <= outbox.statistics().dropped, "{} lost, {} counted", lost, outbox.statistics().dropped);
    }

    /// A gateway that lost its memory gets what is held again, and nothing goes missing.
    #[test]
    fn a_gateway_without_memory_misses_nothing(steps in prop::collection::vec(step_or_forget(), 0..200)) {
        let (mut outbox, mut model) = (outbox(100_000, 32), Model::default());
        for step in &steps {
            model.apply(&mut outbox, step);
            check(&outbox);
        }
        model.settle(&mut outbox);
        model.taken.sort_unstable();
        model.taken.dedup();
        prop_assert_eq!(&model.taken, &(0..model.pushed).collect::<Vec<_>>());
    }
}
