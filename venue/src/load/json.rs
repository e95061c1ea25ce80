//! Reads JSON values with their places in the text, noting a mistake for each that has the wrong form.
//!
//! Standard JSON only: what this loader accepts, every GeoJSON tool accepts. Deliberately absent: any knowledge of maps.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::report::{Report, Spot};
use crate::mistake::Source;

/// Parses one file; a text that is not JSON is noted as one mistake.
pub(crate) fn parse<'a>(source: &'a Source, at: usize, report: &Report<'_>) -> Option<Value<'a>> {
    let whole = Spot {
        source: at,
        span: 0..source.text.len().min(1),
    };
    match parse_to_ast(&source.text, &CollectOptions::default(), &strict()) {
        Ok(parsed) => {
            if parsed.value.is_none() {
                report.add(&whole, "the file is empty", "a GeoJSON FeatureCollection");
            }
            parsed.value
        }
        Err(error) => {
            let range = error.range();
            let spot = Spot {
                source: at,
                span: range.start..range.end,
            };
            report.add(
                &spot,
                format!("this is not JSON: {}", error.kind()),
                "standard JSON, without comments",
            );
            None
        }
    }
}

fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// A value of one of the files.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a, 'r> {
    value: &'a Value<'a>,
    source: usize,
    report: &'r Report<'r>,
}

impl<'a, 'r> Item<'a, 'r> {
    pub(crate) fn new(value: &'a Value<'a>, source: usize, report: &'r Report<'r>) -> Self {
        Self { value, source, report }
    }

    pub(crate) fn spot(&self) -> Spot {
        let range = self.value.range();
        Spot {
            source: self.source,
            span: range.start..range.end,
        }
    }

    /// Notes that this value is wrong.
    pub(crate) fn wrong(&self, what: impl Into<String>, expected: impl Into<String>) {
        self.report.add(&self.spot(), what, expected);
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value.as_null_keyword().is_some()
    }

    pub(crate) fn text(&self, expected: &str) -> Option<&'a str> {
        match self.value.as_string_lit() {
            Some(text) => Some(text.value.as_ref()),
            None => self.mistyped(expected),
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        self.value.as_number_lit().is_some()
    }

    /// A text, or a number as it is written.
    pub(crate) fn text_or_number(&self) -> Option<String> {
        let number = self.value.as_number_lit().map(|number| number.value.to_owned());
        number.or_else(|| self.text("a text or a number").map(str::to_owned))
    }

