//! `nextbest survey`: where to stand for a site survey, and the survey from what was recorded meanwhile.
//!
//! A survey may be taken in parts: `--out` keeps the places that are in the file already, and a place that is taken
//! again replaces what was there. [`take`] takes it with a running gateway, place by place; [`live`] is its way there.
//! Deliberately absent: what a survey means, which is the locator's.

mod file;
mod live;
mod places;
mod take;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use firmware_sim::replay::recording::read_source;
use nextbest_venue::Venue;

use self::file::SurveyFile;
use super::Failure;
use super::locate::refused;
use super::pack;
use crate::engine::locate::{FloorLevel, FloorPlan};
use crate::recording::{Place, Site, SiteFiles, heard_at, parse_stops, plan};

/// Plan a site survey, or make one from a recording and the stops that were made.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    group = ArgGroup::new("where").required(true).args(["pack", "hubs"]),
    after_help = "Examples:\n  nextbest survey --pack packs/tetam --every 2.5 > plan.csv\n  \
                  nextbest survey --hubs hubs.csv --walkable walkable_1m.csv --every 3 > plan.csv\n  \
                  nextbest survey --hubs hubs.csv --from walk.csv --stops stops.csv --out survey.csv\n  \
                  nextbest survey take --pack packs/tetam --to 127.0.0.1:4433 --keys keys --tag c0ffee000001 --out survey.csv\n\n\
                  Without --from it prints the places to stand at, so that every walkable place is within --every metres\n\
                  of one, in the order of a short way. Carry a tag that advertises, stand still for 20 s at each, and\n\
                  write down when:\n\n\
                  stops.csv  from_ms,to_ms,x_m,y_m,z_m   (in the recording's time; z_m: the tag's height, 1.2 if missing)\n\n\
                  --out may exist: its places are kept, and those that were taken again are replaced."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    live: Option<Live>,
    /// The pack whose map says where one can stand.
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    pack: Option<PathBuf>,
    /// The hubs and where they are.
    #[arg(long, value_name = "FILE")]
    hubs: Option<PathBuf>,
    /// Which cells can be walked on.
    #[arg(long, value_name = "FILE", requires = "hubs")]
    walkable: Option<PathBuf>,
    /// How far every walkable place may be from the nearest place of the survey, in metres.
    #[arg(long, value_name = "METRES", default_value_t = 2.5)]
    every: f32,
    /// A recording of the survey.
    #[arg(long, value_name = "FILE", requires_all = ["stops", "out", "hubs"])]
    from: Option<PathBuf>,
    /// When the tag stood where.
    #[arg(long, value_name = "FILE", requires = "from")]
    stops: Option<PathBuf>,
    /// Where to write the survey.
    #[arg(long, value_name = "FILE", requires = "from")]
    out: Option<PathBuf>,
}

/// The tag is held at the height of a hand above the level's floor, in metres.
const HELD_M: f32 = 1.2;

#[derive(Debug, Subcommand)]
enum Live {
    Take(take::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(Live::Take(arguments)) = &arguments.live {
        return take::run(arguments);
    }
    check_every(arguments.every)?;
    if let (Some(from), Some(stops), Some(out)) = (&arguments.from, &arguments.stops, &arguments.out) {
        return from_recording(&site(arguments)?, from, stops, out);
    }
    let floor = match &arguments.pack {
        Some(dir) => floor_of(&pack::load(dir)?.spec.venue),
        None => site(arguments)?.floor,
    };
    let places = plan(&floor, arguments.every);
    say_part!("{}", plan_text(&floor, &places));
    eprintln!(
        "{} places, each walkable one within {} m of one",
        places.len(),
        arguments.every
    );
    Ok(())
}

fn check_every(every_m: f32) -> Result<(), Failure> {
    if (0.5..=50.0).contains(&every_m) {
        return Ok(());
    }
    Err(Failure::wrong(format!(
        "--every is {every_m}; expected 0.5 to 50 metres"
    )))
}

fn site(arguments: &Arguments) -> Result<Site, Failure> {
    let files = SiteFiles {
        hubs: arguments.hubs.clone().unwrap_or_default(),
        walkable: arguments.walkable.clone(),
        ..SiteFiles::default()
    };
    Site::open(&files).map_err(refused)
}

/// The cells of a pack's map.
fn floor_of(venue: &Venue) -> FloorPlan {
    let level = |(raster, level): (&nextbest_venue::Raster, &nextbest_venue::Level)| FloorLevel {
        origin_east_m: raster.origin.east_m,
        origin_north_m: raster.origin.north_m,
        columns: raster.columns,
        rows: raster.rows,
        walkable: raster.walkable.clone(),
        zone: raster.zone.clone(),
        elevation_m: level.elevation_m,
    };
    FloorPlan {
        pitch_m: venue.floor.pitch_m,
        levels: venue.floor.rasters.iter().zip(&venue.levels).map(level).collect(),
    }
}

fn plan_text(floor: &FloorPlan, places: &[Place]) -> String {
    let mut text = "place,x_m,y_m,z_m\n".to_owned();
    for (number, place) in (1..).zip(places) {
        let level = floor.levels.get(usize::from(place.level));
        let height_m = level.map_or(0.0, |level| level.elevation_m) + HELD_M;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{number},{:.2},{:.2},{height_m:.2}",
            place.at.east_m, place.at.north_m
        );
    }
    text
}

/// Makes the survey's lines from a recording, and puts them into the file.
fn from_recording(site: &Site, from: &Path, stops: &Path, out: &Path) -> Result<(), Failure> {
    let walks = site.walks(from).map_err(refused)?;
    let [walk] = walks.as_slice() else {
        let what = format!(
            "{} has {} tags; expected the one that was carried",
            from.display(),
            walks.len()
        );
        return Err(Failure::wrong(what));
    };
    let source = read_source(stops).map_err(Failure::wrong)?;
    let stops = parse_stops(&source).map_err(|mistake| refused(mistake.into()))?;
    let mut survey = SurveyFile::open(out)?;
    stops.iter().for_each(|stop| survey.forget(stop));
    let before = survey.len();
    for (number, stop) in (1..).zip(&stops) {
        let heard = heard_at(walk, stop, site.hubs.len());
        eprintln!(
            "stop {number}, x {}, y {}: {} hubs heard",
            stop.at.east_m,
            stop.at.north_m,
            heard.len()
        );
        if heard.is_empty() {
            return Err(Failure::wrong(format!(
                "nobody heard the tag at stop {number}: are its times those of the recording?"
            )));
        }
        survey.add(stop, &heard, |hub| site.hubs.get(hub).map_or("", |hub| hub.id.as_str()));
    }
    survey.write()?;
    say!(
        "{} stops taken into {}; {before} lines of other places kept",
        stops.len(),
        out.display()
    );
    Ok(())
}
