//! What a journal's directory holds, read without changing it, and whatever is wrong with it: not only the first thing.
//!
//! It takes no lock, so it can be asked while a gateway runs; the last block may then be seen half written.

use super::format::{BlockKind, FileKind, Header, JournalId};
use super::open::Listing;
use super::refusal::{OpenError, bad_header};
use super::segment::Walk;
use super::storage::Storage;
use super::vault::{PeopleCounts, survey};
use super::{Position, Record, RecordKind, names, scan, snapshot};

/// What a journal's directory holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Milliseconds from 1970 to the zero of the journal's clock.
    pub epoch_unix_ms: u64,
    /// Segments, oldest first.
    pub segments: Vec<SegmentEntry>,
    /// Snapshots, oldest first.
    pub snapshots: Vec<SnapshotEntry>,
    /// People, by the state of their slot.
    pub people: PeopleCounts,
    /// Records of each kind, in the order of [`RecordKind::ALL`].
    pub kinds: [u64; RecordKind::ALL.len()],
    /// Files that are not the journal's.
    pub strays: Vec<String>,
    /// What is wrong, a sentence each.
    pub findings: Vec<String>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// The file's name.
    pub file: String,
    /// Its first position.
    pub first: Position,
    /// The position after its last whole record.
    pub next: Position,
    /// Whole records.
    pub records: u64,
    /// Bytes up to the last whole block.
    pub used_len: u64,
    /// Bytes of the file.
    pub len: u64,
    /// How it ends: `ended`, `closed` or `open`.
    pub end: &'static str,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The file's name.
    pub file: String,
    /// The last position that it folds.
    pub through: Position,
    /// Bytes of the state; `None` when it is damaged.
    pub state_len: Option<u64>,
}

/// Reads a journal's directory, and shows every whole record.
///
/// # Errors
/// [`OpenError`] when there is no journal whose keys can be read. Everything else is in [`Inventory::findings`].
pub fn inventory(storage: &dyn Storage, visit: &mut dyn FnMut(Position, &Record<'_>)) -> Result<Inventory, OpenError> {
    let listing = Listing::read(storage)?;
    let (header, people, damaged_slots) = survey(storage)?;
    let mut inventory = Inventory {
        epoch_unix_ms: header.epoch_unix_ms,
        people,
        strays: listing.strays,
        ..Inventory::default()
    };
    if damaged_slots > 0 {
        inventory.find(format!("{damaged_slots} slots of {} are damaged", names::PEOPLE));
    }
    for first in &listing.segments {
        let is_last = Some(first) == listing.segments.last();
        inventory.segment(storage, header.journal, *first, is_last, visit);
    }
    for through in &listing.snapshots {
        let state_len = snapshot::verify(storage, header.journal, *through);
        let state_len = state_len.map_err(|error| inventory.find(error.to_string())).ok();
        inventory.snapshots.push(SnapshotEntry {
            file: names::snapshot(*through),
            through: *through,
            state_len,
        });
    }
    Ok(inventory)
}

impl Inventory {
    fn find(&mut self, sentence: String) {
        self.findings.push(sentence);
    }

    fn segment(
        &mut self,
        storage: &dyn Storage,
        journal: JournalId,
        first: Position,
        is_last: bool,
        visit: &mut dyn FnMut(Position, &Record<'_>),
    ) {
        let file = names::segment(first);
        let read = scan::read(storage, &file).and_then(|bytes| {
            let header = Header::decode(FileKind::Segment, &bytes).map_err(|bad| bad_header(&file, bad))?;
            Ok((bytes, header))
        });
        let (bytes, header) = match read {
            Ok(read) => read,
            Err(error) => return self.find(error.to_string()),
        };
        if header.journal != journal {
            return self.find(OpenError::Foreign { file }.to_string());
        }
        self.check_follows(&file, first, header.position);
        let mut walk = Walk::new(&bytes, journal, header.position);
        let mut records = 0;
        let mut kinds = self.kinds;
        let mut see = |position: Position, record: Record<'_>| {
            records += 1;
            let kind = RecordKind::ALL.iter().position(|kind| *kind == record.kind);
            if let Some(count) = kind.and_then(|index| kinds.get_mut(index)) {
                *count += 1;
            }
            visit(position, &record);
        };
        let stopped = loop {
            match walk.step(&mut see) {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(bad) => break Some((is_last && walk.is_torn(&bad), bad)),
            }
        };
        self.kinds = kinds;
        match stopped {
            None => {}
            Some((true, bad)) => self.find(format!(
                "{file}: the last write broke off at byte {}; opening the journal cuts it",
                bad.offset
            )),
            Some((false, bad)) => self.find(format!("{file} is damaged at byte {}: {}", bad.offset, bad.found)),
        }
        let end = match walk.last().map(|(_, block)| block.kind) {
            Some(BlockKind::Ended) => "ended",
            Some(BlockKind::Closed) => "closed",
            Some(BlockKind::Records | BlockKind::Opened) | None => "open",
        };
        self.segments.push(SegmentEntry {
            file,
            first,
            next: walk.next(),
            records,
            used_len: walk.offset() as u64,
            len: bytes.len() as u64,
            end,
        });
    }

    /// Whether a segment is where its name and the one before it say.
    fn check_follows(&mut self, file: &str, first: Position, said: Position) {
        if said != first {
            self.find(format!(
                "{file} is out of place: it says that it begins at position {}",
                said.0
            ));
        }
        let before = self
            .segments
            .last()
            .filter(|before| before.end == "ended" && before.next != first);
        if let Some(sentence) = before.map(|before| {
            format!(
                "{file} does not follow {}, which goes on at position {}",
                before.file, before.next.0
            )
        }) {
            self.find(sentence);
        }
    }
}
