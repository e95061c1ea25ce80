//! The JSON Schema of a table, from the same declaration that the reader uses.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::node::{Read, unraw};

/// The schema of a table, key by key.
pub(in crate::config) struct TableSchema {
    description: String,
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl TableSchema {
    /// A table without keys yet.
    pub(in crate::config) fn new(doc: &str) -> Self {
        Self {
            description: doc.trim().to_owned(),
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    /// Adds a key.
    pub(in crate::config) fn key<T: JsonSchema + Read>(
        &mut self,
        field: &str,
        doc: &str,
        generator: &mut SchemaGenerator,
    ) {
        let key = unraw(field).to_owned();
        let mut schema = generator.subschema_for::<T>();
        schema.insert("description".to_owned(), json!(doc.trim()));
        self.properties.insert(key.clone(), schema.to_value());
        if T::absent().is_none() {
            self.required.push(key);
        }
    }

    /// The schema.
    pub(in crate::config) fn finish(self) -> Schema {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("description".to_owned(), json!(self.description));
        schema.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        schema.insert("additionalProperties".to_owned(), json!(false));
        schema.into()
    }
}
