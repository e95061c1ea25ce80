//! Reading every segment when a journal is opened: what is there, and whether it is whole.
//!
//! Nothing is changed here. A missing, swapped, foreign or damaged segment is refused by name; a torn end of the last one
//! is described for `repair`.

use super::format::{BlockKind, FileKind, Header};
use super::refusal::{OpenError, bad_header, io_error};
use super::segment::{Bad, Walk};
use super::storage::{Access, Storage, read_all};
use super::vault::Vault;
use super::writer::Segment;
use super::{Person, Position, Record, RecordKind, SEGMENT_LEN_MAX, names};
use crate::model::Timestamp;
use crate::planted::{Bug, planted};

/// What the segments hold.
pub(super) struct Scan {
    pub(super) segments: Vec<Segment>,
    /// The highest generation that wrote something.
    pub(super) generation: u32,
    /// The last segment.
    pub(super) tail: Piece,
    /// When the last segment has no block yet: the one before, and where its end mark is or should be.
    pub(super) before_tail: Option<(Position, usize)>,
    /// Everybody whose erasure was journaled.
    pub(super) erasures: Vec<Person>,
    /// When the last record was taken.
    pub(super) last_at: Timestamp,
}

/// One segment as it was read.
pub(super) struct Piece {
    pub(super) first: Position,
    /// Its bytes; of the last segment alone.
    pub(super) bytes: Vec<u8>,
    /// Behind the last whole block.
    pub(super) offset: usize,
    /// The position after the last whole record, those of a torn block included.
    pub(super) next: Position,
    /// The last whole block: where it begins, where it ends, what it is.
    pub(super) last_block: Option<(usize, usize, BlockKind)>,
    /// The block of a write that broke off: how many of its records are whole, and where they end.
    pub(super) torn: Option<(u32, usize)>,
}

impl Piece {
    fn has_ended(&self) -> bool {
        matches!(self.last_block, Some((_, _, BlockKind::Ended)))
    }

    /// Whether the journal was closed in order here.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.last_block, Some((_, _, BlockKind::Closed))) && self.torn.is_none()
    }

    fn is_empty(&self) -> bool {
        self.last_block.is_none() && self.torn.is_none()
    }

    /// Where the end mark is or should be.
    fn mark_at(&self) -> usize {
        match self.last_block {
            Some((at, _, BlockKind::Ended)) => at,
            _ => self.offset,
        }
    }
}

/// Reads the segments that begin at `firsts`, in order; at least one.
pub(super) fn scan(storage: &dyn Storage, vault: &Vault, firsts: &[Position]) -> Result<Scan, OpenError> {
    let mut scanner = Scanner::new(storage, vault);
    let mut before: Option<Piece> = None;
    let mut before_tail = None;
    for (index, first) in firsts.iter().enumerate() {
        let is_last = index + 1 == firsts.len();
        let piece = scanner.piece(*first, is_last)?;
        if let Some(before) = &before {
            check_joint(before, &piece, is_last)?;
            before_tail = piece.is_empty().then(|| (before.first, before.mark_at()));
        }
        before = Some(piece);
    }
    let Some(tail) = before else {
        let why = "there is a vault with people, and no segment".to_owned();
        let file = names::segment(Position(1));
        return Err(OpenError::Missing { file, why });
    };
    if tail.has_ended() {
        let why = format!("{} says that the journal goes on there", names::segment(tail.first));
        let file = names::segment(tail.next);
        return Err(OpenError::Missing { file, why });
    }
    Ok(Scan {
        segments: scanner.segments,
        generation: scanner.generation,
        tail,
        before_tail,
        erasures: scanner.erasures,
        last_at: scanner.last_at,
    })
}

/// Whether `next` goes on where `before` ends.
fn check_joint(before: &Piece, next: &Piece, is_last: bool) -> Result<(), OpenError> {
    let file = names::segment(before.first);
    if !before.has_ended() {
        // The next segment is durable before this one is ended, and gets its first block after that.
        if is_last && next.is_empty() && next.first >= before.next {
            return Ok(());
        }
        return Err(OpenError::Damaged {
            file,
            offset: before.offset as u64,
            found: "it has no end mark, and segments follow it".to_owned(),
        });
    }
    if next.first == before.next {
        return Ok(());
    }
    let why = format!("{file} says that the journal goes on at position {}", before.next.0);
    Err(if next.first > before.next {
        let file = names::segment(before.next);
        OpenError::Missing { file, why }
    } else {
        let file = names::segment(next.first);
        OpenError::OutOfPlace { file, why }
    })
}

