//! Saving and restoring: from the tables to the values of [`super::state`] and back.
//!
//! A person is saved with the position of the last record that was applied to them, and so is the venue. A snapshot may
//! therefore be taken person by person while others go on: reading the journal from any position before it applies to
//! each what they do not have yet. What is saved of one person is of one moment only when nothing is applied meanwhile,
//! which is for the caller to see to; sightings and decides may go on.

use super::consents::AllDates;
use super::customer::{self, Applied, CustomerSlot, Horizon, NoRoom};
use super::decide::contact;
use super::ledger::PersonKey;
use super::record::{Contact, RECORD_WORDS, Record, action_key};
use super::stable_hash::StableHasher;
use super::state::{Names, PersonState, Reserved, TagState, Translation, VenueState, durable};
use super::{Engine, Generation, crowd, state, venue_signals};
use crate::model::{Decision, Timestamp};

/// What a slot holds, as it is saved.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedPerson {
    /// The how-manieth person has the slot.
    pub birth: u32,
    /// The position of the last record that was applied to them.
    pub applied: u64,
    /// The person.
    pub state: PersonState,
}

/// Parts that the window of message ids is saved in.
pub const WINDOW_PARTS: usize = customer::WINDOW_PARTS;

impl Engine {
    /// Somebody whom nobody knows yet, as this pack takes them in. `key` is to be random and secret.
    #[must_use]
    pub fn newcomer(&self, id: &str, key: PersonKey) -> PersonState {
        let generation = self.generation.load();
        let mut record = Record::from_words([0; RECORD_WORDS]);
        record.set_segments(generation.segments_of(&record));
        PersonState {
            id: id.to_owned(),
            key,
            record,
            tags: Vec::new(),
            dates: Some(AllDates::default()),
        }
    }

    /// The names behind the numbers of records, as the published generation has them.
    #[must_use]
    pub fn names(&self) -> Names {
        Names::of(self.generation.load().spec())
    }

    /// All customers have slots below.
    #[must_use]
    pub fn slots_len(&self) -> u32 {
        self.people.slots_len()
    }

    /// The id of the customer in a slot.
    #[must_use]
    pub fn customer_id(&self, slot: CustomerSlot) -> Option<std::sync::Arc<str>> {
        self.people.id(slot)
    }

    /// The how-manieth person has the slot; `None`: nobody.
    #[must_use]
    pub fn birth(&self, slot: CustomerSlot) -> Option<u32> {
        Some(self.ledger.birth(slot)).filter(|birth| *birth != 0)
    }

    /// What a slot holds; `None`: nobody has it.
    #[must_use]
    pub fn save_person(&self, slot: CustomerSlot) -> Option<SavedPerson> {
        let id = self.people.id(slot)?;
        // Waits for a writer, where reading would give up.
        let record = self.write(slot, |record| *record)?;
        let handles = record.tags().filter_map(|ix| self.tags.at(ix));
        let tags = handles.filter_map(|handle| {
            Some(TagState {
                tag: self.tags.tag(handle)?,
                key: self.identities.state(handle),
            })
        });
        Some(SavedPerson {
            birth: self.birth(slot)?,
            applied: self.ledger.applied(slot),
            state: PersonState {
                id: id.as_ref().to_owned(),
                key: self.ledger.key(slot),
                tags: tags.collect(),
                dates: Some(self.dates(slot, &record)),
                record: durable(record),
            },
        })
    }

    /// Gives a person a slot that nobody has, without the tags they carry. With a translation from the names that the
    /// record was written under, when those may be others.
    ///
    /// # Errors
    /// [`NoRoom`] when the slot is beyond the table, taken by another, or the person has another slot.
    pub fn restore_person(
        &self,
        slot: CustomerSlot,
        saved: &SavedPerson,
        translation: Option<&Translation>,
    ) -> Result<(), NoRoom> {
        if self.ledger.birth(slot) != 0 {
            return Err(NoRoom::SlotTaken);
        }
        let given = self.people.find_or_add(&saved.state.id, || {
            let mut record = durable(saved.state.record);
            if let Some(translation) = translation.filter(|translation| !translation.is_same()) {
                record = translation.record(&record);
                record.set_segments(self.generation.load().segments_of(&record));
            }
            let (generation, dates) = (self.generation.load(), saved.state.dates.unwrap_or_default());
            let put = |words: &mut Record| {
                *words = record;
                self.restore_dates(&generation, (slot, words), &dates);
            };
            self.write(slot, put)
                .ok_or(NoRoom::Full(generation.settings().customers_max))?;
            self.ledger.begin(slot, saved.birth, saved.state.key);
            self.ledger.set_applied(slot, saved.applied);
            Ok(slot)
        })?;
        if given == slot { Ok(()) } else { Err(NoRoom::SlotTaken) }
    }

    /// Gives a person the tags that they carried. A tag that somebody else carries goes over, so those who were saved
    /// with an earlier position come first. Returns how many had no room.
    pub fn restore_tags(&self, now: Timestamp, slot: CustomerSlot, tags: &[TagState]) -> u32 {
        let restored = tags.iter().filter(|state| self.restore_tag(now, slot, state).is_some());
        tags.len().saturating_sub(restored.count()) as u32
    }

