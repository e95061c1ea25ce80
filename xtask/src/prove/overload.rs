//! Ten times what a gateway can answer: nearly all of its capacity still goes into answers, they still come soon, nobody
//! waits long, memory stays below the printed bound, and within a second of it all is as before, for new connections too.
//!
//! Each query is made to cost five milliseconds, so that one machine can offer ten times what the gateway can do, and
//! gateway and load have a core each. Nine are refused for each that is answered, so what is lost is nine times what a
//! refusal costs beside an answer. That is told with all that QUIC and the kernel do for it, as time of the apps' thread,
//! beside the answers of this flood and beside answers of ordinary cost.

use std::time::{Duration, Instant};

use crate::cargo::TaskError;

use super::Finding;
use super::figures::{number, percent};
use super::gateway::{Gateway, House, Place, now, queries, wait};

/// What each query costs.
const QUERY_COST: [&str; 2] = ["--test-query-cost-us", "5000"];
/// Ten times as much as can be done.
const FACTOR: f64 = 10.0;
/// The share of the capacity at which a gateway is busy and nothing is refused.
const BUSY_SHARE: f64 = 0.8;
/// Longest that anybody may wait for an answer or a refusal in the gateway, in microseconds.
const WAIT_US_MAX: f64 = 50_000.0;
/// Where gateway and load run.
const GATEWAY: Place = Place::Core(0);
const LOAD: Place = Place::Core(1);
/// How soon all must be well.
const RECOVERY_MAX: Duration = Duration::from_secs(1);
/// Between two loads, so that the first does not shut the second out.
const CALM: Duration = Duration::from_secs(1);
/// How long a gateway that does not recover is waited for.
const RECOVERY_WAIT: Duration = Duration::from_secs(10);

/// Overloads a gateway.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let ordinary = Full::measure(house, &house.serve_at(GATEWAY, ["127.0.0.1:0"; 2], &[])?, 64)?;
    let gateway = house.serve_at(GATEWAY, ["127.0.0.1:0"; 2], &QUERY_COST)?;
    // Two: one is asked for while the other is answered. Of many, some would wait too long already.
    let full = Full::measure(house, &gateway, 2)?;
    let busy = load(house, &gateway, full.rate * BUSY_SHARE, 64)?;
    let flood = Flood::measure(house, &gateway, full.rate * FACTOR)?;
    let recovery = recovery(house, &gateway, full.rate * FACTOR)?;
    let after = load(house, &gateway, full.rate * BUSY_SHARE, 64)?;
    let mut findings = flood.findings(&gateway, &full, number(&busy, "p99_us")?)?;
    findings.push(Finding::new(
        "a second after it at most, who was not connected is let in and answered",
        recovery <= RECOVERY_MAX,
        format!("{:.2} s", recovery.as_secs_f64()),
    ));
    findings.push(Finding::new(
        "afterwards nothing is refused",
        number(&after, "errors")? == 0.0,
        format!(
            "{} errors in {} queries",
            number(&after, "errors")?,
            number(&after, "sent")?
        ),
    ));
    findings.push(flood.refusals(&full, &ordinary)?);
    Ok(findings)
}

/// A gateway that answers as fast as it can, and refuses nobody.
struct Full {
    /// Answers a second.
    rate: f64,
    /// Time of the apps' thread for each.
    each_s: f64,
}

impl Full {
    fn measure(house: &House, gateway: &Gateway, connections: u32) -> Result<Self, TaskError> {
        let before_s = gateway.apps_work_s()?;
        let report = load(house, gateway, 0.0, connections)?;
        Ok(Self {
            rate: number(&report, "rate")?,
            each_s: (gateway.apps_work_s()? - before_s) / number(&report, "ok")?,
        })
    }
}

/// A load of queries, each on a stream of its own.
fn load(house: &House, gateway: &Gateway, rate: f64, connections: u32) -> Result<String, TaskError> {
    let lasts = format!("{}s", house.options.whole_or(10, 4));
    let (rate, connections) = (format!("{rate:.0}"), connections.to_string());
    wait(CALM);
    house.load(LOAD, gateway, &queries(&rate, &connections, &lasts))
}

/// Ten times too much, as it was seen.
struct Flood {
    report: String,
    /// The most memory in use, looked at ten times a second.
    resident_mib: f64,
    /// Time that the apps' thread worked, in seconds.
    work_s: f64,
}

