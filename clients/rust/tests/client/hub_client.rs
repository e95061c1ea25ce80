//! A hub that reconnects: no sighting is lost or taken twice, wherever the connection breaks.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use nextbest_client::{
    BackoffSettings, ConnectError, HubClient, HubClientSettings, HubError, HubEvent, HubHelloSettings, HubReadings,
    HubSession, HubTarget, IN_FLIGHT_LEN_MAX, Lost, OutboxSettings,
};
use nextbest_proto::v1::{self, ErrorCode};
use tokio::time::Instant;

use crate::{
    hub_gateway::{Act, HubGateway, Script, Seen},
    world::{CERTIFICATES, Certificates, Network, gateway},
};

const EPOCH: u64 = 17;

fn hello() -> HubHelloSettings {
    HubHelloSettings {
        hub_id: "hub-1".into(),
        venue_id: "stadium".into(),
        boot_epoch: EPOCH,
        ..Default::default()
    }
}

fn settings() -> HubClientSettings {
    let backoff = BackoffSettings {
        seed: Some(42),
        ..BackoffSettings::default()
    };
    HubClientSettings {
        backoff,
        ..HubClientSettings::default()
    }
}

fn start(network: &Arc<Network>, settings: HubClientSettings) -> HubClient {
    let target = HubTarget {
        to: gateway(),
        server_name: "localhost".into(),
        trust: CERTIFICATES.trust(),
        credentials: CERTIFICATES.hub(),
    };
    HubClient::start(network.client(), target, hello(), settings).unwrap()
}

fn sighting(number: u64) -> v1::Sighting {
    let mut identity = number.to_be_bytes().to_vec();
    identity.resize(20, 0);
    v1::Sighting {
        identity: Bytes::from(identity),
        rssi_dbm: -60,
        ..v1::Sighting::default()
    }
}

/// Pushes `count` sightings over 10 s.
async fn push(hub: &HubClient, count: u64) {
    for number in 0..count {
        assert_eq!(hub.push(sighting(number)), number);
        if number % 100 == 99 {
            tokio::time::sleep(Duration::from_secs(10) / (count / 100) as u32).await;
        }
    }
}

fn push_at_once(hub: &HubClient, count: u64) {
    for number in 0..count {
        hub.push(sighting(number));
    }
}

/// In virtual time an hour is soon over: what never happens is a failure, not a test that hangs.
async fn flushed(hub: &HubClient) {
    tokio::time::timeout(Duration::from_secs(3_600), hub.flushed())
        .await
        .unwrap();
}

