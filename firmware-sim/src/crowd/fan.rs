//! One fan: what they are doing, and what was decided about them before the gates opened.
//!
//! Everything personal (seat, speed, when they get hungry, whether they do as they are told) is drawn from the
//! seed and the fan's number, so no other fan can change it.

use nextbest_venue::{PlaceIx, WALK_M_PER_S};

use crate::prng::{draw, normal, unit};

use super::{
    Want,
    walk::{Stance, Walk},
};

/// A fan: a position in the crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FanIx(pub u32);

impl FanIx {
    /// The position in the crowd.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a fan is doing.
#[derive(Debug)]
pub(super) enum Doing {
    /// Not come yet.
    Outside,
    /// In their seat.
    Seated,
    /// In their seat, waiting for an answer until the next timer.
    Asking(Errand),
    /// Under way to a place.
    Going(Walk, PlaceIx, Errand),
    /// In line.
    Queueing(Line),
    /// Their turn has come.
    Served(Line),
    /// Under way to their seat.
    Returning(Walk),
    /// Under way to a gate.
    Leaving(Walk),
    /// Left.
    Gone,
}

/// What somebody wants, since when, and who sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errand {
    pub(super) want: Want,
    pub(super) decided_ms: u64,
    /// They asked where to go.
    pub(super) asked: bool,
    /// They go where they were told, rather than where they always go.
    pub(super) told: bool,
}

/// A place in line, from joining it to being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) place: PlaceIx,
    pub(super) errand: Errand,
    pub(super) ticket: u64,
    pub(super) joined_ms: u64,
    pub(super) begins_ms: u64,
    pub(super) ends_ms: u64,
}

#[derive(Debug)]
pub(super) struct Fan {
    pub(super) seat: Stance,
    pub(super) doing: Doing,
    /// When that ends. A timer of another time is one that was overtaken, and means nothing.
    pub(super) next_ms: u64,
    /// They have been for something at half-time.
    pub(super) has_been: bool,
}

impl Fan {
    pub(super) fn new(seat: Stance) -> Self {
        Self {
            seat,
            doing: Doing::Outside,
            next_ms: u64::MAX,
            has_been: false,
        }
    }
}

/// Walking speed in metres per second: normal around the map's mean, within what people can keep up.
pub(super) fn speed_m_per_s(seed: u64, fan: FanIx) -> f32 {
    (WALK_M_PER_S + SPEED_SPREAD_M_PER_S * normal(draw(seed, u64::from(fan.0), SPEED))).clamp(0.7, 1.8)
}

/// Own service time in units of the place's mean: log-normal with mean 1.
pub(super) fn service_factor(seed: u64, fan: FanIx) -> f32 {
    let log = SERVICE_SPREAD * normal(draw(seed, u64::from(fan.0), SERVICE)) - 0.5 * SERVICE_SPREAD * SERVICE_SPREAD;
    log.exp()
}

/// Whether they would go where they are told.
pub(super) fn complies(seed: u64, fan: FanIx, compliance: f32) -> bool {
    unit(draw(seed, u64::from(fan.0), COMPLIES)) < compliance
}

/// Whether they ask at all.
pub(super) fn has_app(seed: u64, fan: FanIx, share: f32) -> bool {
    unit(draw(seed, u64::from(fan.0), APP)) < share
}

/// A number in `[0, 1)` that decides what they want.
pub(super) fn taste(seed: u64, fan: FanIx) -> f32 {
    unit(draw(seed, u64::from(fan.0), TASTE))
}

/// Spreads of the reference simulation.
const SPEED_SPREAD_M_PER_S: f32 = 0.15;
const SERVICE_SPREAD: f32 = 0.35;
/// Names of the draws.
const SPEED: u64 = 32;
const SERVICE: u64 = 33;
const COMPLIES: u64 = 34;
const APP: u64 = 35;
const TASTE: u64 = 36;
