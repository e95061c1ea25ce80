//! The life of a signal and of an outcome: applied once, and seen by every decide that starts after.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::FixedState;
use thiserror::Error;

use super::condition::{Attributes, Category};
use super::customer::{self, CustomerSlot, Seen as SeenBefore};
use super::identity::fingerprint;
use super::journey::Happening;
use super::record::{Record, TAGS_PER_CUSTOMER_MAX};
use super::registering::Refusals;
use super::{Engine, Generation};
use crate::model::{Outcome, OutcomeKind, Property, Purpose, Signal, SignalKind, TagRefusal, Timestamp, Value};
use crate::planted::{Bug, planted};

/// A place starts to serve.
pub const PLACE_OPENED: &str = "Place Opened";
/// A place stops serving.
pub const PLACE_CLOSED: &str = "Place Closed";
/// A place has run out of something (`product`: a want; absent: all that it serves).
pub const OUT_OF_STOCK: &str = "Product Out Of Stock";
/// A place has something again.
pub const BACK_IN_STOCK: &str = "Product Back In Stock";
/// The event enters a phase (`phase`: its name).
pub const PHASE_STARTED: &str = "Phase Started";

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
}

impl SignalOutcome {
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
}

/// A signal about the venue cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VenueSignalError {
    /// See [`SignalError`].
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// It names no place, or one that the map does not have.
    #[error("the property `place` must be the id of a place of the venue, not {0:?}")]
    UnknownPlace(String),
    /// It names a product that is no want of the pack.
    #[error("the property `product` must be one of the pack's wants, not {0:?}")]
    UnknownProduct(String),
    /// It names a phase that the pack does not have.
    #[error("the property `phase` must be one of the pack's phases, not {0:?}")]
    UnknownPhase(String),
    /// It is no event that says something about a venue.
    #[error("{0:?} says nothing about a venue; name a customer in `subject`")]
    UnknownEvent(String),
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
        self.apply(now, customer, signal, Speaker::Service)
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
        self.apply(now, customer, signal, Speaker::Customer)
    }

    fn apply(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        signal: &Signal<'_>,
        speaker: Speaker,
    ) -> Result<SignalOutcome, SignalError> {
        self.check_room(customer, signal)?;
        if !self.is_first(customer.0, signal)? {
            return Ok(SignalOutcome {
                is_duplicate: true,
                ..SignalOutcome::default()
            });
        }
        let generation = self.generation.load();
        let event = event_of(&generation, signal);
        let learned = self.write(customer, |record| {
            let located_before = record.allows(Purpose::Location);
            learn(&generation, record, signal, event);
            (
                advance(&generation, record, event),
                located_before,
                record.allows(Purpose::Location),
            )
        });
        let (entered_stage, located_before, is_located) = learned.ok_or(SignalError::NoCustomer)?;
        if located_before && !is_located {
            self.withdraw_location(customer);
        }
        let mut outcome = SignalOutcome {
            entered_stage,
            ..SignalOutcome::default()
        };
        // Without consent each is refused, and nothing is kept of it.
        self.register(now, customer, signal, speaker, &mut outcome);
        if speaker == Speaker::Service
            && let Some(event) = event
            && let Some(place) = place_of(&generation, &signal.properties)
        {
            let settings = generation.settings();
            if settings.served_event == Some(event) {
                self.crowd.on_served(now, place);
            }
            if settings.passage_events.contains(&event) {
                self.on_passage(now, customer, place);
            }
        }
        Ok(outcome)
    }

    /// The venue itself says something: a till, a stock system, the match clock. Only for senders who may.
    ///
    /// # Errors
    /// [`VenueSignalError`] when it cannot be applied; nothing changed then.
    pub fn on_venue_signal(&self, now: Timestamp, signal: &Signal<'_>) -> Result<SignalOutcome, VenueSignalError> {
        let generation = self.generation.load();
        let change = VenueChange::of(&generation, signal)?;
        if !self.is_first(u32::MAX, signal)? {
            return Ok(SignalOutcome {
                is_duplicate: true,
                ..SignalOutcome::default()
            });
        }
        match change {
            VenueChange::Served(place) => self.crowd.on_served(now, place),
            VenueChange::Open(place, is_open) => self.crowd.set_open(place, is_open),
            VenueChange::Stock(place, wants, in_stock) => self.crowd.set_in_stock(place, wants, in_stock),
            VenueChange::Phase(phase) => self.set_phase(Some(phase)),
        }
        Ok(SignalOutcome::default())
    }

    /// Somebody did something with an answer. It can set off a transition, as the events "Answer Shown", "Answer
    /// Opened", "Answer Accepted", "Answer Rejected" and "Answer Converted".
    ///
    /// # Errors
    /// [`OutcomeError`] when it is about no decision or action of this person.
    pub fn on_outcome(&self, customer: CustomerSlot, outcome: &Outcome<'_>) -> Result<(), OutcomeError> {
        let generation = self.generation.load();
        let (slot_tag, number) = ((outcome.decision_id >> 32) as u32, outcome.decision_id as u32);
        let record = self.record(customer).ok_or(OutcomeError::UnknownDecision)?;
        let is_anothers = slot_tag != customer.0.wrapping_add(1) && !planted(Bug::OutcomeOfAnybody);
        if is_anothers || number == 0 || number > record.decisions() {
            return Err(OutcomeError::UnknownDecision);
        }
        if !generation.action_ids.iter().any(|id| **id == *outcome.action) {
            return Err(OutcomeError::UnknownAction);
        }
        let event = generation.event(match outcome.kind {
            OutcomeKind::Impression => "Answer Shown",
            OutcomeKind::Click => "Answer Opened",
            OutcomeKind::Accept => "Answer Accepted",
            OutcomeKind::Reject => "Answer Rejected",
            OutcomeKind::Convert => "Answer Converted",
        });
        if let Some(event) = event {
            let properties = [Property {
                name: "action",
                value: Value::Text(outcome.action),
            }];
            self.write(customer, |record| {
                let spec = generation.spec();
                customer::apply_event(record, &spec.traits, &spec.vocabulary.tiers, event, &properties);
                advance(&generation, record, Some(event))
            });
        }
        Ok(())
    }

    fn is_first(&self, sender: u32, signal: &Signal<'_>) -> Result<bool, SignalError> {
        if signal.message_id.is_empty() {
            return Err(SignalError::NoMessageId);
        }
        match self.recent.insert(sender, signal.message_id, content_hash(signal)) {
            SeenBefore::New => Ok(true),
            SeenBefore::Duplicate => Ok(false),
            SeenBefore::Conflict => Err(SignalError::Conflict),
        }
    }
}

