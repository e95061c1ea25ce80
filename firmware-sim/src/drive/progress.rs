//! What a run has done so far, for whoever watches: counters, latencies, the latest answers, the true lines.
//!
//! Counters are atomic; the rest is behind a lock that the driver holds for a push and the view for a copy, some
//! dozen times a second. Nothing waits for it on a packet's path.

use std::{
    collections::VecDeque,
    sync::{
        PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hdrhistogram::Histogram;
use nextbest_venue::PlaceIx;

use crate::crowd::{Census, LineTruth};

/// Shared between a run and its viewers.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) fans_registered: AtomicU64,
    pub(crate) hubs_connected: AtomicU64,
    pub(crate) adverts_sent: AtomicU64,
    pub(crate) frames_sent: AtomicU64,
    pub(crate) sightings_taken: AtomicU64,
    pub(crate) sightings_dropped: AtomicU64,
    pub(crate) queries: AtomicU64,
    pub(crate) answers: AtomicU64,
    pub(crate) asks_unsent: AtomicU64,
    pub(crate) phones_open: AtomicU64,
    pub(crate) signals: AtomicU64,
    pub(crate) outcomes: AtomicU64,
    pub(crate) hub_errors: AtomicU64,
    pub(crate) phone_errors: AtomicU64,
    pub(crate) till_errors: AtomicU64,
    pub(crate) behind_ms: AtomicU64,
    shared: Shared,
}

#[expect(
    clippy::disallowed_types,
    reason = "held for a push or a copy, never across an await, and by no packet"
)]
type Lock<T> = std::sync::Mutex<T>;

#[derive(Debug, Default)]
struct Shared(Lock<Latest>);

/// What does not fit into counters.
#[derive(Debug)]
struct Latest {
    latency_us: Histogram<u64>,
    answers: VecDeque<GivenAnswer>,
    errors: VecDeque<String>,
    lines: Vec<LineTruth>,
    census: Census,
    told: Mean,
    not_told: Mean,
}

impl Default for Latest {
    fn default() -> Self {
        Self {
            latency_us: empty_histogram(),
            answers: VecDeque::with_capacity(ANSWERS_KEPT_MAX),
            errors: VecDeque::with_capacity(ERRORS_KEPT_MAX),
            lines: Vec::new(),
            census: Census::default(),
            told: Mean::default(),
            not_told: Mean::default(),
        }
    }
}

/// An answer that somebody got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAnswer {
    /// When, by the run's clock.
    pub at_ms: u64,
    /// Who asked.
    pub customer: String,
    /// What they wanted.
    pub want: String,
    /// What they were told, ready to be read.
    pub message: String,
    /// The name of the place; empty when the answer is not about one.
    pub place: String,
    /// Seconds to walk there, when known.
    pub walk_s: Option<u32>,
    /// Seconds to wait there, when known.
    pub wait_s: Option<u32>,
    /// From sending the query to having the answer, in microseconds of real time.
    pub latency_us: u64,
    /// They go there.
    pub followed: bool,
}

/// A mean that is not kept value by value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
    }

    /// The mean; nothing of nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// A run at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Fans whose tag the gateway knows.
    pub fans_registered: u64,
    /// Hubs with a session.
    pub hubs_connected: u64,
    /// Advertisements that tags have sent.
    pub adverts_sent: u64,
    /// Frames that hubs have sent.
    pub frames_sent: u64,
    /// Sightings that the gateway has acknowledged.
    pub sightings_taken: u64,
    /// Sightings lost in hubs.
    pub sightings_dropped: u64,
    /// Queries that phones have sent.
    pub queries: u64,
    /// Queries answered with something to do.
    pub answers: u64,
    /// Fans who asked and whose phone could not be served in time by this program.
    pub asks_unsent: u64,
    /// Phones with an open connection.
    pub phones_open: u64,
    /// Signals acknowledged.
    pub signals: u64,
    /// Outcomes acknowledged.
    pub outcomes: u64,
    /// Sessions of hubs that failed or broke.
    pub hub_errors: u64,
    /// Connections, queries and outcomes of phones that failed.
    pub phone_errors: u64,
    /// Signals and outcomes of the service principal that failed.
    pub till_errors: u64,
    /// How far the simulation is behind its clock, in milliseconds.
    pub behind_ms: u64,
    /// Round trips of queries, in microseconds of real time.
    pub latency_us: Histogram<u64>,
    /// The latest answers, oldest first; at most [`ANSWERS_KEPT_MAX`].
    pub recent: Vec<GivenAnswer>,
    /// The latest errors in words, oldest first; at most [`ERRORS_KEPT_MAX`].
    pub recent_errors: Vec<String>,
    /// The true line at each place, in the order of the venue's places.
    pub lines: Vec<LineTruth>,
    /// How many fans are doing what.
    pub census: Census,
    /// Seconds from deciding to go until served, of those who went where they were told.
    pub told_s: Mean,
    /// The same of those who asked and went elsewhere.
    pub not_told_s: Mean,
}

