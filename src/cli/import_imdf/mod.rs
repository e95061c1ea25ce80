//! `nextbest import-imdf`: a pack from Apple's Indoor Mapping Data Format, with hubs and beacons from beside it.
//!
//! Nothing is written before the whole pack has been checked as `nextbest check` checks it. Deliberately absent: fetching
//! an archive, and changing one.

mod archive;
mod pack;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use nextbest_venue::imdf::{Fate, ImdfOptions, Imported, Note, STOREY_M, import_imdf};
use nextbest_venue::{LevelIx, PlaceIx, Source, svg};

use super::{Failure, pack as packs};
use crate::config::Pack;

/// Most bytes of the table or GeoJSON of hubs or beacons.
const BESIDE_LEN_MAX: u64 = 16 << 20;
/// Routes that a plan shows.
const ROUTES_MAX: usize = 4;

/// Make a pack from an IMDF archive: map, hubs, beacons, and a few actions, ready to be served.
#[derive(Debug, Args)]
#[command(
    name = "import-imdf",
    after_help = "Example:\n  nextbest import-imdf arcade.zip --out packs/arcade --hubs hubs.csv --plan plans\n  \
                  nextbest serve --pack packs/arcade\n\n\
                  hubs.csv has the columns hub, alias, x_m, y_m, z_m, level (metres from the anchor), or lon, lat \
                  instead of x_m, y_m.\nIMPORT.md in the pack lists all that was left out, changed or assumed."
)]
pub(super) struct Arguments {
    /// The archive: a ZIP file, or the folder it was unpacked to.
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,
    /// The folder of the new pack; its name becomes the pack's id.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the map of a pack that is there, and leave its actions, journey and messages alone; its hubs and beacons
    /// stay unless others are named.
    #[arg(long)]
    update: bool,
    /// Hubs: a table (CSV) or GeoJSON.
    #[arg(long, value_name = "FILE")]
    hubs: Option<PathBuf>,
    /// Beacons: a table (CSV) or GeoJSON.
    #[arg(long, value_name = "FILE")]
    beacons: Option<PathBuf>,
    /// The language that comes first in names; the archive's when not given.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Longitude and latitude of the map's zero; the venue's display point when not given.
    #[arg(long, value_name = "LON,LAT", allow_hyphen_values = true, value_parser = anchor)]
    anchor: Option<(f64, f64)>,
    /// IANA time zone, such as Europe/London; found by the country when it has only one.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Height of a storey in metres.
    #[arg(long, value_name = "METRES", default_value_t = STOREY_M, value_parser = metres(2.0, 20.0))]
    storey_m: f32,
    /// Side of a cell in metres; the finest that fits, from 1 on, when not given.
    #[arg(long, value_name = "METRES", value_parser = metres(0.25, 5.0))]
    pitch_m: Option<f32>,
    /// A category of units that visitors may enter although IMDF means it for staff, such as office; may be repeated.
    #[arg(long, value_name = "CATEGORY")]
    walkable: Vec<String>,
    /// Leave out features with a broken geometry, instead of refusing the archive.
    #[arg(long)]
    skip_broken: bool,
    /// Also draw each level, with a few routes, as SVG into this folder.
    #[arg(long, value_name = "DIR")]
    plan: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let id = pack_id(&arguments.out)?;
    check_out(arguments)?;
    let sources = archive::read(&arguments.archive)?;
    let options = ImdfOptions {
        language: arguments.language.clone(),
        anchor: arguments.anchor,
        time_zone: arguments.time_zone.clone(),
        storey_m: arguments.storey_m,
        pitch_m: arguments.pitch_m,
        walkable: arguments.walkable.clone(),
        skips_broken: arguments.skip_broken,
        hubs: beside(kept(arguments, &arguments.hubs, "hub").as_deref())?,
        beacons: beside(kept(arguments, &arguments.beacons, "beacon").as_deref())?,
    };
    let imported = import_imdf(&sources, &options).map_err(|mistakes| {
        mistakes.iter().for_each(|mistake| packs::print(mistake));
        let (count, s) = (mistakes.len(), if mistakes.len() == 1 { "" } else { "s" });
        let archive = arguments.archive.display();
        Failure::wrong(format!(
            "the archive {archive} has {count} mistake{s}; nothing was written"
        ))
    })?;
    let report = report(arguments, &imported);
    let mut files = map_files(&imported);
    if !arguments.update {
        files.extend(pack::files(&id, &imported));
        check(&files)?;
    }
    write(&arguments.out, &files, &report)?;
    if let Some(folder) = &arguments.plan {
        draw(folder, &imported)?;
    }
    say!("{}", summary(arguments, &imported));
    if arguments.update {
        packs::load(&arguments.out)?;
    }
    Ok(())
}

