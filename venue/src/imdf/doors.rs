//! Openings, and the borders that are no walls although no opening lies on them.
//!
//! In IMDF an opening models an entrance; open floor that a drawing cuts into pieces, and the foot of a staircase, often
//! have none. Two rules join those, and each join is noted: pieces of open floor (`OPEN_FLOOR`) that share a border are one
//! floor, unless an opening on that border says where it is passed; and stairs, escalators, lifts and ramps without a single
//! opening are entered across every border that they share with a walkable unit.

use std::collections::HashMap;

use super::archive::Record;
use super::context::Context;
use super::draft::{Draft, OpeningDraft};
use super::vocabulary::{CONNECTORS, LOCKS, OPEN_FLOOR};
use crate::geometry::{Bounds, Point, along, segment_distance_m};
use crate::load::shape;
use crate::words;

/// Borders nearer than this are one border.
const SHARED_M: f32 = 0.25;
/// Shortest stretch of a shared border that people pass.
const STRETCH_M_MIN: f32 = 0.6;
/// How far from a border an opening lies on it.
const ON_BORDER_M: f32 = 0.3;
/// Distances on both sides of an opening at which a unit is looked for, in metres; the last is a thick wall.
const PROBES_M: [f32; 5] = [0.05, 0.15, 0.3, 0.5, 0.8];

/// Reads the openings.
pub(super) fn openings<'a>(context: &mut Context<'_, 'a, '_>, levels: &HashMap<&'a str, usize>, draft: &mut Draft) {
    let known = [words::PASSABLE_OPENINGS, words::BARRED_OPENINGS].concat();
    let records: Vec<Record<'a, '_>> = context.archive.of("opening").copied().collect();
    for record in &records {
        let category = record
            .category(&known, &mut context.notes, "taken as `pedestrian`")
            .unwrap_or("pedestrian");
        let locks = record.texts("access_control");
        let lock = LOCKS.iter().find(|lock| locks.contains(lock));
        let category = match lock.filter(|_| words::PASSABLE_OPENINGS.contains(&category)) {
            Some(lock) => {
                let what = format!("`access_control` of `{lock}`");
                context
                    .notes
                    .changed("opening", &what, "`service`: visitors do not pass", record.id);
                "service"
            }
            None => category,
        };
        let level = record
            .text("level_id", "the id of a level")
            .and_then(|id| levels.get(id));
        let line = context.shape(record, shape::line);
        let (Some(level), Some(line)) = (level, line) else {
            continue;
        };
        let opening = OpeningDraft {
            id: record.id.to_owned(),
            level: *level,
            category,
            line,
        };
        match sides(draft, &opening) {
            [None, None] if opening.is_passable() => {
                let why = "no walkable unit is beside it, so it lets nobody through";
                context
                    .notes
                    .changed("opening", "an opening to nowhere", why, record.id);
            }
            _ => {}
        }
        draft.openings.push(opening);
    }
}

/// The walkable units to the left and to the right of an opening's middle.
pub(super) fn sides(draft: &Draft, opening: &OpeningDraft) -> [Option<usize>; 2] {
    let (middle, a, b) = opening.middle();
    let length_m = a.distance_m(b).max(f32::EPSILON);
    let normal = ((a.north_m - b.north_m) / length_m, (b.east_m - a.east_m) / length_m);
    [1.0, -1.0].map(|side| {
        PROBES_M.iter().find_map(|away_m| {
            let at = Point::new(
                middle.east_m + normal.0 * away_m * side,
                middle.north_m + normal.1 * away_m * side,
            );
            let unit = draft.unit_at(opening.level, at)?;
            draft.units.get(unit).filter(|unit| unit.is_walkable()).map(|_| unit)
        })
    })
}

