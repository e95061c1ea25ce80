//! App tokens: who an app speaks for, signed by the venue.
//!
//! A token is a JSON Web Token (RFC 7519) in compact form, signed with Ed25519 (RFC 8037). The algorithm is the
//! server's choice, never the token's: length and form are looked at, then the signature over the bytes as they came,
//! and only a token that this venue has signed is parsed at all. So there is nothing to confuse: no algorithm to
//! negotiate, no key to fetch, no unauthenticated JSON. A general JWT library would bring every other algorithm with it.
//!
//! ```text
//! base64url(header) . base64url(claims) . base64url(signature, 64 bytes)
//! header  {"alg":"EdDSA","typ":"JWT"}           nothing else is allowed in it
//! claims  {"iss":"nextbest","aud":VENUE,"sub":CUSTOMER,"role":"customer"|"service","iat":S,"exp":S,"jti":ID}
//! ```
//!
//! `jti` may be absent; with it the one token can be revoked. While the key is changed, tokens of the former key are
//! good as well; both are tried, so that no token names its key.
//!
//! What garbage costs: a scan of [`TOKEN_LEN_MAX`] bytes at most, and only what looks like a token, down to the 86
//! characters of its signature, costs a check of a signature for each key, at most [`KEYS_MAX`].
//!
//! A customer's token lives 24 hours at most. A service's lives 30 days at most: it sits in a backend's secret
//! store and is rotated by people, a phone's is fetched anew by a program. Deliberately absent: refresh (the app's own
//! backend signs the next one), and the list of what was revoked ([`super::access`]).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nextbest_proto::limits::{SUBJECT_LEN_MAX, TOKEN_LEN_MAX};
use nextbest_proto::v1::ErrorCode;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest life of a customer's token, in seconds.
pub const CUSTOMER_LIFE_S_MAX: u64 = 24 * 3_600;
/// Longest life of a service's token, in seconds.
pub const SERVICE_LIFE_S_MAX: u64 = 30 * 24 * 3_600;
/// Longest id of a token.
pub const TOKEN_ID_LEN_MAX: usize = 64;
/// Keys whose tokens are good at once: the present one and the one before.
pub const KEYS_MAX: usize = 2;
/// How far the issuer's clock may be ahead of ours, in seconds.
pub const CLOCK_SKEW_S_MAX: u64 = 60;
/// Who issues tokens.
const ISSUER: &str = "nextbest";
/// The one algorithm.
const ALGORITHM: &str = "EdDSA";

/// For whom a token speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// One customer, always its own.
    Customer,
    /// A backend, a kiosk, the desk, a load tester: may name the customer in each request.
    Service,
}

impl Role {
    /// Longest life of a token with this role, in seconds.
    #[must_use]
    pub const fn life_s_max(self) -> u64 {
        match self {
            Self::Customer => CUSTOMER_LIFE_S_MAX,
            Self::Service => SERVICE_LIFE_S_MAX,
        }
    }
}

/// Who has connected, as its token says. Shows what they may do when printed, never who they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// The customer or the service.
    pub subject: String,
    /// What it may do.
    pub role: Role,
    /// The token's own id, when its issuer gave it one.
    pub token_id: Option<String>,
    /// When the token was issued, in seconds since 1970-01-01 UTC.
    pub issued_unix_s: u64,
    /// When the token ends, in seconds since 1970-01-01 UTC.
    pub expires_unix_s: u64,
    /// The public key that its signature fits.
    pub signed_by: PublicKey,
}

/// An Ed25519 public key.
pub type PublicKey = [u8; PUBLIC_KEY_LEN];

impl std::fmt::Debug for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Principal")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// There was none.
    #[error("a token is expected in the hello")]
    Missing,
    /// It is longer than any token of ours.
    #[error("a token has at most {TOKEN_LEN_MAX} bytes")]
    TooLong,
    /// It is not three base64url parts without padding.
    #[error("a token is three base64url parts without padding, joined by dots")]
    Malformed,
    /// This venue has not signed it.
    #[error("the token is not signed with this venue's key")]
    Signature,
    /// Its header says something else than EdDSA, or more than algorithm and type.
    #[error("the token's header is expected to be alg EdDSA and typ JWT only")]
    Header,
    /// A claim is missing, doubled, of the wrong type or out of range.
    #[error("the token's claims are expected to be iss, aud, sub, role, iat, exp and perhaps jti, each once")]
    Claims,
    /// Somebody else has issued it.
    #[error("the token's issuer is expected to be \"nextbest\"")]
    Issuer,
    /// It is for another venue.
    #[error("the token is for another venue")]
    Venue,
    /// It is issued in the future, or lives longer than its role allows.
    #[error("the token is issued in the future or lives longer than its role allows")]
    Life,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It, or all tokens of its subject up to that time, were revoked.
    #[error("the token was revoked; a fresh one is expected")]
    Revoked,
}

