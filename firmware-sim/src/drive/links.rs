//! Hubs over QUIC: the firmware decides, a task per hub does what it says.
//!
//! The firmwares live in one place and are polled in turn; each has a task that connects, sends frames and
//! listens, joined to it by two bounded channels. When a task cannot keep up its channel fills, the firmware
//! is not polled, and what it hears stays in its store: back-pressure ends in the hub, as in a real one. All
//! sessions share one UDP socket.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use nextbest_client::{ClientEndpoint, Credentials, HubEvent, HubHelloSettings, HubSession};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use crate::hub::{Action, FRAME_LEN_MAX, FrameBuffer, Hub, Welcome};

use super::{Gateway, Progress};

/// Many hubs and their sessions.
#[derive(Debug)]
pub(crate) struct Links {
    hubs: Vec<Hub>,
    /// The hub whose turn it is.
    turn: usize,
    commands: Vec<mpsc::Sender<Command>>,
    reports: mpsc::Receiver<Report>,
    frame: Box<FrameBuffer>,
    progress: Arc<Progress>,
    /// End with this.
    tasks: JoinSet<()>,
}

/// What a task shall do.
#[derive(Debug)]
enum Command {
    Connect(HubHelloSettings),
    Send(Vec<u8>),
    Disconnect,
}

/// What happened to hub number `hub`.
#[derive(Debug)]
struct Report {
    hub: usize,
    what: Happened,
}

#[derive(Debug)]
enum Happened {
    Connected(Welcome),
    Acked(u64),
    Drained { reconnect_after_ms: u32, jitter_ms: u32 },
    Ended(String),
}

impl Links {
    /// One task for each hub; nothing connects before the first [`Links::pump`].
    pub(crate) fn new(
        endpoint: &ClientEndpoint,
        gateway: &Arc<Gateway>,
        hubs: Vec<(Hub, Credentials)>,
        progress: &Arc<Progress>,
    ) -> Self {
        let (report, reports) = mpsc::channel(REPORTS_WAITING_MAX);
        let connecting = Arc::new(Semaphore::new(CONNECTING_MAX));
        let mut tasks = JoinSet::new();
        let mut commands = Vec::with_capacity(hubs.len());
        let mut firmwares = Vec::with_capacity(hubs.len());
        for (number, (hub, credentials)) in hubs.into_iter().enumerate() {
            let (command, commanded) = mpsc::channel(COMMANDS_WAITING_MAX);
            let task = Task {
                number,
                endpoint: endpoint.clone(),
                gateway: Arc::clone(gateway),
                credentials,
                connecting: Arc::clone(&connecting),
                report: report.clone(),
            };
            tasks.spawn(task.run(commanded));
            commands.push(command);
            firmwares.push(hub);
        }
        let (frame, progress) = (Box::new([0; FRAME_LEN_MAX]), Arc::clone(progress));
        Self {
            hubs: firmwares,
            turn: 0,
            commands,
            reports,
            frame,
            progress,
            tasks,
        }
    }

    /// How many hubs there are.
    pub(crate) fn len(&self) -> usize {
        self.hubs.len()
    }

    /// The firmwares.
    pub(crate) fn hubs_mut(&mut self) -> &mut [Hub] {
        &mut self.hubs
    }

    /// Whether every sighting has been taken by the gateway.
    pub(crate) fn all_taken(&self, now_ms: u64) -> bool {
        self.hubs.iter().all(|hub| hub.health(now_ms).buffer_len == 0)
    }

    /// How many sightings were lost in hubs since they booted.
    pub(crate) fn dropped(&self, now_ms: u64) -> u64 {
        self.hubs.iter().map(|hub| hub.health(now_ms).sightings_dropped).sum()
    }

    /// Tells the firmwares what happened, and has done what some of them ask for, in turn: a building's hubs
    /// do not send in the same millisecond, and a socket's buffer does not hold what they would.
    pub(crate) fn pump(&mut self, now_ms: u64) {
        for _ in 0..REPORTS_WAITING_MAX {
            let Ok(report) = self.reports.try_recv() else { break };
            self.happened(now_ms, report);
        }
        for _ in 0..self.hubs.len().div_ceil(TURNS) {
            self.pump_hub(now_ms, self.turn);
            self.turn = (self.turn + 1) % self.hubs.len().max(1);
        }
        let connected = self.hubs.iter().filter(|hub| hub.is_connected()).count();
        self.progress.hubs_connected.store(connected as u64, Relaxed);
    }

    /// Lets every hub say goodbye, for at most [`GOODBYE_MS`].
    pub(crate) async fn close(mut self) {
        self.commands.clear();
        self.reports.close();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // Who is not done by then is cut off with the tasks.
        let _in_time = tokio::time::timeout(std::time::Duration::from_millis(GOODBYE_MS), all).await;
    }

