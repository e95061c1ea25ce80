//! What is known of the venue beside its people, and what it says, as they are written down.
//!
//! State:
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version, 1 |
//! | 2 + n | the phase; empty: none |
//! | 2 | places |
//! | 2 + n each | id of the place |
//! | 1 + 4 + 4 | 1 if it is open; people served; seconds of a service, f32 |
//! | 2, then 2 + n each | wants that it has run out of |
//!
//! An event: version 1; hash of its message id and of its content (8 each); 1 served, 2 opened, 3 closed, 4 out of stock,
//! 5 back in stock, 6 phase; the place or the phase (2 + n); and of stock the want (2 + n), empty for all. The rest of
//! what a till may have sent, which can name people, is not written down.

use super::StateError;
use super::bytes::{Reader, Writer};
use crate::engine::customer::Applied;

const VERSION: u8 = 1;

/// What of the venue survives a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VenueState {
    /// The phase of the event; empty: none.
    pub phase: String,
    /// Its places.
    pub places: Vec<PlaceState>,
}

/// What of a place survives a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceState {
    /// Its id on the map.
    pub id: String,
    /// Whether it serves anybody.
    pub is_open: bool,
    /// People served, as tills reported.
    pub served: u32,
    /// Seconds that one server takes for one person, as learned.
    pub service_s: f32,
    /// The wants that it has run out of.
    pub out_of_stock: Vec<String>,
}

/// Something that the venue said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueEvent {
    /// By which it is remembered.
    pub(in crate::engine) applied: Applied,
    /// What changes.
    pub change: VenueChange,
}

/// What changes in the venue, by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VenueChange {
    /// A place has served somebody.
    Served(String),
    /// A place opens, or closes.
    Open(String, bool),
    /// A place has a want again, or has run out of it; without a want: all that it serves.
    Stock(String, Option<String>, bool),
    /// A phase begins.
    Phase(String),
}

impl VenueState {
    /// The bytes, see above.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.text(&self.phase);
        out.count(self.places.len());
        for place in &self.places {
            out.text(&place.id);
            out.u8(u8::from(place.is_open));
            out.u32(place.served);
            out.u32(place.service_s.to_bits());
            out.count(place.out_of_stock.len());
            place.out_of_stock.iter().for_each(|want| out.text(want));
        }
        out.0
    }

    /// Reads what [`VenueState::encode`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader(bytes);
        from.version(VERSION)?;
        let phase = from.text()?.to_owned();
        let mut places = Vec::new();
        for _ in 0..from.u16()? {
            places.push(PlaceState {
                id: from.text()?.to_owned(),
                is_open: truth(from.u8()?)?,
                served: from.u32()?,
                service_s: f32::from_bits(from.u32()?),
                out_of_stock: (0..from.u16()?)
                    .map(|_| from.text().map(str::to_owned))
                    .collect::<Result<_, _>>()?,
            });
        }
        from.end()?;
        Ok(Self { phase, places })
    }
}

impl VenueEvent {
    /// The bytes, see above.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        out.u64(self.applied.id);
        out.u64(self.applied.content);
        let (code, name) = match &self.change {
            VenueChange::Served(place) => (1, place),
            VenueChange::Open(place, true) => (2, place),
            VenueChange::Open(place, false) => (3, place),
            VenueChange::Stock(place, _, false) => (4, place),
            VenueChange::Stock(place, _, true) => (5, place),
            VenueChange::Phase(phase) => (6, phase),
        };
        out.u8(code);
        out.text(name);
        if let VenueChange::Stock(_, want, _) = &self.change {
            out.text(want.as_deref().unwrap_or(""));
        }
        out.0
    }

    /// Reads what [`VenueEvent::encode`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader(bytes);
        from.version(VERSION)?;
        let applied = Applied {
            id: from.u64()?,
            content: from.u64()?,
        };
        let (code, name) = (from.u8()?, from.text()?.to_owned());
        let change = match code {
            1 => VenueChange::Served(name),
            2 | 3 => VenueChange::Open(name, code == 2),
            4 | 5 => {
                let want = from.text()?;
                VenueChange::Stock(name, (!want.is_empty()).then(|| want.to_owned()), code == 5)
            }
            6 => VenueChange::Phase(name),
            other => return Err(StateError::Number(other, "event of the venue")),
        };
        from.end()?;
        Ok(Self { applied, change })
    }
}

fn truth(byte: u8) -> Result<bool, StateError> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(StateError::Number(other, "truth")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venue_comes_back() {
        let state = VenueState {
            phase: "half-time".into(),
            places: vec![PlaceState {
                id: "west-grill".into(),
                is_open: false,
                served: 7,
                service_s: 38.5,
                out_of_stock: vec!["pizza".into()],
            }],
        };
        let bytes = state.encode();
        assert_eq!(VenueState::decode(&bytes), Ok(state));
        assert!((0..bytes.len()).all(|len| VenueState::decode(&bytes[..len]).is_err()));
    }

    #[test]
    fn what_a_venue_says_comes_back() {
        let place = || "west-grill".to_owned();
        for change in [
            VenueChange::Served(place()),
            VenueChange::Open(place(), true),
            VenueChange::Open(place(), false),
            VenueChange::Stock(place(), None, true),
            VenueChange::Stock(place(), Some("pizza".into()), false),
            VenueChange::Phase("half-time".into()),
        ] {
            let event = VenueEvent {
                applied: Applied { id: 1, content: 2 },
                change,
            };
            assert_eq!(VenueEvent::decode(&event.encode()), Ok(event));
        }
    }
}
