//! What can go wrong between a client and the gateway, one enum for each operation.
//!
//! A caller wants to know three things: did the gateway say no (and may I try again), did the connection break,
//! or did somebody break the protocol. Each enum keeps these apart. Deliberately absent: the table of the
//! gateway's codes, which is the contract's.

use nextbest_proto::{
    error::from_number,
    frame,
    v1::{self, ErrorCode},
};
use quinn::{ConnectionError, ReadError, VarInt, WriteError};
use thiserror::Error;

/// The connection or the stream is gone.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Lost {
    /// The gateway closed it and said why.
    #[error("the gateway closed it: {0}")]
    Closed(v1::Error),
    /// The gateway closed it without an error, for example because it has stopped.
    #[error("the gateway closed it")]
    Finished,
    /// Nothing was heard for the idle timeout.
    #[error("nothing was heard from the gateway for the idle timeout")]
    Silent,
    /// This side closed it.
    #[error("it was closed on this side")]
    Local,
    /// The transport failed: certificates that do not fit, another ALPN, a protocol violation.
    #[error("transport: {0}")]
    Transport(String),
}

impl From<ConnectionError> for Lost {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => closed(close.error_code, &close.reason),
            ConnectionError::TimedOut => Self::Silent,
            ConnectionError::LocallyClosed => Self::Local,
            ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::CidsExhausted => Self::Transport(error.to_string()),
        }
    }
}

impl From<ReadError> for Lost {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(cause) => cause.into(),
            ReadError::Reset(code) => closed(code, b""),
            ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => Self::Local,
        }
    }
}

impl From<WriteError> for Lost {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(cause) => cause.into(),
            WriteError::Stopped(code) => closed(code, b""),
            WriteError::ClosedStream | WriteError::ZeroRttRejected => Self::Local,
        }
    }
}

/// The code and the reason with which a connection or a stream was closed; code 0 is no error.
fn closed(code: VarInt, reason: &[u8]) -> Lost {
    match (code.into_inner(), from_number(code.into_inner())) {
        (0, _) => Lost::Finished,
        (_, Some(code)) if reason.is_empty() => Lost::Closed(v1::Error::new(code)),
        (_, Some(code)) => Lost::Closed(v1::Error::because(code, String::from_utf8_lossy(reason))),
        (number, None) => Lost::Closed(v1::Error::because(
            ErrorCode::Unspecified,
            format!("code {number}, which this client does not know"),
        )),
    }
}

/// The bytes were not what the contract says.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ProtocolError {
    /// A frame that is too large, torn or malformed. Of a frame that is too large nothing is read.
    #[error(transparent)]
    Frame(#[from] frame::FrameError),
    /// The stream ended where a frame was expected.
    #[error("the stream ended where {expected} was expected")]
    FrameMissing {
        /// What was waited for.
        expected: &'static str,
    },
    /// A message of another kind, or with another request's id.
    #[error("the gateway sent something else where {expected} was expected")]
    MessageUnexpected {
        /// What was waited for.
        expected: &'static str,
    },
}

impl From<prost::DecodeError> for ProtocolError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Frame(error.into())
    }
}

