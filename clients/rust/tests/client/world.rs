//! A network in memory that can be cut, and the certificates of a venue.
//!
//! Packets go straight from one socket's queue to the other's, so that tokio's paused clock moves only when
//! everybody really waits. Absent: latency, reordering.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, LazyLock, Weak},
    task::{Context, Poll, Waker},
};

use nextbest_client::{ClientEndpoint, Credentials, Trust};
use quinn::{
    AsyncUdpSocket, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, UdpPoller,
    crypto::rustls::QuicServerConfig,
    udp::{RecvMeta, Transmit},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

#[expect(clippy::disallowed_types, reason = "a test network, locked for a few instructions")]
type Mutex<T> = std::sync::Mutex<T>;

pub(crate) const GATEWAY: &str = "10.0.0.1:4433";
const CLIENT: &str = "10.0.0.2:50000";

/// All sockets, and the addresses that nobody can reach.
#[derive(Debug, Default)]
pub(crate) struct Network {
    sockets: Mutex<HashMap<SocketAddr, Weak<Socket>>>,
    cut: Mutex<HashSet<SocketAddr>>,
}

impl Network {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn client(self: &Arc<Self>) -> ClientEndpoint {
        ClientEndpoint::from_quinn(self.endpoint(CLIENT, None))
    }

    pub(crate) fn server(self: &Arc<Self>, config: ServerConfig) -> Endpoint {
        self.endpoint(GATEWAY, Some(config))
    }

    /// Packets to and from the gateway vanish.
    pub(crate) fn cut(&self) {
        self.cut.lock().unwrap().insert(gateway());
    }

    pub(crate) fn mend(&self) {
        self.cut.lock().unwrap().clear();
    }

    fn endpoint(self: &Arc<Self>, address: &str, server: Option<ServerConfig>) -> Endpoint {
        let address = address.parse().unwrap();
        let socket = Arc::new(Socket {
            address,
            network: Arc::clone(self),
            inbox: Mutex::default(),
        });
        self.sockets.lock().unwrap().insert(address, Arc::downgrade(&socket));
        let config = EndpointConfig::default();
        Endpoint::new_with_abstract_socket(config, server, socket, Arc::new(TokioRuntime)).unwrap()
    }

    /// The gateway's machine has lost its power: whatever still runs there reaches nobody.
    pub(crate) fn unplug(&self) {
        self.sockets.lock().unwrap().remove(&gateway());
    }

    fn carry(&self, from: &Socket, to: SocketAddr, packet: &[u8]) {
        let cut = self.cut.lock().unwrap();
        if cut.contains(&from.address) || cut.contains(&to) {
            return;
        }
        let sockets = self.sockets.lock().unwrap();
        let plugged = |address: &SocketAddr| sockets.get(address).and_then(Weak::upgrade);
        let is_plugged = plugged(&from.address).is_some_and(|sender| std::ptr::eq(&*sender, from));
        let Some(receiver) = plugged(&to).filter(|_| is_plugged) else {
            return;
        };
        let mut inbox = receiver.inbox.lock().unwrap();
        inbox.packets.push_back((from.address, packet.to_vec()));
        if let Some(waker) = inbox.waker.take() {
            waker.wake();
        }
    }
}

pub(crate) fn gateway() -> SocketAddr {
    GATEWAY.parse().unwrap()
}

#[derive(Debug)]
struct Socket {
    address: SocketAddr,
    network: Arc<Network>,
    inbox: Mutex<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    packets: VecDeque<(SocketAddr, Vec<u8>)>,
    waker: Option<Waker>,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.network.carry(self, transmit.destination, transmit.contents);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut inbox = self.inbox.lock().unwrap();
        let Some((addr, packet)) = inbox.packets.pop_front() else {
            inbox.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let len = packet.len();
        buffers[0][..len].copy_from_slice(&packet);
        meta[0] = RecvMeta {
            addr,
            len,
            stride: len,
            ecn: None,
            dst_ip: None,
        };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The certificates of one venue: its CA, the gateway's, and one hub's.
pub(crate) struct Certificates {
    ca: CertificateDer<'static>,
    pub(crate) ca_pem: String,
    server: (CertificateDer<'static>, Vec<u8>),
    hub_pem: (String, String),
}

/// Made once: keys are not what is tested.
pub(crate) static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(Certificates::new);

impl Certificates {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let leaf = |name: &str| {
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = leaf("localhost");
        let (hub, hub_key) = leaf("hub-1");
        Self {
            ca: ca.der().clone(),
            ca_pem: ca.pem(),
            server: (server.der().clone(), server_key.serialize_der()),
            hub_pem: (hub.pem(), hub_key.serialize_pem()),
        }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_pem(&self.ca_pem).unwrap()
    }

    pub(crate) fn hub(&self) -> Credentials {
        Credentials::from_pem(&self.hub_pem.0, &self.hub_pem.1).unwrap()
    }

    /// How the gateway's listener for apps is set up.
    pub(crate) fn app_listener(&self, alpn: &[u8]) -> ServerConfig {
        let builder = tls();
        self.listener(builder.with_no_client_auth(), alpn)
    }

    /// How its listener for hubs is set up: nobody comes in without a certificate.
    pub(crate) fn hub_listener(&self) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        self.listener(tls().with_client_cert_verifier(verifier), nextbest_proto::ALPN)
    }

    fn listener(
        &self,
        builder: rustls::ConfigBuilder<rustls::ServerConfig, rustls::server::WantsServerCert>,
        alpn: &[u8],
    ) -> ServerConfig {
        let (certificate, key) = self.server.clone();
        let key = PrivateKeyDer::try_from(key).unwrap();
        let mut tls = builder.with_single_cert(vec![certificate], key).unwrap();
        tls.alpn_protocols = vec![alpn.to_vec()];
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()))
    }
}

fn tls() -> rustls::ConfigBuilder<rustls::ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
}
