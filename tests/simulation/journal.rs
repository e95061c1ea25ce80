//! A journal on a disk that loses power: some appends, some syncs, and then, as a seed draws it, what is left.
//!
//! `tests/journal/` tries every operation of one long run; this tries a few of a run of its own for each seed, and after
//! each it goes on with what is left. A bit of what is left may have turned, too. Nothing acknowledged may be gone, and
//! nothing may come back that nobody appended.

use std::sync::Arc;
use std::task::{Poll, Waker};

use nextbest::journal::storage::{Disk, PowerLoss, Tail};
use nextbest::journal::{Embedded, Journal, OpenError, Opened, Position, Record, RecordKind, Settings, open};
use nextbest::model::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Milliseconds since 1970 at which every journal here is made.
const EPOCH_UNIX_MS: u64 = 1_763_800_000_000;
/// Segments of 8 KiB, so that a few records fill one.
const SMALL: Settings = Settings {
    segment_len: 8_192,
    queue_bytes_max: 4_096,
    retention_ms: 0,
    people_max: 256,
};
/// Losses of power in one run.
const CRASHES: u32 = 6;

/// Everything that somebody outside knows.
#[derive(Default)]
struct Known {
    /// What was appended, by position.
    appended: Vec<(Position, Vec<u8>)>,
    acked: Position,
    /// The acknowledged position after so many operations on the disk.
    acked_after: Vec<(usize, Position)>,
}

/// Runs one seed; panics at the first broken promise.
pub(crate) fn run(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut known = Known::default();
    let (mut disk, mut number) = (Disk::default(), 0);
    for _ in 0..CRASHES {
        let storage = PowerLoss::with(disk.clone());
        let journal = reopened(&storage).unwrap();
        known.acked_after = vec![(0, known.acked)];
        for _ in 0..rng.random_range(1..60) {
            number += 1;
            append(journal.journal.as_ref(), &storage, &mut known, number, &mut rng);
        }
        drop(journal);
        let mut before = disk;
        let history = storage.history();
        let operations = rng.random_range(0..=history.len());
        for operation in &history[..operations] {
            before.apply(operation).unwrap();
        }
        let tail = match rng.random_range(0..3) {
            0 => Tail::Lost,
            1 => Tail::Torn(rng.random_range(0..=before.pending_sectors())),
            _ => Tail::Reordered(rng.random()),
        };
        disk = before.after_loss(tail);
        let after = known.acked_after.partition_point(|(done, _)| *done <= operations);
        let sure = known.acked_after[after - 1].1;
        known.acked = sure;
        look(&disk, &mut known);
        turned_bit(&disk, &known, &mut rng);
    }
}

fn reopened(storage: &PowerLoss) -> Result<Opened, OpenError> {
    open(Arc::new(storage.clone()), &SMALL, EPOCH_UNIX_MS)
}

/// Appends a record, and perhaps waits until it is acknowledged.
fn append(journal: &Embedded, storage: &PowerLoss, known: &mut Known, number: u64, rng: &mut ChaCha8Rng) {
    let payload: Vec<u8> = (0..rng.random_range(8..300))
        .map(|_| rng.random_range(1..=255))
        .collect();
    let record = Record {
        at: Timestamp::from_millis(number),
        kind: RecordKind::VenueSignal,
        subject: None,
        payload: &payload,
    };
    let position = journal.append(&record).unwrap();
    known.appended.push((position, payload));
    if rng.random_bool(0.5) {
        journal.commit().unwrap();
        assert!(matches!(
            journal.poll_durable(position, Waker::noop()),
            Poll::Ready(Ok(()))
        ));
        known.acked_after.push((storage.history_len(), position));
    }
}

/// Opens what is left: all that was acknowledged is there, and nothing else. Forgets what is gone.
fn look(disk: &Disk, known: &mut Known) {
    let opened = reopened(&PowerLoss::with(disk.clone())).unwrap();
    let read = all(&opened);
    let expected: Vec<_> = known.appended.iter().take(read.len()).cloned().collect();
    assert_eq!(read, expected, "what comes back is a beginning of what was appended");
    let (last, acked) = (read.last().map_or(Position(0), |(position, _)| *position), known.acked);
    assert!(
        last >= acked,
        "{} was acknowledged, and {} is the last",
        acked.0,
        last.0
    );
    assert!(opened.journal.last() >= last, "a position is never given twice");
    known.appended.truncate(read.len());
}

/// With one bit turned it is refused, or gives back a beginning of what was appended, unaltered.
fn turned_bit(disk: &Disk, known: &Known, rng: &mut ChaCha8Rng) {
    let mut turned = disk.clone();
    let segments: Vec<String> = turned
        .names()
        .filter(|name| name.ends_with(".segment"))
        .map(str::to_owned)
        .collect();
    let Some(bytes) = segments.first().and_then(|name| turned.bytes_mut(name)) else {
        return;
    };
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if used == 0 {
        return;
    }
    bytes[rng.random_range(0..used)] ^= 1 << rng.random_range(0..8);
    let Ok(opened) = reopened(&PowerLoss::with(turned)) else {
        return;
    };
    for (given, appended) in all(&opened).iter().zip(&known.appended) {
        assert_eq!(given, appended, "an altered record was given back");
    }
}

fn all(opened: &Opened) -> Vec<(Position, Vec<u8>)> {
    let mut all = Vec::new();
    let mut visit = |position, record: Record<'_>| all.push((position, record.payload.to_vec()));
    opened.journal.read(Position(0), &mut visit).unwrap();
    all
}
