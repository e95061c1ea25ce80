//! A gateway of the hall that keeps its state in any storage, with sessions of a till and of customers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "../house/hall.rs"]
mod hall;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nextbest::config;
use nextbest::engine::spec::Spec;
use nextbest::engine::{Engine, Generation, KnownTrait};
use nextbest::journal::storage::Storage;
use nextbest::serve::clock::{Clock, unix_s};
use nextbest::serve::durable::State;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::token::Role;
use nextbest::serve::{Gateway, GatewaySettings, StartError};
use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Trust};
use nextbest_proto::v1;
use tempfile::TempDir;

/// Longest wait for anything, so that a broken gateway fails a test instead of hanging it.
pub(crate) const WAIT: Duration = Duration::from_secs(30);
/// People whom orders are about.
pub(crate) const PEOPLE: u64 = 20;

/// A gateway that keeps its state.
pub(crate) struct Kept {
    pub(crate) gateway: Gateway,
    pub(crate) engine: Arc<Engine>,
}

/// How a gateway is started.
#[derive(Clone, Copy, Default)]
pub(crate) struct How {
    /// Threads that read people back.
    pub(crate) threads: Option<usize>,
    /// Where operators look; anywhere by default.
    pub(crate) http: Option<SocketAddr>,
    /// How long a stop waits for what is under way; not at all by default.
    pub(crate) drain_wait: Duration,
}

impl Kept {
    pub(crate) fn start(
        storage: Arc<dyn Storage>,
        how: How,
        change: impl FnOnce(&mut Spec),
    ) -> Result<Self, StartError> {
        let mut spec = config::load(&hall::files()).unwrap();
        change(&mut spec);
        let engine = Arc::new(Engine::new(Generation::build(spec).unwrap()).unwrap());
        let settings = GatewaySettings {
            http: Some(how.http.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))),
            drain_wait: how.drain_wait,
            // Tests share their machine with each other.
            patience: 1_000,
            ..GatewaySettings::default()
        };
        let mut state = State::in_storage(storage);
        // Small, so that a start and its crash cost little.
        state.settings.segment_len = 1 << 20;
        state.settings.queue_bytes_max = 256 << 10;
        state.threads = how.threads;
        let gateway = Gateway::start_kept(&settings, Arc::clone(&engine), keys(), Clock::start(), &state)?;
        Ok(Self { gateway, engine })
    }

    /// A session that speaks for everybody.
    pub(crate) async fn till(&self) -> AppSession {
        self.session("till", Role::Service).await
    }

    /// A customer's own session, which listens to pushes.
    pub(crate) async fn phone(&self, customer: &str) -> AppSession {
        self.session(customer, Role::Customer).await
    }

    async fn session(&self, subject: &str, role: Role) -> AppSession {
        let hello = AppHelloSettings {
            token: token(subject, role),
            subscribe: role == Role::Customer,
            ..AppHelloSettings::default()
        };
        let trust = Trust::from_der(&keys().authority().unwrap()).unwrap();
        let to = self.gateway.app_addr();
        let endpoint = ClientEndpoint::towards(to).unwrap();
        let connecting = AppSession::connect(&endpoint, to, "localhost", &trust, hello);
        tokio::time::timeout(WAIT, connecting)
            .await
            .expect("a welcome in time")
            .unwrap()
    }

    /// What operators are told.
    pub(crate) fn get(&self, path: &str) -> String {
        get(self.gateway.public_addr().unwrap(), path)
    }

    /// Orders that were counted for a person.
    pub(crate) fn orders(&self, person: &str) -> Option<f32> {
        let known = self.gateway.known(person)?;
        match known.traits.first() {
            Some((name, KnownTrait::Number(orders))) if name == "orders" => Some(*orders),
            other => panic!("{other:?}"),
        }
    }
}

/// What a listener answers to a GET, head and body.
pub(crate) fn get(to: SocketAddr, path: &str) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(keys().authority().unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = TcpStream::connect(to).unwrap();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The n-th order, of one of the people.
pub(crate) fn order(number: u64) -> v1::Signal {
    v1::Signal {
        message_id: format!("order-{number}"),
        kind: v1::SignalKind::Track.into(),
        subject: fan(number),
        name: "Order Completed".into(),
        ..v1::Signal::default()
    }
}

/// Whose the n-th order is.
pub(crate) fn fan(number: u64) -> String {
    format!("fan-{}", number % PEOPLE)
}

/// Who asks for food.
pub(crate) fn food(subject: &str) -> v1::Query {
    v1::Query {
        subject: subject.into(),
        want: "food".into(),
        ..v1::Query::default()
    }
}

fn token(subject: &str, role: Role) -> String {
    keys()
        .token_signer()
        .unwrap()
        .sign(subject, role, unix_s(), 3_600)
        .unwrap()
}

/// Keys of the hall, made once.
fn keys() -> &'static KeyFolder {
    static KEYS: OnceLock<(TempDir, KeyFolder)> = OnceLock::new();
    let make = || {
        let dir = TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            hub_ids: vec!["hub-west".into()],
            ..KeyRequest::default()
        };
        make_keys(dir.path(), &request, unix_s()).unwrap();
        let keys = KeyFolder::open(dir.path()).unwrap();
        (dir, keys)
    };
    &KEYS.get_or_init(make).1
}
