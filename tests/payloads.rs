//! Real payloads of every family become the reports that they say, and nothing of them is lost silently.
//!
//! The payloads and their sources are in `tests/data/payloads`.

mod payload_support;

use nextbest::engine::locate::LocatorSettings;
use nextbest::model::TagKind;
use nextbest::wire::payload::{
    BadReport, Family, HubStatus, PathLoss, PayloadError, REPORTS_PER_PAYLOAD_MAX, Topics, read_body, read_topic,
};
use serde_json::{Value, json};

use payload_support::{Told, body, bytes_of, hex, of_body, of_topic, payloads, topic};

/// An iBeacon's identity.
fn ibeacon(uuid: &str, major: u16, minor: u16) -> Vec<u8> {
    [hex(uuid), major.to_be_bytes().to_vec(), minor.to_be_bytes().to_vec()].concat()
}

const E2C5: &str = "e2c56db5dffb48d2b060d0f5a71096e0";

/// A report: hub, kind, identity, address, dBm.
type Expected<'e> = (&'e str, TagKind, Vec<u8>, Option<&'e str>, i8);

#[track_caller]
fn check(told: &Told, expected: &[Expected<'_>]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(hub, kind, identity, address, rssi_dbm)| {
            ((*hub).to_owned(), *kind, identity.clone(), address.map(hex), *rssi_dbm)
        })
        .collect();
    let found: Vec<_> = told
        .reports
        .iter()
        .map(|report| {
            (
                report.hub.clone(),
                report.kind,
                report.identity.clone(),
                report.address.clone(),
                report.rssi_dbm,
            )
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn espresense() {
    let sample = &payloads()["espresense"];
    let told = topic(
        Family::Espresense,
        "espresense/devices/iBeacon:e2c5/kitchen",
        &sample["payload"],
    );
    check(
        &told,
        &[(
            "kitchen",
            TagKind::IBeacon,
            ibeacon(E2C5, 0, 0),
            Some("54d6da4ee2a0"),
            -71,
        )],
    );
    let telemetry = topic(
        Family::Espresense,
        "espresense/rooms/kitchen/telemetry",
        &sample["telemetry"]["payload"],
    );
    assert_eq!(telemetry.hubs, [("kitchen".to_owned(), HubStatus::Alive)]);
    for (status, expected) in [(&b"online"[..], HubStatus::Alive), (b"offline", HubStatus::Gone)] {
        let told = of_topic(Family::Espresense, "espresense/rooms/kitchen/status", status).unwrap();
        assert_eq!(told.hubs, [("kitchen".to_owned(), expected)]);
    }
}

#[test]
fn every_id_of_espresense_names_somebody() {
    let uid = "00112233445566778899aabbccddeeff";
    let of = |id: &str| {
        let message = json!({ "id": id, "mac": "54d6da4ee2a0", "rssi": -60 });
        let told = topic(Family::Espresense, "espresense/devices/x/kitchen", &message);
        (told.reports[0].kind, told.reports[0].identity.clone())
    };
    let beacon = "e2c56db5-dffb-48d2-b060-d0f5a71096e0-513-7";
    assert_eq!(
        of(&format!("iBeacon:{beacon}")),
        (TagKind::IBeacon, ibeacon(E2C5, 513, 7))
    );
    assert_eq!(
        of(&format!("altBeacon:{beacon}")),
        (TagKind::AltBeacon, ibeacon(E2C5, 513, 7))
    );
    assert_eq!(
        of("eddy:00112233445566778899-aabbccddeeff"),
        (TagKind::EddystoneUid, hex(uid))
    );
    assert_eq!(
        of("eddy:0011223344445566778899-aabbccddeeff"),
        (TagKind::EddystoneUid, hex(uid)),
        "firmware up to version 4 writes the fifth byte twice"
    );
    assert_eq!(of("known:aabbccddeeff"), (TagKind::Address, hex("aabbccddeeff")));
    for id in [
        "irk:00112233445566778899aabbccddeeff",
        "apple:1006:10-7",
        "node:bath",
        "my phone",
        "iBeacon:x",
    ] {
        assert_eq!(of(id), (TagKind::Address, hex("54d6da4ee2a0")), "{id}");
    }
}

#[test]
fn openmqttgateway_and_theengs() {
    let samples = payloads()["openmqttgateway_theengs"]["payloads"].clone();
    let of = |payload: &Value| {
        topic(
            Family::OpenMqttGateway,
            "home/OpenMQTTGateway/BTtoMQTT/6087574C9BC2",
            payload,
        )
    };
    let beacon = ibeacon("1de4b189115e45f6b44e509352269977", 0, 0);
    check(
        &of(&samples[0]),
        &[(
            "OpenMQTTGateway",
            TagKind::IBeacon,
            beacon.clone(),
            Some("6087574c9bc2"),
            -78,
        )],
    );
    let undecoded = of(&samples[1]);
    check(
        &undecoded,
        &[("OpenMQTTGateway", TagKind::Address, hex("45e174126e00"), None, -89)],
    );
    // The same beacon as raw data, as manufacturer data, and published under its UUID.
    let manufacturer = "4c0002151de4b189115e45f6b44e50935226997700000000be";
    let raw = format!("0201061aff{manufacturer}");
    for (key, data) in [("rawdata", raw.as_str()), ("manufacturerdata", manufacturer)] {
        let told = of(&json!({ "id": "60:87:57:4C:9B:C2", "rssi": -78, key: data }));
        check(
            &told,
            &[(
                "OpenMQTTGateway",
                TagKind::IBeacon,
                beacon.clone(),
                Some("6087574c9bc2"),
                -78,
            )],
        );
    }
    let under_uuid = json!({ "id": "1de4b189-115e-45f6-b44e-509352269977", "mac": "60:87:57:4C:9B:C2", "rssi": -78,
        "model_id": "IBEACON", "uuid": "1de4b189115e45f6b44e509352269977", "major": "0000", "minor": "0000" });
    check(
        &of(&under_uuid),
        &[("OpenMQTTGateway", TagKind::IBeacon, beacon, Some("6087574c9bc2"), -78)],
    );
    let eddystone = json!({ "id": "60:87:57:4C:9B:C2", "rssi": -70, "servicedatauuid": "0xfeaa",
        "servicedata": "00ed00112233445566778899aabbccddeeff0000" });
    let uid = hex("00112233445566778899aabbccddeeff");
    check(
        &of(&eddystone),
        &[("OpenMQTTGateway", TagKind::EddystoneUid, uid, Some("6087574c9bc2"), -70)],
    );
    for (topic, payload, status) in [
        ("home/TheengsGateway/LWT", &b"offline"[..], HubStatus::Gone),
        ("home/TheengsGateway/LWT", b"online", HubStatus::Alive),
        ("home/TheengsGateway/SYStoMQTT", b"{\"uptime\":3}", HubStatus::Alive),
    ] {
        let told = of_topic(Family::OpenMqttGateway, topic, payload).unwrap();
        assert_eq!(told.hubs, [("TheengsGateway".to_owned(), status)]);
    }
}

#[test]
fn the_locator_expects_a_distance_to_sound_as_it_is_turned_back() {
    let (path_loss, locator) = (PathLoss::default(), LocatorSettings::default());
    for distance_m in [0.0, 0.3, 0.5, 1.0, 5.678, 20.0, 50.0_f32] {
        let (found, expected) = (path_loss.rssi_dbm(distance_m.into()), locator.rssi_dbm(distance_m));
        assert!(
            (found - f64::from(expected)).abs() < 0.01,
            "{distance_m} m: {found} dBm, and the locator expects {expected}"
        );
    }
}

#[test]
fn home_assistant_rooms() {
    let sample = &payloads()["home_assistant_mqtt_room"]["payload"];
    let of = |message: &Value| of_topic(Family::Room, "room_presence/kitchen", message.to_string().as_bytes());
    let nobody = of(sample).unwrap_err();
    assert!(
        matches!(nobody, PayloadError::Report(BadReport::Value { key: "id", .. })),
        "{nobody}"
    );
    // -59 - 18 * log10(5.678) - 0.45 * 5.678 = -75.1
    let far = of(&json!({ "id": "aabbccddeeff", "distance": 5.678 })).unwrap();
    check(&far, &[("kitchen", TagKind::Address, hex("aabbccddeeff"), None, -75)]);
    let loud = of(&json!({ "id": "aabbccddeeff", "distance": 5.678, "rssi": -63 })).unwrap();
    assert_eq!(
        loud.reports[0].rssi_dbm, -63,
        "what was measured counts, not what was made of it"
    );
    let beacon = of(&json!({ "id": "e2c56db5-dffb-48d2-b060-d0f5a71096e0-5-6", "distance": 1 })).unwrap();
    check(
        &beacon,
        &[("kitchen", TagKind::IBeacon, ibeacon(E2C5, 5, 6), None, -59)],
    );
    let nowhere = of(&json!({ "id": "aabbccddeeff" })).unwrap_err();
    assert!(nowhere.to_string().starts_with("`distance` is missing"), "{nowhere}");
    for distance in [json!(-1), json!(1e300), json!("near")] {
        let wrong = of(&json!({ "id": "aabbccddeeff", "distance": distance })).unwrap_err();
        assert!(wrong.to_string().starts_with("`distance` is expected to be"), "{wrong}");
    }
}

#[test]
fn happy_bubbles() {
    let sample = &payloads()["happy_bubbles"]["payload"];
    let told = topic(
        Family::HappyBubbles,
        "happy-bubbles/ble/living-room/ibeacon/e2c5",
        sample,
    );
    let beacon = ibeacon(E2C5, 0x68, 0x68);
    check(
        &told,
        &[(
            "living-room",
            TagKind::IBeacon,
            beacon.clone(),
            Some("dd6ed85b7a80"),
            -92,
        )],
    );
    let raw = json!({ "hostname": "living-room", "mac": "dd6ed85b7a80", "rssi": -92, "is_scan_response": "0",
        "type": "3", "data": format!("0201061aff4c000215{E2C5}00680068c5") });
    let told = topic(
        Family::HappyBubbles,
        "happy-bubbles/ble/living-room/raw/dd6ed85b7a80",
        &raw,
    );
    check(
        &told,
        &[("living-room", TagKind::IBeacon, beacon, Some("dd6ed85b7a80"), -92)],
    );
}

#[test]
fn moko() {
    // As `lib/testlistener.js` of reelyactive/barnowl-mokosmart has it.
    let scanned = json!({ "msg_id": 3004, "device_info": { "device_id": "1234", "mac": "112233445566" }, "data": [
        { "type": 8, "value": { "timestamp": "2021-01-01&17:10:16+08", "type": "unknown", "mac": "ABDF01FC9E98",
          "rssi": -78, "name": "ABC", "raw": "0201060303AAFE1116AAFE20000BD091181501E329" } },
        { "type": 8 }] });
    let told = topic(Family::Moko, "mokosmart", &scanned);
    check(
        &told,
        &[("112233445566", TagKind::Address, hex("abdf01fc9e98"), None, -78)],
    );
    assert_eq!((told.read.left_out.total(), told.hubs.len()), (1, 1));
    let notified = json!({ "msg_id": 3070, "device_info": { "mac": "112233445566" }, "data": [
        { "timestamp": 1767225600000_u64, "mac": "ABDF01FC9E98", "rssi": -60, "rsp_data": "",
          "adv_data": format!("0201061aff4c000215{E2C5}00010002c5") }] });
    let told = topic(Family::Moko, "mokosmart/112233445566", &notified);
    check(
        &told,
        &[(
            "112233445566",
            TagKind::IBeacon,
            ibeacon(E2C5, 1, 2),
            Some("abdf01fc9e98"),
            -60,
        )],
    );
    assert_eq!(told.reports[0].hint_unix_ms, Some(1_767_225_600_000));
    let online = json!({ "msg_id": 3003, "device_info": { "mac": "112233445566" }, "data": { "net_state": "online" } });
    assert_eq!(
        topic(Family::Moko, "mokosmart", &online).hubs,
        [("112233445566".to_owned(), HubStatus::Alive)]
    );
    let none = of_topic(Family::Moko, "mokosmart", b"{\"msg_id\":3004,\"data\":[]}").unwrap_err();
    assert!(none.to_string().starts_with("`device_info.mac` is missing"), "{none}");
}

#[test]
fn minew_json() {
    let told = body(Family::Minew, &payloads()["minew"]["payload"]);
    check(
        &told,
        &[
            (
                "AC233FC03641",
                TagKind::IBeacon,
                ibeacon(E2C5, 0, 0),
                Some("c3000025ef6a"),
                -65,
            ),
            ("AC233FC03641", TagKind::Address, hex("c3000025ef6b"), None, -71),
        ],
    );
    assert_eq!(told.hubs, [("AC233FC03641".to_owned(), HubStatus::Alive)]);
    assert_eq!(told.reports[0].hint_unix_ms, Some(1_770_596_033_667));
    let raw = json!([{ "gateway": "ac233fc03641" }, { "mac": "c3000025ef6a", "rssi": -50, "no": 37, "timestamp": 1 }]);
    check(
        &body(Family::Minew, &raw),
        &[("ac233fc03641", TagKind::Address, hex("c3000025ef6a"), None, -50)],
    );
    let none = of_body(Family::Minew, b"[{\"mac\":\"c3000025ef6a\",\"rssi\":-50}]").unwrap_err();
    assert!(none.to_string().starts_with("`Gateway` is missing"), "{none}");
}

#[test]
fn minew_binary() {
    let told = of_body(Family::Minew, &bytes_of("minew_bb01.hex")).unwrap();
    assert_eq!(told.reports.len(), 28, "one report for each packet");
    assert!(told.reports.iter().all(|report| report.hub == "ac233fc02f87"));
    // What the decoder's own test expects of the transmitters: who, and the mean of how loud.
    let mean = |address: &str| {
        let by = |report: &&payload_support::Owned| {
            report.address.clone().unwrap_or_else(|| report.identity.clone()) == hex(address)
        };
        let heard: Vec<f64> = told
            .reports
            .iter()
            .filter(by)
            .map(|report| f64::from(report.rssi_dbm))
            .collect();
        (heard.len(), heard.iter().sum::<f64>() / heard.len() as f64)
    };
    assert_eq!(mean("032e4a1aa95a"), (1, -49.0));
    assert_eq!(mean("068b332cece2"), (2, -46.5));
    assert_eq!(mean("201811167712"), (2, -39.0));
    assert_eq!(mean("dc234d08c8ea"), (5, -49.0));
    let beacon = ibeacon("4c2b0000000100010001012b010002c9", 1, 1);
    let by_beacon: Vec<_> = told.reports.iter().filter(|report| report.identity == beacon).collect();
    assert_eq!(
        by_beacon.len(),
        2,
        "its answer to a scan request counts for the beacon too"
    );
    let eddystone = told
        .reports
        .iter()
        .find(|report| report.kind == TagKind::EddystoneUid)
        .unwrap();
    assert_eq!(eddystone.identity, hex("00112233445566778899000000000000"));
}

#[test]
fn kontakt_io() {
    let sample = payloads()["kontakt_io"]["payload"].clone();
    let placeholder = of_body(Family::Kontakt, sample.to_string().as_bytes()).unwrap_err();
    assert!(matches!(
        placeholder,
        PayloadError::Report(BadReport::Value { key: "trackingId", .. })
    ));
    let mut real = sample;
    real["trackingId"] = json!("aa:bb:cc:dd:ee:ff");
    let told = body(Family::Kontakt, &json!([real, 7]));
    check(&told, &[("abcdef", TagKind::Address, hex("aabbccddeeff"), None, -77)]);
    assert_eq!(told.reports[0].hint_unix_ms, Some(1_593_178_620_000));
    assert_eq!(
        told.read.left_out.counts(),
        [1, 0, 0, 0],
        "the number in the list is said"
    );
}

#[test]
fn raddec() {
    let sample = &payloads()["reelyactive_raddec"];
    let expected = [("001bc50940810000", TagKind::Address, hex("aabbccddeeff"), None, -69)];
    let from_json = body(Family::Raddec, &sample["payload"]);
    check(&from_json, &expected);
    assert_eq!(from_json.reports[0].hint_unix_ms, Some(1_343_392_496_789));
    check(
        &of_body(Family::Raddec, &hex(sample["binary"]["hex"].as_str().unwrap())).unwrap(),
        &expected,
    );
    let full = of_body(Family::Raddec, &bytes_of("raddec_options.hex")).unwrap();
    check(
        &full,
        &[
            ("001bc50940810001", TagKind::Address, hex("aabbccddeeff"), None, -42),
            ("001bc50940810000", TagKind::Address, hex("aabbccddeeff"), None, -74),
        ],
    );
    assert_eq!(full.reports[0].hint_unix_ms, Some(1_420_075_424_000));
    let flat = json!({ "transmitterId": "aabbccddeeff", "transmitterIdType": 3, "receiverId": "001bc50940810000",
        "receiverIdType": 1, "rssi": -77, "numberOfReceivers": 2 });
    check(
        &body(Family::Raddec, &flat),
        &[("001bc50940810000", TagKind::Address, hex("aabbccddeeff"), None, -77)],
    );
}

#[test]
fn a_raddec_whose_packet_is_a_beacon_is_the_beacon() {
    let packet = format!("4224ffeeddccbbaa0201061aff4c000215{E2C5}00010002c5");
    let raddec = json!({ "transmitterId": "aabbccddeeff", "transmitterIdType": 3, "packets": [packet, 5, "zz"],
        "rssiSignature": [{ "receiverId": "001bc50940810000", "receiverIdType": 1, "rssi": -60 }] });
    let told = body(Family::Raddec, &raddec);
    check(
        &told,
        &[(
            "001bc50940810000",
            TagKind::IBeacon,
            ibeacon(E2C5, 1, 2),
            Some("aabbccddeeff"),
            -60,
        )],
    );
}

#[test]
fn one_bad_record_does_not_cost_the_others() {
    let records = json!([
        { "type": "Gateway", "mac": "AC233FC03641" },
        { "mac": "C3000025EF6A", "rssi": -65, "later": { "deep": [[[[]]]] } },
        { "mac": "C3000025EF6A" }, { "rssi": -65 }, { "mac": "C3000025EF6A", "rssi": "loud" }, { "mac": 7, "rssi": -65 },
        { "mac": "C3000025EF6A", "rssi": 21 }, { "mac": "000000000000", "rssi": -65 }, null, [1], "x",
        { "mac": "C3000025EF6B", "rssi": -66 },
    ]);
    let told = body(Family::Minew, &records);
    assert_eq!(told.reports.len(), 2);
    assert_eq!(told.read.left_out.counts(), [3, 2, 4, 0]);
}

#[test]
fn more_reports_than_a_payload_may_have_are_left_out_and_counted() {
    let mut records = vec![json!({ "type": "Gateway", "mac": "AC233FC03641" })];
    records.resize(
        REPORTS_PER_PAYLOAD_MAX + 11,
        json!({ "mac": "C3000025EF6A", "rssi": -65 }),
    );
    let told = body(Family::Minew, &Value::from(records));
    assert_eq!(told.reports.len(), REPORTS_PER_PAYLOAD_MAX);
    assert_eq!(told.read.left_out.counts(), [0, 0, 0, 10]);
}

#[test]
fn a_family_is_read_only_by_the_way_that_it_comes() {
    let ignore = &mut |_: nextbest::wire::payload::Said<'_>| {};
    for family in [
        Family::Espresense,
        Family::OpenMqttGateway,
        Family::Room,
        Family::HappyBubbles,
    ] {
        assert_eq!(read_body(family, b"{}", ignore), Err(PayloadError::Topic), "{family:?}");
    }
    let topics = Topics::default();
    for family in [Family::Minew, Family::Kontakt, Family::Raddec] {
        assert_eq!(
            read_topic(&topics, family, "x", b"{}", ignore),
            Err(PayloadError::Topic),
            "{family:?}"
        );
    }
}
