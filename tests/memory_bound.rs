//! What hostile clients can fill stays within what is computed: customers and services of the real program, who hold all
//! their streams with frames that never come whole, ask and do not read, name everybody they can, and staff that sends half a
//! request. The memory of the process is looked at all the while.
//!
//! The bound counts what each connection can take, so few connections say as much as many.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of it")]
mod served;
#[path = "house/tls.rs"]
mod tls;

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use nextbest::serve::token::Role;
use nextbest::serve::transport::{Limits, SERVICE_STREAMS_MAX};
use nextbest_proto::ALPN;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::v1::{self, app_request};
use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;
use served::{Served, WAIT};
use tokio::task::JoinSet;
use tokio::time::timeout;

const CUSTOMERS: usize = 48;
const SERVICES: usize = 3;
/// Customers whom each service names.
const SUBJECTS: usize = 4_096;
const STAFF: usize = 64;
/// What the allocator and the program itself may take beside what peers fill.
const SLACK_BYTES: usize = 24 << 20;

/// Bytes of a process that are in memory: at this moment, and at most so far.
fn resident_bytes(pid: u32) -> (usize, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kib: usize = line.split_whitespace().next().unwrap().parse().unwrap();
        kib * 1_024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn frame(id: u64, body: app_request::Body) -> BytesMut {
    let mut out = BytesMut::new();
    let request = v1::AppRequest {
        request_id: id,
        body: Some(body),
    };
    encode_frame(&request, &mut out);
    out
}

/// Where apps come in, and whom they trust.
type Door = (SocketAddr, CertificateDer<'static>);

/// A peer that keeps everything that it was given.
struct Hostile {
    connection: Connection,
    _endpoint: Endpoint,
    streams: Vec<(SendStream, RecvStream)>,
}

impl Hostile {
    async fn connect((to, authority): Door, token: String) -> Self {
        let mut config = tls::quic(authority, ALPN, None);
        let mut transport = quinn::TransportConfig::default();
        // It takes no reply: what is written to it stays where it is.
        transport.stream_receive_window(VarInt::from_u32(64));
        transport.keep_alive_interval(Some(Duration::from_secs(1)));
        config.transport_config(Arc::new(transport));
        let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let connecting = endpoint.connect_with(config, to, "localhost").unwrap();
        let connection = timeout(WAIT, connecting).await.unwrap().unwrap();
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        let hello = v1::AppHello {
            protocol_version: nextbest_proto::PROTOCOL_VERSION,
            token,
            subscribe: true,
            ..v1::AppHello::default()
        };
        send.write_all(&frame(1, app_request::Body::Hello(hello)))
            .await
            .unwrap();
        send.finish().unwrap();
        timeout(WAIT, recv.read_to_end(16_384)).await.unwrap().unwrap();
        Self {
            connection,
            _endpoint: endpoint,
            streams: Vec::new(),
        }
    }

    /// Opens as many streams as it may, up to `most`, and says on each what `says` gives, as far as it is taken.
    async fn hold(&mut self, most: usize, says: impl Fn(usize) -> BytesMut) {
        let a_moment = Duration::from_millis(200);
        for number in 0..most {
            let Ok(Ok((mut send, recv))) = timeout(a_moment, self.connection.open_bi()).await else {
                return;
            };
            let _taken = timeout(a_moment, send.write_all(&says(number))).await;
            self.streams.push((send, recv));
        }
    }
}

/// A frame of the largest size, without its last byte.
fn torn() -> BytesMut {
    let mut frame = BytesMut::from(&[0xff, 0xff, 0x01][..]);
    frame.resize(3 + 32_766, 0x5a);
    frame
}

/// Many questions at once, each with all its reasons.
fn questions() -> BytesMut {
    let mut all = BytesMut::new();
    for id in 0..64 {
        let query = v1::Query {
            why: true,
            ..v1::Query::default()
        };
        all.extend_from_slice(&frame(id, app_request::Body::Query(query)));
    }
    all
}

/// Half a request to staff's listener.
fn half_a_request(to: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(to).unwrap();
    socket.write_all(&[0x16, 0x03, 0x01, 0x40, 0x00]).unwrap();
    let _taken = socket.write_all(&[0; 16_000]);
    socket
}

/// A customer who sends what never comes whole, or reads nothing of what they asked for; and datagrams that are none.
async fn customer(door: Door, token: String, number: usize) -> Hostile {
    let mut peer = Hostile::connect(door, token).await;
    if number.is_multiple_of(2) {
        peer.hold(64, |_| torn()).await;
    } else {
        peer.hold(64, |_| questions()).await;
    }
    for _ in 0..64 {
        let _dropped = peer.connection.send_datagram(vec![0x5a; 1_000].into());
    }
    peer
}

/// A service that names everybody it can, and then holds all its streams.
async fn service(door: Door, token: String) -> Hostile {
    let mut peer = Hostile::connect(door, token).await;
    peer.hold(SUBJECTS / 64, |stream| {
        let mut all = BytesMut::new();
        for id in 0..64 {
            let query = v1::Query {
                subject: format!("a-customer-whose-id-is-as-long-as-an-id-may-be-{:05}", stream * 64 + id),
                ..v1::Query::default()
            };
            all.extend_from_slice(&frame(id as u64, app_request::Body::Query(query)));
        }
        all
    })
    .await;
    peer.hold(SERVICE_STREAMS_MAX as usize, |_| torn()).await;
    peer
}

#[tokio::test]
async fn hostile_clients_fill_no_more_than_was_computed() {
    let served = Served::start(|name, text| match name {
        "settings.toml" => text.replace("customers_max = 1_000", "customers_max = 10_000"),
        _ => text,
    });
    let (before, _) = resident_bytes(served.pid());
    let staff: Vec<_> = (0..STAFF).map(|_| half_a_request(served.staff)).collect();
    let door = (served.apps, served.keys.authority().unwrap());
    let mut filling = JoinSet::new();
    for number in 0..CUSTOMERS {
        let token = served.token(&format!("customer-{number}"), Role::Customer);
        filling.spawn(customer(door.clone(), token, number));
    }
    for number in 0..SERVICES {
        let token = served.token(&format!("service-{number}"), Role::Service);
        filling.spawn(service(door.clone(), token));
    }
    let hostile = filling.join_all().await;
    let (_, most) = resident_bytes(served.pid());
    let limits = Limits::APP;
    let connections = (CUSTOMERS + SERVICES) * limits.connection_bytes_max() + SERVICES * limits.service_bytes_max();
    let https = STAFF * 128 * 1_024;
    let bound = connections + limits.held_bytes_max + https + SLACK_BYTES;
    let grown = most.saturating_sub(before);
    println!(
        "grown by {} KiB of {} KiB, with {} streams",
        grown >> 10,
        bound >> 10,
        hostile.iter().map(|peer| peer.streams.len()).sum::<usize>()
    );
    assert!(grown <= bound, "grown by {grown} bytes, at most {bound} were computed");
    // And whoever behaves is answered.
    let witness = served.app("witness").await;
    timeout(WAIT, witness.query(v1::Query::default()))
        .await
        .expect("an answer")
        .unwrap();
    drop((staff, hostile));
}
