//! A flood at one door leaves the others alone: hubs are heard while apps flood, and apps are answered while hubs do.

use crate::cargo::TaskError;

use super::Finding;
use super::figures::{number, percent};
use super::gateway::{Gateway, House, Load, done};

/// What each query costs, so that few of them are a flood.
const QUERY_COST: [&str; 2] = ["--test-query-cost-us", "1000"];
/// Hubs and what they hear, far below what a gateway can take.
const HUBS: [&str; 8] = [
    "--hubs",
    "20",
    "--sightings-rate",
    "20000",
    "--tags",
    "2000",
    "--for",
    "8s",
];
/// Hubs that send as much as they can.
const HUB_FLOOD: [&str; 12] = [
    "--hubs",
    "20",
    "--sightings-rate",
    "1000000",
    "--tags",
    "2000",
    "--for",
    "8s",
    "--rate",
    "1",
    "--connections",
    "1",
];

/// Floods one door at a time.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    Ok(vec![hubs_beside_apps(house)?, apps_beside_hubs(house)?])
}

fn hubs_beside_apps(house: &House) -> Result<Finding, TaskError> {
    let gateway = house.serve(&QUERY_COST)?;
    let flood = [
        "--rate",
        "10000",
        "--connections",
        "64",
        "--mode",
        "stream",
        "--for",
        "30s",
    ];
    let hubs = [
        &["--to-hubs", &gateway.hubs, "--rate", "1", "--connections", "1"],
        &HUBS[..],
    ]
    .concat();
    let report = beside(house, &gateway, &flood, &hubs)?;
    let (sent, taken) = (number(&report, "sightings_sent")?, number(&report, "sightings_taken")?);
    // A sighting that was left undone is acknowledged all the same; the gateway tells them when it ends.
    let undone = gateway.stop_and_tell("_sightings")?;
    let share = (taken - undone) / sent;
    Ok(Finding::new(
        "while apps flood, at least 90 % of what hubs send is taken and looked at",
        share >= 0.9,
        percent(share),
    ))
}

fn apps_beside_hubs(house: &House) -> Result<Finding, TaskError> {
    let gateway = house.serve(&[])?;
    let flood = [&["--to-hubs", &gateway.hubs], &HUB_FLOOD[..]].concat();
    let apps = ["--rate", "500", "--connections", "8", "--mode", "stream", "--for", "6s"];
    let report = beside(house, &gateway, &flood, &apps)?;
    let share = number(&report, "ok")? / number(&report, "sent")?;
    Ok(Finding::new(
        "while hubs flood, at least 90 % of the queries are answered",
        share >= 0.9,
        percent(share),
    ))
}

/// The report of one load while another floods, from its beginning to its end.
fn beside(house: &House, gateway: &Gateway, flood: &[&str], measured: &[&str]) -> Result<String, TaskError> {
    let mut flooding = Load::start(house.load_command(&gateway.apps, flood))?;
    let report = house.load_command(&gateway.apps, measured).output();
    if !flooding.is_running() {
        return Err(TaskError::new("the flood ended before what it was to disturb"));
    }
    Ok(String::from_utf8_lossy(&done("nextbest load", report)?.stdout).into_owned())
}
