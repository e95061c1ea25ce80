//! TLS to a broker and from hubs: rustls with ring, the venue's own authorities, and a certificate of ours where the broker asks for one.
//!
//! Deliberately absent: the machine's list of authorities. A venue's broker is signed by the venue; whoever uses a public
//! one names the file.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

use super::settings::{Secret, TlsFiles};

/// Why the files cannot be used.
#[derive(Debug, Error)]
pub(super) enum TlsError {
    /// No authority can be read.
    #[error("[mqtt] ca: expected one or more certificates in PEM")]
    Authorities,
    /// No authority for hubs can be read.
    #[error("[mqtt.listener] hubs_ca: expected one or more certificates in PEM")]
    Hubs,
    /// The name of the broker in its certificate.
    #[error("[mqtt] broker: expected a name or an address that a certificate can hold")]
    Host,
    /// Our own certificate or key cannot be read, or they do not belong together.
    #[error("[mqtt] certificate and key, here or of the listener: expected a certificate in PEM and its key in PEM")]
    Own,
}

/// What a client needs to speak TLS.
///
/// # Errors
/// [`TlsError`].
pub(super) fn client_config(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(&files.authorities).ok_or(TlsError::Authorities)?);
    if added == 0 {
        return Err(TlsError::Authorities);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Own)?
        .with_root_certificates(roots);
    let config = match &files.own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = certificates(chain).ok_or(TlsError::Own)?;
            let key = PrivateKeyDer::from_pem_slice(key.bytes()).map_err(|_| TlsError::Own)?;
            builder.with_client_auth_cert(chain, key).map_err(|_| TlsError::Own)?
        }
    };
    Ok(Arc::new(config))
}

/// What a listener needs to speak TLS; `hubs`: who may have signed the certificates that hubs must then show.
///
/// # Errors
/// [`TlsError`].
pub(super) fn server_config(
    certificate: &[u8],
    key: &Secret,
    hubs: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Own)?;
    let builder = match hubs {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            let (added, _) = roots.add_parsable_certificates(certificates(authorities).ok_or(TlsError::Hubs)?);
            if added == 0 {
                return Err(TlsError::Hubs);
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|_| TlsError::Hubs)?)
        }
    };
    let chain = certificates(certificate).ok_or(TlsError::Own)?;
    let key = PrivateKeyDer::from_pem_slice(key.bytes()).map_err(|_| TlsError::Own)?;
    let config = builder.with_single_cert(chain, key).map_err(|_| TlsError::Own)?;
    Ok(Arc::new(config))
}

/// Every certificate of a text in PEM; `None` when there is none, or one is broken.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty())
}
