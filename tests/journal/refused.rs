//! A directory that is not what the journal left is refused with one clear sentence, and left as it is.
//!
//! The bugs this finds are a segment that is missing and not missed, a file of another journal or a later version that is
//! read, and a stray file that stops a venue.

use std::sync::Arc;

use nextbest::journal::storage::{Access, PowerLoss, Storage};
use nextbest::journal::{Journal, OpenError, Opened, Position, RecordKind, Warning};

use crate::world::{about, all_after, payload, record, reopen};

const PEOPLE: &str = "people.keys";

/// A journal of four segments, with one person in it.
fn four_segments() -> (PowerLoss, Vec<String>) {
    let storage = PowerLoss::default();
    let opened = reopen(&storage).unwrap();
    let person = opened.vault.person_new().unwrap();
    opened
        .journal
        .append(&about(RecordKind::Person, person, b"sealed"))
        .unwrap();
    while segments(&storage).len() < 4 {
        write(&opened, 1);
    }
    write(&opened, 3);
    opened.journal.close().unwrap();
    drop(opened);
    let segments = segments(&storage);
    (storage, segments)
}

fn write(opened: &Opened, count: u64) {
    for number in 0..count {
        opened.journal.append(&record(number, &payload(number))).unwrap();
        opened.journal.commit().unwrap();
    }
}

fn segments(storage: &PowerLoss) -> Vec<String> {
    let disk = storage.disk();
    disk.names()
        .filter(|name| name.ends_with(".segment"))
        .map(ToOwned::to_owned)
        .collect()
}

fn copy(from: &PowerLoss, name: &str, to: &PowerLoss, as_name: &str) {
    let bytes = from.disk().bytes_mut(name).unwrap().clone();
    to.open(as_name, Access::Create).unwrap().write_at(0, &bytes).unwrap();
}

#[track_caller]
fn refusal(storage: &PowerLoss) -> OpenError {
    let before = storage.history_len();
    let Err(error) = reopen(storage) else {
        panic!("it was opened")
    };
    assert_eq!(storage.history_len(), before, "nothing was changed");
    error
}

#[test]
fn a_missing_segment_is_missed_wherever_it_was() {
    for missing in 0..4 {
        let (storage, segments) = four_segments();
        storage.remove(&segments[missing]).unwrap();
        let error = refusal(&storage);
        assert!(
            matches!(&error, OpenError::Missing { file, .. } if *file == segments[missing]),
            "{missing}: {error}"
        );
    }
}

#[test]
fn swapped_and_duplicate_segments_are_out_of_place() {
    let (storage, segments) = four_segments();
    storage.rename(&segments[1], "swap").unwrap();
    storage.rename(&segments[2], &segments[1]).unwrap();
    storage.rename("swap", &segments[2]).unwrap();
    assert!(matches!(refusal(&storage), OpenError::OutOfPlace { file, .. } if file == segments[1]));

    let (storage, segments) = four_segments();
    let extra = "journal-00000000000000000003.segment";
    copy(&storage, &segments[1], &storage, extra);
    let error = refusal(&storage);
    assert!(matches!(&error, OpenError::OutOfPlace { .. }), "{error}");
}

#[test]
fn a_segment_of_another_journal_is_foreign() {
    let (storage, segments) = four_segments();
    let (other, _) = four_segments();
    copy(&other, &segments[2], &storage, &segments[2]);
    assert!(matches!(refusal(&storage), OpenError::Foreign { file } if file == segments[2]));
}

#[test]
fn keys_that_are_missing_foreign_old_or_open_are_refused() {
    let (storage, _) = four_segments();
    storage.remove(PEOPLE).unwrap();
    assert!(matches!(refusal(&storage), OpenError::Missing { file, .. } if file == PEOPLE));

    let (storage, segments) = four_segments();
    let (other, _) = four_segments();
    copy(&other, PEOPLE, &storage, PEOPLE);
    assert!(matches!(refusal(&storage), OpenError::Foreign { file } if file == segments[0]));

    let (storage, _) = four_segments();
    let mut disk = storage.disk();
    disk.bytes_mut(PEOPLE).unwrap()[512..].fill(0);
    let error = refusal(&PowerLoss::with(disk));
    assert!(
        matches!(&error, OpenError::OutOfPlace { file, .. } if file == PEOPLE),
        "{error}"
    );

    let (storage, _) = four_segments();
    storage.open_to_all();
    assert!(matches!(refusal(&storage), OpenError::Readable { file } if file == PEOPLE));

    let (storage, _) = four_segments();
    let mut disk = storage.disk();
    disk.bytes_mut(PEOPLE).unwrap()[512 + 17] ^= 1;
    let error = refusal(&PowerLoss::with(disk));
    assert!(
        matches!(&error, OpenError::Damaged { file, offset: 512, .. } if file == PEOPLE),
        "{error}"
    );
}

