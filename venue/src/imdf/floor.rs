//! Levels, units and what stands in the way: where people can be at all.
//!
//! Every level of the archive with the same ordinal is one level of the map: buildings side by side and the ground between
//! them are walked through without a stair. A unit that is restricted, or on a restricted level, is solid.

use std::collections::HashMap;

use super::archive::Record;
use super::context::Context;
use super::draft::{Draft, LevelDraft, UnitDraft};
use super::vocabulary::{FIXTURES, title};
use crate::load::shape;
use crate::venue::LEVELS_MAX;
use crate::words;

/// Units that this project has and IMDF does not.
const NOT_IMDF: [&str; 3] = ["seating", "retail", "exhibit"];

/// Reads the levels, lowest first; their numbers by the ids of the archive.
pub(super) fn levels<'a>(context: &mut Context<'_, 'a, '_>, draft: &mut Draft) -> HashMap<&'a str, usize> {
    let records: Vec<Record<'a, '_>> = context.archive.of("level").copied().collect();
    let mut found: Vec<(bool, &'a str, LevelDraft)> = Vec::new();
    for record in &records {
        let whole = "a whole number: 0 is the floor at the street";
        let ordinal = record
            .properties
            .need("ordinal", whole)
            .and_then(|item| item.whole(-100, 200, whole));
        let outdoor = record.find("outdoor").and_then(|item| item.boolean()).unwrap_or(false);
        let areas = context.shape(record, shape::polygons);
        let (Some(ordinal), Some(areas)) = (ordinal, areas) else {
            continue;
        };
        let level = LevelDraft {
            id: record.id.to_owned(),
            names: context.names_or(record, format!("Level {ordinal}")),
            short_names: context.labels(record, "short_name"),
            ordinal: ordinal as i16,
            elevation_m: ordinal as f32 * context.options.storey_m,
            areas,
            source_ids: vec![record.id.to_owned()],
        };
        context.notes.assumed(
            "level",
            "its height",
            "IMDF has none: a storey's height times its ordinal",
            record.id,
        );
        found.push((outdoor, record.id, level));
    }
    // The ground between buildings gives neither name nor id to a floor that has an inside.
    found.sort_by_key(|(outdoor, _, level)| (level.ordinal, *outdoor));
    let mut by_id = HashMap::new();
    for (_, id, level) in found {
        match draft.levels.last_mut().filter(|last| last.ordinal == level.ordinal) {
            Some(last) => {
                let why = "levels with the same ordinal are one level of the map";
                context.notes.changed("level", "joined to another", why, id);
                last.areas.extend(level.areas);
                last.source_ids.extend(level.source_ids);
            }
            None => draft.levels.push(level),
        }
        by_id.insert(id, draft.levels.len() - 1);
    }
    if let Some(record) = records.first().filter(|_| draft.levels.len() > LEVELS_MAX) {
        let what = format!("the archive has {} floors", draft.levels.len());
        record.id_item.wrong(what, format!("at most {LEVELS_MAX} ordinals"));
    }
    by_id
}

/// Reads units, fixtures and kiosks. The units of each id of the archive are returned by number, the largest first.
pub(super) fn units<'a>(
    context: &mut Context<'_, 'a, '_>,
    levels: &HashMap<&'a str, usize>,
    draft: &mut Draft,
) -> HashMap<&'a str, Vec<usize>> {
    let closed = closed_levels(context);
    let mut by_id = HashMap::new();
    let known: Vec<&'static str> = words::WALKABLE_UNITS
        .iter()
        .chain(words::SOLID_UNITS)
        .copied()
        .filter(|word| !NOT_IMDF.contains(word))
        .collect();
    let records: Vec<Record<'a, '_>> = context.archive.of("unit").copied().collect();
    for record in &records {
        let instead = "taken as `unspecified`, where people may be";
        let category = record
            .category(&known, &mut context.notes, instead)
            .unwrap_or("unspecified");
        let level_id = record.text("level_id", "the id of a level").unwrap_or_default();
        let category = visited(context, record, category, closed.contains(&level_id));
        let names = context.labels(record, "name");
        let numbers = add(context, record, levels, draft, |id, level, area| UnitDraft {
            id,
            level,
            category,
            names: names.clone(),
            area,
        });
        by_id.insert(record.id, numbers);
    }
    obstacles(context, levels, draft);
    by_id
}

