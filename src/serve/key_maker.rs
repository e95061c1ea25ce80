//! Makes a key folder for development and for small venues: an authority, the gateway's certificate, one for
//! each hub, the key that signs tokens, and tokens to start with.
//!
//! Certificates are ECDSA P-256, because browsers take nothing newer, and carry no more rights than their holder
//! needs: a hub's cannot pose as the gateway, and nobody's but the authority's can sign. A venue with an authority
//! of its own puts its files into the same layout. Deliberately absent: renewal; making the folder again is.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, SanType,
};
use thiserror::Error;

use super::certificate::zone_uri;
use super::keys::{FORMER_TOKEN_KEY, LOCK};
use super::token::{CUSTOMER_LIFE_S_MAX, Role, SERVICE_LIFE_S_MAX, SignError, TokenSigner};

/// Life of the authority, in days.
const AUTHORITY_LIFE_DAYS: u64 = 3_650;
/// Life of the certificates of gateway and hubs, in days. Browsers refuse more than 398.
const LEAF_LIFE_DAYS: u64 = 397;
/// How far a client's clock may be behind ours, in seconds.
const CLOCK_SKEW_S_MAX: u64 = 3_600;
/// Longest id that becomes a file's name.
const ID_LEN_MAX: usize = 64;
/// Unit of a hub's certificate; the hub listener insists on it.
pub const HUB_UNIT: &str = "hub";
/// Subject of the service token.
pub const SERVICE_SUBJECT: &str = "service";

/// What to make.
#[derive(Clone, Debug, Default)]
pub struct KeyRequest {
    /// The venue's id.
    pub venue_id: String,
    /// The hubs that get a certificate.
    pub hub_ids: Vec<String>,
    /// By hub, the zones that its certificate is bound to. A hub that is not here gets one for the zones that the map
    /// gives it, whichever those are.
    pub hub_zones: HashMap<String, Vec<String>>,
    /// The customers that get a token.
    pub customer_ids: Vec<String>,
    /// Names and addresses of the gateway beyond localhost.
    pub server_names: Vec<String>,
    /// Whether files that exist are replaced.
    pub replace: bool,
}