/// The pack's id: the name of its folder.
fn pack_id(out: &Path) -> Result<String, Failure> {
    let name = out.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let id: String = name.chars().map(legal).collect();
    let id = id.trim_matches('-').to_owned();
    match id.is_empty() {
        true => Err(Failure::wrong(format!(
            "{} has no name that a pack could have",
            out.display()
        ))),
        false => Ok(id),
    }
}

/// The file of hubs or beacons: the one that was named, else that of the pack that is updated.
fn kept(arguments: &Arguments, named: &Option<PathBuf>, kind: &str) -> Option<PathBuf> {
    let own = arguments.out.join("venue").join(format!("{kind}.geojson"));
    let own = (arguments.update && own.is_file()).then_some(own);
    named.clone().or(own)
}

/// A pack is not overwritten unless that was asked for.
fn check_out(arguments: &Arguments) -> Result<(), Failure> {
    let out = &arguments.out;
    let has_files = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    match (arguments.update, has_files) {
        (false, true) => Err(Failure::wrong(format!(
            "{} is not empty; --update replaces the map of a pack and leaves the rest alone",
            out.display()
        ))),
        (true, _) if !out.join("pack.toml").is_file() => Err(Failure::wrong(format!(
            "{} is no pack to update: it has no pack.toml",
            out.display()
        ))),
        _ => Ok(()),
    }
}

