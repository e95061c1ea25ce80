//! The listener for hubs without a broker: nextbest takes their messages itself.
//!
//! It is no broker. Hubs publish and nobody subscribes, nothing is kept and nothing is passed on, so what a broker needs
//! most of its code and memory for is not there. Each hub proves its name and speaks for itself; a relay, such as another
//! broker's bridge, may speak for all.
//!
//! Bounds: [`CONNECTIONS_MAX`] connections, of them [`STRANGERS_MAX`] that have not proved their name, few of them from one address, each with one chunk
//! and one packet at most (see `link`); [`ATTEMPTS`] to connect from one address, because a handshake and a password cost the
//! doors' thread more than anything else; names are those of the password file, or [`SEATS_MAX`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, TcpListener as StdTcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::link::Carrier;
use super::messages::Messages;
use super::packets::Login;
use super::publisher::{self, HELLO_WAIT};
use super::settings::{HubsProve, ListenerSettings};
use super::tls::{self, TlsError};
use crate::serve::certificate::subject_of;
use crate::serve::doors::bucket::Sources;
use crate::serve::doors::{Doors, Rate};
use crate::serve::metrics::{Counter, Metrics};
use crate::serve::shared::Stage;

/// Most connections at once.
pub(super) const CONNECTIONS_MAX: usize = 512;
/// Most connections that have not proved their name.
const STRANGERS_MAX: usize = 64;
/// Most of them from one address, so that one machine cannot keep all others out.
const STRANGERS_PER_ADDRESS_MAX: usize = 8;
/// Attempts to connect from one address. A password costs 10 ms at the dearest (see `passwords`), so that one address has a
/// tenth of the doors' thread at most, and a site whose 50 hubs share an address is back at once.
const ATTEMPTS: Rate = Rate { per_s: 10, burst: 50 };
/// Least time between two lines of the log about connections that are turned away.
const TURNED_AWAY_LOG_WAIT: Duration = Duration::from_secs(60);
/// Most names that are remembered.
const SEATS_MAX: usize = 1_024;
/// Wait after an error of the system's own, such as too many open files.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// What the sessions of the listener share.
pub(super) struct Worker {
    pub(super) doors: Arc<Doors>,
    settings: ListenerSettings,
    connections: Cell<usize>,
    /// The addresses of those that have not proved their name.
    strangers: RefCell<Vec<IpAddr>>,
    /// By address: how many attempts are left.
    attempts: RefCell<Sources>,
    logged: Cell<Option<Instant>>,
    seats: RefCell<HashMap<String, Rc<Seat>>>,
}

/// A name's place: one connection at a time, and what the name has sent.
pub(super) struct Seat {
    newer: Notify,
    pub(super) messages: RefCell<Messages>,
    /// The newest connection's number.
    newest: Cell<u64>,
}

/// Serves until the gateway drains.
///
/// # Errors
/// When the socket or the certificates cannot be used.
pub(super) fn serve(
    doors: Arc<Doors>,
    settings: ListenerSettings,
    socket: StdTcpListener,
) -> io::Result<impl Future<Output = ()>> {
    socket.set_nonblocking(true)?;
    let socket = TcpListener::from_std(socket)?;
    let tls = acceptor(&settings).map_err(io::Error::other)?;
    if tls.is_none() && !settings.address.ip().is_loopback() {
        tracing::warn!("MQTT listener: without a certificate, passwords and positions cross the network as they are");
    }
    let worker = Rc::new(Worker {
        doors,
        settings,
        connections: Cell::new(0),
        strangers: RefCell::default(),
        attempts: RefCell::default(),
        logged: Cell::new(None),
        seats: RefCell::default(),
    });
    Ok(async move {
        let mut stage = worker.stage();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _stage = stage.wait_for(|stage| *stage == Stage::Draining) => return,
            };
            match accepted {
                Ok((stream, from)) => worker.admit(stream, from.ip(), tls.as_ref()),
                Err(_) => sleep(ACCEPT_WAIT).await,
            }
        }
    })
}

fn acceptor(settings: &ListenerSettings) -> Result<Option<TlsAcceptor>, TlsError> {
    let Some((certificate, key)) = &settings.tls else {
        return Ok(None);
    };
    let hubs = match &settings.hubs {
        HubsProve::Password(_) => None,
        HubsProve::Certificate(authorities) => Some(&authorities[..]),
    };
    let config: Arc<ServerConfig> = tls::server_config(certificate, key, hubs)?;
    Ok(Some(TlsAcceptor::from(config)))
}

