//! nextbest as a client of the venue's broker.
//!
//! ```text
//! connect -> hello -> welcome -> subscribe -> messages ... -> lost -> wait -> connect
//! ```
//!
//! The session is a clean one and asks for each message once at most: what a broker would keep for an absent client is
//! old when it comes. Losing the broker costs the hubs behind it and nothing else; it is tried again for ever, with
//! waits that double up to half a minute. The log says when the broker is lost, when the reason changes, and when it is
//! back, not each attempt.
//!
//! There is no queue between the broker and the engine: the task that read the bytes acts upon them, and when it is
//! busy, the connection's window slows the broker down, which has bounds of its own. Deliberately absent: what a message
//! means (`messages`), and publishing.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::role::Client as ClientRole;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::backoff::Backoff;
use super::link::{Carrier, Link, LinkEnd};
use super::messages::{Messages, Sender};
use super::packets::{self, FromBroker, Hello, Refusal, Wanted};
use super::settings::{BrokerSettings, Secret};
use super::tls::{self, TlsError};
use crate::serve::doors::Doors;
use crate::serve::metrics::{Counter, Gauge, Metrics};
use crate::serve::shared::Stage;

/// How long connecting may take, and how long the broker's welcome.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Longest silence towards the broker; it asks for a ping when there is nothing else to say.
const KEEP_ALIVE_S: u16 = 30;

/// A client of one broker.
pub(super) struct Client {
    doors: Arc<Doors>,
    broker: BrokerSettings,
    /// The version to try next.
    version: Version,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    messages: Messages,
}

/// Why a session ended, or why there was none.
#[derive(Debug, Error)]
enum SessionEnd {
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("it did not answer within {} s", CONNECT_WAIT.as_secs())]
    Unanswered,
    #[error("{}", refusal(*.0))]
    Refused(Refusal),
    #[error("it lets this user subscribe to none of the topics: expected its access list to let {0} read them")]
    NothingGranted(String),
    #[error("it says goodbye: {0}")]
    Goodbye(String),
    #[error(transparent)]
    Link(#[from] LinkEnd),
    #[error("what it sent has broken the session: please report it")]
    Broken,
    #[error("the gateway stops")]
    Stopped,
}

/// What the broker does not like, and which settings to look at. Neither name nor password is repeated.
const fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Credentials => {
            "it refuses the user name or the password: see `username` and `password_file` in [mqtt]"
        }
        Refusal::NotAuthorized => {
            "it does not let this user connect: see `username` in [mqtt], and the broker's own settings"
        }
        Refusal::ClientId => "it refuses the client id: see `client_id` in [mqtt]",
        Refusal::Version => "it does not speak this version of MQTT: see `version` in [mqtt]",
        Refusal::Unavailable => "it takes no connections at the moment",
    }
}

impl SessionEnd {
    /// Whether trying again soon may help.
    const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::Unanswered
            | Self::Goodbye(_)
            | Self::Link(_)
            | Self::Broken
            | Self::Stopped => true,
            Self::Refused(refusal) => matches!(refusal, Refusal::Unavailable | Refusal::Version),
            Self::NothingGranted(_) => false,
        }
    }

    const fn counter(&self) -> Counter {
        match self {
            Self::Unreachable(_) | Self::Unanswered => Counter::MqttUnreachable,
            Self::Refused(_) | Self::NothingGranted(_) => Counter::MqttRefused,
            Self::Link(LinkEnd::TooLong) => Counter::MqttOversize,
            Self::Goodbye(_) | Self::Link(_) | Self::Broken | Self::Stopped => Counter::MqttLost,
        }
    }
}

impl Client {
    /// A client of `broker`.
    ///
    /// # Errors
    /// [`TlsError`] when the certificates cannot be used.
    pub(super) fn new(doors: Arc<Doors>, broker: &BrokerSettings) -> Result<Self, TlsError> {
        let tls = match &broker.tls {
            None => None,
            Some(files) => {
                let name = ServerName::try_from(broker.host.clone()).map_err(|_| TlsError::Host)?;
                Some((tls::client_config(files)?, name))
            }
        };
        Ok(Self {
            version: broker.version.unwrap_or(Version::V5_0),
            broker: broker.clone(),
            tls,
            messages: Messages::new(Arc::clone(&doors)),
            doors,
        })
    }

