//! The key folder: where certificates, keys and tokens lie, and how they are read.
//!
//! ```text
//! ca.pem  ca.key                          the authority that both listeners and all clients trust
//! server.pem  server.key                  the gateway: QUIC for apps and hubs, and HTTPS
//! hubs/HUB.pem  hubs/HUB.key              one for each hub; common name = hub, organisation = venue
//! token-signing.key  token-signing.pub    Ed25519; the gateway needs only the public half
//! token-signing.former.pub                the key before, while its tokens are still good; may be absent
//! tokens/service.jwt  tokens/NAME.jwt     tokens that are ready to use
//! admin-tokens                            who may come in at the admin listener; may be absent
//! revoked                                 hubs, certificates and tokens that are refused; may be absent
//! hubs.crl                                an authority's own list (RFC 5280, PEM); may be absent
//! .lock                                   empty; held by whoever changes the folder
//! ```
//!
//! Private files belong to one user: the gateway refuses a private key that others can read. Making the folder
//! is [`super::key_maker`]'s. Deliberately absent: any cache; a folder is read when it is asked, and [`super::access`]
//! reads all of it at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer,
};
use thiserror::Error;

use super::access::admin_tokens::AdminTokens;
use super::access::revoked::{REVOKED_BYTES_MAX, Revoked};
use super::certificate::{CertificateSubject, subject_of};
use super::token::{PublicKey, TokenSigner, TokenVerifier};

/// Largest file of the folder that is read, in bytes; lists of revocations may be longer.
const FILE_LEN_MAX: u64 = 65_536;
/// The public key that checks tokens.
pub(super) const TOKEN_KEY: &str = "token-signing.pub";
/// The private key that signs tokens.
pub(super) const SIGNING_KEY: &str = "token-signing.key";
/// The public key before it.
pub(super) const FORMER_TOKEN_KEY: &str = "token-signing.former.pub";
/// The list of admin tokens.
pub(super) const ADMIN_TOKENS: &str = "admin-tokens";
/// The list of revocations.
pub(super) const REVOKED: &str = "revoked";
/// Held by whoever changes the folder.
pub(super) const LOCK: &str = ".lock";

/// A certificate chain and its private key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate, then those that lead to the authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
}

/// A folder with the keys of one venue.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    path: PathBuf,
    venue_id: String,
}

