//! Our messages say what fluent-bundle says.
//!
//! Random Fluent files (text, arguments, `NUMBER`, nested selects by number, category and word, terms with arguments,
//! message references) in four languages with unlike plural rules are rendered by both, with random values. fluent-bundle
//! is Mozilla's own renderer, so a translator can trust any Fluent tool to show what a customer will read.
//!
//! Left out, because there we differ on purpose: exact numbers against `NUMBER(..)` with options (fluent-bundle compares
//! the options too, so `[1]` never fits), `minimumFractionDigits: 0` (it writes "5."), and `maximumFractionDigits`
//! (it does not round).

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::sync::Arc;

use fluent_bundle::types::{FluentNumber, FluentNumberOptions};
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use nextbest::config::message::{MessageSource, load};
use nextbest::config::mistake::SourceFile;
use nextbest::engine::decide::message::{Argument, Arguments, Decimal, MessageBuffer};

/// Languages with one, two, four and six categories more or less; ordinals differ as well.
const LOCALES: [&str; 4] = ["en", "es", "pl", "ar"];
const WORDS: [&str; 4] = ["food", "drink", "gate", "one"];

fn cardinals(locale: &str) -> &'static [&'static str] {
    match locale {
        "ar" => &["zero", "one", "two", "few", "many", "other"],
        "pl" => &["one", "few", "many", "other"],
        _ => &["one", "other"],
    }
}

fn ordinals(locale: &str) -> &'static [&'static str] {
    match locale {
        "en" => &["one", "two", "few", "other"],
        _ => &["other"],
    }
}

/// A piece of a pattern.
#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Quoted(String),
    Place,
    Number(Subject),
    Term,
    GateTerm(bool),
    Reference,
    /// By exact numbers, then by the categories whose bit is set.
    ByNumber {
        subject: Subject,
        exact: Vec<u32>,
        categories: u8,
        values: Vec<Vec<Piece>>,
    },
    ByWord {
        words: u8,
        values: Vec<Vec<Piece>>,
    },
}

/// A number, as a pattern names it.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Walk,
    Points,
    PointsOrdinal,
    PointsPadded(u8),
    Price,
    PricePadded(u8),
}

impl Subject {
    fn source(self) -> String {
        match self {
            Self::Walk => "$walk".to_owned(),
            Self::Points => "$points".to_owned(),
            Self::PointsOrdinal => "NUMBER($points, type: \"ordinal\")".to_owned(),
            Self::PointsPadded(digits) => format!("NUMBER($points, minimumFractionDigits: {digits})"),
            Self::Price => "$price".to_owned(),
            Self::PricePadded(digits) => format!("NUMBER($price, minimumFractionDigits: {digits})"),
        }
    }

    fn is_plain(self) -> bool {
        matches!(self, Self::Walk | Self::Points)
    }
}

fn subject() -> impl Strategy<Value = Subject> {
    prop_oneof![
        3 => Just(Subject::Walk),
        2 => Just(Subject::Points),
        1 => Just(Subject::PointsOrdinal),
        1 => (1..4_u8).prop_map(Subject::PointsPadded),
        1 => Just(Subject::Price),
        1 => (1..4_u8).prop_map(Subject::PricePadded),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    let leaf = prop_oneof![
        3 => "[a-zA-Zé寒👨، ,.!\"*'()#]{1,8}".prop_map(Piece::Text),
        1 => "[a-z{}\\[*. ]{0,5}".prop_map(Piece::Quoted),
        2 => Just(Piece::Place),
        2 => subject().prop_map(Piece::Number),
        1 => Just(Piece::Term),
        1 => any::<bool>().prop_map(Piece::GateTerm),
        1 => Just(Piece::Reference),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let values = vec(vec(inner, 1..4), 12);
        prop_oneof![
            (subject(), btree_set(0..12_u32, 0..3), any::<u8>(), values.clone()).prop_map(
                |(subject, exact, categories, values)| Piece::ByNumber {
                    subject,
                    exact: exact.into_iter().collect(),
                    categories,
                    values
                }
            ),
            (any::<u8>(), values).prop_map(|(words, values)| Piece::ByWord { words, values }),
        ]
    })
}

fn write_pattern(out: &mut String, pieces: &[Piece], locale: &str) {
    // A pattern cannot begin with what would be syntax at the start of a line.
    out.push('x');
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Quoted(text) => write!(out, "{{ \"{text}\" }}").unwrap(),
            Piece::Place => out.push_str("{ $place }"),
            Piece::Number(subject) => write!(out, "{{ {} }}", subject.source()).unwrap(),
            Piece::Term => out.push_str("{ -brand }"),
            Piece::GateTerm(false) => out.push_str("{ -gate }"),
            Piece::GateTerm(true) => out.push_str("{ -gate(case: \"genitive\") }"),
            Piece::Reference => out.push_str("{ other-message }"),
            Piece::ByNumber {
                subject,
                exact,
                categories,
                values,
            } => {
                let names = if matches!(subject, Subject::PointsOrdinal) {
                    ordinals(locale)
                } else {
                    cardinals(locale)
                };
                let exact = exact.iter().filter(|_| subject.is_plain()).map(u32::to_string);
                let names = names.iter().enumerate().filter(|(at, _)| categories & (1 << at) != 0);
                let keys: Vec<_> = exact.chain(names.map(|(_, name)| (*name).to_owned())).collect();
                write_select(out, &subject.source(), &keys, values, locale);
            }
            Piece::ByWord { words, values } => {
                let chosen = WORDS.iter().enumerate().filter(|(at, _)| words & (1 << at) != 0);
                let keys: Vec<_> = chosen.map(|(_, word)| (*word).to_owned()).collect();
                write_select(out, "$category", &keys, values, locale);
            }
        }
    }
}

