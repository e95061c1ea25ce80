//! How many people are in a zone, and how long a place makes them wait.
//!
//! Occupancy is counted from zone changes of people whom the caller counts, and scaled by the share of people who carry a
//! tag. The wait at a place follows from the people in its queue zone, its servers and how long a service takes: with `q`
//! people and `c` servers, a newcomer is served at once while `q < c`, else after `(q - c + 1) * s / c` seconds (a
//! first-come-first-served queue with `c` servers in heavy traffic). The time `s` of a service starts with what the map
//! says and follows what the tills report while all servers are busy.
//!
//! That is the wait of this moment, for operators. A decide asks what somebody meets who arrives after their walk:
//! [`Crowd::outlook`], from the [`forecast`] of the place and the [`ledger`] of our own promises.
//!
//! A zone whose hubs are all dead, or were heard more than [`CROWD_AGE_MS_MAX`] ago, is unknown, not empty: its queue gives no
//! wait, and an answer that it counts for says so. Everything is an atomic, written when somebody moves, so that a decide
//! only reads, but for its own promise.
//!
//! Reading order: this file (people and places), [`bins`] (who is expected when), [`forecast`], [`promises`] (a word for
//! each person), [`compliance`] (who follows), [`ledger`] (what puts them together), `place` (servers and stock).

pub mod bins;
pub mod compliance;
pub mod forecast;
pub mod ledger;
mod place;
pub mod promises;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use self::bins::HORIZON_BINS;
use self::compliance::Compliance;
use self::forecast::bin_of;
use self::ledger::Tally;
use self::place::{Place, UNKNOWN};
use self::promises::Promises;
use crate::model::Timestamp;
use crate::planted::{Bug, planted};

pub use self::forecast::Outlook;
pub use self::ledger::{PromiseCounts, Sent};
pub use self::place::{PlaceSpec, PlaceState};

/// A place's queue, for operators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    /// People waiting or being served; `None`: its zone is unknown.
    pub people: Option<u32>,
    /// Seconds until a newcomer is served; `None`: not known.
    pub wait_s: Option<u32>,
    /// People served since the start, as tills reported.
    pub served: u32,
    /// Seconds that one server takes for one person, as measured.
    pub service_s: f32,
    /// People on their way by our own answers, in expectation, rounded.
    pub promised: u32,
    /// Seconds until somebody is served who arrives in [`FORECAST_AHEAD_S`]; `None`: not known.
    pub forecast_wait_s: Option<u32>,
}

/// What a crowd is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrowdSettings {
    /// The share of people who carry a registered tag, above 0 and at most 1.
    pub tag_share: f32,
    /// The share of those sent somewhere who come, before anything is known, 0 to 1.
    pub compliance: f32,
    /// Customers that may be sent somewhere.
    pub customers_max: u32,
}

/// Longest that a count is used after the hubs that see its zone were heard last, however patient a pack is with its hubs.
/// Milliseconds.
pub const CROWD_AGE_MS_MAX: u32 = 30_000;
/// How far ahead the wait is that operators see beside the queue: who is sent to a place at this moment is there in about
/// a minute.
pub const FORECAST_AHEAD_S: u32 = 60;
/// A count of people that is older than this is not used; the tags in the zone are counted then. Seconds.
pub const COUNT_TTL_S: u32 = 120;
/// How unsure a count of people is: variance per person, of a counter that misses one in five, and in all, of passers-by.
const COUNT_VARIANCE: (f32, f32) = (0.25, 3.0);

struct Zone {
    tags: AtomicU32,
    is_seen: AtomicBool,
    /// People as a counter said, as the bits of an `f32`; not a number: none did lately.
    counted: AtomicU32,
    counted_s: AtomicU32,
    /// The places whose queue it is.
    places: Vec<u16>,
}

/// Counts of people and the waits that follow from them.
pub struct Crowd {
    zones: Vec<Zone>,
    places: Vec<Place>,
    people_per_tag: f32,
    promises: Promises,
    compliance: Compliance,
    tally: Tally,
    /// The bin of the present, as of the last tick.
    bin: AtomicU32,
}

