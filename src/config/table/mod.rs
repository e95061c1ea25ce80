//! TOML text into tables of ours, with the place of every value and every mistake at once.
//!
//! serde stops at the first mistake and knows no place across files, so a table of a pack is declared once with
//! [`table!`]: the declaration is what the reader reads and what the JSON Schema shows to an editor, so that they cannot
//! drift apart. Numbers carry their range in their type for the same reason.
//!
//! Deliberately absent: what the values mean (`pack`), and any file access.

mod location;
mod node;
mod schema;
mod values;

pub(super) use location::{At, Location};
pub(super) use node::{Document, Fields, List, Node, Read};
pub(super) use schema::TableSchema;
pub(super) use values::{Address, Decimal, Folder, Id, Locale, Name, Text, Whole, Word};

/// Declares a table: a struct whose fields are the keys, with its reader and its schema.
macro_rules! table {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $field_doc:literal])* $field:ident: $kind:ty),+ $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub(in crate::config) struct $name { $($(#[doc = $field_doc])* pub(in crate::config) $field: $kind),+ }

        impl $crate::config::table::Read for $name {
            fn read(
                node: $crate::config::table::Node<'_>,
                mistakes: &mut Vec<$crate::config::mistake::Mistake>,
            ) -> Option<Self> {
                let fields = $crate::config::table::Fields::of(node, &[$(stringify!($field)),+], mistakes)?;
                // Every field is read before the first one that is wrong ends the table.
                $(let $field = fields.read::<$kind>(stringify!($field), mistakes);)+
                Some(Self { $($field: $field?),+ })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut schema = $crate::config::table::TableSchema::new(concat!($($doc),*));
                $(schema.key::<$kind>(stringify!($field), concat!($($field_doc),*), generator);)+
                schema.finish()
            }
        }
    };
}
pub(in crate::config) use table;

/// Declares a closed set of names: an enum with its reader and its schema.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, schemars::JsonSchema)]
        pub(in crate::config) enum $name { $($(#[$variant_meta])* #[schemars(rename = $text)] $variant),+ }

        impl $crate::config::table::Read for $name {
            fn read(
                node: $crate::config::table::Node<'_>,
                mistakes: &mut Vec<$crate::config::mistake::Mistake>,
            ) -> Option<Self> {
                let text = node.text(mistakes)?;
                match text.as_str() {
                    $($text => Some(Self::$variant),)+
                    other => {
                        mistakes.push(node.location.mistake(
                            format!("`{other}` is not among the choices"),
                            $crate::config::nearest::one_of(other, [$($text),+]),
                        ));
                        None
                    }
                }
            }
        }
    };
}
pub(in crate::config) use choice;
