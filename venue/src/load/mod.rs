//! From the text of the map files to a [`Venue`], or to every mistake in them.
//!
//! In order: JSON with positions (`json`), the envelope (`collection`), the frame of the coordinates (`frame`), the
//! properties and geometry of each feature (`draft`, `property`, `identity`, `shape`), references (`link`), zones that overlap
//! (`overlap`), and last, on the painted floor, places that nobody can reach. A step that needs something mistaken is
//! left out, so that mistakes are not reported twice in other words.

mod collection;
mod draft;
pub(crate) mod frame;
mod identity;
pub(crate) mod json;
pub(crate) mod link;
pub(crate) mod overlap;
mod property;
pub(crate) mod reach;
pub(crate) mod report;
pub(crate) mod shape;

use jsonc_parser::ast::Value;

use self::collection::Feature;
use self::draft::VenueDraft;
use self::frame::Frame;
use self::json::Item;
use self::report::{Report, Spot};
use crate::lookup::Lookup;
use crate::mistake::{Mistake, Source};
use crate::venue::{BEACONS_MAX, HUBS_MAX, LEVELS_MAX, PLACES_MAX, Venue, ZONES_MAX};
use crate::walks::Walks;

/// Most files of a map.
pub const SOURCES_MAX: usize = 64;
/// Most bytes of one file.
pub const SOURCE_BYTES_MAX: usize = 16 << 20;
/// Most units, openings and relationships of a venue.
const UNITS_MAX: usize = 8_192;

/// Reads the map from all of its files at once; their order decides only the order of indices.
///
/// # Errors
/// Every mistake of every file, in the order of the files and of the text. After mistakes in walls, openings or stairs it
/// is unknown which places can be reached, so that is not reported until they are mended.
pub fn load(sources: &[Source]) -> Result<Venue, Vec<Mistake>> {
    let report = Report::new(sources);
    let roots = parse(sources, &report);
    match read(&roots, &report) {
        Some(venue) if report.count() == 0 => Ok(venue),
        _ => Err(report.into_mistakes()),
    }
}

fn parse<'a>(sources: &'a [Source], report: &Report<'_>) -> Vec<(usize, Value<'a>)> {
    let start = |source: usize| Spot { source, span: 0..1 };
    if sources.is_empty() {
        report.add(&start(0), "the map has no file", "GeoJSON files in the folder `venue`");
    }
    if sources.len() > SOURCES_MAX {
        report.add(
            &start(SOURCES_MAX),
            format!("the map has {} files", sources.len()),
            format!("at most {SOURCES_MAX}"),
        );
    }
    let mut roots = Vec::new();
    for (at, source) in sources.iter().enumerate().take(SOURCES_MAX) {
        if source.text.len() > SOURCE_BYTES_MAX {
            report.add(
                &start(at),
                format!("the file has {} bytes", source.text.len()),
                format!("at most {SOURCE_BYTES_MAX}"),
            );
            continue;
        }
        roots.extend(json::parse(source, at, report).map(|root| (at, root)));
    }
    roots
}

fn read<'a>(roots: &'a [(usize, Value<'a>)], report: &'a Report<'a>) -> Option<Venue> {
    let mut features = Vec::new();
    for (at, root) in roots {
        collection::read(Item::new(root, *at, report), &mut features);
    }
    collection::check_ids(&features);
    check_counts(&features, report);
    let venue = the_venue(&features, report);
    let frame = venue
        .and_then(|feature| Frame::read(&draft::venue_properties(feature)?))
        .unwrap_or(Frame::Unknown);
    let draft = venue.and_then(|feature| draft::venue(feature, &frame));
    let pitch_m = draft
        .as_ref()
        .map_or(draft::PITCH_M_DEFAULT as f32, |draft| draft.pitch_m);
    let linked = link::link(&features, frame, pitch_m);
    overlap::check(&linked.zones, &linked.zone_features);
    build(venue?, draft?, linked, report)
}

/// Paints the floor, finds where one stands at each place, and computes the walks.
fn build(
    feature: &Feature<'_, '_>,
    draft: VenueDraft,
    linked: link::Linked<'_, '_>,
    report: &Report<'_>,
) -> Option<Venue> {
    if !linked.is_plan_whole || !reach::fits(&linked, feature) {
        return None;
    }
    let mut linked = linked;
    let reached = reach::settle(&mut linked, feature)?;
    if report.count() > 0 {
        return None;
    }
    let lookup = Lookup::new(&reached.floor, &linked.zones);
    let walks = Walks::new(reached.graph, &reached.floor, &linked.zones, &reached.stands);
    Some(Venue {
        id: feature.id.to_owned(),
        name: draft.name,
        time_zone: draft.time_zone,
        levels: linked.levels,
        zones: linked.zones,
        places: linked.places,
        hubs: linked.hubs,
        beacons: linked.beacons,
        floor: reached.floor,
        walks,
        lookup,
    })
}

fn the_venue<'f, 'a, 'r>(features: &'f [Feature<'a, 'r>], report: &Report<'_>) -> Option<&'f Feature<'a, 'r>> {
    let mut venues = features.iter().filter(|feature| feature.kind == "venue");
    let first = venues.next();
    if first.is_none() {
        report.add(
            &Spot { source: 0, span: 0..1 },
            "the map has no feature of type `venue`",
            "exactly one, in any of the files",
        );
    }
    for other in venues {
        other.id_item.wrong(
            "this is a second venue",
            "exactly one feature of type `venue` in the map",
        );
    }
    if first.is_some() && !features.iter().any(|feature| feature.kind == "level") {
        report.add(
            &Spot { source: 0, span: 0..1 },
            "the map has no feature of type `level`",
            "at least one",
        );
    }
    first
}

fn check_counts(features: &[Feature<'_, '_>], report: &Report<'_>) {
    for (kinds, what, max) in [
        (&["level"][..], "levels", LEVELS_MAX),
        (&["section"][..], "zones", ZONES_MAX),
        (&["amenity", "occupant"][..], "places", PLACES_MAX),
        (&["hub"][..], "hubs", HUBS_MAX),
        (&["beacon"][..], "beacons", BEACONS_MAX),
        (
            &["unit", "opening", "relationship"][..],
            "units, openings and relationships",
            UNITS_MAX,
        ),
    ] {
        collection::check_count(features, kinds, what, max, report);
    }
}
