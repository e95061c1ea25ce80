//! A pack that is taken again and again under load, every tenth time with a mistake in it: nobody notices but by the
//! generation.

use std::fs;
use std::time::Duration;

use crate::cargo::TaskError;

use super::Finding;
use super::figures::number;
use super::gateway::{House, Load, wait};

/// Times that the pack is taken again.
const RELOADS: u32 = 200;
/// One in so many has a mistake.
const MISTAKE_EVERY: u32 = 10;
/// Between two of them.
const SERVES: Duration = Duration::from_millis(50);
/// What a gateway says, whether it took the pack or not.
const SAID: &str = "the pack ";

/// Reloads a gateway under load.
pub(super) fn prove(house: &House) -> Result<Vec<Finding>, TaskError> {
    let mut gateway = house.serve(&[])?;
    let load = [
        "--rate",
        "1000",
        "--connections",
        "16",
        "--mode",
        "stream",
        "--for",
        "45s",
    ];
    let load = Load::start(house.load_command(&gateway.apps, &load))?;
    let file = house.pack_file("settings.toml");
    let failed = |error: std::io::Error| TaskError::new(format!("{}: {error}", file.display()));
    let good = fs::read_to_string(&file).map_err(failed)?;
    let mut good_ones = 0;
    for reload in 1..=RELOADS {
        let is_good = !reload.is_multiple_of(MISTAKE_EVERY);
        good_ones += u32::from(is_good);
        let text = if is_good {
            good.clone()
        } else {
            format!("{good}\nno_such_key = 1\n")
        };
        fs::write(&file, text).map_err(failed)?;
        let said = gateway.lines_with(SAID)?;
        gateway.hang_up()?;
        gateway.wait_for(SAID, said)?;
        wait(SERVES);
    }
    fs::write(&file, &good).map_err(failed)?;
    let report = load.report()?;
    let (sent, errors) = (number(&report, "sent")?, number(&report, "errors")?);
    let generation = number(&house.ask(&gateway)?, "generation")?;
    Ok(vec![
        Finding::new(
            "while the pack is taken again 200 times, no query fails",
            errors == 0.0,
            format!("{errors} of {sent} queries failed"),
        ),
        Finding::new(
            "every good pack becomes a generation, and one with a mistake changes nothing",
            generation == f64::from(good_ones + 1),
            format!(
                "generation {generation} after {good_ones} good packs and {} bad ones",
                RELOADS - good_ones
            ),
        ),
    ])
}
