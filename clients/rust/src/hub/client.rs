//! A hub that reconnects: sightings go in, and each is counted by the gateway once or counted here as dropped.
//!
//! This is what the caller holds; the task that owns the connection is in [`super::keeper`]. Deliberately absent:
//! radios.

use std::{net::SocketAddr, sync::Arc};

use nextbest_proto::v1;
use tokio::task::JoinHandle;

use crate::{
    backoff::{Backoff, BackoffSettings},
    endpoint::{ClientEndpoint, Credentials, Trust},
    error::ConnectError,
    hub::{
        keeper::Keeper,
        outbox::OutboxSettings,
        session::HubHelloSettings,
        shared::{HubReadings, HubStatistics, Shared, State},
        store::OutboxStore,
    },
};

/// Where a hub connects, and as whom.
#[derive(Debug, Clone)]
pub struct HubTarget {
    /// The gateway's listener for hubs.
    pub to: SocketAddr,
    /// The name in the gateway's certificate.
    pub server_name: String,
    /// Who signed it.
    pub trust: Trust,
    /// The hub's own certificate.
    pub credentials: Credentials,
}

/// How a [`HubClient`] buffers and reconnects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubClientSettings {
    /// When a batch is made, and how much is kept.
    pub outbox: OutboxSettings,
    /// How long to wait between attempts.
    pub backoff: BackoffSettings,
}

/// A hub's connection to the gateway, whatever happens to it. Dropping it closes the connection.
#[derive(Debug)]
pub struct HubClient {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

impl HubClient {
    /// Starts to connect, in a task of the current runtime.
    ///
    /// `hello.oldest_sequence` is not used: the numbers start at 0 with the client.
    ///
    /// # Errors
    /// [`ConnectError::Setup`] when the certificate and the key can't be used.
    pub fn start(
        endpoint: ClientEndpoint,
        target: HubTarget,
        hello: HubHelloSettings,
        settings: HubClientSettings,
    ) -> Result<Self, ConnectError> {
        Self::start_with(endpoint, target, hello, settings, None)
    }

    /// The same with a buffer on disk: what it holds is sent first, and what is pushed outlives the process.
    /// `hello.boot_epoch` is not used: it is the buffer's.
    ///
    /// # Errors
    /// As [`HubClient::start`].
    pub fn start_on_disk(
        endpoint: ClientEndpoint,
        target: HubTarget,
        hello: HubHelloSettings,
        settings: HubClientSettings,
        store: OutboxStore,
    ) -> Result<Self, ConnectError> {
        let boot_epoch = store.boot_epoch();
        let hello = HubHelloSettings { boot_epoch, ..hello };
        Self::start_with(endpoint, target, hello, settings, Some(store))
    }

    fn start_with(
        endpoint: ClientEndpoint,
        target: HubTarget,
        hello: HubHelloSettings,
        settings: HubClientSettings,
        store: Option<OutboxStore>,
    ) -> Result<Self, ConnectError> {
        let config = target.credentials.hub_config(&target.trust)?;
        let shared = Arc::new(Shared::new(settings.outbox, hello.boot_epoch, store));
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            endpoint,
            to: target.to,
            server_name: target.server_name,
            config,
            hello,
            backoff: Backoff::new(settings.backoff),
        };
        Ok(Self {
            shared,
            keeper: tokio::spawn(keeper.keep()),
        })
    }

    /// Takes in a sighting that was heard `age_ms` ago, and gives it its number. When the buffer is full the oldest
    /// one goes and is counted.
    pub fn push(&self, sighting: v1::Sighting) -> u64 {
        let (sequence, wake) = self.shared.state.with(|state| {
            let was_due = state.outbox.due_at(self.shared.now());
            let sequence = state.push(self.shared.now(), sighting);
            // The task sleeps until the batch is due: wake it only when that has changed.
            (sequence, state.outbox.due_at(self.shared.now()) != was_due)
        });
        if wake {
            self.shared.changed.notify_one();
        }
        sequence
    }

    /// What the radio and the board say, for the next health frames.
    pub fn report(&self, readings: HubReadings) {
        self.shared.state.with(|state| state.readings = readings);
    }

    /// How it is doing.
    pub fn statistics(&self) -> HubStatistics {
        self.shared.state.with(|state| HubStatistics {
            sightings: state.outbox.statistics(),
            held: state.outbox.held_len(),
            in_flight: state.outbox.in_flight_len(),
            round_trip: state.outbox.round_trip(),
            store_failure: state.store_failure(),
            ..state.statistics.clone()
        })
    }

    /// Waits until nothing is held: everything was acknowledged or dropped.
    pub async fn flushed(&self) {
        self.until(|state| state.outbox.held_len() == 0).await;
    }

    /// Waits for a session.
    pub async fn connected(&self) {
        self.until(|state| state.statistics.connected).await;
    }

    /// Says goodbye to the gateway and ends. What is held is given up: call [`HubClient::flushed`] before.
    pub async fn close(mut self, reason: &str) {
        self.shared.goodbye.send_replace(Some(reason.to_owned()));
        // The task ends by itself; if it panicked there is nothing left to close.
        let _ended = (&mut self.keeper).await;
    }

    async fn until(&self, reached: impl Fn(&State) -> bool) {
        let mut progress = self.shared.progress.subscribe();
        // The sender lives as long as this client.
        while !self.shared.state.with(|state| reached(state)) && progress.changed().await.is_ok() {}
    }
}

impl Drop for HubClient {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}