    /// What of the venue survives, and the position of the last record that was applied to it.
    #[must_use]
    pub fn save_venue(&self) -> (VenueState, u64) {
        let generation = self.generation.load();
        let wants = &generation.spec().vocabulary.wants;
        let place = |(ix, place): (u16, &nextbest_venue::Place)| {
            let state = self.crowd.place_state(ix)?;
            let out = (0_u32..)
                .zip(wants)
                .filter(|(want, _)| state.out_of_stock >> want & 1 == 1);
            Some(state::PlaceState {
                id: place.id.clone(),
                is_open: state.is_open,
                served: state.served,
                service_s: state.service_s,
                out_of_stock: out.map(|(_, want)| want.clone()).collect(),
            })
        };
        let phases = &generation.spec().vocabulary.phases;
        let phase = usize::from(self.phase()).checked_sub(1).and_then(|ix| phases.get(ix));
        let state = VenueState {
            phase: phase.cloned().unwrap_or_default(),
            places: (0_u16..).zip(&generation.venue().places).filter_map(place).collect(),
        };
        (state, self.ledger.venue_applied())
    }

    /// Puts the venue into a saved state. Places, wants and a phase that the pack has no longer are passed over.
    pub fn restore_venue(&self, saved: &VenueState, applied: u64) {
        let generation = self.generation.load();
        self.set_phase(venue_signals::phase_ix(&generation, &saved.phase));
        for place in &saved.places {
            let Some(ix) = generation.venue().place_by_id(&place.id) else {
                continue;
            };
            let wants = place.out_of_stock.iter().filter_map(|want| generation.want_ix(want));
            let state = crowd::PlaceState {
                is_open: place.is_open,
                out_of_stock: wants.fold(0, |bits, want| bits | 1 << want),
                served: place.served,
                service_s: place.service_s,
            };
            self.crowd.restore_place(ix.0, &state);
        }
        self.ledger.set_venue_applied(applied);
    }

    /// One part of the window of message ids, of [`WINDOW_PARTS`]. They are to be saved in order, from 0.
    #[must_use]
    pub fn save_window(&self, part: usize) -> Vec<Applied> {
        self.recent.part(part)
    }

    /// The dates that say from when on message ids are remembered.
    #[must_use]
    pub fn save_horizon(&self) -> Horizon {
        self.recent.horizon()
    }

    /// Puts those dates back, after the parts of the window.
    pub fn restore_horizon(&self, horizon: Horizon) {
        self.recent.restore_horizon(horizon);
    }

    /// Puts a part of the window of message ids back.
    pub fn restore_window(&self, part: usize, entries: impl IntoIterator<Item = Applied>) {
        self.recent.restore(part, entries);
    }

    /// What a decision left in a person's record, to be written down; `None` when it gave nothing.
    #[must_use]
    pub fn reserved(&self, now: Timestamp, generation: &Generation, decision: &Decision<'_>) -> Option<Reserved> {
        if decision.decision_id == 0 {
            return None;
        }
        let mut reserved = Reserved {
            number: decision.decision_id as u32,
            at_s: now.as_secs(),
            ..Reserved::default()
        };
        for (key, answer) in reserved.keys.iter_mut().zip(decision.answers.iter().flatten()) {
            let of_action = action_key(answer.action);
            *key = generation.window_of(of_action).map_or(0, |_| of_action);
        }
        Some(reserved)
    }

    /// Puts back what a decision left in a person's record. One that the record has already changes nothing.
    pub fn apply_reserved(&self, slot: CustomerSlot, reserved: &Reserved) {
        let generation = self.generation.load();
        self.write(slot, |record| {
            if reserved.number <= record.decisions() {
                return;
            }
            record.set_decisions(reserved.number);
            for key in reserved.keys.into_iter().filter(|key| *key != 0) {
                let contact = Contact {
                    key,
                    at_s: reserved.at_s,
                };
                contact::remember(record, contact, |key| generation.window_of(key));
            }
        });
    }

    /// After decisions may have been lost that nobody waits for: everybody's next one has a number at least `by`
    /// higher, so that no number is given twice.
    pub fn skip_decisions(&self, by: u32) {
        for slot in (0..self.slots_len()).map(CustomerSlot) {
            if self.birth(slot).is_some() {
                self.write(slot, |record| {
                    record.set_decisions(record.decisions().saturating_add(by));
                });
            }
        }
    }

    /// A hash of everything that survives a restart but what was learned from sightings (how long a service takes, what
    /// a beacon's clock shows): the same for the same pack and the same journal, wherever it was read.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut hash = StableHasher::new([0, 0]);
        for slot in (0..self.slots_len()).map(CustomerSlot) {
            let Some(mut saved) = self.save_person(slot) else {
                continue;
            };
            saved.state.tags.iter_mut().for_each(|tag| tag.key = None);
            saved.state.tags.sort_unstable_by_key(|tag| tag.tag);
            hash.u64(u64::from(slot.0)).u64(u64::from(saved.birth));
            hash.bytes(&saved.state.encode());
        }
        let (mut venue, _) = self.save_venue();
        venue.places.iter_mut().for_each(|place| place.service_s = 0.0);
        hash.bytes(&venue.encode());
        for part in 0..WINDOW_PARTS {
            for applied in self.save_window(part) {
                hash.u64(applied.id).u64(applied.content);
            }
        }
        hash.finish()
    }

    fn restore_tag(&self, now: Timestamp, slot: CustomerSlot, state: &TagState) -> Option<()> {
        if let Some(known) = self.tags.find(&state.tag)
            && self.tags.owner(known) != Some(slot)
        {
            self.identities.forget(known);
            let before = self.tags.owner(known);
            before.and_then(|before| self.write(before, |record| record.remove_tag(known.ix)));
        }
        let (handle, _before) = self.tags.register(state.tag, slot).ok()?;
        let is_added = self.write(slot, |record| record.add_tag(handle.ix));
        let is_told = is_added == Some(true)
            && state
                .key
                .as_ref()
                .is_none_or(|key| self.identities.restore(now, key, handle).is_ok());
        if is_told {
            return Some(());
        }
        self.write(slot, |record| record.remove_tag(handle.ix));
        self.give_back(handle);
        None
    }
}
