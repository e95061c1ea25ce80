//! Those who ask: over bare UDP, over bare QUIC with bytes made beforehand, and with the client library.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use nextbest::serve::keys::KeyFolder;
use nextbest_client::{AppSession, Mode};
use nextbest_proto::frame::{decode_frame, encode_frame};
use nextbest_proto::limits::APP_REPLY_LEN_MAX;
use nextbest_proto::v1::{self, app_reply, app_request};
use nextbest_proto::{ALPN, PROTOCOL_VERSION};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use tokio::time::timeout;

use crate::echo::UdpEcho;
use crate::query;

/// Longest reply over UDP.
const DATAGRAM_LEN_MAX: usize = 2_048;
/// A datagram that is not answered for this long is lost.
const DATAGRAM_WAIT: Duration = Duration::from_millis(100);

/// Somebody who asks and waits for the answer.
pub(crate) enum Asker {
    BlockingUdp(UdpSocket, Vec<u8>),
    RuntimeUdp(tokio::net::UdpSocket, Vec<u8>),
    Bare(Line),
    Library(AppSession, Mode),
}

impl Asker {
    pub(crate) fn blocking_udp(echo: &UdpEcho, bytes: &Bytes) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(echo.blocking).unwrap();
        Self::BlockingUdp(socket, bytes.request.clone())
    }

    pub(crate) async fn runtime_udp(echo: &UdpEcho, bytes: &Bytes) -> Self {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(echo.runtime).await.unwrap();
        Self::RuntimeUdp(socket, bytes.request.clone())
    }

    /// Whether it was answered; only a datagram may be lost.
    pub(crate) async fn ask(&mut self) -> bool {
        match self {
            Self::BlockingUdp(socket, request) => {
                let mut reply = [0; DATAGRAM_LEN_MAX];
                socket.send(request).unwrap();
                assert!(socket.recv(&mut reply).unwrap() > 0);
            }
            Self::RuntimeUdp(socket, request) => {
                let mut reply = [0; DATAGRAM_LEN_MAX];
                socket.send(request).await.unwrap();
                assert!(socket.recv(&mut reply).await.unwrap() > 0);
            }
            Self::Bare(line) => return line.ask().await,
            Self::Library(session, mode) => {
                let decision = session.query_by(*mode, query()).await.unwrap();
                assert!(!decision.answers.is_empty(), "{decision:?}");
            }
        }
        true
    }
}

/// The bytes of one query and its answer, each as a frame.
pub(crate) struct Bytes {
    pub(crate) request: Vec<u8>,
    pub(crate) reply: Vec<u8>,
}

impl Bytes {
    /// Asks the gateway once, as whoever the token names.
    pub(crate) async fn of_a_query(gateway: &Peer, token: &str) -> Self {
        let request = request(app_request::Body::Query(query()));
        let connection = gateway.hello(token).await;
        let mut reply = ask_on_new_stream(&connection, &request).await;
        let whole = reply.to_vec();
        let answer: v1::AppReply = decode_frame(&mut reply, APP_REPLY_LEN_MAX).unwrap().unwrap();
        assert!(matches!(answer.body, Some(app_reply::Body::Decision(_))), "{answer:?}");
        Self { request, reply: whole }
    }
}

/// Where bare QUIC connections go.
pub(crate) struct Peer {
    endpoint: Endpoint,
    address: SocketAddr,
}

impl Peer {
    pub(crate) fn new(keys: &KeyFolder, address: SocketAddr) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(keys.authority().unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let mut endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap())));
        Self { endpoint, address }
    }

    async fn connect(&self) -> Connection {
        self.endpoint.connect(self.address, "localhost").unwrap().await.unwrap()
    }

    /// A connection that the gateway has welcomed.
    pub(crate) async fn hello(&self, token: &str) -> Connection {
        let connection = self.connect().await;
        let hello = v1::AppHello {
            protocol_version: PROTOCOL_VERSION,
            token: token.into(),
            ..v1::AppHello::default()
        };
        let mut reply = ask_on_new_stream(&connection, &request(app_request::Body::Hello(hello))).await;
        let welcome: v1::AppReply = decode_frame(&mut reply, APP_REPLY_LEN_MAX).unwrap().unwrap();
        assert!(matches!(welcome.body, Some(app_reply::Body::Welcome(_))), "{welcome:?}");
        connection
    }
}

