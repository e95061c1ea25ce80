//! Plain domain types: what the wire, the engine and the shell say to each other.
//!
//! No serde, no IO, no behaviour beyond what a value knows about itself. Outside formats are
//! translated into these types at the edge (`wire`, `config`), so that the core is free to change.

mod decision;
mod query;
mod sighting;
mod signal;
mod tag_id;
mod tag_key;
mod time;

pub use decision::{
    ANSWERS_MAX, Answer, Decision, Factors, NOT_CHOSEN_LEN_MAX, NotChosen, PlaceAnswer, Reason, ReasonSet,
};
pub use query::Query;
pub use sighting::Sighting;
pub use signal::{
    Consent, Outcome, OutcomeKind, PROPERTIES_LEN_MAX, Property, Purpose, Signal, SignalKind, TagRefusal, Value,
};
pub use tag_id::{InvalidTagId, TagId, TagKind};
pub use tag_key::{SecretKey, TAG_KEY_LEN, TagKey};
pub use time::{STEP_MS, Timestamp};
