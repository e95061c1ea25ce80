//! What each hub said last about itself, for operators.
//!
//! A hub's words are hints: they are shown, never used for order, age or liveness. Written at a heartbeat, every few
//! seconds, and read when somebody asks; never on the path of a sighting. Bounded by the venue's map.

#[expect(
    clippy::disallowed_types,
    reason = "one per hub, held for a copy, at a heartbeat or when an operator asks"
)]
use std::sync::Mutex;
use std::sync::PoisonError;

use nextbest_proto::limits::HUBS_PER_REPORT_MAX;
use nextbest_proto::v1::{self, HubFlag};
use nextbest_venue::HubIx;

use super::shared::Shared;
use crate::engine::{HubOddity, HubState};

/// A hub whose clock is further off than this is flagged, in milliseconds.
pub(super) const CLOCK_OFFSET_MS_MAX: u64 = 2_000;

/// What every hub said last.
#[derive(Debug)]
pub(super) struct HubBook {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    pages: Vec<Mutex<Page>>,
}

/// What one hub said last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) firmware: String,
    pub(super) health: Option<v1::HubHealth>,
    /// The hub's clock minus ours.
    pub(super) clock_offset_ms: Option<i64>,
    pub(super) adverts_per_s: f32,
}

impl Page {
    /// Whether the hub's clock is off.
    pub(super) fn is_clock_skewed(&self) -> bool {
        self.clock_offset_ms
            .is_some_and(|offset_ms| offset_ms.unsigned_abs() > CLOCK_OFFSET_MS_MAX)
    }

    fn hear(&mut self, health: v1::HubHealth, unix_ms: u64) {
        self.adverts_per_s = self
            .health
            .as_ref()
            .map_or(0.0, |before| adverts_per_s(before, &health));
        self.clock_offset_ms = (health.clock_unix_ms != 0).then(|| offset_ms(health.clock_unix_ms, unix_ms));
        self.health = Some(health);
    }
}

impl HubBook {
    /// Empty pages for so many hubs.
    pub(super) fn new(hubs_len: usize) -> Self {
        Self {
            pages: (0..hubs_len).map(|_| Default::default()).collect(),
        }
    }

    /// A hub has come, with this firmware.
    pub(super) fn on_hello(&self, hub: HubIx, firmware: &str) {
        self.change(hub, |page| {
            *page = Page {
                firmware: firmware.to_owned(),
                ..Page::default()
            };
        });
    }

    /// A hub has said how it is, when the gateway's wall clock showed `unix_ms`.
    pub(super) fn on_health(&self, hub: HubIx, health: v1::HubHealth, unix_ms: u64) {
        self.change(hub, |page| page.hear(health, unix_ms));
    }

