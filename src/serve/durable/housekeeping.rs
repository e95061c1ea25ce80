//! The thread behind a keeper: it writes decisions down and takes snapshots.
//!
//! A snapshot is taken when so many records have come since the last that reading them again would delay a start, and
//! when the gateway stops. It costs the thread some seconds for a million people and the rest of the gateway nothing but
//! short turns of the lock.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::Keeper;
use super::given::TAKEN_EVERY;
use super::snapshot::Source;
use crate::journal::{JournalError, Position, Writing};

/// Records after which a snapshot is taken: reading them takes about a second.
pub const SNAPSHOT_RECORDS: u64 = 250_000;

/// The thread. Dropping it leaves everything durable, with a snapshot.
pub(in crate::serve) struct Housekeeping {
    is_stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// The journal's own threads, which end after it.
    _writing: Writing,
}

impl Housekeeping {
    /// Starts it. `snapshot` is the position that the latest snapshot goes through.
    pub(super) fn start(keeper: &Arc<Keeper>, writing: Writing, snapshot: Position) -> io::Result<Self> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (keeper, until) = (Arc::clone(keeper), Arc::clone(&is_stopping));
        let thread = thread::Builder::new()
            .name("housekeeping".to_owned())
            .spawn(move || run(&keeper, &until, snapshot))?;
        Ok(Self {
            is_stopping,
            thread: Some(thread),
            _writing: writing,
        })
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the thread that keeps state has panicked");
            }
        }
    }
}

impl std::fmt::Debug for Housekeeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Housekeeping")
    }
}

fn run(keeper: &Arc<Keeper>, is_stopping: &AtomicBool, mut snapshot: Position) {
    let Some(kept) = &keeper.kept else { return };
    let Some(vault) = &kept.vault else { return };
    while !is_stopping.load(Ordering::Acquire) {
        thread::park_timeout(TAKEN_EVERY);
        kept.given.write_down(&*kept.journal, vault);
        let last = kept.journal.last();
        if last.0.saturating_sub(snapshot.0) < SNAPSHOT_RECORDS || kept.journal.failure().is_some() {
            continue;
        }
        // Also when it could not be kept: the next is tried after as many records again.
        snapshot = last;
        if let Err(error) = take(keeper) {
            tracing::error!("a snapshot could not be kept; the journal goes on without it: {error}");
        }
    }
    kept.given.write_down(&*kept.journal, vault);
    if kept.journal.last() > snapshot
        && kept.journal.failure().is_none()
        && let Err(error) = take(keeper)
    {
        tracing::error!("the last snapshot could not be kept; the next start reads more records: {error}");
    }
}

/// Takes a snapshot.
fn take(keeper: &Arc<Keeper>) -> Result<(), JournalError> {
    let Some((kept, (through, mut source))) = keeper.kept.as_ref().zip(Source::new(keeper)) else {
        return Ok(());
    };
    kept.journal.keep_snapshot(through, &mut source)
}
