//! A small museum in local metres: a lobby and two galleries below, five galleries above, 40 x 24 m.

use super::geojson::{Frame, Map, Metres, Shape, names, rectangle, text, texts};

/// A room: id, English and Spanish name, category of the unit and of the zone, south-west and north-east corner.
type Room = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Metres,
    Metres,
);

#[rustfmt::skip]
const BELOW: &[Room] = &[
    ("gallery-1", "Gallery 1: First Tools", "Sala 1: Primeras herramientas", "exhibit", "exhibit", (0.0, 0.0), (14.0, 12.0)),
    ("gallery-2", "Gallery 2: Sails", "Sala 2: Velas", "exhibit", "exhibit", (0.0, 12.0), (14.0, 24.0)),
    ("cafe", "Cafe", "Cafetería", "room", "food", (26.0, 0.0), (40.0, 10.0)),
    ("shop", "Museum shop", "Tienda del museo", "retail", "shop", (26.0, 10.0), (40.0, 18.0)),
    ("restrooms", "Restrooms", "Aseos", "restroom", "restroom", (26.0, 18.0), (33.0, 24.0)),
];
#[rustfmt::skip]
const ABOVE: &[Room] = &[
    ("gallery-3", "Gallery 3: Steam", "Sala 3: Vapor", "exhibit", "exhibit", (0.0, 0.0), (14.0, 8.0)),
    ("gallery-4", "Gallery 4: Flight", "Sala 4: Vuelo", "exhibit", "exhibit", (0.0, 8.0), (14.0, 16.0)),
    ("gallery-5", "Gallery 5: Radio", "Sala 5: Radio", "exhibit", "exhibit", (0.0, 16.0), (14.0, 24.0)),
    ("gallery-6", "Gallery 6: Oceans", "Sala 6: Océanos", "exhibit", "exhibit", (26.0, 0.0), (40.0, 12.0)),
    ("gallery-7", "Gallery 7: Space", "Sala 7: Espacio", "exhibit", "exhibit", (26.0, 12.0), (40.0, 24.0)),
];
/// Doors of one metre and a half between rooms and the hall: level, room, and the middle of the door.
const DOORS: &[(usize, &str, Metres)] = &[
    (0, "gallery-1", (14.0, 6.0)),
    (0, "gallery-2", (14.0, 16.0)),
    (0, "cafe", (26.0, 7.0)),
    (0, "shop", (26.0, 14.0)),
    (0, "restrooms", (26.0, 19.0)),
    (1, "gallery-3", (14.0, 4.0)),
    (1, "gallery-4", (14.0, 12.0)),
    (1, "gallery-5", (14.0, 20.0)),
    (1, "gallery-6", (26.0, 6.0)),
    (1, "gallery-7", (26.0, 16.0)),
];
/// Exhibits: id, English and Spanish name, level, where.
#[rustfmt::skip]
const EXHIBITS: &[(&str, &str, &str, usize, Metres)] = &[
    ("hand-axe", "Hand axe", "Hacha de mano", 0, (4.0, 4.0)),
    ("bow-drill", "Bow drill", "Taladro de arco", 0, (10.0, 9.0)),
    ("longship", "Longship", "Barco vikingo", 0, (7.0, 18.0)),
    ("astrolabe", "Astrolabe", "Astrolabio", 0, (3.0, 21.0)),
    ("beam-engine", "Beam engine", "Máquina de balancín", 1, (6.0, 4.0)),
    ("glider", "Glider", "Planeador", 1, (7.0, 12.0)),
    ("crystal-set", "Crystal set", "Radio de galena", 1, (4.0, 20.0)),
    ("spark-gap", "Spark-gap transmitter", "Transmisor de chispa", 1, (10.0, 21.0)),
    ("diving-bell", "Diving bell", "Campana de buceo", 1, (32.0, 4.0)),
    ("tide-machine", "Tide machine", "Máquina de mareas", 1, (36.0, 9.0)),
    ("moon-rock", "Moon rock", "Roca lunar", 1, (30.0, 18.0)),
    ("planetarium", "Planetarium", "Planetario", 1, (36.0, 20.0)),
];
/// Hubs: level and where.
#[rustfmt::skip]
const HUBS: &[(usize, Metres)] = &[
    (0, (3.0, 3.0)), (0, (11.0, 9.0)), (0, (3.0, 15.0)), (0, (11.0, 21.0)), (0, (20.0, 4.0)), (0, (20.0, 12.0)),
    (0, (18.5, 22.0)), (0, (33.0, 5.0)), (0, (33.0, 14.0)), (0, (29.5, 21.0)), (1, (7.0, 4.0)), (1, (7.0, 12.0)),
    (1, (7.0, 20.0)), (1, (20.0, 6.0)), (1, (20.0, 17.0)), (1, (33.0, 6.0)), (1, (33.0, 18.0)),
];
/// A hub may report the zones whose middle is this near.
const HUB_REACH_M: f64 = 16.0;
const WIDE: Metres = (40.0, 24.0);