fn beside(path: Option<&Path>) -> Result<Option<Source>, Failure> {
    let Some(path) = path else {
        return Ok(None);
    };
    let cannot = |why: &dyn std::fmt::Display| Failure::wrong(format!("cannot read {}: {why}", path.display()));
    let len = fs::metadata(path).map_err(|error| cannot(&error))?.len();
    if len > BESIDE_LEN_MAX {
        return Err(cannot(&format!(
            "it has {len} bytes, at most {BESIDE_LEN_MAX} are read"
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| cannot(&error))?;
    Ok(Some(Source {
        name: path.display().to_string(),
        text: text.into(),
    }))
}

fn map_files(imported: &Imported) -> Vec<(String, String)> {
    imported
        .files
        .iter()
        .map(|file| (file.name.clone(), file.text.to_string()))
        .collect()
}

/// The new pack as `nextbest check` would see it.
fn check(files: &[(String, String)]) -> Result<(), Failure> {
    let pack = Pack::load(files).map_err(|mistakes| {
        mistakes.iter().for_each(|mistake| packs::print(mistake));
        Failure::wrong("the imported map makes no pack that can be served; nothing was written")
    })?;
    packs::engine(&pack).map(drop)
}

/// Writes the files; map files of an earlier import that are not among them go.
fn write(out: &Path, files: &[(String, String)], report: &str) -> Result<(), Failure> {
    let cannot =
        |path: &Path, error: std::io::Error| Failure::wrong(format!("cannot write {}: {error}", path.display()));
    let map = out.join("venue");
    for kind in MAP_FILES {
        let path = map.join(format!("{kind}.geojson"));
        if path.is_file() {
            fs::remove_file(&path).map_err(|error| cannot(&path, error))?;
        }
    }
    let report = ("IMPORT.md".to_owned(), report.to_owned());
    for (name, text) in files.iter().chain([&report]) {
        let path = out.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
        }
        fs::write(&path, text).map_err(|error| cannot(&path, error))?;
    }
    Ok(())
}

/// The files that an import writes.
const MAP_FILES: [&str; 10] = [
    "venue",
    "level",
    "unit",
    "opening",
    "relationship",
    "section",
    "amenity",
    "occupant",
    "hub",
    "beacon",
];

/// One plan for each level, with ways from where people are to some places.
fn draw(folder: &Path, imported: &Imported) -> Result<(), Failure> {
    let cannot =
        |path: &Path, error: std::io::Error| Failure::wrong(format!("cannot write {}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    let venue = &imported.venue;
    let start = venue
        .zones
        .iter()
        .find(|zone| zone.exclusive)
        .map(|zone| (zone.level, zone.area.interior()));
    let step = (venue.places.len() / ROUTES_MAX).max(1);
    let goals = (0..venue.places.len()).rev().step_by(step).take(ROUTES_MAX);
    let routes: Vec<_> = goals
        .filter_map(|place| venue.walks.steps_to_place(venue, start?, PlaceIx(place as u16)))
        .collect();
    for at in 0..venue.levels.len() {
        let level = LevelIx(at as u8);
        let path = folder.join(format!(
            "level-{}.svg",
            venue.levels.get(at).map_or(0, |level| level.ordinal)
        ));
        fs::write(&path, svg::draw_with_routes(venue, level, &routes)).map_err(|error| cannot(&path, error))?;
    }
    Ok(())
}

fn report(arguments: &Arguments, imported: &Imported) -> String {
    let archive = arguments.archive.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "# What the import of `{archive}` made\n\n{}\n{}\n\
         Messages are in English; `messages/LANGUAGE.ftl` and `locales` in `pack.toml` add others.\n",
        contents(imported),
        imported.notes_as_markdown()
    )
}

fn summary(arguments: &Arguments, imported: &Imported) -> String {
    let count = |fate: Fate| -> usize {
        let of_fate = imported.notes.iter().filter(|note: &&Note| note.fate == fate);
        of_fate.map(|note| note.count).sum()
    };
    let out = arguments.out.display();
    format!(
        "{} is in {out}.\n{}notes     {} left out, {} changed, {} assumed: {out}/IMPORT.md lists them with reasons",
        imported.venue.name,
        contents(imported),
        count(Fate::LeftOut),
        count(Fate::Changed),
        count(Fate::Assumed),
    )
}

fn contents(imported: &Imported) -> String {
    let venue = &imported.venue;
    let cells: usize = venue
        .floor
        .rasters
        .iter()
        .flat_map(|raster| &raster.walkable)
        .filter(|open| **open)
        .count();
    format!(
        "map       {} levels, {} zones, {} places, {} hubs, {} beacons\nfloor     {cells} walkable cells of {} m\n",
        venue.levels.len(),
        venue.zones.len(),
        venue.places.len(),
        venue.hubs.len(),
        venue.beacons.len(),
        venue.floor.pitch_m,
    )
}

fn anchor(text: &str) -> Result<(f64, f64), String> {
    let expected = || "longitude and latitude in degrees, such as -0.1275,51.5072".to_owned();
    let (lon, lat) = text.split_once(',').ok_or_else(expected)?;
    let read = |text: &str, max: f64| text.trim().parse().ok().filter(|number: &f64| number.abs() <= max);
    read(lon, 180.0).zip(read(lat, 85.0)).ok_or_else(expected)
}

/// Reads metres within limits.
fn metres(low: f32, high: f32) -> impl Fn(&str) -> Result<f32, String> + Clone + Send + Sync + 'static {
    move |text| {
        let metres = text.parse().ok().filter(|metres: &f32| (low..=high).contains(metres));
        metres.ok_or_else(|| format!("metres from {low} to {high}"))
    }
}
