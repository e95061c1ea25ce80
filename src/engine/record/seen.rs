//! Where a person is, in their record: the position, the stay in a zone that it belongs to, and which of their tags leads.
//!
//! All of it is live only. Deliberately absent: when a stay is something, which `presence` knows.

use super::{LAPSED_AT, Record};
use crate::engine::presence::{Confidence, Stay};
use crate::model::{STEP_MS, Timestamp};

/// Where in word 3 the certainty of the zone is.
const CONFIDENCE_AT: u32 = 16;
/// Where in word 3 the leading tag is.
const LEADING_AT: u32 = 24;
const LEADING_BITS: u64 = 0b111 << LEADING_AT;
const DWELL_BIT: u64 = 1 << 27;
const COUNTED_BIT: u64 = 1 << 28;

/// Where a person was last seen to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Index of the zone; `None`: outside every zone.
    pub zone: Option<u16>,
    /// Index of the level.
    pub level: u8,
    /// Metres east of the anchor.
    pub east_m: f32,
    /// Metres north of the anchor.
    pub north_m: f32,
    /// Radius that holds the person with about two thirds probability, in metres.
    pub accuracy_m: f32,
    /// The step of the last sighting.
    pub step: u32,
    /// How sure the zone is.
    pub confidence: Confidence,
}

impl Record {
    /// Where the person was last seen; `None`: never, or they have left.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        let level = ((self.words[1] >> 16) as u8).checked_sub(1)?;
        Some(Seen {
            zone: (self.words[3] as u16).checked_sub(1),
            level,
            east_m: f32::from_bits(self.words[4] as u32),
            north_m: f32::from_bits((self.words[4] >> 32) as u32),
            accuracy_m: f32::from((self.words[5] >> 32) as u16) / 10.0,
            step: (self.words[3] >> 32) as u32,
            confidence: Confidence::from_byte((self.words[3] >> CONFIDENCE_AT) as u8),
        })
    }

    /// The person's stay in the zone they are in; `None`: they are in no zone.
    #[must_use]
    pub fn stay(&self) -> Option<Stay> {
        let seen = self.seen()?;
        Some(Stay {
            zone: seen.zone?,
            entered: self.words[5] as u32,
            seen: seen.step,
            is_dwell: self.words[3] & DWELL_BIT != 0,
            confidence: seen.confidence,
        })
    }

    /// The zone whose crowd counts the person.
    #[must_use]
    pub const fn counted_in(&self) -> Option<u16> {
        if self.words[3] & COUNTED_BIT == 0 {
            return None;
        }
        (self.words[3] as u16).checked_sub(1)
    }

    /// Says whether the crowd of the zone they are in counts the person; until [`Record::set_seen`].
    pub const fn set_counted(&mut self, is_counted: bool) {
        self.words[3] = self.words[3] & !COUNTED_BIT | if is_counted { COUNTED_BIT } else { 0 };
    }

    /// Sets where the person is, and the stay that it belongs to; `None`: outside every zone. No crowd counts them by it.
    pub fn set_seen(&mut self, seen: &Seen, stay: Option<&Stay>) {
        let zone = seen.zone.map_or(0, |zone| u64::from(zone) + 1);
        let entered = stay.map_or(seen.step, |stay| stay.entered);
        self.words[5] = self.words[5] & !0xFFFF_FFFF | u64::from(entered);
        self.set_byte(2, seen.level.saturating_add(1));
        self.set_lapsed(0);
        let dwell = stay.filter(|stay| stay.is_dwell).map_or(0, |_| DWELL_BIT);
        self.words[3] = zone
            | u64::from(seen.confidence.as_byte()) << CONFIDENCE_AT
            | self.words[3] & LEADING_BITS
            | dwell
            | u64::from(seen.step) << 32;
        self.words[4] = u64::from(seen.east_m.to_bits()) | u64::from(seen.north_m.to_bits()) << 32;
        let accuracy_dm = (seen.accuracy_m * 10.0).clamp(0.0, f32::from(u16::MAX)) as u16;
        self.words[5] = self.words[5] & !(0xFFFF << 32) | u64::from(accuracy_dm) << 32;
    }

    /// The person's tag went silent: they are in no zone any more, and what was last seen is stale.
    pub fn lapse(&mut self) {
        let zone = self.words[3] & 0xFFFF;
        if zone != 0 {
            self.set_lapsed(zone);
            self.words[3] &= !0xFFFF_FFFF | LEADING_BITS;
        }
    }

    /// The zone in which the person's tag went silent; `None`: they were seen since, or in no zone.
    #[must_use]
    pub const fn lapsed_in(&self) -> Option<u16> {
        (self.words[7] as u16).checked_sub(1)
    }

    /// Forgets where the person is.
    pub fn clear_seen(&mut self) {
        self.set_lapsed(0);
        self.set_byte(2, 0);
        self.words[3] = 0;
        self.words[4] = 0;
        self.words[5] &= 0xFFFF << 48;
    }

    /// The tag that says where the person is: the first, until [`Record::lead_by`].
    #[must_use]
    pub fn leading(&self) -> Option<u32> {
        let leading = ((self.words[3] & LEADING_BITS) >> LEADING_AT) as usize;
        let chosen = leading
            .checked_sub(1)
            .and_then(|place| self.carried().get(place).copied().flatten());
        chosen.or_else(|| self.tags().next())
    }

    /// Lets another tag lead.
    pub fn lead_by(&mut self, tag: u32) {
        if let Some(place) = self.carried().iter().position(|carried| *carried == Some(tag)) {
            self.words[3] = self.words[3] & !LEADING_BITS | (place as u64 + 1) << LEADING_AT & LEADING_BITS;
        }
    }

    /// Seconds since the zone was entered.
    #[must_use]
    pub fn dwell_s(&self, now: Timestamp) -> u32 {
        let steps = now.step().saturating_sub(self.words[5] as u32);
        u32::try_from(u64::from(steps) * STEP_MS / 1_000).unwrap_or(u32::MAX)
    }

    /// Sets the zone that was left; 0 is none.
    const fn set_lapsed(&mut self, zone: u64) {
        self.words[LAPSED_AT] = self.words[LAPSED_AT] & !0xFFFF | zone;
    }
}
