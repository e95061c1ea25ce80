//! The state as a stream of entries, taken while the gateway goes on.
//!
//! The journal's position is taken first. Then people are copied a few at a time under the lock that orders signals, each
//! with the position of the last record that was applied to them, and sealed outside of it; then the venue, then the
//! window of message ids. Records after the position are applied on top by who reads it, to each what they do not have.
//!
//! An entry is its kind (1), the length of what follows (4, little-endian), and that:
//!
//! | kind | content |
//! |---|---|
//! | 1 | version of this stream, 3; [`crate::engine::state::Names`] |
//! | 2 | number 4, birth 4, applied 8; [`crate::engine::state::PersonState`], sealed with the person's key |
//! | 3 | applied 8; [`crate::engine::state::VenueState`] |
//! | 4 | part of the window 2; pairs of hashes, 8 and 8 |
//! | 6 | position 8, number 4, birth 4 (0: nobody's); a change of the staff's, `super::changes` |
//! | 7 | dates of the window, in seconds since 1970: of the latest id that is forgotten, of the older half, of the younger, 4 each |
//! | 8 | [`super::proofs::Proofs`] |
//! | 5 | people in the stream 8; the end |
//!
//! Version 1 has no changes, neither 1 nor 2 has dates of the window or proofs.
//!
//! Checksums, and what becomes of a stream that breaks off, are the journal's.

use std::io::{self, Read};
use std::sync::Arc;

use super::changes::Noted;
use super::{Keeper, Kept};
use crate::engine::customer::Horizon;
use crate::engine::{Applied, CustomerSlot, WINDOW_PARTS};
use crate::journal::{Person, Position, Vault};

const VERSION: u8 = 3;
/// Streams of these begin alike and have less.
const VERSIONS_BEFORE: [u8; 2] = [1, 2];
const NAMES: u8 = 1;
const PERSON: u8 = 2;
const VENUE: u8 = 3;
const WINDOW: u8 = 4;
const END: u8 = 5;
const CHANGE: u8 = 6;
const HORIZON: u8 = 7;
const PROOFS: u8 = 8;
/// Longest entry that is believed: the longest part of a window, of 16 million ids in 64 parts, twice as full as others.
const ENTRY_LEN_MAX: usize = 16 << 20;
/// People that are copied while the lock is held.
const PEOPLE_AT_ONCE: u32 = 16;

