//! One vocabulary over the packets of MQTT 3.1.1 and 5, for both ends of a connection.
//!
//! The library has a type for each packet of each version; the sessions here want to know what was said, not in which
//! version. Deliberately absent: bytes (the library writes and reads them) and any decision.
//!
//! Formats: MQTT 3.1.1 <https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html>, MQTT 5
//! <https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html>.

use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::packet::{Packet, Qos, RetainHandling, SubEntry, SubOpts, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, MqttError, SubackReasonCode, SubackReturnCode,
    UnsubackReasonCode,
};

/// A message, as it came.
#[derive(Clone)]
pub(super) enum Message {
    /// In version 3.1.1.
    V3(v3_1_1::Publish),
    /// In version 5.
    V5(v5_0::Publish),
}

impl Message {
    pub(super) fn topic(&self) -> &str {
        match self {
            Self::V3(publish) => publish.topic_name(),
            Self::V5(publish) => publish.topic_name(),
        }
    }

    pub(super) fn payload(&self) -> &[u8] {
        match self {
            Self::V3(publish) => publish.payload().as_slice(),
            Self::V5(publish) => publish.payload().as_slice(),
        }
    }

    /// Whether a broker kept it and gives it to everybody who subscribes: nobody knows how old it is.
    pub(super) fn is_retained(&self) -> bool {
        match self {
            Self::V3(publish) => publish.retain(),
            Self::V5(publish) => publish.retain(),
        }
    }

    /// Whether the sender says that it sends it again.
    pub(super) fn is_again(&self) -> bool {
        match self {
            Self::V3(publish) => publish.dup(),
            Self::V5(publish) => publish.dup(),
        }
    }

    /// The packet's number, where the sender wants it acknowledged.
    pub(super) fn packet_id(&self) -> Option<u16> {
        match self {
            Self::V3(publish) => publish.packet_id(),
            Self::V5(publish) => publish.packet_id(),
        }
    }
}

/// What a broker says to its client.
pub(super) enum FromBroker {
    /// The connection is accepted.
    Welcome,
    /// It is not, and why.
    Refusal(Refusal),
    /// For each filter of the subscription, whether it was granted.
    Granted(Vec<bool>),
    /// A message.
    Message(Message),
    /// The broker ends the connection, and says why.
    Goodbye(String),
    /// Nothing that a session acts upon.
    Other,
}

/// Why a broker refuses a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The name or the password.
    Credentials,
    /// The name is right, but may not connect.
    NotAuthorized,
    /// The client id.
    ClientId,
    /// The version of MQTT.
    Version,
    /// Anything else; it may pass.
    Unavailable,
}

pub(super) fn from_broker(packet: Packet) -> FromBroker {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library has 29 packets; those that a client of a broker needs are named"
    )]
    match packet {
        Packet::V3_1_1Connack(answer) => welcome(answer.return_code() as u8),
        Packet::V5_0Connack(answer) => welcome(answer.reason_code() as u8),
        Packet::V3_1_1Suback(suback) => granted(suback.return_codes().iter().map(|code| *code as u8)),
        Packet::V5_0Suback(suback) => granted(suback.reason_codes().iter().map(|code| *code as u8)),
        Packet::V3_1_1Publish(publish) => FromBroker::Message(Message::V3(publish)),
        Packet::V5_0Publish(publish) => FromBroker::Message(Message::V5(publish)),
        Packet::V5_0Disconnect(goodbye) => FromBroker::Goodbye(
            goodbye
                .reason_code()
                .map_or_else(|| "no reason given".to_owned(), |code| code.to_string()),
        ),
        _ => FromBroker::Other,
    }
}

/// Both versions number success 0; 3.1.1 numbers its refusals 1 to 5 (its section 3.2.2.3), 5 from 128 (its 3.2.2.2).
fn welcome(code: u8) -> FromBroker {
    match code {
        0 => FromBroker::Welcome,
        1 | 0x84 => FromBroker::Refusal(Refusal::Version),
        2 | 0x85 => FromBroker::Refusal(Refusal::ClientId),
        4 | 0x86 => FromBroker::Refusal(Refusal::Credentials),
        5 | 0x87 | 0x8a => FromBroker::Refusal(Refusal::NotAuthorized),
        _ => FromBroker::Refusal(Refusal::Unavailable),
    }
}

