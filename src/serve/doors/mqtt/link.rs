//! One connection's bytes and timers, around the library's state without IO.
//!
//! The library decides what a packet means for the protocol; this moves bytes, keeps the three timers it asks for, and
//! hands out packets in order. Whatever the library calls an error ends the connection: a peer that breaks the protocol
//! once cannot be followed any further. After each chunk the thread is given away, so that a peer that never stops
//! talking leaves room for others.
//!
//! Bounds: a chunk of [`CHUNK_LEN`] bytes, a packet of [`PACKET_LEN_MAX`], refused by its announced length before memory
//! is taken for it. Answers gather while a chunk is worked off and are written before the next is read.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Connection, ConnectionOptions, Event, TimerKind};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait as _, Packet};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use mqtt_protocol_core::mqtt::role::RoleType;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};

use crate::wire::payload::PAYLOAD_LEN_MAX;

/// Bytes read at once.
pub(super) const CHUNK_LEN: usize = 16 * 1_024;
/// Bytes of the longest packet: the longest payload, its topic and what stands around them.
pub(super) const PACKET_LEN_MAX: u32 = PAYLOAD_LEN_MAX as u32 + 4 * 1_024;
/// Messages that a peer may have sent and not yet seen acknowledged.
const INFLIGHT_MAX: u16 = 256;
/// How long a peer may take to take our bytes.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// How long a broker may take to answer a ping.
const PONG_WAIT: Duration = Duration::from_secs(10);

/// Anything that carries bytes both ways.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Carrier for T {}

/// Why a connection ended.
#[derive(Debug, Error)]
pub(super) enum LinkEnd {
    /// The peer closed it, or the network did.
    #[error("it was closed{}", .0.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Closed(Option<io::Error>),
    /// A packet longer than [`PACKET_LEN_MAX`].
    #[error("a packet is longer than {PACKET_LEN_MAX} bytes")]
    TooLong,
    /// The peer does not speak the protocol.
    #[error("what came is not MQTT as it is written: {0}")]
    Protocol(MqttError),
    /// The peer did not answer, or did not say anything for too long.
    #[error("the peer was silent for too long")]
    Silent,
}

/// One connection.
pub(super) struct Link<Role: RoleType> {
    connection: Connection<Role>,
    carrier: Box<dyn Carrier>,
    input: Box<[u8]>,
    /// What of the input is not worked off.
    unread: std::ops::Range<usize>,
    output: Vec<u8>,
    received: VecDeque<Packet>,
    timers: [Option<Instant>; 3],
    end: Option<LinkEnd>,
}

impl<Role: RoleType> Link<Role> {
    pub(super) fn new(version: Version, carrier: Box<dyn Carrier>) -> Self {
        let options = ConnectionOptions::new()
            .maximum_packet_size_recv(PACKET_LEN_MAX)
            .receive_maximum(INFLIGHT_MAX);
        let mut connection = Connection::with_options(version, options);
        connection.set_auto_pub_response(true);
        connection.set_auto_ping_response(true);
        connection.set_pingresp_recv_timeout(PONG_WAIT.as_millis() as u64);
        Self {
            connection,
            carrier,
            input: vec![0; CHUNK_LEN].into_boxed_slice(),
            unread: 0..0,
            output: Vec::new(),
            received: VecDeque::new(),
            timers: [None; 3],
            end: None,
        }
    }

    /// The version that the peer chose, or that was chosen for it.
    pub(super) fn version(&self) -> Version {
        self.connection.get_protocol_version()
    }

    /// A number for a packet that wants an answer.
    pub(super) fn packet_id(&mut self) -> Result<u16, LinkEnd> {
        self.connection.acquire_packet_id().map_err(LinkEnd::Protocol)
    }

    /// Says something; it is written with the next [`Link::next`] or [`Link::flush`].
    pub(super) fn say(&mut self, packet: Result<Packet, MqttError>) -> Result<(), LinkEnd> {
        let events = self.connection.send(packet.map_err(LinkEnd::Protocol)?);
        self.apply(events);
        self.end.take().map_or(Ok(()), Err)
    }

    /// Waits for the next packet. Dropping the wait loses nothing.
    pub(super) async fn next(&mut self) -> Result<Packet, LinkEnd> {
        loop {
            if let Some(packet) = self.received.pop_front() {
                return Ok(packet);
            }
            if self.end.is_none() && !self.unread.is_empty() {
                self.work_off();
                continue;
            }
            self.flush().await?;
            if let Some(end) = self.end.take() {
                return Err(end);
            }
            yield_now().await;
            self.wait().await?;
        }
    }

