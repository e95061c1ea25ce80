//! A write or sync that fails poisons the journal: nothing is acknowledged after it, and everything that was is there
//! after a restart.
//!
//! Each operation that changes something fails once, in three ways, and all later ones succeed: the trap of a second sync
//! that says yes without having written what the first one lost. The bugs this finds are an acknowledgement out of a retry,
//! and a record that is taken by a journal that cannot keep it.

use std::sync::Arc;
use std::task::{Poll, Waker};

use nextbest::journal::storage::{Failing, Fault, PowerLoss, Tail};
use nextbest::journal::{Journal, JournalError, Opened, Position, RecordKind};

use crate::world::{about, all_after, is_acked, open_in, payload, record, reopen};

const APPENDS: u64 = 60;

/// Appends, commits, keeps a snapshot, erases somebody; returns how many records were acknowledged.
fn work(opened: &Opened) -> (Position, usize) {
    let journal = opened.journal.as_ref();
    let mut acks_after_failure = 0;
    let mut person = None;
    for number in 1..=APPENDS {
        let has_failed = journal.failure().is_some();
        let appended = match number {
            10 => {
                person = opened.vault.person_new().ok();
                journal.append(&about(RecordKind::Person, person.unwrap(), b"sealed"))
            }
            40 => journal.append(&about(RecordKind::Erasure, person.unwrap(), b"")),
            _ => journal.append(&record(number, &payload(number))),
        };
        // Whether it fails is looked at below.
        let _ = journal.commit();
        if number == 30 {
            let _ = journal.keep_snapshot(journal.durable(), &mut &b"state"[..]);
        }
        match appended {
            Ok(position) => acks_after_failure += usize::from(has_failed && is_acked(journal, position)),
            Err(error) => assert!(has_failed && matches!(error, JournalError::Poisoned), "{error}"),
        }
    }
    let _ = journal.close();
    (journal.durable(), acks_after_failure)
}

fn operations() -> u64 {
    let counting = Arc::new(Failing::new(Arc::new(PowerLoss::default()), u64::MAX, Fault::Device));
    work(&open_in(counting.clone()).unwrap());
    counting.operations()
}

#[test]
fn nothing_is_acknowledged_after_a_failure_and_everything_acknowledged_is_left() {
    let operations = operations();
    assert!(operations > 150, "{operations} operations");
    let mut poisoned = 0;
    for fault in [Fault::Device, Fault::Full, Fault::Short] {
        for fails_at in 1..=operations {
            let storage = PowerLoss::default();
            let failing = Arc::new(Failing::new(Arc::new(storage.clone()), fails_at, fault));
            let mut acked = Position(0);
            if let Ok(opened) = open_in(failing.clone()) {
                let (durable, acks_after_failure) = work(&opened);
                assert_eq!(acks_after_failure, 0, "{fault:?} at {fails_at}");
                poisoned += u32::from(opened.journal.failure().is_some());
                acked = durable;
            }
            assert!(failing.has_failed(), "{fault:?} at {fails_at}");
            // The process ends, and the cache shows what it will; or the power goes, and nothing unsynced is left.
            check_left(&storage, acked, fails_at);
            check_left(&PowerLoss::with(storage.disk().after_loss(Tail::Lost)), acked, fails_at);
        }
    }
    assert!(poisoned > 300, "{poisoned} of the faults poisoned the journal");
}

/// Everything acknowledged is there.
fn check_left(storage: &PowerLoss, acked: Position, fails_at: u64) {
    let opened = reopen(storage).unwrap_or_else(|error| panic!("fault at {fails_at}: {error}"));
    let snapshot = opened.journal.snapshot().unwrap();
    let folded = snapshot.map_or(Position(0), |(through, _)| through);
    let read = all_after(opened.journal.as_ref(), folded);
    let last = read.last().map_or(folded, |(position, _)| *position);
    assert!(
        last >= acked,
        "fault at {fails_at}: {acked:?} acknowledged, {last:?} left"
    );
    for (position, bytes) in read {
        let is_ours = matches!(position.0, 10 | 40) || bytes == payload(position.0);
        assert!(is_ours, "fault at {fails_at}: {position:?} is altered");
    }
}

#[test]
fn a_poisoned_journal_says_so_to_everybody() {
    let storage = PowerLoss::default();
    drop(reopen(&storage).unwrap());
    let rehearsal = Arc::new(PowerLoss::with(storage.disk()));
    let rehearsal = Arc::new(Failing::new(rehearsal, u64::MAX, Fault::Full));
    drop(open_in(rehearsal.clone()).unwrap());
    // What comes after opening it is the write of the first batch.
    let failing = Failing::new(Arc::new(storage), rehearsal.operations() + 1, Fault::Full);
    let opened = open_in(Arc::new(failing)).unwrap();
    let journal = opened.journal.as_ref();
    let position = journal.append(&record(1, b"one")).unwrap();
    assert!(journal.poll_durable(position, Waker::noop()).is_pending());
    assert!(matches!(journal.commit(), Err(JournalError::Poisoned)));
    let refused = journal.poll_durable(position, Waker::noop());
    assert!(matches!(refused, Poll::Ready(Err(JournalError::Poisoned))));
    assert!(matches!(
        journal.append(&record(2, b"two")),
        Err(JournalError::Poisoned)
    ));
    assert!(
        matches!(journal.commit(), Err(JournalError::Poisoned)),
        "it is not tried again"
    );
    assert!(matches!(
        journal.keep_snapshot(Position(0), &mut &b""[..]),
        Err(JournalError::Poisoned)
    ));
    assert!(matches!(journal.close(), Err(JournalError::Poisoned)));
    assert!(
        journal.failure().unwrap().contains("no space"),
        "{:?}",
        journal.failure()
    );
}
