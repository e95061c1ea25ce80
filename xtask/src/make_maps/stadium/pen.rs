//! Draws the parts that many things of the stadium are made of, each on the level that is being drawn.

use super::{CONCOURSE_M, RING, Stadium};
use crate::make_maps::geojson::{Metres, Shape, text, texts};

/// The proximity UUID of every beacon of the stadium.
const UUID: &str = "6e657874-6265-7374-8000-726976657273";

impl Stadium {
    /// A walkable room off the concourse: its unit, its door of twice `door_half_m`, and its zone.
    #[expect(
        clippy::too_many_arguments,
        reason = "one drawing helper, called with literals side by side"
    )]
    pub(super) fn room(
        &mut self,
        id: &str,
        unit: &str,
        zone: &str,
        name: &str,
        around: (f64, f64),
        out: (f64, f64),
        door_half_m: f64,
    ) {
        let middle = (around.0 + around.1) / 2.0;
        // The concourse lies outside of inner rooms and inside of outer ones.
        let door_out = if out.0 < CONCOURSE_M.0 { out.1 } else { out.0 };
        self.unit(&format!("{id}-room"), unit, RING.area(around, out));
        self.opening(
            &format!("{id}-door"),
            (middle - door_half_m, middle + door_half_m),
            door_out,
        );
        let at = RING.at(middle, (out.0 + out.1) / 2.0);
        self.zone(
            &format!("{id}-zone"),
            zone,
            name.to_owned(),
            RING.area(around, out),
            at,
            None,
        );
    }

    /// A place in the zone of its room, with that zone as its queue if there is a service.
    #[expect(
        clippy::too_many_arguments,
        reason = "one drawing helper, called with literals side by side"
    )]
    pub(super) fn place(
        &mut self,
        kind: &'static str,
        id: &str,
        name: &str,
        category: &str,
        kinds: &[&str],
        at: Metres,
        service: Option<(usize, usize)>,
    ) {
        let mut properties = vec![
            ("name", name.to_owned()),
            ("category", text(category)),
            ("level_id", self.level_id()),
        ];
        if !kinds.is_empty() {
            properties.insert(2, ("kinds", texts(kinds)));
        }
        if let Some((servers, service_s)) = service {
            properties.push(("queue_zone_id", text(&format!("{id}-zone"))));
            properties.push(("servers", servers.to_string()));
            properties.push(("service_s", service_s.to_string()));
        }
        self.map.add(kind, id, &properties, &Shape::Point(at));
    }

    pub(super) fn unit(&mut self, id: &str, category: &str, ring: Vec<Metres>) {
        let id = if id == "field" { self.id(id) } else { id.to_owned() };
        let properties = [("category", text(category)), ("level_id", self.level_id())];
        self.map.add("unit", &id, &properties, &Shape::Polygon(&[ring]));
    }

    pub(super) fn opening(&mut self, id: &str, around: (f64, f64), out_m: f64) {
        let properties = [("category", text("pedestrian")), ("level_id", self.level_id())];
        self.map.add(
            "opening",
            id,
            &properties,
            &Shape::Line(&RING.along(around.0, around.1, out_m)),
        );
    }

    pub(super) fn zone(
        &mut self,
        id: &str,
        category: &str,
        name: String,
        ring: Vec<Metres>,
        middle: Metres,
        seats: Option<usize>,
    ) {
        let mut properties = vec![
            ("name", name),
            ("category", text(category)),
            ("level_id", self.level_id()),
        ];
        if let Some(seats) = seats {
            properties.push(("seats", seats.to_string()));
        }
        self.map.add("section", id, &properties, &Shape::Polygon(&[ring]));
        self.zones.push((id.to_owned(), middle));
    }

    pub(super) fn beacon(&mut self, at: Metres, height_m: f64) {
        self.beacons += 1;
        let identity = format!(
            "{{\"uuid\": \"{UUID}\", \"major\": {}, \"minor\": {}}}",
            self.level, self.beacons
        );
        let properties = [
            ("level_id", self.level_id()),
            ("height_m", height_m.to_string()),
            ("tx_1m_dbm", "-59".to_owned()),
            ("ibeacon", identity),
        ];
        self.map.add(
            "beacon",
            &format!("beacon-{:03}", self.beacons),
            &properties,
            &Shape::Point(at),
        );
    }

    pub(super) fn level_id(&self) -> String {
        text(&format!("level-{}", self.level))
    }

    /// An id with the level.
    pub(super) fn id(&self, what: &str) -> String {
        format!("{what}-c{}", self.level)
    }

    /// An id with the level and the sector.
    pub(super) fn numbered(&self, what: &str, sector: usize) -> String {
        format!("{what}-c{}-{:02}", self.level, sector + 1)
    }

    /// The number on the signs: 101 to 124 below, 201 to 224 above.
    pub(super) fn sign(&self, sector: usize) -> usize {
        100 * self.level + sector + 1
    }
}
