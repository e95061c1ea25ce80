//! What is whole is copied out of a damaged journal, what is lost is told, and the copy opens.

use std::sync::Arc;

use nextbest::journal::storage::{Disk, PowerLoss};
use nextbest::journal::{Journal, Lost, Position, RecordKind, inventory, salvage};

use crate::world::{SMALL, about, all_after, payload, record, reopen};

/// A journal of several segments with a person, closed in order; and the sealed secret, which is its first record.
fn written() -> (Disk, Vec<(Position, Vec<u8>)>) {
    let storage = PowerLoss::default();
    let opened = reopen(&storage).unwrap();
    let person = opened.vault.person_new().unwrap();
    let mut sealed = Vec::new();
    opened.vault.seal(person, b"secret", &mut sealed).unwrap();
    opened
        .journal
        .append(&about(RecordKind::Person, person, &sealed))
        .unwrap();
    for number in 2..=120 {
        opened.journal.append(&record(number, &payload(number))).unwrap();
        if number % 2 == 0 {
            opened.journal.commit().unwrap();
        }
    }
    opened.journal.close().unwrap();
    let all = all_after(opened.journal.as_ref(), Position(0));
    (storage.disk(), all)
}

fn segments(disk: &Disk) -> Vec<String> {
    disk.names()
        .filter(|name| name.ends_with(".segment"))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn a_whole_journal_is_copied_whole() {
    let (disk, all) = written();
    let to = PowerLoss::default();
    let salvaged = salvage(&PowerLoss::with(disk), Arc::new(to.clone()), &SMALL).unwrap();
    assert_eq!((salvaged.records, salvaged.positions_lost), (all.len() as u64, 0));
    assert_eq!(salvaged.findings, Vec::<String>::new());
    let opened = reopen(&to).unwrap();
    assert!(all_after(opened.journal.as_ref(), Position(0)) == all);
    let mut plain = Vec::new();
    opened
        .vault
        .unseal(opened.vault.people()[0], &all[0].1, &mut plain)
        .unwrap();
    assert_eq!(plain, b"secret");
}

#[test]
fn a_damaged_record_is_told_and_the_others_are_copied() {
    let (mut disk, all) = written();
    let names = segments(&disk);
    disk.bytes_mut(&names[1]).unwrap()[512 + 40] ^= 4;
    let from = PowerLoss::with(disk);
    assert!(reopen(&from).is_err());
    let to = PowerLoss::default();
    let salvaged = salvage(&from, Arc::new(to.clone()), &SMALL).unwrap();
    // The first record of a block of two: the second cannot be found without it.
    let first = names[1]
        .trim_start_matches("journal-")
        .trim_end_matches(".segment")
        .parse()
        .unwrap();
    let lost = Lost {
        first: Position(first),
        last: Position(first + 1),
    };
    assert_eq!(
        (salvaged.lost.as_slice(), salvaged.positions_lost),
        ([lost].as_slice(), 2)
    );
    let opened = reopen(&to).unwrap();
    let read = all_after(opened.journal.as_ref(), Position(0));
    let expected = all
        .into_iter()
        .filter(|(position, _)| *position < lost.first || *position > lost.last);
    assert!(read.into_iter().eq(expected), "each at its position");
    assert!(opened.journal.last() > Position(120));
}

#[test]
fn a_missing_segment_and_a_damaged_key_are_survived() {
    let (mut disk, all) = written();
    let names = segments(&disk);
    disk.bytes_mut("people.keys").unwrap()[512 + 20] ^= 1;
    disk.bytes_mut(&names[0]).unwrap()[3] ^= 1;
    let from = PowerLoss::with(disk);
    nextbest::journal::storage::Storage::remove(&from, &names[1]).unwrap();
    let to = PowerLoss::default();
    let salvaged = salvage(&from, Arc::new(to.clone()), &SMALL).unwrap();
    assert_eq!(
        salvaged.lost.len(),
        1,
        "blocks are found without their segment's header"
    );
    let opened = reopen(&to).unwrap();
    let counts = opened.vault.counts();
    assert_eq!((counts.live, counts.retired), (0, 1));
    assert_eq!(
        opened.vault.person_new().unwrap().number,
        1,
        "a retired slot is given to nobody"
    );
    let read = all_after(opened.journal.as_ref(), Position(0));
    assert_eq!(read.len() as u64, salvaged.records);
    assert_eq!(read.len() as u64 + salvaged.positions_lost, all.len() as u64);
}

#[test]
fn an_inventory_counts_and_finds_everything_that_is_wrong() {
    let (mut disk, all) = written();
    let mut seen = 0;
    let whole = inventory(&PowerLoss::with(disk.clone()), &mut |_, _| seen += 1).unwrap();
    assert_eq!((seen, whole.findings.len()), (all.len(), 0));
    assert_eq!((whole.kinds[1], whole.kinds[4], whole.people.live), (119, 1, 1));
    assert_eq!(whole.segments.last().unwrap().end, "closed");
    let names = segments(&disk);
    disk.bytes_mut(&names[0]).unwrap()[600] ^= 1;
    disk.bytes_mut(&names[2]).unwrap()[700] ^= 1;
    let storage = PowerLoss::with(disk);
    let before = storage.history_len();
    let damaged = inventory(&storage, &mut |_, _| {}).unwrap();
    assert_eq!(damaged.findings.len(), 2, "{:?}", damaged.findings);
    assert_eq!(storage.history_len(), before, "nothing is changed");
}
