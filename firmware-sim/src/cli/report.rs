//! What a run says: one line now and then, and the end as lines or as one JSON object.

use std::fmt::Write as _;

use nextbest_venue::{PlaceIx, Venue};
use serde_json::{Value, json};

use crate::drive::{Mean, Snapshot, Summary};

/// One line about the moment; rates are over `since` and `passed_s` real seconds.
pub(super) fn line(before: &Snapshot, at: &Snapshot, passed_s: f64) -> String {
    if at.queries == 0 && at.sightings_taken == 0 {
        return format!(
            "{} hubs, {} fans registered, {} errors",
            at.hubs_connected,
            at.fans_registered,
            at.errors()
        );
    }
    let rate = |before: u64, at: u64| at.saturating_sub(before) as f64 / passed_s.max(0.001);
    format!(
        "{} hubs, {:.0} sightings/s, {:.1} queries/s, p50 {} us, p99 {} us, {} walking, {} in line, {} errors",
        at.hubs_connected,
        rate(before.sightings_taken, at.sightings_taken),
        rate(before.queries, at.queries),
        at.latency_us.value_at_quantile(0.5),
        at.latency_us.value_at_quantile(0.99),
        at.census.walking,
        at.census.queueing,
        at.errors(),
    )
}

/// The end, to be read.
pub(super) fn text(venue: &Venue, summary: &Summary) -> String {
    let Summary {
        lasted_ms,
        hubs,
        fans,
        end,
    } = summary;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let mut add = |line: String| {
        let _always = writeln!(out, "{line}");
    };
    add(format!(
        "{:.1} s, {hubs} hubs, {fans} fans, {} of them registered",
        *lasted_ms as f64 / 1_000.0,
        end.fans_registered
    ));
    add(format!(
        "sightings   {} taken, {} lost in hubs",
        end.sightings_taken, end.sightings_dropped
    ));
    add(format!(
        "queries     {}, answered with something to do {}",
        end.queries, end.answers
    ));
    let us = |quantile| end.latency_us.value_at_quantile(quantile);
    add(format!(
        "round trip  p50 {} us, p99 {} us, longest {} us",
        us(0.5),
        us(0.99),
        end.latency_us.max()
    ));
    let to_served = |mean: Mean| {
        mean.mean()
            .map_or("nobody yet".to_owned(), |s| format!("{s:.0} s ({} fans)", mean.count))
    };
    add(format!(
        "served in   {} when they went where they were told, {} when not",
        to_served(end.told_s),
        to_served(end.not_told_s)
    ));
    add(format!(
        "errors      {} hubs, {} phones, {} tills",
        end.hub_errors, end.phone_errors, end.till_errors
    ));
    for error in &end.recent_errors {
        add(format!("            {error}"));
    }
    add("longest lines".to_owned());
    for (name, waiting, wait_s) in longest_lines(venue, end) {
        add(format!("  {waiting:>5} waiting  {wait_s:>5.0} s  {name}"));
    }
    out
}

/// The end, for a program.
pub(super) fn json(summary: &Summary) -> Value {
    let Summary {
        lasted_ms,
        hubs,
        fans,
        end,
    } = summary;
    json!({
        "lasted_ms": lasted_ms,
        "hubs": hubs,
        "fans": fans,
        "fans_registered": end.fans_registered,
        "sightings": end.sightings_taken,
        "sightings_dropped": end.sightings_dropped,
        "queries": end.queries,
        "answers": end.answers,
        "query_p50_us": end.latency_us.value_at_quantile(0.5),
        "query_p99_us": end.latency_us.value_at_quantile(0.99),
        "told_served_s": end.told_s.mean(),
        "not_told_served_s": end.not_told_s.mean(),
        "behind_ms": end.behind_ms,
        "errors": end.errors(),
    })
}

fn longest_lines<'a>(venue: &'a Venue, end: &Snapshot) -> Vec<(&'a str, usize, f32)> {
    let lines = venue
        .places
        .iter()
        .take(usize::from(u16::MAX))
        .enumerate()
        .filter_map(|(ix, place)| {
            let line = end.line(PlaceIx(ix as u16))?;
            let name = place.names.first().map_or(place.id.as_str(), |(_, name)| name);
            (line.waiting > 0).then_some((name, line.waiting, line.wait_s))
        });
    let mut lines: Vec<_> = lines.collect();
    lines.sort_by_key(|(_, waiting, _)| std::cmp::Reverse(*waiting));
    lines.truncate(LINES_SHOWN);
    lines
}

const LINES_SHOWN: usize = 5;
