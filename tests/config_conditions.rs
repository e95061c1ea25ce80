//! A compiled condition answers as CEL's own interpreter does.
//!
//! Random conditions over every kind of attribute are compiled by us and run by the `cel` crate, over the same random
//! person. The one meant difference is what is not known: CEL gives an error, here it is equal to nothing. For a text
//! that is CEL's answer for the empty text, which the oracle is given; a number has no such stand-in (`cel` refuses to
//! compare NaN), so that unknown numbers have a test of their own.

use std::collections::HashMap;

use cel::{Context, Program, Value};
use nextbest::config::{Mistake, load};
use nextbest::engine::condition::{Attributes, Category, Condition, Quantity, Truth};
use nextbest::engine::spec::Spec;
use nextbest::model::Purpose;
use proptest::prelude::*;

/// The values of each category that the small pack declares, by the attribute's name.
const CATEGORIES: [(&str, Category, &[&str]); 6] = [
    ("customer.tier", Category::Tier, &["standard", "gold"]),
    ("phase", Category::Phase, &["before", "after"]),
    ("channel", Category::Channel, &["mobile", "kiosk"]),
    ("zone.id", Category::Zone, &["door", "bar"]),
    ("traits.drink", Category::Text(0), &["tea", "coffee"]),
    ("customer.stage", Category::Stage, &["reach", "conversion", "loyalty"]),
];
const QUANTITIES: [(&str, Quantity); 5] = [
    ("dwell_s", Quantity::DwellS),
    ("mood", Quantity::Mood),
    ("minute_of_day", Quantity::MinuteOfDay),
    ("place.wait_s", Quantity::WaitS),
    ("traits.orders", Quantity::Number(0)),
];
const TRUTHS: [(&str, Truth); 4] = [
    ("position.known", Truth::PositionKnown),
    ("consent.marketing", Truth::Consent(Purpose::Marketing)),
    ("traits.member", Truth::Flag(0)),
    ("segments.regulars", Truth::Segment(0)),
];

/// What conditions are written with, and what they are not.
const PARTS: [&str; 30] = [
    "phase",
    "mood",
    "traits.member",
    "segments",
    ".",
    "==",
    "!=",
    "<",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "[",
    "]",
    "in",
    "\"tea\"",
    "'é",
    "-",
    "5",
    "0x",
    "1e999",
    "18446744073709551616",
    "has(",
    "{",
    "}",
    "?",
    ":",
    "x.exists(y, y)",
    "\\",
];

/// The suitability as it was compiled; `None` when it contradicts itself.
fn suitability(condition: &str) -> Option<Condition> {
    let (spec, mistakes) = load_with(condition);
    // A condition that contradicts itself is refused as a policy; every other mistake is a bug.
    let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().all(|said| said.contains("nobody can ever be offered")),
        "{condition}\n{said:#?}"
    );
    spec.map(|spec| spec.actions[0].suitability.clone())
}

/// The small pack with one action of this suitability.
fn load_with(condition: &str) -> (Option<Spec>, Vec<Mistake>) {
    let actions = format!(
        "[[issue]]\nid = \"service\"\npurpose = \"service\"\n[[group]]\nid = \"ways\"\nissue = \"service\"\n\
         [[action]]\nid = \"tea\"\ngroup = \"ways\"\nplaces = {{ category = \"drink\" }}\npropensity = 1\nvalue = 1\n\
         treatment = [{{ id = \"a\", channel = \"mobile\", message = \"hello\" }}]\nsuitability = '''{condition}'''\n"
    );
    let files = [
        ("pack.toml", include_str!("data/small_pack/pack.toml")),
        ("venue/map.geojson", include_str!("data/small_pack/venue/map.geojson")),
        ("journey.toml", include_str!("data/small_pack/journey.toml")),
        ("segments.toml", include_str!("data/small_pack/segments.toml")),
        ("messages/en.ftl", include_str!("data/small_pack/messages/en.ftl")),
        ("messages/es.ftl", include_str!("data/small_pack/messages/es.ftl")),
        ("actions.toml", actions.as_str()),
    ];
    match load(&files) {
        Ok(spec) => (Some(spec), Vec::new()),
        Err(mistakes) => (None, mistakes),
    }
}

