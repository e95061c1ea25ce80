//! A QUIC endpoint that is built again when its driver dies.
//!
//! quinn's driver ends when its socket fails, and when it panics; nothing of the endpoint works then. A panic may also be in
//! what a listener asks of the endpoint, which leaves a state that nobody should trust. Either way the listener is told,
//! drops the endpoint, and builds another one on the same socket: those who were connected are closed and come again,
//! those who come next notice nothing. That the panic ends no more than that is [`super::unpoisoned`]'s.
//!
//! Deliberately absent: another address (the socket is the first one's, so a device that is gone for good stays gone).

use std::future::{Future, poll_fn};
use std::io;
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use quinn::{AsyncUdpSocket, Connecting, Endpoint, EndpointConfig, Incoming, ServerConfig, VarInt};

use super::TestSocket;
use super::endpoint_driver::{Driving, Fate};

/// How long to wait before an endpoint that died is built again: ten times within the second that is promised.
pub(super) const REBUILD_WAIT: Duration = Duration::from_millis(100);

/// What is put between the endpoint and its socket: what measures how far behind it is; in tests, failures.
pub(super) type Wrap = Arc<dyn Fn(Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> + Send + Sync>;

/// What an endpoint is built on, and built on again.
pub(super) enum Source {
    /// A socket of the machine, and what a test puts around it.
    Machine(UdpSocket, Option<fn(TestSocket) -> TestSocket>),
    /// A socket that somebody brings, and how QUIC is set up on it.
    Given(Arc<dyn AsyncUdpSocket>, Box<EndpointConfig>),
}

/// An endpoint and how its driver is.
pub(super) struct LiveEndpoint {
    endpoint: Option<Endpoint>,
    driving: Arc<Driving>,
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
        let wrap: Wrap = match source {
            Source::Machine(_, Some(test)) => Arc::new(move |socket| wrap(test(socket))),
            Source::Machine(_, None) | Source::Given(..) => wrap,
        };
        let driving = Driving::new(Arc::clone(&wrap));
        let endpoint = build(&source, config, &driving, &wrap)?;
        Ok(Self {
            endpoint: Some(endpoint),
            driving,
            source,
            wrap,
        })
    }

    /// Waits for who comes next.
    pub(super) async fn next(&self) -> Next {
        let Some(endpoint) = self.alive() else {
            return Next::Died;
        };
        tokio::select! {
            // First, because a dead endpoint has nothing to say.
            biased;
            () = self.fate().over() => Next::Died,
            incoming = self.guarded(endpoint.accept()) => match incoming.flatten() {
                Some(incoming) => Next::Incoming(incoming),
                // Also what a driver leaves behind that has ended.
                None if !self.fate().is_alive() => Next::Died,
                None => Next::Closed,
            },
        }
    }

    /// Begins a handshake; `None` when it cannot be. The fate is that of the connection's driver.
    pub(super) fn accept(&self, incoming: Incoming) -> Option<(Connecting, Arc<Fate>)> {
        let connecting = self.guard(|_| incoming.accept().ok()).flatten()?;
        Some((connecting, self.driving.take_latest()))
    }

    /// Tells somebody to go.
    pub(super) fn refuse(&self, incoming: Incoming) {
        self.guard(|_| incoming.refuse());
    }

    /// Tells somebody to prove their address.
    pub(super) fn retry(&self, incoming: Incoming) {
        self.guard(|_| drop(incoming.retry()));
    }

    /// Connections that are open; as many as there can be when the endpoint is dead.
    pub(super) fn open_connections(&self) -> usize {
        self.guard(Endpoint::open_connections).unwrap_or(usize::MAX)
    }

    /// Shows another certificate to who comes next.
    pub(super) fn set_server_config(&self, config: ServerConfig) {
        self.guard(|endpoint| endpoint.set_server_config(Some(config)));
    }

    /// Closes every connection and takes no more.
    pub(super) fn close(&self, code: VarInt, reason: &[u8]) {
        self.guard(|endpoint| endpoint.close(code, reason));
    }

    /// Waits until no connection is left.
    pub(super) async fn wait_idle(&self) {
        if let Some(endpoint) = self.alive() {
            self.guarded(endpoint.wait_idle()).await;
        }
    }

    /// Builds another endpoint at the same socket.
    ///
    /// # Errors
    /// When the socket cannot be used at the moment.
    pub(super) fn rebuild(&mut self, config: ServerConfig) -> io::Result<()> {
        // Its driver, if there is one still, is woken by this and finds that it has ended.
        self.endpoint = None;
        self.driving = Driving::new(Arc::clone(&self.wrap));
        self.endpoint = Some(build(&self.source, config, &self.driving, &self.wrap)?);
        Ok(())
    }

    fn fate(&self) -> &Fate {
        self.driving.endpoint()
    }

    fn alive(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref().filter(|_| self.fate().is_alive())
    }

    /// Does something with the endpoint, if it is alive; a panic is its end.
    fn guard<R>(&self, work: impl FnOnce(&Endpoint) -> R) -> Option<R> {
        let endpoint = self.alive()?;
        let done = catch_unwind(AssertUnwindSafe(|| work(endpoint)));
        done.map_err(|_| self.fate().end()).ok()
    }

    async fn guarded<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
            polled.map_or_else(
                |_| {
                    self.fate().end();
                    Poll::Ready(None)
                },
                |polled| polled.map(Some),
            )
        })
        .await
    }
}

