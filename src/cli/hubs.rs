//! `nextbest hubs`: every hub of a running gateway, as a table or as JSON.

use std::time::Duration;

use clap::Args;
use nextbest_proto::v1::{HubStatus, HubsReport};
use serde_json::{Value, json};

use super::service::{self, Service, ServiceArguments};
use super::{Failure, duration};
use crate::serve::flag_name;

/// Show every hub of a running gateway: last heard, rate, drop, clock offset, share of sightings, dead or alive.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nextbest hubs --to 127.0.0.1:4433 --keys keys\n  \
                        nextbest hubs --to 127.0.0.1:4433 --keys keys --json\n  \
                        nextbest hubs --to 127.0.0.1:4433 --keys keys --watch --every 2s\n\n\
                        Columns: RATE is sightings in a second over 10 s, MINUTE over 60 s; SHARE of all hubs' \
                        sightings;\nDROP what the hub lost, BAD and AGAINST what the gateway refused (no sense; \
                        contradicted by other hubs);\nCLOCK the hub's clock minus the gateway's, which nothing \
                        relies on. Leaves with 3 when the gateway does not answer.")]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: ServiceArguments,
    /// Print one JSON object (with --watch one in each line).
    #[arg(long)]
    json: bool,
    /// Ask again and again, until stopped.
    #[arg(long)]
    watch: bool,
    /// How often to ask with --watch.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse_duration, requires = "watch")]
    every: Duration,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    service::runtime()?.block_on(show(arguments))
}

async fn show(arguments: &Arguments) -> Result<(), Failure> {
    let service = Service::connect(&arguments.gateway).await?;
    loop {
        let report = service.session.hubs().await.map_err(Failure::no_answer)?;
        if arguments.json {
            say!("{}", json(&report));
        } else {
            say!("{}", table(&report));
        }
        if !arguments.watch {
            service.close().await;
            return Ok(());
        }
        tokio::time::sleep(arguments.every).await;
    }
}

/// What stands under a title of the table.
type Cell = fn(&HubStatus) -> String;

const COLUMNS: [(&str, Cell); 13] = [
    ("HUB", |hub| hub.hub_id.clone()),
    ("STATE", |hub| if hub.alive { "alive" } else { "dead" }.into()),
    ("HEARD", |hub| hub.heard_ms_ago.map_or("never".into(), ago)),
    ("RATE", |hub| format!("{:.1}", hub.sightings_per_s)),
    ("MINUTE", |hub| format!("{:.1}", hub.sightings_per_s_of_minute)),
    ("SHARE", |hub| format!("{:.1}%", hub.share * 100.0)),
    ("DROP", |hub| hub.sightings_dropped.to_string()),
    ("BAD", |hub| hub.sightings_bad.to_string()),
    ("AGAINST", |hub| hub.sightings_contradicted.to_string()),
    ("BUFFER", |hub| hub.buffer_len.to_string()),
    ("CLOCK", |hub| hub.clock_offset_ms.map_or("-".into(), offset)),
    ("TEMP", |hub| {
        hub.temperature_celsius
            .map_or("-".into(), |celsius| format!("{celsius:.0}C"))
    }),
    ("FLAGS", |hub| flags(hub).join(",")),
];

fn table(report: &HubsReport) -> String {
    let rows: Vec<Vec<String>> = report
        .hubs
        .iter()
        .map(|hub| COLUMNS.iter().map(|(_, cell)| cell(hub)).collect())
        .collect();
    let widths: Vec<usize> = COLUMNS
        .iter()
        .enumerate()
        .map(|(column, (title, _))| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells.chain([title.len()]).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let alive = report.hubs.iter().filter(|hub| hub.alive).count();
    let title = line(COLUMNS.iter().map(|(title, _)| *title).collect());
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    let total = format!(
        "{alive} of {} hubs alive, {:.1} sightings/s over the last minute",
        report.hubs_known, report.sightings_per_s
    );
    [title]
        .into_iter()
        .chain(rows)
        .chain([total])
        .collect::<Vec<_>>()
        .join("\n")
}

fn json(report: &HubsReport) -> Value {
    json!({
        "hubs_known": report.hubs_known,
        "hubs_alive": report.hubs.iter().filter(|hub| hub.alive).count(),
        "sightings_per_s": report.sightings_per_s,
        "hubs": report.hubs.iter().map(json_of).collect::<Vec<_>>(),
    })
}

fn json_of(hub: &HubStatus) -> Value {
    json!({
        "hub": hub.hub_id,
        "alive": hub.alive,
        "heard_ms_ago": hub.heard_ms_ago,
        "sightings_per_s": hub.sightings_per_s,
        "sightings_per_s_of_minute": hub.sightings_per_s_of_minute,
        "share": hub.share,
        "sightings_used": hub.sightings_used,
        "sightings_unknown": hub.sightings_unknown,
        "sightings_duplicate": hub.sightings_duplicate,
        "sightings_late": hub.sightings_late,
        "sightings_bad": hub.sightings_bad,
        "sightings_contradicted": hub.sightings_contradicted,
        "sightings_dropped": hub.sightings_dropped,
        "buffer_len": hub.buffer_len,
        "adverts_per_s": hub.adverts_per_s,
        "adverts_malformed": hub.adverts_malformed,
        "clock_offset_ms": hub.clock_offset_ms,
        "temperature_celsius": hub.temperature_celsius,
        "uptime_ms": hub.uptime_ms,
        "firmware": hub.firmware,
        "flags": flags(hub),
    })
}

fn flags(hub: &HubStatus) -> Vec<&'static str> {
    hub.flags().map(flag_name).collect()
}

fn ago(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{:.1}s", ms as f64 / 1e3),
        10_000..600_000 => format!("{}s", ms / 1_000),
        _ => format!("{}min", ms / 60_000),
    }
}

fn offset(ms: i64) -> String {
    if ms.unsigned_abs() < 10_000 {
        format!("{ms:+}ms")
    } else {
        format!("{:+}s", ms / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use nextbest_proto::v1::HubFlag;

    use super::*;

    #[test]
    fn a_hub_is_a_line_whatever_it_does_not_say() {
        let silent = HubStatus {
            hub_id: "hub-west".into(),
            ..HubStatus::default()
        };
        let told = HubStatus {
            hub_id: "hub-e".into(),
            alive: true,
            heard_ms_ago: Some(120),
            sightings_per_s: 40.0,
            share: 0.5,
            clock_offset_ms: Some(-2_500),
            flags: vec![HubFlag::ClockSkewed.into()],
            ..HubStatus::default()
        };
        let report = HubsReport {
            hubs_known: 2,
            hubs: vec![silent, told],
            ..HubsReport::default()
        };
        let table = table(&report);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1][..3], ["hub-west", "dead", "never"]);
        assert_eq!(lines[2][..6], ["hub-e", "alive", "0.1s", "40.0", "0.0", "50.0%"]);
        assert_eq!(lines[2][10..], ["-2500ms", "-", "clock_skewed"]);
        let json = json(&report);
        assert_eq!(json["hubs"][0]["heard_ms_ago"], Value::Null);
        assert_eq!(json["hubs"][1]["flags"][0], "clock_skewed");
    }
}
