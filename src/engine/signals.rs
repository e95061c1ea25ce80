//! The life of a signal and of an outcome: applied once, and seen by every decide that starts after.
//!
//! Without a journal it is one call. With one it is two: a check, which changes nothing, and after the journal took the
//! record the application of what the journal has at that position, which a restart makes again in the same order.

use thiserror::Error;

use super::condition::{Attributes, Category};
use super::customer::{self, CustomerSlot, Seen as SeenBefore};
use super::journey::Happening;
use super::ledger::UNJOURNALED;
use super::novelty::Novelty;
use super::record::{Record, TAGS_PER_CUSTOMER_MAX};
use super::registering::{Refusals, Taken};
use super::{Engine, Generation};
use crate::model::{Outcome, OutcomeKind, Property, Signal, SignalKind, TagId, TagRefusal, Timestamp, Value};
use crate::planted::{Bug, planted};

/// When something is applied, and as which record of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// When the gateway took it.
    pub at: Timestamp,
    /// Its position in the journal. What is not above that of the last record which was applied changes nothing.
    pub position: u64,
    /// Of a signal: which of its tags, from bit 0, and keys, from bit 8, somebody else carried when it was taken, so that
    /// they were refused. The other may have been erased since.
    pub refused: u16,
    /// The date when it was taken, in seconds since 1970-01-01 UTC.
    pub date_s: u32,
}

impl Journaled {
    /// Something that no journal has.
    pub(super) const fn nowhere(at: Timestamp, date_s: u32) -> Self {
        Self {
            at,
            position: UNJOURNALED,
            refused: 0,
            date_s,
        }
    }
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalOutcome {
    /// Its id had been applied before; nothing changed.
    pub is_duplicate: bool,
    /// The stage that the person entered by it.
    pub entered_stage: Option<u8>,
    /// Tags and keys that were not registered.
    pub tags_refused: u32,
    /// Why, by the place among the signal's tags.
    pub tags: Refusals,
    /// Why, by the place among the signal's keys.
    pub keys: Refusals,
    /// Tags that went over, and whose they were.
    pub taken: Taken,
}

impl SignalOutcome {
    pub(super) fn duplicate() -> Self {
        Self {
            is_duplicate: true,
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, from: CustomerSlot, tag: TagId) {
        if let Some(entry) = self.taken.iter_mut().find(|entry| entry.is_none()) {
            *entry = Some((from, tag));
        }
    }

    pub(super) fn refuse_tag(&mut self, place: usize, refusal: TagRefusal) {
        self.tags_refused += 1;
        if let Some(entry) = self.tags.get_mut(place) {
            *entry = Some(refusal);
        }
    }

    pub(super) fn refuse_key(&mut self, place: usize, refusal: TagRefusal) {
        self.tags_refused += 1;
        if let Some(entry) = self.keys.get_mut(place) {
            *entry = Some(refusal);
        }
    }
}

/// A signal cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignalError {
    /// It names no id.
    #[error("a signal needs a message_id of 1 to 64 bytes, so that it is applied once")]
    NoMessageId,
    /// Its id was applied with another content.
    #[error("this message_id was applied with another content; give every signal an id of its own")]
    Conflict,
    /// The person is not in the table.
    #[error("the customer has no record")]
    NoCustomer,
    /// The person would carry more tags than one may.
    #[error("a customer carries at most {TAGS_PER_CUSTOMER_MAX} tags; give one back before registering another")]
    TooManyTags,
    /// It was made before what is remembered of ids, so it may have been applied.
    #[error("the signal was made before what is remembered of message ids; it may have been applied")]
    TooOld,
    /// A consent is of a day to come.
    #[error("a consent is dated later than the gateway's clock shows; given_unix_s is expected to have passed")]
    ConsentAhead,
    /// A consent ends before it begins.
    #[error("a consent ends before it was given; until_unix_s is expected to be later than given_unix_s")]
    ConsentEndsFirst,
    /// A consent is older than the person's last word.
    #[error("a consent is dated before the person's last word on its purpose")]
    ConsentOutdated,
}

/// An outcome cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OutcomeError {
    /// The decision is not one of this person's.
    #[error("the decision is not one that was made for this customer")]
    UnknownDecision,
    /// The action is not one of the generation's.
    #[error("the action is not one of the published actions")]
    UnknownAction,
}

impl Engine {
    /// Somebody did something, as a service principal says: a backend, a till, a kiosk. It may move a tag from one
    /// person to another, and its sales teach how long a queue takes. Returns when every later decide sees it.
    ///
    /// # Errors
    /// [`SignalError`] when it cannot be applied; nothing changed then.
    pub fn on_signal(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        signal: &Signal<'_>,
    ) -> Result<SignalOutcome, SignalError> {
        self.apply_once(now, customer, signal, Speaker::Service)
    }

    /// Somebody did something, as they say themselves. Identities of tags are heard by everybody on the air, so nobody
    /// gets another's tag by naming it, and nobody's word makes a till. Returns when every later decide sees it.
    ///
    /// # Errors
    /// [`SignalError`] when it cannot be applied; nothing changed then.
    pub fn on_own_signal(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        signal: &Signal<'_>,
    ) -> Result<SignalOutcome, SignalError> {
        self.apply_once(now, customer, signal, Speaker::Customer)
    }

