//! MQTT: hubs that speak to the venue's broker, and hubs that have no broker and speak to nextbest.
//!
//! Reading order: `table` and `settings` (what a venue says), `packets` (what is said in both versions), `link` (bytes and timers of
//! one connection), `messages` (what is taken of a message); then `client` (nextbest at the venue's broker), and
//! `listener` with `publisher` (hubs at nextbest).

mod backoff;
mod client;
mod link;
mod listener;
mod messages;
mod packets;
mod passwords;
mod publisher;
mod redelivery;
mod settings;
mod table;
mod tls;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use self::client::Client;
use super::Doors;

pub use self::passwords::Passwords;
pub use self::settings::{
    BrokerSettings, HubsProve, ListenerSettings, MqttSettings, MqttSettingsError, Secret, TlsFiles,
};
pub use self::table::{ListenerTable, MqttTable};

/// Serves both doors, as far as the settings open them, until the gateway drains.
///
/// # Errors
/// When the socket or the certificates cannot be used.
pub(super) fn serve(doors: &Arc<Doors>, socket: Option<TcpListener>) -> io::Result<impl Future<Output = ()> + use<>> {
    let settings = &doors.settings.mqtt;
    let client = match &settings.broker {
        Some(broker) => Some(Client::new(Arc::clone(doors), broker).map_err(io::Error::other)?),
        None => None,
    };
    let listener = match (&settings.listener, socket) {
        (Some(listener), Some(socket)) => Some(listener::serve(Arc::clone(doors), listener.clone(), socket)?),
        (None, _) | (_, None) => None,
    };
    Ok(async move {
        let client = async {
            if let Some(client) = client {
                client.run().await;
            }
        };
        let listener = async {
            if let Some(listener) = listener {
                listener.await;
            }
        };
        tokio::join!(client, listener);
    })
}
