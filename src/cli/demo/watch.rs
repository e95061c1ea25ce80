//! What the demo shows: figures of the gateway and of the crowd, read without disturbing either.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firmware_sim::drive::{Progress, Snapshot};
use hdrhistogram::Histogram;

use crate::config::Pack;
use crate::engine::Engine;
use crate::serve::clock::Clock;
use crate::serve::metrics::{Counter, Metrics};

/// Stands that the view lists.
pub(super) const STANDS_LEN: usize = 10;

/// The sources of the figures.
pub(super) struct Watch {
    pub(super) pack_name: String,
    places: Vec<(String, String)>,
    engine: Arc<Engine>,
    clock: Clock,
    metrics: Arc<Metrics>,
    progress: Arc<Progress>,
    began: Instant,
    before: RefCell<(Instant, Counts)>,
}

/// What the gateway has counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) sightings: u64,
    pub(super) decides: u64,
}

/// The figures of one moment.
pub(super) struct Figures {
    pub(super) ran: Duration,
    pub(super) counts: Counts,
    /// Since the figures before.
    pub(super) sightings_per_s: f64,
    pub(super) decides_per_s: f64,
    /// In the gateway, in nanoseconds.
    pub(super) decide_ns: Histogram<u64>,
    pub(super) stands: Vec<Stand>,
    pub(super) hubs_alive: usize,
    pub(super) crowd: Snapshot,
    pub(super) tags: u32,
}

/// A stand, as the gateway sees it and as it is.
pub(super) struct Stand {
    pub(super) name: String,
    pub(super) category: String,
    pub(super) people: Option<u32>,
    pub(super) wait_s: Option<u32>,
    /// On their way by our own answers, and the wait when they are there.
    pub(super) promised: u32,
    pub(super) forecast_wait_s: Option<u32>,
    pub(super) true_people: Option<usize>,
}

impl Watch {
    pub(super) fn new(
        pack: &Pack,
        engine: &Arc<Engine>,
        clock: Clock,
        metrics: &Arc<Metrics>,
        progress: &Arc<Progress>,
    ) -> Self {
        let name =
            |place: &nextbest_venue::Place| place.names.first().map_or(place.id.clone(), |(_, name)| name.clone());
        Self {
            pack_name: pack.name.clone(),
            places: pack
                .spec
                .venue
                .places
                .iter()
                .map(|place| (name(place), place.category.clone()))
                .collect(),
            engine: Arc::clone(engine),
            clock,
            metrics: Arc::clone(metrics),
            progress: Arc::clone(progress),
            began: now(),
            before: RefCell::new((now(), Counts::default())),
        }
    }

    /// How long the demo has run.
    pub(super) fn ran(&self) -> Duration {
        self.began.elapsed()
    }

    /// The figures of this moment; rates are since the last call.
    pub(super) fn read(&self) -> Figures {
        let counts = self.counts();
        let (since, before) = self.before.replace((now(), counts));
        let elapsed_s = since.elapsed().as_secs_f64().max(1e-3);
        let per_s = |after: u64, before: u64| after.saturating_sub(before) as f64 / elapsed_s;
        let crowd = self.progress.snapshot();
        Figures {
            ran: self.ran(),
            counts,
            sightings_per_s: per_s(counts.sightings, before.sightings),
            decides_per_s: per_s(counts.decides, before.decides),
            decide_ns: self.metrics.decide_latency(),
            stands: self.stands(&crowd),
            hubs_alive: self.engine.hubs(self.clock.now()).filter(|hub| hub.is_alive).count(),
            tags: self.engine.counts().tags,
            crowd,
        }
    }

    fn counts(&self) -> Counts {
        let sightings = [Counter::SightingFolded, Counter::SightingMoved].map(|counter| self.metrics.value(counter));
        Counts {
            sightings: sightings.iter().sum(),
            decides: self.metrics.decide_latency().len(),
        }
    }

    /// The stands with the longest waits, as the gateway sees them.
    fn stands(&self, crowd: &Snapshot) -> Vec<Stand> {
        let mut queues: Vec<_> = self
            .engine
            .queues()
            .filter(|queue| queue.queue.people.is_some_and(|people| people > 0))
            .collect();
        queues.sort_by_key(|queue| std::cmp::Reverse((queue.queue.wait_s, queue.queue.people)));
        queues.truncate(STANDS_LEN);
        let stand = |queue: &crate::engine::PlaceQueue| {
            let (name, category) = self.places.get(queue.place.index()).cloned().unwrap_or_default();
            let truth = crowd.line(queue.place);
            Stand {
                name,
                category,
                people: queue.queue.people,
                wait_s: queue.queue.wait_s,
                promised: queue.queue.promised,
                forecast_wait_s: queue.queue.forecast_wait_s,
                true_people: truth.map(|line| line.waiting + line.in_service),
            }
        };
        queues.iter().map(stand).collect()
    }
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a demo lasts as long in real time as its user asked"
    )]
    Instant::now()
}

/// A quantile in microseconds.
pub(super) fn us(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1_000.0
}

/// Seconds for people: "45 s", "3 min 20 s".
pub(super) fn duration(seconds: u32) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