/// Why a file of the key folder cannot be used.
#[derive(Debug, Error)]
pub enum KeysError {
    /// There is none.
    #[error("there is no key folder {folder}; make one with `nextbest keys --out {folder}`, or name yours with --keys")]
    NoFolder {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A file is not there.
    #[error("{file} is missing from the key folder; `nextbest keys --out DIR` makes a whole one")]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// It holds something else.
    #[error("{file} is expected to hold {expected}")]
    Content {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A list has a line that makes no sense.
    #[error("{file}: {reason}")]
    List {
        /// The file.
        file: PathBuf,
        /// Which line, and what is expected.
        reason: String,
    },
    /// Other users can read it.
    #[error("{file} is a private key that other users can read; make it yours alone with `chmod 600`")]
    NotPrivate {
        /// The file.
        file: PathBuf,
    },
}

impl KeyFolder {
    /// Opens a folder; its authority's certificate says which venue it is for.
    ///
    /// # Errors
    /// [`KeysError`] when there is no folder, or its `ca.pem` cannot be used.
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        if !path.is_dir() {
            return Err(KeysError::NoFolder {
                folder: path.to_owned(),
            });
        }
        let mut folder = Self {
            path: path.to_owned(),
            venue_id: String::new(),
        };
        let subject = subject_of(&folder.authority()?);
        folder.venue_id = subject
            .and_then(|CertificateSubject { organization, .. }| organization)
            .ok_or_else(|| folder.content("ca.pem", "a certificate whose organisation is the venue's id"))?;
        Ok(folder)
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The venue that the keys are for.
    #[must_use]
    pub fn venue_id(&self) -> &str {
        &self.venue_id
    }

    /// The certificate that clients and the hub listener trust.
    ///
    /// # Errors
    /// [`KeysError`] when `ca.pem` cannot be used.
    pub fn authority(&self) -> Result<CertificateDer<'static>, KeysError> {
        CertificateDer::from_pem_slice(&self.read("ca.pem")?)
            .map_err(|_| self.content("ca.pem", "a certificate in PEM"))
    }

    /// The gateway's own certificate and key.
    ///
    /// # Errors
    /// [`KeysError`] when a file is missing, is something else, or can be read by other users.
    pub fn server(&self) -> Result<Identity, KeysError> {
        self.identity("server")
    }

    /// The certificate and key of a hub.
    ///
    /// # Errors
    /// As for [`KeyFolder::server`].
    pub fn hub(&self, hub_id: &str) -> Result<Identity, KeysError> {
        self.identity(&format!("hubs/{hub_id}"))
    }

    /// The certificate chain and the key of a hub, in PEM.
    ///
    /// # Errors
    /// As for [`KeyFolder::server`].
    pub fn hub_pem(&self, hub_id: &str) -> Result<(String, String), KeysError> {
        let (chain_file, key_file) = (format!("hubs/{hub_id}.pem"), format!("hubs/{hub_id}.key"));
        let chain = String::from_utf8(self.read(&chain_file)?).map_err(|_| self.content(&chain_file, "PEM"))?;
        let key = String::from_utf8(self.read_private(&key_file)?).map_err(|_| self.content(&key_file, "PEM"))?;
        Ok((chain, key))
    }

    /// The hubs that have a certificate, in the order of their ids.
    ///
    /// # Errors
    /// [`KeysError`] when the folder cannot be read.
    pub fn hub_ids(&self) -> Result<Vec<String>, KeysError> {
        let folder = self.path.join("hubs");
        let unreadable = |reason| KeysError::Read {
            file: folder.clone(),
            reason,
        };
        let mut hub_ids = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            hub_ids.extend(
                name.to_str()
                    .and_then(|name| name.strip_suffix(".pem"))
                    .map(str::to_owned),
            );
        }
        hub_ids.sort();
        Ok(hub_ids)
    }

    /// Checks the tokens of apps, with the present key and the one before.
    ///
    /// # Errors
    /// [`KeysError`] when `token-signing.pub` or `token-signing.former.pub` cannot be used.
    pub fn token_verifier(&self) -> Result<TokenVerifier, KeysError> {
        let key = self.token_key(TOKEN_KEY, self.read(TOKEN_KEY)?)?;
        let former = self.read_if_there(FORMER_TOKEN_KEY, FILE_LEN_MAX)?;
        let former = former.map(|pem| self.token_key(FORMER_TOKEN_KEY, pem)).transpose()?;
        Ok(TokenVerifier::new(key, &self.venue_id).with_former(former))
    }

    fn token_key(&self, name: &str, pem: Vec<u8>) -> Result<PublicKey, KeysError> {
        let expected = || self.content(name, "an Ed25519 public key in PEM");
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(&pem).map_err(|_| expected())?;
        let key = spki.strip_prefix(&ED25519_SPKI_PREFIX).ok_or_else(expected)?;
        key.try_into().map_err(|_| expected())
    }

    /// Who may come in at the admin listener; nobody, when there is no file.
    ///
    /// # Errors
    /// [`KeysError`] when `admin-tokens` cannot be used, or other users can read it.
    pub fn admin_tokens(&self) -> Result<AdminTokens, KeysError> {
        let file = self.path.join(ADMIN_TOKENS);
        match is_private(&file) {
            Ok(true) => {}
            Ok(false) => return Err(KeysError::NotPrivate { file }),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(AdminTokens::default()),
            Err(reason) => return Err(KeysError::Read { file, reason }),
        }
        AdminTokens::read(&self.text(ADMIN_TOKENS, self.read(ADMIN_TOKENS)?)?).map_err(|reason| KeysError::List {
            file,
            reason: reason.to_string(),
        })
    }

    /// What is refused; nothing, when there is no file.
    ///
    /// # Errors
    /// [`KeysError`] when `revoked` cannot be used.
    pub fn revoked(&self) -> Result<Revoked, KeysError> {
        Revoked::read(&self.revoked_text()?).map_err(|reason| KeysError::List {
            file: self.path.join(REVOKED),
            reason: reason.to_string(),
        })
    }

