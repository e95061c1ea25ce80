//! A gateway that keeps its state is restarted again and again under load: whoever uses the client library gets every
//! answer.
//!
//! The load lasts longer than the restarts, so that the last of them is under load as well.

use std::time::Duration;

use crate::cargo::TaskError;

use super::Finding;
use super::figures::number;
use super::gateway::{House, Place, free_address, now, wait};

/// How long a gateway serves between two of them: longer than the five seconds after which a client takes a session for
/// a success. A gateway that goes sooner each time is one that fails, and clients wait longer and longer for it.
const SERVES: Duration = Duration::from_secs(6);
/// Longest that a stop may take.
const STOP_MAX: Duration = Duration::from_secs(5);
/// What a restart may take beside the time in which the gateway serves, in seconds; the load lasts as long as all of them.
const RESTART_S: u32 = 4;

/// Restarts a gateway under load.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let restarts_max = house.options.whole_or(100, 10);
    let (apps, hubs) = (free_address()?, free_address()?);
    let state = house.empty_folder("state")?;
    let keeps = ["--state", &state];
    let mut gateway = house.serve_at(Place::Anywhere, [&apps, &hubs], &keeps)?;
    let lasts_s = restarts_max * (RESTART_S + u32::try_from(SERVES.as_secs()).unwrap_or_default());
    let lasts = format!("{lasts_s}s");
    let load = [
        "--mode",
        "client",
        "--rate",
        "1000",
        "--connections",
        "8",
        "--deadline-ms",
        "2000",
        "--for",
        &lasts,
    ];
    let mut load = house.start_load(Place::Anywhere, &apps, &load)?;
    let (mut stops, mut gaps) = (Vec::new(), Vec::new());
    while stops.len() < restarts_max as usize && load.is_running() {
        wait(SERVES);
        let began = now();
        stops.push(gateway.stop()?);
        gateway = house.serve_at(Place::Anywhere, [&apps, &hubs], &keeps)?;
        gaps.push(began.elapsed());
    }
    let report = load.report()?;
    let (sent, errors) = (number(&report, "sent")?, number(&report, "errors")?);
    let slowest = longest(&stops);
    Ok(vec![
        Finding::new(
            format!("{restarts_max} restarts under load fail no query within two seconds"),
            stops.len() == restarts_max as usize && errors == 0.0,
            format!("{errors} of {sent} queries failed over {} restarts", stops.len()),
        ),
        Finding::new(
            "a gateway that is told to stop has stopped within five seconds",
            slowest <= STOP_MAX,
            format!("{:.2} s at most", slowest.as_secs_f64()),
        ),
        Finding::told(
            "from being told to stop until the next one listens",
            format!("{:.2} s at most", longest(&gaps).as_secs_f64()),
        ),
        Finding::told(
            "how long the slowest queries took",
            format!(
                "p99 {} us, at most {} us",
                number(&report, "p99_us")?,
                number(&report, "max_us")?
            ),
        ),
    ])
}

fn longest(times: &[Duration]) -> Duration {
    times.iter().max().copied().unwrap_or_default()
}
