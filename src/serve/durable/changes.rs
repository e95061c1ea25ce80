//! What staff has changed: who, in which role, what, when and why. Each change is a record of the journal, and the latest
//! [`CHANGES_MAX`] are kept in memory and in every snapshot, so that they can be looked at when the records are gone.
//!
//! | bytes of a payload | what |
//! |---|---|
//! | 0 | version, 1 |
//! | 1..9 | when, in milliseconds since 1970-01-01 UTC |
//! | 9 | 1 when the rest behind the names is sealed with the key of the record's person |
//! | three names | length (1) and text each: who, their role, what |
//! | the rest | length (2) and text of what it was about, then why |
//!
//! What is about a person is sealed with their key: erasing them leaves who did what and when, and takes whom and why.
//! Without a state folder, or about somebody whom nobody knows, whom is not noted at all.

#[expect(
    clippy::disallowed_types,
    reason = "taken by staff's changes and by snapshots; no session waits for it"
)]
use std::sync::Mutex;
use std::{collections::VecDeque, sync::MutexGuard, sync::PoisonError};

use crate::journal::{Person, Vault};

/// Changes that are remembered.
pub(super) const CHANGES_MAX: usize = 4_096;
/// Longest payload: three names, what it was about and why, sealed.
pub(super) const CHANGE_LEN_MAX: usize = 1_024;
const VERSION: u8 = 1;

/// A change, as it is noted.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Change<'a> {
    /// When, in milliseconds since 1970-01-01 UTC.
    pub(in crate::serve) unix_ms: u64,
    /// Who: the name of an admin token.
    pub(in crate::serve) who: &'a str,
    /// As what.
    pub(in crate::serve) role: &'a str,
    /// What was done.
    pub(in crate::serve) what: &'a str,
    /// To what or whom; empty when that is all.
    pub(in crate::serve) about: &'a str,
    /// Whether that is a person.
    pub(in crate::serve) is_about_a_person: bool,
    /// Why, in their own words.
    pub(in crate::serve) why: &'a str,
}

/// A change, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::serve) struct Shown {
    pub(in crate::serve) unix_ms: u64,
    pub(in crate::serve) who: String,
    pub(in crate::serve) role: String,
    pub(in crate::serve) what: String,
    /// Whether the next two are sealed with a person's key.
    pub(in crate::serve) is_sealed: bool,
    /// To what or whom, and why; `None` when the person was erased.
    pub(in crate::serve) detail: Option<(String, String)>,
}

/// A change that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// The record's position; without a journal, its number.
    pub(super) position: u64,
    /// With whose key it is sealed.
    pub(super) person: Option<Person>,
    pub(super) payload: Vec<u8>,
}

/// The latest changes, oldest first.
#[expect(clippy::disallowed_types, reason = "see the import")]
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<VecDeque<Noted>>);

/// Bytes that all of them take at most.
pub(in crate::serve) const fn changes_bytes_max() -> u64 {
    (CHANGES_MAX * (CHANGE_LEN_MAX + size_of::<Noted>())) as u64
}

impl Changes {
    fn noted(&self) -> MutexGuard<'_, VecDeque<Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one behind the others, unless it is there; the oldest goes when there are too many.
    pub(super) fn put(&self, change: Noted) {
        let mut noted = self.noted();
        if noted.back().is_some_and(|last| last.position >= change.position) {
            return;
        }
        if noted.len() == CHANGES_MAX {
            noted.pop_front();
        }
        noted.push_back(change);
    }

    /// Puts one behind the others without a journal.
    pub(super) fn put_unjournaled(&self, payload: Vec<u8>) {
        let position = self.noted().back().map_or(1, |last| last.position + 1);
        self.put(Noted {
            position,
            person: None,
            payload,
        });
    }

    /// All of them, to be saved.
    pub(super) fn all(&self) -> Vec<Noted> {
        self.noted().iter().cloned().collect()
    }

    /// All of them, latest first, as far as the vault can read them.
    pub(super) fn shown(&self, vault: Option<&Vault>) -> Vec<Shown> {
        let all = self.all();
        all.iter().rev().filter_map(|noted| show(noted, vault)).collect()
    }
}