fn build(source: &Source, config: ServerConfig, driving: &Arc<Driving>, wrap: &Wrap) -> io::Result<Endpoint> {
    let runtime = Arc::clone(driving);
    match source {
        Source::Machine(socket, _) => {
            Endpoint::new(EndpointConfig::default(), Some(config), socket.try_clone()?, runtime)
        }
        Source::Given(socket, endpoint) => {
            let socket = wrap(Arc::clone(socket));
            Endpoint::new_with_abstract_socket((**endpoint).clone(), Some(config), socket, runtime)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;
    use std::net::SocketAddr;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU8, Ordering};
    use std::task::Context;

    use quinn::UdpPoller;
    use quinn::udp::{RecvMeta, Transmit};
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;

    use super::*;
    use crate::serve::clock::unix_s;
    use crate::serve::key_maker::{KeyRequest, make_keys};
    use crate::serve::keys::KeyFolder;
    use crate::serve::transport::{Limits, app_config};
    use crate::serve::unpoisoned::unpoisoned;

    /// A socket that fails or panics once when it is told to.
    #[derive(Debug)]
    struct Failing {
        inner: Arc<dyn AsyncUdpSocket>,
        next: Arc<AtomicU8>,
    }

    const SOCKET_FAILS: u8 = 1;
    const READING_PANICS: u8 = 2;
    const WRITING_PANICS: u8 = 3;

    impl Failing {
        fn is_due(&self, failure: u8) -> bool {
            let taken = self
                .next
                .compare_exchange(failure, 0, Ordering::SeqCst, Ordering::SeqCst);
            taken.is_ok()
        }
    }

    impl AsyncUdpSocket for Failing {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            Arc::clone(&self.inner).create_io_poller()
        }

        fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
            assert!(!self.is_due(WRITING_PANICS), "injected");
            self.inner.try_send(transmit)
        }

        fn poll_recv(
            &self,
            cx: &mut Context<'_>,
            bufs: &mut [IoSliceMut<'_>],
            meta: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            let polled = self.inner.poll_recv(cx, bufs, meta);
            if polled.is_ready() {
                assert!(!self.is_due(READING_PANICS), "injected");
                if self.is_due(SOCKET_FAILS) {
                    return Poll::Ready(Err(io::Error::other("injected")));
                }
            }
            polled
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            self.inner.local_addr()
        }

        fn may_fragment(&self) -> bool {
            self.inner.may_fragment()
        }
    }

    /// Reads certificates as the first packet of somebody is taken, and panics once when it is told to.
    #[derive(Debug)]
    struct Panicking(Arc<dyn ResolvesServerCert>, Arc<AtomicU8>);

    impl ResolvesServerCert for Panicking {
        fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            assert!(self.1.swap(0, Ordering::SeqCst) == 0, "injected");
            self.0.resolve(hello)
        }
    }

    /// An endpoint, whom it trusts, and what fails next.
    struct World {
        live: LiveEndpoint,
        client: Endpoint,
        config: ServerConfig,
        to: SocketAddr,
        socket: Arc<AtomicU8>,
        hello: Arc<AtomicU8>,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::TempDir::new().unwrap();
            let request = KeyRequest {
                venue_id: "hall".into(),
                ..KeyRequest::default()
            };
            make_keys(folder.path(), &request, unix_s()).unwrap();
            let keys = KeyFolder::open(folder.path()).unwrap();
            let (next, hello) = (Arc::<AtomicU8>::default(), Arc::<AtomicU8>::default());
            let config = config(&keys, &hello);
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let to = socket.local_addr().unwrap();
            let of_socket = Arc::clone(&next);
            let wrap: Wrap = Arc::new(move |inner| {
                let next = Arc::clone(&of_socket);
                Arc::new(Failing { inner, next })
            });
            Self {
                live: LiveEndpoint::open(Source::Machine(socket, None), config.clone(), wrap).unwrap(),
                client: client(&keys),
                config,
                to,
                socket: next,
                hello,
            }
        }

        /// Somebody comes, is let in, and goes; whoever goes wakes the driver.
        async fn come_and_go(&self) {
            let connecting = self.client.connect(self.to, "localhost").unwrap();
            let serving = async {
                loop {
                    let Next::Incoming(incoming) = self.live.next().await else {
                        panic!("the endpoint is expected to live");
                    };
                    // Also who came before, and has given up meanwhile.
                    let (connecting, _) = self.live.accept(incoming).unwrap();
                    if let Ok(connection) = connecting.await {
                        return connection;
                    }
                }
            };
            let (_ours, theirs) = tokio::join!(serving, connecting);
            theirs.unwrap().close(0_u32.into(), b"");
        }

        /// Somebody comes; what `how` does with them, with what `fails` at that moment, is the end of the endpoint. It is built
        /// again.
        async fn dies_of(&mut self, fails: impl FnOnce(&Self), how: impl FnOnce(&LiveEndpoint, Incoming)) {
            let _connecting = self.client.connect(self.to, "localhost").unwrap();
            let Next::Incoming(incoming) = self.live.next().await else {
                panic!("the endpoint is expected to live");
            };
            fails(self);
            how(&self.live, incoming);
            self.is_built_again().await;
        }

        async fn is_built_again(&mut self) {
            assert!(matches!(self.live.next().await, Next::Died));
            assert_eq!(self.live.open_connections(), usize::MAX);
            self.live.wait_idle().await;
            self.live.rebuild(self.config.clone()).unwrap();
            self.come_and_go().await;
        }
    }

    /// As the thread of a listener runs.
    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        unpoisoned(|| runtime.block_on(test));
    }

    fn config(keys: &KeyFolder, hello: &Arc<AtomicU8>) -> ServerConfig {
        let identity = keys.server().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth();
        let mut tls = builder.with_single_cert(identity.chain, identity.key).unwrap();
        tls.cert_resolver = Arc::new(Panicking(Arc::clone(&tls.cert_resolver), Arc::clone(hello)));
        tls.alpn_protocols = vec![nextbest_proto::ALPN.to_vec()];
        let mut config = app_config(keys, &Limits::APP).unwrap();
        config.crypto = Arc::new(quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap());
        config
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

    #[test]
    fn an_endpoint_whose_driver_dies_is_built_again_at_the_same_address() {
        run(async {
            let mut world = World::new();
            for failure in [SOCKET_FAILS, READING_PANICS, SOCKET_FAILS, READING_PANICS] {
                world.come_and_go().await;
                world.socket.store(failure, Ordering::SeqCst);
                let _connecting = world.client.connect(world.to, "localhost").unwrap();
                world.is_built_again().await;
            }
            world.live.close(0_u32.into(), b"");
            assert!(
                matches!(world.live.next().await, Next::Closed),
                "closed by us is no death"
            );
        });
    }

    #[test]
    fn a_panic_while_somebody_is_let_in_refused_or_asked_for_a_proof_is_borne() {
        run(async {
            let mut world = World::new();
            let hello = |world: &World| world.hello.store(1, Ordering::SeqCst);
            let writing = |world: &World| world.socket.store(WRITING_PANICS, Ordering::SeqCst);
            let let_in = |live: &LiveEndpoint, incoming| assert!(live.accept(incoming).is_none());
            world.dies_of(hello, let_in).await;
            world.dies_of(writing, LiveEndpoint::refuse).await;
            world.dies_of(writing, LiveEndpoint::retry).await;
        });
    }

    #[test]
    fn a_panic_of_a_connections_driver_is_that_connections_alone() {
        run(async {
            let world = World::new();
            let _connecting = world.client.connect(world.to, "localhost").unwrap();
            let Next::Incoming(incoming) = world.live.next().await else {
                panic!("the endpoint is expected to live");
            };
            world.socket.store(WRITING_PANICS, Ordering::SeqCst);
            let (connecting, fate) = world.live.accept(incoming).unwrap();
            fate.over().await;
            drop(connecting);
            assert!(world.live.fate().is_alive());
            world.come_and_go().await;
        });
    }

    #[test]
    fn it_is_back_within_the_second_that_is_promised() {
        assert!(REBUILD_WAIT * 5 <= Duration::from_secs(1));
    }
}
