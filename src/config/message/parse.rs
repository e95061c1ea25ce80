//! One Fluent file to its entries, with every syntax mistake as a sentence.
//!
//! fluent-syntax does the parsing; it calls itself for every brace, so the depth of braces is bounded before it starts.
//! Its tree keeps slices of the text but no positions, so a position is found by where a slice lies in the text.

use std::ops::Range;
use std::sync::Arc;

use fluent_syntax::ast;
use fluent_syntax::parser::{self, ErrorKind, ParserError};

use super::FILE_LEN_MAX;
use crate::config::mistake::{Mistake, SourceFile};

/// Deepest nesting of braces.
const BRACE_DEPTH_MAX: usize = 32;

/// A parsed file.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) source: &'a Arc<SourceFile>,
    pub(super) entries: Vec<ast::Entry<&'a str>>,
}

impl File<'_> {
    /// A mistake at `slice`, which is part of this file's text.
    pub(super) fn mistake(&self, slice: &str, what: impl Into<String>, expected: impl Into<String>) -> Mistake {
        mistake(self.source, span_of(&self.source.text, slice), what, expected)
    }

    /// A mistake at the end, where something is to be added.
    pub(super) fn mistake_at_end(&self, what: impl Into<String>, expected: impl Into<String>) -> Mistake {
        let end = self.source.text.len();
        mistake(self.source, end..end, what, expected)
    }
}

/// Parses `source`; entries with mistakes are left out.
pub(super) fn parse<'a>(source: &'a Arc<SourceFile>, mistakes: &mut Vec<Mistake>) -> File<'a> {
    if let Some(refusal) = refusal(source) {
        mistakes.push(refusal);
        return File {
            source,
            entries: Vec::new(),
        };
    }
    let text = source.text.strip_prefix('\u{FEFF}').unwrap_or(&source.text);
    let offset = source.text.len() - text.len();
    let resource = parser::parse_runtime(text).unwrap_or_else(|(resource, errors)| {
        mistakes.extend(errors.iter().map(|error| syntax_mistake(source, offset, error)));
        resource
    });
    File {
        source,
        entries: resource.body,
    }
}

/// Why the file is not parsed at all.
fn refusal(source: &Arc<SourceFile>) -> Option<Mistake> {
    let len = source.text.len();
    if len > FILE_LEN_MAX {
        return Some(mistake(
            source,
            0..0,
            format!("the file has {len} bytes"),
            format!("at most {FILE_LEN_MAX}"),
        ));
    }
    if let Some(at) = cut_escape(&source.text) {
        return Some(mistake(
            source,
            at..at + 2,
            "the escape of a character is cut off",
            "four hexadecimal digits after \\u, six after \\U",
        ));
    }
    let at = too_deep(&source.text)?;
    Some(mistake(
        source,
        at..at + 1,
        "braces are nested too deep",
        format!("at most {BRACE_DEPTH_MAX} levels"),
    ))
}

/// Where an escape such as `\u0041` ends at a character of several bytes, before it has its digits. fluent-syntax 0.12 cuts
/// that character in two, and panics.
fn cut_escape(text: &str) -> Option<usize> {
    let is_cut = |at: &usize| {
        let mut after = text.bytes().skip(at + 1);
        let digits = match after.next() {
            Some(b'u') => 4,
            Some(b'U') => 6,
            _ => return false,
        };
        let end = after.take(digits).find(|byte| !byte.is_ascii_hexdigit());
        end.is_some_and(|byte| !byte.is_ascii())
    };
    text.match_indices('\\').map(|(at, _)| at).find(is_cut)
}

fn syntax_mistake(source: &Arc<SourceFile>, offset: usize, error: &ParserError) -> Mistake {
    let text = &source.text;
    let start = text.floor_char_boundary((error.pos.start + offset).min(text.len()));
    let end = text.ceil_char_boundary((error.pos.end + offset).clamp(start, text.len()));
    mistake(
        source,
        start..end,
        format!("not Fluent: {}", error.kind.to_string().to_lowercase()),
        expected(&error.kind),
    )
}

