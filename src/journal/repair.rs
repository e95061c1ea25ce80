//! Making the end of the journal what it should be, when it is opened.
//!
//! A process that was killed can leave what a failed sync never wrote in the system's cache, and reading it back proves
//! nothing. So the last block is written again and synced before anything is taken for durable, and so is the mark that
//! ends the segment before it.
//!
//! Of a torn block the whole records stay and the rest becomes zeros again, in an order that leaves it torn wherever the
//! power goes meanwhile: first what is behind the records that stay, then the header that counts them, then its end.

use std::io;

use super::Position;
use super::format::{BLOCK_END_LEN, BLOCK_HEADER_LEN, BlockHeader, BlockKind, SECTOR_LEN, is_zero, to_sectors};
use super::names;
use super::scan::{Piece, Scan};
use super::storage::{Access, File, Storage};
use super::writer::{End, Identity, write_zeros};

/// Repairs the end of the journal; says where it goes on, and how many bytes were cut off.
///
/// # Errors
/// When the system says no.
pub(super) fn repair(
    storage: &dyn Storage,
    scan: &Scan,
    identity: &Identity,
    segment_len: usize,
) -> io::Result<(End, usize)> {
    storage.sync_directory()?;
    if let Some((first, at)) = scan.before_tail {
        mark_ended(storage, identity, first, at, scan.tail.first)?;
    }
    let tail = &scan.tail;
    let file = storage.open(&names::segment(tail.first), Access::Write)?;
    let len = to_sectors(tail.bytes.len()).max(segment_len);
    write_zeros(file.as_ref(), tail.bytes.len(), len)?;
    let (offset, cut) = match tail.torn {
        Some((count, whole_end)) => cut_torn(file.as_ref(), tail, identity, count, whole_end)?,
        None => {
            write_again(file.as_ref(), tail)?;
            (tail.offset, 0)
        }
    };
    file.sync_data()?;
    let end = End {
        offset,
        len,
        next: tail.next,
    };
    Ok((end, cut))
}

/// Ends the segment that begins at `first` with a mark at `at`.
fn mark_ended(
    storage: &dyn Storage,
    identity: &Identity,
    first: Position,
    at: usize,
    next: Position,
) -> io::Result<()> {
    let file = storage.open(&names::segment(first), Access::Write)?;
    let mark = BlockHeader::mark(BlockKind::Ended, next, identity.generation).mark_bytes(identity.journal);
    file.write_at(at as u64, &mark)?;
    file.sync_data()
}

fn write_again(file: &dyn File, tail: &Piece) -> io::Result<()> {
    let Some((from, to, _)) = tail.last_block else {
        return Ok(());
    };
    let bytes = tail.bytes.get(from..to.min(tail.bytes.len())).unwrap_or_default();
    file.write_at(from as u64, bytes)
}

/// Cuts the torn block down to its first `count` records, which end at `whole_end`; says where the next block goes, and
/// how many bytes became zeros.
fn cut_torn(
    file: &dyn File,
    tail: &Piece,
    identity: &Identity,
    count: u32,
    whole_end: usize,
) -> io::Result<(usize, usize)> {
    let block = tail.offset;
    let behind = tail.bytes.get(block..).unwrap_or_default();
    let used = behind
        .chunks(SECTOR_LEN)
        .rposition(|sector| !is_zero(sector))
        .map_or(0, |last| last + 1);
    let kept_len = if count == 0 { 0 } else { whole_end - block };
    let mut bytes = behind.get(..kept_len).unwrap_or_default().to_vec();
    let header = BlockHeader {
        kind: BlockKind::Records,
        first: Position(tail.next.0 - u64::from(count)),
        count,
        body_len: u32::try_from(kept_len.saturating_sub(BLOCK_HEADER_LEN)).unwrap_or(u32::MAX),
        generation: identity.generation,
    };
    if count > 0 {
        header.complete(identity.journal, &mut bytes);
    }
    let block_len = bytes.len();
    bytes.resize((used * SECTOR_LEN).max(block_len).max(SECTOR_LEN), 0);
    let put = |from: usize, bytes: &[u8]| {
        file.write_at((block + from) as u64, bytes)?;
        file.sync_data()
    };
    // The sector in which the kept records end holds the start of one that goes. Its end is written last.
    let last_kept = block_len.saturating_sub(1) / SECTOR_LEN * SECTOR_LEN;
    let mut without_end = bytes.clone();
    if let Some(end) = without_end.get_mut(block_len.saturating_sub(BLOCK_END_LEN)..block_len) {
        end.fill(0);
    }
    let from = last_kept.max(SECTOR_LEN);
    put(from, without_end.get(from..).unwrap_or_default())?;
    put(0, bytes.get(..SECTOR_LEN).unwrap_or_default())?;
    put(
        last_kept,
        bytes.get(last_kept..block_len.max(SECTOR_LEN)).unwrap_or_default(),
    )?;
    Ok((block + block_len, bytes.len() - block_len))
}
