//! Whose tag is whose: registered with the person's consent to be located, by name or by key, and dropped with it.
//!
//! Whoever wants a tag that somebody else carries must be a service. A resolving key is a service's to register too:
//! an address on the air has 24 bits of check, so that a key which fits a stranger's is found within a second, and a
//! customer's own word would be a way to follow them. An Eddystone-EID identifier has 64, and nobody finds its key.
//! What changes is a service's to register by name as well: whoever overhears it could follow the one who says it.

use super::customer::{CustomerSlot, TagHandle};
use super::identity::fingerprint;
use super::record::{Record, TAGS_PER_CUSTOMER_MAX};
use super::signals::{Journaled, SignalError, SignalOutcome, Speaker};
use super::{Engine, Generation, identity};
use crate::model::{Purpose, Signal, TagId, TagKey, TagKind, TagRefusal, Timestamp};
use crate::planted::{Bug, Seam, planted, seam};

/// A tag of a signal that was refused, by its place among the tags or among the keys.
pub(super) type Refusals = [Option<TagRefusal>; TAGS_PER_CUSTOMER_MAX];

/// Tags that went over to another person, and whose they were.
pub(super) type Taken = [Option<(CustomerSlot, TagId)>; TAGS_PER_CUSTOMER_MAX];

/// The bit of a signal's first key in [`Journaled::refused`].
const KEYS_FROM: usize = 8;

impl Engine {
    /// Which tags and keys of a signal somebody else carries, so that they are refused; see [`Journaled::refused`].
    #[must_use]
    pub fn carried_by_another(&self, customer: CustomerSlot, signal: &Signal<'_>, speaker: Speaker) -> u16 {
        if speaker == Speaker::Service {
            return 0;
        }
        let tags = signal.tags.iter().copied().take(KEYS_FROM).enumerate();
        let keys = signal.keys.iter().take(KEYS_FROM).enumerate();
        let keys = keys.filter_map(|(place, key)| Some((place + KEYS_FROM, stand_in(key)?)));
        let is_anothers = |tag: &TagId| {
            let owner = self.tags.find(tag).and_then(|handle| self.tags.owner(handle));
            owner.is_some_and(|owner| owner != customer)
        };
        let refused = tags.chain(keys).filter(|(_, tag)| is_anothers(tag));
        refused.fold(0, |bits, (place, _)| bits | 1 << place)
    }

    /// Applies that a person has lost a tag to another, which the journal keeps for them beside the other's signal: when
    /// the other was erased meanwhile, nobody can read that any more, and the tag is not to come back to whom it was of.
    pub fn apply_loss(&self, record: Journaled, customer: CustomerSlot, tag: TagId) {
        if record.position <= self.ledger.applied(customer) {
            return;
        }
        if let Some(handle) = self.tags.find(&tag)
            && self.tags.owner(handle) == Some(customer)
        {
            self.write(customer, |record| record.remove_tag(handle.ix));
            self.give_back(handle);
            self.forget_place(customer);
        }
        self.ledger.set_applied(customer, record.position);
    }

    /// Refuses a signal that would give a person more tags than one may carry; before anything is changed.
    pub(super) fn check_room(&self, customer: CustomerSlot, signal: &Signal<'_>) -> Result<(), SignalError> {
        if signal.tags.is_empty() && signal.keys.is_empty() {
            return Ok(());
        }
        let record = self.record(customer).ok_or(SignalError::NoCustomer)?;
        let named: Vec<TagId> = signal
            .tags
            .iter()
            .copied()
            .chain(signal.keys.iter().filter_map(stand_in))
            .collect();
        let is_new = |(place, tag): &(usize, &TagId)| {
            let is_carried = self.tags.find(tag).is_some_and(|handle| record.carries(handle.ix));
            !is_carried && !named.iter().take(*place).any(|earlier| earlier == *tag)
        };
        let new = named.iter().enumerate().filter(is_new).count();
        if record.tags().count() + new > TAGS_PER_CUSTOMER_MAX {
            return Err(SignalError::TooManyTags);
        }
        Ok(())
    }

    /// Registers the tags of a signal; says in the outcome which were refused.
    pub(super) fn register(
        &self,
        record: Journaled,
        customer: CustomerSlot,
        signal: &Signal<'_>,
        speaker: Speaker,
        outcome: &mut SignalOutcome,
    ) {
        for (place, tag) in signal.tags.iter().enumerate() {
            if record.refused >> place & 1 == 1 {
                outcome.refuse_tag(place, TagRefusal::CarriedByAnother);
                continue;
            }
            if let Err(refusal) = self.register_tag(record, customer, (*tag, None), speaker, outcome) {
                outcome.refuse_tag(place, refusal);
            }
        }
        for (place, key) in signal.keys.iter().enumerate() {
            if record.refused >> (place + KEYS_FROM) & 1 == 1 {
                outcome.refuse_key(place, TagRefusal::CarriedByAnother);
                continue;
            }
            let registered = stand_in(key)
                .ok_or(TagRefusal::TableFull)
                .and_then(|tag| self.register_tag(record, customer, (tag, Some(key)), speaker, outcome));
            if let Err(refusal) = registered {
                outcome.refuse_key(place, refusal);
            }
        }
    }

