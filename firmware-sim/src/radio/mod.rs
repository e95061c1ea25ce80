//! The air between a tag and a hub: how strong a packet arrives, and whether it does.
//!
//! `rssi = power at 1 m - 10 n log10(d) - floors - body + shadow + fading`, the log-distance model with
//! log-normal shadowing (Rappaport, "Wireless Communications", 2nd ed., section 4.9). Shadowing belongs to the
//! spot and the hub and stays as it is while nobody moves; fading changes with every packet; the body of the
//! person who carries the tag takes most when it stands between. A packet is decoded with a probability that
//! falls off around the receiver's sensitivity.
//!
//! Everything is a function of the seed and its arguments. Deliberately absent: walls inside a level (the map
//! has none with a material), collisions between tags, and the receiver's automatic gain.

mod range;
mod shadow;
mod tag;

use nextbest_venue::{Hub, LevelIx, Point};

use crate::prng::{draw, normal, unit};

pub use range::{Receiver, Receivers};
pub use tag::{Advertisement, Format, Rotation, TX_1M_DBM, Tag};

use self::shadow::Shadow;

/// The constants of the model. The defaults are those of Bluetooth Low Energy at 2.4 GHz in a busy concourse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadioSettings {
    /// Path-loss exponent: 2 in free space, 2 to 3 in halls full of people.
    pub exponent: f32,
    /// Spread of the shadowing, in decibels.
    pub shadow_db: f32,
    /// Distance over which shadowing changes, in metres.
    pub shadow_m: f32,
    /// Loss when the carrier's body stands between tag and hub, in decibels; none when they face it.
    pub body_db: f32,
    /// Spread of the fading from packet to packet, in decibels.
    pub fading_db: f32,
    /// Loss for each floor between the two, in decibels.
    pub floor_db: f32,
    /// Half of the packets that arrive with this strength are decoded.
    pub sensitivity_dbm: f32,
    /// How fast that share changes with strength: the scale of a logistic function, in decibels.
    pub sensitivity_scale_db: f32,
    /// Share of packets lost for other reasons: the receiver was on another channel, or was talking.
    pub lost_share: f32,
}

impl Default for RadioSettings {
    fn default() -> Self {
        Self {
            exponent: 2.4,
            shadow_db: 4.0,
            shadow_m: 6.0,
            body_db: 8.0,
            fading_db: 2.5,
            floor_db: 18.0,
            sensitivity_dbm: -92.0,
            sensitivity_scale_db: 1.5,
            lost_share: 0.1,
        }
    }
}

/// Where a transmitter is when it sends a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Emission {
    /// Who sends: a number of the caller's, which tells its packets from others'.
    pub sender: u64,
    /// The number of the packet; fading and loss are drawn from it.
    pub packet: u64,
    /// Power in dBm, one metre away.
    pub tx_1m_dbm: i8,
    /// The floor it is on.
    pub level: LevelIx,
    /// Where it is.
    pub at: Point,
    /// The way its carrier faces, in radians from east towards north; none when it is carried by nobody.
    pub facing_rad: Option<f32>,
}

/// The air of one venue.
#[derive(Debug, Clone)]
pub struct Radio {
    settings: RadioSettings,
    seed: u64,
    shadow: Shadow,
}

impl Radio {
    /// The air as `seed` makes it.
    #[must_use]
    pub fn new(settings: RadioSettings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            shadow: Shadow::new(seed, settings.shadow_db, settings.shadow_m),
        }
    }

    /// Signal strength at hub number `receiver`, in dBm, or nothing when the packet is not decoded.
    #[must_use]
    pub fn hear(&self, emission: &Emission, receiver: u64, hub: &Hub, floors_between: u32) -> Option<i8> {
        let mean_dbm = self.mean_dbm(emission, receiver, hub, floors_between);
        let packet = draw(self.seed ^ PACKET, emission.sender, emission.packet);
        let arrived_dbm = mean_dbm + self.settings.fading_db * normal(draw(packet, receiver, FADING));
        let decoded = self.decoded_share(arrived_dbm) > unit(draw(packet, receiver, LOSS));
        decoded.then(|| arrived_dbm.clamp(RSSI_MIN_DBM, RSSI_MAX_DBM).round() as i8)
    }

    /// Strength without fading, in dBm: what the mean of many packets from this spot approaches.
    #[must_use]
    pub fn mean_dbm(&self, emission: &Emission, receiver: u64, hub: &Hub, floors_between: u32) -> f32 {
        let (east_m, north_m) = (hub.at.east_m - emission.at.east_m, hub.at.north_m - emission.at.north_m);
        let up_m = hub.height_m - CARRIED_HEIGHT_M;
        let distance_m = (east_m * east_m + north_m * north_m + up_m * up_m)
            .sqrt()
            .max(DISTANCE_MIN_M);
        let path_db = 10.0 * self.settings.exponent * distance_m.log10();
        let floors_db = self.settings.floor_db * floors_between as f32;
        let body_db = emission
            .facing_rad
            .map_or(0.0, |facing| self.body_loss_db(facing, north_m.atan2(east_m)));
        f32::from(emission.tx_1m_dbm) - path_db - floors_db - body_db
            + self.shadow.at(receiver, emission.level, emission.at)
    }

    /// The share of packets of this strength that are decoded.
    #[must_use]
    pub fn decoded_share(&self, arrived_dbm: f32) -> f32 {
        let over = (arrived_dbm - self.settings.sensitivity_dbm) / self.settings.sensitivity_scale_db;
        (1.0 - self.settings.lost_share) / (1.0 + (-over).exp())
    }

    /// Beyond this many metres a packet is decoded so seldom that it is not tried: it would need a luck of two
    /// spreads of everything random.
    #[must_use]
    pub fn reach_m(&self, tx_1m_dbm: i8, floors_between: u32) -> f32 {
        let luck_db = LUCK_SPREADS * self.settings.shadow_db.hypot(self.settings.fading_db);
        let floors_db = self.settings.floor_db * floors_between as f32;
        let budget_db = f32::from(tx_1m_dbm) - self.settings.sensitivity_dbm - floors_db + luck_db;
        10.0_f32
            .powf(budget_db / (10.0 * self.settings.exponent))
            .clamp(DISTANCE_MIN_M, REACH_MAX_M)
    }

    /// None when the carrier faces the hub, all of it when they turn their back, the half in between.
    fn body_loss_db(&self, facing_rad: f32, towards_hub_rad: f32) -> f32 {
        self.settings.body_db * 0.5 * (1.0 - (facing_rad - towards_hub_rad).cos())
    }
}

/// A tag in a pocket or on a lanyard, above the floor.
const CARRIED_HEIGHT_M: f32 = 1.1;
/// The model is one of the far field; closer than this it says nothing.
const DISTANCE_MIN_M: f32 = 0.3;
/// No hub hears further, whatever the settings.
const REACH_MAX_M: f32 = 120.0;
/// The range of the contract's `rssi_dbm`.
const RSSI_MIN_DBM: f32 = -127.0;
const RSSI_MAX_DBM: f32 = 20.0;
/// Two spreads: one packet in fifty at the edge.
const LUCK_SPREADS: f32 = 2.0;
/// Names of the draws of one packet.
const PACKET: u64 = 0x7061_636b;
const FADING: u64 = 1;
const LOSS: u64 = 2;
