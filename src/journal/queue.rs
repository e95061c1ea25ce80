//! What was appended and not yet written: one buffer that grows while the last batch is synced.
//!
//! Records are encoded where they will be written from, behind the place for the block's header, so that a batch is one
//! write. The buffer has its full length from the start and is swapped with the one that was written, so that nothing is
//! allocated for a record and no lock is held across anything but a copy.
//!
//! Who is refused first is said by [`share`]: what nobody waits for, then what people do, and last what must not be shed.

#[expect(
    clippy::disallowed_types,
    reason = "held while one record of at most 33 KiB is copied, never across a write: the order of positions is the order of bytes"
)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};

use super::format::{
    BLOCK_HEADER_LEN, BlockHeader, BlockKind, JournalId, RECORD_HEADER_LEN, SECTOR_LEN, encode_record, to_sectors,
};
use super::{JournalError, Person, Position, RECORD_LEN_MAX, Record, RecordKind};
use crate::model::Timestamp;

/// Records that may wait to be written.
pub(super) const QUEUE_LEN_MAX: u32 = 65_536;
/// The parts that a queue is shared out in.
const SHARES: usize = 16;

/// What was appended and not yet written.
#[derive(Debug)]
pub(super) struct Queue {
    journal: JournalId,
    bytes_max: usize,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    filling: Mutex<Filling>,
    last: AtomicU64,
    appended: AtomicU64,
    refused: AtomicU64,
    refused_unawaited: AtomicU64,
}

#[derive(Debug)]
struct Filling {
    batch: Batch,
    /// The buffer that was written last.
    written: Option<Batch>,
    is_closed: bool,
}

/// Records that are written together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Room for the header of a block, and the records.
    pub(super) bytes: Vec<u8>,
    pub(super) first: Position,
    pub(super) count: u32,
    /// How many somebody waits for.
    awaited: u32,
    pub(super) last_at: Timestamp,
    pub(super) erasures: Vec<Person>,
}

/// What to do after an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Whoever writes should be woken, if asleep.
    Now,
    /// It can go with the next batch.
    Later,
}

/// How many of [`SHARES`] may be full when a record of this kind is taken.
const fn share(kind: RecordKind) -> usize {
    match kind {
        RecordKind::Decision => 12,
        RecordKind::Signal | RecordKind::VenueSignal | RecordKind::Outcome => 15,
        RecordKind::Person | RecordKind::Erasure | RecordKind::Administration => 16,
    }
}

impl Queue {
    /// An empty queue that goes on after `last`.
    #[expect(clippy::disallowed_types, reason = "see the import")]
    pub(super) fn new(journal: JournalId, bytes_max: usize, last: Position) -> Self {
        let filling = Filling {
            batch: Batch::new(bytes_max, Position(last.0 + 1)),
            written: Some(Batch::new(bytes_max, Position(last.0 + 1))),
            is_closed: false,
        };
        Self {
            journal,
            bytes_max,
            filling: Mutex::new(filling),
            last: AtomicU64::new(last.0),
            appended: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            refused_unawaited: AtomicU64::new(0),
        }
    }

    /// Copies a record behind the others.
    ///
    /// # Errors
    /// [`JournalError::TooLong`], [`JournalError::Closed`] or [`JournalError::Full`].
    pub(super) fn append(&self, record: &Record<'_>) -> Result<(Position, Due), JournalError> {
        let len = RECORD_HEADER_LEN + record.payload.len();
        if record.payload.len() > RECORD_LEN_MAX || len > self.bytes_max {
            return Err(JournalError::TooLong(record.payload.len()));
        }
        let mut filling = self.filling();
        if filling.is_closed {
            return Err(JournalError::Closed);
        }
        if !self.has_room(&filling.batch, len, share(record.kind)) {
            drop(filling);
            return Err(self.refuse(record.kind));
        }
        let batch = &mut filling.batch;
        let position = batch.push(self.journal, record);
        let is_first_awaited = record.kind.is_awaited() && batch.awaited == 1;
        let is_filling = !self.has_room(batch, 0, SHARES / 2);
        self.last.store(position.0, Ordering::Release);
        drop(filling);
        self.appended.fetch_add(1, Ordering::Relaxed);
        let is_due = is_first_awaited || is_filling;
        Ok((position, if is_due { Due::Now } else { Due::Later }))
    }

