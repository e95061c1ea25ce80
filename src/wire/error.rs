//! Why bytes are not a message that the gateway takes. Names fields and limits, never what a peer wrote.

use nextbest_proto::v1::ErrorCode;
use thiserror::Error;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// They are not protobuf, or not of this type.
    #[error("the bytes are not a message of this contract")]
    Malformed,
    /// A message with two bodies.
    #[error("a message has exactly one body, and two were found")]
    TwoBodies,
    /// A message without a body, or with one that this version does not know.
    #[error("the message has no body that version 1 of the contract knows")]
    NoBody,
    /// A text is not UTF-8 or too long.
    #[error("{field} is expected to have at most {len_max} bytes of UTF-8")]
    Text {
        /// The field.
        field: &'static str,
        /// Its largest length, in bytes.
        len_max: usize,
    },
    /// A field that must be there is empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A number or a choice is outside of what the contract allows.
    #[error("{field} is expected to be {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// A list is too long.
    #[error("{field} is expected to have {len_min} to {len_max} entries")]
    Count {
        /// The field.
        field: &'static str,
        /// The fewest entries.
        len_min: usize,
        /// The most entries.
        len_max: usize,
    },
}

impl WireError {
    /// The code of the contract.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Malformed | Self::TwoBodies => ErrorCode::MalformedFrame,
            Self::NoBody => ErrorCode::UnexpectedMessage,
            Self::Text { .. } | Self::Missing(_) | Self::Value { .. } | Self::Count { .. } => ErrorCode::InvalidField,
        }
    }
}