/// The text of a random condition.
fn conditions() -> impl Strategy<Value = String> {
    let number = (-40_i32..40).prop_map(|quarters| f64::from(quarters) / 4.0);
    let category = (
        prop::sample::select(&CATEGORIES[..]),
        0_usize..3,
        0_usize..3,
        0_usize..4,
    )
        .prop_map(|((name, _, values), one, other, form)| {
            let (one, other) = (values[one % values.len()], values[other % values.len()]);
            match form {
                0 => format!("{name} == \"{one}\""),
                1 => format!("'{one}' != {name}"),
                2 => format!("{name} in [\"{one}\", '{other}']"),
                _ => format!("!({name} in [])"),
            }
        });
    let operators = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let quantity = (prop::sample::select(&QUANTITIES[..]), operators, number, any::<bool>()).prop_map(
        |((name, _), operator, number, is_left)| {
            if is_left {
                format!("{name} {operator} {number:?}")
            } else {
                format!("{number:?} {operator} {name}")
            }
        },
    );
    let truth = (prop::sample::select(&TRUTHS[..]), 0_usize..3).prop_map(|((name, _), form)| match form {
        0 => name.to_owned(),
        1 => format!("{name} == false"),
        _ => format!("{name} != false"),
    });
    let constant = any::<bool>().prop_map(|value| value.to_string());
    let leaf = prop_oneof![4 => category, 4 => quantity, 3 => truth, 1 => constant];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} || {other}")),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
}

/// A random person: a value of each category (0 is unknown), number (in quarters) and truth.
#[derive(Clone, Debug)]
struct Person {
    categories: Vec<u16>,
    quantities: Vec<i32>,
    truths: Vec<bool>,
}

fn people() -> impl Strategy<Value = Person> {
    let categories = CATEGORIES
        .iter()
        .map(|(_, _, values)| 0..=values.len() as u16)
        .collect::<Vec<_>>();
    let quantities = prop::collection::vec(-40_i32..40, QUANTITIES.len());
    (
        categories,
        quantities,
        prop::collection::vec(any::<bool>(), TRUTHS.len()),
    )
        .prop_map(|(categories, quantities, truths)| Person {
            categories,
            quantities,
            truths,
        })
}

impl Person {
    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::default();
        for ((_, category, _), value) in CATEGORIES.iter().zip(&self.categories) {
            attributes.set_category(*category, *value);
        }
        for ((_, quantity), quarters) in QUANTITIES.iter().zip(&self.quantities) {
            attributes.set_quantity(*quantity, *quarters as f32 / 4.0);
        }
        for ((_, truth), value) in TRUTHS.iter().zip(&self.truths) {
            attributes.set_truth(*truth, *value);
        }
        attributes
    }

    /// The same for CEL: `a.b` is the entry `b` of the map `a`.
    fn context(&self) -> Context<'static, 'static> {
        let mut maps: HashMap<String, HashMap<String, Value>> = HashMap::new();
        let mut context = Context::default();
        let mut set = |path: &str, value: Value| match path.split_once('.') {
            Some((map, key)) => {
                maps.entry(map.to_owned()).or_default().insert(key.to_owned(), value);
            }
            None => context.add_variable_from_value(path, value),
        };
        for ((path, _, values), value) in CATEGORIES.iter().zip(&self.categories) {
            let text = value.checked_sub(1).map_or("", |at| values[usize::from(at)]);
            set(path, Value::String(std::sync::Arc::new(text.to_owned())));
        }
        for ((path, _), quarters) in QUANTITIES.iter().zip(&self.quantities) {
            set(path, Value::Float(f64::from(*quarters) / 4.0));
        }
        for ((path, _), value) in TRUTHS.iter().zip(&self.truths) {
            set(path, Value::Bool(*value));
        }
        for (map, entries) in maps {
            context.add_variable_from_value(map, entries);
        }
        context
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ours_and_cels_answers_are_the_same(text in conditions(), people in prop::collection::vec(people(), 8)) {
        let program = Program::compile(&text).unwrap();
        let ours = suitability(&text);
        for person in people {
            let theirs = program.execute(&person.context()).map_err(|error| error.to_string());
            // A condition that was refused holds for nobody.
            let answer = ours.as_ref().is_some_and(|ours| ours.holds(&person.attributes()));
            prop_assert_eq!(Ok(Value::Bool(answer)), theirs, "{} for {:?}", text, person);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_a_condition_stops_the_loader(parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..12)) {
        let text = parts.join(" ");
        let (_, mistakes) = load_with(&text);
        for mistake in mistakes {
            prop_assert!(!mistake.expected.is_empty(), "{}", mistake);
        }
    }
}

#[test]
fn an_unknown_number_compares_with_nothing() {
    let unknown = Attributes::default();
    for (condition, expected) in [
        ("mood > 0.5", false),
        ("mood <= 0.5", false),
        ("mood == 0", false),
        ("mood != 0", true),
        ("!(mood > 0.5)", true),
        ("has(place.wait_s) || mood < 2", false),
        ("!has(place.wait_s)", true),
        ("has(zone.id)", false),
    ] {
        assert_eq!(suitability(condition).unwrap().holds(&unknown), expected, "{condition}");
    }
}
