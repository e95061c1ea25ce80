//! Stairs, escalators, lifts and ramps: from relationships, and where there are none from units that lie over each other.
//!
//! A relationship leads over its intermediaries from origin to destination; each stretch of it that changes the level is a
//! way. Many archives have no relationships: then a unit of a category that leads between levels is joined to the unit of
//! the same category on the next level above that it overlaps in plan. Times are assumed, since IMDF has none.

use std::collections::HashMap;

use super::archive::Record;
use super::context::{Context, called};
use super::doors::sides;
use super::draft::{Draft, WayDraft};
use super::vocabulary::CONNECTORS;
use crate::load::json::Item;
use crate::load::overlap::overlap;

/// IMDF's categories of relationships.
const RELATIONSHIPS: [&str; 7] = [
    "elevator",
    "escalator",
    "movingwalkway",
    "ramp",
    "stairs",
    "traversal",
    "traversal.path",
];
/// Metres that one climbs in a second on stairs: 0.5 m/s along a flight of 30 degrees (Fruin, Pedestrian Planning and
/// Design, 1971), landings included.
const STAIRS_M_PER_S: f32 = 0.2;
/// Metres that an escalator rises in a second: 0.5 m/s at 30 degrees (EN 115-1).
const ESCALATOR_M_PER_S: f32 = 0.25;
/// Mean wait for a lift, with its doors, in seconds.
const LIFT_WAIT_S: f32 = 30.0;
/// Metres that a lift of a public building rises in a second.
const LIFT_M_PER_S: f32 = 1.0;
/// Metres that one rises in a second on a ramp of 1 in 12 at 1.2 m/s.
const RAMP_M_PER_S: f32 = 0.1;
/// Shortest time for a way.
const TRAVERSE_S_MIN: f32 = 3.0;

/// Reads the relationships, then joins what they leave unjoined.
pub(super) fn ways<'a>(context: &mut Context<'_, 'a, '_>, units: &HashMap<&'a str, Vec<usize>>, draft: &mut Draft) {
    let records: Vec<Record<'a, '_>> = context.archive.of("relationship").copied().collect();
    for record in &records {
        relationship(context, record, units, draft);
    }
    by_overlap(context, draft);
}

fn relationship<'a>(
    context: &mut Context<'_, 'a, '_>,
    record: &Record<'a, '_>,
    units: &HashMap<&'a str, Vec<usize>>,
    draft: &mut Draft,
) {
    let instead = "taken as the units at its ends say";
    let category = record
        .category(&RELATIONSHIPS, &mut context.notes, instead)
        .unwrap_or("traversal");
    let direction = record
        .properties
        .need("direction", "\"directed\" or \"undirected\"")
        .and_then(|item| item.word(&["directed", "undirected"], "direction"));
    let between = record
        .find("intermediary")
        .and_then(|item| item.array(64, "an array of references to features"));
    let ends = [record.find("origin"), record.find("destination")];
    let chain = ends[0].into_iter().chain(between.unwrap_or_default()).chain(ends[1]);
    let stops: Vec<usize> = chain.filter_map(|item| stop(context, &item, units, draft)).collect();
    let mut is_way = false;
    for (at, pair) in stops.windows(2).enumerate() {
        let [from, to] = [pair[0], pair[1]];
        let levels = [from, to].map(|unit| draft.units.get(unit).map_or(0, |unit| unit.level));
        if levels[0] == levels[1] {
            continue;
        }
        is_way = true;
        let category = kind(draft, category, from, to);
        let way = WayDraft {
            id: super::floor::piece_id(record.id, at),
            category,
            both_ways: direction != Some("directed"),
            from,
            to,
            traverse_s: seconds(category, rise_m(draft, from, to)),
        };
        add(context, draft, way);
    }
    if !is_way {
        let (what, why) = match direction {
            Some("directed") => (
                "one way on a level",
                "openings of this map are passed in both directions",
            ),
            Some(_) | None => ("a relationship on one level", "units and openings already say it"),
        };
        context.notes.left_out("relationship", what, why, record.id);
    }
}

/// The unit that a reference stands for.
fn stop<'a>(
    context: &mut Context<'_, 'a, '_>,
    item: &Item<'a, '_>,
    units: &HashMap<&'a str, Vec<usize>>,
    draft: &Draft,
) -> Option<usize> {
    let expected = "a reference: {\"id\": ..., \"feature_type\": \"unit\"}";
    let members = item.members(&[], expected)?;
    let id_item = members.need("id", expected)?;
    let (id, kind) = (
        id_item.text(expected)?,
        members.need("feature_type", expected)?.text(expected)?,
    );
    let Some(record) = context.archive.find(kind, id) else {
        id_item.wrong(
            format!("no {kind} has the id `{id}`"),
            "the id of a feature of this archive",
        );
        return None;
    };
    let unit_of = |id: &str| units.get(id)?.first().copied();
    match record.kind {
        "unit" => unit_of(id),
        "anchor" => unit_of(record.text("unit_id", "the id of a unit")?),
        "amenity" => unit_of(record.texts("unit_ids").first()?),
        "opening" => {
            let opening = draft.openings.iter().find(|opening| opening.id == id)?;
            let beside = sides(draft, opening).into_iter().flatten();
            let leads = |unit: &usize| {
                draft
                    .units
                    .get(*unit)
                    .is_some_and(|unit| CONNECTORS.contains(&unit.category))
            };
            beside.max_by_key(leads)
        }
        _ => {
            let why = "only units, openings, anchors and amenities are places on the way";
            context
                .notes
                .left_out("relationship", &format!("a reference to a {kind}"), why, id);
            None
        }
    }
}

