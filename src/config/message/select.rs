//! `{ $walk -> [0] here [one] a minute *[other] { $walk } minutes }` to tests and jumps.
//!
//! Fluent takes the first variant whose key fits, in the order of the file. A variant that can never be taken is refused:
//! it is nearly always a misunderstanding, such as `[zero]` in English, which has no such category.

use fluent_syntax::ast::{InlineExpression, Variant, VariantKey};

use super::compile::{Choice, Failed, MessageCompiler, place_of};
use super::number::NumberOptions;
use crate::engine::decide::message::{Argument, ArgumentKind, Category, Decimal, Label, PluralKind, Plurals};

/// A key, read for the argument that it is compared with.
#[derive(Clone, Copy, Debug)]
enum Key<'a> {
    Text(&'a str),
    Number(Decimal),
    Category(Category),
}

impl<'a> MessageCompiler<'a, '_> {
    pub(super) fn select(
        &mut self,
        selector: &'a InlineExpression<&'a str>,
        variants: &'a [Variant<&'a str>],
    ) -> Result<(), Failed> {
        let at = place_of(selector);
        let (choice, options) = self.choice(selector, at)?;
        let Some(default) = variants.iter().find(|variant| variant.default) else {
            return Err(self.refuse(at, "no default variant", "one marked with `*`, such as `*[other] ...`"));
        };
        match choice {
            Choice::Argument(argument) => self.branches(argument, options, variants, default),
            Choice::Text(_) | Choice::Number(_) | Choice::NotPassed => {
                let mut chosen = &default.value;
                for variant in variants.iter().rev() {
                    if self.fits(&choice, options, &variant.key)? {
                        chosen = &variant.value;
                    }
                }
                self.pattern(chosen)
            }
        }
    }

    /// One test per variant; the default is what is left, wherever it stands.
    fn branches(
        &mut self,
        argument: Argument,
        options: NumberOptions,
        variants: &'a [Variant<&'a str>],
        default: &'a Variant<&'a str>,
    ) -> Result<(), Failed> {
        let mut result = Ok(());
        let (mut to_end, mut to_default, mut before) = (Vec::new(), Vec::new(), Vec::new());
        for variant in variants {
            let key = match self.key(argument, options, variant, &before) {
                Ok(Some(key)) => key,
                Ok(None) => continue,
                Err(failed) => {
                    result = Err(failed);
                    continue;
                }
            };
            before.push(key);
            let next = self.unless(argument, options, key);
            if variant.default {
                to_default.push(self.builder.jump());
            } else {
                result = result.and(self.pattern(&variant.value));
                to_end.push(self.builder.jump());
            }
            self.builder.land(next);
        }
        self.land_all(to_default);
        result = result.and(self.pattern(&default.value));
        self.land_all(to_end);
        result
    }

    fn land_all(&mut self, labels: Vec<Label>) {
        for label in labels {
            self.builder.land(label);
        }
    }

    fn unless(&mut self, argument: Argument, options: NumberOptions, key: Key<'_>) -> Label {
        match key {
            Key::Text(text) => self.builder.unless_text(argument, text),
            Key::Number(number) => self.builder.unless_number(argument, number),
            Key::Category(category) => self
                .builder
                .unless_plural(argument, options.kind, options.format, category),
        }
    }

    /// The key as it compares with `argument`; `None` for a default that fits nothing by itself.
    fn key(
        &mut self,
        argument: Argument,
        options: NumberOptions,
        variant: &Variant<&'a str>,
        before: &[Key<'a>],
    ) -> Result<Option<Key<'a>>, Failed> {
        let (name, key) = match (argument.kind(), &variant.key) {
            (ArgumentKind::Text, VariantKey::Identifier { name }) => (*name, Some(Key::Text(name))),
            (ArgumentKind::Text, VariantKey::NumberLiteral { value }) => (*value, None),
            (ArgumentKind::Number, VariantKey::NumberLiteral { value }) => {
                (*value, Some(Key::Number(self.literal(value)?)))
            }
            (ArgumentKind::Number, VariantKey::Identifier { name }) => {
                (*name, Category::from_name(name).map(Key::Category))
            }
        };
        if variant.default {
            return Ok(key);
        }
        let Some(key) = key else {
            let (what, expected) = match argument.kind() {
                ArgumentKind::Text => ("text", "a word"),
                ArgumentKind::Number => (
                    "a number",
                    "a number or a plural category (zero, one, two, few, many, other)",
                ),
            };
            let what = format!("`[{name}]` is never chosen: `${}` is {what}", argument.name());
            return Err(self.refuse(name, what, expected));
        };
        if let Some((why, expected)) = never_chosen(self.catalogue.plurals(), argument, options, key, before) {
            return Err(self.refuse(name, format!("`[{name}]` is never chosen: {why}"), expected));
        }
        Ok(Some(key))
    }

    /// Whether a value that is known at load fits a key.
    fn fits(&mut self, value: &Choice<'a>, options: NumberOptions, key: &VariantKey<&'a str>) -> Result<bool, Failed> {
        Ok(match (value, key) {
            (Choice::Text(text), VariantKey::Identifier { name }) => text == name,
            (Choice::Number(number), VariantKey::NumberLiteral { value }) => number.same_value(self.literal(value)?),
            (Choice::Number(number), VariantKey::Identifier { name }) => {
                let category = self.catalogue.plurals().category(*number, options.format, options.kind);
                Category::from_name(name) == Some(category)
            }
            (Choice::Text(_), VariantKey::NumberLiteral { .. }) | (Choice::NotPassed | Choice::Argument(_), _) => false,
        })
    }
}

