//! One connection of a hub: hello, batches, health, acknowledgements.
//!
//! Deliberately absent: buffering and reconnecting, which are [`crate::HubClient`]'s or the firmware's.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use nextbest_proto::{
    PROTOCOL_VERSION,
    limits::{GATEWAY_TO_HUB_LEN_MAX, HUB_TO_GATEWAY_LEN_MAX},
    v1::{self, gateway_to_hub, hub_to_gateway},
};
use prost::Message;
use quinn::{Connection, VarInt};
use tokio::time::timeout;

use crate::{
    app::CONNECT_TIMEOUT_MS,
    endpoint::{ClientEndpoint, Credentials, Trust},
    error::{ConnectError, HubError, Lost, ProtocolError},
    framing::{StreamReader, StreamWriter},
};

/// Which hub connects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HubHelloSettings {
    /// The hub's id, as in its certificate and in the venue's map.
    pub hub_id: String,
    /// The venue's id, as in the certificate.
    pub venue_id: String,
    /// A number that grows with every boot of the hub.
    pub boot_epoch: u64,
    /// The number of the oldest sighting that the hub still holds.
    pub oldest_sequence: u64,
    /// Firmware name and version, for the operator.
    pub firmware: String,
}

/// What the gateway says in a session.
#[derive(Debug, Clone, PartialEq)]
pub enum HubEvent {
    /// Everything before this number has been taken.
    Ack {
        /// The number of the first sighting that has not been taken.
        next_sequence: u64,
    },
    /// The gateway is going away.
    Drain(v1::Drain),
    /// The gateway refused something; it closes the connection when the session can't go on.
    Error(v1::Error),
}

/// One connection of a hub. Dropping it, or both halves of it, closes the connection.
#[derive(Debug)]
pub struct HubSession {
    sender: HubSender,
    receiver: HubReceiver,
    welcome: v1::HubWelcome,
}

impl HubSession {
    /// Connects with the hub's certificate, says hello and waits for the welcome, at most 10 s.
    ///
    /// # Errors
    /// [`ConnectError`], with the gateway's words when it refused.
    pub async fn connect(
        endpoint: &ClientEndpoint,
        to: SocketAddr,
        server_name: &str,
        trust: &Trust,
        credentials: &Credentials,
        hello: HubHelloSettings,
    ) -> Result<Self, ConnectError> {
        let config = credentials.hub_config(trust)?;
        let within = Duration::from_millis(CONNECT_TIMEOUT_MS);
        Self::connect_within(within, endpoint, to, server_name, config, || hello).await
    }

    /// Connects with a time limit, a configuration that is made once, and a hello that is made when it is sent.
    pub(crate) async fn connect_within(
        within: Duration,
        endpoint: &ClientEndpoint,
        to: SocketAddr,
        server_name: &str,
        config: quinn::ClientConfig,
        hello: impl FnOnce() -> HubHelloSettings,
    ) -> Result<Self, ConnectError> {
        let opened = async {
            let connection = endpoint.connect(config, to, server_name).await?;
            Self::open(connection, hello()).await
        };
        let after_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        timeout(within, opened)
            .await
            .unwrap_or(Err(ConnectError::Timeout { after_ms }))
    }

    async fn open(connection: Connection, hello: HubHelloSettings) -> Result<Self, ConnectError> {
        let (send, receive) = connection.open_bi().await.map_err(Lost::from)?;
        let HubHelloSettings {
            hub_id,
            venue_id,
            boot_epoch,
            oldest_sequence,
            firmware,
        } = hello;
        let mut sender = HubSender::new(connection.clone(), StreamWriter::new(send), boot_epoch);
        let mut receiver = HubReceiver {
            connection,
            reader: StreamReader::new(receive, GATEWAY_TO_HUB_LEN_MAX),
        };
        let protocol_version = PROTOCOL_VERSION;
        let hello = v1::HubHello {
            protocol_version,
            hub_id,
            venue_id,
            boot_epoch,
            oldest_sequence,
            firmware,
        };
        let sent = sender.send(hub_to_gateway::Body::Hello(hello)).await;
        // A gateway that refuses says why before it stops reading, so the answer is read in any case.
        match receiver.body().await {
            Ok(gateway_to_hub::Body::Welcome(welcome)) => Ok(Self {
                sender,
                receiver,
                welcome,
            }),
            Ok(gateway_to_hub::Body::Error(error)) => Err(ConnectError::Refused(error)),
            Ok(gateway_to_hub::Body::Ack(_) | gateway_to_hub::Body::Drain(_)) => {
                Err(ProtocolError::MessageUnexpected { expected: "a welcome" }.into())
            }
            Err(error) => Err(sent.err().unwrap_or(error).into()),
        }
    }

