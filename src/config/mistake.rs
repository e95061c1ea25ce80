//! One mistake in a pack: where it is, what is wrong, what was expected.
//!
//! A mistake keeps the whole text of its file, so that whoever prints it needs no file system: [`std::fmt::Display`]
//! gives one plain line for a log, `miette` the line with the offending text underlined. Deliberately absent: warnings.
//! A pack is loaded whole or not at all, and what may stay is not worth a message.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

/// Characters of the offending text that one line repeats.
const TEXT_LEN_MAX: usize = 60;

/// A file as it was read by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name as the caller knows it, such as `packs/stadium/actions.toml`.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// One mistake in a pack.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The file.
    pub source: Arc<SourceFile>,
    /// The bytes of it that are wrong.
    pub span: Range<usize>,
    /// What is wrong, as a sentence without its full stop.
    pub what: String,
    /// What was expected, as the rest of a sentence that starts with "expected".
    pub expected: String,
}

impl Mistake {
    /// A mistake at `span` of `source`; a span outside the text, or within a character, is moved into it.
    #[must_use]
    pub fn new(
        source: &Arc<SourceFile>,
        span: Range<usize>,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let start = floor_char(&source.text, span.start);
        let end = floor_char(&source.text, span.end).max(start);
        Self {
            source: Arc::clone(source),
            span: start..end,
            what: what.into(),
            expected: expected.into(),
        }
    }

    /// A mistake of the map, which has a reader of its own, with its place and words; `file` is the one that it names.
    #[must_use]
    pub fn of_map(mistake: nextbest_venue::Mistake, file: Option<&Arc<SourceFile>>) -> Self {
        let unknown = || {
            Arc::new(SourceFile {
                name: mistake.file.clone(),
                text: String::new(),
            })
        };
        let source = file.map_or_else(unknown, Arc::clone);
        Self::new(&source, mistake.span, mistake.what, mistake.expected)
    }

    /// The line of the first offending character, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.before().matches('\n').count() + 1
    }

    /// The column of the first offending character, in characters from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        before.get(line_start..).unwrap_or_default().chars().count() + 1
    }

    /// The offending text on one line, shortened; empty when something is missing rather than wrong.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.source.text.get(self.span.clone()).unwrap_or_default();
        let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() > TEXT_LEN_MAX {
            line = line.chars().take(TEXT_LEN_MAX).collect::<String>() + "...";
        }
        line
    }

    fn before(&self) -> &str {
        self.source.text.get(..self.span.start).unwrap_or_default()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.source.name,
            self.line(),
            self.column(),
            one_line(&self.what)
        )?;
        let text = self.text();
        if !text.is_empty() {
            write!(f, ", found `{text}`")?;
        }
        write!(f, "; expected {}", one_line(&self.expected))
    }
}

/// A parser's words may have what was written in them, line ends included.
fn one_line(words: &str) -> String {
    let escaped = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    words.chars().map(escaped).collect()
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source.as_ref())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let length = self.span.end - self.span.start;
        Some(Box::new(std::iter::once(LabeledSpan::new(
            Some("here".to_owned()),
            self.span.start,
            length,
        ))))
    }
}

/// Names the file in what `miette` prints.
impl SourceCode for SourceFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, lines_before, lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}

/// The nearest character border at or before `at`.
fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str, span: Range<usize>) -> Mistake {
        let source = Arc::new(SourceFile {
            name: "pack.toml".to_owned(),
            text: text.to_owned(),
        });
        Mistake::new(&source, span, "`es` is no locale", "a locale of the pack")
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let mistake = mistake("a\nñandú = es", 12..14);
        assert_eq!((mistake.line(), mistake.column()), (2, 9));
        assert_eq!(
            mistake.to_string(),
            "pack.toml:2:9: `es` is no locale, found `es`; expected a locale of the pack"
        );
    }

    #[test]
    fn a_span_outside_the_text_or_inside_a_character_is_moved() {
        assert_eq!(mistake("ñ", 1..9).span, 0..2);
        assert_eq!(mistake("", 4..9).span, 0..0);
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = "x".repeat(500);
        assert_eq!(mistake(&long, 0..500).text().len(), TEXT_LEN_MAX + 3);
    }
}
