//! The life of a sighting: taken once, resolved, folded, and when a step closes, placed.
//!
//! No await, no allocation. What a stranger's transmitter says is dropped before anything is remembered of it.

use std::time::Duration;

use nextbest_venue::ZoneIx;

use super::condition::{Attributes, Category};
use super::customer::{CustomerSlot, TagHandle};
use super::hub_counts::Taken;
use super::identity::Found;
use super::journey::Happening;
use super::locate::Fix;
use super::presence::{Confidence, StayEnd};
use super::record::{Record, Seen};
use super::tracked::{Placing, Senses, Took, Tracked};
use super::{Engine, Generation, HubIntake, age_ms};
use crate::model::{Purpose, STEP_MS, Sighting, TagId, TagKind, Timestamp};
use crate::planted::{Bug, Seam, planted, seam};

/// What became of a sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SightingOutcome {
    /// It counts for where its tag is.
    Folded,
    /// A step closed and the person changed their zone.
    Moved(ZoneChange),
    /// It was taken before.
    Duplicate,
    /// It comes too late to move anybody.
    Late,
    /// Its transmitter is a beacon of the map: nobody moves, and the radio map learns.
    Beacon,
    /// Nobody registered its transmitter: dropped without a trace.
    UnknownTag,
    /// No radio gives this RSSI.
    NotARadioValue,
    /// Several other hubs hear the tag too far away or too weak for this, or its hub is one that is not believed: it
    /// moves nobody.
    Contradicted,
}

impl SightingOutcome {
    /// What it is for the counters of the hub.
    const fn taken(&self) -> Taken {
        match self {
            Self::Folded | Self::Moved(_) | Self::Beacon => Taken::Used,
            Self::Duplicate => Taken::Duplicate,
            Self::Late => Taken::Late,
            Self::UnknownTag => Taken::Unknown,
            Self::NotARadioValue => Taken::Unmeasured,
            Self::Contradicted => Taken::Contradicted,
        }
    }
}

/// Somebody went from one zone to another; or came back to the same one, not heard for the time to live in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneChange {
    /// Who.
    pub customer: CustomerSlot,
    /// Where they were; `None`: outside every zone, or not in the venue.
    pub from: Option<ZoneIx>,
    /// Where they are.
    pub to: Option<ZoneIx>,
    /// The stage that they entered by it.
    pub entered_stage: Option<u8>,
}

/// One sixteenth of the tags is swept in each step, so that each is looked at every four seconds.
const SWEEP_PARTS: u32 = 16;
/// Fewest tags of one sweep.
const SWEEP_LEN_MIN: u32 = 64;

impl Engine {
    /// A hub heard a transmitter. `sequence` is the sighting's number in the hub's boot epoch.
    pub fn on_sighting(
        &self,
        now: Timestamp,
        intake: &mut HubIntake,
        sequence: u64,
        sighting: &Sighting,
    ) -> SightingOutcome {
        let outcome = if intake.take(sequence) {
            self.take_sighting(now, intake, sighting)
        } else {
            SightingOutcome::Duplicate
        };
        intake.count(outcome.taken());
        outcome
    }

    /// As [`Engine::on_sighting`], of a transmitter that goes by two names: when nobody is known by the sighting's, the
    /// other counts. It is one sighting, with one outcome.
    pub fn on_sighting_by_either(
        &self,
        now: Timestamp,
        intake: &mut HubIntake,
        sequence: u64,
        sighting: &Sighting,
        other: TagId,
    ) -> SightingOutcome {
        let mut outcome = SightingOutcome::Duplicate;
        if intake.take(sequence) {
            outcome = self.take_sighting(now, intake, sighting);
            if outcome == SightingOutcome::UnknownTag {
                let by_other = Sighting {
                    tag: other,
                    ..*sighting
                };
                outcome = self.take_sighting(now, intake, &by_other);
            }
        }
        intake.count(outcome.taken());
        outcome
    }

