//! Where a part of a condition stands in its file.
//!
//! `cel` says where a part stands in the condition's text; between that and the file are TOML's quotes and escapes.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr, SourceInfo};

use crate::config::table::{At, Location, Text};

/// The places of the parts of one condition.
pub(super) struct Places<'a> {
    text: &'a At<Text>,
    /// For each byte of the text and its end: the byte of the file.
    offsets: Option<Vec<usize>>,
}

impl<'a> Places<'a> {
    /// The places in this condition.
    pub(super) fn of(text: &'a At<Text>) -> Self {
        let raw = text.location.text();
        let offsets = offsets(raw).filter(|offsets| offsets.len() == text.len() + 1);
        Self { text, offsets }
    }

    /// The place of a part.
    pub(super) fn expression(&self, expression: &IdedExpr, info: &SourceInfo) -> Location {
        self.bytes(part(expression, info, self.text).unwrap_or(0..self.text.len()))
    }

    /// The place of bytes of the condition's text.
    pub(super) fn bytes(&self, bytes: Range<usize>) -> Location {
        let location = &self.text.location;
        let offset = |at: usize| {
            self.offsets
                .as_ref()?
                .get(at)
                .map(|offset| offset + location.span.start)
        };
        match (offset(bytes.start), offset(bytes.end)) {
            (Some(start), Some(end)) => location.within(start..end),
            _ => location.clone(),
        }
    }

    /// The place of a line and column of the condition, in characters from 1.
    pub(super) fn line_and_column(&self, line: usize, column: usize) -> Location {
        let lines = self.text.split_inclusive('\n');
        let before: usize = lines.clone().take(line.saturating_sub(1)).map(str::len).sum();
        let rest = lines.clone().nth(line.saturating_sub(1)).unwrap_or_default();
        let within = rest
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(rest.len(), |(at, _)| at);
        let start = (before + within).min(self.text.len());
        let width = self
            .text
            .get(start..)
            .and_then(|rest| rest.chars().next())
            .map_or(0, char::len_utf8);
        self.bytes(start..start + width)
    }
}

/// The bytes of a part in the condition's text: from its first token to its last.
fn part(expression: &IdedExpr, info: &SourceInfo, text: &str) -> Option<Range<usize>> {
    let mut range = own(expression, info, text)?;
    for child in children(&expression.expr) {
        if let Some(inner) = part(child, info, text) {
            range = range.start.min(inner.start)..range.end.max(inner.end);
        }
    }
    Some(range)
}

/// The bytes of the token that `cel` remembers for a part, widened to the name or sign that belongs to it.
fn own(expression: &IdedExpr, info: &SourceInfo, text: &str) -> Option<Range<usize>> {
    let (start, last) = info.offset_for(expression.id)?;
    let (start, end) = (start as usize, (last as usize).saturating_add(1).min(text.len()));
    let before = text.get(..start)?.trim_end();
    let after = text.get(start..)?;
    Some(match &expression.expr {
        Expr::Select(select) if select.test => before.len().saturating_sub("has".len())..after.find(')')? + start + 1,
        Expr::Select(select) => {
            let field = after.find(select.field.as_str())? + start;
            start..field + select.field.len()
        }
        Expr::Call(call) if before.ends_with(call.func_name.as_str()) => before.len() - call.func_name.len()..end,
        Expr::Literal(_) if before.ends_with('-') => before.len() - 1..end,
        Expr::Literal(_) | Expr::Ident(_) | Expr::Call(_) | Expr::List(_) => start..end.max(start),
        Expr::Unspecified | Expr::Comprehension(_) | Expr::Map(_) | Expr::Struct(_) => start..end.max(start),
    })
}

fn children(expression: &Expr) -> Vec<&IdedExpr> {
    match expression {
        Expr::Call(call) => call.args.iter().chain(call.target.as_deref()).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Comprehension(comprehension) => vec![&comprehension.iter_range],
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) => Vec::new(),
    }
}

/// For each byte of a TOML string's text, and for its end, the byte of what is written; `raw` is with its quotes.
fn offsets(raw: &str) -> Option<Vec<usize>> {
    let quote = ["'''", "\"\"\"", "'", "\""]
        .into_iter()
        .find(|quote| raw.starts_with(quote))?;
    let mut at = quote.len();
    if quote.len() == 3 {
        let rest = raw.get(at..)?;
        at += if rest.starts_with("\r\n") {
            2
        } else {
            usize::from(rest.starts_with('\n'))
        };
    }
    let end = raw.len().checked_sub(quote.len())?;
    let escapes = quote.starts_with('"');
    let mut offsets = Vec::with_capacity(raw.len());
    while at < end {
        let rest = raw.get(at..end)?;
        let first = rest.chars().next()?;
        let (written, read) = if escapes && first == '\\' {
            escape(rest)?
        } else {
            (first.len_utf8(), first.len_utf8())
        };
        offsets.extend(std::iter::repeat_n(at, read));
        at += written;
    }
    offsets.push(end);
    Some(offsets)
}

/// Bytes that an escape takes as written, and bytes that it stands for.
fn escape(rest: &str) -> Option<(usize, usize)> {
    let kind = rest.chars().nth(1)?;
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        ' ' | '\t' | '\r' | '\n' => return Some((rest.len() - rest.get(1..)?.trim_start().len(), 0)),
        _ => return Some((1 + kind.len_utf8(), 1)),
    };
    let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, char::from_u32(code)?.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_quoted_text_has_its_place() {
        for (raw, text) in [
            ("'ab'", "ab"),
            (r#""a\"b""#, "a\"b"),
            ("\"\"\"\na \\\n   b\"\"\"", "a b"),
            (r#""\u00e9x""#, "éx"),
            ("'''\r\nñ'''", "ñ"),
        ] {
            let offsets = offsets(raw).unwrap();
            assert_eq!(offsets.len(), text.len() + 1, "{raw}");
            for (at, char) in text.char_indices().filter(|(_, char)| char.is_ascii_lowercase()) {
                assert!(raw[offsets[at]..].starts_with(char), "{raw} at {at}");
            }
        }
    }
}
