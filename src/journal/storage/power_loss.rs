//! Storage in memory that can lose its power between any two operations.
//!
//! [`Disk`] is the model: what a reader sees, what is durable, and what is in between. A loss of power keeps what is
//! durable and, of what is in between, nothing, a beginning, or any part by the sector ([`Tail`]). Names are treated alike:
//! one that was made, renamed or removed and not synced may be there or not. [`PowerLoss`] is that model behind
//! [`Storage`], and writes down each operation, so that a test can lose the power after every one of them in one run.
//!
//! Deliberately absent: sectors that come back as something nobody wrote. That is damage, and the journal refuses it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
#[expect(
    clippy::disallowed_types,
    reason = "a disk for tests: held for one operation in memory, and nobody else is waiting"
)]
use std::sync::Mutex;
use std::sync::MutexGuard;

use super::{Access, File, Storage};
use crate::journal::format::SECTOR_LEN;

/// One change, as a test replays it.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A file with no bytes got a name, or the one that has it was emptied.
    Create(String),
    /// Bytes were written to the file with this number, counted by creation.
    Write(usize, usize, Arc<[u8]>),
    /// A file was synced.
    Sync(usize),
    /// A file got another name.
    Rename(String, String),
    /// A file was removed.
    Remove(String),
    /// The names were synced.
    SyncDirectory,
}

/// What is left of the operations that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Lost,
    /// All names, and this many sectors in the order they were written.
    Torn(usize),
    /// Any part of the sectors and names, drawn from this seed.
    Reordered(u64),
}

/// The model of a disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<Image>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<NameChange>,
    pending_writes: Vec<(usize, usize, Arc<[u8]>)>,
}

#[derive(Clone, Debug, Default)]
struct Image {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// It was emptied since it was synced.
    was_emptied: bool,
}

#[derive(Clone, Debug)]
enum NameChange {
    Given(String, usize),
    Moved(String, String),
    Taken(String),
}

impl Disk {
    /// Does one operation.
    ///
    /// # Errors
    /// When it names a file that is not there.
    pub fn apply(&mut self, operation: &Operation) -> io::Result<()> {
        match operation {
            Operation::Create(name) => self.create(name)?,
            Operation::Write(file, offset, bytes) => {
                put(&mut self.file(*file)?.live, *offset, bytes);
                self.pending_writes.push((*file, *offset, Arc::clone(bytes)));
            }
            Operation::Sync(file) => {
                let image = self.file(*file)?;
                if std::mem::take(&mut image.was_emptied) {
                    image.durable.clear();
                }
                for (_, offset, bytes) in self.pending_writes.extract_if(.., |write| write.0 == *file) {
                    let image = self.files.get_mut(*file).ok_or(io::ErrorKind::NotFound)?;
                    put(&mut image.durable, offset, &bytes);
                }
            }
            Operation::Rename(from, to) => {
                self.number(from)?;
                self.change_name(NameChange::Moved(from.clone(), to.clone()));
            }
            Operation::Remove(name) => {
                self.number(name)?;
                self.change_name(NameChange::Taken(name.clone()));
            }
            Operation::SyncDirectory => {
                self.durable_names.clone_from(&self.names);
                self.pending_names.clear();
            }
        }
        Ok(())
    }

    /// Sectors that were written and not synced.
    #[must_use]
    pub fn pending_sectors(&self) -> usize {
        self.pending_writes.iter().flat_map(sectors).count()
    }

