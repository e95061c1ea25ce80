//! The values that keys of a pack hold: texts with their form and numbers with their range.
//!
//! Form and range are part of the type, so that the reader and the schema say the same.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::node::{Node, Read};
use crate::config::mistake::Mistake;

/// Bytes of an id or a name.
const NAME_LEN_MAX: usize = 64;

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Whole<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Whole<MIN, MAX> {
    /// The number, in the type that its range fits.
    pub(in crate::config) fn to<T: TryFrom<i64> + Default>(self) -> T {
        debug_assert!(
            T::try_from(MIN).is_ok() && T::try_from(MAX).is_ok(),
            "{MIN} to {MAX} does not fit"
        );
        T::try_from(self.0).unwrap_or_default()
    }
}

impl<const MIN: i64, const MAX: i64> Read for Whole<MIN, MAX> {
    fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let number = node.whole(mistakes)?;
        if (MIN..=MAX).contains(&number) {
            return Some(Self(number));
        }
        mistakes.push(
            node.location
                .mistake("the number is out of range", format!("{MIN} to {MAX}")),
        );
        None
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole_{MIN}_to_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A number from `MIN_MILLI` to `MAX_MILLI` thousandths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::config) struct Decimal<const MIN_MILLI: i64, const MAX_MILLI: i64>(f64);

impl<const MIN_MILLI: i64, const MAX_MILLI: i64> Decimal<MIN_MILLI, MAX_MILLI> {
    const MIN: f64 = MIN_MILLI as f64 / 1_000.0;
    const MAX: f64 = MAX_MILLI as f64 / 1_000.0;

    /// The number.
    pub(in crate::config) const fn to_f32(self) -> f32 {
        self.0 as f32
    }
}

impl<const MIN_MILLI: i64, const MAX_MILLI: i64> Read for Decimal<MIN_MILLI, MAX_MILLI> {
    fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let number = node.number(mistakes)?;
        if (Self::MIN..=Self::MAX).contains(&number) {
            return Some(Self(number));
        }
        mistakes.push(
            node.location
                .mistake("the number is out of range", format!("{} to {}", Self::MIN, Self::MAX)),
        );
        None
    }
}

impl<const MIN_MILLI: i64, const MAX_MILLI: i64> JsonSchema for Decimal<MIN_MILLI, MAX_MILLI> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Decimal_{MIN_MILLI}_to_{MAX_MILLI}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": Self::MIN, "maximum": Self::MAX })
    }
}

/// Declares a text with a form.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $pattern:literal, $len_max:expr, $expected:literal, $is_right:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(in crate::config) struct $name(String);

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Read for $name {
            fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
                let text = node.text(mistakes)?;
                let is_right: fn(&str) -> bool = $is_right;
                if (1..=$len_max).contains(&text.len()) && is_right(&text) {
                    return Some(Self(text));
                }
                let expected = format!("{}, 1 to {} bytes", $expected, $len_max);
                mistakes.push(node.location.mistake("the text does not have the right form", expected));
                None
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $len_max, "pattern": $pattern })
            }
        }
    };
}

text! {
    /// An id: lower-case letters, digits, `-` and `_`, starting with a letter.
    Id, "^[a-z][a-z0-9_-]*$", NAME_LEN_MAX, "lower-case letters, digits, `-` and `_`, starting with a letter",
    |text| text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || matches!(char, '-' | '_'))
}

text! {
    /// A name that others chose: an event of an app, an id of the map. Anything that can be printed.
    Name, "^[^\\u0000-\\u001f]+$", NAME_LEN_MAX, "a name without control characters",
    |text| !text.chars().any(char::is_control)
}

text! {
    /// A folder of the machine.
    Folder, "^[^\\u0000-\\u001f]+$", 1_024, "the path of a folder, without control characters",
    |text| !text.chars().any(char::is_control)
}

text! {
    /// A condition.
    Text, "^[^\\u0000-\\u0008]+$", 1_024, "a condition",
    |text| !text.chars().any(|char| char < '\t')
}

text! {
    /// A name that conditions write without quotes, as in `traits.orders`: lower-case letters, digits and `_`.
    Word, "^[a-z][a-z0-9_]*$", NAME_LEN_MAX, "lower-case letters, digits and `_`, starting with a letter",
    |text| text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
}

text! {
    /// A language, as BCP 47.
    Locale, "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", 35, "a BCP 47 tag such as `en` or `es-MX`",
    |text| !text.contains('_') && text.parse::<unic_langid::LanguageIdentifier>().is_ok()
}

text! {
    /// An address to listen on.
    Address, "^\\[?[0-9a-fA-F.:]+\\]?:[0-9]{1,5}$", NAME_LEN_MAX, "an IP address and a port such as `127.0.0.1:4433`",
    |text| text.parse::<std::net::SocketAddr>().is_ok()
}

impl Address {
    /// The address.
    pub(in crate::config) fn to_socket(&self) -> Option<std::net::SocketAddr> {
        self.parse().ok()
    }
}
