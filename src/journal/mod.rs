//! What must survive: the seam between the gateway and the durable log.
//!
//! A signal is appended before it is applied and acknowledged when it is durable. State is a fold of the records
//! in the order of their positions, so a journal that keeps order and loses nothing durable is all that a restart
//! needs; a snapshot only saves it time. Whoever implements [`Journal`] keeps this contract:
//!
//! - Positions grow by each append and are never given twice, also not after a restart.
//! - `append` copies the record and returns at once: it never waits for a disk, and it refuses when its bounded
//!   queue is full. `poll_durable` says when everything up to a position would survive power loss.
//! - After a failed write nothing is durable any more and every call says [`JournalError::Poisoned`]; only a
//!   restart clears it, because a second sync may succeed without having written what the first one lost.
//! - `read` yields records in order, exactly as they were appended, and stops with an error at the first one that
//!   is damaged rather than skip it.
//!
//! [`Volatile`] keeps nothing. Deliberately absent: sightings, which are worth less than the disk's time.

mod volatile;

use std::io;
use std::task::{Poll, Waker};

use thiserror::Error;

use crate::model::Timestamp;

pub use volatile::Volatile;

/// Bytes of the longest record: the largest request, and who made it.
pub const RECORD_LEN_MAX: usize = 32_768 + 256;

/// The place of a record in the journal. Later records have higher ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What kind of bytes a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A `Signal` of the contract.
    Signal,
    /// An `Outcome` of the contract.
    Outcome,
}

/// One thing that must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When the gateway took it.
    pub at: Timestamp,
    /// What the payload is.
    pub kind: RecordKind,
    /// The customer it is about.
    pub subject: &'a str,
    /// The message, as it came.
    pub payload: &'a [u8],
}

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
    /// Reading failed, or a record is damaged.
    #[error("the journal cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// A state that folds every record up to a position, and that position.
pub type Snapshot = (Position, Box<dyn io::Read>);

/// The durable log.
pub trait Journal: Send + Sync {
    /// Appends a record and says where.
    ///
    /// # Errors
    /// [`JournalError::Full`], [`JournalError::TooLong`] or [`JournalError::Poisoned`]; nothing was appended.
    fn append(&self, record: &Record<'_>) -> Result<Position, JournalError>;

    /// Everything up to here survives power loss.
    fn durable(&self) -> Position;

    /// Ready when everything up to `position` is durable; otherwise wakes `waker` when it may be.
    fn poll_durable(&self, position: Position, waker: &Waker) -> Poll<Result<(), JournalError>>;

    /// Calls `visit` with every record after `after`, in order; returns the last position.
    ///
    /// # Errors
    /// [`JournalError::Read`] at the first record that is missing or damaged.
    fn read(&self, after: Position, visit: &mut dyn FnMut(Position, Record<'_>)) -> Result<Position, JournalError>;

    /// Keeps a state that folds everything up to `through`, so that a restart reads only what is after it.
    /// Records before it may be dropped once it is durable.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be kept; earlier snapshots stay.
    fn keep_snapshot(&self, through: Position, state: &mut dyn io::Read) -> Result<(), JournalError>;

    /// The latest snapshot and the position it goes through; `None` when there is none.
    ///
    /// # Errors
    /// [`JournalError::Read`] when it is damaged.
    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError>;
}
