//! A sighting: a hub heard a transmitter.

use super::TagId;

/// A hub heard a transmitter. The hub and the sequence number come from the session that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Whom it heard.
    pub tag: TagId,
    /// How loud, in dBm.
    pub rssi_dbm: i8,
    /// How long before its batch was sent, in milliseconds, by the hub's clock.
    pub age_ms: u32,
}
