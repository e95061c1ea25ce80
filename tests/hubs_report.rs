//! Every hub is shown to operators as it is, and to nobody else: a hub that never came is dead and was never heard,
//! what a hub says about itself is shown beside what the gateway counted of it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod house;

use std::time::Duration;

use house::{House, acknowledged, food, heard, identify};
use nextbest_client::RequestError;
use nextbest_proto::v1::{self, ErrorCode, HubFlag, HubStatus};

fn of<'a>(report: &'a v1::HubsReport, hub_id: &str) -> &'a HubStatus {
    report.hubs.iter().find(|hub| hub.hub_id == hub_id).unwrap()
}

#[tokio::test]
async fn a_service_sees_every_hub_of_the_map_and_a_customer_none() {
    let house = House::open();
    let desk = house.app(house.service_token()).await.unwrap();
    let report = desk.hubs().await.unwrap();
    assert_eq!((report.hubs_known, report.hubs.len()), (3, 3));
    assert!(
        report.hubs.iter().all(|hub| !hub.alive && hub.heard_ms_ago.is_none()),
        "{report:?}"
    );
    assert_eq!(house.alive_hubs(), 0, "as the engine says");
    let ada = house.app(house.token("ada")).await.unwrap();
    match ada.hubs().await {
        Err(RequestError::Refused(error)) => assert_eq!(error.code(), ErrorCode::NotAllowed),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_hub_says_of_itself_stands_beside_what_was_counted() {
    let house = House::open();
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("i", "ada", 1)).await.unwrap();
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    let health = v1::HubHealth {
        uptime_ms: 60_000,
        adverts_heard: 1_000,
        sightings_dropped: 7,
        buffer_len: 3,
        // Half a century behind: shown, and without any effect.
        clock_unix_ms: 1_000,
        temperature_celsius: Some(41.5),
        ..v1::HubHealth::default()
    };
    hub.send_health(health).await.unwrap();
    let batch = [heard(1, -60), heard(2, -60), heard(1, 127)];
    hub.send_batch(0, 0, &batch).await.unwrap();
    assert_eq!(acknowledged(&mut hub).await, 3);
    hub.send_batch(1, 0, &batch).await.unwrap();
    assert_eq!(acknowledged(&mut hub).await, 4);

    let report = desk.hubs().await.unwrap();
    let west = of(&report, "hub-west");
    assert!(west.alive && west.heard_ms_ago.is_some(), "{west:?}");
    let counted = (
        west.sightings_used,
        west.sightings_unknown,
        west.sightings_duplicate,
        west.sightings_bad,
    );
    assert_eq!(
        counted,
        (1, 1, 2, 2),
        "a strength that the radio could not tell is no sighting"
    );
    assert_eq!((west.sightings_dropped, west.buffer_len), (7, 3));
    assert_eq!(west.temperature_celsius, Some(41.5));
    assert!(west.clock_offset_ms.unwrap() < -2_000);
    assert_eq!(west.flags().collect::<Vec<_>>(), [HubFlag::ClockSkewed]);
    assert!(!of(&report, "hub-east").alive);
    let query = v1::Query {
        subject: "ada".into(),
        ..food()
    };
    assert!(desk.query(query).await.is_ok(), "the hub's clock does no harm");
}

#[tokio::test]
async fn a_hub_that_sends_what_no_radio_gives_is_flagged_to_operators() {
    let house = House::open();
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("i", "ada", 1)).await.unwrap();
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    hub.send_batch(0, 0, &vec![heard(1, 127); 20]).await.unwrap();
    assert_eq!(acknowledged(&mut hub).await, 20);
    let mut again = tokio::time::interval(Duration::from_millis(100));
    let is_flagged = async {
        loop {
            again.tick().await;
            let report = desk.hubs().await.unwrap();
            assert!(of(&report, "hub-east").flags.is_empty(), "{report:?}");
            if of(&report, "hub-west").flags().eq([HubFlag::NoRadioValues]) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_flagged).await.unwrap();
}
