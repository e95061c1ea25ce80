//! The journal in files of this machine.
//!
//! `append` copies into the queue and returns. One thread writes: it takes everything queued as one batch, makes new keys
//! durable, writes the batch, syncs it once, destroys the keys of the erasures in it, says how far the journal is durable,
//! and wakes who waits. What comes meanwhile is the next batch, so that batches grow with the load and a sync is shared by
//! all who wait for it. The thread is woken by the first record of a batch that somebody waits for, and by no other.
//!
//! What nobody waits for is written [`UNAWAITED_MS_MAX`] later at most, with a sync of its own if nothing else came.
//!
//! After the first failure nothing is written, nothing more is durable, and every append says so until a restart.
//!
//! Without [`Embedded::start`] nothing has a thread, and [`Embedded::commit`] writes a batch on the caller's: so do
//! simulations, in which nothing may happen by itself.

use std::io;
#[expect(
    clippy::disallowed_types,
    reason = "held by the one thread that writes; a snapshot, a reader and the end wait for it, an append never"
)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use super::format::{FileKind, Header};
use super::names;
use super::open::Settings;
use super::queue::{Batch, Due, Queue};
use super::refusal::OpenError;
use super::scan;
use super::segment::Walk;
use super::snapshot;
use super::storage::Storage;
use super::vault::Vault;
use super::waiting::Waiting;
use super::writer::{Identity, Spare, Writer};
use super::{Counts, Journal, JournalError, Position, Record, Snapshot};

/// Milliseconds after which a record that nobody waits for is written.
pub const UNAWAITED_MS_MAX: u64 = 100;
/// Snapshots that are kept: the last one, and one to fall back to.
const SNAPSHOTS_LEN_MAX: usize = 2;

/// The journal in files of this machine.
#[expect(clippy::disallowed_types, reason = "see the import")]
pub struct Embedded {
    queue: Queue,
    waiting: Waiting,
    committer: Mutex<Committer>,
    spare: Arc<Spare>,
    storage: Arc<dyn Storage>,
    identity: Identity,
    retention_ms: u64,
    /// What the snapshots that are kept fold, oldest first. Held while one is written.
    snapshots: Mutex<Vec<Position>>,
    batches: AtomicU64,
    bytes: AtomicU64,
    is_asleep: AtomicBool,
    writing_thread: OnceLock<Thread>,
    is_ending: AtomicBool,
    _lock: Box<dyn Send + Sync>,
}

/// Who writes.
pub(super) struct Committer {
    writer: Writer,
    vault: Arc<Vault>,
    spare: Arc<Spare>,
    has_closed: bool,
}

impl Committer {
    pub(super) const fn new(writer: Writer, vault: Arc<Vault>, spare: Arc<Spare>) -> Self {
        Self {
            writer,
            vault,
            spare,
            has_closed: false,
        }
    }

    /// Makes a batch durable, and what it says done.
    fn commit(&mut self, batch: &mut Batch) -> io::Result<()> {
        self.vault.sync()?;
        self.writer.commit(batch)?;
        self.vault.erase(&batch.erasures)
    }
}

impl Embedded {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    pub(super) fn new(
        committer: Committer,
        settings: &Settings,
        last: Position,
        snapshots: Vec<Position>,
        lock: Box<dyn Send + Sync>,
    ) -> Self {
        let bytes_max = usize::try_from(settings.queue_bytes_max).unwrap_or(usize::MAX);
        let identity = *committer.writer.identity();
        Self {
            queue: Queue::new(identity.journal, bytes_max, last),
            waiting: Waiting::new(last),
            spare: Arc::clone(&committer.spare),
            storage: committer.writer.storage(),
            committer: Mutex::new(committer),
            identity,
            retention_ms: settings.retention_ms,
            snapshots: Mutex::new(snapshots),
            batches: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
            writing_thread: OnceLock::new(),
            is_ending: AtomicBool::new(false),
            _lock: lock,
        }
    }

