//! One hub's connection, from its certificate to its last batch.
//!
//! ```text
//! certificate -> stream -> hello -> welcome -> { batches, health } -> goodbye | drain | replaced | error
//! ```
//!
//! The certificate says who it is; the hello must agree. The newest connection of a hub wins, because a hub that
//! lost its network knows it before we do. Frames are read in place from the chunk that carried them, with one
//! `now` for the chunk and one acknowledgement after it. A sighting that makes no sense is counted and the rest of
//! its batch goes on; a frame that makes no sense ends the connection, and no other.
//!
//! Deliberately absent: what a sighting means (the engine knows) and any queue: a hub that is faster than the
//! gateway is slowed by its own flow-control window.

use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nextbest_proto::PROTOCOL_VERSION;
use nextbest_proto::frame::{FrameReader, encode_frame};
use nextbest_proto::limits::{HUB_TO_GATEWAY_LEN_MAX, SIGHTINGS_PER_BATCH_MAX};
use nextbest_proto::v1::{self, ErrorCode, GatewayToHub, gateway_to_hub};
use nextbest_venue::HubIx;
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::certificate::zone_uri;
use super::closing::{self, WRITE_WAIT};
use super::hub_worker::HubWorker;
use super::intake::Intake;
use super::key_maker::HUB_UNIT;
use super::shared::Stage;
use crate::wire::{HubFrame, read_hub_frame};

/// How long a hub may take from the handshake to its hello.
const HELLO_WAIT: Duration = Duration::from_secs(5);
/// How long a frame may take from its first byte to its last.
const FRAME_WAIT: Duration = Duration::from_secs(5);
/// Most bytes taken at once; one `now` and one acknowledgement for all of them.
const CHUNK_LEN_MAX: usize = 32 * 1_024;
/// Advice to come back after a drain, so that not all hubs come at once.
pub(super) const DRAIN: v1::Drain = v1::Drain {
    reconnect_after_ms: 500,
    jitter_ms: 2_000,
};

/// Serves one hub until its connection ends.
pub(super) async fn run(worker: Rc<HubWorker>, connection: Connection) {
    let hub = match who(&worker, &connection) {
        Ok(hub) => hub,
        Err(error) => return refuse(&worker, &connection, &error),
    };
    let Ok(Ok((send, recv))) = timeout(HELLO_WAIT, connection.accept_bi()).await else {
        return refuse(&worker, &connection, &v1::Error::new(ErrorCode::HelloExpected));
    };
    let mut session = HubSession {
        worker,
        connection,
        send,
        recv,
        out: BytesMut::new(),
        torn_until: None,
    };
    if let Err(end) = session.serve(&hub).await {
        session.end(end).await;
    }
}

/// A hub as its certificate names it.
struct Hub {
    id: String,
    ix: HubIx,
}

struct HubSession {
    worker: Rc<HubWorker>,
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    out: BytesMut,
    /// When the frame that has begun must be whole.
    torn_until: Option<Instant>,
}

/// Why a session ends.
enum End {
    /// The hub is told why, and the connection is closed with the code.
    Refused(v1::Error),
    /// The connection is gone, or the hub has said goodbye.
    Gone,
}

impl From<v1::Error> for End {
    fn from(error: v1::Error) -> Self {
        Self::Refused(error)
    }
}

/// What the hub or the gateway did next.
enum Next {
    Chunk(Option<Bytes>),
    Datagram(Bytes),
    /// A frame that has begun did not come whole in time.
    Late,
    Draining,
}

