//! What other makers' hubs say: their payloads, as they are, into reports of who heard whom how loud.
//!
//! Every adapter is a pure function of its bytes: it walks one payload and calls `say` with each [`Report`] and with
//! what the payload says of its hub. A hub is named as its maker names it, by a room, a host name or an address; which
//! hub of the venue that is, the caller knows. Reports come in the payload's order, and that is the only order there is:
//! [`Report::hint_unix_ms`] is a clock that nobody has set.
//!
//! | family | comes by | a hub is named by | module |
//! |---|---|---|---|
//! | ESPresense | MQTT | the room in the topic | `espresense` |
//! | OpenMQTTGateway, Theengs | MQTT | the gateway's name in the topic | `openmqttgateway` |
//! | Home Assistant `mqtt_room` | MQTT | the room in the topic | `room` |
//! | happy-bubbles | MQTT | `hostname` | `happy_bubbles` |
//! | MOKO | MQTT | the address in `device_info` | `moko` |
//! | Minew | HTTP | the gateway's address | `minew` |
//! | Kontakt.io | HTTP | `sourceId` | `kontakt` |
//! | reelyActive raddec | UDP, HTTP | the receiver's id | `raddec` |
//!
//! Fields that are not needed are not read, and what they hold does not matter. A record that lacks something is left
//! out, counted and said ([`Read`]); the others of its payload go on. Nothing here allocates beyond a small multiple of
//! the payload, which has at most [`PAYLOAD_LEN_MAX`] bytes. Reading order: this file, `record` (JSON that may hold
//! anything), `transmitter` (who was heard), `topic`, then a family.
//!
//! Deliberately absent: sockets, who may speak for which hub, and any judgement of a report: the engine knows.

mod error;
mod espresense;
mod happy_bubbles;
mod kontakt;
mod minew;
mod moko;
mod moment;
mod openmqttgateway;
mod raddec;
mod record;
mod room;
mod topic;
mod transmitter;

use crate::model::TagId;

pub use error::{BadReport, LeftOut, PayloadError};
pub use topic::{PathLoss, Topics};

/// Bytes of the longest payload: a Minew gateway that reports every 10 s in a crowd sends some 100 KiB of JSON.
pub const PAYLOAD_LEN_MAX: usize = 256 * 1_024;
/// Reports that one payload may hold; what comes after them is left out and counted.
pub const REPORTS_PER_PAYLOAD_MAX: usize = 1_024;
/// Bytes of the longest name of a hub.
pub const HUB_NAME_LEN_MAX: usize = 64;

/// Whose payload it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// ESPresense, over MQTT.
    Espresense,
    /// OpenMQTTGateway and Theengs Gateway, over MQTT.
    OpenMqttGateway,
    /// Anything that speaks to Home Assistant's `mqtt_room`.
    Room,
    /// happy-bubbles, over MQTT.
    HappyBubbles,
    /// MOKO gateways, over MQTT.
    Moko,
    /// Minew gateways, over HTTP.
    Minew,
    /// Kontakt.io's streams, over HTTP.
    Kontakt,
    /// reelyActive's raddec, over UDP or HTTP.
    Raddec,
}

impl Family {
    /// Every family, in the order of the enum.
    pub const ALL: [Self; 8] = [
        Self::Espresense,
        Self::OpenMqttGateway,
        Self::Room,
        Self::HappyBubbles,
        Self::Moko,
        Self::Minew,
        Self::Kontakt,
        Self::Raddec,
    ];

    /// Its name in metrics and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Espresense => "espresense",
            Self::OpenMqttGateway => "openmqttgateway",
            Self::Room => "room",
            Self::HappyBubbles => "happy_bubbles",
            Self::Moko => "moko",
            Self::Minew => "minew",
            Self::Kontakt => "kontakt",
            Self::Raddec => "raddec",
        }
    }
}

