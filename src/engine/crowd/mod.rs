//! How many people are in a zone, and how long a place makes them wait.
//!
//! Occupancy is counted from zone changes of people whom the caller counts, and scaled by the share of people who carry a
//! tag. The wait at a place follows from the people in its queue zone, its servers and how long a service takes: with `q`
//! people and `c` servers, a newcomer is served at once while `q < c`, else after `(q - c + 1) * s / c` seconds (a
//! first-come-first-served queue with `c` servers in heavy traffic). The time `s` of a service starts with what the map
//! says and follows what the tills report while all servers are busy.
//!
//! A zone whose hubs are all dead, or were heard more than [`CROWD_AGE_MS_MAX`] ago, is unknown, not empty: its queue gives no
//! wait, and an answer that it counts for says so. Everything is an atomic, written when somebody moves, so that a decide
//! only reads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::model::Timestamp;
use crate::planted::{Bug, planted};

/// What the map says about a place where people may queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaceSpec {
    /// Index of the zone whose people are its queue; `None`: nobody queues, or nobody sees it.
    pub queue_zone: Option<u16>,
    /// People served at the same time; 0: nobody waits here.
    pub servers: u16,
    /// Seconds that one server takes for one person.
    pub service_s: f32,
}

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
}

/// What of a place survives a restart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaceState {
    /// Whether it serves anybody.
    pub is_open: bool,
    /// The wants that it has run out of, one bit each.
    pub out_of_stock: u64,
    /// People served, as tills reported.
    pub served: u32,
    /// Seconds that one server takes for one person, as learned.
    pub service_s: f32,
}

/// Longest that a count is used after the hubs that see its zone were heard last, however patient a pack is with its hubs.
/// Milliseconds.
pub const CROWD_AGE_MS_MAX: u32 = 30_000;
/// A wait that nobody knows.
const UNKNOWN: u32 = u32::MAX;
/// Weight of the newest service when its duration is learned: about the last 20 services count.
const SERVICE_WEIGHT: f32 = 0.05;
/// A learned service stays within this factor of what the map says, so that a burst of till events cannot make a
/// queue vanish.
const SERVICE_FACTOR_MAX: f32 = 4.0;

struct Zone {
    tags: AtomicU32,
    is_seen: AtomicBool,
    /// The places whose queue it is.
    places: Vec<u16>,
}

struct Place {
    spec: PlaceSpec,
    is_open: AtomicBool,
    out_of_stock: AtomicU64,
    wait_s: AtomicU32,
    served: AtomicU32,
    service_s: AtomicU32,
    /// When the last service ended while all servers were busy; 0: they were not.
    busy_since_us: AtomicU64,
}

/// Counts of people and the waits that follow from them.
pub struct Crowd {
    zones: Vec<Zone>,
    places: Vec<Place>,
    people_per_tag: f32,
}

impl Crowd {
    /// Empty zones. `tag_share` is the share of people who carry a registered tag, above 0 and at most 1.
    #[must_use]
    pub fn new(zones_len: usize, places: &[PlaceSpec], tag_share: f32) -> Self {
        let mut zones: Vec<Zone> = (0..zones_len)
            .map(|_| Zone {
                tags: AtomicU32::new(0),
                is_seen: AtomicBool::new(true),
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
            people_per_tag: 1.0 / tag_share.clamp(0.01, 1.0),
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

    /// A till reports that a place has served somebody.
    pub fn on_served(&self, now: Timestamp, place_ix: u16) {
        let Some(place) = self.places.get(usize::from(place_ix)) else {
            return;
        };
        place.served.fetch_add(1, Ordering::Relaxed);
        let is_busy = self
            .queue_len(place)
            .is_some_and(|people| people >= f32::from(place.spec.servers));
        let ended_us = if is_busy { now.as_micros() } else { 0 };
        let before_us = place.busy_since_us.swap(ended_us, Ordering::Relaxed);
        if is_busy && before_us != 0 {
            let between_s = ended_us.saturating_sub(before_us) as f32 / 1e6;
            place.learn_service(between_s * f32::from(place.spec.servers));
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
        })
    }

    /// What of a place survives a restart.
    #[must_use]
    pub fn place_state(&self, place_ix: u16) -> Option<PlaceState> {
        let place = self.places.get(usize::from(place_ix))?;
        Some(PlaceState {
            is_open: place.is_open.load(Ordering::Relaxed),
            out_of_stock: place.out_of_stock.load(Ordering::Relaxed),
            served: place.served.load(Ordering::Relaxed),
            service_s: place.service_s(),
        })
    }

    /// Puts a place into a state that survived. How long a service takes stays near what the map says.
    pub fn restore_place(&self, place_ix: u16, state: &PlaceState) {
        let Some(place) = self.places.get(usize::from(place_ix)) else {
            return;
        };
        place.is_open.store(state.is_open, Ordering::Relaxed);
        place.out_of_stock.store(state.out_of_stock, Ordering::Relaxed);
        place.served.store(state.served, Ordering::Relaxed);
        place.set_service(state.service_s);
        self.forecast(place);
    }

    fn zone(&self, zone_ix: Option<u16>) -> Option<&Zone> {
        self.zones.get(usize::from(zone_ix?))
    }

    fn people(&self, zone: &Zone) -> Option<f32> {
        let tags = zone.tags.load(Ordering::Relaxed);
        zone.is_seen
            .load(Ordering::Relaxed)
            .then_some(tags as f32 * self.people_per_tag)
    }

    fn queue_len(&self, place: &Place) -> Option<f32> {
        self.people(self.zone(place.spec.queue_zone)?)
    }

    fn forecast_queues(&self, zone: &Zone) {
        for place in zone
            .places
            .iter()
            .filter_map(|place| self.places.get(usize::from(*place)))
        {
            self.forecast(place);
        }
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

impl Place {
    fn new(spec: &PlaceSpec) -> Self {
        Self {
            spec: *spec,
            is_open: AtomicBool::new(true),
            out_of_stock: AtomicU64::new(0),
            wait_s: AtomicU32::new(0),
            served: AtomicU32::new(0),
            service_s: AtomicU32::new(spec.service_s.to_bits()),
            busy_since_us: AtomicU64::new(0),
        }
    }

    fn service_s(&self) -> f32 {
        f32::from_bits(self.service_s.load(Ordering::Relaxed))
    }

    fn learn_service(&self, observed_s: f32) {
        let known_s = self.service_s();
        self.set_service(known_s + SERVICE_WEIGHT * (observed_s - known_s));
    }

    fn set_service(&self, service_s: f32) {
        let bounds = (
            self.spec.service_s / SERVICE_FACTOR_MAX,
            self.spec.service_s * SERVICE_FACTOR_MAX,
        );
        self.service_s
            .store(service_s.max(bounds.0).min(bounds.1).to_bits(), Ordering::Relaxed);
    }

    fn expected_wait_s(&self, people: f32) -> u32 {
        let servers = f32::from(self.spec.servers);
        let ahead = (people - servers + 1.0).max(0.0);
        (ahead * self.service_s() / servers).round() as u32
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

    fn crowd_with(people: u32) -> Crowd {
        let crowd = Crowd::new(2, &[STAND], 1.0);
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
        let crowd = Crowd::new(2, &[STAND], 0.5);
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