impl HubSession {
    async fn serve(&mut self, hub: &Hub) -> Result<(), End> {
        let mut reader = FrameReader::new(HUB_TO_GATEWAY_LEN_MAX);
        let (hello, rest) = timeout(HELLO_WAIT, self.first_frame(&mut reader))
            .await
            .map_err(|_| v1::Error::new(ErrorCode::HelloExpected))??;
        check_hello(&hello, hub, &self.worker.shared.venue_id)?;
        // Again, because the keys may have been taken again since the handshake; from here on a reload finds it.
        self.worker.check_certificate(&self.connection)?;
        let held = self.worker.take_over(hub.ix, &self.connection);
        let mut intake = Intake::start(&self.worker.shared, hub.ix, &hello);
        self.welcome(&intake).await?;
        self.take_chunk(&mut intake, &mut reader, &rest).await?;
        let mut stage = self.worker.shared.stage.clone();
        let mut is_told_to_go = false;
        loop {
            match self.next(&mut stage, is_told_to_go).await? {
                Next::Chunk(Some(chunk)) => self.take_chunk(&mut intake, &mut reader, &chunk).await?,
                Next::Chunk(None) => {
                    reader
                        .finish()
                        .map_err(|error| v1::Error::because(error.code(), error.to_string()))?;
                    break;
                }
                Next::Late => {
                    let sentence = "the rest of a frame did not come";
                    return Err(v1::Error::because(ErrorCode::DeadlinePassed, sentence).into());
                }
                Next::Datagram(datagram) => intake.take_datagram(&self.worker.shared, &datagram),
                Next::Draining => {
                    is_told_to_go = true;
                    self.say(gateway_to_hub::Body::Drain(DRAIN)).await?;
                }
            }
        }
        drop(held);
        Err(End::Gone)
    }

    /// Waits for the hello; also gives the bytes that came after it.
    async fn first_frame(&mut self, reader: &mut FrameReader) -> Result<(v1::HubHello, Bytes), End> {
        while let Some(chunk) = self.read().await? {
            let mut bytes = &chunk[..];
            let frame = reader
                .next(&mut bytes)
                .map_err(|error| v1::Error::because(error.code(), error.to_string()))?;
            let Some(frame) = frame else { continue };
            let hello = match read_hub_frame(frame) {
                Ok(HubFrame::Hello(hello)) => hello,
                Ok(HubFrame::Batch(_) | HubFrame::Health(_) | HubFrame::Goodbye(_)) => {
                    return Err(v1::Error::new(ErrorCode::HelloExpected).into());
                }
                Err(error) => return Err(v1::Error::because(error.code(), error.to_string()).into()),
            };
            let taken = chunk.len() - bytes.len();
            return Ok((hello, chunk.slice(taken..)));
        }
        Err(End::Gone)
    }

    async fn next(&mut self, stage: &mut watch::Receiver<Stage>, is_told_to_go: bool) -> Result<Next, End> {
        let torn_until = self.torn_until;
        tokio::select! {
            biased;
            _stage = stage.wait_for(|stage| *stage == Stage::Draining), if !is_told_to_go => Ok(Next::Draining),
            chunk = self.recv.read_chunk(CHUNK_LEN_MAX, true) => match chunk {
                Ok(chunk) => Ok(Next::Chunk(chunk.map(|chunk| chunk.bytes))),
                Err(_) => Err(End::Gone),
            },
            () = sleep_until(torn_until.unwrap_or_else(Instant::now)), if torn_until.is_some() => Ok(Next::Late),
            datagram = self.connection.read_datagram() => datagram.map(Next::Datagram).map_err(|_| End::Gone),
        }
    }

    async fn read(&mut self) -> Result<Option<Bytes>, End> {
        let chunk = self.recv.read_chunk(CHUNK_LEN_MAX, true).await.map_err(|_| End::Gone)?;
        Ok(chunk.map(|chunk| chunk.bytes))
    }

    async fn take_chunk(&mut self, intake: &mut Intake, reader: &mut FrameReader, chunk: &[u8]) -> Result<(), End> {
        let frames_before = intake.frames();
        let taken = intake.take_chunk(&self.worker.shared, reader, chunk);
        // The clock runs on while no other frame has come whole.
        self.torn_until = reader.finish().is_err().then(|| match self.torn_until {
            Some(until) if intake.frames() == frames_before => until,
            _ => Instant::now() + FRAME_WAIT,
        });
        // What was taken is acknowledged, also when the chunk ends badly: the hub need not send it again.
        if let Some(next_sequence) = intake.acknowledgement() {
            self.say(gateway_to_hub::Body::Ack(v1::BatchAck { next_sequence }))
                .await?;
        }
        match taken? {
            super::intake::Taken::All => Ok(()),
            super::intake::Taken::Goodbye => Err(End::Gone),
        }
    }