/// A hub heard a transmitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// The hub, as the payload or its topic names it.
    pub hub: &'a str,
    /// Whom it heard.
    pub transmitter: Transmitter,
    /// How loud, in dBm.
    pub rssi_dbm: i8,
    /// The payload's own clock, in milliseconds since 1970; a hint, never the order.
    pub hint_unix_ms: Option<u64>,
}

/// Who was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmitter {
    /// The most specific identity that the payload gives: what the transmitter says of itself, else its address.
    pub tag: TagId,
    /// Its address, when the payload gives one beside another identity.
    pub address: Option<TagId>,
}

/// How a hub is, as it says itself or as its broker says for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubStatus {
    /// It is there.
    Alive,
    /// It has gone, or its broker has lost it.
    Gone,
}

/// One thing that a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A hub heard a transmitter.
    Report(Report<'a>),
    /// How a hub is.
    Hub {
        /// The hub, as the payload or its topic names it.
        hub: &'a str,
        /// How it is.
        status: HubStatus,
    },
}

/// Who is told what a payload says.
pub type Say<'s> = dyn FnMut(Said<'_>) + 's;

/// What became of a payload's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Reports that were said.
    pub taken: u32,
    /// Records that were left out.
    pub left_out: LeftOut,
    /// Advertisements inside of records that were malformed; such a transmitter is known by its address only.
    pub malformed_adverts: u32,
}

impl Read {
    /// Says a report, or counts why there is none.
    fn take(&mut self, report: Result<Report<'_>, BadReport>, say: &mut Say<'_>) {
        if self.taken as usize >= REPORTS_PER_PAYLOAD_MAX {
            return self.left_out.add(BadReport::TooMany);
        }
        match report {
            Ok(report) => {
                self.taken += 1;
                say(Said::Report(report));
            }
            Err(bad) => self.left_out.add(bad),
        }
    }

    /// The end of a payload that holds one record: without it there is nothing.
    fn of_one(self) -> Result<Self, PayloadError> {
        match self.left_out.first() {
            Some(bad) if self.taken == 0 => Err(PayloadError::Report(bad)),
            Some(_) | None => Ok(self),
        }
    }
}

/// Reads a message of an MQTT family, which [`Topics::family`] has told from its topic.
///
/// # Errors
/// [`PayloadError`] when nothing of it can be used.
pub fn read_topic(
    topics: &Topics,
    family: Family,
    topic: &str,
    payload: &[u8],
    say: &mut Say<'_>,
) -> Result<Read, PayloadError> {
    bounded(payload)?;
    match family {
        Family::Espresense => espresense::read(topics, topic, payload, say),
        Family::OpenMqttGateway => openmqttgateway::read(topics, topic, payload, say),
        Family::Room => room::read(topics, topic, payload, say),
        Family::HappyBubbles => happy_bubbles::read(topics, topic, payload, say),
        Family::Moko => moko::read(payload, say),
        Family::Minew | Family::Kontakt | Family::Raddec => Err(PayloadError::Topic),
    }
}

/// Reads the body of an HTTP request or a UDP datagram of a family.
///
/// # Errors
/// [`PayloadError`] when nothing of it can be used.
pub fn read_body(family: Family, payload: &[u8], say: &mut Say<'_>) -> Result<Read, PayloadError> {
    bounded(payload)?;
    match family {
        Family::Raddec => raddec::read(payload, say),
        Family::Minew => minew::read(payload, say),
        Family::Kontakt => kontakt::read(payload, say),
        Family::Moko => moko::read(payload, say),
        Family::Espresense | Family::OpenMqttGateway | Family::Room | Family::HappyBubbles => Err(PayloadError::Topic),
    }
}

const fn bounded(payload: &[u8]) -> Result<(), PayloadError> {
    if payload.len() > PAYLOAD_LEN_MAX {
        Err(PayloadError::TooLong { len: payload.len() })
    } else {
        Ok(())
    }
}
