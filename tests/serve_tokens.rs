//! No token but ours opens the door: a table of forgeries, one reason each.
//!
//! The signature is checked before anything of a token is parsed, so most forgeries fail there; those that carry
//! our signature (a careless issuer) fail at the claim that is wrong.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::token::{CUSTOMER_LIFE_S_MAX, Role, SERVICE_LIFE_S_MAX, TokenError, TokenSigner, TokenVerifier};

const NOW: u64 = 1_800_000_000;
const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

struct Desk {
    signer: TokenSigner,
    verifier: TokenVerifier,
    _dir: tempfile::TempDir,
}

fn desk(venue_id: &str) -> Desk {
    let dir = tempfile::TempDir::new().unwrap();
    let request = KeyRequest {
        venue_id: venue_id.into(),
        ..KeyRequest::default()
    };
    make_keys(dir.path(), &request, NOW).unwrap();
    let keys = KeyFolder::open(dir.path()).unwrap();
    Desk {
        signer: keys.token_signer().unwrap(),
        verifier: keys.token_verifier().unwrap(),
        _dir: dir,
    }
}

fn claims(changes: &[(&str, &str)]) -> String {
    let good = [
        ("iss", r#""nextbest""#.to_owned()),
        ("aud", r#""hall""#.to_owned()),
        ("sub", r#""ada""#.to_owned()),
        ("role", r#""customer""#.to_owned()),
        ("iat", NOW.to_string()),
        ("exp", (NOW + 60).to_string()),
    ];
    let value = |name: &str, good: String| match changes.iter().find(|(changed, _)| *changed == name) {
        Some((_, "")) => None,
        Some((_, value)) => Some((*value).to_owned()),
        None => Some(good),
    };
    let fields: Vec<_> = good
        .into_iter()
        .filter_map(|(name, good)| value(name, good).map(|value| format!(r#""{name}":{value}"#)))
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[test]
fn what_we_sign_is_what_we_read() {
    let desk = desk("hall");
    for (role, life_s_max) in [
        (Role::Customer, CUSTOMER_LIFE_S_MAX),
        (Role::Service, SERVICE_LIFE_S_MAX),
    ] {
        let token = desk.signer.sign("ada", role, NOW, u64::MAX).unwrap();
        let principal = desk.verifier.verify(&token, NOW).unwrap();
        assert_eq!((principal.subject.as_str(), principal.role), ("ada", role));
        assert_eq!(
            principal.expires_unix_s,
            NOW + life_s_max,
            "a life is cut to what the role allows"
        );
        assert_eq!(desk.verifier.verify(&token, NOW + life_s_max - 1).map(|_| ()), Ok(()));
        assert_eq!(desk.verifier.verify(&token, NOW + life_s_max), Err(TokenError::Expired));
    }
}

#[test]
fn a_header_that_says_anything_else_is_refused_even_with_our_signature() {
    let desk = desk("hall");
    let headers = [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"eddsa"}"#,
        r#"{"alg":"Ed25519"}"#,
        r#"{"alg":"EdDSA","jku":"https://evil.example/keys"}"#,
        r#"{"alg":"EdDSA","x5u":"https://evil.example/x"}"#,
        r#"{"alg":"EdDSA","jwk":{"kty":"OKP"}}"#,
        r#"{"alg":"EdDSA","crit":["exp"]}"#,
        r#"{"alg":"EdDSA","kid":"../../../dev/null"}"#,
        r#"{"alg":"EdDSA","kid":"' OR 1=1"}"#,
        r#"{"alg":"EdDSA","alg":"none"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
        r#"{"typ":"JWT"}"#,
        "{}",
        "",
        "null",
    ];
    for header in headers {
        let token = desk.signer.sign_raw(header, &claims(&[]));
        assert_eq!(desk.verifier.verify(&token, NOW), Err(TokenError::Header), "{header}");
    }
}

#[test]
fn claims_that_are_wrong_are_refused_even_with_our_signature() {
    let desk = desk("hall");
    let (too_long, skewed) = ((NOW + CUSTOMER_LIFE_S_MAX + 1).to_string(), (NOW + 61).to_string());
    let long_subject = format!("\"{}\"", "x".repeat(65));
    let table: &[(&[(&str, &str)], TokenError)] = &[
        (&[("exp", "")], TokenError::Claims),
        (&[("iat", "")], TokenError::Claims),
        (&[("sub", "")], TokenError::Claims),
        (&[("aud", "")], TokenError::Claims),
        (&[("iss", "")], TokenError::Claims),
        (&[("role", "")], TokenError::Claims),
        (&[("exp", "\"1800000060\"")], TokenError::Claims),
        (&[("exp", "1800000060.5")], TokenError::Claims),
        (&[("exp", "-1")], TokenError::Claims),
        (&[("exp", "1e40")], TokenError::Claims),
        (&[("exp", "null")], TokenError::Claims),
        (&[("exp", "18446744073709551616")], TokenError::Claims),
        (&[("exp", "9223372036854775808")], TokenError::Life),
        (&[("exp", "18446744073709551615")], TokenError::Life),
        (&[("exp", &too_long)], TokenError::Life),
        (&[("exp", "1799999999")], TokenError::Claims),
        (&[("iat", "1799999000"), ("exp", "1799999999")], TokenError::Expired),
        (&[("iat", "1799999000"), ("exp", "1800000000")], TokenError::Expired),
        (&[("iat", &skewed), ("exp", "1800000100")], TokenError::Life),
        (&[("iss", "\"someone\"")], TokenError::Issuer),
        (&[("iss", "[\"nextbest\"]")], TokenError::Claims),
        (&[("aud", "\"museum\"")], TokenError::Venue),
        (&[("aud", "[\"hall\",\"museum\"]")], TokenError::Claims),
        (&[("sub", "\"\"")], TokenError::Claims),
        (&[("sub", "7")], TokenError::Claims),
        (&[("sub", "\"ada b\"")], TokenError::Claims),
        (&[("sub", "\"ada#\"")], TokenError::Claims),
        (&[("sub", "\"ada\",\"jti\":\"a\\nb\"")], TokenError::Claims),
        (&[("sub", "\"ada\",\"jti\":\"a b\"")], TokenError::Claims),
        (&[("sub", &long_subject)], TokenError::Claims),
        (&[("role", "\"admin\"")], TokenError::Claims),
        (&[("role", "\"Service\"")], TokenError::Claims),
    ];
    for (changes, expected) in table {
        let token = desk.signer.sign_raw(HEADER, &claims(changes));
        assert_eq!(desk.verifier.verify(&token, NOW), Err(*expected), "{changes:?}");
    }
    for twice in [
        r#","exp":1800000060}"#,
        r#","sub":"ben"}"#,
        r#","admin":true}"#,
        r#","nbf":0}"#,
    ] {
        let claims = claims(&[]).replace('}', twice);
        let token = desk.signer.sign_raw(HEADER, &claims);
        assert_eq!(desk.verifier.verify(&token, NOW), Err(TokenError::Claims), "{claims}");
    }
}

#[test]
fn what_we_have_not_signed_is_refused_before_it_is_read() {
    let (ours, theirs) = (desk("hall"), desk("hall"));
    let good = ours.signer.sign("ada", Role::Customer, NOW, 60).unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _claims) = signed.split_once('.').unwrap();
    let forged_claims = URL_SAFE_NO_PAD.encode(claims(&[("role", "\"service\"")]));
    let none_header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let hs256 = URL_SAFE_NO_PAD.encode([7_u8; 32]);
    let table = [
        (String::new(), TokenError::Missing),
        (
            theirs.signer.sign("ada", Role::Customer, NOW, 60).unwrap(),
            TokenError::Signature,
        ),
        (format!("{header}.{forged_claims}.{signature}"), TokenError::Signature),
        (format!("{none_header}.{forged_claims}."), TokenError::Signature),
        (format!("{none_header}.{forged_claims}"), TokenError::Malformed),
        (format!("{signed}.{hs256}"), TokenError::Signature),
        (format!("{signed}.{signature}="), TokenError::Malformed),
        (format!("{signed}.{signature} "), TokenError::Malformed),
        (format!("{good}.{signature}"), TokenError::Signature),
        (good[..good.len() - 1].to_owned(), TokenError::Signature),
        (good[1..].to_owned(), TokenError::Signature),
        ("..".into(), TokenError::Signature),
        (".".into(), TokenError::Malformed),
        ("x".into(), TokenError::Malformed),
        ("\u{202e}.\u{0}.\n".into(), TokenError::Malformed),
        ("a".repeat(1_025), TokenError::TooLong),
        ("a".repeat(100 * 1_024), TokenError::TooLong),
    ];
    for (token, expected) in table {
        assert_eq!(ours.verifier.verify(&token, NOW), Err(expected), "{token:.40}");
    }
}

#[test]
fn only_one_spelling_of_a_token_is_taken() {
    let desk = desk("hall");
    // A signature whose standard and URL-safe spellings differ, so that the check can fail.
    let good = (0..200)
        .map(|n| desk.signer.sign(&format!("ada-{n}"), Role::Customer, NOW, 60).unwrap())
        .find(|token| {
            token
                .rsplit_once('.')
                .is_some_and(|(_, signature)| signature.contains(['-', '_']))
        })
        .unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for other in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes)] {
        let token = format!("{signed}.{other}");
        assert_eq!(desk.verifier.verify(&token, NOW), Err(TokenError::Malformed));
    }
    // The last character of 64 bytes carries four bits that are not used; they must be zero.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let token = format!("{signed}.{}{next}", &signature[..signature.len() - 1]);
    assert_eq!(desk.verifier.verify(&token, NOW), Err(TokenError::Malformed));
}

#[test]
fn every_changed_character_is_noticed() {
    let desk = desk("hall");
    let good = desk.signer.sign("ada", Role::Customer, NOW, 60).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(desk.verifier.verify(&changed, NOW).is_err(), "character {at}");
    }
}
