//! The shell: the only place with sockets and clocks.
//!
//! ```text
//! apps  --QUIC--> [thread "apps"]  decide, signal, outcome, push ---+
//! hubs  --QUIC--> [thread "hubs"]  sightings, ticks ----------------+--> one Engine, shared
//! other hubs ----> [thread "doors"] MQTT, HTTP, UDP payloads ------+
//! people --HTTPS-> [thread "http"] health, readiness ---------------+
//! staff  --HTTPS-> [thread "admin"] metrics, hubs, keys by roles ---+
//!                  [thread "learning"] the radio map, once a minute +
//!                  [thread "watch"] is there too much to do? ---------+
//! ```
//!
//! Each thread has a runtime of its own and a session never leaves its thread. Starting binds every socket first,
//! so that an address in use is an error and not a surprise; stopping says so to every peer, finishes what is under
//! way, and closes. Reading order: [`Gateway`] here, then `listener`, `hub_session`, `app_session`.

pub mod access;
pub mod admin;
pub mod admission;
mod app_session;
mod app_worker;
mod binding;
pub mod certificate;
pub mod clock;
mod closing;
pub mod doors;
pub mod durable;
mod endpoint;
mod endpoint_driver;
mod exposition;
mod held;
mod http;
mod hub_book;
mod hub_exposition;
mod hub_session;
mod hub_worker;
pub mod identities;
pub mod inside;
mod intake;
mod kept;
pub mod key_maker;
pub mod keys;
mod latency;
mod learning;
mod leaving;
mod listener;
pub mod metrics;
pub mod overload;
mod person;
mod presence_watch;
mod push;
mod readings;
mod refusals;
mod request_stream;
mod requests;
mod service_requests;
mod shared;
mod speaker;
mod stream_watch;
mod subscribers;
mod suppressed;
mod thread;
mod ticking;
pub mod token;
pub mod transport;
mod unpoisoned;
pub mod worst_case;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, rc::Rc};

use thiserror::Error;
use tokio::sync::watch;

pub use self::hub_exposition::flag_name;

use self::access::{AccessBook, ReloadError};
use self::admin::Door;
use self::admin::audit::{Audit, LogAudit};
use self::app_worker::AppWorker;
use self::binding::{bind_doors, bind_https, bind_udp, check_venue, thread_of};
use self::clock::Clock;
use self::doors::{DoorAddrs, DoorSockets, DoorsSettings};
use self::durable::{Housekeeping, Keeper, OpenStateError, Opened, Recovered, State};
use self::endpoint::Source;
use self::hub_worker::HubWorker;
use self::identities::IdentityLimits;
use self::keys::{KeyFolder, KeysError};
use self::listener::Listener;
use self::metrics::{Counter, Gauge, Metrics};
use self::overload::{Beat, Overload};
use self::shared::{Shared, Stage, share};
use self::transport::{Limits, TransportError};
use crate::config::ServeSettings;
use crate::engine::Engine;

/// Where a gateway listens, and how. A port of 0 takes a free one.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// UDP address for apps.
    pub listen: SocketAddr,
    /// UDP address for hubs.
    pub listen_hubs: SocketAddr,
    /// TCP address of the HTTPS listener for health checks; `None`: there is none.
    pub http: Option<SocketAddr>,
    /// TCP address of the HTTPS listener for staff, who need a token; `None`: there is none.
    pub admin: Option<SocketAddr>,
    /// What app connections may use.
    pub apps: Limits,
    /// What hub connections may use.
    pub hubs: Limits,
    /// What one identity may do at the apps' listener.
    pub identities: IdentityLimits,
    /// Never sleep on the apps' thread: costs a core, saves the wake-up of each query.
    pub busy_poll: bool,
    /// How long answers that are under way may take when the gateway stops. At most [`DRAIN_WAIT_MAX`].
    pub drain_wait: Duration,
    /// The doors for other makers' hubs; by default all are shut.
    pub doors: DoorsSettings,
    /// The most memory that keeping the state takes; 0: none is kept.
    pub state_bytes_max: u64,
    /// The bound on memory that was printed; close to it work is shed. `None`: there is none.
    pub memory_bytes_max: Option<u64>,
    /// How many times as long as in a venue packets may wait before work is left undone, from 1 to 1,000: for tests, which
    /// may share their machine with anything.
    pub patience: u32,
    /// What each query costs beside its decide, so that a test can overload a gateway with the load that one machine
    /// makes. Zero, unless somebody tests.
    pub test_query_cost: Duration,
    /// What is put around the sockets of hubs and apps, so that a test can let them fail. `None`, unless somebody tests.
    pub test_sockets: Option<TestSockets>,
    /// Who takes note of what staff changes.
    pub audit: Arc<dyn Audit>,
}

