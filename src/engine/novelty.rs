//! What tells a signal or an outcome from every other, so that each is applied once: two hashes, which name nobody.
//!
//! The key of a person's hashes is their own and goes with them; who has it no longer cannot tell what was remembered.

use super::Engine;
use super::customer::{Applied, CustomerSlot};
use super::identity::fingerprint;
use super::ledger::PersonKey;
use super::signals::{SignalError, novelty};
use super::stable_hash::StableHasher;
use crate::model::{Outcome, Signal, Value};

/// The key of what the venue says. Its signals come from senders who may, so it need not be a secret.
const VENUE_KEY: PersonKey = PersonKey([0x6e65_7874_6265_7374, 0x7665_6e75_6500_0001]);
/// What was sent is hashed beside it, so that the id of a signal is none of an outcome.
const OF_SIGNAL: u8 = 1;
const OF_OUTCOME: u8 = 2;

/// Whether something was applied before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It was not.
    New,
    /// It was, with the same content; nothing is to change.
    Duplicate,
}

impl Engine {
    pub(super) fn signal_applied(&self, customer: CustomerSlot, signal: &Signal<'_>) -> Result<Applied, SignalError> {
        if self.ledger.birth(customer) == 0 {
            return Err(SignalError::NoCustomer);
        }
        of_signal(self.ledger.key(customer), signal)
    }

    pub(super) fn venue_signal_applied(&self, signal: &Signal<'_>) -> Result<Applied, SignalError> {
        of_signal(VENUE_KEY, signal)
    }

    pub(super) fn outcome_applied(&self, customer: CustomerSlot, outcome: &Outcome<'_>) -> Applied {
        let mut id = StableHasher::new(self.ledger.key(customer).0);
        id.u8(OF_OUTCOME)
            .u64(outcome.decision_id)
            .text(outcome.action)
            .u8(outcome.kind as u8);
        Applied {
            id: id.finish(),
            content: 0,
        }
    }
}

impl Engine {
    /// Whether a signal is new. One that was made before what is remembered may have been applied, and is refused.
    pub(super) fn novelty(&self, applied: Applied, signal: &Signal<'_>) -> Result<Novelty, SignalError> {
        let novelty = novelty(self.recent.look(applied))?;
        let horizon_s = u64::from(self.recent.horizon_s());
        let is_before = signal.made_unix_ms != 0 && signal.made_unix_ms / 1_000 <= horizon_s;
        if novelty == Novelty::New && horizon_s != 0 && is_before {
            return Err(SignalError::TooOld);
        }
        Ok(novelty)
    }
}

fn of_signal(key: PersonKey, signal: &Signal<'_>) -> Result<Applied, SignalError> {
    if signal.message_id.is_empty() {
        return Err(SignalError::NoMessageId);
    }
    Ok(Applied {
        id: StableHasher::new(key.0).u8(OF_SIGNAL).text(signal.message_id).finish(),
        content: content(key, signal),
    })
}

/// A hash of all that a signal says.
fn content(key: PersonKey, signal: &Signal<'_>) -> u64 {
    let mut hash = StableHasher::new(key.0);
    hash.u8(signal.kind as u8)
        .text(signal.name)
        .text(signal.channel)
        .text(signal.anonymous_id)
        .u64(signal.properties.len() as u64);
    for property in &signal.properties {
        hash.text(property.name);
        match property.value {
            Value::Text(text) => hash.u8(1).text(text),
            Value::Number(number) => hash.u8(2).u64(number.to_bits()),
            Value::Flag(flag) => hash.u8(3).u8(u8::from(flag)),
        };
    }
    hash.u64(signal.tags.len() as u64);
    for tag in &signal.tags {
        hash.u8(tag.kind() as u8).bytes(tag.as_bytes());
    }
    hash.u64(signal.keys.len() as u64);
    for key in &signal.keys {
        // What a beacon's clock shows is another moment each time that the same signal is sent.
        hash.bytes(&fingerprint(key.secret()));
    }
    for consent in &signal.consents {
        hash.u8(consent.purpose as u8).u8(u8::from(consent.allowed));
        // Without dates it is what it was before there were any, so that old ids are still known.
        for (what, date) in [(1, consent.given_unix_s), (2, consent.until_unix_s)] {
            if date != 0 {
                hash.u8(what).u64(u64::from(date));
            }
        }
    }
    hash.finish()
}
