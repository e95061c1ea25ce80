//! The life of a decide: one record read, one generation, one answer.
//!
//! Nothing here waits, allocates or fails. A person who is not known, a position that is too old, a queue that
//! nobody sees: each gives an answer that says so. Caps are checked on the copy that was read, and reserved with the
//! record held for writing before the answer is given, so that no race can exceed one.

mod explain;
mod ranking;
mod wording;

use self::wording::answer;
use super::condition::{Attributes, Category, Quantity, Truth};
use super::customer::CustomerSlot;
use super::decide::catalogue::{ActionBits, WORDS_MAX};
use super::decide::message::{LocaleIx, MessageBuffer, MessageIx};
use super::decide::place::Chosen;
use super::decide::rank::{CANDIDATES_LEN_MAX, Candidate, Ranking};
use super::generation::{Generation, PLACE_SETS_MAX};
use super::record::{Record, Seen};
use super::{Engine, age_ms};
use crate::model::{ANSWERS_MAX, Decision, NOT_CHOSEN_LEN_MAX, NotChosen, Purpose, Query, Reason, Timestamp};
use crate::planted::{Bug, Seam, planted, seam};

/// How often the ranking is made again, because none of its candidates could be worded or other decides took the caps
/// of all of them.
const RANKINGS_MAX: u32 = 3;

/// What a decide works in; one per connection, reused.
pub struct Scratch {
    bits: ActionBits,
    attributes: Attributes,
    /// Which context weights hold, one bit each.
    contexts: ActionBits,
    ranking: Ranking,
    /// Actions that earlier rankings of this decide put forward in vain.
    passed_over: Vec<u16>,
    choices: Box<[Choice; PLACE_SETS_MAX]>,
    /// Which decide the choices are of.
    round: u64,
    chosen: [Option<(Candidate, Words)>; ANSWERS_MAX],
    messages: [MessageBuffer; ANSWERS_MAX],
    not_chosen: Vec<NotChosen>,
}

/// The best place of a set, as found in a round.
#[derive(Clone, Copy)]
struct Choice {
    round: u64,
    place: Result<Chosen, Reason>,
}

/// How an answer is put: a treatment of its action, and the message that fits what is known.
#[derive(Clone, Copy)]
struct Words {
    treatment: u8,
    message: MessageIx,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            bits: [0; WORDS_MAX],
            attributes: Attributes::default(),
            contexts: [0; WORDS_MAX],
            ranking: Ranking::default(),
            passed_over: Vec::with_capacity(CANDIDATES_LEN_MAX * RANKINGS_MAX as usize),
            choices: Box::new(
                [Choice {
                    round: 0,
                    place: Err(Reason::NoPlaceOpen),
                }; PLACE_SETS_MAX],
            ),
            round: 0,
            chosen: [None; ANSWERS_MAX],
            messages: std::array::from_fn(|_| MessageBuffer::default()),
            not_chosen: Vec::with_capacity(NOT_CHOSEN_LEN_MAX),
        }
    }
}

/// What one decide reads, gathered once.
struct Moment<'a> {
    now: Timestamp,
    customer: CustomerSlot,
    generation: &'a Generation,
    record: Record,
    /// Where the person is; `None`: not known, too old, or not for us to know.
    seen: Option<Seen>,
    /// The purposes that the person allows, as bits.
    allowed: u8,
    placement: u16,
    locale: LocaleIx,
    answers_len: usize,
}