struct Scanner<'a> {
    storage: &'a dyn Storage,
    vault: &'a Vault,
    segments: Vec<Segment>,
    generation: u32,
    erasures: Vec<Person>,
    last_at: Timestamp,
}

impl<'a> Scanner<'a> {
    const fn new(storage: &'a dyn Storage, vault: &'a Vault) -> Self {
        Self {
            storage,
            vault,
            segments: Vec::new(),
            generation: 0,
            erasures: Vec::new(),
            last_at: Timestamp::from_micros(0),
        }
    }

    fn piece(&mut self, first: Position, is_last: bool) -> Result<Piece, OpenError> {
        let name = names::segment(first);
        let bytes = read(self.storage, &name)?;
        let header = header(&name, &bytes, self.vault, first)?;
        self.generation = self.generation.max(header.generation);
        let mut walk = Walk::new(&bytes, header.journal, first);
        let mut torn = None;
        let mut next_of_torn = None;
        let mut content = Content::default();
        loop {
            match walk.step(&mut |position, record| content.see(position, &record)) {
                Ok(Some(block)) => self.generation = self.generation.max(block.generation),
                Ok(None) => break,
                Err(bad) if is_last && walk.is_torn(&bad) => {
                    next_of_torn = Some(Position(walk.next().0 + u64::from(bad.whole_count)));
                    torn = Some((
                        bad.whole_count + u32::from(planted(Bug::TornRecordCounted)),
                        bad.whole_end,
                    ));
                    break;
                }
                Err(bad) => return Err(damaged(name, bad)),
            }
        }
        self.take(&name, first, content)?;
        let last_block = walk
            .last()
            .map(|(at, block)| (at, at + block.sectors_len(), block.kind));
        Ok(Piece {
            first,
            offset: walk.offset(),
            next: next_of_torn.unwrap_or(walk.next()),
            last_block,
            torn,
            bytes: if is_last { bytes } else { Vec::new() },
        })
    }

    fn take(&mut self, name: &str, first: Position, content: Content) -> Result<(), OpenError> {
        if let Some((position, person)) = content.people.iter().find(|(_, person)| !self.vault.has_had(*person)) {
            let why = format!(
                "position {} in {name} names a person whom it has never had (slot {}); it may be an old copy",
                position.0, person.number
            );
            let file = names::PEOPLE.to_owned();
            return Err(OpenError::OutOfPlace { file, why });
        }
        self.last_at = self.last_at.max(content.last_at);
        self.erasures.extend(content.erasures);
        self.segments.push(Segment {
            first,
            last_at: content.last_at,
        });
        Ok(())
    }
}

/// What the records of a segment tell a scan.
#[derive(Default)]
struct Content {
    last_at: Timestamp,
    erasures: Vec<Person>,
    /// The latest birth of each slot that is named, neighbours merged.
    people: Vec<(Position, Person)>,
}

impl Content {
    fn see(&mut self, position: Position, record: &Record<'_>) {
        self.last_at = self.last_at.max(record.at);
        let Some(person) = record.subject else { return };
        // A person's first record is of this kind, so the others need no look.
        if record.kind == RecordKind::Person {
            self.people.push((position, person));
        }
        if record.kind == RecordKind::Erasure {
            self.erasures.push(person);
        }
    }
}

/// Reads a segment's file.
pub(super) fn read(storage: &dyn Storage, name: &str) -> Result<Vec<u8>, OpenError> {
    let file = storage.open(name, Access::Read).map_err(io_error("open", name))?;
    read_all(file.as_ref(), SEGMENT_LEN_MAX).map_err(io_error("read", name))
}

/// The header of a segment, if it is this journal's and where its name says.
fn header(name: &str, bytes: &[u8], vault: &Vault, first: Position) -> Result<Header, OpenError> {
    let header = Header::decode(FileKind::Segment, bytes).map_err(|bad| bad_header(name, bad))?;
    let file = name.to_owned();
    if header.journal != vault.journal() {
        return Err(OpenError::Foreign { file });
    }
    if header.position != first {
        let why = format!("it says that it begins at position {}", header.position.0);
        return Err(OpenError::OutOfPlace { file, why });
    }
    Ok(header)
}

fn damaged(file: String, bad: Bad) -> OpenError {
    OpenError::Damaged {
        file,
        offset: bad.offset as u64,
        found: bad.found,
    }
}
