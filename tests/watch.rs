//! Who watches is told who came and who may not be located any more, through the public doors; a customer may not watch,
//! a zone must be on the map, and only so many watch at once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod house;

use std::time::Duration;

use house::{House, WAIT, acknowledged, food, heard, identify};
use nextbest_client::{AppSession, HubSession, RequestError};
use nextbest_proto::v1::{self, ErrorCode, PresenceEvent, PresenceKind, StayEnd, app_push};
use tokio::time::timeout;

/// How long until the hub hears somebody again.
const AGAIN: Duration = Duration::from_millis(50);
/// Connections that may watch at once, as the gateway says.
const WATCHES_MAX: u32 = 64;

async fn refused(session: &AppSession, zone: &str) -> ErrorCode {
    let watch = v1::WatchPresence {
        zone: zone.into(),
        ..v1::WatchPresence::default()
    };
    match session.watch_presence(watch).await {
        Err(RequestError::Refused(error)) => error.code(),
        other => panic!("{other:?}"),
    }
}

/// The next event that a watcher is told.
async fn next_told(watcher: &AppSession) -> PresenceEvent {
    loop {
        let push = watcher.next_push().await.expect("the gateway is there");
        if let Some(app_push::Body::Presence(batch)) = push.body {
            assert_eq!((batch.dropped, batch.events.len()), (0, 1), "{batch:?}");
            return batch.events[0].clone();
        }
    }
}

/// The hub hears people until somebody is told of one.
async fn told(hub: &mut HubSession, people: &[u8], watcher: &AppSession) -> PresenceEvent {
    let mut sequence = 0;
    let hear = async {
        loop {
            let sightings: Vec<_> = people.iter().map(|person| heard(*person, -50)).collect();
            hub.send_batch(sequence, 0, &sightings).await.unwrap();
            sequence += sightings.len() as u64;
            acknowledged(hub).await;
            // Until the next sighting the gateway ticks some more.
            let _elapsed = timeout(AGAIN, std::future::pending::<()>()).await;
        }
    };
    tokio::select! {
        event = timeout(WAIT, next_told(watcher)) => event.expect("an event in time"),
        () = hear => unreachable!("hubs hear for ever"),
    }
}

#[tokio::test]
async fn only_a_service_may_watch_and_only_zones_of_the_map() {
    let house = House::open();
    assert_eq!(house.alive_hubs(), 0);
    let ada = house.app(house.token("ada")).await.unwrap();
    assert_eq!(refused(&ada, "").await, ErrorCode::NotAllowed);
    let desk = house.app(house.service_token()).await.unwrap();
    assert_eq!(refused(&desk, "no such zone").await, ErrorCode::InvalidField);
}

#[tokio::test]
async fn who_watches_is_told_who_came_and_that_they_may_not_be_located_any_more() {
    let house = House::open();
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("i", "ada", 1)).await.unwrap();
    desk.watch_presence(v1::WatchPresence::default()).await.unwrap();
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    let came = told(&mut hub, &[1], &desk).await;
    assert_eq!((came.kind(), came.subject.as_str()), (PresenceKind::Entered, "ada"));
    assert_eq!((came.stay_ms, came.end()), (0, StayEnd::Unspecified));
    assert!(came.confidence > 0.0, "{came:?}");
    let ago_ms = house.clock.unix_ms().abs_diff(came.at_unix_ms);
    assert!(ago_ms < WAIT.as_millis() as u64, "{ago_ms} ms ago");
    let query = v1::Query {
        subject: "ada".into(),
        ..food()
    };
    let decision = desk.query(query).await.unwrap();
    assert_eq!(decision.zone, came.zone);
    assert!(decision.zone_confidence.is_some());

    let withdrawn = v1::Consent {
        purpose: v1::Purpose::Location.into(),
        allowed: false,
        ..v1::Consent::default()
    };
    let signal = v1::Signal {
        consents: vec![withdrawn],
        tags: Vec::new(),
        ..identify("w", "ada", 1)
    };
    desk.signal(signal).await.unwrap();
    let left = timeout(WAIT, next_told(&desk)).await.expect("an event in time");
    assert_eq!((left.kind(), left.end()), (PresenceKind::Left, StayEnd::NotLocated));
    assert_eq!((left.subject, left.zone), (came.subject, came.zone));
}

#[tokio::test]
async fn who_watches_for_one_customer_hears_of_no_other() {
    let house = House::open();
    let desk = house.app(house.service_token()).await.unwrap();
    desk.signal(identify("a", "ada", 1)).await.unwrap();
    let ben = v1::WatchPresence {
        subject: "ben".into(),
        ..v1::WatchPresence::default()
    };
    // Before anybody knows him.
    desk.watch_presence(ben).await.unwrap();
    let everybody = house.app(house.service_token()).await.unwrap();
    everybody.watch_presence(v1::WatchPresence::default()).await.unwrap();
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    assert_eq!(told(&mut hub, &[1], &everybody).await.subject, "ada");
    desk.signal(identify("b", "ben", 2)).await.unwrap();
    let mut hub = house.hub("hub-west", 2).await.unwrap();
    assert_eq!(told(&mut hub, &[1, 2], &desk).await.subject, "ben");
}

#[tokio::test]
async fn only_so_many_watch_at_once() {
    let house = House::open();
    let mut desks = Vec::new();
    for _ in 0..WATCHES_MAX {
        let desk = house.app(house.service_token()).await.unwrap();
        // A watch in the place of another takes no other place.
        for _ in 0..2 {
            desk.watch_presence(v1::WatchPresence::default()).await.unwrap();
        }
        desks.push(desk);
    }
    let late = house.app(house.service_token()).await.unwrap();
    assert_eq!(refused(&late, "").await, ErrorCode::Overloaded);
}
