//! Who changed what at the admin listener, when, and why. Every change is noted before it is made; one that cannot be
//! noted is not made.
//!
//! A gateway that keeps state has it in its journal (`serve::durable`); besides, [`Audit`] is told, which is a line of the
//! log unless somebody brings another: [`LogAudit`] writes nobody's id but the hubs', and no reason.
//! Deliberately absent: making the change (`super::answering`).

use std::fmt;

use thiserror::Error;

use crate::serve::access::admin_tokens::AdminRole;
use crate::serve::access::revoked::Revocation;

/// Takes note of changes.
pub trait Audit: fmt::Debug + Send + Sync {
    /// Notes a change that is about to be made.
    ///
    /// # Errors
    /// [`AuditError`]; the change is not made then.
    fn record(&self, change: &Change<'_>) -> Result<(), AuditError>;
}

/// A change that somebody asked for.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
    /// The name of their admin token.
    pub who: &'a str,
    /// What they may do.
    pub role: AdminRole,
    /// What they change.
    pub what: What<'a>,
    /// Why, in their own words, which may speak of a person.
    pub why: &'a str,
}

/// What is changed.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// The key folder is taken again.
    Reload,
    /// Somebody or something is refused.
    Revoke(&'a Revocation),
    /// Everything that is known of a person is given out.
    ExportPerson(&'a str),
    /// A person is erased.
    ErasePerson(&'a str),
}

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// The gateway as a whole.
    Nothing,
    /// A thing: its name or number.
    Thing(&'a str),
    /// A person: their id, which is noted where erasing them reaches it, and nowhere else.
    Person(&'a str),
}

impl What<'_> {
    /// What is done, in a few words that stay the same: they are what is journaled. At most 64 bytes.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Revoke(Revocation::Hub(_)) => "revoke a hub",
            Self::Revoke(Revocation::Certificate(_)) => "revoke a certificate",
            Self::Revoke(Revocation::Token(_)) => "revoke a token",
            Self::Revoke(Revocation::Customer { .. }) => "revoke a customer's tokens",
            Self::Revoke(Revocation::Subject { .. }) => "revoke a subject's tokens",
            Self::ExportPerson(_) => "export a person",
            Self::ErasePerson(_) => "erase a person",
        }
    }

    /// To what or whom it is done.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        match self {
            Self::Reload => About::Nothing,
            Self::Revoke(Revocation::Hub(id) | Revocation::Certificate(id) | Revocation::Token(id)) => About::Thing(id),
            Self::Revoke(Revocation::Customer { id, .. } | Revocation::Subject { id, .. }) => About::Person(id),
            Self::ExportPerson(id) | Self::ErasePerson(id) => About::Person(id),
        }
    }
}

/// A change could not be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the change could not be recorded, so it was not made")]
pub struct AuditError;

/// Writes to the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAudit;

impl Audit for LogAudit {
    fn record(&self, change: &Change<'_>) -> Result<(), AuditError> {
        let (who, role, what) = (change.who, change.role.name(), change.what.name());
        match change.what {
            What::Revoke(Revocation::Hub(about) | Revocation::Certificate(about)) => {
                tracing::info!(?who, role, ?about, "admin: {what}");
            }
            // A person's id stays out of the log; so does a token's, which leads to one.
            What::Revoke(Revocation::Token(_) | Revocation::Customer { .. } | Revocation::Subject { .. })
            | What::ExportPerson(_)
            | What::ErasePerson(_)
            | What::Reload => tracing::info!(?who, role, "admin: {what}"),
        }
        Ok(())
    }
}
