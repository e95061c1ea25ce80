//! A hub's buffer on disk: what was heard and not yet acknowledged outlives the process.
//!
//! The buffer itself is the outbox, in memory; the store follows it. Every sighting is appended to the last file before
//! it can be sent, and every acknowledgement after it was heard; a file whose sightings are all gone is deleted. When a
//! hub starts again, the files give the outbox back, with the boot epoch and the numbers it had, so that the gateway
//! takes each sighting once. A start writes what it found into one new file (flag "whole" in [`segment`]), and so does a
//! new boot epoch, and the first success after an error.
//!
//! A killed process loses nothing that was pushed: the kernel has it. A power cut loses what the kernel had not yet
//! written, some seconds; files are synced when they are full, not for each sighting, which would wear out a memory card.
//! If the gateway has taken more than the disk knows, the hub goes on in a new boot epoch.
//!
//! Times are kept on the hub's clock, with the machine's uptime and wall clock beside it once per file, so that the age
//! of a sighting is right after a restart, and after a reboot as right as the wall clock.

mod recovery;
mod segment;

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;

use self::{
    recovery::Recovered,
    segment::{Header, Mark},
};
use super::{outbox::Outbox, shared::millis};

/// A file is full beyond this many bytes, about 25,000 sightings; a bigger one would be deleted later.
pub const STORE_FILE_LEN_MAX: u64 = 1 << 20;
/// How long to wait after an error of the disk before it is tried again, in seconds.
pub const STORE_RETRY_S: u64 = 10;

/// The machine's clocks, read together. The ages of stored sightings are right when they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClockReading {
    /// Changes with every boot of the machine. All zero: unknown.
    pub boot_id: [u8; 16],
    /// Milliseconds since the machine booted.
    pub uptime_ms: u64,
    /// Milliseconds since 1970-01-01 UTC. 0: the machine does not know.
    pub unix_ms: u64,
}

