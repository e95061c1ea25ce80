//! A gateway in a hall with two stands, on loopback, for tests that come in through the public doors.
//!
//! Each test has a gateway and keys of its own. Nothing sleeps: tests wait for acknowledgements and answers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod hall;

use std::fs;

use std::sync::Arc;
use std::time::Duration;

use nextbest::config::Pack;
use nextbest::engine::{Engine, Generation};
use nextbest::serve::clock::{Clock, unix_s};
use nextbest::serve::identities::IdentityLimits;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::token::{Role, TokenSigner};
use nextbest::serve::{Gateway, GatewaySettings};
use nextbest_client::{
    AppHelloSettings, AppSession, ClientEndpoint, ConnectError, Credentials, HubEvent, HubHelloSettings, HubSession,
    Trust,
};
use nextbest_proto::v1;
use tempfile::TempDir;

/// Longest wait for anything, so that a broken gateway fails a test instead of hanging it.
pub(crate) const WAIT: Duration = Duration::from_secs(20);
/// As many times longer than in a venue packets may wait, because tests share their machine with each other.
pub(crate) const PATIENCE: u32 = 1_000;
pub(crate) const HUBS: [&str; 3] = ["hub-west", "hub-middle", "hub-east"];

pub(crate) struct House {
    pub(crate) gateway: Gateway,
    pub(crate) keys: KeyFolder,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Clock,
    pub(crate) signer: TokenSigner,
    pub(crate) dir: TempDir,
}

impl House {
    pub(crate) fn open() -> Self {
        Self::open_with(&GatewaySettings {
            drain_wait: Duration::ZERO,
            ..GatewaySettings::default()
        })
    }

    pub(crate) fn open_with(settings: &GatewaySettings) -> Self {
        let mut settings = settings.clone();
        if settings.identities.customer == IdentityLimits::DEFAULT.customer {
            // Tests ask again and again until something has happened.
            settings.identities.customer = IdentityLimits::DEFAULT.service;
        }
        if settings.test_query_cost.is_zero() {
            settings.patience = PATIENCE;
        }
        let settings = &settings;
        let dir = TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            hub_ids: HUBS.into_iter().chain(["hub-nowhere"]).map(str::to_owned).collect(),
            customer_ids: vec!["ada".into()],
            ..KeyRequest::default()
        };
        make_keys(dir.path(), &request, unix_s()).unwrap();
        let keys = KeyFolder::open(dir.path()).unwrap();
        let generation = Generation::build(pack().spec).unwrap();
        let engine = Arc::new(Engine::new(generation).unwrap());
        let clock = Clock::start();
        let gateway = Gateway::start(settings, Arc::clone(&engine), &keys, clock).unwrap();
        Self {
            gateway,
            engine,
            clock,
            signer: keys.token_signer().unwrap(),
            keys,
            dir,
        }
    }

    /// How many hubs are alive.
    pub(crate) fn alive_hubs(&self) -> usize {
        self.engine.hubs(self.clock.now()).filter(|hub| hub.is_alive).count()
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_der(&self.keys.authority().unwrap()).unwrap()
    }

    pub(crate) fn token(&self, customer: &str) -> String {
        self.signer.sign(customer, Role::Customer, unix_s(), 3_600).unwrap()
    }

    pub(crate) fn service_token(&self) -> String {
        self.signer.sign("till", Role::Service, unix_s(), 3_600).unwrap()
    }

    pub(crate) async fn app(&self, token: String) -> Result<AppSession, ConnectError> {
        self.app_with(AppHelloSettings {
            token,
            ..AppHelloSettings::default()
        })
        .await
    }

    pub(crate) async fn app_with(&self, hello: AppHelloSettings) -> Result<AppSession, ConnectError> {
        let to = self.gateway.app_addr();
        AppSession::connect(
            &ClientEndpoint::towards(to).unwrap(),
            to,
            "localhost",
            &self.trust(),
            hello,
        )
        .await
    }

    pub(crate) async fn hub(&self, hub_id: &str, boot_epoch: u64) -> Result<HubSession, ConnectError> {
        let hello = HubHelloSettings {
            boot_epoch,
            ..self.hub_hello(hub_id)
        };
        self.hub_with(hub_id, hello).await
    }

    pub(crate) fn hub_hello(&self, hub_id: &str) -> HubHelloSettings {
        HubHelloSettings {
            hub_id: hub_id.into(),
            venue_id: "hall".into(),
            boot_epoch: 1,
            ..HubHelloSettings::default()
        }
    }

    pub(crate) async fn hub_with(
        &self,
        certificate: &str,
        hello: HubHelloSettings,
    ) -> Result<HubSession, ConnectError> {
        let read = |name: String| fs::read_to_string(self.dir.path().join("hubs").join(name)).unwrap();
        let (chain, key) = (read(format!("{certificate}.pem")), read(format!("{certificate}.key")));
        let credentials = Credentials::from_pem(&chain, &key).unwrap();
        let to = self.gateway.hub_addr();
        let endpoint = ClientEndpoint::towards(to).unwrap();
        HubSession::connect(&endpoint, to, "localhost", &self.trust(), &credentials, hello).await
    }
}

/// The pack of the hall.
pub(crate) fn pack() -> Pack {
    pack_edited(|_name, text| text)
}

/// The pack of the hall, with its files changed by name.
pub(crate) fn pack_edited(edit: impl Fn(&str, String) -> String) -> Pack {
    let edited = |(name, text): (String, String)| {
        let text = edit(&name, text);
        (name, text)
    };
    let files: Vec<_> = hall::files().into_iter().map(edited).collect();
    Pack::load(&files).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// The tag of the n-th person, an address.
pub(crate) fn tag(n: u8) -> v1::Tag {
    v1::Tag {
        identity_kind: v1::IdentityKind::Address.into(),
        identity: vec![0xe7, 0x8f, 0x13, 0, 0, n].into(),
        ..v1::Tag::default()
    }
}

/// A hub heard the n-th person's tag.
pub(crate) fn heard(n: u8, rssi_dbm: i32) -> v1::Sighting {
    let v1::Tag {
        identity_kind,
        identity,
        ..
    } = tag(n);
    v1::Sighting {
        identity_kind,
        identity,
        rssi_dbm,
        age_ms: 0,
    }
}

/// Registers a tag for a customer.
pub(crate) fn identify(message_id: &str, subject: &str, n: u8) -> v1::Signal {
    v1::Signal {
        message_id: message_id.into(),
        kind: v1::SignalKind::Identify.into(),
        subject: subject.into(),
        tags: vec![tag(n)],
        ..v1::Signal::default()
    }
}

pub(crate) fn food() -> v1::Query {
    v1::Query {
        want: "food".into(),
        ..v1::Query::default()
    }
}

/// The number up to which everything was taken, from the next acknowledgement.
pub(crate) async fn acknowledged(hub: &mut HubSession) -> u64 {
    match tokio::time::timeout(WAIT, hub.next())
        .await
        .expect("an acknowledgement in time")
        .unwrap()
    {
        HubEvent::Ack { next_sequence } => next_sequence,
        other @ (HubEvent::Drain(_) | HubEvent::Error(_)) => panic!("expected an acknowledgement, got {other:?}"),
    }
}
