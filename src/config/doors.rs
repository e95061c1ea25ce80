//! `doors.toml`: where other makers' hubs come in, and how fast.
//!
//! It is no part of a pack: it names files with secrets and addresses of one machine, and a pack is shared. Every door is
//! shut unless its table is there, and listens on this machine only unless `listen` says otherwise.

use std::net::SocketAddr;
use std::sync::Arc;

use super::mistake::{Mistake, SourceFile};
use super::table::{Address, At, Decimal, Document, List, Name, Read, Whole, table};

table! {
    /// The doors for other makers' hubs. A door without its table is shut.
    DoorsFile {
        /// The HTTP door: Minew, Kontakt.io, MOKO, raddec.
        http: Option<HttpTable>,
        /// The UDP door: raddec, in bytes or JSON.
        udp: Option<UdpTable>,
        /// The MQTT doors: the venue's broker, and a listener for hubs without one.
        mqtt: Option<MqttTable>,
        /// How fast whom may come.
        limits: Option<LimitsTable>,
        /// How the topics of the MQTT families begin, when their firmware was told so.
        topics: Option<TopicsTable>,
        /// What a distance means that comes without a signal strength.
        distance: Option<DistanceTable>,
    }
}

table! {
    /// The HTTP door. Plain HTTP, because most gateways speak no TLS; with `certificate` and `key` it is HTTPS.
    HttpTable {
        /// TCP address; default `127.0.0.1:8090`.
        listen: Option<Address>,
        /// A file with one token in each line, beside this file. A request needs one of them, as `Authorization: Bearer TOKEN` or as the first part of its path. Default: anybody may post.
        tokens: Option<Name>,
        /// A file with the chain of certificates, as PEM, beside this file.
        certificate: Option<At<Name>>,
        /// A file with the certificate's key, as PEM, beside this file.
        key: Option<At<Name>>,
        /// Connections at once; default 512.
        connections_max: Option<Whole<1, 16_384>>,
        /// Connections at once from one address; default 16.
        connections_per_address_max: Option<Whole<1, 1_024>>,
    }
}

table! {
    /// The UDP door. Nothing proves who sent a datagram: for a network of one's own.
    UdpTable {
        /// UDP address; default `127.0.0.1:50001`.
        listen: Option<Address>,
    }
}

table! {
    /// The MQTT doors. Files are beside this one.
    MqttTable {
        /// The venue's broker, `mqtt://host:port` or `mqtts://host:port`; default: none.
        broker: Option<Name>,
        /// What nextbest calls itself to the broker; default `nextbest`.
        client_id: Option<Name>,
        /// `5` or `3.1.1`; default: 5 where the broker takes it.
        version: Option<Name>,
        /// The user name; default: none is said.
        username: Option<Name>,
        /// A file with the password in its only line.
        password_file: Option<Name>,
        /// A file with who may have signed the broker's certificate, as PEM. Needed for `mqtts`.
        ca: Option<Name>,
        /// A file with nextbest's own certificate, as PEM, for a broker that asks for one.
        certificate: Option<Name>,
        /// A file with the certificate's key, as PEM.
        key: Option<Name>,
        /// The families to subscribe to; default: all.
        families: Option<List<Name>>,
        /// A listener of our own, for hubs without a broker.
        listener: Option<MqttListenerTable>,
    }
}

table! {
    /// The MQTT listener.
    MqttListenerTable {
        /// TCP address; a port of 0 takes a free one.
        address: Address,
        /// A file with names and passwords, as `mosquitto_passwd` writes it.
        passwords: Option<Name>,
        /// A file with the listener's certificate, as PEM; with it hubs speak TLS.
        certificate: Option<Name>,
        /// A file with the certificate's key, as PEM.
        key: Option<Name>,
        /// A file with who may have signed the hubs' certificates, as PEM; in place of `passwords`.
        hubs_ca: Option<Name>,
        /// Names that may speak for any hub, and not only for the one of their name.
        relays: Option<List<Name>>,
    }
}

table! {
    /// How fast whom may come; what is more is turned away and counted.
    LimitsTable {
        /// Payloads in a second from one address; default 200.
        payloads_per_s: Option<Whole<1, 100_000>>,
        /// Payloads at once from one address after a rest; default 400.
        payloads_burst: Option<Whole<1, 1_000_000>>,
        /// Reports in a second of one hub; default 2,000.
        reports_per_s: Option<Whole<1, 1_000_000>>,
        /// Reports at once of one hub after a rest; default 4,000.
        reports_burst: Option<Whole<1, 10_000_000>>,
    }
}

table! {
    /// How topics begin.
    TopicsTable {
        /// ESPresense; default `espresense`.
        espresense: Option<Name>,
        /// OpenMQTTGateway and Theengs: what comes before the gateway's name; default `home`.
        openmqttgateway: Option<Name>,
        /// Home Assistant's `mqtt_room`, its `state_topic`; default `room_presence`.
        room: Option<Name>,
        /// happy-bubbles; default `happy-bubbles/ble`.
        happy_bubbles: Option<Name>,
        /// MOKO: the topic that the gateways publish to, or what it begins with; default `mokosmart`.
        moko: Option<Name>,
    }
}

