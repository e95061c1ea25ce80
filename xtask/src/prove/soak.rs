//! Minutes at half load: memory does not grow.
//!
//! An hour is a good while: `cargo xtask prove soak --soak-minutes 60`.

use std::time::Duration;

use crate::cargo::TaskError;

use super::Finding;
use super::figures::{number, percent};
use super::gateway::{House, Place, wait};

/// Growth that is noise.
const GROWTH_MAX: f64 = 0.01;

/// Watches the memory of a busy gateway.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let gateway = house.serve(&[])?;
    let lasts_s = house.options.soak_s();
    let lasts = format!("{lasts_s}s");
    let load = [
        "--to-hubs",
        &gateway.hubs,
        "--hubs",
        "160",
        "--sightings-rate",
        "100000",
        "--tags",
        "70000",
        "--rate",
        "2500",
        "--connections",
        "16",
        "--for",
        &lasts,
    ];
    let mut load = house.start_load(Place::Anywhere, &gateway.apps, &load)?;
    let mut resident = Vec::new();
    while load.is_running() {
        wait(Duration::from_secs(1));
        resident.push(gateway.resident_mib()?);
    }
    let report = load.report()?;
    // Registering the tags comes first; the second half is all load.
    let late = resident.get(resident.len() / 2..).unwrap_or_default();
    let (first, last) = (mean(late.chunks(10).next()), mean(late.rchunks(10).next()));
    let growth = last / first - 1.0;
    Ok(vec![
        Finding::new(
            format!("memory grows by less than 1 % over the second half of {lasts_s} seconds"),
            growth < GROWTH_MAX,
            format!("{first:.1} MiB to {last:.1} MiB, {}", percent(growth)),
        ),
        Finding::new(
            "no query fails at half load",
            number(&report, "errors")? == 0.0,
            format!("{} of {}", number(&report, "errors")?, number(&report, "sent")?),
        ),
        Finding::new(
            "no sighting is lost at half load",
            number(&report, "sightings_taken")? == number(&report, "sightings_sent")?,
            format!(
                "{} of {} were taken",
                number(&report, "sightings_taken")?,
                number(&report, "sightings_sent")?
            ),
        ),
    ])
}

fn mean(values: Option<&[f64]>) -> f64 {
    let values = values.unwrap_or_default();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