/// A hub's buffer on disk could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Two hubs would send the same sightings.
    #[error("the buffer {path} is in use by another process; expected a folder of its own for each hub")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The folder can't be read or written.
    #[error("the buffer {path} cannot be used: {reason}; expected a folder that this user may write")]
    Unusable {
        /// The folder or a file in it.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// A hub's buffer on disk, opened by one process.
#[derive(Debug)]
pub struct OutboxStore {
    dir: PathBuf,
    /// Held open: the lock goes with the process, however it ends.
    _lock: File,
    clock: ClockReading,
    boot_epoch: u64,
    recovered: Option<Recovered>,
    /// The hub's clock when the process started, in milliseconds.
    hub_ms: u64,
    /// Oldest first; sightings are appended to the last.
    files: VecDeque<Stored>,
    last: Option<File>,
    last_len: u64,
    next_number: u64,
    scratch: Vec<u8>,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Stored {
    number: u64,
    /// The sequence after its last sighting.
    end: u64,
}

#[derive(Debug)]
struct Failure {
    sentence: String,
    retry_at: Duration,
}

impl OutboxStore {
    /// Opens the folder, which is made if need be, and reads what it holds. `new_boot_epoch` is for an empty one.
    ///
    /// # Errors
    /// [`StoreError`] when another process has it, or it can't be read or written.
    pub fn open(dir: &Path, new_boot_epoch: u64, clock: ClockReading) -> Result<Self, StoreError> {
        let unusable = |error: io::Error| unusable(dir, &error);
        fs::create_dir_all(dir).map_err(unusable)?;
        let lock = File::create(dir.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { path: dir.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let numbers = numbers(dir).map_err(unusable)?;
        let paths = numbers.iter().map(|number| path(dir, *number));
        let recovered = Recovered::read(paths, new_boot_epoch, &clock).map_err(unusable)?;
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
            clock,
            boot_epoch: recovered.boot_epoch,
            hub_ms: recovered.age_ms_max(),
            recovered: Some(recovered),
            next_number: numbers.last().map_or(0, |last| last + 1),
            files: numbers.into_iter().map(|number| Stored { number, end: 0 }).collect(),
            last: None,
            last_len: 0,
            scratch: Vec::new(),
            failure: None,
        })
    }

    /// The boot epoch of what it holds.
    pub fn boot_epoch(&self) -> u64 {
        self.boot_epoch
    }

    /// Sightings that were found; 0 once a client has taken them.
    pub fn recovered_len(&self) -> usize {
        self.recovered.as_ref().map_or(0, |recovered| recovered.held.len())
    }

    /// Puts what was found into an outbox that is empty, and begins to follow it; gives the hub's clock.
    pub(super) fn recover(&mut self, outbox: &mut Outbox) -> Duration {
        let hub_clock = Duration::from_millis(self.hub_ms);
        if let Some(recovered) = self.recovered.take() {
            let held = recovered.held.into_iter().map(|(age_ms, sighting)| {
                let age = Duration::from_millis(age_ms);
                (hub_clock.saturating_sub(age), sighting)
            });
            outbox.recover(recovered.mark.oldest, recovered.mark.dropped, held);
        }
        self.begin(hub_clock, outbox);
        hub_clock
    }

    /// What the disk said last, when it does not follow the outbox.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.sentence.as_str())
    }

    /// The newest sighting of the outbox has just come.
    pub(super) fn pushed(&mut self, now: Duration, outbox: &Outbox) {
        if self.is_resting(now, outbox) {
            return;
        }
        let Some((heard_at, sighting)) = outbox.held().next_back() else {
            return;
        };
        self.scratch.clear();
        segment::write_sighting(&mut self.scratch, millis(heard_at), sighting);
        if self.append(now) {
            if let Some(last) = self.files.back_mut() {
                last.end = outbox.next_sequence();
            }
            self.rotate(now, outbox);
        }
    }

    /// Some of the outbox's oldest have gone.
    pub(super) fn moved(&mut self, now: Duration, outbox: &Outbox) {
        if self.is_resting(now, outbox) {
            return;
        }
        self.scratch.clear();
        segment::write_mark(&mut self.scratch, mark(outbox));
        if self.append(now) {
            self.delete_passed(outbox.oldest_sequence());
            self.rotate(now, outbox);
        }
    }

    /// Everything held has another boot epoch.
    pub(super) fn restart(&mut self, now: Duration, boot_epoch: u64, outbox: &Outbox) {
        self.boot_epoch = boot_epoch;
        self.begin(now, outbox);
    }

    /// After an error: true until the disk has everything again.
    fn is_resting(&mut self, now: Duration, outbox: &Outbox) -> bool {
        let Some(failure) = &self.failure else { return false };
        if now >= failure.retry_at {
            // The new file has what has just come, too.
            self.begin(now, outbox);
        }
        true
    }

    /// Writes everything held into a new file, and forgets all others.
    fn begin(&mut self, now: Duration, outbox: &Outbox) {
        self.scratch.clear();
        self.header(true, outbox.oldest_sequence(), outbox)
            .write(&mut self.scratch);
        for (heard_at, sighting) in outbox.held() {
            segment::write_sighting(&mut self.scratch, millis(heard_at), sighting);
        }
        match self.create(outbox.next_sequence()) {
            Ok(()) => {
                self.failure = None;
                while self.files.len() > 1 {
                    self.delete_first();
                }
            }
            Err(error) => self.failed(now, &error),
        }
    }

    fn rotate(&mut self, now: Duration, outbox: &Outbox) {
        if self.last_len < STORE_FILE_LEN_MAX {
            return;
        }
        self.scratch.clear();
        self.header(false, outbox.next_sequence(), outbox)
            .write(&mut self.scratch);
        let synced = self.last.as_ref().map_or(Ok(()), File::sync_data);
        match synced.and_then(|()| self.create(outbox.next_sequence())) {
            Ok(()) => self.delete_passed(outbox.oldest_sequence()),
            Err(error) => self.failed(now, &error),
        }
    }

    fn header(&self, is_whole: bool, first_sequence: u64, outbox: &Outbox) -> Header {
        Header {
            is_whole,
            boot_epoch: self.boot_epoch,
            first_sequence,
            mark: mark(outbox),
            hub_ms: self.hub_ms,
            clock: self.clock,
        }
    }

    /// Makes a file of what is in the scratch: it appears under its name whole, or not at all.
    fn create(&mut self, end: u64) -> io::Result<()> {
        let unnamed = self.dir.join("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unnamed)?;
        file.write_all(&self.scratch)?;
        file.sync_data()?;
        fs::rename(&unnamed, path(&self.dir, self.next_number))?;
        self.last = Some(file);
        self.last_len = self.scratch.len() as u64;
        self.files.push_back(Stored {
            number: self.next_number,
            end,
        });
        self.next_number += 1;
        Ok(())
    }

    /// Appends the scratch with one call of the system; false when the disk refused.
    fn append(&mut self, now: Duration) -> bool {
        let Some(last) = self.last.as_mut() else { return false };
        match last.write_all(&self.scratch) {
            Ok(()) => {
                self.last_len += self.scratch.len() as u64;
                true
            }
            Err(error) => {
                self.failed(now, &error);
                false
            }
        }
    }

    fn failed(&mut self, now: Duration, error: &io::Error) {
        // Half a record may lie at the end: nothing more goes behind it.
        self.last = None;
        self.failure = Some(Failure {
            sentence: unusable(&self.dir, error).to_string(),
            retry_at: now + Duration::from_secs(STORE_RETRY_S),
        });
    }

    fn delete_passed(&mut self, oldest: u64) {
        while self.files.len() > 1 && self.files.front().is_some_and(|file| file.end <= oldest) {
            self.delete_first();
        }
    }

    fn delete_first(&mut self) {
        if let Some(file) = self.files.pop_front() {
            // One that stays is void to the next start: its sightings are acknowledged, or in a later file.
            let _gone = fs::remove_file(path(&self.dir, file.number));
        }
    }
}

fn mark(outbox: &Outbox) -> Mark {
    Mark {
        oldest: outbox.oldest_sequence(),
        dropped: outbox.statistics().dropped,
    }
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.sightings"))
}

/// The numbers of the folder's files, in the order in which they were made.
fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".sightings"));
        numbers.extend(number.and_then(|number| u64::from_str_radix(number, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests;
