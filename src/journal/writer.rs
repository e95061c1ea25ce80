//! Appending blocks to segments, each durable before the next is written.
//!
//! A segment has its full length in zeros before it gets its name, so that a batch changes no metadata and its sync is one
//! of data alone. When a batch does not fit, the next segment is made durable first, then the old one is ended with a mark
//! that says where the journal goes on: a segment that is lost at the end is missed.

use std::io;
#[expect(
    clippy::disallowed_types,
    reason = "held while a spare segment is made; only whoever needs that segment waits for it"
)]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

use super::Position;
use super::format::{BlockHeader, BlockKind, FileKind, Header, JournalId, SECTOR_LEN};
use super::names;
use super::queue::Batch;
use super::storage::{Access, File, Storage};
use crate::model::Timestamp;
use crate::planted::{Bug, planted};

/// Bytes of a block without records. Each segment keeps room for one, to be ended with.
const MARK_LEN: usize = SECTOR_LEN;
/// Zeros written at a time.
static ZEROS: [u8; 65_536] = [0; 65_536];

/// What is the same in all segments of a journal while it is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) journal: JournalId,
    pub(super) generation: u32,
    pub(super) epoch_unix_ms: u64,
}

/// A segment, as retention sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: Position,
    /// When the last record in it was taken.
    pub(super) last_at: Timestamp,
}

/// The end of the journal.
pub(super) struct Writer {
    storage: Arc<dyn Storage>,
    spare: Arc<Spare>,
    identity: Identity,
    /// Every segment, the one that is written last.
    segments: Vec<Segment>,
    file: Box<dyn File>,
    /// Where the next block goes.
    offset: usize,
    /// The length of the segment.
    len: usize,
    next: Position,
    bytes_written: u64,
}

impl Writer {
    /// Begins the first segment of a journal.
    ///
    /// # Errors
    /// When the system says no.
    pub(super) fn begin(
        storage: Arc<dyn Storage>,
        spare: Arc<Spare>,
        identity: Identity,
        first: Position,
    ) -> io::Result<Self> {
        let file = spare.make_segment(&identity, first)?;
        let segment = Segment {
            first,
            last_at: Timestamp::default(),
        };
        Ok(Self {
            len: spare.len,
            storage,
            spare,
            identity,
            segments: vec![segment],
            file,
            offset: SECTOR_LEN,
            next: first,
            bytes_written: 0,
        })
    }

    /// Goes on at `offset` of the last segment, where everything before is whole and everything behind is zero.
    ///
    /// # Errors
    /// When the system says no.
    pub(super) fn resume(
        storage: Arc<dyn Storage>,
        spare: Arc<Spare>,
        identity: Identity,
        segments: Vec<Segment>,
        end: &End,
    ) -> io::Result<Self> {
        let first = segments.last().map(|segment| segment.first).unwrap_or_default();
        let file = storage.open(&names::segment(first), Access::Write)?;
        Ok(Self {
            storage,
            spare,
            identity,
            segments,
            file,
            offset: end.offset,
            len: end.len,
            next: end.next,
            bytes_written: 0,
        })
    }

    /// Writes a batch and waits until it is durable.
    ///
    /// # Errors
    /// When the system says no. What is on the disk is not known until it is opened again.
    pub(super) fn commit(&mut self, batch: &mut Batch) -> io::Result<()> {
        debug_assert_eq!(batch.first, self.next, "positions follow one another");
        let header = batch.header(self.identity.generation);
        self.make_room(header.sectors_len(), self.next)?;
        header.complete(self.identity.journal, &mut batch.bytes);
        self.put(&batch.bytes)?;
        self.next = batch.after();
        if let Some(segment) = self.segments.last_mut() {
            segment.last_at = segment.last_at.max(batch.last_at);
        }
        Ok(())
    }

