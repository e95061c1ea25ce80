//! One place: its servers, how long they take, whether it is open and what it has run out of.
//!
//! Seconds for a service start with what the map says and follow what the tills report while all servers are busy. A
//! place without a till learns from counts how fast it serves ([`super::forecast`]), which is not kept over a restart.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::bins::Arrivals;
use super::forecast::{Forecast, Service};
use crate::model::Timestamp;

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

/// A wait that nobody knows.
pub(super) const UNKNOWN: u32 = u32::MAX;
/// Weight of the newest service when its duration is learned: about the last 20 services count.
const SERVICE_WEIGHT: f32 = 0.05;
/// A learned service stays within this factor of what the map says, so that a burst of till events cannot make a
/// queue vanish.
const SERVICE_FACTOR_MAX: f32 = 4.0;
/// A till that was silent for so many seconds reports no services any more, and counts teach instead.
const TILL_SILENT_S: u32 = 300;

pub(super) struct Place {
    pub(super) spec: PlaceSpec,
    pub(super) is_open: AtomicBool,
    pub(super) out_of_stock: AtomicU64,
    /// The wait of the moment, as counted.
    pub(super) wait_s: AtomicU32,
    pub(super) served: AtomicU32,
    service_s: AtomicU32,
    /// When the last service ended while all servers were busy; 0: they were not.
    busy_since_us: AtomicU64,
    /// The second after that in which a till reported last; 0: none did.
    till_s: AtomicU32,
    pub(super) arrivals: Arrivals,
    pub(super) forecast: Forecast,
}

impl Place {
    pub(super) fn new(spec: &PlaceSpec) -> Self {
        Self {
            spec: *spec,
            is_open: AtomicBool::new(true),
            out_of_stock: AtomicU64::new(0),
            wait_s: AtomicU32::new(0),
            served: AtomicU32::new(0),
            service_s: AtomicU32::new(spec.service_s.to_bits()),
            busy_since_us: AtomicU64::new(0),
            till_s: AtomicU32::new(0),
            arrivals: Arrivals::default(),
            forecast: Forecast::default(),
        }
    }

    /// A till has served somebody, with so many people at the place; says whether that taught how long it takes.
    pub(super) fn on_served(&self, now: Timestamp, people: Option<f32>) -> bool {
        self.served.fetch_add(1, Ordering::Relaxed);
        self.till_s.store(now.as_secs().saturating_add(1), Ordering::Relaxed);
        self.forecast.forget_pace();
        let servers = f32::from(self.spec.servers);
        let is_busy = people.is_some_and(|people| people >= servers);
        let ended_us = if is_busy { now.as_micros() } else { 0 };
        let before_us = self.busy_since_us.swap(ended_us, Ordering::Relaxed);
        let has_learned = is_busy && before_us != 0;
        if has_learned {
            let between_s = ended_us.saturating_sub(before_us) as f32 / 1e6;
            let known_s = self.service_s();
            self.set_service(known_s + SERVICE_WEIGHT * (between_s * servers - known_s));
        }
        has_learned
    }

    /// So many people are at the place, with this variance.
    pub(super) fn measure(&self, now: Timestamp, people: f32, variance: f32) {
        let till_s = self.till_s.load(Ordering::Relaxed);
        if till_s == 0 || now.as_secs().saturating_sub(till_s) > TILL_SILENT_S {
            self.forecast.learn_pace(now, people, self.service());
        }
        self.forecast
            .measure(now, (people, variance), self.service(), &self.arrivals);
    }

    /// Servers, and how fast they are as far as anybody knows.
    pub(super) fn service(&self) -> Service {
        let servers = f32::from(self.spec.servers);
        let per_s = servers / self.service_s().max(f32::MIN_POSITIVE);
        Service {
            servers,
            per_s: per_s * self.forecast.pace(),
        }
    }

    /// Seconds that one server takes for one person, as the map or the tills say.
    pub(super) fn service_s(&self) -> f32 {
        f32::from_bits(self.service_s.load(Ordering::Relaxed))
    }

    pub(super) fn state(&self) -> PlaceState {
        PlaceState {
            is_open: self.is_open.load(Ordering::Relaxed),
            out_of_stock: self.out_of_stock.load(Ordering::Relaxed),
            served: self.served.load(Ordering::Relaxed),
            service_s: self.service_s(),
        }
    }

    pub(super) fn restore(&self, state: &PlaceState) {
        self.is_open.store(state.is_open, Ordering::Relaxed);
        self.out_of_stock.store(state.out_of_stock, Ordering::Relaxed);
        self.served.store(state.served, Ordering::Relaxed);
        self.set_service(state.service_s);
    }

    /// Seconds until a newcomer is served who is there at this moment with so many people.
    pub(super) fn expected_wait_s(&self, people: f32) -> u32 {
        let servers = f32::from(self.spec.servers);
        let ahead = (people - servers + 1.0).max(0.0);
        (ahead * self.service_s() / servers).round() as u32
    }

    fn set_service(&self, service_s: f32) {
        let bounds = (
            self.spec.service_s / SERVICE_FACTOR_MAX,
            self.spec.service_s * SERVICE_FACTOR_MAX,
        );
        self.service_s
            .store(service_s.max(bounds.0).min(bounds.1).to_bits(), Ordering::Relaxed);
    }
}