    /// Starts the threads that write batches and make segments ahead. They end with the answer.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self: &Arc<Self>) -> io::Result<Writing> {
        let mut writing = Writing {
            journal: Arc::clone(self),
            threads: Vec::with_capacity(2),
        };
        let journal = Arc::clone(self);
        let maker = thread::Builder::new()
            .name("journal-spare".to_owned())
            .spawn(move || journal.make_spares())?;
        self.spare.let_make(maker.thread().clone());
        writing.threads.push(maker);
        let journal = Arc::clone(self);
        let writer = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || journal.write_batches())?;
        // Started twice, the second thread finds nothing to do that the first has not done.
        let _ = self.writing_thread.set(writer.thread().clone());
        writing.threads.push(writer);
        Ok(writing)
    }

    /// Writes what is queued as one batch, on this thread; returns how many records that were.
    ///
    /// # Errors
    /// [`JournalError::Poisoned`].
    pub fn commit(&self) -> Result<u32, JournalError> {
        let mut committer = self.committer();
        self.commit_locked(&mut committer)
    }

    fn commit_locked(&self, committer: &mut Committer) -> Result<u32, JournalError> {
        if self.waiting.failure().is_some() {
            return Err(JournalError::Poisoned);
        }
        let Some(mut batch) = self.queue.take() else {
            return Ok(0);
        };
        let committed = committer.commit(&mut batch);
        let (count, last) = (batch.count, batch.last());
        self.queue.give_back(batch);
        if let Err(error) = committed {
            self.waiting.fail(error.to_string());
            return Err(JournalError::Poisoned);
        }
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.bytes.store(committer.writer.bytes_written(), Ordering::Relaxed);
        self.waiting.publish(last);
        Ok(count)
    }

    /// Blocks until everything up to `position` is durable, by writing it if nobody else does.
    fn make_durable(&self, position: Position) -> Result<(), JournalError> {
        while self.waiting.durable() < position {
            self.commit()?;
        }
        Ok(())
    }

    fn write_batches(&self) {
        loop {
            if self.queue.is_due() {
                if self.commit().is_err() {
                    return;
                }
                continue;
            }
            if self.is_ending.load(Ordering::Acquire) {
                return;
            }
            self.is_asleep.store(true, Ordering::SeqCst);
            if !self.queue.is_due() {
                thread::park_timeout(Duration::from_millis(UNAWAITED_MS_MAX));
            }
            self.is_asleep.store(false, Ordering::SeqCst);
            // What nobody waits for goes too, once in a while.
            if self.commit().is_err() {
                return;
            }
        }
    }

    fn make_spares(&self) {
        while !self.is_ending.load(Ordering::Acquire) {
            // A failure is met again, and told, by the batch that needs the segment.
            let _ = self.spare.make();
            thread::park();
        }
    }

    /// Removes snapshots and segments that nobody needs, oldest first and each for good before the next, so that what is
    /// left never has a hole.
    fn remove_old(&self, snapshots: &mut Vec<Position>) -> io::Result<()> {
        while snapshots.len() > SNAPSHOTS_LEN_MAX {
            self.storage.remove(&names::snapshot(snapshots.remove(0)))?;
            self.storage.sync_directory()?;
        }
        let Some(oldest) = snapshots.first() else { return Ok(()) };
        let needed = Position(oldest.0 + 1);
        loop {
            let forgotten = self.committer().writer.forget_oldest(needed, self.retention_ms);
            let Some(first) = forgotten else { return Ok(()) };
            self.storage.remove(&names::segment(first))?;
            self.storage.sync_directory()?;
        }
    }

    fn committer(&self) -> MutexGuard<'_, Committer> {
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshots(&self) -> MutexGuard<'_, Vec<Position>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_writer(&self) {
        let was_asleep = self.is_asleep.load(Ordering::SeqCst) && self.is_asleep.swap(false, Ordering::SeqCst);
        if let Some(thread) = self.writing_thread.get().filter(|_| was_asleep) {
            thread.unpark();
        }
    }

    fn end(&self) {
        self.is_ending.store(true, Ordering::Release);
        if let Some(thread) = self.writing_thread.get() {
            thread.unpark();
        }
        self.spare.order();
    }
}

impl Journal for Embedded {
    fn append(&self, record: &Record<'_>) -> Result<Position, JournalError> {
        if self.waiting.failure().is_some() {
            return Err(JournalError::Poisoned);
        }
        let (position, due) = self.queue.append(record)?;
        if due == Due::Now {
            self.wake_writer();
        }
        Ok(position)
    }

    fn last(&self) -> Position {
        self.queue.last()
    }

    fn durable(&self) -> Position {
        self.waiting.durable()
    }

    fn failure(&self) -> Option<String> {
        self.waiting.failure().map(ToOwned::to_owned)
    }

    fn counts(&self) -> Counts {
        let (appended, refused, refused_unawaited) = self.queue.counts();
        Counts {
            appended,
            batches: self.batches.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            refused,
            refused_unawaited,
        }
    }

