//! Imports a map in Apple's Indoor Mapping Data Format: the files of an IMDF 1.0.0 archive in, map files of this crate out.
//!
//! The form is that of the OGC community standard 20-094. What IMDF has and a venue does not need is left out, what a venue
//! needs and IMDF does not have is assumed, and [`Imported::notes`] lists all of it, with numbers and reasons. An archive
//! that is broken is refused whole with every [`Mistake`] in it, by file, line and column.
//!
//! In reading order: `archive` reads files and checks ids and references by the `vocabulary`; `floor` makes levels, units
//! and obstacles; `doors` the openings, with those that drawings leave out; `ways` stairs and lifts; `reached` tries what
//! people can get to; `zones` and `places` follow from that; `radios` adds hubs and beacons from beside the archive; `write`
//! gives the files, and [`crate::load`] checks them before they are handed over.
//!
//! Deliberately absent: ZIP and folders, which are the caller's, and writing IMDF.

mod archive;
mod context;
mod csv;
mod doors;
mod draft;
mod floor;
mod notes;
mod occupants;
mod places;
mod radios;
mod reached;
mod time_zones;
mod vocabulary;
mod ways;
mod write;
mod zones;

use std::collections::HashMap;

pub use self::notes::{Fate, Note};

use self::archive::{Archive, Record, parse_all};
use self::context::Context;
use self::draft::Draft;
use self::notes::Notes;
use self::reached::{Reached, finest_pitch_m};
use self::write::Head;
use crate::load::frame::{Frame, degrees};
use crate::load::load;
use crate::load::report::Report;
use crate::load::shape;
use crate::mistake::{Mistake, Source};
use crate::venue::Venue;
use crate::words;

/// Height of a storey when nothing else is said, in metres.
pub const STOREY_M: f32 = 4.0;

/// What an import is told beside the archive.
#[derive(Clone, Debug)]
pub struct ImdfOptions {
    /// The language that comes first in names; that of the manifest when there is none.
    pub language: Option<String>,
    /// Longitude and latitude of the frame's zero; the venue's `display_point` when there is none.
    pub anchor: Option<(f64, f64)>,
    /// IANA time zone; that of the country when it has only one, else whole hours by the longitude.
    pub time_zone: Option<String>,
    /// Height of a storey in metres, 2 to 20.
    pub storey_m: f32,
    /// Side of a cell in metres, 0.25 to 5; the finest that fits, from 1 m on, when there is none.
    pub pitch_m: Option<f32>,
    /// Unit categories that are walkable although IMDF means them for staff, such as `office`.
    pub walkable: Vec<String>,
    /// Leaves out features with a broken geometry instead of refusing the archive.
    pub skips_broken: bool,
    /// Hubs, as a table or as GeoJSON.
    pub hubs: Option<Source>,
    /// Beacons, as a table or as GeoJSON.
    pub beacons: Option<Source>,
}

impl Default for ImdfOptions {
    fn default() -> Self {
        Self {
            language: None,
            anchor: None,
            time_zone: None,
            storey_m: STOREY_M,
            pitch_m: None,
            walkable: Vec::new(),
            skips_broken: false,
            hubs: None,
            beacons: None,
        }
    }
}

/// An imported map.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The map's files, `venue/*.geojson`, as [`crate::load`] reads them.
    pub files: Vec<Source>,
    /// The map that they make.
    pub venue: Venue,
    /// The language that comes first in names.
    pub language: String,
    /// What was left out, changed or assumed.
    pub notes: Vec<Note>,
}

impl Imported {
    /// The notes as Markdown, a table for each fate.
    #[must_use]
    pub fn notes_as_markdown(&self) -> String {
        notes::markdown(&self.notes)
    }
}

/// Imports the files of an archive: `manifest.json` and the GeoJSON files beside it, in any order.
///
/// # Errors
/// Every mistake of the archive and of the hubs and beacons beside it. Mistakes in what an import builds on (levels, units,
/// openings) are reported before those that could only follow from them.
pub fn import_imdf(sources: &[Source], options: &ImdfOptions) -> Result<Imported, Vec<Mistake>> {
    let report = Report::new(sources);
    let mut notes = Notes::default();
    let roots = parse_all(sources, &report, &mut notes);
    let outcome = read(&roots, &report, notes, options);
    if report.count() > 0 {
        return Err(report.into_mistakes());
    }
    let Some((head, draft, frame, language, radios, notes)) = outcome? else {
        return Err(vec![]);
    };
    let files = write::files(&head, &draft, frame, &radios[0], &radios[1]);
    let venue = load(&files)?;
    Ok(Imported {
        files,
        venue,
        language,
        notes: notes.into_sorted(),
    })
}

type Outcome = Option<(Head, Draft, Frame, String, [Vec<radios::Radio>; 2], Notes)>;

