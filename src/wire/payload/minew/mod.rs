//! Minew gateways (G1, G2, MG3, MG4), which post what they heard, as JSON or in bytes.
//!
//! Format: `lib/binarypacketdecoder.js`, `lib/jsonlongpacketdecoder.js` and `lib/jsonrawpacketdecoder.js`
//! (github.com/reelyactive/barnowl-minew). Firmware before version 4 posts bytes as `application/json`, so the form is
//! told by the first byte and never by the content type. Deliberately absent: the short binary form 0xBB00 and
//! MINEW-CONNECT 0xBB02, which say so when they come.

mod binary;
mod json;

use super::{PayloadError, Read, Say};

/// The first byte of every binary form, which JSON cannot start with.
const HEADER: u8 = 0xbb;

pub(super) fn read(payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    match payload.first() {
        Some(&HEADER) => binary::read(payload, say),
        Some(_) | None => json::read(payload, say),
    }
}