impl Flood {
    fn measure(house: &House, gateway: &Gateway, rate: f64) -> Result<Self, TaskError> {
        let lasts = format!("{}s", house.options.whole_or(10, 4));
        let rate = format!("{rate:.0}");
        let before_s = gateway.apps_work_s()?;
        let mut flooding = house.start_load(LOAD, &gateway.apps, &queries(&rate, "64", &lasts))?;
        let mut resident_mib = 0.0_f64;
        while flooding.is_running() {
            resident_mib = resident_mib.max(gateway.resident_mib()?);
            wait(Duration::from_millis(100));
        }
        Ok(Self {
            report: flooding.report()?,
            resident_mib,
            work_s: gateway.apps_work_s()? - before_s,
        })
    }

    fn findings(&self, gateway: &Gateway, full: &Full, busy_p99_us: f64) -> Result<Vec<Finding>, TaskError> {
        let seen = |name| number(&self.report, name);
        let (goodput, slower) = (seen("rate")? / full.rate, seen("p99_us")? / busy_p99_us);
        let work_share = seen("ok")? * full.each_s / self.work_s;
        let (bound_mib, resident_mib) = (gateway.memory_mib, self.resident_mib);
        let longest_us = seen("p99_us")?.max(seen("errors_p99_us")?);
        Ok(vec![
            Finding::new(
                "at ten times the capacity, at least 95 % of it goes into answers",
                goodput >= 0.95,
                format!("{} of {:.0} queries a second", percent(goodput), full.rate),
            ),
            Finding::told(
                "how much of the time that the apps' thread got goes into answers",
                format!("{} of {:.2} s", percent(work_share), self.work_s),
            ),
            Finding::new(
                "those that are answered wait at most three times as long (p99) as at 80 % load",
                slower <= 3.0,
                format!("{slower:.2} times: {} us, after {busy_p99_us} us", seen("p99_us")?),
            ),
            Finding::new(
                "nobody waits longer than 50 ms (p99), for an answer or for a refusal, seen by who asks",
                longest_us <= WAIT_US_MAX,
                format!(
                    "answers {} us, at most {}; refusals {} us, at most {}",
                    seen("p99_us")?,
                    seen("max_us")?,
                    seen("errors_p99_us")?,
                    seen("errors_max_us")?
                ),
            ),
            Finding::new(
                "memory stays below the bound that was printed at the start",
                resident_mib < bound_mib,
                format!("{resident_mib:.0} MiB of {bound_mib:.0}"),
            ),
        ])
    }

    /// A refusal's share of what the thread did beside the answers.
    fn refusals(&self, full: &Full, ordinary: &Full) -> Result<Finding, TaskError> {
        let (answers, refusals) = (number(&self.report, "ok")?, number(&self.report, "errors")?);
        let refusal_s = (self.work_s - answers * full.each_s) / refusals;
        let share = refusal_s / ordinary.each_s;
        Ok(Finding::new(
            "a refusal costs a tenth of an answer of ordinary cost or less, with all that QUIC and the kernel do for either",
            share <= 0.1,
            format!(
                "{}: {:.1} us of the apps' thread, an answer {:.1} us; {} of an answer of this flood",
                percent(share),
                refusal_s * 1e6,
                ordinary.each_s * 1e6,
                percent(refusal_s / full.each_s)
            ),
        ))
    }
}

/// How long after the end of a flood somebody new is let in and answered.
fn recovery(house: &House, gateway: &Gateway, rate: f64) -> Result<Duration, TaskError> {
    let rate = format!("{rate:.0}");
    let flooding = house.start_load(LOAD, &gateway.apps, &queries(&rate, "64", "60s"))?;
    wait(Duration::from_secs(3));
    // Ended, not told to end: from here on not a packet comes.
    drop(flooding);
    let ended = now();
    let mut failure = String::new();
    while since(ended) < RECOVERY_WAIT {
        match house.ask(gateway) {
            Ok(_) => return Ok(since(ended)),
            Err(error) => failure = error.to_string(),
        }
    }
    Err(TaskError::new(format!("nobody was let in after a flood: {failure}")))
}

fn since(moment: Instant) -> Duration {
    now().saturating_duration_since(moment)
}