    /// Says that the journal is opened, and goes on at `next`.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub(super) fn mark_opened(&mut self, next: Position) -> io::Result<()> {
        self.make_room(MARK_LEN, next)?;
        self.mark(BlockKind::Opened, next)
    }

    /// Says that nothing is in flight.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub(super) fn mark_closed(&mut self) -> io::Result<()> {
        self.make_room(MARK_LEN, self.next)?;
        self.mark(BlockKind::Closed, self.next)
    }

    /// Every segment, oldest first.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Takes the oldest segment off the list, when the one after it begins at or before `needed` and it is `retention_ms`
    /// older than the newest.
    pub(super) fn forget_oldest(&mut self, needed: Position, retention_ms: u64) -> Option<Position> {
        let [oldest, second, ..] = self.segments.as_slice() else {
            return None;
        };
        let newest_at = self.segments.iter().map(|segment| segment.last_at).max()?;
        let is_old = newest_at.since(oldest.last_at).as_millis() >= u128::from(retention_ms);
        if !is_old || second.first > needed {
            return None;
        }
        Some(self.segments.remove(0).first)
    }

    /// Bytes written since it was opened.
    pub(super) const fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Begins another segment at `next` unless this many bytes and a mark fit into this one.
    fn make_room(&mut self, len: usize, next: Position) -> io::Result<()> {
        if self.offset + len + MARK_LEN <= self.len {
            return Ok(());
        }
        let file = self.spare.make_segment(&self.identity, next)?;
        self.mark(BlockKind::Ended, next)?;
        self.file = file;
        self.offset = SECTOR_LEN;
        self.len = self.spare.len;
        self.segments.push(Segment {
            first: next,
            last_at: Timestamp::default(),
        });
        self.spare.order();
        Ok(())
    }

    fn mark(&mut self, kind: BlockKind, next: Position) -> io::Result<()> {
        let bytes = BlockHeader::mark(kind, next, self.identity.generation).mark_bytes(self.identity.journal);
        self.put(&bytes)?;
        self.next = next;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(self.offset as u64, bytes)?;
        if !planted(Bug::AcknowledgedBeforeSynced) {
            self.file.sync_data()?;
        }
        self.offset += bytes.len();
        self.bytes_written += bytes.len() as u64;
        Ok(())
    }

    /// The files, for whoever removes old ones.
    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }
}

/// Where a journal that was read goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) offset: usize,
    pub(super) len: usize,
    pub(super) next: Position,
}

/// A segment that is made ahead, so that a batch does not wait for its zeros.
pub(super) struct Spare {
    storage: Arc<dyn Storage>,
    len: usize,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    is_made: Mutex<bool>,
    /// Told when one should be made.
    maker: std::sync::OnceLock<std::thread::Thread>,
}

impl Spare {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    pub(super) fn new(storage: Arc<dyn Storage>, len: usize) -> Self {
        Self {
            storage,
            len,
            is_made: Mutex::new(false),
            maker: std::sync::OnceLock::new(),
        }
    }

    /// The length of a segment, in bytes.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Lets `thread` be told when a spare is needed.
    pub(super) fn let_make(&self, thread: std::thread::Thread) {
        // A journal is started once; a second maker would have nothing to do.
        let _ = self.maker.set(thread);
    }

    /// Makes the spare, unless it is there.
    ///
    /// # Errors
    /// When the system says no. Whoever needs it tries again.
    pub(super) fn make(&self) -> io::Result<()> {
        let mut is_made = self.is_made.lock().unwrap_or_else(PoisonError::into_inner);
        self.make_locked(&mut is_made)
    }

    fn make_locked(&self, is_made: &mut bool) -> io::Result<()> {
        if *is_made {
            return Ok(());
        }
        let file = self.storage.open(names::SPARE, Access::Create)?;
        write_zeros(file.as_ref(), 0, self.len)?;
        file.sync_data()?;
        *is_made = true;
        Ok(())
    }

    /// Asks for a spare.
    pub(super) fn order(&self) {
        if let Some(maker) = self.maker.get() {
            maker.unpark();
        }
    }

    /// Makes the spare the segment that begins at `first`: its name, its header and its zeros are durable.
    fn make_segment(&self, identity: &Identity, first: Position) -> io::Result<Box<dyn File>> {
        let mut is_made = self.is_made.lock().unwrap_or_else(PoisonError::into_inner);
        self.make_locked(&mut is_made)?;
        *is_made = false;
        let header = Header {
            kind: FileKind::Segment,
            generation: identity.generation,
            journal: identity.journal,
            position: first,
            epoch_unix_ms: identity.epoch_unix_ms,
        };
        let file = self.storage.open(names::SPARE, Access::Write)?;
        file.write_at(0, &header.encode())?;
        file.sync_data()?;
        self.storage.rename(names::SPARE, &names::segment(first))?;
        self.storage.sync_directory()?;
        Ok(file)
    }
}

/// Writes zeros from `from` to `to`.
pub(super) fn write_zeros(file: &dyn File, from: usize, to: usize) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let zeros = ZEROS.get(..ZEROS.len().min(to - at)).unwrap_or(&ZEROS);
        file.write_at(at as u64, zeros)?;
        at += zeros.len();
    }
    Ok(())
}
