//! kill -9 of the real program with signals under way over real QUIC: after each restart every signal that was acknowledged
//! is there, and none is there twice, however often it was sent.
//!
//! `NEXTBEST_KILLS=200` kills it as often as that; the number is small by default, because each cycle starts a program.
//! That power loss loses nothing either is for `tests/journal.rs`: a killed program's writes stay with the system.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "house/hall.rs"]
mod hall;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nextbest::config;
use nextbest::engine::{Engine, Generation, KnownTrait};
use nextbest::serve::clock::{Clock, unix_s};
use nextbest::serve::durable::State;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::token::Role;
use nextbest::serve::{Gateway, GatewaySettings};
use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Trust};
use nextbest_proto::v1;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

/// Kills without `NEXTBEST_KILLS`.
const KILLS: u32 = 15;
/// Senders at a time, each with one signal under way.
const SENDERS: u32 = 8;
/// People whom the signals are about.
const PEOPLE: u64 = 20;
/// Longest wait for anything, so that a broken gateway fails a test instead of hanging it.
const WAIT: Duration = Duration::from_secs(30);

/// `nextbest serve`, until it is killed.
struct Serve {
    child: Child,
    apps: SocketAddr,
    /// What it says, which somebody has to be there for.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Serve {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nextbest"))
            .args(["serve", "--listen", "127.0.0.1:0", "--listen-hubs", "127.0.0.1:0"])
            .arg(format!("--pack={}/tests/data/hall", env!("CARGO_MANIFEST_DIR")))
            .arg("--keys")
            .arg(dir.join("keys"))
            .arg("--state")
            .arg(dir.join("state"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = Vec::new();
        for line in said.by_ref().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("listening for apps on ") {
                let apps = rest.split(' ').next().unwrap().parse().unwrap();
                return Self {
                    child,
                    apps,
                    _said: said,
                };
            }
            lines.push(line);
        }
        let ended = child.wait().unwrap();
        panic!("the gateway ended with {ended} and said {lines:?}");
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // SIGKILL: nothing of the program runs after it.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What was sent, and what became of it.
#[derive(Default)]
struct Book {
    next: u64,
    /// Acknowledged.
    acknowledged: BTreeSet<u64>,
    /// Sent, and nobody knows.
    open: BTreeSet<u64>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no setting of a gateway"
)]
fn kills() -> u32 {
    std::env::var("NEXTBEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

fn order(number: u64) -> v1::Signal {
    v1::Signal {
        message_id: format!("order-{number}"),
        kind: v1::SignalKind::Track.into(),
        subject: subject(number),
        name: "Order Completed".into(),
        ..v1::Signal::default()
    }
}

fn subject(number: u64) -> String {
    format!("fan-{}", number % PEOPLE)
}

async fn connect(serve: &Serve, keys: &KeyFolder) -> AppSession {
    let token = keys.token_signer().unwrap();
    let token = token.sign("till", Role::Service, unix_s(), 3_600).unwrap();
    let hello = AppHelloSettings {
        token,
        ..AppHelloSettings::default()
    };
    let trust = Trust::from_der(&keys.authority().unwrap()).unwrap();
    let endpoint = ClientEndpoint::towards(serve.apps).unwrap();
    let connecting = AppSession::connect(&endpoint, serve.apps, "localhost", &trust, hello);
    tokio::time::timeout(WAIT, connecting)
        .await
        .expect("a welcome in time")
        .unwrap()
}

/// Sends the open ones again, all of which must come to be acknowledged; and some that were acknowledged, which must
/// all be duplicates.
async fn settle(app: &AppSession, book: &mut Book, rng: &mut ChaCha8Rng) {
    for number in std::mem::take(&mut book.open) {
        app.signal(order(number)).await.unwrap();
        book.acknowledged.insert(number);
    }
    let latest: Vec<u64> = book.acknowledged.iter().rev().take(30).copied().collect();
    for number in latest {
        let ack = app.signal(order(number)).await.unwrap();
        assert!(
            ack.duplicate,
            "order {number} was acknowledged, and was not there after a restart"
        );
    }
    if let Some(any) = book
        .acknowledged
        .iter()
        .nth(rng.random_range(0..book.acknowledged.len().max(1)))
    {
        assert!(app.signal(order(*any)).await.unwrap().duplicate, "order {any}");
    }
}

/// Sends new signals until the program is killed, which it is after so many acknowledgements.
async fn send_until_killed(serve: Serve, app: AppSession, book: &mut Book, kill_after: u64) {
    let (app, acknowledged) = (Arc::new(app), Arc::new(AtomicU64::new(0)));
    let (first, killed) = (book.next, Arc::new(tokio::sync::Notify::new()));
    let senders: Vec<_> = (0..u64::from(SENDERS))
        .map(|sender| {
            let (app, acknowledged, killed) = (Arc::clone(&app), Arc::clone(&acknowledged), Arc::clone(&killed));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for round in 0.. {
                    let number = first + sender + round * u64::from(SENDERS);
                    let is_acknowledged = app.signal(order(number)).await.is_ok();
                    mine.push((number, is_acknowledged));
                    if !is_acknowledged {
                        break;
                    }
                    if acknowledged.fetch_add(1, Ordering::Relaxed) + 1 == kill_after {
                        killed.notify_one();
                    }
                }
                mine
            })
        })
        .collect();
    tokio::time::timeout(WAIT, killed.notified())
        .await
        .expect("acknowledgements in time");
    drop(serve);
    // The program is gone; nobody has to wait for its connection to time out.
    app.close();
    for sender in senders {
        for (number, is_acknowledged) in tokio::time::timeout(WAIT, sender).await.expect("an end").unwrap() {
            book.next = book.next.max(number + 1);
            if is_acknowledged {
                book.acknowledged.insert(number);
            } else {
                book.open.insert(number);
            }
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_and_nothing_is_applied_twice() {
    let dir = TempDir::new().unwrap();
    let request = KeyRequest {
        venue_id: "hall".into(),
        hub_ids: vec!["hub-west".into()],
        ..KeyRequest::default()
    };
    make_keys(&dir.path().join("keys"), &request, unix_s()).unwrap();
    let keys = KeyFolder::open(&dir.path().join("keys")).unwrap();
    let kills = kills();
    let (mut book, mut rng) = (Book::default(), ChaCha8Rng::seed_from_u64(7));
    for _ in 0..kills {
        let serve = Serve::start(dir.path());
        let app = connect(&serve, &keys).await;
        settle(&app, &mut book, &mut rng).await;
        send_until_killed(serve, app, &mut book, rng.random_range(1..60)).await;
    }
    let serve = Serve::start(dir.path());
    let app = connect(&serve, &keys).await;
    settle(&app, &mut book, &mut rng).await;
    drop(serve);
    println!("{kills} kills, {} signals acknowledged", book.acknowledged.len());
    check_counts(dir.path(), &keys, &book);
}

/// Every signal was counted once, as a gateway that is started in this process says.
fn check_counts(dir: &Path, keys: &KeyFolder, book: &Book) {
    let engine = Engine::new(Generation::build(config::load(&hall::files()).unwrap()).unwrap()).unwrap();
    let state = State::folder(&dir.join("state")).unwrap();
    let settings = GatewaySettings::default();
    let gateway = Gateway::start_kept(&settings, Arc::new(engine), keys, Clock::start(), &state).unwrap();
    let mut orders = BTreeMap::<String, f32>::new();
    for number in &book.acknowledged {
        *orders.entry(subject(*number)).or_default() += 1.0;
    }
    assert!(!orders.is_empty());
    for (person, orders) in orders {
        let known = gateway
            .known(&person)
            .unwrap_or_else(|| panic!("{person} is not known"));
        assert_eq!(
            known.traits,
            [("orders".to_owned(), KnownTrait::Number(orders))],
            "{person}"
        );
    }
    gateway.stop();
}
