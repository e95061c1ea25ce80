//! A small journal in memory, and what somebody outside remembers of it.

use std::sync::Arc;
use std::task::{Poll, Waker};

use nextbest::journal::storage::{PowerLoss, Storage};
use nextbest::journal::{Journal, OpenError, Opened, Person, Position, Record, RecordKind, Settings, open};
use nextbest::model::Timestamp;

/// Milliseconds since 1970 at which every journal here is made.
pub(crate) const EPOCH_UNIX_MS: u64 = 1_763_800_000_000;

/// Segments of 8 KiB, so that a few records fill one.
pub(crate) const SMALL: Settings = Settings {
    segment_len: 8_192,
    queue_bytes_max: 4_096,
    retention_ms: 0,
    people_max: 256,
};

pub(crate) fn reopen(storage: &PowerLoss) -> Result<Opened, OpenError> {
    open_in(Arc::new(storage.clone()))
}

pub(crate) fn open_in(storage: Arc<dyn Storage>) -> Result<Opened, OpenError> {
    open(storage, &SMALL, EPOCH_UNIX_MS)
}

/// A record about the venue whose payload tells its number.
pub(crate) fn record(number: u64, payload: &[u8]) -> Record<'_> {
    Record {
        at: Timestamp::from_millis(number),
        kind: RecordKind::VenueSignal,
        subject: None,
        payload,
    }
}

/// `number`, and as many bytes that follow from it as it says.
pub(crate) fn payload(number: u64) -> Vec<u8> {
    let len = (number * 37 % 190) as usize;
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((0..len).map(|index| (number as usize * 31 + index) as u8 | 1));
    bytes
}

/// A record about somebody.
pub(crate) fn about(kind: RecordKind, person: Person, payload: &[u8]) -> Record<'_> {
    Record {
        at: Timestamp::from_millis(1),
        kind,
        subject: Some(person),
        payload,
    }
}

/// Whether everything up to `position` is acknowledged.
pub(crate) fn is_acked(journal: &dyn Journal, position: Position) -> bool {
    matches!(journal.poll_durable(position, Waker::noop()), Poll::Ready(Ok(())))
}

/// Everything that the journal gives back after `after`.
pub(crate) fn all_after(journal: &dyn Journal, after: Position) -> Vec<(Position, Vec<u8>)> {
    let mut all = Vec::new();
    let mut visit = |position, record: Record<'_>| all.push((position, record.payload.to_vec()));
    journal.read(after, &mut visit).unwrap();
    all
}