/// Both versions number failures from 128.
fn granted(codes: impl Iterator<Item = u8>) -> FromBroker {
    FromBroker::Granted(codes.map(|code| code < 0x80).collect())
}

/// A filter to subscribe to.
pub(super) struct Wanted<'a> {
    pub(super) filter: &'a str,
    /// Whether messages that the broker has kept are wanted. Only version 5 can decline them.
    pub(super) kept: bool,
}

/// A client's first words.
pub(super) struct Hello<'a> {
    pub(super) version: Version,
    pub(super) client_id: &'a str,
    pub(super) user: Option<(&'a str, &'a [u8])>,
    pub(super) keep_alive_s: u16,
}

/// The first packet to a broker: a session that leaves nothing behind, because an old sighting is worth nothing.
pub(super) fn connect(hello: &Hello<'_>) -> Result<Packet, MqttError> {
    if hello.version == Version::V5_0 {
        let mut builder = v5_0::Connect::builder()
            .client_id(hello.client_id)?
            .clean_start(true)
            .keep_alive(hello.keep_alive_s);
        if let Some((name, password)) = hello.user {
            builder = builder.user_name(name)?.password(password.to_vec())?;
        }
        return builder.build().map(Packet::V5_0Connect);
    }
    let mut builder = v3_1_1::Connect::builder()
        .client_id(hello.client_id)?
        .clean_session(true)
        .keep_alive(hello.keep_alive_s);
    if let Some((name, password)) = hello.user {
        builder = builder.user_name(name)?.password(password.to_vec())?;
    }
    builder.build().map(Packet::V3_1_1Connect)
}

/// Asks for messages at most once each: one that is lost is followed by a newer one, and one that is sent again is old.
pub(super) fn subscribe(version: Version, packet_id: u16, wanted: &[Wanted<'_>]) -> Result<Packet, MqttError> {
    let entries = |is_v5: bool| {
        let entry = |wanted: &Wanted<'_>| {
            let handling = if wanted.kept {
                RetainHandling::SendRetained
            } else {
                RetainHandling::DoNotSendRetained
            };
            let options = SubOpts::new().set_qos(Qos::AtMostOnce);
            SubEntry::new(wanted.filter, if is_v5 { options.set_rh(handling) } else { options })
        };
        wanted.iter().map(entry).collect::<Result<Vec<_>, _>>()
    };
    if version == Version::V5_0 {
        let subscribe = v5_0::Subscribe::builder().packet_id(packet_id).entries(entries(true)?);
        return subscribe.build().map(Packet::V5_0Subscribe);
    }
    let subscribe = v3_1_1::Subscribe::builder()
        .packet_id(packet_id)
        .entries(entries(false)?);
    subscribe.build().map(Packet::V3_1_1Subscribe)
}

/// The last packet to a broker.
pub(super) fn disconnect(version: Version) -> Result<Packet, MqttError> {
    if version == Version::V5_0 {
        return v5_0::Disconnect::builder().build().map(Packet::V5_0Disconnect);
    }
    v3_1_1::Disconnect::builder().build().map(Packet::V3_1_1Disconnect)
}

/// What a hub says to its listener.
pub(super) enum FromHub {
    /// Its first words.
    Hello(Login),
    /// A message.
    Message(Message),
    /// It wants messages: the packet's number, and how many filters it names.
    Subscribe(u16, usize),
    /// It wants no more messages: the same.
    Unsubscribe(u16, usize),
    /// It goes, and whether its last will is not to be said.
    Goodbye { is_content: bool },
    /// Nothing that a session acts upon.
    Other,
}

/// Who a hub says it is.
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Vec<u8>,
    /// Topic and payload of what is to be said when the hub is lost.
    pub(super) will: Option<(String, Vec<u8>)>,
}

