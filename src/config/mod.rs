//! A pack (map, journey, segments, actions, messages, settings) into a checked [`Spec`], or every mistake at once, each
//! with file, line and column.
//!
//! Reading order: a [`mistake::Mistake`]; `table`, which reads TOML with the place of every value; `condition`, CEL into
//! the engine's typed form; `message`, Fluent into the engine's operations; `pack`, which puts the files together;
//! `schema`, what an editor knows about them. `doors` is a file of its own: it belongs to a machine, not to a venue.
//!
//! Pure: texts in, values out. Deliberately absent: file access, clocks, and partial success; a pack is loaded whole or
//! not at all.

pub mod condition;
pub mod doors;
pub mod message;
pub mod mistake;
mod nearest;
pub mod pack;
pub mod schema;
mod survey;
mod table;

pub use mistake::{Mistake, SourceFile};
pub use pack::{Pack, PackPath, ServeSettings, StateFolder, pack_files};
pub use survey::{SURVEY_LEN_MAX, read_survey};

use crate::engine::spec::Spec;

/// Loads a pack from the names and texts of its files; only the ends of the names matter, as [`pack_files`] lists them.
///
/// # Errors
/// Every mistake, in the order of the files.
pub fn load<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Result<Spec, Vec<Mistake>> {
    Pack::load(files).map(|pack| pack.spec)
}
