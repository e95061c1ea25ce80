//! Opening a journal: lock, read, refuse or repair, finish what a crash cut short, go on.
//!
//! Whatever cannot be what was written is refused with the name of the file and the place in it, before anything is
//! changed. Positions that were given and not durable when the journal stopped are never given again: unless it was closed
//! in order, it goes on [`POSITIONS_SKIPPED`] later.

use std::fmt;
use std::io;
use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::embedded::{Committer, Embedded};
use super::format::{JournalId, SECTOR_LEN};
use super::names::{self, Named};
use super::queue::QUEUE_LEN_MAX;
use super::refusal::{OpenError, io_error};
use super::repair::repair;
use super::scan::{Scan, scan};
use super::snapshot;
use super::storage::Storage;
use super::vault::{self, Vault};
use super::writer::{End, Identity, Spare, Writer};
use super::{Position, SEGMENT_LEN_MAX};
use crate::model::Timestamp;

/// As many positions as could have been given and lost: a queue, and a batch that was being written.
const POSITIONS_SKIPPED: u64 = 2 * QUEUE_LEN_MAX as u64;
/// Stray files that are named; the others are counted.
const STRAYS_LEN_MAX: usize = 8;

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of a segment, a multiple of 512. Larger ones are begun less often; opening reads one of them at a time into
    /// memory. 64 MiB by default.
    pub segment_len: u64,
    /// Bytes of records that may wait to be written, less than a segment. There are two such buffers. 8 MiB by default.
    pub queue_bytes_max: u64,
    /// Segments that no snapshot needs are kept until their last record is this much older than the newest, in
    /// milliseconds. 0 by default: what is not needed is not kept.
    pub retention_ms: u64,
    /// People that may have a key at a time. 1,000,000 by default; 40 bytes of memory each.
    pub people_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_len: 64 << 20,
            queue_bytes_max: 8 << 20,
            retention_ms: 0,
            people_max: 1_000_000,
        }
    }
}

impl Settings {
    /// The most memory that a journal takes, in bytes.
    #[must_use]
    pub const fn memory_max(&self) -> u64 {
        let wakers = 4 * QUEUE_LEN_MAX as u64 * 32;
        2 * self.queue_bytes_max + self.people_max as u64 * 40 + self.segment_len + wakers
    }

    pub(super) fn check(&self) -> Result<(), OpenError> {
        let sentence = if !self.segment_len.is_multiple_of(SECTOR_LEN as u64) || self.segment_len > SEGMENT_LEN_MAX {
            "a segment's length is a multiple of 512 bytes, and 1 GiB at most"
        } else if self.queue_bytes_max < 1_024 || self.queue_bytes_max + 4 * SECTOR_LEN as u64 > self.segment_len {
            "a queue has 1,024 bytes at least, and 2,048 less than a segment at most"
        } else {
            return Ok(());
        };
        Err(OpenError::Settings(sentence))
    }
}

/// A journal that is open.
pub struct Opened {
    /// The journal. Nothing is written before it is started, or told to commit.
    pub journal: Arc<Embedded>,
    /// The keys of people.
    pub vault: Arc<Vault>,
    /// Milliseconds from 1970 to the zero of the journal's clock.
    pub epoch_unix_ms: u64,
    /// When the last record that is there was taken.
    pub last_at: Timestamp,
    /// What somebody should know.
    pub warnings: Vec<Warning>,
}

/// What somebody should know about a journal that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A file that is not the journal's.
    Stray(String),
    /// More of them.
    Strays(usize),
    /// The last write had broken off; nothing of it was acknowledged.
    Cut {
        /// The segment.
        file: String,
        /// Where what is left ends, in bytes.
        offset: u64,
        /// Bytes that were cut.
        len: usize,
    },
    /// A snapshot is damaged, and another is used.
    SnapshotDamaged(String),
    /// Erasures that a crash had cut short are finished.
    ErasuresFinished(usize),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stray(name) => write!(f, "{name:?} is not the journal's, and is left alone"),
            Self::Strays(count) => write!(f, "{count} more files are not the journal's, and are left alone"),
            Self::Cut { file, offset, len } => write!(
                f,
                "the last write to {file} had broken off: {len} bytes were cut at byte {offset}; nothing in them was acknowledged"
            ),
            Self::SnapshotDamaged(why) => write!(f, "{why}. It is left out"),
            Self::ErasuresFinished(count) => write!(f, "{count} erasures that a crash had cut short are finished"),
        }
    }
}

