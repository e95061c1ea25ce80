//! Changes of a key folder while a gateway may be using it: revocations, admin tokens, and another key for tokens.
//!
//! Each file is replaced as a whole, by one program at a time, and a gateway takes it at its next reload. Deliberately
//! absent: telling the gateway; SIGHUP and `POST /v1/admin/reload` do.

use std::fs;
use std::io;
use std::path::PathBuf;

use rcgen::{KeyPair, PKCS_ED25519};
use thiserror::Error;

use super::admin_tokens::{AdminRole, AdminTokensError};
use super::revoked::{Revocation, RevocationError, Revoked};
use crate::serve::key_maker::{SERVICE_SUBJECT, lock_folder, replace_secret};
use crate::serve::keys::{ADMIN_TOKENS, FORMER_TOKEN_KEY, KeyFolder, KeysError, LOCK, REVOKED, SIGNING_KEY, TOKEN_KEY};
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

/// Adds a refusal to the list and returns all that is refused then.
///
/// # Errors
/// [`ChangeError`]; the list is as it was then.
pub fn revoke(keys: &KeyFolder, revocation: &Revocation) -> Result<Revoked, ChangeError> {
    let _alone = lock(keys)?;
    let list = keys.revoked_text()?;
    let merged = Revoked::merge(&list, revocation)?;
    if merged != list {
        replace(keys, REVOKED, &merged)?;
    }
    Ok(Revoked::read(&merged)?)
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
    let _alone = lock(keys)?;
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
    let _alone = lock(keys)?;
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
    let _alone = lock(keys)?;
    let present = keys.path().join(TOKEN_KEY);
    let present = fs::read_to_string(&present).map_err(|reason| KeysError::Read { file: present, reason })?;
    // The present key is written last: until then a rotation has begun, and whoever runs it again ends it.
    let begun = match fs::read_to_string(keys.path().join(FORMER_TOKEN_KEY)) {
        Ok(former) if former != present => return Err(ChangeError::Overlap),
        Ok(_) => fs::read_to_string(keys.path().join(SIGNING_KEY)).ok(),
        Err(_) => None,
    };
    let begun = begun.and_then(|pem| KeyPair::from_pem(&pem).ok());
    let key = match begun.filter(|key| key.public_key_pem() != present) {
        Some(key) => key,
        None => KeyPair::generate_for(&PKCS_ED25519)?,
    };
    let signer = TokenSigner::new(key.serialized_der(), keys.venue_id())?;
    let service = signer.sign(SERVICE_SUBJECT, Role::Service, unix_s, SERVICE_LIFE_S_MAX)?;
    // The former key is there before the present one changes, so that a gateway which reloads between two files refuses
    // nobody.
    replace(keys, FORMER_TOKEN_KEY, &present)?;
    replace(keys, SIGNING_KEY, &key.serialize_pem())?;
    replace(keys, "tokens/service.jwt", &service)?;
    replace(keys, TOKEN_KEY, &key.public_key_pem())
}

/// Refuses tokens of the key before.
///
/// # Errors
/// [`ChangeError`].
pub fn finish_rotation(keys: &KeyFolder) -> Result<(), ChangeError> {
    let _alone = lock(keys)?;
    let file = keys.path().join(FORMER_TOKEN_KEY);
    match fs::remove_file(&file) {
        Ok(()) => Ok(()),
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => Err(ChangeError::NoFormer),
        Err(reason) => Err(ChangeError::Write { file, reason }),
    }
}

/// Nobody else changes the folder while this is held.
fn lock(keys: &KeyFolder) -> Result<fs::File, ChangeError> {
    let file = keys.path().join(LOCK);
    lock_folder(keys.path()).map_err(|reason| ChangeError::Write { file, reason })
}

fn replace(keys: &KeyFolder, name: &str, text: &str) -> Result<(), ChangeError> {
    let file = keys.path().join(name);
    replace_secret(&file, text).map_err(|reason| ChangeError::Write { file, reason })
}
