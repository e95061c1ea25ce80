//! What peers are told when something is not taken.

use nextbest_proto::v1::{self, ErrorCode};

use super::durable::NotTaken;
use super::overload::RETRY_AFTER_MS;
use super::token::TokenError;
use crate::engine::customer::NoRoom;
use crate::engine::{OutcomeError, SignalError, VenueSignalError};
use crate::journal::JournalError;
use crate::wire::WireError;

/// What a peer is told whose signal, outcome or customer was not taken.
pub(super) fn not_taken(error: &NotTaken) -> v1::Error {
    match error {
        NotTaken::NoRoom(error) => no_room(error),
        NotTaken::Signal(error) => signal_error(error),
        NotTaken::Venue(error) => venue_signal_error(error),
        NotTaken::Outcome(error) => outcome_error(error),
        NotTaken::Journal(error) => journal_error(error),
        NotTaken::NoRandomness => v1::Error::because(ErrorCode::Internal, error.to_string()),
    }
}

/// What a peer is told whose bytes make no sense.
pub(super) fn wire_error(error: WireError) -> v1::Error {
    v1::Error::because(error.code(), error.to_string())
}

/// What a peer is told whose token is not taken.
pub(super) fn token_error(error: TokenError) -> v1::Error {
    v1::Error::because(error.code(), error.to_string())
}

fn no_room(error: &NoRoom) -> v1::Error {
    match error {
        NoRoom::Full(_) => v1::Error::new(ErrorCode::TableFull),
        NoRoom::IdLength(_) => v1::Error::because(ErrorCode::InvalidField, error.to_string()),
        NoRoom::SlotTaken => v1::Error::because(ErrorCode::Internal, error.to_string()),
    }
}

pub(super) fn journal_error(error: &JournalError) -> v1::Error {
    match error {
        JournalError::Full => v1::Error::new(ErrorCode::Overloaded).after(RETRY_AFTER_MS),
        JournalError::TooLong(_) => v1::Error::because(ErrorCode::InvalidField, error.to_string()),
        JournalError::Closed => v1::Error::because(ErrorCode::NotReady, "the gateway is going; ask another, or again"),
        JournalError::Poisoned | JournalError::Io(_) | JournalError::Damaged { .. } => v1::Error::because(
            ErrorCode::NotReady,
            "the gateway's journal has failed; signals are not taken",
        ),
    }
}

fn signal_error(error: &SignalError) -> v1::Error {
    let code = match error {
        SignalError::NoMessageId => ErrorCode::InvalidField,
        SignalError::Conflict => ErrorCode::MessageIdConflict,
        SignalError::NoCustomer => ErrorCode::UnknownSubject,
        SignalError::TooManyTags => ErrorCode::TooManyIdentities,
        SignalError::TooOld => ErrorCode::TooOld,
        SignalError::ConsentAhead | SignalError::ConsentEndsFirst | SignalError::ConsentOutdated => {
            ErrorCode::InvalidField
        }
    };
    v1::Error::because(code, error.to_string())
}

fn venue_signal_error(error: &VenueSignalError) -> v1::Error {
    // What the sender wrote stays out of the sentence: an error is also logged.
    let sentence = match error {
        VenueSignalError::Signal(error) => return signal_error(error),
        VenueSignalError::UnknownEvent(_) => "a signal without a subject is expected to be an event of the venue",
        VenueSignalError::UnknownPlace(_) => "the property `place` is expected to be the id of a place of the venue",
        VenueSignalError::UnknownProduct(_) => "the property `product` is expected to be one of the pack's wants",
        VenueSignalError::UnknownPhase(_) => "the property `phase` is expected to be one of the pack's phases",
    };
    v1::Error::because(ErrorCode::InvalidField, sentence)
}

fn outcome_error(error: &OutcomeError) -> v1::Error {
    let code = match error {
        OutcomeError::UnknownDecision => ErrorCode::UnknownDecision,
        OutcomeError::UnknownAction => ErrorCode::InvalidField,
    };
    v1::Error::because(code, error.to_string())
}
