//! Every message of a venue in every locale, and the renderer.
//!
//! Rendering is one forward walk that copies text; it takes no lock and allocates nothing. A message is rendered whole
//! or not at all: if a value it uses is not known, the caller gets to choose another message, which beats a sentence with
//! a hole in it.

use super::argument::{Argument, ArgumentSet, Arguments, Value};
use super::buffer::MessageBuffer;
use super::locale::{self, LocaleIx};
use super::plural::Plurals;
use super::program::{MessageCode, Op, Program, Test};

/// Most messages of a venue.
pub const MESSAGE_COUNT_MAX: usize = u16::MAX as usize;
/// Most locales of a venue.
pub const LOCALE_COUNT_MAX: usize = 64;

/// A message of the venue: an index into its list, the same in every locale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageIx(pub u16);

impl MessageIx {
    /// As an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One message in one locale.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What to do.
    pub code: MessageCode,
    /// The locale it is written in: `es` for a message that `es-MX` does not have itself.
    pub written_in: LocaleIx,
}

/// A locale and its plural rules.
#[derive(Clone, Debug)]
struct Locale {
    tag: Box<str>,
    plurals: Plurals,
}

/// Every message in every locale.
#[derive(Clone, Debug)]
pub struct Messages {
    program: Program,
    locales: Box<[Locale]>,
    /// Sorted.
    ids: Box<[Box<str>]>,
    /// By locale, then by message.
    entries: Box<[Entry]>,
    default_locale: LocaleIx,
    isolate: bool,
}

/// How a message was rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The locale that the text is in.
    pub locale: LocaleIx,
    /// Whether something did not fit.
    pub truncated: bool,
}

/// Why a message was not rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The message uses something that is not known about this decision.
    #[error("${} is not known, and the message needs it", .0.name())]
    Unknown(Argument),
    /// The index is not of these messages.
    #[error("no message {} in locale {}: indices of another generation?", message.0, locale.0)]
    NoMessage {
        /// As asked.
        message: MessageIx,
        /// As asked.
        locale: LocaleIx,
    },
}

/// Why parts do not make [`Messages`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessagesError {
    /// The default locale must be one of the locales.
    #[error("the default locale is not among the {0} locales")]
    NoDefault(usize),
    /// Counts are bounded.
    #[error("{messages} messages in {locales} locales, of at most {MESSAGE_COUNT_MAX} and {LOCALE_COUNT_MAX}")]
    TooMany {
        /// Messages found.
        messages: usize,
        /// Locales found.
        locales: usize,
    },
    /// Each locale needs each message.
    #[error("{found} compiled messages, expected {expected}: one per message and locale")]
    Entries {
        /// Entries found.
        found: usize,
        /// Entries expected.
        expected: usize,
    },
    /// Ids must be sorted and unique, because they are searched.
    #[error("message ids are not in order")]
    Order,
}

impl Messages {
    /// Puts the parts together; `entries` go by locale, then by message, in the order of `locales` and `ids`.
    ///
    /// # Errors
    /// If the counts do not fit each other or their maxima, or `ids` are not sorted.
    pub fn new(
        program: Program,
        locales: Vec<(String, Plurals)>,
        ids: Vec<String>,
        entries: Vec<Entry>,
        default_locale: LocaleIx,
    ) -> Result<Self, MessagesError> {
        let expected = locales.len() * ids.len();
        if default_locale.index() >= locales.len() {
            return Err(MessagesError::NoDefault(locales.len()));
        }
        if ids.len() > MESSAGE_COUNT_MAX || locales.len() > LOCALE_COUNT_MAX {
            return Err(MessagesError::TooMany {
                messages: ids.len(),
                locales: locales.len(),
            });
        }
        if entries.len() != expected {
            return Err(MessagesError::Entries {
                found: entries.len(),
                expected,
            });
        }
        if !ids.is_sorted_by(|one, next| one < next) {
            return Err(MessagesError::Order);
        }
        Ok(Self {
            program,
            locales: locales
                .into_iter()
                .map(|(tag, plurals)| Locale {
                    tag: tag.into(),
                    plurals,
                })
                .collect(),
            ids: ids.into_iter().map(String::into_boxed_str).collect(),
            entries: entries.into_boxed_slice(),
            default_locale,
            isolate: false,
        })
    }

    /// Sets whether values are put between Unicode's isolating marks (FSI and PDI), which keep an Arabic name from
    /// turning an English sentence around. Off by default: some push channels show the marks as boxes.
    #[must_use]
    pub const fn isolating(mut self, isolate: bool) -> Self {
        self.isolate = isolate;
        self
    }

    /// The message with this id.
    #[must_use]
    pub fn message_by_id(&self, id: &str) -> Option<MessageIx> {
        let at = self.ids.binary_search_by(|other| other.as_ref().cmp(id)).ok()?;
        u16::try_from(at).ok().map(MessageIx)
    }

