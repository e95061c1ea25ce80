//! The whole crowd and all hubs over real QUIC, against a gateway that writes everything down.
//!
//! The bugs that these would find: a tag that is heard and was never registered, a phone that speaks for
//! somebody else, a break that loses what hubs had stored, a failing peer that ends the run.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a helper of a test fails like a test"
)]

mod gateway;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use firmware_sim::{
    cli::read_venue,
    crowd::CrowdSettings,
    drive::{Clock, Credentials, DriveError, Progress, Settings, Snapshot, Summary, run},
    replay::{
        Recording, ReplaySettings,
        recording::{parse_hubs, parse_walk},
        replay,
    },
};
use nextbest_proto::v1::OutcomeKind;
use nextbest_venue::{Source, Venue};
use tokio::{
    sync::watch,
    time::{interval, timeout},
};

use gateway::{Book, Everybody, TestGateway};

fn stadium() -> Arc<Venue> {
    let pack = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packs/stadium"));
    Arc::new(read_venue(pack).unwrap())
}

/// Time passes when somebody looks: the run decides how fast, not the machine.
fn clock() -> Clock {
    let now_ms = AtomicU64::new(0);
    Arc::new(move || now_ms.fetch_add(100, Relaxed))
}

fn settings(fans: usize) -> Settings {
    let crowd = CrowdSettings {
        fans,
        compliance: 0.7,
        ..CrowdSettings::default()
    };
    Settings {
        crowd,
        phones_open_max: 16,
        ..Settings::default()
    }
}

/// Runs until `done`, doing `meanwhile` each time that somebody looks.
async fn run_until(
    gateway: &TestGateway,
    venue: &Arc<Venue>,
    settings: Settings,
    credentials: Arc<dyn Credentials>,
    mut done: impl FnMut(&Snapshot, &Book) -> bool,
) -> Summary {
    let (stop, stopped) = watch::channel(false);
    let progress = Arc::new(Progress::default());
    let run = run(
        Arc::clone(venue),
        settings,
        gateway.addresses.clone(),
        credentials,
        clock(),
        Arc::clone(&progress),
        stopped,
    );
    let watching = async {
        let mut looks = interval(Duration::from_millis(20));
        while !done(&progress.snapshot(), &gateway.book.borrow()) {
            looks.tick().await;
        }
        stop.send(true).unwrap();
    };
    let both = async { tokio::join!(run, watching).0 };
    timeout(Duration::from_secs(120), both).await.unwrap().unwrap()
}

#[tokio::test]
async fn everybody_registers_asks_as_themselves_buys_and_reports() {
    let venue = stadium();
    let gateway = TestGateway::start(&venue);
    let summary = run_until(
        &gateway,
        &venue,
        Settings {
            tag_interval_ms: 5_000,
            ..settings(600)
        },
        Arc::new(Everybody),
        |snapshot, book| {
            book.hellos == venue.hubs.len()
                && book.orders.len() > 100
                && snapshot.told_s.count > 20
                && snapshot.not_told_s.count > 5
        },
    )
    .await;
    let book = gateway.book.borrow();
    assert_eq!(summary.end.errors(), 0, "{:?}", summary.end.recent_errors);
    assert_eq!(
        (book.registered.len(), summary.end.fans_registered, summary.fans),
        (600, 600, 600)
    );
    assert_eq!((book.hellos, summary.hubs), (venue.hubs.len(), venue.hubs.len()));
    // A goodbye is said once and for a limited time; on a loaded machine not everybody gets to it.
    assert!(
        book.goodbyes * 4 > venue.hubs.len() * 3,
        "{} hubs said goodbye",
        book.goodbyes
    );
    assert!(book.healths >= venue.hubs.len());

    let known: std::collections::HashSet<&Vec<u8>> = book.registered.values().collect();
    assert!(
        book.sightings.keys().all(|identity| known.contains(identity)),
        "only registered tags are heard"
    );
    assert!(
        book.sightings.len() > 550,
        "and nearly all of them: {}",
        book.sightings.len()
    );
    let taken: u64 = book.sightings.values().map(|count| u64::from(*count)).sum();
    assert!(summary.end.sightings_taken <= taken && taken > 2_000, "{taken}");

    assert!(book.queries.len() as u64 >= summary.end.queries && summary.end.queries > 100);
    for (who, token) in &book.queries {
        let number: u32 = who.strip_prefix("fan-").unwrap().parse().unwrap();
        assert_eq!(
            token == "service",
            number.is_multiple_of(3),
            "{who} asked with the token {token}"
        );
    }
    assert!(
        book.orders
            .iter()
            .all(|(who, place)| book.registered.contains_key(who) && venue.place_by_id(place).is_some())
    );
    for kind in [OutcomeKind::Impression, OutcomeKind::Accept, OutcomeKind::Convert] {
        assert!(
            book.outcomes.iter().any(|(_, reported)| *reported == kind),
            "somebody reports {kind:?}"
        );
    }
    assert!(summary.end.phones_open <= 16);
    assert!(!summary.end.recent.is_empty() && summary.end.recent.iter().all(|answer| answer.message == "Go"));
    assert_eq!(summary.end.latency_us.len(), summary.end.queries);
}

