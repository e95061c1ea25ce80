//! A journal whose disk takes its time, and sometimes seconds.

use std::io;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use nextbest::journal::{Counts, Journal, JournalError, Position, Record, Snapshot};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::{Instant, sleep_until};

#[expect(clippy::disallowed_types, reason = "a test disk, locked for a few instructions")]
type Mutex<T> = std::sync::Mutex<T>;

/// When each record is durable.
pub(crate) struct Disk {
    state: Mutex<State>,
}

struct State {
    rng: ChaCha8Rng,
    durable_at: Vec<Instant>,
}

impl Disk {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        let state = State {
            rng: ChaCha8Rng::seed_from_u64(seed),
            durable_at: Vec::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    /// How many records are durable at this moment.
    pub(crate) fn durable_len(&self) -> usize {
        let (state, now) = (self.state.lock().unwrap(), Instant::now());
        state.durable_at.iter().take_while(|at| **at <= now).count()
    }
}

impl Journal for Disk {
    fn append(&self, _record: &Record<'_>) -> Result<Position, JournalError> {
        let mut state = self.state.lock().unwrap();
        let takes_ms = match state.rng.random_range(0..40) {
            0 => state.rng.random_range(500..1_500),
            _ => state.rng.random_range(1..30),
        };
        let before = state.durable_at.last().copied();
        let at = Instant::now() + Duration::from_millis(takes_ms);
        state.durable_at.push(before.map_or(at, |before| before.max(at)));
        Ok(Position(state.durable_at.len() as u64))
    }

    fn last(&self) -> Position {
        Position(self.state.lock().unwrap().durable_at.len() as u64)
    }

    fn durable(&self) -> Position {
        Position(self.durable_len() as u64)
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }

    fn poll_durable(&self, position: Position, waker: &Waker) -> Poll<Result<(), JournalError>> {
        let at = self.state.lock().unwrap().durable_at[position.0 as usize - 1];
        if at <= Instant::now() {
            return Poll::Ready(Ok(()));
        }
        let waker = waker.clone();
        tokio::spawn(async move {
            sleep_until(at).await;
            waker.wake();
        });
        Poll::Pending
    }

    fn read(&self, _after: Position, _visit: &mut dyn FnMut(Position, Record<'_>)) -> Result<Position, JournalError> {
        Ok(self.durable())
    }

    fn keep_snapshot(&self, _through: Position, _state: &mut dyn io::Read) -> Result<(), JournalError> {
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError> {
        Ok(None)
    }

    fn close(&self) -> Result<(), JournalError> {
        Ok(())
    }
}