    /// The value as it stands in the file.
    pub(crate) fn source_text(&self) -> &'r str {
        self.report.text(&self.spot())
    }

    /// The text under a key of an object, if there is one; nothing is noted.
    pub(crate) fn text_of(&self, key: &str) -> Option<&'a str> {
        let property = self.value.as_object()?.get(key)?;
        property.value.as_string_lit().map(|text| text.value.as_ref())
    }

    /// One of a closed set of words; `what` names the set.
    pub(crate) fn word(&self, known: &[&str], what: &str) -> Option<&'a str> {
        let text = self.text(&format!("one of {}", list(known)))?;
        if known.contains(&text) {
            return Some(text);
        }
        self.wrong(
            format!("unknown {what} `{text}`"),
            format!("{}one of {}", hint(text, known), list(known)),
        );
        None
    }

    /// A finite number within `low..=high`.
    pub(crate) fn number(&self, low: f64, high: f64, expected: &str) -> Option<f64> {
        let Some(number) = self
            .value
            .as_number_lit()
            .and_then(|number| number.value.parse::<f64>().ok())
        else {
            return self.mistyped(expected);
        };
        if number.is_finite() && (low..=high).contains(&number) {
            return Some(number);
        }
        self.wrong(format!("{number} is out of range"), expected);
        None
    }

    /// A whole number within `low..=high`.
    pub(crate) fn whole(&self, low: i64, high: i64, expected: &str) -> Option<i64> {
        let Some(number) = self.value.as_number_lit() else {
            return self.mistyped(expected);
        };
        match number.value.parse::<i64>() {
            Ok(whole) if (low..=high).contains(&whole) => Some(whole),
            Ok(whole) => {
                self.wrong(format!("{whole} is out of range"), expected);
                None
            }
            Err(_) => self.mistyped(expected),
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.value.as_boolean_lit() {
            Some(boolean) => Some(boolean.value),
            None => self.mistyped("true or false"),
        }
    }

    /// The elements of an array, at most `len_max` of them.
    pub(crate) fn array(&self, len_max: usize, expected: &str) -> Option<Vec<Item<'a, 'r>>> {
        let Some(array) = self.value.as_array() else {
            return self.mistyped(expected);
        };
        if array.elements.len() > len_max {
            self.wrong(
                format!("there are {} of these", array.elements.len()),
                format!("at most {len_max}"),
            );
            return None;
        }
        Some(array.elements.iter().map(|value| Item { value, ..*self }).collect())
    }

    /// The object's members; keys that are unknown or named twice are noted.
    pub(crate) fn members(&self, known: &[&str], expected: &str) -> Option<Members<'a, 'r>> {
        let Some(object) = self.value.as_object() else {
            return self.mistyped(expected);
        };
        let members = Members { object, item: *self };
        for (at, property) in object.properties.iter().enumerate() {
            let key = property.name.as_str();
            if !known.is_empty() && !known.contains(&key) {
                let expected = format!("{}one of {}", hint(key, known), list(known));
                self.report
                    .add(&members.key_spot(property), format!("unknown key `{key}`"), expected);
            }
            if object
                .properties
                .iter()
                .take(at)
                .any(|earlier| earlier.name.as_str() == key)
            {
                self.report.add(
                    &members.key_spot(property),
                    format!("`{key}` is given twice"),
                    "each key once",
                );
            }
        }
        Some(members)
    }

    fn mistyped<T>(&self, expected: &str) -> Option<T> {
        let found = match self.value {
            Value::StringLit(_) => "a text",
            Value::NumberLit(_) => "a number",
            Value::BooleanLit(_) => "true or false",
            Value::Object(_) => "an object",
            Value::Array(_) => "an array",
            Value::NullKeyword(_) => "null",
        };
        self.wrong(format!("this is {found}"), expected);
        None
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a, 'r> {
    object: &'a Object<'a>,
    item: Item<'a, 'r>,
}

impl<'a, 'r> Members<'a, 'r> {
    /// The value of a key, if it is there.
    pub(crate) fn find(&self, key: &str) -> Option<Item<'a, 'r>> {
        let property = self
            .object
            .properties
            .iter()
            .find(|property| property.name.as_str() == key)?;
        Some(Item {
            value: &property.value,
            ..self.item
        })
    }

    /// The value of a key that must be there.
    pub(crate) fn need(&self, key: &str, expected: &str) -> Option<Item<'a, 'r>> {
        let found = self.find(key);
        if found.is_none() {
            self.wrong(format!("`{key}` is missing"), expected);
        }
        found
    }

    /// Every key with its value, in the order of the text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, Item<'a, 'r>)> + '_ {
        self.object.properties.iter().map(|property| {
            (
                property.name.as_str(),
                Item {
                    value: &property.value,
                    ..self.item
                },
            )
        })
    }

    /// Notes that the object as a whole is wrong, at its opening brace.
    pub(crate) fn wrong(&self, what: impl Into<String>, expected: impl Into<String>) {
        let mut spot = self.item.spot();
        spot.span.end = spot.span.start + 1;
        self.item.report.add(&spot, what, expected);
    }

    fn key_spot(&self, property: &ObjectProp<'_>) -> Spot {
        let range = property.name.range();
        Spot {
            source: self.item.source,
            span: range.start..range.end,
        }
    }
}

/// The start of a sentence that offers the nearest known word.
pub(crate) fn hint(word: &str, known: &[&str]) -> String {
    nearest(word, known).map_or(String::new(), |near| format!("`{near}`? Else "))
}

/// The known word nearest to a mistyped one, if one is near.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|candidate| (edits(word, candidate), *candidate))
        .filter(|(edits, candidate)| *edits <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` or `c`.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// Levenshtein distance in characters: one row of the table is kept.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let swap = row.get(j).copied().unwrap_or_default() + usize::from(from != *to);
            let drop = row.get(j + 1).copied().unwrap_or_default() + 1;
            let add = next.last().copied().unwrap_or_default() + 1;
            next.push(swap.min(drop).min(add));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
