//! Keys for one demo: a folder in the system's place for such things, gone when the demo ends.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;

use firmware_sim::drive;
use nextbest_client::{Credentials, Trust};

use super::super::Failure;
use crate::config::Pack;
use crate::serve::clock::unix_s;
use crate::serve::key_maker::{KeyRequest, make_keys};
use crate::serve::keys::KeyFolder;
use crate::serve::token::{Role, TokenSigner};

/// Life of a phone's token, in seconds.
const TOKEN_LIFE_S: u64 = 3_600;

/// The keys of one demo.
pub(super) struct DemoKeys {
    path: PathBuf,
    folder: KeyFolder,
    trust: Trust,
    credentials: Arc<Wallet>,
}

/// Who everybody in the crowd is.
struct Wallet {
    folder: KeyFolder,
    signer: TokenSigner,
    service_token: String,
}

impl DemoKeys {
    /// Makes a certificate for each hub of the pack, and what signs tokens.
    pub(super) fn make(pack: &Pack) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("nextbest-demo-{}", process::id()));
        let request = KeyRequest {
            venue_id: pack.spec.venue.id.clone(),
            hub_ids: pack.spec.venue.hubs.iter().map(|hub| hub.id.clone()).collect(),
            // What a demo of the same number left behind when it was killed is nobody's any more.
            replace: true,
            ..KeyRequest::default()
        };
        make_keys(&path, &request, unix_s()).map_err(Failure::wrong)?;
        let open = || KeyFolder::open(&path).map_err(Failure::wrong);
        let folder = open()?;
        let trust = Trust::from_der(&folder.authority().map_err(Failure::wrong)?).map_err(Failure::wrong)?;
        let wallet = Wallet {
            signer: folder.token_signer().map_err(Failure::wrong)?,
            service_token: folder.token("service").map_err(Failure::wrong)?,
            folder: open()?,
        };
        Ok(Self {
            path,
            folder,
            trust,
            credentials: Arc::new(wallet),
        })
    }

    pub(super) fn folder(&self) -> &KeyFolder {
        &self.folder
    }

    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(super) fn credentials(&self) -> Arc<dyn drive::Credentials> {
        Arc::clone(&self.credentials) as Arc<dyn drive::Credentials>
    }
}

/// The folder goes with the demo. What cannot be removed is the system's to clean.
impl Drop for DemoKeys {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl drive::Credentials for Wallet {
    fn hub(&self, hub_id: &str) -> Option<Credentials> {
        let (chain, key) = self.folder.hub_pem(hub_id).ok()?;
        Credentials::from_pem(&chain, &key).ok()
    }

    fn app_token(&self, customer: &str) -> Option<String> {
        self.signer.sign(customer, Role::Customer, unix_s(), TOKEN_LIFE_S).ok()
    }

    fn service_token(&self) -> String {
        self.service_token.clone()
    }
}
