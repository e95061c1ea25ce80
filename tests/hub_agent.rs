//! What a radio hears arrives at a real gateway once, also when the gateway or the agent is killed in between.
//!
//! The radio is a script, the gateway and its sockets are real. BlueZ itself is in `hub_agent_bluez.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[expect(dead_code, reason = "apps and hubs of other tests come in there, too")]
mod house;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use house::{House, WAIT};
use nextbest::engine::{Engine, Generation};
use nextbest::hub::agent::{self, Health};
use nextbest::hub::board::clock_reading;
use nextbest::hub::ear::Ear;
use nextbest::hub::only::Only;
use nextbest::hub::radio::{Heard, Radio, RadioEvent, RadioReport};
use nextbest::serve::clock::Clock;
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::metrics::Counter;
use nextbest::serve::{Gateway, GatewaySettings};
use nextbest_client::{
    BackoffSettings, ClientEndpoint, Credentials, HubClient, HubClientSettings, HubHelloSettings, HubTarget,
    OutboxStore, Trust,
};
use nextbest_proto::advert::address::Address;
use nextbest_proto::advert::ibeacon::IBeacon;
use nextbest_proto::v1::RadioState;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// A radio that hears what it is told, at once, and then nothing.
struct Script(std::vec::IntoIter<RadioEvent>, Option<oneshot::Sender<()>>);

impl Radio for Script {
    async fn next(&mut self) -> Option<RadioEvent> {
        if let Some(event) = self.0.next() {
            return Some(event);
        }
        if let Some(all_said) = self.1.take() {
            all_said.send(()).unwrap();
        }
        std::future::pending().await
    }
}

fn state(state: RadioState) -> RadioEvent {
    RadioEvent::State(RadioReport {
        adapter: "hci0".into(),
        state,
        reason: String::new(),
    })
}

/// The n-th advertisement: an iBeacon whose minor is its number.
fn heard(n: u16) -> RadioEvent {
    let beacon = IBeacon {
        uuid: [0x2f; 16],
        major: 1,
        minor: n,
        tx_1m_dbm: -59,
    };
    RadioEvent::Heard(Heard {
        address: Address::new([0xc0, 1, 2, 3, 4, (n % 20) as u8], true),
        rssi_dbm: Some(-60),
        advertisement: beacon.advertisement().to_vec(),
        at: Instant::now(),
    })
}

struct Agent {
    hub: HubClient,
}

impl Agent {
    fn start(keys: &KeyFolder, trust: Trust, to: SocketAddr, buffer: Option<&Path>) -> Self {
        let (chain, key) = keys.hub_pem("hub-west").unwrap();
        let target = HubTarget {
            to,
            server_name: "localhost".into(),
            trust,
            credentials: Credentials::from_pem(&chain, &key).unwrap(),
        };
        let hello = HubHelloSettings {
            hub_id: "hub-west".into(),
            venue_id: "hall".into(),
            boot_epoch: 7,
            ..HubHelloSettings::default()
        };
        let settings = HubClientSettings {
            backoff: BackoffSettings {
                seed: Some(1),
                ..BackoffSettings::default()
            },
            ..HubClientSettings::default()
        };
        let endpoint = ClientEndpoint::towards(to).unwrap();
        let hub = match buffer {
            None => HubClient::start(endpoint, target, hello, settings),
            Some(dir) => {
                let store = OutboxStore::open(dir, 7, clock_reading()).unwrap();
                HubClient::start_on_disk(endpoint, target, hello, settings, store)
            }
        };
        Self { hub: hub.unwrap() }
    }

    /// Hears the script to its end.
    async fn hear(&self, only: Option<&str>, script: Vec<RadioEvent>) -> Health {
        let only = only.map(|text| {
            let mut only = Only::default();
            only.add_file(text).unwrap();
            only
        });
        let (all_said, said) = oneshot::channel();
        let radio = Script(script.into_iter(), Some(all_said));
        let stop = async { said.await.unwrap() };
        let every = Duration::from_secs(3_600);
        agent::run(radio, Ear::new(only, Instant::now()), &self.hub, every, |_| {}, stop).await
    }