    /// The id of a message.
    #[must_use]
    pub fn id(&self, message: MessageIx) -> Option<&str> {
        self.ids.get(message.index()).map(Box::as_ref)
    }

    /// How many messages there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no message at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The locale that serves the BCP 47 tag `wanted` best: `es-MX`, then `es`, then another Spanish, then the default.
    /// Ask once per connection.
    #[must_use]
    pub fn locale_for(&self, wanted: &str) -> LocaleIx {
        locale::best_match(wanted, self.locales.iter().map(|locale| locale.tag.as_ref()))
            .and_then(|at| u8::try_from(at).ok())
            .map_or(self.default_locale, LocaleIx)
    }

    /// The venue's default locale.
    #[must_use]
    pub const fn default_locale(&self) -> LocaleIx {
        self.default_locale
    }

    /// The BCP 47 tag of a locale.
    #[must_use]
    pub fn locale_tag(&self, locale: LocaleIx) -> Option<&str> {
        self.locales.get(locale.index()).map(|locale| locale.tag.as_ref())
    }

    /// Every argument that some variant of the message uses. With `needs(..).is_within(arguments.known())`, rendering
    /// cannot fail.
    #[must_use]
    pub fn needs(&self, message: MessageIx, locale: LocaleIx) -> Option<ArgumentSet> {
        self.entry(message, locale).map(|entry| entry.code.needs)
    }

    /// The locale that a message is written in when `locale` is asked for: another one when `locale` does not have it.
    #[must_use]
    pub fn written_in(&self, message: MessageIx, locale: LocaleIx) -> Option<LocaleIx> {
        self.entry(message, locale).map(|entry| entry.written_in)
    }

    /// Writes the message into `out`, replacing what was there.
    ///
    /// # Errors
    /// If the variant that was chosen uses an argument that is not known; `out` is empty then.
    pub fn render(
        &self,
        message: MessageIx,
        locale: LocaleIx,
        arguments: &Arguments<'_>,
        out: &mut MessageBuffer,
    ) -> Result<Rendered, RenderError> {
        out.clear();
        let entry = self
            .entry(message, locale)
            .ok_or(RenderError::NoMessage { message, locale })?;
        let plurals = self.locales.get(entry.written_in.index()).map(|locale| &locale.plurals);
        let plurals = plurals.ok_or(RenderError::NoMessage { message, locale })?;
        if let Err(error) = self.run(entry.code, plurals, arguments, out) {
            out.clear();
            return Err(error);
        }
        Ok(Rendered {
            locale: entry.written_in,
            truncated: out.is_truncated(),
        })
    }

    fn entry(&self, message: MessageIx, locale: LocaleIx) -> Option<Entry> {
        if message.index() >= self.ids.len() {
            return None;
        }
        self.entries
            .get(locale.index() * self.ids.len() + message.index())
            .copied()
    }

    fn run(
        &self,
        code: MessageCode,
        plurals: &Plurals,
        arguments: &Arguments<'_>,
        out: &mut MessageBuffer,
    ) -> Result<(), RenderError> {
        let ops = self.program.ops.get(..code.end as usize).unwrap_or_default();
        let mut at = code.start as usize;
        while let Some(op) = ops.get(at) {
            let mut next = at + 1;
            match *op {
                Op::Text { start, len } => out.push(self.text(start, len)),
                Op::Argument { argument, format } => match known(arguments, argument)? {
                    Value::Text(text) => out.push_value(text, self.isolate),
                    Value::Number(number) => out.push(number.shown(format).text().as_str()),
                },
                Op::Unless { argument, test, target } => {
                    if !self.passes(known(arguments, argument)?, test, plurals) {
                        next = target as usize;
                    }
                }
                Op::Jump { target } => next = target as usize,
            }
            debug_assert!(next > at, "jumps go forward");
            at = next;
        }
        Ok(())
    }

    fn passes(&self, value: Value<'_>, test: Test, plurals: &Plurals) -> bool {
        match (value, test) {
            (Value::Number(number), Test::Number(exactly)) => number.same_value(exactly),
            (Value::Number(number), Test::Plural { kind, format, category }) => {
                plurals.category(number, format, kind) == category
            }
            (Value::Text(text), Test::Text { start, len }) => text == self.text(start, len),
            (Value::Number(_), Test::Text { .. }) | (Value::Text(_), Test::Number(_) | Test::Plural { .. }) => false,
        }
    }

    fn text(&self, start: u32, len: u32) -> &str {
        let (start, len) = (start as usize, len as usize);
        self.program.arena.get(start..start + len).unwrap_or_default()
    }
}

fn known<'a>(arguments: &Arguments<'a>, argument: Argument) -> Result<Value<'a>, RenderError> {
    arguments.value(argument).ok_or(RenderError::Unknown(argument))
}
