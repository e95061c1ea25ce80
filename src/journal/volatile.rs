//! A journal that keeps nothing: everything is "durable" at once, and a restart starts empty.
//!
//! It keeps the order of the seam honest (append, apply, acknowledge) and costs one atomic addition.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use super::{Counts, Journal, JournalError, Position, RECORD_LEN_MAX, Record, Snapshot};

/// Counts records and forgets them.
#[derive(Debug, Default)]
pub struct Volatile {
    last: AtomicU64,
    is_closed: AtomicBool,
}

impl Journal for Volatile {
    fn append(&self, record: &Record<'_>) -> Result<Position, JournalError> {
        if record.payload.len() > RECORD_LEN_MAX {
            return Err(JournalError::TooLong(record.payload.len()));
        }
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(JournalError::Closed);
        }
        Ok(Position(self.last.fetch_add(1, Ordering::Relaxed) + 1))
    }

    fn last(&self) -> Position {
        Position(self.last.load(Ordering::Relaxed))
    }

    fn durable(&self) -> Position {
        self.last()
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn counts(&self) -> Counts {
        Counts {
            appended: self.last().0,
            ..Counts::default()
        }
    }

    fn poll_durable(&self, position: Position, _waker: &Waker) -> Poll<Result<(), JournalError>> {
        debug_assert!(
            position <= self.durable(),
            "nobody can know a position that was not given"
        );
        Poll::Ready(Ok(()))
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
        self.is_closed.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RecordKind;
    use crate::model::Timestamp;

    #[test]
    fn positions_grow_and_are_durable_at_once() {
        let journal = Volatile::default();
        let record = Record {
            at: Timestamp::default(),
            kind: RecordKind::Signal,
            subject: None,
            payload: b"bytes",
        };
        let first = journal.append(&record).unwrap();
        let second = journal.append(&record).unwrap();
        assert!(first < second);
        assert_eq!(journal.durable(), second);
        assert!(matches!(
            journal.poll_durable(second, Waker::noop()),
            Poll::Ready(Ok(()))
        ));
        journal.close().unwrap();
        assert!(matches!(journal.append(&record), Err(JournalError::Closed)));
    }

    #[test]
    fn a_record_that_is_too_long_is_refused() {
        let payload = vec![0; RECORD_LEN_MAX + 1];
        let record = Record {
            at: Timestamp::default(),
            kind: RecordKind::Outcome,
            subject: None,
            payload: &payload,
        };
        assert!(matches!(
            Volatile::default().append(&record),
            Err(JournalError::TooLong(_))
        ));
    }
}