/// What a way is called: by its relationship, else by the units at its ends.
fn kind(draft: &Draft, category: &'static str, from: usize, to: usize) -> &'static str {
    let by_units = [from, to].iter().find_map(|unit| {
        let category = draft.units.get(*unit)?.category;
        CONNECTORS.contains(&category).then_some(category)
    });
    match (category, by_units) {
        ("elevator" | "escalator" | "ramp" | "stairs", _) => category,
        (_, Some("elevator")) => "elevator",
        (_, Some("escalator" | "movingwalkway")) => "escalator",
        (_, Some("ramp")) => "ramp",
        _ => "stairs",
    }
}

fn rise_m(draft: &Draft, from: usize, to: usize) -> f32 {
    let height_m = |unit: usize| {
        let level = draft.units.get(unit).and_then(|unit| draft.levels.get(unit.level));
        level.map_or(0.0, |level| level.elevation_m)
    };
    (height_m(from) - height_m(to)).abs()
}

fn seconds(category: &str, rise_m: f32) -> f32 {
    let seconds = match category {
        "elevator" => LIFT_WAIT_S + rise_m / LIFT_M_PER_S,
        "escalator" => rise_m / ESCALATOR_M_PER_S,
        "ramp" => rise_m / RAMP_M_PER_S,
        _ => rise_m / STAIRS_M_PER_S,
    };
    seconds.clamp(TRAVERSE_S_MIN, 3_600.0)
}

fn add(context: &mut Context<'_, '_, '_>, draft: &mut Draft, way: WayDraft) {
    let is_walkable = |unit: usize| draft.units.get(unit).is_some_and(super::draft::UnitDraft::is_walkable);
    if !is_walkable(way.from) || !is_walkable(way.to) {
        let why = "an end of it is solid, so nobody gets to it";
        context
            .notes
            .left_out("relationship", "a way that nobody can take", why, &way.id);
        return;
    }
    let is_known =
        |other: &WayDraft| (other.from, other.to) == (way.from, way.to) || (other.from, other.to) == (way.to, way.from);
    if draft
        .ways
        .iter()
        .any(|other| is_known(other) && other.both_ways == way.both_ways && other.from == way.from)
    {
        return;
    }
    let what = format!("seconds for {}", way.category);
    context.notes.assumed(
        "relationship",
        &what,
        "IMDF has none: they follow from the height",
        &way.id,
    );
    draft.ways.push(way);
}

/// Joins each unit that leads upwards with the one above it, where no relationship does.
fn by_overlap(context: &mut Context<'_, '_, '_>, draft: &mut Draft) {
    let mut found = Vec::new();
    for (below, unit) in draft.units.iter().enumerate() {
        if !unit.is_walkable() || !CONNECTORS.contains(&unit.category) || is_joined_upwards(draft, below) {
            continue;
        }
        let reach = if unit.category == "elevator" {
            draft.levels.len()
        } else {
            unit.level + 2
        };
        let above = (unit.level + 1..reach.min(draft.levels.len())).find_map(|level| {
            let over = |(_, other): &(usize, &super::draft::UnitDraft)| {
                other.is_walkable() && other.category == unit.category && overlap(&unit.area, &other.area).is_some()
            };
            draft.units_on(level).find(over).map(|(ix, _)| ix)
        });
        found.extend(above.map(|above| (below, above)));
    }
    for (from, to) in found {
        let category = kind(draft, "traversal", from, to);
        let id = format!("way-{}", draft.ways.len() + 1);
        let names = [from, to].map(|unit| {
            draft
                .units
                .get(unit)
                .map_or(String::new(), |unit| called(&unit.names, &unit.id))
        });
        let why = match category {
            "escalator" => {
                "units of the same category lie over each other; its direction is unknown, so it runs both ways"
            }
            _ => "units of the same category lie over each other, and no relationship joins them",
        };
        context.notes.assumed(
            "relationship",
            &format!("a way by {category}"),
            why,
            &names.join(" to "),
        );
        let way = WayDraft {
            id,
            category,
            both_ways: true,
            from,
            to,
            traverse_s: seconds(category, rise_m(draft, from, to)),
        };
        add(context, draft, way);
    }
    for (ix, unit) in draft.units.iter().enumerate() {
        let leads = unit.is_walkable() && matches!(unit.category, "stairs" | "escalator" | "elevator");
        if leads && !draft.ways.iter().any(|way| way.from == ix || way.to == ix) {
            let why = "no relationship names it and no unit of its category lies over or under it";
            let what = format!("a way by {}", unit.category);
            context
                .notes
                .left_out("unit", &what, why, &called(&unit.names, &unit.id));
        }
    }
}

/// Whether a way leads from a unit to a higher level.
fn is_joined_upwards(draft: &Draft, unit: usize) -> bool {
    let level = |unit: usize| draft.units.get(unit).map_or(0, |unit| unit.level);
    draft.ways.iter().any(|way| {
        (way.from == unit && level(way.to) > level(unit)) || (way.to == unit && level(way.from) > level(unit))
    })
}
