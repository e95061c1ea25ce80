//! Doors for other makers' hubs: MQTT, HTTP and UDP, on a thread and a runtime of their own.
//!
//! ```text
//! HTTP --\
//! UDP  ---+--> Doors::take --> wire::payload --> Report --> the hub it names --> Engine::on_sighting
//! MQTT --/         |                                 |
//!           bucket by address                  bucket by hub
//! ```
//!
//! Whatever the door, a payload becomes the same sightings: in the order of their arrival, at the moment of their arrival.
//! A payload's own clock is a hint and nothing is ordered by it. A hub is whoever the map says goes by the name in the
//! payload; what names another is counted and dropped. Anything that a hub says is its heartbeat.
//!
//! The doors have one thread, so parsing somebody's JSON delays no hub that speaks QUIC; with the hubs' thread it meets in
//! the engine only over one tag at a time. A flood is bounded twice: by address before its payload is read, and by hub
//! before it reaches the engine. Those through whom many hubs speak, a broker and its bridges, are bounded by hub alone.
//! Reading order: `Doors` here, `arrivals`, `bucket`, then a door.
//!
//! Deliberately absent: queues. A door that cannot keep up loses datagrams in the kernel and lets TCP wait.

mod arrivals;
pub(super) mod bucket;
mod counts;
pub(super) mod guard;
mod http;
pub mod mqtt;
mod settings;
mod tokens;
mod udp;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
#[expect(
    clippy::disallowed_types,
    reason = "the doors have one thread, so nobody waits; axum asks for what could go to another"
)]
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use self::arrivals::Arrivals;
use self::bucket::Sources;
use super::intake::Tally;
use super::metrics::Metrics;
use super::shared::{Shared, Stage};
use crate::wire::payload::{Family, PayloadError, Read, Said, Say};

pub use self::bucket::Rate;
pub use self::counts::{DoorCounts, PayloadOutcome, ReportOutcome};
pub use self::settings::{DoorLimits, DoorsError, DoorsSettings, HttpDoor};
pub use self::tokens::{Tokens, TokensError};

/// What all doors share.
pub(super) struct Doors {
    shared: Arc<Shared>,
    settings: DoorsSettings,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    sources: Mutex<Sources>,
    #[expect(clippy::disallowed_types, reason = "see the import")]
    arrivals: Mutex<Arrivals>,
}

/// What became of a payload that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// What reading it has left out.
    pub(super) read: Read,
    /// Reports that became sightings.
    pub(super) sightings: u32,
    /// Reports of hubs that the map does not have.
    pub(super) unknown_hub: u32,
    /// Reports of hubs for which whoever sent them does not speak.
    pub(super) not_allowed: u32,
    /// Reports beyond what a hub may report.
    pub(super) flood: u32,
}

