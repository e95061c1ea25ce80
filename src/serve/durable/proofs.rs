//! Who was erased when, by whom and why, without saying who: what a venue can show to somebody who asks whether it did.
//!
//! A proof is in the record of its erasure and in every snapshot after it. It is bytes of their own, unsealed: version 1,
//! the date in seconds since 1970 (8), then who asked for it and why (2 + n each, UTF-8). The reason is refused when it
//! holds the id of the person. Deliberately absent: the person; and the oldest proofs when there are too many, of which
//! their number stays.

use std::collections::VecDeque;
#[expect(
    clippy::disallowed_types,
    reason = "taken when somebody is erased, when proofs are asked for, and once in a snapshot"
)]
use std::sync::Mutex;
use std::sync::PoisonError;

/// Proofs that are kept; older ones are only counted.
pub const PROOFS_LEN_MAX: usize = 4_096;
/// Longest name of who asks, and longest reason, in bytes.
pub(super) const WHO_LEN_MAX: usize = 64;
/// See [`WHO_LEN_MAX`].
pub(super) const WHY_LEN_MAX: usize = 256;
/// Shortest id that a reason is searched for: shorter ones are found in words.
const ID_LEN_MIN: usize = 3;

const VERSION: u8 = 1;

/// That somebody was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// When, in seconds since 1970-01-01 UTC.
    pub unix_s: u64,
    /// Who asked for it: the name of an admin token, or "the customer".
    pub who: String,
    /// Why, in their words, which name nobody.
    pub why: String,
}

/// The proofs of a gateway.
#[derive(Default)]
pub(super) struct Proofs {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// With the position of the record that each is in, ascending.
    kept: VecDeque<(u64, Proof)>,
    all: u64,
}

impl Proof {
    /// Whether it could tell of whom it is.
    pub(super) fn names(&self, id: &str) -> bool {
        let id = id.to_lowercase();
        id.len() >= ID_LEN_MIN && self.why.to_lowercase().contains(&id)
    }

    /// The bytes, see above. What is too long is cut.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.unix_s.to_le_bytes());
        for (text, len_max) in [(&self.who, WHO_LEN_MAX), (&self.why, WHY_LEN_MAX)] {
            let text = text.get(..text.floor_char_boundary(len_max)).unwrap_or_default();
            out.extend((text.len() as u16).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }

    /// Reads what [`Proof::encode`] wrote; `None` for anything else, and for erasures that have none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let ([version, unix_s @ ..], rest) = bytes.split_first_chunk::<9>()?;
        let (who, rest) = text(rest)?;
        let (why, rest) = text(rest)?;
        (*version == VERSION && rest.is_empty()).then(|| Self {
            unix_s: u64::from_le_bytes(*unix_s),
            who,
            why,
        })
    }
}

impl Proofs {
    /// Adds the proof of the record at a position, unless it is there.
    pub(super) fn add(&self, position: u64, proof: Proof) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.kept.back().is_some_and(|(last, _)| *last >= position) {
            return;
        }
        inner.all += 1;
        inner.kept.push_back((position, proof));
        if inner.kept.len() > PROOFS_LEN_MAX {
            inner.kept.pop_front();
        }
    }

    /// Adds the proof that a record of an erasure carries, if it does.
    pub(super) fn add_record(&self, position: u64, payload: &[u8]) {
        if let Some(proof) = Proof::decode(payload) {
            self.add(position, proof);
        }
    }

    /// Adds a proof that is in no record.
    pub(super) fn add_next(&self, proof: Proof) {
        let (all, _) = self.list();
        self.add(all + 1, proof);
    }

    /// How many people were erased, and the latest proofs, oldest first.
    pub(super) fn list(&self) -> (u64, Vec<Proof>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.all, inner.kept.iter().map(|(_, proof)| proof.clone()).collect())
    }

    /// All of them for a snapshot: how many there were (8), then for each its position (8), its length (2) and its bytes.
    pub(super) fn save(&self) -> Vec<u8> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = inner.all.to_le_bytes().to_vec();
        for (position, proof) in &inner.kept {
            let bytes = proof.encode();
            out.extend(position.to_le_bytes());
            out.extend((bytes.len() as u16).to_le_bytes());
            out.extend(bytes);
        }
        out
    }

    /// Puts back what [`Proofs::save`] gave; `None` when the bytes are something else.
    pub(super) fn restore(&self, bytes: &[u8]) -> Option<()> {
        let (all, mut rest) = bytes.split_first_chunk()?;
        let mut kept = VecDeque::new();
        while !rest.is_empty() {
            let (position, bytes) = rest.split_first_chunk()?;
            let (len, bytes) = bytes.split_first_chunk()?;
            let (proof, bytes) = bytes.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
            kept.push_back((u64::from_le_bytes(*position), Proof::decode(proof)?));
            rest = bytes;
        }
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Inner {
            kept,
            all: u64::from_le_bytes(*all),
        };
        Some(())
    }
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, bytes) = bytes.split_first_chunk()?;
    let (text, rest) = bytes.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
    Some((std::str::from_utf8(text).ok()?.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(unix_s: u64) -> Proof {
        Proof {
            unix_s,
            who: "dpo".into(),
            why: "request 17".into(),
        }
    }

    #[test]
    fn a_proof_comes_back_as_it_was_written_and_nothing_else_is_one() {
        let bytes = proof(7).encode();
        assert_eq!(bytes, b"\x01\x07\0\0\0\0\0\0\0\x03\0dpo\x0a\0request 17");
        assert_eq!(Proof::decode(&bytes), Some(proof(7)));
        assert!((0..bytes.len()).all(|len| Proof::decode(&bytes[..len]).is_none()));
        assert_eq!(Proof::decode(&[bytes.as_slice(), &[0]].concat()), None);
        let long = Proof {
            why: "é".repeat(500),
            ..proof(7)
        };
        assert_eq!(
            Proof::decode(&long.encode()).map(|proof| proof.why.len()),
            Some(WHY_LEN_MAX)
        );
    }

    #[test]
    fn a_reason_that_names_the_person_is_noticed() {
        let why = Proof {
            why: "Ada-17 wrote a letter".into(),
            ..proof(1)
        };
        assert!(why.names("ada-17") && why.names("ADA-17") && !why.names("ben") && !why.names("a"));
    }

    #[test]
    fn proofs_are_kept_once_up_to_a_maximum_and_come_back_from_a_snapshot() {
        let proofs = Proofs::default();
        for position in 1..=PROOFS_LEN_MAX as u64 + 10 {
            proofs.add(position, proof(position));
            proofs.add(position, proof(0));
        }
        let restored = Proofs::default();
        assert_eq!(restored.restore(&proofs.save()), Some(()));
        restored.add(5, proof(0));
        let (all, kept) = restored.list();
        assert_eq!((all, kept.len()), (PROOFS_LEN_MAX as u64 + 10, PROOFS_LEN_MAX));
        assert_eq!((kept[0].unix_s, kept.len()), (11, PROOFS_LEN_MAX));
        assert_eq!(Proofs::default().restore(&[1, 2]), None);
    }
}