fn read<'a>(
    roots: &'a [(usize, &'static str, jsonc_parser::ast::Value<'a>)],
    report: &'a Report<'a>,
    mut notes: Notes,
    options: &ImdfOptions,
) -> Result<Outcome, Vec<Mistake>> {
    let archive = Archive::read(roots, report, &mut notes);
    let Some(venue) = the_venue(&archive) else {
        return Ok(None);
    };
    let Some(anchor) = options.anchor.or_else(|| anchor(&venue)) else {
        return Ok(None);
    };
    let language = options.language.clone().or_else(|| archive.language.map(str::to_owned));
    let mut context = Context {
        archive: &archive,
        frame: Frame::around(anchor.0, anchor.1),
        options,
        report,
        notes,
        language: language.unwrap_or_else(|| "en".to_owned()),
    };
    let head = head(&mut context, &venue, anchor);
    let mut draft = Draft {
        pitch_m: options.pitch_m.unwrap_or(1.0),
        ..Draft::default()
    };
    let (levels, units) = building(&mut context, &mut draft);
    if report.count() > 0 || draft.levels.is_empty() {
        return Ok(None);
    }
    people(&mut context, &levels, &units, &mut draft)?;
    if report.count() > 0 {
        return Ok(None);
    }
    let mut mistakes = Vec::new();
    let mut radios = |kind, source: &Option<Source>| {
        let source = source.as_ref();
        source.map_or(Vec::new(), |source| {
            radios::read(&mut context, kind, source, &draft, &mut mistakes)
        })
    };
    let radios = [
        radios(radios::HUB, &options.hubs),
        radios(radios::BEACON, &options.beacons),
    ];
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    unused(&mut context);
    Ok(Some((
        head,
        draft,
        context.frame,
        context.language,
        radios,
        context.notes,
    )))
}

/// Levels, units, openings and ways, with the numbers of levels and units by the ids of the archive.
fn building<'a>(
    context: &mut Context<'_, 'a, '_>,
    draft: &mut Draft,
) -> (HashMap<&'a str, usize>, HashMap<&'a str, Vec<usize>>) {
    let levels = floor::levels(context, draft);
    let units = floor::units(context, &levels, draft);
    doors::openings(context, &levels, draft);
    doors::join_open_floor(context, draft);
    ways::ways(context, &units, draft);
    (levels, units)
}

/// Zones and places, on the cells that people can get to.
fn people<'a>(
    context: &mut Context<'_, 'a, '_>,
    levels: &HashMap<&'a str, usize>,
    units: &HashMap<&'a str, Vec<usize>>,
    draft: &mut Draft,
) -> Result<(), Vec<Mistake>> {
    places::places(context, units, draft);
    if context.options.pitch_m.is_none() {
        draft.pitch_m = finest_pitch_m(draft, draft.places.len() + draft.units.len());
        if draft.pitch_m > 1.0 {
            let why = format!("{} m is the finest that fits a venue of this size", draft.pitch_m);
            context.notes.assumed("venue", "the side of a cell", &why, "");
        }
    }
    let mut reached = Reached::new(draft, &[]);
    if !reached.stranded.is_empty() {
        for stranded in reached.stranded.iter().rev() {
            let way = draft.ways.remove(*stranded);
            let why = "a unit at its end is narrower than a cell";
            context
                .notes
                .left_out("relationship", "a way that nobody can take", why, &way.id);
        }
        reached = Reached::new(draft, &[]);
    }
    if reached.is_empty() {
        if let Some(unit) = context.archive.of("unit").next() {
            unit.id_item.wrong(
                "nobody can walk anywhere",
                "units such as \"walkway\" that visitors may enter",
            );
        }
        return Ok(());
    }
    zones::zones(context, levels, &reached, draft);
    let reached = Reached::new(draft, &draft.zones);
    places::settle(context, &reached, draft);
    Ok(())
}

fn the_venue<'a, 'r>(archive: &Archive<'a, 'r>) -> Option<Record<'a, 'r>> {
    let mut venues = archive.of("venue");
    let first = venues.next().copied();
    if let Some(unit) = archive.records.first().filter(|_| first.is_none()) {
        unit.id_item
            .wrong("the archive has no venue", "exactly one feature in `venue.geojson`");
    }
    for other in venues {
        other
            .id_item
            .wrong("this is a second venue", "exactly one venue in an archive");
    }
    first
}

/// Where the venue says it is: its `display_point`, else the first corner of its outline.
fn anchor(venue: &Record<'_, '_>) -> Option<(f64, f64)> {
    if let Some(point) = venue.find("display_point") {
        return degrees(&shape::point_item(&point)?);
    }
    let corner = venue
        .geometry
        .members(&[], "a GeoJSON geometry")?
        .need("coordinates", "positions")?;
    let mut item = corner;
    while let Some(first) = item.array(1 << 16, "positions")?.first().copied() {
        if first.is_number() {
            return degrees(&item);
        }
        item = first;
    }
    None
}

fn head(context: &mut Context<'_, '_, '_>, venue: &Record<'_, '_>, anchor: (f64, f64)) -> Head {
    let instead = "taken as a `businesscampus`";
    let category = venue.category(words::VENUE_CATEGORIES, &mut context.notes, instead);
    if venue.is_restricted() {
        let why = "units and levels have restrictions of their own";
        context.notes.left_out("venue", "its restriction", why, venue.id);
    }
    let names = context.labels(venue, "name");
    let names = match names.is_empty() {
        true => vec![(context.language.clone(), "Venue".to_owned())],
        false => names,
    };
    let time_zone = context.options.time_zone.clone().unwrap_or_else(|| {
        let country = venue.find("address_id").and_then(|item| {
            context
                .archive
                .find("address", item.text("an id")?)?
                .text("country", "a country")
        });
        let (zone, why) = time_zones::zone_of(country, anchor.0);
        context
            .notes
            .assumed("venue", &format!("the time zone {zone}"), why, "");
        zone
    });
    Head {
        id: venue.id.to_owned(),
        names,
        category: category.unwrap_or("businesscampus"),
        time_zone,
        anchor,
    }
}

/// Types of features that a map has nothing of.
fn unused(context: &mut Context<'_, '_, '_>) {
    for (kind, why) in [
        ("address", "a map has no postal addresses"),
        ("building", "levels and units say where people can be"),
        ("footprint", "levels say how far a floor reaches"),
        ("detail", "curbs and edges are for drawings"),
    ] {
        for record in context.archive.of(kind) {
            context.notes.left_out(kind, "all of it", why, record.id);
        }
    }
}