impl TokenError {
    /// The code of the contract.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::TokenMissing,
            Self::Expired => ErrorCode::TokenExpired,
            Self::Revoked => ErrorCode::TokenRevoked,
            Self::Venue => ErrorCode::WrongVenue,
            Self::TooLong
            | Self::Malformed
            | Self::Signature
            | Self::Header
            | Self::Claims
            | Self::Issuer
            | Self::Life => ErrorCode::TokenInvalid,
        }
    }
}

/// Checks tokens with the venue's public keys.
#[derive(Clone, Debug)]
pub struct TokenVerifier {
    key: PublicKey,
    former_key: Option<PublicKey>,
    venue_id: String,
}

/// Bytes of an Ed25519 public key.
pub const PUBLIC_KEY_LEN: usize = 32;
/// Bytes of an Ed25519 signature.
const SIGNATURE_LEN: usize = 64;
/// Characters of a signature in base64url without padding.
const SIGNATURE_TEXT_LEN: usize = 86;
/// Random bytes of a token's id.
const TOKEN_ID_BYTES: usize = 16;

impl TokenVerifier {
    /// A verifier for the tokens of one venue.
    #[must_use]
    pub fn new(public_key: PublicKey, venue_id: &str) -> Self {
        Self {
            key: public_key,
            former_key: None,
            venue_id: venue_id.to_owned(),
        }
    }

    /// The same, and tokens of the key before are good as well, until it is left out.
    #[must_use]
    pub fn with_former(self, former_key: Option<PublicKey>) -> Self {
        Self { former_key, ..self }
    }

    /// Whether tokens of a key are good.
    #[must_use]
    pub fn has_key(&self, key: &PublicKey) -> bool {
        self.keys().any(|known| known == key)
    }

    fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        [Some(&self.key), self.former_key.as_ref()].into_iter().flatten()
    }

    /// Who the token speaks for, at the wall-clock second `unix_s`.
    ///
    /// # Errors
    /// [`TokenError`]; the first thing that is wrong.
    pub fn verify(&self, token: &str, unix_s: u64) -> Result<Principal, TokenError> {
        let parts = Parts::of(token)?;
        let signed_by = self.signer_of(&parts)?;
        check_header(&decode(parts.header)?)?;
        let claims: Claims = serde_json::from_slice(&decode(parts.claims)?).map_err(|_| TokenError::Claims)?;
        self.check_claims(claims, signed_by, unix_s)
    }

    /// The key that a token is signed with.
    fn signer_of(&self, parts: &Parts<'_>) -> Result<PublicKey, TokenError> {
        let signature = decode(parts.signature)?;
        if signature.len() != SIGNATURE_LEN {
            return Err(TokenError::Signature);
        }
        let fits = |key: &&PublicKey| {
            let key = UnparsedPublicKey::new(&ED25519, key.as_slice());
            key.verify(parts.signed.as_bytes(), &signature).is_ok()
        };
        self.keys().find(fits).copied().ok_or(TokenError::Signature)
    }

    fn check_claims(&self, claims: Claims, signed_by: PublicKey, unix_s: u64) -> Result<Principal, TokenError> {
        if claims.iss != ISSUER {
            return Err(TokenError::Issuer);
        }
        if claims.aud != self.venue_id {
            return Err(TokenError::Venue);
        }
        let is_id = |id: &String| is_name(id, TOKEN_ID_LEN_MAX);
        let is_subject = is_name(&claims.sub, SUBJECT_LEN_MAX);
        if !is_subject || !claims.jti.iter().all(is_id) || claims.exp < claims.iat {
            return Err(TokenError::Claims);
        }
        let skewed = claims.iat > unix_s.saturating_add(CLOCK_SKEW_S_MAX);
        if skewed || claims.exp - claims.iat > claims.role.life_s_max() {
            return Err(TokenError::Life);
        }
        if claims.exp <= unix_s {
            return Err(TokenError::Expired);
        }
        Ok(Principal {
            subject: claims.sub,
            role: claims.role,
            token_id: claims.jti,
            issued_unix_s: claims.iat,
            expires_unix_s: claims.exp,
            signed_by,
        })
    }
}

