//! Gateways post what they heard: through every route a registered tag is located, and whoever floods, lies or has no
//! token is turned away without harm to the others.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use house::{House, WAIT, food, identify};
use nextbest::serve::GatewaySettings;
use nextbest::serve::doors::{DoorLimits, DoorsSettings, HttpDoor, PayloadOutcome, Rate, ReportOutcome, Tokens};
use nextbest::wire::payload::Family;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// A house whose HTTP door is open, changed by `change`.
fn house(change: impl FnOnce(&mut DoorsSettings)) -> House {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let fast = Rate {
        per_s: 100_000,
        burst: 100_000,
    };
    let mut doors = DoorsSettings {
        http: Some(HttpDoor::plain(here)),
        limits: DoorLimits {
            payloads: fast,
            reports: fast,
        },
        ..DoorsSettings::default()
    };
    change(&mut doors);
    House::open_with(&GatewaySettings {
        doors,
        ..GatewaySettings::default()
    })
}

/// Posts a body from an address of this machine; the status and the answer.
async fn post_from(from: [u8; 4], to: SocketAddr, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let mut stream = socket.connect(to).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: door\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Whoever is turned away before the body is read may have closed already.
    let _sent = stream.write_all(body);
    read_answer(&mut stream)
}

/// Announces a body of a length and sends none; the status and the answer.
fn post_announced(to: SocketAddr, len: usize) -> (u16, String) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let head = format!("POST /minew HTTP/1.1\r\nhost: door\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    read_answer(&mut stream)
}

fn read_answer(stream: &mut TcpStream) -> (u16, String) {
    let mut answer = Vec::new();
    let _end = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), answer)
}

async fn post(house: &House, path: &str, body: &Value) -> (u16, String) {
    let to = house.gateway.door_addrs().http.unwrap();
    post_from([127, 0, 0, 1], to, path, "", body.to_string().as_bytes()).await
}

/// A Minew gateway, which the map knows as hub-west, has heard the tag of fan-0.
fn minew(rssi_dbm: i8) -> Value {
    json!([{ "type": "Gateway", "mac": "AC233FC03641" }, { "mac": "E78F13000000", "rssi": rssi_dbm }])
}

/// Posts until the person is in the west.
async fn is_located(house: &House, path: &str, body: &Value) {
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("identify", "fan-0", 0)).await.unwrap();
    let app = house.app(house.token("fan-0")).await.unwrap();
    let located = async {
        loop {
            let (status, answer) = post(house, path, body).await;
            assert_eq!(status, 200, "{answer}");
            let zone = app.query(food()).await.unwrap().zone;
            if !zone.is_empty() {
                return zone;
            }
        }
    };
    let zone = timeout(WAIT, located).await.unwrap();
    assert!(zone.contains("west"), "{path}: {zone}");
}

#[tokio::test]
async fn a_tag_is_located_through_minew_json() {
    is_located(&house(|_| {}), "/minew", &minew(-50)).await;
}

#[tokio::test]
async fn a_tag_is_located_through_kontakt() {
    let body = json!({ "sourceId": "kitchen", "trackingId": "e7:8f:13:00:00:00", "rssi": -50 });
    is_located(&house(|_| {}), "/kontakt", &body).await;
}

#[tokio::test]
async fn a_tag_is_located_through_a_raddec() {
    let body = json!({ "transmitterId": "e78f13000000", "transmitterIdType": 3,
        "rssiSignature": [{ "receiverId": "001bc50940810000", "receiverIdType": 1, "rssi": -50 }] });
    is_located(&house(|_| {}), "/raddec", &body).await;
}

#[tokio::test]
async fn a_tag_is_located_through_moko() {
    let body = json!({ "msg_id": 3070, "device_info": { "mac": "AC233FC03641" },
        "data": [{ "mac": "e78f13000000", "rssi": -50 }] });
    is_located(&house(|_| {}), "/moko", &body).await;
}

#[tokio::test]
async fn a_tag_that_is_registered_by_its_address_is_located_when_it_is_heard_as_a_beacon() {
    let body = json!([{ "type": "Gateway", "mac": "AC233FC03641" }, { "mac": "E78F13000000", "rssi": -50,
        "rawData": "0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5" }]);
    is_located(&house(|_| {}), "/minew", &body).await;
}

#[tokio::test]
async fn a_transmitter_that_goes_by_two_names_is_one_sighting_of_its_hub() {
    let house = house(|_| {});
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("identify", "fan-0", 0)).await.unwrap();
    let beacon = "0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5";
    let body = json!([{ "type": "Gateway", "mac": "AC233FC03641" },
        { "mac": "E78F13000000", "rssi": -50, "rawData": beacon },
        { "mac": "E78F13000000", "rssi": -50, "rawData": beacon },
        { "mac": "E78F13000009", "rssi": -50, "rawData": beacon }]);
    let (status, answer) = post(&house, "/minew", &body).await;
    assert_eq!(status, 200, "{answer}");
    let report = desk.hubs().await.unwrap();
    let west = report.hubs.iter().find(|hub| hub.hub_id == "hub-west").unwrap();
    assert_eq!((west.sightings_used, west.sightings_unknown), (2, 1), "{west:?}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let house = house(|doors| doors.http.as_mut().unwrap().body_wait = Duration::from_millis(1));
    let (status, answer) = post_announced(house.gateway.door_addrs().http.unwrap(), 100);
    assert_eq!(status, 408, "{answer}");
}

