//! What the gateway counts, in the text format of Prometheus.
//!
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>. Labels come from closed sets: the
//! counters' table, the contract's error table and the venue's map. Ids of the map are escaped all the same. What counts
//! people is in whole tens (`suppressed`), and waits, which tell how many wait, are in whole minutes.

use std::fmt::{self, Write as _};

use nextbest_proto::error::TABLE;

use super::durable::Keeper;
use super::hub_book;
use super::hub_exposition;
use super::metrics::{COUNTERS, DECIDE_BUCKETS_NS, Gauge, Metrics};
use super::overload::{Overload, Step};
use super::shared::Shared;
use super::suppressed::{tens, whole_minutes};
use crate::engine::presence::PresenceCounts;
use crate::engine::{Engine, Generation, IdentityCounts};

/// The content type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that the gateway counts.
pub(super) fn text(shared: &Shared) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _written = write_all(shared, &mut text);
    text
}

fn write_all(shared: &Shared, text: &mut String) -> fmt::Result {
    let metrics = &shared.metrics;
    write_counters(metrics, text)?;
    write_errors(metrics, text)?;
    write_decides(metrics, text)?;
    metrics.doors.write(text)?;
    write_identities(&shared.engine.identities(), text)?;
    write_presence(&shared.engine.presence_counts(), text)?;
    gauge(
        text,
        "nextbest_presence_watches",
        "Connections that watch who comes, stays and goes.",
        shared.watches.len(),
    )?;
    write_engine(shared, text)?;
    write_overload(&shared.overload, text)?;
    write_journal(&shared.keeper, text)?;
    hub_exposition::write(&hub_book::statuses(shared), text)
}

/// Nothing without a state folder.
fn write_journal(keeper: &Keeper, text: &mut String) -> fmt::Result {
    let Some((counts, decisions_refused)) = keeper.counts() else {
        return Ok(());
    };
    let decisions_refused = decisions_refused.saturating_add(counts.refused_unawaited);
    let has_failed = u64::from(keeper.failure().is_some());
    let series = [
        (
            "records_total",
            "Records that the journal has taken.",
            "counter",
            counts.appended,
        ),
        (
            "syncs_total",
            "Batches that were made durable.",
            "counter",
            counts.batches,
        ),
        (
            "bytes_total",
            "Bytes that were written to the journal.",
            "counter",
            counts.bytes,
        ),
        (
            "refused_total",
            "Signals and outcomes refused because the journal was full.",
            "counter",
            counts.refused,
        ),
        (
            "decisions_lost_total",
            "Decisions that were not written down.",
            "counter",
            decisions_refused,
        ),
        (
            "failed",
            "1 when the journal has failed and takes nothing until a restart.",
            "gauge",
            has_failed,
        ),
    ];
    for (name, help, kind, value) in series {
        let name = format!("nextbest_journal_{name}");
        head(text, &name, help, kind)?;
        writeln!(text, "{name} {value}")?;
    }
    Ok(())
}

fn write_counters(metrics: &Metrics, text: &mut String) -> fmt::Result {
    let mut metric = "";
    for (row, series) in COUNTERS.iter().enumerate() {
        if series.metric != metric {
            metric = series.metric;
            head(text, metric, series.help, "counter")?;
        }
        let value = metrics.value_at(row);
        match series.label {
            ("", _) => writeln!(text, "{metric} {value}")?,
            (label, of) => writeln!(text, "{metric}{{{label}=\"{of}\"}} {value}")?,
        }
    }
    Ok(())
}

fn write_errors(metrics: &Metrics, text: &mut String) -> fmt::Result {
    head(
        text,
        "nextbest_errors_total",
        "Errors that peers were told, by the contract's names.",
        "counter",
    )?;
    for row in TABLE {
        writeln!(
            text,
            "nextbest_errors_total{{code=\"{}\"}} {}",
            row.name,
            metrics.errors(row.code)
        )?;
    }
    Ok(())
}

