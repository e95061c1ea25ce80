//! What was acknowledged survives a loss of power after any operation, and nothing comes back that nobody appended.
//!
//! One run of 2,000 appends, with snapshots and erasures in between, writes down every operation on the disk. Then the
//! power is lost after each of them, with nothing, every beginning, or any part of what was not synced, and the journal is
//! opened on what is left. The bugs this finds are an acknowledgement before the sync, a name that was not synced, a cut
//! that removes too much, and a key that outlives its person.

use std::collections::BTreeMap;

use nextbest::journal::storage::{Disk, PowerLoss, Tail};
use nextbest::journal::{Journal, Person, Position, RecordKind, Unsealed, Vault};
use nextbest::model::Timestamp;

use crate::world::{about, all_after, is_acked, payload, record, reopen};

const APPENDS: u64 = 2_000;
const CRASHES_MIN: usize = 10_000;
/// Beginnings of the unsynced tail that are tried at each point, and arbitrary parts of it.
const TORN_MAX: usize = 24;
const REORDERED: u64 = 2;

/// What somebody outside knows after some operations.
#[derive(Clone, Default)]
struct Known {
    /// Operations on the disk so far.
    operations: usize,
    appended: u64,
    acked: u64,
    erasing: Vec<Person>,
    erased: Vec<Person>,
}

/// A run, and what was known at each of its steps.
struct Run {
    storage: PowerLoss,
    known: Vec<Known>,
    /// Everything ever appended, by position.
    appended: BTreeMap<Position, Vec<u8>>,
    /// A secret of each person, sealed.
    sealed: Vec<(Person, Position, Vec<u8>)>,
}

fn run() -> Run {
    let storage = PowerLoss::default();
    let opened = reopen(&storage).unwrap();
    let mut run = Run {
        storage,
        known: vec![Known::default()],
        appended: BTreeMap::new(),
        sealed: Vec::new(),
    };
    let journal = opened.journal.as_ref();
    let mut known = Known::default();
    let append = |run: &mut Run, known: &mut Known, kind, subject: Option<Person>, bytes: &[u8]| {
        let mut record = subject.map_or_else(|| record(known.appended, bytes), |person| about(kind, person, bytes));
        record.at = Timestamp::from_millis(known.appended);
        let position = journal.append(&record).unwrap();
        run.appended.insert(position, bytes.to_vec());
        known.appended = position.0;
        run.note(known);
    };
    for number in 1..=APPENDS {
        match number % 40 {
            7 => {
                let person = opened.vault.person_new().unwrap();
                let mut sealed = Vec::new();
                opened.vault.seal(person, b"where somebody sits", &mut sealed).unwrap();
                append(&mut run, &mut known, RecordKind::Person, Some(person), &sealed);
                run.sealed.push((person, Position(known.appended), sealed));
            }
            31 if !run.sealed.is_empty() => {
                let person = run.sealed[run.sealed.len() / 2].0;
                known.erasing.push(person);
                append(&mut run, &mut known, RecordKind::Erasure, Some(person), b"");
            }
            _ => append(&mut run, &mut known, RecordKind::VenueSignal, None, &payload(number)),
        }
        if number % 5 < 3 {
            journal.commit().unwrap();
            assert!(is_acked(journal, journal.last()));
            known.acked = journal.durable().0;
            known.erased.clone_from(&known.erasing);
            run.note(&known);
        }
        if number % 250 == 0 {
            let through = journal.durable();
            journal
                .keep_snapshot(through, &mut &through.0.to_le_bytes()[..])
                .unwrap();
            known.acked = journal.durable().0;
            known.erased.clone_from(&known.erasing);
            run.note(&known);
        }
    }
    journal.close().unwrap();
    known.acked = journal.durable().0;
    run.note(&known);
    run
}

impl Run {
    fn note(&mut self, known: &Known) {
        let operations = self.storage.history_len();
        self.known.push(Known {
            operations,
            ..known.clone()
        });
    }

    /// What was known for sure when this many operations were done, and what may have been.
    fn known_at(&self, operations: usize) -> (&Known, &Known) {
        let after = self.known.partition_point(|known| known.operations <= operations);
        let sure = &self.known[after.saturating_sub(1)];
        (sure, self.known.get(after).unwrap_or(sure))
    }