    /// What the gateway said to the hello.
    pub fn welcome(&self) -> &v1::HubWelcome {
        &self.welcome
    }

    /// The two halves, for a hub that sends and listens at once.
    pub fn split(self) -> (HubSender, HubReceiver) {
        (self.sender, self.receiver)
    }

    /// See [`HubSender::send_batch`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_batch(
        &mut self,
        first_sequence: u64,
        sent_at_ms: u64,
        sightings: &[v1::Sighting],
    ) -> Result<(), HubError> {
        self.sender.send_batch(first_sequence, sent_at_ms, sightings).await
    }

    /// See [`HubSender::send_health`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_health(&mut self, health: v1::HubHealth) -> Result<(), HubError> {
        self.sender.send_health(health).await
    }

    /// See [`HubSender::send_encoded`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_encoded(&mut self, frames: &[u8]) -> Result<(), HubError> {
        self.sender.send_encoded(frames).await
    }

    /// See [`HubSender::send_datagram`].
    ///
    /// # Errors
    /// As there.
    pub fn send_datagram(&self, batch: Bytes) -> Result<(), HubError> {
        self.sender.send_datagram(batch)
    }

    /// See [`HubReceiver::next`].
    ///
    /// # Errors
    /// As there.
    pub async fn next(&mut self) -> Result<HubEvent, HubError> {
        self.receiver.next().await
    }

    /// See [`HubSender::goodbye`].
    pub async fn goodbye(self, reason: &str) {
        self.sender.goodbye(reason).await;
    }

    /// The QUIC connection: its statistics and its round trip time.
    pub fn connection(&self) -> &Connection {
        &self.sender.connection
    }
}

/// The half that sends. Giving up an await never tears a frame.
#[derive(Debug)]
pub struct HubSender {
    connection: Connection,
    writer: StreamWriter,
    boot_epoch: u64,
    /// Reused, with the room for its sightings.
    batch: v1::HubToGateway,
}

impl HubSender {
    fn new(connection: Connection, writer: StreamWriter, boot_epoch: u64) -> Self {
        Self {
            connection,
            writer,
            boot_epoch,
            batch: v1::HubToGateway::default(),
        }
    }

    /// Sends sightings with consecutive numbers; `sent_at_ms` is the hub's clock, from which their ages count.
    ///
    /// # Errors
    /// When the connection is gone, or the sightings do not fit into a frame.
    pub async fn send_batch(
        &mut self,
        first_sequence: u64,
        sent_at_ms: u64,
        sightings: &[v1::Sighting],
    ) -> Result<(), HubError> {
        let mut room = match self.batch.body.take() {
            Some(hub_to_gateway::Body::Batch(batch)) => batch.sightings,
            _ => Vec::new(),
        };
        room.clear();
        room.extend_from_slice(sightings);
        let batch = v1::SightingBatch {
            boot_epoch: self.boot_epoch,
            first_sequence,
            sent_at_ms,
            sightings: room,
        };
        self.batch.body = Some(hub_to_gateway::Body::Batch(batch));
        Ok(self.writer.send(&self.batch, HUB_TO_GATEWAY_LEN_MAX).await?)
    }

