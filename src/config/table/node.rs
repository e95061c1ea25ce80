//! The reader: a parsed document, its nodes, and what it takes to read one.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::location::{At, Location};
use crate::config::mistake::{Mistake, SourceFile};
use crate::config::nearest::one_of;

/// Items that one array of a pack may hold.
const ITEMS_LEN_MAX: usize = 4_096;

/// A kind of value that can be read from a node.
pub(in crate::config) trait Read: Sized {
    /// Reads the node; what is wrong is added to `mistakes`, and `None` comes back when nothing usable is left.
    fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self>;

    /// The value when the key is not there; `None`: the key is needed.
    fn absent() -> Option<Self> {
        None
    }
}

/// A parsed file.
pub(in crate::config) struct Document<'a> {
    table: Spanned<DeTable<'a>>,
    source: &'a Arc<SourceFile>,
}

/// A value in a document.
#[derive(Clone)]
pub(in crate::config) struct Node<'a> {
    value: Value<'a>,
    /// Where it stands.
    pub(in crate::config) location: Location,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Root(&'a DeTable<'a>),
    Inner(&'a DeValue<'a>),
}

/// The keys of a table.
pub(in crate::config) struct Fields<'a> {
    table: &'a DeTable<'a>,
    location: Location,
}

impl<'a> Document<'a> {
    /// Parses the text; every syntax mistake is added, and what could be understood is kept.
    pub(in crate::config) fn parse(source: &'a Arc<SourceFile>, mistakes: &mut Vec<Mistake>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let (what, expected) = error
                .message()
                .split_once(", expected ")
                .unwrap_or((error.message(), "TOML"));
            mistakes.push(Mistake::new(source, span, what, expected));
        }
        Self { table, source }
    }

    /// The document as one table.
    pub(in crate::config) fn root(&'a self) -> Node<'a> {
        // A document is the place of what it lacks; its start says that better than all of it.
        let location = Location {
            source: Arc::clone(self.source),
            span: 0..0,
        };
        Node {
            value: Value::Root(self.table.get_ref()),
            location,
        }
    }
}

impl<'a> Node<'a> {
    fn child(&self, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self {
            value: Value::Inner(value.get_ref()),
            location: self.location.within(value.span()),
        }
    }

    /// What kind of value it is.
    fn kind(&self) -> &'static str {
        match self.value {
            Value::Root(_) => "a table",
            Value::Inner(value) => match value {
                DeValue::String(_) => "a text",
                DeValue::Integer(_) => "a whole number",
                DeValue::Float(_) => "a number",
                DeValue::Boolean(_) => "true or false",
                DeValue::Datetime(_) => "a date",
                DeValue::Array(_) => "an array",
                DeValue::Table(_) => "a table",
            },
        }
    }

    /// Says that another kind of value belongs here.
    pub(in crate::config) fn wrong_kind<T>(&self, expected: &str, mistakes: &mut Vec<Mistake>) -> Option<T> {
        mistakes.push(
            self.location
                .mistake(format!("{} is not what belongs here", self.kind()), expected),
        );
        None
    }

    /// The node's text.
    pub(in crate::config) fn text(&self, mistakes: &mut Vec<Mistake>) -> Option<String> {
        match self.value {
            Value::Inner(DeValue::String(text)) => Some(text.to_string()),
            Value::Inner(_) | Value::Root(_) => self.wrong_kind("a text in quotes", mistakes),
        }
    }

    /// The node's whole number.
    pub(in crate::config) fn whole(&self, mistakes: &mut Vec<Mistake>) -> Option<i64> {
        match self.value {
            Value::Inner(DeValue::Integer(number)) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Some(number),
                Err(_) => self.wrong_kind("a whole number of at most 64 bits", mistakes),
            },
            Value::Inner(_) | Value::Root(_) => self.wrong_kind("a whole number", mistakes),
        }
    }

    /// The node's number, whole or not.
    pub(in crate::config) fn number(&self, mistakes: &mut Vec<Mistake>) -> Option<f64> {
        match self.value {
            Value::Inner(DeValue::Integer(_)) => self.whole(mistakes).map(|number| number as f64),
            Value::Inner(DeValue::Float(number)) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                Ok(_) | Err(_) => self.wrong_kind("a finite number", mistakes),
            },
            Value::Inner(_) | Value::Root(_) => self.wrong_kind("a number", mistakes),
        }
    }
}

impl<'a> Fields<'a> {
    /// The keys of the node; those that are not `known` are mistakes.
    pub(in crate::config) fn of(node: Node<'a>, known: &[&str], mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let table = match node.value {
            Value::Root(table) | Value::Inner(DeValue::Table(table)) => table,
            Value::Inner(_) => return node.wrong_kind("a table of keys and values", mistakes),
        };
        let known: Vec<&str> = known.iter().map(|key| unraw(key)).collect();
        for (key, _) in table.iter() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let location = node.location.within(key.span());
                mistakes.push(location.mistake(
                    format!("`{name}` is no key of this table"),
                    one_of(name, known.iter().copied()),
                ));
            }
        }
        Some(Self {
            table,
            location: node.location,
        })
    }

    /// Reads the value of a key.
    pub(in crate::config) fn read<T: Read>(&self, key: &str, mistakes: &mut Vec<Mistake>) -> Option<T> {
        let key = unraw(key);
        let Some(value) = self.table.get(key) else {
            let absent = T::absent();
            if absent.is_none() {
                mistakes.push(self.location.mistake("a key is missing", format!("`{key}`")));
            }
            return absent;
        };
        let location = self.location.within(value.span());
        T::read(
            Node {
                value: Value::Inner(value.get_ref()),
                location,
            },
            mistakes,
        )
    }
}

/// The key of a field whose name is a word of Rust.
pub(super) fn unraw(field: &str) -> &str {
    field.strip_prefix("r#").unwrap_or(field)
}

impl<T: Read> Read for Option<T> {
    fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        T::read(node, mistakes).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Read> Read for At<T> {
    fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let location = node.location.clone();
        T::read(node, mistakes).map(|value| Self { value, location })
    }

    fn absent() -> Option<Self> {
        None
    }
}

/// The items of an array; one that is wrong is left out, so that the mistakes of the others are found too.
#[derive(Clone, Debug)]
pub(in crate::config) struct List<T> {
    items: Vec<T>,
    /// Whether no item was left out. When one was, a name that nothing declares is perhaps no mistake.
    pub(in crate::config) is_complete: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            is_complete: true,
        }
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.items.extend(items);
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<T: Read> Read for List<T> {
    fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let Value::Inner(DeValue::Array(items)) = node.value else {
            return node.wrong_kind("an array", mistakes);
        };
        if items.len() > ITEMS_LEN_MAX {
            let what = format!("there are {} items here", items.len());
            mistakes.push(node.location.mistake(what, format!("at most {ITEMS_LEN_MAX}")));
            return None;
        }
        let read: Vec<T> = items
            .iter()
            .filter_map(|item| T::read(node.child(item), mistakes))
            .collect();
        Some(Self {
            is_complete: read.len() == items.len(),
            items: read,
        })
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "maxItems": ITEMS_LEN_MAX, "items": generator.subschema_for::<T>() })
    }
}

impl Read for bool {
    fn read(node: Node<'_>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        match node.value {
            Value::Inner(DeValue::Boolean(value)) => Some(*value),
            Value::Inner(_) | Value::Root(_) => node.wrong_kind("true or false", mistakes),
        }
    }
}