/// Whether a name can stand in the list of what is revoked, so that nobody has one that cannot be refused.
pub(super) fn is_name(name: &str, len_max: usize) -> bool {
    let fits = |character: char| !character.is_whitespace() && !character.is_control() && character != '#';
    (1..=len_max).contains(&name.len()) && name.chars().all(fits)
}

/// A token that has the form of one; nothing of it is believed.
struct Parts<'a> {
    header: &'a str,
    claims: &'a str,
    /// Both, as they were signed.
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, TokenError> {
        match token.len() {
            0 => return Err(TokenError::Missing),
            1..=TOKEN_LEN_MAX => {}
            _ => return Err(TokenError::TooLong),
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !signature.bytes().all(is_base64url) || !signed.bytes().all(|byte| is_base64url(byte) || byte == b'.') {
            return Err(TokenError::Malformed);
        }
        if signature.len() != SIGNATURE_TEXT_LEN {
            return Err(TokenError::Signature);
        }
        Ok(Self {
            header,
            claims,
            signed,
            signature,
        })
    }
}

/// Signs tokens with the venue's key. Shows nothing of the key when printed.
pub struct TokenSigner {
    key: Ed25519KeyPair,
    venue_id: String,
}

/// Why a token could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// The key is not one.
    #[error("the token-signing key is expected to be an Ed25519 key in PKCS #8")]
    Key,
    /// Nobody to speak for.
    #[error("a customer's id has 1 to {SUBJECT_LEN_MAX} bytes without spaces, `#` and control characters")]
    Subject,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for the token's id")]
    Random,
    /// The claims do not fit.
    #[error("the token would be longer than {TOKEN_LEN_MAX} bytes; the venue's id is too long")]
    TooLong,
}

impl TokenSigner {
    /// A signer for one venue, from a key in PKCS #8.
    ///
    /// # Errors
    /// [`SignError::Key`] when the bytes are not an Ed25519 key.
    pub fn new(pkcs8: &[u8], venue_id: &str) -> Result<Self, SignError> {
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| SignError::Key)?;
        Ok(Self {
            key,
            venue_id: venue_id.to_owned(),
        })
    }

    /// A token that starts at the wall-clock second `unix_s` and lives `life_s`, shortened to what the role allows.
    ///
    /// It has a random id, so that it can be revoked alone.
    ///
    /// # Errors
    /// [`SignError::Subject`], [`SignError::Random`] or [`SignError::TooLong`].
    pub fn sign(&self, subject: &str, role: Role, unix_s: u64, life_s: u64) -> Result<String, SignError> {
        if !is_name(subject, SUBJECT_LEN_MAX) {
            return Err(SignError::Subject);
        }
        let mut id = [0; TOKEN_ID_BYTES];
        SystemRandom::new().fill(&mut id).map_err(|_| SignError::Random)?;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: self.venue_id.clone(),
            sub: subject.to_owned(),
            role,
            iat: unix_s,
            exp: unix_s.saturating_add(life_s.min(role.life_s_max())),
            jti: Some(URL_SAFE_NO_PAD.encode(id)),
        };
        let claims = serde_json::to_string(&claims).map_err(|_| SignError::Subject)?;
        let token = self.sign_raw(r#"{"alg":"EdDSA","typ":"JWT"}"#, &claims);
        if token.len() > TOKEN_LEN_MAX {
            Err(SignError::TooLong)
        } else {
            Ok(token)
        }
    }

    /// Signs any header and claims, as a careless issuer would. For tests of the verifier.
    #[must_use]
    pub fn sign_raw(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSigner")
            .field("venue_id", &self.venue_id)
            .finish_non_exhaustive()
    }
}

/// The header of RFC 7515. Every other field is refused, `jku`, `x5u`, `jwk`, `kid` and `crit` among them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: Option<String>,
}

/// The claims. Serde refuses a doubled one.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    role: Role,
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

fn check_header(header: &[u8]) -> Result<(), TokenError> {
    let header: Header = serde_json::from_slice(header).map_err(|_| TokenError::Header)?;
    let typ_fits = header.typ.is_none_or(|typ| typ == "JWT");
    if header.alg == ALGORITHM && typ_fits {
        Ok(())
    } else {
        Err(TokenError::Header)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}
