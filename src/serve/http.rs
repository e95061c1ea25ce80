//! The HTTPS listeners: one for anybody who watches the gateway's health, one for its staff.
//!
//! The routes and who may ask them are [`super::admin::routes`]'s. Each listener has a thread of its own, so that a slow
//! scrape delays no query and a flood of one is not felt at the other. HTTP/1.1 and nothing else: in HTTP/2 one connection
//! carries hundreds of bodies at once, and what a listener holds in memory is bounded by its connections.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use std::{future::Future, io};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;

use super::admin::{self, Door};
use super::doors::guard::Guard;
use super::metrics::{Counter, Metrics};
use super::shared::{Shared, Stage};

/// How long requests under way may take when the gateway stops.
const STOP_WAIT: Duration = Duration::from_secs(1);
/// How long a TLS handshake may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);
/// How long the head of a request may take, from the handshake or the answer before.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// Connections of one listener.
const CONNECTIONS_MAX: u32 = 256;
/// Connections of one listener from one address; its health checks, scrapes and staff may share one.
const CONNECTIONS_PER_ADDRESS_MAX: u32 = 64;

/// What a connection takes: the buffers of TLS, and those of HTTP in both directions.
const CONNECTION_BYTES: usize = 64 * 1_024 + 2 * BUFFER_LEN_MAX;
/// Bytes of a request's head, and of an answer that waits to be written.
const BUFFER_LEN_MAX: usize = 16 * 1_024;

/// Bytes that so many listeners can take at worst.
pub(super) const fn bytes_max(listeners: usize) -> usize {
    let connections = listeners * CONNECTIONS_MAX as usize;
    let requests = if listeners == 0 {
        0
    } else {
        admin::request_bytes_max(connections)
    };
    connections * CONNECTION_BYTES + requests
}

/// Serves until the gateway drains.
///
/// # Errors
/// When the socket cannot be used.
pub(super) fn serve(shared: Arc<Shared>, socket: TcpListener, door: Door) -> io::Result<impl Future<Output = ()>> {
    socket.set_nonblocking(true)?;
    let handle = Handle::new();
    let tls = RustlsConfig::from_config(Arc::clone(&shared.access.current().https));
    let refused = |metrics: &Metrics| metrics.count(Counter::HttpFull);
    let guard = Guard::new(
        Arc::clone(&shared.metrics),
        refused,
        CONNECTIONS_MAX,
        CONNECTIONS_PER_ADDRESS_MAX,
    );
    let acceptor = RustlsAcceptor::new(tls.clone()).handshake_timeout(HANDSHAKE_WAIT);
    // `acceptor` forgets which versions are spoken, so that comes last.
    let mut server = axum_server::from_tcp(socket)?
        .handle(handle.clone())
        .acceptor(acceptor.acceptor(guard))
        .http1_only();
    // Without a timer of its own the library waits for ever.
    let mut builder = server.http_builder().http1();
    let builder = builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT);
    builder.max_buf_size(BUFFER_LEN_MAX);
    let routes = Router::new().fallback(answer).with_state((Arc::clone(&shared), door));
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
                    tracing::error!("an HTTPS listener has failed: {error}");
                }
            }
            () = stop => {}
            () = follow(&shared, &tls) => {}
        }
    })
}

/// Takes each new certificate.
async fn follow(shared: &Shared, tls: &RustlsConfig) {
    let mut taken = shared.access.subscribe();
    while taken.changed().await.is_ok() {
        tls.reload_from_config(Arc::clone(&shared.access.current().https));
    }
    std::future::pending::<()>().await;
}

async fn answer(State((shared, door)): State<(Arc<Shared>, Door)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    admin::answer(&shared, door, &head, body).await
}