/// What a test puts around a socket; the first is the apps'.
pub type TestSockets = (fn(TestSocket) -> TestSocket, fn(TestSocket) -> TestSocket);
/// A socket of a QUIC endpoint.
pub type TestSocket = Arc<dyn quinn::AsyncUdpSocket>;

/// Longest wait for answers that are under way, so that a stop takes five seconds at most.
pub const DRAIN_WAIT_MAX: Duration = Duration::from_millis(2_500);

impl Default for GatewaySettings {
    /// Free ports on this machine only, no HTTP, one second to leave.
    fn default() -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: free,
            listen_hubs: free,
            http: None,
            admin: None,
            apps: Limits::APP,
            hubs: Limits::HUB,
            identities: IdentityLimits::DEFAULT,
            busy_poll: false,
            drain_wait: Duration::from_secs(1),
            doors: DoorsSettings::default(),
            state_bytes_max: 0,
            memory_bytes_max: None,
            patience: 1,
            test_query_cost: Duration::ZERO,
            test_sockets: None,
            audit: Arc::new(LogAudit),
        }
    }
}

impl From<&ServeSettings> for GatewaySettings {
    /// What a pack says, within the limits that are not a pack's to choose.
    fn from(pack: &ServeSettings) -> Self {
        let apps = Limits {
            connections_max: pack.app_connections_max as usize,
            bidi_streams_max: pack.requests_open_max,
            idle: Duration::from_secs(u64::from(pack.idle_timeout_s)),
            ..Limits::APP
        };
        Self {
            listen: pack.listen,
            listen_hubs: pack.listen_hubs,
            http: pack.http,
            admin: pack.admin,
            apps,
            hubs: Limits {
                connections_max: pack.hub_connections_max as usize,
                ..Limits::HUB
            },
            identities: IdentityLimits::DEFAULT,
            busy_poll: false,
            drain_wait: Duration::from_secs(u64::from(pack.drain_s)).min(DRAIN_WAIT_MAX),
            doors: DoorsSettings::default(),
            state_bytes_max: 0,
            memory_bytes_max: None,
            patience: 1,
            test_query_cost: Duration::ZERO,
            test_sockets: None,
            audit: Arc::new(LogAudit),
        }
    }
}

/// Why a gateway could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] OpenStateError),
    /// A key or certificate cannot be used.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The key folder cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The keys are for another venue.
    #[error("the keys are for the venue {keys:?}, the pack is of {pack:?}; make keys with `nextbest keys --pack`")]
    Venue {
        /// Of the keys.
        keys: String,
        /// Of the pack.
        pack: String,
    },
    /// An address cannot be bound.
    #[error("cannot listen for {what} on {address}: {reason}")]
    Bind {
        /// For whom.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start the thread {name}: {reason}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system said.
        reason: io::Error,
    },
}

/// A gateway that runs. Dropping it without [`Gateway::stop`] drains it as well, but waits for nothing.
#[derive(Debug)]
pub struct Gateway {
    app_addr: SocketAddr,
    hub_addr: SocketAddr,
    http_addrs: Vec<(Door, SocketAddr)>,
    door_addrs: DoorAddrs,
    access: Arc<AccessBook>,
    metrics: Arc<Metrics>,
    overload: Arc<Overload>,
    stage: watch::Sender<Stage>,
    threads: Vec<JoinHandle<()>>,
    keeper: Arc<Keeper>,
    clock: Clock,
    recovered: Recovered,
    /// Last, so that what the threads took is kept.
    housekeeping: Option<Housekeeping>,
}

