//! Zones: sections where they say where everybody is, else the walkable units; the other of the two for reports.
//!
//! People are counted in exclusive zones, which do not overlap. Sections of IMDF may nest and overlap, and need not cover
//! the floor; so the finest of them that do not overlap are tried, and kept as exclusive when they cover most of the floor.
//! Otherwise each unit that people can get to is a zone, and sections and geofences lie over them.

use std::collections::HashMap;

use super::archive::Record;
use super::context::Context;
use super::draft::{Draft, Labels};
use super::floor::{piece_id, unit_title};
use super::reached::Reached;
use super::vocabulary::{ZONES, group_of, members, title, zone_of_unit};
use crate::geometry::{Bounds, Polygon};
use crate::index::LevelIx;
use crate::load::link::OUTSIDE_M_MAX;
use crate::load::overlap::overlap;
use crate::load::shape;
use crate::venue::{ZONES_MAX, Zone};

/// Share of the cells that sections must cover to be the zones in which people are counted.
const COVERED_MIN: f32 = 0.8;
/// Zones of this project's own categories that nobody rests in.
const PASSED: [&str; 4] = ["stairs", "steps", "escalator", "elevator"];

/// A zone and its names.
type Named = (Zone, Labels);

/// Draws the zones of a draft.
pub(super) fn zones<'a>(
    context: &mut Context<'_, 'a, '_>,
    levels: &HashMap<&'a str, usize>,
    reached: &Reached,
    draft: &mut Draft,
) {
    let mut sections = sections(context, levels, draft);
    sections.sort_by(|(a, _), (b, _)| a.area.area_m2().total_cmp(&b.area.area_m2()));
    let mut exclusive: Vec<Zone> = Vec::new();
    let mut chosen = vec![false; sections.len()];
    for ((zone, _), chosen) in sections.iter().zip(&mut chosen).filter(|((zone, _), _)| zone.exclusive) {
        if !overlaps(zone, &exclusive) {
            *chosen = true;
            exclusive.push(zone.clone());
        }
    }
    let covered = covered(reached, &exclusive);
    let are_sections_enough = covered >= COVERED_MIN;
    for ((zone, _), chosen) in sections.iter_mut().zip(chosen) {
        let was_exclusive = zone.exclusive;
        zone.exclusive = chosen && are_sections_enough;
        if was_exclusive && !zone.exclusive {
            let why = match are_sections_enough {
                true => "it overlaps a smaller one; people are counted in that",
                false => "sections cover too little of the floor, so people are counted by unit",
            };
            context.notes.changed("section", "not exclusive", why, &zone.id);
        }
    }
    if !are_sections_enough {
        exclusive.clear();
    }
    let mut all = sections;
    all.extend(of_units(context, reached, draft, &exclusive));
    keep(context, draft, all);
}

/// Sections and geofences, every piece of each; geofences and nested sections are not exclusive.
fn sections<'a>(context: &mut Context<'_, 'a, '_>, levels: &HashMap<&'a str, usize>, draft: &Draft) -> Vec<Named> {
    let mut found = Vec::new();
    for kind in ["section", "geofence"] {
        let records: Vec<Record<'a, '_>> = context.archive.of(kind).copied().collect();
        for record in &records {
            let known = members(ZONES);
            let category = record.category(&known, &mut context.notes, "taken as a `room`");
            let category = category.and_then(|word| group_of(ZONES, word).map(|zone| (word, zone)));
            let (word, zone) = category.unwrap_or((kind, "room"));
            let mut on: Vec<usize> = match kind {
                "section" => record
                    .text("level_id", "the id of a level")
                    .and_then(|id| levels.get(id))
                    .into_iter()
                    .copied()
                    .collect(),
                _ => record
                    .texts("level_ids")
                    .iter()
                    .filter_map(|id| levels.get(id))
                    .copied()
                    .collect(),
            };
            on.sort_unstable();
            on.dedup();
            if kind == "geofence" && on.is_empty() {
                let why = "it names no level, and a zone is on one";
                context.notes.left_out("geofence", "without a level", why, record.id);
                continue;
            }
            let names = context.names_or(record, title(word));
            let Some(areas) = context.shape(record, shape::polygons) else {
                continue;
            };
            if areas.len() * on.len() > 1 {
                context.notes.changed(
                    kind,
                    "of several pieces or levels",
                    "each is a zone of its own",
                    record.id,
                );
            }
            let pieces = on.iter().flat_map(|level| areas.iter().map(move |area| (*level, area)));
            for (at, (level, area)) in pieces.enumerate() {
                if !is_inside(draft, level, area) {
                    context
                        .notes
                        .left_out(kind, "outside its level", "a zone lies on its level", record.id);
                    continue;
                }
                let zone = zone_of(piece_id(record.id, at), &names, zone, level, area, kind == "section");
                found.push((zone, names.clone()));
            }
        }
    }
    found
}

