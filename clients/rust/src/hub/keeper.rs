//! The task that owns a hub's connection.
//!
//! It says hello with the oldest sighting held, sends from where the gateway says it stopped, sends batches by size and
//! age, health on the heartbeat, and leaves when it is asked to. When the connection breaks it waits (see
//! [`crate::BackoffSettings`]) and starts again. Deliberately absent: what is held and what is due, which the outbox
//! knows.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use nextbest_proto::v1;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::{
    backoff::Backoff,
    endpoint::ClientEndpoint,
    error::{ConnectError, HubError, Lost},
    hub::{
        outbox::Batch,
        session::{HubEvent, HubHelloSettings, HubReceiver, HubSender, HubSession},
        shared::{Shared, millis},
    },
};

/// A gateway that acknowledges nothing for this long, while something is in flight, is left, in milliseconds.
pub const ACK_TIMEOUT_MS: u64 = 10_000;
/// Shortest time between two health frames, whatever the gateway asks for, in milliseconds.
const HEARTBEAT_MS_MIN: u64 = 100;

/// The task that owns the connection.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) endpoint: ClientEndpoint,
    pub(super) to: SocketAddr,
    pub(super) server_name: String,
    pub(super) config: quinn::ClientConfig,
    pub(super) hello: HubHelloSettings,
    pub(super) backoff: Backoff,
}

/// Why a session ended.
enum End {
    Broken(HubError),
    Drained,
    Goodbye,
}

impl Keeper {
    pub(super) async fn keep(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            // In a fixed order, here and below, so that a run on virtual time and a seed is the same each time: first what
            // comes once, then what comes often; nobody is ready for ever.
            let wait = tokio::select! {
                biased;
                _reason = shared.goodbye_asked() => return,
                connected = self.connect() => match connected {
                    Ok(session) => match self.run(session).await {
                        Some(wait) => wait,
                        None => return,
                    },
                    Err(error) => self.failed(&error),
                },
            };
            tokio::select! {
                biased;
                _reason = shared.goodbye_asked() => return,
                () = sleep(wait) => {}
            }
        }
    }

    async fn connect(&self) -> Result<HubSession, ConnectError> {
        let within = self.backoff.attempt();
        let Self {
            shared,
            endpoint,
            to,
            server_name,
            config,
            hello,
            ..
        } = self;
        let hello = || {
            let oldest_sequence = shared.state.with(|state| state.outbox.oldest_sequence());
            HubHelloSettings {
                oldest_sequence,
                ..hello.clone()
            }
        };
        HubSession::connect_within(within, endpoint, *to, server_name, config.clone(), hello).await
    }

    fn failed(&mut self, error: &ConnectError) -> Duration {
        self.shared
            .change(|state| state.statistics.last_error = Some(error.to_string()));
        if error.is_passing() {
            self.backoff.failed()
        } else {
            self.backoff.refused()
        }
    }

    /// Runs one session; how long to wait before the next, `None` when there shall be none.
    async fn run(&mut self, session: HubSession) -> Option<Duration> {
        let opened_at = self.shared.now();
        let next_sequence = session.welcome().next_sequence;
        let resumed = self.shared.change(|state| {
            state.acked_at = opened_at;
            state.resume(opened_at, next_sequence)
        });
        if let Err(error) = resumed {
            // A hub that lost count of its boots would have everything it says taken for said before.
            let boot_epoch = self.hello.boot_epoch.wrapping_add(1);
            self.hello.boot_epoch = boot_epoch;
            self.shared.change(|state| {
                state.statistics.last_error = Some(error.to_string());
                state.restart(opened_at, boot_epoch);
            });
            return Some(self.backoff.failed());
        }
        self.shared.change(|state| {
            state.statistics.sessions += 1;
            state.statistics.reconnects = state.statistics.sessions - 1;
            state.statistics.connected = true;
        });
        let (end, wait) = self.serve(session).await;
        self.backoff.lasted(self.shared.now().saturating_sub(opened_at));
        self.shared.change(|state| state.statistics.connected = false);
        match end {
            End::Goodbye => None,
            // Also when the gateway asks for less: sessions that end at once must not make a storm.
            End::Drained => Some(wait.max(self.backoff.failed())),
            End::Broken(error) => {
                let wait = match &error {
                    HubError::Lost(Lost::Closed(refusal)) if !refusal.retry => self.backoff.refused(),
                    HubError::Lost(_) | HubError::Protocol(_) | HubError::DatagramUnsent(_) => self.backoff.failed(),
                };
                self.shared
                    .change(|state| state.statistics.last_error = Some(error.to_string()));
                Some(wait)
            }
        }
    }

    /// Sends and listens until the session ends.
    async fn serve(&mut self, session: HubSession) -> (End, Duration) {
        let heartbeat_ms = u64::from(session.welcome().heartbeat_ms) / 2;
        let heartbeat = Duration::from_millis(heartbeat_ms.max(HEARTBEAT_MS_MIN));
        let batch_len_max = usize::try_from(session.welcome().sightings_per_batch_max).unwrap_or(usize::MAX);
        self.shared.change(|state| state.outbox.limit_batches(batch_len_max));
        let (mut sender, mut receiver) = session.split();
        let shared = &*self.shared;
        let drain = tokio::select! {
            biased;
            reason = shared.goodbye_asked() => {
                sender.goodbye(&reason).await;
                return (End::Goodbye, Duration::ZERO);
            }
            heard = listen(shared, &mut receiver) => match heard {
                Ok(drain) => drain,
                Err(error) => return (End::Broken(error), Duration::ZERO),
            },
            error = send(shared, &mut sender, heartbeat) => return (End::Broken(error), Duration::ZERO),
        };
        let (_least, wait) = self.backoff.drained(&drain);
        let back_at = Instant::now() + wait;
        shared.change(|state| state.statistics.drains += 1);
        // Nothing new is sent; what is in flight may still be acknowledged.
        tokio::select! {
            biased;
            reason = shared.goodbye_asked() => {
                sender.goodbye(&reason).await;
                return (End::Goodbye, Duration::ZERO);
            }
            _quiet = timeout_at(back_at, finish(shared, &mut receiver)) => {}
        }
        (End::Drained, back_at.saturating_duration_since(Instant::now()))
    }
}

