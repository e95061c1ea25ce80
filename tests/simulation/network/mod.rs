//! The gateway's listeners and sessions and the client library's, with QUIC between them, on a network that is drawn from
//! a seed and on time that is paused.
//!
//! Packets are lost, doubled, delayed and reordered; hubs and phones are cut off for eight seconds; hubs boot anew; the
//! wall clock jumps by a day; the journal's disk takes its time. In the end the network heals, and what was promised is
//! counted: every sighting that was acknowledged was taken once, every signal was applied once, every query was answered
//! or refused in words.
//!
//! Reading order: this file (the run and what must hold), [`wire`] (the network), [`disk`] (the journal), [`venue`] (the
//! keys). Deliberately absent: who is where, which the core's simulation looks at.

mod disk;
mod venue;
mod wire;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nextbest::engine::{Engine, Generation};
use nextbest::serve::GatewaySettings;
use nextbest::serve::clock::Clock;
use nextbest::serve::inside::Inside;
use nextbest::serve::metrics::Counter;
use nextbest::serve::token::Role;
use nextbest_client::{
    AppClient, AppClientSettings, AppHelloSettings, BackoffSettings, Credentials, HubClient, HubClientSettings,
    HubHelloSettings, HubTarget, RequestError, Trust,
};
use nextbest_proto::v1;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use disk::Disk;
pub(crate) use venue::Hall;
use venue::{CUSTOMERS, HUBS, START_UNIX_S};
use wire::Network;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(30);
/// How long peers may take to come back after that.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long somebody is cut off.
const PARTITION: Duration = Duration::from_secs(8);
/// Life of a token, in seconds.
const TOKEN_LIFE_S: u64 = 3_600;

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    /// A fold of all packets that were sent, and how many.
    pub(crate) trace: (u64, u64),
    pub(crate) acked: u64,
    pub(crate) taken: u64,
    pub(crate) signals: u64,
    pub(crate) answered: u64,
    pub(crate) refused: u64,
}

/// What everybody in a run shares.
struct Run {
    hall: Rc<Hall>,
    engine: Arc<Engine>,
    gateway: Inside,
    network: Arc<Network>,
    disk: Arc<Disk>,
    clock: Clock,
    unix_ms: &'static AtomicU64,
    seen: RefCell<Seen>,
}

/// What was sent, and what was said of it.
#[derive(Default)]
struct Seen {
    /// Signals that were sent, by who sent them.
    sent: BTreeSet<(usize, String)>,
    acked: BTreeSet<(usize, String)>,
    answered: u64,
    refused: u64,
    /// By hub, of the boots that are over: sightings pushed, and acknowledged.
    pushed: [u64; HUBS.len()],
    acked_of_hub: [u64; HUBS.len()],
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

const APPS_PORT: u16 = 1;
const HUBS_PORT: u16 = 2;

fn hub_at(hub: usize) -> SocketAddr {
    at(100 + hub as u16)
}

fn phone_at(phone: usize) -> SocketAddr {
    at(200 + phone as u16)
}

/// Runs one seed; panics at the first broken promise.
pub(crate) fn run(seed: u64, hall: &Rc<Hall>) -> Came {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .unwrap();
    runtime.block_on(go(seed, Rc::clone(hall)))
}

async fn go(seed: u64, hall: Rc<Hall>) -> Came {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let network = Network::new(rng.random(), rng.random_range(0.0..0.3));
    let disk = Disk::new(rng.random());
    let unix_ms: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(START_UNIX_S * 1_000)));
    let clock = Clock::of_runtime(unix_ms);
    let engine = Arc::new(Engine::new(Generation::build(hall.pack.spec.clone()).unwrap()).unwrap());
    let settings = GatewaySettings::default();
    let sockets = (network.socket(at(APPS_PORT)), network.socket(at(HUBS_PORT)));
    let journal = Arc::clone(&disk) as _;
    let gateway = Inside::start(&settings, Arc::clone(&engine), &hall.keys, clock, journal, sockets).unwrap();
    let run = Rc::new(Run {
        hall,
        engine,
        gateway,
        network,
        disk,
        clock,
        unix_ms,
        seen: RefCell::default(),
    });
    let apps: Vec<Rc<AppClient>> = (0..CUSTOMERS.len())
        .map(|phone| Rc::new(run.app(phone, rng.random())))
        .collect();
    let mut tasks = Vec::new();
    for hub in 0..HUBS.len() {
        tasks.push(spawn_local(Rc::clone(&run).hub(hub, rng.random())));
    }
    for (phone, app) in apps.iter().enumerate() {
        tasks.push(spawn_local(Rc::clone(&run).phone(phone, Rc::clone(app), rng.random())));
    }
    tasks.push(spawn_local(Rc::clone(&run).trouble(apps.clone(), rng.random())));
    tasks.push(spawn_local(Rc::clone(&run).watch()));
    for task in tasks {
        if let Err(error) = task.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    run.settle(&apps).await
}

