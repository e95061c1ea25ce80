//! Who speaks on an app's connection, and for whom.
//!
//! Identity comes from the token alone: a customer's token speaks for that customer, a service's names the customer in each
//! request. Deliberately absent: the requests themselves.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use foldhash::fast::RandomState;
use nextbest_proto::v1::{self, ErrorCode};

use super::access::AccessBook;
use super::identities::Joined;
use super::requests::no_room;
use super::token::{Principal, Role, TokenError};
use crate::engine::decide::message::LocaleIx;
use crate::engine::{CustomerSlot, Engine};
use crate::model::Timestamp;

/// Customers whose slot the connection of a service keeps.
const SUBJECTS_LEN_MAX: usize = 4_096;

/// Who speaks on a connection.
pub(super) struct Speaker {
    pub(super) principal: Principal,
    /// Its share of what its identity may do.
    pub(super) joined: Joined,
    /// A customer's own slot.
    pub(super) customer: Option<CustomerSlot>,
    /// The slots of the customers that a service has named.
    pub(super) subjects: RefCell<HashMap<Box<str>, CustomerSlot, RandomState>>,
    pub(super) locale: LocaleIx,
    pub(super) expires: Timestamp,
    pub(super) wants_pushes: bool,
    /// The reading of the key folder that the token was last held against.
    pub(super) access_number: Cell<u64>,
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

    /// The customer whom a request is about, by id and slot.
    pub(super) fn customer<'a>(
        &'a self,
        engine: &Engine,
        subject: &'a str,
    ) -> Result<(&'a str, CustomerSlot), v1::Error> {
        let own_id = self.principal.subject.as_str();
        if let Some(own) = self.customer {
            let is_own = subject.is_empty() || subject == own_id;
            let sentence = "a customer's token speaks for that customer only";
            let not_allowed = || v1::Error::because(ErrorCode::NotAllowed, sentence);
            return is_own.then_some((own_id, own)).ok_or_else(not_allowed);
        }
        debug_assert_eq!(self.role(), Role::Service);
        if subject.is_empty() {
            let sentence = "a service is expected to name the customer in `subject`";
            return Err(v1::Error::because(ErrorCode::InvalidField, sentence));
        }
        if let Some(slot) = self.subjects.borrow().get(subject) {
            return Ok((subject, *slot));
        }
        let slot = engine.customer(subject).map_err(no_room)?;
        let mut subjects = self.subjects.borrow_mut();
        if subjects.len() >= SUBJECTS_LEN_MAX {
            subjects.clear();
        }
        subjects.insert(subject.into(), slot);
        Ok((subject, slot))
    }
}