/// Why a payload was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Its source sends more than the doors' limits allow.
    #[error("this address sends more payloads than the limits of the doors allow")]
    Flood,
    /// Nothing of it can be used.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl Doors {
    #[expect(clippy::disallowed_types, reason = "see the import")]
    fn new(shared: Arc<Shared>, settings: DoorsSettings) -> Self {
        let arrivals = Arrivals::new(Arc::clone(&shared.engine), settings.limits.reports);
        Self {
            sources: Mutex::default(),
            arrivals: Mutex::new(arrivals),
            settings,
            shared,
        }
    }

    /// How far the gateway is on its way out.
    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.shared.stage.clone()
    }

    /// What the gateway counts.
    pub(super) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.shared.metrics)
    }

    /// Takes a payload of a family that `read` reads. `from`: whose bucket pays; `None`: the hubs' alone.
    ///
    /// # Errors
    /// [`Refused`], which has been counted.
    pub(super) fn take(
        &self,
        from: Option<IpAddr>,
        family: Family,
        read: impl FnOnce(&mut Say<'_>) -> Result<Read, PayloadError>,
    ) -> Result<Heard, Refused> {
        self.admit(from, family)?;
        self.hear(family, &[], read)
    }

    /// Whether an address may send another payload; before any of it is read. `None`: somebody through whom many hubs speak.
    ///
    /// # Errors
    /// [`Refused::Flood`], which has been counted.
    pub(super) fn admit(&self, from: Option<IpAddr>, family: Family) -> Result<(), Refused> {
        let (now, rate) = (self.shared.clock.now(), self.settings.limits.payloads);
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if from.is_none_or(|from| sources.spend(now, from, rate)) {
            return Ok(());
        }
        self.shared.metrics.doors.payload(family, PayloadOutcome::Flood);
        Err(Refused::Flood)
    }

    /// Takes a payload that was admitted. `only`: the hubs that whoever sent it may speak for, by any of their names; none
    /// means all.
    ///
    /// # Errors
    /// [`Refused::Payload`], which has been counted.
    pub(super) fn hear(
        &self,
        family: Family,
        only: &[String],
        read: impl FnOnce(&mut Say<'_>) -> Result<Read, PayloadError>,
    ) -> Result<Heard, Refused> {
        let now = self.shared.clock.now();
        let (mut tally, mut heard) = (Tally::default(), Heard::default());
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let only = arrivals.only(only);
        let read = read(&mut |said| match said {
            Said::Report(report) => match arrivals.arrive(now, only.as_deref(), &report) {
                Ok(outcome) => {
                    tally.count(&self.shared, outcome);
                    heard.sightings += 1;
                }
                Err(outcome) => heard.count(outcome),
            },
            Said::Hub { hub, status } => {
                let told = arrivals.tell(now, only.as_deref(), hub, status);
                told.unwrap_or_else(|outcome| heard.count(outcome));
            }
        });
        drop(arrivals);
        tally.add_to(&self.shared.metrics);
        self.count(family, &heard, &read);
        heard.read = read?;
        Ok(heard)
    }

    /// Counts a request without a token, which costs its address as much as one with.
    pub(super) fn count_unauthorized(&self, from: IpAddr, family: Family) {
        if self.admit(Some(from), family).is_ok() {
            self.shared.metrics.doors.payload(family, PayloadOutcome::Unauthorized);
        }
    }

    fn count(&self, family: Family, heard: &Heard, read: &Result<Read, PayloadError>) {
        let counts = &self.shared.metrics.doors;
        counts.reports(family, ReportOutcome::Sighting, heard.sightings);
        counts.reports(family, ReportOutcome::UnknownHub, heard.unknown_hub);
        counts.reports(family, ReportOutcome::NotAllowed, heard.not_allowed);
        counts.reports(family, ReportOutcome::Flood, heard.flood);
        match read {
            Ok(read) => {
                counts.payload(family, PayloadOutcome::Read);
                counts.left_out(family, read);
            }
            Err(_) => counts.payload(family, PayloadOutcome::Unreadable),
        }
    }
}

impl Heard {
    const fn count(&mut self, outcome: ReportOutcome) {
        match outcome {
            ReportOutcome::Sighting => self.sightings += 1,
            ReportOutcome::UnknownHub => self.unknown_hub += 1,
            ReportOutcome::NotAllowed => self.not_allowed += 1,
            ReportOutcome::Flood => self.flood += 1,
        }
    }
}

/// The sockets of the doors, bound before anything runs.
#[derive(Debug, Default)]
pub(super) struct DoorSockets {
    pub(super) http: Option<TcpListener>,
    pub(super) udp: Option<UdpSocket>,
    pub(super) mqtt: Option<TcpListener>,
}

/// Where the doors listen, as far as they are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorAddrs {
    /// TCP, for HTTP.
    pub http: Option<SocketAddr>,
    /// UDP, for raddecs.
    pub udp: Option<SocketAddr>,
    /// TCP, for hubs that speak MQTT without a broker.
    pub mqtt: Option<SocketAddr>,
}

impl DoorSockets {
    /// Where they are bound.
    pub(super) fn addrs(&self) -> DoorAddrs {
        DoorAddrs {
            http: self.http.as_ref().and_then(|socket| socket.local_addr().ok()),
            udp: self.udp.as_ref().and_then(|socket| socket.local_addr().ok()),
            mqtt: self.mqtt.as_ref().and_then(|socket| socket.local_addr().ok()),
        }
    }
}

/// Opens the doors. Serves until the gateway drains.
///
/// # Errors
/// When a socket cannot be used.
pub(super) fn open(
    shared: Arc<Shared>,
    settings: DoorsSettings,
    sockets: DoorSockets,
) -> io::Result<impl Future<Output = ()>> {
    let http_door = settings.http.clone();
    let doors = Arc::new(Doors::new(shared, settings));
    let http = http_door.zip(sockets.http);
    let http = http
        .map(|(door, socket)| http::serve(Arc::clone(&doors), door, socket))
        .transpose()?;
    let mqtt = mqtt::serve(&doors, sockets.mqtt)?;
    let udp = sockets.udp.map(|socket| udp::serve(doors, socket)).transpose()?;
    Ok(async move {
        let http = async {
            if let Some(http) = http {
                http.await;
            }
        };
        let udp = async {
            if let Some(udp) = udp {
                udp.await;
            }
        };
        tokio::join!(http, udp, mqtt);
    })
}
