//! QUIC and TLS as the gateway speaks them: two listeners, their limits, and what a peer can cost.
//!
//! quinn's defaults let one peer that nobody knows pin 256 MiB (200 streams of 1.25 MB); every number here is
//! chosen, named and added up in [`Limits::connection_bytes_max`], and the sum is printed when the gateway
//! starts. Hubs and apps have listeners of their own, so a flood of one leaves the other alone.
//!
//! 0-RTT is off: a replayed hello would be an accepted one. Apps may migrate (Wi-Fi to mobile), hubs are bolted
//! to a wall. Deliberately absent: session logic, and any setting that a peer could change.

use std::sync::Arc;
use std::time::Duration;

use nextbest_proto::ALPN;
use nextbest_proto::limits::{APP_PUSH_LEN_MAX, GATEWAY_TO_HUB_LEN_MAX, HUB_TO_GATEWAY_LEN_MAX, SUBJECT_LEN_MAX};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{IdleTimeout, ServerConfig, TransportConfig, VarInt};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig as TlsConfig};
use thiserror::Error;

use super::admission::HandshakeLimits;
use super::held::FREE_BYTES;
use super::keys::{KeyFolder, KeysError};
use super::request_stream::ROOM_KEPT_MAX;
use super::speaker::SUBJECTS_LEN_MAX;

/// What one connection may use, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. Beyond it new ones are refused, and old ones stay.
    pub connections_max: usize,
    /// Handshakes under way, and when an address has to be proved first.
    pub handshakes: HandshakeLimits,
    /// Bidirectional streams that the peer may have open. quinn reserves a map entry for each when the connection
    /// starts: 10,000 cost 0.7 MB and five times the handshake.
    pub bidi_streams_max: u32,
    /// Unidirectional streams that the peer may have open. Nobody reads one, so there are none.
    pub uni_streams_max: u32,
    /// Unread bytes on one stream.
    pub stream_window_bytes: u32,
    /// Unread bytes on all streams of a connection.
    pub connection_window_bytes: u32,
    /// Bytes sent and not acknowledged.
    pub send_window_bytes: u32,
    /// Unread bytes of datagrams; the oldest are dropped beyond it.
    pub datagram_receive_bytes: u32,
    /// Unsent bytes of datagrams; the oldest are dropped beyond it.
    pub datagram_send_bytes: u32,
    /// Out-of-order bytes of a handshake.
    pub crypto_buffer_bytes: u32,
    /// A connection that says nothing for this long is over.
    pub idle: Duration,
    /// Whether the peer's address may change.
    pub migration: bool,
    /// Whether larger packets than every network carries are tried. The search costs a new connection five packets
    /// and the pace of the next: in a burst of new phones it held answers up for 25 ms. It pays for bulk.
    pub larger_packets: bool,
    /// Bytes that a session holds of its own beside the transport's buffers.
    pub session_bytes: usize,
    /// Bytes that all sessions hold together beyond that: frames that have not come whole, replies that are not read.
    pub held_bytes_max: usize,
}

impl Limits {
    /// For hubs: few connections, long streams, nothing that moves.
    pub const HUB: Self = Self {
        connections_max: 4_096,
        handshakes: HandshakeLimits::DEFAULT,
        bidi_streams_max: 2,
        uni_streams_max: 0,
        stream_window_bytes: 64 * 1_024,
        connection_window_bytes: 256 * 1_024,
        send_window_bytes: 64 * 1_024,
        datagram_receive_bytes: 64 * 1_024,
        datagram_send_bytes: 4 * 1_024,
        crypto_buffer_bytes: 8 * 1_024,
        idle: Duration::from_secs(15),
        migration: false,
        larger_packets: true,
        // A frame that has not come whole, the chunk that is taken in, and an acknowledgement.
        session_bytes: HUB_TO_GATEWAY_LEN_MAX + 32 * 1_024 + GATEWAY_TO_HUB_LEN_MAX,
        held_bytes_max: 0,
    };

