//! Hubs and beacons, which IMDF has no features for: from a table or from GeoJSON beside the archive.
//!
//! A position is in degrees (`lon`, `lat`) or in metres east and north of the map's anchor (`x_m`, `y_m`). A hub that names
//! no zones may report those around it. Deliberately absent: working out where a hub hangs from what it hears.

use std::collections::HashMap;

use super::context::Context;
use super::csv::{Cell, Table};
use super::draft::Draft;
use super::write::{quoted, texts};
use crate::geometry::Point;
use crate::load::frame::Frame;
use crate::load::json::{Item, Members, parse};
use crate::load::report::Report;
use crate::load::shape;
use crate::mistake::{Mistake, Source};
use crate::venue::Zone;

/// A hub hears the zones within this distance well enough to say who is in them.
const HEARS_M: f32 = 15.0;
/// Most zones that one hub names.
const ZONES_OF_HUB_MAX: usize = 64;
/// Height of a hub or beacon that names none: under a ceiling.
const HEIGHT_M: f64 = 2.5;
/// What a phone reads one metre from a beacon that does not say it, in dBm.
const TX_1M_DBM: i64 = -59;

/// A hub or beacon, ready to be written.
#[derive(Debug)]
pub(super) struct Radio {
    pub(super) id: String,
    pub(super) level: usize,
    pub(super) at: Point,
    /// Properties other than `level_id`, as JSON.
    pub(super) properties: Vec<(&'static str, String)>,
}

/// `hub` or `beacon`, in the words of a table.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) id_columns: &'static [&'static str],
}

pub(super) const HUB: Kind = Kind {
    name: "hub",
    id_columns: &["hub", "hub_id", "id"],
};
pub(super) const BEACON: Kind = Kind {
    name: "beacon",
    id_columns: &["beacon", "beacon_id", "id"],
};

/// Columns that a table of either kind may have beside its id.
const COLUMNS: [&str; 24] = [
    "alias",
    "aliases",
    "name",
    "x_m",
    "y_m",
    "z_m",
    "lon",
    "longitude",
    "lat",
    "latitude",
    "level",
    "level_id",
    "height_m",
    "zones",
    "zone_ids",
    "tx_1m_dbm",
    "uuid",
    "major",
    "minor",
    "namespace",
    "instance",
    "address",
    "mac",
    "note",
];

