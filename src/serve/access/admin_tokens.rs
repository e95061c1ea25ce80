//! Who may come in at the admin listener: a name, a role, an end, and the digest of a token.
//!
//! ```text
//! # name role until sha256
//! grafana viewer 1831536000 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! ```
//!
//! A token is 256 random bits behind `nbadmin_`, so nobody can try it out, and a plain SHA-256 of it tells nothing: a
//! slow hash protects words that people choose. It is shown once, when it is made; the key folder keeps only the
//! digest, in `admin-tokens`. All digests are compared, each in constant time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use thiserror::Error;

/// What an admin token begins with, so that tools which look for secrets in files find it.
pub const ADMIN_TOKEN_PREFIX: &str = "nbadmin_";
/// Longest life of an admin token, in days.
pub const ADMIN_LIFE_DAYS_MAX: u64 = 366;
/// Tokens of one venue.
pub const ADMIN_TOKENS_MAX: usize = 256;
/// Longest name.
const NAME_LEN_MAX: usize = 64;
/// Random bytes of a token.
const SECRET_LEN: usize = 32;
/// Bytes of a token: the prefix and 32 bytes in base64url.
const TOKEN_LEN: usize = ADMIN_TOKEN_PREFIX.len() + 43;

/// What somebody may do at the admin listener; the routes' table says which route needs which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AdminRole {
    /// Looks: health, metrics, hubs.
    Viewer,
    /// Writes what is said to customers.
    Marketer,
    /// Approves what marketers write.
    Approver,
    /// Runs the gateway: keys, hubs, reloads.
    Operator,
    /// Serves one customer at the desk.
    Agent,
    /// Answers for personal data.
    PrivacyOfficer,
}

impl AdminRole {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Marketer,
        Self::Approver,
        Self::Operator,
        Self::Agent,
        Self::PrivacyOfficer,
    ];

    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Marketer => "marketer",
            Self::Approver => "approver",
            Self::Operator => "operator",
            Self::Agent => "agent",
            Self::PrivacyOfficer => "privacy-officer",
        }
    }

    /// The role of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// One line of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// Who has it.
    pub name: String,
    /// What they may do.
    pub role: AdminRole,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub until_unix_s: u64,
    digest: [u8; 32],
}

/// Why a token cannot be made, or the file not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AdminTokensError {
    /// Nobody's name.
    #[error("a name is expected to be 1 to {NAME_LEN_MAX} letters, digits, '-', '_', '.' or '@'")]
    Name,
    /// Somebody has it.
    #[error("there is an admin token with the name {0} already; revoke it first")]
    Taken(String),
    /// Nobody has it.
    #[error("there is no admin token with the name {0}")]
    Unknown(String),
    /// It would live for ever.
    #[error("an admin token is expected to live 1 to {ADMIN_LIFE_DAYS_MAX} days")]
    Life,
    /// Too many.
    #[error("a venue is expected to have at most {ADMIN_TOKENS_MAX} admin tokens")]
    TooMany,
    /// A line that says something else.
    #[error("line {line} is expected to be `NAME ROLE UNTIL_UNIX_SECONDS SHA256`, each name once")]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a token")]
    Random,
}

/// The admin tokens of a venue.
#[derive(Clone, Default)]
pub struct AdminTokens {
    tokens: Vec<AdminToken>,
}

impl AdminTokens {
    /// Reads a file.
    ///
    /// # Errors
    /// [`AdminTokensError::Line`] or [`AdminTokensError::TooMany`].
    pub fn read(text: &str) -> Result<Self, AdminTokensError> {
        let mut all = Self::default();
        for (line, words) in (1..).zip(text.lines()) {
            let words: Vec<_> = words.split('#').next().unwrap_or_default().split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            if all.tokens.len() >= ADMIN_TOKENS_MAX {
                return Err(AdminTokensError::TooMany);
            }
            let token = AdminToken::read(&words).filter(|token| all.named(&token.name).is_none());
            all.tokens.push(token.ok_or(AdminTokensError::Line { line })?);
        }
        Ok(all)
    }

