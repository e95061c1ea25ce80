//! nextbest as a client of the venue's MQTT broker, with a real mosquitto between and payloads as real hubs send them.
//!
//! Promises: a registered tag is located by what each family publishes; a broker that goes away and comes back costs
//! nothing but its absence; one that refuses us harms nobody; what a broker has kept is no sighting, but a last will is
//! news; a flood of one hub is bounded and leaves the others alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod broker;
#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::fs;

use broker::Broker;
use house::{House, WAIT, food, tag};
use nextbest::serve::GatewaySettings;
use nextbest::serve::doors::mqtt::{MqttSettings, MqttTable};
use nextbest::serve::doors::{DoorsSettings, PayloadOutcome, ReportOutcome};
use nextbest::serve::metrics::{Counter, Gauge};
use nextbest::wire::payload::Family;
use nextbest_client::AppSession;
use nextbest_proto::v1;
use tempfile::TempDir;
use tokio::time::timeout;

/// ESPresense, OpenMQTTGateway and happy-bubbles as they were captured or composed from their firmware.
const ESPRESENSE: &str = r#"{"mac":"54d6da4ee2a0","id":"iBeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0-0-0","name":"x","rssi@1m":-59,"rssi":-71.25,"rxAdj":0,"rssiVar":4.1,"distance":2.84,"var":0.31,"close":true,"int":312}"#;
const TELEMETRY: &str = r#"{"ip":"192.168.14.107","uptime":927,"firm":"esp32","rssi":-79,"ver":"v2.0.15","adverts":23066,"seen":23030,"queried":67,"reported":245,"freeHeap":126244,"minFreeHeap":115860,"maxAllocHeap":85716,"resetReason":"PowerOn"}"#;
const THEENGS: &str = r#"{"id":"60:87:57:4C:9B:C2","mac_type":1,"rssi":-78,"distance":7.85288,"brand":"GENERIC","model":"iBeacon","model_id":"IBEACON","mfid":"4c00","uuid":"1de4b189115e45f6b44e509352269977","major":0,"minor":0,"txpower":-66}"#;
const UNDECODED: &str = r#"{"id":"45:e1:74:12:6e:00","rssi":-89,"distance":21.51847,"servicedata":"fe0000"}"#;
const ROOM: &str = r#"{"id":"123testid","name":"Test Device","distance":5.678}"#;
const ROOM_OF_A_TAG: &str = r#"{"id":"E7:8F:13:00:00:09","name":"Test Device","distance":5.678}"#;
const HAPPY_BUBBLES: &str = r#"{"hostname":"kitchen","beacon_type":"ibeacon","mac":"dd6ed85b7a80","rssi":-92,"uuid":"e2c56db5dffb48d2b060d0f5a71096e0","major":"0068","minor":"0068","tx_power":"c5"}"#;
const MOKO: &str = r#"{"msg_id":3070,"device_info":{"mac":"AC233FC03641"},"data":[{"timestamp":1700000000000,"type":0,"mac":"e78f1300000a","rssi":-60,"connectable":1,"adv_data":"0201060303E1FF"}]}"#;

const E2C5: [u8; 16] = [
    0xe2, 0xc5, 0x6d, 0xb5, 0xdf, 0xfb, 0x48, 0xd2, 0xb0, 0x60, 0xd0, 0xf5, 0xa7, 0x10, 0x96, 0xe0,
];
const THEENGS_UUID: [u8; 16] = [
    0x1d, 0xe4, 0xb1, 0x89, 0x11, 0x5e, 0x45, 0xf6, 0xb4, 0x4e, 0x50, 0x93, 0x52, 0x26, 0x99, 0x77,
];

/// Settings with a table as an owner writes it.
fn with(table: &str) -> GatewaySettings {
    let table: MqttTable = toml::from_str(table).unwrap();
    GatewaySettings {
        doors: DoorsSettings {
            mqtt: MqttSettings::read(&table, &std::env::temp_dir()).unwrap(),
            ..DoorsSettings::default()
        },
        ..GatewaySettings::default()
    }
}

fn house_at(broker: &Broker, more: &str) -> House {
    House::open_with(&with(&format!("broker = \"mqtt://127.0.0.1:{}\"\n{more}", broker.port)))
}

fn ibeacon(uuid: [u8; 16], major: u16, minor: u16) -> v1::Tag {
    let identity = [&uuid[..], &major.to_be_bytes(), &minor.to_be_bytes()].concat();
    v1::Tag {
        identity_kind: v1::IdentityKind::Ibeacon.into(),
        identity: identity.into(),
        ..v1::Tag::default()
    }
}

/// Registers a tag, and gives the phone of its owner.
async fn owner(house: &House, name: &str, tag: v1::Tag) -> AppSession {
    let desk = house.app(house.service_token()).await.unwrap();
    let identify = v1::Signal {
        message_id: format!("identify-{name}"),
        kind: v1::SignalKind::Identify.into(),
        subject: name.into(),
        tags: vec![tag],
        ..v1::Signal::default()
    };
    desk.signal(identify).await.unwrap();
    house.app(house.token(name)).await.unwrap()
}