impl Crowd {
    /// Empty zones.
    #[must_use]
    pub fn new(zones_len: usize, places: &[PlaceSpec], settings: &CrowdSettings) -> Self {
        let mut zones: Vec<Zone> = (0..zones_len)
            .map(|_| Zone {
                tags: AtomicU32::new(0),
                is_seen: AtomicBool::new(true),
                counted: AtomicU32::new(f32::NAN.to_bits()),
                counted_s: AtomicU32::new(0),
                places: Vec::new(),
            })
            .collect();
        for (place_ix, spec) in (0_u16..).zip(places) {
            if let Some(zone) = spec.queue_zone.and_then(|zone| zones.get_mut(usize::from(zone))) {
                zone.places.push(place_ix);
            }
        }
        let crowd = Self {
            zones,
            places: places.iter().map(Place::new).collect(),
            people_per_tag: 1.0 / settings.tag_share.clamp(0.01, 1.0),
            promises: Promises::new(settings.customers_max as usize),
            compliance: Compliance::new(settings.compliance),
            tally: Tally::default(),
            bin: AtomicU32::new(0),
        };
        for place in &crowd.places {
            crowd.forecast(place);
        }
        crowd
    }

    /// Somebody went from one zone to another; `None` is outside every zone.
    pub fn on_move(&self, from: Option<u16>, to: Option<u16>) {
        if from == to {
            return;
        }
        if let Some(zone) = self.zone(from)
            && !(planted(Bug::LeaverStillCounted) && to.is_some())
        {
            // Saturating: a count that would fall below zero is a person who was never counted in.
            let _ = zone
                .tags
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tags| tags.checked_sub(1));
            self.forecast_queues(zone);
        }
        if let Some(zone) = self.zone(to) {
            zone.tags.fetch_add(1, Ordering::Relaxed);
            self.forecast_queues(zone);
        }
    }

    /// Time passes: promises expire, old counts are dropped, and the forecast of each place goes on from the people who
    /// are there.
    pub fn tick(&self, now: Timestamp) {
        self.bin.store(bin_of(now), Ordering::Release);
        for zone in &self.zones {
            let age_s = now.as_secs().saturating_sub(zone.counted_s.load(Ordering::Relaxed));
            if zone.counted().is_some() && age_s > COUNT_TTL_S {
                zone.counted.store(f32::NAN.to_bits(), Ordering::Relaxed);
                self.forecast_queues(zone);
            }
        }
        for place in self.places.iter().filter(|place| place.spec.servers > 0) {
            self.expire(place.forecast.turn(now, place.service(), &place.arrivals));
            let zone = self.zone(place.spec.queue_zone);
            if zone.is_some_and(|zone| zone.counted().is_some()) {
                continue;
            }
            match zone.and_then(|zone| self.people(zone)) {
                Some(people) => place.measure(now, people, people * (self.people_per_tag - 1.0)),
                None => place.forecast.forget_people(),
            }
        }
    }

    /// A counter (a camera, a light barrier) says how many people are in a zone. Until it is silent for [`COUNT_TTL_S`]
    /// it counts instead of the tags that are heard there.
    pub fn on_counted(&self, now: Timestamp, zone_ix: u16, people: f32) {
        let Some(zone) = self.zone(Some(zone_ix)) else { return };
        let people = if people.is_finite() { people.max(0.0) } else { return };
        zone.counted_s.store(now.as_secs(), Ordering::Relaxed);
        zone.counted.store(people.to_bits(), Ordering::Relaxed);
        self.forecast_queues(zone);
        let variance = COUNT_VARIANCE.0 * people + COUNT_VARIANCE.1;
        for place in self.places_of(zone).filter(|place| place.spec.servers > 0) {
            self.expire(place.forecast.turn(now, place.service(), &place.arrivals));
            place.measure(now, people, variance);
        }
    }

    /// A till reports that a place has served somebody.
    pub fn on_served(&self, now: Timestamp, place_ix: u16) {
        if let Some(place) = self.places.get(usize::from(place_ix))
            && place.on_served(now, self.queue_len(place))
        {
            self.forecast(place);
        }
    }

    /// Says whether any hub sees a zone.
    pub fn set_seen(&self, zone_ix: u16, is_seen: bool) {
        if let Some(zone) = self.zone(Some(zone_ix))
            && zone.is_seen.swap(is_seen, Ordering::Relaxed) != is_seen
            && !planted(Bug::StaleWaitUsed)
        {
            self.forecast_queues(zone);
        }
    }

    /// Opens or closes a place.
    pub fn set_open(&self, place_ix: u16, is_open: bool) {
        if let Some(place) = self.places.get(usize::from(place_ix)) {
            place.is_open.store(is_open, Ordering::Relaxed);
        }
    }

    /// Says whether a place has a want (a bit of the vocabulary's wants) in stock.
    pub fn set_in_stock(&self, place_ix: u16, want_bit: u64, in_stock: bool) {
        if let Some(place) = self.places.get(usize::from(place_ix)) {
            if in_stock {
                place.out_of_stock.fetch_and(!want_bit, Ordering::Relaxed);
            } else {
                place.out_of_stock.fetch_or(want_bit, Ordering::Relaxed);
            }
        }
    }

    /// Whether a place serves anybody.
    #[must_use]
    pub fn is_open(&self, place_ix: u16) -> bool {
        self.places
            .get(usize::from(place_ix))
            .is_some_and(|place| place.is_open.load(Ordering::Relaxed))
    }

    /// The wants that a place has run out of, one bit each.
    #[must_use]
    pub fn out_of_stock(&self, place_ix: u16) -> u64 {
        self.places
            .get(usize::from(place_ix))
            .map_or(0, |place| place.out_of_stock.load(Ordering::Relaxed))
    }

    /// Seconds until a newcomer is served; `None`: not known.
    #[must_use]
    pub fn wait_s(&self, place_ix: u16) -> Option<u32> {
        let wait_s = self.places.get(usize::from(place_ix))?.wait_s.load(Ordering::Relaxed);
        (wait_s != UNKNOWN).then_some(wait_s)
    }

    /// Whether a place has a queue of which nothing is known that is new enough.
    #[must_use]
    pub fn is_stale(&self, place_ix: u16) -> bool {
        let place = self.places.get(usize::from(place_ix));
        let queue = place.and_then(|place| self.zone(place.spec.queue_zone));
        queue.is_some_and(|zone| !zone.is_seen.load(Ordering::Relaxed))
    }

    /// People in a zone; `None`: no hub sees it.
    #[must_use]
    pub fn occupancy(&self, zone_ix: u16) -> Option<u32> {
        self.people(self.zone(Some(zone_ix))?)
            .map(|people| people.round() as u32)
    }

    /// Whether any hub sees a zone.
    #[must_use]
    pub fn is_seen(&self, zone_ix: u16) -> bool {
        self.zone(Some(zone_ix))
            .is_some_and(|zone| zone.is_seen.load(Ordering::Relaxed))
    }

    /// A place's queue.
    #[must_use]
    pub fn queue(&self, place_ix: u16) -> Option<Queue> {
        let place = self.places.get(usize::from(place_ix))?;
        Some(Queue {
            people: self.queue_len(place).map(|people| people.round() as u32),
            wait_s: self.wait_s(place_ix),
            served: place.served.load(Ordering::Relaxed),
            service_s: place.service_s(),
            promised: self.promised(place_ix).round() as u32,
            forecast_wait_s: self.wait_s(place_ix).map(|_| {
                let at_ms = (u64::from(self.bin()) * bins::BIN_MS) + u64::from(FORECAST_AHEAD_S) * 1_000;
                place.forecast.outlook(at_ms, 0.0, place.service()).wait_s.round() as u32
            }),
        })
    }

    /// What of a place survives a restart.
    #[must_use]
    pub fn place_state(&self, place_ix: u16) -> Option<PlaceState> {
        Some(self.places.get(usize::from(place_ix))?.state())
    }

    /// Puts a place into a state that survived. How long a service takes stays near what the map says.
    pub fn restore_place(&self, place_ix: u16, state: &PlaceState) {
        let Some(place) = self.places.get(usize::from(place_ix)) else {
            return;
        };
        place.restore(state);
        self.forecast(place);
    }

    fn zone(&self, zone_ix: Option<u16>) -> Option<&Zone> {
        self.zones.get(usize::from(zone_ix?))
    }

    fn people(&self, zone: &Zone) -> Option<f32> {
        let tags = zone.tags.load(Ordering::Relaxed);
        let is_seen = zone.is_seen.load(Ordering::Relaxed);
        zone.counted()
            .or_else(|| is_seen.then_some(tags as f32 * self.people_per_tag))
    }

    fn queue_len(&self, place: &Place) -> Option<f32> {
        self.people(self.zone(place.spec.queue_zone)?)
    }

    fn forecast_queues(&self, zone: &Zone) {
        for place in self.places_of(zone) {
            self.forecast(place);
        }
    }

    fn places_of<'a>(&'a self, zone: &'a Zone) -> impl Iterator<Item = &'a Place> {
        zone.places
            .iter()
            .filter_map(|place| self.places.get(usize::from(*place)))
    }

    fn bin(&self) -> u32 {
        self.bin.load(Ordering::Acquire)
    }

    /// A bin as near to this one as can be foreseen.
    fn within_horizon(&self, bin: u32) -> u32 {
        let present = self.bin();
        bin.clamp(present, present.saturating_add(HORIZON_BINS - 1))
    }

    fn forecast(&self, place: &Place) {
        let wait_s = if place.spec.servers == 0 {
            0
        } else {
            self.queue_len(place)
                .map_or(UNKNOWN, |people| place.expected_wait_s(people))
        };
        place.wait_s.store(wait_s, Ordering::Relaxed);
    }
}