    /// Of a gateway that runs.
    fn of(house: &House, buffer: Option<&Path>) -> Self {
        Self::start(&house.keys, house.trust(), house.gateway.hub_addr(), buffer)
    }

    async fn flushed(&self) {
        timeout(WAIT, self.hub.flushed())
            .await
            .expect("all acknowledged in time");
    }
}

/// What the gateway has taken. Nobody is registered, so each sighting is one of an unknown tag.
fn taken(gateway: &Gateway) -> u64 {
    gateway.metrics().value(Counter::SightingUnknownTag)
}

fn repeated(gateway: &Gateway) -> u64 {
    gateway.metrics().value(Counter::SightingDuplicate)
}

#[tokio::test]
async fn every_advertisement_is_one_sighting_at_the_gateway() {
    let house = House::open();
    let agent = Agent::of(&house, None);
    let health = agent.hear(None, (0..5_000).map(heard).collect()).await;
    agent.flushed().await;
    assert_eq!(health.adverts.heard, 5_000);
    assert_eq!((taken(&house.gateway), repeated(&house.gateway)), (5_000, 0));
}

#[tokio::test]
async fn who_is_not_on_the_list_goes_no_further() {
    let house = House::open();
    let dir = TempDir::new().unwrap();
    let agent = Agent::of(&house, Some(dir.path()));
    // Minors below 256, by their first byte.
    let only = "ibeacon = ['2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f 0001 00']";
    let health = agent.hear(Some(only), (0..1_000).map(heard).collect()).await;
    agent.flushed().await;
    assert_eq!((health.adverts.heard, health.adverts.filtered), (1_000, 744));
    assert_eq!((taken(&house.gateway), repeated(&house.gateway)), (256, 0));
}

#[tokio::test]
async fn an_agent_that_is_killed_goes_on_with_its_numbers() {
    let house = House::open();
    let dir = TempDir::new().unwrap();
    for round in 0..4_u16 {
        let agent = Agent::of(&house, Some(dir.path()));
        let script = (round * 1_000..(round + 1) * 1_000).map(heard).collect();
        let health = agent.hear(None, script).await;
        assert_eq!(health.hub.boot_epoch, 7);
        // Dropped without a word: some are in flight, some not yet sent.
        drop(agent);
        // The runtime lets go of the buffer when it comes to it; a process that is killed does so at once.
        while OutboxStore::open(dir.path(), 7, clock_reading()).is_err() {
            tokio::task::yield_now().await;
        }
    }
    let agent = Agent::of(&house, Some(dir.path()));
    agent.flushed().await;
    assert_eq!(taken(&house.gateway), 4_000, "{} repeated", repeated(&house.gateway));
}

#[tokio::test]
async fn while_the_gateway_is_away_sightings_wait() {
    let house = House::open();
    let to = house.gateway.hub_addr();
    let (keys, trust) = (house.keys.clone(), house.trust());
    house.gateway.stop();
    let agent = Agent::start(&keys, trust, to, None);
    let health = agent.hear(None, (0..3_000).map(heard).collect()).await;
    assert_eq!((health.hub.held, health.hub.connected), (3_000, false));
    let settings = GatewaySettings {
        listen_hubs: to,
        patience: house::PATIENCE,
        ..GatewaySettings::default()
    };
    let engine = Engine::new(Generation::build(house::pack().spec).unwrap()).unwrap();
    let gateway = Gateway::start(&settings, Arc::new(engine), &keys, Clock::start()).unwrap();
    agent.flushed().await;
    assert_eq!((taken(&gateway), repeated(&gateway)), (3_000, 0));
}

#[tokio::test]
async fn the_state_of_the_radio_is_told() {
    let house = House::open();
    let agent = Agent::of(&house, None);
    let script = [
        RadioState::Starting,
        RadioState::Scanning,
        RadioState::Absent,
        RadioState::Starting,
        RadioState::Scanning,
        RadioState::Off,
    ];
    let health = agent.hear(None, script.into_iter().map(state).collect()).await;
    assert_eq!((health.radio.state, health.radio_restarts), (RadioState::Off, 1));
    assert_eq!(health.radio.adapter, "hci0");
}