    /// The list of what is refused, as it is written; empty, when there is no file.
    ///
    /// # Errors
    /// [`KeysError`] when `revoked` cannot be read.
    pub fn revoked_text(&self) -> Result<String, KeysError> {
        let list = self.read_if_there(REVOKED, REVOKED_BYTES_MAX)?;
        self.text(REVOKED, list.unwrap_or_default())
    }

    /// What the authority itself has revoked (RFC 5280, section 5); nothing, when there is no file.
    ///
    /// # Errors
    /// [`KeysError`] when `hubs.crl` cannot be used.
    pub fn revocation_lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, KeysError> {
        const NAME: &str = "hubs.crl";
        let Some(pem) = self.read_if_there(NAME, REVOKED_BYTES_MAX)? else {
            return Ok(Vec::new());
        };
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
        let lists = lists.ok().filter(|lists| !lists.is_empty());
        lists.ok_or_else(|| self.content(NAME, "a certificate revocation list in PEM"))
    }

    /// Signs tokens, for the venue's backend and for development.
    ///
    /// # Errors
    /// [`KeysError`] when `token-signing.key` cannot be used or can be read by other users.
    pub fn token_signer(&self) -> Result<TokenSigner, KeysError> {
        const NAME: &str = SIGNING_KEY;
        let expected = || self.content(NAME, "an Ed25519 private key in PEM");
        let key = PrivatePkcs8KeyDer::from_pem_slice(&self.read_private(NAME)?).map_err(|_| expected())?;
        TokenSigner::new(key.secret_pkcs8_der(), &self.venue_id).map_err(|_| expected())
    }

    /// A token that lies ready: "service", or one of the sample customers.
    ///
    /// # Errors
    /// [`KeysError`] when there is none of that name.
    pub fn token(&self, name: &str) -> Result<String, KeysError> {
        let file = format!("tokens/{name}.jwt");
        let token = String::from_utf8(self.read_private(&file)?).map_err(|_| self.content(&file, "a token"))?;
        Ok(token.trim_end().to_owned())
    }

    fn identity(&self, name: &str) -> Result<Identity, KeysError> {
        let (chain_file, key_file) = (format!("{name}.pem"), format!("{name}.key"));
        let pem = self.read(&chain_file)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|_| self.content(&chain_file, "a certificate in PEM"))?;
        if chain.is_empty() {
            return Err(self.content(&chain_file, "a certificate in PEM"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.read_private(&key_file)?)
            .map_err(|_| self.content(&key_file, "a private key in PEM"))?;
        Ok(Identity { chain, key })
    }

    fn read_private(&self, name: &str) -> Result<Vec<u8>, KeysError> {
        let file = self.path.join(name);
        match is_private(&file) {
            Ok(true) => self.read(name),
            Ok(false) => Err(KeysError::NotPrivate { file }),
            Err(reason) => Err(KeysError::Read { file, reason }),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, KeysError> {
        let file = self.path.join(name);
        self.read_if_there(name, FILE_LEN_MAX)?
            .ok_or(KeysError::Missing { file })
    }

    fn read_if_there(&self, name: &str, len_max: u64) -> Result<Option<Vec<u8>>, KeysError> {
        let file = self.path.join(name);
        match fs::metadata(&file) {
            Ok(metadata) if metadata.len() > len_max => Err(self.content(name, "less than it does: it is too long")),
            Ok(metadata) if !metadata.is_file() => Err(self.content(name, "a file's content: it is no file")),
            Ok(_) => fs::read(&file)
                .map(Some)
                .map_err(|reason| KeysError::Read { file, reason }),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(KeysError::Read { file, reason }),
        }
    }

    fn text(&self, name: &str, bytes: Vec<u8>) -> Result<String, KeysError> {
        String::from_utf8(bytes).map_err(|_| self.content(name, "text"))
    }

    fn content(&self, name: &str, expected: &'static str) -> KeysError {
        KeysError::Content {
            file: self.path.join(name),
            expected,
        }
    }
}

/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 10.1).
const ED25519_SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

#[cfg(unix)]
fn is_private(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(file)?.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(file: &Path) -> io::Result<bool> {
    // Other systems keep rights in lists that the standard library does not read.
    fs::metadata(file).map(|_| true)
}