impl Run {
    fn token(&self, phone: usize) -> String {
        let unix_s = self.clock.unix_s();
        let signer = self.hall.keys.token_signer().unwrap();
        signer
            .sign(CUSTOMERS[phone], Role::Customer, unix_s, TOKEN_LIFE_S)
            .unwrap()
    }

    fn trust(&self) -> Trust {
        Trust::from_der(&self.hall.keys.authority().unwrap()).unwrap()
    }

    fn app(&self, phone: usize, seed: u64) -> AppClient {
        let hello = AppHelloSettings {
            token: self.token(phone),
            subscribe: true,
            ..AppHelloSettings::default()
        };
        let settings = AppClientSettings {
            backoff: seeded(seed),
            ..AppClientSettings::default()
        };
        let endpoint = self.network.client(phone_at(phone));
        AppClient::start(endpoint, at(APPS_PORT), "localhost", self.trust(), hello, settings)
    }

    fn hub_client(&self, hub: usize, boot_epoch: u64, seed: u64) -> HubClient {
        let (chain, key) = self.hall.keys.hub_pem(HUBS[hub]).unwrap();
        let target = HubTarget {
            to: at(HUBS_PORT),
            server_name: "localhost".to_owned(),
            trust: self.trust(),
            credentials: Credentials::from_pem(&chain, &key).unwrap(),
        };
        let hello = HubHelloSettings {
            hub_id: HUBS[hub].to_owned(),
            venue_id: "hall".to_owned(),
            boot_epoch,
            ..HubHelloSettings::default()
        };
        let settings = HubClientSettings {
            backoff: seeded(seed),
            ..HubClientSettings::default()
        };
        HubClient::start(self.network.client(hub_at(hub)), target, hello, settings).unwrap()
    }

