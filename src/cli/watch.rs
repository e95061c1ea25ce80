//! `nextbest watch`: who comes, stays and goes, a line for each event as it happens.

use std::io::{self, Write as _};

use clap::Args;
use nextbest_proto::v1::{self, PresenceEvent, PresenceKind, StayEnd, app_push};
use serde_json::{Value, json};

use super::Failure;
use super::service::{self, Service, ServiceArguments};

/// Show who enters, dwells in, leaves and passes by the zones of a venue, as it happens.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nextbest watch --to 127.0.0.1:4433 --keys keys\n  \
                        nextbest watch --to 127.0.0.1:4433 --keys keys --zone fan-zone --json\n\n\
                        Columns: when, what, zone, customer, how sure the zone was, how long they had been there by then, \
                        and why the stay\nended (elsewhere, silent, zone_unknown, not_located). A stay is one \
                        `entered`, at most one `dwelled`, and then `left`\nor, when it was short, `passed_by`; the \
                        pack's [presence] says how long is long. Runs until stopped; leaves with 3\nwhen the gateway \
                        does not answer or goes.")]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: ServiceArguments,
    /// Only this zone of the map.
    #[arg(long, value_name = "ID", default_value = "")]
    zone: String,
    /// Only this customer.
    #[arg(long, value_name = "ID", default_value = "")]
    customer: String,
    /// Print one JSON object in each line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    service::runtime()?.block_on(watch(arguments))
}

async fn watch(arguments: &Arguments) -> Result<(), Failure> {
    let service = Service::connect(&arguments.gateway).await?;
    let asked = v1::WatchPresence {
        subject: arguments.customer.clone(),
        zone: arguments.zone.clone(),
    };
    service
        .session
        .watch_presence(asked)
        .await
        .map_err(Failure::no_answer)?;
    let mut pushes_dropped = 0;
    while let Some(push) = service.session.next_push().await {
        let Some(app_push::Body::Presence(batch)) = push.body else {
            continue;
        };
        let here = service.session.pushes_dropped();
        if batch.dropped > 0 || here > pushes_dropped {
            let batches = here - pushes_dropped;
            eprintln!(
                "nextbest: too slow, {} events and {batches} batches of events were dropped",
                batch.dropped
            );
            pushes_dropped = here;
        }
        if print(arguments.json, &batch.events).is_err() {
            // Whoever read our lines has gone.
            service.close().await;
            return Ok(());
        }
    }
    service.close().await;
    Err(Failure::no_answer("the gateway has gone"))
}

fn print(is_json: bool, events: &[PresenceEvent]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for event in events {
        if is_json {
            writeln!(out, "{}", json_of(event))?;
        } else {
            writeln!(out, "{}", line_of(event))?;
        }
    }
    out.flush()
}

fn line_of(event: &PresenceEvent) -> String {
    let mut line = format!(
        "{}  {:<9}  {:<16}  {:<10}  {:.0} % sure",
        moment(event),
        name(event),
        event.zone,
        event.subject,
        event.confidence * 100.0
    );
    if event.kind() != PresenceKind::Entered {
        line += &format!("  after {:.1} s", f64::from(event.stay_ms) / 1e3);
    }
    if let Some(end) = end(event) {
        line += &format!("  {end}");
    }
    line
}

fn json_of(event: &PresenceEvent) -> Value {
    json!({
        "at": moment(event),
        "event": name(event),
        "zone": event.zone,
        "customer": event.subject,
        "stay_ms": event.stay_ms,
        "confidence": event.confidence,
        "end": end(event),
    })
}

fn moment(event: &PresenceEvent) -> String {
    let at = i64::try_from(event.at_unix_ms).ok();
    let at = at.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| "-".into(), |at| format!("{at:.3}"))
}

fn name(event: &PresenceEvent) -> &'static str {
    match event.kind() {
        PresenceKind::Entered => "entered",
        PresenceKind::Dwelled => "dwelled",
        PresenceKind::Left => "left",
        PresenceKind::PassedBy => "passed_by",
        PresenceKind::Unspecified => "unknown",
    }
}

fn end(event: &PresenceEvent) -> Option<&'static str> {
    match event.end() {
        StayEnd::Unspecified => None,
        StayEnd::Elsewhere => Some("elsewhere"),
        StayEnd::Silent => Some("silent"),
        StayEnd::ZoneUnknown => Some("zone_unknown"),
        StayEnd::NotLocated => Some("not_located"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let mut event = PresenceEvent {
            kind: PresenceKind::PassedBy.into(),
            subject: "ada".into(),
            zone: "fan-zone".into(),
            at_unix_ms: 1_782_909_296_250,
            stay_ms: 4_250,
            confidence: 0.97,
            end: StayEnd::Silent.into(),
        };
        assert_eq!(
            line_of(&event),
            "2026-07-01T12:34:56.250Z  passed_by  fan-zone          ada         97 % sure  after 4.2 s  silent"
        );
        assert_eq!(json_of(&event)["stay_ms"], 4_250);
        event = PresenceEvent {
            kind: PresenceKind::Entered.into(),
            stay_ms: 0,
            end: StayEnd::Unspecified.into(),
            ..event
        };
        assert_eq!(
            line_of(&event),
            "2026-07-01T12:34:56.250Z  entered    fan-zone          ada         97 % sure"
        );
        assert_eq!(json_of(&event)["end"], Value::Null);
    }
}
