//! Tables beside a map: hubs, site surveys, recordings, as lines of comma-separated values under a line of names.
//!
//! The one reader of such files: every mistake has its line, its column and the text that is wrong. Columns are found by
//! name, in any order, and more of them are not read; empty lines are skipped. Deliberately absent: quotes in fields,
//! which no such file needs, and reading files.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use crate::mistake::{Mistake, Source};

/// A table whose lines are read one by one.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    source: &'a Source,
    names: Vec<(&'a str, Range<usize>)>,
    head: Range<usize>,
    /// Where the next line starts.
    at: usize,
}

/// A column of a table, found by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: String,
    place: usize,
}

/// One line of a table, not empty.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    source: &'a Source,
    /// The bytes of the line, without the space around it.
    span: Range<usize>,
    fields: Vec<Range<usize>>,
}

impl<'a> Table<'a> {
    /// Reads the line of names.
    ///
    /// # Errors
    /// There is none: the file is empty.
    pub fn new(source: &'a Source) -> Result<Self, Box<Mistake>> {
        let mut table = Self {
            source,
            names: Vec::new(),
            head: 0..0,
            at: if source.text.starts_with('\u{FEFF}') { 3 } else { 0 },
        };
        let row = table.next_row().ok_or_else(|| {
            mistake(
                source,
                0..0,
                "the file is empty",
                "a line with the names of the columns",
            )
        })?;
        let name = |span: &Range<usize>| (source.text.get(span.clone()).unwrap_or_default(), span.clone());
        table.names = row.fields.iter().map(name).collect();
        table.head = row.span;
        Ok(table)
    }

    /// The column of a name.
    ///
    /// # Errors
    /// There is none; the mistake names those that are there.
    pub fn column(&self, name: &str) -> Result<Column, Box<Mistake>> {
        self.find(name).ok_or_else(|| {
            let there: Vec<&str> = self.names.iter().map(|(name, _)| *name).collect();
            self.wrong_head(
                format!("no column `{name}`"),
                format!("`{name}` beside `{}`", there.join(",")),
            )
        })
    }

    /// The column of a name, when there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Column> {
        let place = self.names.iter().position(|(known, _)| *known == name)?;
        Some(Column {
            name: name.to_owned(),
            place,
        })
    }

    /// A mistake about the line of names.
    #[must_use]
    pub fn wrong_head(&self, what: impl Into<String>, expected: impl Into<String>) -> Box<Mistake> {
        mistake(self.source, self.head.clone(), what, expected)
    }

    /// The next line that is not empty.
    pub fn next_row(&mut self) -> Option<Row<'a>> {
        loop {
            let rest = self.source.text.get(self.at..).filter(|rest| !rest.is_empty())?;
            let line = rest.split_inclusive('\n').next()?;
            let span = trimmed(line, self.at);
            self.at += line.len();
            if !span.is_empty() {
                return Some(Row::new(self.source, span));
            }
        }
    }
}

impl<'a> Row<'a> {
    fn new(source: &'a Source, span: Range<usize>) -> Self {
        let mut fields = Vec::new();
        let mut start = span.start;
        for field in source.text.get(span.clone()).unwrap_or_default().split(',') {
            fields.push(trimmed(field, start));
            start += field.len() + 1;
        }
        Self { source, span, fields }
    }