impl Snapshot {
    /// Everything that failed.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.hub_errors + self.phone_errors + self.till_errors
    }

    /// The true line at a place.
    #[must_use]
    pub fn line(&self, place: PlaceIx) -> Option<LineTruth> {
        self.lines.get(place.index()).copied()
    }
}

impl Progress {
    /// A copy of everything.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        self.shared.with(|latest| Snapshot {
            fans_registered: read(&self.fans_registered),
            hubs_connected: read(&self.hubs_connected),
            adverts_sent: read(&self.adverts_sent),
            frames_sent: read(&self.frames_sent),
            sightings_taken: read(&self.sightings_taken),
            sightings_dropped: read(&self.sightings_dropped),
            queries: read(&self.queries),
            answers: read(&self.answers),
            asks_unsent: read(&self.asks_unsent),
            phones_open: read(&self.phones_open),
            signals: read(&self.signals),
            outcomes: read(&self.outcomes),
            hub_errors: read(&self.hub_errors),
            phone_errors: read(&self.phone_errors),
            till_errors: read(&self.till_errors),
            behind_ms: read(&self.behind_ms),
            latency_us: latest.latency_us.clone(),
            recent: latest.answers.iter().cloned().collect(),
            recent_errors: latest.errors.iter().cloned().collect(),
            lines: latest.lines.clone(),
            census: latest.census,
            told_s: latest.told,
            not_told_s: latest.not_told,
        })
    }

    /// Sightings that the gateway has acknowledged, without the cost of a snapshot.
    #[must_use]
    pub fn sightings_taken(&self) -> u64 {
        self.sightings_taken.load(Relaxed)
    }

    pub(crate) fn queried(&self, latency_us: u64) {
        self.queries.fetch_add(1, Relaxed);
        self.shared
            .with(|latest| latest.latency_us.saturating_record(latency_us.max(1)));
    }

    pub(crate) fn answered(&self, answer: GivenAnswer) {
        self.answers.fetch_add(1, Relaxed);
        self.shared
            .with(|latest| push_bounded(&mut latest.answers, answer, ANSWERS_KEPT_MAX));
    }

    pub(crate) fn served(&self, told: bool, total_s: f32) {
        self.shared.with(|latest| {
            let mean = if told { &mut latest.told } else { &mut latest.not_told };
            mean.add(f64::from(total_s));
        });
    }

    pub(crate) fn looked(&self, lines: Vec<LineTruth>, census: Census) {
        self.shared.with(|latest| {
            latest.lines = lines;
            latest.census = census;
        });
    }

    pub(crate) fn hub_failed(&self, hub_id: &str, why: &str) {
        self.failed(&self.hub_errors, format!("hub {hub_id}: {why}"));
    }

    pub(crate) fn phone_failed(&self, customer: &str, why: &str) {
        self.failed(&self.phone_errors, format!("phone of {customer}: {why}"));
    }

    pub(crate) fn till_failed(&self, what: &str, why: &str) {
        self.failed(&self.till_errors, format!("{what}: {why}"));
    }

    fn failed(&self, counter: &AtomicU64, sentence: String) {
        counter.fetch_add(1, Relaxed);
        self.shared
            .with(|latest| push_bounded(&mut latest.errors, sentence, ERRORS_KEPT_MAX));
    }
}

impl Shared {
    /// A panic while it was held leaves counters that are still counters.
    fn with<R>(&self, use_it: impl FnOnce(&mut Latest) -> R) -> R {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[expect(
    clippy::expect_used,
    reason = "the bounds are constants, and every test that makes a `Progress` tries them"
)]
fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("bounds that a histogram can have")
}

fn push_bounded<T>(queue: &mut VecDeque<T>, entry: T, len_max: usize) {
    if queue.len() >= len_max {
        queue.pop_front();
    }
    queue.push_back(entry);
}

/// Answers that are kept for a view.
pub const ANSWERS_KEPT_MAX: usize = 32;
/// Errors that are kept for a view.
pub const ERRORS_KEPT_MAX: usize = 16;
/// A round trip that takes longer counts as this long.
const LATENCY_US_MAX: u64 = 60_000_000;
