//! Limits of the transport, one test each: a reply that fits no datagram, a hub's frame that never comes whole, connections of
//! a listener over HTTPS, a proof of an address that is another's, and peers that move to another address.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;
#[path = "house/raw.rs"]
mod raw;
#[expect(dead_code, reason = "this test needs no role in particular")]
#[path = "house/staff.rs"]
mod staff;

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use house::{HUBS, House, WAIT, food, heard};
use nextbest::serve::GatewaySettings;
use nextbest::serve::admission::HandshakeLimits;
use nextbest::serve::metrics::Counter;
use nextbest::serve::transport::Limits;
use nextbest_proto::ALPN;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::v1::{self, ErrorCode, app_reply, app_request, hub_to_gateway};
use prost::Message as _;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint};
use raw::{closed_with, tls};
use tokio::time::timeout;

fn request(id: u64, body: app_request::Body) -> v1::AppRequest {
    v1::AppRequest {
        request_id: id,
        body: Some(body),
    }
}

fn frame(message: &impl prost::Message) -> BytesMut {
    let mut out = BytesMut::new();
    encode_frame(message, &mut out);
    out
}

/// Sends one request on a stream of its own; the reply.
async fn asks(connection: &Connection, request: &v1::AppRequest) -> v1::AppReply {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&frame(request)).await.unwrap();
    send.finish().unwrap();
    let bytes = timeout(WAIT, recv.read_to_end(65_536)).await.unwrap().unwrap();
    v1::AppReply::decode_length_delimited(&bytes[..]).unwrap()
}

async fn says_hello(house: &House, connection: &Connection) {
    let hello = v1::AppHello {
        protocol_version: nextbest_proto::PROTOCOL_VERSION,
        token: house.token("ada"),
        ..v1::AppHello::default()
    };
    let welcome = asks(connection, &request(1, app_request::Body::Hello(hello))).await;
    assert!(matches!(welcome.body, Some(app_reply::Body::Welcome(_))), "{welcome:?}");
}

fn client_config(house: &House) -> ClientConfig {
    tls::quic(house.keys.authority().unwrap(), ALPN, None)
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[tokio::test]
async fn a_reply_that_fits_no_datagram_is_refused_in_one_and_given_on_a_stream() {
    let house = House::open();
    let mut config = client_config(&house);
    let mut transport = quinn::TransportConfig::default();
    // So long a datagram is taken, and no longer: an error fits, an answer with its message does not.
    transport.datagram_receive_buffer_size(Some(130));
    config.transport_config(Arc::new(transport));
    let endpoint = Endpoint::client(loopback()).unwrap();
    let connecting = endpoint.connect_with(config, house.gateway.app_addr(), "localhost");
    let connection = connecting.unwrap().await.unwrap();
    says_hello(&house, &connection).await;
    let ask = request(7, app_request::Body::Query(v1::Query { why: true, ..food() }));
    connection.send_datagram(ask.encode_to_vec().into()).unwrap();
    let datagram = timeout(WAIT, connection.read_datagram()).await.unwrap().unwrap();
    let reply = v1::AppReply::decode(datagram).unwrap();
    let Some(app_reply::Body::Error(error)) = &reply.body else {
        panic!("expected an error, got {reply:?}");
    };
    assert_eq!((reply.request_id, error.code()), (7, ErrorCode::FrameTooLarge));
    assert_eq!(house.errors(ErrorCode::FrameTooLarge), 1);
    let answer = asks(&connection, &ask).await;
    assert!(matches!(answer.body, Some(app_reply::Body::Decision(_))), "{answer:?}");
}

#[tokio::test]
async fn a_hubs_frame_has_one_deadline_however_its_bytes_are_spread() {
    let house = House::open();
    let identity = house.keys.hub(HUBS[0]).unwrap();
    let to = house.gateway.hub_addr();
    let (_endpoint, connection) = house.raw(to, ALPN, Some(identity)).await.unwrap();
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    let hello = v1::HubHello {
        protocol_version: nextbest_proto::PROTOCOL_VERSION,
        hub_id: HUBS[0].into(),
        venue_id: "hall".into(),
        boot_epoch: 1,
        ..v1::HubHello::default()
    };
    let hello = v1::HubToGateway {
        body: Some(hub_to_gateway::Body::Hello(hello)),
    };
    send.write_all(&frame(&hello)).await.unwrap();
    // 1,000 bytes are announced; one comes now and then.
    send.write_all(&[0xe8, 0x07]).await.unwrap();
    let mut other = house.hub(HUBS[1], 1).await.unwrap();
    let mut sequence = 0;
    let closed = loop {
        match timeout(Duration::from_millis(250), closed_with(&connection)).await {
            Ok(code) => break code,
            Err(_) => drop(send.write_all(&[0]).await),
        }
        other.send_batch(sequence, 0, &[heard(1, -60)]).await.unwrap();
        sequence += 1;
        assert_eq!(house::acknowledged(&mut other).await, sequence, "another hub is heard");
        assert!(sequence < 100, "the frame's deadline never ends");
    };
    assert_eq!(closed, Some(ErrorCode::DeadlinePassed as u64));
    assert_eq!(house.errors(ErrorCode::DeadlinePassed), 1);
}

#[tokio::test]
async fn connections_over_https_are_bounded_by_address_and_the_next_is_let_in_when_one_goes() {
    let house = House::open_with(&GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        ..GatewaySettings::default()
    });
    let to = house.gateway.admin_addr().unwrap();
    let held: Vec<_> = (0..64).map(|_| TcpStream::connect(to).unwrap()).collect();
    assert!(is_cut_off(to), "a 65th");
    assert!(house.counted(Counter::HttpFull) > 0);
    drop(held);
    // The listener sees each of them go.
    assert!((0..1_000).any(|_| !is_cut_off(to)), "room for the next");
    assert_eq!(house.ask("GET", "/healthz", "", "").await.0, 200);
}

