//! What the hubs hear of a tag that a service surveys with, in the contract's words.

use nextbest_proto::limits::READINGS_MAX;
use nextbest_proto::v1::{self, ErrorCode};

use crate::engine::{CustomerSlot, Engine, Reading, WatchError};
use crate::model::{TagId, Timestamp};

/// The readings after a number, of a tag that `customer` carries.
pub(super) fn readings_since(
    engine: &Engine,
    now: Timestamp,
    customer: CustomerSlot,
    tag: &TagId,
    after: u64,
) -> Result<v1::ReadingsReply, v1::Error> {
    let since = engine
        .watch_readings(now, customer, tag, after, READINGS_MAX)
        .map_err(|error| watch_error(&error))?;
    let generation = engine.generation();
    let hubs = &generation.venue().hubs;
    let reading = |reading: &Reading| v1::Reading {
        hub_id: hubs
            .get(reading.hub.index())
            .map(|hub| hub.id.clone())
            .unwrap_or_default(),
        rssi_dbm: reading.rssi_dbm.into(),
        age_ms: reading.age_ms,
    };
    Ok(v1::ReadingsReply {
        readings: since.readings.iter().map(reading).collect(),
        next: since.next,
        dropped: since.dropped,
    })
}

fn watch_error(error: &WatchError) -> v1::Error {
    let code = match error {
        WatchError::NotCarried => ErrorCode::UnknownSubject,
        WatchError::CarriedByAnother | WatchError::NoConsent => ErrorCode::NotAllowed,
        WatchError::TooMany => ErrorCode::Overloaded,
    };
    v1::Error::because(code, error.to_string())
}