    /// For apps: many connections, short requests. No unidirectional streams: nothing is said on them.
    pub const APP: Self = Self {
        connections_max: 50_000,
        handshakes: HandshakeLimits::DEFAULT,
        bidi_streams_max: 16,
        uni_streams_max: 0,
        stream_window_bytes: 16 * 1_024,
        connection_window_bytes: 64 * 1_024,
        send_window_bytes: 64 * 1_024,
        datagram_receive_bytes: 16 * 1_024,
        datagram_send_bytes: 16 * 1_024,
        crypto_buffer_bytes: 8 * 1_024,
        idle: Duration::from_secs(30),
        migration: true,
        larger_packets: false,
        // What it holds of its own; a push and a datagram on their way.
        session_bytes: FREE_BYTES + APP_PUSH_LEN_MAX + 4 * 1_024,
        held_bytes_max: 128 * 1_024 * 1_024,
    };

    /// Bytes that one connection can fill at worst, its session's share of what all hold not counted.
    #[must_use]
    pub const fn connection_bytes_max(&self) -> usize {
        let streams = self.bidi_streams_max as usize * OPEN_STREAM_BYTES;
        self.transport_bytes_max() + streams + self.session_bytes
    }

    /// Bytes of the transport's buffers that one connection can fill at worst.
    ///
    /// Beside its buffers a connection has quinn's own state, measured as about 50 kB with the process's share of
    /// it; that is in [`CONNECTION_STATE_BYTES`].
    #[must_use]
    pub const fn transport_bytes_max(&self) -> usize {
        let buffers = self.connection_window_bytes
            + self.send_window_bytes
            + self.datagram_receive_bytes
            + self.datagram_send_bytes
            + self.crypto_buffer_bytes;
        let streams = self.bidi_streams_max + self.uni_streams_max;
        buffers as usize + streams as usize * STREAM_STATE_BYTES + CONNECTION_STATE_BYTES
    }

    /// Bytes that the listener can use at worst: all connections, what they hold together, and those that have not shaken
    /// hands.
    #[must_use]
    pub const fn listener_bytes_max(&self) -> usize {
        self.connections_max * self.connection_bytes_max() + self.held_bytes_max + INCOMING_BYTES_TOTAL_MAX as usize
    }

    /// Bytes that a connection can take beyond [`Self::connection_bytes_max`] because it is a service's: its streams, the
    /// customers it has named, and presence that it is told.
    #[must_use]
    pub const fn service_bytes_max(&self) -> usize {
        let streams = SERVICE_STREAMS_MAX.saturating_sub(self.bidi_streams_max) as usize;
        streams * (STREAM_STATE_BYTES + OPEN_STREAM_BYTES) + SUBJECTS_LEN_MAX * SUBJECT_BYTES + 2 * APP_PUSH_LEN_MAX
    }
}

/// Bidirectional streams that a service principal may have open. Credit for new streams comes back with the peer's
/// acknowledgements, which may take 25 ms: 16 streams let through 600 requests a second when all are in use.
pub const SERVICE_STREAMS_MAX: u32 = 512;
/// State of a connection beside its buffers, in bytes. 500 idle connections with these limits took 27 to 30 MB.
pub const CONNECTION_STATE_BYTES: usize = 56 * 1_024;
/// What a stream takes while it is open, in bytes: quinn's state of both directions, its task, and the room that its reader
/// and its buffer keep.
const OPEN_STREAM_BYTES: usize = 2 * 1_024 + 2 * ROOM_KEPT_MAX;
/// What a customer takes whom a service has named: an id and a place in a map, twice for the room that maps keep free.
const SUBJECT_BYTES: usize = 2 * (SUBJECT_LEN_MAX + 40);
/// What quinn reserves for each stream that a peer may open, in bytes: 11,000 streams took 0.7 MB.
const STREAM_STATE_BYTES: usize = 72;
/// Early bytes kept for one of them.
const INCOMING_BYTES_MAX: u64 = 64 * 1_024;
/// Early bytes kept for all of them.
const INCOMING_BYTES_TOTAL_MAX: u64 = 8 * 1_024 * 1_024;

