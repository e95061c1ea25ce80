//! What a certificate says about its holder.
//!
//! The chain was checked by the TLS library before anybody asks here; this only reads the subject.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// What stands before the id of a zone in [`zone_uri`].
const ZONE_URI_PREFIX: &str = "urn:nextbest:zone:";

/// How a hub's certificate names a zone that the hub may report: an alternative name of type URI. What is neither letter,
/// digit, '-', '.', '_' nor '~' is percent-encoded (RFC 3986, section 2.1).
#[must_use]
pub fn zone_uri(zone_id: &str) -> String {
    let mut uri = ZONE_URI_PREFIX.to_owned();
    for byte in zone_id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The parts of a subject that nextbest uses; `None` when absent or not text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSubject {
    /// Of a hub: its id.
    pub common_name: Option<String>,
    /// The venue's id.
    pub organization: Option<String>,
    /// "hub" for a hub.
    pub unit: Option<String>,
    /// Of a hub: the zones that it may report, each as [`zone_uri`] writes it; none means those that the map gives it.
    pub zones: Vec<String>,
    /// The serial number in small hexadecimal digits, without leading zeros.
    pub serial: String,
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
        zones: zones(&certificate),
        serial: serial(certificate.raw_serial()),
    })
}

fn zones(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names
        .map(|names| names.value.general_names.as_slice())
        .unwrap_or_default();
    let zone = |name: &GeneralName<'_>| {
        let GeneralName::URI(uri) = name else { return None };
        uri.starts_with(ZONE_URI_PREFIX).then(|| (*uri).to_owned())
    };
    names.iter().filter_map(zone).collect()
}

fn serial(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.trim_start_matches('0').to_owned()
}