    /// What to write next, if there is something.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut filling = self.filling();
        if filling.batch.count == 0 {
            return None;
        }
        let next = filling.batch.after();
        let mut empty = filling
            .written
            .take()
            .unwrap_or_else(|| Batch::new(self.bytes_max, next));
        empty.clear(next);
        Some(std::mem::replace(&mut filling.batch, empty))
    }

    /// Gives a batch's buffer back.
    pub(super) fn give_back(&self, batch: Batch) {
        self.filling().written = Some(batch);
    }

    /// Whether something waits that should be written at once.
    pub(super) fn is_due(&self) -> bool {
        let filling = self.filling();
        filling.batch.awaited > 0 || !self.has_room(&filling.batch, 0, SHARES / 2)
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.filling().is_closed = true;
    }

    /// The last position that was given.
    pub(super) fn last(&self) -> Position {
        Position(self.last.load(Ordering::Acquire))
    }

    /// Records taken, refused though somebody waits, and refused.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (
            self.appended.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
            self.refused_unawaited.load(Ordering::Relaxed),
        )
    }

    fn has_room(&self, batch: &Batch, len: usize, share: usize) -> bool {
        let used = batch.bytes.len() - BLOCK_HEADER_LEN + len;
        used <= self.bytes_max / SHARES * share && (batch.count as usize) < QUEUE_LEN_MAX as usize / SHARES * share
    }

    fn refuse(&self, kind: RecordKind) -> JournalError {
        let count = if kind.is_awaited() {
            &self.refused
        } else {
            &self.refused_unawaited
        };
        count.fetch_add(1, Ordering::Relaxed);
        JournalError::Full
    }

    fn filling(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// An empty batch of up to `bytes_max` bytes of records.
    pub(super) fn new(bytes_max: usize, first: Position) -> Self {
        let mut bytes = Vec::with_capacity(to_sectors(BLOCK_HEADER_LEN + bytes_max + SECTOR_LEN));
        bytes.resize(BLOCK_HEADER_LEN, 0);
        Self {
            bytes,
            first,
            count: 0,
            awaited: 0,
            last_at: Timestamp::default(),
            erasures: Vec::new(),
        }
    }

    /// Puts a record behind the others; returns its position.
    pub(super) fn push(&mut self, journal: JournalId, record: &Record<'_>) -> Position {
        let position = self.after();
        encode_record(journal, position, record, &mut self.bytes);
        self.count += 1;
        self.awaited += u32::from(record.kind.is_awaited());
        self.last_at = self.last_at.max(record.at);
        if let (RecordKind::Erasure, Some(person)) = (record.kind, record.subject) {
            self.erasures.push(person);
        }
        position
    }

    /// The position after the last record.
    pub(super) const fn after(&self) -> Position {
        Position(self.first.0 + self.count as u64)
    }

    /// The position of the last record.
    pub(super) const fn last(&self) -> Position {
        Position(self.after().0 - 1)
    }

    /// The header of the block that this batch becomes.
    pub(super) fn header(&self, generation: u32) -> BlockHeader {
        BlockHeader {
            kind: BlockKind::Records,
            first: self.first,
            count: self.count,
            body_len: u32::try_from(self.bytes.len() - BLOCK_HEADER_LEN).unwrap_or(u32::MAX),
            generation,
        }
    }

    /// Empties it.
    pub(super) fn clear(&mut self, first: Position) {
        self.bytes.truncate(BLOCK_HEADER_LEN);
        self.erasures.clear();
        self.count = 0;
        self.awaited = 0;
        self.first = first;
        self.last_at = Timestamp::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: RecordKind) -> Record<'static> {
        Record {
            at: Timestamp::default(),
            kind,
            subject: None,
            payload: &[0; 60],
        }
    }

    fn fill(queue: &Queue, kind: RecordKind) -> usize {
        std::iter::from_fn(|| queue.append(&record(kind)).ok()).count()
    }

    #[test]
    fn a_full_queue_refuses_what_nobody_waits_for_first_and_counts_it() {
        let queue = Queue::new(JournalId(1), 1_600, Position(0));
        assert_eq!(fill(&queue, RecordKind::Decision), 12, "three quarters");
        assert_eq!(fill(&queue, RecordKind::Signal), 3);
        assert_eq!(fill(&queue, RecordKind::Erasure), 1);
        assert_eq!(queue.counts(), (16, 2, 1));
        let batch = queue.take().unwrap();
        assert_eq!((batch.first, batch.last()), (Position(1), Position(16)));
        queue.give_back(batch);
        let (position, _) = queue.append(&record(RecordKind::Decision)).unwrap();
        assert_eq!(position, Position(17));
    }

    #[test]
    fn only_the_first_awaited_record_of_a_batch_wakes() {
        let queue = Queue::new(JournalId(1), 16_000, Position(0));
        let due = |kind| queue.append(&record(kind)).unwrap().1;
        assert_eq!(due(RecordKind::Decision), Due::Later);
        assert_eq!(due(RecordKind::Signal), Due::Now);
        assert_eq!(due(RecordKind::Signal), Due::Later);
        queue.give_back(queue.take().unwrap());
        assert_eq!(queue.append(&record(RecordKind::Signal)).unwrap().1, Due::Now);
    }

    #[test]
    fn a_queue_that_fills_with_what_nobody_waits_for_is_due() {
        let queue = Queue::new(JournalId(1), 1_600, Position(0));
        let dues: Vec<_> = (0..9)
            .map(|_| queue.append(&record(RecordKind::Decision)).unwrap().1)
            .collect();
        assert_eq!(dues[..8], [Due::Later; 8]);
        assert_eq!(dues[8], Due::Now);
        assert!(queue.is_due());
    }

    #[test]
    fn nothing_is_allocated_for_a_record() {
        let queue = Queue::new(JournalId(1), 16_000, Position(0));
        let allocated = allocation_counter::measure(|| {
            for _ in 0..100 {
                queue.append(&record(RecordKind::Signal)).unwrap();
            }
        });
        assert_eq!(allocated.count_total, 0);
    }
}
