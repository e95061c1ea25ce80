//! What the properties of each feature say, with references still as text.
//!
//! One function for each type of feature: it reads every property, notes every mistake, and yields a draft when nothing
//! that the draft needs was wrong. Whether the things referred to exist is `link`'s business.

use super::collection::Feature;
use super::frame::Frame;
use super::json::Members;
use super::property::{
    END, LABELS, Labels, Reference, aliases, end, kinds, labels, name, number, number_or, optional_name, reference,
    references, time_zone,
};
use super::shape;
use crate::geometry::{Point, Polygon};
use crate::venue::BeaconIdentity;
use crate::words;

pub(super) struct VenueDraft {
    pub(super) name: String,
    pub(super) time_zone: String,
    pub(super) pitch_m: f32,
}

pub(super) struct LevelDraft {
    pub(super) name: String,
    pub(super) ordinal: i16,
    pub(super) elevation_m: f32,
    pub(super) areas: Vec<Polygon>,
}

pub(super) struct UnitDraft<'a, 'r> {
    pub(super) level: Reference<'a, 'r>,
    pub(super) walkable: bool,
    pub(super) area: Polygon,
}

pub(super) struct OpeningDraft<'a, 'r> {
    pub(super) level: Reference<'a, 'r>,
    pub(super) passable: bool,
    pub(super) line: Vec<Point>,
}

pub(super) struct SectionDraft<'a, 'r> {
    pub(super) level: Reference<'a, 'r>,
    pub(super) name: String,
    pub(super) category: &'a str,
    pub(super) exclusive: bool,
    pub(super) seats: u32,
    pub(super) area: Polygon,
}

pub(super) struct PlaceDraft<'a, 'r> {
    pub(super) level: Reference<'a, 'r>,
    pub(super) names: Labels,
    pub(super) category: &'a str,
    pub(super) kinds: Vec<String>,
    pub(super) queue_zone: Option<Reference<'a, 'r>>,
    pub(super) servers: u16,
    pub(super) service_s: f32,
    pub(super) at: Point,
}

pub(super) struct TraversalDraft<'a, 'r> {
    pub(super) origin: Reference<'a, 'r>,
    pub(super) destination: Reference<'a, 'r>,
    pub(super) both_ways: bool,
    pub(super) traverse_s: f32,
}

pub(super) struct HubDraft<'a, 'r> {
    pub(super) aliases: Vec<Reference<'a, 'r>>,
    pub(super) level: Reference<'a, 'r>,
    pub(super) height_m: f32,
    pub(super) zones: Vec<Reference<'a, 'r>>,
    pub(super) at: Point,
}

pub(super) struct BeaconDraft<'a, 'r> {
    pub(super) level: Reference<'a, 'r>,
    pub(super) height_m: f32,
    pub(super) tx_1m_dbm: i8,
    pub(super) identity: BeaconIdentity,
    pub(super) at: Point,
}

/// Side of a cell when the venue names none.
pub(super) const PITCH_M_DEFAULT: f64 = 1.0;

/// The venue feature: its frame is read by the caller first, since every geometry needs it.
pub(super) fn venue(feature: &Feature<'_, '_>, frame: &Frame) -> Option<VenueDraft> {
    let properties = venue_properties(feature)?;
    let name = name(&properties);
    if let Some(category) = properties.need("category", "the kind of venue, such as \"stadium\"") {
        category.word(words::VENUE_CATEGORIES, "venue category");
    }
    let time_zone = properties
        .need("time_zone", "an IANA time zone such as \"Europe/London\"")
        .and_then(|item| time_zone(&item));
    let pitch_m = number_or(
        &properties,
        "pitch_m",
        PITCH_M_DEFAULT,
        0.25,
        5.0,
        "metres between 0.25 and 5",
    );
    if !feature.geometry.is_null() {
        shape::polygon(&feature.geometry, frame);
    }
    Some(VenueDraft {
        name: name?,
        time_zone: time_zone?,
        pitch_m: pitch_m? as f32,
    })
}

/// The members of the venue's properties.
pub(super) fn venue_properties<'a, 'r>(feature: &Feature<'a, 'r>) -> Option<Members<'a, 'r>> {
    feature.properties.members(
        &["name", "category", "time_zone", "frame", "anchor", "pitch_m"],
        "the venue's properties",
    )
}

