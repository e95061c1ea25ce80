//! Ten times what a gateway can answer: most of its capacity still goes into answers, they still come soon, memory
//! stays below the printed bound, and afterwards all is as before.
//!
//! Each query is made to cost two milliseconds, so that one machine can offer ten times what the gateway can do.
//! Deliberately absent: what a refusal costs beside a decide without that cost.

use crate::cargo::TaskError;

use super::Finding;
use super::figures::{number, percent};
use super::gateway::House;

/// What each query costs.
const QUERY_COST: [&str; 2] = ["--test-query-cost-us", "2000"];
/// How long each load lasts.
const LASTS: [&str; 2] = ["--for", "10s"];
/// Ten times as much as can be done.
const FACTOR: f64 = 10.0;
/// The share of the capacity at which a gateway is busy and nothing is refused.
const BUSY_SHARE: f64 = 0.8;

/// Overloads a gateway.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let gateway = house.serve(&QUERY_COST)?;
    let load = |rate: f64, connections: &str| {
        let rate = format!("{rate:.0}");
        let arguments = [
            &["--rate", &rate, "--connections", connections, "--mode", "stream"],
            &LASTS[..],
        ]
        .concat();
        house.load(&gateway, &arguments)
    };
    let capacity = number(&load(0.0, "4")?, "rate")?;
    let busy = load(capacity * BUSY_SHARE, "64")?;
    let flooded = load(capacity * FACTOR, "64")?;
    let resident_mib = gateway.resident_mib()?;
    let after = load(capacity * BUSY_SHARE, "64")?;
    let goodput = number(&flooded, "rate")? / capacity;
    let slower = number(&flooded, "p99_us")? / number(&busy, "p99_us")?;
    let bound_mib = gateway.memory_mib;
    Ok(vec![
        Finding::new(
            "at ten times the capacity, at least 95 % of it goes into answers",
            goodput >= 0.95,
            format!("{} of {capacity:.0} queries a second", percent(goodput)),
        ),
        Finding::new(
            "those that are answered wait at most three times as long (p99) as at 80 % load",
            slower <= 3.0,
            format!(
                "{slower:.2} times: {} us, after {} us",
                number(&flooded, "p99_us")?,
                number(&busy, "p99_us")?
            ),
        ),
        Finding::new(
            "memory stays below the bound that was printed at the start",
            resident_mib < bound_mib,
            format!("{resident_mib:.0} MiB of {bound_mib:.0}"),
        ),
        Finding::new(
            "afterwards nothing is refused",
            number(&after, "errors")? == 0.0,
            format!(
                "{} errors in {} queries",
                number(&after, "errors")?,
                number(&after, "sent")?
            ),
        ),
    ])
}
