//! What one identity may do: so many connections, and so many requests a second over all of them.
//!
//! A customer asks a few times a minute; a service speaks for everybody. Whoever asks more often is told so, with how long
//! to wait, and costs no decide. An identity is remembered while it has a connection. Deliberately absent: addresses
//! (`super::admission`), because a stadium shares them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use nextbest_proto::v1::{self, ErrorCode};

use super::doors::bucket::{Bucket, Rate};
use super::token::{Principal, Role};
use crate::model::Timestamp;

/// What an identity may do, by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityLimits {
    /// Requests of a customer.
    pub customer: Rate,
    /// Connections of a customer.
    pub customer_connections_max: u32,
    /// Requests of a service.
    pub service: Rate,
    /// Connections of a service.
    pub service_connections_max: u32,
}

impl IdentityLimits {
    /// What a gateway starts with. A person asks a few times a minute, and an app that is opened asks for some things at
    /// once; a service may use the gateway whole.
    pub const DEFAULT: Self = Self {
        customer: Rate { per_s: 50, burst: 200 },
        customer_connections_max: 16,
        service: Rate {
            per_s: 1_000_000,
            burst: 1_000_000,
        },
        service_connections_max: 4_096,
    };
}

/// Everybody who is connected.
pub(super) struct Identities {
    limits: IdentityLimits,
    /// At most as many as there are connections.
    connected: RefCell<HashMap<Key, Rc<Identity>>>,
}

/// A customer and a service of the same name are two.
type Key = (bool, Box<str>);

struct Identity {
    rate: Rate,
    bucket: Cell<Bucket>,
    connections: Cell<u32>,
}

impl Identities {
    pub(super) fn new(limits: IdentityLimits) -> Rc<Self> {
        Rc::new(Self {
            limits,
            connected: RefCell::default(),
        })
    }

    /// One more connection of an identity, until what is returned is dropped.
    ///
    /// # Errors
    /// `too_many_connections`.
    pub(super) fn join(self: &Rc<Self>, now: Timestamp, principal: &Principal) -> Result<Joined, v1::Error> {
        let is_service = principal.role == Role::Service;
        let (rate, connections_max) = if is_service {
            (self.limits.service, self.limits.service_connections_max)
        } else {
            (self.limits.customer, self.limits.customer_connections_max)
        };
        let key = (is_service, principal.subject.as_str().into());
        let mut connected = self.connected.borrow_mut();
        let identity = connected.entry(key).or_insert_with(|| {
            Rc::new(Identity {
                rate,
                bucket: Cell::new(Bucket::full(now, rate)),
                connections: Cell::new(0),
            })
        });
        if identity.connections.get() >= connections_max {
            return Err(v1::Error::new(ErrorCode::TooManyConnections).after(RETRY_AFTER_MS));
        }
        identity.connections.set(identity.connections.get() + 1);
        Ok(Joined {
            identity: Rc::clone(identity),
            key: (is_service, principal.subject.as_str().into()),
            all: Rc::clone(self),
        })
    }
}

/// When to try again what was too much, in milliseconds.
const RETRY_AFTER_MS: u32 = 1_000;

/// A connection of an identity.
pub(super) struct Joined {
    identity: Rc<Identity>,
    key: Key,
    all: Rc<Identities>,
}

impl Joined {
    /// Takes a request into account.
    ///
    /// # Errors
    /// `rate_exceeded`, with how long to wait.
    pub(super) fn spend(&self, now: Timestamp) -> Result<(), v1::Error> {
        let mut bucket = self.identity.bucket.get();
        let has_token = bucket.spend(now, self.identity.rate);
        self.identity.bucket.set(bucket);
        if has_token {
            Ok(())
        } else {
            Err(v1::Error::new(ErrorCode::RateExceeded).after(RETRY_AFTER_MS))
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let left = self.identity.connections.get().saturating_sub(1);
        self.identity.connections.set(left);
        if left == 0 {
            self.all.connected.borrow_mut().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(5_000_000);

    fn principal(subject: &str, role: Role) -> Principal {
        Principal {
            subject: subject.into(),
            role,
            token_id: None,
            issued_unix_s: 0,
            expires_unix_s: u64::MAX,
            signed_by: [0; 32],
        }
    }

    #[test]
    fn connections_of_one_identity_share_its_requests() {
        let all = Identities::new(IdentityLimits::DEFAULT);
        let ada = principal("ada", Role::Customer);
        let (one, two) = (all.join(NOW, &ada).unwrap(), all.join(NOW, &ada).unwrap());
        let answered = (0..500)
            .filter(|n| if n % 2 == 0 { one.spend(NOW) } else { two.spend(NOW) }.is_ok())
            .count();
        assert_eq!(answered, 200);
        let error = one.spend(NOW).unwrap_err();
        assert_eq!(
            (error.code(), error.retry, error.retry_after_ms),
            (ErrorCode::RateExceeded, true, 1_000)
        );
        let ben = all.join(NOW, &principal("ben", Role::Customer)).unwrap();
        assert!(ben.spend(NOW).is_ok(), "another person has their own");
        let service = all.join(NOW, &principal("ada", Role::Service)).unwrap();
        assert!(
            service.spend(NOW).is_ok(),
            "a service of the same name is another identity"
        );
        let later = Timestamp::from_micros(NOW.as_micros() + 1_000_000);
        assert_eq!((0..500).filter(|_| one.spend(later).is_ok()).count(), 50);
    }

    #[test]
    fn a_customer_has_sixteen_connections_and_leaves_no_trace() {
        let all = Identities::new(IdentityLimits::DEFAULT);
        let ada = principal("ada", Role::Customer);
        let mut joined: Vec<_> = (0..16).map(|_| all.join(NOW, &ada).unwrap()).collect();
        let refused = all.join(NOW, &ada).err().map(|error| error.code());
        assert_eq!(refused, Some(ErrorCode::TooManyConnections));
        joined.pop();
        assert!(all.join(NOW, &ada).is_ok());
        drop(joined);
        assert!(all.connected.borrow().is_empty());
    }
}
