//! What a hub's client and the task that owns its connection share: the buffer, the counters, and what to wake up for.

use std::time::Duration;

use nextbest_proto::v1;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    hub::outbox::{Outbox, OutboxSettings, OutboxStatistics},
    locked::Locked,
};

/// What the hub's radio and board say; the client adds what it knows itself to every health frame.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HubReadings {
    /// Advertisements heard since boot, before any filter.
    pub adverts_heard: u64,
    /// Advertised structures that could not be decoded since boot.
    pub adverts_malformed: u64,
    /// The hub's wall clock, in milliseconds since 1970-01-01 UTC. 0: it has none.
    pub clock_unix_ms: u64,
    /// Temperature of the board. `None`: it has no sensor.
    pub temperature_celsius: Option<f32>,
}

/// How a [`crate::HubClient`] is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HubStatistics {
    /// Sightings, counted since the start.
    pub sightings: OutboxStatistics,
    /// Sightings that are held, in flight or not.
    pub held: usize,
    /// Sightings on their way.
    pub in_flight: usize,
    /// True between welcome and loss.
    pub connected: bool,
    /// Sessions that were welcomed.
    pub sessions: u64,
    /// Of these, all but the first.
    pub reconnects: u64,
    /// Drains that were followed.
    pub drains: u64,
    /// Errors that the gateway reported in a session that went on.
    pub errors: u64,
    /// Why there is no session, or why the last one ended.
    pub last_error: Option<String>,
    /// From the sending of a batch to its acknowledgement, the last one that was timed.
    pub round_trip: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) started_at: Instant,
    pub(super) state: Locked<State>,
    /// A batch may be due earlier than the task thinks.
    pub(super) changed: Notify,
    /// Something was acknowledged, or the session has changed.
    pub(super) progress: watch::Sender<()>,
    pub(super) goodbye: watch::Sender<Option<String>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) outbox: Outbox,
    pub(super) readings: HubReadings,
    /// All but what the outbox counts.
    pub(super) statistics: HubStatistics,
    pub(super) acked_at: Duration,
}

impl Shared {
    pub(super) fn new(settings: OutboxSettings) -> Self {
        Self {
            started_at: Instant::now(),
            state: Locked::new(State {
                outbox: Outbox::new(settings),
                readings: HubReadings::default(),
                statistics: HubStatistics::default(),
                acked_at: Duration::ZERO,
            }),
            changed: Notify::new(),
            progress: watch::Sender::new(()),
            goodbye: watch::Sender::new(None),
        }
    }

    /// The hub's clock: time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started_at.elapsed()
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let changed = self.state.with(change);
        self.progress.send_replace(());
        changed
    }

    /// Waits until the client is asked to close, and says why.
    pub(super) async fn goodbye_asked(&self) -> String {
        let mut goodbye = self.goodbye.subscribe();
        // The sender is ours: there is always an answer.
        let reason = goodbye
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|reason| reason.clone());
        reason.unwrap_or_default()
    }

    pub(super) fn health(&self) -> v1::HubHealth {
        self.state.with(|state| v1::HubHealth {
            uptime_ms: millis(self.now()),
            adverts_heard: state.readings.adverts_heard,
            sightings_dropped: state.outbox.statistics().dropped,
            buffer_len: u32::try_from(state.outbox.held_len()).unwrap_or(u32::MAX),
            adverts_malformed: state.readings.adverts_malformed,
            clock_unix_ms: state.readings.clock_unix_ms,
            temperature_celsius: state.readings.temperature_celsius,
        })
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