    async fn welcome(&mut self, intake: &Intake) -> Result<(), End> {
        let heartbeat_ms = self.worker.shared.engine.generation().settings().hub_heartbeat_ms;
        self.say(gateway_to_hub::Body::Welcome(v1::HubWelcome {
            next_sequence: intake.next_sequence(),
            heartbeat_ms,
            sightings_per_batch_max: SIGHTINGS_PER_BATCH_MAX as u32,
        }))
        .await
    }

    async fn say(&mut self, body: gateway_to_hub::Body) -> Result<(), End> {
        self.out.clear();
        encode_frame(&GatewayToHub { body: Some(body) }, &mut self.out);
        match timeout(WRITE_WAIT, self.send.write_all(&self.out)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => {
                Err(v1::Error::because(ErrorCode::Overloaded, "the hub did not read its acknowledgements").into())
            }
        }
    }

    async fn end(self, end: End) {
        match end {
            End::Gone => self.connection.close(0_u32.into(), b""),
            End::Refused(error) => {
                self.worker.shared.metrics.count_error(error.code());
                tracing::warn!(code = %error.name, peer = %self.connection.remote_address(), "hub refused: {}", error.sentence);
                let message = GatewayToHub {
                    body: Some(gateway_to_hub::Body::Error(error.clone())),
                };
                closing::say_and_close(&self.connection, self.send, &message, &error).await;
            }
        }
    }
}

fn refuse(worker: &HubWorker, connection: &Connection, error: &v1::Error) {
    worker.shared.metrics.count_error(error.code());
    tracing::warn!(code = %error.name, peer = %connection.remote_address(), "hub refused: {}", error.sentence);
    closing::close(connection, error);
}

/// Which hub of the venue's map the certificate names.
fn who(worker: &HubWorker, connection: &Connection) -> Result<Hub, v1::Error> {
    let subject = worker.check_certificate(connection)?;
    if subject.unit.as_deref() != Some(HUB_UNIT) {
        return Err(v1::Error::because(
            ErrorCode::NotAllowed,
            "the certificate is expected to have the unit \"hub\"",
        ));
    }
    if subject.organization.as_deref() != Some(&worker.shared.venue_id) {
        return Err(v1::Error::new(ErrorCode::WrongVenue));
    }
    let id = subject.common_name.unwrap_or_default();
    let generation = worker.shared.engine.generation();
    let venue = generation.venue();
    let ix = venue
        .hub_by_id(&id)
        .ok_or_else(|| v1::Error::new(ErrorCode::UnknownHub))?;
    let is_bound = |zone_id: &str| subject.zones.is_empty() || subject.zones.contains(&zone_uri(zone_id));
    let mut zones = venue.hubs.get(ix.index()).into_iter().flat_map(|hub| &hub.zones);
    if !zones.all(|zone| venue.zones.get(zone.index()).is_some_and(|zone| is_bound(&zone.id))) {
        let sentence = "the map gives the hub zones that its certificate does not name";
        return Err(v1::Error::because(ErrorCode::NotAllowed, sentence));
    }
    Ok(Hub { id, ix })
}

fn check_hello(hello: &v1::HubHello, hub: &Hub, venue_id: &str) -> Result<(), v1::Error> {
    if hello.protocol_version != PROTOCOL_VERSION {
        return Err(v1::Error::new(ErrorCode::UnsupportedVersion));
    }
    if hello.venue_id != venue_id {
        return Err(v1::Error::new(ErrorCode::WrongVenue));
    }
    if hello.hub_id != hub.id {
        return Err(v1::Error::because(
            ErrorCode::NotAllowed,
            "the hello names another hub than the certificate",
        ));
    }
    Ok(())
}
