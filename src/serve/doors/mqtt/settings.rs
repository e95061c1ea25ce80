//! The `[mqtt]` table of the doors' settings, checked.
//!
//! Reading order: [`MqttSettings::read`], then a broker's, then a listener's.
//!
//! What a password file holds never leaves [`Secret`], which shows nothing of itself. Deliberately absent: the network,
//! and where each family's topics begin, which all doors share.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mqtt_protocol_core::mqtt::Version;
use thiserror::Error;

use super::link::{CHUNK_LEN, PACKET_LEN_MAX};
use super::listener::CONNECTIONS_MAX;
use super::passwords::Passwords;
use super::table::{ListenerTable, MqttTable};
use crate::wire::payload::{Family, Topics};

/// Bytes of the longest password, and of the longest file with one.
const PASSWORD_LEN_MAX: usize = 4_096;
/// Bytes of the longest client id; MQTT 3.1.1 asks brokers for 23, and all of them take more.
const CLIENT_ID_LEN_MAX: usize = 64;
/// Families that come over MQTT.
pub(super) const FAMILIES: [Family; 5] = [
    Family::Espresense,
    Family::OpenMqttGateway,
    Family::Room,
    Family::HappyBubbles,
    Family::Moko,
];

/// Why a table cannot be used.
#[derive(Debug, Error)]
pub enum MqttSettingsError {
    /// A value that is not what it should be. The value is not repeated where it may be a secret.
    #[error("[mqtt] {key}: expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A file cannot be read.
    #[error("[mqtt] {key}: cannot read {path}: {reason}")]
    File {
        /// The key that names it.
        key: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A line of a file of passwords.
    #[error(
        "[mqtt] {key}: {path}, line {line}: expected a name and what `mosquitto_passwd` makes of its password, \
         each name once"
    )]
    Line {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0: the file is empty.
        line: usize,
    },
    /// A file does not hold what it should.
    #[error("[mqtt] {key}: {path} is expected to hold {expected}")]
    Content {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
}

/// A broker, as the settings say it.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS to it; `None`: the bytes go as they are.
    pub tls: Option<TlsFiles>,
    /// What nextbest calls itself.
    pub client_id: String,
    /// The version of MQTT; `None`: 5, or 3.1.1 where the broker does not take it.
    pub version: Option<Version>,
    /// The user's name.
    pub username: Option<String>,
    /// The password, which is only said with a name.
    pub password: Option<Secret>,
}

/// The contents of the files that TLS to a broker needs, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Who may have signed the broker's certificate.
    pub authorities: Vec<u8>,
    /// Our certificate and its key.
    pub own: Option<(Vec<u8>, Secret)>,
}

/// Bytes that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// A listener, as the settings say it.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who hubs are.
    pub hubs: HubsProve,
    /// The listener's certificate and its key in PEM; `None`: the bytes go as they are.
    pub tls: Option<(Vec<u8>, Secret)>,
    /// Names that may speak for any hub.
    pub relays: Vec<String>,
}

/// How hubs prove who they are.
#[derive(Clone, Debug)]
pub enum HubsProve {
    /// By name and password.
    Password(Passwords),
    /// By a certificate that one of these authorities signed, in PEM.
    Certificate(Vec<u8>),
}

/// What the table says, checked. By default there is neither a broker nor a listener.
#[derive(Clone, Debug)]
pub struct MqttSettings {
    /// The broker to be a client of.
    pub broker: Option<BrokerSettings>,
    /// A listener of our own.
    pub listener: Option<ListenerSettings>,
    /// The families to take.
    pub families: Vec<Family>,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self {
            broker: None,
            listener: None,
            families: FAMILIES.to_vec(),
        }
    }
}

impl MqttSettings {
    /// Bytes that the doors for MQTT can take at worst: a packet and a chunk for each connection.
    pub(in crate::serve) fn bytes_max(&self) -> usize {
        let connections = usize::from(self.broker.is_some()) + self.listener.as_ref().map_or(0, |_| CONNECTIONS_MAX);
        connections * (PACKET_LEN_MAX as usize + CHUNK_LEN)
    }

    /// Checks a table. Paths are relative to `folder`.
    ///
    /// # Errors
    /// [`MqttSettingsError`]: the first thing that cannot be used.
    pub fn read(table: &MqttTable, folder: &Path) -> Result<Self, MqttSettingsError> {
        let broker = table.broker.as_deref().map(|url| broker(url, table, folder));
        let listener = table.listener.as_ref().map(|table| listener(table, folder));
        Ok(Self {
            broker: broker.transpose()?,
            listener: listener.transpose()?,
            families: families(table.families.as_deref())?,
        })
    }