/// Waits until something holds, letting others go first.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(WAIT, held).await.unwrap_or_else(|_| panic!("{what}, in time"));
}

async fn connected(house: &House) {
    until("connected", || house.gateway.metrics().gauge(Gauge::MqttBrokers) == 1).await;
}

/// Publishes until the owner is somewhere.
async fn located(broker: &Broker, app: &AppSession, topic: &str, payload: &str) -> String {
    let zone = async {
        loop {
            broker.publish(topic, payload, &[]);
            let zone = app.query(food()).await.unwrap().zone;
            if !zone.is_empty() {
                return zone;
            }
        }
    };
    timeout(WAIT, zone).await.expect("a zone in time")
}

#[tokio::test]
async fn a_tag_is_located_by_what_each_family_publishes() {
    let broker = Broker::start();
    let house = house_at(&broker, "");
    connected(&house).await;
    let topic_of_the_uuid = "happy-bubbles/ble/kitchen/ibeacon/e2c56db5dffb48d2b060d0f5a71096e0";
    for (name, topic, payload, tag) in [
        (
            "espresense",
            "espresense/devices/x/hub-west",
            ESPRESENSE,
            ibeacon(E2C5, 0, 0),
        ),
        (
            "theengs",
            "home/hub-west/BTtoMQTT/6087574C9BC2",
            THEENGS,
            ibeacon(THEENGS_UUID, 0, 0),
        ),
        ("room", "room_presence/hub-west", ROOM_OF_A_TAG, tag(9)),
        ("happy", topic_of_the_uuid, HAPPY_BUBBLES, ibeacon(E2C5, 0x68, 0x68)),
        ("moko", "mokosmart/AC233FC03641/publish", MOKO, tag(10)),
    ] {
        let app = owner(&house, name, tag).await;
        let zone = located(&broker, &app, topic, payload).await;
        assert!(zone.contains("west"), "{name}: {zone}");
    }
}

#[tokio::test]
async fn what_names_nobody_who_is_registered_is_read_and_forgotten() {
    let broker = Broker::start();
    let house = house_at(&broker, "version = \"3.1.1\"");
    connected(&house).await;
    broker.publish("home/hub-west/BTtoMQTT/45E174126E00", UNDECODED, &[]);
    broker.publish("espresense/rooms/hub-west/telemetry", TELEMETRY, &[]);
    broker.publish("room_presence/hub-west", ROOM, &[]);
    broker.publish("home/hub-west/BTtoMQTT/45E174126E00", "{\"id\":", &[]);
    let metrics = house.gateway.metrics();
    let doors = &metrics.doors;
    until("an unreadable one of each", || {
        doors.payloads(Family::OpenMqttGateway, PayloadOutcome::Unreadable) == 1
            && doors.payloads(Family::Room, PayloadOutcome::Unreadable) == 1
    })
    .await;
    assert_eq!(doors.payloads(Family::OpenMqttGateway, PayloadOutcome::Read), 1);
    assert_eq!(doors.payloads(Family::Espresense, PayloadOutcome::Read), 1);
    assert_eq!(metrics.value(Counter::SightingUnknownTag), 1);
}

#[tokio::test]
async fn a_broker_that_comes_back_is_subscribed_to_again() {
    for version in ["5", "3.1.1"] {
        let mut broker = Broker::start();
        let house = house_at(&broker, &format!("version = \"{version}\""));
        connected(&house).await;
        let app = owner(&house, "ada", ibeacon(E2C5, 0, 0)).await;
        located(&broker, &app, "espresense/devices/x/hub-west", ESPRESENSE).await;
        let taken = || {
            house
                .gateway
                .metrics()
                .doors
                .payloads(Family::Espresense, PayloadOutcome::Read)
        };
        broker.restart();
        until("lost", || house.gateway.metrics().value(Counter::MqttLost) == 1).await;
        assert!(app.query(food()).await.is_ok(), "nobody else notices");
        until("connected again", || {
            house.gateway.metrics().value(Counter::MqttConnected) == 2
        })
        .await;
        let before = taken();
        until("a message after the restart", || {
            broker.publish("espresense/devices/x/hub-west", ESPRESENSE, &[]);
            taken() > before
        })
        .await;
    }
}

#[tokio::test]
async fn a_wrong_password_harms_nobody_and_the_right_one_is_let_in() {
    let broker = Broker::start_with_password("nextbest", "right");
    let folder = TempDir::new().unwrap();
    let login = |password: &str| {
        let file = folder.path().join(password);
        fs::write(&file, format!("{password}\n")).unwrap();
        format!("username = \"nextbest\"\npassword_file = \"{}\"", file.display())
    };
    let refused = house_at(&broker, &login("wrong"));
    until("refused", || refused.gateway.metrics().value(Counter::MqttRefused) == 1).await;
    let app = refused.app(refused.token("ada")).await.unwrap();
    assert!(app.query(food()).await.is_ok(), "the gateway goes on");
    assert_eq!(refused.gateway.metrics().gauge(Gauge::MqttBrokers), 0);
    let welcome = house_at(&broker, &login("right"));
    connected(&welcome).await;
}