    /// The disk as it is found when the power comes back.
    #[must_use]
    pub fn after_loss(&self, tail: Tail) -> Self {
        let mut files: Vec<_> = self.files.iter().map(|file| file.durable.clone()).collect();
        let mut names = self.durable_names.clone();
        let mut coin = Coin::new(tail);
        for (bytes, image) in files.iter_mut().zip(&self.files) {
            if image.was_emptied && coin.keeps_name() {
                bytes.clear();
            }
        }
        for change in self.pending_names.iter().filter(|_| coin.keeps_name()) {
            change.apply(&mut names);
        }
        for (file, offset, bytes) in self.pending_writes.iter().flat_map(sectors) {
            if let Some(image) = files.get_mut(file).filter(|_| coin.keeps_sector()) {
                put(image, offset, bytes);
            }
        }
        let image = |bytes: Vec<u8>| Image {
            live: bytes.clone(),
            durable: bytes,
            was_emptied: false,
        };
        Self {
            files: files.into_iter().map(image).collect(),
            durable_names: names.clone(),
            names,
            ..Self::default()
        }
    }

    /// The bytes of a file, for a test to damage.
    pub fn bytes_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        let number = *self.names.get(name)?;
        self.files.get_mut(number).map(|file| &mut file.live)
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    fn number(&self, name: &str) -> io::Result<usize> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, number: usize) -> io::Result<&mut Image> {
        self.files.get_mut(number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let Some(number) = self.names.get(name).copied() else {
            self.files.push(Image::default());
            self.change_name(NameChange::Given(name.to_owned(), self.files.len() - 1));
            return Ok(());
        };
        let image = self.file(number)?;
        image.live.clear();
        image.was_emptied = true;
        self.pending_writes.retain(|write| write.0 != number);
        Ok(())
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Given(name, number) => {
                names.insert(name.clone(), *number);
            }
            Self::Moved(from, to) => {
                // The name to move may be one that the power took.
                if let Some(number) = names.remove(from) {
                    names.insert(to.clone(), number);
                }
            }
            Self::Taken(name) => {
                names.remove(name);
            }
        }
    }
}

/// Puts bytes into an image, which grows with zeros.
fn put(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    if let Some(place) = image.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

/// A write, by the sectors that it touches.
fn sectors(write: &(usize, usize, Arc<[u8]>)) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let (file, mut offset, bytes) = (write.0, write.1, &write.2);
    let mut rest: &[u8] = bytes;
    std::iter::from_fn(move || {
        let (sector, later) = rest.split_at_checked((SECTOR_LEN - offset % SECTOR_LEN).min(rest.len()))?;
        let item = (file, offset, sector);
        offset += sector.len();
        rest = later;
        (!sector.is_empty()).then_some(item)
    })
}

/// Says of each thing that was not synced whether it is left.
struct Coin {
    tail: Tail,
    state: u64,
}

impl Coin {
    fn new(tail: Tail) -> Self {
        let state = match tail {
            Tail::Lost => 0,
            Tail::Torn(sectors) => sectors as u64,
            Tail::Reordered(seed) => seed,
        };
        Self { tail, state }
    }

    fn keeps_name(&mut self) -> bool {
        match self.tail {
            Tail::Lost => false,
            Tail::Torn(_) => true,
            Tail::Reordered(_) => self.toss(),
        }
    }