    /// The filters to subscribe to.
    pub(super) fn filters(&self, topics: &Topics) -> Vec<String> {
        let all = topics.filters().into_iter();
        let taken = all.filter(|(family, _)| self.families.contains(family));
        taken.map(|(_, filter)| filter).collect()
    }

    /// The family that a topic belongs to, if it is taken.
    pub(super) fn family(&self, topics: &Topics, topic: &str) -> Option<Family> {
        topics.family(topic).filter(|family| self.families.contains(family))
    }
}

const fn value(key: &'static str, expected: &'static str) -> MqttSettingsError {
    MqttSettingsError::Value { key, expected }
}

fn broker(url: &str, table: &MqttTable, folder: &Path) -> Result<BrokerSettings, MqttSettingsError> {
    let expected = "mqtt://host:port or mqtts://host:port, without a user name";
    let (scheme, rest) = url.split_once("://").ok_or(value("broker", expected))?;
    let (is_tls, usual_port) = match scheme {
        "mqtt" => (false, 1_883),
        "mqtts" => (true, 8_883),
        _ => return Err(value("broker", expected)),
    };
    let (host, port) = host_and_port(rest.trim_end_matches('/'), usual_port).ok_or(value("broker", expected))?;
    let client_id = table.client_id.clone().unwrap_or_else(|| "nextbest".to_owned());
    if !(1..=CLIENT_ID_LEN_MAX).contains(&client_id.len()) || client_id.chars().any(char::is_control) {
        return Err(value("client_id", "1 to 64 bytes of text"));
    }
    let version = match table.version.as_deref() {
        None => None,
        Some("3.1.1") => Some(Version::V3_1_1),
        Some("5") => Some(Version::V5_0),
        Some(_) => return Err(value("version", "\"3.1.1\" or \"5\"")),
    };
    if table.password_file.is_some() && table.username.is_none() {
        return Err(value("username", "a name, because there is a password_file"));
    }
    let password = table.password_file.as_deref();
    Ok(BrokerSettings {
        host,
        port,
        tls: tls(is_tls, table, folder)?,
        client_id,
        version,
        username: table.username.clone(),
        password: password.map(|path| password_of(path, folder)).transpose()?,
    })
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_and_port(text: &str, usual_port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']')?;
            (
                host,
                if rest.is_empty() {
                    None
                } else {
                    Some(rest.strip_prefix(':')?)
                },
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Some(usual_port), |port| port.parse().ok().filter(|port| *port != 0))?;
    let is_host = !host.is_empty() && !host.contains(['@', '/', '?', '#', ' ']);
    is_host.then(|| (host.to_owned(), port))
}

fn tls(is_tls: bool, table: &MqttTable, folder: &Path) -> Result<Option<TlsFiles>, MqttSettingsError> {
    if !is_tls {
        return match table.ca.is_some() || table.certificate.is_some() || table.key.is_some() {
            true => Err(value(
                "broker",
                "mqtts://.., because there is a ca, a certificate or a key",
            )),
            false => Ok(None),
        };
    }
    let ca = table.ca.as_deref().ok_or(value(
        "ca",
        "a file with certificates in PEM, because the broker is mqtts://..",
    ))?;
    let own = own(table.certificate.as_deref(), table.key.as_deref(), folder)?;
    Ok(Some(TlsFiles {
        authorities: file("ca", ca, folder)?,
        own,
    }))
}

pub(super) fn file(key: &'static str, path: &Path, folder: &Path) -> Result<Vec<u8>, MqttSettingsError> {
    let path = folder.join(path);
    fs::read(&path).map_err(|reason| MqttSettingsError::File { key, path, reason })
}

/// The file's only line, without its end.
fn password_of(path: &Path, folder: &Path) -> Result<Secret, MqttSettingsError> {
    const KEY: &str = "password_file";
    let bytes = file(KEY, path, folder)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || line.len() > PASSWORD_LEN_MAX || line.contains(&b'\n') {
        return Err(MqttSettingsError::Content {
            key: KEY,
            path: folder.join(path),
            expected: "the password in one line of at most 4096 bytes",
        });
    }
    Ok(Secret(line.to_vec()))
}

fn families(names: Option<&[String]>) -> Result<Vec<Family>, MqttSettingsError> {
    let Some(names) = names else {
        return Ok(FAMILIES.to_vec());
    };
    let by_name = |name: &String| FAMILIES.into_iter().find(|family| family.name() == name);
    let found: Option<Vec<_>> = names.iter().map(by_name).collect();
    found.filter(|families| !families.is_empty()).ok_or(value(
        "families",
        "some of \"espresense\", \"openmqttgateway\", \"room\", \"happy_bubbles\" and \"moko\"",
    ))
}

