//! The latest snapshot and the records after it, back into an engine that knows nobody yet.
//!
//! One thread reads; others unseal the people of the snapshot and put them into their slots, in any order, because people
//! are told apart by slot. Tags follow when all are there, by the position at which their carriers were saved: a tag that
//! went over while the snapshot was taken is with who had it last. Then the records after the snapshot's position, in
//! their order. Each thread count gives the same state.
//!
//! What belongs to somebody whose key was destroyed cannot be read and is passed over. What cannot be read otherwise stops
//! the recovery: a gateway that starts with less than it acknowledged would be worse than one that does not start.

use std::io;
#[expect(
    clippy::disallowed_types,
    reason = "the threads of a recovery take turns at one queue; nothing is served yet"
)]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use prost::Message as _;
use thiserror::Error;

use nextbest_proto::v1;

use super::calendar::Calendar;
use super::changes::{Changes, Noted};
use super::proofs::Proofs;
use super::snapshot::{Entry, read_entry};
use super::{Keeper, journaled, payload};
use crate::engine::customer::NoRoom;
use crate::engine::state::{Names, Reserved, StateError, TagState, Translation, VenueEvent, VenueState};
use crate::engine::{CustomerSlot, Engine, SavedPerson};
use crate::journal::{Journal, JournalError, Person, Position, Record, RecordKind, Unsealed, Vault};
use crate::wire;

/// People that go to a thread at once.
const BATCH_LEN: usize = 1_024;
/// Batches that may wait for each thread.
const BATCHES_WAITING_MAX: usize = 4;

/// What was read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// People of the snapshot.
    pub people: u64,
    /// Records after it that were applied, or had been.
    pub records: u64,
    /// What belongs to people who were erased.
    pub erased: u64,
    /// Tags and keys for which there was no room.
    pub tags_refused: u64,
    /// Whether the pack has other names for stages, tiers or traits than the snapshot.
    pub is_translated: bool,
}

/// State cannot be read back.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// The journal says no.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshot cannot be read.
    #[error("the snapshot through position {position} cannot be read: {reason}")]
    Snapshot {
        /// The position that it goes through.
        position: u64,
        /// What is wrong.
        reason: io::Error,
    },
    /// A value is not what it should be.
    #[error("{what} in {place} cannot be read: {reason}")]
    State {
        /// The value.
        what: &'static str,
        /// Where it is.
        place: Place,
        /// What is wrong.
        reason: StateError,
    },
    /// Sealed bytes are not what was sealed.
    #[error("{what} in {place} is not what was sealed")]
    Sealed {
        /// The value.
        what: &'static str,
        /// Where it is.
        place: Place,
    },
    /// There is no room for somebody.
    #[error("a customer of {place} has no room: {reason}")]
    NoRoom {
        /// Where they are.
        place: Place,
        /// Why.
        reason: NoRoom,
    },
    /// The snapshot has more or fewer people than it says.
    #[error("the snapshot through position {position} names {named} people and has {found}")]
    People {
        /// The position that it goes through.
        position: u64,
        /// People that it says it has.
        named: u64,
        /// People that it has.
        found: u64,
    },
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the snapshot through this position.
    Snapshot(u64),
    /// In the record at this position.
    Record(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Snapshot(position) => write!(f, "the snapshot through position {position}"),
            Self::Record(position) => write!(f, "the record at position {position}"),
        }
    }
}

/// Brings an engine that knows nobody to the state of the journal, with so many threads for the people.
///
/// # Errors
/// [`RecoveryError`]; the engine is not to be used then.
pub(super) fn recover(
    keeper: &Keeper,
    journal: &dyn Journal,
    vault: &Vault,
    calendar: Calendar,
    threads: usize,
) -> Result<Recovered, RecoveryError> {
    let Keeper {
        engine,
        changes,
        proofs,
        ..
    } = keeper;
    let mut recovered = Recovered::default();
    let mut after = Position(0);
    if let Some((through, mut stream)) = journal.snapshot()? {
        let mut reading = Reading {
            engine,
            changes,
            proofs,
            vault,
            calendar,
            place: Place::Snapshot(through.0),
            position: through.0,
        };
        reading.snapshot(&mut stream, threads.max(1), &mut recovered)?;
        after = through;
    }
    let mut replay = Replay {
        engine,
        changes,
        proofs,
        vault,
        calendar,
        plain: Vec::new(),
        recovered: &mut recovered,
        failed: None,
    };
    journal.read(after, &mut |position, record| replay.visit(position, &record))?;
    match replay.failed {
        Some(error) => Err(error),
        None => Ok(recovered),
    }
}

