//! Who may connect by name and password: the file that `mosquitto_passwd` writes.
//!
//! ```text
//! kitchen:$7$101$<salt in base64>$<64 bytes in base64>
//! ```
//!
//! `$7$` is PBKDF2 (RFC 8018) with HMAC-SHA-512, then the iterations. A venue that had a broker brings its file along; the
//! others make one with `mosquitto_passwd -c hubs.passwords kitchen`, and no password lies in it in the clear. A name that
//! is not in the file costs as much time as one that is, so that nobody learns the names by asking.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA512};

/// Most iterations that one log-in may cost; a thousand take about a millisecond.
const ITERATIONS_MAX: u32 = 10_000;
/// Most names of a file.
const NAMES_MAX: usize = 4_096;
/// Bytes of the longest name; a hub's name is no longer.
const NAME_LEN_MAX: usize = 64;
/// Bytes of the hash.
const HASH_LEN: usize = 64;

/// What is known of one password.
#[derive(Clone)]
struct Entry {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// Names and what their passwords hash to.
#[derive(Clone)]
pub struct Passwords {
    entries: HashMap<String, Entry>,
    /// What an unknown name is compared with.
    nobody: Entry,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "({} names)", self.entries.len())
    }
}

impl Passwords {
    /// Reads a file's text; `Err` has the number of the line that cannot be used, from 1, or 0 when nobody is in it.
    pub(super) fn read(text: &str) -> Result<Self, usize> {
        let mut entries = HashMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let (name, entry) = entry(line.trim()).ok_or(number)?;
            if entries.len() >= NAMES_MAX || entries.insert(name, entry).is_some() {
                return Err(number);
            }
        }
        let iterations = entries.values().map(|entry| entry.iterations).max().ok_or(0_usize)?;
        let nobody = Entry {
            iterations,
            salt: b"nobody".to_vec(),
            hash: vec![0; HASH_LEN],
        };
        Ok(Self { entries, nobody })
    }

    /// Whether this is the password of that name.
    pub(super) fn is(&self, name: &str, password: &[u8]) -> bool {
        let entry = self.entries.get(name).unwrap_or(&self.nobody);
        let verified = pbkdf2::verify(PBKDF2_HMAC_SHA512, entry.iterations, &entry.salt, password, &entry.hash);
        verified.is_ok()
    }
}

fn entry(line: &str) -> Option<(String, Entry)> {
    let (name, rest) = line.split_once(':')?;
    let mut parts = rest.strip_prefix("$7$")?.split('$');
    let iterations = parts
        .next()?
        .parse()
        .ok()
        .filter(|iterations| *iterations <= ITERATIONS_MAX)?;
    let salt = STANDARD.decode(parts.next()?).ok()?;
    let hash = STANDARD.decode(parts.next()?).ok()?;
    let is_whole = parts.next().is_none() && hash.len() == HASH_LEN && (1..=NAME_LEN_MAX).contains(&name.len());
    is_whole.then(|| {
        let entry = Entry {
            iterations: NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN),
            salt,
            hash,
        };
        (name.to_owned(), entry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mosquitto_passwd -b -c FILE kitchen secret`, of mosquitto 2.0.11.
    const KITCHEN: &str = "kitchen:$7$101$keyw3sTdkRmrm/je$Z/FeBM3VQtSUKHHun8b0aUUE7dGr68NdUAORM9Bb6hR665KFZqW/efUDf2byrmp9aRlrgavrAp2TBiBoTqz/1w==\n";

    #[test]
    fn a_file_of_mosquitto_lets_its_users_in_and_nobody_else() {
        let passwords = Passwords::read(KITCHEN).unwrap();
        assert!(passwords.is("kitchen", b"secret"));
        assert!(!passwords.is("kitchen", b"Secret"));
        assert!(!passwords.is("kitchen", b""));
        assert!(!passwords.is("bath", b"secret"));
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named() {
        let of = |text: &str| Passwords::read(text).err();
        assert_eq!(of(""), Some(0));
        assert_eq!(of("kitchen:secret\n"), Some(1), "in the clear");
        assert_eq!(of(&format!("{KITCHEN}\n{KITCHEN}")), Some(3), "twice");
        assert_eq!(of(&KITCHEN.replace("$101$", "$1000000$")), Some(1), "too dear");
        assert_eq!(of(&KITCHEN.replace("$7$", "$6$")), Some(1), "an older kind");
    }
}
