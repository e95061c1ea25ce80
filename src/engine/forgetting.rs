//! Forgetting a person, and saying everything that is known of one.
//!
//! Forgetting here is of the tables in memory; that the disk becomes unreadable is the shell's, by the person's key. A
//! slot that was somebody's is nobody's until the gateway starts again, so that a session which still has it in hand
//! meets an empty record and never another person's.

use super::Engine;
use super::consents::ConsentStatus;
use super::customer::CustomerSlot;
use super::record::{CONTACTS_LEN_MAX, RECORD_WORDS, Record, action_key};
use super::spec::TraitKind;
use super::state::TagState;
use super::{Generation, Position};
use crate::model::{Purpose, Timestamp};

/// Everything that is known of a person, by names.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPerson {
    /// The customer's id.
    pub id: String,
    /// Their lifecycle stage.
    pub stage: String,
    /// Their value tier.
    pub tier: Option<String>,
    /// The segments that they are in.
    pub segments: Vec<String>,
    /// Each purpose, and how they stand to it.
    pub consents: Vec<(Purpose, ConsentStatus)>,
    /// Each trait of the pack, and what is known of it.
    pub traits: Vec<(String, KnownTrait)>,
    /// How they feel, -1 to 1.
    pub mood: f32,
    /// How many decisions were made for them.
    pub decisions: u32,
    /// What they were given under a cap: the action, and the second on the gateway's clock. An action that the pack has
    /// no longer is named by its key.
    pub contacts: Vec<(String, u32)>,
    /// The tags that they carry.
    pub tags: Vec<TagState>,
    /// Where they are, if that is known.
    pub position: Option<Position>,
}

/// What is known of a trait.
#[derive(Clone, Debug, PartialEq)]
pub enum KnownTrait {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(f32),
    /// A text; `None`: not known.
    Text(Option<String>),
}

impl Engine {
    /// Forgets a person: their record, where they are, their tags with the keys of them. Returns the slot that they had;
    /// `None` when nobody knows them. Every later decide for the slot knows nobody.
    pub fn forget(&self, id: &str) -> Option<CustomerSlot> {
        let slot = self.people.forget(id)?;
        self.withdraw_location(slot);
        self.write(slot, |record| *record = Record::from_words([0; RECORD_WORDS]));
        self.ledger.end(slot);
        Some(slot)
    }

    /// Everything that is known of a person; `None` when nobody knows them.
    #[must_use]
    pub fn known(&self, now: Timestamp, id: &str) -> Option<KnownPerson> {
        let slot = self.people.find(id)?;
        let saved = self.save_person(slot)?;
        let (record, generation) = (saved.state.record, self.generation.load());
        let (date_s, person) = (self.date_s(now), (slot, &record));
        let status = |purpose| (purpose, self.status(date_s, &generation, person, purpose));
        let spec = generation.spec();
        let segments = (0_u32..).zip(&spec.segments);
        let segments = segments.filter(|(ix, _)| record.segments() >> ix & 1 == 1);
        let tier = usize::from(record.tier()).checked_sub(1);
        Some(KnownPerson {
            id: saved.state.id,
            stage: self.stage(slot).unwrap_or_default(),
            tier: tier.and_then(|ix| spec.vocabulary.tiers.get(ix)).cloned(),
            segments: segments.map(|(_, segment)| segment.id.clone()).collect(),
            consents: Purpose::ALL.map(status).to_vec(),
            traits: known_traits(&generation, &record),
            mood: record.mood(),
            decisions: record.decisions(),
            contacts: known_contacts(&generation, &record),
            tags: saved.state.tags,
            position: self.position(now, slot),
        })
    }
}

fn known_traits(generation: &Generation, record: &Record) -> Vec<(String, KnownTrait)> {
    let known = |spec: &super::spec::TraitSpec| {
        let value = match &spec.kind {
            TraitKind::Flag(slot) => {
                KnownTrait::Flag(record.flags().checked_shr(u32::from(*slot)).unwrap_or(0) & 1 == 1)
            }
            TraitKind::Number(slot) => KnownTrait::Number(record.number(*slot)),
            TraitKind::Text(slot, values) => {
                let ix = usize::from(record.text(*slot)).checked_sub(1);
                KnownTrait::Text(ix.and_then(|ix| values.get(ix)).cloned())
            }
            TraitKind::Tier => return None,
        };
        Some((spec.name.clone(), value))
    };
    generation.spec().traits.iter().filter_map(known).collect()
}

fn known_contacts(generation: &Generation, record: &Record) -> Vec<(String, u32)> {
    let name = |key: u32| {
        let action = generation.action_ids.iter().find(|id| action_key(id) == key);
        action.map_or_else(|| format!("{key:08x}"), ToString::to_string)
    };
    (0..CONTACTS_LEN_MAX)
        .filter_map(|place| record.contact(place))
        .map(|contact| (name(contact.key), contact.at_s))
        .collect()
}
