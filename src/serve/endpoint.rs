//! A QUIC endpoint that is built again when its driver dies.
//!
//! quinn's driver ends when its socket fails, and nothing of the endpoint works then. So the listener is told, and builds
//! another endpoint on the same socket: those who were connected come again, those who come next notice nothing.
//!
//! Deliberately absent: another address (the socket is the first one's, so a device that is gone for good stays gone), and
//! surviving a panic inside quinn's driver: it poisons a lock that the driver takes again while it is unwound, which ends the
//! process, so whoever starts the process has to start it again.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use quinn::{AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, Incoming, Runtime, ServerConfig, TokioRuntime};
use tokio::sync::Notify;

/// How long to wait before an endpoint that died is built again: ten times within the second that is promised.
pub(super) const REBUILD_WAIT: Duration = Duration::from_millis(100);

/// What is put between the endpoint and its socket: what measures how far behind it is; in tests, failures.
pub(super) type Wrap = Arc<dyn Fn(Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> + Send + Sync>;

/// What an endpoint is built on, and built on again.
pub(super) enum Source {
    /// A socket of the machine.
    Machine(UdpSocket),
    /// A socket that somebody brings, and how QUIC is set up on it.
    Given(Arc<dyn AsyncUdpSocket>, Box<EndpointConfig>),
}

/// An endpoint and how its driver is.
pub(super) struct LiveEndpoint {
    endpoint: Option<Endpoint>,
    fate: Arc<Fate>,
    /// The same socket once more, for the next endpoint.
    source: Source,
    wrap: Wrap,
}

/// What came of waiting for a connection.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one turn of a loop, and a box would cost each handshake"
)]
pub(super) enum Next {
    /// Somebody comes.
    Incoming(Incoming),
    /// The endpoint was closed by us.
    Closed,
    /// The driver is dead; [`LiveEndpoint::rebuild`] it.
    Died,
}

impl LiveEndpoint {
    /// An endpoint that serves at a socket. Runs inside the thread's runtime.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub(super) fn open(source: Source, config: ServerConfig, wrap: Wrap) -> io::Result<Self> {
        let fate = Arc::new(Fate::default());
        let endpoint = build(&source, config, &fate, &wrap)?;
        Ok(Self {
            endpoint: Some(endpoint),
            fate,
            source,
            wrap,
        })
    }

    /// The endpoint, while it lives.
    pub(super) fn alive(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref().filter(|_| self.fate.is_alive())
    }

    /// Waits for who comes next.
    pub(super) async fn next(&self) -> Next {
        let Some(endpoint) = self.alive() else {
            return Next::Died;
        };
        tokio::select! {
            // First, because a dead endpoint has nothing to say.
            biased;
            () = self.fate.over() => Next::Died,
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => Next::Incoming(incoming),
                // Also what a driver leaves behind that has ended.
                None if !self.fate.is_alive() => Next::Died,
                None => Next::Closed,
            },
        }
    }

    /// Builds another endpoint at the same socket.
    ///
    /// # Errors
    /// When the socket cannot be used at the moment.
    pub(super) fn rebuild(&mut self, config: ServerConfig) -> io::Result<()> {
        self.endpoint = None;
        self.fate = Arc::new(Fate::default());
        self.endpoint = Some(build(&self.source, config, &self.fate, &self.wrap)?);
        Ok(())
    }
}

fn build(source: &Source, config: ServerConfig, fate: &Arc<Fate>, wrap: &Wrap) -> io::Result<Endpoint> {
    let runtime = Arc::new(Guarding {
        fate: Arc::clone(fate),
        wrap: Arc::clone(wrap),
    });
    match source {
        Source::Machine(socket) => Endpoint::new(EndpointConfig::default(), Some(config), socket.try_clone()?, runtime),
        Source::Given(socket, endpoint) => {
            let socket = wrap(Arc::clone(socket));
            Endpoint::new_with_abstract_socket((**endpoint).clone(), Some(config), socket, runtime)
        }
    }
}

/// How an endpoint's driver is.
#[derive(Default)]
struct Fate {
    state: AtomicU8,
    changed: Notify,
}

/// Nothing was spawned yet.
const UNBORN: u8 = 0;
const ALIVE: u8 = 1;
const ENDED: u8 = 2;

impl Fate {
    fn is_alive(&self) -> bool {
        self.state.load(Ordering::Acquire) == ALIVE
    }