/// Opens the journal in `storage`, or makes one when there is none. `unix_ms`, the milliseconds since 1970, becomes the
/// zero of the clock of a new one.
///
/// # Errors
/// [`OpenError`]; nothing was changed unless the system said no while it was repaired.
pub fn open(storage: Arc<dyn Storage>, settings: &Settings, unix_ms: u64) -> Result<Opened, OpenError> {
    settings.check()?;
    let lock = storage.lock().map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            return OpenError::InUse;
        }
        io_error("lock", "journal.lock")(error)
    })?;
    let listing = Listing::read(storage.as_ref())?;
    let opening = Opening {
        spare: Arc::new(Spare::new(Arc::clone(&storage), usize_of(settings.segment_len))),
        storage,
        settings: *settings,
        warnings: listing.warnings(),
        lock,
    };
    if listing.has_people {
        opening.go_on(&listing)
    } else if listing.segments.is_empty() && listing.snapshots.is_empty() {
        opening.make(unix_ms)
    } else {
        let why = "there are segments or snapshots, and nobody can read them without it".to_owned();
        let file = names::PEOPLE.to_owned();
        Err(OpenError::Missing { file, why })
    }
}

/// The files of a journal.
pub(super) struct Listing {
    pub(super) segments: Vec<Position>,
    pub(super) snapshots: Vec<Position>,
    pub(super) has_people: bool,
    /// Left over from something that did not come to its end.
    pub(super) unfinished: Vec<String>,
    pub(super) strays: Vec<String>,
}

impl Listing {
    pub(super) fn read(storage: &dyn Storage) -> Result<Self, OpenError> {
        let mut listing = Self {
            segments: Vec::new(),
            snapshots: Vec::new(),
            has_people: false,
            unfinished: Vec::new(),
            strays: Vec::new(),
        };
        for name in storage.list().map_err(io_error("list", "the directory"))? {
            match names::read(&name) {
                Named::Segment(first) => listing.segments.push(first),
                Named::Snapshot(through) => listing.snapshots.push(through),
                Named::People => listing.has_people = true,
                Named::Unfinished => listing.unfinished.push(name),
                Named::Stray => listing.strays.push(name),
            }
        }
        listing.segments.sort_unstable();
        listing.snapshots.sort_unstable();
        listing.strays.sort_unstable();
        Ok(listing)
    }

    fn warnings(&self) -> Vec<Warning> {
        let named = self.strays.iter().take(STRAYS_LEN_MAX);
        let mut warnings: Vec<_> = named.cloned().map(Warning::Stray).collect();
        let rest = self.strays.len().saturating_sub(STRAYS_LEN_MAX);
        warnings.extend((rest > 0).then_some(Warning::Strays(rest)));
        warnings
    }
}

struct Opening {
    storage: Arc<dyn Storage>,
    spare: Arc<Spare>,
    settings: Settings,
    warnings: Vec<Warning>,
    lock: Box<dyn Send + Sync>,
}

impl Opening {
    /// Makes a journal where none is.
    fn make(self, unix_ms: u64) -> Result<Opened, OpenError> {
        let mut id = [0; 16];
        let drawn = SystemRandom::new().fill(&mut id);
        drawn.map_err(|_| io_error("draw an id for", "the journal")(io::Error::other("no randomness")))?;
        let journal = JournalId(u128::from_le_bytes(id));
        let vault = vault::create(self.storage.as_ref(), journal, unix_ms, self.settings.people_max)
            .map_err(io_error("make", names::PEOPLE))?;
        self.begin(vault, unix_ms)
    }

    /// Begins the first segment.
    fn begin(self, vault: Vault, epoch_unix_ms: u64) -> Result<Opened, OpenError> {
        let identity = Identity {
            journal: vault.journal(),
            generation: 1,
            epoch_unix_ms,
        };
        let first = Position(1);
        let writer = Writer::begin(Arc::clone(&self.storage), Arc::clone(&self.spare), identity, first);
        let writer = writer.map_err(io_error("begin", &names::segment(first)))?;
        Ok(self.opened(writer, vault, Position(0), Vec::new(), Timestamp::default()))
    }