    fn poll_durable(&self, position: Position, waker: &Waker) -> Poll<Result<(), JournalError>> {
        self.waiting.poll(position, waker)
    }

    fn read(&self, after: Position, visit: &mut dyn FnMut(Position, Record<'_>)) -> Result<Position, JournalError> {
        let through = self.durable();
        let firsts: Vec<_> = self
            .committer()
            .writer
            .segments()
            .iter()
            .map(|segment| segment.first)
            .collect();
        // Segments that end before, which is where the next one begins, are not opened.
        let unneeded = firsts.partition_point(|first| first.0 <= after.0 + 1).saturating_sub(1);
        if firsts.first().is_some_and(|first| first.0 > after.0 + 1) {
            let sentence = format!("records right after position {} are not kept any more", after.0);
            return Err(io::Error::new(io::ErrorKind::NotFound, sentence).into());
        }
        for first in firsts.iter().skip(unneeded) {
            self.read_segment(*first, after, through, visit)?;
        }
        Ok(through)
    }

    fn keep_snapshot(&self, through: Position, state: &mut dyn io::Read) -> Result<(), JournalError> {
        if self.waiting.failure().is_some() {
            return Err(JournalError::Poisoned);
        }
        let mut snapshots = self.snapshots();
        if through > self.last() || snapshots.last().is_some_and(|last| through < *last) {
            let sentence = "a snapshot goes through a position that was given, and not before the last snapshot";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence).into());
        }
        let header = Header {
            kind: FileKind::Snapshot,
            generation: self.identity.generation,
            journal: self.identity.journal,
            position: through,
            epoch_unix_ms: self.identity.epoch_unix_ms,
        };
        snapshot::write(self.storage.as_ref(), &header, state)?;
        // The state may hold what was appended while it was read; none of that may be in it and lost from the journal.
        self.make_durable(self.last().max(through))?;
        snapshot::publish(self.storage.as_ref(), through)?;
        snapshots.retain(|kept| *kept != through);
        snapshots.push(through);
        Ok(self.remove_old(&mut snapshots)?)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError> {
        let Some(through) = self.snapshots().last().copied() else {
            return Ok(None);
        };
        let reader = snapshot::open(self.storage.as_ref(), self.identity.journal, through).map_err(journal_error)?;
        Ok(Some((through, Box::new(reader))))
    }

    fn close(&self) -> Result<(), JournalError> {
        self.queue.close();
        let mut committer = self.committer();
        while self.commit_locked(&mut committer)? > 0 {}
        if committer.has_closed {
            return Ok(());
        }
        let marked = committer.vault.sync().and_then(|()| committer.writer.mark_closed());
        if let Err(error) = marked {
            self.waiting.fail(error.to_string());
            return Err(JournalError::Poisoned);
        }
        committer.has_closed = true;
        Ok(())
    }
}

impl Embedded {
    fn read_segment(
        &self,
        first: Position,
        after: Position,
        through: Position,
        visit: &mut dyn FnMut(Position, Record<'_>),
    ) -> Result<(), JournalError> {
        let name = names::segment(first);
        let bytes = scan::read(self.storage.as_ref(), &name).map_err(journal_error)?;
        let mut walk = Walk::new(&bytes, self.identity.journal, first);
        let mut show = |position: Position, record: Record<'_>| {
            if position > after && position <= through {
                visit(position, record);
            }
        };
        // What is behind the last durable position may be in the middle of being written.
        while walk.next() <= through {
            match walk.step(&mut show) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(bad) => {
                    return Err(JournalError::Damaged {
                        file: name,
                        offset: bad.offset as u64,
                        found: bad.found,
                    });
                }
            }
        }
        Ok(())
    }
}

/// The threads of a journal. Dropping it closes the journal and waits for them.
pub struct Writing {
    journal: Arc<Embedded>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        // A journal that failed has told so already, and cannot be closed in order.
        let _ = self.journal.close();
        self.journal.end();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn journal_error(error: OpenError) -> JournalError {
    match error {
        OpenError::Io { source, .. } => JournalError::Io(source),
        OpenError::Damaged { file, offset, found } => JournalError::Damaged { file, offset, found },
        error @ (OpenError::InUse
        | OpenError::Missing { .. }
        | OpenError::Foreign { .. }
        | OpenError::Newer { .. }
        | OpenError::OutOfPlace { .. }
        | OpenError::Readable { .. }
        | OpenError::Settings(_)) => JournalError::Io(io::Error::other(error.to_string())),
    }
}
