//! The `[mqtt]` table of the doors' settings, as it is written.
//!
//! ```toml
//! [mqtt]
//! broker = "mqtt://127.0.0.1:1883"         # or mqtts://; absent: nextbest is no client of a broker
//! client_id = "nextbest"
//! version = "5"                            # or "3.1.1"; absent: 5 where the broker takes it
//! username = "nextbest"
//! password_file = "broker.password"        # one line; paths are relative to the settings' file
//! ca = "venue-ca.pem"                      # mqtts: who signed the broker's certificate
//! certificate = "nextbest.pem"             # mqtts: what nextbest shows of itself
//! key = "nextbest.key"
//! families = ["espresense", "moko"]        # absent: all of them
//!
//! [mqtt.listener]                          # absent: hubs need a broker
//! address = "127.0.0.1:1883"
//! passwords = "hubs.passwords"             # as `mosquitto_passwd` writes it
//! certificate = "server.pem"               # both present: TLS
//! key = "server.key"
//! # hubs_ca = "ca.pem"                     # instead of passwords: hubs show a certificate, its common name is theirs
//! relays = ["bridge"]                      # who may speak for any hub, not only for the one of its own name
//! ```
//!
//! Deliberately absent: what of it makes sense, which `settings` knows.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// The table as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttTable {
    /// `mqtt://host:port` or `mqtts://host:port`; without a port it is 1883 or 8883. Absent: no client of a broker.
    pub broker: Option<String>,
    /// What nextbest calls itself to the broker; a broker ends the older of two clients with one id. Default "nextbest".
    pub client_id: Option<String>,
    /// "5" or "3.1.1"; absent: 5, or 3.1.1 where the broker does not take it. Only in 5 a broker keeps messages to itself
    /// that are too long for nextbest; in 3.1.1 each of them ends the session.
    pub version: Option<String>,
    /// The user name; absent: none is said.
    pub username: Option<String>,
    /// A file with the password in its only line.
    pub password_file: Option<PathBuf>,
    /// A file with certificates in PEM; the broker's must be signed by one of them. Needed for `mqtts`.
    pub ca: Option<PathBuf>,
    /// A file with nextbest's own certificate in PEM, for a broker that asks for one.
    pub certificate: Option<PathBuf>,
    /// The key of `certificate` in PEM.
    pub key: Option<PathBuf>,
    /// The families to subscribe to, by name; absent: all.
    pub families: Option<Vec<String>>,
    /// A listener of our own, for hubs without a broker.
    pub listener: Option<ListenerTable>,
}

/// The listener as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTable {
    /// TCP address; port 0 takes a free one.
    pub address: SocketAddr,
    /// A file with names and passwords, as `mosquitto_passwd` writes it.
    pub passwords: Option<PathBuf>,
    /// A file with the listener's certificate in PEM; with it hubs speak TLS.
    pub certificate: Option<PathBuf>,
    /// The key of `certificate` in PEM.
    pub key: Option<PathBuf>,
    /// A file with who may have signed the hubs' certificates, in PEM; in place of `passwords`.
    pub hubs_ca: Option<PathBuf>,
    /// Names that may speak for any hub.
    #[serde(default)]
    pub relays: Vec<String>,
}
