//! The largest values that the contract allows, one named constant for each.
//!
//! The comments in `nextbest/v1/*.proto` state the same numbers for people who generate a client in another
//! language, and `nextbest/v1/*.options` states them for nanopb. Lengths are bytes of UTF-8.
//! What is absent on purpose: limits of the transport (streams, windows, rates), which are the gateway's.

/// Largest frame from a hub.
pub const HUB_TO_GATEWAY_LEN_MAX: usize = 16_384;
/// Largest frame to a hub.
pub const GATEWAY_TO_HUB_LEN_MAX: usize = 1_024;
/// Largest frame from an app, which only a `Signal` may reach.
pub const APP_REQUEST_LEN_MAX: usize = 32_768;
/// Largest frame from an app that is not a `Signal`.
pub const APP_REQUEST_NOT_SIGNAL_LEN_MAX: usize = 4_096;
/// Largest frame that answers an app.
pub const APP_REPLY_LEN_MAX: usize = 16_384;
/// Largest frame on the stream of pushes.
pub const APP_PUSH_LEN_MAX: usize = 16_384;

/// Most sightings in one batch.
pub const SIGHTINGS_PER_BATCH_MAX: usize = 256;
/// Longest identity of a transmitter.
pub const IDENTITY_LEN_MAX: usize = 20;
/// Weakest received signal strength that a hub may report.
pub const RSSI_MIN_DBM: i32 = -127;
/// Strongest received signal strength that a hub may report.
pub const RSSI_MAX_DBM: i32 = 20;
/// What a radio reports as received signal strength when it could not tell.
pub const RSSI_UNKNOWN_DBM: i32 = 127;

/// Longest id of a hub, as in its certificate.
pub const HUB_ID_LEN_MAX: usize = 64;
/// Longest id of a venue.
pub const VENUE_ID_LEN_MAX: usize = 64;
/// Longest name and version of a hub's firmware.
pub const FIRMWARE_LEN_MAX: usize = 64;
/// Bytes of `HubHealth.adapter`.
pub const ADAPTER_LEN_MAX: usize = 16;
/// Longest reason of a goodbye.
pub const GOODBYE_REASON_LEN_MAX: usize = 64;

/// Longest token of an app or a service.
pub const TOKEN_LEN_MAX: usize = 1_024;
/// Longest name and version of an app.
pub const APP_LEN_MAX: usize = 64;
/// Longest language tag (BCP 47 asks that 35 be supported, RFC 5646 section 4.4.1).
pub const LOCALE_LEN_MAX: usize = 35;
/// Longest id of a customer, also of an anonymous one.
pub const SUBJECT_LEN_MAX: usize = 64;
/// Longest category that a query may want.
pub const WANT_LEN_MAX: usize = 32;
/// Longest channel.
pub const CHANNEL_LEN_MAX: usize = 32;
/// Longest placement.
pub const PLACEMENT_LEN_MAX: usize = 32;
/// Most answers to one query.
pub const ANSWERS_MAX: usize = 3;
/// Most actions that a decision explains as not chosen.
pub const NOT_CHOSEN_MAX: usize = 32;

/// Most hubs in one report.
pub const HUBS_PER_REPORT_MAX: usize = 32;
/// Longest id of a zone that a watch may name.
pub const ZONE_ID_LEN_MAX: usize = 64;
/// Most presence events in one push.
pub const PRESENCE_EVENTS_PER_PUSH_MAX: usize = 64;

/// Longest id of a signal.
pub const MESSAGE_ID_LEN_MAX: usize = 64;
/// Longest name of an event, page or screen.
pub const SIGNAL_NAME_LEN_MAX: usize = 64;
/// Most properties of one signal.
pub const PROPERTIES_MAX: usize = 32;
/// Longest name of a property.
pub const PROPERTY_NAME_LEN_MAX: usize = 64;
/// Longest text of a property.
pub const PROPERTY_TEXT_LEN_MAX: usize = 256;
/// Most tags that one signal may name.
pub const TAGS_MAX: usize = 5;
/// Bytes of a key that tells what a tag says on the air.
pub const TAG_KEY_LEN: usize = 16;
/// Most consents that one signal may carry.
pub const CONSENTS_MAX: usize = 8;
/// Most readings in one reply.
pub const READINGS_MAX: usize = 128;
/// Longest id of an action.
pub const ACTION_LEN_MAX: usize = 64;

/// Longest name of an error.
pub const ERROR_NAME_LEN_MAX: usize = 32;
/// Longest sentence of an error.
pub const ERROR_SENTENCE_LEN_MAX: usize = 256;
