//! The agent as a user runs it, against a BlueZ that drops nothing: thousands of advertisements, each at the gateway once,
//! whatever is pulled out, killed and started again in between.
//!
//! bluetoothd is ours, on a private D-Bus; the agent and, where it is killed, the gateway are processes of the real binary.
//! It needs a dbus-daemon: `cargo xtask test` sees to that.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod fake_bluez;
#[expect(dead_code, reason = "apps and hubs of other tests come in there, too")]
mod house;
mod program;

use std::net::{SocketAddr, UdpSocket};

use fake_bluez::{Advert, Data, FakeBluez, PrivateBus};
use house::House;
use nextbest::serve::metrics::Counter;
use program::{Hub, Serve};
use serde_json::Value;
use tempfile::TempDir;

/// The n-th advertisement of a crowd of `devices`: iBeacons, Eddystones and nameless ones in turn, some told in two
/// signals.
fn advert(n: u32, devices: u32) -> Advert {
    let device = n % devices;
    let [.., a, b] = device.to_be_bytes();
    let data = match device % 4 {
        0 | 1 => {
            let mut ibeacon = vec![0x02, 0x15];
            ibeacon.extend([0x2f; 16]);
            ibeacon.extend([0, 1, a, b, 0xc5]);
            vec![Data::Manufacturer(0x004c, ibeacon)]
        }
        2 => {
            let mut uid = vec![0x00, 0xee];
            uid.extend(b"nextbestve");
            uid.extend([0, 0, 0, 0, a, b, 0, 0]);
            vec![Data::Service(0xfeaa, uid)]
        }
        _ => vec![Data::Unchanged],
    };
    Advert {
        address: [0xc0, 0x11, 0x22, 0x33, a, b],
        rssi_dbm: -40 - (n % 50) as i16,
        data,
        is_split: device % 2 == 1,
    }
}

/// Advertises the range; how many were told to the agent.
fn advertise(bluez: &FakeBluez, range: std::ops::Range<u32>) -> u64 {
    range.filter(|n| bluez.advertise(advert(*n, 40))).count() as u64
}

fn number(health: &Value, name: &str) -> u64 {
    health[name].as_u64().unwrap_or_else(|| panic!("{name} in {health}"))
}

/// Waits until the agent says that everything that it was told is acknowledged.
#[track_caller]
fn all_acknowledged(hub: &mut Hub, told: u64) -> Value {
    let health =
        hub.until(|health| number(health, "adverts_heard") >= told && number(health, "sightings_waiting") == 0);
    assert_eq!(number(&health, "adverts_heard"), told, "{health}");
    assert_eq!(number(&health, "sightings_acked"), told, "{health}");
    assert_eq!(number(&health, "sightings_dropped"), 0, "{health}");
    health
}

/// What a gateway has taken, and what came to it more than once. Nobody is registered: they are unknown tags.
fn taken(house: &House) -> (u64, u64) {
    (
        house.counted(Counter::SightingUnknownTag),
        house.counted(Counter::SightingDuplicate),
    )
}

impl House {
    fn counted(&self, counter: Counter) -> u64 {
        self.gateway.metrics().value(counter)
    }
}

#[test]
fn thousands_of_advertisements_arrive_once_each() {
    let (house, bus) = (House::open(), PrivateBus::start());
    let bluez = FakeBluez::start(&bus);
    // bluetoothd remembers somebody who is not here.
    bluez.remember(advert(39, 40));
    let mut hub = Hub::start(&bus, house.gateway.hub_addr(), house.dir.path(), &[]);
    bluez.until_scanning();
    assert!(bluez.wants_duplicates(), "without, bluetoothd tells each device once");
    let told = advertise(&bluez, 0..4_000);
    assert_eq!(told, 4_000);
    let health = all_acknowledged(&mut hub, told);
    assert_eq!(taken(&house), (4_000, 0));
    assert_eq!(
        (&health["adapter"], &health["radio"]),
        (&"hci0".into(), &"scanning".into())
    );
    assert_eq!(number(&health, "structures_malformed"), 0);
}