    /// What a hub said last.
    pub(super) fn page(&self, hub: HubIx) -> Page {
        let page = self.pages.get(hub.index());
        page.map(|page| page.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    fn change(&self, hub: HubIx, change: impl FnOnce(&mut Page)) {
        if let Some(page) = self.pages.get(hub.index()) {
            change(&mut page.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// How the hubs from `first` on are.
pub(super) fn report(shared: &Shared, first: u32) -> v1::HubsReport {
    let hubs = statuses(shared);
    v1::HubsReport {
        hubs_known: u32::try_from(hubs.len()).unwrap_or(u32::MAX),
        first,
        sightings_per_s: hubs.iter().map(|hub| hub.sightings_per_s_of_minute).sum(),
        hubs: hubs
            .into_iter()
            .skip(usize::try_from(first).unwrap_or(usize::MAX))
            .take(HUBS_PER_REPORT_MAX)
            .collect(),
    }
}

/// How every hub of the map is.
pub(super) fn statuses(shared: &Shared) -> Vec<v1::HubStatus> {
    let generation = shared.engine.generation();
    let states: Vec<HubState> = shared.engine.hubs(shared.clock.now()).collect();
    let all_per_s: f32 = states.iter().map(|state| state.counts.per_s_of_minute).sum();
    let status = |state: &HubState| {
        let hub = generation.venue().hubs.get(state.hub.index())?;
        Some(status(&hub.id, state, &shared.hub_book.page(state.hub), all_per_s))
    };
    states.iter().filter_map(status).collect()
}

/// One hub, as the engine counts it and as it describes itself.
fn status(hub_id: &str, state: &HubState, page: &Page, all_per_s: f32) -> v1::HubStatus {
    let counts = &state.counts;
    let health = page.health.clone().unwrap_or_default();
    v1::HubStatus {
        hub_id: hub_id.to_owned(),
        alive: state.is_alive,
        heard_ms_ago: state.heard_ms_ago,
        sightings_per_s: counts.per_s,
        sightings_per_s_of_minute: counts.per_s_of_minute,
        share: share(counts.per_s_of_minute, all_per_s),
        sightings_used: counts.used,
        sightings_unknown: counts.unknown,
        sightings_duplicate: counts.duplicate,
        sightings_late: counts.late,
        sightings_bad: counts.bad.saturating_add(counts.unmeasured),
        sightings_contradicted: counts.contradicted,
        sightings_dropped: health.sightings_dropped,
        buffer_len: health.buffer_len,
        adverts_per_s: page.adverts_per_s,
        adverts_malformed: health.adverts_malformed,
        clock_offset_ms: page.clock_offset_ms,
        temperature_celsius: health.temperature_celsius,
        uptime_ms: health.uptime_ms,
        firmware: page.firmware.clone(),
        flags: flags(state, page).map(i32::from).collect(),
    }
}

/// What is odd about a hub.
pub(super) fn flags(state: &HubState, page: &Page) -> impl Iterator<Item = HubFlag> {
    let clock = page.is_clock_skewed().then_some(HubFlag::ClockSkewed);
    state.oddities.iter().map(flag).chain(clock)
}

const fn flag(oddity: HubOddity) -> HubFlag {
    match oddity {
        HubOddity::Contradicted => HubFlag::Contradicted,
        HubOddity::NoRadioValues => HubFlag::NoRadioValues,
        HubOddity::ForeignZones => HubFlag::ForeignZones,
        HubOddity::Flooding => HubFlag::Flooding,
        HubOddity::Alone => HubFlag::Alone,
    }
}

/// A hub's share of all sightings, 0 to 1.
pub(super) fn share(per_s: f32, all_per_s: f32) -> f32 {
    if all_per_s > 0.0 { per_s / all_per_s } else { 0.0 }
}

/// Advertisements in a second between two words of a hub, by its own clock; 0 when it booted between them.
fn adverts_per_s(before: &v1::HubHealth, after: &v1::HubHealth) -> f32 {
    let heard = after.adverts_heard.checked_sub(before.adverts_heard);
    let elapsed_ms = after.uptime_ms.checked_sub(before.uptime_ms).filter(|ms| *ms > 0);
    match (heard, elapsed_ms) {
        (Some(heard), Some(elapsed_ms)) => heard as f32 * 1_000.0 / elapsed_ms as f32,
        (None, _) | (_, None) => 0.0,
    }
}

fn offset_ms(theirs_ms: u64, ours_ms: u64) -> i64 {
    let apart = i64::try_from(theirs_ms.abs_diff(ours_ms)).unwrap_or(i64::MAX);
    if theirs_ms < ours_ms { -apart } else { apart }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: u64 = 1_782_907_200_000;

    fn health(uptime_ms: u64, adverts_heard: u64, clock_unix_ms: u64) -> v1::HubHealth {
        v1::HubHealth {
            uptime_ms,
            adverts_heard,
            clock_unix_ms,
            ..v1::HubHealth::default()
        }
    }

    #[test]
    fn a_hubs_clock_is_compared_and_flagged_beyond_two_seconds() {
        let book = HubBook::new(1);
        let hub = HubIx(0);
        for (clock_unix_ms, offset_ms, is_skewed) in [
            (0, None, false),
            (NOON_MS + 2_000, Some(2_000), false),
            (NOON_MS - 2_001, Some(-2_001), true),
            (u64::MAX, Some(i64::MAX), true),
            (1, Some(1 - NOON_MS as i64), true),
        ] {
            book.on_health(hub, health(1, 1, clock_unix_ms), NOON_MS);
            let page = book.page(hub);
            assert_eq!((page.clock_offset_ms, page.is_clock_skewed()), (offset_ms, is_skewed));
        }
    }

    #[test]
    fn adverts_are_counted_between_two_words_of_the_same_boot() {
        let book = HubBook::new(1);
        let hub = HubIx(0);
        let said = |uptime_ms, adverts| {
            book.on_health(hub, health(uptime_ms, adverts, 0), NOON_MS);
            book.page(hub).adverts_per_s
        };
        assert_eq!(said(10_000, 5_000), 0.0, "nothing to compare with");
        assert_eq!(said(14_000, 7_000), 500.0);
        assert_eq!(said(1_000, 300), 0.0, "it booted");
        assert_eq!(said(1_000, 300), 0.0, "no time has passed");
        book.on_hello(hub, "fw 2");
        assert_eq!(
            (book.page(hub).firmware.as_str(), book.page(hub).health),
            ("fw 2", None)
        );
        book.on_hello(HubIx(7), "not on the map");
    }
}