/// A bare connection that asks the same again and again.
pub(crate) struct Line {
    connection: Connection,
    mode: Mode,
    request: Vec<u8>,
    /// The long-lived stream.
    stream: Option<(SendStream, RecvStream)>,
}

impl Line {
    /// A line to the echo.
    pub(crate) async fn open(peer: &Peer, mode: Mode, bytes: &Bytes) -> Self {
        Self::on(peer.connect().await, mode, bytes).await
    }

    /// A line to the gateway.
    pub(crate) async fn welcomed(peer: &Peer, mode: Mode, bytes: &Bytes, token: &str) -> Self {
        Self::on(peer.hello(token).await, mode, bytes).await
    }

    async fn on(connection: Connection, mode: Mode, bytes: &Bytes) -> Self {
        let stream = match mode {
            Mode::Session => Some(connection.open_bi().await.unwrap()),
            Mode::Stream | Mode::Datagram => None,
        };
        // A datagram is its own frame: the length before the message stays away.
        let prefix_len = if mode == Mode::Datagram {
            frame_lens(&bytes.request).0
        } else {
            0
        };
        Self {
            connection,
            mode,
            request: bytes.request[prefix_len..].to_vec(),
            stream,
        }
    }

    /// Whether it was answered; only a datagram may be lost.
    pub(crate) async fn ask(&mut self) -> bool {
        match (&mut self.stream, self.mode) {
            (Some((send, receive)), _) => {
                send.write_all(&self.request).await.unwrap();
                let chunk = receive.read_chunk(APP_REPLY_LEN_MAX, true).await.unwrap().unwrap();
                let (_, frame_len) = frame_lens(&chunk.bytes);
                let mut len = chunk.bytes.len();
                while len < frame_len {
                    len += receive
                        .read_chunk(frame_len - len, true)
                        .await
                        .unwrap()
                        .unwrap()
                        .bytes
                        .len();
                }
                true
            }
            (None, Mode::Datagram) => {
                self.connection.send_datagram(self.request.clone().into()).unwrap();
                timeout(DATAGRAM_WAIT, self.connection.read_datagram())
                    .await
                    .is_ok_and(|reply| !reply.unwrap().is_empty())
            }
            (None, Mode::Stream | Mode::Session) => {
                !ask_on_new_stream(&self.connection, &self.request).await.is_empty()
            }
        }
    }
}

async fn ask_on_new_stream(connection: &Connection, request: &[u8]) -> BytesMut {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(request).await.unwrap();
    send.finish().unwrap();
    let mut reply = BytesMut::new();
    while let Some(chunk) = receive.read_chunk(APP_REPLY_LEN_MAX, true).await.unwrap() {
        reply.extend_from_slice(&chunk.bytes);
    }
    reply
}

fn request(body: app_request::Body) -> Vec<u8> {
    let mut frame = BytesMut::new();
    encode_frame(
        &v1::AppRequest {
            request_id: 1,
            body: Some(body),
        },
        &mut frame,
    );
    frame.to_vec()
}

/// Bytes of the length in front of a frame, and of the whole frame.
pub(crate) fn frame_lens(bytes: &[u8]) -> (usize, usize) {
    let mut rest = bytes;
    let message_len = prost::encoding::decode_varint(&mut rest).unwrap();
    let prefix_len = bytes.len() - rest.len();
    (prefix_len, prefix_len + usize::try_from(message_len).unwrap())
}