    fn happened(&mut self, now_ms: u64, Report { hub: number, what }: Report) {
        let Some(hub) = self.hubs.get_mut(number) else { return };
        match what {
            Happened::Connected(welcome) => hub.on_connected(now_ms, welcome),
            Happened::Acked(next_sequence) => {
                let taken = next_sequence.saturating_sub(hub.oldest_sequence());
                self.progress.sightings_taken.fetch_add(taken, Relaxed);
                hub.on_ack(next_sequence);
            }
            Happened::Drained {
                reconnect_after_ms,
                jitter_ms,
            } => hub.on_drain(reconnect_after_ms, jitter_ms),
            Happened::Ended(why) => {
                self.progress.hub_failed(&hub.name().hub_id, &why);
                hub.on_disconnected(now_ms);
            }
        }
    }

    fn pump_hub(&mut self, now_ms: u64, number: usize) {
        let (Some(hub), Some(commands)) = (self.hubs.get_mut(number), self.commands.get(number)) else {
            return;
        };
        for _ in 0..COMMANDS_WAITING_MAX {
            // No room: the firmware keeps what it has.
            let Ok(room) = commands.try_reserve() else { return };
            match hub.poll(now_ms, &mut self.frame) {
                Some(Action::Connect) => room.send(Command::Connect(hello(hub))),
                Some(Action::Send { len }) => {
                    self.progress.frames_sent.fetch_add(1, Relaxed);
                    room.send(Command::Send(self.frame.get(..len).unwrap_or_default().to_vec()));
                }
                Some(Action::Disconnect) => room.send(Command::Disconnect),
                None => return,
            }
        }
    }
}

fn hello(hub: &Hub) -> HubHelloSettings {
    HubHelloSettings {
        hub_id: hub.name().hub_id.clone(),
        venue_id: hub.name().venue_id.clone(),
        boot_epoch: hub.boot_epoch(),
        oldest_sequence: hub.oldest_sequence(),
        firmware: hub.name().firmware.clone(),
    }
}

/// The transport of one hub.
struct Task {
    number: usize,
    endpoint: ClientEndpoint,
    gateway: Arc<Gateway>,
    credentials: Credentials,
    /// Hundreds of handshakes or goodbyes at once overflow the one socket's buffer, and those that lose packets
    /// wait long.
    connecting: Arc<Semaphore>,
    report: mpsc::Sender<Report>,
}

impl Task {
    /// Session after session, until the firmware is gone.
    async fn run(self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            // What was sent for a session that has ended is lost; the firmware sends it again.
            let Command::Connect(hello) = command else { continue };
            let ended = match self.connect(hello).await {
                Ok(session) => self.session(session, &mut commands).await,
                Err(why) => Some(why),
            };
            if let Some(why) = ended {
                self.report(Happened::Ended(why)).await;
            }
        }
    }

    async fn connect(&self, hello: HubHelloSettings) -> Result<HubSession, String> {
        let _turn = self.connecting.acquire().await.map_err(|closed| closed.to_string())?;
        let Gateway {
            hubs,
            server_name,
            trust,
            ..
        } = &*self.gateway;
        HubSession::connect(&self.endpoint, *hubs, server_name, trust, &self.credentials, hello)
            .await
            .map_err(|error| error.to_string())
    }

    /// Sends and listens until either side ends it; says why when it was not this one.
    async fn session(&self, session: HubSession, commands: &mut mpsc::Receiver<Command>) -> Option<String> {
        let welcome = session.welcome();
        let welcome = Welcome {
            next_sequence: welcome.next_sequence,
            heartbeat_ms: welcome.heartbeat_ms,
            sightings_per_batch_max: welcome.sightings_per_batch_max,
        };
        self.report(Happened::Connected(welcome)).await;
        let (mut sender, mut receiver) = session.split();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Send(frame)) => {
                        if let Err(error) = sender.send_encoded(&frame).await {
                            return Some(error.to_string());
                        }
                    }
                    // A firmware that connects twice has forgotten the first session.
                    Some(Command::Disconnect | Command::Connect(_)) => return None,
                    None => {
                        let _turn = self.connecting.acquire().await;
                        sender.goodbye("the simulation ended").await;
                        return None;
                    }
                },
                event = receiver.next() => match event {
                    Ok(HubEvent::Ack { next_sequence }) => self.report(Happened::Acked(next_sequence)).await,
                    Ok(HubEvent::Drain(drain)) => {
                        let (reconnect_after_ms, jitter_ms) = (drain.reconnect_after_ms, drain.jitter_ms);
                        self.report(Happened::Drained { reconnect_after_ms, jitter_ms }).await;
                    }
                    Ok(HubEvent::Error(error)) => return Some(error.sentence),
                    Err(error) => return Some(error.to_string()),
                },
            }
        }
    }

    async fn report(&self, what: Happened) {
        // Nobody reads when the simulation has ended.
        let _ended = self.report.send(Report { hub: self.number, what }).await;
    }
}

/// How long all hubs together may take to say goodbye.
const GOODBYE_MS: u64 = 3_000;
/// Calls in which every hub has its turn: with a call every 10 ms, a hub works every 80 ms.
const TURNS: usize = 8;
/// Hubs that connect, or say goodbye, at once.
const CONNECTING_MAX: usize = 16;
/// Frames of one hub that wait to be sent.
const COMMANDS_WAITING_MAX: usize = 32;
/// Reports of all hubs that wait to be read; tasks wait when it is full.
const REPORTS_WAITING_MAX: usize = 4_096;