    /// Whether a signal can be applied, and is new. Nothing changes. Between this and [`Engine::apply_signal`] nothing
    /// else may be applied, which is for the caller to see to.
    ///
    /// # Errors
    /// [`SignalError`] when it cannot be applied.
    pub fn check_signal(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        signal: &Signal<'_>,
    ) -> Result<Novelty, SignalError> {
        self.check_room(customer, signal)?;
        let novelty = self.novelty(self.signal_applied(customer, signal)?, signal)?;
        if novelty == Novelty::New {
            self.check_consents(self.date_s(now), customer, &signal.consents)?;
        }
        Ok(novelty)
    }

    /// Applies a signal that was checked and that the journal took. One that was applied before, as its position says,
    /// changes nothing.
    ///
    /// # Errors
    /// [`SignalError::NoCustomer`] when nobody has the slot.
    pub fn apply_signal(
        &self,
        record: Journaled,
        customer: CustomerSlot,
        signal: &Signal<'_>,
        speaker: Speaker,
    ) -> Result<SignalOutcome, SignalError> {
        // After a restart the window may know it already, because it was saved later than the person.
        let _known = self
            .recent
            .insert(self.signal_applied(customer, signal)?, record.date_s);
        self.carry_out(record, customer, signal, speaker)
    }

    fn apply_once(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        signal: &Signal<'_>,
        speaker: Speaker,
    ) -> Result<SignalOutcome, SignalError> {
        if self.check_signal(now, customer, signal)? == Novelty::Duplicate {
            return Ok(SignalOutcome::duplicate());
        }
        let record = Journaled::nowhere(now, self.date_s(now));
        match novelty(
            self.recent
                .insert(self.signal_applied(customer, signal)?, record.date_s),
        )? {
            Novelty::New => self.carry_out(record, customer, signal, speaker),
            Novelty::Duplicate => Ok(SignalOutcome::duplicate()),
        }
    }

    fn carry_out(
        &self,
        record: Journaled,
        customer: CustomerSlot,
        signal: &Signal<'_>,
        speaker: Speaker,
    ) -> Result<SignalOutcome, SignalError> {
        let generation = self.generation.load();
        let event = event_of(&generation, signal);
        let is_news = record.position > self.ledger.applied(customer);
        let outcome = if is_news {
            self.change_person(record, &generation, customer, signal, speaker)?
        } else {
            SignalOutcome::duplicate()
        };
        if speaker == Speaker::Service
            && let Some(event) = event
            && let Some(place) = place_of(&generation, &signal.properties)
        {
            let settings = generation.settings();
            if settings.served_event == Some(event) && record.position > self.ledger.venue_applied() {
                self.crowd.on_served(record.at, place);
                self.ledger.set_venue_applied(record.position);
            }
            if is_news && settings.passage_events.contains(&event) {
                self.on_passage(record.at, customer, place);
            }
        }
        self.ledger
            .set_applied(customer, record.position.max(self.ledger.applied(customer)));
        Ok(outcome)
    }

    fn change_person(
        &self,
        record: Journaled,
        generation: &Generation,
        customer: CustomerSlot,
        signal: &Signal<'_>,
        speaker: Speaker,
    ) -> Result<SignalOutcome, SignalError> {
        let event = event_of(generation, signal);
        self.end_location(record.date_s, generation, customer);
        let learned = self.write(customer, |known| {
            self.take_consents(record.date_s, generation, (customer, known), &signal.consents);
            learn(generation, known, signal, event);
            let allowed = self.allowed_on(record.date_s, generation, (customer, known));
            advance(generation, known, allowed, event)
        });
        let entered_stage = learned.ok_or(SignalError::NoCustomer)?;
        self.end_location(record.date_s, generation, customer);
        let mut outcome = SignalOutcome {
            entered_stage,
            ..SignalOutcome::default()
        };
        // Without consent each is refused, and nothing is kept of it.
        self.register(record, customer, signal, speaker, &mut outcome);
        Ok(outcome)
    }

    /// Somebody did something with an answer. It can set off a transition, as the events "Answer Shown", "Answer
    /// Opened", "Answer Accepted", "Answer Rejected" and "Answer Converted". The same outcome changes something once.
    ///
    /// # Errors
    /// [`OutcomeError`] when it is about no decision or action of this person.
    pub fn on_outcome(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        outcome: &Outcome<'_>,
    ) -> Result<Novelty, OutcomeError> {
        self.check_made(customer, outcome)?;
        let date_s = self.date_s(now);
        if self.recent.insert(self.outcome_applied(customer, outcome), date_s) != SeenBefore::New {
            return Ok(Novelty::Duplicate);
        }
        self.respond(date_s, customer, outcome);
        Ok(Novelty::New)
    }

