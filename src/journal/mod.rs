//! What must survive: the seam between the gateway and the durable log.
//!
//! A signal is appended before it is applied and acknowledged when it is durable. State is a fold of the records
//! in the order of their positions, so a journal that keeps order and loses nothing durable is all that a restart
//! needs; a snapshot only saves it time. Whoever implements [`Journal`] keeps this contract:
//!
//! - Positions grow by each append and are never given twice, also not after a restart: what was lost because nobody
//!   waited for it leaves a gap.
//! - `append` copies the record and returns at once: it never waits for a disk, and it refuses when its bounded
//!   queue is full. `poll_durable` says when everything up to a position would survive power loss.
//! - A [`RecordKind::Decision`] is appended without being waited for, and is the first to be refused; an erasure is
//!   refused last. Each refusal is counted.
//! - An [`RecordKind::Erasure`] is durable when the person's key is gone, and not before.
//! - After a failed write nothing is durable any more and every call says [`JournalError::Poisoned`]; only a
//!   restart clears it, because a second sync may succeed without having written what the first one lost.
//! - `read` yields records in order, exactly as they were appended, and stops with an error at the first one that
//!   is damaged rather than skip it.
//!
//! [`Volatile`] keeps nothing. [`Embedded`] keeps it in files of this machine: [`open`] reads and repairs them, `FORMAT.md`
//! describes them to the byte, [`storage`] is all they know of a disk, and [`Vault`] has the keys that make somebody's
//! records unreadable when they are destroyed. Start reading there, then `queue`, `writer`, `segment`, `scan`.
//!
//! Deliberately absent: sightings, which are worth less than the disk's time.

mod embedded;
pub mod format;
mod inventory;
mod names;
mod open;
mod queue;
mod record;
mod refusal;
mod repair;
mod salvage;
mod scan;
mod segment;
mod snapshot;
pub mod storage;
mod vault;
mod volatile;
mod waiting;
mod writer;

use std::io;
use std::task::{Poll, Waker};

use thiserror::Error;

pub use embedded::{Embedded, UNAWAITED_MS_MAX, Writing};
pub use inventory::{Inventory, SegmentEntry, SnapshotEntry, inventory};
pub use open::{Opened, Settings, Warning, open};
pub use record::{Person, Record, RecordKind};
pub use refusal::OpenError;
pub use salvage::{Lost, Salvaged, salvage};
pub use vault::{NoPerson, PeopleCounts, SEAL_LEN, Unsealed, Vault};
pub use volatile::Volatile;

/// Bytes of the longest record: the largest request, and who made it.
pub const RECORD_LEN_MAX: usize = 32_768 + 256;
/// Bytes of the longest segment.
pub const SEGMENT_LEN_MAX: u64 = 1 << 30;

/// The place of a record in the journal. Later records have higher ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// Why the journal did not do what was asked.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Its queue is full; the sender should try again later.
    #[error("the journal's queue is full")]
    Full,
    /// The record is longer than [`RECORD_LEN_MAX`].
    #[error("a record of {0} bytes is longer than {RECORD_LEN_MAX}")]
    TooLong(usize),
    /// A write failed; nothing is taken until a restart.
    #[error("the journal failed earlier and takes nothing until a restart")]
    Poisoned,
    /// It was closed, because the gateway ends.
    #[error("the journal is closed")]
    Closed,
    /// The system did not let it read or write.
    #[error("the journal cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// What was read is not what was written.
    #[error("{file} is damaged at byte {offset}: {found}")]
    Damaged {
        /// The name of the file in the journal's directory.
        file: String,
        /// Where, in bytes from its start.
        offset: u64,
        /// What was found there, and what was expected.
        found: String,
    },
}

/// What a journal has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records taken.
    pub appended: u64,
    /// Batches made durable; each is one sync of the journal.
    pub batches: u64,
    /// Bytes written to the journal.
    pub bytes: u64,
    /// Records somebody waits for that were refused because the queue was full.
    pub refused: u64,
    /// Records nobody waits for that were refused because the queue was filling.
    pub refused_unawaited: u64,
}

/// A state that folds every record up to a position, and that position.
pub type Snapshot = (Position, Box<dyn io::Read + Send>);

/// The durable log.
pub trait Journal: Send + Sync {
    /// Appends a record and says where.
    ///
    /// # Errors
    /// [`JournalError::Full`], [`JournalError::TooLong`], [`JournalError::Poisoned`] or [`JournalError::Closed`]; nothing
    /// was appended.
    fn append(&self, record: &Record<'_>) -> Result<Position, JournalError>;

    /// The last position that was given.
    fn last(&self) -> Position;

    /// Everything up to here survives power loss.
    fn durable(&self) -> Position;

    /// Why nothing is taken any more, once a write has failed.
    fn failure(&self) -> Option<String>;

    /// What was done since it was opened.
    fn counts(&self) -> Counts;

    /// Ready when everything up to `position` is durable; otherwise wakes `waker` when it may be.
    ///
    /// # Errors
    /// [`JournalError::Poisoned`] when it will never be.
    fn poll_durable(&self, position: Position, waker: &Waker) -> Poll<Result<(), JournalError>>;

    /// Calls `visit` with every record after `after`, in order; returns the last position.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] at the first record that is missing or damaged, [`JournalError::Io`].
    fn read(&self, after: Position, visit: &mut dyn FnMut(Position, Record<'_>)) -> Result<Position, JournalError>;

    /// Keeps a state that folds everything up to `through`, so that a restart reads only what is after it.
    /// Records before it may be dropped once it is durable. Blocks, for as long as `state` is written: a thread's work,
    /// not a task's.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be kept; earlier snapshots stay.
    fn keep_snapshot(&self, through: Position, state: &mut dyn io::Read) -> Result<(), JournalError>;

    /// The latest snapshot and the position it goes through; `None` when there is none.
    ///
    /// # Errors
    /// [`JournalError::Damaged`], [`JournalError::Io`].
    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError>;

    /// Takes nothing more and blocks until everything taken is durable.
    ///
    /// # Errors
    /// [`JournalError::Poisoned`] when some of it will never be.
    fn close(&self) -> Result<(), JournalError>;
}
