//! Can the keys be used, and for how long?

use std::path::Path;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Finding;
use crate::serve::access;
use crate::serve::clock::unix_s;
use crate::serve::keys::{KeyFolder, KeysError};

const SUBJECT: &str = "keys";
const DAY_S: i64 = 86_400;
/// Days before the end at which somebody should know.
const SOON_DAYS: i64 = 30;

pub(super) fn check(folder: &Path) -> Finding {
    match soonest(folder) {
        Ok(Some((name, end_s))) => match KeyFolder::open(folder).map(|keys| access::check(&keys)) {
            Ok(Err(error)) => Finding::bad(SUBJECT, error.to_string(), "mend that file; a gateway would not serve"),
            _ => judge(&name, end_s, i64::try_from(unix_s()).unwrap_or(i64::MAX)),
        },
        Ok(None) => Finding::bad(
            SUBJECT,
            "a certificate of the folder cannot be read",
            "make keys with `nextbest keys`",
        ),
        Err(error) => Finding::bad(SUBJECT, error.to_string(), "make keys with `nextbest keys`"),
    }
}

/// The certificate that ends first, and when, in seconds since 1970.
fn soonest(folder: &Path) -> Result<Option<(String, i64)>, KeysError> {
    let keys = KeyFolder::open(folder)?;
    let _can_verify = keys.token_verifier()?;
    let mut chains = vec![
        ("ca.pem".to_owned(), vec![keys.authority()?]),
        ("server.pem".to_owned(), keys.server()?.chain),
    ];
    for hub in keys.hub_ids()? {
        let chain = keys.hub(&hub)?.chain;
        chains.push((format!("hubs/{hub}.pem"), chain));
    }
    let ends = chains
        .iter()
        .flat_map(|(name, chain)| chain.iter().map(move |certificate| (name, end_of(certificate))));
    let ends: Option<Vec<_>> = ends.map(|(name, end_s)| Some((name.clone(), end_s?))).collect();
    Ok(ends.and_then(|ends| ends.into_iter().min_by_key(|(_, end_s)| *end_s)))
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_rest, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn judge(name: &str, end_s: i64, unix_s: i64) -> Finding {
    let days = (end_s - unix_s).div_euclid(DAY_S);
    match days {
        ..0 => Finding::bad(
            SUBJECT,
            format!("{name} has ended {} days ago", -days),
            "make new ones with `nextbest keys`, and give the hubs theirs",
        ),
        0..=SOON_DAYS => Finding::look(
            SUBJECT,
            format!("{name} ends in {days} days"),
            "make new ones with `nextbest keys` before that",
        ),
        _ => Finding::good(
            SUBJECT,
            format!("the first certificate to end, {name}, has {days} days"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::doctor::Verdict;
    use crate::serve::key_maker::{KeyRequest, make_keys};

    #[test]
    fn a_folder_that_no_gateway_would_take_is_bad() {
        let dir = tempfile::TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            ..KeyRequest::default()
        };
        make_keys(dir.path(), &request, unix_s()).unwrap();
        fs::create_dir_all(dir.path().join("hubs")).unwrap();
        assert_eq!(check(dir.path()).verdict, Verdict::Good);
        for (file, text) in [
            ("revoked", "hub\n"),
            ("hubs.crl", "nothing"),
            ("admin-tokens", "ops root 1 2\n"),
        ] {
            fs::write(dir.path().join(file), text).unwrap();
            assert_eq!(check(dir.path()).verdict, Verdict::Bad, "{file}");
            fs::remove_file(dir.path().join(file)).unwrap();
        }
    }

    #[test]
    fn who_ends_soon_is_named() {
        let at = |days: i64| judge("server.pem", days * DAY_S, 0);
        assert_eq!(at(-1).verdict, Verdict::Bad);
        assert_eq!(at(29).verdict, Verdict::Look);
        assert_eq!(at(400).verdict, Verdict::Good);
        assert!(at(29).found.contains("server.pem"), "{:?}", at(29));
    }
}
