//! The map as the import builds it, in metres, before it is written.
//!
//! Units, openings and ways are those of [`crate::plan`] with their ids and names; the plan made from them says what people
//! can reach.

use crate::geometry::{Point, Polygon};
use crate::plan::{LevelPlan, Passage, Plan, Unit, UnitIx};
use crate::venue::{Place, Zone};
use crate::words;

/// Names by language, the first being shown where no language fits.
pub(super) type Labels = Vec<(String, String)>;

/// The whole map.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) pitch_m: f32,
    pub(super) levels: Vec<LevelDraft>,
    pub(super) units: Vec<UnitDraft>,
    pub(super) openings: Vec<OpeningDraft>,
    pub(super) ways: Vec<WayDraft>,
    pub(super) zones: Vec<Zone>,
    /// The names of each zone.
    pub(super) zone_names: Vec<Labels>,
    pub(super) places: Vec<Place>,
    /// Whether each place is an occupant, else it is an amenity.
    pub(super) are_occupants: Vec<bool>,
}

/// A floor: every level of the archive with its ordinal.
#[derive(Debug)]
pub(super) struct LevelDraft {
    pub(super) id: String,
    pub(super) names: Labels,
    pub(super) short_names: Labels,
    pub(super) ordinal: i16,
    pub(super) elevation_m: f32,
    pub(super) areas: Vec<Polygon>,
    /// The ids of the archive's levels that it is made of.
    pub(super) source_ids: Vec<String>,
}

/// A unit, or something solid.
#[derive(Debug)]
pub(super) struct UnitDraft {
    pub(super) id: String,
    pub(super) level: usize,
    pub(super) category: &'static str,
    pub(super) names: Labels,
    pub(super) area: Polygon,
}

/// A gap in the borders of units.
#[derive(Debug)]
pub(super) struct OpeningDraft {
    pub(super) id: String,
    pub(super) level: usize,
    pub(super) category: &'static str,
    pub(super) line: Vec<Point>,
}

/// Stairs and the like, between two units.
#[derive(Debug)]
pub(super) struct WayDraft {
    pub(super) id: String,
    pub(super) category: &'static str,
    pub(super) both_ways: bool,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) traverse_s: f32,
}

impl UnitDraft {
    pub(super) fn is_walkable(&self) -> bool {
        words::WALKABLE_UNITS.contains(&self.category)
    }
}

impl OpeningDraft {
    pub(super) fn is_passable(&self) -> bool {
        words::PASSABLE_OPENINGS.contains(&self.category)
    }

    /// The middle of the longest piece of the line, and that piece.
    pub(super) fn middle(&self) -> (Point, Point, Point) {
        let longest = self
            .line
            .windows(2)
            .max_by(|a, b| a[0].distance_m(a[1]).total_cmp(&b[0].distance_m(b[1])));
        match longest {
            Some(&[a, b]) => (a.midpoint(b), a, b),
            Some(_) | None => (Point::default(), Point::default(), Point::default()),
        }
    }
}

impl Draft {
    /// The units of a level, with their numbers.
    pub(super) fn units_on(&self, level: usize) -> impl Iterator<Item = (usize, &UnitDraft)> + '_ {
        self.units
            .iter()
            .enumerate()
            .filter(move |(_, unit)| unit.level == level)
    }

    /// The unit that a point of a level is in: the smallest walkable one, unless a solid one lies there too.
    pub(super) fn unit_at(&self, level: usize, at: Point) -> Option<usize> {
        let here = self.units_on(level).filter(|(_, unit)| unit.area.contains(at));
        here.min_by(|(_, a), (_, b)| {
            (a.is_walkable().cmp(&b.is_walkable())).then(a.area.area_m2().total_cmp(&b.area.area_m2()))
        })
        .map(|(ix, _)| ix)
    }

    /// The walls of the building, as the floor and the graph are made of.
    pub(super) fn plan(&self) -> Plan {
        let mut levels: Vec<LevelPlan> = self
            .levels
            .iter()
            .map(|level| LevelPlan {
                areas: level.areas.clone(),
                ..LevelPlan::default()
            })
            .collect();
        let mut places_of_units = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            let at = levels.get(unit.level).map_or(0, |level| level.units.len());
            places_of_units.push(UnitIx {
                level: unit.level,
                unit: at,
            });
            if let Some(level) = levels.get_mut(unit.level) {
                level.units.push(Unit {
                    area: unit.area.clone(),
                    walkable: unit.is_walkable(),
                });
            }
        }
        for opening in self.openings.iter().filter(|opening| opening.is_passable()) {
            if let Some(level) = levels.get_mut(opening.level) {
                level.openings.push(opening.line.clone());
            }
        }
        let passage = |way: &WayDraft| {
            Some(Passage {
                from: *places_of_units.get(way.from)?,
                to: *places_of_units.get(way.to)?,
                both_ways: way.both_ways,
                traverse_s: way.traverse_s,
            })
        };
        Plan {
            pitch_m: self.pitch_m,
            levels,
            passages: self.ways.iter().filter_map(passage).collect(),
        }
    }
}
