//! A gateway for hubs that breaks at chosen points, and writes down what it takes.
//!
//! Like the real one it keeps, per boot epoch, what it takes next. Unlike it, it treats a sighting that it has
//! already taken as a failure of the client: nothing must be sent again that the welcome says was taken.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::BytesMut;
use nextbest_proto::{
    frame::{FrameReader, encode_frame},
    limits::HUB_TO_GATEWAY_LEN_MAX,
    v1::{self, ErrorCode, gateway_to_hub, hub_to_gateway},
};
use prost::Message;
use quinn::{Connection, Endpoint, SendStream};
use tokio::{sync::watch, task::JoinSet};

use crate::world::{CERTIFICATES, Network};

/// What the gateway does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Takes it and says so.
    Ack,
    /// Takes it, and says so twice, the second time with an old number.
    AckTwice,
    /// Takes it and says nothing.
    TakeSilently,
    /// Closes the connection before taking it.
    CloseBefore(ErrorCode),
    /// Takes it and closes the connection before saying so.
    CloseAfter(ErrorCode),
    /// Takes it, says so, and asks the hub to leave.
    Drain(u32),
    /// Does not take it, and reports an error.
    Error,
}

/// Decides by the number of the batch, from 0, over all connections.
pub(crate) type Script = Arc<dyn Fn(usize) -> Act + Send + Sync>;

/// What the gateway has taken and seen.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) hellos: Vec<v1::HubHello>,
    /// Epoch and number of each sighting, in the order in which they were taken.
    pub(crate) taken: Vec<(u64, u64)>,
    /// The first bytes of each sighting's identity, to tell them apart.
    pub(crate) identities: Vec<u64>,
    pub(crate) healths: Vec<v1::HubHealth>,
    pub(crate) batch_lens: Vec<usize>,
    /// Sightings that had been taken before.
    pub(crate) repeated: usize,
    pub(crate) goodbyes: Vec<String>,
    /// By epoch, what is taken next.
    next: HashMap<u64, u64>,
}

pub(crate) struct HubGateway {
    pub(crate) seen: watch::Receiver<Seen>,
    memory: Arc<watch::Sender<Seen>>,
    _endpoint: Endpoint,
    _tasks: JoinSet<()>,
}

impl HubGateway {
    pub(crate) fn start(network: &Arc<Network>, script: Script) -> Self {
        Self::start_with(network, script, Seen::default())
    }

    /// A gateway that remembers what another has taken.
    pub(crate) fn start_with(network: &Arc<Network>, script: Script, memory: Seen) -> Self {
        let endpoint = network.server(CERTIFICATES.hub_listener());
        let memory = Arc::new(watch::Sender::new(memory));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(endpoint.clone(), Arc::clone(&memory), script));
        Self {
            seen: memory.subscribe(),
            memory,
            _endpoint: endpoint,
            _tasks: tasks,
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Pretends that this epoch was heard up to there.
    pub(crate) fn remember(&self, boot_epoch: u64, next: u64) {
        self.memory
            .send_modify(|seen| *seen.next.entry(boot_epoch).or_default() = next);
    }

    pub(crate) async fn until(&self, reached: impl FnMut(&Seen) -> bool) {
        self.seen.clone().wait_for(reached).await.unwrap();
    }
}

async fn accept(endpoint: Endpoint, memory: Arc<watch::Sender<Seen>>, script: Script) {
    let batches = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        let Ok(connection) = incoming.await else {
            continue;
        };
        let guest = Guest {
            connection,
            memory: Arc::clone(&memory),
            script: Arc::clone(&script),
            batches: Arc::clone(&batches),
        };
        tasks.spawn(guest.serve());
    }
}

struct Guest {
    connection: Connection,
    memory: Arc<watch::Sender<Seen>>,
    script: Script,
    batches: Arc<AtomicUsize>,
}