fn listener(table: &ListenerTable, folder: &Path) -> Result<ListenerSettings, MqttSettingsError> {
    let tls = own(table.certificate.as_deref(), table.key.as_deref(), folder)?;
    let hubs = match (table.passwords.as_deref(), table.hubs_ca.as_deref()) {
        (Some(path), None) => HubsProve::Password(passwords(path, folder)?),
        (None, Some(_)) if tls.is_none() => {
            return Err(value(
                "certificate",
                "the listener's certificate in PEM, because there is hubs_ca",
            ));
        }
        (None, Some(path)) => HubsProve::Certificate(file("hubs_ca", path, folder)?),
        (None, None) | (Some(_), Some(_)) => {
            return Err(value(
                "listener",
                "either passwords or hubs_ca, so that every hub proves its name",
            ));
        }
    };
    Ok(ListenerSettings {
        address: table.address,
        hubs,
        tls,
        relays: table.relays.clone(),
    })
}

fn passwords(path: &Path, folder: &Path) -> Result<Passwords, MqttSettingsError> {
    const KEY: &str = "passwords";
    let text = file(KEY, path, folder)?;
    Passwords::read(&String::from_utf8_lossy(&text)).map_err(|line| MqttSettingsError::Line {
        key: KEY,
        path: folder.join(path),
        line,
    })
}

/// A certificate and its key, both or neither.
fn own(
    certificate: Option<&Path>,
    key: Option<&Path>,
    folder: &Path,
) -> Result<Option<(Vec<u8>, Secret)>, MqttSettingsError> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((
            file("certificate", certificate, folder)?,
            Secret(file("key", key, folder)?),
        ))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(value("key", "a file with the certificate's key in PEM")),
        (None, Some(_)) => Err(value("certificate", "a file with the key's certificate in PEM")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<MqttSettings, String> {
        let table: MqttTable = toml::from_str(text).map_err(|error| error.to_string())?;
        MqttSettings::read(&table, Path::new("/nowhere")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for (url, host, port) in [
            ("mqtt://10.0.0.2", "10.0.0.2", 1_883),
            ("mqtt://broker.venue:1884/", "broker.venue", 1_884),
            ("mqtt://[::1]:1885", "::1", 1_885),
            ("mqtt://[::1]", "::1", 1_883),
        ] {
            let broker = read(&format!("broker = \"{url}\"")).unwrap().broker.unwrap();
            assert_eq!((broker.host.as_str(), broker.port), (host, port), "{url}");
        }
        for url in [
            "broker",
            "http://broker",
            "mqtt://",
            "mqtt://a:0",
            "mqtt://a:b",
            "mqtt://me:secret@a:1",
            "mqtt://[::1",
        ] {
            let error = read(&format!("broker = \"{url}\"")).unwrap_err();
            assert!(
                error.starts_with("[mqtt] broker: expected mqtt://host:port"),
                "{url}: {error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_mistake_is_said_with_its_key() {
        for (text, part) in [
            ("broker = \"mqtts://a\"", "[mqtt] ca: expected"),
            ("broker = \"mqtt://a\"\nca = \"x\"", "[mqtt] broker: expected mqtts"),
            (
                "broker = \"mqtts://a\"\nca = \"x\"\nkey = \"y\"",
                "[mqtt] certificate: expected",
            ),
            ("broker = \"mqtt://a\"\nversion = \"4\"", "[mqtt] version: expected"),
            (
                "broker = \"mqtt://a\"\npassword_file = \"p\"",
                "[mqtt] username: expected",
            ),
            (
                "broker = \"mqtt://a\"\nusername = \"u\"\npassword_file = \"p\"",
                "cannot read /nowhere/p",
            ),
            ("families = [\"minew\"]", "[mqtt] families: expected"),
            ("families = []", "[mqtt] families: expected"),
            (
                "[listener]\naddress = \"127.0.0.1:1883\"",
                "[mqtt] listener: expected either passwords or hubs_ca",
            ),
            (
                "[listener]\naddress = \"127.0.0.1:1883\"\nhubs_ca = \"x\"",
                "[mqtt] certificate: expected the listener's",
            ),
            (
                "[listener]\naddress = \"here\"\npasswords = \"x\"",
                "invalid socket address",
            ),
            ("brocker = \"mqtt://a\"", "unknown field `brocker`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn only_the_chosen_families_are_subscribed_to_and_taken() {
        let settings = read("families = [\"moko\"]").unwrap();
        let topics = Topics::default();
        assert_eq!(settings.filters(&topics), ["mokosmart/#"]);
        assert_eq!(settings.family(&topics, "mokosmart/1"), Some(Family::Moko));
        assert_eq!(settings.family(&topics, "espresense/rooms/a/status"), None);
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret(b"hunter2".to_vec())), "(secret)");
    }
}
