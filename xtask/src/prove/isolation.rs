//! A flood at one door leaves the others alone: apps, hubs and staff are flooded in turn, and the other two keep at least
//! nine tenths of what they do.
//!
//! What the others do is far below what a gateway can take, so everything that is missing is the flood's doing. Those
//! who are connected come first: a flooded door takes nobody new, which the flood's own end shows in `super::overload`.
//! Deliberately absent: how much longer answers take, as a promise. Flood and gateway share the machine's cores here, and
//! the flood's own work is not the gateway's doing; it is told all the same.

use std::process::Command;
use std::time::Duration;

use crate::cargo::TaskError;

use super::Finding;
use super::figures::{number, percent};
use super::gateway::{Gateway, House, Load, Place, queries, wait};

/// What each query costs, so that few of them are a flood.
const QUERY_COST: [&str; 4] = ["--test-query-cost-us", "1000", "--admin", "127.0.0.1:0"];
/// A gateway as it is.
const AS_IT_IS: [&str; 2] = ["--admin", "127.0.0.1:0"];
/// Queries each second, and connections, that a gateway hardly notices.
const CALM_APPS: [&str; 2] = ["500", "8"];
/// What apps, hubs and staff keep of what they do.
const KEPT_MIN: f64 = 0.9;
/// How long the others have before the flood, to connect and to register tags.
const QUIET: Duration = Duration::from_secs(3);
/// Requests of staff beside a flood.
const LOOKS: u32 = 40;

/// Floods one door at a time.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let token = house.viewer()?;
    Ok([
        apps_flooded(house, &token)?,
        hubs_flooded(house, &token)?,
        staff_flooded(house, &token)?,
    ]
    .into_iter()
    .flatten()
    .collect())
}

fn apps_flooded(house: &House, token: &str) -> Result<Vec<Finding>, TaskError> {
    let gateway = house.serve(&QUERY_COST)?;
    let hubs = hub_load(house, &gateway, "20000", &lasts(house))?;
    wait(QUIET);
    let flood = app_load(house, &gateway, ["10000", "64"], &longer(house))?;
    let looks = looks(house, &gateway, token);
    let report = hubs.report()?;
    still_running(flood)?;
    let undone = gateway.stop_and_tell("_sightings")?;
    Ok(vec![heard("apps", &report, undone)?, looked("apps", looks)])
}

fn hubs_flooded(house: &House, token: &str) -> Result<Vec<Finding>, TaskError> {
    let gateway = house.serve(&AS_IT_IS)?;
    let quiet = app_load(house, &gateway, CALM_APPS, "4s")?.report()?;
    let apps = app_load(house, &gateway, CALM_APPS, &lasts(house))?;
    wait(QUIET);
    let flood = hub_load(house, &gateway, "1000000", &longer(house))?;
    let looks = looks(house, &gateway, token);
    let report = apps.report()?;
    still_running(flood)?;
    let mut findings = answered("hubs", &report, &quiet)?;
    findings.push(looked("hubs", looks));
    Ok(findings)
}

fn staff_flooded(house: &House, token: &str) -> Result<Vec<Finding>, TaskError> {
    let gateway = house.serve(&AS_IT_IS)?;
    let quiet = app_load(house, &gateway, CALM_APPS, "4s")?.report()?;
    let hubs = hub_load(house, &gateway, "20000", &lasts(house))?;
    let apps = app_load(house, &gateway, CALM_APPS, &lasts(house))?;
    wait(QUIET);
    let mut flood = look(house, token);
    // What is behind the `#` stays with curl, which asks once for each.
    flood
        .args(["--parallel", "--parallel-max", "100"])
        .arg(format!("{}#[1-100000000]", metrics(&gateway)));
    let flood = Load::start(flood)?;
    let (apps, hubs) = (apps.report()?, hubs.report()?);
    still_running(flood)?;
    let undone = gateway.stop_and_tell("_sightings")?;
    let mut findings = answered("staff", &apps, &quiet)?;
    findings.push(heard("staff", &hubs, undone)?);
    Ok(findings)
}

