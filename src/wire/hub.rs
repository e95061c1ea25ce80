//! The frames of a hub.

use nextbest_proto::limits::{FIRMWARE_LEN_MAX, GOODBYE_REASON_LEN_MAX, HUB_ID_LEN_MAX, VENUE_ID_LEN_MAX};
use nextbest_proto::v1;
use prost::Message as _;

use super::fields::Fields;
use super::{SightingBatchReader, WireError};

/// What a hub says.
#[derive(Clone, Debug)]
pub enum HubFrame<'a> {
    /// Who it is.
    Hello(v1::HubHello),
    /// What it heard.
    Batch(SightingBatchReader<'a>),
    /// How it is.
    Health(v1::HubHealth),
    /// That it is about to stop.
    Goodbye(v1::HubGoodbye),
}

/// Reads a `HubToGateway`.
///
/// # Errors
/// [`WireError`] when the bytes are no such message, or a field is outside of the contract.
pub fn read_hub_frame(message: &[u8]) -> Result<HubFrame<'_>, WireError> {
    let mut body = None;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if matches!(number, 1..=4) && body.replace((number, value.bytes()?)).is_some() {
            return Err(WireError::TwoBodies);
        }
    }
    match body.ok_or(WireError::NoBody)? {
        (1, bytes) => read_hello(bytes).map(HubFrame::Hello),
        (2, bytes) => SightingBatchReader::new(bytes).map(HubFrame::Batch),
        (3, bytes) => v1::HubHealth::decode(bytes)
            .map(HubFrame::Health)
            .map_err(|_| WireError::Malformed),
        (_, bytes) => read_goodbye(bytes).map(HubFrame::Goodbye),
    }
}

fn read_hello(bytes: &[u8]) -> Result<v1::HubHello, WireError> {
    let hello = v1::HubHello::decode(bytes).map_err(|_| WireError::Malformed)?;
    at_most("hub_id", &hello.hub_id, HUB_ID_LEN_MAX)?;
    at_most("venue_id", &hello.venue_id, VENUE_ID_LEN_MAX)?;
    at_most("firmware", &hello.firmware, FIRMWARE_LEN_MAX)?;
    Ok(hello)
}

fn read_goodbye(bytes: &[u8]) -> Result<v1::HubGoodbye, WireError> {
    let goodbye = v1::HubGoodbye::decode(bytes).map_err(|_| WireError::Malformed)?;
    at_most("reason", &goodbye.reason, GOODBYE_REASON_LEN_MAX)?;
    Ok(goodbye)
}

/// Checks the length of a text.
pub(super) const fn at_most(field: &'static str, text: &str, len_max: usize) -> Result<(), WireError> {
    if text.len() > len_max {
        Err(WireError::Text { field, len_max })
    } else {
        Ok(())
    }
}
