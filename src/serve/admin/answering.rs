//! Answers a request at an HTTPS listener: which route, who asks, whether they may, and then what it does.
//!
//! Every refusal is JSON, `{"error": NAME, "sentence": SENTENCE}`, and counted by its kind. The body is read last, when
//! it is known that somebody who may sent it. Identity is the bearer token's alone: nothing in a path, a query or a body
//! says who asks. Files are read on this thread, which answers neither apps nor hubs.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use nextbest_proto::v1;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::audit::What;
use super::changing::{changes, record};
use super::person;
use super::routes::{HUB_FIELDS, REVOCABLE, ROUTES, Route, UNTIL_FAR, Who, Work, allows};
use crate::serve::access::ReloadError;
use crate::serve::access::admin_tokens::AdminToken;
use crate::serve::access::revoked::{Revocation, RevocationError};
use crate::serve::hub_exposition::flag_name;
use crate::serve::metrics::Counter;
use crate::serve::shared::{Shared, Stage};
use crate::serve::token::CLOCK_SKEW_S_MAX;
use crate::serve::{exposition, hub_book};

/// Longest body.
const BODY_LEN_MAX: usize = 4_096;
/// How long a body may take.
const BODY_WAIT: Duration = Duration::from_secs(5);

/// Answers that may be long, and have not been read by whom they are for.
pub(in crate::serve) const LONG_ANSWERS_MAX: usize = 4;
/// Bytes of a long answer: 4,096 hubs, or as many changes, with 2 KiB for each.
const LONG_ANSWER_LEN_MAX: usize = 8 * 1_024 * 1_024;

/// Bytes that so many requests can take at worst, bodies and answers.
pub(in crate::serve) const fn request_bytes_max(connections: usize) -> usize {
    connections * 2 * BODY_LEN_MAX + LONG_ANSWERS_MAX * LONG_ANSWER_LEN_MAX
}

/// Which listener is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Door {
    /// Health and readiness alone.
    Public,
    /// Every route, with a token.
    Admin,
}

/// Why a request was refused.
pub(super) struct Refused {
    status: StatusCode,
    error: &'static str,
    sentence: Cow<'static, str>,
}

/// Answers one request and counts how it went.
pub(in crate::serve) async fn answer(shared: &Shared, door: Door, head: &Parts, body: Body) -> Response {
    let answer = match try_answer(shared, door, head, body).await {
        Ok(answer) => answer,
        Err(refused) => refused.into_response(),
    };
    shared.metrics.count(match answer.status() {
        StatusCode::UNAUTHORIZED => Counter::AdminUnknown,
        StatusCode::FORBIDDEN => Counter::AdminForbidden,
        status if status.is_success() => Counter::AdminAnswered,
        status if status.is_server_error() => Counter::AdminFailed,
        _ => Counter::AdminRefused,
    });
    answer
}

async fn try_answer(shared: &Shared, door: Door, head: &Parts, body: Body) -> Result<Response, Refused> {
    let route = route(door, head)?;
    let access = shared.access.current();
    let holder = match route.who {
        Who::Anybody => None,
        Who::Roles(roles) => {
            let token = bearer(&head.headers).unwrap_or_default();
            let holder = access.admin_tokens.holder(token, shared.clock.unix_s());
            let holder = holder.ok_or_else(|| Refused::because(StatusCode::UNAUTHORIZED, "token_invalid", UNKNOWN))?;
            if !roles.contains(&holder.role) {
                return Err(Refused::because(StatusCode::FORBIDDEN, "not_allowed", NOT_YOURS));
            }
            Some(holder.clone())
        }
    };
    // The list may be another one when the body has come; who began is allowed to end.
    drop(access);
    let body = read(body).await?;
    match (route.work, holder) {
        (Work::Alive, _) => Ok(health(shared)),
        (Work::Ready, _) => Ok(readiness(shared)),
        (Work::Metrics, Some(_)) => {
            let format = [(header::CONTENT_TYPE, exposition::CONTENT_TYPE)];
            let text = long(shared, || exposition::text(shared))?;
            Ok((format, text).into_response())
        }
        (Work::WhoAmI, Some(holder)) => Ok(say(&json!({
            "name": holder.name, "role": holder.role.name(), "until_unix_s": holder.until_unix_s,
        }))),
        (Work::Hubs, Some(holder)) => Ok(say_text(long(shared, || line(&hubs(shared, &holder)))?)),
        (Work::Changes, Some(holder)) => Ok(say_text(long(shared, || line(&changes(shared, holder.role)))?)),
        (Work::Revoke, Some(holder)) => revoke(shared, &holder, &body).await,
        (Work::Reload, Some(holder)) => reload(shared, &holder, &body).await,
        (Work::ExportPerson, Some(holder)) => person::export(shared, &holder, &body).await,
        (Work::ErasePerson, Some(holder)) => person::erase(shared, &holder, &body).await,
        (Work::Erasures, Some(_)) => Ok(say_text(long(shared, || line(&person::erasures(shared)))?)),
        (
            Work::Metrics
            | Work::WhoAmI
            | Work::Hubs
            | Work::Changes
            | Work::Revoke
            | Work::Reload
            | Work::ExportPerson
            | Work::ErasePerson
            | Work::Erasures,
            None,
        ) => Err(Refused::because(StatusCode::UNAUTHORIZED, "token_invalid", UNKNOWN)),
    }
}

