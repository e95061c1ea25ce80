//! What makes the engine's state survive: the order of check, append, apply and acknowledge, and what is read back.
//!
//! | file | what |
//! |---|---|
//! | `opening` | a state folder, to a keeper that has read it |
//! | `payload` | what the records of the journal carry |
//! | `changes` | what staff has changed |
//! | `calendar` | dates of what was written down without |
//! | `given` | decisions on their way to the journal, behind their answers |
//! | `snapshot` | the state as a stream of entries, while the gateway goes on |
//! | `recovery` | the latest snapshot and the records after it, back into the engine |
//! | `erasing` | erasing somebody, with a proof |
//! | `proofs` | who was erased when, by whom and why, without who |
//! | `housekeeping` | the thread that takes snapshots |
//!
//! One lock orders what is journaled: a signal is checked, appended and applied under it, so that state is a fold of the
//! records in the order of their positions. One for all and not one for each person, because a tag goes from one to
//! another, and a till's sale counts for the venue. Only signals, outcomes and new people take it, for a microsecond or
//! two; a decide and a sighting never do. Nothing waits for a disk under it.
//!
//! Without a state folder nothing is journaled, and a restart starts empty.

mod calendar;
mod changes;
mod erasing;
mod given;
mod housekeeping;
mod opening;
mod payload;
mod proofs;
mod recovery;
mod snapshot;

#[expect(
    clippy::disallowed_types,
    reason = "signals only: it makes the order of the journal that of application; see above"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use thiserror::Error;

use crate::engine::customer::NoRoom;
use crate::engine::{
    CustomerSlot, Engine, Generation, Journaled, KnownPerson, Novelty, OutcomeError, PersonKey, SavedPerson,
    SignalError, SignalOutcome, Speaker, VenueSignalError,
};
use crate::journal::{Journal, JournalError, Person, Position, Record, RecordKind, Vault};
use crate::model::{Decision, Outcome, Signal, Timestamp};

use self::changes::{Changes, Noted};
use self::given::Given;
use self::proofs::Proofs;

pub(super) use self::changes::{Change, Shown, changes_bytes_max};
pub use self::erasing::EraseError;
pub(super) use self::housekeeping::Housekeeping;
pub use self::housekeeping::SNAPSHOT_RECORDS;
pub(super) use self::opening::Opened;
pub use self::opening::{OpenStateError, State, state_bytes_max};
pub use self::proofs::{PROOFS_LEN_MAX, Proof};
pub use self::recovery::{Recovered, RecoveryError};

/// Decisions that a crash may have lost at most since the last that was kept; everybody's next number is above.
pub const DECISIONS_SKIPPED: u32 = 65_536;

/// A person, as somebody has them in hand: their slot, and which of its owners is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) slot: CustomerSlot,
    birth: u32,
}

/// How long an acknowledgement waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until(Option<Position>);

/// Something was not taken.
#[derive(Debug, Error)]
pub(super) enum NotTaken {
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error(transparent)]
    Venue(#[from] VenueSignalError),
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the system gives no randomness")]
    NoRandomness,
}

/// Keeps the engine's state, if it is to be kept.
pub(super) struct Keeper {
    engine: Arc<Engine>,
    kept: Option<Kept>,
    changes: Changes,
    proofs: Proofs,
}

/// Says nothing of whom it keeps.
impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("is_kept", &self.kept.is_some())
            .finish_non_exhaustive()
    }
}

struct Kept {
    journal: Arc<dyn Journal>,
    /// `None`: what is journaled is not sealed, and names nobody.
    vault: Option<Arc<Vault>>,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    order: Mutex<Buffers>,
    given: Given,
}

/// What is written in, under the lock.
#[derive(Default)]
struct Buffers {
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

impl Keeper {
    /// One that keeps nothing.
    pub(super) fn volatile(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            kept: None,
            changes: Changes::default(),
            proofs: Proofs::default(),
        }
    }

    /// One that keeps state in a journal that was read already.
    pub(super) fn new(engine: Arc<Engine>, journal: Arc<dyn Journal>, vault: Option<Arc<Vault>>) -> Self {
        let kept = Kept {
            journal,
            vault,
            order: Default::default(),
            given: Given::default(),
        };
        Self {
            engine,
            kept: Some(kept),
            changes: Changes::default(),
            proofs: Proofs::default(),
        }
    }

    /// A customer, who is taken in when nobody knew them.
    pub(super) fn customer(&self, now: Timestamp, id: &str) -> Result<Who, NotTaken> {
        if let Some(slot) = self.engine.customer_existing(id) {
            return Ok(self.who(slot));
        }
        match &self.kept {
            Some(kept) if kept.journal.failure().is_none() && kept.vault.is_some() => self.take_in(kept, now, id),
            // Queries are answered also when nothing can be kept any more.
            Some(_) | None => Ok(self.who(self.engine.customer(id)?)),
        }
    }

    /// Whether somebody in hand is still who they were.
    pub(super) fn is_current(&self, who: Who) -> bool {
        self.engine.birth(who.slot) == Some(who.birth)
    }

