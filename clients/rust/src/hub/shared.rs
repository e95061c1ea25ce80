//! What a hub's client and the task that owns its connection share: the buffer, the counters, and what to wake up for.

use std::time::Duration;

use nextbest_proto::v1;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    hub::{
        outbox::{Outbox, OutboxSettings, OutboxStatistics, SequenceUnknown},
        store::OutboxStore,
    },
    locked::Locked,
};

/// What the hub's radio and board say; the client adds what it knows itself to every health frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HubReadings {
    /// Advertisements heard since boot, before any filter.
    pub adverts_heard: u64,
    /// Advertised structures that could not be decoded since boot.
    pub adverts_malformed: u64,
    /// The hub's wall clock, in milliseconds since 1970-01-01 UTC. 0: it has none.
    pub clock_unix_ms: u64,
    /// Temperature of the board. `None`: it has no sensor.
    pub temperature_celsius: Option<f32>,
    /// Which radio the hub hears with; at most 16 bytes.
    pub adapter: String,
    /// What the radio does.
    pub radio_state: v1::RadioState,
    /// Advertisements heard each second, before any filter.
    pub adverts_per_second: f32,
    /// Advertisements that were passed over as told, since boot.
    pub adverts_filtered: u64,
    /// How often the radio had to be opened again, since boot.
    pub radio_restarts: u32,
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
    /// Why the buffer on disk does not follow; `None` while it does, and when there is none.
    pub store_failure: Option<String>,
    /// The boot epoch of the hello.
    pub boot_epoch: u64,
    /// From the sending of a batch to its acknowledgement, the last one that was timed.
    pub round_trip: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Shared {
    started_at: Instant,
    /// The hub's clock at the start: older sightings may have been found on the disk.
    clock_at_start: Duration,
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
    store: Option<OutboxStore>,
    pub(super) readings: HubReadings,
    /// All but what the outbox counts.
    pub(super) statistics: HubStatistics,
    pub(super) acked_at: Duration,
}

impl Shared {
    pub(super) fn new(settings: OutboxSettings, boot_epoch: u64, mut store: Option<OutboxStore>) -> Self {
        let mut outbox = Outbox::new(settings);
        let clock_at_start = store
            .as_mut()
            .map_or(Duration::ZERO, |store| store.recover(&mut outbox));
        let statistics = HubStatistics {
            boot_epoch,
            ..HubStatistics::default()
        };
        Self {
            started_at: Instant::now(),
            clock_at_start,
            state: Locked::new(State {
                outbox,
                store,
                readings: HubReadings::default(),
                statistics,
                acked_at: clock_at_start,
            }),
            changed: Notify::new(),
            progress: watch::Sender::new(()),
            goodbye: watch::Sender::new(None),
        }
    }

    /// The hub's clock. It runs with the time since the start.
    pub(super) fn now(&self) -> Duration {
        self.clock_at_start + self.started_at.elapsed()
    }

    /// The runtime's clock at a moment of the hub's.
    pub(super) fn instant(&self, at: Duration) -> Instant {
        self.started_at + at.saturating_sub(self.clock_at_start)
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
            uptime_ms: millis(self.started_at.elapsed()),
            adverts_heard: state.readings.adverts_heard,
            sightings_dropped: state.outbox.statistics().dropped,
            buffer_len: u32::try_from(state.outbox.held_len()).unwrap_or(u32::MAX),
            adverts_malformed: state.readings.adverts_malformed,
            clock_unix_ms: state.readings.clock_unix_ms,
            temperature_celsius: state.readings.temperature_celsius,
            adapter: state.readings.adapter.clone(),
            radio_state: state.readings.radio_state.into(),
            adverts_per_second: state.readings.adverts_per_second,
            adverts_filtered: state.readings.adverts_filtered,
            radio_restarts: state.readings.radio_restarts,
        })
    }
}

/// What changes the outbox also goes to the store.
impl State {
    pub(super) fn push(&mut self, now: Duration, sighting: v1::Sighting) -> u64 {
        let oldest = self.outbox.oldest_sequence();
        let sequence = self.outbox.push(now, sighting);
        if let Some(store) = &mut self.store {
            store.pushed(now, &self.outbox);
            if self.outbox.oldest_sequence() != oldest {
                store.moved(now, &self.outbox);
            }
        }
        sequence
    }

    pub(super) fn acknowledge(&mut self, now: Duration, next_sequence: u64) -> Result<(), SequenceUnknown> {
        self.moving(now, |outbox| outbox.acknowledge(now, next_sequence))
    }

    pub(super) fn resume(&mut self, now: Duration, next_sequence: u64) -> Result<(), SequenceUnknown> {
        self.moving(now, |outbox| outbox.resume(now, next_sequence))
    }

    /// A new boot epoch for everything held.
    pub(super) fn restart(&mut self, now: Duration, boot_epoch: u64) {
        self.statistics.boot_epoch = boot_epoch;
        self.outbox.restart();
        if let Some(store) = &mut self.store {
            store.restart(now, boot_epoch, &self.outbox);
        }
    }

    pub(super) fn store_failure(&self) -> Option<String> {
        self.store.as_ref()?.failure().map(str::to_owned)
    }

    fn moving<R>(&mut self, now: Duration, change: impl FnOnce(&mut Outbox) -> R) -> R {
        let oldest = self.outbox.oldest_sequence();
        let changed = change(&mut self.outbox);
        if let Some(store) = &mut self.store
            && self.outbox.oldest_sequence() != oldest
        {
            store.moved(now, &self.outbox);
        }
        changed
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