    /// Opens what is left, and compares. Returns how many acknowledged records were looked for.
    fn check(&self, left: Disk, operations: usize, tail: Tail) -> u64 {
        let (sure, may) = self.known_at(operations);
        let storage = PowerLoss::with(left);
        let opened = reopen(&storage).unwrap_or_else(|error| panic!("{operations} operations, {tail:?}: {error}"));
        let journal = opened.journal.as_ref();
        let folded = journal.snapshot().unwrap().map_or(Position(0), |(through, mut state)| {
            let mut bytes = [0; 8];
            state.read_exact(&mut bytes).unwrap();
            assert_eq!(u64::from_le_bytes(bytes), through.0, "the state of its position");
            through
        });
        assert!(
            folded.0 <= sure.acked.max(may.acked),
            "a snapshot goes no further than the journal"
        );
        let read = all_after(journal, folded);
        let expected: Vec<_> = self.appended.range(Position(folded.0 + 1)..).take(read.len()).collect();
        let is_beginning = read.iter().map(|(position, bytes)| (position, bytes)).eq(expected);
        assert!(
            is_beginning,
            "{operations} operations, {tail:?}: something else came back"
        );
        let last = read.last().map_or(folded, |(position, _)| *position);
        assert!(
            last.0 >= sure.acked,
            "{operations} operations, {tail:?}: {} acked, {} left",
            sure.acked,
            last.0
        );
        assert!(
            last.0 <= may.appended.max(sure.appended),
            "nothing is there that was not appended"
        );
        assert!(
            journal.last().0 >= may.appended.min(sure.appended),
            "a position is never given twice"
        );
        self.check_people(&opened.vault, sure, may, last);
        sure.acked
    }

    fn check_people(&self, vault: &Vault, sure: &Known, may: &Known, last: Position) {
        let mut plain = Vec::new();
        for person in &sure.erased {
            assert!(!vault.is_live(*person), "an acknowledged erasure is one");
        }
        for (person, position, sealed) in self.sealed.iter().filter(|(_, position, _)| *position <= last) {
            let is_erasing = may.erasing.contains(person) || sure.erasing.contains(person);
            match vault.unseal(*person, sealed, &mut plain) {
                Ok(()) => {}
                Err(Unsealed::Erased) => assert!(is_erasing, "{position:?}: nobody erased them"),
                Err(error) => panic!("{position:?}: {error}"),
            }
        }
    }
}

#[test]
fn no_acknowledged_record_is_lost_at_any_operation() {
    let run = run();
    let history = run.storage.history();
    let mut disk = Disk::default();
    let (mut crashes, mut acked) = (0, 0);
    for (done, operation) in history.iter().enumerate() {
        disk.apply(operation).unwrap();
        let pending = disk.pending_sectors();
        let torn = (1..=pending.min(TORN_MAX)).map(Tail::Torn);
        let parts = (0..REORDERED).map(|seed| Tail::Reordered(seed + 2 * done as u64));
        for tail in std::iter::once(Tail::Lost).chain(torn).chain(parts) {
            acked += run.check(disk.after_loss(tail), done + 1, tail);
            crashes += 1;
        }
    }
    println!(
        "{} operations, {crashes} crashes, {acked} acknowledged records looked for",
        history.len()
    );
    assert!(crashes >= CRASHES_MIN, "{crashes} crashes");
    assert!(acked >= 1_000_000, "{acked} acknowledged records");
}

#[test]
fn a_second_loss_of_power_while_the_first_is_repaired_loses_nothing_either() {
    const EVERY: usize = 61;
    let run = run();
    let mut disk = Disk::default();
    let mut crashes = 0;
    for (done, operation) in run.storage.history().iter().enumerate() {
        disk.apply(operation).unwrap();
        if done % EVERY != 0 {
            continue;
        }
        for first in [Tail::Torn(1), Tail::Torn(2), Tail::Reordered(done as u64)] {
            let left = disk.after_loss(first);
            let storage = PowerLoss::with(left.clone());
            // Whether it may be opened is asked by the other test.
            drop(reopen(&storage));
            let mut repaired = left;
            for (step, operation) in storage.history().iter().enumerate() {
                repaired.apply(operation).unwrap();
                for second in [
                    Tail::Lost,
                    Tail::Torn(1),
                    Tail::Reordered(step as u64),
                    Tail::Reordered(!0),
                ] {
                    run.check(repaired.after_loss(second), done + 1, second);
                    crashes += 1;
                }
            }
        }
    }
    assert!(crashes > 1_000, "{crashes} second crashes");
}