fn write_decides(metrics: &Metrics, text: &mut String) -> fmt::Result {
    const NAME: &str = "nextbest_decide_seconds";
    head(
        text,
        NAME,
        "Time of one decide in the process, from the record to the answer.",
        "histogram",
    )?;
    let (buckets, sum_ns) = metrics.decides();
    let mut count = 0;
    for (end_ns, in_bucket) in DECIDE_BUCKETS_NS.iter().zip(buckets) {
        count += in_bucket;
        writeln!(text, "{NAME}_bucket{{le=\"{}\"}} {count}", seconds(*end_ns))?;
    }
    let count: u64 = buckets.iter().sum();
    writeln!(text, "{NAME}_bucket{{le=\"+Inf\"}} {count}")?;
    writeln!(text, "{NAME}_sum {}", seconds(sum_ns))?;
    writeln!(text, "{NAME}_count {count}")?;
    const QUANTILES: &str = "nextbest_decide_quantile_seconds";
    head(
        text,
        QUANTILES,
        "Quantiles of the time of a decide since the start.",
        "gauge",
    )?;
    let latency = metrics.decide_latency();
    for quantile in [0.5, 0.99, 0.999] {
        writeln!(
            text,
            "{QUANTILES}{{quantile=\"{quantile}\"}} {}",
            seconds(latency.value_at_quantile(quantile))
        )?;
    }
    const MISSED: &str = "nextbest_decide_quantile_missed_total";
    head(
        text,
        MISSED,
        "Decides that are not in the quantiles, because they were being read.",
        "counter",
    )?;
    writeln!(text, "{MISSED} {}", metrics.decide_latency_missed())
}

/// Identities that change: how often each thing became of one, and how many keys there are. Never whose.
fn write_identities(counts: &IdentityCounts, text: &mut String) -> fmt::Result {
    const NAME: &str = "nextbest_changing_identities_total";
    head(text, NAME, "Identities that change, by what became of them.", "counter")?;
    for (outcome, count) in [
        ("address_resolved", counts.addresses_resolved),
        ("address_strange", counts.addresses_strange),
        ("address_filtered", counts.addresses_filtered),
        ("address_deferred", counts.addresses_deferred),
        ("address_contested", counts.addresses_contested),
        ("ephemeral_resolved", counts.ephemeral_resolved),
        ("ephemeral_replayed", counts.ephemeral_replayed),
        ("ephemeral_cloned", counts.ephemeral_cloned),
        ("ephemeral_deferred", counts.ephemeral_deferred),
        ("ephemeral_turns_late", counts.ephemeral_turns_late),
    ] {
        writeln!(text, "{NAME}{{outcome=\"{outcome}\"}} {count}")?;
    }
    const KEYS: &str = "nextbest_tag_keys";
    head(
        text,
        KEYS,
        "Keys of tags that change what they call themselves.",
        "gauge",
    )?;
    writeln!(text, "{KEYS}{{of=\"addresses\"}} {}", counts.resolving_keys)?;
    writeln!(text, "{KEYS}{{of=\"beacons\"}} {}", counts.beacons)
}

fn write_presence(counts: &PresenceCounts, text: &mut String) -> fmt::Result {
    const NAME: &str = "nextbest_presence_events_total";
    const HELP: &str = "Events of people's stays in zones, by kind, in whole tens.";
    head(text, NAME, HELP, "counter")?;
    for (kind, count) in [
        ("entered", counts.entered),
        ("dwelled", counts.dwelled),
        ("left", counts.left),
        ("passed_by", counts.passed_by),
    ] {
        writeln!(text, "{NAME}{{kind=\"{kind}\"}} {}", tens(count))?;
    }
    Ok(())
}