    fn keeps_sector(&mut self) -> bool {
        match self.tail {
            Tail::Lost => false,
            Tail::Torn(_) => {
                let is_kept = self.state > 0;
                self.state = self.state.saturating_sub(1);
                is_kept
            }
            Tail::Reordered(_) => self.toss(),
        }
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn toss(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

/// A disk behind [`Storage`], with its history.
#[derive(Clone, Default)]
#[expect(clippy::disallowed_types, reason = "see the import")]
pub struct PowerLoss(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    disk: Disk,
    history: Vec<Operation>,
    is_locked: bool,
    is_readable_by_all: bool,
}

impl PowerLoss {
    /// Storage that holds what is on `disk`.
    #[must_use]
    pub fn with(disk: Disk) -> Self {
        let storage = Self::default();
        storage.state().disk = disk;
        storage
    }

    /// What is on it.
    #[must_use]
    pub fn disk(&self) -> Disk {
        self.state().disk.clone()
    }

    /// Every operation so far, in order.
    #[must_use]
    pub fn history(&self) -> Vec<Operation> {
        self.state().history.clone()
    }

    /// How many operations there were so far.
    #[must_use]
    pub fn history_len(&self) -> usize {
        self.state().history.len()
    }

    /// Lets everybody read its files, as a wrong `chmod` would.
    pub fn open_to_all(&self) {
        self.state().is_readable_by_all = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn apply(&self, operation: Operation) -> io::Result<()> {
        let mut state = self.state();
        state.disk.apply(&operation)?;
        state.history.push(operation);
        Ok(())
    }
}

impl Storage for PowerLoss {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().disk.names().map(ToOwned::to_owned).collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn File>> {
        if access == Access::Create {
            self.apply(Operation::Create(name.to_owned()))?;
        }
        let number = self.state().disk.number(name)?;
        let disk = self.clone();
        Ok(Box::new(OpenFile { disk, number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.apply(Operation::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.apply(Operation::Remove(name.to_owned()))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.apply(Operation::SyncDirectory)
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.state();
        if state.is_locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.is_locked = true;
        Ok(Box::new(Locked(self.clone())))
    }

    fn is_private(&self, _name: &str) -> io::Result<bool> {
        Ok(!self.state().is_readable_by_all)
    }
}

struct Locked(PowerLoss);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.state().is_locked = false;
    }
}

struct OpenFile {
    disk: PowerLoss,
    number: usize,
}

impl File for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().disk.file(self.number)?.live.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        let live = &state.disk.file(self.number)?.live;
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let there = live.get(from..).unwrap_or_default();
        let len = there.len().min(into.len());
        if let (Some(from), Some(into)) = (there.get(..len), into.get_mut(..len)) {
            into.copy_from_slice(from);
        }
        Ok(len)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.disk.apply(Operation::Write(self.number, offset, Arc::from(bytes)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.apply(Operation::Sync(self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> PowerLoss {
        let storage = PowerLoss::default();
        let file = storage.open("a", Access::Create).unwrap();
        file.write_at(0, &[1; 1_024]).unwrap();
        file.sync_data().unwrap();
        storage.sync_directory().unwrap();
        file.write_at(512, &[2; 1_024]).unwrap();
        storage
    }

    fn bytes_after(disk: &Disk, tail: Tail) -> Vec<u8> {
        disk.after_loss(tail).bytes_mut("a").unwrap().clone()
    }

    #[test]
    fn what_was_synced_is_left_and_the_rest_by_the_sector() {
        let disk = written().disk();
        assert_eq!(disk.pending_sectors(), 2);
        assert_eq!(bytes_after(&disk, Tail::Lost), [1; 1_024]);
        assert_eq!(bytes_after(&disk, Tail::Torn(1)), [[1; 512], [2; 512]].concat());
        assert_eq!(
            bytes_after(&disk, Tail::Torn(2)),
            [[1; 512], [2; 512], [2; 512]].concat()
        );
        let reordered: Vec<_> = (0..64).map(|seed| bytes_after(&disk, Tail::Reordered(seed))).collect();
        let only_later = [[1; 512], [1; 512], [2; 512]].concat();
        assert!(reordered.contains(&only_later), "a later sector may be left alone");
    }

    #[test]
    fn a_name_is_durable_when_the_directory_was_synced() {
        let storage = written();
        storage.rename("a", "b").unwrap();
        let lost = storage.disk().after_loss(Tail::Lost);
        assert_eq!(lost.names().collect::<Vec<_>>(), ["a"]);
        storage.sync_directory().unwrap();
        let kept = storage.disk().after_loss(Tail::Lost);
        assert_eq!(kept.names().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn the_lock_keeps_a_second_one_out() {
        let storage = PowerLoss::default();
        let first = storage.lock().unwrap();
        assert!(storage.lock().is_err());
        drop(first);
        assert!(storage.lock().is_ok());
    }
}