    /// Somebody did something.
    pub(super) fn signal(
        &self,
        now: Timestamp,
        who: Who,
        signal: &Signal<'_>,
        speaker: Speaker,
        bytes: &[u8],
    ) -> Result<(SignalOutcome, Until), NotTaken> {
        let Some(kept) = &self.kept else {
            let outcome = match speaker {
                Speaker::Service => self.engine.on_signal(now, who.slot, signal)?,
                Speaker::Customer => self.engine.on_own_signal(now, who.slot, signal)?,
            };
            return Ok((outcome, Until(None)));
        };
        let mut buffers = kept.order();
        if self.engine.check_signal(now, who.slot, signal)? == Novelty::Duplicate {
            let outcome = SignalOutcome {
                is_duplicate: true,
                ..SignalOutcome::default()
            };
            return Ok((outcome, kept.until_last()?));
        }
        let refused = self.engine.carried_by_another(who.slot, signal, speaker);
        let date_s = self.engine.date_s(now);
        payload::signal(speaker, refused, date_s, bytes, &mut buffers.plain);
        let position = kept.append(&mut buffers, now, RecordKind::Signal, who.person())?;
        let record = Journaled {
            refused,
            ..journaled(now, position, date_s)
        };
        let outcome = self.engine.apply_signal(record, who.slot, signal, speaker)?;
        let mut until = position;
        for (from, tag) in outcome.taken.into_iter().flatten() {
            payload::loss(&tag, &mut buffers.plain);
            until = kept.append(&mut buffers, now, RecordKind::Signal, self.who(from).person())?;
            self.engine.apply_loss(journaled(now, until, date_s), from, tag);
        }
        Ok((outcome, Until(Some(until))))
    }

    /// The venue itself said something.
    pub(super) fn venue_signal(&self, now: Timestamp, signal: &Signal<'_>) -> Result<(SignalOutcome, Until), NotTaken> {
        let Some(kept) = &self.kept else {
            return Ok((self.engine.on_venue_signal(now, signal)?, Until(None)));
        };
        let _order = kept.order();
        let (novelty, event) = self.engine.check_venue_signal(signal)?;
        if novelty == Novelty::Duplicate {
            let outcome = SignalOutcome {
                is_duplicate: true,
                ..SignalOutcome::default()
            };
            return Ok((outcome, kept.until_last()?));
        }
        let position = kept.journal.append(&Record {
            at: now,
            kind: RecordKind::VenueSignal,
            subject: None,
            payload: &event.encode(),
        })?;
        self.engine
            .apply_venue_event(journaled(now, position, self.engine.date_s(now)), &event);
        Ok((SignalOutcome::default(), Until(Some(position))))
    }

    /// Somebody did something with an answer.
    pub(super) fn outcome(
        &self,
        now: Timestamp,
        who: Who,
        outcome: &Outcome<'_>,
        bytes: &[u8],
    ) -> Result<Until, NotTaken> {
        let Some(kept) = &self.kept else {
            self.engine.on_outcome(now, who.slot, outcome)?;
            return Ok(Until(None));
        };
        let mut buffers = kept.order();
        if self.engine.check_outcome(who.slot, outcome)? == Novelty::Duplicate {
            return Ok(kept.until_last()?);
        }
        payload::outcome(bytes, &mut buffers.plain);
        let position = kept.append(&mut buffers, now, RecordKind::Outcome, who.person())?;
        let record = journaled(now, position, self.engine.date_s(now));
        self.engine.apply_outcome(record, who.slot, outcome);
        Ok(Until(Some(position)))
    }