    /// Writes what was said.
    pub(super) async fn flush(&mut self) -> Result<(), LinkEnd> {
        while !self.output.is_empty() {
            let written = timeout(WRITE_WAIT, self.carrier.write(&self.output)).await;
            match written.map_err(|_| LinkEnd::Silent)? {
                Ok(0) => return Err(LinkEnd::Closed(None)),
                Ok(len) => drop(self.output.drain(..len)),
                Err(error) => return Err(LinkEnd::Closed(Some(error))),
            }
        }
        let flushed = timeout(WRITE_WAIT, self.carrier.flush()).await;
        flushed
            .map_err(|_| LinkEnd::Silent)?
            .map_err(|error| LinkEnd::Closed(Some(error)))
    }

    /// Takes one packet, or what there is of it, out of the input.
    fn work_off(&mut self) {
        let Some(bytes) = self.input.get(self.unread.clone()) else {
            self.unread = 0..0;
            return;
        };
        let mut cursor = Cursor::new(bytes);
        let events = self.connection.recv(&mut cursor);
        let taken = usize::try_from(cursor.position()).unwrap_or(bytes.len());
        self.unread.start = if taken == 0 {
            self.unread.end
        } else {
            self.unread.start + taken
        };
        self.apply(events);
    }

    /// Waits for bytes or for the first timer.
    async fn wait(&mut self) -> Result<(), LinkEnd> {
        let first = self.timers.iter().flatten().min().copied();
        let fired = async {
            match first {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = self.carrier.read(&mut self.input) => match read {
                Ok(0) => Err(LinkEnd::Closed(None)),
                Ok(len) => {
                    self.unread = 0..len;
                    Ok(())
                }
                Err(error) => Err(LinkEnd::Closed(Some(error))),
            },
            () = fired => {
                self.fire();
                Ok(())
            }
        }
    }

    fn fire(&mut self) {
        let now = Instant::now();
        for kind in [TimerKind::PingreqSend, TimerKind::PingreqRecv, TimerKind::PingrespRecv] {
            let timer = self.timer(kind);
            if timer.is_some_and(|at| at <= now) {
                *timer = None;
                let events = self.connection.notify_timer_fired(kind);
                self.apply(events);
                if !matches!(kind, TimerKind::PingreqSend) {
                    self.end = Some(LinkEnd::Silent);
                }
            }
        }
    }

    fn apply(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::NotifyPacketReceived(packet) => self.received.push_back(packet),
                Event::RequestSendPacket { packet, .. } => {
                    self.output.extend_from_slice(&packet.to_continuous_buffer());
                }
                Event::RequestTimerReset { kind, duration_ms } => {
                    *self.timer(kind) = Some(Instant::now() + Duration::from_millis(duration_ms));
                }
                Event::RequestTimerCancel(kind) => *self.timer(kind) = None,
                Event::NotifyError(MqttError::PacketTooLarge) => self.end = Some(LinkEnd::TooLong),
                Event::NotifyError(error) => self.end = Some(LinkEnd::Protocol(error)),
                Event::RequestClose => {
                    self.end.get_or_insert(LinkEnd::Closed(None));
                }
                Event::NotifyPacketIdReleased(_) => {}
            }
        }
    }

    /// Where a timer is kept.
    const fn timer(&mut self, kind: TimerKind) -> &mut Option<Instant> {
        let [send, received, response] = &mut self.timers;
        match kind {
            TimerKind::PingreqSend => send,
            TimerKind::PingreqRecv => received,
            TimerKind::PingrespRecv => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use mqtt_protocol_core::mqtt::role::{Client, Server};
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use tokio::io::duplex;

    use super::super::packets::{Hello, Wanted, connack, connect, subscribe};
    use super::*;

    /// CONNECT of both versions, PUBLISH with each quality of service, SUBSCRIBE, PUBREL, PINGREQ, DISCONNECT.
    const OF_A_HUB: [&[u8]; 2] = [
        b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02id\x30\x05\0\x03a/b\x32\x08\0\x03a/b\0\x07x\x34\x08\0\x03a/b\0\x09x\
          \x62\x02\0\x09\x82\x06\0\x01\0\x01#\0\xc0\0\xe0\0",
        b"\x10\x0f\0\x04MQTT\x05\x02\0\x3c\0\0\x02id\x30\x06\0\x03a/b\0\x32\x09\0\x03a/b\0\x07\0x\x34\x09\0\x03a/b\0\x09\
          \0x\x62\x02\0\x09\x82\x07\0\x01\0\0\x01#\0\xc0\0\xe0\0",
    ];
    /// CONNACK, SUBACK, PUBLISH with each quality of service, PUBREL, PINGRESP, and in 5 DISCONNECT.
    const OF_A_BROKER: [&[u8]; 2] = [
        b"\x20\x02\0\0\x90\x03\0\x01\0\x30\x05\0\x03a/b\x32\x08\0\x03a/b\0\x07x\x34\x08\0\x03a/b\0\x09x\x62\x02\0\x09\
          \xd0\0",
        b"\x20\x03\0\0\0\x90\x04\0\x01\0\0\x30\x06\0\x03a/b\0\x32\x09\0\x03a/b\0\x07\0x\x34\x09\0\x03a/b\0\x09\0x\
          \x62\x02\0\x09\xd0\0\xe0\0",
    ];

    /// Takes everything that the bytes hold, and gives how many packets that were.
    async fn take<Role: RoleType>(version: Version, first: Option<Result<Packet, MqttError>>, bytes: &[u8]) -> usize {
        let (here, mut there) = duplex(64 * 1_024);
        let mut link = Link::<Role>::new(version, Box::new(here));
        if let Some(first) = first {
            link.say(first).unwrap();
        }
        there.write_all(bytes).await.unwrap();
        there.shutdown().await.unwrap();
        let mut taken = 0;
        while let Ok(packet) = link.next().await {
            taken += 1;
            if matches!(packet, Packet::V3_1_1Connect(_) | Packet::V5_0Connect(_)) {
                link.say(connack(link.version(), true)).unwrap();
            }
            if matches!(packet, Packet::V3_1_1Connack(_) | Packet::V5_0Connack(_)) {
                let wanted = [Wanted {
                    filter: "#",
                    kept: false,
                }];
                let packet_id = link.packet_id().unwrap();
                // A broker that refuses is told no wishes.
                let _said = link.say(subscribe(version, packet_id, &wanted));
            }
        }
        taken
    }

    fn hello(version: Version) -> Result<Packet, MqttError> {
        connect(&Hello {
            version,
            client_id: "nextbest",
            user: Some(("nextbest", b"secret")),
            keep_alive_s: 30,
        })
    }

    async fn take_all(bytes: [&[u8]; 4]) -> [usize; 4] {
        let [hub_3, hub_5, broker_3, broker_5] = bytes;
        [
            take::<Server>(Version::Undetermined, None, hub_3).await,
            take::<Server>(Version::Undetermined, None, hub_5).await,
            take::<Client>(Version::V3_1_1, Some(hello(Version::V3_1_1)), broker_3).await,
            take::<Client>(Version::V5_0, Some(hello(Version::V5_0)), broker_5).await,
        ]
    }

    #[tokio::test]
    async fn what_is_well_formed_is_taken_to_its_end() {
        let taken = take_all([OF_A_HUB[0], OF_A_HUB[1], OF_A_BROKER[0], OF_A_BROKER[1]]).await;
        assert_eq!(taken, [8, 8, 7, 8]);
    }

    /// The library's parsers are reached with bytes that are almost right: whatever it is, it ends without a panic.
    #[tokio::test]
    async fn bytes_that_are_almost_right_neither_panic_nor_hang() {
        for seed in 0..3_000 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut almost = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                for _ in 0..rng.random_range(1..5) {
                    let at = rng.random_range(0..bytes.len());
                    match rng.random_range(0..4) {
                        0 => bytes[at] = rng.random(),
                        1 => bytes[at] ^= 1 << rng.random_range(0..8),
                        2 => drop(bytes.remove(at)),
                        _ => bytes.insert(at, rng.random()),
                    }
                }
                bytes
            };
            let bytes = [OF_A_HUB[0], OF_A_HUB[1], OF_A_BROKER[0], OF_A_BROKER[1]].map(&mut almost);
            let [a, b, c, d] = &bytes;
            take_all([a, b, c, d]).await;
        }
    }

    #[tokio::test]
    async fn a_length_that_is_too_long_is_refused_before_memory_is_taken_for_it() {
        let (here, mut there) = duplex(64);
        let mut link = Link::<Server>::new(Version::Undetermined, Box::new(here));
        there.write_all(b"\x10\xff\xff\xff\x7f").await.unwrap();
        assert!(matches!(link.next().await, Err(LinkEnd::TooLong)));
    }
}