/// Why a key folder could not be made.
#[derive(Debug, Error)]
pub enum MakeKeysError {
    /// An id that cannot be a file's name or part of a certificate.
    #[error(
        "the {what} {id:?} is expected to be 1 to {ID_LEN_MAX} letters, digits, '-', '_', '.' or '@', not starting with '.'"
    )]
    Id {
        /// Of what it is the id.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// The folder has keys already.
    #[error("{0} holds keys already; clients trust them, so say --force to replace them")]
    Exists(PathBuf),
    /// A file could not be written.
    #[error("cannot write {file}: {reason}")]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A token could not be signed.
    #[error("cannot sign a token: {0}")]
    Token(#[from] SignError),
}

/// Makes the folder `out` at the wall-clock second `unix_s`; returns how many files it wrote.
///
/// When it is replaced, tokens of the key before are refused, also of one that was good during a rotation. Who has an
/// admin token and what is revoked stay as they were.
///
/// # Errors
/// [`MakeKeysError`]. Ids are checked before anything is written.
pub fn make_keys(out: &Path, request: &KeyRequest, unix_s: u64) -> Result<usize, MakeKeysError> {
    check_ids(request)?;
    let first = out.join("ca.key");
    if first.exists() && !request.replace {
        return Err(MakeKeysError::Exists(out.to_owned()));
    }
    let write_error = |file: PathBuf| |reason| MakeKeysError::Write { file, reason };
    let _alone = lock_folder(out).map_err(write_error(out.join(LOCK)))?;
    let former = out.join(FORMER_TOKEN_KEY);
    remove_if_there(&former).map_err(write_error(former.clone()))?;
    let mut folder = Folder { out, written: 0 };
    let authority = make_authority(&request.venue_id, unix_s)?;
    folder.public("ca.pem", &authority.pem())?;
    folder.private("ca.key", &authority.key().serialize_pem())?;
    folder.leaf("server", &authority, server_params(request, unix_s)?)?;
    for hub_id in &request.hub_ids {
        folder.leaf(
            &format!("hubs/{hub_id}"),
            &authority,
            hub_params(request, hub_id, unix_s)?,
        )?;
    }
    make_tokens(&mut folder, request, unix_s)?;
    Ok(folder.written)
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn make_authority(venue_id: &str, unix_s: u64) -> Result<Authority, rcgen::Error> {
    let mut params = params("nextbest development authority", venue_id, AUTHORITY_LIFE_DAYS, unix_s)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn server_params(request: &KeyRequest, unix_s: u64) -> Result<CertificateParams, rcgen::Error> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(request.server_names.iter().cloned());
    let mut params = params("nextbest gateway", &request.venue_id, LEAF_LIFE_DAYS, unix_s)?;
    params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn hub_params(request: &KeyRequest, hub_id: &str, unix_s: u64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(hub_id, &request.venue_id, LEAF_LIFE_DAYS, unix_s)?;
    for zone in request.hub_zones.get(hub_id).into_iter().flatten() {
        let uri = zone_uri(zone).try_into()?;
        params.subject_alt_names.push(SanType::URI(uri));
    }
    params.distinguished_name.push(DnType::OrganizationalUnitName, HUB_UNIT);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn params(name: &str, venue_id: &str, life_days: u64, unix_s: u64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, venue_id);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(unix_s.saturating_sub(CLOCK_SKEW_S_MAX));
    params.not_after = epoch + Duration::from_secs(unix_s + life_days * 86_400);
    Ok(params)
}

fn make_tokens(folder: &mut Folder<'_>, request: &KeyRequest, unix_s: u64) -> Result<(), MakeKeysError> {
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    folder.private("token-signing.key", &key.serialize_pem())?;
    folder.public("token-signing.pub", &key.public_key_pem())?;
    let signer = TokenSigner::new(key.serialized_der(), &request.venue_id)?;
    let service = signer.sign(SERVICE_SUBJECT, Role::Service, unix_s, SERVICE_LIFE_S_MAX)?;
    folder.private("tokens/service.jwt", &service)?;
    for customer_id in &request.customer_ids {
        let token = signer.sign(customer_id, Role::Customer, unix_s, CUSTOMER_LIFE_S_MAX)?;
        folder.private(&format!("tokens/{customer_id}.jwt"), &token)?;
    }
    Ok(())
}

fn check_ids(request: &KeyRequest) -> Result<(), MakeKeysError> {
    let hubs = request.hub_ids.iter().map(|id| ("hub", id));
    let customers = request.customer_ids.iter().map(|id| ("customer", id));
    for (what, id) in [("venue", &request.venue_id)].into_iter().chain(hubs).chain(customers) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
        let is_name = (1..=ID_LEN_MAX).contains(&id.len()) && id.bytes().all(fits) && !id.starts_with('.');
        if !is_name || (what == "customer" && id == SERVICE_SUBJECT) {
            return Err(MakeKeysError::Id { what, id: id.clone() });
        }
    }
    Ok(())
}

/// Writes files into the folder.
struct Folder<'a> {
    out: &'a Path,
    written: usize,
}

impl Folder<'_> {
    fn leaf(&mut self, name: &str, authority: &Authority, params: CertificateParams) -> Result<(), MakeKeysError> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, authority)?;
        self.public(&format!("{name}.pem"), &certificate.pem())?;
        self.private(&format!("{name}.key"), &key.serialize_pem())
    }

    fn public(&mut self, name: &str, text: &str) -> Result<(), MakeKeysError> {
        self.write(name, text, 0o644)
    }

    fn private(&mut self, name: &str, text: &str) -> Result<(), MakeKeysError> {
        self.write(name, text, 0o600)
    }

    /// Writes a new file; one that exists is removed first, so that it does not keep its old rights.
    fn write(&mut self, name: &str, text: &str, mode: u32) -> Result<(), MakeKeysError> {
        let file = self.out.join(name);
        write_new(&file, text, mode).map_err(|reason| MakeKeysError::Write { file, reason })?;
        self.written += 1;
        Ok(())
    }
}

/// Writes a secret into a new file that only its owner may read. A file that exists stays as it is.
///
/// # Errors
/// When the file exists, or cannot be written.
pub fn write_secret(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    set_mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// Waits until nobody else changes a folder, and keeps others from it until what is returned is dropped.
///
/// # Errors
/// When the lock cannot be made.
pub(super) fn lock_folder(folder: &Path) -> io::Result<fs::File> {
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    set_mode(&mut options, 0o600);
    let lock = options.open(folder.join(LOCK))?;
    lock.lock()?;
    Ok(lock)
}

/// Replaces a file of the folder by another that only its owner may read: who reads it meanwhile has the former one or the
/// new one, never half of one, and a crash leaves one of them.
///
/// # Errors
/// When it cannot be written.
pub(super) fn replace_secret(file: &Path, text: &str) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let mut next = file.as_os_str().to_owned();
    next.push(format!(
        ".{}-{}.next",
        process::id(),
        WRITTEN.fetch_add(1, Ordering::Relaxed)
    ));
    let next = PathBuf::from(next);
    let moved = write_new(&next, text, 0o600)
        .and_then(|()| fs::File::open(&next)?.sync_all())
        .and_then(|()| fs::rename(&next, file));
    if moved.is_err() {
        // The first failure is the one to tell of.
        let _gone = fs::remove_file(&next);
    }
    moved?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_new(file: &Path, text: &str, mode: u32) -> io::Result<()> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    remove_if_there(file)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    set_mode(&mut options, mode);
    let mut out = options.open(file)?;
    out.write_all(text.as_bytes())
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(unix)]
fn set_mode(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(mode);
}

#[cfg(not(unix))]
fn set_mode(_options: &mut OpenOptions, _mode: u32) {}