table! {
    /// A distance back into a signal strength: `path_loss_1m_dbm - 10 * path_loss_exponent * log10(distance) - path_loss_db_per_m * distance`.
    /// By default as the pack has it, so that the locator believes the distance that was sent.
    DistanceTable {
        /// dBm at one metre; default: as in the pack's `settings.toml`, or -59.
        path_loss_1m_dbm: Option<Decimal<-100_000, -20_000>>,
        /// The exponent; default: as in the pack's `settings.toml`, or 1.8.
        path_loss_exponent: Option<Decimal<1_000, 6_000>>,
        /// dB that every metre takes besides; default 0.45. 0 for a publisher that counts with the exponent alone.
        path_loss_db_per_m: Option<Decimal<0, 5_000>>,
    }
}

/// What `doors.toml` says, with its defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Doors {
    /// The HTTP door; `None`: shut.
    pub http: Option<HttpDoor>,
    /// Where the UDP door listens; `None`: shut.
    pub udp: Option<SocketAddr>,
    /// The MQTT doors; `None`: shut.
    pub mqtt: Option<MqttDoors>,
    /// How fast whom may come; `None`: as the doors have it.
    pub limits: Limits,
    /// How topics begin; `None`: as their firmware has it.
    pub topics: Topics,
    /// dBm at one metre, for distances; `None`: as the pack has it.
    pub path_loss_1m_dbm: Option<f32>,
    /// The exponent of the path loss, for distances; `None`: as the pack has it.
    pub path_loss_exponent: Option<f32>,
    /// dB that every metre takes besides, for distances; `None`: as the locator has it.
    pub path_loss_db_per_m: Option<f32>,
}

/// The HTTP door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpDoor {
    /// TCP address.
    pub listen: SocketAddr,
    /// The file of the tokens; `None`: anybody may post.
    pub tokens: Option<String>,
    /// The files of the certificate and its key; `None`: plain HTTP.
    pub certificate: Option<(String, String)>,
    /// Connections at once.
    pub connections_max: u32,
    /// Connections at once from one address.
    pub connections_per_address_max: u32,
}

/// The MQTT doors, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MqttDoors {
    /// The broker's URL.
    pub broker: Option<String>,
    /// What nextbest calls itself.
    pub client_id: Option<String>,
    /// The version of MQTT.
    pub version: Option<String>,
    /// The user name.
    pub username: Option<String>,
    /// The file of the password.
    pub password_file: Option<String>,
    /// The file of the broker's authority.
    pub ca: Option<String>,
    /// The file of nextbest's certificate.
    pub certificate: Option<String>,
    /// The file of its key.
    pub key: Option<String>,
    /// The families to subscribe to.
    pub families: Option<Vec<String>>,
    /// The listener for hubs without a broker.
    pub listener: Option<MqttListener>,
}

/// The MQTT listener, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttListener {
    /// TCP address.
    pub address: SocketAddr,
    /// The file of names and passwords.
    pub passwords: Option<String>,
    /// The file of the listener's certificate.
    pub certificate: Option<String>,
    /// The file of its key.
    pub key: Option<String>,
    /// The file of the hubs' authority.
    pub hubs_ca: Option<String>,
    /// Names that may speak for any hub.
    pub relays: Vec<String>,
}

/// How fast whom may come, where it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Payloads in a second from one address.
    pub payloads_per_s: Option<u32>,
    /// Payloads at once from one address.
    pub payloads_burst: Option<u32>,
    /// Reports in a second of one hub.
    pub reports_per_s: Option<u32>,
    /// Reports at once of one hub.
    pub reports_burst: Option<u32>,
}

/// How topics begin, where it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// ESPresense.
    pub espresense: Option<String>,
    /// OpenMQTTGateway and Theengs.
    pub openmqttgateway: Option<String>,
    /// Home Assistant's `mqtt_room`.
    pub room: Option<String>,
    /// happy-bubbles.
    pub happy_bubbles: Option<String>,
    /// MOKO.
    pub moko: Option<String>,
}

impl Doors {
    /// Reads `doors.toml`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(name: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let source = Arc::new(SourceFile {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        let mut mistakes = Vec::new();
        let document = Document::parse(&source, &mut mistakes);
        let file = DoorsFile::read(document.root(), &mut mistakes);
        let doors = file.map(|file| file.doors(&mut mistakes));
        match doors {
            Some(doors) if mistakes.is_empty() => Ok(doors),
            Some(_) | None => Err(mistakes),
        }
    }
}

