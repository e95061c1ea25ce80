//! JSON that may hold anything: a record's keys as texts and numbers, whatever else they are.
//!
//! Firmware sends what it likes, and one odd field must not cost a report. So a field is read as [`Field`]: a text, a
//! number, or something else that is skipped without being kept. serde_json bounds the depth of what is kept and skips
//! the rest without recursion; texts are borrowed from the payload. What it says about a syntax mistake may repeat the
//! payload, so only the place goes on.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{BadReport, PayloadError};
use super::transmitter::address;
use super::{HUB_NAME_LEN_MAX, REPORTS_PER_PAYLOAD_MAX, moment};
use crate::model::TagId;

/// Weakest and strongest signal that a report may have, in dBm, as in the contract of our own hubs.
const RSSI_DBM: std::ops::RangeInclusive<f64> = -127.0..=20.0;
const RSSI_EXPECTED: &str = "a number of dBm between -127 and 20";
const HUB_EXPECTED: &str = "the name of the hub, 1 to 64 bytes of text";

/// What a key holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Field<'a> {
    /// Nothing: it is not there, or null.
    #[default]
    Missing,
    /// A text.
    Text(Cow<'a, str>),
    /// A number.
    Number(f64),
    /// Anything else.
    Other,
}

impl Field<'_> {
    /// Its text; `None` when it holds anything else.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Missing | Self::Number(_) | Self::Other => None,
        }
    }

    /// Its number; `None` when it holds anything else.
    pub(super) const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Missing | Self::Text(_) | Self::Other => None,
        }
    }

    /// Its whole number from 0 to 65,535.
    pub(super) fn u16(&self) -> Option<u16> {
        let number = self.number()?;
        let is_whole = (0.0..=65_535.0).contains(&number) && number.fract() == 0.0;
        is_whole.then_some(number as u16)
    }

    pub(super) const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The signal strength, rounded to whole dBm.
    pub(super) fn rssi_dbm(&self, key: &'static str) -> Result<i8, BadReport> {
        let dbm = |field: &Self| field.number().filter(|dbm| RSSI_DBM.contains(dbm));
        self.need(key, RSSI_EXPECTED, dbm).map(|dbm| dbm.round() as i8)
    }

    /// What the key needs to hold.
    pub(super) fn need<'f, T>(
        &'f self,
        key: &'static str,
        expected: &'static str,
        take: impl FnOnce(&'f Self) -> Option<T>,
    ) -> Result<T, BadReport> {
        if self.is_missing() {
            return Err(BadReport::Missing { key, expected });
        }
        take(self).ok_or(BadReport::Value { key, expected })
    }

    /// The address of a device.
    pub(super) fn address(&self, key: &'static str) -> Result<TagId, BadReport> {
        let expected = "an address of 12 hexadecimal digits that somebody can own";
        self.need(key, expected, |field| field.text().and_then(address))
    }

    /// The name of a hub.
    pub(super) fn hub(&self, key: &'static str) -> Result<&str, BadReport> {
        self.need(key, HUB_EXPECTED, |field| field.text().and_then(hub_name))
    }

    /// The moment that it says, as milliseconds since 1970: a hint.
    pub(super) fn unix_ms(&self) -> Option<u64> {
        match self {
            Self::Number(number) => moment::of_number(*number),
            Self::Text(text) => moment::of_text(text),
            Self::Missing | Self::Other => None,
        }
    }
}

/// The signal strength of a binary form.
pub(super) fn rssi_of(dbm: i16, key: &'static str) -> Result<i8, BadReport> {
    let expected = RSSI_EXPECTED;
    let is_one = RSSI_DBM.contains(&f64::from(dbm));
    let dbm = i8::try_from(dbm).ok().filter(|_| is_one);
    dbm.ok_or(BadReport::Value { key, expected })
}

/// The name of a hub, when it can be one.
pub(super) fn hub_name(text: &str) -> Option<&str> {
    let name = text.trim();
    ((1..=HUB_NAME_LEN_MAX).contains(&name.len()) && !name.chars().any(char::is_control)).then_some(name)
}

/// Reads one object.
///
/// # Errors
/// [`PayloadError::Json`].
pub(super) fn object<'a, T: Deserialize<'a>>(payload: &'a [u8], expected: &'static str) -> Result<T, PayloadError> {
    serde_json::from_slice(payload).map_err(|error| json_error(&error, expected))
}

/// Reads an array of objects, or one object alone.
///
/// # Errors
/// [`PayloadError::Json`].
pub(super) fn objects<'a, T: Deserialize<'a>>(
    payload: &'a [u8],
    expected: &'static str,
) -> Result<Objects<T>, PayloadError> {
    serde_json::from_slice(payload).map_err(|error| json_error(&error, expected))
}

fn json_error(error: &serde_json::Error, expected: &'static str) -> PayloadError {
    let at = error.column();
    PayloadError::Json { expected, at }
}

/// The objects of an array.
#[derive(Debug)]
pub(super) struct Objects<T> {
    pub(super) objects: Vec<T>,
    /// Elements that are no objects.
    pub(super) others: u32,
    /// Elements beyond the most that are taken.
    pub(super) too_many: u32,
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self {
            objects: Vec::new(),
            others: 0,
            too_many: 0,
        }
    }
}

impl<T> Objects<T> {
    /// Counts what is not among the objects.
    pub(super) fn count_others(&self, left_out: &mut super::LeftOut) {
        for _ in 0..self.others {
            left_out.add(BadReport::NotAnObject);
        }
        for _ in 0..self.too_many {
            left_out.add(BadReport::TooMany);
        }
    }

    /// What stands where objects belong, and is none.
    fn other() -> Self {
        Self {
            others: 1,
            ..Self::default()
        }
    }

    fn add(&mut self, element: Element<T>) {
        match element {
            Element::Object(object) => self.objects.push(object),
            Element::Other => self.others = self.others.saturating_add(1),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Objects<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectsVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectsVisitor<T> {
            type Value = Objects<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of objects, or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut all = Objects::default();
                // One more than the reports: a gateway's own record comes first.
                while all.objects.len() <= REPORTS_PER_PAYLOAD_MAX {
                    match sequence.next_element::<Element<T>>()? {
                        Some(element) => all.add(element),
                        None => return Ok(all),
                    }
                }
                while sequence.next_element::<IgnoredAny>()?.is_some() {
                    all.too_many = all.too_many.saturating_add(1);
                }
                Ok(all)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let mut all = Objects::default();
                all.objects.push(T::deserialize(MapAccessDeserializer::new(map))?);
                Ok(all)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Objects::default())
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Objects::other())
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Objects::other())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Objects::other())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Objects::other())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Objects::other())
            }
        }

        deserializer.deserialize_any(ObjectsVisitor(PhantomData))
    }
}

/// An element of an array.
enum Element<T> {
    Object(T),
    Other,
}

/// Visits everything that is not what is looked for.
macro_rules! others {
    ($value:expr) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
            while sequence.next_element::<IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ElementVisitor<T> {
            type Value = Element<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Element::Object)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Element::Other)
            }

            others!(Element::Other);
        }

        deserializer.deserialize_any(ElementVisitor(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;

        impl<'de> Visitor<'de> for FieldVisitor {
            type Value = Field<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Field::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Field::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Field::Missing)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Field::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Field::Number(number as f64))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Field::Number(number as f64))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }

            others!(Field::Other);
        }

        deserializer.deserialize_any(FieldVisitor)
    }
}
