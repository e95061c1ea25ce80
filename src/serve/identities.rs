//! What one identity may do: so many connections, and so many requests a second over all of them.
//!
//! A customer asks a few times a minute; a service speaks for everybody. Whoever asks more often is told so, with how long
//! to wait, and costs no decide. An identity is remembered while it has a connection, and after it until its requests have
//! come back, so that nobody asks more by coming again. Deliberately absent: addresses (`super::admission`), because a
//! stadium shares them.

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
    /// Connections of all services together: each may hold as much as ten of customers.
    pub services_connections_max: u32,
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
        service_connections_max: 256,
        services_connections_max: 256,
    };
}

/// Identities that are remembered before those are looked for whom one can forget.
const SWEEP_LEN_MIN: usize = 1_024;
/// Identities that are remembered at most beside those that are connected. When more have gone within seconds, all of them
/// are forgotten.
const GONE_LEN_MAX: usize = 65_536;

/// Everybody who is connected, or was lately.
pub(super) struct Identities {
    limits: IdentityLimits,
    known: RefCell<HashMap<Key, Rc<Identity>>>,
    /// When so many are known, some are forgotten.
    sweep_len: Cell<usize>,
    /// Connections of services.
    services: Rc<Cell<u32>>,
}

/// A customer and a service of the same name are two.
type Key = (bool, Box<str>);

struct Identity {
    rate: Rate,
    bucket: Cell<Bucket>,
    connections: Cell<u32>,
}

impl Identities {
    pub(super) fn new(limits: IdentityLimits) -> Self {
        Self {
            limits,
            known: RefCell::default(),
            sweep_len: Cell::new(SWEEP_LEN_MIN),
            services: Rc::default(),
        }
    }

    /// One more connection of an identity, until what is returned is dropped.
    ///
    /// # Errors
    /// `too_many_connections`.
    pub(super) fn join(&self, now: Timestamp, principal: &Principal) -> Result<Joined, v1::Error> {
        let is_service = principal.role == Role::Service;
        let (rate, connections_max) = if is_service {
            (self.limits.service, self.limits.service_connections_max)
        } else {
            (self.limits.customer, self.limits.customer_connections_max)
        };
        let key = (is_service, principal.subject.as_str().into());
        let mut known = self.known.borrow_mut();
        if known.len() >= self.sweep_len.get() {
            self.sweep(now, &mut known);
        }
        let identity = known.entry(key).or_insert_with(|| {
            Rc::new(Identity {
                rate,
                bucket: Cell::new(Bucket::full(now, rate)),
                connections: Cell::new(0),
            })
        });
        let are_too_many_services = is_service && self.services.get() >= self.limits.services_connections_max;
        if identity.connections.get() >= connections_max || are_too_many_services {
            return Err(v1::Error::new(ErrorCode::TooManyConnections).after(RETRY_AFTER_MS));
        }
        identity.connections.set(identity.connections.get() + 1);
        let services = is_service.then(|| Rc::clone(&self.services));
        if let Some(services) = &services {
            services.set(services.get() + 1);
        }
        Ok(Joined {
            identity: Rc::clone(identity),
            services,
        })
    }

    /// Forgets who has gone and would come back with all their requests. What is left may double until the next time, so a
    /// connection pays for two looks at most.
    fn sweep(&self, now: Timestamp, known: &mut HashMap<Key, Rc<Identity>>) {
        let mut gone = 0;
        known.retain(|_, identity| {
            let is_connected = identity.connections.get() > 0;
            let is_spent = !identity.bucket.get().is_full(now, identity.rate);
            gone += usize::from(!is_connected && is_spent);
            is_connected || is_spent
        });
        if gone > GONE_LEN_MAX {
            known.retain(|_, identity| identity.connections.get() > 0);
        }
        self.sweep_len.set((2 * known.len()).max(SWEEP_LEN_MIN));
    }
}

/// When to try again what was too much, in milliseconds.
const RETRY_AFTER_MS: u32 = 1_000;

/// A connection of an identity.
pub(super) struct Joined {
    identity: Rc<Identity>,
    /// Counts services, when it is one's.
    services: Option<Rc<Cell<u32>>>,
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
        if let Some(services) = &self.services {
            services.set(services.get().saturating_sub(1));
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
    fn a_customer_has_sixteen_connections() {
        let all = Identities::new(IdentityLimits::DEFAULT);
        let ada = principal("ada", Role::Customer);
        let mut joined: Vec<_> = (0..16).map(|_| all.join(NOW, &ada).unwrap()).collect();
        let refused = all.join(NOW, &ada).err().map(|error| error.code());
        assert_eq!(refused, Some(ErrorCode::TooManyConnections));
        joined.pop();
        assert!(all.join(NOW, &ada).is_ok());
    }

    #[test]
    fn services_have_a_number_of_connections_together_and_customers_are_not_counted() {
        let all = Identities::new(IdentityLimits {
            services_connections_max: 3,
            ..IdentityLimits::DEFAULT
        });
        let join = |subject: &str, role| all.join(NOW, &principal(subject, role));
        let ada = join("ada", Role::Customer).unwrap();
        let mut joined: Vec<_> = ["till", "till", "stock"]
            .map(|service| join(service, Role::Service).unwrap())
            .into();
        let refused = join("clock", Role::Service).err().map(|error| error.code());
        assert_eq!(refused, Some(ErrorCode::TooManyConnections));
        assert!(join("ben", Role::Customer).is_ok());
        drop(ada);
        assert!(
            join("clock", Role::Service).is_err(),
            "a customer who goes makes no room"
        );
        joined.pop();
        assert!(join("clock", Role::Service).is_ok());
    }

    #[test]
    fn who_comes_again_has_no_more_requests_than_who_stays() {
        let all = Identities::new(IdentityLimits::DEFAULT);
        let ada = principal("ada", Role::Customer);
        let answered = (0..500).filter(|_| all.join(NOW, &ada).unwrap().spend(NOW).is_ok());
        assert_eq!(answered.count(), 200);
    }

    #[test]
    fn who_is_gone_is_forgotten_when_their_requests_have_come_back() {
        let all = Identities::new(IdentityLimits::DEFAULT);
        let stays = all.join(NOW, &principal("stays", Role::Customer)).unwrap();
        for n in 0..20_000 {
            let now = Timestamp::from_micros(NOW.as_micros() + n * 1_000);
            let one = all.join(now, &principal(&format!("p{n}"), Role::Customer)).unwrap();
            assert!(one.spend(now).is_ok());
            assert!(
                all.known.borrow().len() <= SWEEP_LEN_MIN,
                "20 ms bring one request back"
            );
        }
        assert!(all.known.borrow().keys().any(|(_, subject)| &**subject == "stays"));
        drop(stays);
        for n in 0..3 * GONE_LEN_MAX {
            let one = all.join(NOW, &principal(&format!("q{n}"), Role::Customer)).unwrap();
            assert!(one.spend(NOW).is_ok());
        }
        assert!(all.known.borrow().len() <= 2 * GONE_LEN_MAX + 2);
    }
}