    /// A hub hears tags, and boots anew now and then: what it had not sent is lost with it.
    async fn hub(self: Rc<Self>, hub: usize, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut client, mut boot_epoch) = (self.hub_client(hub, 1, seed), 1);
        let end = Instant::now() + TROUBLE;
        while Instant::now() < end {
            sleep(Duration::from_millis(rng.random_range(100..400))).await;
            for tag in 0..rng.random_range(1..5) {
                client.push(v1::Sighting {
                    identity_kind: v1::IdentityKind::Address.into(),
                    identity: vec![0xe7, 0x8f, 0x13, 0, 0, tag].into(),
                    rssi_dbm: rng.random_range(-90..-50),
                    // The clock of a hub says what it likes.
                    age_ms: if rng.random_bool(0.05) { rng.random() } else { 0 },
                });
            }
            if rng.random_bool(0.015) {
                self.hub_is_over(hub, &client);
                drop(client);
                sleep(Duration::from_millis(rng.random_range(0..3_000))).await;
                boot_epoch += 1;
                client = self.hub_client(hub, boot_epoch, rng.random());
            }
        }
        // What it still has goes out once the network lets it.
        self.network_is_healed().await;
        let flushed = timeout(RECOVERY, client.flushed()).await;
        assert!(flushed.is_ok(), "a hub did not come back: {:?}", client.statistics());
        self.hub_is_over(hub, &client);
        client.close("the end").await;
    }

    fn hub_is_over(&self, hub: usize, client: &HubClient) {
        let sightings = client.statistics().sightings;
        let mut seen = self.seen.borrow_mut();
        seen.pushed[hub] += sightings.pushed;
        seen.acked_of_hub[hub] += sightings.acked;
    }

    async fn network_is_healed(&self) {
        let healed_at = Duration::from_secs(1) + TROUBLE;
        let left = healed_at.saturating_sub(Duration::from_micros(self.clock.now().as_micros()));
        sleep(left).await;
    }

    /// Somebody asks, does something, and says so again when it is not sure that it was heard.
    async fn phone(self: Rc<Self>, phone: usize, app: Rc<AppClient>, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let end = Instant::now() + TROUBLE;
        let mut number = 0;
        while Instant::now() < end {
            sleep(Duration::from_millis(rng.random_range(50..700))).await;
            if rng.random_bool(0.5) {
                let asked = app.query(food()).await;
                self.note(&asked);
                continue;
            }
            if rng.random_bool(0.8) {
                number += 1;
            }
            let message_id = format!("order-{number}");
            self.seen.borrow_mut().sent.insert((phone, message_id.clone()));
            let said = app.signal(order(&message_id)).await;
            self.note(&said);
            if said.is_ok() {
                let mut seen = self.seen.borrow_mut();
                seen.acked.insert((phone, message_id));
                let durable = self.disk.durable_len();
                let acked = seen.acked.len();
                assert!(
                    acked <= durable,
                    "{acked} signals acknowledged, {durable} records durable"
                );
            }
        }
    }

    fn note<R>(&self, result: &Result<R, RequestError>) {
        let mut seen = self.seen.borrow_mut();
        match result {
            Ok(_) => seen.answered += 1,
            Err(error @ RequestError::Protocol(_)) => panic!("{error}"),
            Err(_) => seen.refused += 1,
        }
    }

    /// Somebody is cut off, the wall clock jumps, and after half a minute all is well.
    async fn trouble(self: Rc<Self>, apps: Vec<Rc<AppClient>>, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let addresses = [
            phone_at(0),
            phone_at(1),
            hub_at(0),
            hub_at(1),
            at(APPS_PORT),
            at(HUBS_PORT),
        ];
        let end = Instant::now() + TROUBLE - PARTITION - Duration::from_secs(8);
        while Instant::now() < end {
            sleep(Duration::from_millis(rng.random_range(500..6_000))).await;
            let cut_off = addresses[rng.random_range(0..addresses.len())];
            self.network.cut(cut_off);
            if rng.random_bool(0.5) {
                let day_ms = 86_400_000;
                let jump_ms = rng.random_range(-day_ms..day_ms);
                let jumped = self.unix_ms.load(Ordering::Relaxed).saturating_add_signed(jump_ms);
                self.unix_ms.store(jumped, Ordering::Relaxed);
                // A token is of a time by the wall clock; whoever issues them has the same one.
                for (phone, app) in apps.iter().enumerate() {
                    app.renew_token(self.token(phone));
                }
            }
            sleep(PARTITION).await;
            self.network.mend(cut_off);
        }
        sleep(
            Duration::from_secs(1)
                .saturating_add(TROUBLE)
                .saturating_sub(self.since_start()),
        )
        .await;
        self.network.heal();
    }

    fn since_start(&self) -> Duration {
        Duration::from_micros(self.clock.now().as_micros())
    }

    /// Time runs as the runtime says, whatever the wall clock does; and hubs that speak live.
    async fn watch(self: Rc<Self>) {
        let began = Instant::now();
        while began.elapsed() < TROUBLE {
            sleep(Duration::from_millis(250)).await;
            self.unix_ms.fetch_add(250, Ordering::Relaxed);
            let late = began.elapsed().abs_diff(self.since_start());
            assert!(
                late < Duration::from_millis(2),
                "the gateway's clock is off by {late:?}"
            );
        }
    }

    /// All is well again: everything that was promised is counted.
    async fn settle(&self, apps: &[Rc<AppClient>]) -> Came {
        let sent: Vec<(usize, String)> = self.seen.borrow().sent.iter().cloned().collect();
        for (phone, message_id) in &sent {
            let said = again(|| apps[*phone].signal(order(message_id))).await;
            let was_acked = self.seen.borrow().acked.contains(&(*phone, message_id.clone()));
            assert!(
                said.duplicate || !was_acked,
                "{message_id} was acknowledged, and is new"
            );
        }
        let metrics = self.gateway.metrics();
        assert_eq!(
            metrics.value(Counter::SignalApplied),
            sent.len() as u64,
            "each signal once"
        );
        for app in apps {
            let decision = again(|| app.query(food())).await;
            assert_eq!(decision.generation, self.engine.generation().number());
        }
        let seen = self.seen.borrow();
        let mut came = Came {
            trace: self.network.trace(),
            signals: sent.len() as u64,
            answered: seen.answered,
            refused: seen.refused,
            ..Came::default()
        };
        for (hub, state) in self.engine.hubs(self.clock.now()).enumerate() {
            let counts = state.counts;
            let taken =
                counts.used + counts.unknown + counts.late + counts.contradicted + counts.unmeasured + counts.bad;
            let (acked, pushed) = (seen.acked_of_hub[hub], seen.pushed[hub]);
            assert!(
                acked <= taken,
                "hub {hub}: {acked} sightings acknowledged, {taken} taken"
            );
            assert!(taken <= pushed, "hub {hub}: {taken} sightings taken, {pushed} sent");
            came.acked += acked;
            came.taken += taken;
        }
        came
    }
}

/// Asks until there is an answer; the network is well, so that comes soon.
async fn again<R, F: Future<Output = Result<R, RequestError>>>(ask: impl Fn() -> F) -> R {
    let mut last = None;
    for _ in 0..20 {
        match ask().await {
            Ok(reply) => return reply,
            Err(error) => last = Some(error),
        }
        sleep(Duration::from_secs(1)).await;
    }
    panic!("nobody answers on a network that is well: {last:?}");
}

fn seeded(seed: u64) -> BackoffSettings {
    BackoffSettings {
        seed: Some(seed),
        ..BackoffSettings::default()
    }
}

fn food() -> v1::Query {
    v1::Query {
        want: "food".into(),
        ..v1::Query::default()
    }
}

fn order(message_id: &str) -> v1::Signal {
    v1::Signal {
        message_id: message_id.into(),
        kind: v1::SignalKind::Track.into(),
        name: "Order Completed".into(),
        ..v1::Signal::default()
    }
}