/// People of a snapshot on their way to a thread: whose, the position, and the sealed bytes.
type Batch = Vec<(Person, u64, Vec<u8>)>;
/// The tags of people that a thread has put into their slots, with the position that each was saved at.
type Carried = Vec<(u64, CustomerSlot, Vec<TagState>)>;

struct Reading<'a> {
    engine: &'a Engine,
    changes: &'a Changes,
    proofs: &'a Proofs,
    vault: &'a Vault,
    calendar: Calendar,
    place: Place,
    position: u64,
}

impl Reading<'_> {
    fn snapshot(
        &mut self,
        stream: &mut dyn io::Read,
        threads: usize,
        recovered: &mut Recovered,
    ) -> Result<(), RecoveryError> {
        let mut buffer = Vec::new();
        let names = match self.entry(stream, &mut buffer)? {
            Entry::Names(names) => self.state("the names", Names::decode(names))?,
            Entry::Person(..)
            | Entry::Venue(..)
            | Entry::Window(..)
            | Entry::Change(_)
            | Entry::Horizon(_)
            | Entry::Proofs(_)
            | Entry::End(_) => {
                return Err(self.broken("it does not begin with names"));
            }
        };
        let translation = Translation::between(&names, &self.engine.names());
        recovered.is_translated = !translation.is_same();
        let (send, receive) = sync_channel(threads * BATCHES_WAITING_MAX);
        #[expect(clippy::disallowed_types, reason = "see the import")]
        let receive = Mutex::new(receive);
        let this = &*self;
        let (found, mut carried, erased) = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| this.put_people(&receive, &translation)))
                .collect();
            let found = this.read_entries(stream, &mut buffer, send);
            let mut carried = Carried::new();
            let mut erased = 0;
            for worker in workers {
                let (of_worker, erased_by_worker) = worker
                    .join()
                    .map_err(|_| this.broken("a thread that put people into their slots has panicked"))??;
                carried.extend(of_worker);
                erased += erased_by_worker;
            }
            Ok::<_, RecoveryError>((found?, carried, erased))
        })?;
        carried.sort_by_key(|(applied, slot, _)| (*applied, *slot));
        for (_, slot, tags) in &carried {
            recovered.tags_refused += u64::from(self.engine.restore_tags(self.calendar.now, *slot, tags));
        }
        (recovered.people, recovered.erased) = (found - erased, erased);
        Ok(())
    }

    /// Reads entries to the end, people to the threads; returns how many people there were.
    fn read_entries(
        &self,
        stream: &mut dyn io::Read,
        buffer: &mut Vec<u8>,
        send: SyncSender<Batch>,
    ) -> Result<u64, RecoveryError> {
        let mut batch = Batch::with_capacity(BATCH_LEN);
        let mut found = 0;
        let mut horizon = None;
        loop {
            match self.entry(stream, buffer)? {
                Entry::Person(person, applied, sealed) => {
                    found += 1;
                    batch.push((person, applied, sealed.to_vec()));
                    if batch.len() == BATCH_LEN {
                        // Threads that have ended have an error to tell, which is told.
                        let _ended = send.send(std::mem::replace(&mut batch, Batch::with_capacity(BATCH_LEN)));
                    }
                }
                Entry::Venue(applied, venue) => {
                    let venue = self.state("the venue", VenueState::decode(venue))?;
                    self.engine.restore_venue(&venue, applied);
                }
                Entry::Window(part, entries) => self.engine.restore_window(part, entries),
                Entry::Change(change) => self.changes.put(change),
                Entry::Horizon(known) => horizon = Some(known),
                Entry::Proofs(bytes) => {
                    let proofs = self.proofs.restore(bytes);
                    proofs.ok_or_else(|| self.broken("it has proofs that are none"))?;
                }
                Entry::Names(_) => return Err(self.broken("it has names twice")),
                Entry::End(named) if named == found => break,
                Entry::End(named) => {
                    return Err(RecoveryError::People {
                        position: self.position,
                        named,
                        found,
                    });
                }
            }
        }
        let _ended = send.send(batch);
        self.engine
            .restore_horizon(horizon.unwrap_or_else(|| self.calendar.horizon()));
        Ok(found)
    }

    /// Puts people into their slots until there are no more; returns who carries what, and how many were erased.
    #[expect(clippy::disallowed_types, reason = "see the import")]
    fn put_people(
        &self,
        receive: &Mutex<Receiver<Batch>>,
        translation: &Translation,
    ) -> Result<(Carried, u64), RecoveryError> {
        let (mut carried, mut erased, mut plain) = (Carried::new(), 0, Vec::new());
        loop {
            let batch = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(batch) = batch else {
                return Ok((carried, erased));
            };
            for (person, applied, sealed) in batch {
                plain.clear();
                match self.vault.unseal(person, &sealed, &mut plain) {
                    Ok(()) => {}
                    Err(Unsealed::Erased) => {
                        erased += 1;
                        continue;
                    }
                    Err(_) => {
                        return Err(RecoveryError::Sealed {
                            what: "a person",
                            place: self.place,
                        });
                    }
                }
                let state = self.state("a person", self.calendar.person(self.engine, &plain))?;
                let slot = CustomerSlot(person.number);
                let mut saved = SavedPerson {
                    birth: person.birth,
                    applied,
                    state,
                };
                let tags = std::mem::take(&mut saved.state.tags);
                let restored = self.engine.restore_person(slot, &saved, Some(translation));
                restored.map_err(|reason| RecoveryError::NoRoom {
                    place: self.place,
                    reason,
                })?;
                if !tags.is_empty() {
                    carried.push((applied, slot, tags));
                }
            }
        }
    }

    fn entry<'b>(&self, stream: &mut dyn io::Read, buffer: &'b mut Vec<u8>) -> Result<Entry<'b>, RecoveryError> {
        read_entry(stream, buffer).map_err(|reason| RecoveryError::Snapshot {
            position: self.position,
            reason,
        })
    }

    fn state<T>(&self, what: &'static str, read: Result<T, StateError>) -> Result<T, RecoveryError> {
        let place = self.place;
        read.map_err(|reason| RecoveryError::State { what, place, reason })
    }

    fn broken(&self, sentence: &'static str) -> RecoveryError {
        RecoveryError::Snapshot {
            position: self.position,
            reason: io::Error::new(io::ErrorKind::InvalidData, sentence),
        }
    }
}

