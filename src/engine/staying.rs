//! Who comes, stays and goes: what is seen of a person becomes their stay and its events.
//!
//! An event is added while the person's record is held, so that the events of one person are in the order of their
//! stays, and each is told by the one writer that made it happen: whether two hubs, a tick and a withdrawn consent meet
//! at one moment, a stay begins once and ends once. Deliberately absent: names; a watcher asks for them.

use nextbest_venue::ZoneIx;

use super::customer::{CustomerSlot, TagHandle};
use super::locate::Fix;
use super::presence::{PresenceCounts, PresenceCursor, PresenceKind, StayEnd, StayLimits, see};
use super::record::{Record, Seen};
use super::tracked::{Placing, Tracked};
use super::{Engine, Generation};
use crate::model::{Purpose, STEP_MS, Timestamp};

/// Steps for which the leading tag of several must be silent before another takes over: two seconds.
const HANDOVER_STEPS: u32 = 8;

/// Something that happened in somebody's stay in a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PresenceEvent {
    /// What.
    pub kind: PresenceKind,
    /// Who.
    pub customer: CustomerSlot,
    /// Where.
    pub zone: ZoneIx,
    /// The locator's step in which it happened; at the end of a stay, that in which the person was last seen there.
    pub step: u32,
    /// How long they had been there by then, in milliseconds.
    pub stay_ms: u64,
    /// How sure the zone was by then, 0 to 1.
    pub confidence: f32,
    /// At the end of a stay: why.
    pub end: Option<StayEnd>,
}

impl PresenceEvent {
    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(u64::from(self.step) * STEP_MS)
    }
}

impl Engine {
    /// A cursor for [`Engine::next_presence`]: what happens from here on.
    #[must_use]
    pub fn presence_cursor(&self) -> PresenceCursor {
        self.presence.cursor()
    }

    /// The next event; `None` when there is none yet.
    pub fn next_presence(&self, cursor: &mut PresenceCursor) -> Option<PresenceEvent> {
        let (slot, event) = self.presence.read(cursor)?;
        Some(PresenceEvent {
            kind: event.kind,
            customer: CustomerSlot(slot),
            zone: ZoneIx(event.zone),
            step: event.step,
            stay_ms: u64::from(event.stay_steps) * STEP_MS,
            confidence: event.confidence.share(),
            end: event.end,
        })
    }

    /// How many presence events there were, by kind.
    #[must_use]
    pub fn presence_counts(&self) -> PresenceCounts {
        self.presence.counts()
    }

    /// Whether a customer allows being located, so that others may be told where they are.
    #[must_use]
    pub fn is_locatable(&self, now: Timestamp, customer: CustomerSlot) -> bool {
        self.allows(now, customer, Purpose::Location)
    }

    /// Of several tags of a person one leads: they are where it is. The fix of the leading tag, when it is not this one
    /// and was heard lately. It is closed up to the present step first, so that the order of the tags' sightings does
    /// not decide who leads.
    pub(super) fn leading(
        &self,
        now: Timestamp,
        (handle, customer): (TagHandle, CustomerSlot),
        fix: &Fix,
    ) -> Option<(TagHandle, Placing)> {
        let record = self.record(customer)?;
        let lead = self.tags.at(record.leading().filter(|lead| *lead != handle.ix)?)?;
        let locator = self.locator.load();
        let look = |tracked: &mut Tracked| tracked.look(&locator, now.step());
        let placing = self.tags.with_track(lead, look).flatten()?;
        (placing.fix.step.saturating_add(HANDOVER_STEPS) > fix.step).then_some((lead, placing))
    }

    /// Writes where the person is, and how their stay goes on by it; says whether they entered a zone.
    pub(super) fn see(
        &self,
        generation: &Generation,
        (customer, record): (CustomerSlot, &mut Record),
        seen: &Seen,
    ) -> bool {
        let silent_steps_max = u32::try_from(u64::from(generation.settings().position_ttl_ms) / STEP_MS);
        let before = record.stay();
        let (stay, mut told) = see(
            before,
            seen.zone,
            seen.step,
            seen.confidence,
            silent_steps_max.unwrap_or(u32::MAX),
            |zone| limits(generation, zone),
        );
        if let Some(stay) = before.filter(|stay| told.ended.is_some() && !self.crowd.is_seen(stay.zone)) {
            told.ended = Some(stay.end(StayEnd::ZoneUnknown, limits(generation, stay.zone)));
        }
        record.set_seen(seen, stay.as_ref());
        for event in told.events() {
            self.presence.add(customer.0, event);
        }
        told.entered.is_some()
    }

    /// The person's stay ends, if they are in a zone: when they were last seen there. The caller lets the record forget
    /// where that is.
    pub(super) fn end_stay(&self, generation: &Generation, customer: CustomerSlot, record: &Record, why: StayEnd) {
        if let Some(stay) = record.stay() {
            let end = stay.end(why, limits(generation, stay.zone));
            self.presence.add(customer.0, &end);
        }
    }
}

fn limits(generation: &Generation, zone: u16) -> StayLimits {
    let limits = generation.stay_limits.get(usize::from(zone)).copied();
    limits.unwrap_or(StayLimits::from_secs(u32::MAX, 0))
}
