//! The keys and categories of IMDF 1.0.0 (OGC 20-094, the pages of each feature type, and Categories), and what this
//! project makes of each.
//!
//! Closed words that IMDF and this project share are in [`crate::words`]. Every category has a row here, so that a new one
//! shows as unknown instead of being taken for something. Occupants have a file of their own.

/// A key of a feature's properties.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) meaning: Use,
}

/// What becomes of a key.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// It is read, or says nothing that the rest does not.
    Read,
    /// The id of a feature of this type.
    One(&'static str),
    /// Ids of features of this type.
    Many(&'static str),
    /// The map has nothing of it, and why.
    Lost(&'static str),
}

const fn key(name: &'static str, meaning: Use) -> Key {
    Key { name, meaning }
}

const HOURS: Key = key(
    "hours",
    Use::Lost("a map has no opening hours: an action's condition on `minute_of_day` can"),
);
const PHONE: Key = key("phone", Use::Lost("a map has no telephone numbers"));
const WEBSITE: Key = key("website", Use::Lost("a map has no addresses on the web"));
const ALT_NAME: Key = key("alt_name", Use::Lost("a map has one name in each language"));
const NAME: Key = key("name", Use::Read);
const CATEGORY: Key = key("category", Use::Read);
const RESTRICTION: Key = key("restriction", Use::Read);
const LEVEL: Key = key("level_id", Use::One("level"));
const ADDRESS: Key = key("address_id", Use::Read);
const SHOWN_AT: Key = key("display_point", Use::Read);
const SAME_AS: Key = key(
    "correlation_id",
    Use::Lost("places on several levels stay places of their own"),
);
const PARENTS: Key = key("parents", Use::Lost("zones have no parents; they may overlap"));
const ACCESSIBILITY: Key = key("accessibility", Use::Lost("walks know no step-free ways"));

/// The keys of each feature type.
pub(super) const KEYS: &[(&str, &[Key])] = &[
    (
        "address",
        &[
            key("address", Use::Read),
            key("unit", Use::Read),
            key("locality", Use::Read),
            key("province", Use::Read),
            key("country", Use::Read),
            key("postal_code", Use::Read),
            key("postal_code_ext", Use::Read),
            key("postal_code_vanity", Use::Read),
        ],
    ),
    (
        "venue",
        &[
            CATEGORY,
            RESTRICTION,
            NAME,
            ALT_NAME,
            HOURS,
            PHONE,
            WEBSITE,
            SHOWN_AT,
            ADDRESS,
        ],
    ),
    ("building", &[CATEGORY, RESTRICTION, NAME, ALT_NAME, SHOWN_AT, ADDRESS]),
    (
        "footprint",
        &[CATEGORY, NAME, key("building_ids", Use::Many("building"))],
    ),
    (
        "level",
        &[
            CATEGORY,
            RESTRICTION,
            key("outdoor", Use::Read),
            key("ordinal", Use::Read),
            NAME,
            key("short_name", Use::Read),
            SHOWN_AT,
            ADDRESS,
            key("building_ids", Use::Many("building")),
        ],
    ),
    (
        "unit",
        &[CATEGORY, RESTRICTION, ACCESSIBILITY, NAME, ALT_NAME, LEVEL, SHOWN_AT],
    ),
    (
        "opening",
        &[
            CATEGORY,
            ACCESSIBILITY,
            key("access_control", Use::Read),
            key("door", Use::Read),
            NAME,
            ALT_NAME,
            SHOWN_AT,
            LEVEL,
        ],
    ),
    (
        "section",
        &[
            CATEGORY,
            RESTRICTION,
            ACCESSIBILITY,
            NAME,
            ALT_NAME,
            SHOWN_AT,
            LEVEL,
            ADDRESS,
            SAME_AS,
            PARENTS,
        ],
    ),
    (
        "geofence",
        &[
            CATEGORY,
            RESTRICTION,
            NAME,
            ALT_NAME,
            SAME_AS,
            SHOWN_AT,
            PARENTS,
            key("building_ids", Use::Many("building")),
            key("level_ids", Use::Many("level")),
        ],
    ),
    (
        "fixture",
        &[
            CATEGORY,
            NAME,
            ALT_NAME,
            key("anchor_id", Use::One("anchor")),
            LEVEL,
            SHOWN_AT,
        ],
    ),
    (
        "kiosk",
        &[NAME, ALT_NAME, key("anchor_id", Use::One("anchor")), LEVEL, SHOWN_AT],
    ),
    ("detail", &[LEVEL]),
    ("anchor", &[ADDRESS, key("unit_id", Use::One("unit"))]),
    (
        "occupant",
        &[
            NAME,
            CATEGORY,
            key("anchor_id", Use::One("anchor")),
            HOURS,
            PHONE,
            WEBSITE,
            key("validity", Use::Lost("a map has no dates: take out what has closed")),
            SAME_AS,
        ],
    ),
    (
        "amenity",
        &[
            CATEGORY,
            key("accessibility", Use::Read),
            NAME,
            ALT_NAME,
            HOURS,
            PHONE,
            WEBSITE,
            key("unit_ids", Use::Many("unit")),
            ADDRESS,
            SAME_AS,
        ],
    ),
    (
        "relationship",
        &[
            CATEGORY,
            key("direction", Use::Read),
            key("origin", Use::Read),
            key("intermediary", Use::Read),
            key("destination", Use::Read),
            HOURS,
        ],
    ),
];

/// Units whose border is no wall towards one another: open floor that a drawing cuts into pieces.
pub(super) const OPEN_FLOOR: &[&str] = &[
    "walkway",
    "walkway.island",
    "lobby",
    "unenclosedarea",
    "footbridge",
    "terrace",
    "platform",
    "waitingroom",
    "parking",
    "recreation",
];

/// Units that lead from level to level.
pub(super) const CONNECTORS: &[&str] = &["stairs", "steps", "escalator", "elevator", "ramp", "movingwalkway"];

/// The zone that a walkable unit becomes, for those that are no `room`.
pub(super) fn zone_of_unit(category: &str) -> &'static str {
    match category {
        "walkway" | "walkway.island" | "footbridge" | "movingwalkway" | "unspecified" => "concourse",
        "stairs" | "steps" | "ramp" | "escalator" | "elevator" => "corridor",
        "lobby" | "lounge" | "privatelounge" | "waitingroom" => "lobby",
        "terrace" | "unenclosedarea" => "outdoor",
        "auditorium" | "theater" | "movietheater" => "seating",
        "platform" => "platform",
        "parking" => "parking",
        "firstaid" | "shower" | "mothersroom" => "service",
        _ if category.starts_with("restroom") => "restroom",
        _ => "room",
    }
}

/// Sections and geofences by the zone that they become.
pub(super) const ZONES: &[(&str, &str)] = &[
    (
        "concourse",
        "walkway concourse terminal postsecurity presecurity paidarea",
    ),
    ("queue", "checkin immigration immigration.schengen security ticketing"),
    ("seating", "seating seatingrow cubicle"),
    ("gate", "gatearea gatearea.holding"),
    ("shop", "dutyfree retail retaildepartment rental"),
    ("food", "concessions eatingdrinking"),
    ("exhibit", "exhibit exhibition"),
    (
        "room",
        "arcade entertainmentarea entertainmentarea.game entertainmentarea.music entertainmentarea.performance \
         entertainmentarea.sport gambling gambling.baccarat gambling.bingo gambling.blackjack gambling.craps \
         gambling.keno gambling.mahjong gambling.medalgame gambling.minibaccarat gambling.offtrackbetting \
         gambling.pachinko gambling.paigow gambling.poker gambling.poker.letitride gambling.poker.paigow \
         gambling.poker.threecard gambling.poker.video gambling.roulette gambling.rummy gambling.sicbo \
         gambling.slotmachine gambling.slotmachine.highlimit recomposearea recreation geofence",
    ),
    ("outdoor", "road vegetation"),
    ("platform", "platform"),
    (
        "parking",
        "parking parking.bicycle parking.compact parking.ev parking.longterm parking.motorcycle parking.shortterm \
         parking.waitingarea parkandride",
    ),
    (
        "service",
        "baggageclaim baggageclaim.intl carrental carrental.dropoff information private servicearea \
         underconstruction",
    ),
];

/// Amenities by the place that they become.
pub(super) const AMENITIES: &[(&str, &str)] = &[
    ("food", "eatingdrinking foodservice"),
    ("drink", "drinkingfountain"),
    (
        "restroom",
        "restroom restroom.family restroom.female restroom.female.wheelchair restroom.male restroom.male.wheelchair \
         restroom.transgender restroom.transgender.wheelchair restroom.unisex restroom.unisex.wheelchair \
         restroom.wheelchair",
    ),
    (
        "gate",
        "arrivalgate boardinggate boardinggate.aircraft boardinggate.bus boardinggate.ferry boardinggate.train \
         entry faregate faregate.oversized gatearea",
    ),
    ("shop", "cashier fittingroom vendingmachine"),
    ("first_aid", "firstaid defibrillator"),
    (
        "information",
        "guestservices information information.bid information.carrental information.hotel information.mufid \
         information.mufid.arrivals information.mufid.departures information.transit lostandfound meetingpoint \
         reception.desk",
    ),
    ("cloakroom", "baggagestorage coinlocker storage"),
    ("exhibit", "exhibit landmark"),
    (
        "ticketing",
        "checkin checkin.desk checkin.desk.oversizebaggage checkin.desk.transfer checkin.selfservice ticketing \
         ticketing.airline ticketing.bus ticketing.bus.muni ticketing.bus.national ticketing.rail \
         ticketing.rail.muni ticketing.rail.national ticketing.shuttle vendingmachine.trainticket",
    ),
    ("lounge", "parking.waitingarea privatelounge seat seating sleepbox"),
    ("smoking_area", "smokingarea"),
    ("charging", "powerchargingstation"),
    (
        "parking",
        "parkandride parking parking.bicycle parking.compact parking.ev parking.longterm parking.motorcycle \
         parking.shortterm valet",
    ),
    (
        "transport",
        "bus bus.muni bus.national carrental groundtransportation limo peoplemover platform rail.muni rail.national \
         rideshare shuttle taxi transit",
    ),
    (
        "prayer_room",
        "meditation prayerroom prayerroom.buddhism prayerroom.christianity prayerroom.hinduism prayerroom.islam \
         prayerroom.islam.female prayerroom.islam.male prayerroom.judaism prayerroom.shintoism prayerroom.sikh \
         prayerroom.taoic",
    ),
    (
        "recreation",
        "amphitheater childplayarea fieldofplay fieldofplay.americanfootball fieldofplay.baseball \
         fieldofplay.basketball fieldofplay.fieldhockey fieldofplay.icehockey fieldofplay.rugby fieldofplay.soccer \
         fieldofplay.softball fieldofplay.tennis fieldofplay.trackfield fieldofplay.volleyball recreation \
         swimmingpool swimmingpool.children swimmingpool.family yoga",
    ),
    (
        "service",
        "animalreliefarea atm babychanging baggagecarousel baggagecarousel.intl baggagecarts baggageclaim \
         baggageclaim.oversize baggagerecheck businesscenter cabin caregiver changemachine copymachine \
         emergencyshelter handsanitizerstation healthscreening hoteling immigration library mailbox mobilityrescue \
         mothersroom payphone phone phone.emergency photobooth police productreturn security security.checkpoint \
         security.inspection service shower strollerrental studentadmissions studentservices unspecified \
         wheelchairassist wifi",
    ),
    // No place to go to; `NOT_PLACES` says why.
    (
        "",
        "elevator escalator firealarmpullstation fireextinguisher movingwalkway paidarea pedestriancrossing ramp \
         stairs traintrack",
    ),
];

/// Why some amenities are no place.
pub(super) const NOT_PLACES: &str = "a way, an area or equipment, and no place that people are sent to";

/// Fixtures, all of which stand in the way.
pub(super) const FIXTURES: &[&str] = &[
    "baggagecarousel",
    "boardinggate.desk",
    "checkin.desk",
    "checkin.kiosk",
    "desk",
    "equipment",
    "furniture",
    "immigration.desk",
    "inspection.desk",
    "obstruction",
    "securityequipment",
    "stage",
    "vegetation",
    "wall",
];

/// Controls of an opening that keep visitors out; of all, only a guard lets them in.
pub(super) const LOCKS: &[&str] = &[
    "badgereader",
    "fingerprintreader",
    "keyaccess",
    "outofservice",
    "passwordaccess",
    "retinascanner",
    "voicerecognition",
];

/// What a category becomes in a table of groups.
pub(super) fn group_of(table: &[(&'static str, &'static str)], category: &str) -> Option<&'static str> {
    let has = |words: &str| words.split_whitespace().any(|word| word == category);
    table.iter().find(|(_, words)| has(words)).map(|(group, _)| *group)
}

/// All categories of a table of groups.
pub(super) fn members(table: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    table.iter().flat_map(|(_, words)| words.split_whitespace()).collect()
}

/// A category as words to show: `restroom.female` as `Restroom female`.
pub(super) fn title(category: &str) -> String {
    let words = category.replace(['.', '_'], " ");
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