/// The map.
pub(super) fn draw() -> Map {
    let mut museum = Museum {
        map: Map::new(Frame::Local),
        zones: Vec::new(),
    };
    museum.building();
    for (level, rooms) in [(0, BELOW), (1, ABOVE)] {
        museum.hall(level);
        for room in rooms {
            museum.room(level, room);
        }
    }
    museum.doors();
    museum.places();
    museum.exhibits();
    museum.hubs();
    museum.map
}

struct Museum {
    map: Map,
    /// Every zone with its level and middle.
    zones: Vec<(String, usize, Metres)>,
}

fn level_id(level: usize) -> String {
    text(["ground", "upper"][level])
}

impl Museum {
    fn building(&mut self) {
        let outline = [rectangle((0.0, 0.0), WIDE)];
        let properties = [
            ("name", names("Museum of Making", "Museo del Ingenio")),
            ("category", text("museum")),
            ("time_zone", text("Europe/Madrid")),
            ("frame", text("local")),
            ("pitch_m", "0.5".to_owned()),
        ];
        self.map
            .add("venue", "museum-of-making", &properties, &Shape::Polygon(&outline));
        for (level, english, spanish) in [(0, "Ground floor", "Planta baja"), (1, "Upper floor", "Planta alta")] {
            let id = ["ground", "upper"][level];
            let elevation_m = (level * 5).to_string();
            let properties = [
                ("name", names(english, spanish)),
                ("ordinal", level.to_string()),
                ("elevation_m", elevation_m),
            ];
            self.map.add("level", id, &properties, &Shape::Polygon(&outline));
        }
        let end = |level: &str, kind: &str| format!("{{\"id\": \"{kind}-{level}\", \"feature_type\": \"unit\"}}");
        for (kind, traverse_s) in [("stairs", 20), ("elevator", 35)] {
            let properties = [
                ("category", text(kind)),
                ("direction", text("undirected")),
                ("origin", end("ground", kind)),
                ("destination", end("upper", kind)),
                ("traverse_s", traverse_s.to_string()),
            ];
            self.map.add("relationship", kind, &properties, &Shape::Nothing);
        }
    }

    /// The hall in the middle of a level, with stairs and lift at its east side.
    fn hall(&mut self, level: usize) {
        let id = ["lobby", "landing"][level];
        self.unit(id, "lobby", level, rectangle((14.0, 0.0), (26.0, 24.0)));
        let floor = ["ground", "upper"][level];
        self.unit(
            &format!("stairs-{floor}"),
            "stairs",
            level,
            rectangle((23.0, 20.0), (26.0, 24.0)),
        );
        self.unit(
            &format!("elevator-{floor}"),
            "elevator",
            level,
            rectangle((23.0, 0.0), (26.0, 3.0)),
        );
        self.opening(
            &format!("stairs-{floor}-door"),
            "pedestrian",
            level,
            [(23.0, 21.0), (23.0, 23.0)],
        );
        self.opening(
            &format!("elevator-{floor}-door"),
            "pedestrian",
            level,
            [(23.0, 1.0), (23.0, 2.5)],
        );
        let name = [names("Lobby", "Vestíbulo"), names("Landing", "Rellano")][level].clone();
        let mut area = rectangle((14.0, 0.0), (26.0, 24.0));
        if level == 0 {
            // The cloakroom and its queue are cut out of the north-west corner.
            area.pop();
            area.extend([(20.0, 24.0), (20.0, 20.0), (14.0, 20.0)]);
            self.unit(
                "cloakroom-counter",
                "nonpublic",
                0,
                rectangle((14.0, 21.5), (16.0, 24.0)),
            );
            let queue = rectangle((14.0, 20.0), (20.0, 24.0));
            self.zone(
                "cloakroom-queue",
                "queue",
                names("Cloakroom queue", "Cola del guardarropa"),
                0,
                queue,
                (17.0, 22.0),
            );
            self.opening("entrance", "pedestrian.principal", 0, [(18.0, 0.0), (22.0, 0.0)]);
        }
        self.zone(id, "lobby", name, level, area, (20.0, 12.0));
    }

    fn room(&mut self, level: usize, &(id, english, spanish, unit, zone, low, high): &Room) {
        self.unit(&format!("{id}-room"), unit, level, rectangle(low, high));
        let middle = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
        self.zone(id, zone, names(english, spanish), level, rectangle(low, high), middle);
    }

    fn doors(&mut self) {
        for (level, id, (east, north)) in DOORS {
            self.opening(
                &format!("{id}-door"),
                "pedestrian",
                *level,
                [(*east, north - 0.75), (*east, north + 0.75)],
            );
        }
        self.unit("cafe-counter", "foodservice", 0, rectangle((36.0, 0.0), (40.0, 5.0)));
        self.unit("office", "office", 0, rectangle((33.0, 18.0), WIDE));
    }

