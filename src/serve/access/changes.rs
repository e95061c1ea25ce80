//! Changes of a key folder while a gateway may be using it: revocations, admin tokens, and another key for tokens.
//!
//! Each file is replaced as a whole, and a gateway takes it at its next reload. Deliberately absent: telling the gateway;
//! SIGHUP and `POST /v1/admin/reload` do.

use std::fs;
use std::io;
use std::path::PathBuf;

use rcgen::{KeyPair, PKCS_ED25519};
use thiserror::Error;

use super::admin_tokens::{AdminRole, AdminTokensError};
use super::revoked::{REVOKED_LEN_MAX, Revocation, RevocationError};
use crate::serve::key_maker::{SERVICE_SUBJECT, replace_secret};
use crate::serve::keys::{ADMIN_TOKENS, FORMER_TOKEN_KEY, KeyFolder, KeysError, REVOKED, TOKEN_KEY};
use crate::serve::token::{Role, SERVICE_LIFE_S_MAX, SignError, TokenSigner};

/// Why a key folder was not changed.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// What is there cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The admin tokens say no.
    #[error(transparent)]
    AdminTokens(#[from] AdminTokensError),
    /// The list of revocations says no.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// A key could not be made.
    #[error("cannot make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// A token could not be signed.
    #[error("cannot sign a token: {0}")]
    Token(#[from] SignError),
    /// The key before is still good.
    #[error("tokens of the key before are still taken; end that first with `nextbest keys rotate --finish`")]
    Overlap,
    /// There is no key before.
    #[error("there is no former key; `nextbest keys rotate` makes another one")]
    NoFormer,
    /// A file could not be written.
    #[error("cannot write {file}: {reason}")]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

/// Adds a refusal to the list. One that is on it already stays there once.
///
/// # Errors
/// [`ChangeError`]; the list is as it was then.
pub fn revoke(keys: &KeyFolder, revocation: &Revocation) -> Result<(), ChangeError> {
    let (line, mut list) = (revocation.to_string(), keys.revoked_text()?);
    if keys.revoked()?.len() >= REVOKED_LEN_MAX {
        return Err(RevocationError::TooMany.into());
    }
    if list.lines().any(|known| known == line) {
        return Ok(());
    }
    if !list.is_empty() && !list.ends_with('\n') {
        list.push('\n');
    }
    list.push_str(&line);
    list.push('\n');
    replace(keys, REVOKED, &list)
}

/// Makes an admin token and returns it. It is nowhere else: the folder keeps its digest.
///
/// # Errors
/// [`ChangeError`].
pub fn make_admin_token(
    keys: &KeyFolder,
    name: &str,
    role: AdminRole,
    life_days: u64,
    unix_s: u64,
) -> Result<String, ChangeError> {
    let mut tokens = keys.admin_tokens()?;
    let token = tokens.make(name, role, life_days, unix_s)?;
    replace(keys, ADMIN_TOKENS, &tokens.to_string())?;
    Ok(token)
}

/// Takes an admin token away.
///
/// # Errors
/// [`ChangeError`].
pub fn revoke_admin_token(keys: &KeyFolder, name: &str) -> Result<(), ChangeError> {
    let mut tokens = keys.admin_tokens()?;
    tokens.revoke(name)?;
    replace(keys, ADMIN_TOKENS, &tokens.to_string())
}

/// Makes another key for tokens, and signs the service's token with it. Tokens of the key before stay good until
/// [`finish_rotation`].
///
/// # Errors
/// [`ChangeError`].
pub fn rotate(keys: &KeyFolder, unix_s: u64) -> Result<(), ChangeError> {
    if keys.path().join(FORMER_TOKEN_KEY).exists() {
        return Err(ChangeError::Overlap);
    }
    let present = keys.path().join(TOKEN_KEY);
    let present = fs::read_to_string(&present).map_err(|reason| KeysError::Read { file: present, reason })?;
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    let signer = TokenSigner::new(key.serialized_der(), keys.venue_id())?;
    let service = signer.sign(SERVICE_SUBJECT, Role::Service, unix_s, SERVICE_LIFE_S_MAX)?;
    // The former key is there before the present one changes, so that a gateway which reloads between two files refuses
    // nobody.
    replace(keys, FORMER_TOKEN_KEY, &present)?;
    replace(keys, TOKEN_KEY, &key.public_key_pem())?;
    replace(keys, "token-signing.key", &key.serialize_pem())?;
    replace(keys, "tokens/service.jwt", &service)
}

/// Refuses tokens of the key before.
///
/// # Errors
/// [`ChangeError`].
pub fn finish_rotation(keys: &KeyFolder) -> Result<(), ChangeError> {
    let file = keys.path().join(FORMER_TOKEN_KEY);
    match fs::remove_file(&file) {
        Ok(()) => Ok(()),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => Err(ChangeError::NoFormer),
        Err(reason) => Err(ChangeError::Write { file, reason }),
    }
}

fn replace(keys: &KeyFolder, name: &str, text: &str) -> Result<(), ChangeError> {
    let file = keys.path().join(name);
    replace_secret(&file, text).map_err(|reason| ChangeError::Write { file, reason })
}
