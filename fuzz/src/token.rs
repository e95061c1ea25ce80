//! Tokens: what this venue has not signed opens nothing, and what it has signed, however careless, opens only what the
//! claims may.

use std::sync::LazyLock;

use nextbest::serve::token::{Role, TokenError, TokenSigner, TokenVerifier};
use nextbest_proto::limits::{SUBJECT_LEN_MAX, TOKEN_LEN_MAX};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The moment of every attempt, in seconds since 1970.
const NOW: u64 = 1_800_000_000;
const VENUE: &str = "hall";
/// A secret that everybody may know: 32 times 7.
const SEED: [u8; 32] = [7; 32];
/// What PKCS #8 puts before the 32 bytes of an Ed25519 key (RFC 8410).
const PKCS8_HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// The header of a token of ours.
const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

/// The venue's keys, and a token that is right.
struct Desk {
    signer: TokenSigner,
    verifier: TokenVerifier,
    good: String,
}

static DESK: LazyLock<Option<Desk>> = LazyLock::new(|| {
    let public = Ed25519KeyPair::from_seed_unchecked(&SEED)
        .ok()?
        .public_key()
        .as_ref()
        .try_into()
        .ok()?;
    let signer = TokenSigner::new(&[&PKCS8_HEAD[..], &SEED].concat(), VENUE).ok()?;
    let good = signer.sign("ada", Role::Customer, NOW, 60).ok()?;
    Some(Desk {
        signer,
        verifier: TokenVerifier::new(public, VENUE),
        good,
    })
});

/// The first byte says whether the rest is a token as it comes, the claims of a signed one, header and claims of a signed
/// one, or bytes to change of a good one.
pub fn run(data: &[u8]) {
    let Some(desk) = &*DESK else {
        unreachable!("a fixed key is a key")
    };
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    match (first % 4, str::from_utf8(rest)) {
        (0, Ok(token)) => check(desk, token, token == desk.good),
        (1, Ok(claims)) => check(desk, &desk.signer.sign_raw(HEADER, claims), true),
        (2, Ok(text)) => {
            let (header, claims) = text.split_once('\n').unwrap_or((text, ""));
            check(desk, &desk.signer.sign_raw(header, claims), header_is_ours(header));
        }
        (3, _) => changed(desk, rest),
        (_, Err(_)) | (4.., _) => {}
    }
}

/// `may_open`: somebody could be let in by this.
fn check(desk: &Desk, token: &str, may_open: bool) {
    match desk.verifier.verify(token, NOW) {
        Ok(principal) => {
            assert!(may_open && token.len() <= TOKEN_LEN_MAX);
            assert!((1..=SUBJECT_LEN_MAX).contains(&principal.subject.len()));
            assert!(principal.expires_unix_s > NOW);
            let life_s_max = principal.role.life_s_max() + 60;
            assert!(principal.expires_unix_s - NOW <= life_s_max);
        }
        Err(TokenError::TooLong) => assert!(token.len() > TOKEN_LEN_MAX),
        Err(error) => assert!(!error.to_string().is_empty() && token.len() <= TOKEN_LEN_MAX),
    }
}

/// As RFC 7519 says it, by another reader.
fn header_is_ours(header: &str) -> bool {
    header.contains("alg") && header.contains("EdDSA") || header.contains('\\')
}

/// Places and bytes to put there: a token that differs in anything is another one.
fn changed(desk: &Desk, changes: &[u8]) {
    let mut token = desk.good.clone().into_bytes();
    for change in changes.chunks_exact(2) {
        let at = usize::from(change[0]) % token.len();
        token[at] = change[1];
    }
    if let Ok(token) = str::from_utf8(&token) {
        check(desk, token, token == desk.good);
        assert_eq!(desk.verifier.verify(token, NOW).is_ok(), token == desk.good);
    }
}