#[test]
fn an_adapter_that_is_pulled_out_and_a_bluetoothd_that_is_killed_are_come_back_from() {
    let (house, bus) = (House::open(), PrivateBus::start());
    let bluez = FakeBluez::start(&bus);
    let mut hub = Hub::start(&bus, house.gateway.hub_addr(), house.dir.path(), &[]);
    bluez.until_scanning();
    let mut told = advertise(&bluez, 0..1_000);
    all_acknowledged(&mut hub, told);

    bluez.unplug();
    let health = hub.until(|health| health["radio"] == "absent");
    assert!(health["radio_reason"].as_str().unwrap().contains("hci0"), "{health}");
    assert_eq!(advertise(&bluez, 0..10), 0, "nobody listens");
    bluez.plug();
    bluez.until_scanning();
    told += advertise(&bluez, 1_000..2_000);
    all_acknowledged(&mut hub, told);

    bluez.die();
    hub.until(|health| health["radio"] == "absent");
    bluez.live();
    bluez.until_scanning();
    told += advertise(&bluez, 2_000..3_000);
    let health = all_acknowledged(&mut hub, told);
    assert_eq!(taken(&house), (3_000, 0));
    assert_eq!(number(&health, "radio_restarts"), 2, "{health}");
}

#[test]
fn gateway_and_agent_are_killed_and_nothing_is_lost() {
    let (house, bus) = (House::open(), PrivateBus::start());
    let keys = house.dir.path().to_owned();
    let buffer = TempDir::new().unwrap();
    let bluez = FakeBluez::start(&bus);
    let to = free_address();
    let only = [
        "--only",
        "ibeacon:",
        "--only",
        "eddystone_uid:",
        "--only",
        "address:c0",
        "--buffer",
    ];
    let arguments = [&only[..], &[buffer.path().to_str().unwrap()]].concat();

    let gateway = Serve::start(&keys, to);
    let mut hub = Hub::start(&bus, to, &keys, &arguments);
    bluez.until_scanning();
    let told = advertise(&bluez, 0..1_000);
    let first = all_acknowledged(&mut hub, told);
    // The gateway dies, with its memory; what is heard meanwhile waits on the disk.
    gateway.kill();
    assert_eq!(advertise(&bluez, 1_000..2_000), 1_000);
    hub.until(|health| number(health, "adverts_heard") == 2_000 && health["connected"] == false);
    // The agent dies, too, and comes back before the gateway does.
    hub.kill();
    bluez.until_deaf();
    let mut hub = Hub::start(&bus, to, &keys, &arguments);
    bluez.until_scanning();
    let waiting = hub.until(|health| health["radio"] == "scanning");
    assert_eq!(number(&waiting, "sightings_waiting"), 1_000);
    assert_eq!(waiting["boot_epoch"], first["boot_epoch"], "the numbers go on");
    let told = advertise(&bluez, 2_000..3_000);
    assert_eq!(told, 1_000);
    let mut gateway = Serve::start(&keys, to);
    let health =
        hub.until(|health| number(health, "adverts_heard") == told && number(health, "sightings_waiting") == 0);
    assert_eq!(number(&health, "sightings_acked"), 2_000, "{health}");
    assert_eq!(number(&health, "sightings_dropped"), 0);
    assert_eq!(gateway.sightings(&house), (2_000, 0), "each once");

    // A gateway that lives takes what an agent that was killed had sent and not heard of, once.
    assert_eq!(advertise(&bluez, 3_000..4_000), 1_000);
    hub.kill();
    bluez.until_deaf();
    let mut hub = Hub::start(&bus, to, &keys, &arguments);
    bluez.until_scanning();
    assert_eq!(advertise(&bluez, 4_000..5_000), 1_000);
    hub.until(|health| number(health, "adverts_heard") == 1_000 && number(health, "sightings_waiting") == 0);
    let (taken, _) = gateway.sightings(&house);
    assert!(
        (3_000..=4_000).contains(&taken),
        "{taken}: what the killed one had not yet read, nobody has heard"
    );
}

fn free_address() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
