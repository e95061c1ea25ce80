//! What the gateway counts: plain atomics, one for each cause, in a closed set.
//!
//! Sessions add up what a chunk brought and add it here once. No label ever comes from a peer, so the number of
//! series is known when the program is built. Deliberately absent: the text format (`exposition`), and
//! any global; the gateway owns its counters.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use nextbest_proto::error::TABLE;
use nextbest_proto::v1::ErrorCode;

use super::doors::DoorCounts;
use super::latency::Latency;

/// One line of the table of counters.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// Name of the metric.
    pub metric: &'static str,
    /// Its label and the label's value; empty: none.
    pub label: (&'static str, &'static str),
    /// What it counts. The same for all series of a metric.
    pub help: &'static str,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident $metric:literal $label:literal $value:literal $help:literal;)*) => {
        /// Everything that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter { $($(#[$doc])* #[doc = $help] $name,)* }

        /// How each counter is shown, in the order of [`Counter`].
        pub const COUNTERS: &[Series] =
            &[$(Series { metric: $metric, label: ($label, $value), help: $help }),*];
    };
}

counters! {
    SightingFolded "nextbest_sightings_total" "outcome" "folded" "Sightings by what became of them.";
    SightingMoved "nextbest_sightings_total" "outcome" "moved" "Sightings by what became of them.";
    SightingDuplicate "nextbest_sightings_total" "outcome" "duplicate" "Sightings by what became of them.";
    SightingLate "nextbest_sightings_total" "outcome" "late" "Sightings by what became of them.";
    SightingBeacon "nextbest_sightings_total" "outcome" "beacon" "Sightings by what became of them.";
    SightingUnknownTag "nextbest_sightings_total" "outcome" "unknown_tag" "Sightings by what became of them.";
    SightingNoRadioValue "nextbest_sightings_total" "outcome" "no_radio_value" "Sightings by what became of them.";
    SightingContradicted "nextbest_sightings_total" "outcome" "contradicted" "Sightings by what became of them.";
    SightingBad "nextbest_sightings_total" "outcome" "bad_record" "Sightings by what became of them.";
    BatchStream "nextbest_batches_total" "way" "stream" "Batches of sightings by how they came.";
    BatchDatagram "nextbest_batches_total" "way" "datagram" "Batches of sightings by how they came.";
    BatchRefused "nextbest_batches_total" "way" "refused" "Batches of sightings by how they came.";
    QueryStream "nextbest_queries_total" "way" "stream" "Queries by how they came.";
    QueryDatagram "nextbest_queries_total" "way" "datagram" "Queries by how they came.";
    SignalApplied "nextbest_signals_total" "outcome" "applied" "Signals by what became of them.";
    SignalDuplicate "nextbest_signals_total" "outcome" "duplicate" "Signals by what became of them.";
    OutcomeTaken "nextbest_outcomes_total" "" "" "Outcomes of decisions that were taken.";
    PushSent "nextbest_pushes_total" "outcome" "sent" "Zone changes of people who listen, by what became of them.";
    PushNothing "nextbest_pushes_total" "outcome" "nothing_to_say" "Zone changes of people who listen, by what became of them.";
    PushUnsent "nextbest_pushes_total" "outcome" "unsent" "Zone changes of people who listen, by what became of them.";
    PresenceSent "nextbest_presence_watched_total" "outcome" "sent" "Presence events for those who watch, by what became of them.";
    PresenceDropped "nextbest_presence_watched_total" "outcome" "dropped" "Presence events for those who watch, by what became of them.";
    AppConnected "nextbest_handshakes_total" "outcome" "app" "Handshakes by what became of them.";
    HubConnected "nextbest_handshakes_total" "outcome" "hub" "Handshakes by what became of them.";
    HandshakeFailed "nextbest_handshakes_total" "outcome" "failed" "Handshakes by what became of them.";
    HandshakeRefused "nextbest_handshakes_total" "outcome" "refused_full" "Handshakes by what became of them.";
    HandshakeRetried "nextbest_handshakes_total" "outcome" "retried" "Handshakes by what became of them.";
    HttpFull "nextbest_handshakes_total" "outcome" "refused_http_full" "Handshakes by what became of them.";
    EndpointRebuilt "nextbest_endpoint_rebuilds_total" "" "" "QUIC endpoints that died and were built again.";
    AdminAnswered "nextbest_admin_requests_total" "outcome" "answered" "Requests at the HTTPS listeners by what became of them.";
    AdminUnknown "nextbest_admin_requests_total" "outcome" "unknown" "Requests at the HTTPS listeners by what became of them.";
    AdminForbidden "nextbest_admin_requests_total" "outcome" "forbidden" "Requests at the HTTPS listeners by what became of them.";
    AdminRefused "nextbest_admin_requests_total" "outcome" "refused" "Requests at the HTTPS listeners by what became of them.";
    AdminFailed "nextbest_admin_requests_total" "outcome" "failed" "Requests at the HTTPS listeners by what became of them.";
    KeysTaken "nextbest_key_reloads_total" "outcome" "taken" "Reloads of the key folder by what became of them.";
    KeysRefused "nextbest_key_reloads_total" "outcome" "refused" "Reloads of the key folder by what became of them.";
    MqttConnected "nextbest_mqtt_broker_total" "event" "connected" "What happened between nextbest and the venue's MQTT broker.";
    MqttLost "nextbest_mqtt_broker_total" "event" "lost" "What happened between nextbest and the venue's MQTT broker.";
    MqttUnreachable "nextbest_mqtt_broker_total" "event" "unreachable" "What happened between nextbest and the venue's MQTT broker.";
    MqttRefused "nextbest_mqtt_broker_total" "event" "refused" "What happened between nextbest and the venue's MQTT broker.";
    MqttOversize "nextbest_mqtt_broker_total" "event" "oversize" "What happened between nextbest and the venue's MQTT broker.";
    MqttHubConnected "nextbest_mqtt_hubs_total" "outcome" "connected" "Hubs at the MQTT listener by what became of them.";
    MqttHubRefused "nextbest_mqtt_hubs_total" "outcome" "refused" "Hubs at the MQTT listener by what became of them.";
    MqttHubBroken "nextbest_mqtt_hubs_total" "outcome" "broken" "Hubs at the MQTT listener by what became of them.";
    MqttHubFlood "nextbest_mqtt_hubs_total" "outcome" "flood" "Hubs at the MQTT listener by what became of them.";
    MqttHubFull "nextbest_mqtt_hubs_total" "outcome" "full" "Hubs at the MQTT listener by what became of them.";
    MqttUnknownTopic "nextbest_mqtt_left_out_total" "reason" "unknown_topic" "What of MQTT messages was left out, by why.";
    MqttRetained "nextbest_mqtt_left_out_total" "reason" "retained" "What of MQTT messages was left out, by why.";
    MqttSentAgain "nextbest_mqtt_left_out_total" "reason" "sent_again" "What of MQTT messages was left out, by why.";
    MqttOfAnotherHub "nextbest_mqtt_left_out_total" "reason" "of_another_hub" "What of MQTT messages was left out, by why.";
}

