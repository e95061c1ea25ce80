//! The ring of presence events under every interleaving: a reader reads each event once and whole, in the order of its
//! number, or is told that it missed it; two writers lose nothing; who is overtaken by a whole round writes nothing old.
//!
//! The ring has one entry here, so that writers meet in it. Deliberately absent: what the events mean.

use interleavings::presence::{Confidence, PresenceCursor, PresenceKind, PresenceRing, StayEnd, StayEvent};
use loom::sync::Arc;
use loom::thread;

/// An event of which every part tells its number.
fn event(number: u32) -> StayEvent {
    StayEvent {
        kind: PresenceKind::Left,
        zone: number as u16,
        step: number,
        stay_steps: number * 10,
        confidence: Confidence::from_byte(number as u8),
        end: Some(StayEnd::Silent),
    }
}

/// Reads what there is: the numbers that were read, and how many were missed.
fn read_all(ring: &PresenceRing, cursor: &mut PresenceCursor, read: &mut Vec<u32>) -> u64 {
    while let Some((slot, found)) = ring.read(cursor) {
        assert_eq!(found, event(slot), "a torn read");
        read.push(slot);
    }
    cursor.take_missed()
}

#[test]
fn each_event_is_read_once_or_missed() {
    // All orders with at most two forced switches; all there are take hours.
    let mut few_switches = loom::model::Builder::new();
    few_switches.preemption_bound = Some(2);
    few_switches.check(|| {
        let ring = Arc::new(PresenceRing::default());
        let mut cursor = ring.cursor();
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                ring.add(1, &event(1));
                ring.add(2, &event(2));
            })
        };
        let mut read = Vec::new();
        let mut missed = read_all(&ring, &mut cursor, &mut read);
        writer.join().unwrap();
        missed += read_all(&ring, &mut cursor, &mut read);
        assert_eq!(read.len() as u64 + missed, 2, "{read:?} and {missed} missed");
        assert!(
            read.is_sorted() && read.last() == Some(&2),
            "the newest is read, and nothing twice: {read:?}"
        );
    });
}

#[test]
fn of_two_writers_the_later_number_stays() {
    loom::model(|| {
        let ring = Arc::new(PresenceRing::default());
        let mut cursor = ring.cursor();
        let writer = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.add(1, &event(1)))
        };
        ring.add(2, &event(2));
        writer.join().unwrap();
        let mut read = Vec::new();
        let missed = read_all(&ring, &mut cursor, &mut read);
        assert_eq!(
            (read.len(), missed),
            (1, 1),
            "one entry: the other was overwritten, and that is told"
        );
        assert_eq!(ring.counts().left, 2);
    });
}