fn write_engine(shared: &Shared, text: &mut String) -> fmt::Result {
    let now = shared.clock.now();
    let engine = &shared.engine;
    let generation = engine.generation();
    head(text, "nextbest_connections", "Open connections.", "gauge")?;
    for (of, gauge) in [
        ("apps", Gauge::Apps),
        ("hubs", Gauge::Hubs),
        ("mqtt_brokers", Gauge::MqttBrokers),
        ("mqtt_hubs", Gauge::MqttHubs),
    ] {
        writeln!(
            text,
            "nextbest_connections{{of=\"{of}\"}} {}",
            shared.metrics.gauge(gauge)
        )?;
    }
    let (alive, known) = engine.hubs(now).fold((0, 0), |(alive, known), hub| {
        (alive + u32::from(hub.is_alive), known + 1)
    });
    gauge(
        text,
        "nextbest_hubs_alive",
        "Hubs heard within the time that the pack allows.",
        alive,
    )?;
    gauge(text, "nextbest_hubs_known", "Hubs of the venue's map.", known)?;
    let counts = engine.counts();
    gauge(
        text,
        "nextbest_customers",
        "Customers that are known, in whole tens.",
        tens(counts.customers.into()),
    )?;
    gauge(
        text,
        "nextbest_tags",
        "Registered tags, in whole tens.",
        tens(counts.tags.into()),
    )?;
    gauge(
        text,
        "nextbest_generation",
        "Number of the published configuration.",
        generation.number(),
    )?;
    write_learning(engine, text)?;
    write_queues(engine, &generation, text)
}

/// How many wait at each place and how long; absent when it is not known.
fn write_queues(engine: &Engine, generation: &Generation, text: &mut String) -> fmt::Result {
    head(
        text,
        "nextbest_queue_people",
        "People waiting at a place, in whole tens: 0 is fewer than ten; absent when it is not known.",
        "gauge",
    )?;
    for place in engine.queues() {
        if let (Some(people), Some(id)) = (place.queue.people, place_id(generation, place.place)) {
            let people = tens(people.into());
            writeln!(text, "nextbest_queue_people{{place=\"{}\"}} {people}", Escaped(id))?;
        }
    }
    head(
        text,
        "nextbest_wait_seconds",
        "Expected wait at a place, in whole minutes; absent when it is not known.",
        "gauge",
    )?;
    for place in engine.queues() {
        if let (Some(wait_s), Some(id)) = (place.queue.wait_s, place_id(generation, place.place)) {
            let wait_s = whole_minutes(wait_s);
            writeln!(text, "nextbest_wait_seconds{{place=\"{}\"}} {wait_s}", Escaped(id))?;
        }
    }
    write_promises(engine, generation, text)
}

/// Whom our own answers have sent where, beside the queues: the herd that did not form.
fn write_promises(engine: &Engine, generation: &Generation, text: &mut String) -> fmt::Result {
    head(
        text,
        "nextbest_promised_people",
        "People on their way to a place by our own answers, in whole tens.",
        "gauge",
    )?;
    for place in engine.queues() {
        if let Some(id) = place_id(generation, place.place) {
            let people = tens(place.queue.promised.into());
            writeln!(text, "nextbest_promised_people{{place=\"{}\"}} {people}", Escaped(id))?;
        }
    }
    head(
        text,
        "nextbest_forecast_wait_seconds",
        "Wait of somebody who arrives at a place in a minute, in whole minutes; absent when it is not known.",
        "gauge",
    )?;
    for place in engine.queues() {
        if let (Some(wait_s), Some(id)) = (place.queue.forecast_wait_s, place_id(generation, place.place)) {
            let wait_s = whole_minutes(wait_s);
            writeln!(
                text,
                "nextbest_forecast_wait_seconds{{place=\"{}\"}} {wait_s}",
                Escaped(id)
            )?;
        }
    }
    const PROMISES: &str = "nextbest_promises_total";
    head(
        text,
        PROMISES,
        "Answers that sent somebody to a place, and what became of them.",
        "counter",
    )?;
    let counts = engine.promise_counts();
    for (what, count) in [
        ("made", counts.made),
        ("kept", counts.kept),
        ("strayed", counts.strayed),
        ("withdrawn", counts.withdrawn),
        ("expired", counts.expired),
    ] {
        writeln!(text, "{PROMISES}{{what=\"{what}\"}} {count}")?;
    }
    const COMPLIANCE: &str = "nextbest_compliance";
    head(
        text,
        COMPLIANCE,
        "Share of those sent to a place who come, as learned.",
        "gauge",
    )?;
    writeln!(text, "{COMPLIANCE} {:.2}", engine.compliance())
}