/// A zone for each unit that people can get to and rest in, beside the zones that are there.
fn of_units(context: &mut Context<'_, '_, '_>, reached: &Reached, draft: &Draft, exclusive: &[Zone]) -> Vec<Named> {
    let cells = reached.cells_of_units(draft);
    let mut taken = exclusive.to_vec();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::new();
    for (unit, cells) in draft.units.iter().zip(cells) {
        if !unit.is_walkable() || PASSED.contains(&unit.category) || !is_inside(draft, unit.level, &unit.area) {
            continue;
        }
        let number = numbers.entry(unit.category).or_default();
        *number += 1;
        if cells == 0 {
            let why = "no opening leads to it, or it is narrower than a cell";
            context.notes.left_out("unit", "a zone", why, &unit.id);
            continue;
        }
        let names = match unit.names.is_empty() {
            true => vec![(context.language.clone(), unit_title(unit, *number))],
            false => unit.names.clone(),
        };
        let zone = zone_of(
            format!("zone-{}", unit.id),
            &names,
            zone_of_unit(unit.category),
            unit.level,
            &unit.area,
            true,
        );
        if overlaps(&zone, &taken) {
            if exclusive.is_empty() {
                context
                    .notes
                    .left_out("unit", "a zone", "it overlaps another unit", &unit.id);
            }
            continue;
        }
        taken.push(zone.clone());
        found.push((zone, names));
    }
    found
}

/// Keeps as many zones as a venue may have, the largest exclusive ones first, in the order of the files.
fn keep(context: &mut Context<'_, '_, '_>, draft: &mut Draft, all: Vec<Named>) {
    let mut order: Vec<usize> = (0..all.len()).collect();
    let weight = |ix: &usize| {
        all.get(*ix)
            .map_or((false, 0.0), |(zone, _)| (zone.exclusive, zone.area.area_m2()))
    };
    order.sort_by(|a, b| {
        let (a, b) = (weight(a), weight(b));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    let mut kept = order.clone();
    kept.truncate(ZONES_MAX);
    kept.sort_unstable();
    for (zone, _) in order.iter().skip(ZONES_MAX).filter_map(|ix| all.get(*ix)) {
        let why = format!("a venue may have {ZONES_MAX} zones; the smallest are left out");
        context.notes.left_out("section", "a zone too many", &why, &zone.id);
    }
    for (zone, names) in kept.into_iter().filter_map(|ix| all.get(ix)) {
        draft.zones.push(zone.clone());
        draft.zone_names.push(names.clone());
    }
}

fn zone_of(id: String, names: &Labels, category: &str, level: usize, area: &Polygon, exclusive: bool) -> Zone {
    Zone {
        name: names.first().map_or_else(|| id.clone(), |(_, name)| name.clone()),
        id,
        category: category.to_owned(),
        level: LevelIx(level as u8),
        area: area.clone(),
        exclusive,
        seats: 0,
    }
}

fn is_inside(draft: &Draft, level: usize, area: &Polygon) -> bool {
    let at = area.interior();
    let areas = draft.levels.get(level).map_or(&[][..], |level| &level.areas);
    areas
        .iter()
        .any(|area| area.contains(at) || area.border_m(at) <= OUTSIDE_M_MAX)
}

fn overlaps(zone: &Zone, others: &[Zone]) -> bool {
    let bounds: Bounds = zone.area.bounds();
    others.iter().any(|other| {
        other.level == zone.level && other.area.bounds().meets(&bounds) && overlap(&zone.area, &other.area).is_some()
    })
}

/// Share of the cells that people can get to and that lie in one of the zones.
fn covered(reached: &Reached, zones: &[Zone]) -> f32 {
    let (mut inside, mut count) = (0_u32, 0_u32);
    for (level, _, at) in reached.cells() {
        count += 1;
        inside += u32::from(zones.iter().any(|zone| zone.level == level && zone.area.contains(at)));
    }
    if count == 0 { 0.0 } else { inside as f32 / count as f32 }
}
