//! The closed vocabularies of the map: every category a feature may name.
//!
//! They are closed so that a typing mistake is found when the pack is checked, not when nobody is ever sent to the place.
//! Finer words (`kinds` of a place) are the pack's own and open. Words that IMDF has are used as IMDF spells them.

/// What a venue may be.
pub const VENUE_CATEGORIES: &[&str] = &[
    "stadium",
    "arena",
    "museum",
    "aquarium",
    "zoo",
    "airport",
    "trainstation",
    "shoppingcenter",
    "conventioncenter",
    "university",
    "hospital",
    "hotel",
    "themepark",
    "casino",
    "resort",
    "businesscampus",
    "retailstore",
    "airport.intl",
    "communitycenter",
    "governmentfacility",
    "healthcarefacility",
    "parkingfacility",
    "stripmall",
    "theater",
    "transitstation",
];

/// Units that people may stand and walk in.
pub const WALKABLE_UNITS: &[&str] = &[
    "walkway",
    "walkway.island",
    "ramp",
    "stairs",
    "steps",
    "escalator",
    "elevator",
    "movingwalkway",
    "footbridge",
    "lobby",
    "lounge",
    "room",
    "restroom",
    "restroom.family",
    "restroom.female",
    "restroom.female.wheelchair",
    "restroom.male",
    "restroom.male.wheelchair",
    "restroom.transgender",
    "restroom.transgender.wheelchair",
    "restroom.unisex",
    "restroom.unisex.wheelchair",
    "restroom.wheelchair",
    "shower",
    "mothersroom",
    "smokingarea",
    "waitingroom",
    "unenclosedarea",
    "terrace",
    "platform",
    "auditorium",
    "theater",
    "library",
    "firstaid",
    "movietheater",
    "classroom",
    "conferenceroom",
    "huddleroom",
    "laboratory",
    "phoneroom",
    "fitnessroom",
    "recreation",
    "privatelounge",
    "parking",
    "unspecified",
    "seating",
    "retail",
    "exhibit",
];

/// Units that nobody walks through: they are walls, whatever they lie on.
pub const SOLID_UNITS: &[&str] = &[
    "brick",
    "concrete",
    "drywall",
    "glass",
    "wood",
    "column",
    "structure",
    "foodservice",
    "kitchen",
    "nonpublic",
    "office",
    "storage",
    "mailroom",
    "fieldofplay",
    "opentobelow",
    "vegetation",
    "road",
    "serverroom",
];

/// Openings that visitors may pass.
pub const PASSABLE_OPENINGS: &[&str] = &["pedestrian", "pedestrian.principal", "pedestrian.transit"];

/// Openings that are there but not for visitors: they stay closed for every walk.
pub const BARRED_OPENINGS: &[&str] = &["emergencyexit", "service", "automobile", "bicycle"];

/// What a section (zone) may be.
pub const ZONE_CATEGORIES: &[&str] = &[
    "concourse",
    "queue",
    "seating",
    "gate",
    "restroom",
    "shop",
    "food",
    "room",
    "exhibit",
    "lobby",
    "outdoor",
    "service",
    "corridor",
    "parking",
    "platform",
];

/// What an amenity or occupant (place) may be.
pub const PLACE_CATEGORIES: &[&str] = &[
    "food",
    "drink",
    "restroom",
    "gate",
    "shop",
    "first_aid",
    "information",
    "cloakroom",
    "exhibit",
    "ticketing",
    "lounge",
    "smoking_area",
    "charging",
    "parking",
    "service",
    "transport",
    "prayer_room",
    "recreation",
];

/// What a relationship (a way between levels) may be.
pub const TRAVERSAL_CATEGORIES: &[&str] = &["stairs", "escalator", "elevator", "ramp"];
