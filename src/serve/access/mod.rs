//! Whom the gateway lets in: everything that the key folder says, read as a whole and swapped as a whole.
//!
//! A reload (SIGHUP, `POST /v1/admin/reload`) reads every file anew. If all of them can be used, the next handshake and
//! the next request see the new ones; if one cannot, all stay as they were and the error says which and why. A request
//! pays one atomic load for it: its session looks again whether its token is still good only after a reload.

pub mod admin_tokens;
pub mod changes;
pub mod revoked;

use std::fmt;
#[expect(
    clippy::disallowed_types,
    reason = "held by reloads alone, so that of two at once the later one wins; nobody on a request's path waits for it"
)]
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use thiserror::Error;
use tokio::sync::watch;

use self::admin_tokens::AdminTokens;
use self::changes::ChangeError;
use self::revoked::{Revocation, Revoked};
use super::keys::{KeyFolder, KeysError};
use super::token::{Principal, TokenError, TokenVerifier};
use super::transport::{self, Limits, TransportError};

/// What one reading of the key folder says.
#[derive(Clone)]
pub(super) struct Access {
    verifier: TokenVerifier,
    revoked: Revoked,
    pub(super) admin_tokens: AdminTokens,
    pub(super) apps: quinn::ServerConfig,
    pub(super) hubs: quinn::ServerConfig,
    pub(super) https: Arc<rustls::ServerConfig>,
    hub_verifier: Arc<dyn ClientCertVerifier>,
}

impl Access {
    fn read(keys: &KeyFolder, apps: &Limits, hubs: &Limits) -> Result<Self, TransportError> {
        Ok(Self {
            verifier: keys.token_verifier()?,
            revoked: keys.revoked()?,
            admin_tokens: keys.admin_tokens()?,
            apps: transport::app_config(keys, apps)?,
            hubs: transport::hub_config(keys, hubs)?,
            https: Arc::new(transport::http_config(keys)?),
            hub_verifier: transport::hub_verifier(keys)?,
        })
    }

    /// Who an app's token speaks for, at the wall-clock second `unix_s`.
    pub(super) fn admit(&self, token: &str, unix_s: u64) -> Result<Principal, TokenError> {
        let principal = self.verifier.verify(token, unix_s)?;
        self.check(&principal)?;
        Ok(principal)
    }

    /// Whether a token that was good still is.
    pub(super) fn check(&self, token: &Principal) -> Result<(), TokenError> {
        if !self.verifier.has_key(&token.signed_by) {
            return Err(TokenError::Signature);
        }
        if self.revoked.has_token(token) {
            return Err(TokenError::Revoked);
        }
        Ok(())
    }

    /// Whether a hub with this certificate is on the list.
    pub(super) fn refuses_hub(&self, hub_id: &str, serial: &str) -> bool {
        self.revoked.has_hub(hub_id, serial)
    }

    /// Whether the chain of a hub that was let in would be let in at the wall-clock second `unix_s`.
    pub(super) fn trusts_hub(&self, chain: &[CertificateDer<'_>], unix_s: u64) -> bool {
        let Some((end_entity, intermediates)) = chain.split_first() else {
            return false;
        };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(unix_s));
        self.hub_verifier
            .verify_client_cert(end_entity, intermediates, now)
            .is_ok()
    }

    /// How many refusals there are.
    pub(super) fn revoked_len(&self) -> usize {
        self.revoked.len()
    }
}

/// Whether a gateway would take a key folder.
///
/// # Errors
/// [`TransportError`]; which file cannot be used, and why.
pub fn check(keys: &KeyFolder) -> Result<(), TransportError> {
    Access::read(keys, &Limits::APP, &Limits::HUB).map(drop)
}

/// Why the key folder was not taken.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// A file cannot be used.
    #[error("the keys stay as they were: {0}")]
    Files(#[from] TransportError),
    /// The folder is another venue's.
    #[error("the keys stay as they were: the folder is for another venue")]
    Venue,
    /// The list could not be changed.
    #[error("nothing was revoked: {0}")]
    Change(#[from] ChangeError),
}

impl From<KeysError> for ReloadError {
    fn from(error: KeysError) -> Self {
        Self::Files(error.into())
    }
}

/// What is in force, and who wants to know when that changes.
pub(super) struct AccessBook {
    keys: KeyFolder,
    apps: Limits,
    hubs: Limits,
    current: ArcSwap<Access>,
    /// How often the folder was taken; also what waits are woken by.
    number: AtomicU64,
    changed: watch::Sender<u64>,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    reloading: Mutex<()>,
}

impl AccessBook {
    /// Reads the folder for the first time.
    ///
    /// # Errors
    /// [`TransportError`] when a file cannot be used.
    pub(super) fn open(keys: &KeyFolder, apps: Limits, hubs: Limits) -> Result<Self, TransportError> {
        let access = Access::read(keys, &apps, &hubs)?;
        Ok(Self {
            keys: keys.clone(),
            apps,
            hubs,
            current: ArcSwap::from_pointee(access),
            number: AtomicU64::new(1),
            changed: watch::Sender::new(1),
            #[expect(clippy::disallowed_types, reason = "see the import")]
            reloading: Mutex::new(()),
        })
    }

    /// What is in force.
    pub(super) fn current(&self) -> Guard<Arc<Access>> {
        self.current.load()
    }

    /// How often the folder was taken. A session that has seen this number need not look again.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Tells when the folder was taken again.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes the folder again, whole or not at all. Reads files: not for a thread that answers apps or hubs.
    ///
    /// # Errors
    /// [`ReloadError`]; everything stays as it was.
    pub(super) fn reload(&self) -> Result<u64, ReloadError> {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.take()
    }

    /// Writes a refusal into the folder and takes the list, and nothing else: a refusal that is urgent does not wait for
    /// the other files to be in order.
    ///
    /// # Errors
    /// [`ReloadError`]; what could not be written is not in force.
    pub(super) fn revoke(&self, revocation: &Revocation) -> Result<u64, ReloadError> {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let revoked = changes::revoke(&self.keys, revocation)?;
        let current = Access::clone(&self.current());
        Ok(self.put(Access { revoked, ..current }))
    }

    fn take(&self) -> Result<u64, ReloadError> {
        let keys = KeyFolder::open(self.keys.path())?;
        if keys.venue_id() != self.keys.venue_id() {
            return Err(ReloadError::Venue);
        }
        let access = Access::read(&keys, &self.apps, &self.hubs)?;
        Ok(self.put(access))
    }

    fn put(&self, access: Access) -> u64 {
        self.current.store(Arc::new(access));
        let number = self.number.fetch_add(1, Ordering::AcqRel) + 1;
        self.changed.send_replace(number);
        number
    }
}

impl fmt::Debug for AccessBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessBook(taken {} times)", self.number())
    }
}
