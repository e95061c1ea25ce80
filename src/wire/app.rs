//! The requests of an app. A query is read in place; the others are left as bytes for whoever needs them.

use std::fmt;

use nextbest_proto::limits::{
    ANSWERS_MAX, APP_LEN_MAX, CHANNEL_LEN_MAX, LOCALE_LEN_MAX, PLACEMENT_LEN_MAX, SUBJECT_LEN_MAX, WANT_LEN_MAX,
    ZONE_ID_LEN_MAX,
};
use nextbest_proto::v1;
use prost::Message as _;

use super::WireError;
use super::fields::Fields;
use super::hub::at_most;
use crate::model::Query;

/// An `AppRequest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Chosen by the app and repeated in the reply.
    pub request_id: u64,
    /// What it asks.
    pub body: Body<'a>,
}

/// What an app asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// Who it is: see [`read_hello`].
    Hello(&'a [u8]),
    /// What is best?
    Query(QueryRequest<'a>),
    /// Somebody did something: see [`super::read_signal`].
    Signal(&'a [u8]),
    /// What became of a decision: see [`super::read_outcome`].
    Outcome(&'a [u8]),
    /// How are the hubs: a `HubsRequest`.
    Hubs(&'a [u8]),
    /// Who comes, stays and goes? A `WatchPresence`: see [`read_watch`].
    WatchPresence(&'a [u8]),
    /// What is heard of a tag? See [`super::read_readings`].
    Readings(&'a [u8]),
}

/// A query with what the session needs of it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct QueryRequest<'a> {
    /// The customer; empty for the session's own.
    pub subject: &'a str,
    /// The question.
    pub query: Query<'a>,
    /// The caller gives up after this long; 0: never.
    pub deadline_ms: u32,
}

/// Shows what is asked, never who is meant nor what else was written.
impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = match self {
            Self::Query(query) => return query.fmt(f),
            Self::Hello(bytes) => ("Hello", bytes),
            Self::Signal(bytes) => ("Signal", bytes),
            Self::Outcome(bytes) => ("Outcome", bytes),
            Self::Hubs(bytes) => ("Hubs", bytes),
            Self::WatchPresence(bytes) => ("WatchPresence", bytes),
            Self::Readings(bytes) => ("Readings", bytes),
        };
        write!(f, "{name}({} bytes)", bytes.len())
    }
}

/// Shows what is asked, never who is meant.
impl fmt::Debug for QueryRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryRequest")
            .field("query", &self.query)
            .field("deadline_ms", &self.deadline_ms)
            .finish_non_exhaustive()
    }
}

/// A request that was refused, with its id as far as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The id to answer with; 0 when it was not reached.
    pub request_id: u64,
    /// Why.
    pub error: WireError,
}

/// Reads an `AppRequest`.
///
/// # Errors
/// [`Refused`] when the bytes are no request, or a field is outside of the contract.
pub fn read_app_request(message: &[u8]) -> Result<Request<'_>, Refused> {
    let mut request_id = 0;
    read(message, &mut request_id).map_err(|error| Refused { request_id, error })
}

fn read<'a>(message: &'a [u8], request_id: &mut u64) -> Result<Request<'a>, WireError> {
    let mut body = None;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => *request_id = value.uint64()?,
            2..=8 if body.replace((number, value.bytes()?)).is_some() => return Err(WireError::TwoBodies),
            _ => {}
        }
    }
    let body = match body.ok_or(WireError::NoBody)? {
        (2, bytes) => Body::Hello(bytes),
        (3, bytes) => Body::Query(read_query(bytes)?),
        (4, bytes) => Body::Signal(bytes),
        (5, bytes) => Body::Outcome(bytes),
        (6, bytes) => Body::Hubs(bytes),
        (7, bytes) => Body::WatchPresence(bytes),
        (_, bytes) => Body::Readings(bytes),
    };
    Ok(Request {
        request_id: *request_id,
        body,
    })
}

fn read_query(message: &[u8]) -> Result<QueryRequest<'_>, WireError> {
    let mut request = QueryRequest::default();
    let query = &mut request.query;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => request.subject = value.text("subject", SUBJECT_LEN_MAX)?,
            2 => query.want = value.text("want", WANT_LEN_MAX)?,
            3 => query.channel = value.text("channel", CHANNEL_LEN_MAX)?,
            4 => query.placement = value.text("placement", PLACEMENT_LEN_MAX)?,
            5 => query.locale = value.text("locale", LOCALE_LEN_MAX)?,
            6 => query.answers_max = value.uint32()?,
            7 => query.why = value.bool()?,
            8 => request.deadline_ms = value.uint32()?,
            _ => {}
        }
    }
    if query.answers_max as usize > ANSWERS_MAX {
        return Err(WireError::Value {
            field: "answers_max",
            expected: "0 to 3",
        });
    }
    Ok(request)
}

/// Reads an `AppHello`. The token's own length is judged by whoever verifies it.
///
/// # Errors
/// [`WireError`] when the bytes are no hello, or a text is too long.
pub fn read_hello(message: &[u8]) -> Result<v1::AppHello, WireError> {
    let hello = v1::AppHello::decode(message).map_err(|_| WireError::Malformed)?;
    at_most("locale", &hello.locale, LOCALE_LEN_MAX)?;
    at_most("app", &hello.app, APP_LEN_MAX)?;
    Ok(hello)
}

/// Reads a `WatchPresence`.
///
/// # Errors
/// [`WireError`] when the bytes are no watch, or a text is too long.
pub fn read_watch(message: &[u8]) -> Result<v1::WatchPresence, WireError> {
    let watch = v1::WatchPresence::decode(message).map_err(|_| WireError::Malformed)?;
    at_most("subject", &watch.subject, SUBJECT_LEN_MAX)?;
    at_most("zone", &watch.zone, ZONE_ID_LEN_MAX)?;
    Ok(watch)
}
