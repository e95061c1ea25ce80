//! The list of what is refused although its signature is good: hubs, certificates, tokens, and all tokens of a person.
//!
//! ```text
//! # one refusal a line
//! hub hub-17
//! certificate 3f9a0c               serial number, hexadecimal
//! token Jv3cN0mYt8r2Qw5sKx1ZzA     the token's `jti`
//! customer ada 1800000000          customers' tokens issued at this second (1970-01-01 UTC) or before
//! subject service 1800000000       the same, and services' tokens as well
//! ```
//!
//! It lies in the key folder as `revoked`, so that it works without any other service. Deliberately absent: removal
//! by program; a refusal is taken back by a person with an editor, whose comments stay.

use std::collections::{HashMap, HashSet};
use std::fmt;

use nextbest_proto::limits::{HUB_ID_LEN_MAX, SUBJECT_LEN_MAX};
use thiserror::Error;

use crate::serve::token::{Principal, Role, TOKEN_ID_LEN_MAX, is_name};

/// Refusals in one list.
pub const REVOKED_LEN_MAX: usize = 65_536;
/// Longest list, in bytes.
pub const REVOKED_BYTES_MAX: u64 = 8 * 1_024 * 1_024;
/// Hexadecimal digits of a certificate's serial number (RFC 5280, section 4.1.2.2: 20 bytes).
const SERIAL_DIGITS_MAX: usize = 40;

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// A hub, whatever its certificate.
    Hub(String),
    /// One certificate, by its serial number in small hexadecimal digits.
    Certificate(String),
    /// One token, by its `jti`.
    Token(String),
    /// All tokens of a customer that were issued at this second of 1970-01-01 UTC or before.
    Customer {
        /// The customer.
        id: String,
        /// The last second whose tokens are refused.
        until_unix_s: u64,
    },
    /// All tokens of a customer or service that were issued at this second of 1970-01-01 UTC or before.
    Subject {
        /// The customer or service.
        id: String,
        /// The last second whose tokens are refused.
        until_unix_s: u64,
    },
}

/// Why a refusal cannot be written or a list not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RevocationError {
    /// A name that nobody can have.
    #[error("{what} is expected to be 1 to {len_max} bytes without spaces, `#` and control characters")]
    Name {
        /// Of what.
        what: &'static str,
        /// The longest.
        len_max: usize,
    },
    /// No serial number.
    #[error("a certificate is expected to be named by its serial number, 1 to {SERIAL_DIGITS_MAX} hexadecimal digits")]
    Serial,
    /// A line that says something else.
    #[error(
        "line {line} is expected to be `hub ID`, `certificate SERIAL`, `token ID`, `customer ID UNIX_SECONDS` or \
         `subject ID UNIX_SECONDS`"
    )]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// Too many.
    #[error("a list of revocations is expected to have at most {REVOKED_LEN_MAX} refusals")]
    TooMany,
    /// Too long, with its comments.
    #[error("a list of revocations is expected to have at most {REVOKED_BYTES_MAX} bytes; shorten its comments")]
    TooLong,
}

impl Revocation {
    /// A hub by its id.
    ///
    /// # Errors
    /// [`RevocationError::Name`].
    pub fn hub(id: &str) -> Result<Self, RevocationError> {
        Ok(Self::Hub(name("a hub", id, HUB_ID_LEN_MAX)?))
    }

