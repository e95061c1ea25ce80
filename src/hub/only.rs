//! Which transmitters a hub passes on, when it was told.
//!
//! A list of identities and beginnings of identities, from a file of TOML or from the command line. What is not on it goes
//! no further: not into the buffer, not onto the disk, not over the network. Deliberately absent: whose they are.

use std::collections::BTreeSet;
use std::ops::Bound;

use nextbest_proto::advert::address::{Address, AddressKind};
use nextbest_proto::advert::{Identity, IdentityKind};
use serde::Deserialize;
use thiserror::Error;

/// Most entries of one list.
pub const ONLY_LEN_MAX: usize = 200_000;

/// The transmitters that are passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// For each kind: beginnings, none of which begins with another, so that looking for the greatest one that is not
    /// greater than an identity finds the one that it begins with.
    prefixes: [BTreeSet<Vec<u8>>; IdentityKind::ALL.len()],
    private_addresses: bool,
}

/// Why a list can't be used. Identities are somebody's: the sentences say where, never which.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OnlyError {
    /// Not TOML, or with a key that is not known.
    #[error("{0}")]
    Form(String),
    /// An entry is not hexadecimal, or longer than identities of its kind.
    #[error("entry {number} of `{kind}` is expected to be at most {len_max} bytes in hexadecimal")]
    Entry {
        /// The list.
        kind: &'static str,
        /// From 1.
        number: usize,
        /// Bytes of an identity of this kind.
        len_max: usize,
    },
    /// Too many.
    #[error("at most {ONLY_LEN_MAX} entries can be passed on, the list has more")]
    TooMany,
}

/// The names of the lists, in the order of [`IdentityKind::ALL`].
const KINDS: [&str; 5] = ["address", "ibeacon", "eddystone_uid", "altbeacon", "eddystone_eid"];

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OnlyFile {
    address: Vec<String>,
    ibeacon: Vec<String>,
    eddystone_uid: Vec<String>,
    altbeacon: Vec<String>,
    eddystone_eid: Vec<String>,
    private_addresses: bool,
}

impl Only {
    /// Adds what a file says.
    ///
    /// # Errors
    /// [`OnlyError`], with the line of a mistake in the form, and the number of an entry that makes no sense.
    pub fn add_file(&mut self, text: &str) -> Result<(), OnlyError> {
        let file: OnlyFile = toml::from_str(text).map_err(|error| OnlyError::Form(form(text, &error)))?;
        self.private_addresses |= file.private_addresses;
        let lists = [
            file.address,
            file.ibeacon,
            file.eddystone_uid,
            file.altbeacon,
            file.eddystone_eid,
        ];
        for (kind, list) in IdentityKind::ALL.into_iter().zip(lists) {
            for (number, entry) in (1..).zip(&list) {
                self.add(kind, number, entry)?;
            }
        }
        Ok(())
    }

    /// Adds one prefix, such as `ibeacon:f7826da6-4fa2-4e98-8024-bc5b71e0893e`. `None` when it does not begin with a kind.
    ///
    /// # Errors
    /// [`OnlyError::Entry`].
    pub fn add_prefix(&mut self, text: &str) -> Option<Result<(), OnlyError>> {
        let (kind, prefix) = text.split_once(':')?;
        let index = KINDS.iter().position(|name| *name == kind)?;
        Some(self.add(*IdentityKind::ALL.get(index)?, 1, prefix))
    }

    /// Whether an identity is passed on.
    #[must_use]
    pub fn passes(&self, identity: &Identity) -> bool {
        let prefixes = self.prefixes.get(index(identity.kind()));
        let nearest = prefixes.and_then(|prefixes| nearest(prefixes, identity.bytes()));
        nearest.is_some_and(|prefix| identity.bytes().starts_with(prefix))
    }

    /// Whether the address is passed on because only the gateway can know whose it is.
    #[must_use]
    pub fn passes_private(&self, address: Address) -> bool {
        self.private_addresses && address.kind() == AddressKind::PrivateResolvable
    }

    /// Whether it may pass on transmitters that nobody has registered.
    #[must_use]
    pub const fn takes_strangers(&self) -> bool {
        self.private_addresses
    }