    /// A decision was made. It is written down later, by another thread; when too many wait it is not, which is counted.
    pub(super) fn decided(&self, now: Timestamp, slot: CustomerSlot, generation: &Generation, decision: &Decision<'_>) {
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.vault.is_some())
            && let Some(reserved) = self.engine.reserved(now, generation, decision)
            && let Some(birth) = self.engine.birth(slot)
        {
            kept.given.put(now, Who { slot, birth }.person(), reserved);
        }
    }

    /// Ready when an acknowledgement may be given.
    pub(super) fn poll_durable(&self, until: Until, context: &Context<'_>) -> Poll<Result<(), JournalError>> {
        match (&self.kept, until.0) {
            (Some(kept), Some(position)) => kept.journal.poll_durable(position, context.waker()),
            (Some(_) | None, _) => Poll::Ready(Ok(())),
        }
    }

    /// Everything that is known of a person.
    pub(super) fn known(&self, now: Timestamp, id: &str) -> Option<KnownPerson> {
        let _order = self.kept.as_ref().map(Kept::order);
        self.engine.known(now, id)
    }

    /// Somebody of the staff is about to change something.
    pub(super) fn change(&self, now: Timestamp, change: &Change<'_>) -> Result<Until, NotTaken> {
        type Seal = fn(&[u8], &mut Vec<u8>) -> Result<(), NotTaken>;
        let Some((kept, vault)) = self.kept.as_ref().and_then(|kept| Some((kept, kept.vault.as_ref()?))) else {
            self.changes.put_unjournaled(changes::encode(change, None::<Seal>)?);
            return Ok(Until(None));
        };
        let _order = kept.order();
        let person = change
            .is_about_a_person
            .then(|| self.engine.customer_existing(change.about));
        let person = person.flatten().map(|slot| self.who(slot).person());
        let seal = person.map(|person| {
            move |plain: &[u8], out: &mut Vec<u8>| {
                let sealed = vault.seal(person, plain, out);
                sealed.map_err(|_| NotTaken::NoRandomness)
            }
        });
        let payload = changes::encode(change, seal)?;
        let position = kept.journal.append(&Record {
            at: now,
            kind: RecordKind::Administration,
            subject: person,
            payload: &payload,
        })?;
        self.changes.put(Noted {
            position: position.0,
            person,
            payload,
        });
        Ok(Until(Some(position)))
    }

    /// What the staff has changed, latest first.
    pub(super) fn changes(&self) -> Vec<Shown> {
        let vault = self.kept.as_ref().and_then(|kept| kept.vault.as_deref());
        self.changes.shown(vault)
    }

    /// Why nothing is kept any more.
    pub(super) fn failure(&self) -> Option<String> {
        self.kept.as_ref()?.journal.failure()
    }

    /// The journal, and how many decisions were not written down.
    pub(super) fn counts(&self) -> Option<(crate::journal::Counts, u64)> {
        let kept = self.kept.as_ref()?;
        Some((kept.journal.counts(), kept.given.refused()))
    }

    /// Takes somebody in whom nobody knew. Their record is not waited for: what is acknowledged of them comes after it.
    fn take_in(&self, kept: &Kept, now: Timestamp, id: &str) -> Result<Who, NotTaken> {
        crate::engine::customer::check_id(id)?;
        let mut buffers = kept.order();
        // Somebody else may have taken them in meanwhile.
        if let Some(slot) = self.engine.customer_existing(id) {
            return Ok(self.who(slot));
        }
        let settings_max = self.engine.generation().spec().settings.customers_max;
        let vault = kept.vault.as_ref().ok_or(NoRoom::Full(settings_max))?;
        let person = vault.person_new().map_err(|_| NoRoom::Full(settings_max))?;
        let taken = self.take_in_as(kept, &mut buffers, now, id, person);
        if taken.is_err() {
            vault.abandon(person);
        }
        taken
    }

    fn take_in_as(
        &self,
        kept: &Kept,
        buffers: &mut Buffers,
        now: Timestamp,
        id: &str,
        person: Person,
    ) -> Result<Who, NotTaken> {
        let state = self.engine.newcomer(id, random_key()?);
        buffers.plain = state.encode();
        let position = kept.append(buffers, now, RecordKind::Person, person)?;
        let saved = SavedPerson {
            birth: person.birth,
            applied: position.0,
            state,
        };
        let slot = CustomerSlot(person.number);
        self.engine.restore_person(slot, &saved, None)?;
        Ok(self.who(slot))
    }

    fn who(&self, slot: CustomerSlot) -> Who {
        let birth = self.engine.birth(slot).unwrap_or(0);
        Who { slot, birth }
    }
}

impl Kept {
    fn order(&self) -> MutexGuard<'_, Buffers> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what is in the plain buffer, sealed for a person.
    fn append(
        &self,
        buffers: &mut Buffers,
        at: Timestamp,
        kind: RecordKind,
        person: Person,
    ) -> Result<Position, NotTaken> {
        let Some(vault) = &self.vault else {
            return Ok(self.journal.append(&Record {
                at,
                kind,
                subject: None,
                payload: &buffers.plain,
            })?);
        };
        buffers.sealed.clear();
        let sealed = vault.seal(person, &buffers.plain, &mut buffers.sealed);
        sealed.map_err(|_| NotTaken::NoRandomness)?;
        Ok(self.journal.append(&Record {
            at,
            kind,
            subject: Some(person),
            payload: &buffers.sealed,
        })?)
    }

    /// What was applied before is acknowledged when it is durable, which it is when all that was appended is.
    fn until_last(&self) -> Result<Until, JournalError> {
        match self.journal.failure() {
            None => Ok(Until(Some(self.journal.last()))),
            Some(_) => Err(JournalError::Poisoned),
        }
    }
}

impl Who {
    /// Their slot in the vault, which has the same number.
    pub(super) const fn person(self) -> Person {
        Person {
            number: self.slot.0,
            birth: self.birth,
        }
    }
}

const fn journaled(at: Timestamp, position: Position, date_s: u32) -> Journaled {
    Journaled {
        at,
        position: position.0,
        refused: 0,
        date_s,
    }
}

fn random_key() -> Result<PersonKey, NotTaken> {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0; 16];
    let filled = ring::rand::SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| NotTaken::NoRandomness)?;
    let number = u128::from_le_bytes(bytes);
    Ok(PersonKey([number as u64, (number >> 64) as u64]))
}

/// Blocks until a position is durable.
fn wait(journal: &dyn Journal, position: Position) -> Result<(), JournalError> {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    loop {
        match journal.poll_durable(position, &waker) {
            Poll::Ready(durable) => return durable,
            Poll::Pending => std::thread::park(),
        }
    }
}