    /// A certificate by its serial number, as tools print it: "3F:9A:0C" or "3f9a0c".
    ///
    /// # Errors
    /// [`RevocationError::Serial`].
    pub fn certificate(serial: &str) -> Result<Self, RevocationError> {
        let digits: String = serial.chars().filter(|character| *character != ':').collect();
        let is_serial =
            (1..=SERIAL_DIGITS_MAX + 2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let digits = digits.trim_start_matches('0').to_ascii_lowercase();
        // The serial number 0 is nobody's (RFC 5280, section 4.1.2.2).
        if is_serial && (1..=SERIAL_DIGITS_MAX).contains(&digits.len()) {
            Ok(Self::Certificate(digits))
        } else {
            Err(RevocationError::Serial)
        }
    }

    /// A token by its `jti`.
    ///
    /// # Errors
    /// [`RevocationError::Name`].
    pub fn token(id: &str) -> Result<Self, RevocationError> {
        Ok(Self::Token(name("a token's id", id, TOKEN_ID_LEN_MAX)?))
    }

    /// The tokens of a customer that were issued at `until_unix_s` or before.
    ///
    /// # Errors
    /// [`RevocationError::Name`].
    pub fn customer(id: &str, until_unix_s: u64) -> Result<Self, RevocationError> {
        let id = name("a customer", id, SUBJECT_LEN_MAX)?;
        Ok(Self::Customer { id, until_unix_s })
    }

    /// The tokens of a customer or service that were issued at `until_unix_s` or before.
    ///
    /// # Errors
    /// [`RevocationError::Name`].
    pub fn subject(id: &str, until_unix_s: u64) -> Result<Self, RevocationError> {
        let id = name("a customer or service", id, SUBJECT_LEN_MAX)?;
        Ok(Self::Subject { id, until_unix_s })
    }

    /// What is refused, without whom: "hub", "certificate", "token", "customer" or "subject".
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Hub(_) => "hub",
            Self::Certificate(_) => "certificate",
            Self::Token(_) => "token",
            Self::Customer { .. } => "customer",
            Self::Subject { .. } => "subject",
        }
    }

    /// The last second whose tokens are refused, when it is a person's or a service's.
    #[must_use]
    pub const fn until_unix_s(&self) -> Option<u64> {
        match self {
            Self::Hub(_) | Self::Certificate(_) | Self::Token(_) => None,
            Self::Customer { until_unix_s, .. } | Self::Subject { until_unix_s, .. } => Some(*until_unix_s),
        }
    }

    /// What a line says without its comment; nothing, when that is empty.
    ///
    /// # Errors
    /// [`RevocationError::Line`], with its number.
    fn of_line(line: usize, text: &str) -> Result<Option<Self>, RevocationError> {
        let words: Vec<_> = text.split('#').next().unwrap_or_default().split_whitespace().collect();
        if words.is_empty() {
            return Ok(None);
        }
        Self::read(&words).map(Some).ok_or(RevocationError::Line { line })
    }

    fn read(words: &[&str]) -> Option<Self> {
        match words {
            ["hub", id] => Self::hub(id).ok(),
            ["certificate", serial] => Self::certificate(serial).ok(),
            ["token", id] => Self::token(id).ok(),
            ["customer", id, until] => Self::customer(id, until.parse().ok()?).ok(),
            ["subject", id, until] => Self::subject(id, until.parse().ok()?).ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Revocation {
    /// The line of the list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(id) | Self::Certificate(id) | Self::Token(id) => write!(f, "{} {id}", self.kind()),
            Self::Customer { id, until_unix_s } | Self::Subject { id, until_unix_s } => {
                write!(f, "{} {id} {until_unix_s}", self.kind())
            }
        }
    }
}

fn name(what: &'static str, name: &str, len_max: usize) -> Result<String, RevocationError> {
    if is_name(name, len_max) {
        Ok(name.to_owned())
    } else {
        Err(RevocationError::Name { what, len_max })
    }
}

/// Everything that is refused.
#[derive(Clone, Default)]
pub struct Revoked {
    hubs: HashSet<String>,
    certificates: HashSet<String>,
    tokens: HashSet<String>,
    customers: HashMap<String, u64>,
    subjects: HashMap<String, u64>,
}

impl Revoked {
    /// Reads a list.
    ///
    /// # Errors
    /// [`RevocationError`], which names lines and nobody in them.
    pub fn read(text: &str) -> Result<Self, RevocationError> {
        let mut revoked = Self::default();
        for (line, text) in (1..).zip(text.lines()) {
            let Some(refusal) = Revocation::of_line(line, text)? else {
                continue;
            };
            revoked.add(refusal);
            if revoked.len() > REVOKED_LEN_MAX {
                return Err(RevocationError::TooMany);
            }
        }
        Ok(revoked)
    }

