//! Who waits for a position to be durable, and how far that is.

#[expect(
    clippy::disallowed_types,
    reason = "held to push or take a waker, once per record that is waited for; wakers are woken outside of it"
)]
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::{JournalError, Position};

/// Wakers that are kept. One more, and all are woken to ask again: correct, and bounded.
const WAKERS_LEN_MAX: usize = 4 * super::queue::QUEUE_LEN_MAX as usize;

/// How far the journal is durable, and who waits for more.
#[derive(Debug)]
pub(super) struct Waiting {
    durable: AtomicU64,
    failure: OnceLock<String>,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    wakers: Mutex<Vec<(Position, Waker)>>,
}

impl Waiting {
    /// Everything up to `durable` is.
    #[expect(clippy::disallowed_types, reason = "see the import")]
    pub(super) const fn new(durable: Position) -> Self {
        Self {
            durable: AtomicU64::new(durable.0),
            failure: OnceLock::new(),
            wakers: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    /// Why nothing more becomes durable.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Ready when `position` is durable or never will be; otherwise `waker` is woken then.
    pub(super) fn poll(&self, position: Position, waker: &Waker) -> Poll<Result<(), JournalError>> {
        if let Some(answer) = self.answer(position) {
            return Poll::Ready(answer);
        }
        let mut wakers = self.wakers();
        // Asked again under the lock: whoever publishes takes the wakers after it has published.
        if let Some(answer) = self.answer(position) {
            return Poll::Ready(answer);
        }
        if wakers.len() >= WAKERS_LEN_MAX {
            let all = std::mem::take(&mut *wakers);
            drop(wakers);
            wake(all);
            wakers = self.wakers();
        }
        wakers.push((position, waker.clone()));
        Poll::Pending
    }

    /// Everything up to `position` is durable.
    pub(super) fn publish(&self, position: Position) {
        debug_assert!(position >= self.durable(), "what is durable stays so");
        self.durable.store(position.0, Ordering::Release);
        let due = {
            let mut wakers = self.wakers();
            wakers.extract_if(.., |(waits_for, _)| *waits_for <= position).collect()
        };
        wake(due);
    }

    /// Nothing more becomes durable.
    pub(super) fn fail(&self, why: String) {
        // The first failure is the one to tell of.
        let _ = self.failure.set(why);
        let all = std::mem::take(&mut *self.wakers());
        wake(all);
    }

    fn answer(&self, position: Position) -> Option<Result<(), JournalError>> {
        if position <= self.durable() {
            return Some(Ok(()));
        }
        self.failure().map(|_| Err(JournalError::Poisoned))
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<(Position, Waker)>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes each task once for its neighbouring records: a task that sent many is woken once.
fn wake(mut due: Vec<(Position, Waker)>) {
    due.dedup_by(|(_, one), (_, other)| one.will_wake(other));
    for (_, waker) in due {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_task_is_woken_once_for_a_batch_and_not_for_a_later_one() {
        let waiting = Waiting::new(Position(0));
        let (one, other) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
        for position in 1..=3 {
            assert!(waiting.poll(Position(position), &one.clone().into()).is_pending());
        }
        assert!(waiting.poll(Position(4), &other.clone().into()).is_pending());
        waiting.publish(Position(3));
        assert_eq!((one.0.load(Ordering::Relaxed), other.0.load(Ordering::Relaxed)), (1, 0));
        assert!(matches!(waiting.poll(Position(3), Waker::noop()), Poll::Ready(Ok(()))));
        waiting.fail("the device failed".to_owned());
        assert_eq!(other.0.load(Ordering::Relaxed), 1);
        let refused = waiting.poll(Position(4), Waker::noop());
        assert!(matches!(refused, Poll::Ready(Err(JournalError::Poisoned))));
        assert!(matches!(waiting.poll(Position(3), Waker::noop()), Poll::Ready(Ok(()))));
    }

    #[test]
    fn wakers_are_bounded() {
        let waiting = Waiting::new(Position(0));
        let task = Arc::new(Counting::default());
        let waker = Waker::from(task.clone());
        for _ in 0..=WAKERS_LEN_MAX {
            assert!(waiting.poll(Position(1), &waker).is_pending());
        }
        assert_eq!(waiting.wakers().len(), 1);
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "the same task, once");
    }
}
