//! Who changed what at the admin listener, and why. Every change is recorded before it is made; one that cannot be
//! recorded is not made.
//!
//! [`LogAudit`] writes one line per change and nobody's id but the hubs'. Deliberately absent: storing; whoever keeps a
//! journal implements [`Audit`].

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
        let (who, role) = (change.who, change.role.name());
        match change.what {
            What::Reload => tracing::info!(?who, role, "admin: reload"),
            What::Revoke(Revocation::Hub(hub)) => tracing::info!(?who, role, ?hub, "admin: revoke a hub"),
            What::Revoke(Revocation::Certificate(serial)) => {
                tracing::info!(?who, role, ?serial, "admin: revoke a certificate");
            }
            // A person's id stays out of the log; so does a token's, which leads to one.
            What::Revoke(Revocation::Token(_)) => tracing::info!(?who, role, "admin: revoke a token"),
            What::Revoke(Revocation::Customer { .. }) => {
                tracing::info!(?who, role, "admin: revoke a customer's tokens");
            }
            What::Revoke(Revocation::Subject { .. }) => tracing::info!(?who, role, "admin: revoke a subject's tokens"),
        }
        Ok(())
    }
}