    /// A list with one more refusal. Comments stay; a line that says what another one says as well does not.
    ///
    /// # Errors
    /// [`RevocationError`]; a list that is returned can be read.
    pub fn merge(text: &str, revocation: &Revocation) -> Result<String, RevocationError> {
        let mut unwritten = Self::read(text)?;
        unwritten.add(revocation.clone());
        let mut merged = String::with_capacity(text.len());
        for (number, line) in (1..).zip(text.lines()) {
            let refusal = Revocation::of_line(number, line)?;
            if refusal.is_none_or(|refusal| unwritten.take(&refusal)) {
                merged.push_str(line);
                merged.push('\n');
            }
        }
        if unwritten.take(revocation) {
            merged.push_str(&revocation.to_string());
            merged.push('\n');
        }
        if merged.len() as u64 > REVOKED_BYTES_MAX {
            return Err(RevocationError::TooLong);
        }
        Self::read(&merged).map(|_| merged)
    }

    /// How many refusals there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hubs.len() + self.certificates.len() + self.tokens.len() + self.customers.len() + self.subjects.len()
    }

    /// Whether nothing is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a hub with this certificate is refused.
    #[must_use]
    pub fn has_hub(&self, hub_id: &str, serial: &str) -> bool {
        self.hubs.contains(hub_id) || self.certificates.contains(serial)
    }

    /// Whether a token is refused.
    #[must_use]
    pub fn has_token(&self, token: &Principal) -> bool {
        let by_id = token.token_id.as_deref().is_some_and(|id| self.tokens.contains(id));
        let customers = (token.role == Role::Customer).then_some(&self.customers);
        let mut until_unix_s = customers
            .into_iter()
            .chain([&self.subjects])
            .filter_map(|of| of.get(&token.subject));
        by_id || until_unix_s.any(|until_unix_s| token.issued_unix_s <= *until_unix_s)
    }

    fn add(&mut self, revocation: Revocation) {
        match revocation {
            Revocation::Hub(id) => drop(self.hubs.insert(id)),
            Revocation::Certificate(serial) => drop(self.certificates.insert(serial)),
            Revocation::Token(id) => drop(self.tokens.insert(id)),
            Revocation::Customer { id, until_unix_s } => later(&mut self.customers, id, until_unix_s),
            Revocation::Subject { id, until_unix_s } => later(&mut self.subjects, id, until_unix_s),
        }
    }

    /// Takes a refusal away; false when it is not here, or with another limit.
    fn take(&mut self, revocation: &Revocation) -> bool {
        let take_limit = |from: &mut HashMap<String, u64>, id: &String, until_unix_s: &u64| {
            from.get(id) == Some(until_unix_s) && from.remove(id).is_some()
        };
        match revocation {
            Revocation::Hub(id) => self.hubs.remove(id),
            Revocation::Certificate(serial) => self.certificates.remove(serial),
            Revocation::Token(id) => self.tokens.remove(id),
            Revocation::Customer { id, until_unix_s } => take_limit(&mut self.customers, id, until_unix_s),
            Revocation::Subject { id, until_unix_s } => take_limit(&mut self.subjects, id, until_unix_s),
        }
    }
}

fn later(limits: &mut HashMap<String, u64>, id: String, until_unix_s: u64) {
    let until = limits.entry(id).or_default();
    *until = until_unix_s.max(*until);
}

