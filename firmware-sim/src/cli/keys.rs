//! A folder of keys, as `nextbest keys --out DIR` writes it.
//!
//! ```text
//! ca.pem                      whom to trust
//! hubs/HUB.pem  HUB.key       certificate and key of a hub
//! tokens/service.jwt          a service principal that may name any customer
//! tokens/CUSTOMER.jwt         the token of one customer, where there is one
//! ```
//!
//! Everything is read at the start, so that nothing is opened while a crowd runs. Deliberately absent: minting
//! tokens, which is the issuer's.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use nextbest_client::{CertificateError, Trust};

use crate::drive::Credentials;

/// Keys in memory.
#[derive(Debug)]
pub struct KeyFolder {
    trust: Trust,
    hubs: HashMap<String, nextbest_client::Credentials>,
    tokens: HashMap<String, String>,
    service: String,
}

/// Why a folder of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFolderError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}; `nextbest keys --out DIR` writes such a folder", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or key is not one.
    #[error("{path}: {source}", path = path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
}

impl KeyFolder {
    /// Reads a folder.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(folder: &Path) -> Result<Self, KeyFolderError> {
        let ca = folder.join("ca.pem");
        let trust =
            Trust::from_pem(&read_text(&ca)?).map_err(|source| KeyFolderError::Certificate { path: ca, source })?;
        let mut hubs = HashMap::new();
        for path in files(&folder.join("hubs"), "pem")? {
            let key = read_text(&path.with_extension("key"))?;
            let keys = nextbest_client::Credentials::from_pem(&read_text(&path)?, &key);
            hubs.insert(
                stem(&path),
                keys.map_err(|source| KeyFolderError::Certificate { path, source })?,
            );
        }
        let mut tokens = HashMap::new();
        for path in files(&folder.join("tokens"), "jwt")? {
            tokens.insert(stem(&path), read_text(&path)?.trim().to_owned());
        }
        let service = match tokens.remove("service") {
            Some(service) => service,
            None => read_text(&folder.join("tokens").join("service.jwt"))?,
        };
        Ok(Self {
            trust,
            hubs,
            tokens,
            service,
        })
    }

    /// Whom to trust.
    #[must_use]
    pub fn trust(&self) -> Trust {
        self.trust.clone()
    }
}

impl Credentials for KeyFolder {
    fn hub(&self, hub_id: &str) -> Option<nextbest_client::Credentials> {
        self.hubs.get(hub_id).cloned()
    }

    fn app_token(&self, customer: &str) -> Option<String> {
        self.tokens.get(customer).cloned()
    }

    fn service_token(&self) -> String {
        self.service.clone()
    }
}

/// The files of a folder with this ending, in order of their names.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, KeyFolderError> {
    let entries = fs::read_dir(folder).map_err(|source| KeyFolderError::Read {
        path: folder.to_owned(),
        source,
    })?;
    let mut paths: Vec<PathBuf> = entries
        .take(FILES_MAX)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    Ok(paths)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read_text(path: &Path) -> Result<String, KeyFolderError> {
    fs::read_to_string(path).map_err(|source| KeyFolderError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Most files of one folder.
const FILES_MAX: usize = 100_000;
