//! What lies on the disk of a journal: files that were cut, changed, swapped, doubled or lost are refused by name, or what is
//! read of them is what was written, from the first record on and without a gap.

use std::sync::{Arc, LazyLock};

use nextbest::journal::format::{BlockHeader, BlockKind, FileKind, Header, JournalId, Stored};
use nextbest::journal::storage::{Disk, PowerLoss};
use nextbest::journal::{Journal, Opened, Position, Record, RecordKind, Settings, open};
use nextbest::model::Timestamp;

use super::draw::Draw;

/// Segments of 2 KiB, so that a few records fill one.
const SMALL: Settings = Settings {
    segment_len: 4_096,
    queue_bytes_max: 1_024,
    retention_ms: 0,
    people_max: 4,
};
const EPOCH_UNIX_MS: u64 = 1_763_800_000_000;
/// Records of the journal that is damaged; they fill three segments.
const RECORDS: u64 = 40;
/// Places that are damaged at once.
const DAMAGES_MAX: usize = 8;

/// A journal that was closed in order, and what it holds.
struct Whole {
    disk: Disk,
    names: Vec<String>,
    records: Vec<(Position, Vec<u8>)>,
}

static WHOLE: LazyLock<Option<Whole>> = LazyLock::new(|| {
    let storage = PowerLoss::default();
    let Opened { journal, .. } = open(Arc::new(storage.clone()), &SMALL, EPOCH_UNIX_MS).ok()?;
    let mut records = Vec::new();
    for number in 0..RECORDS {
        let payload = vec![number as u8 | 1; (number * 37 % 190) as usize];
        let record = Record {
            at: Timestamp::from_millis(number),
            kind: RecordKind::VenueSignal,
            subject: None,
            payload: &payload,
        };
        records.push((journal.append(&record).ok()?, payload));
        if number % 3 == 0 {
            journal.commit().ok()?;
        }
    }
    journal.commit().ok()?;
    drop(journal);
    let disk = storage.disk();
    let names = disk.names().map(str::to_owned).collect();
    Some(Whole { disk, names, records })
});

/// The first byte says what the rest is: a file's header, a block's, a record, or what happens to a whole journal.
pub fn run(data: &[u8]) {
    let mut draw = Draw::new(data);
    match draw.byte() % 4 {
        0 => file_header(draw),
        1 => block_header(draw),
        2 => record(draw),
        _ => damaged(draw),
    }
}

fn file_header(mut draw: Draw<'_>) {
    let kind = draw.choose(&[FileKind::Segment, FileKind::Snapshot, FileKind::People]);
    let header = Header {
        kind,
        generation: u32::from_le_bytes(draw.array()),
        journal: JournalId(u128::from_le_bytes(draw.array())),
        position: Position(u64::from_le_bytes(draw.array())),
        epoch_unix_ms: u64::from_le_bytes(draw.array()),
    };
    let mut bytes = header.encode();
    assert_eq!(Header::decode(kind, &bytes), Ok(header));
    let at = usize::from(u16::from_le_bytes(draw.array())) % bytes.len();
    let flip = draw.byte();
    bytes[at] ^= flip;
    assert_eq!(Header::decode(kind, &bytes).is_ok(), flip == 0);
    assert!(
        Header::decode(kind, &bytes[..at]).is_err(),
        "a header has all of its sector"
    );
    assert!(Header::decode(kind, draw.rest()).is_err() || draw.rest().len() >= bytes.len());
}

fn block_header(mut draw: Draw<'_>) {
    let journal = JournalId(u128::from_le_bytes(draw.array()));
    let header = BlockHeader {
        kind: draw.choose(&[
            BlockKind::Records,
            BlockKind::Opened,
            BlockKind::Ended,
            BlockKind::Closed,
        ]),
        first: Position(u64::from_le_bytes(draw.array())),
        count: u32::from_le_bytes(draw.array()),
        body_len: u32::from_le_bytes(draw.array()),
        generation: u32::from_le_bytes(draw.array()),
    };
    let mut bytes = header.encode(journal);
    assert_eq!(BlockHeader::decode(journal, &bytes), Some(header));
    let (at, flip) = (usize::from(draw.byte()) % bytes.len(), draw.byte());
    bytes[at] ^= flip;
    assert_eq!(BlockHeader::decode(journal, &bytes).is_some(), flip == 0);
    assert_eq!(BlockHeader::decode(journal, &bytes[..at]), None);
}

fn record(mut draw: Draw<'_>) {
    let journal = JournalId(u128::from(draw.byte()));
    if let Ok(stored) = Stored::decode(journal, draw.rest()) {
        assert!(
            stored.len() <= draw.rest().len(),
            "a record is not longer than its bytes"
        );
    }
}

fn damaged(mut draw: Draw<'_>) {
    let Some(whole) = &*WHOLE else {
        unreachable!("a journal in memory is written")
    };
    let mut disk = whole.disk.clone();
    for _ in 0..DAMAGES_MAX {
        if draw.is_empty() {
            break;
        }
        damage(&mut disk, &whole.names, &mut draw);
    }
    let opened = match open(Arc::new(PowerLoss::with(disk)), &SMALL, EPOCH_UNIX_MS) {
        Ok(opened) => opened,
        Err(error) => return assert!(!error.to_string().contains('\n'), "{error}"),
    };
    let mut read = Vec::new();
    let mut visit = |position, record: Record<'_>| read.push((position, record.payload.to_vec()));
    if let Err(error) = opened.journal.read(Position(0), &mut visit) {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    assert_eq!(read, whole.records[..read.len()], "what is read is what was written");
}

/// Something happens to one file.
fn damage(disk: &mut Disk, names: &[String], draw: &mut Draw<'_>) {
    let pick = |draw: &mut Draw<'_>| &names[usize::from(draw.byte()) % names.len()];
    let (name, other) = (pick(draw), pick(draw));
    let (what, at) = (draw.byte() % 5, usize::from(u16::from_le_bytes(draw.array())));
    let put = draw.bytes();
    let copied = disk.bytes_mut(other).cloned().unwrap_or_default();
    let Some(bytes) = disk.bytes_mut(name) else { return };
    let at = at.min(bytes.len());
    match what {
        0 => bytes.truncate(at),
        1 => bytes
            .iter_mut()
            .skip(at)
            .zip(put)
            .for_each(|(byte, flip)| *byte ^= flip),
        2 => bytes.iter_mut().skip(at).take(512).for_each(|byte| *byte = 0),
        3 => bytes.extend_from_slice(put),
        _ => *bytes = copied,
    }
}