#[tokio::test]
async fn a_broker_with_certificates_on_both_sides_is_known_by_its_own() {
    let keys = House::open();
    let at = |name: &str| keys.dir.path().join(name).to_str().unwrap().to_owned();
    let tls = format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n",
        at("ca.pem"),
        at("server.pem"),
        at("server.key")
    );
    let broker = Broker::start_with(&tls);
    let house = |ca: &House| {
        let ca = ca.dir.path().join("ca.pem");
        let own = format!(
            "certificate = \"{}\"\nkey = \"{}\"",
            at("hubs/hub-west.pem"),
            at("hubs/hub-west.key")
        );
        let broker = format!(
            "broker = \"mqtts://localhost:{}\"\nca = \"{}\"\n{own}",
            broker.port,
            ca.display()
        );
        House::open_with(&with(&broker))
    };
    connected(&house(&keys)).await;
    let stranger = House::open();
    let wary = house(&stranger);
    until("not trusted", || {
        wary.gateway.metrics().value(Counter::MqttUnreachable) > 0
    })
    .await;
    assert_eq!(wary.gateway.metrics().gauge(Gauge::MqttBrokers), 0);
}

#[tokio::test]
async fn what_the_broker_has_kept_is_no_sighting_but_a_last_will_is_news() {
    let broker = Broker::start();
    broker.publish("espresense/devices/x/hub-west", ESPRESENSE, &["-r"]);
    broker.publish("espresense/rooms/hub-west/status", "online", &["-r"]);
    // In 3.1.1 nobody can decline what is kept.
    let house = house_at(&broker, "version = \"3.1.1\"");
    let metrics = house.gateway.metrics();
    until("both left out", || metrics.value(Counter::MqttRetained) == 2).await;
    assert_eq!(house.alive_hubs(), 0);
    assert_eq!(metrics.doors.reported(Family::Espresense, ReportOutcome::Sighting), 0);

    broker.publish("espresense/rooms/hub-west/status", "online", &[]);
    until("alive", || house.alive_hubs() == 1).await;
    broker.publish("espresense/rooms/hub-west/status", "offline", &["-r"]);
    until("dead at once", || house.alive_hubs() == 0).await;
}

#[tokio::test]
async fn a_flood_of_one_hub_is_bounded_and_leaves_the_others_alone() {
    let broker = Broker::start();
    let house = house_at(&broker, "");
    connected(&house).await;
    let app = owner(&house, "ada", ibeacon(THEENGS_UUID, 0, 0)).await;
    let doors = &house.gateway.metrics().doors;
    let mut flood = broker.flood("espresense/devices/x/hub-west", ESPRESENSE, 100_000);
    until("it is felt", || {
        doors.reported(Family::Espresense, ReportOutcome::Flood) > 0
    })
    .await;
    let zone = located(&broker, &app, "home/hub-east/BTtoMQTT/6087574C9BC2", THEENGS).await;
    assert!(zone.contains("east"), "{zone}");
    assert!(flood.wait().unwrap().success());
    until("the flood is over", || {
        let reported = |outcome| doors.reported(Family::Espresense, outcome);
        reported(ReportOutcome::Sighting) + reported(ReportOutcome::Flood) == 100_000
    })
    .await;
    let flooded = doors.reported(Family::Espresense, ReportOutcome::Flood);
    assert!(flooded > 10_000, "{flooded} of 100,000 were turned away");
    assert_eq!(doors.reported(Family::OpenMqttGateway, ReportOutcome::Flood), 0);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_the_brokers_to_keep_or_ends_one_session() {
    let broker = Broker::start();
    let long = TempDir::new().unwrap();
    let file = long.path().join("long.json");
    fs::write(&file, vec![b' '; 2 * 1_024 * 1_024]).unwrap();
    let new = house_at(&broker, "version = \"5\"\nclient_id = \"new\"");
    let old = house_at(&broker, "version = \"3.1.1\"\nclient_id = \"old\"");
    connected(&new).await;
    connected(&old).await;
    let port = broker.port.to_string();
    let topic = "espresense/devices/x/hub-west";
    let arguments = [
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-t",
        topic,
        "-f",
        file.to_str().unwrap(),
    ];
    assert!(broker::client("mosquitto_pub", &arguments).status.success());
    until("the old version's session has ended", || {
        old.gateway.metrics().value(Counter::MqttOversize) == 1
    })
    .await;
    until("it is back", || {
        old.gateway.metrics().value(Counter::MqttConnected) == 2
    })
    .await;
    assert_eq!(
        new.gateway.metrics().value(Counter::MqttConnected),
        1,
        "version 5 declines it"
    );
}
