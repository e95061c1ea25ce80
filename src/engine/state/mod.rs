//! What survives a restart, as plain values and their bytes.
//!
//! | file | what |
//! |---|---|
//! | `person` | a person: who, their record without where they are, the tags they carry with their keys |
//! | `venue` | which places are open, what they have run out of, how long they take; the phase; what the venue says |
//! | `names` | what the numbers in a record mean, so that another pack reads them by name |
//! | `reserved` | what a decide gave and reserved |
//! | `bytes` | numbers and texts |
//!
//! Each layout begins with its version and is described in its file down to the byte; all numbers are little-endian.
//! Absent on purpose: where anybody is, what hubs heard, queues of people; those are of the moment. Files, seals and
//! checksums are the shell's.

mod bytes;
mod names;
mod person;
mod reserved;
mod venue;

use thiserror::Error;

pub use names::{Names, Translation};
pub(super) use person::durable;
pub use person::{PersonState, TagState, decode_tag, encode_tag};
pub use reserved::Reserved;
pub use venue::{PlaceState, VenueChange, VenueEvent, VenueState};

/// Bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// They end too early.
    #[error("the bytes end in the middle of a value")]
    Short,
    /// They go on.
    #[error("{0} bytes follow the last value")]
    Long(usize),
    /// They are of another version.
    #[error("the layout has version {found}; this program knows {known}")]
    Version {
        /// What they say.
        found: u8,
        /// What is known.
        known: u8,
    },
    /// A text is none.
    #[error("a text is not UTF-8")]
    Text,
    /// A number stands for nothing.
    #[error("{0} is no {1}")]
    Number(u8, &'static str),
}
