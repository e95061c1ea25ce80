//! What lies along the concourse: stands, shops, seats, restrooms, gates, stairs, lifts and help points.

use super::stands::{STANDS, servers, service_s};
use super::{
    OUTER_M, QUEUE_M, RING, SEATS_ABOVE, SEATS_BELOW, SEATS_M, STAND_HALF_M, Stadium, TUNNEL_HALF_M, TUNNEL_M,
    middle_m, start_m,
};
use crate::make_maps::geojson::{Shape, names, text, texts};

impl Stadium {
    /// A stand: solid, with its counter on the concourse and its queue in front.
    pub(super) fn stand(&mut self, sector: usize) {
        let middle = middle_m(sector);
        let around = (middle - STAND_HALF_M, middle + STAND_HALF_M);
        let (at, stand) = (self.stands, &STANDS[self.stands]);
        self.stands += 1;
        let (id, queue) = (self.numbered("stand", sector), self.numbered("queue", sector));
        self.unit(&format!("{id}-kitchen"), "foodservice", RING.area(around, OUTER_M));
        let name = names(
            &format!("Queue of {}", stand.english),
            &format!("Cola de {}", stand.spanish),
        );
        self.zone(
            &queue,
            "queue",
            name,
            RING.area(around, QUEUE_M),
            RING.at(middle, 12.5),
            None,
        );
        let properties = [
            ("name", names(stand.english, stand.spanish)),
            ("category", text(stand.category)),
            ("kinds", texts(stand.kinds)),
            ("level_id", self.level_id()),
            ("queue_zone_id", text(&queue)),
            ("servers", servers(at).to_string()),
            ("service_s", service_s(at).to_string()),
        ];
        let counter = RING.at(middle, QUEUE_M.1);
        self.map.add("occupant", &id, &properties, &Shape::Point(counter));
        self.hubs.push(("c", RING.at(middle, 12.5), 3.5));
        self.beacon(counter, 2.5);
    }

    pub(super) fn shop(&mut self, sector: usize) {
        let middle = middle_m(sector);
        let id = self.numbered("shop", sector);
        let around = (middle - STAND_HALF_M, middle + STAND_HALF_M);
        let (english, spanish) = (
            format!("Fan shop {}", self.sign(sector)),
            format!("Tienda {}", self.sign(sector)),
        );
        self.room(&id, "retail", "shop", &names(&english, &spanish), around, OUTER_M, 3.0);
        let at = RING.at(middle, 19.0);
        self.place(
            "occupant",
            &id,
            &names(&english, &spanish),
            "shop",
            &["fan_shop", "clothing"],
            at,
            Some((6, 45)),
        );
        self.beacon(at, 3.0);
    }

    /// Seats, and the tunnel that leads to them.
    pub(super) fn seats(&mut self, sector: usize) {
        let (from, to, middle) = (start_m(sector), start_m(sector + 1), middle_m(sector));
        let tunnel = (middle - TUNNEL_HALF_M, middle + TUNNEL_HALF_M);
        let number = self.sign(sector);
        self.unit(
            &format!("section-{number}-seats"),
            "seating",
            RING.area((from, to), SEATS_M),
        );
        self.unit(
            &format!("section-{number}-tunnel"),
            "walkway",
            RING.area(tunnel, TUNNEL_M),
        );
        self.opening(&format!("section-{number}-tunnel-out"), tunnel, TUNNEL_M.1);
        self.opening(&format!("section-{number}-tunnel-in"), tunnel, TUNNEL_M.0);
        let mut area = RING.along(from, to, SEATS_M.0);
        area.extend(RING.along(to, tunnel.1, SEATS_M.1));
        area.extend(RING.along(tunnel.1, tunnel.0, TUNNEL_M.1));
        area.extend(RING.along(tunnel.0, from, SEATS_M.1));
        let seats = if self.level == 1 { SEATS_BELOW } else { SEATS_ABOVE };
        let name = names(&format!("Section {number}"), &format!("Sección {number}"));
        self.zone(
            &format!("section-{number}"),
            "seating",
            name,
            area,
            RING.at(middle, -20.0),
            Some(seats),
        );
        self.hubs.push(("s", RING.at(middle, -20.0), 6.0));
    }