/// Whether a connection is ended before it has said anything; one that is let in is waited for.
fn is_cut_off(to: SocketAddr) -> bool {
    let mut socket = TcpStream::connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let read = socket.read(&mut [0; 16]);
    !matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[tokio::test]
async fn a_proof_of_an_address_is_worth_nothing_at_another() {
    let house = House::open_with(&GatewaySettings {
        apps: Limits {
            handshakes: HandshakeLimits {
                retry_from: 0,
                ..HandshakeLimits::DEFAULT
            },
            ..Limits::APP
        },
        ..GatewaySettings::default()
    });
    let middle = UdpSocket::bind(loopback()).unwrap();
    let to = middle.local_addr().unwrap();
    let gateway = house.gateway.app_addr();
    let carrying = std::thread::spawn(move || carry_from_two_addresses(&middle, gateway));
    let endpoint = Endpoint::client(loopback()).unwrap();
    let connecting = endpoint.connect_with(client_config(&house), to, "localhost").unwrap();
    let ended = timeout(WAIT, connecting).await.unwrap().unwrap_err();
    assert!(matches!(ended, ConnectionError::ConnectionClosed(_)), "{ended:?}");
    assert_eq!(house.counted(Counter::HandshakeRetried), 1);
    assert_eq!(house.counted(Counter::AppConnected), 0);
    carrying.join().unwrap();
}

/// Carries what comes before the gateway's first word from one address, and what comes after it from another: so a token is
/// held out by an address that it was not made for. Returns when the gateway has answered that.
fn carry_from_two_addresses(middle: &UdpSocket, gateway: SocketAddr) {
    let mut packet = [0; 2_048];
    for _ in 0..2 {
        let from = UdpSocket::bind(loopback()).unwrap();
        from.set_read_timeout(Some(WAIT)).unwrap();
        let (len, client) = middle.recv_from(&mut packet).unwrap();
        from.send_to(&packet[..len], gateway).unwrap();
        let (len, _) = from.recv_from(&mut packet).unwrap();
        middle.send_to(&packet[..len], client).unwrap();
    }
}

#[tokio::test]
async fn an_app_may_move_to_another_address_and_a_hub_may_not() {
    let house = House::open();
    let (endpoint, connection) = house.raw(house.gateway.app_addr(), ALPN, None).await.unwrap();
    says_hello(&house, &connection).await;
    let before = endpoint.local_addr().unwrap();
    endpoint.rebind(UdpSocket::bind(loopback()).unwrap()).unwrap();
    assert_ne!(endpoint.local_addr().unwrap(), before);
    let answer = asks(&connection, &request(2, app_request::Body::Query(food()))).await;
    assert!(matches!(answer.body, Some(app_reply::Body::Decision(_))), "{answer:?}");
    assert_eq!(house.counted(Counter::AppConnected), 1, "it is the same connection");

    let identity = house.keys.hub(HUBS[0]).unwrap();
    let (endpoint, connection) = house.raw(house.gateway.hub_addr(), ALPN, Some(identity)).await.unwrap();
    endpoint.rebind(UdpSocket::bind(loopback()).unwrap()).unwrap();
    // What comes from elsewhere is not the hub's: nothing is answered, and the connection ends for want of a word.
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&[0]).await.unwrap();
    let answered = timeout(Duration::from_secs(1), recv.read_to_end(1_024)).await;
    assert!(answered.is_err(), "{answered:?}");
    assert!(house.hub(HUBS[0], 1).await.is_ok(), "it comes again, as from anywhere");
}