/// Sends batches and health until the connection breaks.
async fn send(shared: &Shared, sender: &mut HubSender, heartbeat: Duration) -> HubError {
    let mut batch = Batch::default();
    let mut health_at = Instant::now();
    loop {
        if Instant::now() >= health_at {
            health_at = Instant::now() + heartbeat;
            if let Err(error) = sender.send_health(shared.health()).await {
                return error;
            }
        }
        let (filled, due_at) = shared.state.with(|state| {
            let now = shared.now();
            (state.outbox.fill(now, &mut batch), state.outbox.due_at(now))
        });
        if filled {
            let sending = sender.send_batch(batch.first_sequence, millis(batch.sent_at), &batch.sightings);
            match timeout(Duration::from_millis(ACK_TIMEOUT_MS), sending).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => return error,
                // It has stopped reading.
                Err(_late) => return Lost::Silent.into(),
            }
        }
        let due_at = due_at.map_or(health_at, |due_at| health_at.min(shared.instant(due_at)));
        tokio::select! {
            biased;
            () = sleep_until(due_at) => {}
            () = shared.changed.notified() => {}
        }
        if is_stuck(shared) {
            return Lost::Silent.into();
        }
    }
}

/// Takes acknowledgements until the gateway asks us to leave or the connection breaks.
async fn listen(shared: &Shared, receiver: &mut HubReceiver) -> Result<v1::Drain, HubError> {
    loop {
        match receiver.next().await? {
            HubEvent::Ack { next_sequence } => acknowledge(shared, next_sequence),
            HubEvent::Drain(drain) => return Ok(drain),
            HubEvent::Error(error) => shared.change(|state| {
                state.statistics.errors += 1;
                state.statistics.last_error = Some(error.to_string());
            }),
        }
    }
}

/// Takes acknowledgements until nothing is in flight.
async fn finish(shared: &Shared, receiver: &mut HubReceiver) {
    while shared.state.with(|state| state.outbox.in_flight_len() > 0) {
        match receiver.next().await {
            Ok(HubEvent::Ack { next_sequence }) => acknowledge(shared, next_sequence),
            Ok(HubEvent::Drain(_) | HubEvent::Error(_)) => {}
            Err(_gone) => return,
        }
    }
}

fn acknowledge(shared: &Shared, next_sequence: u64) {
    let now = shared.now();
    shared.change(|state| {
        state.acked_at = now;
        if let Err(error) = state.acknowledge(now, next_sequence) {
            state.statistics.errors += 1;
            state.statistics.last_error = Some(error.to_string());
        }
    });
    // There may be room for more in flight.
    shared.changed.notify_one();
}

fn is_stuck(shared: &Shared) -> bool {
    let now = shared.now();
    shared.state.with(|state| {
        if state.outbox.in_flight_len() == 0 {
            state.acked_at = now;
        }
        now.saturating_sub(state.acked_at) > Duration::from_millis(ACK_TIMEOUT_MS)
    })
}
