//! A venue's hubs and crowd against a gateway, over real QUIC.
//!
//! One task plays the world: every few milliseconds it asks the caller's clock for the time, steps the crowd,
//! sends what tags send, lets the hubs hear it, and passes what happened on to phones and tills. Hubs, phones
//! and tills have tasks of their own and talk to the world over bounded channels, so that a slow gateway slows
//! nobody but who waits for it. Nothing that fails there ends the run; it is counted in [`Progress`].
//!
//! Before the crowd moves, hubs connect and a service principal registers every fan's tag. At the end hubs say goodbye.
//! Deliberately absent: the clock (the caller's, at any speed), tokens and certificates (the caller's too).

mod air;
pub(crate) mod links;
mod phones;
mod progress;
pub(crate) mod registration;
pub(crate) mod till;
mod world;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, ConnectError, EndpointSettings, Trust};
use nextbest_venue::Venue;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{
    crowd::{CrowdSettings, FanIx},
    radio::{RadioSettings, Rotation},
};

pub use progress::{ANSWERS_KEPT_MAX, ERRORS_KEPT_MAX, GivenAnswer, Mean, Progress, Snapshot};

use self::world::{Run, World};

/// Milliseconds of the one clock that drives gateway and crowd. It never runs backwards; it may run at any speed.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a run is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The crowd.
    pub crowd: CrowdSettings,
    /// Where in the day it begins.
    pub begin: Begin,
    /// Only the first so many hubs of the venue are switched on; all when `None`.
    pub hubs_max: Option<usize>,
    /// The air.
    pub radio: RadioSettings,
    /// How often a tag sends. 1,000 ms is usual for badges.
    pub tag_interval_ms: u32,
    /// How often a tag changes its address.
    pub address_rotation_ms: u64,
    /// Of a hundred tags so many change all that they call themselves and are registered by key, 0 to 100.
    pub changing_tags_percent: u8,
    /// Phones that keep a connection at once, at most [`PHONES_OPEN_MAX`].
    pub phones_open_max: usize,
    /// The boot epoch of the hubs: greater than in every earlier run against the same gateway.
    pub boot_epoch: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            crowd: CrowdSettings::default(),
            begin: Begin::HalfTime { into_ms: 180_000 },
            hubs_max: None,
            radio: RadioSettings::default(),
            tag_interval_ms: 1_000,
            address_rotation_ms: Rotation::default().address_ms,
            changing_tags_percent: 0,
            phones_open_max: 256,
            boot_epoch: 1,
        }
    }
}

/// Where in the day a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// The gates open.
    GatesOpen,
    /// Half-time began this long ago, and lines stand.
    HalfTime {
        /// How long ago.
        into_ms: u64,
    },
}

/// Where the gateway is.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its listener for apps.
    pub apps: SocketAddr,
    /// Its listener for hubs.
    pub hubs: SocketAddr,
    /// The name in its certificate.
    pub server_name: String,
    /// Whom to trust.
    pub trust: Trust,
}

impl Gateway {
    /// A session of whom the token names.
    pub(crate) async fn app_session(
        &self,
        endpoint: &ClientEndpoint,
        token: String,
    ) -> Result<AppSession, ConnectError> {
        AppSession::connect(endpoint, self.apps, &self.server_name, &self.trust, hello(token)).await
    }
}

/// What whoever holds the token says first.
fn hello(token: String) -> AppHelloSettings {
    AppHelloSettings {
        token,
        app: till::AGENT.to_owned(),
        ..AppHelloSettings::default()
    }
}

/// Who everybody is.
pub trait Credentials: Send + Sync {
    /// The certificate and key of a hub; a hub without one stays switched off and is counted.
    fn hub(&self, hub_id: &str) -> Option<nextbest_client::Credentials>;
    /// The token of a customer. Without one the service principal speaks for them.
    fn app_token(&self, customer: &str) -> Option<String>;
    /// The token of a service principal that may name any customer.
    fn service_token(&self) -> String;
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// No socket.
    #[error("cannot open a UDP socket towards {to}: {source}")]
    Socket {
        /// The gateway's address.
        to: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The service principal is not let in, so no tag can be registered.
    #[error("the gateway at {to} does not let the service principal in: {source}")]
    Service {
        /// The gateway's address.
        to: SocketAddr,
        /// Why.
        source: ConnectError,
    },
    /// The venue has nowhere to be.
    #[error("the venue `{venue}` has no walkable floor, so nobody can be in it")]
    NoFloor {
        /// Its id.
        venue: String,
    },
    /// No hub can hear anybody.
    #[error("none of the {hubs} hubs of the venue has a certificate, so none can connect")]
    NoHub {
        /// How many the venue has.
        hubs: usize,
    },
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// How long it lasted, by the caller's clock.
    pub lasted_ms: u64,
    /// Hubs that were switched on.
    pub hubs: usize,
    /// Fans in the crowd.
    pub fans: usize,
    /// Everything that was counted.
    pub end: Snapshot,
}

/// Plays a venue's hubs and crowd against a gateway until `stop` becomes true or its sender is gone.
///
/// # Errors
/// [`DriveError`] when the run cannot begin. What fails later is counted in `progress`.
pub async fn run(
    venue: Arc<Venue>,
    settings: Settings,
    gateway: Gateway,
    credentials: Arc<dyn Credentials>,
    clock: Clock,
    progress: Arc<Progress>,
    mut stop: watch::Receiver<bool>,
) -> Result<Summary, DriveError> {
    let (apps, hubs) = (socket_towards(gateway.apps)?, socket_towards(gateway.hubs)?);
    registration::check(&apps, &gateway, credentials.service_token()).await?;

    let gateway = Arc::new(gateway);
    let run = Run {
        venue,
        settings,
        gateway,
        credentials,
        clock,
        progress,
        apps,
        hubs,
    };
    let mut world = World::new(run)?;
    let registered = tokio::spawn(world.registration().run());
    let mut tick = interval(Duration::from_millis(TICK_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            _ = tick.tick() => {
                if registered.is_finished() {
                    world.advance().await;
                } else {
                    world.wait();
                }
            }
        }
    }
    registered.abort();
    Ok(world.close().await)
}

/// The name by which the gateway knows a fan.
#[must_use]
pub fn customer_id(fan: FanIx) -> String {
    format!("fan-{:05}", fan.0)
}

/// A socket for hundreds of connections: the system's own buffers are made for one.
pub(crate) fn socket_towards(to: SocketAddr) -> Result<ClientEndpoint, DriveError> {
    let (receive_buffer_bytes, send_buffer_bytes) = (Some(SOCKET_BUFFER_BYTES), Some(SOCKET_BUFFER_BYTES));
    let settings = EndpointSettings {
        receive_buffer_bytes,
        send_buffer_bytes,
        ..EndpointSettings::towards(to)
    };
    ClientEndpoint::with_settings(settings).map_err(|source| DriveError::Socket { to, source })
}

/// Waits until somebody says stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say it.
    let _said = stop.wait_for(|stop| *stop).await;
}

/// How often the world moves, in real milliseconds: finer than a hub's batches, coarser than a timer's cost.
pub(crate) const TICK_MS: u64 = 10;
/// Bytes that may wait in a socket, in each direction; the system may grant less.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// No run keeps more phones connected.
pub const PHONES_OPEN_MAX: usize = 4_096;
