//! What a decide gave and reserved, as it is written down behind its answer.
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | number of the decision among the person's |
//! | 4 | second in which it was made |
//! | 1 | contacts |
//! | 4 each | key of an action whose cap it used ([`crate::engine::record::action_key`]) |
//!
//! It is applied when its number is above that of the person's latest decision, so a second time changes nothing.

use super::StateError;
use super::bytes::{Reader, Writer};
use crate::model::ANSWERS_MAX;

const VERSION: u8 = 1;

/// A decision's traces in a person's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// The number of the decision among the person's.
    pub number: u32,
    /// When, in seconds on the gateway's clock.
    pub at_s: u32,
    /// The keys of the actions whose caps it used; 0 is none.
    pub keys: [u32; ANSWERS_MAX],
}

impl Reserved {
    /// The bytes, see above.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        let keys = || self.keys.iter().filter(|key| **key != 0);
        out.u8(VERSION);
        out.u32(self.number);
        out.u32(self.at_s);
        out.u8(keys().count() as u8);
        keys().for_each(|key| out.u32(*key));
        out.0
    }

    /// Reads what [`Reserved::encode`] wrote.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader(bytes);
        from.version(VERSION)?;
        let mut reserved = Self {
            number: from.u32()?,
            at_s: from.u32()?,
            ..Self::default()
        };
        let len = from.u8()?;
        let keys = reserved.keys.get_mut(..usize::from(len));
        for key in keys.ok_or(StateError::Number(len, "number of answers"))? {
            *key = from.u32()?;
        }
        from.end()?;
        Ok(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back() {
        let mut reserved = Reserved {
            number: 9,
            at_s: 1_234,
            ..Reserved::default()
        };
        assert_eq!(Reserved::decode(&reserved.encode()), Ok(reserved));
        reserved.keys[0] = 0xABCD_EF01;
        assert_eq!(
            reserved.encode(),
            [1, 9, 0, 0, 0, 0xd2, 4, 0, 0, 1, 0x01, 0xEF, 0xCD, 0xAB]
        );
        assert_eq!(Reserved::decode(&reserved.encode()), Ok(reserved));
        assert!(Reserved::decode(&[1, 9, 0, 0, 0, 0, 0, 0, 0, 200]).is_err());
    }
}
