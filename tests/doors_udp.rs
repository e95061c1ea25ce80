//! A raddec in a datagram locates the person who carries the tag, and what is no raddec harms nobody.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::net::{SocketAddr, UdpSocket};

use house::{House, WAIT, food, identify};
use nextbest::serve::GatewaySettings;
use nextbest::serve::doors::{DoorsSettings, PayloadOutcome, ReportOutcome};
use nextbest::wire::payload::Family;
use tokio::time::timeout;

fn house() -> (House, SocketAddr) {
    let settings = GatewaySettings {
        doors: DoorsSettings {
            udp: Some("127.0.0.1:0".parse().unwrap()),
            ..DoorsSettings::default()
        },
        ..GatewaySettings::default()
    };
    let house = House::open_with(&settings);
    let address = house.gateway.door_addrs().udp.unwrap();
    (house, address)
}

/// A raddec in bytes: the tag of fan-0, heard by a receiver with an EUI-64.
fn raddec(receiver: [u8; 8], rssi_dbm: i8) -> Vec<u8> {
    let rssi = u8::try_from(i16::from(rssi_dbm) + 127).unwrap();
    let mut bytes = vec![0x10, 0, 23, 3, 0xe7, 0x8f, 0x13, 0, 0, 0, 1, rssi, 1, 1];
    bytes.extend(receiver);
    bytes.push(bytes.iter().fold(0, |sum, byte| u8::wrapping_add(sum, *byte)));
    bytes
}

#[tokio::test]
async fn a_tag_in_a_raddec_is_located() {
    let (house, to) = house();
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("identify", "fan-0", 0)).await.unwrap();
    let app = house.app(house.token("fan-0")).await.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let located = async {
        loop {
            socket
                .send_to(&raddec([0, 0x1b, 0xc5, 9, 0x40, 0x81, 0, 0], -50), to)
                .unwrap();
            let zone = app.query(food()).await.unwrap().zone;
            if !zone.is_empty() {
                return zone;
            }
        }
    };
    let zone = timeout(WAIT, located).await.expect("a zone in time");
    assert!(zone.contains("west"), "{zone}");
}

#[tokio::test]
async fn what_is_no_raddec_is_counted_and_harms_nobody() {
    let (house, to) = house();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let doors = &house.gateway.metrics().doors;
    for datagram in [&b"\x10\x00"[..], b"", b"{}", b"[[[[", &[0xff; 1_400]] {
        socket.send_to(datagram, to).unwrap();
    }
    socket.send_to(&raddec([9; 8], -50), to).unwrap();
    let counted = async {
        while doors.reported(Family::Raddec, ReportOutcome::UnknownHub) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(WAIT, counted).await.expect("a count in time");
    assert_eq!(doors.payloads(Family::Raddec, PayloadOutcome::Unreadable), 5);
    assert_eq!(doors.payloads(Family::Raddec, PayloadOutcome::Read), 1);
}
