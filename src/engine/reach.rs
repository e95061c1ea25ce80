//! How far away from a hub a tag is at most that is heard so loudly.
//!
//! By the radio map that the venue began with, and by path loss where that reaches farther, with a margin for noise:
//! bodies and walls that the map does not know only bring a tag nearer. Deliberately absent: what was learned while
//! running, since a hub that lies would teach it.

use nextbest_venue::{Hub, Point};

use super::locate::{Locator, LocatorSettings, RSSI_DBM};

/// A tag may be heard louder by so much than the map says, in dB: reflections, antennas and what a radio measures amiss.
/// Of 7,857 readings on the walks of `tests/data/tetam` none that two hubs speak against lies further off.
const LOUDER_DB: f32 = 12.0;
/// People and walls stand in the way of a signal for so many metres, and no farther where nobody says so: halls and stadiums
/// are open.
const OBSTRUCTED_M: f32 = 20.0;
/// Nothing is looked for farther away, in metres.
const REACH_M_MAX: f32 = 100.0;
/// How exactly a reach is known, in metres.
const PRECISION_M: f32 = 0.1;
/// Strengths that a radio gives.
const LEN: usize = (*RSSI_DBM.end() as i16 - *RSSI_DBM.start() as i16 + 1) as usize;

/// Of each hub where it is and how far it reaches, side by side for the hot path.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    at: Vec<Point>,
    /// Metres by strength, from the faintest.
    farthest_m: Vec<[f32; LEN]>,
}

impl Reach {
    /// What the radio map of a venue gives.
    pub(super) fn new(locator: &Locator, hubs: &[Hub]) -> Self {
        let mut reach = Self::of_path_loss(locator.settings(), hubs);
        for (hub, farthest_m) in (0_u16..).zip(&mut reach.farthest_m) {
            locator.for_each_cell_of(hub, |distance_m, dbm| {
                if let Some(place) = place_of(dbm + LOUDER_DB)
                    && let Some(farthest_m) = farthest_m.get_mut(place)
                {
                    *farthest_m = farthest_m.max(distance_m.min(REACH_M_MAX));
                }
            });
            // Where it is heard so loudly it may be heard fainter too.
            let mut most_m = 0.0_f32;
            for farthest_m in farthest_m.iter_mut().rev() {
                most_m = most_m.max(*farthest_m);
                *farthest_m = most_m;
            }
        }
        reach
    }

    /// What path loss alone gives.
    pub(super) fn of_path_loss(settings: &LocatorSettings, hubs: &[Hub]) -> Self {
        let mut strengths = RSSI_DBM;
        let farthest_m = std::array::from_fn(|_| {
            strengths
                .next()
                .map_or(0.0, |rssi_dbm| reach_m(settings, f32::from(rssi_dbm) - LOUDER_DB))
        });
        Self {
            at: hubs.iter().map(|hub| hub.at).collect(),
            farthest_m: vec![farthest_m; hubs.len()],
        }
    }

    /// Whether two different hubs are farther apart than a distance in metres.
    pub(super) fn are_farther_apart(&self, one: u16, other: u16, distance_m: f32) -> bool {
        let at = |hub: u16| self.at.get(usize::from(hub));
        at(one).zip(at(other)).is_some_and(|(one, other)| {
            let (east_m, north_m) = (one.east_m - other.east_m, one.north_m - other.north_m);
            east_m * east_m + north_m * north_m > distance_m * distance_m
        })
    }

    /// The farthest, in metres, that a tag is from a hub which hears it so loudly. Ordinary tags are weaker by
    /// `stronger_db`, if that is more than nothing.
    pub(super) fn of(&self, hub: u16, rssi_dbm: i8, stronger_db: f32) -> f32 {
        let of_hub = self.farthest_m.get(usize::from(hub));
        let place = place_of(f32::from(rssi_dbm) - stronger_db.max(0.0));
        let reach_m = of_hub.zip(place).and_then(|(of_hub, place)| of_hub.get(place));
        reach_m.copied().unwrap_or(REACH_M_MAX)
    }
}

/// Where a strength stands in the table; `None` below its faintest and above its loudest.
fn place_of(rssi_dbm: f32) -> Option<usize> {
    let place = (rssi_dbm - f32::from(*RSSI_DBM.start())).floor();
    (0.0..LEN as f32).contains(&place).then_some(place as usize)
}

/// Where path loss falls to a strength, by halving.
fn reach_m(settings: &LocatorSettings, rssi_dbm: f32) -> f32 {
    let open_m = |distance_m: f32| (distance_m - OBSTRUCTED_M).max(0.0);
    let heard_dbm = |distance_m: f32| settings.rssi_dbm(distance_m) + settings.path_loss_db_per_m * open_m(distance_m);
    let (mut near_m, mut far_m) = (0.0, REACH_M_MAX);
    while far_m - near_m > PRECISION_M {
        let middle_m = near_m.midpoint(far_m);
        if heard_dbm(middle_m) > rssi_dbm {
            near_m = middle_m;
        } else {
            far_m = middle_m;
        }
    }
    far_m
}

#[cfg(test)]
mod tests {
    use nextbest_venue::LevelIx;

    use super::*;

    fn one_hub() -> Vec<Hub> {
        vec![Hub {
            id: "hub".to_owned(),
            aliases: Vec::new(),
            level: LevelIx(0),
            at: Point::new(0.0, 0.0),
            height_m: 2.5,
            zones: Vec::new(),
        }]
    }

    #[test]
    fn the_louder_the_nearer() {
        let settings = LocatorSettings::default();
        let reach = Reach::of_path_loss(&settings, &one_hub());
        assert!(
            RSSI_DBM
                .map(|rssi_dbm| reach.of(0, rssi_dbm, 0.0))
                .is_sorted_by(|one, other| one >= other)
        );
        for distance_m in [2.0, 5.0, 10.0, 20.0] {
            let rssi_dbm = (settings.rssi_dbm(distance_m) + LOUDER_DB).round() as i8;
            let reach_m = reach.of(0, rssi_dbm, 0.0);
            assert!((reach_m - distance_m).abs() < 0.1 * distance_m, "{distance_m} m");
            assert!(
                reach.of(0, rssi_dbm, 10.0) > 1.2 * reach_m,
                "a strong tag at {distance_m} m"
            );
            assert_eq!(reach.of(0, rssi_dbm, -10.0), reach_m, "a weak tag may be near");
        }
    }

    #[test]
    fn who_is_far_away_in_the_open_is_heard() {
        let settings = LocatorSettings::default();
        let reach = Reach::of_path_loss(&settings, &one_hub());
        for distance_m in [30.0_f32, 50.0, 90.0] {
            let in_the_open_dbm = settings.rssi_1m_dbm - 18.0 * distance_m.log10();
            assert!(reach.of(0, in_the_open_dbm as i8, 0.0) >= distance_m, "{distance_m} m");
        }
    }

    #[test]
    fn what_no_radio_gives_rules_nothing_out() {
        let reach = Reach::of_path_loss(&LocatorSettings::default(), &one_hub());
        assert_eq!(reach.of(0, 127, 0.0), REACH_M_MAX);
        assert_eq!(reach.of(1, -60, 0.0), REACH_M_MAX, "a hub that nobody knows");
        assert_eq!(reach.of(0, -120, 25.0), REACH_M_MAX);
    }
}