    fn end(&self) {
        self.state.store(ENDED, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Whether this is the first task of the endpoint, which is its driver; the others are connections.
    fn is_first(&self) -> bool {
        let first = self
            .state
            .compare_exchange(UNBORN, ALIVE, Ordering::AcqRel, Ordering::Acquire);
        first.is_ok()
    }

    async fn over(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.is_alive() {
                return;
            }
            changed.await;
        }
    }
}

/// tokio, and word of the driver's end.
struct Guarding {
    fate: Arc<Fate>,
    wrap: Wrap,
}

impl fmt::Debug for Guarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarding")
    }
}

impl Runtime for Guarding {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        if !self.fate.is_first() {
            return TokioRuntime.spawn(future);
        }
        let fate = Arc::clone(&self.fate);
        TokioRuntime.spawn(Box::pin(async move {
            future.await;
            fate.end();
        }));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket).map(|socket| (self.wrap)(socket))
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;
    use std::net::SocketAddr;
    use std::sync::atomic::AtomicBool;
    use std::task::{Context, Poll};

    use quinn::UdpPoller;
    use quinn::udp::{RecvMeta, Transmit};

    use super::*;
    use crate::serve::clock::unix_s;
    use crate::serve::key_maker::{KeyRequest, make_keys};
    use crate::serve::keys::KeyFolder;
    use crate::serve::transport::{Limits, app_config};

    /// A socket that fails once when it is told to.
    #[derive(Debug)]
    struct Failing(Arc<dyn AsyncUdpSocket>);

    static FAILS: AtomicBool = AtomicBool::new(false);

    impl AsyncUdpSocket for Failing {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            Arc::clone(&self.0).create_io_poller()
        }

        fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
            self.0.try_send(transmit)
        }

        fn poll_recv(
            &self,
            cx: &mut Context<'_>,
            bufs: &mut [IoSliceMut<'_>],
            meta: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            let polled = self.0.poll_recv(cx, bufs, meta);
            if polled.is_ready() && FAILS.swap(false, Ordering::SeqCst) {
                return Poll::Ready(Err(io::Error::other("injected")));
            }
            polled
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            self.0.local_addr()
        }

        fn may_fragment(&self) -> bool {
            self.0.may_fragment()
        }
    }

    fn failing() -> Wrap {
        Arc::new(|socket| Arc::new(Failing(socket)))
    }

    async fn let_in(live: &LiveEndpoint, client: &Endpoint, to: SocketAddr) -> (quinn::Connection, quinn::Connection) {
        let connecting = client.connect(to, "localhost").unwrap();
        let serving = async {
            match live.next().await {
                Next::Incoming(incoming) => incoming.await.unwrap(),
                Next::Closed | Next::Died => panic!("the endpoint is expected to live"),
            }
        };
        let (ours, theirs) = tokio::join!(serving, connecting);
        (ours, theirs.unwrap())
    }

    fn client(keys: &KeyFolder) -> Endpoint {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(keys.authority().unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![nextbest_proto::ALPN.to_vec()];
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
        let mut client = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        client.set_default_client_config(quinn::ClientConfig::new(Arc::new(tls)));
        client
    }

    #[tokio::test]
    async fn an_endpoint_whose_driver_dies_is_built_again_at_the_same_address() {
        let folder = tempfile::TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            ..KeyRequest::default()
        };
        make_keys(folder.path(), &request, unix_s()).unwrap();
        let keys = KeyFolder::open(folder.path()).unwrap();
        let config = app_config(&keys, &Limits::APP).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        let mut live = LiveEndpoint::open(Source::Machine(socket), config.clone(), failing()).unwrap();
        let client = client(&keys);
        for death in 1..=3 {
            let (ours, theirs) = let_in(&live, &client, to).await;
            FAILS.store(true, Ordering::SeqCst);
            // Any packet wakes the driver.
            theirs.close(0_u32.into(), b"");
            assert!(matches!(live.next().await, Next::Died), "death {death}");
            assert!(live.alive().is_none(), "death {death}");
            ours.close(0_u32.into(), b"");
            live.rebuild(config.clone()).unwrap();
        }
        let_in(&live, &client, to).await;
        live.alive().unwrap().close(0_u32.into(), b"");
        assert!(matches!(live.next().await, Next::Closed), "closed by us is no death");
    }

    #[test]
    fn it_is_back_within_the_second_that_is_promised() {
        assert!(REBUILD_WAIT * 5 <= Duration::from_secs(1));
    }
}