    fn take_sighting(&self, now: Timestamp, intake: &mut HubIntake, sighting: &Sighting) -> SightingOutcome {
        let generation = self.generation.load();
        let is_late = sighting.age_ms > generation.settings().sighting_late_after_ms;
        if is_late && !planted(Bug::LateSightingTaken) {
            return SightingOutcome::Late;
        }
        let Some((handle, customer)) = self.resolve(now, intake, sighting) else {
            if planted(Bug::UnknownTagRemembered) {
                let _stranger = self.customer(&format!("{:?}", sighting.tag));
            }
            let is_beacon = self.on_beacon(now, &generation, &sighting.tag, intake.hub.0, sighting.rssi_dbm);
            return if is_beacon {
                SightingOutcome::Beacon
            } else {
                SightingOutcome::UnknownTag
            };
        };
        let locator = self.locator.load();
        let senses = Senses {
            locator: &locator,
            map: &generation.venue().hubs,
            reach: &self.reach,
            hubs: &self.hubs,
        };
        let hear = |tracked: &mut Tracked| tracked.hear(&senses, now, intake.hub.0, sighting);
        match self.tags.with_track(handle, hear) {
            Some(Took::Folded(None)) => SightingOutcome::Folded,
            Some(Took::Folded(Some(placing))) => self
                .place_led(now, &generation, (handle, customer), &placing)
                .map_or(SightingOutcome::Folded, SightingOutcome::Moved),
            Some(Took::Contradicted) => {
                self.on_contradicted(intake.hub.0, handle.ix);
                SightingOutcome::Contradicted
            }
            Some(Took::Disbelieved) => SightingOutcome::Contradicted,
            Some(Took::Late) => SightingOutcome::Late,
            Some(Took::NotARadioValue) => SightingOutcome::NotARadioValue,
            Some(Took::UnknownStation) | None => SightingOutcome::UnknownTag,
        }
    }

    /// The tag's handle and who carries it; asks the maps only when the session does not remember a good handle.
    fn resolve(
        &self,
        now: Timestamp,
        intake: &mut HubIntake,
        sighting: &Sighting,
    ) -> Option<(TagHandle, CustomerSlot)> {
        let step = now.step();
        if let Some((handle, is_changing)) = intake.resolved(step, &sighting.tag)
            && let Some(customer) = self.tags.owner(handle)
        {
            if is_changing {
                self.tags.note_heard(handle, step);
            }
            return Some((handle, customer));
        }
        // A key tells more than a name that somebody may have overheard.
        let (handle, until) = self
            .resolve_changing(now, intake, sighting)
            .or_else(|| self.tags.find(&sighting.tag).map(|handle| (handle, None)))?;
        let customer = self.tags.owner(handle)?;
        if until.is_some() {
            self.tags.note_heard(handle, step);
        }
        intake.remember(sighting.tag, handle, until);
        Some((handle, customer))
    }

    /// The handle of a tag that changes its name, by its key, and the last step for which it is good.
    fn resolve_changing(
        &self,
        now: Timestamp,
        intake: &mut HubIntake,
        sighting: &Sighting,
    ) -> Option<(TagHandle, Option<u32>)> {
        let bytes = sighting.tag.as_bytes();
        let found = match sighting.tag.kind() {
            TagKind::Address => {
                let quiet_ms = |handle| {
                    let steps = now.step().saturating_sub(self.tags.heard_step(handle));
                    u64::from(steps) * STEP_MS
                };
                self.identities
                    .of_address(now, &mut intake.allowance, bytes.try_into().ok()?, quiet_ms)
            }
            TagKind::EddystoneEid => {
                let age = Duration::from_millis(sighting.age_ms.into());
                self.identities.of_ephemeral(now, age, bytes.try_into().ok()?)
            }
            TagKind::IBeacon
            | TagKind::EddystoneUid
            | TagKind::AltBeacon
            | TagKind::ResolvingKey
            | TagKind::EphemeralKey => return None,
        };
        match found {
            Found::Tag { tag, ask_again } => Some((tag, Some(ask_again.step()))),
            Found::Stranger | Found::Deferred => None,
        }
    }

