//! The files that the journal lives in, as little of them as it needs.
//!
//! Everything that the journal knows of a disk goes through [`Storage`], so that the same code runs on a real directory
//! ([`Directory`]), on one that loses its power at any moment ([`PowerLoss`]), and on one whose n-th operation fails
//! ([`Failing`]). What a write means is said here once: bytes written are there for a reader at once, survive the power
//! only after `sync_data`, and until then each sector of 512 bytes may be the old or the new one. A name that was made,
//! renamed or removed survives only after `sync_directory`.

mod directory;
mod failing;
mod power_loss;

use std::io;

pub use directory::Directory;
pub use failing::{Failing, Fault};
pub use power_loss::{Disk, Operation, PowerLoss, Tail};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To read and write what is there.
    Write,
    /// To read and write an empty file; one that is there is emptied.
    Create,
}

/// A flat folder of files.
pub trait Storage: Send + Sync {
    /// The names of its files, in any order.
    ///
    /// # Errors
    /// When the system says no.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file.
    ///
    /// # Errors
    /// When it is not there, or the system says no.
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn File>>;

    /// Gives a file another name, and replaces what had it.
    ///
    /// # Errors
    /// When the system says no.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the system says no.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names durable.
    ///
    /// # Errors
    /// When the system says no. Nothing may be taken for durable after that.
    fn sync_directory(&self) -> io::Result<()>;

    /// Keeps every other process out for as long as the answer lives.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process is in.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;

    /// Whether nobody but the owner may read a file.
    ///
    /// # Errors
    /// When the system says no.
    fn is_private(&self, name: &str) -> io::Result<bool>;
}

/// An open file.
pub trait File: Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// When the system says no.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// When the system says no.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Reads what is there from `offset`; returns how many bytes, 0 at the end.
    ///
    /// # Errors
    /// When the system says no.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes`; the file grows when they end behind it.
    ///
    /// # Errors
    /// When the system says no; some of them may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable.
    ///
    /// # Errors
    /// When the system says no. Nothing may be taken for durable after that, not even by a second try.
    fn sync_data(&self) -> io::Result<()>;
}

/// Reads a whole file, of at most `len_max` bytes.
///
/// # Errors
/// When it is longer, or the system says no.
pub(super) fn read_all(file: &dyn File, len_max: u64) -> io::Result<Vec<u8>> {
    let len = file.len()?;
    if len > len_max {
        let sentence = format!("it has {len} bytes, and {len_max} are the most");
        return Err(io::Error::new(io::ErrorKind::InvalidData, sentence));
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let read = read_full(file, 0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Fills `into` as far as the file reaches; returns how far.
///
/// # Errors
/// When the system says no.
pub(super) fn read_full(file: &dyn File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset + done as u64, rest)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}
