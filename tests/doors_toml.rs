//! `doors.toml` opens what it names: its text to sockets that answer, within the limits that it sets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use house::{House, WAIT};
use nextbest::config::doors::Doors;
use nextbest::serve::GatewaySettings;
use nextbest::serve::doors::{DoorsSettings, PayloadOutcome, ReportOutcome};
use nextbest::serve::metrics::Counter;
use nextbest::wire::payload::{Family, PathLoss};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// `mosquitto_passwd -b -c FILE kitchen secret`, of mosquitto 2.0.11; the map knows hub-west by that name.
const KITCHEN: &str = "kitchen:$7$101$keyw3sTdkRmrm/je$Z/FeBM3VQtSUKHHun8b0aUUE7dGr68NdUAORM9Bb6hR665KFZqW/efUDf2byrmp9aRlrgavrAp2TBiBoTqz/1w==\n";
const LISTENER: &str = "[mqtt.listener]\naddress = \"127.0.0.1:0\"\npasswords = \"hubs.passwords\"\n";
/// What the listener says to a hub that it takes, in MQTT 3.1.1.
const WELCOME: [u8; 4] = [0x20, 2, 0, 0];

fn settings(text: &str, venue: PathLoss) -> DoorsSettings {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("hubs.passwords"), KITCHEN).unwrap();
    let doors = Doors::load("doors.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    DoorsSettings::open(&doors, folder.path(), venue).unwrap()
}

fn house(text: &str) -> House {
    House::open_with(&GatewaySettings {
        doors: settings(text, PathLoss::default()),
        ..GatewaySettings::default()
    })
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&[0, bytes.len() as u8], bytes].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128, "one byte of length");
    [&[first, body.len() as u8], body].concat()
}

/// CONNECT, clean, with a name and a password.
fn hello(password: &str) -> Vec<u8> {
    let names = [b"id", &b"kitchen"[..], password.as_bytes()].map(text).concat();
    packet(0x10, &[text(b"MQTT"), vec![4, 0xc2, 0, 0], names].concat())
}

/// PUBLISH with QoS 1: the hub has heard a transmitter that nobody registered.
fn reading(number: u8) -> Vec<u8> {
    let heard = br#"{"mac":"e78f13000000","rssi":-60}"#;
    let topic = text(b"espresense/devices/x/kitchen");
    packet(0x32, &[topic, vec![0, number], heard.to_vec()].concat())
}

/// A connection to the listener from an address of this machine.
async fn connect(house: &House, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let stream = socket.connect(house.gateway.door_addrs().mqtt.unwrap()).await;
    let stream = stream.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(WAIT, held).await.unwrap_or_else(|_| panic!("{what}, in time"));
}

#[tokio::test]
async fn only_the_doors_that_it_names_are_open() {
    let house = house("[udp]\nlisten = \"127.0.0.1:0\"\n");
    let addrs = house.gateway.door_addrs();
    assert!(
        addrs.udp.is_some() && addrs.http.is_none() && addrs.mqtt.is_none(),
        "{addrs:?}"
    );
}

#[tokio::test]
async fn a_hub_is_heard_at_the_listener_that_it_names() {
    let house = house(LISTENER);
    let mut hub = connect(&house, [127, 0, 0, 1]).await;
    hub.write_all(&[hello("secret"), reading(1)].concat()).unwrap();
    let mut answers = [0; 8];
    hub.read_exact(&mut answers).unwrap();
    assert_eq!(answers[..4], WELCOME);
    let doors = &house.gateway.metrics().doors;
    assert_eq!(doors.reported(Family::Espresense, ReportOutcome::Sighting), 1);
}

#[tokio::test]
async fn a_flood_of_messages_is_turned_away_by_the_address_it_comes_from() {
    let limits = "[limits]\npayloads_per_s = 1\npayloads_burst = 5\n";
    let house = house(&format!("{LISTENER}{limits}"));
    let doors = &house.gateway.metrics().doors;
    let mut hub = connect(&house, [127, 0, 0, 9]).await;
    let flood: Vec<u8> = (1..=100).flat_map(reading).collect();
    hub.write_all(&[hello("secret"), flood].concat()).unwrap();
    let of = |outcome| doors.payloads(Family::Espresense, outcome);
    let all = || of(PayloadOutcome::Read) + of(PayloadOutcome::Flood);
    until("a hundred messages", || all() == 100).await;
    let read = of(PayloadOutcome::Read);
    assert!((5..50).contains(&read), "{read} were read");
    let mut again = connect(&house, [127, 0, 0, 1]).await;
    again.write_all(&[hello("secret"), reading(1)].concat()).unwrap();
    until("another address is heard", || {
        of(PayloadOutcome::Read) > read && all() == 101
    })
    .await;
}

#[tokio::test]
async fn who_tries_passwords_is_soon_turned_away_without_a_look_at_them() {
    let house = house(LISTENER);
    let metrics = house.gateway.metrics();
    for _ in 0..300 {
        let mut stream = connect(&house, [127, 0, 0, 9]).await;
        // Who is turned away may be so before the last byte.
        let _written = stream.write_all(&hello("guess"));
        let _answer = stream.read(&mut [0; 4]);
    }
    let turned_away = metrics.value(Counter::MqttHubFlood);
    assert!(turned_away > 0, "all were looked at");
    assert!(metrics.value(Counter::MqttHubRefused) <= 300 - turned_away);
    let mut hub = connect(&house, [127, 0, 0, 1]).await;
    hub.write_all(&hello("secret")).unwrap();
    let mut answer = [0; 4];
    hub.read_exact(&mut answer).unwrap();
    assert_eq!(answer, WELCOME, "another address is let in");
}

#[test]
fn a_distance_means_what_the_pack_tells_the_locator_unless_the_file_says_otherwise() {
    let venue = PathLoss {
        at_1m_dbm: -62.0,
        exponent: 2.4,
        db_per_m: 0.3,
    };
    assert_eq!(settings("", venue).topics.path_loss, venue);
    let text = "[distance]\npath_loss_exponent = 2\npath_loss_db_per_m = 0\n";
    let expected = PathLoss {
        exponent: 2.0,
        db_per_m: 0.0,
        ..venue
    };
    assert_eq!(settings(text, venue).topics.path_loss, expected);
}
