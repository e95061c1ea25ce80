//! The MQTT listener for hubs without a broker, with mosquitto's own clients as hubs that we did not write.
//!
//! Promises: a hub proves its name, by a password or a certificate, and speaks for itself alone; what it sends again
//! counts once; when it is lost it is dead at once; it can only publish; whatever else comes over the wire ends that
//! connection and no other.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[expect(dead_code, reason = "this test needs the clients, not the broker")]
mod broker;
#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use house::{House, WAIT, food, identify};
use nextbest::serve::GatewaySettings;
use nextbest::serve::doors::mqtt::{MqttSettings, MqttTable};
use nextbest::serve::doors::{DoorsSettings, ReportOutcome};
use nextbest::serve::metrics::{Counter, Gauge};
use nextbest::wire::payload::Family;
use nextbest_client::AppSession;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// The tag of fan-0, as ESPresense says it.
const HEARD: &str = r#"{"mac":"e78f13000000","id":"known:e78f13000000","rssi":-60}"#;

/// A gateway whose listener knows hub-west and a relay, each by a password.
fn house() -> House {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("hubs.passwords");
    broker::make_passwords(&file, "hub-west", "west");
    broker::make_passwords(&file, "bridge", "over");
    open("passwords = \"hubs.passwords\"\nrelays = [\"bridge\"]", folder.path())
}

fn open(table: &str, folder: &Path) -> House {
    let table: MqttTable = toml::from_str(&format!("[listener]\naddress = \"127.0.0.1:0\"\n{table}")).unwrap();
    House::open_with(&GatewaySettings {
        doors: DoorsSettings {
            mqtt: MqttSettings::read(&table, folder).unwrap(),
            ..DoorsSettings::default()
        },
        ..GatewaySettings::default()
    })
}

fn address(house: &House) -> SocketAddr {
    house.gateway.door_addrs().mqtt.unwrap()
}

/// Publishes as hub-west.
fn publish(house: &House, topic: &str, payload: &str, more: &[&str]) -> Output {
    let port = address(house).port().to_string();
    let mut arguments = vec!["-h", "localhost", "-p", &port, "-t", topic, "-m", payload];
    arguments.extend(if more.contains(&"-u") || more.contains(&"--cert") {
        &[][..]
    } else {
        &["-u", "hub-west", "-P", "west"]
    });
    arguments.extend(more);
    broker::client("mosquitto_pub", &arguments)
}

async fn owner(house: &House) -> AppSession {
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("identify", "fan-0", 0)).await.unwrap();
    house.app(house.token("fan-0")).await.unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(WAIT, held).await.unwrap_or_else(|_| panic!("{what}, in time"));
}

async fn located(house: &House, more: &[&str]) -> String {
    let app = owner(house).await;
    // A hub that speaks four times a second; faster, its address would be turned away.
    let mut says = tokio::time::interval(Duration::from_millis(250));
    let zone = async {
        loop {
            says.tick().await;
            let output = publish(house, "espresense/devices/x/hub-west", HEARD, more);
            assert!(output.status.success(), "{output:?}");
            let zone = app.query(food()).await.unwrap().zone;
            if !zone.is_empty() {
                return zone;
            }
        }
    };
    timeout(WAIT, zone).await.expect("a zone in time")
}

#[tokio::test]
async fn a_hub_with_its_password_locates_whom_it_hears_in_both_versions() {
    for version in ["mqttv311", "mqttv5"] {
        let house = house();
        let zone = located(&house, &["-V", version, "-q", "1"]).await;
        assert!(zone.contains("west"), "{version}: {zone}");
    }
}

#[tokio::test]
async fn a_hub_with_a_certificate_needs_no_password() {
    let keys = House::open();
    let folder = keys.dir.path();
    let table = "certificate = \"server.pem\"\nkey = \"server.key\"\nhubs_ca = \"ca.pem\"";
    let house = open(table, folder);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (ca, certificate, key) = (path("ca.pem"), path("hubs/hub-west.pem"), path("hubs/hub-west.key"));
    let shown = ["--cafile", &ca, "--cert", &certificate, "--key", &key];
    let zone = located(&house, &shown).await;
    assert!(zone.contains("west"), "{zone}");
    let nothing_shown = publish(&house, "espresense/devices/x/hub-west", HEARD, &["--cafile", &ca]);
    assert!(!nothing_shown.status.success(), "a certificate is needed");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_says_so() {
    let house = house();
    for (name, password) in [("hub-west", "east"), ("hub-east", "west"), ("hub-west", "")] {
        let output = publish(&house, "a", "b", &["-u", name, "-P", password]);
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(
            !output.status.success() && said.contains("bad user name or password"),
            "{name}: {output:?}"
        );
    }
    assert_eq!(house.gateway.metrics().value(Counter::MqttHubRefused), 3);
    assert_eq!(house.gateway.metrics().value(Counter::MqttHubConnected), 0);
}

#[tokio::test]
async fn a_hub_speaks_for_itself_and_a_relay_for_all() {
    let house = house();
    let metrics = house.gateway.metrics();
    let of_another = "espresense/devices/x/hub-east";
    assert!(publish(&house, of_another, HEARD, &["-q", "1"]).status.success());
    assert!(publish(&house, "elsewhere", HEARD, &["-q", "1"]).status.success());
    assert_eq!(metrics.value(Counter::MqttOfAnotherHub), 1);
    assert_eq!(metrics.value(Counter::MqttUnknownTopic), 1);
    assert_eq!(metrics.doors.reported(Family::Espresense, ReportOutcome::Sighting), 0);
    assert!(
        publish(&house, of_another, HEARD, &["-q", "1", "-u", "bridge", "-P", "over"])
            .status
            .success()
    );
    assert_eq!(metrics.doors.reported(Family::Espresense, ReportOutcome::Sighting), 1);
}

#[tokio::test]
async fn nobody_can_subscribe() {
    let house = house();
    let port = address(&house).port().to_string();
    for version in ["mqttv311", "mqttv5"] {
        let arguments = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-V",
            version,
            "-u",
            "hub-west",
            "-P",
            "west",
            "-t",
            "#",
        ];
        let output = broker::client("mosquitto_sub", &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("All subscription requests were denied"), "{output:?}");
    }
}