    /// The text of a field, without the space around it; may be empty.
    ///
    /// # Errors
    /// The line ends before it.
    pub fn text(&self, column: &Column) -> Result<&'a str, Box<Mistake>> {
        let field = self
            .fields
            .get(column.place)
            .and_then(|span| self.source.text.get(span.clone()));
        field.ok_or_else(|| {
            let what = format!("the line ends before `{}`", column.name);
            mistake(
                self.source,
                self.span.clone(),
                what,
                format!("a field `{}`", column.name),
            )
        })
    }

    /// A number within a range.
    ///
    /// # Errors
    /// It is no number, or outside of the range; infinite and not-a-number are outside of every range.
    pub fn number<T>(&self, column: &Column, range: RangeInclusive<T>) -> Result<T, Box<Mistake>>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let number = self.text(column)?.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.wrong(column, format!("a number from {} to {}", range.start(), range.end())))
    }

    /// A number within a range, or `None` for an empty field.
    ///
    /// # Errors
    /// As [`Row::number`].
    pub fn number_or_none<T>(&self, column: &Column, range: RangeInclusive<T>) -> Result<Option<T>, Box<Mistake>>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        if self.text(column)?.is_empty() {
            return Ok(None);
        }
        self.number(column, range).map(Some)
    }

    /// A mistake about one field.
    #[must_use]
    pub fn wrong(&self, column: &Column, expected: impl Into<String>) -> Box<Mistake> {
        let span = self.fields.get(column.place).unwrap_or(&self.span);
        let text = self.source.text.get(span.clone()).unwrap_or_default();
        let what = if text.is_empty() {
            format!("`{}` is empty", column.name)
        } else {
            format!("`{}` is `{}`", column.name, shorten(text))
        };
        mistake(self.source, span.clone(), what, expected)
    }
}

fn mistake(source: &Source, span: Range<usize>, what: impl Into<String>, expected: impl Into<String>) -> Box<Mistake> {
    Box::new(Mistake::new(source, span, what, expected))
}

/// Most characters of a field that a mistake repeats.
const FIELD_LEN_MAX: usize = 40;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(FIELD_LEN_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The bytes of a text that starts at `start`, without the space around it.
fn trimmed(text: &str, start: usize) -> Range<usize> {
    let kept = text.trim();
    let before = text.len() - text.trim_start().len();
    let start = if kept.is_empty() { start } else { start + before };
    start..start + kept.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            name: "hubs.csv".to_owned(),
            text: text.into(),
        }
    }

    #[test]
    fn columns_are_found_by_name_and_lines_may_be_empty() {
        let source = source("\u{FEFF}hub , more,x_m\r\n\r\n a1,,7.5 \r\nb2,ñ,-1");
        let mut table = Table::new(&source).unwrap();
        let (x_m, hub) = (table.column("x_m").unwrap(), table.column("hub").unwrap());
        let first = table.next_row().unwrap();
        assert_eq!(
            (first.text(&hub).unwrap(), first.number(&x_m, -9.0..=9.0).unwrap()),
            ("a1", 7.5)
        );
        let second = table.next_row().unwrap();
        assert_eq!(
            (second.text(&hub).unwrap(), second.number(&x_m, -9..=9).unwrap()),
            ("b2", -1)
        );
        assert!(table.next_row().is_none());
        assert!(table.find("y_m").is_none());
    }

    #[test]
    fn a_mistake_has_line_and_column_and_what_was_expected() {
        let source = source("hub,x_m\nñandú,nan\nb2\nc3, 1e9 ,\n");
        let mut table = Table::new(&source).unwrap();
        let x_m = table.column("x_m").unwrap();
        let mut mistake = || {
            table
                .next_row()
                .unwrap()
                .number(&x_m, -9.0..=9.0)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            mistake(),
            "hubs.csv:2:7: `x_m` is `nan`; expected a number from -9 to 9"
        );
        assert_eq!(
            mistake(),
            "hubs.csv:3:1: the line ends before `x_m`; expected a field `x_m`"
        );
        assert_eq!(
            mistake(),
            "hubs.csv:4:5: `x_m` is `1e9`; expected a number from -9 to 9"
        );
        let no_column = table.column("y_m").unwrap_err().to_string();
        assert_eq!(
            no_column,
            "hubs.csv:1:1: no column `y_m`; expected `y_m` beside `hub,x_m`"
        );
        let empty = Source {
            name: "e.csv".to_owned(),
            text: "\n \n".into(),
        };
        let empty = Table::new(&empty).unwrap_err().to_string();
        assert_eq!(
            empty,
            "e.csv:1:1: the file is empty; expected a line with the names of the columns"
        );
    }
}
