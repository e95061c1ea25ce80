//! A yes or no for each cell of a grid, read a window's row at a time.
//!
//! Deliberately absent: setting a single bit later; a floor does not change while people are on it.

use super::floor::WINDOW_SIDE;

/// Columns from one word to the next. Words overlap, so that every row of a window lies within one.
const APART: usize = 16;
/// One bit for each column of a window.
const ROW_MASK: u32 = (1 << WINDOW_SIDE) - 1;
const _: () = assert!(APART + WINDOW_SIDE <= u32::BITS as usize, "a row lies within one word");

/// A bit for each cell.
#[derive(Debug)]
pub(super) struct Bits {
    words: Vec<u32>,
    words_per_row: usize,
}

impl Bits {
    /// Asks about every cell, by column and row.
    pub(super) fn new(columns: usize, rows: usize, is_set: impl Fn(usize, usize) -> bool) -> Self {
        let words_per_row = columns.div_ceil(APART);
        let word = |first: usize, row: usize| {
            let columns = (0..u32::BITS as usize).filter(|bit| first + bit < columns && is_set(first + bit, row));
            columns.fold(0, |word, bit| word | 1 << bit)
        };
        let words = (0..rows).flat_map(|row| (0..words_per_row).map(move |at| (at * APART, row)));
        Self {
            words: words.map(|(first, row)| word(first, row)).collect(),
            words_per_row,
        }
    }

    /// The bits of a window's row, the lowest that of its westernmost cell.
    #[inline]
    pub(super) fn row(&self, column: usize, row: usize) -> u32 {
        let word = self.words.get(row * self.words_per_row + column / APART);
        word.map_or(0, |word| word >> (column % APART) & ROW_MASK)
    }

    /// What [`Bits::row`] is when all of a window's row is set.
    pub(super) const ALL: u32 = ROW_MASK;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_reads_its_own_cells() {
        let is_set = |column: usize, row: usize| (column * 7 + row * 5).is_multiple_of(3);
        let bits = Bits::new(45, 9, is_set);
        for row in 0..9 {
            for column in 0..=45 - WINDOW_SIDE {
                let read = bits.row(column, row);
                assert!(
                    (0..WINDOW_SIDE).all(|at| (read >> at & 1 == 1) == is_set(column + at, row)),
                    "{column} {row}"
                );
            }
        }
        assert_eq!(bits.row(0, 9), 0, "there is nothing beyond the grid");
    }
}
