//! Every hub in the text format of Prometheus, one series for each hub and figure.
//!
//! The label is the hub's id on the venue's map, so the map bounds the number of series; nothing that a peer sends
//! becomes a label. A figure that is not known has no line.

use std::fmt::{self, Write as _};

use nextbest_proto::v1::{HubFlag, HubStatus};

use super::exposition::{Escaped, head};

/// A metric with a figure for each hub.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&HubStatus) -> Option<f64>,
}

const METRICS: [Metric; 14] = [
    Metric {
        name: "nextbest_hub_alive",
        kind: "gauge",
        help: "1: the hub was heard within the time that the pack allows.",
        value: |hub| Some(f64::from(u8::from(hub.alive))),
    },
    Metric {
        name: "nextbest_hub_heard_seconds_ago",
        kind: "gauge",
        help: "Seconds since the hub last said anything; absent: never.",
        value: |hub| hub.heard_ms_ago.map(|ms| ms as f64 / 1e3),
    },
    Metric {
        name: "nextbest_hub_sightings_per_second",
        kind: "gauge",
        help: "Sightings in a second over the last 10 seconds.",
        value: |hub| Some(f64::from(hub.sightings_per_s)),
    },
    Metric {
        name: "nextbest_hub_sightings_share",
        kind: "gauge",
        help: "Share of the sightings of all hubs in the last 60 seconds, 0 to 1.",
        value: |hub| Some(f64::from(hub.share)),
    },
    Metric {
        name: "nextbest_hub_sightings_used_total",
        kind: "counter",
        help: "Sightings that counted for where their tags are.",
        value: |hub| Some(hub.sightings_used as f64),
    },
    Metric {
        name: "nextbest_hub_sightings_bad_total",
        kind: "counter",
        help: "Records that make no sense and strengths that no radio gives.",
        value: |hub| Some(hub.sightings_bad as f64),
    },
    Metric {
        name: "nextbest_hub_sightings_contradicted_total",
        kind: "counter",
        help: "Sightings that what other hubs hear rules out.",
        value: |hub| Some(hub.sightings_contradicted as f64),
    },
    Metric {
        name: "nextbest_hub_sightings_dropped",
        kind: "gauge",
        help: "Sightings lost since the hub booted because its buffer was full, as it says itself.",
        value: |hub| Some(hub.sightings_dropped as f64),
    },
    Metric {
        name: "nextbest_hub_buffer_sightings",
        kind: "gauge",
        help: "Sightings that wait in the hub's buffer, as it says itself.",
        value: |hub| Some(f64::from(hub.buffer_len)),
    },
    Metric {
        name: "nextbest_hub_adverts_per_second",
        kind: "gauge",
        help: "Advertisements in a second before any filter, as the hub says itself.",
        value: |hub| Some(f64::from(hub.adverts_per_s)),
    },
    Metric {
        name: "nextbest_hub_clock_offset_seconds",
        kind: "gauge",
        help: "The hub's clock minus the gateway's; absent: it has none.",
        value: |hub| hub.clock_offset_ms.map(|ms| ms as f64 / 1e3),
    },
    Metric {
        name: "nextbest_hub_temperature_celsius",
        kind: "gauge",
        help: "Temperature of the hub's board; absent: it has no sensor.",
        value: |hub| hub.temperature_celsius.map(f64::from),
    },
    Metric {
        name: "nextbest_hub_uptime_seconds",
        kind: "gauge",
        help: "Time since the hub booted, as it says itself.",
        value: |hub| Some(hub.uptime_ms as f64 / 1e3),
    },
    Metric {
        name: "nextbest_hub_late_total",
        kind: "counter",
        help: "Sightings that came too late to move anybody.",
        value: |hub| Some(hub.sightings_late as f64),
    },
];

/// Writes every figure of every hub.
pub(super) fn write(hubs: &[HubStatus], text: &mut String) -> fmt::Result {
    for metric in METRICS {
        head(text, metric.name, metric.help, metric.kind)?;
        for hub in hubs {
            if let Some(value) = (metric.value)(hub) {
                writeln!(text, "{}{{hub=\"{}\"}} {value}", metric.name, Escaped(&hub.hub_id))?;
            }
        }
    }
    write_flags(hubs, text)
}

fn write_flags(hubs: &[HubStatus], text: &mut String) -> fmt::Result {
    const NAME: &str = "nextbest_hub_flagged";
    head(text, NAME, "1 while something is odd about a hub.", "gauge")?;
    for hub in hubs {
        for flag in hub.flags() {
            writeln!(
                text,
                "{NAME}{{hub=\"{}\",flag=\"{}\"}} 1",
                Escaped(&hub.hub_id),
                flag_name(flag)
            )?;
        }
    }
    Ok(())
}

/// The name of a flag, for people and for labels.
#[must_use]
pub fn flag_name(flag: HubFlag) -> &'static str {
    match flag {
        HubFlag::Unspecified => "unknown",
        HubFlag::Contradicted => "contradicted",
        HubFlag::NoRadioValues => "no_radio_values",
        HubFlag::ForeignZones => "foreign_zones",
        HubFlag::Flooding => "flooding",
        HubFlag::ClockSkewed => "clock_skewed",
        HubFlag::Alone => "alone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hub_does_not_say_has_no_line() {
        let silent = HubStatus {
            hub_id: "north \"1\"".into(),
            ..HubStatus::default()
        };
        let told = HubStatus {
            hub_id: "south".into(),
            alive: true,
            clock_offset_ms: Some(-2_500),
            flags: vec![HubFlag::ClockSkewed.into()],
            ..HubStatus::default()
        };
        let mut text = String::new();
        write(&[silent, told], &mut text).unwrap();
        assert!(
            text.contains("nextbest_hub_alive{hub=\"north \\\"1\\\"\"} 0\n"),
            "{text}"
        );
        assert!(
            text.contains("nextbest_hub_clock_offset_seconds{hub=\"south\"} -2.5\n"),
            "{text}"
        );
        assert!(
            !text.contains("nextbest_hub_clock_offset_seconds{hub=\"north"),
            "{text}"
        );
        assert!(
            text.contains("nextbest_hub_flagged{hub=\"south\",flag=\"clock_skewed\"} 1\n"),
            "{text}"
        );
    }
}
