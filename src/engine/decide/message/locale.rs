//! Which of the venue's locales a customer gets.
//!
//! Asked once per connection, with whatever the app says in its hello. RFC 4647 lookup: the tag is shortened from the
//! right until a locale matches, `es-MX` to `es`. When that finds nothing, another region of the same language is better
//! than a foreign one, and last comes the venue's default.

/// Longest tag that is looked at, in bytes (RFC 5646, section 4.4.1); longer ones get the venue's default.
pub const LOCALE_LEN_MAX: usize = 35;

/// A locale of the venue: an index into its list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocaleIx(pub u8);

impl LocaleIx {
    /// As an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The position of the locale that serves `wanted` best; `None` if none shares its language.
pub(super) fn best_match<'a>(wanted: &str, locales: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    if wanted.len() > LOCALE_LEN_MAX {
        return None;
    }
    let mut prefix = wanted;
    loop {
        if let Some(at) = locales.clone().position(|locale| same_tag(locale, prefix)) {
            return Some(at);
        }
        match shorter(prefix) {
            Some(parent) => prefix = parent,
            None => break,
        }
    }
    locales.clone().position(|locale| same_tag(language(locale), prefix))
}

/// The tag without its last subtag.
pub(super) fn shorter(tag: &str) -> Option<&str> {
    tag.rfind(is_separator).and_then(|at| tag.get(..at))
}

fn language(tag: &str) -> &str {
    tag.split(is_separator).next().unwrap_or_default()
}

/// Tags are compared without case; some platforms write `es_MX`.
fn same_tag(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).all(|(one, other)| {
            one.eq_ignore_ascii_case(&other) || (matches!(one, b'-' | b'_') && matches!(other, b'-' | b'_'))
        })
}

const fn is_separator(character: char) -> bool {
    matches!(character, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_locale_wins() {
        let locales = ["en", "es", "es-MX", "pt-BR", "zh-Hant"];
        for (wanted, expected) in [
            ("en", Some("en")),
            ("en-GB", Some("en")),
            ("ES_mx", Some("es-MX")),
            ("es-AR-x-stadium", Some("es")),
            ("pt-PT", Some("pt-BR")),
            ("pt", Some("pt-BR")),
            ("zh-Hant-TW", Some("zh-Hant")),
            ("e", None),
            ("de-AT", None),
            ("", None),
            ("-", None),
            ("en-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd", None),
        ] {
            let found = best_match(wanted, locales.into_iter()).map(|at| locales[at]);
            assert_eq!(found, expected, "{wanted}");
        }
    }
}
