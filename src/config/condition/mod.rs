//! A condition in CEL syntax into the engine's typed form.
//!
//! The `cel` crate reads the syntax; what it means is a small, closed part of CEL: attributes of [`ATTRIBUTES`] compared
//! with constants, joined by `&&`, `||`, `!` and parentheses. Everything else is refused with its place, so that a
//! condition that was accepted can be turned into bitmaps and never fails at a decide.
//!
//! One difference from CEL is meant: what is not known is not an error. A category that is not known is equal to no
//! value, a number that is not known compares with nothing, and `has(..)` asks whether either is known.
//!
//! Deliberately absent: evaluation (`engine::condition`), functions, arithmetic, and anything a peer sends.

mod attributes;
mod compile;
mod conflict;
mod span;

pub use attributes::{ATTRIBUTES, AttributeText, attribute_table};
pub(in crate::config) use attributes::{Names, Role};
pub(in crate::config) use compile::compile;
pub(in crate::config) use conflict::can_hold;