    fn register_tag(
        &self,
        record: Journaled,
        customer: CustomerSlot,
        (tag, key): (TagId, Option<&TagKey>),
        speaker: Speaker,
        outcome: &mut SignalOutcome,
    ) -> Result<(), TagRefusal> {
        let generation = self.generation.load();
        let allows = |known: &Record| {
            let allowed = self.allowed_on(record.date_s, &generation, (customer, known));
            allowed & Purpose::Location.bit() != 0 || planted(Bug::TagRegisteredWithoutConsent)
        };
        if !self.record(customer).is_some_and(|known| allows(&known)) {
            return Err(TagRefusal::NoConsent);
        }
        let is_services = match key {
            Some(key) => matches!(key, TagKey::Resolving(_)),
            None => tag.may_change(),
        };
        if speaker == Speaker::Customer && is_services {
            return Err(TagRefusal::ServiceOnly);
        }
        let known = self.tags.find(&tag);
        let owner = known.and_then(|handle| self.tags.owner(handle));
        let is_anothers = owner.is_some_and(|owner| owner != customer);
        // While a journal is read again: who carries it was saved when they had it back already.
        let was_given_back = owner.is_some_and(|owner| self.ledger.applied(owner) > record.position);
        let is_own_word = speaker == Speaker::Customer && !planted(Bug::TagMovedByOwnWord);
        if is_anothers && (is_own_word || was_given_back) {
            return Err(TagRefusal::CarriedByAnother);
        }
        if is_anothers && let Some(handle) = known {
            self.identities.forget(handle);
        }
        let (handle, before) = self.tags.register(tag, customer).map_err(|_| TagRefusal::TableFull)?;
        if let (Some(before), Some(former)) = (before, known) {
            outcome.take(before, tag);
            self.write(before, |record| record.remove_tag(former.ix));
            if !planted(Bug::TagTakenKeepsPlace) {
                self.forget_place(before);
            }
        }
        seam(Seam::Registering);
        // Looked at again with the record held: the consent may have been withdrawn meanwhile.
        let still_allows = |known: &Record| allows(known) || planted(Bug::WithdrawnWhileRegistered);
        let add = |record: &mut Record| match (still_allows(record), record.add_tag(handle.ix)) {
            (true, true) => Ok(()),
            (true, false) => Err(TagRefusal::TooMany),
            (false, _) => Err(TagRefusal::NoConsent),
        };
        let added = self.write(customer, add).unwrap_or(Err(TagRefusal::NoConsent));
        added
            .and_then(|()| self.register_key(record.at, handle, key, known == Some(handle)))
            .inspect_err(|_| {
                self.write(customer, |record| record.remove_tag(handle.ix));
                self.give_back(handle);
            })
    }

    /// Registers what tells the tag. A resolving key that is known stays; a beacon's clock may have been set anew.
    fn register_key(
        &self,
        now: Timestamp,
        handle: TagHandle,
        key: Option<&TagKey>,
        is_known: bool,
    ) -> Result<(), TagRefusal> {
        match key {
            None => Ok(()),
            Some(TagKey::Resolving(_)) if is_known => Ok(()),
            Some(key) => self
                .identities
                .register(now, key, handle)
                .map_err(|_: identity::KeyRefused| TagRefusal::TableFull),
        }
    }

    /// Drops the tags of somebody who does not allow being located on a date; says whether that is so.
    pub(super) fn end_location(&self, date_s: u32, generation: &Generation, customer: CustomerSlot) -> bool {
        let Some(record) = self.record(customer) else {
            return false;
        };
        let allowed = self.allowed_on(date_s, generation, (customer, &record));
        if allowed & Purpose::Location.bit() != 0 {
            return false;
        }
        if record.tags().next().is_some() || record.seen().is_some() {
            self.withdraw_location(customer);
        }
        true
    }

    /// The person no longer allows being located: their tags and keys are dropped, and where they are is forgotten.
    pub(super) fn withdraw_location(&self, customer: CustomerSlot) {
        if planted(Bug::WithdrawalKeepsTags) {
            return self.forget_place(customer);
        }
        let carried = self.write(customer, |record| {
            let carried: [Option<u32>; TAGS_PER_CUSTOMER_MAX] = record.carried();
            carried.iter().flatten().for_each(|tag| record.remove_tag(*tag));
            carried
        });
        for tag in carried.into_iter().flatten().flatten() {
            if let Some(handle) = self.tags.at(tag)
                && self.tags.owner(handle) == Some(customer)
            {
                self.give_back(handle);
            }
        }
        self.forget_place(customer);
    }

    /// Nobody carries the tag any more: its key is dropped first, so that nothing resolves to it.
    pub(super) fn give_back(&self, handle: TagHandle) {
        self.identities.forget(handle);
        self.tags.give_back(handle);
    }
}

/// What a tag with a key is registered as.
fn stand_in(key: &TagKey) -> Option<TagId> {
    let kind = match key {
        TagKey::Resolving(_) => TagKind::ResolvingKey,
        TagKey::Ephemeral { .. } => TagKind::EphemeralKey,
    };
    TagId::new(kind, &fingerprint(key.secret())).ok()
}
