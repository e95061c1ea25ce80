//! The sightings of a load: hubs that hear a crowd of registered tags, each tag by three hubs in turn.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use nextbest_client::{ClientEndpoint, Credentials, HubEvent, HubHelloSettings, HubReceiver, HubSender, HubSession};
use nextbest_proto::v1;
use tokio::task::JoinHandle;

use super::super::Failure;
use super::report::Sightings;
use super::{Arguments, Target, pace, people};
use crate::serve::keys::KeyFolder;

/// Batches of a hub each second.
const BATCHES_PER_S: u32 = 10;
/// Hubs that hear one tag.
const HUBS_PER_TAG: u32 = 3;
/// Sightings of one frame; the contract allows 256.
const BATCH_LEN_MAX: usize = 256;
/// How long acknowledgements are waited for at the end.
const GRACE: Duration = Duration::from_secs(5);

/// All hubs of a load, at work.
pub(super) struct Hubs {
    senders: Vec<JoinHandle<Option<HubSender>>>,
    receivers: Vec<JoinHandle<()>>,
    sent: Rc<Cell<u64>>,
    taken: Rc<Cell<u64>>,
    lasts: Duration,
}

/// Connects the first hubs of the key folder and lets them hear their share of the tags.
pub(super) async fn start(
    arguments: &Arguments,
    keys: &KeyFolder,
    target: &Target,
    to: SocketAddr,
) -> Result<Hubs, Failure> {
    let hub_ids = keys.hub_ids().map_err(Failure::wrong)?;
    if hub_ids.len() < arguments.hubs as usize {
        return Err(Failure::wrong(format!(
            "--hubs {} needs as many hub certificates; {} holds {}",
            arguments.hubs,
            arguments.keys.display(),
            hub_ids.len()
        )));
    }
    let endpoint = super::endpoint(to)?;
    let mut hubs = Hubs {
        senders: Vec::new(),
        receivers: Vec::new(),
        sent: Rc::default(),
        taken: Rc::default(),
        lasts: arguments.lasts,
    };
    for (number, hub_id) in (0..arguments.hubs).zip(hub_ids) {
        let session = connect(arguments, keys, target, &endpoint, to, &hub_id).await?;
        let first_sequence = session.welcome().next_sequence;
        let (sender, receiver) = session.split();
        let ear = Ear::new(arguments, number, first_sequence);
        hubs.receivers.push(tokio::task::spawn_local(count_acks(
            receiver,
            first_sequence,
            hubs.taken.clone(),
        )));
        hubs.senders.push(tokio::task::spawn_local(hear(
            ear,
            sender,
            arguments.lasts,
            hubs.sent.clone(),
        )));
    }
    Ok(hubs)
}

impl Hubs {
    /// Waits until all is sent and acknowledged, and says how much it was.
    pub(super) async fn finish(self) -> Sightings {
        // A stream ends with its sender, so they are kept until the acknowledgements are in.
        let mut senders = Vec::new();
        for sender in self.senders {
            senders.push(sender.await);
        }
        let all_taken = async {
            while self.taken.get() < self.sent.get() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(GRACE, all_taken).await;
        for receiver in self.receivers {
            receiver.abort();
        }
        Sightings {
            sent: self.sent.get(),
            taken: self.taken.get(),
            lasted: self.lasts,
        }
    }
}

async fn connect(
    arguments: &Arguments,
    keys: &KeyFolder,
    target: &Target,
    endpoint: &ClientEndpoint,
    to: SocketAddr,
    hub_id: &str,
) -> Result<HubSession, Failure> {
    let (chain, key) = keys.hub_pem(hub_id).map_err(Failure::wrong)?;
    let credentials = Credentials::from_pem(&chain, &key).map_err(Failure::wrong)?;
    let hello = HubHelloSettings {
        hub_id: hub_id.to_owned(),
        venue_id: keys.venue_id().to_owned(),
        boot_epoch: crate::serve::clock::unix_s(),
        oldest_sequence: 0,
        firmware: concat!("nextbest load ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    HubSession::connect(endpoint, to, &arguments.server_name, &target.trust, &credentials, hello)
        .await
        .map_err(|error| Failure::no_answer(format!("{to} did not let hub {hub_id} in: {error}")))
}

/// What one hub hears: the tags around it, each once a second, louder when they are its own.
struct Ear {
    /// Tags in the order in which they are heard, with their RSSI.
    heard: Vec<(u32, i32)>,
    next: usize,
    next_sequence: u64,
    /// Sightings of one batch, with the fraction that is carried over.
    per_batch: f64,
    owed: f64,
}

impl Ear {
    fn new(arguments: &Arguments, hub: u32, next_sequence: u64) -> Self {
        let hubs = arguments.hubs;
        let home = |tag: u32| (u64::from(tag) * u64::from(hubs) / u64::from(arguments.tags.max(1))) as u32;
        let heard = (0..arguments.tags)
            .filter_map(|tag| {
                let away = (hub + hubs - home(tag)) % hubs;
                (away < HUBS_PER_TAG).then(|| (tag, -62 - 7 * away as i32 - (tag % 5) as i32))
            })
            .collect();
        let per_batch = f64::from(arguments.sightings_rate) / f64::from(hubs) / f64::from(BATCHES_PER_S);
        Self {
            heard,
            next: 0,
            next_sequence,
            per_batch,
            owed: 0.0,
        }
    }

    /// The sightings that are due.
    fn listen(&mut self) -> Vec<v1::Sighting> {
        self.owed += self.per_batch;
        let due = self.owed as usize;
        self.owed -= due as f64;
        (0..due).filter_map(|_| self.sighting()).collect()
    }

    fn sighting(&mut self) -> Option<v1::Sighting> {
        let (tag, rssi_dbm) = *self.heard.get(self.next)?;
        self.next = (self.next + 1) % self.heard.len();
        Some(v1::Sighting {
            identity_kind: v1::IdentityKind::Address.into(),
            identity: Bytes::copy_from_slice(&people::tag(tag)),
            rssi_dbm,
            age_ms: 0,
        })
    }
}

/// Sends what a hub hears for as long as asked, and gives the sender back; `None` when the gateway has gone.
async fn hear(mut ear: Ear, mut sender: HubSender, lasts: Duration, sent: Rc<Cell<u64>>) -> Option<HubSender> {
    let began = pace::now();
    let mut beats = tokio::time::interval(Duration::from_millis(u64::from(1_000 / BATCHES_PER_S)));
    while began.elapsed() < lasts {
        beats.tick().await;
        let due = ear.listen();
        let mut heard = due.as_slice();
        while !heard.is_empty() {
            let (batch, rest) = heard.split_at(heard.len().min(BATCH_LEN_MAX));
            let batch_len = batch.len() as u64;
            let sent_at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            if sender.send_batch(ear.next_sequence, sent_at_ms, batch).await.is_err() {
                return None;
            }
            ear.next_sequence += batch_len;
            sent.set(sent.get() + batch_len);
            heard = rest;
        }
    }
    Some(sender)
}

async fn count_acks(mut receiver: HubReceiver, first_sequence: u64, taken: Rc<Cell<u64>>) {
    let mut before = first_sequence;
    while let Ok(event) = receiver.next().await {
        if let HubEvent::Ack { next_sequence } = event {
            taken.set(taken.get() + next_sequence.saturating_sub(before));
            before = before.max(next_sequence);
        }
    }
}
