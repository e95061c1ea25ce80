//! One world: stands with their true and their believed speed, and people with the moment they set out.
//!
//! Two concourses 18 m apart, one above the other's outside in a stadium, joined every fifty metres. Of the people 70 % set
//! out around the third minute and the others over a quarter of an hour; 60 % come from two dense stretches. What the map
//! says of a stand's speed is wrong by 20 % (log-normal): for every policy in the same way.

use nextbest_venue::{PlaceIx, Venue, ZoneIx};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::map;
use crate::options::{Layout, Options};

/// Seconds in which people set out.
const RUSH_S: f64 = 900.0;
/// When something goes wrong, if it does.
pub(crate) const TROUBLE_S: f64 = 300.0;
/// Metres per second of the map's walking times.
const MAP_SPEED: f64 = 1.2;

/// A stand, as it is.
#[derive(Clone, Debug)]
pub(crate) struct Stand {
    /// Where along the concourse, 0 to 1, and which of the two.
    pub(crate) at: (f64, usize),
    pub(crate) servers: usize,
    /// Seconds that one server takes.
    pub(crate) service_s: f64,
    /// The same, as the map says.
    pub(crate) believed_service_s: f64,
}

/// A person.
#[derive(Clone, Debug)]
pub(crate) struct Fan {
    pub(crate) sets_out_s: f64,
    /// The zone they set out from.
    pub(crate) zone: ZoneIx,
    /// Metres per second.
    pub(crate) speed: f64,
    /// Their service takes so many times the mean.
    pub(crate) service_share: f64,
    /// They go where they are told when this is below the compliance.
    pub(crate) will: f64,
}

/// A world.
pub(crate) struct Rush {
    pub(crate) seed: u64,
    pub(crate) stands: Vec<Stand>,
    pub(crate) fans: Vec<Fan>,
    pub(crate) venue: Venue,
    /// The map's files, from which a pack is made.
    pub(crate) map_text: String,
}

impl Rush {
    /// The world of a seed. It depends on nothing that policies do, nor on compliance.
    pub(crate) fn new(seed: u64, options: &Options) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let stands = stands(options, &mut rng);
        let map_text = map::geojson(options.layout, &stands);
        let venue = map::venue(&map_text);
        let fans = fans(options, &venue, &mut rng);
        Self {
            seed,
            stands,
            fans,
            venue,
            map_text,
        }
    }

    /// Seconds from a zone to a stand, as the map says.
    pub(crate) fn map_walk_s(&self, zone: ZoneIx, stand: usize) -> u32 {
        let place = PlaceIx(stand as u16);
        u32::from(self.venue.walks.zone_to_place_s(zone, place).unwrap())
    }

    /// Seconds that somebody takes.
    pub(crate) fn walk_s(&self, fan: usize, zone: ZoneIx, stand: usize) -> f64 {
        f64::from(self.map_walk_s(zone, stand)) * MAP_SPEED / self.fans[fan].speed
    }

    /// The zone in which one queues at a stand.
    pub(crate) fn queue_zone(&self, stand: usize) -> ZoneIx {
        self.venue.places[stand].queue_zone.unwrap()
    }

    /// The stand that can serve most.
    pub(crate) fn largest(&self) -> usize {
        let rate = |stand: &usize| self.stands[*stand].servers as f64 / self.stands[*stand].service_s;
        (0..self.stands.len())
            .max_by(|one, other| rate(one).total_cmp(&rate(other)))
            .unwrap()
    }
}

fn stands(options: &Options, rng: &mut ChaCha8Rng) -> Vec<Stand> {
    let mut places: Vec<f64> = (0..options.stands)
        .map(|stand| match options.layout {
            Layout::Ring | Layout::Line => rng.random(),
            // Four food courts of 60 m, two of them where the crowd is.
            Layout::Clusters => {
                let court = (stand * 4 / options.stands) as f64 / 4.0;
                (court + 0.1 * (rng.random::<f64>() - 0.5)).rem_euclid(1.0)
            }
        })
        .collect();
    places.sort_by(f64::total_cmp);
    let mut stands: Vec<Stand> = places
        .into_iter()
        .map(|at| Stand {
            at: (at, rng.random_range(0..2)),
            servers: rng.random_range(6..27),
            service_s: rng.random_range(25.0..45.0),
            believed_service_s: 0.0,
        })
        .collect();
    keep_apart(&mut stands);
    let needed = options.fans as f64 / RUSH_S * options.capacity;
    let given: f64 = stands.iter().map(|stand| stand.servers as f64 / stand.service_s).sum();
    for stand in &mut stands {
        stand.servers = ((stand.servers as f64 * needed / given).round() as usize).clamp(2, 1_000);
        stand.believed_service_s = (stand.service_s / (0.2 * normal(rng) - 0.02).exp() * 10.0).round() / 10.0;
    }
    stands
}

/// Moves stands of a concourse along it until no queue lies on another.
fn keep_apart(stands: &mut [Stand]) {
    let (apart, half) = (2.02 * map::HALF_SHARE, map::HALF_SHARE);
    for concourse in 0..2 {
        let mut free_from = half;
        for stand in stands.iter_mut().filter(|stand| stand.at.1 == concourse) {
            stand.at.0 = stand.at.0.max(free_from);
            free_from = stand.at.0 + apart;
        }
        let mut free_to = 1.0 - half;
        for stand in stands.iter_mut().rev().filter(|stand| stand.at.1 == concourse) {
            stand.at.0 = stand.at.0.min(free_to);
            free_to = stand.at.0 - apart;
        }
    }
}

fn fans(options: &Options, venue: &Venue, rng: &mut ChaCha8Rng) -> Vec<Fan> {
    let early = options.fans * 7 / 10;
    let mut sets_out: Vec<f64> = (0..options.fans)
        .map(|fan| {
            if fan < early {
                (180.0 + 100.0 * normal(rng)).abs()
            } else {
                rng.random::<f64>() * RUSH_S
            }
        })
        .collect();
    sets_out.sort_by(f64::total_cmp);
    let fan = |sets_out_s| {
        let at = if rng.random_bool(0.6) {
            let side = if rng.random_bool(0.5) { 0.25 } else { 0.75 };
            let at: f64 = side + 0.09 * normal(rng);
            match options.layout {
                Layout::Line => at.clamp(0.0, 0.999_999),
                Layout::Ring | Layout::Clusters => at.rem_euclid(1.0),
            }
        } else {
            rng.random()
        };
        Fan {
            sets_out_s,
            zone: map::zone(venue, at, rng.random_range(0..2)),
            speed: (1.2 + 0.15 * normal(rng)).clamp(0.7, 1.8),
            service_share: (0.35 * normal(rng) - 0.35 * 0.35 / 2.0).exp(),
            will: rng.random(),
        }
    };
    sets_out.into_iter().map(fan).collect()
}

/// A draw from the standard normal distribution (Box and Muller 1958).
pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
    let (radius, turn): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
}