impl Gateway {
    /// Starts a gateway around an engine. What it learns survives nothing.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(
        settings: &GatewaySettings,
        engine: Arc<Engine>,
        keys: &KeyFolder,
        clock: Clock,
    ) -> Result<Self, StartError> {
        check_venue(&engine, keys)?;
        let opened = Opened::volatile(engine, clock);
        Self::start_with(settings, keys, opened)
    }

    /// Starts a gateway that keeps its state, around an engine that knows nobody. Reads first what was kept, and answers
    /// nobody before that is done but who asks whether it is ready. The clock goes on where it was.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start_kept(
        settings: &GatewaySettings,
        engine: Arc<Engine>,
        keys: &KeyFolder,
        clock: Clock,
        state: &State,
    ) -> Result<Self, StartError> {
        check_venue(&engine, keys)?;
        let opened = Opened::open(engine, state, clock)?;
        Self::start_with(settings, keys, opened)
    }

    fn start_with(settings: &GatewaySettings, keys: &KeyFolder, opened: Opened) -> Result<Self, StartError> {
        let access = Arc::new(AccessBook::open(keys, settings.apps, settings.hubs)?);
        let (app_socket, app_addr) = bind_udp("apps", settings.listen)?;
        let (hub_socket, hub_addr) = bind_udp("hubs", settings.listen_hubs)?;
        let (doors, http) = (bind_doors(&settings.doors)?, bind_https(settings)?);
        let overload = Arc::new(Overload::patient(settings.patience));
        let venue_id = keys.venue_id().to_owned();
        let (shared, stage) = share(settings, &opened, (&access, venue_id), &overload);
        let mut gateway = Self {
            app_addr,
            hub_addr,
            http_addrs: http.iter().map(|(door, _, address)| (*door, *address)).collect(),
            door_addrs: doors.addrs(),
            access,
            metrics: Arc::clone(&shared.metrics),
            overload,
            stage,
            threads: Vec::new(),
            keeper: Arc::clone(&opened.keeper),
            clock: opened.clock,
            recovered: Recovered::default(),
            housekeeping: None,
        };
        gateway.open_http(&shared, http)?;
        if let Some((recovered, housekeeping)) = opened.recover()? {
            (gateway.recovered, gateway.housekeeping) = (recovered, Some(housekeeping));
        }
        gateway.open_hubs(&shared, settings, hub_socket)?;
        gateway.open_apps(&shared, settings, app_socket)?;
        gateway.look_after(&shared, settings.memory_bytes_max)?;
        gateway.open_doors(&shared, &settings.doors, doors)?;
        gateway.stage.send_replace(Stage::Serving);
        Ok(gateway)
    }

    /// Where apps connect.
    #[must_use]
    pub const fn app_addr(&self) -> SocketAddr {
        self.app_addr
    }

    /// Where hubs connect.
    #[must_use]
    pub const fn hub_addr(&self) -> SocketAddr {
        self.hub_addr
    }

    /// The gateway's clock.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Where health checks come in, as far as that was asked for.
    #[must_use]
    pub fn public_addr(&self) -> Option<SocketAddr> {
        self.http_addr(Door::Public)
    }

    /// Where staff comes in, as far as that was asked for.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.http_addr(Door::Admin)
    }

    fn http_addr(&self, of: Door) -> Option<SocketAddr> {
        let addrs = self.http_addrs.iter();
        addrs
            .copied()
            .find_map(|(door, address)| (door == of).then_some(address))
    }

    /// Where hubs of other makers come in, as far as that was asked for.
    #[must_use]
    pub const fn door_addrs(&self) -> DoorAddrs {
        self.door_addrs
    }

    /// What the gateway counts.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What the gateway leaves undone when there is too much to do.
    #[must_use]
    pub const fn overload(&self) -> &Arc<Overload> {
        &self.overload
    }

    /// Takes the key folder again, whole or not at all: certificates, keys, admin tokens and what is revoked. Hubs that are
    /// refused by it are closed, tokens that are refused by it end with their next request.
    ///
    /// # Errors
    /// [`ReloadError`]; everything stays as it was.
    pub fn reload_keys(&self) -> Result<(), ReloadError> {
        let taken = self.access.reload();
        self.metrics.count(if taken.is_ok() {
            Counter::KeysTaken
        } else {
            Counter::KeysRefused
        });
        taken.map(|_number| ())
    }

    /// Takes a snapshot, tells every peer to go, finishes what is under way, and closes. Blocks for five seconds at most;
    /// call it outside of a runtime, or from a thread that may block.
    pub fn stop(mut self) {
        let _last_snapshot = self.housekeeping.as_ref().map(Housekeeping::prepare_to_stop);
        let _nobody_listens = self.stage.send(Stage::Draining);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the gateway has panicked");
            }
        }
    }

    fn open_hubs(
        &mut self,
        shared: &Arc<Shared>,
        settings: &GatewaySettings,
        socket: UdpSocket,
    ) -> Result<(), StartError> {
        let (shared, hubs) = (Arc::clone(shared), settings.hubs);
        let drain_wait = settings.drain_wait.min(DRAIN_WAIT_MAX);
        let test_socket = settings.test_sockets.map(|(_, hubs)| hubs);
        self.thread("hubs", false, move || {
            let source = Source::Machine(socket, test_socket);
            let listener = Listener::new(Arc::clone(&shared), source, hubs, Gauge::Hubs)?;
            let worker = Rc::new(HubWorker::new(Arc::clone(&shared)));
            tokio::task::spawn_local(overload::beat(Arc::clone(&shared), Beat::Hubs));
            tokio::task::spawn_local(ticking::run(shared));
            tokio::task::spawn_local(hub_worker::close_refused(Rc::clone(&worker)));
            Ok(listener.run(drain_wait, move |connection, _owed| {
                hub_session::run(Rc::clone(&worker), connection)
            }))
        })
    }

    fn open_apps(
        &mut self,
        shared: &Arc<Shared>,
        settings: &GatewaySettings,
        socket: UdpSocket,
    ) -> Result<(), StartError> {
        let (shared, apps, query_cost) = (Arc::clone(shared), settings.apps, settings.test_query_cost);
        let (identities, drain_wait) = (settings.identities, settings.drain_wait.min(DRAIN_WAIT_MAX));
        let test_socket = settings.test_sockets.map(|(apps, _)| apps);
        self.thread("apps", settings.busy_poll, move || {
            let source = Source::Machine(socket, test_socket);
            let listener = Listener::new(Arc::clone(&shared), source, apps, Gauge::Apps)?;
            tokio::task::spawn_local(overload::beat(Arc::clone(&shared), Beat::Apps));
            let worker = Rc::new(AppWorker::new(shared, query_cost, identities, apps.held_bytes_max));
            Ok(listener.run(drain_wait, move |connection, owed| {
                app_session::run(Rc::clone(&worker), connection, owed)
            }))
        })
    }

    /// Starts the threads that no peer talks to.
    fn look_after(&mut self, shared: &Arc<Shared>, memory_bytes_max: Option<u64>) -> Result<(), StartError> {
        let (of_watch, of_learning) = (Arc::clone(shared), Arc::clone(shared));
        self.thread("watch", false, move || Ok(overload::run(of_watch, memory_bytes_max)))?;
        self.thread("learning", false, move || Ok(learning::run(of_learning)))
    }

    /// Starts a thread for each HTTP listener.
    fn open_http(
        &mut self,
        shared: &Arc<Shared>,
        sockets: Vec<(Door, TcpListener, SocketAddr)>,
    ) -> Result<(), StartError> {
        for (door, socket, _) in sockets {
            let shared = Arc::clone(shared);
            self.thread(thread_of(door), false, move || http::serve(shared, socket, door))?;
        }
        Ok(())
    }

    /// Starts the thread of the doors, when a door is open.
    fn open_doors(
        &mut self,
        shared: &Arc<Shared>,
        settings: &DoorsSettings,
        sockets: DoorSockets,
    ) -> Result<(), StartError> {
        if !settings.are_any() {
            return Ok(());
        }
        let (shared, settings) = (Arc::clone(shared), settings.clone());
        self.thread("doors", false, move || doors::open(shared, settings, sockets))
    }

    fn thread<F: Future<Output = ()>>(
        &mut self,
        name: &'static str,
        busy_poll: bool,
        main: impl FnOnce() -> io::Result<F> + Send + 'static,
    ) -> Result<(), StartError> {
        let thread = thread::start(name, busy_poll, main).map_err(|reason| StartError::Thread { name, reason })?;
        self.threads.push(thread);
        Ok(())
    }
}
