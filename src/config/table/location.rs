//! Where a value stands: its file and its bytes there.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::config::mistake::{Mistake, SourceFile};

/// Bytes of a file.
#[derive(Clone, Debug)]
pub(in crate::config) struct Location {
    /// The file.
    pub(in crate::config) source: Arc<SourceFile>,
    /// The bytes.
    pub(in crate::config) span: Range<usize>,
}

impl Location {
    /// A mistake here.
    pub(in crate::config) fn mistake(&self, what: impl Into<String>, expected: impl Into<String>) -> Mistake {
        Mistake::new(&self.source, self.span.clone(), what, expected)
    }

    /// The text that stands here.
    pub(in crate::config) fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    /// The place of `span`, whose bytes count from `start`.
    pub(in crate::config) fn within(&self, span: Range<usize>) -> Self {
        Self {
            source: Arc::clone(&self.source),
            span,
        }
    }

    /// The file and line, for messages that point at a second place.
    pub(in crate::config) fn named(&self) -> String {
        let mistake = self.mistake("", "");
        format!("{}:{}", self.source.name, mistake.line())
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(in crate::config) struct At<T> {
    /// The value.
    pub(in crate::config) value: T,
    /// Where it stands.
    pub(in crate::config) location: Location,
}

impl<T> At<T> {
    /// A mistake here.
    pub(in crate::config) fn mistake(&self, what: impl Into<String>, expected: impl Into<String>) -> Mistake {
        self.location.mistake(what, expected)
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// The place of a value is no part of the format.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
