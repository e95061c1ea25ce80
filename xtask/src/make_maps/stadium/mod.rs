//! Riverside Stadium: made up, 60,000 seats on two levels around a field.
//!
//! Each level has 24 sectors. Going outwards from the field: the seats, a band of inner rooms that a tunnel in the middle of
//! each sector leads through, the concourse, and a band of outer rooms. A stand fills the outer middle of a sector, with its
//! queue in front; gates (below), stairs, lifts and help points lie on the borders between sectors.

mod pen;
mod rooms;
mod stands;

use super::geojson::{Frame, Map, Metres, Shape, names, rectangle, text, texts};
use super::ring::Ring;

/// The inner edge of the concourse.
const RING: Ring = Ring::new(100.0, 82.0, 45.0);
const SECTORS: usize = 24;
/// Where the bands begin and end, in metres outside the ring.
const SEATS_M: (f64, f64) = (-36.0, -8.0);
const TUNNEL_M: (f64, f64) = (-8.0, 0.0);
const CONCOURSE_M: (f64, f64) = (0.0, 16.0);
const QUEUE_M: (f64, f64) = (9.0, 16.0);
const OUTER_M: (f64, f64) = (16.0, 22.0);
const WALL_M: f64 = 24.0;
/// Half widths along the ring.
const STAND_HALF_M: f64 = 8.0;
const TUNNEL_HALF_M: f64 = 2.5;
/// A hub may report the zones whose middle is this near.
const HUB_REACH_M: f64 = 32.0;
const SEATS_BELOW: usize = 1_300;
const SEATS_ABOVE: usize = 1_200;

/// The map.
pub(super) fn draw() -> Map {
    let (lon_deg, lat_deg) = (-98.479, 29.395);
    let mut stadium = Stadium {
        map: Map::new(Frame::Wgs84 { lon_deg, lat_deg }),
        level: 1,
        stands: 0,
        beacons: 0,
        zones: Vec::new(),
        hubs: Vec::new(),
    };
    stadium.venue(lon_deg, lat_deg);
    for level in 1..=2 {
        stadium.level = level;
        stadium.shell();
        for sector in 0..SECTORS {
            stadium.sector(sector);
            stadium.border(sector);
        }
        stadium.hang_hubs();
    }
    stadium.map
}

struct Stadium {
    map: Map,
    level: usize,
    /// How many stands and beacons were drawn.
    stands: usize,
    beacons: usize,
    /// The zones of this level with their middles.
    zones: Vec<(String, Metres)>,
    /// The hubs of this level: kind, where, and height.
    hubs: Vec<(&'static str, Metres, f64)>,
}

/// The start of a sector, in metres around the ring.
fn start_m(sector: usize) -> f64 {
    RING.length_m() * sector as f64 / SECTORS as f64
}

fn middle_m(sector: usize) -> f64 {
    (start_m(sector) + start_m(sector + 1)) / 2.0
}

/// Sectors with a shop where others have a stand.
fn has_shop(level: usize, sector: usize) -> bool {
    if level == 1 { sector % 12 == 5 } else { sector % 4 == 3 }
}

impl Stadium {
    fn venue(&mut self, lon_deg: f64, lat_deg: f64) {
        let anchor = format!("{{\"type\": \"Point\", \"coordinates\": [{lon_deg:.4}, {lat_deg:.4}]}}");
        let properties = [
            ("name", names("Riverside Stadium", "Estadio Riverside")),
            ("category", text("stadium")),
            ("time_zone", text("America/Chicago")),
            ("frame", text("wgs84")),
            ("anchor", anchor),
            ("pitch_m", "2".to_owned()),
        ];
        self.map.add(
            "venue",
            "riverside",
            &properties,
            &Shape::Polygon(&[RING.whole(WALL_M)]),
        );
        for (level, english, spanish) in [
            (1, "Lower concourse", "Nivel inferior"),
            (2, "Upper concourse", "Nivel superior"),
        ] {
            let elevation_m = (level - 1) * 8;
            let properties = [
                ("name", names(english, spanish)),
                ("ordinal", (level - 1).to_string()),
                ("elevation_m", elevation_m.to_string()),
            ];
            self.map.add(
                "level",
                &format!("level-{level}"),
                &properties,
                &Shape::Polygon(&[RING.whole(WALL_M)]),
            );
        }
    }

    /// The field and the concourse of a level.
    fn shell(&mut self) {
        self.zones.clear();
        self.hubs.clear();
        let field = rectangle((-52.5, -34.0), (52.5, 34.0));
        self.unit("field", "fieldofplay", field);
        let rings = [RING.whole(CONCOURSE_M.1), RING.whole(CONCOURSE_M.0)];
        let properties = [("category", text("walkway")), ("level_id", self.level_id())];
        self.map
            .add("unit", &self.id("concourse"), &properties, &Shape::Polygon(&rings));
    }

    fn sector(&mut self, sector: usize) {
        let (from, to, middle) = (start_m(sector), start_m(sector + 1), middle_m(sector));
        let is_stand = !has_shop(self.level, sector);
        let mut area = RING.along(from, to, CONCOURSE_M.0);
        let stand = (middle - STAND_HALF_M, middle + STAND_HALF_M);
        if is_stand {
            area.extend(RING.along(to, stand.1, CONCOURSE_M.1));
            area.extend(RING.along(stand.1, stand.0, QUEUE_M.0));
            area.extend(RING.along(stand.0, from, CONCOURSE_M.1));
        } else {
            area.extend(RING.along(to, from, CONCOURSE_M.1));
        }
        let (level, number) = (self.level, sector + 1);
        let name = names(
            &format!("Concourse {level}, sector {number}"),
            &format!("Pasillo {level}, sector {number}"),
        );
        self.zone(
            &self.numbered("sector", sector),
            "concourse",
            name,
            area,
            RING.at(middle, 5.0),
            None,
        );
        if is_stand {
            self.stand(sector);
        } else {
            self.shop(sector);
        }
        self.seats(sector);
        if sector % 2 == 1 {
            self.restroom(sector);
        }
        self.hubs.push(("c", RING.at(start_m(sector) + 5.0, 6.0), 3.5));
    }

    /// Numbers and draws the hubs of this level, each with the zones near it.
    fn hang_hubs(&mut self) {
        let mut counts = [0, 0];
        for (kind, at, height_m) in std::mem::take(&mut self.hubs) {
            let count = &mut counts[usize::from(kind == "s")];
            *count += 1;
            let id = format!("hub-{kind}{}-{count:03}", self.level);
            let near = |middle: &Metres| (middle.0 - at.0).hypot(middle.1 - at.1) <= HUB_REACH_M;
            let zones: Vec<&str> = self
                .zones
                .iter()
                .filter(|(_, middle)| near(middle))
                .map(|(id, _)| id.as_str())
                .collect();
            let properties = [
                ("level_id", self.level_id()),
                ("height_m", height_m.to_string()),
                ("zone_ids", texts(&zones)),
            ];
            self.map.add("hub", &id, &properties, &Shape::Point(at));
        }
    }
}
