//! Ranking, reserving and promising: from the actions that pass their policies to the few that are given.
//!
//! An action is admitted by what the record says, weighed with the best place it could send to, and kept when it is
//! among the best. Reserving then happens with the record held for writing.

use super::wording::words;
use super::{Choice, Moment, Scratch};
use crate::engine::condition::{Attributes, Category, Quantity};
use crate::engine::crowd::Sent;
use crate::engine::crowd::promises::Promise;
use crate::engine::customer::CustomerSlot;
use crate::engine::decide::contact;
use crate::engine::decide::place::{self, Chosen, Meets, PlaceState};
use crate::engine::decide::rank::Candidate;
use crate::engine::hot::HotAction;
use crate::engine::{Engine, Generation};
use crate::model::{ANSWERS_MAX, Factors, Reason, Timestamp};

impl Engine {
    /// Ranks what the person may have; returns how many passed their policies and caps.
    pub(super) fn rank(&self, moment: &Moment<'_>, scratch: &mut Scratch) -> u32 {
        scratch.round += 1;
        scratch.ranking.clear();
        let words = moment
            .generation
            .catalogue
            .eligible(&scratch.attributes, &mut scratch.bits);
        let mut eligible = 0;
        for word_ix in 0..words {
            let mut word = scratch.bits.get(word_ix).copied().unwrap_or(0);
            while word != 0 {
                let action_ix = (word_ix * 64) as u16 + word.trailing_zeros() as u16;
                word &= word - 1;
                let Ok(hot) = admit(moment, &scratch.attributes, action_ix) else {
                    continue;
                };
                eligible += 1;
                // No place makes an action better than it is with nobody waiting, so most need no further look.
                if hot.priority_max <= scratch.ranking.floor() || scratch.passed_over.contains(&action_ix) {
                    continue;
                }
                if let Ok(candidate) = self.weigh(moment, scratch, action_ix, hot) {
                    scratch.ranking.offer(candidate);
                }
            }
        }
        eligible
    }

    /// Makes a candidate of an action that was admitted, or says what is against it.
    pub(super) fn weigh(
        &self,
        moment: &Moment<'_>,
        scratch: &mut Scratch,
        action_ix: u16,
        hot: &HotAction,
    ) -> Result<Candidate, Reason> {
        let generation = moment.generation;
        let place = match hot.place_set {
            None => None,
            Some(set) => Some(self.choose_place(moment, scratch, set)?),
        };
        if hot.reads_place {
            let quantity = |seconds: Option<u32>| seconds.map_or(f32::NAN, |seconds| seconds as f32);
            let attributes = &mut scratch.attributes;
            attributes.set_quantity(Quantity::WalkS, quantity(place.and_then(|place| place.walk_s)));
            attributes.set_quantity(Quantity::WaitS, quantity(place.and_then(|place| place.wait_s)));
            if !generation.catalogue.passes_with_place(action_ix, attributes) {
                return Err(Reason::NotSuitable);
            }
        }
        let factors = factors(generation, hot, place, scratch);
        let priority = factors.priority();
        if priority < generation.settings().priority_floor {
            return Err(Reason::BelowFloor);
        }
        Ok(Candidate {
            action: action_ix,
            factors,
            priority,
            place,
        })
    }

    /// The best place of a set, looked for once in a round.
    fn choose_place(&self, moment: &Moment<'_>, scratch: &mut Scratch, set_ix: u16) -> Result<Chosen, Reason> {
        let round = scratch.round;
        let choice = scratch
            .choices
            .get_mut(usize::from(set_ix))
            .ok_or(Reason::NoPlaceOpen)?;
        if choice.round == round {
            return choice.place;
        }
        let set = moment
            .generation
            .place_sets
            .get(usize::from(set_ix))
            .ok_or(Reason::NoPlaceOpen)?;
        let zone = moment.seen.and_then(|seen| seen.zone);
        let own = self.crowd.promise_of(moment.customer.0);
        let state = |place| PlaceState {
            is_open: self.crowd.is_open(place),
            out_of_stock: self.crowd.out_of_stock(place),
            is_stale: self.crowd.wait_s(place).is_none() && self.crowd.is_stale(place),
        };
        let walk_s = |place| moment.generation.walk_s(zone?, place);
        let meets = |place, walk_s| self.meets(moment.now, own.as_ref(), place, walk_s);
        let detour = moment.generation.settings().detour();
        *choice = Choice {
            round,
            place: place::choose(set, (zone.is_some(), detour), state, walk_s, meets),
        };
        choice.place
    }