impl Engine {
    /// What is best for this person, here, at this moment? `locale` is the session's language, which the query may
    /// override. There is always an answer, at worst one without actions that says why.
    pub fn decide<'a>(
        &self,
        now: Timestamp,
        generation: &'a Generation,
        customer: CustomerSlot,
        locale: LocaleIx,
        query: &Query<'_>,
        scratch: &'a mut Scratch,
    ) -> Decision<'a> {
        let mut decision = Decision {
            generation: generation.number(),
            action_ids: &generation.action_ids,
            ..Decision::default()
        };
        if planted(Bug::GenerationMixed) {
            decision.generation = self.generation.load().number();
        }
        decision.actions_considered = u32::try_from(generation.action_ids.len()).unwrap_or(u32::MAX);
        let Some(record) = self.record(customer) else {
            decision.reasons.insert(Reason::RecordBusy);
            return decision;
        };
        let mut moment = Moment {
            now,
            customer,
            generation,
            record,
            seen: None,
            allowed: self.allowed_on(self.date_s(now), generation, (customer, &record)),
            placement: generation.placement(query.placement),
            locale: if query.locale.is_empty() {
                locale
            } else {
                generation.locale_for(query.locale)
            },
            answers_len: (query.answers_max as usize).clamp(1, ANSWERS_MAX),
        };
        moment.seen = fresh(&moment);
        self.describe(&moment, query, &mut scratch.attributes);
        self.say_where(&moment, &mut decision);
        generation.contexts.eligible(&scratch.attributes, &mut scratch.contexts);
        scratch.passed_over.clear();
        for _ in 0..RANKINGS_MAX {
            decision.actions_eligible = self.rank(&moment, scratch);
            seam(Seam::Reserving);
            decision.decision_id = self.reserve(&moment, customer, scratch);
            if decision.decision_id != 0 || scratch.ranking.iter().next().is_none() {
                break;
            }
            scratch
                .passed_over
                .extend(scratch.ranking.iter().map(|candidate| candidate.action));
            // Others may have taken the caps meanwhile: look at the record again.
            let Some(record) = self.record(customer) else { break };
            moment.record = record;
        }
        if decision.decision_id == 0
            && let Some(reason) = self.closest_refusal(&moment, scratch)
        {
            decision.reasons.insert(reason);
        }
        scratch.not_chosen.clear();
        if query.why {
            self.explain(&moment, scratch);
        }
        // Last, so that what is explained is what was decided on.
        self.promise(&moment, scratch);
        answer(&moment, scratch, &mut decision);
        decision
    }

    /// Gathers the attributes that conditions read.
    fn describe(&self, moment: &Moment<'_>, query: &Query<'_>, attributes: &mut Attributes) {
        let generation = moment.generation;
        moment.record.describe(moment.allowed, attributes);
        for purpose in Purpose::ALL.into_iter().filter(|purpose| planted(unchecked(*purpose))) {
            attributes.set_truth(Truth::Consent(purpose), true);
        }
        let zone = moment.seen.and_then(|seen| seen.zone);
        let level = moment.seen.map_or(0, |seen| u16::from(seen.level) + 1);
        attributes.set_category(Category::Zone, zone.map_or(0, |zone| zone + 1));
        attributes.set_category(
            Category::ZoneCategory,
            zone.map_or(0, |zone| generation.zone_category(zone)),
        );
        attributes.set_category(Category::Level, level);
        attributes.set_category(Category::Channel, generation.channel(query.channel));
        attributes.set_category(Category::Placement, moment.placement);
        attributes.set_category(Category::Want, generation.want(query.want));
        attributes.set_category(Category::Phase, self.phase());
        attributes.set_truth(Truth::PositionKnown, moment.seen.is_some());
        let dwell_s = zone.map_or(f32::NAN, |_| moment.record.dwell_s(moment.now) as f32);
        attributes.set_quantity(Quantity::DwellS, dwell_s);
        attributes.set_quantity(Quantity::MinuteOfDay, self.minute_of_day());
        attributes.set_quantity(Quantity::WalkS, f32::NAN);
        attributes.set_quantity(Quantity::WaitS, f32::NAN);
    }

    pub(super) fn phase(&self) -> u16 {
        u16::try_from(self.phase.load(std::sync::atomic::Ordering::Relaxed)).unwrap_or(0)
    }

    fn minute_of_day(&self) -> f32 {
        let minute = self.minute_of_day.load(std::sync::atomic::Ordering::Relaxed);
        if minute == super::MINUTE_UNKNOWN {
            f32::NAN
        } else {
            minute as f32
        }
    }

    /// Says where the person is, or why nobody knows.
    fn say_where<'a>(&self, moment: &Moment<'a>, decision: &mut Decision<'a>) {
        let spec = moment.generation.spec();
        decision.stage = spec
            .journey
            .stages
            .get(usize::from(moment.record.stage()))
            .map_or("", String::as_str);
        if !moment.record.is_known() {
            decision.reasons.insert(Reason::CustomerUnknown);
        }
        if let Some(seen) = moment.seen {
            decision.zone = seen
                .zone
                .and_then(|zone| spec.venue.zones.get(usize::from(zone)))
                .map(|zone| zone.id.as_str());
            decision.zone_age_ms = decision.zone.map(|_| age_ms(moment.now, &seen));
            decision.zone_confidence = decision.zone.map(|_| seen.confidence.share());
        }
        match (moment.seen, moment.record.seen().filter(|_| moment.is_locatable())) {
            (Some(_), _) => {}
            (None, None) => decision.reasons.insert(Reason::PositionUnknown),
            (None, Some(stale)) => {
                decision.reasons.insert(Reason::PositionStale);
                if stale
                    .zone
                    .or(moment.record.lapsed_in())
                    .is_some_and(|zone| !self.crowd.is_seen(zone))
                {
                    decision.reasons.insert(Reason::ZoneUnknownHubsDead);
                }
            }
        }
    }
}

impl Moment<'_> {
    /// Whether it is for us to know where the person is.
    const fn is_locatable(&self) -> bool {
        self.allowed & Purpose::Location.bit() != 0
    }
}

/// Where the person is, unless that is too long ago or not for us to know.
fn fresh(moment: &Moment<'_>) -> Option<Seen> {
    moment.record.seen().filter(|seen| {
        let is_fresh = age_ms(moment.now, seen) <= moment.generation.settings().position_ttl_ms;
        moment.is_locatable() && (is_fresh || planted(Bug::PositionNeverExpires))
    })
}

/// The bug of not asking for a purpose.
const fn unchecked(purpose: Purpose) -> Bug {
    match purpose {
        Purpose::Service => Bug::ServiceConsentUnchecked,
        Purpose::Personalization => Bug::PersonalizationConsentUnchecked,
        Purpose::Marketing => Bug::MarketingConsentUnchecked,
        Purpose::Research => Bug::ResearchConsentUnchecked,
        Purpose::Location => Bug::LocationConsentUnchecked,
    }
}
