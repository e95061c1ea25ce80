//! A gateway that is restarted again and again under load: whoever uses the client library gets every answer.

use std::time::Duration;

use crate::cargo::TaskError;

use super::Finding;
use super::figures::number;
use super::gateway::{House, Load, free_address, wait};

/// Restarts.
const RESTARTS: u32 = 100;
/// How long a gateway serves between two of them.
const SERVES: Duration = Duration::from_millis(500);
/// Longer than all restarts take; the load is stopped by its own end.
const LASTS_S: u32 = 480;
/// Longest that a stop may take.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Restarts a gateway under load.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let (apps, hubs) = (free_address()?, free_address()?);
    let mut gateway = house.serve_at(&apps, &hubs, &[])?;
    let lasts = format!("{LASTS_S}s");
    let load = [
        "--mode",
        "client",
        "--rate",
        "200",
        "--connections",
        "8",
        "--deadline-ms",
        "2000",
        "--for",
        &lasts,
    ];
    let mut load = Load::start(house.load_command(&apps, &load))?;
    let mut slowest = Duration::ZERO;
    let mut restarts = 0;
    while restarts < RESTARTS && load.is_running() {
        wait(SERVES);
        slowest = slowest.max(gateway.stop()?);
        gateway = house.serve_at(&apps, &hubs, &[])?;
        restarts += 1;
    }
    let report = load.report()?;
    let (sent, errors) = (number(&report, "sent")?, number(&report, "errors")?);
    Ok(vec![
        Finding::new(
            "100 restarts under load fail no query within two seconds",
            restarts == RESTARTS && errors == 0.0,
            format!("{errors} of {sent} queries failed over {restarts} restarts"),
        ),
        Finding::new(
            "a gateway that is told to stop has stopped within five seconds",
            slowest <= STOP_MAX,
            format!("{:.2} s at most", slowest.as_secs_f64()),
        ),
    ])
}
