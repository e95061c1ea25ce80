//! The fields of a protobuf message, one after the other, in place.
//!
//! The encoding is that of <https://protobuf.dev/programming-guides/encoding/>: a key (number << 3 | type) and a
//! value. A field that a reader does not know is simply not looked at; its bytes are still checked.

use super::WireError;

/// The value of a field, as its type on the wire says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Eight or four bytes of a fixed width: no field of a hand-read message has one.
    Fixed,
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value; `None` at the end of the message.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = u32::try_from(self.varint()?).map_err(|_| WireError::Malformed)?;
        let number = key >> 3;
        if number == 0 {
            return Err(WireError::Malformed);
        }
        let value = match key & 7 {
            VARINT => Value::Varint(self.varint()?),
            LENGTH_DELIMITED => {
                let len = usize::try_from(self.varint()?).map_err(|_| WireError::Malformed)?;
                Value::Bytes(self.take(len)?)
            }
            FIXED_64 => self.take(8).map(|_| Value::Fixed)?,
            FIXED_32 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(WireError::Malformed),
        };
        Ok(Some((number, value)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        // Nearly every key, length and value of this contract is below 128.
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for (group, &byte) in self.rest.iter().take(VARINT_LEN_MAX).enumerate() {
            // The tenth group has one bit left of the 64.
            if group + 1 == VARINT_LEN_MAX && byte > 1 {
                return Err(WireError::Malformed);
            }
            value |= u64::from(byte & 0x7f) << (7 * group);
            if byte < 0x80 {
                self.rest = self.rest.get(group + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(WireError::Malformed)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(WireError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

const VARINT: u32 = 0;
const FIXED_64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const FIXED_32: u32 = 5;
/// Most bytes of a varint of 64 bits.
const VARINT_LEN_MAX: usize = 10;

impl<'a> Value<'a> {
    /// A `uint64`.
    pub(super) const fn uint64(self) -> Result<u64, WireError> {
        match self {
            Self::Varint(value) => Ok(value),
            Self::Bytes(_) | Self::Fixed => Err(WireError::Malformed),
        }
    }

    /// A `uint32`; higher bits are dropped, as protobuf wants it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "protobuf: a uint32 is the low 32 bits of its varint"
    )]
    pub(super) fn uint32(self) -> Result<u32, WireError> {
        self.uint64().map(|value| value as u32)
    }

    /// An `sint32`: zigzag, so that small negative numbers are short.
    pub(super) fn sint32(self) -> Result<i32, WireError> {
        self.uint32()
            .map(|value| (value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A `bool`.
    pub(super) fn bool(self) -> Result<bool, WireError> {
        self.uint64().map(|value| value != 0)
    }

    /// The bytes of a `bytes` field or of a message.
    pub(super) const fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Fixed => Err(WireError::Malformed),
        }
    }

    /// A `string` of at most `len_max` bytes.
    pub(super) fn text(self, field: &'static str, len_max: usize) -> Result<&'a str, WireError> {
        let bytes = self.bytes()?;
        if bytes.len() > len_max {
            return Err(WireError::Text { field, len_max });
        }
        std::str::from_utf8(bytes).map_err(|_| WireError::Text { field, len_max })
    }
}