fn mistake(
    source: &Arc<SourceFile>,
    span: Range<usize>,
    what: impl Into<String>,
    expected: impl Into<String>,
) -> Mistake {
    Mistake {
        source: Arc::clone(source),
        span,
        what: what.into(),
        expected: expected.into(),
    }
}

/// Where `slice` lies in `text`; empty at the start if it does not.
fn span_of(text: &str, slice: &str) -> Range<usize> {
    let start = (slice.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let end = start.saturating_add(slice.len());
    if text.get(start..end).is_some() {
        start..end
    } else {
        0..0
    }
}

/// The first brace that is nested too deep. Braces in string literals and comments do not count.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth: usize = 0;
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let is_comment = depth == 0 && line.starts_with('#');
        let (mut in_string, mut escaped) = (false, false);
        for (at, byte) in line.bytes().enumerate().filter(|_| !is_comment) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' if depth > 0 => in_string = !in_string,
                b'{' if !in_string => depth += 1,
                b'}' if !in_string => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > BRACE_DEPTH_MAX {
                return Some(line_start + at);
            }
        }
        line_start += line.len();
    }
    None
}

fn expected(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpectedToken('=') => "`id = text`, with the lines that continue it indented",
        ErrorKind::ExpectedToken('}') => "`}` to close the placeable",
        ErrorKind::ExpectedToken(_) => "Fluent syntax: `id = text { $argument }`",
        ErrorKind::ExpectedCharRange { .. } => "an identifier: a letter, then letters, digits, `-` and `_`",
        ErrorKind::ExpectedMessageField { .. } | ErrorKind::ExpectedTermField { .. } | ErrorKind::MissingValue => {
            "text after the `=`"
        }
        ErrorKind::ForbiddenCallee => "a function's name in capitals: `NUMBER($price)`",
        ErrorKind::MissingDefaultVariant => "a variant marked with `*`, such as `*[other] ...`",
        ErrorKind::MultipleDefaultVariants => "exactly one variant marked with `*`",
        ErrorKind::MessageReferenceAsSelector
        | ErrorKind::TermReferenceAsSelector
        | ErrorKind::MessageAttributeAsSelector
        | ErrorKind::TermAttributeAsPlaceable
        | ErrorKind::ExpectedSimpleExpressionAsSelector => "an argument to choose by: `{ $walk -> ... }`",
        ErrorKind::UnterminatedStringLiteral => "a closing `\"` on the same line",
        ErrorKind::PositionalArgumentFollowsNamed => "the number first: `NUMBER($price, minimumFractionDigits: 2)`",
        ErrorKind::DuplicatedNamedArgument(_) => "each named argument once",
        ErrorKind::UnknownEscapeSequence(_) => "`\\\\`, `\\\"`, `\\uHHHH` or `\\UHHHHHH`",
        ErrorKind::InvalidUnicodeEscapeSequence(_) => "four digits after `\\u`, or six after `\\U`",
        ErrorKind::UnbalancedClosingBrace => "`{\"}\"}` for a brace in text",
        ErrorKind::ExpectedInlineExpression => {
            "`$argument`, `-term`, `message`, `NUMBER(..)`, text in quotes or a number"
        }
        ErrorKind::ExpectedLiteral => "text in quotes or a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_braces_that_nest() {
        let nested = |depth: usize| format!("a = {}$x{}\n", "{".repeat(depth), "}".repeat(depth));
        assert_eq!(too_deep(&nested(BRACE_DEPTH_MAX)), None);
        assert_eq!(too_deep(&nested(BRACE_DEPTH_MAX + 1)), Some(4 + BRACE_DEPTH_MAX));
        assert_eq!(too_deep(&"a = {\"{\"} {\"\\\"{\"} {\"}\"}\n# {{{\n".repeat(100)), None);
    }
}