    /// Makes a token and returns it; only its digest stays here.
    ///
    /// # Errors
    /// [`AdminTokensError`].
    pub fn make(
        &mut self,
        name: &str,
        role: AdminRole,
        life_days: u64,
        unix_s: u64,
    ) -> Result<String, AdminTokensError> {
        if !is_name(name) {
            return Err(AdminTokensError::Name);
        }
        if !(1..=ADMIN_LIFE_DAYS_MAX).contains(&life_days) {
            return Err(AdminTokensError::Life);
        }
        if self.named(name).is_some() {
            return Err(AdminTokensError::Taken(name.to_owned()));
        }
        if self.tokens.len() >= ADMIN_TOKENS_MAX {
            return Err(AdminTokensError::TooMany);
        }
        let mut secret = [0; SECRET_LEN];
        SystemRandom::new()
            .fill(&mut secret)
            .map_err(|_| AdminTokensError::Random)?;
        let token = format!("{ADMIN_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
        self.tokens.push(AdminToken {
            name: name.to_owned(),
            role,
            until_unix_s: unix_s.saturating_add(life_days * 86_400),
            digest: sha256(token.as_bytes()),
        });
        Ok(token)
    }

    /// Takes a token away.
    ///
    /// # Errors
    /// [`AdminTokensError::Unknown`].
    pub fn revoke(&mut self, name: &str) -> Result<(), AdminTokensError> {
        let before = self.tokens.len();
        self.tokens.retain(|token| token.name != name);
        if self.tokens.len() < before {
            Ok(())
        } else {
            Err(AdminTokensError::Unknown(name.to_owned()))
        }
    }

    /// Everybody who has one.
    pub fn iter(&self) -> impl Iterator<Item = &AdminToken> {
        self.tokens.iter()
    }

    /// Whose token it is, at the wall-clock second `unix_s`. Length and form are looked at before anything is hashed.
    #[must_use]
    pub fn holder(&self, token: &str, unix_s: u64) -> Option<&AdminToken> {
        let is_form = token.len() == TOKEN_LEN && token.starts_with(ADMIN_TOKEN_PREFIX);
        if !is_form {
            return None;
        }
        let digest = sha256(token.as_bytes());
        // All are compared, so that the time tells neither whether nor where one fits.
        let mut found = u32::MAX;
        for (at, known) in (0_u32..).zip(&self.tokens) {
            let fits: Choice = known.digest.as_slice().ct_eq(digest.as_slice());
            found.conditional_assign(&at, fits);
        }
        let token = self.tokens.get(usize::try_from(found).ok()?)?;
        (unix_s < token.until_unix_s).then_some(token)
    }

    fn named(&self, name: &str) -> Option<&AdminToken> {
        self.tokens.iter().find(|token| token.name == name)
    }
}

impl fmt::Display for AdminTokens {
    /// The file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# name role until sha256; `nextbest keys admin` writes this file")?;
        for token in &self.tokens {
            write!(f, "{} {} {} ", token.name, token.role.name(), token.until_unix_s)?;
            for byte in token.digest {
                write!(f, "{byte:02x}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Shows how many there are.
impl fmt::Debug for AdminTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdminTokens({} of them)", self.tokens.len())
    }
}

impl AdminToken {
    fn read(words: &[&str]) -> Option<Self> {
        let [name, role, until_unix_s, digest] = words else {
            return None;
        };
        is_name(name).then_some(())?;
        Some(Self {
            name: (*name).to_owned(),
            role: AdminRole::named(role)?,
            until_unix_s: until_unix_s.parse().ok()?,
            digest: unhex(digest)?,
        })
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(fits)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<_> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Vec<_> = digits
        .chunks(2)
        .filter_map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok())
        .collect();
    (digits.len() == 64).then(|| bytes.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_token_is_known_by_its_digest_until_it_ends_or_is_revoked() {
        let mut tokens = AdminTokens::default();
        let ops = tokens.make("ops", AdminRole::Operator, 1, NOW).unwrap();
        let eve = tokens.make("eve", AdminRole::Viewer, 366, NOW).unwrap();
        let file = tokens.to_string();
        assert!(!file.contains(&ops) && !file.contains(&ops[ADMIN_TOKEN_PREFIX.len()..]));
        let mut tokens = AdminTokens::read(&file).unwrap();
        let role = |tokens: &AdminTokens, token: &str, at| tokens.holder(token, at).map(|holder| holder.role);
        assert_eq!(role(&tokens, &ops, NOW), Some(AdminRole::Operator));
        assert_eq!(role(&tokens, &eve, NOW), Some(AdminRole::Viewer));
        assert_eq!(role(&tokens, &ops, NOW + 86_400), None, "it has ended");
        tokens.revoke("eve").unwrap();
        assert_eq!(role(&tokens, &eve, NOW), None);
        assert_eq!(tokens.revoke("eve"), Err(AdminTokensError::Unknown("eve".into())));
    }

    #[test]
    fn what_is_no_token_of_ours_is_nobody() {
        let mut tokens = AdminTokens::default();
        let ops = tokens.make("ops", AdminRole::Operator, 1, NOW).unwrap();
        let digest = tokens.to_string().split_whitespace().last().unwrap().to_owned();
        let long = "x".repeat(100_000);
        for no in [
            "",
            "nbadmin_",
            &ops[..ops.len() - 1],
            &format!("{ops}="),
            &ops.to_uppercase(),
            &digest,
            &long,
        ] {
            assert!(tokens.holder(no, NOW).is_none(), "{no:.60}");
        }
        for at in ADMIN_TOKEN_PREFIX.len()..ops.len() {
            let mut other = ops.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert!(
                tokens.holder(&String::from_utf8(other).unwrap(), NOW).is_none(),
                "character {at}"
            );
        }
    }

    #[test]
    fn names_lives_and_files_are_checked() {
        let mut tokens = AdminTokens::default();
        for (name, days, expected) in [
            ("", 1, AdminTokensError::Name),
            ("two words", 1, AdminTokensError::Name),
            ("ops", 0, AdminTokensError::Life),
            ("ops", 367, AdminTokensError::Life),
        ] {
            assert_eq!(
                tokens.make(name, AdminRole::Viewer, days, NOW),
                Err(expected),
                "{name:?} {days}"
            );
        }
        tokens.make("ops", AdminRole::Viewer, 1, NOW).unwrap();
        let taken = tokens.make("ops", AdminRole::Operator, 1, NOW);
        assert_eq!(taken, Err(AdminTokensError::Taken("ops".into())));
        let line = tokens.to_string().lines().last().unwrap().to_owned();
        for bad in [
            line.replace("viewer", "root"),
            line[..line.len() - 1].to_owned(),
            format!("{line}0"),
            format!("{line}\n{line}"),
            "ops viewer".to_owned(),
        ] {
            assert!(AdminTokens::read(&bad).is_err(), "{bad}");
        }
    }
}