/// Applies records in their order.
struct Replay<'a> {
    engine: &'a Engine,
    changes: &'a Changes,
    proofs: &'a Proofs,
    vault: &'a Vault,
    calendar: Calendar,
    plain: Vec<u8>,
    recovered: &'a mut Recovered,
    failed: Option<RecoveryError>,
}

impl Replay<'_> {
    fn visit(&mut self, position: Position, record: &Record<'_>) {
        if self.failed.is_some() {
            return;
        }
        match self.apply(position, record) {
            Ok(()) => self.recovered.records += 1,
            Err(error) => self.failed = Some(error),
        }
    }

    fn apply(&mut self, position: Position, record: &Record<'_>) -> Result<(), RecoveryError> {
        let place = Place::Record(position.0);
        let at = journaled(record.at, position, self.calendar.date_s(record.at));
        match (record.kind, record.subject) {
            (RecordKind::VenueSignal, _) => {
                let event = state(place, "an event of the venue", VenueEvent::decode(record.payload))?;
                self.engine.apply_venue_event(at, &event);
                return Ok(());
            }
            (RecordKind::Erasure, Some(person)) => {
                self.forget(person);
                self.proofs.add_record(position.0, record.payload);
                return Ok(());
            }
            (RecordKind::Administration, person) => {
                self.changes.put(Noted {
                    position: position.0,
                    person,
                    payload: record.payload.to_vec(),
                });
                return Ok(());
            }
            (RecordKind::Erasure, _) | (_, None) => return Ok(()),
            (RecordKind::Signal | RecordKind::Outcome | RecordKind::Decision | RecordKind::Person, Some(_)) => {}
        }
        let person = record.subject.unwrap_or_default();
        self.plain.clear();
        match self.vault.unseal(person, record.payload, &mut self.plain) {
            Ok(()) => {}
            Err(Unsealed::Erased) => {
                self.recovered.erased += 1;
                return Ok(());
            }
            Err(_) => {
                return Err(RecoveryError::Sealed {
                    what: record.kind.name(),
                    place,
                });
            }
        }
        self.apply_plain(at, record.kind, person, place)
    }

    fn apply_plain(
        &self,
        at: crate::engine::Journaled,
        kind: RecordKind,
        person: Person,
        place: Place,
    ) -> Result<(), RecoveryError> {
        let slot = CustomerSlot(person.number);
        let is_there = self.engine.birth(slot) == Some(person.birth);
        let unreadable = || RecoveryError::State {
            what: kind.name(),
            place,
            reason: StateError::Short,
        };
        match kind {
            RecordKind::Person if !is_there => {
                let saved = SavedPerson {
                    birth: person.birth,
                    applied: at.position,
                    state: state(place, "a person", self.calendar.person(self.engine, &self.plain))?,
                };
                let restored = self.engine.restore_person(slot, &saved, None);
                restored.map_err(|reason| RecoveryError::NoRoom { place, reason })?;
            }
            RecordKind::Signal if is_there => {
                if let Some(tag) = payload::read_loss(&self.plain) {
                    self.engine.apply_loss(at, slot, state(place, "a tag", tag)?);
                    return Ok(());
                }
                let said = payload::read_signal(&self.plain).ok_or_else(unreadable)?;
                let at = crate::engine::Journaled {
                    refused: said.refused,
                    date_s: said.date_s.unwrap_or(at.date_s),
                    ..at
                };
                let message = v1::Signal::decode(said.bytes).map_err(|_| unreadable())?;
                let signal = wire::read_signal(&message).map_err(|_| unreadable())?;
                // It was applied when it was taken, and is now.
                let _applied = self.engine.apply_signal(at, slot, &signal, said.speaker);
            }
            RecordKind::Outcome if is_there => {
                let bytes = payload::read_outcome(&self.plain).ok_or_else(unreadable)?;
                let message = v1::Outcome::decode(bytes).map_err(|_| unreadable())?;
                let outcome = wire::read_outcome(&message).map_err(|_| unreadable())?;
                self.engine.apply_outcome(at, slot, &outcome);
            }
            RecordKind::Decision if is_there => {
                let reserved = state(place, "a decision", Reserved::decode(&self.plain))?;
                self.engine.apply_reserved(slot, &reserved);
            }
            RecordKind::Signal
            | RecordKind::VenueSignal
            | RecordKind::Outcome
            | RecordKind::Decision
            | RecordKind::Person
            | RecordKind::Erasure
            | RecordKind::Administration => {}
        }
        Ok(())
    }

    /// Forgets somebody who was erased after the snapshot.
    fn forget(&self, person: Person) {
        let slot = CustomerSlot(person.number);
        if self.engine.birth(slot) == Some(person.birth)
            && let Some(id) = self.engine.customer_id(slot)
        {
            self.engine.forget(&id);
        }
    }
}

fn state<T>(place: Place, what: &'static str, read: Result<T, StateError>) -> Result<T, RecoveryError> {
    read.map_err(|reason| RecoveryError::State { what, place, reason })
}