pub(super) fn level(feature: &Feature<'_, '_>, frame: &Frame) -> Option<LevelDraft> {
    let properties = feature
        .properties
        .members(&["name", "ordinal", "elevation_m"], "the level's properties")?;
    let name = name(&properties);
    let whole = "a whole number: 0 is the floor at the street";
    let ordinal = properties
        .need("ordinal", whole)
        .and_then(|item| item.whole(-100, 200, whole));
    let elevation_m = number(
        &properties,
        "elevation_m",
        -500.0,
        1_000.0,
        "metres above the venue's zero",
    );
    let areas = shape::polygons(&feature.geometry, frame);
    Some(LevelDraft {
        name: name?,
        ordinal: ordinal? as i16,
        elevation_m: elevation_m? as f32,
        areas: areas?,
    })
}

pub(super) fn unit<'a, 'r>(feature: &Feature<'a, 'r>, frame: &Frame) -> Option<UnitDraft<'a, 'r>> {
    let properties = feature
        .properties
        .members(&["category", "level_id", "name"], "the unit's properties")?;
    let known = [words::WALKABLE_UNITS, words::SOLID_UNITS].concat();
    let category = properties.need("category", "the kind of unit, such as \"walkway\"");
    let category = category.and_then(|item| item.word(&known, "unit category"));
    let level = reference(&properties, "level_id", "the id of a level");
    optional_name(&properties);
    let area = shape::polygon(&feature.geometry, frame);
    Some(UnitDraft {
        level: level?,
        walkable: words::WALKABLE_UNITS.contains(&category?),
        area: area?,
    })
}

pub(super) fn opening<'a, 'r>(feature: &Feature<'a, 'r>, frame: &Frame) -> Option<OpeningDraft<'a, 'r>> {
    let properties = feature
        .properties
        .members(&["category", "level_id", "name"], "the opening's properties")?;
    let known = [words::PASSABLE_OPENINGS, words::BARRED_OPENINGS].concat();
    let category = properties.need("category", "the kind of opening, such as \"pedestrian\"");
    let category = category.and_then(|item| item.word(&known, "opening category"));
    let level = reference(&properties, "level_id", "the id of a level");
    optional_name(&properties);
    let line = shape::line(&feature.geometry, frame);
    Some(OpeningDraft {
        level: level?,
        passable: words::PASSABLE_OPENINGS.contains(&category?),
        line: line?,
    })
}

pub(super) fn section<'a, 'r>(feature: &Feature<'a, 'r>, frame: &Frame) -> Option<SectionDraft<'a, 'r>> {
    let known = ["name", "category", "level_id", "exclusive", "seats"];
    let properties = feature.properties.members(&known, "the section's properties")?;
    let name = name(&properties);
    let category = properties.need("category", "the kind of zone, such as \"concourse\"");
    let category = category.and_then(|item| item.word(words::ZONE_CATEGORIES, "section category"));
    let level = reference(&properties, "level_id", "the id of a level");
    let exclusive = properties.find("exclusive").map_or(Some(true), |item| item.boolean());
    let seats = properties
        .find("seats")
        .map_or(Some(0), |item| item.whole(0, 1_000_000, "a number of seats"));
    let area = shape::polygon(&feature.geometry, frame);
    Some(SectionDraft {
        level: level?,
        name: name?,
        category: category?,
        exclusive: exclusive?,
        seats: seats? as u32,
        area: area?,
    })
}

/// An amenity or an occupant.
pub(super) fn place<'a, 'r>(feature: &Feature<'a, 'r>, frame: &Frame) -> Option<PlaceDraft<'a, 'r>> {
    let known = [
        "name",
        "category",
        "kinds",
        "level_id",
        "queue_zone_id",
        "servers",
        "service_s",
    ];
    let properties = feature.properties.members(&known, "the place's properties")?;
    let names = properties.need("name", LABELS).and_then(|item| labels(&item));
    let category = properties.need("category", "the kind of place, such as \"food\"");
    let category = category.and_then(|item| item.word(words::PLACE_CATEGORIES, "place category"));
    let kinds = properties.find("kinds").map_or(Some(Vec::new()), |item| kinds(&item));
    let level = reference(&properties, "level_id", "the id of a level");
    let queue_zone = match properties.find("queue_zone_id") {
        Some(_) => reference(&properties, "queue_zone_id", "the id of a section").map(Some),
        None => Some(None),
    };
    let whole = "how many people are served at once, 0 to 1,000";
    let servers = properties
        .find("servers")
        .map_or(Some(0), |item| item.whole(0, 1_000, whole));
    let service_s = number_or(
        &properties,
        "service_s",
        0.0,
        0.0,
        3_600.0,
        "seconds for one person, 0 to 3,600",
    );
    let (servers, service_s) = (
        servers.map(|servers| servers as u16),
        service_s.map(|seconds| seconds as f32),
    );
    let at = shape::point(&feature.geometry, frame);
    if let (Some(servers), Some(service_s)) = (servers, service_s)
        && (servers == 0) != (service_s <= 0.0)
    {
        properties.wrong(
            "of `servers` and `service_s` only one is set",
            "both above 0, or neither where nobody queues",
        );
        return None;
    }
    Some(PlaceDraft {
        level: level?,
        names: names?,
        category: category?,
        kinds: kinds?,
        queue_zone: queue_zone?,
        servers: servers?,
        service_s: service_s?,
        at: at?,
    })
}

