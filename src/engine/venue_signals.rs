//! What the venue itself says: a till, a stock system, the match clock.
//!
//! It is written down by names and with no more than what changes, because what a till sends along can name people.

use thiserror::Error;

use super::customer::Seen as SeenBefore;
use super::novelty::Novelty;
use super::signals::{Journaled, SignalError, SignalOutcome, novelty, place_of, text_of};
use super::state::{VenueChange, VenueEvent};
use super::{Engine, Generation};
use crate::model::{Signal, Timestamp};

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

impl Engine {
    /// The venue itself says something: a till, a stock system, the match clock. Only for senders who may.
    ///
    /// # Errors
    /// [`VenueSignalError`] when it cannot be applied; nothing changed then.
    pub fn on_venue_signal(&self, now: Timestamp, signal: &Signal<'_>) -> Result<SignalOutcome, VenueSignalError> {
        let (novelty_before, event) = self.check_venue_signal(signal)?;
        if novelty_before == Novelty::Duplicate {
            return Ok(SignalOutcome::duplicate());
        }
        match novelty(self.recent.insert(event.applied, self.date_s(now)))? {
            Novelty::New => {
                self.change_venue(now, &event.change);
                Ok(SignalOutcome::default())
            }
            Novelty::Duplicate => Ok(SignalOutcome::duplicate()),
        }
    }

    /// What the venue says by a signal, and whether it is new. Nothing changes; see [`Engine::check_signal`].
    ///
    /// # Errors
    /// [`VenueSignalError`] when it cannot be applied.
    pub fn check_venue_signal(&self, signal: &Signal<'_>) -> Result<(Novelty, VenueEvent), VenueSignalError> {
        let event = self.venue_event(signal)?;
        Ok((self.novelty(event.applied, signal)?, event))
    }

    /// Applies what the venue said and the journal took; see [`Engine::apply_signal`]. A place, want or phase that the
    /// pack has no longer is passed over.
    pub fn apply_venue_event(&self, record: Journaled, event: &VenueEvent) {
        let _known: SeenBefore = self.recent.insert(event.applied, record.date_s);
        if record.position > self.ledger.venue_applied() {
            self.change_venue(record.at, &event.change);
            self.ledger.set_venue_applied(record.position);
        }
    }

    fn venue_event(&self, signal: &Signal<'_>) -> Result<VenueEvent, VenueSignalError> {
        let generation = self.generation.load();
        Ok(VenueEvent {
            change: change_of(&generation, signal)?,
            applied: self.venue_signal_applied(signal)?,
        })
    }

    fn change_venue(&self, now: Timestamp, change: &VenueChange) {
        let generation = self.generation.load();
        let ix = |place: &str| generation.venue().place_by_id(place).map(|place| place.0);
        match change {
            VenueChange::Served(place) => {
                if let Some(place) = ix(place) {
                    self.crowd.on_served(now, place);
                }
            }
            VenueChange::Open(place, is_open) => {
                if let Some(place) = ix(place) {
                    self.crowd.set_open(place, *is_open);
                }
            }
            VenueChange::Stock(place, want, in_stock) => {
                let wants = want
                    .as_deref()
                    .map_or(Some(u64::MAX), |want| generation.want_ix(want).map(|want| 1 << want));
                if let (Some(place), Some(wants)) = (ix(place), wants) {
                    self.crowd.set_in_stock(place, wants, *in_stock);
                }
            }
            VenueChange::Phase(phase) => {
                if let Some(phase) = phase_ix(&generation, phase) {
                    self.set_phase(Some(phase));
                }
            }
        }
    }
}

/// The index of a phase.
pub(super) fn phase_ix(generation: &Generation, phase: &str) -> Option<u8> {
    let phases = &generation.spec().vocabulary.phases;
    let ix = phases.iter().position(|known| known == phase)?;
    u8::try_from(ix).ok()
}

fn change_of(generation: &Generation, signal: &Signal<'_>) -> Result<VenueChange, VenueSignalError> {
    let text = |name: &str| text_of(&signal.properties, name).unwrap_or("").to_owned();
    let place = || match place_of(generation, &signal.properties) {
        Some(_) => Ok(text("place")),
        None => Err(VenueSignalError::UnknownPlace(text("place"))),
    };
    let is_served = generation
        .event(signal.name)
        .is_some_and(|event| Some(event) == generation.settings().served_event);
    Ok(match signal.name {
        _ if is_served => VenueChange::Served(place()?),
        PLACE_OPENED => VenueChange::Open(place()?, true),
        PLACE_CLOSED => VenueChange::Open(place()?, false),
        OUT_OF_STOCK | BACK_IN_STOCK => {
            let want = text_of(&signal.properties, "product");
            if let Some(product) = want.filter(|product| generation.want_ix(product).is_none()) {
                return Err(VenueSignalError::UnknownProduct(product.into()));
            }
            VenueChange::Stock(place()?, want.map(str::to_owned), signal.name == BACK_IN_STOCK)
        }
        PHASE_STARTED => match phase_ix(generation, &text("phase")) {
            Some(_) => VenueChange::Phase(text("phase")),
            None => return Err(VenueSignalError::UnknownPhase(text("phase"))),
        },
        _ => return Err(VenueSignalError::UnknownEvent(signal.name.to_owned())),
    })
}
