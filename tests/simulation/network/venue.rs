//! The keys of the hall, with certificates whose signatures have one length.
//!
//! An ECDSA signature is 70 to 72 bytes long as chance has it, and its randomness is the machine's, so packets would differ
//! from run to run. Ed25519's are 64 bytes.

#[path = "../../house/hall.rs"]
mod hall;

use std::fs;
use std::path::Path;

use nextbest::config::Pack;
use nextbest::serve::key_maker::{HUB_UNIT, KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ED25519,
};
use tempfile::TempDir;

/// The hubs of the hall.
pub(crate) const HUBS: [&str; 3] = ["hub-west", "hub-middle", "hub-east"];
/// Who has a token.
pub(crate) const CUSTOMERS: [&str; 3] = ["ada", "ben", "cy"];
/// What the wall clock shows when a run begins: 2026-07-01.
pub(crate) const START_UNIX_S: u64 = 1_782_909_296;

/// The pack and its keys, made once.
pub(crate) struct Hall {
    pub(crate) pack: Pack,
    pub(crate) keys: KeyFolder,
    _dir: TempDir,
}

impl Hall {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            hub_ids: HUBS.map(str::to_owned).into(),
            customer_ids: CUSTOMERS.map(str::to_owned).into(),
            ..KeyRequest::default()
        };
        make_keys(dir.path(), &request, START_UNIX_S).unwrap();
        certificates_of_one_length(dir.path());
        Self {
            pack: pack(),
            keys: KeyFolder::open(dir.path()).unwrap(),
            _dir: dir,
        }
    }
}

fn pack() -> Pack {
    Pack::load(&hall::files()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Writes certificates with Ed25519 keys over those that are there.
fn certificates_of_one_length(dir: &Path) {
    let params = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "hall");
        params
    };
    let mut of_authority = params("authority");
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    of_authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    fs::write(dir.join("ca.pem"), of_authority.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(of_authority, key);
    let write = |name: &str, params: CertificateParams| {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
        // The file is there, and stays its owner's alone.
        fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    };
    let mut server = params("gateway");
    server.subject_alt_names = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .subject_alt_names;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    write("server", server);
    for hub in HUBS {
        let mut hub_params = params(hub);
        hub_params
            .distinguished_name
            .push(DnType::OrganizationalUnitName, HUB_UNIT);
        hub_params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        write(&format!("hubs/{hub}"), hub_params);
    }
}
