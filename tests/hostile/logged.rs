//! Class J: what is logged. A gateway hears a canary in every field that a stranger can fill, over real connections, and says
//! so in its log at the most talkative level: without the canary, one line for each event, and nothing that moves a cursor.

use std::io::{self, Write};
#[expect(
    clippy::disallowed_types,
    reason = "many threads write one log here, and one reads it"
)]
use std::sync::Mutex;
use std::sync::PoisonError;

use nextbest::serve::token::Role;
use nextbest_client::{AppHelloSettings, HubHelloSettings};
use nextbest_proto::ALPN;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::v1::{self, app_request, hub_to_gateway};
use quinn::Connection;
use tokio::time::timeout;

use crate::house::{House, WAIT, food, heard, identify};

/// What nobody may find in the log; a second line, and a colour.
const CANARY: &str = "canary-7f3a\r\n2026-01-01 ERROR forged\u{1b}[31m";
/// A name that fits everywhere.
const SHORT: &str = "canary-7f3a";

#[expect(clippy::disallowed_types, reason = "see the import")]
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Writes into the log that the test reads.
struct Shared;

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn app(body: app_request::Body) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    let request = v1::AppRequest {
        request_id: 1,
        body: Some(body),
    };
    encode_frame(&request, &mut out);
    out.to_vec()
}

/// Writes bytes on a stream of their own, and waits until the gateway has answered or closed it.
async fn exchange(connection: &Connection, bytes: &[u8]) {
    let Ok((mut send, mut recv)) = connection.open_bi().await else {
        return;
    };
    let _refused = send.write_all(bytes).await;
    let _refused = send.finish();
    let _read = timeout(WAIT, recv.read_to_end(65_536)).await.unwrap();
}

async fn strangers(house: &House) {
    let now = nextbest::serve::clock::unix_s();
    let tokens = [
        CANARY.to_owned(),
        format!("{SHORT}.{SHORT}.{SHORT}"),
        house.signer.sign(SHORT, Role::Customer, now - 7_200, 60).unwrap(),
        house.signer.sign_raw(&format!("{{\"alg\":\"{SHORT}\"}}"), "{}"),
        house
            .signer
            .sign_raw("{\"alg\":\"EdDSA\"}", &format!("{{\"{SHORT}\":1}}")),
    ];
    for token in tokens {
        let hello = AppHelloSettings {
            token,
            app: SHORT.into(),
            ..AppHelloSettings::default()
        };
        assert!(house.app_with(hello).await.is_err());
    }
    for (hub_id, venue_id) in [(CANARY, "hall"), ("hub-west", CANARY), (SHORT, SHORT)] {
        let hello = HubHelloSettings {
            hub_id: hub_id.into(),
            venue_id: venue_id.into(),
            firmware: SHORT.into(),
            ..house.hub_hello("hub-west")
        };
        assert!(house.hub_with("hub-west", hello).await.is_err());
    }
}

async fn a_customer(house: &House) {
    let (_endpoint, connection) = house.raw(house.gateway.app_addr(), ALPN, None).await.unwrap();
    let hello = v1::AppHello {
        protocol_version: 1,
        token: house.token(SHORT),
        app: SHORT.into(),
        ..v1::AppHello::default()
    };
    let long = SHORT.repeat(50);
    let frames = [
        app(app_request::Body::Hello(hello)),
        app(app_request::Body::Query(v1::Query {
            subject: CANARY.into(),
            ..food()
        })),
        app(app_request::Body::Query(v1::Query {
            want: CANARY.into(),
            ..food()
        })),
        app(app_request::Body::Query(v1::Query {
            want: long.clone(),
            ..food()
        })),
        app(app_request::Body::Signal(identify(SHORT, CANARY, 1))),
        app(app_request::Body::Signal(v1::Signal {
            name: CANARY.into(),
            ..identify(SHORT, "", 1)
        })),
        app(app_request::Body::Signal(v1::Signal {
            name: long,
            ..identify("m", "", 1)
        })),
        app(app_request::Body::Outcome(v1::Outcome {
            decision_id: 9,
            action: CANARY.into(),
            kind: 1,
            ..Default::default()
        })),
        [&[SHORT.len() as u8], SHORT.as_bytes()].concat(),
    ];
    for frame in frames {
        exchange(&connection, &frame).await;
    }
}

async fn a_hub(house: &House) {
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    let named = v1::Sighting {
        identity: b"canary".to_vec().into(),
        ..heard(1, -60)
    };
    hub.send_batch(0, 0, &[named]).await.unwrap();
    assert_eq!(crate::house::acknowledged(&mut hub).await, 1);
    let identity = house.keys.hub("hub-east").unwrap();
    let (_endpoint, connection) = house.raw(house.gateway.hub_addr(), ALPN, Some(identity)).await.unwrap();
    let mut out = bytes::BytesMut::new();
    let goodbye = v1::HubGoodbye { reason: CANARY.into() };
    encode_frame(
        &v1::HubToGateway {
            body: Some(hub_to_gateway::Body::Goodbye(goodbye)),
        },
        &mut out,
    );
    exchange(&connection, &out).await;
}

#[tokio::test]
async fn nobody_is_named_in_the_log_and_no_line_is_forged() {
    let log = tracing_subscriber::fmt()
        .with_env_filter("nextbest=trace")
        .with_ansi(false)
        .with_writer(|| Shared);
    log.try_init().unwrap();
    let house = House::open();
    strangers(&house).await;
    a_customer(&house).await;
    a_hub(&house).await;
    let written = LOG.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8(written).unwrap();
    for trace in ["canary", "forged", "63616e617279", "99, 97, 110", "\u{1b}", "\r"] {
        assert!(!text.to_lowercase().contains(trace), "{trace:?} in\n{text}");
    }
    let refused = text.lines().filter(|line| line.contains("hub refused")).count();
    assert_eq!(refused, 4, "each refused hub has its line\n{text}");
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
    let is_event = |line: &str| levels.iter().any(|level| line.contains(level));
    assert!(
        text.lines().all(is_event),
        "every line is an event's first and only one\n{text}"
    );
}
