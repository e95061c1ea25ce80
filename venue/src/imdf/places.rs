//! Places: amenities, and occupants at their anchors, moved to where people can stand.
//!
//! A place that nobody can get to would be a wrong answer, so each is tried on the floor: one whose room has no opening is
//! moved to the nearest cell that can be reached, and one that is far from any is left out, both with a note.

use std::collections::{BTreeMap, HashMap};

use super::archive::Record;
use super::context::{Context, called};
use super::draft::{Draft, Labels};
use super::occupants;
use super::reached::Reached;
use super::vocabulary::{AMENITIES, NOT_PLACES, group_of, members, title};
use crate::geometry::Point;
use crate::index::{LevelIx, ZoneIx};
use crate::load::shape;
use crate::venue::{PLACES_MAX, Place};

/// Furthest that a place is moved to where people can stand.
const MOVED_M_MAX: f32 = 20.0;
/// Words for places (categories and kinds) that a pack can tell apart, with some left for its own wants.
const WORDS_MAX: usize = 48;

/// Reads amenities and occupants.
pub(super) fn places<'a>(context: &mut Context<'_, 'a, '_>, units: &HashMap<&'a str, Vec<usize>>, draft: &mut Draft) {
    let records: Vec<Record<'a, '_>> = context.archive.of("amenity").copied().collect();
    for record in &records {
        amenity(context, record, units, draft);
    }
    let records: Vec<Record<'a, '_>> = context.archive.of("occupant").copied().collect();
    for record in &records {
        occupant(context, record, units, draft);
    }
    limit_kinds(context, draft);
}

fn amenity<'a>(
    context: &mut Context<'_, 'a, '_>,
    record: &Record<'a, '_>,
    units: &HashMap<&'a str, Vec<usize>>,
    draft: &mut Draft,
) {
    let known = members(AMENITIES);
    let category = record
        .category(&known, &mut context.notes, "taken as a `service`")
        .unwrap_or("unspecified");
    let place = group_of(AMENITIES, category).unwrap_or("service");
    if place.is_empty() {
        context
            .notes
            .left_out("amenity", &format!("`{category}`"), NOT_PLACES, record.id);
        return;
    }
    let names = context.names_or(record, title(category));
    let levels: Vec<usize> = levels_of(&record.texts("unit_ids"), units, draft);
    let Some(at) = context.shape(record, shape::point) else {
        return;
    };
    let Some(level) = levels.first() else {
        let why = "it names no unit, so its level is unknown";
        context
            .notes
            .left_out("amenity", "without a unit", why, &called(&names, record.id));
        return;
    };
    if levels.len() > 1 {
        let why = "a place is on one level, that of its first unit";
        context
            .notes
            .changed("amenity", "of several levels", why, &called(&names, record.id));
    }
    let mut kinds = kinds_of(category, place);
    kinds.extend(record.texts("accessibility").iter().map(|word| word_of(word)));
    push(draft, record.id, names, place, kinds, *level, at, false);
}

fn occupant<'a>(
    context: &mut Context<'_, 'a, '_>,
    record: &Record<'a, '_>,
    units: &HashMap<&'a str, Vec<usize>>,
    draft: &mut Draft,
) {
    let expected = "an IMDF category of occupants, such as \"coffee\"";
    let Some(category) = record.text("category", expected) else {
        return;
    };
    let names = context.names_or(record, title(category));
    let anchor = record
        .text("anchor_id", "the id of an anchor")
        .and_then(|id| context.archive.find("anchor", id))
        .copied();
    let Some(anchor) = anchor else {
        return;
    };
    let unit = anchor.text("unit_id", "the id of a unit").unwrap_or_default();
    let level = levels_of(&[unit], units, draft).first().copied();
    let (Some(at), Some(level)) = (context.shape(&anchor, shape::point), level) else {
        return;
    };
    let place = occupants::place_of(category);
    push(
        draft,
        record.id,
        names,
        place,
        kinds_of(category, place),
        level,
        at,
        true,
    );
}

