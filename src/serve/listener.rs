//! Takes connections off one UDP socket: refuses what is too much, and gives each of the others a session.
//!
//! Who may begin a handshake is [`super::admission`]'s; an endpoint whose driver dies is built again
//! ([`super::endpoint`]), and those who were connected are closed, so that they come again at once. A new certificate is
//! shown to who comes next.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nextbest_proto::v1::{self, ErrorCode};
use quinn::{Connecting, Connection, Incoming, ServerConfig};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::access::Access;
use super::admission::{Admission, Verdict};
use super::closing::{close, close_code};
use super::endpoint::{LiveEndpoint, Next, REBUILD_WAIT, Source, Wrap};
use super::leaving::{Owed, leave};
use super::metrics::{Counter, Gauge, Metrics};
use super::overload::{ProbedSocket, SideOf, Step};
use super::shared::{Shared, Stage};
use super::transport::Limits;

/// How long a handshake may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);
/// How long peers may take to hear that they were closed. Each is told at once; who sends on meanwhile is told again.
const CLOSE_WAIT: Duration = Duration::from_millis(100);
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

/// What serves a connection: it is given the connection, and notes there what it owes.
pub(super) trait Serve<F>: Fn(Connection, Rc<Owed>) -> F + Clone + 'static {}

impl<F, S: Fn(Connection, Rc<Owed>) -> F + Clone + 'static> Serve<F> for S {}

/// One listener.
pub(super) struct Listener {
    live: LiveEndpoint,
    shared: Arc<Shared>,
    limits: Limits,
    connected: Counter,
    of: Gauge,
    side: SideOf,
    handshakes: Rc<RefCell<Admission>>,
    open: Open,
}

/// The connections that are served, in the order in which they came, and what each is owed.
type Open = Rc<RefCell<BTreeMap<u64, (Connection, Rc<Owed>)>>>;

impl Listener {
    /// A listener for hubs or apps, as `of` says. Runs inside the thread's runtime.
    pub(super) fn new(shared: Arc<Shared>, socket: Source, limits: Limits, of: Gauge) -> io::Result<Self> {
        let config = config(&shared.access.current(), of);
        let (connected, side): (_, SideOf) = if of == Gauge::Apps {
            (Counter::AppConnected, |overload| &overload.apps)
        } else {
            (Counter::HubConnected, |overload| &overload.hubs)
        };
        let overload = Arc::clone(&shared.overload);
        let probed: Wrap = Arc::new(move |socket| Arc::new(ProbedSocket::new(socket, Arc::clone(&overload), side)));
        let live = LiveEndpoint::open(socket, config, probed)?;
        Ok(Self {
            live,
            shared,
            limits,
            connected,
            of,
            side,
            handshakes: Rc::new(RefCell::new(Admission::new(limits.handshakes))),
            open: Rc::default(),
        })
    }

    /// Serves until the gateway drains, and everybody has what they are owed or `drain_wait` has passed.
    pub(super) async fn run<F>(mut self, drain_wait: Duration, serve: impl Serve<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        let mut stage = self.shared.stage.clone();
        let mut taken = self.shared.access.subscribe();
        loop {
            let next = tokio::select! {
                // The seldom first: they cannot starve who comes, and a run is the same each time.
                biased;
                _stage = stage.wait_for(|stage| *stage == Stage::Draining) => break,
                // The sender lives as long as `shared`, so this branch ends only with a change.
                _changed = taken.changed() => {
                    self.live.set_server_config(config(&self.shared.access.current(), self.of));
                    continue;
                }
                next = self.live.next() => next,
            };
            match next {
                Next::Incoming(incoming) => self.admit(incoming, serve.clone()),
                Next::Died => self.revive().await,
                Next::Closed => break,
            }
        }
        let _left = timeout(drain_wait, self.refuse_until_left()).await;
        let error = v1::Error::new(ErrorCode::Draining);
        self.live.close(close_code(&error), error.sentence.as_bytes());
        let _told = timeout(CLOSE_WAIT, self.live.wait_idle()).await;
    }

    /// Builds the endpoint again, after a moment so that a socket that fails at once costs little.
    async fn revive(&mut self) {
        self.shared.metrics.count(Counter::EndpointRebuilt);
        tracing::error!("a QUIC endpoint has died and is built again");
        let error = v1::Error::new(ErrorCode::Internal);
        for (connection, _) in self.open.borrow().values() {
            close(connection, &error);
        }
        sleep(REBUILD_WAIT).await;
        let config = config(&self.shared.access.current(), self.of);
        if let Err(error) = self.live.rebuild(config) {
            tracing::error!("a QUIC endpoint could not be built again: {error}");
        }
    }

