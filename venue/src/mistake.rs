//! One mistake of a map file: where it is, what is wrong, and what was expected.
//!
//! A mistake carries its file's text, so that any caller can print it with the line underlined (`miette`) or as one plain
//! line (`Display`) without reading the file again.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// A map file as read by the caller: this crate does no IO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name to show in messages, usually the path.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
}

/// One mistake in a map file.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// The name of the file, as given in its [`Source`].
    pub file: String,
    /// Bytes of the file that are wrong.
    pub span: Range<usize>,
    /// Line of the first of them, from 1.
    pub line: usize,
    /// Column of the first of them in characters, from 1.
    pub column: usize,
    /// The offending text, shortened to one line.
    pub text: String,
    /// What is wrong, as a sentence.
    pub what: String,
    /// What was expected, as a sentence.
    pub expected: String,
    source: NamedSource<Arc<str>>,
}

/// Most characters of the offending text that a mistake repeats.
const TEXT_LEN_MAX: usize = 60;

impl Mistake {
    /// A mistake at `span` of `source`; a span outside the text is moved to its end.
    #[must_use]
    pub fn new(source: &Source, span: Range<usize>, what: impl Into<String>, expected: impl Into<String>) -> Self {
        let start = floor_char(&source.text, span.start);
        let end = floor_char(&source.text, span.end).max(start);
        let before = source.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: source.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            text: shorten(source.text.get(start..end).unwrap_or_default()),
            span: start..end,
            what: what.into(),
            expected: expected.into(),
            source: NamedSource::new(&source.name, Arc::clone(&source.text)),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}; expected {}",
            self.file, self.line, self.column, self.what, self.expected
        )
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let length = self.span.end - self.span.start;
        let label = LabeledSpan::new(Some("here".to_owned()), self.span.start, length);
        Some(Box::new(std::iter::once(label)))
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

fn shorten(text: &str) -> String {
    let mut short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if short.chars().count() > TEXT_LEN_MAX {
        short = short.chars().take(TEXT_LEN_MAX).collect::<String>() + "...";
    }
    short
}
