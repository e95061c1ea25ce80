//! The map and the pack of a world, as text: what an operator would write, made by a program.
//!
//! Two concourses of 4 m, in rings (88 and 110 m from the middle) or in lines; solid between them but for twelve passages.
//! People start at their seats, 120 blocks of them at the end of tunnels of 15 m, stands have a queue zone each, and a few hubs see everything,
//! because where people are is told by a seam of the engine here and not by radio.

use std::fmt::Write as _;

use nextbest::config;
use nextbest::engine::spec::Spec;
use nextbest_venue::{Source, Venue, ZoneIx, load};

use crate::options::{Layout, Options};
use crate::rush::{Rush, Stand};

/// Zones that one hub may report.
const ZONES_PER_HUB: usize = 64;
/// Sectors of a concourse.
const SECTORS: usize = 60;
/// Passages between the concourses.
const PASSAGES: usize = 12;
/// Metres of a concourse in a line; as long as a ring of 95 m.
const LENGTH_M: f64 = 597.0;
/// Where the two concourses begin and end, in metres from the middle.
const CONCOURSES_M: [(f64, f64); 2] = [(88.0, 92.0), (110.0, 114.0)];
/// Where people queue: beside the inner concourse inside of it, beside the outer one outside.
const QUEUES_M: [(f64, f64); 2] = [(85.0, 88.0), (114.0, 117.0)];
/// Where the seats are that people come from: at the far end of tunnels of about 15 m, one from each sector.
const SEATS_M: [(f64, f64); 2] = [(71.0, 75.0), (127.0, 131.0)];
/// Half of a queue zone and of a passage, as a share of the concourse: one and a quarter metres.
pub(crate) const HALF_SHARE: f64 = 1.25 / LENGTH_M;

/// The zone of a share of a concourse.
pub(crate) fn zone(venue: &Venue, at: f64, concourse: usize) -> ZoneIx {
    let sector = ((at * SECTORS as f64) as usize).min(SECTORS - 1);
    let zone = ZoneIx((concourse * SECTORS + sector) as u16);
    assert_eq!(venue.zones[zone.index()].category, "seating");
    zone
}

