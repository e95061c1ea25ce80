//! One UDP socket that many sessions share, and whom to trust and be on it.
//!
//! TLS 1.3 with ring, ALPN `nextbest/1`; the gateway's certificate is checked against [`Trust`] and nothing else.
//! Deliberately absent: the system's root certificates, and early data (a replayed signal would be a second one).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use nextbest_proto::ALPN;
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, TransportConfig, VarInt, crypto::rustls::QuicClientConfig,
};
use rustls::{
    RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::error::{CertificateError, ConnectError};

/// A connection on which nothing is heard for this long is lost, in seconds.
pub const IDLE_TIMEOUT_S: u64 = 30;
/// How often a quiet connection is kept alive, in seconds: twice within the 15 s that a gateway grants hubs.
pub const KEEP_ALIVE_S: u64 = 6;
/// What the round trip is taken for until it is measured, in milliseconds: a first packet that is lost, for example
/// because the gateway starts in this moment, is sent again after three times as long. RFC 9002 says 333.
const INITIAL_ROUND_TRIP_MS: u64 = 100;
/// Unidirectional streams that the gateway may have open: the one for pushes, and one that replaces it.
const GATEWAY_STREAMS_MAX: u32 = 2;
/// Bytes of one stream that may wait to be read.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Bytes of one connection that may wait to be read, or to be acknowledged.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// Bytes of datagrams that may wait, in each direction.
const DATAGRAM_BUFFER_BYTES: usize = 64 * 1024;

/// The certificate authority of the gateway.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    /// For apps, which show no certificate: built once, so that its sessions are resumed cheaply.
    app: ClientConfig,
}

impl Trust {
    /// Reads one or more CA certificates from PEM text.
    ///
    /// # Errors
    /// When the text has no certificate, or one that can't be a root.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        Self::from_certificates(certificates("the gateway's CA certificate", pem)?)
    }

    /// Takes one CA certificate as DER bytes.
    ///
    /// # Errors
    /// When it can't be a root.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        Self::from_certificates(vec![CertificateDer::from(der.to_vec())])
    }

    fn from_certificates(certificates: Vec<CertificateDer<'static>>) -> Result<Self, CertificateError> {
        let mistake = |error: &dyn std::error::Error| CertificateError {
            what: "the gateway's CA certificate",
            reason: error.to_string(),
            expected: "an X.509 CA certificate",
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|error| mistake(&error))?;
        }
        let roots = Arc::new(roots);
        let tls = tls_builder(&roots)
            .map_err(|error| mistake(&error))?
            .with_no_client_auth();
        Ok(Self {
            app: quic(tls, app_transport()).map_err(|error| mistake(&error))?,
            roots,
        })
    }

    pub(crate) fn app_config(&self) -> ClientConfig {
        self.app.clone()
    }
}

/// A hub's certificate chain and its key.
#[derive(Debug)]
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Credentials {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl Credentials {
    /// Reads the chain (the hub's own certificate first) and the key from PEM text.
    ///
    /// # Errors
    /// When either holds none.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, CertificateError> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| CertificateError {
            what: "the hub's key",
            reason: error.to_string(),
            expected: "a private key as PEM (PKCS#8, SEC1 or PKCS#1)",
        })?;
        Ok(Self {
            chain: certificates("the hub's certificate", chain)?,
            key,
        })
    }

    pub(crate) fn hub_config(&self, trust: &Trust) -> Result<ClientConfig, ConnectError> {
        let setup = |error: &dyn std::error::Error| ConnectError::Setup(format!("the hub's certificate: {error}"));
        let mut tls = tls_builder(&trust.roots)
            .map_err(|error| setup(&error))?
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| setup(&error))?;
        // A resumed session would show no certificate: the gateway checks it at every connection.
        tls.resumption = Resumption::disabled();
        quic(tls, transport()).map_err(|error| setup(&error))
    }
}

/// An app's packets are small and its connections short: the search for larger packets would cost five packets and the
/// pace of the next ones, which held answers up for 25 ms when many phones connected at once.
fn app_transport() -> TransportConfig {
    let mut transport = transport();
    transport.mtu_discovery_config(None);
    transport
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let mistake = |reason: String| CertificateError {
        what,
        reason,
        expected: "at least one certificate as PEM",
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| mistake(error.to_string()))?;
    match found.is_empty() {
        true => Err(mistake(String::from("the text holds no certificate"))),
        false => Ok(found),
    }
}

type TlsBuilder = rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert>;

fn tls_builder(roots: &Arc<RootCertStore>) -> Result<TlsBuilder, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(Arc::clone(roots)))
}