pub(super) fn traversal<'a, 'r>(feature: &Feature<'a, 'r>) -> Option<TraversalDraft<'a, 'r>> {
    let known = ["category", "direction", "origin", "destination", "traverse_s"];
    let properties = feature.properties.members(&known, "the relationship's properties")?;
    if !feature.geometry.is_null() {
        feature.geometry.wrong(
            "a relationship has no geometry",
            "null: the units it joins say where it is",
        );
    }
    if let Some(category) = properties.need("category", "the kind of way, such as \"stairs\"") {
        category.word(words::TRAVERSAL_CATEGORIES, "relationship category");
    }
    let direction = properties.need(
        "direction",
        "\"undirected\", or \"directed\" from origin to destination",
    );
    let direction = direction.and_then(|item| item.word(&["undirected", "directed"], "direction"));
    let origin = properties.need("origin", END).and_then(|item| end(&item));
    let destination = properties.need("destination", END).and_then(|item| end(&item));
    let traverse_s = number(
        &properties,
        "traverse_s",
        0.1,
        3_600.0,
        "seconds from one unit to the other, 0.1 to 3,600",
    );
    Some(TraversalDraft {
        origin: origin?,
        destination: destination?,
        both_ways: direction? == "undirected",
        traverse_s: traverse_s? as f32,
    })
}

pub(super) fn hub<'a, 'r>(feature: &Feature<'a, 'r>, frame: &Frame) -> Option<HubDraft<'a, 'r>> {
    let properties = feature.properties.members(
        &["name", "aliases", "level_id", "height_m", "zone_ids"],
        "the hub's properties",
    )?;
    optional_name(&properties);
    let aliases = properties
        .find("aliases")
        .map_or(Some(Vec::new()), |item| aliases(&item));
    let level = reference(&properties, "level_id", "the id of a level");
    let height_m = number(&properties, "height_m", 0.0, 50.0, "metres above the floor, 0 to 50");
    let expected = "the ids of the sections it may report, at least one";
    let zones = properties
        .need("zone_ids", expected)
        .and_then(|item| references(&item, expected));
    let at = shape::point(&feature.geometry, frame);
    Some(HubDraft {
        aliases: aliases?,
        level: level?,
        height_m: height_m? as f32,
        zones: zones?,
        at: at?,
    })
}

pub(super) fn beacon<'a, 'r>(feature: &Feature<'a, 'r>, frame: &Frame) -> Option<BeaconDraft<'a, 'r>> {
    let known = [
        "name",
        "level_id",
        "height_m",
        "tx_1m_dbm",
        "ibeacon",
        "eddystone_uid",
        "address",
    ];
    let properties = feature.properties.members(&known, "the beacon's properties")?;
    optional_name(&properties);
    let level = reference(&properties, "level_id", "the id of a level");
    let height_m = number(&properties, "height_m", 0.0, 50.0, "metres above the floor, 0 to 50");
    let dbm = "the RSSI one metre away in dBm, -127 to 20";
    let tx_1m_dbm = properties
        .need("tx_1m_dbm", dbm)
        .and_then(|item| item.whole(-127, 20, dbm));
    let identity = super::identity::read(&properties);
    let at = shape::point(&feature.geometry, frame);
    Some(BeaconDraft {
        level: level?,
        height_m: height_m? as f32,
        tx_1m_dbm: tx_1m_dbm? as i8,
        identity: identity?,
        at: at?,
    })
}
