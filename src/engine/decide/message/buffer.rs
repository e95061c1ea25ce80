//! The fixed buffer that a message is rendered into.
//!
//! It truncates between grapheme clusters, so that neither a character nor an emoji is cut in half, and says that it
//! did. Values lose control characters and bidirectional overrides on the way in: a name must not be able to forge a
//! line, a header or the direction of the sentence around it.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::argument::VALUE_LEN_MAX;

/// Longest rendered message in bytes: three SMS of 7-bit text, and the size that the contract allows.
pub const MESSAGE_LEN_MAX: usize = 512;

/// First strong isolate: the value after it does not turn the sentence around.
const ISOLATE: &str = "\u{2068}";
/// Pop directional isolate.
const ISOLATE_END: &str = "\u{2069}";

/// Room for one message, reused from decide to decide.
#[derive(Clone)]
pub struct MessageBuffer {
    bytes: [u8; MESSAGE_LEN_MAX],
    len: usize,
    truncated: bool,
}

impl Default for MessageBuffer {
    fn default() -> Self {
        Self {
            bytes: [0; MESSAGE_LEN_MAX],
            len: 0,
            truncated: false,
        }
    }
}

impl std::fmt::Debug for MessageBuffer {
    /// The length only: the text may name a customer, and debug output ends in logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MessageBuffer({} bytes)", self.len)
    }
}

impl MessageBuffer {
    /// The message.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    /// Whether something did not fit.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Forgets the message.
    pub const fn clear(&mut self) {
        self.len = 0;
        self.truncated = false;
    }

    /// Appends the text of a pattern or of a number.
    pub(super) fn push(&mut self, text: &str) {
        self.push_within(text, &(0..MESSAGE_LEN_MAX));
    }

    /// Appends a value, cleaned, and between isolates if asked.
    pub(super) fn push_value(&mut self, value: &str, isolate: bool) {
        let cut = whole_graphemes(value, VALUE_LEN_MAX);
        if !isolate {
            self.push_clean(cut, &(0..MESSAGE_LEN_MAX));
        } else if self.len + ISOLATE.len() + ISOLATE_END.len() > MESSAGE_LEN_MAX {
            self.truncated = true;
        } else if !self.truncated {
            self.push(ISOLATE);
            self.push_clean(cut, &(self.len..MESSAGE_LEN_MAX - ISOLATE_END.len()));
            self.append(ISOLATE_END);
        }
        self.truncated |= cut.len() < value.len();
    }

    fn push_clean(&mut self, value: &str, room: &Range<usize>) {
        let mut clean_from = 0;
        for (at, character) in value.char_indices() {
            let Some(instead) = replacement(character) else {
                continue;
            };
            self.push_within(value.get(clean_from..at).unwrap_or_default(), room);
            self.push_within(instead, room);
            clean_from = at + character.len_utf8();
        }
        self.push_within(value.get(clean_from..).unwrap_or_default(), room);
    }

    /// Appends what fits before the end of `room`; a cut takes nothing away before its start.
    fn push_within(&mut self, text: &str, room: &Range<usize>) {
        if self.truncated {
            return;
        }
        if self.len + text.len() <= room.end {
            self.append(text);
            return;
        }
        self.truncated = true;
        let fits = text.floor_char_boundary(room.end.saturating_sub(self.len));
        self.append(text.get(..fits).unwrap_or_default());
        // What follows may belong to the last cluster, so the last one goes.
        let cluster = self
            .as_str()
            .grapheme_indices(true)
            .next_back()
            .map_or(0, |(start, _)| start);
        self.len = cluster.max(room.start);
    }

    fn append(&mut self, text: &str) {
        let end = self.len + text.len();
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(text.as_bytes());
            self.len = end;
        }
    }
}

/// The longest start of `text` that ends between graphemes and within `len_max` bytes.
fn whole_graphemes(text: &str, len_max: usize) -> &str {
    if text.len() <= len_max {
        return text;
    }
    let cut = text.get(..text.floor_char_boundary(len_max)).unwrap_or_default();
    let end = cut.grapheme_indices(true).next_back().map_or(0, |(start, _)| start);
    cut.get(..end).unwrap_or_default()
}

/// What a character of a value is replaced by; `None` keeps it.
fn replacement(character: char) -> Option<&'static str> {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(" "),
        // Embeddings, overrides and isolates, which would reach past the value.
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' => Some(""),
        _ if character.is_control() => Some(""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_not_cut_in_half() {
        let family = "👨‍👩‍👧";
        let mut buffer = MessageBuffer::default();
        buffer.push(&"x".repeat(MESSAGE_LEN_MAX - family.len() + 1));
        buffer.push(family);
        assert!(buffer.is_truncated());
        assert!(
            buffer.as_str().chars().all(|character| character == 'x'),
            "{}",
            buffer.as_str()
        );
        buffer.push("more");
        assert!(buffer.as_str().len() < MESSAGE_LEN_MAX, "nothing follows a cut");
    }

    #[test]
    fn fits_exactly() {
        let mut buffer = MessageBuffer::default();
        buffer.push(&"é".repeat(MESSAGE_LEN_MAX / 2));
        assert!(!buffer.is_truncated());
        assert_eq!(buffer.as_str().len(), MESSAGE_LEN_MAX);
    }

    #[test]
    fn values_cannot_forge_lines_or_direction() {
        for (value, expected) in [
            ("Ann\r\nBcc: x", "Ann  Bcc: x"),
            ("\u{1b}[31mred", "[31mred"),
            ("a\u{202E}b\u{2069}c\0", "abc"),
            ("{ $name } <b>", "{ $name } <b>"),
            ("👨‍👩‍👧", "👨‍👩‍👧"),
        ] {
            let mut buffer = MessageBuffer::default();
            buffer.push_value(value, false);
            assert_eq!(buffer.as_str(), expected);
        }
    }

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        let mut buffer = MessageBuffer::default();
        buffer.push_value(&"n".repeat(100_000), false);
        assert!(buffer.is_truncated());
        assert!(buffer.as_str().len() < VALUE_LEN_MAX + 1);
    }

    #[test]
    fn an_isolate_is_always_closed() {
        for before in MESSAGE_LEN_MAX - 12..=MESSAGE_LEN_MAX {
            let mut buffer = MessageBuffer::default();
            buffer.push(&"x".repeat(before));
            buffer.push_value("Azadi Café", true);
            let count = |mark| buffer.as_str().matches(mark).count();
            assert_eq!(count(ISOLATE), count(ISOLATE_END), "after {before} bytes");
        }
    }
}
