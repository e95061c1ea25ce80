//! The thread behind a keeper: it writes decisions down and takes snapshots.
//!
//! A snapshot is taken when so many records have come since the last that reading them again would delay a start, and
//! before the gateway stops, while it still answers, so that nobody waits for it. It costs the thread some seconds for a
//! million people and the rest of the gateway nothing but short turns of the lock.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Keeper;
use super::given::TAKEN_EVERY;
use super::snapshot::Source;
use crate::journal::{JournalError, Position, Writing};
use crate::serve::latency;

/// Records after which a snapshot is taken: reading them takes about a second.
pub const SNAPSHOT_RECORDS: u64 = 250_000;

/// How long a gateway that is to stop goes on answering for its last snapshot.
const ANSWERS_FOR: Duration = Duration::from_secs(2);
/// Longest that the last snapshot may take. One that takes longer is given up, and the next start reads more records.
const LAST_SNAPSHOT_WAIT: Duration = Duration::from_secs(4);

/// The thread. Dropping it leaves everything durable, with a snapshot.
pub(in crate::serve) struct Housekeeping {
    is_stopping: Arc<AtomicBool>,
    /// Asks for a last snapshot; whoever asks is told when it is there.
    last_snapshot: SyncSender<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The journal's own threads, which end after it.
    _writing: Writing,
}

impl Housekeeping {
    /// Starts it. `snapshot` is the position that the latest snapshot goes through.
    pub(super) fn start(keeper: &Arc<Keeper>, writing: Writing, snapshot: Position) -> io::Result<Self> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (last_snapshot, asked) = sync_channel(1);
        let (keeper, until) = (Arc::clone(keeper), Arc::clone(&is_stopping));
        let thread = thread::Builder::new()
            .name("housekeeping".to_owned())
            .spawn(move || run(&keeper, &until, &asked, snapshot))?;
        Ok(Self {
            is_stopping,
            last_snapshot,
            thread: Some(thread),
            _writing: writing,
        })
    }

    /// Takes the last snapshot, while the gateway still answers. Blocks for two seconds at most; the rest of it is taken
    /// while the gateway closes.
    pub(in crate::serve) fn prepare_to_stop(&self) -> LastSnapshot {
        let (done, is_there) = sync_channel(1);
        let began = latency::start();
        if let (Ok(()), Some(thread)) = (self.last_snapshot.try_send(done), &self.thread) {
            thread.thread().unpark();
            let _in_time = is_there.recv_timeout(ANSWERS_FOR);
        }
        LastSnapshot { is_there, began }
    }
}

/// A last snapshot that was asked for. Dropping it waits for what is left of it, not at all when it is there.
pub(in crate::serve) struct LastSnapshot {
    is_there: Receiver<()>,
    began: Instant,
}

impl Drop for LastSnapshot {
    fn drop(&mut self) {
        let left = LAST_SNAPSHOT_WAIT.saturating_sub(self.began.elapsed());
        let _in_time = self.is_there.recv_timeout(left);
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

fn run(keeper: &Arc<Keeper>, is_stopping: &AtomicBool, asked: &Receiver<SyncSender<()>>, mut snapshot: Position) {
    let Some(kept) = &keeper.kept else { return };
    let Some(vault) = &kept.vault else { return };
    let mut is_prepared = false;
    while !is_stopping.load(Ordering::Acquire) {
        thread::park_timeout(TAKEN_EVERY);
        kept.given.write_down(&*kept.journal, vault);
        let (last, done) = (kept.journal.last(), asked.try_recv().ok());
        let due = if done.is_some() { 1 } else { SNAPSHOT_RECORDS };
        if last.0.saturating_sub(snapshot.0) >= due && kept.journal.failure().is_none() {
            // Also when it could not be kept: the next is tried after as many records again.
            snapshot = last;
            if let Err(error) = take(keeper, is_stopping) {
                tracing::error!("a snapshot could not be kept; the journal goes on without it: {error}");
            }
        }
        if let Some(done) = done {
            // It may have taken longer than anybody waits.
            let _somebody_waits = done.try_send(());
            is_prepared = true;
        }
    }
    kept.given.write_down(&*kept.journal, vault);
    let is_wanted = !is_prepared && asked.try_recv().is_err() && kept.journal.last() > snapshot;
    if is_wanted
        && kept.journal.failure().is_none()
        && let Err(error) = take(keeper, &AtomicBool::new(false))
    {
        tracing::error!("the last snapshot could not be kept; the next start reads more records: {error}");
    }
}

/// Takes a snapshot, unless it is to be given up meanwhile.
fn take(keeper: &Arc<Keeper>, is_given_up: &AtomicBool) -> Result<(), JournalError> {
    let Some((kept, (through, source))) = keeper.kept.as_ref().zip(Source::new(keeper)) else {
        return Ok(());
    };
    kept.journal.keep_snapshot(through, &mut Unless { is_given_up, source })
}

/// A state that is read to its end unless it is given up.
struct Unless<'a, R> {
    is_given_up: &'a AtomicBool,
    source: R,
}

impl<R: Read> Read for Unless<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.is_given_up.load(Ordering::Acquire) {
            true => Err(io::Error::other("the gateway stops before it is whole")),
            false => self.source.read(into),
        }
    }
}