    /// Whether an outcome can be applied, and is new. Nothing changes; see [`Engine::check_signal`].
    ///
    /// # Errors
    /// [`OutcomeError`] when it is about no decision or action of this person.
    pub fn check_outcome(&self, customer: CustomerSlot, outcome: &Outcome<'_>) -> Result<Novelty, OutcomeError> {
        self.check_made(customer, outcome)?;
        Ok(match self.recent.look(self.outcome_applied(customer, outcome)) {
            SeenBefore::New => Novelty::New,
            SeenBefore::Duplicate | SeenBefore::Conflict => Novelty::Duplicate,
        })
    }

    /// Applies an outcome that was checked and that the journal took; see [`Engine::apply_signal`].
    pub fn apply_outcome(&self, record: Journaled, customer: CustomerSlot, outcome: &Outcome<'_>) {
        let _known = self
            .recent
            .insert(self.outcome_applied(customer, outcome), record.date_s);
        if record.position > self.ledger.applied(customer) {
            self.respond(record.date_s, customer, outcome);
            self.ledger.set_applied(customer, record.position);
        }
    }

    /// Refuses what is about no decision or action of this person.
    fn check_made(&self, customer: CustomerSlot, outcome: &Outcome<'_>) -> Result<(), OutcomeError> {
        let (slot_tag, number) = ((outcome.decision_id >> 32) as u32, outcome.decision_id as u32);
        let record = self.record(customer).ok_or(OutcomeError::UnknownDecision)?;
        let is_anothers = slot_tag != customer.0.wrapping_add(1) && !planted(Bug::OutcomeOfAnybody);
        if is_anothers || number == 0 || number > record.decisions() {
            return Err(OutcomeError::UnknownDecision);
        }
        let generation = self.generation.load();
        let is_known = generation.action_ids.iter().any(|id| **id == *outcome.action);
        is_known.then_some(()).ok_or(OutcomeError::UnknownAction)
    }

    fn respond(&self, date_s: u32, customer: CustomerSlot, outcome: &Outcome<'_>) {
        let generation = self.generation.load();
        let event = generation.event(match outcome.kind {
            OutcomeKind::Impression => "Answer Shown",
            OutcomeKind::Click => "Answer Opened",
            OutcomeKind::Accept => "Answer Accepted",
            OutcomeKind::Reject => "Answer Rejected",
            OutcomeKind::Convert => "Answer Converted",
        });
        let Some(event) = event else { return };
        let properties = [Property {
            name: "action",
            value: Value::Text(outcome.action),
        }];
        self.write(customer, |record| {
            let spec = generation.spec();
            customer::apply_event(record, &spec.traits, &spec.vocabulary.tiers, event, &properties);
            let allowed = self.allowed_on(date_s, &generation, (customer, record));
            advance(&generation, record, allowed, Some(event))
        });
    }
}

/// Who says something about a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// They themselves.
    Customer,
    /// A service principal.
    Service,
}

pub(super) const fn novelty(seen: SeenBefore) -> Result<Novelty, SignalError> {
    match seen {
        SeenBefore::New => Ok(Novelty::New),
        SeenBefore::Duplicate => Ok(Novelty::Duplicate),
        SeenBefore::Conflict => Err(SignalError::Conflict),
    }
}

/// Applies what a signal says about a person.
fn learn(generation: &Generation, record: &mut Record, signal: &Signal<'_>, event: Option<u16>) {
    let spec = generation.spec();
    record.set_known();
    if matches!(signal.kind, SignalKind::Identify | SignalKind::Group) {
        customer::apply_traits(record, &spec.traits, &spec.vocabulary.tiers, &signal.properties);
    }
    if let Some(event) = event {
        customer::apply_event(record, &spec.traits, &spec.vocabulary.tiers, event, &signal.properties);
    }
    if !planted(Bug::SegmentsNotFollowed) {
        record.set_segments(generation.segments_of(record));
    }
}

/// Moves a person to the stage that an event leads to.
fn advance(generation: &Generation, record: &mut Record, allowed: u8, event: Option<u16>) -> Option<u8> {
    let event = event.filter(|_| !planted(Bug::StageNotFollowed))?;
    let mut attributes = Attributes::default();
    record.describe(allowed, &mut attributes);
    attributes.set_category(Category::Event, event + 1);
    let entered = generation
        .journey
        .next(record.stage(), Happening::Event(event), &attributes)?;
    record.set_stage(entered);
    record.set_segments(generation.segments_of(record));
    Some(entered)
}

/// The event of a signal: the name of a `track`, `page` or `screen`, or the kind of call itself.
fn event_of(generation: &Generation, signal: &Signal<'_>) -> Option<u16> {
    generation.event(match signal.kind {
        SignalKind::Track | SignalKind::Page | SignalKind::Screen => signal.name,
        SignalKind::Identify => "identify",
        SignalKind::Group => "group",
        SignalKind::Alias => "alias",
    })
}

pub(super) fn text_of<'a>(properties: &[Property<'a>], name: &str) -> Option<&'a str> {
    properties
        .iter()
        .find(|property| property.name == name)
        .and_then(|property| match property.value {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Flag(_) => None,
        })
}

pub(super) fn place_of(generation: &Generation, properties: &[Property<'_>]) -> Option<u16> {
    generation
        .venue()
        .place_by_id(text_of(properties, "place")?)
        .map(|place| place.0)
}