#[tokio::test]
async fn nobody_speaks_http_2_whose_one_connection_carries_many_bodies() {
    let house = house(|_| {});
    let mut stream = TcpStream::connect(house.gateway.door_addrs().http.unwrap()).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    // RFC 9113, 3.4: the preface with an empty SETTINGS frame, which a server of HTTP/2 answers with its own.
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut answer = [0; 9];
    let len = match stream.read(&mut answer) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
        read => read.unwrap(),
    };
    assert!(len == 0 || answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
}

#[tokio::test]
async fn an_answer_says_what_is_wrong() {
    let house = house(|_| {});
    for (path, body, status, sentence) in [
        ("/nothing", json!({}), 404, "expected POST /minew"),
        ("/minew", json!({}), 400, "`Gateway` is missing"),
        ("/minew", json!("text"), 400, "`Gateway` is missing"),
        (
            "/minew",
            json!([{ "type": "Gateway", "mac": "AC0000000000" }, { "mac": "E78F13000000", "rssi": -5 }]),
            404,
            "aliases",
        ),
        (
            "/raddec",
            json!({ "transmitterId": "e78f13000000" }),
            400,
            "`receiverId` is missing",
        ),
    ] {
        let (found, answer) = post(&house, path, &body).await;
        assert_eq!(found, status, "{path}: {answer}");
        assert!(answer.contains(sentence), "{path}: {answer}");
    }
    let (status, answer) = post(
        &house,
        "/minew",
        &json!([{ "type": "Gateway", "mac": "AC233FC03641" }, { "mac": "E78F13000000" }]),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert!(
        answer.contains("\"left_out\":1") && answer.contains("`rssi` is missing"),
        "{answer}"
    );
    let to = house.gateway.door_addrs().http.unwrap();
    let (status, _) = post_announced(to, 300 * 1_024);
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_token_is_needed_where_a_file_has_them_and_speaks_for_its_hubs_only() {
    let tokens = Tokens::read("0123456789abcdef-all\n0123456789abcdef-east hub-east\n").unwrap();
    let house = house(|doors| doors.http.as_mut().unwrap().tokens = Some(tokens));
    let to = house.gateway.door_addrs().http.unwrap();
    let body = minew(-50).to_string();
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    for (path, headers, status) in [
        ("/minew", String::new(), 401),
        ("/minew", bearer("0123456789abcdef-none"), 401),
        ("/0123456789abcdef-none/minew", String::new(), 401),
        ("/minew", bearer("0123456789abcdef-all"), 200),
        ("/0123456789abcdef-all/minew", String::new(), 200),
        ("/minew", bearer("0123456789abcdef-east"), 403),
    ] {
        let (found, answer) = post_from([127, 0, 0, 1], to, path, &headers, body.as_bytes()).await;
        assert_eq!(found, status, "{path} {headers}: {answer}");
    }
    assert_eq!(
        house
            .gateway
            .metrics()
            .doors
            .reported(Family::Minew, ReportOutcome::NotAllowed),
        2
    );
}

#[tokio::test]
async fn a_flood_from_one_address_is_turned_away_and_the_others_are_heard() {
    let house = house(|doors| {
        doors.limits = DoorLimits {
            payloads: Rate { per_s: 1, burst: 5 },
            ..DoorLimits::default()
        };
    });
    let to = house.gateway.door_addrs().http.unwrap();
    let body = minew(-50).to_string();
    let post = |from| post_from(from, to, "/minew", "", body.as_bytes());
    let mut statuses = Vec::new();
    for _ in 0..50 {
        statuses.push(post([127, 0, 0, 9]).await.0);
    }
    let let_in = statuses.iter().filter(|status| **status == 200).count();
    let turned_away = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(let_in + turned_away, 50, "{statuses:?}");
    assert!(turned_away > 0 && let_in >= 5, "{statuses:?}");
    assert_eq!(post([127, 0, 0, 1]).await.0, 200, "another address is not affected");
    let doors = &house.gateway.metrics().doors;
    assert_eq!(doors.payloads(Family::Minew, PayloadOutcome::Flood), turned_away as u64);
}

#[tokio::test]
async fn a_flood_of_one_hub_leaves_the_other_hubs_alone() {
    let house = house(|doors| {
        doors.limits = DoorLimits {
            reports: Rate { per_s: 1, burst: 10 },
            ..DoorLimits::default()
        };
    });
    let of = |hub: &str, n: usize| {
        let mut records = vec![json!({ "type": "Gateway", "mac": hub })];
        records.resize(n + 1, json!({ "mac": "E78F13000000", "rssi": -50 }));
        Value::from(records)
    };
    let (status, answer) = post(&house, "/minew", &of("AC233FC03641", 500)).await;
    assert_eq!(status, 200, "{answer}");
    let (_, answer) = post(&house, "/minew", &of("hub-east", 5)).await;
    assert!(answer.contains("\"sightings\":5"), "{answer}");
    let flooded = house
        .gateway
        .metrics()
        .doors
        .reported(Family::Minew, ReportOutcome::Flood);
    assert!((480..=490).contains(&flooded), "{flooded}");
}

#[tokio::test]
async fn connections_are_bounded_by_address_and_silence_holds_nobody_up() {
    let house = house(|doors| doors.http.as_mut().unwrap().connections_per_address_max = 4);
    let to = house.gateway.door_addrs().http.unwrap();
    let silent: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(to).unwrap()).collect();
    let refused = async {
        while house.gateway.metrics().doors.connections_refused() == 0 {
            let mut stream = TcpStream::connect(to).unwrap();
            let _answer = stream.read(&mut [0; 1]);
            tokio::task::yield_now().await;
        }
    };
    timeout(WAIT, refused).await.unwrap();
    let body = minew(-50).to_string();
    let (status, _) = post_from([127, 0, 0, 2], to, "/minew", "", body.as_bytes()).await;
    assert_eq!(status, 200);
    drop(silent);
}