    pub(super) fn restroom(&mut self, sector: usize) {
        let middle = middle_m(sector);
        let id = self.numbered("restroom", sector);
        let around = (middle + 3.5, middle + 12.0);
        let name = names(
            &format!("Restrooms {}", self.sign(sector)),
            &format!("Aseos {}", self.sign(sector)),
        );
        self.room(&id, "restroom", "restroom", &name, around, TUNNEL_M, 1.5);
        let at = RING.at(middle + 7.75, -3.0);
        self.place("amenity", &id, &name, "restroom", &["accessible"], at, Some((16, 70)));
        self.hubs.push(("c", at, 3.0));
    }

    /// What lies at the border before a sector: every third time a gate (below) , every third stairs, else a lift or help.
    pub(super) fn border(&mut self, sector: usize) {
        match (sector % 3, sector % 6) {
            (0, _) if self.level == 1 => self.gate(sector),
            (0, _) => {}
            (1, _) => self.way_up("stairs", sector, 3.0, 30),
            (_, 2) => self.way_up("elevator", sector, 2.0, 45),
            _ => self.help(sector),
        }
    }

    pub(super) fn gate(&mut self, sector: usize) {
        let letter = ["a", "b", "c", "d", "e", "f", "g", "h"][sector / 3];
        let (id, at) = (format!("gate-{letter}"), start_m(sector));
        let around = (at - 4.0, at + 4.0);
        let upper = letter.to_uppercase();
        let name = names(&format!("Gate {upper}"), &format!("Puerta {upper}"));
        self.room(&id, "lobby", "gate", &name, around, OUTER_M, 4.0);
        self.map.add(
            "opening",
            &format!("{id}-street"),
            &[
                ("category", text("pedestrian.principal")),
                ("level_id", self.level_id()),
            ],
            &Shape::Line(&RING.along(around.0, around.1, OUTER_M.1)),
        );
        self.place("amenity", &id, &name, "gate", &[], RING.at(at, 21.0), None);
        self.hubs.push(("c", RING.at(at, 19.0), 4.0));
        self.beacon(RING.at(at, 21.0), 3.0);
    }

    /// Stairs or a lift; the relationship is drawn with its upper end.
    pub(super) fn way_up(&mut self, kind: &str, sector: usize, half_m: f64, traverse_s: usize) {
        let at = start_m(sector);
        let id = |level: usize| format!("{kind}-c{level}-{:02}", sector + 1);
        self.unit(&id(self.level), kind, RING.area((at - half_m, at + half_m), OUTER_M));
        self.opening(
            &format!("{}-door", id(self.level)),
            (at - half_m + 0.5, at + half_m - 0.5),
            OUTER_M.0,
        );
        if self.level == 1 {
            return;
        }
        let end = |level| format!("{{\"id\": {}, \"feature_type\": \"unit\"}}", text(&id(level)));
        let properties = [
            ("category", text(kind)),
            ("direction", text("undirected")),
            ("origin", end(1)),
            ("destination", end(2)),
            ("traverse_s", traverse_s.to_string()),
        ];
        self.map.add(
            "relationship",
            &format!("{kind}-{:02}", sector + 1),
            &properties,
            &Shape::Nothing,
        );
    }

    /// First aid or information.
    pub(super) fn help(&mut self, sector: usize) {
        let at = start_m(sector);
        let around = (at - 3.5, at + 3.5);
        let sign = self.sign(sector);
        if sector % 12 == 5 {
            let (id, name) = (
                self.numbered("first-aid", sector),
                names(&format!("First aid {sign}"), &format!("Primeros auxilios {sign}")),
            );
            self.room(&id, "firstaid", "service", &name, around, OUTER_M, 1.5);
            self.place("amenity", &id, &name, "first_aid", &[], RING.at(at, 18.0), None);
        } else {
            let (id, name) = (
                self.numbered("information", sector),
                names(&format!("Information {sign}"), &format!("Información {sign}")),
            );
            self.room(&id, "room", "service", &name, around, OUTER_M, 2.0);
            self.place(
                "amenity",
                &id,
                &name,
                "information",
                &["lost_and_found"],
                RING.at(at, 18.0),
                Some((3, 60)),
            );
        }
        self.beacon(RING.at(at, 18.0), 2.5);
    }
}