    /// Places the person by a fix of one of their tags, or by that of the tag that leads: who carries two is in one place.
    fn place_led(
        &self,
        now: Timestamp,
        generation: &Generation,
        (handle, customer): (TagHandle, CustomerSlot),
        placing: &Placing,
    ) -> Option<ZoneChange> {
        self.doubt(now, generation, handle.ix, placing);
        let leading = self.leading(now, (handle, customer), &placing.fix);
        match leading.filter(|_| !planted(Bug::OlderFixWins)) {
            Some((lead, leading)) => self.place(now, generation, (lead, customer), &leading),
            None => self.place(now, generation, (handle, customer), placing),
        }
    }

    /// Writes a fix into the person's record; says when it changed their zone. Looks with the record held whether the
    /// person still carries the tag and allows being located: both may have ended since the tag was resolved. A fix
    /// that is older than what another of their tags gave changes nothing. Nobody is put into a zone whose hubs are all
    /// dead, and nobody is moved into one that none of the hubs that heard them may report.
    fn place(
        &self,
        now: Timestamp,
        generation: &Generation,
        (handle, customer): (TagHandle, CustomerSlot),
        placing: &Placing,
    ) -> Option<ZoneChange> {
        let told = (
            self.is_vouched(placing),
            self.is_told_by_several(now, generation, placing),
        );
        self.place_at(now, generation, (handle, customer), (&placing.fix, told))
    }

    /// As [`Engine::place`], of a fix that is told of: whether whoever gave it may report its zone, and whether the crowd
    /// counts who is there by it.
    pub(super) fn place_at(
        &self,
        now: Timestamp,
        generation: &Generation,
        (handle, customer): (TagHandle, CustomerSlot),
        (fix, (is_vouched, is_counted)): (&Fix, (bool, bool)),
    ) -> Option<ZoneChange> {
        let may_enter = |zone: &u16| self.crowd.is_seen(*zone) || planted(Bug::DeadZoneEntered);
        seam(Seam::Placing);
        let mut seen = Seen {
            zone: fix.zone,
            level: fix.level,
            east_m: fix.east_m,
            north_m: fix.north_m,
            accuracy_m: fix.accuracy_m,
            step: fix.step,
            confidence: Confidence::new(fix.zone_confidence),
        };
        let date_s = self.date_s(now);
        let placed = self.write(customer, |record| {
            let allowed = self.allowed_on(date_s, generation, (customer, record));
            let before = record.seen();
            let is_older = before.is_some_and(|before| before.step > seen.step) && !planted(Bug::OlderFixWins);
            let is_carried = allowed & Purpose::Location.bit() != 0 && record.carries(handle.ix);
            if is_older || !is_carried && !planted(Bug::WithdrawnWhilePlaced) {
                return None;
            }
            record.lead_by(handle.ix);
            let (from, counted_before) = (before.and_then(|before| before.zone), record.counted_in());
            if !is_vouched {
                // Where they were lately is where they stay.
                let lately = before.filter(|before| is_lately(generation, before, seen.step));
                seen.zone = lately.and_then(|lately| lately.zone);
                seen.confidence = lately.map(|lately| lately.confidence).unwrap_or_default();
            }
            seen.zone = seen.zone.filter(may_enter);
            let is_entered = self.see(generation, (customer, record), &seen);
            record.set_counted(is_counted);
            let entered = seen.zone.filter(|_| is_entered);
            let change = (from != seen.zone || is_entered).then(|| ZoneChange {
                customer,
                from: from.map(ZoneIx),
                to: seen.zone.map(ZoneIx),
                entered_stage: entered.and_then(|zone| enter(generation, record, allowed, zone)),
            });
            Some((counted_before, record.counted_in(), change))
        });
        let (counted_before, counted, change) = placed.flatten()?;
        self.crowd.on_move(counted_before, counted);
        if let Some(zone) = counted.filter(|_| counted != counted_before) {
            self.crowd.arrive(customer.0, zone);
        }
        change
    }