fn write_overload(overload: &Overload, text: &mut String) -> fmt::Result {
    gauge(
        text,
        "nextbest_shed_step",
        "What is left undone at the moment, from 0 (nothing) to 7 (also queries).",
        overload.step() as u8,
    )?;
    const SHED: &str = "nextbest_shed_total";
    head(
        text,
        SHED,
        "What was left undone, by the step that named it.",
        "counter",
    )?;
    for step in Step::ALL.into_iter().filter(|step| *step != Step::None) {
        writeln!(text, "{SHED}{{step=\"{}\"}} {}", step.name(), overload.shed(step))?;
    }
    const STALLS: &str = "nextbest_stalls_total";
    head(text, STALLS, "How often a thread did not turn for too long.", "counter")?;
    writeln!(text, "{STALLS} {}", overload.stalls())
}

fn write_learning(engine: &Engine, text: &mut String) -> fmt::Result {
    let learning = engine.learning();
    gauge(
        text,
        "nextbest_radio_readings",
        "Readings at tills, gates and beacons, from which the radio map learns.",
        learning.readings,
    )?;
    gauge(
        text,
        "nextbest_radio_passages_refused",
        "Passages that taught nothing: too few hubs, or what they heard did not fit the place.",
        learning.passages_refused,
    )?;
    gauge(
        text,
        "nextbest_radio_beacons_refused",
        "Readings under the name of a beacon of the map that are not like it.",
        learning.beacons_refused,
    )?;
    gauge(
        text,
        "nextbest_radio_pairs",
        "Pairs of a known point and a hub that the radio map was taught by.",
        learning.pairs,
    )
}

fn place_id(generation: &Generation, place: nextbest_venue::PlaceIx) -> Option<&str> {
    generation
        .venue()
        .places
        .get(place.index())
        .map(|place| place.id.as_str())
}

fn gauge(text: &mut String, name: &str, help: &str, value: impl fmt::Display) -> fmt::Result {
    head(text, name, help, "gauge")?;
    writeln!(text, "{name} {value}")
}

/// Begins a metric.
pub(super) fn head(text: &mut String, name: &str, help: &str, kind: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A label's value.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::metrics::Counter;

    #[test]
    fn series_of_one_metric_stand_together_under_one_head() {
        let metrics = Metrics::default();
        metrics.add(Counter::SightingLate, 7);
        let mut text = String::new();
        write_counters(&metrics, &mut text).unwrap();
        assert!(
            text.contains("nextbest_sightings_total{outcome=\"late\"} 7\n"),
            "{text}"
        );
        assert!(text.contains("nextbest_outcomes_total 0\n"), "{text}");
        let heads: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let mut unique = heads.clone();
        unique.dedup();
        assert_eq!(heads, unique);
    }

    #[test]
    fn buckets_add_up() {
        let metrics = Metrics::default();
        for ns in [100, 900, 50_000_000] {
            metrics.decided(std::time::Duration::from_nanos(ns));
        }
        let mut text = String::new();
        write_decides(&metrics, &mut text).unwrap();
        assert!(text.contains("_bucket{le=\"0.00000025\"} 1\n"), "{text}");
        assert!(text.contains("_bucket{le=\"0.000001\"} 2\n"), "{text}");
        assert!(text.contains("_bucket{le=\"+Inf\"} 3\n"), "{text}");
        assert!(text.contains("_count 3\n"), "{text}");
    }

    #[test]
    fn a_label_cannot_break_its_line() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), "a\\\"b\\\\c\\nd");
    }
}
