//! Takes connections off one UDP socket: refuses what is too much, and gives each of the others a session.
//!
//! A peer that has not shown that it owns its address is sent a Retry once a quarter of the half-open connections
//! are taken, so that forged addresses cost the gateway nothing. Deliberately absent: limits per address; a whole
//! stadium shares a few.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nextbest_proto::v1::{self, ErrorCode};
use quinn::{Connection, Endpoint, EndpointConfig, Incoming, Runtime as _, ServerConfig, TokioRuntime};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::access::Access;
use super::closing::close_code;
use super::metrics::{Counter, Gauge, Metrics};
use super::overload::{BacklogOf, ProbedSocket, Step};
use super::shared::{Shared, Stage};
use super::transport::{INCOMING_MAX, Limits};

/// How long a handshake may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);
/// How long peers may take to hear that they were closed.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// Bytes that the system keeps for a listener until it is read: one scheduling delay of a full stadium. The system
/// may give less.
const SOCKET_BUFFER_BYTES: usize = 4 * 1_024 * 1_024;

/// Binds a listener's socket with a large receive buffer.
///
/// # Errors
/// When the address cannot be bound.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let state = quinn::udp::UdpSocketState::new((&socket).into())?;
    // Smaller buffers only lose more when the machine is late.
    let _size = state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
    let _size = state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES);
    Ok(socket)
}

/// One listener.
pub(super) struct Listener {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    limits: Limits,
    connected: Counter,
    open: Gauge,
    handshakes: Rc<Cell<usize>>,
}

impl Listener {
    /// A listener for hubs or apps, as `open` says. Runs inside the thread's runtime.
    pub(super) fn new(shared: Arc<Shared>, socket: UdpSocket, limits: Limits, open: Gauge) -> io::Result<Self> {
        let config = config(&shared.access.current(), open);
        let (connected, backlog): (_, BacklogOf) = if open == Gauge::Apps {
            (Counter::AppConnected, |overload| &overload.apps)
        } else {
            (Counter::HubConnected, |overload| &overload.hubs)
        };
        let socket = ProbedSocket::new(
            TokioRuntime.wrap_udp_socket(socket)?,
            Arc::clone(&shared.overload),
            backlog,
        );
        let runtime = Arc::new(TokioRuntime);
        let endpoint =
            Endpoint::new_with_abstract_socket(EndpointConfig::default(), Some(config), Arc::new(socket), runtime)?;
        Ok(Self {
            endpoint,
            shared,
            limits,
            connected,
            open,
            handshakes: Rc::default(),
        })
    }

    /// Serves until the gateway drains and `drain_wait` has passed, or nobody is left.
    pub(super) async fn run<F>(self, drain_wait: Duration, serve: impl Fn(Connection) -> F + Clone + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let mut stage = self.shared.stage.clone();
        let mut taken = self.shared.access.subscribe();
        loop {
            tokio::select! {
                // The sender lives as long as `shared`, so this branch ends only with a change.
                _changed = taken.changed() => {
                    let config = config(&self.shared.access.current(), self.open);
                    self.endpoint.set_server_config(Some(config));
                }
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.admit(incoming, serve.clone()),
                    None => break,
                },
                _stage = stage.wait_for(|stage| *stage == Stage::Draining) => break,
            }
        }
        let _left = timeout(drain_wait, self.refuse_until_idle()).await;
        let error = v1::Error::new(ErrorCode::Draining);
        self.endpoint.close(close_code(&error), error.sentence.as_bytes());
        let _told = timeout(CLOSE_WAIT, self.endpoint.wait_idle()).await;
    }

    async fn refuse_until_idle(&self) {
        let refuse = async {
            while let Some(incoming) = self.endpoint.accept().await {
                incoming.refuse();
            }
        };
        tokio::select! {
            () = self.endpoint.wait_idle() => {}
            () = refuse => {}
        }
    }

    fn admit<F>(&self, incoming: Incoming, serve: impl Fn(Connection) -> F + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let metrics = &self.shared.metrics;
        if self.endpoint.open_connections() >= self.limits.connections_max || self.handshakes.get() >= INCOMING_MAX {
            metrics.count(Counter::HandshakeRefused);
            return incoming.refuse();
        }
        let is_shedding = self.shared.overload.is_at(Step::Connections);
        if is_shedding && incoming.remote_address_validated() {
            self.shared.overload.count(Step::Connections, 1);
            metrics.count(Counter::HandshakeRefused);
            return incoming.refuse();
        }
        if (is_shedding || self.handshakes.get() > INCOMING_MAX / 4)
            && !incoming.remote_address_validated()
            && incoming.may_retry()
        {
            metrics.count(Counter::HandshakeRetried);
            let _sent = incoming.retry();
            return;
        }
        let handshake = CountedHandshake::start(&self.handshakes);
        let (metrics, connected, open) = (Arc::clone(metrics), self.connected, self.open);
        spawn_local(async move {
            let connection = shake_hands(incoming).await;
            drop(handshake);
            let Some(connection) = connection else {
                return metrics.count(Counter::HandshakeFailed);
            };
            metrics.count(connected);
            let _open = CountedConnection::start(metrics, open);
            serve(connection).await;
        });
    }
}

/// Certificate, key and authority as the key folder has them.
fn config(access: &Access, of: Gauge) -> ServerConfig {
    if of == Gauge::Hubs {
        access.hubs.clone()
    } else {
        access.apps.clone()
    }
}

async fn shake_hands(incoming: Incoming) -> Option<Connection> {
    let connecting = incoming.accept().ok()?;
    timeout(HANDSHAKE_WAIT, connecting).await.ok()?.ok()
}

/// A handshake that is under way.
struct CountedHandshake(Rc<Cell<usize>>);

impl CountedHandshake {
    fn start(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for CountedHandshake {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A connection that is served.
struct CountedConnection(Arc<Metrics>, Gauge);

impl CountedConnection {
    fn start(metrics: Arc<Metrics>, open: Gauge) -> Self {
        metrics.shift(open, 1);
        Self(metrics, open)
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.shift(self.1, -1);
    }
}