/// A frame could not be read or written; becomes the error of the operation that wanted it.
#[derive(Debug, Clone, PartialEq, Error)]
pub(crate) enum FrameError {
    #[error(transparent)]
    Lost(#[from] Lost),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// A certificate or key could not be used.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{what} could not be used: {reason}; expected {expected}")]
pub struct CertificateError {
    pub(crate) what: &'static str,
    pub(crate) reason: String,
    pub(crate) expected: &'static str,
}

/// A session could not be opened.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ConnectError {
    /// The address, the server name or the local endpoint can't be used; trying again does not help.
    #[error("cannot connect: {0}")]
    Setup(String),
    /// The gateway refused the hello.
    #[error("the gateway refused the hello: {0}")]
    Refused(v1::Error),
    /// The connection broke before the welcome; certificates and ALPN that do not fit end here too.
    #[error("the connection was lost before the welcome: {0}")]
    Lost(#[from] Lost),
    /// The gateway did not answer in time.
    #[error("no welcome within {after_ms} ms")]
    Timeout {
        /// How long was waited.
        after_ms: u64,
    },
    /// The gateway's answer to the hello was not a welcome.
    #[error("the gateway broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
}

impl ConnectError {
    /// What the gateway said, when it said something.
    pub fn refusal(&self) -> Option<&v1::Error> {
        match self {
            Self::Refused(refusal) | Self::Lost(Lost::Closed(refusal)) => Some(refusal),
            Self::Setup(_) | Self::Lost(_) | Self::Timeout { .. } | Self::Protocol(_) => None,
        }
    }

    /// False when connecting again with the same settings is pointless.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Setup(_) => false,
            Self::Refused(refusal) => refusal.retry,
            Self::Lost(_) | Self::Timeout { .. } | Self::Protocol(_) => {
                self.refusal().is_none_or(|refusal| refusal.retry)
            }
        }
    }
}

impl From<FrameError> for ConnectError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Lost(lost) => Self::Lost(lost),
            FrameError::Protocol(protocol) => Self::Protocol(protocol),
        }
    }
}

/// A request of an app has no answer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RequestError {
    /// The gateway answered with an error.
    #[error("the gateway refused the request: {0}")]
    Refused(v1::Error),
    /// No reply in time. For a datagram the request or its reply may have been lost; otherwise the gateway may
    /// still have done what was asked.
    #[error("no reply within {after_ms} ms")]
    Timeout {
        /// How long was waited.
        after_ms: u64,
    },
    /// The connection broke; the gateway may or may not have done what was asked.
    #[error("the connection was lost: {0}")]
    Lost(#[from] Lost),
    /// There is no session and none can be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The request is larger than the contract or, for a datagram, the path allows. Nothing was sent.
    #[error("the request has {len} bytes, where at most {len_max} can be sent")]
    TooLarge {
        /// Bytes of the request.
        len: usize,
        /// Bytes that can be sent.
        len_max: usize,
    },
    /// The gateway takes no datagrams, or the send buffer for them is full. Nothing was sent.
    #[error("the datagram could not be sent: {0}")]
    DatagramUnsent(String),
    /// The reply was not what the contract says.
    #[error("the gateway broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
}

impl RequestError {
    /// What the gateway said, when it said something.
    pub fn refusal(&self) -> Option<&v1::Error> {
        match self {
            Self::Refused(refusal) | Self::Lost(Lost::Closed(refusal)) => Some(refusal),
            Self::Connect(error) => error.refusal(),
            Self::Timeout { .. }
            | Self::Lost(_)
            | Self::TooLarge { .. }
            | Self::DatagramUnsent(_)
            | Self::Protocol(_) => None,
        }
    }
}

impl From<FrameError> for RequestError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Lost(lost) => Self::Lost(lost),
            FrameError::Protocol(protocol) => Self::Protocol(protocol),
        }
    }
}

/// A hub's session broke.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum HubError {
    /// The connection broke. What was not acknowledged must be sent again.
    #[error("the connection was lost: {0}")]
    Lost(#[from] Lost),
    /// A frame that the contract does not allow, from either side.
    #[error("the protocol was broken: {0}")]
    Protocol(#[from] ProtocolError),
    /// The datagram is larger than the path allows, or the gateway takes none. Nothing was sent.
    #[error("the datagram could not be sent: {0}")]
    DatagramUnsent(String),
}

impl From<FrameError> for HubError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Lost(lost) => Self::Lost(lost),
            FrameError::Protocol(protocol) => Self::Protocol(protocol),
        }
    }
}

impl From<HubError> for ConnectError {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Lost(lost) => Self::Lost(lost),
            HubError::Protocol(protocol) => Self::Protocol(protocol),
            HubError::DatagramUnsent(reason) => Self::Setup(reason),
        }
    }
}