/// The payload of a change; `seal` seals the rest for the person it is about.
pub(super) fn encode<E>(
    change: &Change<'_>,
    seal: Option<impl FnOnce(&[u8], &mut Vec<u8>) -> Result<(), E>>,
) -> Result<Vec<u8>, E> {
    let mut out = vec![VERSION];
    out.extend(change.unix_ms.to_le_bytes());
    out.push(u8::from(seal.is_some()));
    for name in [change.who, change.role, change.what] {
        let name = name.get(..name.len().min(usize::from(u8::MAX))).unwrap_or_default();
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
    }
    // Whom it was about is nobody's to read for ever.
    let about = if change.is_about_a_person && seal.is_none() {
        ""
    } else {
        change.about
    };
    let mut rest = (about.len() as u16).to_le_bytes().to_vec();
    rest.extend_from_slice(about.as_bytes());
    rest.extend_from_slice(change.why.as_bytes());
    match seal {
        Some(seal) => seal(&rest, &mut out)?,
        None => out.extend(rest),
    }
    Ok(out)
}

fn show(noted: &Noted, vault: Option<&Vault>) -> Option<Shown> {
    let [VERSION, payload @ ..] = noted.payload.as_slice() else {
        return None;
    };
    let (unix_ms, payload) = payload.split_first_chunk()?;
    let (is_sealed, payload) = payload.split_first()?;
    let (who, payload) = name(payload)?;
    let (role, payload) = name(payload)?;
    let (what, rest) = name(payload)?;
    let is_sealed = *is_sealed != 0;
    let detail = if is_sealed {
        let mut plain = Vec::new();
        let unsealed = vault?.unseal(noted.person?, rest, &mut plain);
        unsealed.ok().and_then(|()| detail(&plain))
    } else {
        detail(rest)
    };
    Some(Shown {
        unix_ms: u64::from_le_bytes(*unix_ms),
        who,
        role,
        what,
        is_sealed,
        detail,
    })
}

fn name(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, bytes) = bytes.split_first()?;
    let (name, rest) = bytes.split_at_checked(usize::from(*len))?;
    Some((String::from_utf8(name.to_vec()).ok()?, rest))
}

fn detail(bytes: &[u8]) -> Option<(String, String)> {
    let (len, bytes) = bytes.split_first_chunk()?;
    let (about, why) = bytes.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some((text(about)?, text(why)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seal = fn(&[u8], &mut Vec<u8>) -> Result<(), ()>;

    fn change(why: &str) -> Change<'_> {
        Change {
            unix_ms: 1_700_000_000_000,
            who: "ops",
            role: "operator",
            what: "revoke a hub",
            about: "hub-west",
            is_about_a_person: false,
            why,
        }
    }

    #[test]
    fn a_change_comes_back_and_the_oldest_goes() {
        let changes = Changes::default();
        let reasons: Vec<_> = (0..=CHANGES_MAX).map(|n| format!("reason {n}")).collect();
        for why in &reasons {
            changes.put_unjournaled(encode(&change(why), None::<Seal>).unwrap());
        }
        let shown = changes.shown(None);
        assert_eq!(shown.len(), CHANGES_MAX);
        let [first, .., last] = shown.as_slice() else { panic!() };
        let detail = |why: &String| Some(("hub-west".to_owned(), why.clone()));
        assert_eq!(
            (&first.detail, &last.detail),
            (&detail(&reasons[CHANGES_MAX]), &detail(&reasons[1]))
        );
        assert_eq!(
            (first.unix_ms, first.who.as_str(), first.what.as_str()),
            (1_700_000_000_000, "ops", "revoke a hub")
        );
    }

    #[test]
    fn without_a_key_nobody_is_named() {
        let personal = Change {
            about: "ada",
            is_about_a_person: true,
            ..change("lost phone")
        };
        let payload = encode(&personal, None::<Seal>).unwrap();
        assert!(!payload.windows(3).any(|window| window == b"ada"));
        let largest = "x".repeat(256);
        let payload = Change {
            who: &largest[..64],
            about: &largest,
            ..change(&largest)
        };
        let payload = encode(&payload, None::<Seal>).unwrap();
        assert!(
            payload.len() + crate::journal::SEAL_LEN <= CHANGE_LEN_MAX,
            "{}",
            payload.len()
        );
    }

    #[test]
    fn what_was_noted_is_noted_once() {
        let changes = Changes::default();
        for position in [3, 5, 5, 4] {
            changes.put(Noted {
                position,
                person: None,
                payload: Vec::new(),
            });
        }
        let positions: Vec<_> = changes.all().iter().map(|noted| noted.position).collect();
        assert_eq!(positions, [3, 5]);
    }
}