const UNKNOWN: &str = "an admin token is expected in `Authorization: Bearer`; `nextbest keys admin` makes one";
const NOT_YOURS: &str = "the role of this token does not allow that";

fn route(door: Door, head: &Parts) -> Result<&'static Route, Refused> {
    let is_open = |route: &&Route| door == Door::Admin || route.who == Who::Anybody;
    let mut of_path = ROUTES
        .iter()
        .filter(is_open)
        .filter(|route| route.path == head.uri.path());
    let Some(first) = of_path.next() else {
        return Err(Refused::because(
            StatusCode::NOT_FOUND,
            "unknown_route",
            "there is no such route",
        ));
    };
    let mut verbs = [first].into_iter().chain(of_path);
    verbs
        .find(|route| route.verb.name() == head.method.as_str())
        .ok_or_else(|| {
            Refused::because(
                StatusCode::METHOD_NOT_ALLOWED,
                "unknown_route",
                "the route is asked otherwise",
            )
        })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    // Of two, a proxy may have looked at the other one.
    if values.next().is_some() {
        return None;
    }
    value.strip_prefix("Bearer ")
}

async fn read(body: Body) -> Result<Vec<u8>, Refused> {
    match timeout(BODY_WAIT, to_bytes(body, BODY_LEN_MAX)).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(_)) => Err(Refused::because(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "a body is expected to have at most 4,096 bytes",
        )),
        Err(_) => Err(Refused::because(
            StatusCode::REQUEST_TIMEOUT,
            "deadline_passed",
            "the body did not come",
        )),
    }
}

/// Queries are answered from memory when the disk has failed, so the process is to live on; who watches it is to know.
fn health(shared: &Shared) -> Response {
    match shared.keeper.failure() {
        None => "ok\n".into_response(),
        Some(reason) => {
            format!("degraded: signals are not taken, because the journal has failed: {reason}\n").into_response()
        }
    }
}

fn readiness(shared: &Shared) -> Response {
    match *shared.stage.borrow() {
        Stage::Recovering => (StatusCode::SERVICE_UNAVAILABLE, "recovering\n").into_response(),
        Stage::Serving => (StatusCode::OK, "ready\n").into_response(),
        Stage::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response(),
    }
}

/// Every hub, with the fields that the role sees.
fn hubs(shared: &Shared, holder: &AdminToken) -> Value {
    let hubs = hub_book::statuses(shared).into_iter().map(|hub| {
        let mut fields = fields(hub);
        fields.retain(|name, _| allows(HUB_FIELDS, name, holder.role));
        Value::Object(fields)
    });
    json!({ "hubs": hubs.collect::<Vec<_>>() })
}

fn fields(hub: v1::HubStatus) -> Map<String, Value> {
    let flags: Vec<_> = hub.flags().map(flag_name).collect();
    let fields = [
        ("id", json!(hub.hub_id)),
        ("alive", json!(hub.alive)),
        ("heard_ms_ago", json!(hub.heard_ms_ago)),
        ("sightings_per_s", json!(hub.sightings_per_s)),
        ("flags", json!(flags)),
        ("firmware", json!(hub.firmware)),
        ("uptime_ms", json!(hub.uptime_ms)),
        ("buffer_len", json!(hub.buffer_len)),
        ("clock_offset_ms", json!(hub.clock_offset_ms)),
    ];
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// The body of `POST /v1/admin/revoke`: one of the first five, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    hub: Option<String>,
    certificate: Option<String>,
    token: Option<String>,
    customer: Option<String>,
    /// A customer or a service.
    subject: Option<String>,
    /// Of the last two: tokens issued at this second of 1970-01-01 UTC or before; without it, whatever can have been issued
    /// by now, for which an issuer's clock may be a minute ahead.
    until_unix_s: Option<u64>,
    why: String,
}