/// Shows how many there are, never who.
impl fmt::Debug for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revoked({} refusals)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(subject: &str, id: Option<&str>, issued_unix_s: u64) -> Principal {
        Principal {
            subject: subject.into(),
            role: Role::Customer,
            token_id: id.map(str::to_owned),
            issued_unix_s,
            expires_unix_s: u64::MAX,
            signed_by: [0; 32],
        }
    }

    #[test]
    fn what_is_on_the_list_is_refused_and_nothing_else() {
        let list = "# lost\nhub h1\ncertificate 00:3F:9a\n\ntoken t1 # stolen\nsubject ada 100\nsubject ada 50\n";
        let revoked = Revoked::read(list).unwrap();
        assert_eq!(revoked.len(), 4);
        assert!(revoked.has_hub("h1", "1") && revoked.has_hub("h2", "3f9a") && !revoked.has_hub("h2", "3f9b"));
        assert!(revoked.has_token(&token("ben", Some("t1"), 200)));
        assert!(!revoked.has_token(&token("ben", Some("t2"), 1)) && !revoked.has_token(&token("ben", None, 1)));
        assert!(
            revoked.has_token(&token("ada", None, 100)),
            "the later of two limits holds"
        );
        assert!(!revoked.has_token(&token("ada", None, 101)), "a fresh token is good");
        assert!(!format!("{revoked:?}").contains("ada"));
    }

    #[test]
    fn a_line_that_makes_no_sense_spoils_the_list() {
        for line in [
            "hub",
            "hub a b",
            "certificate xyz",
            "subject ada",
            "subject ada soon",
            "customer ada",
            "certificate 0",
            "hub \u{7}",
        ] {
            let list = format!("hub h1\n{line}\n");
            assert_eq!(
                Revoked::read(&list).unwrap_err(),
                RevocationError::Line { line: 2 },
                "{line:?}"
            );
        }
        let long = format!("hub {}\n", "x".repeat(HUB_ID_LEN_MAX + 1));
        assert_eq!(Revoked::read(&long).unwrap_err(), RevocationError::Line { line: 1 });
        let many: String = (0..=REVOKED_LEN_MAX).map(|n| format!("hub h{n}\n")).collect();
        assert_eq!(Revoked::read(&many).unwrap_err(), RevocationError::TooMany);
    }

    #[test]
    fn a_refusal_reads_back_as_it_was_written() {
        let all = [
            Revocation::hub("hub-17").unwrap(),
            Revocation::certificate("0A:1B").unwrap(),
            Revocation::token("Jv3cN0").unwrap(),
            Revocation::customer("ada", 7).unwrap(),
            Revocation::subject("ada", 7).unwrap(),
        ];
        for one in all {
            let line = one.to_string();
            assert_eq!(
                Revocation::read(&line.split(' ').collect::<Vec<_>>()),
                Some(one),
                "{line}"
            );
        }
        assert!(Revocation::hub("two words").is_err() && Revocation::subject("a\nhub b", 1).is_err());
        for nobody in ["", "0", "00", ":0"] {
            assert_eq!(
                Revocation::certificate(nobody),
                Err(RevocationError::Serial),
                "{nobody:?}"
            );
        }
    }

    #[test]
    fn a_list_says_everything_once_and_keeps_its_comments() {
        let mut list = "# lost\nhub h1 # by ada\nhub h1\nsubject ada 5".to_owned();
        for until_unix_s in 1..100 {
            list = Revoked::merge(&list, &Revocation::subject("ada", until_unix_s).unwrap()).unwrap();
            list = Revoked::merge(&list, &Revocation::hub("h1").unwrap()).unwrap();
        }
        assert_eq!(list, "# lost\nhub h1 # by ada\nsubject ada 99\n");
        let earlier = Revoked::merge(&list, &Revocation::subject("ada", 7).unwrap());
        assert_eq!(earlier.unwrap(), list, "the later limit holds");
        let comments = "# why\n".repeat(usize::try_from(REVOKED_BYTES_MAX).unwrap() / 6);
        let hub = Revocation::hub("h1").unwrap();
        assert_eq!(Revoked::merge(&comments, &hub), Err(RevocationError::TooLong));
        let full: String = (0..REVOKED_LEN_MAX).map(|n| format!("hub h{n}\n")).collect();
        assert_eq!(
            Revoked::merge(&full, &hub).unwrap(),
            full,
            "one that is there is no more"
        );
        let more = Revocation::hub("another").unwrap();
        assert_eq!(Revoked::merge(&full, &more), Err(RevocationError::TooMany));
    }

    #[test]
    fn a_refused_customer_is_not_the_service_of_that_name() {
        let revoked = Revoked::read("customer ada 100\n").unwrap();
        let customer = token("ada", None, 100);
        let service = Principal {
            role: Role::Service,
            ..customer.clone()
        };
        assert!(revoked.has_token(&customer) && !revoked.has_token(&service));
        assert!(Revoked::read("subject ada 100\n").unwrap().has_token(&service));
    }
}
