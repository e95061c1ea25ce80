//! Who speaks on an app's connection, and for whom.
//!
//! Identity comes from the token alone: a customer's token speaks for that customer, a service's names the customer in each
//! request. Deliberately absent: the requests themselves.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use foldhash::fast::RandomState;
use nextbest_proto::v1::{self, ErrorCode};

use super::access::AccessBook;
use super::durable::{Keeper, Who};
use super::identities::Joined;
use super::refusals::not_taken;
use super::token::{Principal, Role, TokenError};
use crate::engine::Generation;
use crate::engine::decide::message::LocaleIx;
use crate::model::Timestamp;

/// Customers whose slot the connection of a service keeps.
pub(super) const SUBJECTS_LEN_MAX: usize = 4_096;

/// Who speaks on a connection.
pub(super) struct Speaker {
    pub(super) principal: Principal,
    /// Its share of what its identity may do.
    pub(super) joined: Joined,
    /// A customer themselves.
    pub(super) customer: Cell<Option<Who>>,
    /// The customers that a service has named.
    pub(super) subjects: RefCell<HashMap<Box<str>, Who, RandomState>>,
    pub(super) language: Language,
    pub(super) expires: Timestamp,
    pub(super) wants_pushes: bool,
    /// The reading of the key folder that the token was last held against.
    pub(super) access_number: Cell<u64>,
}

/// The language that somebody asked for, and what it is in the generation that they were answered from last. The number of a
/// locale means another one in another generation.
#[derive(Debug, Default)]
pub(super) struct Language {
    tag: Box<str>,
    known: RefCell<(Weak<Generation>, LocaleIx)>,
}

impl Language {
    /// A language by its BCP 47 tag; an empty one is the venue's own.
    pub(super) fn new(tag: &str) -> Self {
        Self {
            tag: tag.into(),
            known: RefCell::default(),
        }
    }

    /// What it is in a generation.
    pub(super) fn in_generation(&self, generation: &Arc<Generation>) -> LocaleIx {
        let mut known = self.known.borrow_mut();
        // As long as somebody remembers it weakly, no other generation is at its place in memory.
        if known.0.as_ptr() != Arc::as_ptr(generation) {
            *known = (Arc::downgrade(generation), generation.locale_for(&self.tag));
        }
        known.1
    }
}

impl Speaker {
    pub(super) const fn role(&self) -> Role {
        self.principal.role
    }

    /// Refuses a token that has ended, or that the keys do not let in any more.
    pub(super) fn check(&self, access: &AccessBook, now: Timestamp) -> Result<(), TokenError> {
        if now >= self.expires {
            return Err(TokenError::Expired);
        }
        let number = access.number();
        if self.access_number.get() != number {
            // Who was signed with a key that is out is as good as revoked.
            access
                .current()
                .check(&self.principal)
                .map_err(|_| TokenError::Revoked)?;
            self.access_number.set(number);
        }
        Ok(())
    }

    /// The customer whom a request is about. Whoever was erased meanwhile is somebody new.
    pub(super) fn customer(&self, keeper: &Keeper, now: Timestamp, subject: &str) -> Result<Who, v1::Error> {
        let find = |id: &str| keeper.customer(now, id).map_err(|error| not_taken(&error));
        if let Some(own) = self.customer.get() {
            let own_id = self.principal.subject.as_str();
            if !subject.is_empty() && subject != own_id {
                let sentence = "a customer's token speaks for that customer only";
                return Err(v1::Error::because(ErrorCode::NotAllowed, sentence));
            }
            if keeper.is_current(own) {
                return Ok(own);
            }
            let own = find(own_id)?;
            self.customer.set(Some(own));
            return Ok(own);
        }
        debug_assert_eq!(self.role(), Role::Service);
        if subject.is_empty() {
            let sentence = "a service is expected to name the customer in `subject`";
            return Err(v1::Error::because(ErrorCode::InvalidField, sentence));
        }
        let known = self.subjects.borrow().get(subject).copied();
        if let Some(who) = known.filter(|who| keeper.is_current(*who)) {
            return Ok(who);
        }
        let who = find(subject)?;
        let mut subjects = self.subjects.borrow_mut();
        if subjects.len() >= SUBJECTS_LEN_MAX {
            subjects.clear();
        }
        subjects.insert(subject.into(), who);
        Ok(who)
    }
}
