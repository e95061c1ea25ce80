//! The file of the vault: a header, and slots that are written where they stand.

use std::io;

use zeroize::Zeroizing;

use super::slot::{SLOT_LEN, Slot, State};
use super::{PeopleCounts, Table, Vault};
use crate::journal::format::{FileKind, Header, JournalId, SECTOR_LEN};
use crate::journal::names;
use crate::journal::refusal::{OpenError, bad_header, io_error};
use crate::journal::storage::{Access, File, Storage, read_all};

/// The file grows by this many slots at a time, in zeros: 64 KiB.
const SLOTS_PER_GROWTH: u32 = 1_024;
/// The longest file: its header and 2^32 slots.
const FILE_LEN_MAX: u64 = SECTOR_LEN as u64 + (SLOT_LEN as u64) * (1 << 32);

/// Makes an empty vault.
pub(in crate::journal) fn create(
    storage: &dyn Storage,
    journal: JournalId,
    epoch_unix_ms: u64,
    people_max: u32,
) -> io::Result<Vault> {
    write_new(storage, journal, epoch_unix_ms, &[])?;
    let file = storage.open(names::PEOPLE, Access::Write)?;
    Ok(Vault::new(journal, file, people_max, table(people_max)))
}

/// Opens the vault that is there; returns its header too.
pub(in crate::journal) fn open(storage: &dyn Storage, people_max: u32) -> Result<(Vault, Header), OpenError> {
    let name = names::PEOPLE;
    let file = storage.open(name, Access::Write).map_err(io_error("open", name))?;
    if !storage.is_private(name).map_err(io_error("look at", name))? {
        return Err(OpenError::Readable { file: name.to_owned() });
    }
    let bytes = Zeroizing::new(read_all(file.as_ref(), FILE_LEN_MAX).map_err(io_error("read", name))?);
    let header = Header::decode(FileKind::People, &bytes).map_err(|bad| bad_header(name, bad))?;
    let mut table = table(people_max);
    each_slot(header.journal, &bytes, |number, slot| {
        let slot = slot.ok_or_else(|| OpenError::Damaged {
            file: name.to_owned(),
            offset: offset(number),
            found: format!("the slot {number} does not fit its checksum"),
        })?;
        if slot.state == State::Erased {
            table.free.push_back(number);
        }
        table.slots.push(slot);
        Ok(())
    })?;
    table.file_slots = u32::try_from(table.slots.len()).unwrap_or(u32::MAX);
    let used = table.slots.iter().rposition(|slot| slot.state != State::Empty);
    table.slots.truncate(used.map_or(0, |last| last + 1));
    if table.slots.iter().any(|slot| slot.state == State::Empty) {
        // A key that was made and never written down: no durable record names its owner.
        let vacant = (0_u32..)
            .zip(&table.slots)
            .filter(|(_, slot)| slot.state == State::Empty);
        let vacant: Vec<_> = vacant.map(|(number, _)| number).collect();
        table.free.extend(vacant);
    }
    Ok((Vault::new(header.journal, file, people_max, table), header))
}

/// Counts the people of a vault without opening it to be used; the second number counts damaged slots.
pub(in crate::journal) fn survey(storage: &dyn Storage) -> Result<(Header, PeopleCounts, u32), OpenError> {
    let name = names::PEOPLE;
    let file = storage.open(name, Access::Read).map_err(io_error("open", name))?;
    let bytes = Zeroizing::new(read_all(file.as_ref(), FILE_LEN_MAX).map_err(io_error("read", name))?);
    let header = Header::decode(FileKind::People, &bytes).map_err(|bad| bad_header(name, bad))?;
    let mut damaged = 0;
    let mut table = Table::default();
    each_slot(header.journal, &bytes, |_, slot| {
        damaged += u32::from(slot.is_none());
        table.slots.push(slot.unwrap_or_default());
        Ok(())
    })?;
    Ok((header, table.counts(), damaged))
}