pub(super) fn from_hub(packet: Packet) -> FromHub {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library has 29 packets; those that a listener for publishers needs are named"
    )]
    match packet {
        Packet::V3_1_1Connect(hello) => FromHub::Hello(Login {
            user: hello.user_name().map(str::to_owned),
            password: hello.password().unwrap_or_default().to_vec(),
            will: will(hello.will_topic(), hello.will_payload()),
        }),
        Packet::V5_0Connect(hello) => FromHub::Hello(Login {
            user: hello.user_name().map(str::to_owned),
            password: hello.password().unwrap_or_default().to_vec(),
            will: will(hello.will_topic(), hello.will_payload()),
        }),
        Packet::V3_1_1Publish(publish) => FromHub::Message(Message::V3(publish)),
        Packet::V5_0Publish(publish) => FromHub::Message(Message::V5(publish)),
        Packet::V3_1_1Subscribe(wish) => FromHub::Subscribe(wish.packet_id(), wish.entries().len()),
        Packet::V5_0Subscribe(wish) => FromHub::Subscribe(wish.packet_id(), wish.entries().len()),
        Packet::V3_1_1Unsubscribe(wish) => FromHub::Unsubscribe(wish.packet_id(), wish.entries().len()),
        Packet::V5_0Unsubscribe(wish) => FromHub::Unsubscribe(wish.packet_id(), wish.entries().len()),
        Packet::V3_1_1Disconnect(_) => FromHub::Goodbye { is_content: true },
        Packet::V5_0Disconnect(goodbye) => FromHub::Goodbye {
            is_content: matches!(
                goodbye.reason_code(),
                None | Some(DisconnectReasonCode::NormalDisconnection)
            ),
        },
        _ => FromHub::Other,
    }
}

fn will(topic: Option<&str>, payload: Option<&[u8]>) -> Option<(String, Vec<u8>)> {
    Some((topic?.to_owned(), payload.unwrap_or_default().to_vec()))
}

/// The answer to a hub's first words: it may stay, or its name and password are wrong.
pub(super) fn connack(version: Version, is_welcome: bool) -> Result<Packet, MqttError> {
    if version == Version::V5_0 {
        let code = match is_welcome {
            true => ConnectReasonCode::Success,
            false => ConnectReasonCode::BadUserNameOrPassword,
        };
        let answer = v5_0::Connack::builder().session_present(false).reason_code(code);
        return answer.build().map(Packet::V5_0Connack);
    }
    let code = match is_welcome {
        true => ConnectReturnCode::Accepted,
        false => ConnectReturnCode::BadUserNameOrPassword,
    };
    let answer = v3_1_1::Connack::builder().session_present(false).return_code(code);
    answer.build().map(Packet::V3_1_1Connack)
}

/// The answer to a subscription: none of it is granted.
pub(super) fn suback_refused(version: Version, packet_id: u16, filters_len: usize) -> Result<Packet, MqttError> {
    if version == Version::V5_0 {
        let codes = vec![SubackReasonCode::NotAuthorized; filters_len];
        let answer = v5_0::Suback::builder().packet_id(packet_id).reason_codes(codes);
        return answer.build().map(Packet::V5_0Suback);
    }
    let codes = vec![SubackReturnCode::Failure; filters_len];
    let answer = v3_1_1::Suback::builder().packet_id(packet_id).return_codes(codes);
    answer.build().map(Packet::V3_1_1Suback)
}

/// The answer to the end of a subscription that there never was.
pub(super) fn unsuback(version: Version, packet_id: u16, filters_len: usize) -> Result<Packet, MqttError> {
    if version == Version::V5_0 {
        let codes = vec![UnsubackReasonCode::NoSubscriptionExisted; filters_len];
        let answer = v5_0::Unsuback::builder().packet_id(packet_id).reason_codes(codes);
        return answer.build().map(Packet::V5_0Unsuback);
    }
    v3_1_1::Unsuback::builder()
        .packet_id(packet_id)
        .build()
        .map(Packet::V3_1_1Unsuback)
}