#[test]
fn a_later_format_is_refused_as_such() {
    let (whole, segments) = four_segments();
    for name in [PEOPLE, segments[0].as_str(), segments[3].as_str()] {
        let mut disk = whole.disk();
        disk.bytes_mut(name).unwrap()[8] = 2;
        let error = refusal(&PowerLoss::with(disk));
        assert!(
            matches!(&error, OpenError::Newer { file, version: 2 } if file == name),
            "{error}"
        );
        assert!(error.to_string().contains("version 2"), "{error}");
    }
    let mut disk = whole.disk();
    disk.bytes_mut(&segments[0]).unwrap()[..8].copy_from_slice(b"SQLite f");
    assert!(matches!(
        refusal(&PowerLoss::with(disk)),
        OpenError::Damaged { offset: 0, .. }
    ));
}

#[test]
fn a_snapshot_newer_than_the_journal_is_refused() {
    let (storage, segments) = four_segments();
    let before = storage.disk();
    let opened = reopen(&storage).unwrap();
    write(&opened, 5);
    opened
        .journal
        .keep_snapshot(opened.journal.durable(), &mut &b"state"[..])
        .unwrap();
    drop(opened);
    let old = PowerLoss::with(before);
    let snapshot = storage
        .disk()
        .names()
        .find(|name| name.ends_with(".snapshot"))
        .unwrap()
        .to_owned();
    copy(&storage, &snapshot, &old, &snapshot);
    let error = refusal(&old);
    assert!(
        matches!(&error, OpenError::OutOfPlace { file, .. } if *file == snapshot),
        "{error}"
    );
    assert!(!segments.is_empty());
}

#[test]
fn a_damaged_snapshot_is_left_out_while_the_journal_reaches_back() {
    let (storage, _) = four_segments();
    let opened = reopen(&storage).unwrap();
    let mut through = Vec::new();
    for state in [b"first", b"later"] {
        write(&opened, 60);
        through.push(opened.journal.durable());
        opened
            .journal
            .keep_snapshot(through[through.len() - 1], &mut &state[..])
            .unwrap();
    }
    opened.journal.close().unwrap();
    drop(opened);
    assert!(
        *segments(&storage)[0] > *"journal-00000000000000000002",
        "older segments are let go"
    );
    let disk = storage.disk();
    let names: Vec<_> = disk
        .names()
        .filter(|name| name.ends_with(".snapshot"))
        .map(ToOwned::to_owned)
        .collect();
    assert_eq!(names.len(), 2);

    let mut damaged = disk.clone();
    damaged.bytes_mut(&names[1]).unwrap()[530] ^= 1;
    let opened = reopen(&PowerLoss::with(damaged.clone())).unwrap();
    assert!(matches!(opened.warnings.as_slice(), [Warning::SnapshotDamaged(_)]));
    let (folded, mut state) = opened.journal.snapshot().unwrap().unwrap();
    let mut bytes = Vec::new();
    state.read_to_end(&mut bytes).unwrap();
    assert_eq!((folded, bytes.as_slice()), (through[0], &b"first"[..]));
    assert_eq!(
        all_after(opened.journal.as_ref(), folded).first().unwrap().0,
        Position(folded.0 + 1)
    );

    damaged.bytes_mut(&names[0]).unwrap()[530] ^= 1;
    assert!(matches!(refusal(&PowerLoss::with(damaged)), OpenError::Damaged { file, .. } if file == names[1]));
}

#[test]
fn stray_files_are_left_alone_and_named() {
    let (storage, segments) = four_segments();
    let strays = [
        ".DS_Store",
        "notes.txt",
        "journal-1.segment",
        "journal-00000000000000000001.segment.bak",
    ];
    for stray in strays {
        storage
            .open(stray, Access::Create)
            .unwrap()
            .write_at(0, b"mine")
            .unwrap();
    }
    storage
        .open("journal.spare", Access::Create)
        .unwrap()
        .write_at(0, b"half of a seg")
        .unwrap();
    storage
        .open("snapshot.new", Access::Create)
        .unwrap()
        .write_at(0, b"half of a state")
        .unwrap();
    let opened = reopen(&storage).unwrap();
    assert_eq!(opened.warnings.len(), strays.len());
    for stray in strays {
        assert!(opened.warnings.contains(&Warning::Stray(stray.to_owned())), "{stray}");
        assert_eq!(storage.disk().bytes_mut(stray).unwrap(), b"mine");
    }
    assert!(
        !storage.disk().names().any(|name| name == "snapshot.new"),
        "half a state is removed"
    );
    assert!(segments.len() >= 4);
}

#[test]
fn a_second_process_is_kept_out() {
    let storage: Arc<dyn Storage> = Arc::new(PowerLoss::default());
    let first = crate::world::open_in(Arc::clone(&storage)).unwrap();
    assert!(matches!(
        crate::world::open_in(Arc::clone(&storage)),
        Err(OpenError::InUse)
    ));
    drop(first);
    assert!(crate::world::open_in(storage).is_ok());
}
