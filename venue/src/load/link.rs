//! Turns drafts into the model: references become indices, and what stands outside its level is noted.
//!
//! A reference to a feature that is there but was itself mistaken is passed over in silence, so that one slip is reported
//! once and not again by everybody who refers to it.

use std::collections::{HashMap, HashSet};

use super::collection::Feature;
use super::draft;
use super::frame::Frame;
use super::json::hint;
use super::property::Reference;
use crate::geometry::{Point, Polygon};
use crate::index::{LevelIx, ZoneIx};
use crate::plan::{LevelPlan, Passage, Plan, Unit, UnitIx};
use crate::venue::{Beacon, Hub, Level, Place, Zone, hub_key};

/// How far outside its level a point may lie: the thickness of an outer wall.
pub(crate) const OUTSIDE_M_MAX: f32 = 0.5;

/// Everything the features say, linked; what was mistaken is missing.
pub(super) struct Linked<'a, 'r> {
    pub(super) levels: Vec<Level>,
    pub(super) plan: Plan,
    pub(super) zones: Vec<Zone>,
    pub(super) places: Vec<Place>,
    pub(super) hubs: Vec<Hub>,
    pub(super) beacons: Vec<Beacon>,
    /// The feature of each zone, place and passage.
    pub(super) zone_features: Vec<Feature<'a, 'r>>,
    pub(super) place_features: Vec<Feature<'a, 'r>>,
    pub(super) passage_features: Vec<Feature<'a, 'r>>,
    /// Whether every wall was read: if not, what can be reached is unknown.
    pub(super) is_plan_whole: bool,
    /// Whether every zone was read.
    pub(super) are_zones_whole: bool,
}

/// Where an id leads.
#[derive(Clone, Copy)]
struct Entry {
    kind: Kind,
    /// `None` when the feature was mistaken.
    at: Option<Target>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Level,
    Unit,
    Section,
    Other,
}

#[derive(Clone, Copy)]
enum Target {
    Level(LevelIx),
    Unit(UnitIx),
    Zone(ZoneIx),
}

impl Kind {
    fn of(feature_type: &str) -> Self {
        match feature_type {
            "level" => Self::Level,
            "unit" => Self::Unit,
            "section" => Self::Section,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Unit => "unit",
            Self::Section => "section",
            Self::Other => "feature",
        }
    }
}

struct Linker<'a, 'r> {
    frame: Frame,
    ids: HashMap<&'a str, Entry>,
    /// What hubs go by, each as [`hub_key`] writes it.
    hub_names: HashSet<String>,
    linked: Linked<'a, 'r>,
}

/// Reads and links all features.
pub(super) fn link<'a, 'r>(features: &[Feature<'a, 'r>], frame: Frame, pitch_m: f32) -> Linked<'a, 'r> {
    let ids = features
        .iter()
        .map(|feature| {
            (
                feature.id,
                Entry {
                    kind: Kind::of(feature.kind),
                    at: None,
                },
            )
        })
        .collect();
    let linked = Linked {
        levels: Vec::new(),
        plan: Plan {
            pitch_m,
            ..Plan::default()
        },
        zones: Vec::new(),
        places: Vec::new(),
        hubs: Vec::new(),
        beacons: Vec::new(),
        zone_features: Vec::new(),
        place_features: Vec::new(),
        passage_features: Vec::new(),
        is_plan_whole: true,
        are_zones_whole: true,
    };
    let hub_names = features.iter().filter(|feature| feature.kind == "hub");
    let mut linker = Linker {
        frame,
        ids,
        hub_names: hub_names.map(|feature| hub_key(feature.id)).collect(),
        linked,
    };
    let of = |kinds: &'static [&'static str]| features.iter().filter(move |feature| kinds.contains(&feature.kind));
    linker.levels(&of(&["level"]).copied().collect::<Vec<_>>());
    for feature in of(&["unit"]) {
        let done = linker.unit(feature);
        linker.linked.is_plan_whole &= done.is_some();
    }
    for feature in of(&["opening"]) {
        let done = linker.opening(feature);
        linker.linked.is_plan_whole &= done.is_some();
    }
    for feature in of(&["relationship"]) {
        let done = linker.passage(feature);
        linker.linked.is_plan_whole &= done.is_some();
    }
    for feature in of(&["section"]) {
        let done = linker.zone(feature);
        linker.linked.are_zones_whole &= done.is_some();
    }
    // What fails here was noted and takes nothing else with it.
    for feature in of(&["amenity", "occupant"]) {
        linker.place(feature);
    }
    for feature in of(&["hub"]) {
        linker.hub(feature);
    }
    for feature in of(&["beacon"]) {
        linker.beacon(feature);
    }
    linker.linked
}