impl Guest {
    async fn serve(self) {
        let Ok((mut send, mut receive)) = self.connection.accept_bi().await else {
            return;
        };
        let mut frames = FrameReader::new(HUB_TO_GATEWAY_LEN_MAX);
        while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
            let mut bytes = &chunk.bytes[..];
            while let Ok(Some(frame)) = frames.next(&mut bytes) {
                let message = v1::HubToGateway::decode(frame).unwrap();
                for reply in self.hear(message.body.unwrap()) {
                    say(&mut send, reply).await;
                }
            }
        }
    }

    fn hear(&self, body: hub_to_gateway::Body) -> Vec<gateway_to_hub::Body> {
        match body {
            hub_to_gateway::Body::Hello(hello) => {
                let next = self.memory.borrow().next.get(&hello.boot_epoch).copied();
                let next_sequence = next.unwrap_or(0).max(hello.oldest_sequence);
                self.memory.send_modify(|seen| seen.hellos.push(hello));
                vec![gateway_to_hub::Body::Welcome(v1::HubWelcome {
                    next_sequence,
                    heartbeat_ms: 5_000,
                    sightings_per_batch_max: 256,
                })]
            }
            hub_to_gateway::Body::Batch(batch) => self.hear_batch(&batch),
            hub_to_gateway::Body::Health(health) => {
                self.memory.send_modify(|seen| seen.healths.push(health));
                Vec::new()
            }
            hub_to_gateway::Body::Goodbye(goodbye) => {
                self.memory.send_modify(|seen| seen.goodbyes.push(goodbye.reason));
                Vec::new()
            }
        }
    }

    fn hear_batch(&self, batch: &v1::SightingBatch) -> Vec<gateway_to_hub::Body> {
        let ack = |next_sequence| gateway_to_hub::Body::Ack(v1::BatchAck { next_sequence });
        if self.connection.close_reason().is_some() {
            return Vec::new();
        }
        match (self.script)(self.batches.fetch_add(1, SeqCst)) {
            Act::Ack => vec![ack(self.take(batch))],
            Act::AckTwice => vec![ack(self.take(batch)), ack(batch.first_sequence / 2)],
            Act::TakeSilently => {
                self.take(batch);
                Vec::new()
            }
            Act::CloseBefore(code) => {
                self.connection.close((code as u32).into(), b"");
                Vec::new()
            }
            Act::CloseAfter(code) => {
                self.take(batch);
                self.connection.close((code as u32).into(), b"");
                Vec::new()
            }
            Act::Drain(reconnect_after_ms) => {
                let drain = v1::Drain {
                    reconnect_after_ms,
                    jitter_ms: 100,
                };
                vec![ack(self.take(batch)), gateway_to_hub::Body::Drain(drain)]
            }
            Act::Error => vec![gateway_to_hub::Body::Error(v1::Error::new(ErrorCode::InvalidField))],
        }
    }

    /// Takes a batch; what is to come next.
    fn take(&self, batch: &v1::SightingBatch) -> u64 {
        let end = batch.first_sequence + batch.sightings.len() as u64;
        self.memory.send_modify(|seen| {
            seen.batch_lens.push(batch.sightings.len());
            let next = seen.next.entry(batch.boot_epoch).or_default();
            for (sequence, sighting) in (batch.first_sequence..).zip(&batch.sightings) {
                if sequence < *next {
                    seen.repeated += 1;
                    continue;
                }
                seen.taken.push((batch.boot_epoch, sequence));
                seen.identities
                    .push(u64::from_be_bytes(sighting.identity[..8].try_into().unwrap()));
            }
            *next = end.max(*next);
        });
        end
    }
}

async fn say(send: &mut SendStream, body: gateway_to_hub::Body) {
    let mut bytes = BytesMut::new();
    encode_frame(&v1::GatewayToHub { body: Some(body) }, &mut bytes);
    // The hub may be gone.
    let _gone = send.write_all(&bytes).await;
}