    /// Entries, without those that others cover.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prefixes.iter().map(BTreeSet::len).sum()
    }

    /// Whether nothing is passed on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && !self.private_addresses
    }

    fn add(&mut self, kind: IdentityKind, number: usize, text: &str) -> Result<(), OnlyError> {
        let len_max = kind.identity_len();
        let entry = hexadecimal(text).filter(|entry| entry.len() <= len_max);
        let index = index(kind);
        let entry = entry.ok_or(OnlyError::Entry {
            kind: KINDS.get(index).copied().unwrap_or_default(),
            number,
            len_max,
        })?;
        if self.len() >= ONLY_LEN_MAX {
            return Err(OnlyError::TooMany);
        }
        let Some(prefixes) = self.prefixes.get_mut(index) else {
            return Ok(());
        };
        let covering = nearest(prefixes, &entry);
        if covering.is_some_and(|prefix| entry.starts_with(prefix)) {
            return Ok(());
        }
        while let Some(covered) = prefixes.range(entry.clone()..).next()
            && covered.starts_with(&entry)
        {
            let covered = covered.clone();
            prefixes.remove(&covered);
        }
        prefixes.insert(entry);
        Ok(())
    }
}

/// The greatest that is not greater.
fn nearest<'a>(prefixes: &'a BTreeSet<Vec<u8>>, bytes: &[u8]) -> Option<&'a Vec<u8>> {
    prefixes
        .range::<[u8], _>((Bound::Unbounded, Bound::Included(bytes)))
        .next_back()
}

fn index(kind: IdentityKind) -> usize {
    match kind {
        IdentityKind::Address => 0,
        IdentityKind::IBeacon => 1,
        IdentityKind::EddystoneUid => 2,
        IdentityKind::AltBeacon => 3,
        IdentityKind::EddystoneEid => 4,
    }
}

/// The line and what is wrong, without the text of the file, which names people's things.
fn form(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
    format!(
        "line {line}: {}; expected lists named {}, and private_addresses",
        error.message(),
        KINDS.join(", ")
    )
}

/// Bytes; `:`, `-` and blanks between them mean nothing.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| !matches!(character, ':' | '-' | ' '))
        .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ibeacon(first: &[u8]) -> Identity {
        let mut bytes = [9; 20];
        bytes[..first.len()].copy_from_slice(first);
        Identity::new(IdentityKind::IBeacon, &bytes).unwrap()
    }

    fn only(text: &str) -> Only {
        let mut only = Only::default();
        only.add_file(text).unwrap();
        only
    }

    #[test]
    fn prefixes_of_any_length_are_found_and_cover_one_another() {
        let only = only("ibeacon = ['0102', '01020304', '03', '0102ff', '0405 06']");
        assert_eq!(only.len(), 3);
        for (first, passes) in [
            (&[1, 2][..], true),
            (&[1, 2, 0], true),
            (&[1, 3], false),
            (&[1, 1], false),
            (&[3], true),
            (&[4, 5, 6], true),
            (&[4, 5, 7], false),
            (&[0xff], false),
        ] {
            assert_eq!(only.passes(&ibeacon(first)), passes, "{first:?}");
        }
    }

    #[test]
    fn kinds_do_not_mix() {
        let only = only("address = ['e7:8f:13:00:00:01']\neddystone_uid = ['']");
        let address = |last| Identity::new(IdentityKind::Address, &[0xe7, 0x8f, 0x13, 0, 0, last]).unwrap();
        assert!(only.passes(&address(1)) && !only.passes(&address(2)));
        assert!(only.passes(&Identity::new(IdentityKind::EddystoneUid, &[5; 16]).unwrap()));
        assert!(!only.passes(&Identity::new(IdentityKind::AltBeacon, &[5; 20]).unwrap()));
    }

    #[test]
    fn private_addresses_pass_when_the_gateway_shall_resolve_them() {
        let resolvable = Address::new([0x5a, 1, 2, 3, 4, 5], true);
        assert!(only("private_addresses = true").passes_private(resolvable));
        assert!(!only("private_addresses = true").passes_private(Address::new([0xda, 1, 2, 3, 4, 5], true)));
        assert!(!only("").passes_private(resolvable));
        assert!(only("").is_empty());
    }

    #[test]
    fn mistakes_are_placed_and_name_nobody() {
        let wrong = |text: &str| Only::default().add_file(text).unwrap_err().to_string();
        let entry = wrong("ibeacon = ['01', 'e78f130102zz']");
        assert!(entry.starts_with("entry 2 of `ibeacon`"), "{entry}");
        assert!(wrong("address = ['e78f1301020304']").contains("at most 6 bytes"));
        let form = wrong("address = []\nadress = ['e78f13010203']");
        assert!(form.starts_with("line 2: unknown field"), "{form}");
        assert!(!form.contains("e78f13010203"), "{form}");
    }

    #[test]
    fn a_prefix_on_the_command_line_has_a_kind() {
        let mut only = Only::default();
        assert_eq!(only.add_prefix("ibeacon:0102"), Some(Ok(())));
        assert!(only.passes(&ibeacon(&[1, 2])));
        assert_eq!(only.add_prefix("identities.toml"), None);
        assert_eq!(only.add_prefix("C:/identities.toml"), None);
        assert!(only.add_prefix("address:xy").is_some_and(|added| added.is_err()));
    }
}
