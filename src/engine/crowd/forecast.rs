//! The queue of one place over the next quarter of an hour: people there, people on their way, and servers that work.
//!
//! A fluid queue in bins of ten seconds. With `q` people at the start of a bin, `a` expected in it ([`Arrivals`]), `b` more a
//! second that nobody foresaw, `c` servers and `s` seconds a service, the next bin starts with
//! `q + a + 10 b - min(q + a / 2, c) * 10 / s` people. A measured count pulls the present bin towards it by a Kalman gain:
//! exact counts are believed at once, old and noisy ones partly. What a count says beyond the forecast also teaches the
//! unforeseen arrivals, and of a busy place without a till how fast it serves.
//!
//! Everything is an atomic in a fixed ring. A decide reads two words of a place; who adds a promise forecasts the place
//! anew unless somebody is at it, who then does it once more: nobody waits.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::bins::{Arrivals, BIN_MS, BIN_S, HORIZON_BINS};
use crate::model::Timestamp;

/// Bins of the ring; as many as [`Arrivals`] has.
const BINS_LEN: usize = 128;
/// How often one thread forecasts a place anew because others added to it meanwhile; what is then left is done by
/// the next who adds, or by the next tick.
const REFRESHES_MAX: u32 = 8;
/// How much of each person whom the forecast missed counts for the arrivals a second that nobody foresees: they follow in
/// about 100 seconds. Twice or half of it changes the mean of the half-time rush by less than 0.2 %.
const UNFORESEEN_GAIN: f32 = 0.01;
/// Most arrivals a second at one place that nobody foresees.
const UNFORESEEN_MAX: f32 = 20.0;
/// How much of each person whom the forecast missed counts for the service rate of a busy place, people a second: it
/// follows in about 250 seconds.
const RATE_GAIN: f32 = 0.004;
/// A place counts as busy when this many times its servers are there.
const BUSY_FACTOR: f32 = 1.3;
/// The rate that counts teach stays within this factor of what the map or the tills say.
const PACE_MAX: f32 = 2.0;
/// Variance that a forecast gains in a second, as a multiple of the people who come and go in it: Poisson's would be 1.
const VARIANCE_FACTOR: f32 = 2.0;
/// How unsure the number of people at a place is when somebody arrives, as variance per person: measured in the
/// half-time rush, 4 to 16 do as well as another, and 0 costs 1 % of the mean.
const RISK: f32 = 12.0;

/// Servers and how fast they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// People served at once.
    pub servers: f32,
    /// People served a second when all servers are busy.
    pub per_s: f32,
}

/// What somebody meets who arrives at a place at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Seconds until they are served.
    pub wait_s: f32,
    /// Seconds that the wait counts when places are compared: the expected wait when the number of people is not sure.
    pub risk_s: f32,
    /// Seconds for which everybody who comes after them waits longer by their service: until the queue is empty.
    pub burden_s: f32,
}

/// The forecast of one place.
pub struct Forecast {
    /// The bin of the present.
    bin: AtomicU32,
    /// People at the start of each bin, as the bits of an `f32`.
    people: [AtomicU32; BINS_LEN],
    /// The first bin at whose start a server is free.
    free_bin: AtomicU32,
    /// Arrivals a second that nobody foresees.
    unforeseen: AtomicU32,
    /// How many times as fast the servers are as the map or the tills say.
    pace: AtomicU32,
    /// Variance of the people at present, and when it was brought up to date, in seconds.
    variance: AtomicU32,
    measured_s: AtomicU32,
    is_refreshing: AtomicBool,
    is_dirty: AtomicBool,
}

impl Default for Forecast {
    /// Nobody is there, as far as anybody knows.
    fn default() -> Self {
        Self {
            bin: AtomicU32::new(0),
            people: [const { AtomicU32::new(0) }; BINS_LEN],
            free_bin: AtomicU32::new(0),
            unforeseen: AtomicU32::new(0),
            pace: AtomicU32::new(1.0_f32.to_bits()),
            variance: AtomicU32::new(f32::MAX.sqrt().to_bits()),
            measured_s: AtomicU32::new(0),
            is_refreshing: AtomicBool::new(false),
            is_dirty: AtomicBool::new(false),
        }
    }
}

impl Forecast {
    /// The bin of the present, as of the last tick.
    pub fn bin(&self) -> u32 {
        self.bin.load(Ordering::Acquire)
    }

    /// Time goes on; returns how many promises have expired by it. One thread at a time may.
    pub fn turn(&self, now: Timestamp, service: Service, arrivals: &Arrivals) -> u32 {
        let (from, to) = (self.bin(), bin_of(now));
        let mut expired = 0;
        if to > from {
            if to - from > HORIZON_BINS {
                // Nobody looked for so long that nothing is known.
                self.set_people(to, 0.0);
                store(&self.unforeseen, 0.0);
            }
            expired = arrivals.turn(from, to);
            self.bin.store(to, Ordering::Release);
        }
        if to > from || self.is_dirty.load(Ordering::Acquire) {
            self.refresh(service, arrivals);
        }
        expired
    }

    /// So many people are at the place, with this variance. One thread at a time may.
    pub fn measure(&self, now: Timestamp, (people, variance): (f32, f32), service: Service, arrivals: &Arrivals) {
        let missed = people - self.people_at(now.as_millis());
        let gain = self.gain(now, variance, service);
        if missed.abs() < 0.01 {
            return;
        }
        let unforeseen = load(&self.unforeseen) + UNFORESEEN_GAIN * missed;
        store(&self.unforeseen, unforeseen.clamp(0.0, UNFORESEEN_MAX));
        let bin = self.bin();
        self.set_people(bin, (self.people_of(bin) + gain * missed).max(0.0));
        self.refresh(service, arrivals);
    }