/// Why no value ever gets to this key, and what would make sense.
fn never_chosen(
    plurals: &Plurals,
    argument: Argument,
    options: NumberOptions,
    key: Key<'_>,
    before: &[Key<'_>],
) -> Option<(String, String)> {
    let once = || ("the same key stands before it".to_owned(), "each key once".to_owned());
    match key {
        Key::Text(text) => before
            .iter()
            .any(|other| matches!(other, Key::Text(other) if *other == text))
            .then(once),
        Key::Category(category) => {
            if before
                .iter()
                .any(|other| matches!(other, Key::Category(other) if *other == category))
            {
                return Some(once());
            }
            let used = categories(plurals, options.kind);
            let names: Vec<_> = used.iter().map(|category| category.name()).collect();
            let hint = if category == Category::Zero {
                "; for exactly none write `[0]`"
            } else {
                ""
            };
            (!used.contains(&category)).then(|| {
                (
                    "the language has no such category".to_owned(),
                    format!("{}{hint}", names.join(", ")),
                )
            })
        }
        Key::Number(number) => {
            if before
                .iter()
                .any(|other| matches!(other, Key::Number(other) if other.same_value(number)))
            {
                return Some(once());
            }
            let category = plurals.category(number, options.format, options.kind);
            // How many digits a price has is known only at render, and its category with them.
            let covered = argument != Argument::Price
                && before
                    .iter()
                    .any(|other| matches!(other, Key::Category(other) if *other == category));
            covered.then(|| {
                let why = format!("`[{}]` before it takes this number too", category.name());
                (why, "exact numbers before categories".to_owned())
            })
        }
    }
}

/// The categories that a language uses, found by asking for enough numbers: every rule of CLDR depends on the last three
/// digits, on a few multiples of a million, or on the first fraction digits.
fn categories(plurals: &Plurals, kind: PluralKind) -> Vec<Category> {
    let whole = (0..=1_000_u32).chain([1_000_000, 2_000_000]).map(Decimal::from);
    let fractions = (0..=300).filter_map(|tenths| Decimal::new(tenths, 1));
    let hundredths = (0..=300).filter_map(|hundredths| Decimal::new(hundredths, 2));
    let mut used = Vec::new();
    for number in whole.chain(fractions).chain(hundredths) {
        let category = plurals.category(number, Default::default(), kind);
        if !used.contains(&category) {
            used.push(category);
        }
    }
    Category::ALL
        .into_iter()
        .filter(|category| used.contains(category))
        .collect()
}