impl Zone {
    fn counted(&self) -> Option<f32> {
        let people = f32::from_bits(self.counted.load(Ordering::Relaxed));
        (!people.is_nan()).then_some(people)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAND: PlaceSpec = PlaceSpec {
        queue_zone: Some(1),
        servers: 4,
        service_s: 40.0,
    };

    fn crowd(tag_share: f32) -> Crowd {
        let settings = CrowdSettings {
            tag_share,
            compliance: 0.6,
            customers_max: 16,
        };
        Crowd::new(2, &[STAND], &settings)
    }

    fn crowd_with(people: u32) -> Crowd {
        let crowd = crowd(1.0);
        for _ in 0..people {
            crowd.on_move(None, Some(1));
        }
        crowd
    }

    #[test]
    fn nobody_waits_while_a_server_is_free() {
        assert_eq!(crowd_with(3).wait_s(0), Some(0));
        assert_eq!(crowd_with(4).wait_s(0), Some(10));
        assert_eq!(crowd_with(23).wait_s(0), Some(200));
    }

    #[test]
    fn a_queue_that_no_hub_sees_is_unknown_not_empty() {
        let crowd = crowd_with(10);
        crowd.set_seen(1, false);
        assert_eq!((crowd.wait_s(0), crowd.occupancy(1)), (None, None));
        crowd.set_seen(1, true);
        assert_eq!((crowd.wait_s(0), crowd.occupancy(1)), (Some(70), Some(10)));
    }

    #[test]
    fn tills_teach_how_long_a_service_takes() {
        let crowd = crowd_with(50);
        let before = crowd.wait_s(0).unwrap();
        for served in 0..400 {
            crowd.on_served(Timestamp::from_millis(1_000 + served * 20_000), 0);
        }
        let queue = crowd.queue(0).unwrap();
        assert!(
            (queue.service_s - 80.0).abs() < 1.0,
            "4 servers, one guest each 20 s: {}",
            queue.service_s
        );
        assert!(queue.wait_s.unwrap() > before);
        assert_eq!(queue.served, 400);
    }

    #[test]
    fn an_idle_till_teaches_nothing() {
        let crowd = crowd_with(2);
        for served in 0..50 {
            crowd.on_served(Timestamp::from_millis(1_000 + served * 600_000), 0);
        }
        assert_eq!(crowd.queue(0).unwrap().service_s, 40.0);
    }

    #[test]
    fn people_without_a_tag_are_counted_through_those_with_one() {
        let crowd = crowd(0.5);
        for _ in 0..10 {
            crowd.on_move(None, Some(1));
        }
        assert_eq!(crowd.occupancy(1), Some(20));
    }

    #[test]
    fn leaving_an_empty_zone_does_not_fill_it() {
        let crowd = crowd_with(0);
        crowd.on_move(Some(1), None);
        assert_eq!(crowd.occupancy(1), Some(0));
    }
}