/// Copies the vault to an empty storage; a damaged slot becomes a retired one.
pub(in crate::journal) fn copy(from: &dyn Storage, to: &dyn Storage) -> Result<Header, OpenError> {
    let name = names::PEOPLE;
    let file = from.open(name, Access::Read).map_err(io_error("open", name))?;
    let bytes = Zeroizing::new(read_all(file.as_ref(), FILE_LEN_MAX).map_err(io_error("read", name))?);
    let header = Header::decode(FileKind::People, &bytes).map_err(|bad| bad_header(name, bad))?;
    let mut slots = Zeroizing::new(Vec::with_capacity(bytes.len()));
    each_slot(header.journal, &bytes, |number, slot| {
        let retired = Slot {
            state: State::Retired,
            ..Slot::default()
        };
        let slot = slot.unwrap_or(retired);
        if slot.state == State::Empty {
            let len = slots.len() + SLOT_LEN;
            slots.resize(len, 0);
        } else {
            slot.encode(header.journal, number, &mut slots);
        }
        Ok(())
    })?;
    write_new(to, header.journal, header.epoch_unix_ms, &slots).map_err(io_error("write", name))?;
    Ok(header)
}

/// Writes the slots that changed and syncs the file, if there are any.
pub(super) fn write_changed(vault: &Vault) -> io::Result<()> {
    let (first_write, writes) = {
        let mut table = vault.write();
        let mut changed = std::mem::take(&mut table.changed);
        changed.sort_unstable();
        changed.dedup();
        let Some(last) = changed.last() else { return Ok(()) };
        (table.grow(*last), table.runs(vault.journal, &changed))
    };
    for (number, bytes) in first_write.into_iter().chain(writes) {
        vault.file.write_at(offset(number), &bytes)?;
    }
    vault.file.sync_data()
}

impl Table {
    /// Zeros for the file when it ends before the slot `last`.
    fn grow(&mut self, last: u32) -> Option<(u32, Zeroizing<Vec<u8>>)> {
        let from = self.file_slots;
        if last < from {
            return None;
        }
        let to = (last / SLOTS_PER_GROWTH)
            .saturating_add(1)
            .saturating_mul(SLOTS_PER_GROWTH);
        self.file_slots = to;
        Some((
            from,
            Zeroizing::new(vec![0; to.saturating_sub(from) as usize * SLOT_LEN]),
        ))
    }

    /// The changed slots, neighbours in one piece.
    fn runs(&self, journal: JournalId, changed: &[u32]) -> Vec<(u32, Zeroizing<Vec<u8>>)> {
        let runs = changed.chunk_by(|one, next| next - one == 1);
        let encode = |run: &[u32]| {
            let mut bytes = Zeroizing::new(Vec::with_capacity(run.len() * SLOT_LEN));
            for number in run {
                if let Some(slot) = self.slots.get(*number as usize) {
                    slot.encode(journal, *number, &mut bytes);
                }
            }
            Some((*run.first()?, bytes))
        };
        runs.filter_map(encode).collect()
    }
}

fn table(people_max: u32) -> Table {
    // Reserved, not touched: growing a table of keys would leave copies of them behind.
    Table {
        slots: Vec::with_capacity(people_max as usize),
        ..Table::default()
    }
}

fn each_slot(
    journal: JournalId,
    bytes: &[u8],
    mut visit: impl FnMut(u32, Option<Slot>) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let slots = bytes.get(SECTOR_LEN..).unwrap_or_default();
    for (number, bytes) in (0_u32..).zip(slots.chunks(SLOT_LEN)) {
        visit(number, Slot::decode(journal, number, bytes))?;
    }
    Ok(())
}

/// Writes a vault beside its name and moves it there.
fn write_new(storage: &dyn Storage, journal: JournalId, epoch_unix_ms: u64, slots: &[u8]) -> io::Result<()> {
    let header = Header {
        kind: FileKind::People,
        generation: 0,
        journal,
        position: crate::journal::Position(0),
        epoch_unix_ms,
    };
    let file: Box<dyn File> = storage.open(names::PEOPLE_NEW, Access::Create)?;
    file.write_at(0, &header.encode())?;
    file.write_at(SECTOR_LEN as u64, slots)?;
    file.sync_data()?;
    storage.rename(names::PEOPLE_NEW, names::PEOPLE)?;
    storage.sync_directory()
}

const fn offset(number: u32) -> u64 {
    SECTOR_LEN as u64 + number as u64 * SLOT_LEN as u64
}
