//! The HTTP door: gateways post what they heard.
//!
//! | route | what |
//! |---|---|
//! | `POST /minew` | a Minew gateway's JSON, or its bytes 0xBB01 |
//! | `POST /kontakt` | Kontakt.io's telemetry stream |
//! | `POST /moko` | a MOKO message |
//! | `POST /raddec` | a raddec, in bytes or JSON |
//! | `POST /TOKEN/..` | the same, for gateways that can be told a URL and no header |
//!
//! | answer | when |
//! |---|---|
//! | 200 `{"sightings", "left_out"}` | the payload was read; `first_left_out` says why something was left out |
//! | 400 | nothing of it can be used; the body says what was missing or wrong and what was expected |
//! | 401 | a token is needed, and this is none |
//! | 403 | the token does not speak for the hub |
//! | 404 | no such route, or no hub of the map goes by the name in the payload |
//! | 408 | the body did not come in time |
//! | 413 | the payload is too long |
//! | 429 | this address sends more than the limits allow |
//!
//! HTTP/1.1 and nothing else: in HTTP/2 one connection carries hundreds of bodies at once, and what the door holds in memory
//! is bounded by its connections. Token and limits are looked at before the body is read. Content types are not looked at: firmware sends any. An answer
//! never tells whether a transmitter is registered.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use serde_json::json;
use tokio::time::timeout;

use super::guard::Guard;
use super::settings::HttpDoor;
use super::{Doors, Heard, Refused};
use crate::serve::shared::Stage;
use crate::wire::payload::{Family, PAYLOAD_LEN_MAX, PayloadError, read_body};

/// How long requests under way may take when the gateway stops.
const STOP_WAIT: Duration = Duration::from_millis(500);
/// How long a TLS handshake may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);

/// What requests share.
struct Door {
    doors: Arc<Doors>,
    settings: HttpDoor,
}

/// Serves until the gateway drains.
///
/// # Errors
/// When the socket cannot be used.
pub(super) fn serve(
    doors: Arc<Doors>,
    settings: HttpDoor,
    socket: TcpListener,
) -> io::Result<impl Future<Output = ()>> {
    socket.set_nonblocking(true)?;
    let handle = Handle::new();
    let guard = Guard::new(
        doors.metrics(),
        |metrics| metrics.doors.connection_refused(),
        settings.connections_max,
        settings.connections_per_address_max,
    );
    let server = axum_server::from_tcp(socket)?.handle(handle.clone());
    let mut stage = doors.stage();
    let tls = settings.tls.clone();
    let routes = routes(Arc::new(Door { doors, settings })).into_make_service_with_connect_info::<SocketAddr>();
    Ok(async move {
        // `acceptor` forgets which versions are spoken, so that comes last.
        let serving = async {
            match tls {
                Some(tls) => {
                    let acceptor =
                        RustlsAcceptor::new(RustlsConfig::from_config(tls)).handshake_timeout(HANDSHAKE_WAIT);
                    let server = server.acceptor(acceptor.acceptor(guard));
                    server.http1_only().serve(routes).await
                }
                None => server.acceptor(guard).http1_only().serve(routes).await,
            }
        };
        let stop = async {
            let _stage = stage.wait_for(|stage| *stage == Stage::Draining).await;
            handle.graceful_shutdown(Some(STOP_WAIT));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = serving => {
                if let Err(error) = served {
                    tracing::error!("the HTTP door has failed: {error}");
                }
            }
            () = stop => {}
        }
    })
}

fn routes(door: Arc<Door>) -> Router {
    Router::new()
        .route("/{family}", post(open))
        .route("/{token}/{family}", post(with_token))
        .with_state(door)
}

async fn open(
    State(door): State<Arc<Door>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(family): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer "));
    take(&door, from, &family, token, announced(&headers), body).await
}

async fn with_token(
    State(door): State<Arc<Door>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path((token, family)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    take(&door, from, &family, Some(&token), announced(&headers), body).await
}

/// The length that a body is announced to have.
fn announced(headers: &HeaderMap) -> usize {
    let len = headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok());
    len.and_then(|len| len.parse().ok()).unwrap_or_default()
}

async fn take(
    door: &Door,
    from: SocketAddr,
    family: &str,
    token: Option<&str>,
    announced: usize,
    body: Body,
) -> Response {
    let (doors, from) = (&door.doors, from.ip());
    let Some(family) = family_of(family) else {
        return say(
            StatusCode::NOT_FOUND,
            "expected POST /minew, /kontakt, /moko or /raddec",
        );
    };
    let only = match &door.settings.tokens {
        None => &[][..],
        Some(tokens) => match token.and_then(|token| tokens.hubs(token)) {
            Some(hubs) => hubs,
            None => {
                doors.count_unauthorized(from, family);
                return say(
                    StatusCode::UNAUTHORIZED,
                    "a token is expected, as `Authorization: Bearer TOKEN` or as the first part of the path",
                );
            }
        },
    };
    if let Err(refused) = doors.admit(Some(from), family) {
        return answer(Err(refused));
    }
    if announced > PAYLOAD_LEN_MAX {
        return too_long();
    }
    match timeout(door.settings.body_wait, to_bytes(body, PAYLOAD_LEN_MAX)).await {
        Ok(Ok(payload)) => answer(doors.hear(family, only, |say| read_body(family, &payload, say))),
        Ok(Err(_)) => too_long(),
        Err(_) => say(
            StatusCode::REQUEST_TIMEOUT,
            "a payload is expected whole within a few seconds",
        ),
    }
}

fn family_of(name: &str) -> Option<Family> {
    let by_http = [Family::Minew, Family::Kontakt, Family::Moko, Family::Raddec];
    by_http.into_iter().find(|family| family.name() == name)
}

fn answer(heard: Result<Heard, Refused>) -> Response {
    match heard {
        Ok(heard) if heard.sightings == 0 && heard.flood > 0 => flood("this hub reports more than the limits allow"),
        Ok(heard) if heard.sightings == 0 && heard.not_allowed > 0 => say(
            StatusCode::FORBIDDEN,
            "the token does not speak for the hub in the payload",
        ),
        Ok(heard) if heard.sightings == 0 && heard.unknown_hub > 0 => say(
            StatusCode::NOT_FOUND,
            "no hub of the map goes by the name in the payload; give it to a hub as one of its `aliases`",
        ),
        Ok(heard) => {
            let mut answer = json!({ "sightings": heard.sightings, "left_out": heard.read.left_out.total() });
            if let (Some(first), Some(answer)) = (heard.read.left_out.first(), answer.as_object_mut()) {
                answer.insert("first_left_out".to_owned(), first.to_string().into());
            }
            Json(answer).into_response()
        }
        Err(Refused::Flood) => flood(&Refused::Flood.to_string()),
        Err(Refused::Payload(error @ PayloadError::TooLong { .. })) => {
            say(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string())
        }
        Err(Refused::Payload(error)) => say(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn too_long() -> Response {
    say(
        StatusCode::PAYLOAD_TOO_LARGE,
        "a payload is expected whole, with at most 256 KiB",
    )
}

fn flood(sentence: &str) -> Response {
    let mut response = say(StatusCode::TOO_MANY_REQUESTS, sentence);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

fn say(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "error": sentence }))).into_response()
}
