//! Decisions on their way to the journal: put by the thread that answers, taken by another, so that an answer waits for
//! neither a seal nor a queue.
//!
//! The taker looks every [`TAKEN_EVERY`]; nobody is woken for one. What a crash can cost a cap is therefore what was
//! decided in that time, in the time that the journal lets unawaited records lie, and during one sync of the disk.

#[expect(
    clippy::disallowed_types,
    reason = "the receiving end, held by the one thread that takes"
)]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::engine::state::Reserved;
use crate::journal::{Journal, Person, Record, RecordKind, Vault};
use crate::model::Timestamp;

/// Decisions that may wait.
const WAITING_MAX: usize = 65_536;
/// How often they are taken.
pub(super) const TAKEN_EVERY: Duration = Duration::from_millis(10);

/// Bytes of all that may wait.
pub(super) const fn bytes_max() -> u64 {
    (WAITING_MAX * (size_of::<Item>() + size_of::<usize>())) as u64
}

type Item = (Timestamp, Person, Reserved);

/// Decisions that wait to be written down.
pub(super) struct Given {
    put: SyncSender<Item>,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    take: Mutex<Receiver<Item>>,
    refused: AtomicU64,
}

impl Default for Given {
    fn default() -> Self {
        let (put, take) = sync_channel(WAITING_MAX);
        Self {
            put,
            take: take.into(),
            refused: AtomicU64::new(0),
        }
    }
}

impl Given {
    /// Puts one behind the others; counts it as refused when too many wait.
    pub(super) fn put(&self, at: Timestamp, person: Person, reserved: Reserved) {
        if self.put.try_send((at, person, reserved)).is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes down all that wait.
    pub(super) fn write_down(&self, journal: &dyn Journal, vault: &Vault) {
        let take = self.take.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sealed = Vec::new();
        for (at, person, reserved) in take.try_iter().take(WAITING_MAX) {
            sealed.clear();
            // Whoever was erased meanwhile is not written about.
            if vault.seal(person, &reserved.encode(), &mut sealed).is_err() {
                continue;
            }
            let record = Record {
                at,
                kind: RecordKind::Decision,
                subject: Some(person),
                payload: &sealed,
            };
            if journal.append(&record).is_err() {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Decisions that were not written down.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