/// How long the others are watched.
fn lasts(house: &House) -> String {
    format!("{}s", house.options.whole_or(15, 8))
}

/// How long a flood may last; it ends with the gateway.
fn longer(house: &House) -> String {
    format!("{}s", house.options.whole_or(60, 40))
}

/// Queries at a rate, over so many connections.
fn app_load(house: &House, gateway: &Gateway, [rate, connections]: [&str; 2], lasts: &str) -> Result<Load, TaskError> {
    house.start_load(Place::Anywhere, &gateway.apps, &queries(rate, connections, lasts))
}

/// Twenty hubs that hear two thousand people.
fn hub_load(house: &House, gateway: &Gateway, rate: &str, lasts: &str) -> Result<Load, TaskError> {
    let arguments = [
        "--to-hubs",
        &gateway.hubs,
        "--hubs",
        "20",
        "--sightings-rate",
        rate,
        "--tags",
        "2000",
        "--for",
        lasts,
        "--rate",
        "1",
        "--connections",
        "1",
    ];
    house.start_load(Place::Anywhere, &gateway.apps, &arguments)
}

fn metrics(gateway: &Gateway) -> String {
    let port = gateway.admin.rsplit(':').next().unwrap_or_default();
    format!("https://localhost:{port}/metrics")
}

/// Somebody of the staff, who looks at the metrics.
fn look(house: &House, token: &str) -> Command {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--fail",
            "--output",
            "/dev/null",
            "--max-time",
            "600",
            "--cacert",
        ])
        .arg(house.authority())
        .args(["--header", &format!("Authorization: Bearer {token}")]);
    command
}

/// How many of the staff's looks are answered within a second each.
fn looks(house: &House, gateway: &Gateway, token: &str) -> u32 {
    let mut answered = 0;
    for _ in 0..LOOKS {
        let mut command = look(house, token);
        command.args(["--max-time", "1"]).arg(metrics(gateway));
        answered += u32::from(command.status().is_ok_and(|status| status.success()));
        wait(Duration::from_millis(100));
    }
    answered
}

fn still_running(mut flood: Load) -> Result<(), TaskError> {
    match flood.is_running() {
        true => Ok(()),
        false => Err(TaskError::new(format!(
            "the flood ended before what it was to disturb: {}",
            flood.report()?
        ))),
    }
}

/// What hubs keep.
fn heard(flooded: &str, report: &str, undone: f64) -> Result<Finding, TaskError> {
    let (sent, taken) = (number(report, "sightings_sent")?, number(report, "sightings_taken")?);
    // A sighting that was left undone is acknowledged all the same; the gateway tells them when it ends.
    let share = (taken - undone) / sent;
    Ok(Finding::new(
        format!("while {flooded} flood, at least 90 % of what hubs send is taken and looked at"),
        share >= KEPT_MIN,
        format!("{} of {sent}", percent(share)),
    ))
}

/// What apps keep.
fn answered(flooded: &str, report: &str, quiet: &str) -> Result<Vec<Finding>, TaskError> {
    let (sent, ok) = (number(report, "sent")?, number(report, "ok")?);
    Ok(vec![
        Finding::new(
            format!("while {flooded} flood, at least 90 % of the queries are answered"),
            ok / sent >= KEPT_MIN,
            format!("{} of {sent}", percent(ok / sent)),
        ),
        Finding::told(
            format!("how long those answers take while {flooded} flood (p99)"),
            format!(
                "{} us, without it {} us",
                number(report, "p99_us")?,
                number(quiet, "p99_us")?
            ),
        ),
    ])
}

/// What staff keep.
fn looked(flooded: &str, answered: u32) -> Finding {
    let share = f64::from(answered) / f64::from(LOOKS);
    Finding::new(
        format!("while {flooded} flood, at least 90 % of what staff ask is answered within a second"),
        share >= KEPT_MIN,
        format!("{} of {LOOKS}", percent(share)),
    )
}
