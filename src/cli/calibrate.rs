//! `nextbest calibrate`: which hub is off and by how much, which two are swapped, which hangs elsewhere, which is silent.
//!
//! Leaves with 1 when a hub needs attention, so that a script can stop there.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Failure;
use super::locate::refused;
use crate::recording::{Calibration, HubCheck, Site, SiteFiles, Walk, calibrate};

/// Check hubs against a survey or walks with truth: offset, gain, noise, swapped, moved and silent ones.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest calibrate --hubs hubs.csv --survey survey.csv\n  \
                  nextbest calibrate --hubs hubs.csv --survey survey.csv --walk walk_1.csv walk_2.csv --max-off-db 8 --json\n\n\
                  off dB       what the hub hears more than the median hub, distance taken out\n\
                  since survey the same against the survey's radio map, which knows walls: what changed since\n\
                  exponent     the hub's own path loss; far from the others', its gain or its place is wrong\n\
                  misfit dB    mean distance of its readings from path loss at its place on the map\n\
                  fits best at where path loss explains it best; walls alone move that by up to 6 m, so that a hub is\n\
                               only said to hang elsewhere when it fits there much better\n\n\
                  Leaves with 0 when every hub is well, with 1 when one is silent, swapped, moved or further off than\n\
                  --max-off-db. Files are those of `nextbest locate`."
)]
pub(super) struct Arguments {
    /// The hubs and where the map says they are.
    #[arg(long, value_name = "FILE")]
    hubs: PathBuf,
    /// A site survey; may be given several times.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "walk")]
    survey: Vec<PathBuf>,
    /// A walk with truth; may be given several times.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    walk: Vec<PathBuf>,
    /// A hub further off than this needs attention, in dB. Hubs of two makes differ by up to 9.
    #[arg(long, value_name = "DB", default_value_t = 10.0)]
    max_off_db: f32,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let files = SiteFiles {
        hubs: arguments.hubs.clone(),
        surveys: arguments.survey.clone(),
        ..SiteFiles::default()
    };
    let site = Site::open(&files).map_err(refused)?;
    let mut walks: Vec<Walk> = Vec::new();
    for path in &arguments.walk {
        walks.extend(site.walks(path).map_err(refused)?);
    }
    if site.survey.is_empty() && walks.iter().all(|walk| walk.truth.is_empty()) {
        return Err(Failure::wrong(
            "nobody wrote down where the tag was: expected a survey, or walks with x_m and y_m",
        ));
    }
    let calibration = calibrate(&site, &walks);
    let wrong: Vec<String> = calibration
        .hubs
        .iter()
        .flat_map(|check| complaints(check, arguments.max_off_db))
        .collect();
    match arguments.json {
        true => say!("{}", object(&calibration, arguments.max_off_db)),
        false => say_part!("{}", text(&calibration, &wrong)),
    }
    match wrong.len() {
        0 => Ok(()),
        1 => Err(Failure::wrong("one thing needs attention")),
        count => Err(Failure::wrong(format!("{count} things need attention"))),
    }
}

/// What is wrong with a hub, each as a sentence.
fn complaints(check: &HubCheck, max_off_db: f32) -> Vec<String> {
    let hub = &check.hub;
    if check.is_silent() {
        return vec![format!("{hub} heard nothing: is it on, and is its id right?")];
    }
    if let Some(other) = &check.swapped_with {
        return vec![format!(
            "{hub} hears what {other} should hear at its place: the two are swapped, on the map or on the wall"
        )];
    }
    let mut complaints = Vec::new();
    if let (true, Some(at), Some(apart_m)) = (check.moved, check.fits_best, check.apart_m) {
        complaints.push(format!(
            "{hub} hangs elsewhere: it fits best at x {:.1}, y {:.1}, which is {apart_m:.1} m from its place on the map",
            at.east_m, at.north_m
        ));
    }
    if check.worst_off_db() > max_off_db {
        let (off_db, against) = match (check.off_db, check.since_survey_db) {
            (off_db, Some(since_db)) if since_db.abs() >= off_db.unwrap_or(0.0).abs() => {
                (since_db, "than when the survey was taken")
            }
            (off_db, _) => (off_db.unwrap_or(0.0), "than the median hub"),
        };
        let more = if off_db > 0.0 { "more" } else { "less" };
        complaints.push(format!("{hub} hears {:.1} dB {more} {against}", off_db.abs()));
    }
    complaints
}

fn text(calibration: &Calibration, wrong: &[String]) -> String {
    let mut text = format!(
        "path loss: {:.1} dBm at one metre, exponent {:.2}\n",
        calibration.rssi_1m_dbm, calibration.exponent
    );
    let width = calibration
        .hubs
        .iter()
        .map(|check| check.hub.chars().count())
        .max()
        .unwrap_or(0)
        .max(3);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:width$} {:>6} {:>7} {:>7} {:>12} {:>8} {:>8} {:>9}  {:>14} {:>7}",
        "hub",
        "places",
        "heard %",
        "off dB",
        "since survey",
        "exponent",
        "noise dB",
        "misfit dB",
        "fits best at",
        "apart m"
    );
    for check in &calibration.hubs {
        let best = check
            .fits_best
            .map_or_else(|| "-".to_owned(), |at| format!("{:.1}, {:.1}", at.east_m, at.north_m));
        let _ = writeln!(
            text,
            "{:width$} {:>6} {:>7.0} {:>7} {:>12} {:>8} {:>8} {:>9}  {best:>14} {:>7}",
            check.hub,
            check.places,
            100.0 * check.heard_share,
            signed(check.off_db),
            signed(check.since_survey_db),
            figure(check.exponent, 2),
            figure(check.noise_db, 1),
            figure(check.misfit_db, 1),
            figure(check.apart_m, 1),
        );
    }
    text.push('\n');
    for sentence in wrong {
        let _ = writeln!(text, "{sentence}");
    }
    if wrong.is_empty() {
        text.push_str("every hub is well\n");
    }
    text
}

fn object(calibration: &Calibration, max_off_db: f32) -> Value {
    let hub = |check: &HubCheck| {
        json!({
            "hub": check.hub,
            "places": check.places,
            "heard_share": rounded(Some(check.heard_share)),
            "off_db": rounded(check.off_db),
            "since_survey_db": rounded(check.since_survey_db),
            "exponent": rounded(check.exponent),
            "noise_db": rounded(check.noise_db),
            "misfit_db": rounded(check.misfit_db),
            "fits_best": check.fits_best.map(|at| json!({"x_m": rounded(Some(at.east_m)), "y_m": rounded(Some(at.north_m))})),
            "apart_m": rounded(check.apart_m),
            "swapped_with": check.swapped_with,
            "moved": check.moved,
            "silent": check.is_silent(),
            "wrong": complaints(check, max_off_db),
        })
    };
    json!({
        "rssi_1m_dbm": rounded(Some(calibration.rssi_1m_dbm)),
        "exponent": rounded(Some(calibration.exponent)),
        "hubs": calibration.hubs.iter().map(hub).collect::<Vec<_>>(),
    })
}

fn figure(value: Option<f32>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

fn signed(value: Option<f32>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:+.1}"))
}

/// To two decimals, which is more than a radio can tell.
fn rounded(value: Option<f32>) -> Option<f64> {
    value
        .filter(|value| value.is_finite())
        .map(|value| (f64::from(value) * 100.0).round() / 100.0)
}
