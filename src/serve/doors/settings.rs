//! What the doors are told. Everything has a default but where they listen: a door that nobody asked for is shut.
//!
//! `doors.toml` is read by `config`; here its files are opened, and what it does not say gets its default.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::bucket::Rate;
use super::mqtt::{ListenerTable, MqttSettings, MqttSettingsError, MqttTable};
use super::tokens::{Tokens, TokensError};
use super::udp;
use crate::config::doors::{self as file, Doors};
use crate::wire::payload::{PAYLOAD_LEN_MAX, PathLoss, Topics};

/// How long the body of a request may take to come.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// What an HTTP connection takes beside the body that it sends: hyper's buffers in both directions, with TLS under them.
const CONNECTION_BYTES: usize = 64 * 1_024;

/// The doors that are open.
#[derive(Clone, Debug, Default)]
pub struct DoorsSettings {
    /// The HTTP door; `None`: shut.
    pub http: Option<HttpDoor>,
    /// UDP address for raddecs; `None`: not listened on.
    pub udp: Option<SocketAddr>,
    /// The venue's MQTT broker, and a listener of our own.
    pub mqtt: MqttSettings,
    /// How fast whom may come.
    pub limits: DoorLimits,
    /// How the topics of MQTT families begin.
    pub topics: Topics,
}

/// The HTTP door.
#[derive(Clone, Debug)]
pub struct HttpDoor {
    /// TCP address.
    pub listen: SocketAddr,
    /// Who may post; `None`: anybody.
    pub tokens: Option<Tokens>,
    /// How to speak TLS; `None`: plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Connections at once.
    pub connections_max: u32,
    /// Connections at once from one address.
    pub connections_per_address_max: u32,
    /// How long a body may take to come.
    pub body_wait: Duration,
}

/// How fast whom may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// Payloads from one address.
    pub payloads: Rate,
    /// Reports of one hub.
    pub reports: Rate,
}

impl Default for DoorLimits {
    /// A gateway that sends what it heard every 100 ms, and a room of 400 people heard five times a second.
    fn default() -> Self {
        Self {
            payloads: Rate { per_s: 200, burst: 400 },
            reports: Rate {
                per_s: 2_000,
                burst: 4_000,
            },
        }
    }
}

/// Why a file that `doors.toml` names cannot be used.
#[derive(Debug, Error)]
pub enum DoorsError {
    /// It cannot be read.
    #[error("cannot read {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// It has no tokens.
    #[error("{path}: {reason}")]
    Tokens {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: TokensError,
    },
    /// The MQTT doors cannot be opened so.
    #[error(transparent)]
    Mqtt(#[from] MqttSettingsError),
    /// It is no certificate or key.
    #[error("{path}: {reason}; expected a certificate and its key as PEM")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl DoorsSettings {
    /// Whether a door is open.
    pub(in crate::serve) const fn are_any(&self) -> bool {
        let is_mqtt = self.mqtt.broker.is_some() || self.mqtt.listener.is_some();
        self.http.is_some() || self.udp.is_some() || is_mqtt
    }

    /// Bytes that the open doors can take at worst: a body or packet of each connection, and what was read of the next.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        let http = self.http.as_ref().map_or(0, |door| {
            door.connections_max as usize * (PAYLOAD_LEN_MAX + CONNECTION_BYTES)
        });
        let udp = self.udp.map_or(0, |_| udp::DATAGRAM_LEN_MAX);
        http + udp + self.mqtt.bytes_max()
    }

    /// What a `doors.toml` in `folder` says. Reads the files that it names. `venue`: the path loss that the locator is told.
    ///
    /// # Errors
    /// [`DoorsError`] when one of them cannot be used.
    pub fn open(doors: &Doors, folder: &Path, venue: PathLoss) -> Result<Self, DoorsError> {
        let http = doors
            .http
            .as_ref()
            .map(|http| HttpDoor::open(http, folder))
            .transpose()?;
        let (topics, defaults) = (&doors.topics, Topics::default());
        let or = |told: &Option<String>, default| told.clone().unwrap_or(default);
        let path_loss = PathLoss {
            at_1m_dbm: doors.path_loss_1m_dbm.unwrap_or(venue.at_1m_dbm),
            exponent: doors.path_loss_exponent.unwrap_or(venue.exponent),
            db_per_m: doors.path_loss_db_per_m.unwrap_or(venue.db_per_m),
        };
        let mqtt = doors.mqtt.as_ref().map(mqtt_table).unwrap_or_default();
        Ok(Self {
            http,
            udp: doors.udp,
            mqtt: MqttSettings::read(&mqtt, folder)?,
            limits: limits(&doors.limits),
            topics: Topics {
                espresense: or(&topics.espresense, defaults.espresense),
                openmqttgateway: or(&topics.openmqttgateway, defaults.openmqttgateway),
                room: or(&topics.room, defaults.room),
                happy_bubbles: or(&topics.happy_bubbles, defaults.happy_bubbles),
                moko: or(&topics.moko, defaults.moko),
                path_loss,
            },
        })
    }
}