    /// What somebody meets at a place after so many seconds of walking; `None`: its queue is not known.
    pub(super) fn meets(&self, now: Timestamp, own: Option<&Promise>, place: u16, walk_s: u32) -> Option<Meets> {
        let outlook = self.crowd.outlook(now, own, place, walk_s)?;
        Some(Meets {
            wait_s: outlook.wait_s,
            risk_s: outlook.risk_s,
            burden_s: outlook.burden_s,
        })
    }

    /// Expects the person at the place that they are sent to. Of several answers the best one counts: nobody goes to two
    /// places at once.
    pub(super) fn promise(&self, moment: &Moment<'_>, scratch: &Scratch) {
        let sent = scratch.chosen.iter().flatten().find_map(|(chosen, _)| chosen.place);
        if let Some(sent) = sent {
            let sent = Sent {
                place: sent.place,
                walk_s: sent.walk_s,
                nearest: sent.nearest,
            };
            let from = moment.seen.and_then(|seen| seen.zone);
            self.crowd.promise(moment.now, moment.customer.0, &sent, from);
        }
    }

    /// Reserves the best candidates that can be worded and whose caps still allow it; returns the decision's id, 0
    /// when none was left.
    pub(super) fn reserve(&self, moment: &Moment<'_>, customer: CustomerSlot, scratch: &mut Scratch) -> u64 {
        let generation = moment.generation;
        scratch.chosen = [None; ANSWERS_MAX];
        if scratch.ranking.iter().next().is_none() {
            return 0;
        }
        let (ranking, chosen, attributes) = (&scratch.ranking, &mut scratch.chosen, &scratch.attributes);
        let channel = attributes.category(Category::Channel);
        let number = self.write(customer, |record| {
            let mut len = 0;
            for candidate in ranking.iter() {
                let Some(words) = words(moment, candidate, channel) else {
                    continue;
                };
                let Some(hot) = generation.hot.get(usize::from(candidate.action)) else {
                    continue;
                };
                let is_reserved = hot.cap.is_none_or(|cap| {
                    contact::reserve(record, hot.key, cap, moment.now.as_secs(), |key| {
                        generation.window_of(key)
                    })
                });
                if is_reserved && let Some(answer) = chosen.get_mut(len) {
                    *answer = Some((*candidate, words));
                    len += 1;
                }
                if len == moment.answers_len {
                    break;
                }
            }
            if len == 0 { 0 } else { record.count_decision() }
        });
        match number {
            Some(number) if number != 0 => u64::from(customer.0.wrapping_add(1)) << 32 | u64::from(number),
            Some(_) | None => 0,
        }
    }
}

/// What is needed of an action that passed the bitmaps, or what is against it before any place is looked at.
pub(super) fn admit<'a>(moment: &Moment<'a>, attributes: &Attributes, action_ix: u16) -> Result<&'a HotAction, Reason> {
    let generation = moment.generation;
    let hot = generation.hot.get(usize::from(action_ix)).ok_or(Reason::NotEligible)?;
    if hot.has_predicates && !generation.catalogue.passes(action_ix, attributes) {
        return Err(Reason::NotSuitable);
    }
    match hot.cap {
        Some(cap) if !contact::is_free(&moment.record, hot.key, cap, moment.now.as_secs()) => Err(Reason::CapReached),
        Some(_) | None => Ok(hot),
    }
}

/// priority = P x C x V x L x K; see [`Factors`].
fn factors(generation: &Generation, hot: &HotAction, place: Option<Chosen>, scratch: &Scratch) -> Factors {
    let half_s = generation.settings().capacity_half_s;
    Factors {
        propensity: hot.propensity,
        context: generation.context_weight(hot, &scratch.contexts, &scratch.attributes),
        value: hot.value,
        levers: hot.levers,
        // Half as attractive at `half_s` of walk and wait, a third at twice that: people's patience is about
        // hyperbolic (Mazur 1987), and a factor of 1 leaves an action without a place alone.
        capacity: place.map_or(1.0, |place| half_s / (half_s + place.total_s() as f32)),
    }
}
