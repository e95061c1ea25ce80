//! A table of comma-separated values, with a place in the text for every cell.
//!
//! Quotes as in RFC 4180, except that a cell ends with its line. Deliberately absent: other separators.

use crate::mistake::{Mistake, Source};

/// Most rows of a table.
const ROWS_MAX: usize = 8_192;

/// A cell: its text, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    span: std::ops::Range<usize>,
}

/// A table with a header.
pub(super) struct Table<'s> {
    source: &'s Source,
    pub(super) header: Vec<Cell>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl<'s> Table<'s> {
    /// Reads the header and every row; a row of another length is a mistake.
    pub(super) fn read(source: &'s Source, mistakes: &mut Vec<Mistake>) -> Self {
        let mut table = Self {
            source,
            header: Vec::new(),
            rows: Vec::new(),
        };
        let mut start = 0;
        for line in source.text.split_inclusive('\n') {
            let cells = cells(line.trim_end_matches(['\n', '\r']), start);
            let begin = start;
            start += line.len();
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if table.header.is_empty() {
                table.header = cells;
            } else if cells.len() != table.header.len() {
                let what = format!("the row has {} cells", cells.len());
                let expected = format!("{}, as the header has", table.header.len());
                mistakes.push(Mistake::new(
                    source,
                    begin..begin + line.trim_end().len(),
                    what,
                    expected,
                ));
            } else if table.rows.len() >= ROWS_MAX {
                let expected = format!("at most {ROWS_MAX} rows");
                mistakes.push(Mistake::new(
                    source,
                    begin..begin + 1,
                    "the table is too long",
                    expected,
                ));
                break;
            } else {
                table.rows.push(cells);
            }
        }
        if table.header.is_empty() {
            mistakes.push(Mistake::new(
                source,
                0..1,
                "the table is empty",
                "a header and a row for each device",
            ));
        }
        table
    }

    /// The cell of a row under one of these names; an empty cell is none.
    pub(super) fn cell<'t>(&'t self, row: &'t [Cell], names: &[&str]) -> Option<&'t Cell> {
        let column = self
            .header
            .iter()
            .position(|cell| names.contains(&cell.text.to_ascii_lowercase().as_str()))?;
        row.get(column).filter(|cell| !cell.text.is_empty())
    }

    /// A mistake at a cell.
    pub(super) fn wrong(&self, cell: &Cell, what: impl Into<String>, expected: impl Into<String>) -> Mistake {
        Mistake::new(self.source, cell.span.clone(), what, expected)
    }

    /// A mistake at the start of a row.
    pub(super) fn row_wrong(&self, row: &[Cell], what: impl Into<String>, expected: impl Into<String>) -> Mistake {
        let span = row.first().map_or(0..1, |cell| cell.span.clone());
        Mistake::new(self.source, span, what, expected)
    }

    /// The finite number in a cell, within limits.
    pub(super) fn number(&self, cell: &Cell, low: f64, high: f64, mistakes: &mut Vec<Mistake>) -> Option<f64> {
        let number = cell
            .text
            .parse::<f64>()
            .ok()
            .filter(|number| (low..=high).contains(number));
        if number.is_none() {
            let what = format!("`{}` is no such number", cell.text);
            mistakes.push(self.wrong(cell, what, format!("a number from {low} to {high}")));
        }
        number
    }
}

fn cells(line: &str, start: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    let (mut from, mut quoted) = (0, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                cells.push(cell(line, from..at, start));
                from = at + 1;
            }
            _ => {}
        }
    }
    cells.push(cell(line, from..line.len(), start));
    cells
}

fn cell(line: &str, range: std::ops::Range<usize>, start: usize) -> Cell {
    let raw = line.get(range.clone()).unwrap_or_default().trim();
    let inner = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    Cell {
        text: inner.map_or_else(|| raw.to_owned(), |text| text.replace("\"\"", "\"")),
        span: start + range.start..start + range.end,
    }
}