    /// Stays connected until the gateway stops.
    pub(super) async fn run(mut self) {
        let mut stage = self.doors.stage();
        let (mut backoff, mut told) = (Backoff::default(), None);
        loop {
            let begun = Instant::now();
            let end = contained(self.session(&mut told, &mut stage)).await;
            if matches!(end, SessionEnd::Stopped) {
                return;
            }
            self.doors.shared.metrics.count(end.counter());
            backoff.lasted(begun.elapsed());
            let random = rand::random();
            let wait = if end.is_passing() {
                backoff.failed(random)
            } else {
                backoff.refused(random)
            };
            self.tell(&end, &mut told, wait);
            tokio::select! {
                _stage = stage.wait_for(|stage| *stage == Stage::Draining) => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Says why the broker is not there, once for each reason.
    fn tell(&self, end: &SessionEnd, told: &mut Option<String>, wait: Duration) {
        let (host, port, why) = (&self.broker.host, self.broker.port, end.to_string());
        if told.as_ref() == Some(&why) {
            tracing::debug!(wait_ms = wait.as_millis() as u64, "MQTT broker {host}:{port}: {why}");
        } else if end.is_passing() {
            tracing::warn!("MQTT broker {host}:{port}: {why}; it is tried again until it is there");
        } else {
            tracing::error!("MQTT broker {host}:{port}: {why}; it is tried again every half a minute");
        }
        *told = Some(why);
    }

    async fn session(&mut self, told: &mut Option<String>, stage: &mut watch::Receiver<Stage>) -> SessionEnd {
        let reached = tokio::select! {
            reached = timeout(CONNECT_WAIT, self.reach()) => reached,
            _stage = stage.wait_for(|stage| *stage == Stage::Draining) => return SessionEnd::Stopped,
        };
        let carrier = match reached {
            Ok(Ok(carrier)) => carrier,
            Ok(Err(error)) => return SessionEnd::Unreachable(error),
            Err(_) => return SessionEnd::Unanswered,
        };
        let mut link = Link::<ClientRole>::new(self.version, carrier);
        match timeout(CONNECT_WAIT, self.greet(&mut link)).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => {
                self.choose_version(&end);
                return end;
            }
            Err(_) => return SessionEnd::Unanswered,
        }
        let _connected = Connected::new(&self.doors.shared.metrics);
        let end = tokio::select! {
            end = self.listen(&mut link, told) => end,
            _stage = stage.wait_for(|stage| *stage == Stage::Draining) => Err(SessionEnd::Stopped),
        };
        match end {
            Ok(never) => match never {},
            Err(SessionEnd::Stopped) => {
                // The broker may have gone already; nobody waits for its answer.
                let _said = link.say(packets::disconnect(self.version));
                let _written = link.flush().await;
                SessionEnd::Stopped
            }
            Err(end) => end,
        }
    }

    async fn reach(&self) -> io::Result<Box<dyn Carrier>> {
        let stream = TcpStream::connect((self.broker.host.as_str(), self.broker.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                Ok(Box::new(connector.connect(name.clone(), stream).await?))
            }
        }
    }

    /// Where the settings leave the version open, a broker that does not take the one is offered the other.
    fn choose_version(&mut self, end: &SessionEnd) {
        let is_version = matches!(end, SessionEnd::Refused(Refusal::Version) | SessionEnd::Link(_));
        if is_version && self.broker.version.is_none() {
            self.version = if self.version == Version::V5_0 {
                Version::V3_1_1
            } else {
                Version::V5_0
            };
        }
    }

    /// Says hello, and waits for the welcome.
    async fn greet(&self, link: &mut Link<ClientRole>) -> Result<(), SessionEnd> {
        let password = self.broker.password.as_ref().map_or(&[][..], Secret::bytes);
        let user = self.broker.username.as_deref().map(|name| (name, password));
        link.say(packets::connect(&Hello {
            version: self.version,
            client_id: &self.broker.client_id,
            user,
            keep_alive_s: KEEP_ALIVE_S,
        }))?;
        loop {
            match packets::from_broker(link.next().await?) {
                FromBroker::Welcome => return Ok(()),
                FromBroker::Refusal(refusal) => return Err(SessionEnd::Refused(refusal)),
                FromBroker::Goodbye(why) => return Err(SessionEnd::Goodbye(why)),
                FromBroker::Granted(_) | FromBroker::Message(_) | FromBroker::Other => {}
            }
        }
    }

    /// Subscribes, and takes messages until the session ends.
    async fn listen(
        &mut self,
        link: &mut Link<ClientRole>,
        told: &mut Option<String>,
    ) -> Result<Infallible, SessionEnd> {
        let settings = &self.doors.settings;
        let filters = settings.mqtt.filters(&settings.topics);
        let wanted: Vec<_> = filters
            .iter()
            .map(|filter| Wanted {
                filter,
                kept: tells_of_hubs(filter),
            })
            .collect();
        let packet_id = link.packet_id()?;
        link.say(packets::subscribe(self.version, packet_id, &wanted))?;
        loop {
            match packets::from_broker(link.next().await?) {
                FromBroker::Message(message) => self.messages.take(&message, Sender::BROKER),
                FromBroker::Granted(granted) => {
                    check_granted(&wanted, &granted)?;
                    tracing::info!("MQTT broker {}:{}: subscribed", self.broker.host, self.broker.port);
                    *told = None;
                }
                FromBroker::Goodbye(why) => return Err(SessionEnd::Goodbye(why)),
                FromBroker::Welcome | FromBroker::Refusal(_) | FromBroker::Other => {}
            }
        }
    }
}

/// A session that ends itself even by a panic, so that nothing a broker sends ends the other doors, whatever the library
/// or we have overlooked.
async fn contained(session: impl Future<Output = SessionEnd>) -> SessionEnd {
    let mut session = std::pin::pin!(session);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| session.as_mut().poll(context)));
        polled.unwrap_or(std::task::Poll::Ready(SessionEnd::Broken))
    })
    .await
}

/// Whether a hub's last will comes by this filter: the one thing that is also news when the broker has kept it.
fn tells_of_hubs(filter: &str) -> bool {
    filter.ends_with("/status") || filter.ends_with("/LWT")
}

fn check_granted(wanted: &[Wanted<'_>], granted: &[bool]) -> Result<(), SessionEnd> {
    let refused: Vec<_> = wanted
        .iter()
        .zip(granted)
        .filter(|(_, granted)| !**granted)
        .map(|(wanted, _)| wanted.filter)
        .collect();
    if refused.len() == wanted.len() {
        return Err(SessionEnd::NothingGranted(refused.join(", ")));
    }
    if !refused.is_empty() {
        tracing::error!("MQTT broker: it does not let this user read {}", refused.join(", "));
    }
    Ok(())
}

/// Shows in the metrics for as long as there is a session.
struct Connected(Arc<Metrics>);

impl Connected {
    fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.count(Counter::MqttConnected);
        metrics.shift(Gauge::MqttBrokers, 1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.shift(Gauge::MqttBrokers, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_a_session_and_no_more() {
        let end = contained(async { panic!("overlooked") }).await;
        assert!(matches!(end, SessionEnd::Broken));
        assert!(end.is_passing());
    }
}
