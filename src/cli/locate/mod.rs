//! `nextbest locate`: the real engine over a recording, and how far off it is.
//!
//! Every walk is played as it was heard, as bytes through the whole engine; what is said every half second is compared with
//! what was true then. The cost of a sighting is measured in the same process by playing each walk again and again.
//! Deliberately absent: settings of the locator. It runs with its defaults, so that a figure says what a venue
//! gets.

mod cost;
mod picture;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, pack};
use crate::recording::{Batch, Gateway, Instant, OpenError, Scores, Site, SiteFiles, Walk};
use report::{Line, Report};

/// What a recording calls the file of its cells.
const WALKABLE_FILE: &str = "walkable_1m.csv";

/// Play a recording through the locator, and report errors, zones, delays and cost.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest locate --hubs hubs.csv --survey survey.csv --walk walk_1.csv --walk walk_2.csv \\\n      \
                        --zones zones.csv --walkable walkable_1m.csv\n  \
                        nextbest locate --hubs hubs.csv --walk walk_1.csv --json --draw walk_1.png\n  \
                        nextbest locate --labels --hubs measurement_config.txt --walk walk_sensor_1_measurement_1.csv\n\n\
                        hubs.csv      hub,x_m,y_m,z_m\n\
                        walk.csv      t_ms,hub,tag,rssi_dbm,x_m,y_m   (x_m, y_m: the truth; may be missing)\n\
                        survey.csv    x_m,y_m,z_m,hub,rssi_mean_dbm,rssi_sd_db\n\
                        zones.csv     zone,x_min_m,x_max_m,y_min_m,y_max_m\n\
                        walkable.csv  x_center_m,y_center_m,walkable\n\n\
                        Without --walkable, the cells are those of a walkable_1m.csv beside the hubs' file; when there is \
                        none, or with --open-floor, every cell round the hubs and surveyed points can be walked on."
)]
pub(super) struct Arguments {
    /// The hubs and where they are.
    #[arg(long, value_name = "FILE")]
    hubs: PathBuf,
    /// A walk; may be given several times.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    walk: Vec<PathBuf>,
    /// A site survey; may be given several times.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    survey: Vec<PathBuf>,
    /// Zones as rectangles, to score the zones that are said.
    #[arg(long, value_name = "FILE")]
    zones: Option<PathBuf>,
    /// Which cells can be walked on; default: walkable_1m.csv beside the hubs' file, if there is one.
    #[arg(long, value_name = "FILE")]
    walkable: Option<PathBuf>,
    /// Take every cell round the hubs and surveyed points for one that can be walked on.
    #[arg(long, conflicts_with = "walkable")]
    open_floor: bool,
    /// The recording is zone-labelled, as the SAL data set: zones 0 outside, 1 and 2 inside, no places.
    #[arg(long)]
    labels: bool,
    /// Draw the walks: the true way, the way that was said, the errors. SVG or PNG, as the name ends.
    #[arg(long, value_name = "FILE", value_parser = picture::path)]
    draw: Option<PathBuf>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// The cells' file that was named, else the one that recordings of this form bring along.
    fn walkable_file(&self) -> Option<PathBuf> {
        let beside = || Some(self.hubs.with_file_name(WALKABLE_FILE)).filter(|path| path.is_file());
        match self.open_floor || self.labels {
            true => self.walkable.clone(),
            false => self.walkable.clone().or_else(beside),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let files = SiteFiles {
        hubs: arguments.hubs.clone(),
        surveys: arguments.survey.clone(),
        zones: arguments.zones.clone(),
        walkable: arguments.walkable_file(),
        labelled: arguments.labels,
    };
    let site = Site::open(&files).map_err(refused)?;
    let mut walks = Vec::new();
    for path in &arguments.walk {
        walks.extend(site.walks(path).map_err(refused)?);
    }
    let played: Vec<Vec<Instant>> = walks.iter().map(|walk| play(&site, walk)).collect::<Result<_, _>>()?;
    let mut lines = Vec::new();
    for (walk, instants) in walks.iter().zip(&played) {
        lines.push(Line {
            name: walk.name.clone(),
            sightings: walk.heard.len(),
            scores: Scores::of(instants),
            ns_per_sighting: cost::ns_per_sighting(&site, walk).map_err(Failure::wrong)?,
        });
    }
    let floor = files.walkable.as_deref().and_then(Path::file_name);
    let floor = floor.map(|name| name.to_string_lossy().into_owned());
    let report = Report::new(&site, floor, lines);
    if let Some(path) = &arguments.draw {
        picture::write(path, &site, &played, &report)?;
    }
    match arguments.json {
        true => say!("{}", report.json()),
        false => say_part!("{}", report.text()),
    }
    Ok(())
}

/// What a gateway says of a walk, from the bytes that its hubs send, and what is true.
fn play(site: &Site, walk: &Walk) -> Result<Vec<Instant>, Failure> {
    let mut instants = Vec::new();
    let mut gateway = Gateway::new(site).map_err(Failure::wrong)?;
    gateway.play(&Batch::of(walk), walk.lasts_ms(), |at_ms, said| {
        instants.push(Instant::of(site, walk, at_ms, said));
    });
    Ok(instants)
}

/// Prints what is wrong with a file, with the text around it.
pub(super) fn refused(error: OpenError) -> Failure {
    match error {
        OpenError::Mistakes(mistakes) => {
            mistakes.iter().for_each(|mistake| pack::print(mistake));
            let (count, s) = (mistakes.len(), if mistakes.len() == 1 { "" } else { "s" });
            Failure::wrong(format!("{count} mistake{s}; nothing was done"))
        }
        unusable @ (OpenError::Unreadable(_) | OpenError::TooWide { .. }) => Failure::wrong(unusable),
    }
}
