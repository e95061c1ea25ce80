//! One hub at the listener, from its hello to its last message.
//!
//! A hub says who it is first: by a certificate, whose common name it is, or by name and password. It may only publish,
//! and only of itself; a subscription is answered with a refusal and the session goes on, because most firmware asks for
//! commands and does well without. The newest connection of a name wins, because a hub that lost its network knows it
//! before we do. When a hub is lost without a goodbye, its last will is read as if it had said it: it is gone at once,
//! not when its heartbeat is overdue.

use std::rc::Rc;
use std::time::Duration;

use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::role::Server;
use tokio::time::timeout;

use super::link::{Carrier, Link, LinkEnd};
use super::listener::{Seat, Stranger, Worker};
use super::messages::Sender;
use super::packets::{self, FromHub, Login};
use crate::serve::metrics::{Counter, Gauge};
use crate::serve::shared::Stage;

/// How long a hub may take from its connection to its hello.
pub(super) const HELLO_WAIT: Duration = Duration::from_secs(5);
/// Longest silence of a hub, whatever keep-alive it asked for.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// How a session ended.
enum End {
    /// With a goodbye that asks for silence, or because the gateway stops, or a newer connection has the name.
    Content,
    /// Without one.
    Lost,
}

/// Serves one hub until its connection ends. `certified`: the name in its certificate, if it showed one; `stranger` is
/// held until the hub has proved its name.
pub(super) async fn run(worker: Rc<Worker>, carrier: Box<dyn Carrier>, certified: Option<String>, stranger: Stranger) {
    let mut link = Link::<Server>::new(Version::Undetermined, carrier);
    let Some(login) = first_words(&mut link).await else {
        return worker.metrics().count(Counter::MqttHubBroken);
    };
    let Some(name) = certified.or_else(|| worker.name_of(&login)) else {
        worker.metrics().count(Counter::MqttHubRefused);
        worker.tell("its name or its password is wrong");
        // The hub may have gone already.
        let _said = link.say(packets::connack(link.version(), false));
        let _written = link.flush().await;
        return;
    };
    let from = stranger.from();
    drop(stranger);
    let Some((seat, number)) = worker.take_seat(&name) else {
        return worker.metrics().count(Counter::MqttHubFull);
    };
    let _connected = Connected::new(&worker);
    let sender = if worker.may_speak_for_others(&name) {
        Sender::BROKER
    } else {
        Sender {
            from: Some(from),
            speaker: Some(&name),
        }
    };
    let mut stage = worker.stage();
    let end = tokio::select! {
        () = seat.taken(number) => End::Content,
        _stage = stage.wait_for(|stage| *stage == Stage::Draining) => End::Content,
        end = take(&worker, &mut link, &seat, sender) => end,
    };
    if let (End::Lost, Some((topic, payload))) = (end, &login.will) {
        seat.messages.borrow().take_will(topic, payload, sender);
    }
}

async fn first_words(link: &mut Link<Server>) -> Option<Login> {
    let first = timeout(HELLO_WAIT, link.next()).await.ok()?.ok()?;
    match packets::from_hub(first) {
        FromHub::Hello(login) => Some(login),
        FromHub::Message(_)
        | FromHub::Subscribe(..)
        | FromHub::Unsubscribe(..)
        | FromHub::Goodbye { .. }
        | FromHub::Other => None,
    }
}

/// Welcomes the hub and takes its messages.
async fn take(worker: &Worker, link: &mut Link<Server>, seat: &Seat, sender: Sender<'_>) -> End {
    let version = link.version();
    if link.say(packets::connack(version, true)).is_err() {
        return End::Lost;
    }
    loop {
        let packet = match timeout(SILENCE_MAX, link.next()).await {
            Ok(Ok(packet)) => packet,
            Ok(Err(LinkEnd::Closed(_) | LinkEnd::Silent)) | Err(_) => return End::Lost,
            Ok(Err(end @ (LinkEnd::TooLong | LinkEnd::Protocol(_)))) => {
                worker.metrics().count(Counter::MqttHubBroken);
                worker.tell(end);
                return End::Lost;
            }
        };
        let said = match packets::from_hub(packet) {
            FromHub::Message(message) => {
                seat.messages.borrow_mut().take(&message, sender);
                Ok(())
            }
            FromHub::Subscribe(packet_id, filters_len) => {
                link.say(packets::suback_refused(version, packet_id, filters_len))
            }
            FromHub::Unsubscribe(packet_id, filters_len) => {
                link.say(packets::unsuback(version, packet_id, filters_len))
            }
            FromHub::Goodbye { is_content: true } => return End::Content,
            FromHub::Goodbye { is_content: false } => return End::Lost,
            FromHub::Hello(_) | FromHub::Other => Ok(()),
        };
        if said.is_err() {
            return End::Lost;
        }
    }
}

/// Shows in the metrics for as long as the hub is there, however it ends.
struct Connected(Rc<Worker>);

impl Connected {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.metrics().count(Counter::MqttHubConnected);
        worker.metrics().shift(Gauge::MqttHubs, 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.metrics().shift(Gauge::MqttHubs, -1);
    }
}
