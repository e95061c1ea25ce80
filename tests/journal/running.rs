//! The journal with its threads: an append never waits for the disk, a sync is shared, nobody who waits is forgotten; and
//! the same on a real directory, with a real full disk.

use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
#[expect(clippy::disallowed_types, reason = "a gate is for waiting at")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};

use nextbest::journal::storage::{Access, Directory, File, PowerLoss, Storage};
use nextbest::journal::{Journal, JournalError, OpenError, Position, RecordKind};

use crate::world::{about, all_after, is_acked, open_in, payload, record, reopen};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks until `position` is durable.
fn wait(journal: &dyn Journal, position: Position) -> Result<(), JournalError> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match journal.poll_durable(position, &waker) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

/// Storage whose file syncs wait at a gate.
struct Gated {
    inner: PowerLoss,
    gate: Arc<Gate>,
}

#[derive(Default)]
#[expect(clippy::disallowed_types, reason = "see the import")]
struct Gate {
    is_shut: Mutex<bool>,
    changed: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn shut(&self, is_shut: bool) {
        *self.is_shut.lock().unwrap() = is_shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let shut = self.is_shut.lock().unwrap();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        drop(self.changed.wait_while(shut, |is_shut| *is_shut).unwrap());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    fn await_sync(&self) {
        let shut = self.is_shut.lock().unwrap();
        drop(
            self.changed
                .wait_while(shut, |_| self.waiting.load(Ordering::SeqCst) == 0)
                .unwrap(),
        );
    }
}

impl Storage for Gated {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn File>> {
        let inner = self.inner.open(name, access)?;
        let gate = Arc::clone(&self.gate);
        // The spare is made by a thread of its own, whose syncs are not what is asked about.
        let is_gated = name != "journal.spare" || access == Access::Write;
        Ok(if is_gated {
            Box::new(GatedFile { inner, gate })
        } else {
            inner
        })
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.inner.lock()
    }
    fn is_private(&self, name: &str) -> io::Result<bool> {
        self.inner.is_private(name)
    }
}

struct GatedFile {
    inner: Box<dyn File>,
    gate: Arc<Gate>,
}

impl File for GatedFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, into)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass();
        self.inner.sync_data()
    }
}

#[test]
fn an_append_does_not_wait_for_a_sync_that_hangs() {
    let gate = Arc::new(Gate::default());
    let inner = PowerLoss::default();
    let storage = Gated {
        inner,
        gate: Arc::clone(&gate),
    };
    let opened = open_in(Arc::new(storage)).unwrap();
    let writing = opened.journal.start().unwrap();
    let journal = opened.journal.as_ref();
    gate.shut(true);
    let first = journal.append(&record(0, b"first")).unwrap();
    gate.await_sync();
    // The sync hangs for as long as this thread likes; only the queue's bound can refuse.
    let last = (1..40)
        .map(|number| journal.append(&record(number, b"later")).unwrap())
        .last()
        .unwrap();
    let refused = std::iter::from_fn(|| journal.append(&record(9, &[9; 200])).err()).next();
    let refused = refused.or_else(|| (0..100).find_map(|_| journal.append(&record(9, &[9; 200])).err()));
    assert!(matches!(refused, Some(JournalError::Full)), "the queue is bounded");
    assert!(
        !is_acked(journal, first) && !is_acked(journal, last),
        "nothing is acknowledged meanwhile"
    );
    gate.shut(false);
    wait(journal, journal.last()).unwrap();
    assert!(is_acked(journal, last));
    let counts = journal.counts();
    assert_eq!(
        counts.batches, 2,
        "everything that came meanwhile shares a sync: {counts:?}"
    );
    assert!(counts.refused >= 1);
    drop(writing);
}

