//! A journal that an earlier build wrote is read as it was written, for as long as its format version is.
//!
//! The files in `data/journal/1/` are never edited. A change of any byte that is written needs a new version, and a folder
//! of its own.

use std::path::Path;
use std::sync::Arc;

use nextbest::journal::format::{BlockHeader, FileKind, Header, Stored};
use nextbest::journal::storage::{Access, PowerLoss, Storage};
use nextbest::journal::{Journal, Person, Position, RecordKind, open};
use nextbest::model::Timestamp;

use crate::world::{SMALL, about, payload, record};

/// When the golden journal was made, in milliseconds since 1970.
const GOLDEN_EPOCH_UNIX_MS: u64 = 1_763_779_200_000;

fn golden() -> PowerLoss {
    let storage = PowerLoss::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal/1");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = storage
            .open(path.file_name().unwrap().to_str().unwrap(), Access::Create)
            .unwrap();
        file.write_at(0, &std::fs::read(path).unwrap()).unwrap();
    }
    storage
}

/// What the golden journal was made by.
fn write_golden(storage: PowerLoss) {
    let opened = open(Arc::new(storage), &SMALL, GOLDEN_EPOCH_UNIX_MS).unwrap();
    let journal = opened.journal.as_ref();
    let people: Vec<_> = (0..3).map(|_| opened.vault.person_new().unwrap()).collect();
    for person in &people {
        let mut sealed = Vec::new();
        opened
            .vault
            .seal(*person, format!("person {}", person.number).as_bytes(), &mut sealed)
            .unwrap();
        journal.append(&about(RecordKind::Person, *person, &sealed)).unwrap();
    }
    journal.commit().unwrap();
    journal.append(&about(RecordKind::Erasure, people[1], b"")).unwrap();
    journal.commit().unwrap();
    for number in 5..=60 {
        journal.append(&record(number, &payload(number))).unwrap();
        if number % 4 == 0 {
            journal.commit().unwrap();
        }
    }
    journal.keep_snapshot(Position(2), &mut &b"the state at 2"[..]).unwrap();
    journal.close().unwrap();
}

#[test]
fn the_golden_journal_is_read_as_it_was_written() {
    let opened = open(Arc::new(golden()), &SMALL, 0).unwrap();
    assert_eq!(opened.warnings, []);
    assert_eq!(opened.epoch_unix_ms, GOLDEN_EPOCH_UNIX_MS);
    assert_eq!(opened.last_at, Timestamp::from_millis(60));
    let (through, mut state) = opened.journal.snapshot().unwrap().unwrap();
    let mut bytes = Vec::new();
    state.read_to_end(&mut bytes).unwrap();
    assert_eq!((through, bytes.as_slice()), (Position(2), &b"the state at 2"[..]));
    let mut people = Vec::new();
    let mut count = 0;
    let mut visit = |position: Position, read: nextbest::journal::Record<'_>| {
        count += 1;
        match position.0 {
            1..=3 => people.push((read.subject.unwrap(), read.payload.to_vec())),
            4 => assert_eq!((read.kind, read.payload), (RecordKind::Erasure, &b""[..])),
            number => assert_eq!(read, record(number, &payload(number))),
        }
    };
    opened.journal.read(Position(0), &mut visit).unwrap();
    assert_eq!(count, 60);
    assert_eq!(
        opened.vault.people(),
        [Person { number: 0, birth: 1 }, Person { number: 2, birth: 1 }]
    );
    for (person, sealed) in people.iter().filter(|(person, _)| person.number != 1) {
        let mut plain = Vec::new();
        opened.vault.unseal(*person, sealed, &mut plain).unwrap();
        assert_eq!(plain, format!("person {}", person.number).as_bytes());
    }
}

#[test]
fn what_is_written_has_not_changed_by_a_byte() {
    let disk = golden().disk();
    let names: Vec<_> = disk
        .names()
        .filter(|name| name.ends_with(".segment"))
        .map(ToOwned::to_owned)
        .collect();
    assert_eq!(names.len(), 3);
    for name in names {
        let golden = disk.clone().bytes_mut(&name).unwrap().clone();
        let header = Header::decode(FileKind::Segment, &golden).unwrap();
        let mut written = header.encode();
        while let Some(block) = BlockHeader::decode(header.journal, &golden[written.len()..]) {
            let start = written.len();
            let mut bytes = vec![0; 32];
            for _ in 0..block.count {
                let stored = Stored::decode(header.journal, &golden[start + bytes.len()..]).unwrap();
                stored.encode(header.journal, &mut bytes);
            }
            block.complete(header.journal, &mut bytes);
            written.extend(bytes);
        }
        written.resize(golden.len(), 0);
        assert!(written == golden, "{name}: a change needs another format version");
    }
}

#[test]
fn this_build_writes_the_same_files() {
    let (written, golden) = (PowerLoss::default(), golden());
    write_golden(written.clone());
    let lengths = |storage: &PowerLoss| -> Vec<_> {
        let mut disk = storage.disk();
        let names: Vec<_> = disk.names().map(ToOwned::to_owned).collect();
        names
            .into_iter()
            .map(|name| (disk.bytes_mut(&name).unwrap().len(), name))
            .collect()
    };
    assert_eq!(
        lengths(&written),
        lengths(&golden),
        "the journal's id and the keys are drawn, everything else is not"
    );
}
