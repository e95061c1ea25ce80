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
//! the engine only over one tag at a time. A flood is bounded twice: by address before a byte of it is read, and by hub
//! before it reaches the engine. Reading order: [`Doors`] here, `arrivals`, `bucket`, then a door.
//!
//! Deliberately absent: queues. A door that cannot keep up loses datagrams in the kernel and lets TCP wait.

mod arrivals;
mod bucket;
mod counts;
pub mod mqtt;
mod settings;
mod udp;

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;

use self::arrivals::Arrivals;
use self::bucket::Sources;
use super::intake::Tally;
use super::shared::{Shared, Stage};
use crate::wire::payload::{Family, HubStatus, PayloadError, Read, Said, Say};

pub use self::bucket::Rate;
pub use self::counts::{DoorCounts, PayloadOutcome, ReportOutcome};
pub use self::settings::{DoorLimits, DoorsSettings};

/// What all doors share. It stays on their thread.
pub(super) struct Doors {
    shared: Arc<Shared>,
    settings: DoorsSettings,
    sources: RefCell<Sources>,
    arrivals: RefCell<Arrivals>,
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
    fn new(shared: Arc<Shared>, settings: DoorsSettings) -> Self {
        Self {
            sources: RefCell::default(),
            arrivals: RefCell::new(Arrivals::new(Arc::clone(&shared.engine), settings.limits.reports)),
            settings,
            shared,
        }
    }

    /// How far the gateway is on its way out.
    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.shared.stage.clone()
    }

    /// Takes a payload of a family that `read` reads.
    ///
    /// # Errors
    /// [`Refused`], which has been counted.
    pub(super) fn take(
        &self,
        from: Option<IpAddr>,
        family: Family,
        read: impl FnOnce(&mut Say<'_>) -> Result<Read, PayloadError>,
    ) -> Result<Read, Refused> {
        let (now, counts) = (self.shared.clock.now(), &self.shared.metrics.doors);
        let rate = self.settings.limits.payloads;
        if from.is_some_and(|from| !self.sources.borrow_mut().spend(now, from, rate)) {
            counts.payload(family, PayloadOutcome::Flood);
            return Err(Refused::Flood);
        }
        let (mut tally, mut outcomes) = (Tally::default(), [0; 3]);
        let mut arrivals = self.arrivals.borrow_mut();
        let read = read(&mut |said| {
            let outcome = match said {
                Said::Report(report) => match arrivals.arrive(now, &report) {
                    Ok(outcome) => {
                        tally.count(&self.shared, outcome);
                        ReportOutcome::Sighting
                    }
                    Err(outcome) => outcome,
                },
                Said::Hub { hub, status } => {
                    let is_known = match status {
                        HubStatus::Alive => arrivals.alive(now, hub),
                        HubStatus::Gone => arrivals.gone(now, hub),
                    };
                    if is_known { return } else { ReportOutcome::UnknownHub }
                }
            };
            if let Some(n) = outcomes.get_mut(outcome as usize) {
                *n += 1;
            }
        });
        drop(arrivals);
        tally.add_to(&self.shared.metrics);
        for outcome in [ReportOutcome::Sighting, ReportOutcome::UnknownHub, ReportOutcome::Flood] {
            counts.reports(
                family,
                outcome,
                outcomes.get(outcome as usize).copied().unwrap_or_default(),
            );
        }
        match read {
            Ok(read) => {
                counts.payload(family, PayloadOutcome::Read);
                counts.left_out(family, &read);
                Ok(read)
            }
            Err(error) => {
                counts.payload(family, PayloadOutcome::Unreadable);
                Err(error.into())
            }
        }
    }
}

/// The sockets of the doors, bound before anything runs.
#[derive(Debug, Default)]
pub(super) struct DoorSockets {
    pub(super) udp: Option<UdpSocket>,
    pub(super) mqtt: Option<TcpListener>,
}

/// Where the doors listen, as far as they are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorAddrs {
    /// UDP, for raddecs.
    pub udp: Option<SocketAddr>,
    /// TCP, for hubs that speak MQTT without a broker.
    pub mqtt: Option<SocketAddr>,
}

impl DoorSockets {
    /// Where they are bound.
    pub(super) fn addrs(&self) -> DoorAddrs {
        DoorAddrs {
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
    let doors = Rc::new(Doors::new(shared, settings));
    let udp = sockets
        .udp
        .map(|socket| udp::serve(Rc::clone(&doors), socket))
        .transpose()?;
    let mqtt = mqtt::serve(&doors, sockets.mqtt)?;
    Ok(async move {
        let udp = async {
            if let Some(udp) = udp {
                udp.await;
            }
        };
        tokio::join!(udp, mqtt);
    })
}