/// Joins open floor that a drawing cut into pieces, and stairs that nothing opens.
pub(super) fn join_open_floor(context: &mut Context<'_, '_, '_>, draft: &mut Draft) {
    let bounds: Vec<Bounds> = draft.units.iter().map(|unit| unit.area.bounds()).collect();
    let is_shut: Vec<bool> = (0..draft.units.len())
        .map(|unit| is_shut_connector(draft, unit))
        .collect();
    let mut joins = Vec::new();
    for (one, unit) in draft.units.iter().enumerate().filter(|(_, unit)| unit.is_walkable()) {
        for (other, neighbour) in draft.units.iter().enumerate().skip(one + 1) {
            let near = bounds
                .get(one)
                .zip(bounds.get(other))
                .is_some_and(|(a, b)| wide(a).meets(b));
            if unit.level != neighbour.level || !near || !neighbour.is_walkable() {
                continue;
            }
            let shut = [one, other].iter().any(|ix| is_shut.get(*ix) == Some(&true));
            let open = OPEN_FLOOR.contains(&unit.category) && OPEN_FLOOR.contains(&neighbour.category);
            if shut || open {
                joins.extend(
                    shared(draft, one, other)
                        .into_iter()
                        .map(|stretch| (one, other, stretch, shut)),
                );
            }
        }
    }
    for (number, (one, other, (from, to), shut)) in joins.into_iter().enumerate() {
        let (Some(unit), Some(neighbour)) = (draft.units.get(one), draft.units.get(other)) else {
            continue;
        };
        let which = format!("{} and {}", unit.id, neighbour.id);
        let why = match shut {
            true => "a way between levels without an opening is entered from all units beside it",
            false => "pieces of open floor are joined where no opening lies on their border",
        };
        context.notes.assumed("opening", "an open border", why, &which);
        draft.openings.push(OpeningDraft {
            id: format!("open-border-{}", number + 1),
            level: unit.level,
            category: "pedestrian",
            line: vec![from, to],
        });
    }
}

/// Whether a unit leads between levels and has no opening of any kind on its border.
fn is_shut_connector(draft: &Draft, unit: usize) -> bool {
    let Some(unit) = draft.units.get(unit).filter(|unit| unit.is_walkable()) else {
        return false;
    };
    let touches =
        |opening: &OpeningDraft| opening.level == unit.level && unit.area.border_m(opening.middle().0) <= ON_BORDER_M;
    CONNECTORS.contains(&unit.category) && !draft.openings.iter().any(touches)
}

fn wide(bounds: &Bounds) -> Bounds {
    Bounds {
        low: Point::new(bounds.low.east_m - SHARED_M, bounds.low.north_m - SHARED_M),
        high: Point::new(bounds.high.east_m + SHARED_M, bounds.high.north_m + SHARED_M),
    }
}

/// The stretches of border that two units share and on which no opening lies.
fn shared(draft: &Draft, one: usize, other: usize) -> Vec<(Point, Point)> {
    let (Some(unit), Some(neighbour)) = (draft.units.get(one), draft.units.get(other)) else {
        return Vec::new();
    };
    let far = wide(&neighbour.area.bounds());
    let mut stretches = Vec::new();
    for (a, b) in unit.area.edges() {
        if !Bounds::of(&[a, b]).is_some_and(|edge| edge.meets(&far)) {
            continue;
        }
        stretches.extend(neighbour.area.edges().filter_map(|(c, d)| overlap(a, b, c, d)));
    }
    let has_opening = |(from, to): &(Point, Point)| {
        let on = |opening: &OpeningDraft| segment_distance_m(opening.middle().0, *from, *to) <= ON_BORDER_M;
        draft
            .openings
            .iter()
            .any(|opening| opening.level == unit.level && on(opening))
    };
    match stretches.iter().any(has_opening) {
        true => Vec::new(),
        false => stretches,
    }
}

/// The stretch of `a..b` along which `c..d` runs beside it.
fn overlap(a: Point, b: Point, c: Point, d: Point) -> Option<(Point, Point)> {
    let length_m = a.distance_m(b);
    if length_m < STRETCH_M_MIN {
        return None;
    }
    let unit = ((b.east_m - a.east_m) / length_m, (b.north_m - a.north_m) / length_m);
    let of = |point: Point| {
        let (east_m, north_m) = (point.east_m - a.east_m, point.north_m - a.north_m);
        let away_m = (east_m * unit.1 - north_m * unit.0).abs();
        (east_m * unit.0 + north_m * unit.1, away_m)
    };
    let ((c_m, c_away_m), (d_m, d_away_m)) = (of(c), of(d));
    let (from_m, to_m) = (c_m.min(d_m).max(0.0), c_m.max(d_m).min(length_m));
    let is_beside = c_away_m.max(d_away_m) <= SHARED_M && to_m - from_m >= STRETCH_M_MIN;
    is_beside.then(|| (along(a, b, from_m / length_m), along(a, b, to_m / length_m)))
}
