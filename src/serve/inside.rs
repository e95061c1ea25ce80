//! A gateway inside of somebody else's runtime, on sockets that they bring: for simulations in memory, on paused time.
//!
//! The same listeners and sessions as [`super::Gateway`]'s, as tasks of one local runtime instead of threads. With a
//! clock that follows the runtime ([`Clock::of_runtime`]) nothing in it reads the machine's, so that a network which is
//! drawn from a seed gives the same run each time. Deliberately absent: HTTP, the doors, the radio map's learning and the
//! watch over threads and memory, which talk to the machine.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use quinn::{AsyncUdpSocket, EndpointConfig};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_local};

use super::access::AccessBook;
use super::app_worker::AppWorker;
use super::binding::check_venue;
use super::clock::Clock;
use super::durable::Opened;
use super::endpoint::Source;
use super::hub_worker::{self, HubWorker};
use super::keys::KeyFolder;
use super::listener::Listener;
use super::metrics::{Gauge, Metrics};
use super::overload::Overload;
use super::shared::{Stage, share};
use super::{GatewaySettings, StartError, app_session, hub_session, ticking};
use crate::engine::Engine;
use crate::journal::Journal;

/// A socket, and how QUIC is set up on it; a seed in the latter makes connection ids repeatable.
pub type Socket = (Arc<dyn AsyncUdpSocket>, EndpointConfig);

/// A gateway that runs in the caller's runtime. Dropping it takes no more connections; those that are open end with the
/// runtime.
#[derive(Debug)]
pub struct Inside {
    metrics: Arc<Metrics>,
    stage: watch::Sender<Stage>,
    listeners: Vec<JoinHandle<()>>,
    others: [JoinHandle<()>; 2],
}

impl Inside {
    /// Starts a gateway in the local runtime around. Of the settings the limits count, and the wait of a drain.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(
        settings: &GatewaySettings,
        engine: Arc<Engine>,
        keys: &KeyFolder,
        clock: Clock,
        journal: Arc<dyn Journal>,
        (app_socket, hub_socket): (Socket, Socket),
    ) -> Result<Self, StartError> {
        check_venue(&engine, keys)?;
        let (apps, hubs) = (settings.apps, settings.hubs);
        let access = Arc::new(AccessBook::open(keys, apps, hubs)?);
        let overload = Arc::new(Overload::on(clock));
        let venue_id = keys.venue_id().to_owned();
        let (shared, stage) = share(
            settings,
            &Opened::unsealed(engine, clock, journal),
            (&access, venue_id),
            &overload,
        );
        stage.send_replace(Stage::Serving);
        let failed = |name| move |reason| StartError::Thread { name, reason };
        let hub_listener =
            Listener::new(Arc::clone(&shared), given(hub_socket), hubs, Gauge::Hubs).map_err(failed("hubs"))?;
        let app_listener =
            Listener::new(Arc::clone(&shared), given(app_socket), apps, Gauge::Apps).map_err(failed("apps"))?;
        let hub_worker = Rc::new(HubWorker::new(Arc::clone(&shared)));
        let closing = spawn_local(hub_worker::close_refused(Rc::clone(&hub_worker)));
        let app_worker = AppWorker::new(
            Arc::clone(&shared),
            Duration::ZERO,
            settings.identities,
            apps.held_bytes_max,
        );
        let app_worker = Rc::new(app_worker);
        let hubs = hub_listener.run(settings.drain_wait, move |connection, _owed| {
            hub_session::run(Rc::clone(&hub_worker), connection)
        });
        let apps = app_listener.run(settings.drain_wait, move |connection, owed| {
            app_session::run(Rc::clone(&app_worker), connection, owed)
        });
        Ok(Self {
            metrics: Arc::clone(&shared.metrics),
            stage,
            listeners: vec![spawn_local(hubs), spawn_local(apps)],
            others: [spawn_local(ticking::run(shared)), closing],
        })
    }

    /// What the gateway counts.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Tells every peer to go, finishes what is under way, as long as the settings say, and closes.
    pub async fn drain(mut self) {
        let _nobody_listens = self.stage.send(Stage::Draining);
        for listener in self.listeners.drain(..) {
            let _ended = listener.await;
        }
    }
}

fn given((socket, config): Socket) -> Source {
    Source::Given(socket, Box::new(config))
}

impl Drop for Inside {
    fn drop(&mut self) {
        for task in self.listeners.iter().chain(&self.others) {
            task.abort();
        }
    }
}