/// Who says something about a customer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    Customer,
    Service,
}

/// What a signal about the venue changes.
enum VenueChange {
    Served(u16),
    Open(u16, bool),
    Stock(u16, u64, bool),
    Phase(u8),
}

impl VenueChange {
    fn of(generation: &Generation, signal: &Signal<'_>) -> Result<Self, VenueSignalError> {
        let text = |name: &str| text_of(&signal.properties, name).unwrap_or("").to_owned();
        let place =
            || place_of(generation, &signal.properties).ok_or_else(|| VenueSignalError::UnknownPlace(text("place")));
        let is_served = generation
            .event(signal.name)
            .is_some_and(|event| Some(event) == generation.settings().served_event);
        Ok(match signal.name {
            _ if is_served => Self::Served(place()?),
            PLACE_OPENED => Self::Open(place()?, true),
            PLACE_CLOSED => Self::Open(place()?, false),
            OUT_OF_STOCK | BACK_IN_STOCK => {
                let wants = match text_of(&signal.properties, "product") {
                    None => u64::MAX,
                    Some(product) => {
                        1 << generation
                            .want_ix(product)
                            .ok_or_else(|| VenueSignalError::UnknownProduct(product.into()))?
                    }
                };
                Self::Stock(place()?, wants, signal.name == BACK_IN_STOCK)
            }
            PHASE_STARTED => {
                let phases = &generation.spec().vocabulary.phases;
                let phase = phases.iter().position(|phase| *phase == text("phase"));
                let phase = phase.and_then(|phase| u8::try_from(phase).ok());
                Self::Phase(phase.ok_or_else(|| VenueSignalError::UnknownPhase(text("phase")))?)
            }
            _ => return Err(VenueSignalError::UnknownEvent(signal.name.to_owned())),
        })
    }
}

/// Applies what a signal says about a person.
fn learn(generation: &Generation, record: &mut Record, signal: &Signal<'_>, event: Option<u16>) {
    let spec = generation.spec();
    record.set_known();
    for consent in &signal.consents {
        record.set_consent(consent.purpose, consent.allowed);
    }
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
fn advance(generation: &Generation, record: &mut Record, event: Option<u16>) -> Option<u8> {
    let event = event.filter(|_| !planted(Bug::StageNotFollowed))?;
    let mut attributes = Attributes::default();
    record.describe(&mut attributes);
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

fn text_of<'a>(properties: &[Property<'a>], name: &str) -> Option<&'a str> {
    properties
        .iter()
        .find(|property| property.name == name)
        .and_then(|property| match property.value {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Flag(_) => None,
        })
}

fn place_of(generation: &Generation, properties: &[Property<'_>]) -> Option<u16> {
    generation
        .venue()
        .place_by_id(text_of(properties, "place")?)
        .map(|place| place.0)
}

/// A hash of all that a signal says, the same in every run.
fn content_hash(signal: &Signal<'_>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    (signal.kind, signal.name, signal.channel, signal.anonymous_id).hash(&mut hasher);
    for property in &signal.properties {
        property.name.hash(&mut hasher);
        match property.value {
            Value::Text(text) => text.hash(&mut hasher),
            Value::Number(number) => number.to_bits().hash(&mut hasher),
            Value::Flag(flag) => flag.hash(&mut hasher),
        }
    }
    signal.tags.hash(&mut hasher);
    for key in &signal.keys {
        // What a beacon's clock shows is another moment each time that the same signal is sent.
        fingerprint(key.secret()).hash(&mut hasher);
    }
    for consent in &signal.consents {
        (consent.purpose, consent.allowed).hash(&mut hasher);
    }
    hasher.finish()
}