#[tokio::test]
async fn a_hub_that_is_lost_is_dead_at_once() {
    let house = house();
    let port = address(&house).port().to_string();
    let mut hub = Command::new(broker::path("mosquitto_pub"))
        .args(["-h", "127.0.0.1", "-p", &port, "-u", "hub-west", "-P", "west", "-l"])
        .args(["-t", "espresense/rooms/hub-west/telemetry"])
        .args([
            "--will-topic",
            "espresense/rooms/hub-west/status",
            "--will-payload",
            "offline",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    hub.stdin.as_mut().unwrap().write_all(b"{}\n").unwrap();
    until("alive", || house.alive_hubs() == 1).await;
    hub.kill().unwrap();
    hub.wait().unwrap();
    until("dead", || house.alive_hubs() == 0).await;
    until("gone", || house.gateway.metrics().gauge(Gauge::MqttHubs) == 0).await;
}

/// An MQTT 3.1.1 string.
fn text(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&len[..], bytes].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128, "one byte of length");
    [&[first, body.len() as u8], body].concat()
}

/// CONNECT as hub-west, clean, without keep-alive.
fn hello() -> Vec<u8> {
    let body = [
        text(b"MQTT"),
        vec![4, 0xc2, 0, 0],
        text(b"id"),
        text(b"hub-west"),
        text(b"west"),
    ]
    .concat();
    packet(0x10, &body)
}

/// PUBLISH with QoS 1 and a number; `first` says whether it is sent again.
fn reading(first: u8, number: u8) -> Vec<u8> {
    let topic = text(b"espresense/devices/x/hub-west");
    packet(first, &[topic, vec![0, number], HEARD.as_bytes().to_vec()].concat())
}

#[tokio::test]
async fn what_is_sent_again_counts_once_also_on_another_connection() {
    let house = house();
    let metrics = house.gateway.metrics();
    let say = |packets: &[Vec<u8>], acknowledgements: usize| {
        let mut stream = TcpStream::connect(address(&house)).unwrap();
        stream.write_all(&packets.concat()).unwrap();
        let mut answers = vec![0; 4 + 4 * acknowledgements];
        stream.read_exact(&mut answers).unwrap();
        assert_eq!(&answers[..4], [0x20, 2, 0, 0], "welcome");
        assert!(answers[4..].chunks(4).all(|answer| answer[0] == 0x40), "{answers:?}");
    };
    say(&[hello(), reading(0x32, 7), reading(0x3a, 7)], 2);
    say(&[hello(), reading(0x3a, 7), reading(0x32, 8)], 2);
    until("four", || metrics.value(Counter::MqttSentAgain) == 2).await;
    assert_eq!(metrics.doors.reported(Family::Espresense, ReportOutcome::Sighting), 2);
}

async fn connect_from(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let stream = socket.connect(to).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

#[tokio::test]
async fn whatever_else_comes_ends_its_connection_and_no_other() {
    let house = house();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let whole = [
        hello(),
        reading(0x32, 7),
        packet(0x82, b"\0\x01\0\x01#\0"),
        packet(0xe0, b""),
    ]
    .concat();
    for round in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..6) {
            // Half of the rounds leave the hello whole, so that what is behind it is reached.
            let from = if round % 2 == 0 { 0 } else { hello().len() };
            let at = rng.random_range(from..bytes.len());
            bytes[at] = rng.random();
        }
        bytes.truncate(rng.random_range(1..=bytes.len()));
        // From an address of its own, because one address may try a few times in a second only.
        let [high, low] = u16::try_from(round).unwrap().to_be_bytes();
        let mut stream = connect_from([127, 1, high, low], address(&house)).await;
        // The gateway may have closed it before the last byte.
        let _written = stream.write_all(&bytes);
        let _shut = stream.shutdown(std::net::Shutdown::Write);
        let mut answers = Vec::new();
        let _read = stream.read_to_end(&mut answers);
    }
    // A length of 256 MiB is refused before memory is taken for it.
    let mut stream = TcpStream::connect(address(&house)).unwrap();
    stream.write_all(&[0x10, 0xff, 0xff, 0xff, 0x7f]).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "closed");
    let zone = located(&house, &[]).await;
    assert!(zone.contains("west"), "{zone}");
    until("nobody is left", || house.gateway.metrics().gauge(Gauge::MqttHubs) == 0).await;
}
