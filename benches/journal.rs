//! How fast is an acknowledgement that survives power loss, next to what the disk itself can do?
//!
//! In one run on one disk: a 4 KiB write and its sync in a preallocated file; a bare segment, in which one thread copies
//! whatever its writers have queued into a preallocated file and syncs it; and the journal, both with 1 and 64 writers that
//! wait for each acknowledgement. Promised: with one writer half of the acknowledgements within 2 x the disk's own sync, with
//! 64 at least 0.8 x the bare segment.
//!
//! The disk's sync varies by the minute on a shared machine, so compare within one run. The files are made beneath the
//! build's target folder, because `/tmp` may be memory.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench stops at the first surprise, and measures time"
)]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
#[expect(clippy::disallowed_types, reason = "the bare segment's queue, as plain as can be")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nextbest::journal::storage::Directory;
use nextbest::journal::{Embedded, Journal, Record, RecordKind, Settings, open};
use nextbest::model::Timestamp;

/// Bytes of a signal, as apps send it.
const PAYLOAD: [u8; 200] = [7; 200];
const PREALLOCATED_LEN: usize = 64 << 20;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn preallocated(path: &Path) -> File {
    let file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)
        .unwrap();
    file.write_all_at(&vec![0; PREALLOCATED_LEN], 0).unwrap();
    file.sync_all().unwrap();
    file
}

/// Runs `each` on every writer until all of them together have done `count`; returns how long that took.
fn timed(writers: u64, count: u64, each: impl Fn() + Sync) -> Duration {
    let left = AtomicU64::new(count);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    each();
                }
            });
        }
    });
    start.elapsed()
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn append_and_wait(journal: &Embedded) {
    let record = Record {
        at: Timestamp::from_millis(1),
        kind: RecordKind::VenueSignal,
        subject: None,
        payload: &PAYLOAD,
    };
    let position = journal.append(&record).unwrap();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    while journal.poll_durable(position, &waker).is_pending() {
        thread::park();
    }
}

/// A segment and nothing else: no checksum, no positions, no refusals.
#[expect(clippy::disallowed_types, reason = "see the import")]
struct Bare {
    queue: Mutex<Queue>,
    queued: Condvar,
    durable: Condvar,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    queued: u64,
    durable: u64,
    is_closed: bool,
}

impl Bare {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    fn new() -> Self {
        Self {
            queue: Mutex::default(),
            queued: Condvar::new(),
            durable: Condvar::new(),
        }
    }

    fn append_and_wait(&self) {
        let mut queue = self.queue.lock().unwrap();
        queue.bytes.extend_from_slice(&PAYLOAD);
        queue.queued += 1;
        let mine = queue.queued;
        self.queued.notify_one();
        drop(self.durable.wait_while(queue, |queue| queue.durable < mine).unwrap());
    }

    fn write(&self, file: &File) {
        let (mut offset, mut batch) = (0, Vec::new());
        loop {
            let queue = self.queue.lock().unwrap();
            let mut queue = self
                .queued
                .wait_while(queue, |queue| queue.bytes.is_empty() && !queue.is_closed)
                .unwrap();
            if queue.bytes.is_empty() {
                return;
            }
            batch.clear();
            std::mem::swap(&mut batch, &mut queue.bytes);
            let through = queue.queued;
            drop(queue);
            if offset + batch.len() > PREALLOCATED_LEN {
                offset = 0;
            }
            file.write_all_at(&batch, offset as u64).unwrap();
            file.sync_data().unwrap();
            offset += batch.len();
            self.queue.lock().unwrap().durable = through;
            self.durable.notify_all();
        }
    }
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group
        .throughput(Throughput::Elements(1))
        .sample_size(20)
        .measurement_time(Duration::from_secs(6));
    let folder = folder();

    let file = preallocated(&folder.path().join("sync"));
    let mut offset = 0;
    group.bench_function("the disk's own sync of 4 KiB", |bencher| {
        bencher.iter(|| {
            file.write_all_at(&[1; 4_096], offset).unwrap();
            file.sync_data().unwrap();
            offset = (offset + 4_096) % PREALLOCATED_LEN as u64;
        });
    });

    for writers in [1, 64] {
        let bare = Bare::new();
        let file = preallocated(&folder.path().join("bare"));
        thread::scope(|scope| {
            scope.spawn(|| bare.write(&file));
            group.bench_function(format!("bare segment, {writers} writers"), |bencher| {
                bencher.iter_custom(|count| timed(writers, count, || bare.append_and_wait()));
            });
            bare.queue.lock().unwrap().is_closed = true;
            bare.queued.notify_all();
        });

        let directory = Directory::create(&folder.path().join(format!("journal-{writers}"))).unwrap();
        let opened = open(Arc::new(directory), &Settings::default(), 0).unwrap();
        let writing = opened.journal.start().unwrap();
        group.bench_function(format!("journal, {writers} writers"), |bencher| {
            bencher.iter_custom(|count| timed(writers, count, || append_and_wait(&opened.journal)));
        });
        let counts = opened.journal.counts();
        println!("{} records in {} batches", counts.appended, counts.batches);
        drop(writing);
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