fn assert_all_taken_once(seen: &Seen, count: u64) {
    assert_eq!(seen.taken, (0..count).map(|number| (EPOCH, number)).collect::<Vec<_>>());
    assert_eq!(seen.identities, (0..count).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn wherever_the_connection_breaks_each_sighting_is_taken_once_and_in_order() {
    let breaks = [
        Act::CloseBefore(ErrorCode::Overloaded),
        Act::CloseAfter(ErrorCode::Overloaded),
        Act::CloseAfter(ErrorCode::Internal),
        Act::Drain(250),
        Act::TakeSilently,
        Act::AckTwice,
    ];
    for act in breaks {
        for at in [0, 1, 7] {
            let network = Network::new();
            let script: Script = Arc::new(move |batch| if batch % 11 == at { act } else { Act::Ack });
            let gateway = HubGateway::start(&network, script);
            let hub = start(&network, settings());
            push(&hub, 2_000).await;
            flushed(&hub).await;
            let statistics = hub.statistics();
            assert_all_taken_once(&gateway.seen(), 2_000);
            assert_eq!(gateway.seen().repeated, 0, "{act:?} at {at}");
            assert_eq!(statistics.sightings.acked, 2_000, "{act:?} at {at}");
            assert_eq!(statistics.sightings.dropped, 0, "{act:?} at {at}");
            let breaking = !matches!(act, Act::TakeSilently | Act::AckTwice);
            assert_eq!(statistics.reconnects > 0, breaking, "{act:?} at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_gateway_is_away_the_oldest_go_and_are_counted() {
    let network = Network::new();
    let outbox = OutboxSettings {
        held_len_max: 500,
        ..OutboxSettings::default()
    };
    let hub = start(&network, HubClientSettings { outbox, ..settings() });
    push(&hub, 2_000).await;
    assert_eq!(hub.statistics().sightings.dropped, 1_500);
    let gateway = HubGateway::start(&network, Arc::new(|_| Act::Ack));
    flushed(&hub).await;
    assert_eq!(
        gateway.seen().taken,
        (1_500..2_000).map(|number| (EPOCH, number)).collect::<Vec<_>>()
    );
    assert_eq!(gateway.seen().hellos[0].oldest_sequence, 1_500);
    let statistics = hub.statistics();
    assert_eq!((statistics.sightings.acked, statistics.held), (500, 0));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_comes_back_with_its_memory_gets_only_the_rest() {
    let network = Network::new();
    let first = HubGateway::start(
        &network,
        Arc::new(|batch| if batch < 5 { Act::Ack } else { Act::TakeSilently }),
    );
    let hub = start(&network, settings());
    push(&hub, 1_000).await;
    first.until(|seen| seen.taken.len() == 1_000).await;
    let held = hub.statistics().held;
    assert!(held > 500, "{held} not acknowledged");
    let memory = first.seen();
    network.unplug();
    let second = HubGateway::start_with(&network, Arc::new(|_| Act::Ack), memory);
    flushed(&hub).await;
    assert_all_taken_once(&second.seen(), 1_000);
    assert_eq!(second.seen().repeated, 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_gateway_gets_a_bounded_number_and_is_left() {
    let network = Network::new();
    let gateway = HubGateway::start(&network, Arc::new(|_| Act::TakeSilently));
    let hub = start(&network, settings());
    push(&hub, 10_000).await;
    assert!(hub.statistics().in_flight <= IN_FLIGHT_LEN_MAX);
    // The welcome of the next session says what was taken, so that everything arrives all the same.
    flushed(&hub).await;
    assert_all_taken_once(&gateway.seen(), 10_000);
    assert!(hub.statistics().reconnects >= 2);
}

#[tokio::test(start_paused = true)]
async fn batches_go_by_size_and_by_age() {
    let network = Network::new();
    let gateway = HubGateway::start(&network, Arc::new(|_| Act::Ack));
    let hub = start(&network, settings());
    hub.connected().await;
    push_at_once(&hub, 200);
    let pushed_at = Instant::now();
    gateway.until(|seen| seen.taken.len() == 192).await;
    assert_eq!(pushed_at.elapsed(), Duration::ZERO, "a full batch does not wait");
    flushed(&hub).await;
    assert_eq!(pushed_at.elapsed().as_millis(), 100, "the rest waits for the age");
    assert_eq!(gateway.seen().batch_lens, [64, 64, 64, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_followed_with_its_delay_and_jitter() {
    let network = Network::new();
    let script: Script = Arc::new(|batch| if batch == 0 { Act::Drain(2_000) } else { Act::Ack });
    let gateway = HubGateway::start(&network, script);
    let hub = start(&network, settings());
    hub.push(sighting(0));
    gateway.until(|seen| seen.taken.len() == 1).await;
    let asked_at = Instant::now();
    hub.push(sighting(1));
    gateway.until(|seen| seen.hellos.len() == 2).await;
    assert!(
        (2_000..=2_100).contains(&asked_at.elapsed().as_millis()),
        "{:?}",
        asked_at.elapsed()
    );
    flushed(&hub).await;
    assert_eq!(hub.statistics().drains, 1);
    assert_all_taken_once(&gateway.seen(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_was_used_before_is_left_for_the_next() {
    let network = Network::new();
    let gateway = HubGateway::start(&network, Arc::new(|_| Act::Ack));
    gateway.remember(EPOCH, 1_000_000);
    let hub = start(&network, settings());
    push(&hub, 300).await;
    flushed(&hub).await;
    assert_eq!(
        gateway.seen().taken,
        (0..300).map(|number| (EPOCH + 1, number)).collect::<Vec<_>>()
    );
    assert_eq!(hub.statistics().sightings.dropped, 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_a_session_that_goes_on_is_counted_and_what_it_concerned_is_sent_again() {
    let network = Network::new();
    let gateway = HubGateway::start(
        &network,
        Arc::new(|batch| if batch == 0 { Act::Error } else { Act::Ack }),
    );
    let hub = start(&network, settings());
    hub.push(sighting(0));
    flushed(&hub).await;
    assert_eq!(hub.statistics().errors, 1);
    assert_all_taken_once(&gateway.seen(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_was_replaced_does_not_fight_for_its_place() {
    let network = Network::new();
    let gateway = HubGateway::start(&network, Arc::new(|_| Act::CloseAfter(ErrorCode::HubReplaced)));
    let hub = start(&network, settings());
    for times in 1..=5 {
        hub.push(sighting(times as u64 - 1));
        gateway.until(|seen| seen.taken.len() == times).await;
        let replaced_at = Instant::now();
        gateway.until(|seen| seen.hellos.len() == times + 1).await;
        assert!(
            (5_000..=10_000).contains(&replaced_at.elapsed().as_millis()),
            "{:?}",
            replaced_at.elapsed()
        );
    }
    assert!(hub.statistics().last_error.unwrap().contains("hub_replaced"));
}

#[tokio::test(start_paused = true)]
async fn health_comes_on_the_heartbeat_and_says_what_was_dropped() {
    let network = Network::new();
    let outbox = OutboxSettings {
        held_len_max: 10,
        ..OutboxSettings::default()
    };
    let hub = start(&network, HubClientSettings { outbox, ..settings() });
    push_at_once(&hub, 15);
    hub.report(HubReadings {
        adverts_heard: 99,
        temperature_celsius: Some(41.5),
        ..HubReadings::default()
    });
    let gateway = HubGateway::start(&network, Arc::new(|_| Act::Ack));
    hub.connected().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let healths = gateway.seen().healths;
    assert!((8..=9).contains(&healths.len()), "twice in each 5 s: {}", healths.len());
    assert_eq!((healths[0].adverts_heard, healths[0].sightings_dropped), (99, 5));
    assert_eq!(healths[0].temperature_celsius, Some(41.5));
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_heard() {
    let network = Network::new();
    let gateway = HubGateway::start(&network, Arc::new(|_| Act::Ack));
    let hub = start(&network, settings());
    hub.connected().await;
    hub.close("update").await;
    assert_eq!(gateway.seen().goodbyes, ["update"]);
    // Without a gateway it ends as well.
    let hub = start(&Network::new(), settings());
    hub.close("update").await;
}

#[tokio::test(start_paused = true)]
async fn a_session_carries_batches_acknowledgements_and_the_reason_of_its_end() {
    let network = Network::new();
    let script: Script = Arc::new(|batch| match batch {
        0 => Act::Drain(5),
        _ => Act::CloseAfter(ErrorCode::HubReplaced),
    });
    let gateway_of_hubs = HubGateway::start(&network, script);
    let (endpoint, trust) = (network.client(), CERTIFICATES.trust());
    let credentials = CERTIFICATES.hub();
    let connecting = HubSession::connect(&endpoint, gateway(), "localhost", &trust, &credentials, hello());
    let mut session = connecting.await.unwrap();
    assert_eq!(session.welcome().heartbeat_ms, 5_000);
    session.send_batch(0, 1_234, &[sighting(0), sighting(1)]).await.unwrap();
    assert_eq!(session.next().await, Ok(HubEvent::Ack { next_sequence: 2 }));
    assert_eq!(
        session.next().await,
        Ok(HubEvent::Drain(v1::Drain {
            reconnect_after_ms: 5,
            jitter_ms: 100
        }))
    );
    session.send_batch(2, 1_234, &[sighting(2)]).await.unwrap();
    let error = session.next().await.unwrap_err();
    let HubError::Lost(Lost::Closed(refusal)) = error else {
        panic!("{error}")
    };
    assert_eq!(refusal.code(), ErrorCode::HubReplaced);
    assert_all_taken_once(&gateway_of_hubs.seen(), 3);
    let too_many = vec![sighting(0); 1_000];
    assert!(matches!(
        session.send_batch(3, 0, &too_many).await,
        Err(HubError::Protocol(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_hub_without_a_certificate_of_the_venue_is_not_let_in() {
    let network = Network::new();
    let _gateway = HubGateway::start(&network, Arc::new(|_| Act::Ack));
    let (endpoint, trust) = (network.client(), CERTIFICATES.trust());
    let stranger = Certificates::new().hub();
    let connecting = HubSession::connect(&endpoint, gateway(), "localhost", &trust, &stranger, hello());
    let error = connecting.await.unwrap_err();
    assert!(matches!(&error, ConnectError::Lost(Lost::Transport(_))), "{error}");
}