    /// Says how the hub is. Also its heartbeat: send it at least every `welcome.heartbeat_ms`.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_health(&mut self, health: v1::HubHealth) -> Result<(), HubError> {
        self.send(hub_to_gateway::Body::Health(health)).await
    }

    /// Sends frames of `HubToGateway` that are already encoded, each with its length in front.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_encoded(&mut self, frames: &[u8]) -> Result<(), HubError> {
        Ok(self.writer.send_encoded(frames).await?)
    }

    /// Sends an encoded `SightingBatch` that may be lost and is never acknowledged.
    ///
    /// # Errors
    /// When the connection is gone, the gateway takes no datagrams, or the path takes none of this size.
    pub fn send_datagram(&self, batch: Bytes) -> Result<(), HubError> {
        self.connection.send_datagram(batch).map_err(|error| match error {
            quinn::SendDatagramError::ConnectionLost(lost) => Lost::from(lost).into(),
            quinn::SendDatagramError::TooLarge
            | quinn::SendDatagramError::UnsupportedByPeer
            | quinn::SendDatagramError::Disabled => HubError::DatagramUnsent(error.to_string()),
        })
    }

    /// Encodes a batch for [`HubSender::send_datagram`].
    pub fn encode_datagram(&self, first_sequence: u64, sent_at_ms: u64, sightings: Vec<v1::Sighting>) -> Bytes {
        let boot_epoch = self.boot_epoch;
        v1::SightingBatch {
            boot_epoch,
            first_sequence,
            sent_at_ms,
            sightings,
        }
        .encode_to_vec()
        .into()
    }

    /// Says that the hub stops on purpose, and waits until the gateway has read everything or the connection is gone,
    /// at most 1 s.
    pub async fn goodbye(mut self, reason: &str) {
        let goodbye = v1::HubGoodbye {
            reason: reason.to_owned(),
        };
        let said = async {
            if self.send(hub_to_gateway::Body::Goodbye(goodbye)).await.is_ok() {
                self.writer.finish_and_wait().await;
            }
        };
        // Nobody listens: then there is nobody to say it to.
        let _in_time = timeout(Duration::from_millis(GOODBYE_TIMEOUT_MS), said).await;
        self.connection.close(VarInt::from_u32(0), b"");
    }

    async fn send(&mut self, body: hub_to_gateway::Body) -> Result<(), HubError> {
        let message = v1::HubToGateway { body: Some(body) };
        Ok(self.writer.send(&message, HUB_TO_GATEWAY_LEN_MAX).await?)
    }
}

/// How long a goodbye may take, in milliseconds.
const GOODBYE_TIMEOUT_MS: u64 = 1_000;

/// The half that listens. Giving up an await loses nothing.
#[derive(Debug)]
pub struct HubReceiver {
    connection: Connection,
    reader: StreamReader,
}

impl HubReceiver {
    /// The next thing that the gateway says.
    ///
    /// # Errors
    /// When the connection is gone, or the gateway broke the protocol.
    pub async fn next(&mut self) -> Result<HubEvent, HubError> {
        match self.body().await? {
            gateway_to_hub::Body::Ack(ack) => Ok(HubEvent::Ack {
                next_sequence: ack.next_sequence,
            }),
            gateway_to_hub::Body::Drain(drain) => Ok(HubEvent::Drain(drain)),
            gateway_to_hub::Body::Error(error) => Ok(HubEvent::Error(error)),
            gateway_to_hub::Body::Welcome(_) => Err(ProtocolError::MessageUnexpected {
                expected: "an acknowledgement, a drain or an error",
            }
            .into()),
        }
    }

    /// The QUIC connection: its statistics and its round trip time.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn body(&mut self) -> Result<gateway_to_hub::Body, HubError> {
        let Some(frame) = self.reader.next().await? else {
            return Err(self.connection.close_reason().map_or(Lost::Finished, Lost::from).into());
        };
        let message = v1::GatewayToHub::decode(frame).map_err(ProtocolError::from)?;
        message.body.ok_or_else(|| {
            ProtocolError::MessageUnexpected {
                expected: "a message that is known",
            }
            .into()
        })
    }
}