impl<'a, 'r> Linker<'a, 'r> {
    /// Levels in the order of their ordinals, whatever the order of the files.
    fn levels(&mut self, features: &[Feature<'a, 'r>]) {
        let mut drafts: Vec<_> = features
            .iter()
            .filter_map(|feature| Some((feature, draft::level(feature, &self.frame)?)))
            .collect();
        self.linked.is_plan_whole &= drafts.len() == features.len() && !drafts.is_empty();
        drafts.sort_by_key(|(_, draft)| draft.ordinal);
        for (feature, draft) in drafts {
            let at = LevelIx(self.linked.levels.len() as u8);
            self.set(feature.id, Target::Level(at));
            let level = Level {
                id: feature.id.to_owned(),
                name: draft.name,
                ordinal: draft.ordinal,
                elevation_m: draft.elevation_m,
            };
            self.linked.levels.push(level);
            self.linked.plan.levels.push(LevelPlan {
                areas: draft.areas,
                ..LevelPlan::default()
            });
        }
    }

    fn unit(&mut self, feature: &Feature<'a, 'r>) -> Option<()> {
        let draft = draft::unit(feature, &self.frame)?;
        let level = self.level(&draft.level)?.index();
        let plan = self.linked.plan.levels.get_mut(level)?;
        let at = UnitIx {
            level,
            unit: plan.units.len(),
        };
        plan.units.push(Unit {
            area: draft.area,
            walkable: draft.walkable,
        });
        self.set(feature.id, Target::Unit(at));
        Some(())
    }

    fn opening(&mut self, feature: &Feature<'a, 'r>) -> Option<()> {
        let draft = draft::opening(feature, &self.frame)?;
        let level = self.level(&draft.level)?.index();
        if draft.passable {
            self.linked.plan.levels.get_mut(level)?.openings.push(draft.line);
        }
        Some(())
    }

    fn passage(&mut self, feature: &Feature<'a, 'r>) -> Option<()> {
        let draft = draft::traversal(feature)?;
        let (from, to) = (self.unit_ix(&draft.origin), self.unit_ix(&draft.destination));
        let (from, to) = (from?, to?);
        if from == to {
            draft
                .destination
                .item
                .wrong("the way leads from a unit to itself", "another unit");
            return None;
        }
        for (reference, end) in [(&draft.origin, from), (&draft.destination, to)] {
            let unit = self.linked.plan.levels.get(end.level)?.units.get(end.unit)?;
            if !unit.walkable {
                reference.item.wrong(
                    format!("nobody can walk in the unit `{}`", reference.id),
                    "a unit such as \"stairs\"",
                );
                return None;
            }
        }
        self.linked.plan.passages.push(Passage {
            from,
            to,
            both_ways: draft.both_ways,
            traverse_s: draft.traverse_s,
        });
        self.linked.passage_features.push(*feature);
        Some(())
    }

    fn zone(&mut self, feature: &Feature<'a, 'r>) -> Option<()> {
        let draft = draft::section(feature, &self.frame)?;
        let level = self.level(&draft.level)?;
        self.check_inside(level, draft.area.interior(), feature)?;
        self.set(feature.id, Target::Zone(ZoneIx(self.linked.zones.len() as u16)));
        self.linked.zones.push(Zone {
            id: feature.id.to_owned(),
            name: draft.name,
            category: draft.category.to_owned(),
            level,
            area: draft.area,
            exclusive: draft.exclusive,
            seats: draft.seats,
        });
        self.linked.zone_features.push(*feature);
        Some(())
    }

    fn place(&mut self, feature: &Feature<'a, 'r>) -> Option<()> {
        let draft = draft::place(feature, &self.frame)?;
        let level = self.level(&draft.level)?;
        let queue_zone = match &draft.queue_zone {
            Some(reference) => Some(self.queue_zone(reference, level)?),
            None => None,
        };
        self.check_inside(level, draft.at, feature)?;
        self.linked.places.push(Place {
            id: feature.id.to_owned(),
            names: draft.names,
            category: draft.category.to_owned(),
            kinds: draft.kinds,
            level,
            at: draft.at,
            // Where one stands is found once the floor is painted.
            zone: queue_zone.unwrap_or(ZoneIx(u16::MAX)),
            queue_zone,
            servers: draft.servers,
            service_s: draft.service_s,
        });
        self.linked.place_features.push(*feature);
        Some(())
    }

    fn queue_zone(&self, reference: &Reference<'_, '_>, level: LevelIx) -> Option<ZoneIx> {
        let zone = self.zone_ix(reference)?;
        let found = self.linked.zones.get(zone.index())?;
        if found.level != level || !found.exclusive {
            let what = if found.exclusive {
                "is on another level"
            } else {
                "is not exclusive"
            };
            reference.item.wrong(
                format!("the zone `{}` {what}", reference.id),
                "an exclusive section on the level of the place",
            );
            return None;
        }
        Some(zone)
    }