impl HttpDoor {
    /// A door for anybody, over plain HTTP.
    #[must_use]
    pub const fn plain(listen: SocketAddr) -> Self {
        Self {
            listen,
            tokens: None,
            tls: None,
            connections_max: 512,
            connections_per_address_max: 16,
            body_wait: BODY_WAIT,
        }
    }

    fn open(http: &file::HttpDoor, folder: &Path) -> Result<Self, DoorsError> {
        let tokens = http
            .tokens
            .as_ref()
            .map(|name| tokens(&folder.join(name)))
            .transpose()?;
        let tls = http.certificate.as_ref();
        let tls = tls.map(|(certificate, key)| tls_config(&folder.join(certificate), &folder.join(key)));
        Ok(Self {
            listen: http.listen,
            tokens,
            tls: tls.transpose()?,
            connections_max: http.connections_max,
            connections_per_address_max: http.connections_per_address_max,
            body_wait: BODY_WAIT,
        })
    }
}

/// The table as the MQTT doors check it.
fn mqtt_table(doors: &file::MqttDoors) -> MqttTable {
    let path = |name: &Option<String>| name.as_ref().map(PathBuf::from);
    MqttTable {
        broker: doors.broker.clone(),
        client_id: doors.client_id.clone(),
        version: doors.version.clone(),
        username: doors.username.clone(),
        password_file: path(&doors.password_file),
        ca: path(&doors.ca),
        certificate: path(&doors.certificate),
        key: path(&doors.key),
        families: doors.families.clone(),
        listener: doors.listener.as_ref().map(|listener| ListenerTable {
            address: listener.address,
            passwords: path(&listener.passwords),
            certificate: path(&listener.certificate),
            key: path(&listener.key),
            hubs_ca: path(&listener.hubs_ca),
            relays: listener.relays.clone(),
        }),
    }
}

fn limits(told: &file::Limits) -> DoorLimits {
    let or = |rate: Rate, per_s: Option<u32>, burst: Option<u32>| Rate {
        per_s: per_s.unwrap_or(rate.per_s),
        burst: burst.unwrap_or(rate.burst),
    };
    let DoorLimits { payloads, reports } = DoorLimits::default();
    DoorLimits {
        payloads: or(payloads, told.payloads_per_s, told.payloads_burst),
        reports: or(reports, told.reports_per_s, told.reports_burst),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, DoorsError> {
    let path = path.to_owned();
    fs::read(&path).map_err(|reason| DoorsError::Read { path, reason })
}

fn tokens(path: &Path) -> Result<Tokens, DoorsError> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let path = path.to_owned();
    Tokens::read(&text).map_err(|reason| DoorsError::Tokens { path, reason })
}

/// TLS 1.2 as well as 1.3: gateways are old.
fn tls_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, DoorsError> {
    let of = |path: &Path, reason: String| DoorsError::Tls {
        path: path.to_owned(),
        reason,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| of(certificate, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| of(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private));
    config.map(Arc::new).map_err(|error| of(certificate, error.to_string()))
}