impl RevokeBody {
    fn revocation(&self, unix_s: u64) -> Option<Result<Revocation, RevocationError>> {
        let until_unix_s = self.until_unix_s.unwrap_or(unix_s.saturating_add(CLOCK_SKEW_S_MAX));
        let all = [
            self.hub.as_deref().map(Revocation::hub),
            self.certificate.as_deref().map(Revocation::certificate),
            self.token.as_deref().map(Revocation::token),
            self.customer
                .as_deref()
                .map(|id| Revocation::customer(id, until_unix_s)),
            self.subject.as_deref().map(|id| Revocation::subject(id, until_unix_s)),
        ];
        let mut named = all.into_iter().flatten();
        let one = named.next();
        let has_limit = self.customer.is_some() || self.subject.is_some();
        one.filter(|_| named.next().is_none() && (has_limit || self.until_unix_s.is_none()))
    }
}

async fn revoke(shared: &Shared, holder: &AdminToken, body: &[u8]) -> Result<Response, Refused> {
    const EXPECTED: &str = "expected {\"why\": .., and one of \"hub\", \"certificate\", \"token\", or \"customer\" or \
                            \"subject\" (perhaps with \"until_unix_s\")}";
    let malformed = || Refused::because(StatusCode::BAD_REQUEST, "invalid_field", EXPECTED);
    let body: RevokeBody = serde_json::from_slice(body).map_err(|_| malformed())?;
    let unix_s = shared.clock.unix_s();
    let revocation = body.revocation(unix_s).ok_or_else(malformed)?;
    let revocation =
        revocation.map_err(|error| Refused::because(StatusCode::BAD_REQUEST, "invalid_field", error.to_string()))?;
    let is_far = revocation.until_unix_s() > Some(unix_s.saturating_add(CLOCK_SKEW_S_MAX));
    if !allows(REVOCABLE, revocation.kind(), holder.role) || (is_far && !UNTIL_FAR.contains(&holder.role)) {
        return Err(Refused::because(StatusCode::FORBIDDEN, "not_allowed", NOT_YOURS));
    }
    record(shared, holder, What::Revoke(&revocation), &body.why).await?;
    taken(shared, shared.access.revoke(&revocation))
}

/// The body of `POST /v1/admin/reload`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReloadBody {
    why: String,
}

async fn reload(shared: &Shared, holder: &AdminToken, body: &[u8]) -> Result<Response, Refused> {
    let body: ReloadBody = serde_json::from_slice(body)
        .map_err(|_| Refused::because(StatusCode::BAD_REQUEST, "invalid_field", "expected {\"why\": ..}"))?;
    record(shared, holder, What::Reload, &body.why).await?;
    taken(shared, shared.access.reload())
}

/// What became of a change of the keys. The reason goes to the log alone: it names files of this machine.
fn taken(shared: &Shared, taken: Result<u64, ReloadError>) -> Result<Response, Refused> {
    match taken {
        Ok(number) => {
            shared.metrics.count(Counter::KeysTaken);
            let revoked = shared.access.current().revoked_len();
            Ok(say(&json!({ "keys_taken": number, "revoked": revoked })))
        }
        Err(error) => {
            shared.metrics.count(Counter::KeysRefused);
            tracing::error!("{error}");
            Err(Refused::because(
                StatusCode::CONFLICT,
                "keys_unusable",
                "the key folder cannot be used, so everything stays as it was; the log says which file and why",
            ))
        }
    }
}

/// An answer in JSON, which nobody keeps on the way.
pub(super) fn say(value: &Value) -> Response {
    say_text(line(value))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn say_text(text: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// An answer that may be long, with its place, which is free again when the answer was read.
struct Long(
    String,
    #[expect(dead_code, reason = "dropping it frees the place")] OwnedSemaphorePermit,
);

impl AsRef<[u8]> for Long {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn long(shared: &Shared, answer: impl FnOnce() -> String) -> Result<Bytes, Refused> {
    let sentence = "others are reading long answers; try again in a moment";
    let place = Arc::clone(&shared.long_answers).try_acquire_owned();
    let place = place.map_err(|_| Refused::because(StatusCode::SERVICE_UNAVAILABLE, "overloaded", sentence))?;
    Ok(Bytes::from_owner(Long(answer(), place)))
}

impl Refused {
    pub(super) fn because(status: StatusCode, error: &'static str, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error,
            sentence: sentence.into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = say(&json!({ "error": self.error, "sentence": self.sentence }));
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