/// Everything that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gauge {
    /// Connections of apps.
    Apps,
    /// Connections of hubs.
    Hubs,
    /// Sessions with the venue's MQTT broker: 1 or 0.
    MqttBrokers,
    /// Hubs at the MQTT listener.
    MqttHubs,
}

/// Values of [`Gauge`].
const GAUGES_LEN: usize = 4;

/// Upper ends of the buckets of the latency of a decide, in nanoseconds.
pub const DECIDE_BUCKETS_NS: [u64; 11] = [
    250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000,
];

/// The counters of one gateway.
#[derive(Debug)]
pub struct Metrics {
    counters: [AtomicU64; COUNTERS.len()],
    errors: [AtomicU64; TABLE.len()],
    gauges: [AtomicI64; GAUGES_LEN],
    decide_buckets: [AtomicU64; DECIDE_BUCKETS_NS.len() + 1],
    decide_sum_ns: AtomicU64,
    decide_latency: Latency,
    /// What came in by the doors for other makers' hubs.
    pub doors: DoorCounts,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            counters: [const { AtomicU64::new(0) }; COUNTERS.len()],
            errors: [const { AtomicU64::new(0) }; TABLE.len()],
            gauges: [const { AtomicI64::new(0) }; GAUGES_LEN],
            decide_buckets: [const { AtomicU64::new(0) }; DECIDE_BUCKETS_NS.len() + 1],
            decide_sum_ns: AtomicU64::new(0),
            decide_latency: Latency::default(),
            doors: DoorCounts::default(),
        }
    }
}