impl Worker {
    pub(super) fn metrics(&self) -> &Metrics {
        &self.doors.shared.metrics
    }

    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.doors.stage()
    }

    /// Serves a connection in a task of its own, if there is room and its address has attempts left: whatever it does, it does to itself.
    fn admit(self: &Rc<Self>, stream: TcpStream, from: IpAddr, tls: Option<&TlsAcceptor>) {
        let now = self.doors.shared.clock.now();
        if !self.attempts.borrow_mut().spend(now, from, ATTEMPTS) {
            return self.metrics().count(Counter::MqttHubFlood);
        }
        let Some(stranger) = Stranger::meet(self, from) else {
            return self.metrics().count(Counter::MqttHubFull);
        };
        let (worker, tls) = (Rc::clone(self), tls.cloned());
        spawn_local(async move {
            let _open = Open::count(&worker);
            let carried = timeout(HELLO_WAIT, carry(stream, tls)).await;
            match carried {
                Ok(Ok((carrier, name))) => publisher::run(worker, carrier, name, stranger).await,
                Ok(Err(_)) | Err(_) => worker.metrics().count(Counter::MqttHubBroken),
            }
        });
    }

    /// Says why a connection is turned away, not too often: the counters have them all.
    pub(super) fn tell(&self, why: impl Display) {
        let is_due = self.logged.get().is_none_or(|at| at.elapsed() >= TURNED_AWAY_LOG_WAIT);
        if is_due {
            self.logged.set(Some(Instant::now()));
            tracing::warn!("MQTT listener: a connection is turned away: {why}");
        }
    }

    /// The name that a login proves.
    pub(super) fn name_of(&self, login: &Login) -> Option<String> {
        let HubsProve::Password(passwords) = &self.settings.hubs else {
            return None;
        };
        let name = login.user.as_deref()?;
        passwords.is(name, &login.password).then(|| name.to_owned())
    }

    pub(super) fn may_speak_for_others(&self, name: &str) -> bool {
        self.settings.relays.iter().any(|relay| relay == name)
    }

    /// The place of a name, which whoever had it leaves; `None`: there are too many names.
    pub(super) fn take_seat(&self, name: &str) -> Option<(Rc<Seat>, u64)> {
        let mut seats = self.seats.borrow_mut();
        if !seats.contains_key(name) && seats.len() >= SEATS_MAX {
            return None;
        }
        let seat = seats.entry(name.to_owned()).or_insert_with(|| {
            Rc::new(Seat {
                newer: Notify::new(),
                messages: RefCell::new(Messages::new(Arc::clone(&self.doors))),
                newest: Cell::new(0),
            })
        });
        let number = seat.newest.get() + 1;
        seat.newest.set(number);
        seat.newer.notify_waiters();
        Some((Rc::clone(seat), number))
    }
}

impl Seat {
    /// Waits until a newer connection than `number` has the place.
    pub(super) async fn taken(&self, number: u64) {
        loop {
            let newer = self.newer.notified();
            if self.newest.get() != number {
                return;
            }
            newer.await;
        }
    }
}

/// The stream as it is, or with TLS around it and the name in its certificate.
async fn carry(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<(Box<dyn Carrier>, Option<String>)> {
    stream.set_nodelay(true)?;
    let Some(acceptor) = tls else {
        return Ok((Box::new(stream), None));
    };
    let stream = acceptor.accept(stream).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let subject = certificates.and_then(|chain| subject_of(chain.first()?));
    Ok((Box::new(stream), subject.and_then(|subject| subject.common_name)))
}

/// Counts among the connections until it is dropped.
struct Open(Rc<Worker>);

impl Open {
    fn count(worker: &Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get().saturating_sub(1));
    }
}

/// Counts among those that have not proved their name until it is dropped.
pub(super) struct Stranger {
    worker: Rc<Worker>,
    from: IpAddr,
}

impl Stranger {
    /// Where it comes from.
    pub(super) const fn from(&self) -> IpAddr {
        self.from
    }

    /// `None`: there is no room for another, or for another from there.
    fn meet(worker: &Rc<Worker>, from: IpAddr) -> Option<Self> {
        let mut strangers = worker.strangers.borrow_mut();
        let from_there = strangers.iter().filter(|stranger| **stranger == from).count();
        let is_full = worker.connections.get() >= CONNECTIONS_MAX || strangers.len() >= STRANGERS_MAX;
        if is_full || from_there >= STRANGERS_PER_ADDRESS_MAX {
            return None;
        }
        strangers.push(from);
        Some(Self {
            worker: Rc::clone(worker),
            from,
        })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut strangers = self.worker.strangers.borrow_mut();
        if let Some(at) = strangers.iter().position(|stranger| *stranger == self.from) {
            strangers.swap_remove(at);
        }
    }
}