/// Reads a table, or GeoJSON when the text begins like it.
pub(super) fn read(
    context: &mut Context<'_, '_, '_>,
    kind: Kind,
    source: &Source,
    draft: &Draft,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Radio> {
    let is_json = source.text.trim_start_matches('\u{FEFF}').trim_start().starts_with('{');
    let mut radios = if is_json {
        from_geojson(context, kind, source, draft, mistakes)
    } else {
        from_table(context, kind, source, draft, mistakes)
    };
    if kind.name == "hub" {
        for radio in &mut radios {
            if !radio.properties.iter().any(|(name, _)| *name == "zone_ids") {
                let near = zones_near(draft, radio);
                let why = format!("the zones within {HEARS_M} m, or the nearest");
                context
                    .notes
                    .assumed("hub", "the zones that it may report", &why, &radio.id);
                radio
                    .properties
                    .push(("zone_ids", texts(near.iter().map(|zone| zone.id.as_str()))));
            }
        }
    }
    radios
}

fn from_table(
    context: &mut Context<'_, '_, '_>,
    kind: Kind,
    source: &Source,
    draft: &Draft,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Radio> {
    let table = Table::read(source, mistakes);
    for cell in &table.header {
        let column = cell.text.to_ascii_lowercase();
        if !COLUMNS.contains(&column.as_str()) && !kind.id_columns.contains(&column.as_str()) {
            context
                .notes
                .left_out(kind.name, "a column of the table", "it is not known", &cell.text);
        }
    }
    let mut radios = Vec::new();
    for row in &table.rows {
        let Some(id) = table.cell(row, kind.id_columns) else {
            mistakes.push(table.row_wrong(
                row,
                format!("the {} has no id", kind.name),
                format!("a column `{}`", kind.name),
            ));
            continue;
        };
        let at = position(&table, row, &context.frame, mistakes);
        let level = level(
            context,
            kind,
            draft,
            table.cell(row, &["level", "level_id"]).map(|cell| cell.text.as_str()),
        );
        let (Some(at), Some(level)) = (at, level) else {
            if level.is_none() {
                let cell = table.cell(row, &["level", "level_id"]).unwrap_or(id);
                mistakes.push(table.wrong(cell, format!("no level is called `{}`", cell.text), levels(draft)));
            }
            continue;
        };
        let mut properties = Vec::new();
        let height = table.cell(row, &["height_m", "z_m"]);
        let height_m = height.and_then(|cell| table.number(cell, 0.0, 50.0, mistakes));
        properties.push(("height_m", height_m.unwrap_or(HEIGHT_M).to_string()));
        if let Some(name) = table.cell(row, &["name"]) {
            properties.push((
                "name",
                format!("{{{}: {}}}", quoted(&context.language), quoted(&name.text)),
            ));
        }
        match kind.name {
            "hub" => hub_cells(&table, row, draft, &mut properties, mistakes),
            _ => beacon_cells(context, &table, row, id, &mut properties, mistakes),
        }
        radios.push(Radio {
            id: id.text.clone(),
            level,
            at,
            properties,
        });
    }
    radios
}

fn hub_cells(
    table: &Table<'_>,
    row: &[Cell],
    draft: &Draft,
    properties: &mut Vec<(&'static str, String)>,
    mistakes: &mut Vec<Mistake>,
) {
    let split = |cell: &Cell| -> Vec<String> {
        let words = cell.text.split([' ', ';', '|']).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    if let Some(cell) = table.cell(row, &["alias", "aliases"]) {
        properties.push(("aliases", texts(split(cell).iter().map(String::as_str))));
    }
    if let Some(cell) = table.cell(row, &["zones", "zone_ids"]) {
        let ids = split(cell);
        for id in ids.iter().filter(|id| !draft.zones.iter().any(|zone| zone.id == **id)) {
            mistakes.push(table.wrong(
                cell,
                format!("no zone has the id `{id}`"),
                "the id of a zone of the imported map",
            ));
        }
        properties.push(("zone_ids", texts(ids.iter().map(String::as_str))));
    }
}

fn beacon_cells(
    context: &mut Context<'_, '_, '_>,
    table: &Table<'_>,
    row: &[Cell],
    id: &Cell,
    properties: &mut Vec<(&'static str, String)>,
    mistakes: &mut Vec<Mistake>,
) {
    let tx = table
        .cell(row, &["tx_1m_dbm"])
        .and_then(|cell| table.number(cell, -127.0, 20.0, mistakes));
    if tx.is_none() {
        context
            .notes
            .assumed("beacon", "RSSI at one metre", "-59 dBm, as most iBeacons say", &id.text);
    }
    properties.push(("tx_1m_dbm", tx.map_or(TX_1M_DBM, |tx| tx.round() as i64).to_string()));
    let text = |name: &str| table.cell(row, &[name]);
    let mut whole = |name: &str| -> Option<u64> {
        let cell = table.cell(row, &[name])?;
        table.number(cell, 0.0, 65_535.0, mistakes).map(|number| number as u64)
    };
    let identity = match (text("uuid"), text("namespace"), table.cell(row, &["address", "mac"])) {
        (Some(uuid), None, None) => {
            let (major, minor) = (whole("major").unwrap_or(0), whole("minor").unwrap_or(0));
            let value = format!(
                "{{\"uuid\": {}, \"major\": {major}, \"minor\": {minor}}}",
                quoted(&uuid.text)
            );
            Some(("ibeacon", value))
        }
        (None, Some(namespace), None) => text("instance").map(|instance| {
            let value = format!(
                "{{\"namespace\": {}, \"instance\": {}}}",
                quoted(&namespace.text),
                quoted(&instance.text)
            );
            ("eddystone_uid", value)
        }),
        (None, None, Some(address)) => Some(("address", quoted(&address.text))),
        _ => None,
    };
    match identity {
        Some(identity) => properties.push(identity),
        None => {
            let expected = "one of `uuid` (with `major` and `minor`), `namespace` with `instance`, and `address`";
            mistakes.push(table.wrong(id, "the beacon has no single identity", expected));
        }
    }
}

fn position(table: &Table<'_>, row: &[Cell], frame: &Frame, mistakes: &mut Vec<Mistake>) -> Option<Point> {
    let east_m = table.cell(row, &["x_m"]);
    let north_m = table.cell(row, &["y_m"]);
    let lon = table.cell(row, &["lon", "longitude"]);
    let lat = table.cell(row, &["lat", "latitude"]);
    match (east_m, north_m, lon, lat) {
        (_, _, Some(lon), Some(lat)) => {
            let lon = table.number(lon, -180.0, 180.0, mistakes);
            let lat = table.number(lat, -85.0, 85.0, mistakes);
            Some(frame.at_degrees(lon?, lat?))
        }
        (Some(east_m), Some(north_m), ..) => {
            let east_m = table.number(east_m, -5_000.0, 5_000.0, mistakes);
            let north_m = table.number(north_m, -5_000.0, 5_000.0, mistakes);
            Some(Point::new(east_m? as f32, north_m? as f32))
        }
        _ => {
            let expected = "`lon` and `lat` in degrees, or `x_m` and `y_m` in metres east and north of the anchor";
            mistakes.push(table.row_wrong(row, "the row has no position", expected));
            None
        }
    }
}

/// The level that a word names: its id here or in the archive, its ordinal, its name or its short name. No word: the street.
fn level(context: &mut Context<'_, '_, '_>, kind: Kind, draft: &Draft, word: Option<&str>) -> Option<usize> {
    let Some(word) = word else {
        let street = draft.levels.iter().position(|level| level.ordinal == 0).unwrap_or(0);
        if draft.levels.len() > 1 {
            context
                .notes
                .assumed(kind.name, "its level", "it names none: the one at the street", "");
        }
        return (!draft.levels.is_empty()).then_some(street);
    };
    let is = |level: &super::draft::LevelDraft| {
        let has_name = level
            .names
            .iter()
            .chain(&level.short_names)
            .any(|(_, name)| name.eq_ignore_ascii_case(word));
        level.id == word
            || level.source_ids.iter().any(|id| id == word)
            || word.parse::<i16>() == Ok(level.ordinal)
            || has_name
    };
    draft.levels.iter().position(is)
}

fn levels(draft: &Draft) -> String {
    let names = draft.levels.iter().map(|level| level.ordinal.to_string());
    format!(
        "an ordinal ({}), or the id or name of a level",
        names.collect::<Vec<_>>().join(", ")
    )
}

/// The exclusive zones around a radio, nearest first.
fn zones_near<'d>(draft: &'d Draft, radio: &Radio) -> Vec<&'d Zone> {
    let away_m = |zone: &Zone| {
        if zone.area.contains(radio.at) {
            0.0
        } else {
            zone.area.border_m(radio.at)
        }
    };
    let on_level = draft
        .zones
        .iter()
        .filter(|zone| zone.exclusive && zone.level.index() == radio.level);
    let mut near: Vec<(f32, &Zone)> = on_level.map(|zone| (away_m(zone), zone)).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = near.iter().take_while(|(away_m, _)| *away_m <= HEARS_M).count();
    near.truncate(count.clamp(1, ZONES_OF_HUB_MAX));
    near.into_iter().map(|(_, zone)| zone).collect()
}

fn from_geojson(
    context: &mut Context<'_, '_, '_>,
    kind: Kind,
    source: &Source,
    draft: &Draft,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Radio> {
    let sources = [source.clone()];
    let report = Report::new(&sources);
    let mut radios = Vec::new();
    if let Some(root) = sources.first().and_then(|source| parse(source, 0, &report)) {
        let root = Item::new(&root, 0, &report);
        let expected = "a GeoJSON FeatureCollection";
        let features = root
            .members(&[], expected)
            .and_then(|members| members.need("features", expected)?.array(8_192, "an array of features"));
        for item in features.unwrap_or_default() {
            radios.extend(feature(context, kind, &item, draft));
        }
    }
    mistakes.extend(report.into_mistakes());
    radios
}

fn feature(context: &mut Context<'_, '_, '_>, kind: Kind, item: &Item<'_, '_>, draft: &Draft) -> Option<Radio> {
    let members = item.members(&[], "a GeoJSON Feature")?;
    if let Some(given) = members.find("feature_type") {
        given.word(&[kind.name], "feature type")?;
    }
    let properties = members.need("properties", "an object")?.members(&[], "an object")?;
    let id = members.find("id").or_else(|| properties.find("id"));
    let Some(id) = id else {
        members.wrong("`id` is missing", "the id of the device");
        return None;
    };
    let id = id.text("the id of the device")?;
    let at = shape::point(&members.need("geometry", "a GeoJSON Point")?, &context.frame)?;
    let named = properties.find("level_id").or_else(|| properties.find("level"));
    let word = named.and_then(|item| item.text_or_number());
    let Some(level) = level(context, kind, draft, word.as_deref()) else {
        let spot = named.unwrap_or(*item);
        spot.wrong(
            format!("no level is called `{}`", word.unwrap_or_default()),
            levels(draft),
        );
        return None;
    };
    Some(Radio {
        id: id.to_owned(),
        level,
        at,
        properties: carried(context, kind, &properties, id),
    })
}

/// The properties of a feature that the map knows, as they are written.
fn carried(
    context: &mut Context<'_, '_, '_>,
    kind: Kind,
    properties: &Members<'_, '_>,
    id: &str,
) -> Vec<(&'static str, String)> {
    const HUB_KEYS: [&str; 4] = ["name", "aliases", "height_m", "zone_ids"];
    const BEACON_KEYS: [&str; 6] = ["name", "height_m", "tx_1m_dbm", "ibeacon", "eddystone_uid", "address"];
    let known: &[&'static str] = if kind.name == "hub" { &HUB_KEYS } else { &BEACON_KEYS };
    let mut found: HashMap<&'static str, String> = HashMap::new();
    for (name, item) in properties.iter().filter(|(_, item)| !item.is_null()) {
        match known.iter().find(|known| **known == name) {
            Some(known) => {
                found.insert(known, item.source_text().to_owned());
            }
            None if matches!(name, "level_id" | "level" | "id") => {}
            None => context
                .notes
                .left_out(kind.name, &format!("`{name}`"), "the map has no such key", id),
        }
    }
    found.entry("height_m").or_insert_with(|| HEIGHT_M.to_string());
    if kind.name == "beacon" {
        found.entry("tx_1m_dbm").or_insert_with(|| TX_1M_DBM.to_string());
    }
    known
        .iter()
        .filter_map(|key| Some((*key, found.remove(key)?)))
        .collect()
}
