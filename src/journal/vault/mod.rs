//! The keys of people: what is sealed with a person's key becomes unreadable when the key is destroyed.
//!
//! Each person has a slot of the file `people.keys`, and everything that the journal and its snapshots hold about them is
//! sealed with the key in it. Erasing somebody overwrites that slot, so that the journal, the snapshots and every copy of
//! them that was made before hold nothing readable about them at once. For the same reason a backup must not hold this
//! file. What a disk keeps below the file system, in worn-out or copied-on-write blocks, cannot be reached from here.
//!
//! A new key is durable before the first record that it seals, because the journal syncs the vault before its own batch
//! ([`Vault::sync`]). A key is destroyed only after the erasure is durable in the journal, so that a crash in between is
//! finished when the journal is opened.
//!
//! Sealing is ChaCha20-Poly1305 (RFC 8439), which needs no key schedule: each key is used a few times only. Sealed bytes
//! are a random nonce (12), the text, and a tag (16); the person's number and birth are authenticated with them.

mod file;
mod slot;

use std::collections::VecDeque;
use std::io;
#[expect(
    clippy::disallowed_types,
    reason = "no sighting and no decide waits for it: taken to seal and unseal, and written for a moment by a new person or an erasure"
)]
use std::sync::RwLock;
use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;
use zeroize::Zeroizing;

use super::Person;
use super::format::JournalId;
use super::storage::File;
use slot::{KEY_LEN, Slot, State};

pub(super) use file::{copy, create, open, survey};

/// Bytes that sealing adds.
pub const SEAL_LEN: usize = NONCE_LEN + TAG_LEN;
const TAG_LEN: usize = 16;

/// Why nobody can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoPerson {
    /// Every slot is taken.
    #[error("the vault holds its maximum of {0} people")]
    Full(u32),
    /// The system gives no randomness for a key.
    #[error("the system gives no randomness for a key")]
    NoRandomness,
}

/// Why nothing was sealed or unsealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unsealed {
    /// The person's key is destroyed.
    #[error("the person's key is destroyed")]
    Erased,
    /// The bytes are not what was sealed for this person.
    #[error("the bytes are not what was sealed for this person")]
    Damaged,
    /// The system gives no randomness to seal with.
    #[error("the system gives no randomness to seal with")]
    NoRandomness,
}

/// How many people the vault has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeopleCounts {
    /// With a key.
    pub live: u32,
    /// Slots whose key was destroyed and that nobody has yet.
    pub erased: u32,
    /// Slots that were damaged.
    pub retired: u32,
}

/// The keys of people.
pub struct Vault {
    journal: JournalId,
    file: Box<dyn File>,
    people_max: u32,
    random: SystemRandom,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    /// Slots to give out again, the longest erased first.
    free: VecDeque<u32>,
    /// Slots that differ from the file.
    changed: Vec<u32>,
    /// Slots of the file that are zeroed or used.
    file_slots: u32,
}

