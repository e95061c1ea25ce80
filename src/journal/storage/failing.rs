//! Storage whose n-th operation fails, for tests that ask what happens then.
//!
//! Only operations that change something count. After the fault the others succeed again: that is the trap of a second
//! sync which says yes without having written what the first one lost.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Access, File, Storage};
use crate::journal::format::SECTOR_LEN;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device says no.
    Device,
    /// The disk is full.
    Full,
    /// Half of the sectors are written, then the device says no.
    Short,
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Device | Self::Short => io::Error::other("the device failed (injected)"),
            Self::Full => io::Error::new(io::ErrorKind::StorageFull, "no space left on the device (injected)"),
        }
    }
}

/// Storage with one fault in it.
pub struct Failing {
    inner: Arc<dyn Storage>,
    countdown: Arc<Countdown>,
}

struct Countdown {
    done: AtomicU64,
    fails_at: u64,
    fault: Fault,
}

impl Failing {
    /// Lets the operation with the number `fails_at`, counted from 1, fail.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, fails_at: u64, fault: Fault) -> Self {
        let done = AtomicU64::new(0);
        let countdown = Countdown { done, fails_at, fault };
        Self {
            inner,
            countdown: Arc::new(countdown),
        }
    }

    /// Whether the fault has happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.operations() >= self.countdown.fails_at
    }

    /// Operations so far that change something.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.countdown.done.load(Ordering::Relaxed)
    }
}

impl Countdown {
    fn step(&self) -> io::Result<()> {
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if number == self.fails_at {
            return Err(self.fault.error());
        }
        Ok(())
    }
}

impl Storage for Failing {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn File>> {
        if access == Access::Create {
            self.countdown.step()?;
        }
        Ok(Box::new(FailingFile {
            inner: self.inner.open(name, access)?,
            countdown: Arc::clone(&self.countdown),
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.countdown.step()?;
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.countdown.step()?;
        self.inner.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.countdown.step()?;
        self.inner.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.inner.lock()
    }

    fn is_private(&self, name: &str) -> io::Result<bool> {
        self.inner.is_private(name)
    }
}

struct FailingFile {
    inner: Box<dyn File>,
    countdown: Arc<Countdown>,
}

impl File for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.countdown.step().inspect_err(|_| {
            if self.countdown.fault == Fault::Short {
                let end = (offset + bytes.len() as u64 / 2) / SECTOR_LEN as u64 * SECTOR_LEN as u64;
                let half = usize::try_from(end.saturating_sub(offset)).unwrap_or(0);
                // What is left of a write that broke off; its own error does not matter any more.
                let _ = self.inner.write_at(offset, bytes.get(..half).unwrap_or_default());
            }
        })?;
        self.inner.write_at(offset, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.countdown.step()?;
        self.inner.sync_data()
    }
}