    /// Goes on with the journal that is there.
    fn go_on(mut self, listing: &Listing) -> Result<Opened, OpenError> {
        let (vault, header) = vault::open(self.storage.as_ref(), self.settings.people_max)?;
        if listing.segments.is_empty() && listing.snapshots.is_empty() && vault.is_unused() {
            return self.begin(vault, header.epoch_unix_ms);
        }
        let scan = scan(self.storage.as_ref(), &vault, &listing.segments)?;
        let snapshots = self.whole_snapshots(listing, &scan, vault.journal())?;
        let identity = Identity {
            journal: vault.journal(),
            generation: scan.generation.saturating_add(1),
            epoch_unix_ms: header.epoch_unix_ms,
        };
        let tail_name = names::segment(scan.tail.first);
        let (end, cut) = repair(self.storage.as_ref(), &scan, &identity, self.spare.len())
            .map_err(io_error("repair", &tail_name))?;
        if scan.tail.torn.is_some() {
            self.warnings.push(Warning::Cut {
                file: tail_name.clone(),
                offset: end.offset as u64,
                len: cut,
            });
        }
        self.finish_erasures(&vault, &scan)?;
        for name in &listing.unfinished {
            self.storage.remove(name).map_err(io_error("remove", name))?;
        }
        let last_at = scan.last_at;
        let (writer, last) = self
            .resume(scan, identity, &end)
            .map_err(io_error("go on with", &tail_name))?;
        Ok(self.opened(writer, vault, last, snapshots, last_at))
    }

    fn resume(&self, scan: Scan, identity: Identity, end: &End) -> io::Result<(Writer, Position)> {
        let skipped = if scan.tail.is_closed() { 0 } else { POSITIONS_SKIPPED };
        let next = Position(end.next.0.saturating_add(skipped));
        let storage = Arc::clone(&self.storage);
        let mut writer = Writer::resume(storage, Arc::clone(&self.spare), identity, scan.segments, end)?;
        writer.mark_opened(next)?;
        Ok((writer, Position(next.0 - 1)))
    }

    /// The snapshots that are whole, of which at least one is when there are any; and the segments reach back to it.
    fn whole_snapshots(
        &mut self,
        listing: &Listing,
        scan: &Scan,
        journal: JournalId,
    ) -> Result<Vec<Position>, OpenError> {
        let mut whole = Vec::new();
        let mut damage = None;
        for through in &listing.snapshots {
            if through.0 >= scan.tail.next.0 {
                let last = scan.tail.next.0 - 1;
                let why = format!("it folds more than the journal has, which ends at position {last}");
                let file = names::snapshot(*through);
                return Err(OpenError::OutOfPlace { file, why });
            }
            match snapshot::verify(self.storage.as_ref(), journal, *through) {
                Ok(_) => whole.push(*through),
                Err(error @ OpenError::Damaged { .. }) => {
                    self.warnings.push(Warning::SnapshotDamaged(error.to_string()));
                    damage = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        let reached = scan.segments.first().map_or(Position(1), |segment| segment.first);
        let needed = whole.last().map_or(Position(1), |through| Position(through.0 + 1));
        if reached > needed {
            let why = format!(
                "the journal begins at position {}, and nothing folds what was before",
                reached.0
            );
            let file = names::segment(needed);
            return Err(damage.unwrap_or(OpenError::Missing { file, why }));
        }
        Ok(whole)
    }

    /// Destroys the keys whose erasure is in the journal and was not finished.
    fn finish_erasures(&mut self, vault: &Vault, scan: &Scan) -> Result<(), OpenError> {
        let unfinished = scan.erasures.iter().filter(|person| vault.is_live(**person)).count();
        vault.erase(&scan.erasures).map_err(io_error("write", names::PEOPLE))?;
        if unfinished > 0 {
            self.warnings.push(Warning::ErasuresFinished(unfinished));
        }
        Ok(())
    }

    fn opened(
        self,
        writer: Writer,
        vault: Vault,
        last: Position,
        snapshots: Vec<Position>,
        last_at: Timestamp,
    ) -> Opened {
        let vault = Arc::new(vault);
        let epoch_unix_ms = writer.identity().epoch_unix_ms;
        let committer = Committer::new(writer, Arc::clone(&vault), self.spare);
        let journal = Embedded::new(committer, &self.settings, last, snapshots, self.lock);
        Opened {
            journal: Arc::new(journal),
            vault,
            epoch_unix_ms,
            last_at,
            warnings: self.warnings,
        }
    }
}

fn usize_of(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