impl Metrics {
    /// Counts one.
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts `n` at once.
    pub fn add(&self, counter: Counter, n: u64) {
        if let Some(cell) = self.counters.get(counter as usize)
            && n > 0
        {
            cell.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn value(&self, counter: Counter) -> u64 {
        self.value_at(counter as usize)
    }

    /// What was counted, by the row in [`COUNTERS`].
    pub(super) fn value_at(&self, row: usize) -> u64 {
        self.counters.get(row).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Counts an error that a peer was told.
    pub fn count_error(&self, code: ErrorCode) {
        let row = TABLE.iter().position(|row| row.code == code);
        if let Some(cell) = row.and_then(|row| self.errors.get(row)) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often peers were told an error.
    #[must_use]
    pub fn errors(&self, code: ErrorCode) -> u64 {
        let row = TABLE.iter().position(|row| row.code == code);
        row.and_then(|row| self.errors.get(row))
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Moves a gauge.
    pub fn shift(&self, gauge: Gauge, by: i64) {
        if let Some(cell) = self.gauges.get(gauge as usize) {
            cell.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// What a gauge shows.
    #[must_use]
    pub fn gauge(&self, gauge: Gauge) -> i64 {
        self.gauges
            .get(gauge as usize)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// Notes how long a decide took.
    pub fn decided(&self, took: Duration) {
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = DECIDE_BUCKETS_NS.iter().position(|end_ns| took_ns <= *end_ns);
        if let Some(cell) = self.decide_buckets.get(bucket.unwrap_or(DECIDE_BUCKETS_NS.len())) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        self.decide_sum_ns.fetch_add(took_ns, Ordering::Relaxed);
        self.decide_latency.record(took);
    }

    /// The latencies of all decides, in nanoseconds.
    #[must_use]
    pub fn decide_latency(&self) -> Histogram<u64> {
        self.decide_latency.snapshot()
    }

    /// Decides whose latency is not in [`Metrics::decide_latency`], because it was being read at that moment.
    #[must_use]
    pub fn decide_latency_missed(&self) -> u64 {
        self.decide_latency.missed()
    }

    /// The decides in each bucket (the last one is beyond all ends), and the sum of their times in nanoseconds.
    #[must_use]
    pub fn decides(&self) -> ([u64; DECIDE_BUCKETS_NS.len() + 1], u64) {
        let mut buckets = [0; DECIDE_BUCKETS_NS.len() + 1];
        for (to, cell) in buckets.iter_mut().zip(&self.decide_buckets) {
            *to = cell.load(Ordering::Relaxed);
        }
        (buckets, self.decide_sum_ns.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_cell_of_its_own() {
        let metrics = Metrics::default();
        metrics.add(Counter::SightingBad, 3);
        metrics.count(Counter::HandshakeRetried);
        assert_eq!(metrics.value(Counter::SightingBad), 3);
        assert_eq!(metrics.value(Counter::HandshakeRetried), 1);
        assert_eq!(metrics.value(Counter::SightingLate), 0);
        metrics.count_error(ErrorCode::TokenExpired);
        assert_eq!(
            (
                metrics.errors(ErrorCode::TokenExpired),
                metrics.errors(ErrorCode::TokenInvalid)
            ),
            (1, 0)
        );
    }

    #[test]
    fn a_decide_falls_into_the_bucket_that_ends_at_it() {
        let metrics = Metrics::default();
        metrics.decided(Duration::from_nanos(1_000));
        metrics.decided(Duration::from_secs(1));
        let (buckets, sum_ns) = metrics.decides();
        assert_eq!((buckets[2], buckets[DECIDE_BUCKETS_NS.len()]), (1, 1));
        assert_eq!(sum_ns, 1_000_001_000);
    }
}