    /// Closes the open steps of tags that went silent, and lets go of those not heard for the time to live and of those
    /// whose carrier's consent to be located has ended.
    pub(super) fn sweep(&self, now: Timestamp, generation: &Generation, mut on_change: impl FnMut(ZoneChange)) {
        let cells_len = self.tags.cells_len();
        if cells_len == 0 {
            return;
        }
        let sweep_len = (cells_len / SWEEP_PARTS).max(SWEEP_LEN_MIN).min(cells_len);
        let start = self.swept.fetch_add(sweep_len, std::sync::atomic::Ordering::Relaxed) % cells_len;
        for offset in 0..sweep_len {
            if let Some(handle) = self.tags.at((start + offset) % cells_len) {
                self.refresh(now, generation, handle)
                    .into_iter()
                    .for_each(&mut on_change);
            }
        }
    }

    fn refresh(&self, now: Timestamp, generation: &Generation, handle: TagHandle) -> Option<ZoneChange> {
        let customer = self.tags.owner(handle)?;
        if self.end_location(self.date_s(now), generation, customer) {
            return None;
        }
        self.end_passage(now, generation, handle);
        let locator = self.locator.load();
        let look = |tracked: &mut Tracked| tracked.look(&locator, now.step());
        let placing = self.tags.with_track(handle, look).flatten();
        let seen = self.record(customer)?.seen();
        let is_news = |placing: &Placing| seen.is_none_or(|seen| placing.fix.step > seen.step);
        if let Some(placing) = placing.filter(is_news) {
            return self.place_led(now, generation, (handle, customer), &placing);
        }
        let seen = seen?;
        if age_ms(now, &seen) > generation.settings().position_ttl_ms {
            return self.lapse(generation, customer, seen.step, StayEnd::Silent);
        }
        let is_unknown = seen.zone.is_some_and(|zone| !self.crowd.is_seen(zone));
        is_unknown
            .then(|| self.lapse(generation, customer, seen.step, StayEnd::ZoneUnknown))
            .flatten()
    }

    /// Nobody knows any more which zone a person is in, because their tag went silent or the zone's hubs are dead: they
    /// are counted out of it. Says so once, and not when they were seen after `seen_step`, in the meantime.
    fn lapse(
        &self,
        generation: &Generation,
        customer: CustomerSlot,
        seen_step: u32,
        why: StayEnd,
    ) -> Option<ZoneChange> {
        let lapsed = self.write(customer, |record| {
            let from = record.seen().filter(|seen| seen.step == seen_step)?.zone?;
            let counted = record.counted_in();
            self.end_stay(generation, customer, record, why);
            record.lapse();
            Some((from, counted))
        });
        let (from, counted) = lapsed.flatten()?;
        if !planted(Bug::LapsedStillCounted) {
            self.crowd.on_move(counted, None);
        }
        Some(ZoneChange {
            customer,
            from: Some(ZoneIx(from)),
            to: None,
            entered_stage: None,
        })
    }

    /// Forgets where a person is, and counts them out.
    pub(super) fn forget_place(&self, customer: CustomerSlot) {
        let generation = self.generation.load();
        let counted = self.write(customer, |record| {
            let counted = record.counted_in();
            self.end_stay(&generation, customer, record, StayEnd::NotLocated);
            record.clear_seen();
            counted
        });
        self.crowd.on_move(counted.flatten(), None);
        self.crowd.withdraw(customer.0);
    }
}

/// Whether a position lives until a later step.
fn is_lately(generation: &Generation, seen: &Seen, step: u32) -> bool {
    let apart_ms = u64::from(step.saturating_sub(seen.step)) * STEP_MS;
    apart_ms <= u64::from(generation.settings().position_ttl_ms)
}

/// The stage that somebody enters by entering a zone.
fn enter(generation: &Generation, record: &mut Record, allowed: u8, zone: u16) -> Option<u8> {
    let category_value = generation.zone_category(zone);
    let mut attributes = Attributes::default();
    record.describe(allowed, &mut attributes);
    attributes.set_category(Category::Zone, zone + 1);
    attributes.set_category(Category::ZoneCategory, category_value);
    let category = category_value.checked_sub(1).unwrap_or(u16::MAX);
    let entered = generation
        .journey
        .next(record.stage(), Happening::Entered { zone, category }, &attributes)?;
    record.set_stage(entered);
    record.set_segments(generation.segments_of(record));
    Some(entered)
}
