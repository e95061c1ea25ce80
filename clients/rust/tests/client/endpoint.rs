//! Certificates that can't be used say so; a real socket works like the one in memory.

use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Credentials, EndpointSettings, Mode, Trust};
use nextbest_proto::v1;

use crate::{
    app_gateway::{AppGateway, honest},
    world::CERTIFICATES,
};

#[test]
fn what_is_not_a_certificate_is_named_with_what_was_expected() {
    let no_text = Trust::from_pem("").unwrap_err().to_string();
    assert!(
        no_text.contains("the gateway's CA certificate could not be used"),
        "{no_text}"
    );
    assert!(
        no_text.contains("expected at least one certificate as PEM"),
        "{no_text}"
    );
    assert!(Trust::from_der(b"not DER").is_err());
    let no_key = Credentials::from_pem(&CERTIFICATES.ca_pem, &CERTIFICATES.ca_pem)
        .unwrap_err()
        .to_string();
    assert!(no_key.contains("the hub's key could not be used"), "{no_key}");
}

#[test]
fn the_socket_is_bound_where_the_gateway_can_be_reached() {
    let towards = |to: &str| EndpointSettings::towards(to.parse().unwrap()).bind.to_string();
    assert_eq!(towards("127.0.0.1:4433"), "127.0.0.1:0");
    assert_eq!(towards("192.0.2.7:4433"), "0.0.0.0:0");
    assert_eq!(towards("[::1]:4433"), "[::1]:0");
    assert_eq!(towards("[2001:db8::1]:4433"), "[::]:0");
}

#[test]
fn outside_of_a_runtime_it_says_what_is_missing() {
    let error = ClientEndpoint::new("127.0.0.1:0".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("runtime"), "{error}");
}

#[tokio::test]
async fn two_sessions_share_one_real_socket() {
    let server = CERTIFICATES.app_listener(nextbest_proto::ALPN);
    let endpoint = quinn::Endpoint::server(server, "127.0.0.1:0".parse().unwrap()).unwrap();
    let to = endpoint.local_addr().unwrap();
    let gateway = AppGateway::on(endpoint, honest());
    let buffers = Some(1 << 20);
    let settings = EndpointSettings {
        receive_buffer_bytes: buffers,
        send_buffer_bytes: buffers,
        ..EndpointSettings::towards(to)
    };
    let client = ClientEndpoint::with_settings(settings).unwrap();
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let hello = AppHelloSettings::default();
        sessions.push(
            AppSession::connect(&client, to, "localhost", &CERTIFICATES.trust(), hello)
                .await
                .unwrap(),
        );
    }
    for session in &sessions {
        for mode in [Mode::Stream, Mode::Session, Mode::Datagram] {
            session.query_by(mode, v1::Query::default()).await.unwrap();
        }
    }
    assert_eq!((gateway.connections(), gateway.queries()), (2, 6));
    drop(sessions);
    client.idle().await;
}
