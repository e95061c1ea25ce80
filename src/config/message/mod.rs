//! Fluent files to [`Messages`]: everything that is wrong with them, or messages that cannot fail for a reason that was
//! knowable before.
//!
//! Each file is parsed (`parse`), then each message is compiled in its locale (`compile`, `select`, `number`), with
//! terms and other messages copied in, and the messages of all locales are put side by side (`table`). The default
//! locale says which messages there are: another locale that lacks one is a mistake, unless its plain language (`es` for
//! `es-MX`) is there to fall back to.
//!
//! Supported: text, arguments, `NUMBER()`, selects by number, plural category or text, terms with literal arguments,
//! message references. Refused with a reason: attributes, `DATETIME()` and other functions, unknown arguments, variants
//! that can never be chosen, references in a circle. Where fluent-bundle would leave `{$name}` as a hole, the file is
//! refused instead.

mod compile;
mod number;
mod parse;
mod select;
mod table;

use std::sync::Arc;

use super::mistake::{Mistake, SourceFile};
use crate::engine::decide::message::{LOCALE_COUNT_MAX, LOCALE_LEN_MAX, Messages, Plurals};

/// Largest Fluent file in bytes.
pub const FILE_LEN_MAX: usize = 1 << 20;

/// One Fluent file, as the caller read it. A locale may have several.
#[derive(Clone, Debug)]
pub struct MessageSource<'a> {
    /// BCP 47 tag, as in `messages/es-MX.ftl`.
    pub locale: &'a str,
    /// The file.
    pub file: Arc<SourceFile>,
}

/// Compiles all messages of a pack.
///
/// # Errors
/// Every mistake in every file.
///
/// ```
/// # use std::sync::Arc;
/// # use nextbest::config::{message::{load, MessageSource}, mistake::SourceFile};
/// # use nextbest::engine::decide::message::{Arguments, MessageBuffer};
/// let text = "nearest = { $place }, { $walk ->
///         [one] a minute
///        *[other] { $walk } minutes
///     } away".to_owned();
/// let file = Arc::new(SourceFile { name: "messages/en.ftl".to_owned(), text });
/// let messages = load(&[MessageSource { locale: "en", file }], "en").expect("no mistakes");
/// let nearest = messages.message_by_id("nearest").expect("is there");
/// let arguments = Arguments { place: Some("Taco Cart"), walk_s: Some(95), ..Arguments::default() };
/// let mut out = MessageBuffer::default();
/// messages.render(nearest, messages.locale_for("en-GB"), &arguments, &mut out).expect("all is known");
/// assert_eq!(out.as_str(), "Taco Cart, 2 minutes away");
/// ```
pub fn load(sources: &[MessageSource<'_>], default_locale: &str) -> Result<Messages, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let locales = locales(sources, default_locale, &mut mistakes);
    let files: Vec<_> = sources
        .iter()
        .map(|source| (source.locale, parse::parse(&source.file, &mut mistakes)))
        .collect();
    // What does not parse would be reported as missing below, which is only noise.
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let catalogues: Vec<_> = locales
        .iter()
        .map(|(tag, plurals)| {
            let own = files.iter().filter(|(locale, _)| *locale == *tag).map(|(_, file)| file);
            table::Catalogue::of(tag, plurals, own, &mut mistakes)
        })
        .collect();
    match table::build(&catalogues, &mut mistakes) {
        Some(messages) if mistakes.is_empty() => Ok(messages),
        Some(_) | None => Err(distinct(mistakes)),
    }
}

/// The locales of the sources with their plural rules, the default one first.
fn locales<'a>(
    sources: &[MessageSource<'a>],
    default_locale: &'a str,
    mistakes: &mut Vec<Mistake>,
) -> Vec<(&'a str, Plurals)> {
    let mut tags = vec![default_locale];
    for source in sources {
        if !tags.contains(&source.locale) {
            tags.push(source.locale);
        }
    }
    let mut locales = Vec::new();
    for (at, tag) in tags.into_iter().enumerate() {
        let Some(source) = sources.iter().find(|source| source.locale == tag) else {
            mistakes.push(no_default_file(default_locale));
            continue;
        };
        if at == LOCALE_COUNT_MAX {
            mistakes.push(at_start(
                &source.file,
                "too many locales".to_owned(),
                format!("at most {LOCALE_COUNT_MAX}"),
            ));
        }
        match Plurals::of(tag).filter(|_| tag.len() <= LOCALE_LEN_MAX) {
            Some(plurals) => locales.push((tag, plurals)),
            None => mistakes.push(unknown_locale(&source.file, tag)),
        }
    }
    locales
}

fn no_default_file(default_locale: &str) -> Mistake {
    let name = format!("messages/{default_locale}.ftl");
    let expected = format!("a file `{name}`");
    let file = Arc::new(SourceFile {
        name,
        text: String::new(),
    });
    at_start(
        &file,
        format!("no messages in the venue's default locale `{default_locale}`"),
        expected,
    )
}

fn unknown_locale(file: &Arc<SourceFile>, tag: &str) -> Mistake {
    let expected = "a file named by a BCP 47 tag whose language is in CLDR, such as `en.ftl` or `es-MX.ftl`";
    at_start(
        file,
        format!("`{tag}` is not a locale with known plural rules"),
        expected.to_owned(),
    )
}

fn at_start(file: &Arc<SourceFile>, what: String, expected: String) -> Mistake {
    Mistake {
        source: Arc::clone(file),
        span: 0..0,
        what,
        expected,
    }
}

/// A mistake in a term is found again by each message that uses the term; it is reported once.
fn distinct(mistakes: Vec<Mistake>) -> Vec<Mistake> {
    let mut kept: Vec<Mistake> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for mistake in mistakes {
        let key = (Arc::as_ptr(&mistake.source), mistake.span.clone(), mistake.what.clone());
        if seen.insert(key) {
            kept.push(mistake);
        }
    }
    kept
}