    /// Lets those go who are served, and nobody in.
    async fn refuse_until_left(&self) {
        let refuse = async {
            while let Next::Incoming(incoming) = self.live.next().await {
                self.live.refuse(incoming);
            }
        };
        let mut leaving = JoinSet::new();
        for (connection, owed) in self.open.borrow().values() {
            leaving.spawn_local(leave(connection.clone(), Rc::clone(owed)));
        }
        tokio::select! {
            biased;
            _all = leaving.join_all() => {}
            () = refuse => {}
        }
    }

    fn admit<F>(&self, incoming: Incoming, serve: impl Serve<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        let metrics = &self.shared.metrics;
        let from = incoming.remote_address().ip();
        let connections = self.live.open_connections();
        let (is_proved, may_retry) = (incoming.remote_address_validated(), incoming.may_retry());
        let now = self.shared.clock.now();
        let is_shedding = (self.side)(&self.shared.overload).step() >= Step::Connections;
        let verdict = if connections >= self.limits.connections_max {
            Verdict::Refuse
        } else if is_shedding && is_proved {
            self.shared.overload.count(Step::Connections, 1);
            Verdict::Refuse
        } else if is_shedding && may_retry {
            Verdict::Retry
        } else {
            self.handshakes.borrow_mut().judge(now, from, is_proved, may_retry)
        };
        match verdict {
            Verdict::Refuse => {
                metrics.count(Counter::HandshakeRefused);
                self.live.refuse(incoming);
            }
            Verdict::Retry => {
                metrics.count(Counter::HandshakeRetried);
                self.live.retry(incoming);
            }
            Verdict::Accept => self.accept(incoming, from, serve),
        }
    }

    fn accept<F>(&self, incoming: Incoming, from: IpAddr, serve: impl Serve<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        let handshake = UnderWay::start(&self.handshakes, from);
        let (metrics, connected, of) = (Arc::clone(&self.shared.metrics), self.connected, self.of);
        let open = Rc::clone(&self.open);
        let accepted = self.live.accept(incoming);
        spawn_local(async move {
            let Some((connecting, fate)) = accepted else {
                drop(handshake);
                return metrics.count(Counter::HandshakeFailed);
            };
            let connection = tokio::select! {
                biased;
                () = fate.over() => None,
                connection = shake_hands(connecting) => connection,
            };
            drop(handshake);
            let Some(connection) = connection else {
                return metrics.count(Counter::HandshakeFailed);
            };
            metrics.count(connected);
            let owed = Rc::new(Owed::default());
            let _open = Served::start(metrics, of, open, &connection, &owed);
            tokio::select! {
                biased;
                // Nobody drives it any more: what its streams wait for never comes.
                () = fate.over() => close(&connection, &v1::Error::new(ErrorCode::Internal)),
                () = serve(connection.clone(), owed) => {}
            }
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

async fn shake_hands(connecting: Connecting) -> Option<Connection> {
    timeout(HANDSHAKE_WAIT, connecting).await.ok()?.ok()
}

/// A handshake that is under way.
struct UnderWay {
    all: Rc<RefCell<Admission>>,
    from: IpAddr,
}

impl UnderWay {
    fn start(all: &Rc<RefCell<Admission>>, from: IpAddr) -> Self {
        all.borrow_mut().begin(from);
        Self {
            all: Rc::clone(all),
            from,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.borrow_mut().end(self.from);
    }
}

/// A connection that is served.
struct Served {
    metrics: Arc<Metrics>,
    of: Gauge,
    open: Open,
    id: u64,
}

impl Served {
    fn start(metrics: Arc<Metrics>, of: Gauge, open: Open, connection: &Connection, owed: &Rc<Owed>) -> Self {
        metrics.shift(of, 1);
        let id = open.borrow().last_key_value().map_or(0, |(last, _)| last + 1);
        open.borrow_mut().insert(id, (connection.clone(), Rc::clone(owed)));
        Self { metrics, of, open, id }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.metrics.shift(self.of, -1);
        self.open.borrow_mut().remove(&self.id);
    }
}
