//! Copying what is whole out of a damaged journal into a new one, when somebody asks for it.
//!
//! The damaged one is not changed. Every record that fits its checksum and every snapshot that is whole is copied, with its
//! position; what is missing in between is said in the copy by a mark, so that it opens, and told to whoever asked. A damaged
//! key is lost: its slot is retired, and what was sealed with it stays unreadable.

use std::sync::Arc;

use super::format::{BLOCK_HEADER_LEN, BlockHeader, BlockKind, FileKind, Header, JournalId, SECTOR_LEN, Stored};
use super::open::{Listing, Settings};
use super::queue::Batch;
use super::refusal::{OpenError, io_error};
use super::storage::Storage;
use super::vault;
use super::writer::{Identity, Spare, Writer};
use super::{Position, names, scan, snapshot};

/// Gaps that are told one by one.
const LOST_LEN_MAX: usize = 64;

/// What was copied, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Records copied.
    pub records: u64,
    /// Snapshots copied.
    pub snapshots: u64,
    /// Positions between records that nothing was found of, the first 64 gaps.
    pub lost: Vec<Lost>,
    /// Positions that are lost, in all gaps. What was behind the last record is not known.
    pub positions_lost: u64,
    /// What could not be copied, a sentence each.
    pub findings: Vec<String>,
}

/// Positions that nothing was found of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first of them.
    pub first: Position,
    /// The last of them.
    pub last: Position,
}

/// Copies what is whole in `from` into `to`, which has no journal.
///
/// # Errors
/// [`OpenError`] when the keys cannot be read at all, or `to` cannot be written.
pub fn salvage(from: &dyn Storage, to: Arc<dyn Storage>, settings: &Settings) -> Result<Salvaged, OpenError> {
    settings.check()?;
    if !to.list().map_err(io_error("list", "the new directory"))?.is_empty() {
        return Err(OpenError::Settings("the new directory is expected to be empty"));
    }
    let listing = Listing::read(from)?;
    let header = vault::copy(from, to.as_ref())?;
    let identity = Identity {
        journal: header.journal,
        generation: u32::MAX / 2,
        epoch_unix_ms: header.epoch_unix_ms,
    };
    let mut copying = Copying::begin(Arc::clone(&to), identity, settings)?;
    copying.snapshots(from, to.as_ref(), &listing.snapshots)?;
    for first in &listing.segments {
        match scan::read(from, &names::segment(*first)) {
            Ok(bytes) => copying.segment(&bytes)?,
            Err(error) => copying.salvaged.findings.push(error.to_string()),
        }
    }
    copying.finish()
}

struct Copying {
    writer: Writer,
    batch: Batch,
    bytes_max: usize,
    identity: Identity,
    /// The position that would follow if nothing were lost.
    expected: Position,
    /// The last position that a snapshot folds.
    folded: Position,
    salvaged: Salvaged,
}

impl Copying {
    fn begin(to: Arc<dyn Storage>, identity: Identity, settings: &Settings) -> Result<Self, OpenError> {
        let segment_len = usize::try_from(settings.segment_len).unwrap_or(usize::MAX);
        let bytes_max = usize::try_from(settings.queue_bytes_max).unwrap_or(usize::MAX);
        let first = Position(1);
        let spare = Arc::new(Spare::new(Arc::clone(&to), segment_len));
        let writer = Writer::begin(to, spare, identity, first).map_err(written)?;
        Ok(Self {
            writer,
            batch: Batch::new(bytes_max, first),
            bytes_max,
            identity,
            expected: first,
            folded: Position(0),
            salvaged: Salvaged::default(),
        })
    }

    fn snapshots(&mut self, from: &dyn Storage, to: &dyn Storage, through: &[Position]) -> Result<(), OpenError> {
        for through in through {
            if let Err(error) = snapshot::verify(from, self.identity.journal, *through) {
                self.salvaged.findings.push(error.to_string());
                continue;
            }
            let mut state = snapshot::open(from, self.identity.journal, *through)?;
            let header = Header {
                kind: FileKind::Snapshot,
                generation: self.identity.generation,
                journal: self.identity.journal,
                position: *through,
                epoch_unix_ms: self.identity.epoch_unix_ms,
            };
            snapshot::write(to, &header, &mut state).map_err(written)?;
            snapshot::publish(to, *through).map_err(written)?;
            self.salvaged.snapshots += 1;
            self.folded = *through;
        }
        Ok(())
    }

    /// Looks for blocks at every sector, and for records in each.
    fn segment(&mut self, bytes: &[u8]) -> Result<(), OpenError> {
        let mut at = SECTOR_LEN;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(header) = BlockHeader::decode(self.identity.journal, rest) else {
                at += SECTOR_LEN;
                continue;
            };
            let is_later = header.first > self.expected;
            if is_later && header.kind == BlockKind::Opened {
                // Skipped when it was opened, not lost.
                self.expected = header.first;
            }
            let body = rest
                .get(BLOCK_HEADER_LEN..header.len().min(rest.len()))
                .unwrap_or_default();
            self.records(self.identity.journal, body)?;
            at += header.sectors_len();
        }
        Ok(())
    }

    fn records(&mut self, journal: JournalId, mut body: &[u8]) -> Result<(), OpenError> {
        while let Ok(stored) = Stored::decode(journal, body) {
            self.keep(&stored)?;
            body = body.get(stored.len()..).unwrap_or_default();
        }
        Ok(())
    }

    fn keep(&mut self, stored: &Stored<'_>) -> Result<(), OpenError> {
        let position = stored.position;
        if position < self.batch.after() {
            return Ok(());
        }
        self.tell_lost(position);
        let is_full = self.batch.bytes.len() + stored.len() > self.bytes_max;
        if is_full || position != self.batch.after() {
            self.flush()?;
        }
        if position != self.batch.after() {
            self.writer.mark_opened(position).map_err(written)?;
            self.batch.clear(position);
        }
        self.batch.push(self.identity.journal, &stored.record);
        self.expected = Position(position.0 + 1);
        self.salvaged.records += 1;
        Ok(())
    }

    /// Counts what is between what was expected and `position`, unless a snapshot folds it.
    fn tell_lost(&mut self, position: Position) {
        let first = self.expected.max(Position(self.folded.0 + 1));
        if position <= first {
            return;
        }
        self.salvaged.positions_lost += position.0 - first.0;
        if self.salvaged.lost.len() < LOST_LEN_MAX {
            let last = Position(position.0 - 1);
            self.salvaged.lost.push(Lost { first, last });
        }
    }

    fn flush(&mut self) -> Result<(), OpenError> {
        if self.batch.count > 0 {
            self.writer.commit(&mut self.batch).map_err(written)?;
            self.batch.clear(self.batch.after());
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Salvaged, OpenError> {
        self.flush()?;
        if self.batch.first <= self.folded {
            let next = Position(self.folded.0 + 1);
            self.writer.mark_opened(next).map_err(written)?;
        }
        // No mark of an orderly end: what was behind the last record is not known, and opening skips over it.
        Ok(self.salvaged)
    }
}

fn written(error: std::io::Error) -> OpenError {
    io_error("write", "the new journal")(error)
}
