//! The place with the least walk and wait, among those that are open, in stock and reachable.
//!
//! Walking times come from a table over the walkable graph, never from straight lines; waits are those that somebody meets
//! who arrives after the walk. Everybody who joins a queue makes those behind them wait: of ways that are nearly as short
//! the one that burdens others least is chosen, within a [`Detour`] that bounds what that costs. What is not known is said:
//! without a position the shortest wait wins, without queues the nearest place.

use crate::model::Reason;
use crate::planted::{Bug, planted};

/// The places that an action can send to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlaceSet {
    /// Indices of the places.
    pub places: Box<[u16]>,
    /// What the action serves there, one bit per want: a place that has run out of all of it is passed over.
    pub wants: u64,
}

/// How much longer a way may be than the best that is known, so that others wait less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detour {
    /// At most so many seconds.
    pub s_max: f32,
    /// At most this share of the best way.
    pub share_max: f32,
}

/// How much a second counts that everybody behind somebody waits for them, against one of their own. Measured in the
/// half-time rush: 0.5 to 1 do as well as one another, 0.3 costs 1 % of the 95th percentile on a promenade.
const BURDEN_SHARE: f32 = 0.8;
/// How much a second counts that somebody may wait longer than expected. Measured in the half-time rush: against 1, which
/// is the mean, 2 saves 0.5 % of the mean and of the 95th percentile, and 3 no more.
const RISK_SHARE: f32 = 2.0;

/// What is known about a place when it is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlaceState {
    /// Whether it serves anybody.
    pub is_open: bool,
    /// Which wants it has run out of, one bit each.
    pub out_of_stock: u64,
    /// Whether its queue is not known because what was counted of it is too old.
    pub is_stale: bool,
}

/// What somebody meets at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meets {
    /// Seconds until they are served.
    pub wait_s: f32,
    /// Seconds that the wait counts, since it is not sure.
    pub risk_s: f32,
    /// Seconds for which everybody behind them waits longer.
    pub burden_s: f32,
}

/// The place that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Index of the place.
    pub place: u16,
    /// Seconds to walk; `None`: the position is not known.
    pub walk_s: Option<u32>,
    /// Seconds to wait, as expected for when they arrive; `None`: the queue is not known.
    pub wait_s: Option<u32>,
    /// Whether what was counted of a queue that counts here, of this place or of another one, is too old to be used.
    pub is_crowd_stale: bool,
    /// The nearest place of the set that serves, and the seconds to it: where people go by themselves.
    pub nearest: (u16, u32),
}

impl Chosen {
    /// Why it was chosen.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match (self.walk_s, self.wait_s) {
            (Some(_), Some(_)) => Reason::LeastWalkAndWait,
            (Some(_), None) => Reason::NearestQueuesUnknown,
            (None, _) => Reason::LeastWaitPositionUnknown,
        }
    }

    /// Seconds until served, as far as they are known.
    #[must_use]
    pub fn total_s(&self) -> u32 {
        self.walk_s.unwrap_or(0).saturating_add(self.wait_s.unwrap_or(0))
    }
}

/// A place that serves, and the way there.
#[derive(Clone, Copy)]
struct Way {
    place: u16,
    walk_s: Option<u32>,
    meets: Option<Meets>,
}

impl Way {
    /// Seconds until served; a queue that nobody sees is no short queue, so known ones come first.
    fn rank(&self) -> (bool, f32) {
        let is_unseen = self.meets.is_none() && !planted(Bug::UnseenQueueIsShort);
        let wait_s = self.meets.map_or(0.0, |meets| meets.wait_s);
        (is_unseen, self.walk_s.unwrap_or(0) as f32 + wait_s)
    }

    /// What the way costs the person and those behind them, in seconds.
    fn cost_s(&self) -> f32 {
        let wait_s = self.meets.map_or(0.0, |meets| {
            let risk_s = meets.risk_s - meets.wait_s;
            meets.wait_s + RISK_SHARE * risk_s + BURDEN_SHARE * meets.burden_s
        });
        self.walk_s.unwrap_or(0) as f32 + wait_s
    }
}