impl Vault {
    /// Gives somebody a slot and a key. It is durable with the next batch of the journal.
    ///
    /// # Errors
    /// [`NoPerson`].
    pub fn person_new(&self) -> Result<Person, NoPerson> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        self.random.fill(key.as_mut()).map_err(|_| NoPerson::NoRandomness)?;
        let mut table = self.write();
        let number = table.vacant(self.people_max)?;
        let slot = table
            .slots
            .get_mut(number as usize)
            .ok_or(NoPerson::Full(self.people_max))?;
        slot.birth = slot.birth.saturating_add(1);
        slot.state = State::Live;
        slot.key = *key;
        let birth = slot.birth;
        table.changed.push(number);
        Ok(Person { number, birth })
    }

    /// Gives back the slot of somebody whom no record names, because appending one failed.
    pub fn abandon(&self, person: Person) {
        let mut table = self.write();
        if table.end(person, State::Erased) {
            table.free.push_back(person.number);
        }
    }

    /// Whether the person has a key.
    #[must_use]
    pub fn is_live(&self, person: Person) -> bool {
        self.read().live(person).is_some()
    }

    /// Everybody who has a key, by number.
    #[must_use]
    pub fn people(&self) -> Vec<Person> {
        let table = self.read();
        let numbered = (0_u32..).zip(&table.slots);
        numbered
            .filter(|(_, slot)| slot.state == State::Live)
            .map(|(number, slot)| Person {
                number,
                birth: slot.birth,
            })
            .collect()
    }

    /// How many people there are.
    #[must_use]
    pub fn counts(&self) -> PeopleCounts {
        self.read().counts()
    }

    /// Puts `plain`, sealed for the person, behind what is in `out`.
    ///
    /// # Errors
    /// [`Unsealed::Erased`] when the person has no key, [`Unsealed::NoRandomness`]; nothing was put.
    pub fn seal(&self, person: Person, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Unsealed> {
        let key = self.key(person)?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| Unsealed::NoRandomness)?;
        let start = out.len();
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let text = out.get_mut(start + NONCE_LEN..).unwrap_or_default();
        let sealed = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad(person), text);
        match sealed {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            Err(_) => {
                out.truncate(start);
                return Err(Unsealed::Damaged);
            }
        }
        Ok(())
    }

    /// Puts what was sealed for the person behind what is in `out`.
    ///
    /// # Errors
    /// [`Unsealed`]; nothing was put.
    pub fn unseal(&self, person: Person, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), Unsealed> {
        let key = self.key(person)?;
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unsealed::Damaged)?;
        let start = out.len();
        out.extend_from_slice(text);
        let place = out.get_mut(start..).unwrap_or_default();
        let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad(person), place);
        let plain_len = opened.map(|plain| plain.len());
        out.truncate(start + plain_len.unwrap_or(0));
        plain_len.map(|_| ()).map_err(|_| Unsealed::Damaged)
    }

    /// Destroys the keys of these people, in memory and in the file, and waits until they are gone from it. The journal
    /// does this when their erasures are durable; who was erased before is left as they are.
    ///
    /// # Errors
    /// When the system says no. The keys may still be in the file.
    pub(super) fn erase(&self, people: &[Person]) -> io::Result<()> {
        let ended: Vec<_> = {
            let mut table = self.write();
            people
                .iter()
                .filter(|person| table.end(**person, State::Erased))
                .collect()
        };
        if ended.is_empty() {
            return Ok(());
        }
        self.sync()?;
        let mut table = self.write();
        table.free.extend(ended.iter().map(|person| person.number));
        Ok(())
    }

    /// Makes every change durable.
    ///
    /// # Errors
    /// When the system says no. Nothing may be taken for durable after that.
    pub(super) fn sync(&self) -> io::Result<()> {
        file::write_changed(self)
    }

    /// Whether the vault has had this person, or a later one in their slot.
    pub(super) fn has_had(&self, person: Person) -> bool {
        let table = self.read();
        let slot = table.slots.get(person.number as usize);
        slot.is_some_and(|slot| slot.state == State::Retired || slot.birth >= person.birth)
    }

    /// The journal it belongs to.
    pub(super) const fn journal(&self) -> JournalId {
        self.journal
    }

    /// Whether nobody was ever given a slot.
    pub(super) fn is_unused(&self) -> bool {
        self.read().slots.is_empty()
    }

    fn key(&self, person: Person) -> Result<LessSafeKey, Unsealed> {
        let key = {
            let table = self.read();
            Zeroizing::new(table.live(person).ok_or(Unsealed::Erased)?.key)
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).map_err(|_| Unsealed::Damaged)?;
        Ok(LessSafeKey::new(key))
    }

    #[expect(clippy::disallowed_types, reason = "see the import")]
    fn new(journal: JournalId, file: Box<dyn File>, people_max: u32, table: Table) -> Self {
        Self {
            journal,
            file,
            people_max,
            random: SystemRandom::new(),
            table: RwLock::new(table),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn live(&self, person: Person) -> Option<&Slot> {
        let slot = self.slots.get(person.number as usize)?;
        (slot.state == State::Live && slot.birth == person.birth).then_some(slot)
    }

    /// A slot that nobody has.
    fn vacant(&mut self, people_max: u32) -> Result<u32, NoPerson> {
        let full = NoPerson::Full(people_max);
        if let Some(number) = self.free.pop_front() {
            return Ok(number);
        }
        let number = u32::try_from(self.slots.len()).map_err(|_| full)?;
        if number >= people_max {
            return Err(full);
        }
        self.slots.push(Slot::default());
        Ok(number)
    }

    /// Destroys a key in memory; false when the person has none.
    fn end(&mut self, person: Person, state: State) -> bool {
        if self.live(person).is_none() {
            return false;
        }
        if let Some(slot) = self.slots.get_mut(person.number as usize) {
            slot.end(state);
            self.changed.push(person.number);
        }
        true
    }

    fn counts(&self) -> PeopleCounts {
        let mut counts = PeopleCounts::default();
        for slot in &self.slots {
            match slot.state {
                State::Empty => {}
                State::Live => counts.live += 1,
                State::Erased => counts.erased += 1,
                State::Retired => counts.retired += 1,
            }
        }
        counts
    }
}

/// What is authenticated beside the text: sealed bytes of one person are none of another's.
fn aad(person: Person) -> Aad<[u8; 8]> {
    let mut bytes = [0; 8];
    let (number, birth) = bytes.split_at_mut(4);
    number.copy_from_slice(&person.number.to_le_bytes());
    birth.copy_from_slice(&person.birth.to_le_bytes());
    Aad::from(bytes)
}
