//! The JSON Schema of each TOML file, for completion and checks in an editor.
//!
//! Made from the same declarations that the reader uses. The files under `packs/schema` are copies that a test compares.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};

use super::pack::{AboutSchema, ActionsSchema, JourneySchema, SegmentsSchema, SettingsSchema};

/// The name of each schema file, and its content.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("pack.schema.json", schema::<AboutSchema>()),
        ("journey.schema.json", schema::<JourneySchema>()),
        ("segments.schema.json", schema::<SegmentsSchema>()),
        ("actions.schema.json", schema::<ActionsSchema>()),
        ("settings.schema.json", schema::<SettingsSchema>()),
    ]
}

fn schema<T: JsonSchema>() -> Schema {
    let generator: SchemaGenerator = SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<T>()
}