#[tokio::test]
async fn a_break_of_every_connection_loses_no_sighting() {
    let venue = stadium();
    let gateway = TestGateway::start(&venue);
    let hubs = Settings {
        hubs_max: Some(20),
        ..settings(200)
    };
    let mut lost = false;
    let summary = run_until(&gateway, &venue, hubs, Arc::new(Everybody), |snapshot, book| {
        if !lost && book.sightings.values().sum::<u32>() > 500 {
            gateway.lose_connections();
            lost = true;
        }
        lost && snapshot.hubs_connected == 20 && book.hellos >= 40 && book.sightings.values().sum::<u32>() > 3_000
    })
    .await;
    let book = gateway.book.borrow();
    assert_eq!((book.skipped, summary.end.sightings_dropped), (0, 0));
    assert!(
        summary.end.hub_errors >= 20,
        "every break is counted: {}",
        summary.end.hub_errors
    );
}

/// Nobody but one hub has a certificate.
struct OneHub;

impl Credentials for OneHub {
    fn hub(&self, hub_id: &str) -> Option<nextbest_client::Credentials> {
        hub_id.ends_with('7').then(|| Everybody.hub(hub_id)).flatten()
    }

    fn app_token(&self, _customer: &str) -> Option<String> {
        None
    }

    fn service_token(&self) -> String {
        "service".to_owned()
    }
}

#[tokio::test]
async fn hubs_without_a_certificate_stay_off_and_are_counted() {
    let venue = stadium();
    let gateway = TestGateway::start(&venue);
    let with = venue.hubs.iter().filter(|hub| hub.id.ends_with('7')).count();
    let summary = run_until(&gateway, &venue, settings(20), Arc::new(OneHub), |snapshot, _| {
        snapshot.hubs_connected as usize == with
    })
    .await;
    assert_eq!(
        (summary.hubs, summary.end.hub_errors as usize),
        (with, venue.hubs.len() - with)
    );
    assert!(
        gateway
            .book
            .borrow()
            .queries
            .iter()
            .all(|(_, token)| token == "service")
    );
}

#[tokio::test]
async fn without_a_gateway_it_says_so() {
    let venue = stadium();
    let mut addresses = TestGateway::start(&venue).addresses;
    addresses.server_name = "elsewhere".to_owned();
    let (_stop, stopped) = watch::channel(false);
    let ended = run(
        venue,
        settings(1),
        addresses,
        Arc::new(Everybody),
        clock(),
        Arc::default(),
        stopped,
    )
    .await;
    assert!(matches!(ended, Err(DriveError::Service { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_recording_arrives_whole_and_in_order() {
    let source = |text: &str| Source {
        name: "text".into(),
        text: text.into(),
    };
    let hubs = parse_hubs(&source("hub,x_m,y_m,z_m\na1,0,0,2\nb2,5,0,2\n")).unwrap();
    let line = |n: u32| {
        format!(
            "{},{},e78f135624ce,-{},1.0,2.0\n",
            n * 10,
            ["a1", "b2"][n as usize % 2],
            60 + n % 30
        )
    };
    let text = format!(
        "t_ms,hub,tag,rssi_dbm,x_m,y_m\n{}",
        (0..500).map(line).collect::<String>()
    );
    let walks = ["one", "two"]
        .map(|name| parse_walk(name, &source(&text), &hubs).unwrap())
        .into();
    let recording = Recording { hubs, walks };

    let gateway = TestGateway::start(&stadium());
    let settings = ReplaySettings {
        venue_id: "floor".into(),
        register_as: Some("walker".into()),
        gap_ms: 1_000,
        boot_epoch: 3,
    };
    let (_stop, stopped) = watch::channel(false);
    let played = replay(
        &recording,
        settings,
        gateway.addresses.clone(),
        Arc::new(Everybody),
        clock(),
        Arc::default(),
        stopped,
    );
    let summary = timeout(Duration::from_secs(60), played).await.unwrap().unwrap();

    let book = gateway.book.borrow();
    let tag = vec![0xe7, 0x8f, 0x13, 0x56, 0x24, 0xce];
    assert_eq!(book.registered.get("walker"), Some(&tag));
    assert_eq!(
        (summary.sightings, book.sightings.get(&tag).copied(), book.skipped),
        (1_000, Some(1_000), 0)
    );
    assert_eq!(book.next.get(&("a1".to_owned(), 3)), Some(&500));
    let [one, two] = &summary.walks[..] else {
        panic!("two walks")
    };
    assert!(two.began_ms >= one.began_ms + one.lasts_ms + 1_000);
}