impl DoorsFile {
    fn doors(&self, mistakes: &mut Vec<Mistake>) -> Doors {
        let distance = self.distance.as_ref();
        Doors {
            http: self.http.as_ref().map(|http| http.door(mistakes)),
            udp: self.udp.as_ref().map(|udp| address(udp.listen.as_ref(), 50_001)),
            mqtt: self.mqtt.as_ref().map(MqttTable::doors),
            limits: self.limits.as_ref().map(LimitsTable::limits).unwrap_or_default(),
            topics: self.topics.as_ref().map(TopicsTable::topics).unwrap_or_default(),
            path_loss_1m_dbm: distance.and_then(|table| table.path_loss_1m_dbm).map(Decimal::to_f32),
            path_loss_exponent: distance.and_then(|table| table.path_loss_exponent).map(Decimal::to_f32),
            path_loss_db_per_m: distance.and_then(|table| table.path_loss_db_per_m).map(Decimal::to_f32),
        }
    }
}

impl HttpTable {
    fn door(&self, mistakes: &mut Vec<Mistake>) -> HttpDoor {
        let certificate = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.to_string(), key.to_string())),
            (Some(alone), None) => {
                mistakes.push(alone.mistake("a certificate without its key", "`key` beside it"));
                None
            }
            (None, Some(alone)) => {
                mistakes.push(alone.mistake("a key without its certificate", "`certificate` beside it"));
                None
            }
            (None, None) => None,
        };
        HttpDoor {
            listen: address(self.listen.as_ref(), 8_090),
            tokens: self.tokens.as_ref().map(ToString::to_string),
            certificate,
            connections_max: self.connections_max.map_or(512, Whole::to),
            connections_per_address_max: self.connections_per_address_max.map_or(16, Whole::to),
        }
    }
}

impl MqttTable {
    fn doors(&self) -> MqttDoors {
        MqttDoors {
            broker: text(&self.broker),
            client_id: text(&self.client_id),
            version: text(&self.version),
            username: text(&self.username),
            password_file: text(&self.password_file),
            ca: text(&self.ca),
            certificate: text(&self.certificate),
            key: text(&self.key),
            families: self.families.as_ref().map(texts),
            listener: self.listener.as_ref().map(MqttListenerTable::listener),
        }
    }
}

impl MqttListenerTable {
    fn listener(&self) -> MqttListener {
        MqttListener {
            address: address(Some(&self.address), 0),
            passwords: text(&self.passwords),
            certificate: text(&self.certificate),
            key: text(&self.key),
            hubs_ca: text(&self.hubs_ca),
            relays: self.relays.as_ref().map(texts).unwrap_or_default(),
        }
    }
}

fn text(name: &Option<Name>) -> Option<String> {
    name.as_ref().map(ToString::to_string)
}

fn texts(names: &List<Name>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

impl LimitsTable {
    fn limits(&self) -> Limits {
        Limits {
            payloads_per_s: self.payloads_per_s.map(Whole::to),
            payloads_burst: self.payloads_burst.map(Whole::to),
            reports_per_s: self.reports_per_s.map(Whole::to),
            reports_burst: self.reports_burst.map(Whole::to),
        }
    }
}

impl TopicsTable {
    fn topics(&self) -> Topics {
        let base = |name: &Option<Name>| name.as_ref().map(|name| name.trim_end_matches('/').to_owned());
        Topics {
            espresense: base(&self.espresense),
            openmqttgateway: base(&self.openmqttgateway),
            room: base(&self.room),
            happy_bubbles: base(&self.happy_bubbles),
            moko: base(&self.moko),
        }
    }
}

fn address(listen: Option<&Address>, port: u16) -> SocketAddr {
    let here = SocketAddr::from(([127, 0, 0, 1], port));
    listen.and_then(Address::to_socket).unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_shut_unless_its_table_is_there() {
        assert_eq!(Doors::load("doors.toml", "").unwrap(), Doors::default());
        let doors = Doors::load("doors.toml", "[udp]\n[http]\n").unwrap();
        assert_eq!(doors.udp, Some("127.0.0.1:50001".parse().unwrap()));
        assert!(doors.http.unwrap().listen.ip().is_loopback());
    }

    #[test]
    fn a_mistake_has_its_place() {
        let text = "[http]\nlisten = \"everywhere\"\ncertificate = \"door.pem\"\n[limit]\n";
        let mistakes: Vec<String> = Doors::load("doors.toml", text)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            mistakes[0].starts_with("doors.toml:4:2: `limit` is no key of this table"),
            "{mistakes:#?}"
        );
        assert!(
            mistakes.iter().any(|mistake| mistake.starts_with("doors.toml:2:10: ")),
            "{mistakes:#?}"
        );
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let mistakes = Doors::load("doors.toml", "[http]\ncertificate = \"door.pem\"\n").unwrap_err();
        assert_eq!(
            mistakes[0].to_string(),
            "doors.toml:2:15: a certificate without its key, found `\"door.pem\"`; expected `key` beside it"
        );
    }
}
