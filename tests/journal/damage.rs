//! A damaged journal is recovered or refused with the file and the offset, and never read as something else.
//!
//! Every truncation and every flipped bit of a journal of two segments, 16 KiB together. The bugs this finds are a checksum
//! that does not cover a byte, a cut that takes damage for a torn end, and a reader that skips what it cannot read.

use nextbest::journal::storage::{Disk, PowerLoss};
use nextbest::journal::{Journal, OpenError, Position};

use crate::world::{all_after, payload, record, reopen};

/// Both are full of records.
const SEGMENTS: [&str; 2] = [
    "journal-00000000000000000001.segment",
    "journal-00000000000000000034.segment",
];
/// The first position of the second segment.
const SECOND: u64 = 34;
const SEGMENT_LEN: usize = 8_192;

/// A journal of two segments, and what is in it.
fn two_segments() -> (Disk, Vec<(Position, Vec<u8>)>) {
    let storage = PowerLoss::default();
    let opened = reopen(&storage).unwrap();
    let mut number = 0;
    while storage.disk().names().filter(|name| name.ends_with(".segment")).count() < 2 || number % 12 != 0 {
        number += 1;
        opened.journal.append(&record(number, &payload(number))).unwrap();
        if number % 3 == 0 {
            opened.journal.commit().unwrap();
        }
    }
    let written = all_after(opened.journal.as_ref(), Position(0));
    let disk = storage.disk();
    assert_eq!(
        disk.names()
            .filter(|name| name.ends_with(".segment"))
            .collect::<Vec<_>>(),
        SEGMENTS
    );
    (disk, written)
}

/// What became of a damaged journal.
enum Became {
    /// All of it is there.
    Whole,
    /// This many records are left.
    Cut(usize),
    /// It was refused.
    Refused(OpenError),
}

fn became(disk: Disk, written: &[(Position, Vec<u8>)]) -> Became {
    let opened = match reopen(&PowerLoss::with(disk)) {
        Ok(opened) => opened,
        Err(error) => return Became::Refused(error),
    };
    let read = all_after(opened.journal.as_ref(), Position(0));
    assert!(written.starts_with(&read), "a record came back altered");
    if read.len() == written.len() {
        Became::Whole
    } else {
        Became::Cut(read.len())
    }
}

/// Whether a refusal names the segment, and an offset in the bad byte's block, which has two sectors at most, or before.
fn names_place(error: &OpenError, segment: &str, byte: usize) -> bool {
    match error {
        OpenError::Damaged { file, offset, .. } => file == segment && *offset as usize <= byte + 1_024,
        OpenError::Newer { file, .. } => file == segment && byte < 12,
        OpenError::InUse
        | OpenError::Io { .. }
        | OpenError::Missing { .. }
        | OpenError::Foreign { .. }
        | OpenError::OutOfPlace { .. }
        | OpenError::Readable { .. }
        | OpenError::Settings(_) => false,
    }
}

#[test]
fn every_flipped_bit_is_recovered_or_refused_by_place() {
    let (whole, written) = two_segments();
    assert!(matches!(became(whole.clone(), &written), Became::Whole));
    let (mut refused, mut kept) = (0, 0);
    for segment in SEGMENTS {
        for bit in 0..SEGMENT_LEN * 8 {
            let mut disk = whole.clone();
            let bytes = disk.bytes_mut(segment).unwrap();
            assert_eq!(bytes.len(), SEGMENT_LEN);
            bytes[bit / 8] ^= 1 << (bit % 8);
            match became(disk, &written) {
                Became::Whole => kept += 1,
                Became::Cut(left) => panic!("bit {bit} of {segment}: {left} of {} records left", written.len()),
                Became::Refused(error) => {
                    assert!(names_place(&error, segment, bit / 8), "bit {bit} of {segment}: {error}");
                    refused += 1;
                }
            }
        }
    }
    println!(
        "{refused} refused, {kept} recovered whole, of {}",
        SEGMENTS.len() * SEGMENT_LEN * 8
    );
    assert_eq!(refused + kept, 131_072);
}

#[test]
fn every_truncation_of_the_last_segment_is_recovered_to_its_last_whole_record() {
    let (whole, written) = two_segments();
    let in_first = written.iter().filter(|(position, _)| position.0 < SECOND).count();
    let mut left_before = 0;
    for len in 512..SEGMENT_LEN {
        let mut disk = whole.clone();
        disk.bytes_mut(SEGMENTS[1]).unwrap().truncate(len);
        let left = match became(disk, &written) {
            Became::Whole => written.len(),
            Became::Cut(left) => left,
            Became::Refused(error) => panic!("cut to {len}: {error}"),
        };
        assert!(
            left >= in_first && left >= left_before,
            "cut to {len}: {left} records left"
        );
        left_before = left;
    }
    assert_eq!(left_before, written.len());
    for len in 0..512 {
        let mut disk = whole.clone();
        disk.bytes_mut(SEGMENTS[1]).unwrap().truncate(len);
        assert!(matches!(became(disk, &written), Became::Refused(error) if names_place(&error, SEGMENTS[1], len)));
    }
}

#[test]
fn every_truncation_of_an_earlier_segment_is_refused_unless_it_cuts_zeros_only() {
    let (whole, written) = two_segments();
    for len in 0..SEGMENT_LEN {
        let mut disk = whole.clone();
        let bytes = disk.bytes_mut(SEGMENTS[0]).unwrap();
        let is_zero = bytes[len..].iter().all(|byte| *byte == 0);
        bytes.truncate(len);
        match became(disk, &written) {
            Became::Whole => assert!(is_zero, "cut to {len}"),
            Became::Cut(left) => panic!("cut to {len}: {left} records left"),
            Became::Refused(error) => assert!(names_place(&error, SEGMENTS[0], len), "cut to {len}: {error}"),
        }
    }
}

#[test]
fn a_zero_page_before_the_end_is_refused() {
    let (whole, written) = two_segments();
    for (segment, page) in [(SEGMENTS[0], 0), (SEGMENTS[0], 1), (SEGMENTS[1], 0)] {
        let mut disk = whole.clone();
        disk.bytes_mut(segment).unwrap()[page * 4_096..(page + 1) * 4_096].fill(0);
        assert!(matches!(became(disk, &written), Became::Refused(OpenError::Damaged { file, .. }) if file == segment));
    }
}

#[test]
fn a_journal_that_was_cut_goes_on_and_is_whole() {
    let (mut disk, written) = two_segments();
    let bytes = disk.bytes_mut(SEGMENTS[1]).unwrap();
    let used = SEGMENT_LEN - bytes.iter().rev().take_while(|byte| **byte == 0).count();
    bytes.truncate(used - 300);
    let storage = PowerLoss::with(disk);
    let opened = reopen(&storage).unwrap();
    assert_eq!(opened.warnings.len(), 1, "the cut is told: {:?}", opened.warnings);
    let left = all_after(opened.journal.as_ref(), Position(0));
    assert!(left.len() < written.len());
    let position = opened.journal.append(&record(1, b"after")).unwrap();
    assert!(
        position > written.last().unwrap().0,
        "the position that was lost is not given again"
    );
    opened.journal.close().unwrap();
    drop(opened);
    let opened = reopen(&storage).unwrap();
    assert_eq!(opened.warnings, []);
    let read = all_after(opened.journal.as_ref(), Position(0));
    assert_eq!(read.len(), left.len() + 1);
    assert_eq!(read.last().unwrap(), &(position, b"after".to_vec()));
}
