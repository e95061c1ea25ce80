//! Every error of the contract in one table: number, name, sentence, whether to retry, and whose fault it is.
//!
//! A peer reads the same facts in a [`v1::Error`]; a program that links this crate can ask [`entry`]. The
//! numbers are also the QUIC application error codes with which a stream or a connection is closed.
//! What is absent on purpose: what happened inside the gateway, which is for its own log.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use crate::limits::ERROR_SENTENCE_LEN_MAX;
use crate::v1::{self, ErrorCode};

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The program that sent the request: its bytes, its order or its values are wrong.
    Peer,
    /// The people who set up hubs, tokens and venues.
    Operator,
    /// The gateway: busy, going away, not ready, or broken.
    Gateway,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code of the contract; as a number it is what goes over the wire.
    pub code: ErrorCode,
    /// Its name: the enum's, in small letters and without the prefix.
    pub name: &'static str,
    /// What to tell a person who has nothing better.
    pub sentence: &'static str,
    /// Whether the same request may succeed later, unchanged.
    pub retry: bool,
    /// Who has to act.
    pub fault: Fault,
}

impl Entry {
    /// The number on the wire, also the QUIC application error code.
    pub const fn number(&self) -> u32 {
        // The numbers of the contract are not negative.
        self.code as u32
    }
}

macro_rules! table {
    ($($code:ident $name:literal $retry:ident $fault:ident $sentence:literal;)*) => {
        /// Every code, in the order of its number.
        ///
        /// | code | name | retry | fault | sentence |
        /// |---|---|---|---|---|
        $(#[doc = concat!("| [`", stringify!($code), "`](ErrorCode::", stringify!($code), ") | `", $name, "` | ",
            stringify!($retry), " | ", stringify!($fault), " | ", $sentence, " |")])*
        pub const TABLE: &[Entry] = &[$(Entry {
            code: ErrorCode::$code,
            name: $name,
            sentence: $sentence,
            retry: table!(@$retry),
            fault: Fault::$fault,
        }),*];
    };
    (@again) => { true };
    (@never) => { false };
}

table! {
    // 1xx: the bytes.
    MalformedFrame "malformed_frame" never Peer "The frame is not a message of this contract.";
    FrameTooLarge "frame_too_large" never Peer "The frame is larger than this stream takes.";
    UnexpectedMessage "unexpected_message" never Peer "This message is not expected here.";
    UnsupportedVersion "unsupported_version" never Peer "This protocol version is not spoken here; version 1 is.";
    HelloExpected "hello_expected" never Peer "A hello is expected before anything else.";
    StreamsAbandoned "streams_abandoned" never Peer "The peer resets or abandons more streams than it finishes.";
    // 2xx: who you are.
    TokenMissing "token_missing" never Peer "A token is expected in the hello.";
    TokenInvalid "token_invalid" never Peer "The token is not valid here; a token signed for this venue is expected.";
    TokenExpired "token_expired" never Peer "The token has expired; connect again with a fresh one.";
    WrongVenue "wrong_venue" never Operator "The certificate or token is for another venue.";
    UnknownHub "unknown_hub" never Operator "The hub of this certificate is not in the venue's map.";
    NotAllowed "not_allowed" never Operator "The role of this token does not allow that.";
    HubReplaced "hub_replaced" never Operator "Another connection of the same hub has taken over.";
    TokenRevoked "token_revoked" never Peer "The token was revoked; connect again with a fresh one.";
    HubRevoked "hub_revoked" never Operator "The hub or its certificate was revoked.";
    // 3xx: what you asked for.
    InvalidField "invalid_field" never Peer "A field has a value that the contract does not allow.";
    UnknownSubject "unknown_subject" never Peer "The subject is not known; send an identify signal first.";
    UnknownDecision "unknown_decision" never Peer "The decision is not known or too long ago.";
    MessageIdConflict "message_id_conflict" never Peer "The message id was used before for a different signal.";
    TooManyIdentities "too_many_identities" never Peer "The customer has as many identities as one customer may have.";
    TooOld "too_old" never Peer "The signal is from before what is remembered; it may have been applied.";
    // 4xx: what passes: the gateway's own state, and what is too much at once.
    Overloaded "overloaded" again Gateway "The gateway has more to do than it can; try again later.";
    Draining "draining" again Gateway "The gateway is going away; connect again.";
    NotReady "not_ready" again Gateway "The gateway is not ready yet; try again soon.";
    TableFull "table_full" again Gateway "A table of the gateway is full; try again later.";
    DeadlinePassed "deadline_passed" again Gateway "The deadline of the request passed before it was answered.";
    Internal "internal" again Gateway "The gateway failed; the operator has been told.";
    RateExceeded "rate_exceeded" again Peer "This identity asks more often than it may; slow down.";
    TooManyConnections "too_many_connections" again Peer "This identity has as many connections as it may have.";
}

