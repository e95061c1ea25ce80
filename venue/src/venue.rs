//! The map as the rest of the system reads it: one [`Venue`] with its levels, zones, places, hubs and beacons.
//!
//! Parse, don't validate: [`crate::load`] is the only way to a `Venue` from text, so whoever holds one need not check it
//! again. Deliberately absent: opening hours, menus and prices (the pack's actions know them), and anything that changes
//! while the doors are open.

use crate::floor::Floor;
use crate::geometry::{Point, Polygon};
use crate::index::{BeaconIx, HubIx, LevelIx, PlaceIx, ZoneIx};
use crate::lookup::Lookup;
use crate::walks::Walks;

/// Most levels of a venue.
pub const LEVELS_MAX: usize = 16;
/// Most zones of a venue.
pub const ZONES_MAX: usize = 1_024;
/// Most places of a venue.
pub const PLACES_MAX: usize = 1_024;
/// Most hubs of a venue.
pub const HUBS_MAX: usize = 2_048;
/// Most beacons of a venue.
pub const BEACONS_MAX: usize = 4_096;

/// A checked map with its walking times.
#[derive(Clone, Debug)]
pub struct Venue {
    /// The venue feature's id.
    pub id: String,
    /// Its name, in the first language the map gives.
    pub name: String,
    /// IANA time zone, such as `Europe/London`: quiet hours and opening times are read in it.
    pub time_zone: String,
    /// Floors, lowest ordinal first.
    pub levels: Vec<Level>,
    /// Areas, in the order of the files.
    pub zones: Vec<Zone>,
    /// Points that people go to, in the order of the files.
    pub places: Vec<Place>,
    /// Fixed receivers, in the order of the files.
    pub hubs: Vec<Hub>,
    /// Fixed transmitters, in the order of the files.
    pub beacons: Vec<Beacon>,
    /// Where people can stand, cell by cell.
    pub floor: Floor,
    /// How long they walk.
    pub walks: Walks,
    pub(crate) lookup: Lookup,
}

/// A floor of the building.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The feature's id.
    pub id: String,
    /// Its name, in the first language the map gives.
    pub name: String,
    /// Order of the floors; 0 is the one at the street.
    pub ordinal: i16,
    /// Height of the floor above the venue's zero, in metres.
    pub elevation_m: f32,
}

/// An area in which people are counted, and which a hub or the locator can report.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// The feature's id.
    pub id: String,
    /// Its name, in the first language the map gives.
    pub name: String,
    /// `concourse`, `queue`, `seating`, `gate`, ...: one of [`crate::words::ZONE_CATEGORIES`].
    pub category: String,
    /// The floor it is on.
    pub level: LevelIx,
    /// Its border.
    pub area: Polygon,
    /// Whether standing here means standing in no other exclusive zone; exclusive zones never overlap.
    pub exclusive: bool,
    /// Seats in it; 0 where nobody sits.
    pub seats: u32,
}

/// A point that people go to: a stand, a gate, a restroom.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The feature's id.
    pub id: String,
    /// Names by locale, in the map's order; never empty.
    pub names: Vec<(String, String)>,
    /// `food`, `drink`, `restroom`, `gate`, ...: one of [`crate::words::PLACE_CATEGORIES`].
    pub category: String,
    /// Finer words of the pack's own, such as `pizza` or `vegan`.
    pub kinds: Vec<String>,
    /// The floor it is on.
    pub level: LevelIx,
    /// The counter or door itself.
    pub at: Point,
    /// The zone in which one stands at it: its queue zone, else the exclusive zone around `at`.
    pub zone: ZoneIx,
    /// The zone in which people wait to be served, if they do.
    pub queue_zone: Option<ZoneIx>,
    /// How many people are served at once; 0 when nobody queues.
    pub servers: u16,
    /// Mean seconds that one server takes for one person; 0 when nobody queues.
    pub service_s: f32,
}

/// A fixed receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Hub {
    /// The feature's id, which is also the name in its certificate.
    pub id: String,
    /// Other names that it goes by in its maker's payloads: an address, a room, a host name. Unique in the map, whatever
    /// their case.
    pub aliases: Vec<String>,
    /// The floor it is on.
    pub level: LevelIx,
    /// Where it hangs.
    pub at: Point,
    /// Height above the floor in metres.
    pub height_m: f32,
    /// The zones it may report; never empty. What it says about others is not believed.
    pub zones: Vec<ZoneIx>,
}