/// The levels of some units of the archive, each once.
fn levels_of(ids: &[&str], units: &HashMap<&str, Vec<usize>>, draft: &Draft) -> Vec<usize> {
    let mut levels = Vec::new();
    for unit in ids.iter().filter_map(|id| units.get(id)?.first()) {
        if let Some(unit) = draft.units.get(*unit)
            && !levels.contains(&unit.level)
        {
            levels.push(unit.level);
        }
    }
    levels
}

/// The parts of a category as kinds: `chinese.dimsum` is `chinese` and `dimsum`.
fn kinds_of(category: &str, place: &str) -> Vec<String> {
    let words = category.split('.').map(word_of);
    let mut kinds: Vec<String> = words.filter(|word| !word.is_empty() && word != place).collect();
    kinds.dedup();
    kinds
}

/// A word as a kind: lower case letters, digits and `_`.
fn word_of(word: &str) -> String {
    let letters = word.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    });
    letters.take(64).collect()
}

#[expect(clippy::too_many_arguments, reason = "the parts of a place, named at two calls")]
fn push(
    draft: &mut Draft,
    id: &str,
    names: Labels,
    category: &str,
    kinds: Vec<String>,
    level: usize,
    at: Point,
    is_occupant: bool,
) {
    draft.places.push(Place {
        id: id.to_owned(),
        names,
        category: category.to_owned(),
        kinds,
        level: LevelIx(level as u8),
        at,
        zone: ZoneIx(u16::MAX),
        queue_zone: None,
        servers: 0,
        service_s: 0.0,
    });
    draft.are_occupants.push(is_occupant);
}

/// Keeps the kinds that most places have, as many as a pack can tell apart.
fn limit_kinds(context: &mut Context<'_, '_, '_>, draft: &mut Draft) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for kind in draft.places.iter().flat_map(|place| &place.kinds) {
        *counts.entry(kind.clone()).or_default() += 1;
    }
    let mut categories: Vec<&str> = draft.places.iter().map(|place| place.category.as_str()).collect();
    categories.sort_unstable();
    categories.dedup();
    let mut ranked: Vec<(usize, String)> = counts.into_iter().map(|(kind, count)| (count, kind)).collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let spare = ranked.split_off(ranked.len().min(WORDS_MAX.saturating_sub(categories.len())));
    for (count, kind) in &spare {
        let why = format!("a pack tells {WORDS_MAX} words apart; the rarest kinds go");
        context
            .notes
            .left_out("occupant", "a kind", &why, &format!("{kind} ({count})"));
    }
    for place in &mut draft.places {
        place.kinds.retain(|kind| !spare.iter().any(|(_, gone)| gone == kind));
    }
}

/// Moves each place to where people can stand, or leaves it out; also what is in no zone.
pub(super) fn settle(context: &mut Context<'_, '_, '_>, reached: &Reached, draft: &mut Draft) {
    let places = std::mem::take(&mut draft.places);
    let kinds = std::mem::take(&mut draft.are_occupants);
    for (mut place, is_occupant) in places.into_iter().zip(kinds) {
        let feature_type = if is_occupant { "occupant" } else { "amenity" };
        let which = called(&place.names, &place.id);
        let Some((at, away_m)) = reached.stand(&place, MOVED_M_MAX) else {
            let why = "nobody can stand within 20 m of it";
            context.notes.left_out(feature_type, "out of reach", why, &which);
            continue;
        };
        if away_m > 0.0 {
            let why = "moved to the nearest point that people can get to";
            context
                .notes
                .changed(feature_type, "out of reach", why, &format!("{which}: {away_m:.1} m"));
        }
        place.at = at;
        if !reached.has_zone(&place) {
            context
                .notes
                .left_out(feature_type, "in no zone", "a place is in a zone", &which);
        } else if draft.places.len() >= PLACES_MAX {
            let why = format!("a venue may have {PLACES_MAX} places");
            context.notes.left_out(feature_type, "a place too many", &why, &which);
        } else {
            draft.places.push(place);
            draft.are_occupants.push(is_occupant);
        }
    }
}
