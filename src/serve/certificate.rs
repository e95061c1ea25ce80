//! What a certificate says about its holder.
//!
//! The chain was checked by the TLS library before anybody asks here; this only reads the subject.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The parts of a subject that nextbest uses; `None` when absent or not text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSubject {
    /// Of a hub: its id.
    pub common_name: Option<String>,
    /// The venue's id.
    pub organization: Option<String>,
    /// "hub" for a hub.
    pub unit: Option<String>,
}

/// The subject of a certificate; `None` when it is not one.
#[must_use]
pub fn subject_of(certificate: &CertificateDer<'_>) -> Option<CertificateSubject> {
    let (_rest, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let text = |value: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
        value.and_then(|value| value.as_str().ok()).map(str::to_owned)
    };
    Some(CertificateSubject {
        common_name: text(subject.iter_common_name().next()),
        organization: text(subject.iter_organization().next()),
        unit: text(subject.iter_organizational_unit().next()),
    })
}
