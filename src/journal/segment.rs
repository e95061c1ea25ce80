//! Reading the bytes of one segment, block by block, and telling a torn end from damage.
//!
//! Blocks follow one another from the second sector on, each padded to whole sectors; behind the last one there are zeros.
//! A batch is written after the one before it was synced, so at most the last block can be torn. What was not written still
//! holds the zeros that the segment was made with: the end of the block, when the write broke off, or a whole sector, when
//! the power went and the disk had taken later ones first. That is how a torn end is told from a damaged one, as etcd does
//! it: a bad block that has all of its sectors and its end, or a whole block after it, is damage.
//!
//! Deliberately absent: guessing. What is damaged is named with its offset; `salvage` reads around it when asked.

use super::format::{BLOCK_END_LEN, BLOCK_HEADER_LEN, BlockHeader, BlockKind, JournalId, SECTOR_LEN, Stored, is_zero};
use super::{Position, Record};

/// A walk over the blocks of a segment.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    journal: JournalId,
    /// Where the next block begins.
    offset: usize,
    /// The position expected next.
    next: Position,
    last: Option<(usize, BlockHeader)>,
}

/// Where a walk met something else than a block or the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// Where, in bytes from the start of the segment.
    pub(super) offset: usize,
    /// What was found.
    pub(super) found: String,
    /// The block's header, when it could be read.
    header: Option<BlockHeader>,
    /// The records of the block before the bad place: how many, and where the last one ends.
    pub(super) whole_count: u32,
    pub(super) whole_end: usize,
    /// Whether the place itself rules out that a write broke off.
    is_contradiction: bool,
}

impl<'a> Walk<'a> {
    /// Begins behind the header of a segment whose first position is `first`.
    pub(super) const fn new(bytes: &'a [u8], journal: JournalId, first: Position) -> Self {
        Self {
            bytes,
            journal,
            offset: SECTOR_LEN,
            next: first,
            last: None,
        }
    }

    /// Where the next block begins.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    /// The position after everything read.
    pub(super) const fn next(&self) -> Position {
        self.next
    }

    /// The last block and where it begins.
    pub(super) const fn last(&self) -> Option<(usize, BlockHeader)> {
        self.last
    }

    /// Whether another segment begins at [`Walk::next`].
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.last, Some((_, header)) if header.kind == BlockKind::Ended)
    }

    /// Reads the next block and shows its records, each when it was found whole; `None` at the end.
    pub(super) fn step(&mut self, visit: &mut dyn FnMut(Position, Record<'a>)) -> Result<Option<BlockHeader>, Bad> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let Some(header) = BlockHeader::decode(self.journal, rest) else {
            let is_end = is_zero(rest);
            return if is_end { Ok(None) } else { Err(self.no_block()) };
        };
        self.check_position(&header)?;
        self.records(&header, visit)?;
        self.check_end(&header)?;
        self.last = Some((self.offset, header));
        self.offset += header.sectors_len();
        self.next = Position(header.first.0 + u64::from(header.count));
        Ok(Some(header))
    }

    /// Whether `bad` is what a write leaves behind that broke off.
    pub(super) fn is_torn(&self, bad: &Bad) -> bool {
        if bad.is_contradiction || self.has_ended() || self.has_later_block() {
            return false;
        }
        let Some(header) = bad.header else {
            // Not even the header was written, or the write broke off in it.
            let rest = self.bytes.get(self.offset..).unwrap_or_default();
            let is_missing = rest.get(..SECTOR_LEN).is_none_or(is_zero);
            return is_missing || rest.get(BLOCK_HEADER_LEN..).is_none_or(is_zero);
        };
        let block_end = self.offset + header.sectors_len();
        let end = self.bytes.get(block_end - BLOCK_END_LEN..block_end);
        let sector_of_bad = bad.offset / SECTOR_LEN * SECTOR_LEN;
        end.is_none_or(is_zero)
            || (sector_of_bad..block_end)
                .step_by(SECTOR_LEN)
                .any(|at| self.bytes.get(at..at + SECTOR_LEN).is_none_or(is_zero))
    }

    fn has_later_block(&self) -> bool {
        let behind = self.bytes.get(self.offset + SECTOR_LEN..).unwrap_or_default();
        behind
            .chunks(SECTOR_LEN)
            .filter_map(|sector| BlockHeader::decode(self.journal, sector))
            .any(|header| header.first >= self.next)
    }

    fn check_position(&self, header: &BlockHeader) -> Result<(), Bad> {
        let expected = self.next.0;
        let first = header.first.0;
        let is_next = first == expected || (header.kind.may_jump() && first > expected);
        let found = if self.has_ended() {
            "a block follows the end of the segment".to_owned()
        } else if !is_next {
            format!("a block begins at position {first} where {expected} was expected")
        } else if first.checked_add(u64::from(header.count)).is_none() {
            format!("a block begins at position {first}, too late for its records")
        } else {
            return Ok(());
        };
        Err(self.bad(self.offset, found, Some(*header), true))
    }

    fn records(&self, header: &BlockHeader, visit: &mut dyn FnMut(Position, Record<'a>)) -> Result<(), Bad> {
        let body_end = self.offset + header.len();
        let mut at = self.offset + BLOCK_HEADER_LEN;
        for index in 0..header.count {
            let there = self.bytes.get(at..body_end.min(self.bytes.len())).unwrap_or_default();
            let fail = |found: String, is_contradiction| Bad {
                whole_count: index,
                whole_end: at,
                ..self.bad(at, found, Some(*header), is_contradiction)
            };
            let stored = Stored::decode(self.journal, there).map_err(|bad| fail(bad.to_string(), false))?;
            let expected = header.first.0 + u64::from(index);
            if stored.position.0 != expected {
                let found = format!(
                    "a record says position {} where {expected} was expected",
                    stored.position.0
                );
                return Err(fail(found, true));
            }
            at += stored.len();
            visit(stored.position, stored.record);
        }
        if at != body_end {
            let found = format!("the records of a block end {} bytes early", body_end.abs_diff(at));
            return Err(self.bad(at, found, Some(*header), true));
        }
        Ok(())
    }

    fn check_end(&self, header: &BlockHeader) -> Result<(), Bad> {
        let records_end = self.offset + header.len();
        let end_at = self.offset + header.sectors_len() - BLOCK_END_LEN;
        let fail = |at, found: &str, is_contradiction| Bad {
            whole_count: header.count,
            whole_end: records_end,
            ..self.bad(at, found.to_owned(), Some(*header), is_contradiction)
        };
        if !is_zero(self.bytes.get(records_end..end_at).unwrap_or_default()) {
            return Err(fail(
                records_end,
                "there is something behind the last record of a block",
                true,
            ));
        }
        if self.bytes.get(end_at..end_at + BLOCK_END_LEN) != Some(header.end(self.journal).as_slice()) {
            return Err(fail(end_at, "the end of a block does not fit its header", false));
        }
        Ok(())
    }

    fn no_block(&self) -> Bad {
        let found = "neither a block nor zeros".to_owned();
        self.bad(self.offset, found, None, false)
    }

    fn bad(&self, offset: usize, found: String, header: Option<BlockHeader>, is_contradiction: bool) -> Bad {
        Bad {
            offset,
            found,
            header,
            whole_count: 0,
            whole_end: self.offset,
            is_contradiction,
        }
    }
}
