//! The place with the least walk and wait, among those that are open, in stock and reachable.
//!
//! Walking times come from a table over the walkable graph, never from straight lines. What is not known is said:
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

/// What is known about a place when it is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaceState {
    /// Whether it serves anybody.
    pub is_open: bool,
    /// Which wants it has run out of, one bit each.
    pub out_of_stock: u64,
    /// Seconds until somebody who joins its queue is served; `None`: not known.
    pub wait_s: Option<u32>,
    /// Whether the queue is not known because what was counted of it is too old.
    pub is_stale: bool,
}

/// The place that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Index of the place.
    pub place: u16,
    /// Seconds to walk; `None`: the position is not known.
    pub walk_s: Option<u32>,
    /// Seconds to wait; `None`: the queue is not known.
    pub wait_s: Option<u32>,
    /// Whether what was counted of a queue that counts here, of this place or of another one, is too old to be used.
    pub is_crowd_stale: bool,
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

/// Chooses a place of the set. `state` tells about a place; `walk_s` gives the seconds to it when the position is
/// known (`is_located`), `None` when it cannot be reached. Of two that are as good, the first of the set wins.
///
/// # Errors
/// The reason that refused the most promising ones: none open, none in stock, or none reachable.
pub fn choose(
    set: &PlaceSet,
    is_located: bool,
    state: impl Fn(u16) -> PlaceState,
    walk_s: impl Fn(u16) -> Option<u32>,
) -> Result<Chosen, Reason> {
    let mut refusal = Reason::NoPlaceOpen;
    let mut is_crowd_stale = false;
    let mut best: Option<((bool, u32), Chosen)> = None;
    for place in &set.places {
        let state = state(*place);
        if !state.is_open && !planted(Bug::ClosedPlaceChosen) {
            continue;
        }
        let is_sold_out = set.wants != 0 && state.out_of_stock & set.wants == set.wants;
        if is_sold_out && !planted(Bug::SoldOutPlaceChosen) {
            refusal = refusal.max(Reason::NoPlaceInStock);
            continue;
        }
        let walk_s = if is_located { walk_s(*place) } else { None };
        if is_located && walk_s.is_none() {
            refusal = Reason::NoPlaceReachable;
            continue;
        }
        is_crowd_stale |= state.is_stale;
        let chosen = Chosen {
            place: *place,
            walk_s,
            wait_s: state.wait_s,
            is_crowd_stale: false,
        };
        // A queue that nobody sees is no short queue: known ones come first.
        let is_unseen = chosen.wait_s.is_none() && !planted(Bug::UnseenQueueIsShort);
        let rank = (is_unseen, chosen.total_s());
        if best.is_none_or(|(best_rank, _)| rank < best_rank) {
            best = Some((rank, chosen));
        }
    }
    best.map(|(_, best)| Chosen { is_crowd_stale, ..best }).ok_or(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: PlaceState = PlaceState {
        is_open: true,
        out_of_stock: 0,
        wait_s: Some(0),
        is_stale: false,
    };

    fn set(places: &[u16]) -> PlaceSet {
        PlaceSet {
            places: places.into(),
            wants: 0b1,
        }
    }

    #[test]
    fn a_longer_walk_to_a_shorter_queue_wins() {
        let waits = [Some(600), Some(30), Some(0)];
        let walks = [10, 60, 120];
        let state = |place: u16| PlaceState {
            wait_s: waits[usize::from(place)],
            ..OPEN
        };
        let chosen = choose(&set(&[0, 1, 2]), true, state, |place| Some(walks[usize::from(place)])).unwrap();
        assert_eq!((chosen.place, chosen.total_s()), (1, 90));
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
        assert_eq!(
            choose(&set(&[0, 1, 2]), true, state, |_| Some(9)).map(|chosen| chosen.place),
            Ok(2)
        );
        assert_eq!(choose(&set(&[0]), true, state, |_| Some(9)), Err(Reason::NoPlaceOpen));
        assert_eq!(
            choose(&set(&[0, 1]), true, state, |_| Some(9)),
            Err(Reason::NoPlaceInStock)
        );
        assert_eq!(
            choose(&set(&[0, 1, 2]), true, state, |_| None),
            Err(Reason::NoPlaceReachable)
        );
    }

    #[test]
    fn what_is_not_known_is_said() {
        let unseen = |_| PlaceState { wait_s: None, ..OPEN };
        let nearest = choose(&set(&[0, 1]), true, unseen, |place| Some(50 - u32::from(place))).unwrap();
        assert_eq!((nearest.place, nearest.reason()), (1, Reason::NearestQueuesUnknown));
        let lost = choose(&set(&[0, 1]), false, |_| OPEN, |_| None).unwrap();
        assert_eq!(
            (lost.place, lost.walk_s, lost.reason()),
            (0, None, Reason::LeastWaitPositionUnknown)
        );
    }

    #[test]
    fn a_queue_that_nobody_sees_loses_against_one_that_is_seen() {
        let state = |place: u16| PlaceState {
            wait_s: (place == 1).then_some(300),
            ..OPEN
        };
        assert_eq!(
            choose(&set(&[0, 1]), true, state, |_| Some(5)).map(|chosen| chosen.place),
            Ok(1)
        );
    }

    #[test]
    fn a_queue_that_was_counted_too_long_ago_is_said_wherever_somebody_is_sent() {
        let old = |is_open| {
            move |place: u16| match place {
                0 => PlaceState {
                    is_open,
                    wait_s: None,
                    is_stale: true,
                    ..OPEN
                },
                _ => OPEN,
            }
        };
        let chosen = choose(&set(&[0, 1]), true, old(true), |_| Some(5)).unwrap();
        assert_eq!(
            (chosen.place, chosen.is_crowd_stale),
            (1, true),
            "it might have been shorter"
        );
        let chosen = choose(&set(&[0, 1]), true, old(false), |_| Some(5)).unwrap();
        assert!(!chosen.is_crowd_stale, "nobody is sent to a closed place anyway");
    }
}
