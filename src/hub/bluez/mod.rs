//! BlueZ as a radio: a scan that is started again whatever ends it.
//!
//! ```text
//! no bus --> no bluetoothd --> no adapter --> switched off --> scanning
//!    ^            ^                ^              |               |
//!    +------------+----------------+--------------+---------------+  whatever goes wrong; then a growing wait, which
//!                                                                    ends early when the bus says that something came
//! ```
//!
//! btleplug gives the events of an adapter, but says neither that the adapter was unplugged nor that bluetoothd was
//! restarted: its stream then only falls silent. `watch` listens on the bus for that. An adapter that is silent for
//! [`SILENCE_MAX`] is started again as well, because some controllers stop by themselves.
//!
//! Devices that bluetoothd remembers when the scan starts are not sightings: nobody heard them. Deliberately absent:
//! connecting to anything, and which parts belong together ([`super::pairing`]).

mod scan;
mod structures;
mod watch;

use std::time::Duration;

use btleplug::api::{Central, Manager as _};
use btleplug::platform::{Adapter, Manager};
use nextbest_proto::v1::RadioState;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use self::scan::Scan;
use self::watch::Watch;
use super::radio::{Radio, RadioEvent, RadioReport};

/// Events that wait for the agent; when it is full, BlueZ's messages wait in the D-Bus connection.
const EVENTS_LEN_MAX: usize = 1_024;
/// Longest time without any advertisement before the scan is started again. A venue is never that quiet.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Shortest and longest wait before the radio is tried again.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// Longest time that bluetoothd may take for an answer.
const CALL_WAIT: Duration = Duration::from_secs(5);

/// An adapter of bluetoothd.
#[derive(Debug)]
pub struct BluezRadio {
    events: mpsc::Receiver<RadioEvent>,
    task: JoinHandle<()>,
}

impl BluezRadio {
    /// Begins to listen, in a task of the current runtime. Without a name it is the first adapter that there is.
    #[must_use]
    pub fn start(adapter: Option<String>) -> Self {
        let (sender, events) = mpsc::channel(EVENTS_LEN_MAX);
        let keeper = Keeper {
            wanted: adapter,
            adapter: String::new(),
            events: sender,
            wait: WAITS.0,
        };
        Self {
            events,
            task: tokio::spawn(keeper.keep()),
        }
    }
}

impl Radio for BluezRadio {
    async fn next(&mut self) -> Option<RadioEvent> {
        self.events.recv().await
    }
}

impl Drop for BluezRadio {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why there is no scan, or no longer.
#[derive(Debug)]
enum End {
    /// The agent has gone: nobody listens.
    Unheard,
    /// The connection to the bus is of no use any more.
    NoBus(String),
    /// Something else; the connection can be used on.
    Radio(RadioState, String),
}

struct Keeper {
    wanted: Option<String>,
    /// The one in use, or the one that is wanted.
    adapter: String,
    events: mpsc::Sender<RadioEvent>,
    wait: Duration,
}

impl Keeper {
    async fn keep(mut self) {
        self.adapter = self.wanted.clone().unwrap_or_default();
        loop {
            let end = match Bus::connect().await {
                Ok(mut bus) => self.use_bus(&mut bus).await,
                Err(reason) => End::NoBus(reason),
            };
            let End::NoBus(reason) = end else { return };
            if self.say(RadioState::Absent, reason).await.is_err() {
                return;
            }
            tokio::time::sleep(self.next_wait()).await;
        }
    }

    /// Scans again and again, until the bus is of no use.
    async fn use_bus(&mut self, bus: &mut Bus) -> End {
        loop {
            let started_at = Instant::now();
            let (state, reason) = match self.scan(bus).await {
                End::Radio(state, reason) => (state, reason),
                end @ (End::Unheard | End::NoBus(_)) => return end,
            };
            if started_at.elapsed() > WAITS.1 {
                self.wait = WAITS.0;
            }
            if self.say(state, reason).await.is_err() {
                return End::Unheard;
            }
            // Something that came back is there at once; what did not say so is looked for later.
            if let Ok(Err(gone)) = timeout(self.next_wait(), bus.watch.news()).await {
                return End::NoBus(gone);
            }
        }
    }

    async fn scan(&mut self, bus: &mut Bus) -> End {
        bus.watch.forget();
        let adapter = match timeout(CALL_WAIT, self.find(bus)).await {
            Ok(Ok(adapter)) => adapter,
            Ok(Err(reason)) => return End::Radio(RadioState::Absent, reason),
            Err(_late) => return End::Radio(RadioState::Absent, "bluetoothd does not answer".into()),
        };
        if self.say(RadioState::Starting, String::new()).await.is_err() {
            return End::Unheard;
        }
        let started = timeout(CALL_WAIT, Scan::start(&adapter, &self.adapter)).await;
        let mut scan = match started {
            Ok(Ok(scan)) => scan,
            Ok(Err(error)) => return End::Radio(RadioState::Off, format!("{} cannot scan: {error}", self.adapter)),
            Err(_late) => return End::Radio(RadioState::Off, "bluetoothd does not answer".into()),
        };
        if self.say(RadioState::Scanning, String::new()).await.is_err() {
            return End::Unheard;
        }
        let end = scan.run(&adapter, &mut bus.watch, &self.events).await;
        if matches!(end, End::NoBus(_)) {
            scan.abandon();
        }
        end
    }

    /// The adapter that is wanted.
    async fn find(&mut self, bus: &Bus) -> Result<Adapter, String> {
        let adapters = bus.manager.adapters().await.map_err(|error| error.to_string())?;
        let mut named = Vec::new();
        for adapter in adapters {
            if let Ok(info) = adapter.adapter_info().await {
                let name = info.split(' ').next().unwrap_or_default().to_owned();
                named.push((name, adapter));
            }
        }
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        let wanted = |name: &str| self.wanted.as_ref().is_none_or(|wanted| wanted == name);
        match named.into_iter().find(|(name, _)| wanted(name)) {
            Some((name, adapter)) => {
                self.adapter = name;
                Ok(adapter)
            }
            None => Err(match &self.wanted {
                Some(wanted) => format!("there is no adapter {wanted}"),
                None => "there is no Bluetooth adapter".to_owned(),
            }),
        }
    }

    fn next_wait(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(WAITS.1);
        wait
    }

    async fn say(&self, state: RadioState, reason: String) -> Result<(), End> {
        let report = RadioReport {
            adapter: self.adapter.clone(),
            state,
            reason,
        };
        let said = self.events.send(RadioEvent::State(report)).await;
        said.map_err(|_unheard| End::Unheard)
    }
}

/// The connections to the system bus: btleplug's, and one that watches.
struct Bus {
    manager: Manager,
    watch: Watch,
}

impl Bus {
    async fn connect() -> Result<Self, String> {
        let watch = Watch::start().await?;
        let manager = Manager::new()
            .await
            .map_err(|error| format!("no system bus: {error}"))?;
        Ok(Self { manager, watch })
    }
}