/// Why a listener could not be configured.
#[derive(Debug, Error)]
pub enum TransportError {
    /// A key or certificate cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// They do not fit together.
    #[error("the gateway's certificate and key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The authority cannot check clients.
    #[error("ca.pem or hubs.crl cannot be used to check the hubs' certificates: {0}")]
    Authority(#[from] rustls::server::VerifierBuilderError),
    /// TLS offers no cipher suite that QUIC can start with.
    #[error("the TLS library offers no initial cipher suite for QUIC")]
    NoInitialCipherSuite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// The listener of hubs: only a certificate of our authority gets past the handshake.
///
/// # Errors
/// [`TransportError`] when keys or certificates cannot be used.
pub fn hub_config(keys: &KeyFolder, limits: &Limits) -> Result<ServerConfig, TransportError> {
    server_config(tls_config(keys, Some(hub_verifier(keys)?), &[ALPN])?, limits)
}

/// Checks the certificates of hubs: our authority's, in their time, and on no revocation list of the key folder. A list
/// that is past its own next update counts still: an authority that is late must not shut every hub out.
///
/// # Errors
/// As for [`hub_config`].
pub fn hub_verifier(keys: &KeyFolder) -> Result<Arc<dyn ClientCertVerifier>, TransportError> {
    let mut roots = RootCertStore::empty();
    roots.add(keys.authority()?)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let lists = keys.revocation_lists()?;
    Ok(if lists.is_empty() {
        verifier.build()?
    } else {
        verifier.with_crls(lists).only_check_end_entity_revocation().build()?
    })
}

/// The listener of apps: anybody may connect, and the hello's token says who it is.
///
/// # Errors
/// As for [`hub_config`].
pub fn app_config(keys: &KeyFolder, limits: &Limits) -> Result<ServerConfig, TransportError> {
    server_config(tls_config(keys, None, &[ALPN])?, limits)
}

/// TLS of the HTTP listener.
///
/// # Errors
/// As for [`hub_config`].
pub fn http_config(keys: &KeyFolder) -> Result<TlsConfig, TransportError> {
    tls_config(keys, None, &[b"http/1.1"])
}

/// ring, because it needs neither cmake nor OpenSSL; named here so that no process-wide default is needed.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn tls_config(
    keys: &KeyFolder,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    protocols: &[&[u8]],
) -> Result<TlsConfig, TransportError> {
    let identity = keys.server()?;
    let builder = TlsConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.max_early_data_size = 0;
    Ok(config)
}

fn server_config(tls: TlsConfig, limits: &Limits) -> Result<ServerConfig, TransportError> {
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config
        .transport_config(Arc::new(transport_config(limits)))
        .migration(limits.migration)
        .max_incoming(limits.handshakes.open_max)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_BYTES_TOTAL_MAX);
    Ok(config)
}

fn transport_config(limits: &Limits) -> TransportConfig {
    let idle_ms = u32::try_from(limits.idle.as_millis()).unwrap_or(u32::MAX);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.bidi_streams_max))
        .max_concurrent_uni_streams(VarInt::from_u32(limits.uni_streams_max))
        .stream_receive_window(VarInt::from_u32(limits.stream_window_bytes))
        .receive_window(VarInt::from_u32(limits.connection_window_bytes))
        .send_window(u64::from(limits.send_window_bytes))
        .datagram_receive_buffer_size(Some(limits.datagram_receive_bytes as usize))
        .datagram_send_buffer_size(limits.datagram_send_bytes as usize)
        .crypto_buffer_size(limits.crypto_buffer_bytes as usize)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))))
        .keep_alive_interval(None);
    if !limits.larger_packets {
        transport.mtu_discovery_config(None);
    }
    transport
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transport_of_an_app_costs_less_than_256_kib_at_worst() {
        let bytes = Limits::APP.transport_bytes_max();
        assert!(bytes <= 256 * 1_024, "{bytes}");
    }

    #[test]
    fn a_stream_window_holds_the_largest_frame_of_a_hub() {
        assert!(Limits::HUB.stream_window_bytes as usize > nextbest_proto::limits::HUB_TO_GATEWAY_LEN_MAX);
    }
}
