//! Writes the drafted map as GeoJSON, one file for each type of feature.

use std::fmt::Write as _;

use super::draft::{Draft, Labels};
use super::radios::Radio;
use crate::geometry::{Point, Polygon};
use crate::load::frame::Frame;
use crate::mistake::Source;

/// The head of a venue: what is written in `venue.geojson`.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) names: Labels,
    pub(super) category: &'static str,
    pub(super) time_zone: String,
    pub(super) anchor: (f64, f64),
}

struct Writer {
    frame: Frame,
    files: Vec<(&'static str, Vec<String>)>,
}

/// The files of the map; types without a feature have none.
pub(super) fn files(head: &Head, draft: &Draft, frame: Frame, hubs: &[Radio], beacons: &[Radio]) -> Vec<Source> {
    let mut writer = Writer {
        frame,
        files: Vec::new(),
    };
    writer.venue(head, draft);
    writer.floors(draft);
    writer.ways(draft);
    writer.zones_and_places(draft);
    for (kind, radios) in [("hub", hubs), ("beacon", beacons)] {
        for radio in radios {
            let mut properties = vec![("level_id", level_id(draft, radio.level))];
            properties.extend(radio.properties.iter().map(|(name, value)| (*name, value.clone())));
            let geometry = writer.point(radio.at);
            writer.add(kind, &radio.id, &properties, &geometry);
        }
    }
    let text = |features: Vec<String>| {
        format!(
            "{{\"type\": \"FeatureCollection\", \"features\": [\n{}\n]}}\n",
            features.join(",\n")
        )
    };
    let source = |(kind, features)| Source {
        name: format!("venue/{kind}.geojson"),
        text: text(features).into(),
    };
    writer.files.into_iter().map(source).collect()
}

impl Writer {
    fn venue(&mut self, head: &Head, draft: &Draft) {
        let (lon, lat) = head.anchor;
        let anchor = format!("{{\"type\": \"Point\", \"coordinates\": [{lon}, {lat}]}}");
        let properties = [
            ("name", labels(&head.names)),
            ("category", quoted(head.category)),
            ("time_zone", quoted(&head.time_zone)),
            ("frame", quoted("wgs84")),
            ("anchor", anchor),
            ("pitch_m", draft.pitch_m.to_string()),
        ];
        self.add("venue", &head.id, &properties, "null");
    }

    fn floors(&mut self, draft: &Draft) {
        for level in &draft.levels {
            let properties = [
                ("name", labels(&level.names)),
                ("ordinal", level.ordinal.to_string()),
                ("elevation_m", level.elevation_m.to_string()),
            ];
            let geometry = self.polygons(&level.areas);
            self.add("level", &level.id, &properties, &geometry);
        }
        for unit in &draft.units {
            let mut properties = vec![
                ("category", quoted(unit.category)),
                ("level_id", level_id(draft, unit.level)),
            ];
            if !unit.names.is_empty() {
                properties.push(("name", labels(&unit.names)));
            }
            let geometry = self.polygons(std::slice::from_ref(&unit.area));
            self.add("unit", &unit.id, &properties, &geometry);
        }
        for opening in &draft.openings {
            let properties = [
                ("category", quoted(opening.category)),
                ("level_id", level_id(draft, opening.level)),
            ];
            let line: Vec<String> = opening.line.iter().map(|at| self.position(*at)).collect();
            let geometry = format!("{{\"type\": \"LineString\", \"coordinates\": [{}]}}", line.join(", "));
            self.add("opening", &opening.id, &properties, &geometry);
        }
    }

    fn ways(&mut self, draft: &Draft) {
        let end = |unit: usize| {
            let id = draft.units.get(unit).map_or("", |unit| unit.id.as_str());
            format!("{{\"id\": {}, \"feature_type\": \"unit\"}}", quoted(id))
        };
        for way in &draft.ways {
            let direction = if way.both_ways { "undirected" } else { "directed" };
            let properties = [
                ("category", quoted(way.category)),
                ("direction", quoted(direction)),
                ("origin", end(way.from)),
                ("destination", end(way.to)),
                ("traverse_s", format!("{:.1}", way.traverse_s)),
            ];
            self.add("relationship", &way.id, &properties, "null");
        }
    }

    fn zones_and_places(&mut self, draft: &Draft) {
        for (zone, names) in draft.zones.iter().zip(&draft.zone_names) {
            let mut properties = vec![
                ("name", labels(names)),
                ("category", quoted(&zone.category)),
                ("level_id", level_id(draft, zone.level.index())),
            ];
            if !zone.exclusive {
                properties.push(("exclusive", "false".to_owned()));
            }
            let geometry = self.polygons(std::slice::from_ref(&zone.area));
            self.add("section", &zone.id, &properties, &geometry);
        }
        for (place, is_occupant) in draft.places.iter().zip(&draft.are_occupants) {
            let mut properties = vec![
                ("name", labels(&place.names)),
                ("category", quoted(&place.category)),
                ("level_id", level_id(draft, place.level.index())),
            ];
            if !place.kinds.is_empty() {
                properties.push(("kinds", texts(place.kinds.iter().map(String::as_str))));
            }
            let geometry = self.point(place.at);
            let kind = if *is_occupant { "occupant" } else { "amenity" };
            self.add(kind, &place.id, &properties, &geometry);
        }
    }

    fn add(&mut self, kind: &'static str, id: &str, properties: &[(&str, String)], geometry: &str) {
        let mut text = format!(
            "{{\"type\": \"Feature\", \"id\": {}, \"feature_type\": {},\n \"properties\": {{",
            quoted(id),
            quoted(kind)
        );
        for (at, (name, value)) in properties.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let _ = write!(text, "{comma}{}: {value}", quoted(name));
        }
        let _ = write!(text, "}},\n \"geometry\": {geometry}}}");
        match self.files.iter_mut().find(|(of, _)| *of == kind) {
            Some((_, features)) => features.push(text),
            None => self.files.push((kind, vec![text])),
        }
    }

    fn point(&self, at: Point) -> String {
        format!("{{\"type\": \"Point\", \"coordinates\": {}}}", self.position(at))
    }

    /// Nine decimals are a tenth of a millimetre: the map is read back as it was drafted.
    fn position(&self, at: Point) -> String {
        let (lon, lat) = self.frame.degrees_of(at);
        format!("[{lon:.9}, {lat:.9}]")
    }

    fn polygons(&self, areas: &[Polygon]) -> String {
        let ring = |ring: &crate::Ring| {
            let closed = ring.iter().chain(ring.first());
            let positions: Vec<String> = closed.map(|at| self.position(*at)).collect();
            format!("[{}]", positions.join(", "))
        };
        let rings = |area: &Polygon| {
            let rings: Vec<String> = area.rings().map(ring).collect();
            format!("[{}]", rings.join(", "))
        };
        let all: Vec<String> = areas.iter().map(rings).collect();
        match all.as_slice() {
            [one] => format!("{{\"type\": \"Polygon\", \"coordinates\": {one}}}"),
            _ => format!("{{\"type\": \"MultiPolygon\", \"coordinates\": [{}]}}", all.join(", ")),
        }
    }
}

fn level_id(draft: &Draft, level: usize) -> String {
    quoted(draft.levels.get(level).map_or("", |level| level.id.as_str()))
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(language, name)| format!("{}: {}", quoted(language), quoted(name)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// A JSON array of texts.
pub(super) fn texts<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A JSON string (RFC 8259, section 7).
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