/// A fixed transmitter, heard by apps.
#[derive(Clone, Debug, PartialEq)]
pub struct Beacon {
    /// The feature's id.
    pub id: String,
    /// What it says on the air.
    pub identity: BeaconIdentity,
    /// The floor it is on.
    pub level: LevelIx,
    /// Where it hangs.
    pub at: Point,
    /// Height above the floor in metres.
    pub height_m: f32,
    /// RSSI in dBm that a phone reads one metre away.
    pub tx_1m_dbm: i8,
}

/// What a beacon says on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BeaconIdentity {
    /// Apple's iBeacon.
    IBeacon {
        /// Proximity UUID, in the order of the bytes on the air.
        uuid: [u8; 16],
        /// Group.
        major: u16,
        /// Member of the group.
        minor: u16,
    },
    /// Google's Eddystone-UID.
    EddystoneUid {
        /// Ten bytes, one owner's.
        namespace: [u8; 10],
        /// Six bytes, one beacon's.
        instance: [u8; 6],
    },
    /// A transmitter known only by its static device address.
    Address([u8; 6]),
}

impl Venue {
    /// The exclusive zone that contains the point (the smallest, where borders meet), or `None` between zones.
    #[must_use]
    pub fn zone_at(&self, level: LevelIx, at: Point) -> Option<ZoneIx> {
        self.lookup.zone_at(&self.floor, &self.zones, level, at)
    }

    /// The zone with this id.
    #[must_use]
    pub fn zone_by_id(&self, id: &str) -> Option<ZoneIx> {
        self.zones
            .iter()
            .position(|zone| zone.id == id)
            .map(|at| ZoneIx(at as u16))
    }

    /// The place with this id.
    #[must_use]
    pub fn place_by_id(&self, id: &str) -> Option<PlaceIx> {
        self.places
            .iter()
            .position(|place| place.id == id)
            .map(|at| PlaceIx(at as u16))
    }

    /// The hub with this id.
    #[must_use]
    pub fn hub_by_id(&self, id: &str) -> Option<HubIx> {
        self.hubs.iter().position(|hub| hub.id == id).map(|at| HubIx(at as u16))
    }

    /// The hub that goes by this name: its id or one of its aliases, whatever their case. Walks over all hubs; whoever
    /// asks often keeps a table by [`hub_key`].
    #[must_use]
    pub fn hub_by_name(&self, name: &str) -> Option<HubIx> {
        let key = hub_key(name);
        let goes_by = |hub: &Hub| hub_key(&hub.id) == key || hub.aliases.iter().any(|alias| hub_key(alias) == key);
        self.hubs.iter().position(goes_by).map(|at| HubIx(at as u16))
    }

    /// The beacon with this id.
    #[must_use]
    pub fn beacon_by_id(&self, id: &str) -> Option<BeaconIx> {
        self.beacons
            .iter()
            .position(|beacon| beacon.id == id)
            .map(|at| BeaconIx(at as u16))
    }

    /// The level with this id.
    #[must_use]
    pub fn level_by_id(&self, id: &str) -> Option<LevelIx> {
        self.levels
            .iter()
            .position(|level| level.id == id)
            .map(|at| LevelIx(at as u8))
    }
}

/// A hub's name as it is compared: in lower case, and when it is an address of 6 or 8 bytes, without what separates its
/// bytes, so that `AC:23:3F:C0:36:41` and `ac233fc03641` are one name.
#[must_use]
pub fn hub_key(name: &str) -> String {
    let digits: String = name.chars().filter(|char| !matches!(char, ':' | '-')).collect();
    let is_address = matches!(digits.len(), 12 | 16) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_address { digits } else { name.to_owned() }.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::hub_key;

    #[test]
    fn an_address_is_one_name_however_it_is_written() {
        assert_eq!(hub_key("AC:23:3F:C0:36:41"), hub_key("ac233fc03641"));
        assert_eq!(hub_key("Living-Room"), "living-room");
        assert_ne!(
            hub_key("ab-cd"),
            hub_key("abcd"),
            "a hyphen tells two names apart that are no addresses"
        );
    }
}