/// An entry that was read.
pub(super) enum Entry<'a> {
    /// The names behind the numbers of records.
    Names(&'a [u8]),
    /// A person, and the position of the last record that was applied to them.
    Person(Person, u64, &'a [u8]),
    /// The venue, and the position of the last record that was applied to it.
    Venue(u64, &'a [u8]),
    /// A part of the window of message ids.
    Window(usize, Vec<Applied>),
    /// A change of the staff's.
    Change(Noted),
    /// The dates of the window.
    Horizon(Horizon),
    /// The proofs of erasures.
    Proofs(&'a [u8]),
    /// The end, and how many people there were.
    End(u64),
}

/// The state of a keeper, as a stream.
pub(super) struct Source {
    keeper: Arc<Keeper>,
    next: Next,
    bytes: Vec<u8>,
    read: usize,
    people: u64,
}

#[derive(Clone, Copy)]
enum Next {
    Names,
    People(u32),
    Venue,
    Window(usize),
    Changes,
    End,
    Nothing,
}

impl Source {
    /// The stream, and the position from which records are to be read after it.
    pub(super) fn new(keeper: &Arc<Keeper>) -> Option<(Position, Self)> {
        let kept = keeper.kept.as_ref().filter(|kept| kept.vault.is_some())?;
        let through = {
            let _order = kept.order();
            kept.journal.last()
        };
        let source = Self {
            keeper: Arc::clone(keeper),
            next: Next::Names,
            bytes: Vec::new(),
            read: 0,
            people: 0,
        };
        Some((through, source))
    }

    fn refill(&mut self) -> io::Result<()> {
        self.bytes.clear();
        self.read = 0;
        let keeper = Arc::clone(&self.keeper);
        let (Some(kept), engine) = (&keeper.kept, &keeper.engine) else {
            return Ok(());
        };
        let Some(vault) = &kept.vault else { return Ok(()) };
        self.next = match self.next {
            Next::Names => {
                put(&mut self.bytes, NAMES, &[&[VERSION], &engine.names().encode()])?;
                Next::People(0)
            }
            Next::People(first) if first < engine.slots_len() => {
                self.put_people(kept, vault, first)?;
                Next::People(first.saturating_add(PEOPLE_AT_ONCE))
            }
            Next::People(_) => Next::Venue,
            Next::Venue => {
                let (venue, applied) = {
                    let _order = kept.order();
                    engine.save_venue()
                };
                put(&mut self.bytes, VENUE, &[&applied.to_le_bytes(), &venue.encode()])?;
                Next::Window(0)
            }
            Next::Window(part) if part < WINDOW_PARTS => {
                let pairs = engine.save_window(part).into_iter();
                let pairs: Vec<u8> = pairs
                    .flat_map(|applied| [applied.id.to_le_bytes(), applied.content.to_le_bytes()])
                    .flatten()
                    .collect();
                put(&mut self.bytes, WINDOW, &[&(part as u16).to_le_bytes(), &pairs])?;
                Next::Window(part + 1)
            }
            Next::Window(_) => Next::Changes,
            Next::Changes => {
                for change in keeper.changes.all() {
                    let Person { number, birth } = change.person.unwrap_or_default();
                    let whose = [number.to_le_bytes(), birth.to_le_bytes()].concat();
                    let position = change.position.to_le_bytes();
                    put(&mut self.bytes, CHANGE, &[&position, &whose, &change.payload])?;
                }
                let horizon = engine.save_horizon();
                let dates = [horizon.forgotten_s, horizon.older_s, horizon.younger_s].map(u32::to_le_bytes);
                put(&mut self.bytes, HORIZON, &[dates.as_flattened()])?;
                put(&mut self.bytes, PROOFS, &[&keeper.proofs.save()])?;
                Next::End
            }
            Next::End => {
                put(&mut self.bytes, END, &[&self.people.to_le_bytes()])?;
                Next::Nothing
            }
            Next::Nothing => Next::Nothing,
        };
        Ok(())
    }

    fn put_people(&mut self, kept: &Kept, vault: &Vault, first: u32) -> io::Result<()> {
        let engine = &self.keeper.engine;
        let saved: Vec<_> = {
            let _order = kept.order();
            (first..first.saturating_add(PEOPLE_AT_ONCE))
                .filter_map(|number| Some((number, engine.save_person(CustomerSlot(number))?)))
                .collect()
        };
        let mut sealed = Vec::new();
        for (number, saved) in saved {
            let person = Person {
                number,
                birth: saved.birth,
            };
            sealed.clear();
            // Whoever is being erased is left out.
            if vault.seal(person, &saved.state.encode(), &mut sealed).is_err() {
                continue;
            }
            let head = [number.to_le_bytes(), saved.birth.to_le_bytes()].concat();
            put(&mut self.bytes, PERSON, &[&head, &saved.applied.to_le_bytes(), &sealed])?;
            self.people += 1;
        }
        Ok(())
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.read == self.bytes.len() {
            if matches!(self.next, Next::Nothing) {
                return Ok(0);
            }
            self.refill()?;
        }
        let mut ready = self.bytes.get(self.read..).unwrap_or_default();
        let len = ready.read(out)?;
        self.read += len;
        Ok(len)
    }
}

/// Reads the next entry, with `buffer` for its bytes.
pub(super) fn read_entry<'a>(from: &mut dyn Read, buffer: &'a mut Vec<u8>) -> io::Result<Entry<'a>> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let [kind, len @ ..] = head;
    let len = u32::from_le_bytes(len) as usize;
    if len > ENTRY_LEN_MAX {
        return Err(wrong("an entry is longer than any can be"));
    }
    buffer.resize(len, 0);
    from.read_exact(buffer)?;
    entry(kind, buffer).ok_or_else(|| wrong("an entry is none that this program writes"))
}

fn entry(kind: u8, bytes: &[u8]) -> Option<Entry<'_>> {
    match kind {
        NAMES => match bytes {
            [version, names @ ..] if *version == VERSION || VERSIONS_BEFORE.contains(version) => {
                Some(Entry::Names(names))
            }
            _ => None,
        },
        PERSON => {
            let (number, bytes) = bytes.split_first_chunk()?;
            let (birth, bytes) = bytes.split_first_chunk()?;
            let (applied, sealed) = bytes.split_first_chunk()?;
            let person = Person {
                number: u32::from_le_bytes(*number),
                birth: u32::from_le_bytes(*birth),
            };
            Some(Entry::Person(person, u64::from_le_bytes(*applied), sealed))
        }
        VENUE => {
            let (applied, venue) = bytes.split_first_chunk()?;
            Some(Entry::Venue(u64::from_le_bytes(*applied), venue))
        }
        WINDOW => {
            let (part, pairs) = bytes.split_first_chunk()?;
            let (pairs, rest) = pairs.as_chunks::<16>();
            let halves = |pair: &[u8; 16]| {
                let pair = u128::from_le_bytes(*pair);
                Applied {
                    id: pair as u64,
                    content: (pair >> 64) as u64,
                }
            };
            let entries = pairs.iter().map(halves).collect();
            rest.is_empty()
                .then(|| Entry::Window(usize::from(u16::from_le_bytes(*part)), entries))
        }
        CHANGE => {
            let (position, bytes) = bytes.split_first_chunk()?;
            let (number, bytes) = bytes.split_first_chunk()?;
            let (birth, payload) = bytes.split_first_chunk()?;
            let person = Person {
                number: u32::from_le_bytes(*number),
                birth: u32::from_le_bytes(*birth),
            };
            Some(Entry::Change(Noted {
                position: u64::from_le_bytes(*position),
                person: (person.birth > 0).then_some(person),
                payload: payload.to_vec(),
            }))
        }
        HORIZON => {
            let (dates, rest) = bytes.as_chunks::<4>();
            let [forgotten_s, older_s, younger_s] = dates else {
                return None;
            };
            let horizon = Horizon {
                forgotten_s: u32::from_le_bytes(*forgotten_s),
                older_s: u32::from_le_bytes(*older_s),
                younger_s: u32::from_le_bytes(*younger_s),
            };
            rest.is_empty().then_some(Entry::Horizon(horizon))
        }
        PROOFS => Some(Entry::Proofs(bytes)),
        END => bytes
            .try_into()
            .ok()
            .map(|people| Entry::End(u64::from_le_bytes(people))),
        _ => None,
    }
}

fn put(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let len = u32::try_from(len).ok().filter(|len| *len as usize <= ENTRY_LEN_MAX);
    let len = len.ok_or_else(|| wrong("an entry would be longer than any can be"))?;
    out.push(kind);
    out.extend(len.to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

fn wrong(sentence: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}