    /// Somebody is there who was expected elsewhere, or later.
    pub fn add_people(&self, people: f32) {
        let bin = self.bin();
        self.set_people(bin, self.people_of(bin) + people);
    }

    /// What a count says of the pace of a place that no till reports of: who is busy and has more people than was
    /// forecast serves slower than was thought.
    pub fn learn_pace(&self, now: Timestamp, people: f32, service: Service) {
        let forecast = self.people_at(now.as_millis());
        if people.min(forecast) < BUSY_FACTOR * service.servers || service.per_s <= 0.0 {
            return;
        }
        let pace = self.pace();
        let per_s = service.per_s - RATE_GAIN * (people - forecast);
        store(
            &self.pace,
            (pace * per_s / service.per_s).clamp(1.0 / PACE_MAX, PACE_MAX),
        );
    }

    /// How many times as fast the servers are as the map or the tills say.
    pub fn pace(&self) -> f32 {
        load(&self.pace)
    }

    /// The tills say how fast the servers are.
    pub fn forget_pace(&self) {
        store(&self.pace, 1.0);
    }

    /// Nothing is known of the people there.
    pub fn forget_people(&self) {
        store(&self.variance, f32::MAX.sqrt());
    }

    /// What somebody meets who arrives at `at_ms`, not counting `own` people who are themselves.
    pub fn outlook(&self, at_ms: u64, own: f32, service: Service) -> Outlook {
        if service.per_s <= 0.0 {
            return Outlook::default();
        }
        let people = (self.people_at(at_ms) - own).max(0.0);
        let over = people - service.servers + 1.0;
        let wait_s = over.max(0.0) / service.per_s;
        // Half of a hyperbola: near the expected positive part of what has this variance, for the cost of one root.
        let risk_s = (over + (over * over + RISK * people).sqrt()) / 2.0 / service.per_s;
        let free_ms = u64::from(self.free_bin.load(Ordering::Relaxed)) * BIN_MS;
        Outlook {
            wait_s,
            risk_s,
            burden_s: (free_ms.saturating_sub(at_ms) as f32 / 1_000.0 - wait_s).max(0.0),
        }
    }

    /// Forecasts the place anew, unless another thread is at it, which then does it once more.
    pub fn refresh(&self, service: Service, arrivals: &Arrivals) {
        self.is_dirty.store(true, Ordering::SeqCst);
        for _ in 0..REFRESHES_MAX {
            if !self.is_dirty.load(Ordering::SeqCst) || self.is_refreshing.swap(true, Ordering::SeqCst) {
                return;
            }
            self.is_dirty.store(false, Ordering::SeqCst);
            self.run(service, arrivals);
            self.is_refreshing.store(false, Ordering::SeqCst);
        }
    }

    fn run(&self, service: Service, arrivals: &Arrivals) {
        let first = self.bin();
        let unforeseen = load(&self.unforeseen) * BIN_S;
        let served_by_one = service.per_s / service.servers.max(1.0) * BIN_S;
        let mut people = self.people_of(first);
        let mut free_bin = None;
        for bin in first..first + HORIZON_BINS {
            let coming = arrivals.people(bin);
            let busy = (people + 0.5 * coming).min(service.servers);
            people = (people + coming + unforeseen - busy * served_by_one).max(0.0);
            self.set_people(bin + 1, people);
            if free_bin.is_none() && people < service.servers {
                free_bin = Some(bin + 1);
            }
        }
        self.free_bin
            .store(free_bin.unwrap_or(first + HORIZON_BINS), Ordering::Relaxed);
    }

    fn gain(&self, now: Timestamp, variance: f32, service: Service) -> f32 {
        let now_s = now.as_secs();
        let passed_s = now_s.saturating_sub(self.measured_s.swap(now_s, Ordering::Relaxed)) as f32;
        let flow = service.per_s + load(&self.unforeseen);
        let forecast = load(&self.variance) + VARIANCE_FACTOR * flow * passed_s;
        if variance <= 0.0 {
            store(&self.variance, 0.0);
            return 1.0;
        }
        let gain = forecast / (forecast + variance);
        store(&self.variance, forecast * (1.0 - gain));
        gain
    }

    /// People at a moment between the present and the horizon; of any other, at the nearer of the two.
    fn people_at(&self, at_ms: u64) -> f32 {
        let first = self.bin();
        let bin = u32::try_from(at_ms / BIN_MS).unwrap_or(u32::MAX);
        if bin < first {
            return self.people_of(first);
        }
        if bin >= first + HORIZON_BINS {
            return self.people_of(first + HORIZON_BINS);
        }
        let share = (at_ms % BIN_MS) as f32 / BIN_MS as f32;
        self.people_of(bin) * (1.0 - share) + self.people_of(bin + 1) * share
    }

    fn people_of(&self, bin: u32) -> f32 {
        self.people.get(bin as usize % BINS_LEN).map_or(0.0, load)
    }

    fn set_people(&self, bin: u32, people: f32) {
        if let Some(word) = self.people.get(bin as usize % BINS_LEN) {
            store(word, people);
        }
    }
}

/// The bin of a moment.
pub fn bin_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / BIN_MS).unwrap_or(u32::MAX - 2 * HORIZON_BINS)
}

fn load(word: &AtomicU32) -> f32 {
    f32::from_bits(word.load(Ordering::Relaxed))
}

fn store(word: &AtomicU32, value: f32) {
    word.store(value.to_bits(), Ordering::Relaxed);
}