    fn places(&mut self) {
        self.place(
            "amenity",
            "main-entrance",
            &names("Entrance", "Entrada"),
            "gate",
            &[],
            0,
            (20.0, 0.5),
            None,
        );
        let cloakroom = Some(("cloakroom-queue", 2, 30));
        self.place(
            "amenity",
            "cloakroom",
            &names("Cloakroom", "Guardarropa"),
            "cloakroom",
            &[],
            0,
            (16.0, 22.5),
            cloakroom,
        );
        let restrooms = Some(("restrooms", 8, 80));
        self.place(
            "amenity",
            "restrooms-below",
            &names("Restrooms", "Aseos"),
            "restroom",
            &["accessible"],
            0,
            (29.5, 21.0),
            restrooms,
        );
        let cafe = Some(("cafe", 3, 50));
        let kinds = &["coffee", "cake", "sandwiches"];
        self.place(
            "occupant",
            "cafe-bar",
            &names("Cafe", "Cafetería"),
            "food",
            kinds,
            0,
            (36.0, 2.5),
            cafe,
        );
        let shop = Some(("shop", 2, 45));
        self.place(
            "occupant",
            "museum-shop",
            &names("Museum shop", "Tienda del museo"),
            "shop",
            &["books", "gifts"],
            0,
            (33.0, 14.0),
            shop,
        );
        self.place(
            "amenity",
            "help-desk",
            &names("Information", "Información"),
            "information",
            &[],
            0,
            (20.0, 9.0),
            None,
        );
    }

    fn exhibits(&mut self) {
        for (at, (id, english, spanish, level, where_m)) in EXHIBITS.iter().enumerate() {
            self.place(
                "amenity",
                id,
                &names(english, spanish),
                "exhibit",
                &[],
                *level,
                *where_m,
                None,
            );
            let identity = format!(
                "{{\"namespace\": \"6e657874626573746d75\", \"instance\": \"{:012x}\"}}",
                at + 1
            );
            let properties = [
                ("level_id", level_id(*level)),
                ("height_m", "1.2".to_owned()),
                ("tx_1m_dbm", "-65".to_owned()),
                ("eddystone_uid", identity),
            ];
            self.map
                .add("beacon", &format!("beacon-{id}"), &properties, &Shape::Point(*where_m));
        }
    }

    fn hubs(&mut self) {
        for (at, (level, where_m)) in HUBS.iter().enumerate() {
            let near = |middle: &Metres| (middle.0 - where_m.0).hypot(middle.1 - where_m.1) <= HUB_REACH_M;
            let zones: Vec<&str> = self
                .zones
                .iter()
                .filter(|(_, on, middle)| on == level && near(middle))
                .map(|(id, ..)| id.as_str())
                .collect();
            let properties = [
                ("level_id", level_id(*level)),
                ("height_m", "2.8".to_owned()),
                ("zone_ids", texts(&zones)),
            ];
            self.map.add(
                "hub",
                &format!("hub-{:02}", at + 1),
                &properties,
                &Shape::Point(*where_m),
            );
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one drawing helper, called with literals side by side"
    )]
    fn place(
        &mut self,
        kind: &'static str,
        id: &str,
        name: &str,
        category: &str,
        kinds: &[&str],
        level: usize,
        at: Metres,
        service: Option<(&str, usize, usize)>,
    ) {
        let mut properties = vec![
            ("name", name.to_owned()),
            ("category", text(category)),
            ("level_id", level_id(level)),
        ];
        if !kinds.is_empty() {
            properties.insert(2, ("kinds", texts(kinds)));
        }
        if let Some((queue, servers, service_s)) = service {
            properties.push(("queue_zone_id", text(queue)));
            properties.push(("servers", servers.to_string()));
            properties.push(("service_s", service_s.to_string()));
        }
        self.map.add(kind, id, &properties, &Shape::Point(at));
    }

    fn unit(&mut self, id: &str, category: &str, level: usize, ring: Vec<Metres>) {
        self.map.add(
            "unit",
            &unit_id(id),
            &[("category", text(category)), ("level_id", level_id(level))],
            &Shape::Polygon(&[ring]),
        );
    }

    fn opening(&mut self, id: &str, category: &str, level: usize, line: [Metres; 2]) {
        self.map.add(
            "opening",
            id,
            &[("category", text(category)), ("level_id", level_id(level))],
            &Shape::Line(&line),
        );
    }

    fn zone(&mut self, id: &str, category: &str, name: String, level: usize, ring: Vec<Metres>, middle: Metres) {
        let properties = [
            ("name", name),
            ("category", text(category)),
            ("level_id", level_id(level)),
        ];
        self.map.add("section", id, &properties, &Shape::Polygon(&[ring]));
        self.zones.push((id.to_owned(), level, middle));
    }
}

/// The hall and its zone may not share an id.
fn unit_id(id: &str) -> String {
    if matches!(id, "lobby" | "landing") {
        format!("{id}-room")
    } else {
        id.to_owned()
    }
}
