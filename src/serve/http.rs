//! The HTTPS listener for operators.
//!
//! | route | what |
//! |---|---|
//! | `GET /healthz` | 200 while the process serves |
//! | `GET /readyz` | 200 while new connections are taken, 503 when the gateway drains |
//! | `GET /metrics` | counters and gauges in the text format of Prometheus |
//!
//! It has a thread of its own, so that a slow scrape delays no query. Deliberately absent: anything about a person.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use std::{future::Future, io};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;

use super::exposition;
use super::shared::{Shared, Stage};

/// How long requests under way may take when the gateway stops.
const STOP_WAIT: Duration = Duration::from_secs(1);
/// How long a TLS handshake may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);

/// Serves until the gateway drains.
///
/// # Errors
/// When the socket cannot be used.
pub(super) fn serve(
    shared: Arc<Shared>,
    socket: TcpListener,
    tls: rustls::ServerConfig,
) -> io::Result<impl Future<Output = ()>> {
    socket.set_nonblocking(true)?;
    let handle = Handle::new();
    let server = axum_server::from_tcp_rustls(socket, RustlsConfig::from_config(Arc::new(tls)))?
        .map(|acceptor| acceptor.handshake_timeout(HANDSHAKE_WAIT))
        .handle(handle.clone());
    let routes = routes(Arc::clone(&shared));
    Ok(async move {
        let mut stage = shared.stage.clone();
        let stop = async {
            let _stage = stage.wait_for(|stage| *stage == Stage::Draining).await;
            handle.graceful_shutdown(Some(STOP_WAIT));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = server.serve(routes.into_make_service()) => {
                if let Err(error) = served {
                    tracing::error!("the HTTP listener has failed: {error}");
                }
            }
            () = stop => {}
        }
    })
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(shared)
}

async fn readyz(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match *shared.stage.borrow() {
        Stage::Serving => (StatusCode::OK, "ready\n"),
        Stage::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, exposition::CONTENT_TYPE)],
        exposition::text(&shared),
    )
}