/// What is known of `code`; `None` for the unspecified code.
pub fn entry(code: ErrorCode) -> Option<&'static Entry> {
    TABLE.iter().find(|row| row.code == code)
}

/// The code that `number` stands for, for instance that of a closed QUIC stream; `None` for a number that this
/// version of the contract does not have.
pub fn from_number(number: u64) -> Option<ErrorCode> {
    let code = ErrorCode::try_from(i32::try_from(number).ok()?).ok()?;
    entry(code).map(|entry| entry.code)
}

impl v1::Error {
    /// The error with the sentence of the table.
    ///
    /// ```
    /// use nextbest_proto::v1::{Error, ErrorCode};
    ///
    /// let error = Error::new(ErrorCode::TokenExpired);
    /// assert_eq!(error.to_string(), "token_expired (202): The token has expired; connect again with a fresh one.");
    /// ```
    pub fn new(code: ErrorCode) -> Self {
        let (name, sentence, retry) = match entry(code) {
            Some(entry) => (entry.name, entry.sentence, entry.retry),
            None => ("unspecified", "", false),
        };
        Self {
            code: code.into(),
            name: name.to_owned(),
            sentence: sentence.to_owned(),
            retry,
            retry_after_ms: 0,
        }
    }

    /// The error with a sentence that says what was wrong and what was expected. A sentence that is too long
    /// for the contract is cut at the end of a character.
    ///
    /// Never put a peer's own text into it: an error is also logged.
    pub fn because(code: ErrorCode, sentence: impl Into<String>) -> Self {
        let mut sentence = sentence.into();
        sentence.truncate(sentence.floor_char_boundary(ERROR_SENTENCE_LEN_MAX));
        Self {
            sentence,
            ..Self::new(code)
        }
    }

    /// The same error with a hint to wait at least `retry_after_ms` before trying again.
    #[must_use]
    pub fn after(self, retry_after_ms: u32) -> Self {
        Self { retry_after_ms, ..self }
    }
}

impl fmt::Display for v1::Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.code, self.sentence)
    }
}

impl core::error::Error for v1::Error {}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::limits::ERROR_NAME_LEN_MAX;

    #[test]
    fn names_follow_the_contract_and_fit_it() {
        for row in TABLE {
            let in_contract = row.code.as_str_name();
            assert_eq!(format!("ERROR_CODE_{}", row.name.to_uppercase()), in_contract);
            assert!(row.name.len() <= ERROR_NAME_LEN_MAX, "{}", row.name);
            assert!(
                row.sentence.len() <= ERROR_SENTENCE_LEN_MAX && row.sentence.ends_with('.'),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn the_table_has_every_code_of_the_contract_once_and_in_order() {
        let in_contract: alloc::vec::Vec<u32> = (1..1_000)
            .filter(|number| ErrorCode::try_from(*number).is_ok())
            .map(i32::cast_unsigned)
            .collect();
        let in_table: alloc::vec::Vec<u32> = TABLE.iter().map(Entry::number).collect();
        assert_eq!(in_table, in_contract);
        assert!(TABLE.iter().all(|row| entry(row.code) == Some(row)));
        assert!(
            TABLE
                .iter()
                .all(|row| from_number(u64::from(row.number())) == Some(row.code))
        );
    }

    #[test]
    fn unspecified_and_foreign_numbers_are_no_errors_of_ours() {
        for number in [0, 1, 99, 599, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(from_number(number), None);
        }
    }

    #[test]
    fn only_the_gateways_own_troubles_and_what_is_too_much_pass_by_themselves() {
        let is_too_much = |code| matches!(code, ErrorCode::RateExceeded | ErrorCode::TooManyConnections);
        assert!(
            TABLE
                .iter()
                .all(|row| row.retry == (row.fault == Fault::Gateway || is_too_much(row.code)))
        );
    }

    #[test]
    fn a_sentence_is_cut_between_characters() {
        let error = v1::Error::because(ErrorCode::InvalidField, "é".repeat(200));
        assert_eq!(error.sentence.len(), ERROR_SENTENCE_LEN_MAX);
        let error = v1::Error::because(ErrorCode::InvalidField, format!("x{}", "é".repeat(200)));
        assert_eq!(error.sentence.len(), ERROR_SENTENCE_LEN_MAX - 1);
        assert_eq!(error.after(250).retry_after_ms, 250);
    }
}