#[test]
fn many_writers_are_all_answered_and_share_syncs() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 400;
    let storage = PowerLoss::default();
    let opened = reopen(&storage).unwrap();
    let writing = opened.journal.start().unwrap();
    let journal = opened.journal.as_ref();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for number in 0..EACH {
                    let payload = (writer * EACH + number).to_le_bytes();
                    let position = journal.append(&record(number, &payload)).unwrap();
                    wait(journal, position).unwrap();
                }
            });
        }
    });
    let counts = journal.counts();
    assert_eq!(counts.appended, WRITERS * EACH);
    assert!(counts.batches <= counts.appended);
    drop(writing);
    assert!(matches!(journal.append(&record(1, b"")), Err(JournalError::Closed)));
    drop(opened);
    let opened = reopen(&storage).unwrap();
    let read = all_after(opened.journal.as_ref(), Position(0));
    let mut numbers: Vec<_> = read
        .iter()
        .map(|(_, bytes)| u64::from_le_bytes(bytes[..8].try_into().unwrap()))
        .collect();
    assert!(
        read.iter().map(|(position, _)| position.0).eq(1..=WRITERS * EACH),
        "closed in order, nothing skipped"
    );
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..WRITERS * EACH));
}

#[test]
fn what_nobody_waits_for_is_written_soon_and_wakes_nobody() {
    let storage = PowerLoss::default();
    let opened = reopen(&storage).unwrap();
    let person = opened.vault.person_new().unwrap();
    let decision = about(RecordKind::Decision, person, b"reserved");
    let position = opened.journal.append(&decision).unwrap();
    assert_eq!(opened.journal.counts().batches, 0);
    let writing = opened.journal.start().unwrap();
    wait(opened.journal.as_ref(), position).unwrap();
    drop(writing);
}

#[test]
fn a_real_directory_keeps_it_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let directory = || -> Arc<dyn Storage> { Arc::new(Directory::create(&path).unwrap()) };
    let opened = open_in(directory()).unwrap();
    let writing = opened.journal.start().unwrap();
    for number in 0..300 {
        let position = opened.journal.append(&record(number, &payload(number))).unwrap();
        if number % 20 == 19 {
            wait(opened.journal.as_ref(), position).unwrap();
        }
    }
    opened.journal.keep_snapshot(Position(100), &mut &b"state"[..]).unwrap();
    assert!(matches!(open_in(directory()), Err(OpenError::InUse)));
    for entry in std::fs::read_dir(&path).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
    }
    drop(writing);
    drop(opened);
    let opened = open_in(directory()).unwrap();
    assert_eq!(opened.warnings, []);
    let (folded, _) = opened.journal.snapshot().unwrap().unwrap();
    let read = all_after(opened.journal.as_ref(), folded);
    assert!(read.iter().all(|(position, bytes)| *bytes == payload(position.0 - 1)));
    assert_eq!((folded, read.len()), (Position(100), 200));
    drop(opened);
    let keys = path.join("people.keys");
    std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(matches!(open_in(directory()), Err(OpenError::Readable { .. })));
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_really_full_poisons_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open_in(Arc::new(Directory::new(folder.path()))).unwrap();
    // The next segment is to be made on a device that is always full.
    symlink("/dev/full", folder.path().join("journal.spare")).unwrap();
    let journal = opened.journal.as_ref();
    let mut acked = 0;
    while journal.failure().is_none() {
        journal.append(&record(acked, &payload(acked))).unwrap();
        acked += u64::from(journal.commit().is_ok());
        assert!(acked < 1_000, "the first segment fills");
    }
    assert!(acked > 5);
    assert!(matches!(journal.append(&record(0, b"")), Err(JournalError::Poisoned)));
    drop(opened);
    std::fs::remove_file(folder.path().join("journal.spare")).unwrap();
    let opened = open_in(Arc::new(Directory::new(folder.path()))).unwrap();
    let read = all_after(opened.journal.as_ref(), Position(0));
    assert!(read.len() as u64 >= acked);
}

#[test]
fn a_directory_that_is_not_there_or_not_writable_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Directory::new(&folder.path().join("nowhere"));
    let error = open_in(Arc::new(missing)).err().unwrap().to_string();
    assert!(error.starts_with("cannot lock journal.lock: "), "{error}");
    // A file where the directory should be, which root cannot write into either.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(Directory::create(&file).is_err());
}