fn quic(
    mut tls: rustls::ClientConfig,
    transport: TransportConfig,
) -> Result<ClientConfig, quinn::crypto::rustls::NoInitialCipherSuite> {
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// quinn pays for every stream that the peer may open when the connection is made, and for every byte of window
/// when the peer fills it: 8 streams cost 27 MB of server memory at 500 connections, 10,000 cost 364 MB.
fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(GATEWAY_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(u64::from(CONNECTION_WINDOW_BYTES))
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES)
        .initial_rtt(Duration::from_millis(INITIAL_ROUND_TRIP_MS))
        .keep_alive_interval(Some(Duration::from_secs(KEEP_ALIVE_S)))
        .max_idle_timeout(Duration::from_secs(IDLE_TIMEOUT_S).try_into().ok());
    transport
}

/// How a [`ClientEndpoint`] binds its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointSettings {
    /// The local address; port 0 lets the system choose.
    pub bind: SocketAddr,
    /// Bytes that the system may hold for us until we read them; `None` leaves its default (about 200 KiB on
    /// Linux, which some hundred busy connections overflow).
    pub receive_buffer_bytes: Option<usize>,
    /// Bytes that the system may hold until they are sent; `None` leaves its default.
    pub send_buffer_bytes: Option<usize>,
}

impl EndpointSettings {
    /// Binds so that `to` can be reached: on loopback for a loopback address, on every interface otherwise.
    pub fn towards(to: SocketAddr) -> Self {
        let ip = match (to.is_ipv4(), to.ip().is_loopback()) {
            (true, true) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            (true, false) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            (false, true) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            (false, false) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self::bound(SocketAddr::new(ip, 0))
    }

    /// Binds to this address, with the system's buffers.
    pub fn bound(bind: SocketAddr) -> Self {
        Self {
            bind,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
        }
    }
}

/// A UDP socket with QUIC on it, shared by any number of sessions. Cheap to clone.
///
/// It must be made inside a tokio runtime, which drives it. Under tokio's paused time give it an endpoint on a
/// socket in memory with [`ClientEndpoint::from_quinn`]: a real socket makes tokio think that nothing happens,
/// and the clock leaps ahead while packets are on their way.
#[derive(Debug, Clone)]
pub struct ClientEndpoint {
    quinn: Endpoint,
}

impl ClientEndpoint {
    /// Binds a socket to `bind`.
    ///
    /// # Errors
    /// When the address can't be bound, or outside of a runtime.
    pub fn new(bind: SocketAddr) -> io::Result<Self> {
        Self::with_settings(EndpointSettings::bound(bind))
    }

    /// Binds a socket from which `to` can be reached.
    ///
    /// # Errors
    /// As for [`ClientEndpoint::new`].
    pub fn towards(to: SocketAddr) -> io::Result<Self> {
        Self::with_settings(EndpointSettings::towards(to))
    }

    /// Binds a socket as the settings say.
    ///
    /// # Errors
    /// As for [`ClientEndpoint::new`], and when the system refuses a buffer's size outright (Linux rather caps it).
    pub fn with_settings(settings: EndpointSettings) -> io::Result<Self> {
        let socket = UdpSocket::bind(settings.bind)?;
        let state = quinn::udp::UdpSocketState::new((&socket).into())?;
        if let Some(bytes) = settings.receive_buffer_bytes {
            state.set_recv_buffer_size((&socket).into(), bytes)?;
        }
        if let Some(bytes) = settings.send_buffer_bytes {
            state.set_send_buffer_size((&socket).into(), bytes)?;
        }
        let runtime = quinn::default_runtime()
            .ok_or_else(|| io::Error::other("no runtime: make the endpoint inside of a tokio runtime"))?;
        Ok(Self::from_quinn(Endpoint::new(
            EndpointConfig::default(),
            None,
            socket,
            runtime,
        )?))
    }

    /// Uses an endpoint that exists, for example on a socket that loses packets on purpose.
    pub fn from_quinn(quinn: Endpoint) -> Self {
        Self { quinn }
    }

    /// Where the socket is bound.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.quinn.local_addr()
    }

    /// Waits until every session that was closed has told the gateway so. Call it before a program ends.
    pub async fn idle(&self) {
        self.quinn.wait_idle().await;
    }

    pub(crate) async fn connect(
        &self,
        config: ClientConfig,
        to: SocketAddr,
        server_name: &str,
    ) -> Result<Connection, ConnectError> {
        let connecting = self
            .quinn
            .connect_with(config, to, server_name)
            .map_err(|error| ConnectError::Setup(error.to_string()))?;
        connecting.await.map_err(|error| ConnectError::Lost(error.into()))
    }
}