/// Loads the map.
pub(crate) fn venue(geojson: &str) -> Venue {
    let source = Source {
        name: "rush.geojson".into(),
        text: geojson.into(),
    };
    load(&[source]).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

/// The map.
pub(crate) fn geojson(layout: Layout, stands: &[Stand]) -> String {
    let drawn = Drawing { layout };
    let mut features = Vec::new();
    features.push(feature("rush", "venue", "null", r#""name": {"en": "Rush"}, "category": "stadium", "time_zone": "Europe/Madrid", "frame": "local", "pitch_m": 1"#));
    let floor = drawn.floor();
    features.push(feature(
        "ground",
        "level",
        &floor,
        r#""name": {"en": "Ground"}, "ordinal": 0, "elevation_m": 0"#,
    ));
    features.push(feature(
        "walk",
        "unit",
        &floor,
        r#""category": "walkway", "level_id": "ground""#,
    ));
    let solid = r#""category": "nonpublic", "level_id": "ground""#;
    if layout != Layout::Line {
        features.push(feature("pitch", "unit", &drawn.disc(SEATS_M[0].0), solid));
    }
    let between = (CONCOURSES_M[0].1, CONCOURSES_M[1].0);
    for passage in 0..PASSAGES {
        let edge = |passage: usize| passage as f64 / PASSAGES as f64;
        let from_to = (edge(passage) + HALF_SHARE, edge(passage + 1) - HALF_SHARE);
        features.push(feature(
            &format!("solid-{passage}"),
            "unit",
            &drawn.strip(from_to, between),
            solid,
        ));
    }
    for (number, strip) in drawn.between_tunnels().into_iter().enumerate() {
        features.push(feature(&format!("stand-block-{number}"), "unit", &strip, solid));
    }
    sections(&drawn, stands, &mut features);
    format!(
        "{{\"type\": \"FeatureCollection\", \"features\": [\n{}\n]}}\n",
        features.join(",\n")
    )
}

fn sections(drawn: &Drawing, stands: &[Stand], features: &mut Vec<String>) {
    let mut zones = Vec::new();
    for (concourse, across) in SEATS_M.into_iter().enumerate() {
        for sector in 0..SECTORS {
            let id = format!("sector-{concourse}-{sector}");
            let middle = (sector as f64 + 0.5) / SECTORS as f64;
            let from_to = (middle - HALF_SHARE, middle + HALF_SHARE);
            let properties = format!(r#""name": {{"en": "{id}"}}, "category": "seating", "level_id": "ground""#);
            features.push(feature(&id, "section", &drawn.strip(from_to, across), &properties));
            zones.push(id);
        }
    }
    for (number, stand) in stands.iter().enumerate() {
        let id = format!("queue-{number}");
        let from_to = (stand.at.0 - HALF_SHARE, stand.at.0 + HALF_SHARE);
        let properties = format!(r#""name": {{"en": "{id}"}}, "category": "queue", "level_id": "ground""#);
        let area = drawn.strip(from_to, QUEUES_M[stand.at.1]);
        features.push(feature(&id, "section", &area, &properties));
        zones.push(id);
    }
    for (number, stand) in stands.iter().enumerate() {
        let properties = format!(
            r#""name": {{"en": "Stand {number}"}}, "category": "food", "level_id": "ground", "queue_zone_id": "queue-{number}", "servers": {}, "service_s": {}"#,
            stand.servers, stand.believed_service_s
        );
        let (from_m, to_m) = QUEUES_M[stand.at.1];
        let at = drawn.point(stand.at.0, (from_m + to_m) / 2.0);
        features.push(feature(&format!("stand-{number}"), "occupant", &at, &properties));
    }
    for (number, zones) in zones.chunks(ZONES_PER_HUB).enumerate() {
        let properties = format!(r#""level_id": "ground", "height_m": 3, "zone_ids": {zones:?}"#);
        let at = drawn.point(0.02 + 0.1 * number as f64, 90.0);
        features.push(feature(&format!("hub-{number}"), "hub", &at, &properties));
    }
}

fn feature(id: &str, kind: &str, geometry: &str, properties: &str) -> String {
    format!(
        r#"{{"type": "Feature", "id": "{id}", "feature_type": "{kind}", "geometry": {geometry}, "properties": {{{properties}}}}}"#
    )
}

struct Drawing {
    layout: Layout,
}

impl Drawing {
    /// Metres east and north of a share of the concourse and a distance from the middle.
    fn metres(&self, along: f64, across_m: f64) -> (f64, f64) {
        if self.layout == Layout::Line {
            return (along * LENGTH_M, across_m);
        }
        let turn = along * std::f64::consts::TAU;
        (across_m * turn.cos(), across_m * turn.sin())
    }

    fn point(&self, along: f64, across_m: f64) -> String {
        let (east_m, north_m) = self.metres(along, across_m);
        format!(r#"{{"type": "Point", "coordinates": [{east_m:.3}, {north_m:.3}]}}"#)
    }

    /// What lies between two shares and two distances.
    fn strip(&self, (from, to): (f64, f64), (near_m, far_m): (f64, f64)) -> String {
        let pieces = (((to - from) * SECTORS as f64).round() as usize).max(1);
        let along = |piece: usize| from + (to - from) * piece as f64 / pieces as f64;
        let near = (0..=pieces).map(|piece| self.metres(along(piece), near_m));
        let far = (0..=pieces).rev().map(|piece| self.metres(along(piece), far_m));
        polygon(near.chain(far))
    }

    fn disc(&self, radius_m: f64) -> String {
        polygon((0..SECTORS).map(|sector| self.metres(sector as f64 / SECTORS as f64, radius_m)))
    }

    /// What is solid between the tunnels to the seats.
    fn between_tunnels(&self) -> Vec<String> {
        let (inside, outside) = ((SEATS_M[0].0, QUEUES_M[0].0), (QUEUES_M[1].1, SEATS_M[1].1));
        let edge = |sector: usize| (sector as f64 - 0.5) / SECTORS as f64;
        let mut strips = Vec::new();
        for sector in 0..=SECTORS {
            let (from, to) = (edge(sector) + HALF_SHARE, edge(sector + 1) - HALF_SHARE);
            let is_first_again = sector == SECTORS && self.layout != Layout::Line;
            let from_to = if self.layout == Layout::Line {
                (from.max(0.0), to.min(1.0))
            } else {
                (from, to)
            };
            if !is_first_again {
                strips.extend([inside, outside].map(|across| self.strip(from_to, across)));
            }
        }
        strips
    }

    fn floor(&self) -> String {
        if self.layout == Layout::Line {
            return self.strip((0.0, 1.0), (SEATS_M[0].0, SEATS_M[1].1));
        }
        self.disc(SEATS_M[1].1)
    }
}

fn polygon(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut points: Vec<(f64, f64)> = points.collect();
    points.push(points[0]);
    let mut text = String::new();
    for (east_m, north_m) in points {
        let comma = if text.is_empty() { "" } else { ", " };
        write!(text, "{comma}[{east_m:.3}, {north_m:.3}]").unwrap();
    }
    format!(r#"{{"type": "Polygon", "coordinates": [[{text}]]}}"#)
}

/// The pack of a world: one action, which sends to the stands.
pub(crate) fn spec(rush: &Rush, options: &Options) -> Spec {
    let people = rush.fans.len();
    let files = [
        (
            "pack.toml",
            "id = \"rush\"\nname = \"Rush\"\ndefault_locale = \"en\"\nlocales = [\"en\"]\ntiers = [\"guest\"]\nphases = [\"half-time\"]\nchannels = [\"mobile\"]\n".to_owned(),
        ),
        (
            "journey.toml",
            "[[event]]\nname = \"Order Completed\"\n\n[[stage]]\nid = \"guest\"\n".to_owned(),
        ),
        ("actions.toml", ACTIONS.to_owned()),
        ("messages/en.ftl", "food = { $place }, { $walk } and { $wait }\nask = Ask us\n".to_owned()),
        (
            "settings.toml",
            format!(
                "[engine]\nphase = \"half-time\"\nserved_event = \"Order Completed\"\nconsent_default = [\"service\", \"location\"]\ncompliance = {:?}\n\n[limits]\ncustomers_max = {people}\ntags_max = {people}\nmessage_ids_max = 1048576\n",
                options.prior_compliance
            ),
        ),
        ("venue/rush.geojson", rush.map_text.clone()),
    ];
    config::load(&files).unwrap_or_else(|mistakes| panic!("{}", mistakes[0]))
}

const ACTIONS: &str = r#"
[[issue]]
id = "service"
purpose = "service"

[[group]]
id = "food"
issue = "service"

[[action]]
id = "food"
group = "food"
wants = ["food"]
places = { category = "food" }
propensity = 0.5
value = 10
treatment = [{ id = "phone", channel = "mobile", message = "food", message_without_place = "ask" }]
"#;
