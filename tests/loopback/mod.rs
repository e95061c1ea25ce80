//! A gateway on this machine with keys of its own, for the tests and benches that go through the sockets.
//!
//! Deliberately absent: the clock's speed and the pack, which each caller chooses, and any judgement.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firmware_sim::drive;
use nextbest::config::{Pack, pack_files};
use nextbest::engine::spec::Spec;
use nextbest::engine::{Engine, Generation};
use nextbest::serve::clock::{Clock, unix_s};
use nextbest::serve::identities::IdentityLimits;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::{Gateway, GatewaySettings};
use nextbest_client::{Credentials, Trust};
use tempfile::TempDir;

/// A gateway that runs, and what its peers need.
pub(crate) struct Loopback {
    pub(crate) gateway: Gateway,
    pub(crate) wallet: Arc<Wallet>,
    _folder: TempDir,
}

/// The keys of all hubs and of the service principal.
pub(crate) struct Wallet {
    pub(crate) keys: KeyFolder,
}

impl Loopback {
    /// Starts a gateway on free ports.
    pub(crate) fn start(engine: &Arc<Engine>, clock: Clock) -> Self {
        let generation = engine.generation();
        let venue = generation.venue();
        let request = KeyRequest {
            venue_id: venue.id.clone(),
            hub_ids: venue.hubs.iter().map(|hub| hub.id.clone()).collect(),
            ..KeyRequest::default()
        };
        let folder = tempfile::tempdir().unwrap();
        make_keys(folder.path(), &request, unix_s()).unwrap();
        let keys = KeyFolder::open(folder.path()).unwrap();
        // A bench asks more often than a person.
        let identities = IdentityLimits {
            customer: IdentityLimits::DEFAULT.service,
            ..IdentityLimits::DEFAULT
        };
        let settings = GatewaySettings {
            identities,
            // Tests share their machine with each other.
            patience: 1_000,
            ..GatewaySettings::default()
        };
        let gateway = Gateway::start(&settings, Arc::clone(engine), &keys, clock).unwrap();
        Self {
            gateway,
            wallet: Arc::new(Wallet { keys }),
            _folder: folder,
        }
    }
}

impl Wallet {
    /// Whom its peers trust.
    pub(crate) fn trust(&self) -> Trust {
        Trust::from_der(&self.keys.authority().unwrap()).unwrap()
    }
}

impl drive::Credentials for Wallet {
    fn hub(&self, hub_id: &str) -> Option<Credentials> {
        let (chain, key) = self.keys.hub_pem(hub_id).ok()?;
        Credentials::from_pem(&chain, &key).ok()
    }

    fn app_token(&self, _customer: &str) -> Option<String> {
        None
    }

    fn service_token(&self) -> String {
        self.keys.token("service").unwrap()
    }
}

/// An engine with nobody in it.
pub(crate) fn engine(spec: Spec) -> Arc<Engine> {
    Arc::new(Engine::new(Generation::build(spec).unwrap()).unwrap())
}

/// Loads a pack of `packs/`.
pub(crate) fn pack(name: &str) -> Spec {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs").join(name);
    let text = |file: PathBuf| (file.display().to_string(), fs::read_to_string(&file).unwrap());
    let files: Vec<_> = pack_files()
        .iter()
        .flat_map(|path| files(&root.join(path.path)))
        .map(text)
        .collect();
    let pack = Pack::load(&files).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    pack.spec
}

/// The file itself, or the files of the folder; none when there is no such thing.
fn files(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => path.is_file().then(|| path.to_owned()).into_iter().collect(),
    }
}