    fn hub(&mut self, feature: &Feature<'a, 'r>) -> Option<()> {
        let draft = draft::hub(feature, &self.frame)?;
        let level = self.level(&draft.level)?;
        let zones: Vec<Option<ZoneIx>> = draft.zones.iter().map(|reference| self.zone_ix(reference)).collect();
        let zones = zones.into_iter().collect::<Option<Vec<ZoneIx>>>()?;
        self.check_inside(level, draft.at, feature)?;
        let aliases = self.aliases(&draft.aliases)?;
        let (id, at, height_m) = (feature.id.to_owned(), draft.at, draft.height_m);
        self.linked.hubs.push(Hub {
            id,
            aliases,
            level,
            at,
            height_m,
            zones,
        });
        Some(())
    }

    /// Notes a name that two hubs go by: whose sighting it is could not be told.
    fn aliases(&mut self, names: &[Reference<'a, 'r>]) -> Option<Vec<String>> {
        let mut is_new = |name: &Reference<'a, 'r>| {
            let is_new = self.hub_names.insert(hub_key(name.id));
            if !is_new {
                name.item.wrong(
                    format!("a hub already goes by `{}`", name.id),
                    "a name that no other hub has",
                );
            }
            is_new.then(|| name.id.to_owned())
        };
        let aliases: Vec<Option<String>> = names.iter().map(&mut is_new).collect();
        aliases.into_iter().collect()
    }

    fn beacon(&mut self, feature: &Feature<'a, 'r>) -> Option<()> {
        let draft = draft::beacon(feature, &self.frame)?;
        let level = self.level(&draft.level)?;
        self.check_inside(level, draft.at, feature)?;
        self.linked.beacons.push(Beacon {
            id: feature.id.to_owned(),
            identity: draft.identity,
            level,
            at: draft.at,
            height_m: draft.height_m,
            tx_1m_dbm: draft.tx_1m_dbm,
        });
        Some(())
    }

    /// Notes a feature that lies outside its level.
    fn check_inside(&self, level: LevelIx, at: Point, feature: &Feature<'_, '_>) -> Option<()> {
        let areas: &[Polygon] = &self.linked.plan.levels.get(level.index())?.areas;
        let border_m = |area: &Polygon| if area.contains(at) { 0.0 } else { area.border_m(at) };
        let away_m = areas.iter().map(border_m).fold(f32::INFINITY, f32::min);
        if away_m <= OUTSIDE_M_MAX {
            return Some(());
        }
        let id = self
            .linked
            .levels
            .get(level.index())
            .map_or("", |level| level.id.as_str());
        let what = format!(
            "the {} `{}` lies {away_m:.1} m outside the level `{id}`",
            feature.kind, feature.id
        );
        feature.geometry.wrong(what, "coordinates inside the level's polygon");
        None
    }

    fn set(&mut self, id: &'a str, target: Target) {
        if let Some(entry) = self.ids.get_mut(id) {
            entry.at = Some(target);
        }
    }

    fn level(&self, reference: &Reference<'_, '_>) -> Option<LevelIx> {
        match self.resolve(reference, Kind::Level)? {
            Target::Level(level) => Some(level),
            Target::Unit(_) | Target::Zone(_) => None,
        }
    }

    fn unit_ix(&self, reference: &Reference<'_, '_>) -> Option<UnitIx> {
        match self.resolve(reference, Kind::Unit)? {
            Target::Unit(unit) => Some(unit),
            Target::Level(_) | Target::Zone(_) => None,
        }
    }

    fn zone_ix(&self, reference: &Reference<'_, '_>) -> Option<ZoneIx> {
        match self.resolve(reference, Kind::Section)? {
            Target::Zone(zone) => Some(zone),
            Target::Level(_) | Target::Unit(_) => None,
        }
    }

    fn resolve(&self, reference: &Reference<'_, '_>, kind: Kind) -> Option<Target> {
        match self.ids.get(reference.id) {
            Some(entry) if entry.kind == kind => entry.at,
            Some(entry) => {
                let what = format!("`{}` is a {}", reference.id, entry.kind.name());
                reference.item.wrong(what, format!("the id of a {}", kind.name()));
                None
            }
            None => {
                let mut known: Vec<&str> = self
                    .ids
                    .iter()
                    .filter(|(_, entry)| entry.kind == kind)
                    .map(|(id, _)| *id)
                    .collect();
                known.sort_unstable();
                let what = format!("no {} has the id `{}`", kind.name(), reference.id);
                reference.item.wrong(
                    what,
                    format!("{}the id of a {} of this map", hint(reference.id, &known), kind.name()),
                );
                None
            }
        }
    }
}
