//! Bytes to model and back: the contract as the gateway reads and writes it.
//!
//! What comes a million times a second is read and written by hand, in place, without allocating: sightings,
//! queries, decisions. The rest goes through the generated types. Both read the same bytes; property tests hold
//! them together. The one difference is that the hand readers refuse what no writer of ours sends: two bodies in
//! one message, and groups, which protobuf gave up in 2008.
//!
//! Pure functions of their bytes. Deliberately absent: sockets, who may say what (sessions know), and the engine.

mod app;
mod decision;
mod error;
mod fields;
mod hub;
pub mod payload;
mod sightings;
mod signal;

pub use app::{Body, QueryRequest, Refused, Request, read_app_request, read_hello, read_watch};
pub use decision::{DECISION_LEN_MAX, ReplyTooLarge, decision_push, decision_reply, decision_reply_datagram};
pub use error::WireError;
pub use hub::{HubFrame, read_hub_frame};
pub use sightings::{BadRecord, SightingBatchReader, Sightings};
pub use signal::{read_outcome, read_readings, read_signal, tags_refused};
