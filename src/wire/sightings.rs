//! A batch of sightings, read in place: no allocation, and no sighting is copied before it is asked for.
//!
//! One pass finds the batch's own fields and checks that the batch is whole, so that its numbers are known before
//! its first sighting is; a second yields the sightings. A sighting that makes no sense is counted by the caller
//! and the rest go on: a hub that garbles one tag still locates the others.

use nextbest_proto::limits::{RSSI_MAX_DBM, RSSI_MIN_DBM, RSSI_UNKNOWN_DBM, SIGHTINGS_PER_BATCH_MAX};
use thiserror::Error;

use super::WireError;
use super::fields::{Fields, Value};
use crate::model::{InvalidTagId, Sighting, TagId, TagKind};

/// Why one sighting of a batch was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadRecord {
    /// Its bytes are not a sighting.
    #[error("a sighting is not a message of this contract")]
    Malformed,
    /// Its kind of identity is not known.
    #[error("the kind of an identity is not known")]
    Kind,
    /// Its identity is none.
    #[error(transparent)]
    Identity(#[from] InvalidTagId),
    /// Its signal strength is none.
    #[error("a signal strength is expected between {RSSI_MIN_DBM} and {RSSI_MAX_DBM} dBm, or {RSSI_UNKNOWN_DBM}")]
    Rssi,
}

/// A batch whose frame is whole, with its own fields.
#[derive(Clone, Copy, Debug)]
pub struct SightingBatchReader<'a> {
    message: &'a [u8],
    /// The boot epoch it belongs to.
    pub boot_epoch: u64,
    /// The sequence number of its first sighting.
    pub first_sequence: u64,
    /// The hub's clock when it was sent, in milliseconds since the hub booted.
    pub sent_at_ms: u64,
    /// How many sightings it holds, 1 to 256.
    pub len: usize,
}

impl<'a> SightingBatchReader<'a> {
    /// Checks that a `SightingBatch` is whole.
    ///
    /// # Errors
    /// [`WireError`] when its bytes are no batch, it has no or too many sightings, or its numbers run over.
    pub fn new(message: &'a [u8]) -> Result<Self, WireError> {
        let mut batch = Self {
            message,
            boot_epoch: 0,
            first_sequence: 0,
            sent_at_ms: 0,
            len: 0,
        };
        let mut fields = Fields::new(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => batch.boot_epoch = value.uint64()?,
                2 => batch.first_sequence = value.uint64()?,
                3 => batch.sent_at_ms = value.uint64()?,
                SIGHTINGS => {
                    value.bytes()?;
                    batch.len += 1;
                }
                _ => {}
            }
        }
        if batch.len == 0 || batch.len > SIGHTINGS_PER_BATCH_MAX {
            return Err(WireError::Count {
                field: "sightings",
                len_min: 1,
                len_max: SIGHTINGS_PER_BATCH_MAX,
            });
        }
        if batch.first_sequence.checked_add(batch.len as u64).is_none() {
            return Err(WireError::Value {
                field: "first_sequence",
                expected: "so low that the batch's numbers fit",
            });
        }
        Ok(batch)
    }

    /// The sightings with their sequence numbers, in the hub's order.
    #[must_use]
    pub const fn sightings(&self) -> Sightings<'a> {
        Sightings {
            fields: Fields::new(self.message),
            sequence: self.first_sequence,
        }
    }
}

/// The number of the sightings' field in a batch.
const SIGHTINGS: u32 = 4;

/// Yields the sightings of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Sightings<'a> {
    fields: Fields<'a>,
    sequence: u64,
}

impl Iterator for Sightings<'_> {
    type Item = (u64, Result<Sighting, BadRecord>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // The reader has seen every field once, so nothing but the end stops the loop early.
        while let Ok(Some((number, value))) = self.fields.next() {
            if let (SIGHTINGS, Value::Bytes(message)) = (number, value) {
                let sequence = self.sequence;
                self.sequence = sequence.wrapping_add(1);
                return Some((sequence, read_sighting(message)));
            }
        }
        None
    }
}

#[inline]
fn read_sighting(message: &[u8]) -> Result<Sighting, BadRecord> {
    let (mut kind, mut identity, mut rssi_dbm, mut age_ms) = (0, &[][..], 0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => kind = value.uint32()?,
            2 => identity = value.bytes()?,
            3 => rssi_dbm = value.sint32()?,
            4 => age_ms = value.uint32()?,
            _ => {}
        }
    }
    let tag = TagId::new(tag_kind(kind).ok_or(BadRecord::Kind)?, identity)?;
    Ok(Sighting {
        tag,
        rssi_dbm: rssi(rssi_dbm)?,
        age_ms,
    })
}

impl From<WireError> for BadRecord {
    fn from(_: WireError) -> Self {
        Self::Malformed
    }
}

fn rssi(dbm: i32) -> Result<i8, BadRecord> {
    match dbm {
        RSSI_MIN_DBM..=RSSI_MAX_DBM | RSSI_UNKNOWN_DBM => i8::try_from(dbm).map_err(|_| BadRecord::Rssi),
        _ => Err(BadRecord::Rssi),
    }
}

/// The model's kind for the contract's number.
pub(super) const fn tag_kind(number: u32) -> Option<TagKind> {
    match number {
        1 => Some(TagKind::Address),
        2 => Some(TagKind::IBeacon),
        3 => Some(TagKind::EddystoneUid),
        4 => Some(TagKind::AltBeacon),
        5 => Some(TagKind::EddystoneEid),
        _ => None,
    }
}