/// The category under which a unit enters the map: `nonpublic` where visitors are kept out.
fn visited(
    context: &mut Context<'_, '_, '_>,
    record: &Record<'_, '_>,
    category: &'static str,
    is_closed: bool,
) -> &'static str {
    let is_walkable = words::WALKABLE_UNITS.contains(&category);
    if is_walkable && (is_closed || record.is_restricted()) {
        context
            .notes
            .changed("unit", "restricted", "solid: visitors do not walk there", record.id);
        return "nonpublic";
    }
    if !is_walkable && !record.is_restricted() && context.options.walkable.iter().any(|word| word == category) {
        let what = format!("`{category}`");
        context
            .notes
            .changed("unit", &what, "a `room`, as the import was told to", record.id);
        return "room";
    }
    category
}

/// Ids of the levels that are restricted, or whose buildings all are.
fn closed_levels<'a>(context: &mut Context<'_, 'a, '_>) -> Vec<&'a str> {
    let archive = context.archive;
    let is_closed = |record: &&Record<'a, '_>| {
        let buildings = record.texts("building_ids");
        let closed = |id: &&str| archive.find("building", id).is_some_and(Record::is_restricted);
        record.is_restricted() || (!buildings.is_empty() && buildings.iter().all(closed))
    };
    archive.of("level").filter(is_closed).map(|record| record.id).collect()
}

/// Fixtures and kiosks: solid, wherever they stand.
fn obstacles<'a>(context: &mut Context<'_, 'a, '_>, levels: &HashMap<&'a str, usize>, draft: &mut Draft) {
    for kind in ["fixture", "kiosk"] {
        let records: Vec<Record<'a, '_>> = context.archive.of(kind).copied().collect();
        for record in &records {
            if kind == "fixture" {
                record.category(FIXTURES, &mut context.notes, "it stands in the way like any other");
            }
            let names = context.labels(record, "name");
            add(context, record, levels, draft, |id, level, area| UnitDraft {
                id,
                level,
                category: "structure",
                names: names.clone(),
                area,
            });
            context
                .notes
                .changed(kind, "a solid unit", "people walk around it", record.id);
        }
    }
}

/// Adds a unit for each polygon of a record.
fn add(
    context: &mut Context<'_, '_, '_>,
    record: &Record<'_, '_>,
    levels: &HashMap<&str, usize>,
    draft: &mut Draft,
    unit: impl Fn(String, usize, crate::Polygon) -> UnitDraft,
) -> Vec<usize> {
    let areas = context.shape(record, shape::polygons);
    let level = record
        .text("level_id", "the id of a level")
        .and_then(|id| levels.get(id));
    let (Some(mut areas), Some(level)) = (areas, level) else {
        return Vec::new();
    };
    areas.sort_by(|a, b| b.area_m2().total_cmp(&a.area_m2()));
    if areas.len() > 1 {
        context.notes.changed(
            record.kind,
            "of several pieces",
            "each piece is a unit of its own",
            record.id,
        );
    }
    let mut numbers = Vec::new();
    for (at, area) in areas.into_iter().enumerate() {
        numbers.push(draft.units.len());
        draft.units.push(unit(piece_id(record.id, at), *level, area));
    }
    numbers
}

/// The id of the `at`th piece of something.
pub(super) fn piece_id(id: &str, at: usize) -> String {
    if at == 0 {
        id.to_owned()
    } else {
        format!("{id}-{}", at + 1)
    }
}

/// A unit's name, else its category and its number on its level.
pub(super) fn unit_title(unit: &UnitDraft, number: usize) -> String {
    format!("{} {number}", title(unit.category))
}
