//! Plural categories of one locale, by CLDR's rules.
//!
//! The rules are looked up once when a pack is loaded; asking for a category is a call through a function pointer with
//! six numbers, and allocates nothing. Source: Unicode TR 35 part 3, "Language Plural Rules" (CLDR 37, as
//! intl_pluralrules carries it).
//!
//! Known fault, shared with fluent-bundle and everything else on intl_pluralrules 7: its Arabic rules look at the whole
//! number where CLDR looks at the last two digits, so 103 gets `other` where CLDR says `few`. Below 100 they agree.

use intl_pluralrules::operands::PluralOperands;
use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use unic_langid::LanguageIdentifier;

use super::number::{Decimal, Format, Shown};

/// Counting ("3 minutes") or ranking ("3rd").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PluralKind {
    /// Counting.
    #[default]
    Cardinal,
    /// Ranking.
    Ordinal,
}

/// CLDR's six plural categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are CLDR's, and mean what each language says they mean"
)]
pub enum Category {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

impl Category {
    /// Every category, in CLDR's order.
    pub const ALL: [Self; 6] = [Self::Zero, Self::One, Self::Two, Self::Few, Self::Many, Self::Other];

    /// The name that a Fluent variant uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::One => "one",
            Self::Two => "two",
            Self::Few => "few",
            Self::Many => "many",
            Self::Other => "other",
        }
    }

    /// The category with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }
}

impl From<PluralCategory> for Category {
    fn from(category: PluralCategory) -> Self {
        match category {
            PluralCategory::ZERO => Self::Zero,
            PluralCategory::ONE => Self::One,
            PluralCategory::TWO => Self::Two,
            PluralCategory::FEW => Self::Few,
            PluralCategory::MANY => Self::Many,
            PluralCategory::OTHER => Self::Other,
        }
    }
}

/// The plural rules of one locale.
#[derive(Clone)]
pub struct Plurals {
    cardinal: PluralRules,
    ordinal: PluralRules,
}

impl std::fmt::Debug for Plurals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Plurals({})", self.cardinal.get_locale())
    }
}

impl Plurals {
    /// The rules of `locale` (BCP 47), or of its language alone; `None` when CLDR has none.
    #[must_use]
    pub fn of(locale: &str) -> Option<Self> {
        Some(Self {
            cardinal: rules(locale, PluralRuleType::CARDINAL)?,
            ordinal: rules(locale, PluralRuleType::ORDINAL)?,
        })
    }

    /// The category of `number` as `format` shows it.
    #[must_use]
    pub fn category(&self, number: Decimal, format: Format, kind: PluralKind) -> Category {
        let rules = match kind {
            PluralKind::Cardinal => &self.cardinal,
            PluralKind::Ordinal => &self.ordinal,
        };
        rules
            .select(operands(number.shown(format)))
            .map_or(Category::Other, Category::from)
    }
}

fn rules(locale: &str, kind: PluralRuleType) -> Option<PluralRules> {
    let whole: LanguageIdentifier = locale.parse().ok()?;
    let region = LanguageIdentifier::from_parts(whole.language, None, whole.region, &[]);
    let language = LanguageIdentifier::from_parts(whole.language, None, None, &[]);
    [whole, region, language]
        .into_iter()
        .find_map(|candidate| PluralRules::create(candidate, kind).ok())
}

fn operands(shown: Shown) -> PluralOperands {
    let scale = 10_f64.powi(i32::from(shown.fraction_digits));
    PluralOperands {
        n: shown.whole as f64 + shown.fraction as f64 / scale,
        i: shown.whole,
        v: usize::from(shown.padded_digits),
        w: usize::from(shown.fraction_digits),
        f: shown.fraction_padded(),
        t: shown.fraction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(locale: &str, kind: PluralKind, cases: &[(&str, &str)]) {
        let plurals = Plurals::of(locale).unwrap();
        for (number, expected) in cases {
            let category = plurals.category(Decimal::parse(number).unwrap(), Format::default(), kind);
            assert_eq!(category.name(), *expected, "{number} in {locale}");
        }
    }

    #[test]
    fn categories_follow_cldr() {
        check(
            "en",
            PluralKind::Cardinal,
            &[("0", "other"), ("1", "one"), ("1.0", "other"), ("2", "other")],
        );
        check(
            "en",
            PluralKind::Ordinal,
            &[("1", "one"), ("2", "two"), ("3", "few"), ("11", "other"), ("21", "one")],
        );
        check(
            "es-MX",
            PluralKind::Cardinal,
            &[("0", "other"), ("1", "one"), ("2", "other")],
        );
        check(
            "pl",
            PluralKind::Cardinal,
            &[
                ("1", "one"),
                ("3", "few"),
                ("5", "many"),
                ("22", "few"),
                ("1.5", "other"),
            ],
        );
        let arabic = [
            ("0", "zero"),
            ("1", "one"),
            ("2", "two"),
            ("7", "few"),
            ("11", "many"),
            ("100", "other"),
        ];
        check("ar", PluralKind::Cardinal, &arabic);
    }

    #[test]
    fn an_unknown_language_has_no_rules() {
        assert!(Plurals::of("xx").is_none());
        assert!(Plurals::of("not a locale").is_none());
    }
}