/// Chooses a place of the set: of the ways that are no longer than the best by a [`Detour`], the one that costs this
/// person and those behind them least. `state` tells about a place; `walk_s` gives the seconds to it when the position is
/// known (`is_located`), `None` when it cannot be reached; `meets` tells what somebody meets after so many seconds, `None`
/// when the queue is not known. Of two that are as good, the first of the set wins.
///
/// # Errors
/// The reason that refused the most promising ones: none open, none in stock, or none reachable.
pub fn choose(
    set: &PlaceSet,
    (is_located, detour): (bool, Detour),
    state: impl Fn(u16) -> PlaceState,
    walk_s: impl Fn(u16) -> Option<u32>,
    meets: impl Fn(u16, u32) -> Option<Meets>,
) -> Result<Chosen, Reason> {
    let way = |place: u16| {
        let state = state(place);
        if !state.is_open && !planted(Bug::ClosedPlaceChosen) {
            return Err(Reason::NoPlaceOpen);
        }
        let is_sold_out = set.wants != 0 && state.out_of_stock & set.wants == set.wants;
        if is_sold_out && !planted(Bug::SoldOutPlaceChosen) {
            return Err(Reason::NoPlaceInStock);
        }
        let walk_s = if is_located { walk_s(place) } else { None };
        if is_located && walk_s.is_none() {
            return Err(Reason::NoPlaceReachable);
        }
        Ok((
            Way {
                place,
                walk_s,
                meets: meets(place, walk_s.unwrap_or(0)),
            },
            state.is_stale,
        ))
    };
    let mut refusal = Reason::NoPlaceOpen;
    let mut is_crowd_stale = false;
    let mut shortest: Option<Way> = None;
    let mut nearest: Option<Way> = None;
    for found in set.places.iter().map(|place| way(*place)) {
        match found {
            Ok((way, is_stale)) => {
                is_crowd_stale |= is_stale;
                if shortest.is_none_or(|best| way.rank() < best.rank()) {
                    shortest = Some(way);
                }
                if nearest.is_none_or(|best| way.walk_s < best.walk_s) {
                    nearest = Some(way);
                }
            }
            Err(reason) => refusal = refusal.max(reason),
        }
    }
    let (shortest, nearest) = shortest.zip(nearest).ok_or(refusal)?;
    let (is_unseen, best_s) = shortest.rank();
    let limit = (is_unseen, best_s + detour.s_max.min(detour.share_max * best_s));
    let ways = set.places.iter().filter_map(|place| way(*place).ok());
    let near = ways.map(|(way, _)| way).filter(|way| way.rank() <= limit);
    let best = near.fold(shortest, |best, way| {
        let is_better = (way.cost_s(), way.rank().1) < (best.cost_s(), best.rank().1);
        if is_better { way } else { best }
    });
    Ok(Chosen {
        place: best.place,
        walk_s: best.walk_s,
        wait_s: best.meets.map(|meets| meets.wait_s.round() as u32),
        is_crowd_stale,
        nearest: (nearest.place, nearest.walk_s.unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: PlaceState = PlaceState {
        is_open: true,
        out_of_stock: 0,
        is_stale: false,
    };
    const DETOUR: Detour = Detour {
        s_max: 60.0,
        share_max: 0.3,
    };

    fn set(places: &[u16]) -> PlaceSet {
        PlaceSet {
            places: places.into(),
            wants: 0b1,
        }
    }

    fn wait(wait_s: u16) -> Option<Meets> {
        Some(Meets {
            wait_s: wait_s.into(),
            risk_s: wait_s.into(),
            burden_s: 0.0,
        })
    }

    #[test]
    fn a_longer_walk_to_a_shorter_queue_wins() {
        let waits = [600, 30, 0];
        let walks = [10, 60, 120];
        let walk_s = |place: u16| Some(walks[usize::from(place)]);
        let meets = |place: u16, _| wait(waits[usize::from(place)]);
        let chosen = choose(&set(&[0, 1, 2]), (true, DETOUR), |_| OPEN, walk_s, meets).unwrap();
        assert_eq!((chosen.place, chosen.total_s(), chosen.nearest), (1, 90, (0, 10)));
        assert_eq!(chosen.reason(), Reason::LeastWalkAndWait);
    }

    #[test]
    fn closed_sold_out_and_unreachable_places_are_passed_over() {
        let state = |place: u16| match place {
            0 => PlaceState { is_open: false, ..OPEN },
            1 => PlaceState {
                out_of_stock: 0b1,
                ..OPEN
            },
            _ => OPEN,
        };
        let choose_of = |places: &[u16], walk_s: Option<u32>| {
            let chosen = choose(&set(places), (true, DETOUR), state, |_| walk_s, |_, _| wait(0));
            chosen.map(|chosen| (chosen.place, chosen.nearest.0))
        };
        assert_eq!(choose_of(&[0, 1, 2], Some(9)), Ok((2, 2)));
        assert_eq!(choose_of(&[0], Some(9)), Err(Reason::NoPlaceOpen));
        assert_eq!(choose_of(&[0, 1], Some(9)), Err(Reason::NoPlaceInStock));
        assert_eq!(choose_of(&[0, 1, 2], None), Err(Reason::NoPlaceReachable));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let walk_s = |place: u16| Some(50 - u32::from(place));
        let nearest = choose(&set(&[0, 1]), (true, DETOUR), |_| OPEN, walk_s, |_, _| None).unwrap();
        assert_eq!((nearest.place, nearest.reason()), (1, Reason::NearestQueuesUnknown));
        let lost = choose(&set(&[0, 1]), (false, DETOUR), |_| OPEN, |_| None, |_, _| wait(0)).unwrap();
        assert_eq!(
            (lost.place, lost.walk_s, lost.reason()),
            (0, None, Reason::LeastWaitPositionUnknown)
        );
    }

    #[test]
    fn a_queue_that_nobody_sees_loses_against_one_that_is_seen() {
        let meets = |place: u16, _| (place == 1).then(|| wait(300)).flatten();
        let chosen = choose(&set(&[0, 1]), (true, DETOUR), |_| OPEN, |_| Some(5), meets);
        assert_eq!(chosen.map(|chosen| chosen.place), Ok(1));
    }

    #[test]
    fn others_count_within_the_bound_and_never_beyond_it() {
        let burdens = |longer_s: u16| {
            move |place: u16, _| {
                let (wait_s, burden_s) = if place == 0 {
                    (100, 900.0)
                } else {
                    (100 + longer_s, 0.0)
                };
                Some(Meets {
                    burden_s,
                    ..wait(wait_s)?
                })
            }
        };
        let choose_with = |detour, longer_s: u16| {
            let chosen = choose(&set(&[0, 1]), (true, detour), |_| OPEN, |_| Some(20), burdens(longer_s));
            chosen.map(|chosen| chosen.place)
        };
        assert_eq!(choose_with(DETOUR, 36), Ok(1), "30 % of 120 s");
        assert_eq!(choose_with(DETOUR, 37), Ok(0));
        let short = Detour { s_max: 10.0, ..DETOUR };
        assert_eq!((choose_with(short, 10), choose_with(short, 11)), (Ok(1), Ok(0)));
        assert_eq!(choose_with(Detour { s_max: 0.0, ..DETOUR }, 1), Ok(0));
    }

    #[test]
    fn a_queue_that_was_counted_too_long_ago_is_said_wherever_somebody_is_sent() {
        let old = |is_open| {
            move |place: u16| PlaceState {
                is_open: is_open || place != 0,
                is_stale: place == 0,
                ..OPEN
            }
        };
        let meets = |place: u16, _| (place != 0).then(|| wait(0)).flatten();
        let choose_of = |is_open| choose(&set(&[0, 1]), (true, DETOUR), old(is_open), |_| Some(5), meets).unwrap();
        let chosen = choose_of(true);
        assert_eq!(
            (chosen.place, chosen.is_crowd_stale),
            (1, true),
            "it might have been shorter"
        );
        assert!(
            !choose_of(false).is_crowd_stale,
            "nobody is sent to a closed place anyway"
        );
    }
}