fn write_select(out: &mut String, subject: &str, keys: &[String], values: &[Vec<Piece>], locale: &str) {
    write!(out, "{{ {subject} ->").unwrap();
    for (key, value) in keys.iter().zip(values) {
        write!(out, "\n    [{key}] ").unwrap();
        write_pattern(out, value, locale);
    }
    out.push_str("\n   *[default] ");
    write_pattern(out, &values[11], locale);
    out.push_str("\n }");
}

fn fluent_file(pattern: &[Piece], other: &[Piece], locale: &str) -> String {
    let mut text =
        "-brand = Azteca\n-gate = { $case ->\n   *[nominative] la puerta\n    [genitive] de la puerta\n }\n".to_owned();
    text.push_str("other-message = ");
    let flat: Vec<_> = other
        .iter()
        .filter(|piece| !matches!(piece, Piece::Reference))
        .cloned()
        .collect();
    write_pattern(
        &mut text,
        &flat.iter().filter(|piece| is_leaf(piece)).cloned().collect::<Vec<_>>(),
        locale,
    );
    text.push_str("\nmessage = ");
    write_pattern(&mut text, pattern, locale);
    text.push('\n');
    text
}

fn is_leaf(piece: &Piece) -> bool {
    !matches!(piece, Piece::ByNumber { .. } | Piece::ByWord { .. })
}

#[derive(Clone, Debug)]
struct Values {
    place: String,
    category: usize,
    walk_s: u32,
    points: u32,
    price_units: i64,
    price_digits: u8,
}

fn values() -> impl Strategy<Value = Values> {
    let points = prop_oneof![0..130_u32, any::<u32>()];
    (
        "[a-zA-Zé寒👨 {}$]{0,12}",
        0..WORDS.len(),
        0..9_000_u32,
        points,
        0..100_000_i64,
        0..4_u8,
    )
        .prop_map(|(place, category, walk_s, points, price_units, price_digits)| Values {
            place,
            category,
            walk_s,
            points,
            price_units,
            price_digits,
        })
}

fn expected(text: &str, locale: &str, values: &Values) -> String {
    let mut bundle = FluentBundle::new(vec![locale.parse().unwrap()]);
    bundle.set_use_isolating(false);
    bundle.add_builtins().unwrap();
    bundle
        .add_resource(FluentResource::try_new(text.to_owned()).unwrap())
        .unwrap();
    let digits = usize::from(values.price_digits);
    let options = FluentNumberOptions {
        minimum_fraction_digits: (digits > 0).then_some(digits),
        ..Default::default()
    };
    let price = values.price_units as f64 / 10_f64.powi(digits as i32);
    let mut arguments = FluentArgs::new();
    arguments.set(Argument::Place.name(), values.place.as_str());
    arguments.set(Argument::Category.name(), WORDS[values.category]);
    arguments.set(Argument::Walk.name(), values.walk_s.div_ceil(60).max(1));
    arguments.set(Argument::Points.name(), values.points);
    arguments.set(Argument::Price.name(), FluentNumber::new(price, options));
    let mut errors = Vec::new();
    let pattern = bundle.get_message("message").unwrap().value().unwrap();
    let rendered = bundle
        .format_pattern(pattern, Some(&arguments), &mut errors)
        .into_owned();
    assert!(errors.is_empty(), "{errors:?}");
    rendered
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn we_say_what_fluent_bundle_says(
        pattern in vec(piece(), 1..6),
        other in vec(piece(), 1..3),
        values in values(),
        locale in 0..LOCALES.len(),
    ) {
        let locale = LOCALES[locale];
        let text = fluent_file(&pattern, &other, locale);
        let expected = expected(&text, locale, &values);
        let file = Arc::new(SourceFile { name: format!("{locale}.ftl"), text });
        let messages = load(&[MessageSource { locale, file: Arc::clone(&file) }], locale);
        let messages = messages.map_err(|mistakes| TestCaseError::fail(format!("{mistakes:#?}")))?;
        let arguments = Arguments {
            place: Some(&values.place),
            category: Some(WORDS[values.category]),
            walk_s: Some(values.walk_s),
            points: Some(values.points),
            price: Decimal::new(values.price_units, values.price_digits),
            ..Arguments::default()
        };
        let mut out = MessageBuffer::default();
        let message = messages.message_by_id("message").unwrap();
        let rendered = messages.render(message, messages.locale_for(locale), &arguments, &mut out).unwrap();
        if rendered.truncated {
            prop_assert!(expected.starts_with(out.as_str()), "{}\n{}", expected, out.as_str());
            prop_assert!(expected.len() > out.as_str().len());
        } else {
            prop_assert_eq!(out.as_str(), expected, "{}", file.text);
        }
    }
}
