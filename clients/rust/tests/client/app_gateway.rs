//! A gateway for apps that does with each request what a test says.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use bytes::BytesMut;
use nextbest_proto::{
    ALPN,
    frame::{FrameReader, encode_frame},
    limits::{APP_REQUEST_LEN_MAX, HUBS_PER_REPORT_MAX},
    v1::{self, AppReply, AppRequest, ErrorCode, app_push, app_reply, app_request},
};
use prost::Message;
use quinn::{Connection, Endpoint, SendStream};
use tokio::{sync::watch, task::JoinSet};

use crate::world::{CERTIFICATES, Network};

/// What the gateway does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers as a gateway should.
    Answer,
    /// Answers with an error.
    Refuse(v1::Error),
    /// Says nothing.
    Silence,
    /// Answers with these bytes, whatever they are.
    Raw(Vec<u8>),
    /// Closes the connection.
    Close(ErrorCode),
}

/// Decides by the number of the connection (from 0) and the request.
pub(crate) type Script = Arc<dyn Fn(usize, &AppRequest) -> Act + Send + Sync>;

pub(crate) struct AppGateway {
    _endpoint: Endpoint,
    pub(crate) seen: Arc<Seen>,
    pushes: watch::Sender<Vec<v1::AppPush>>,
    _tasks: JoinSet<()>,
}

/// What the gateway has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) queries: AtomicUsize,
    /// Signals applied, by their id.
    pub(crate) signals: tokio::sync::Mutex<Vec<String>>,
}

impl AppGateway {
    pub(crate) fn start(network: &Arc<Network>, script: Script) -> Self {
        Self::start_with(network, ALPN, script)
    }

    pub(crate) fn start_with(network: &Arc<Network>, alpn: &[u8], script: Script) -> Self {
        Self::on(network.server(CERTIFICATES.app_listener(alpn)), script)
    }

    pub(crate) fn on(endpoint: Endpoint, script: Script) -> Self {
        let seen = Arc::new(Seen::default());
        let (pushes, pushed) = watch::channel(Vec::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(endpoint.clone(), Arc::clone(&seen), pushed, script));
        Self {
            _endpoint: endpoint,
            seen,
            pushes,
            _tasks: tasks,
        }
    }

    /// Sends these, after those that were sent before, to every connection that is open.
    pub(crate) fn push(&self, pushes: impl IntoIterator<Item = app_push::Body>) {
        let pushes = pushes.into_iter().map(|body| v1::AppPush { body: Some(body) });
        self.pushes.send_modify(|all| all.extend(pushes));
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    pub(crate) fn queries(&self) -> usize {
        self.seen.queries.load(SeqCst)
    }
}

async fn accept(endpoint: Endpoint, seen: Arc<Seen>, pushes: watch::Receiver<Vec<v1::AppPush>>, script: Script) {
    let mut tasks = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        let Ok(connection) = incoming.await else {
            continue;
        };
        let number = seen.connections.fetch_add(1, SeqCst);
        let guest = Guest {
            connection,
            number,
            seen: Arc::clone(&seen),
            script: Arc::clone(&script),
        };
        tasks.spawn(guest.clone().streams());
        tasks.spawn(guest.clone().datagrams());
        let mut pushes = pushes.clone();
        let sent_before = pushes.borrow_and_update().len();
        tasks.spawn(guest.push(pushes, sent_before));
    }
}

#[derive(Clone)]
struct Guest {
    connection: Connection,
    number: usize,
    seen: Arc<Seen>,
    script: Script,
}

impl Guest {
    async fn streams(self) {
        let mut tasks = JoinSet::new();
        while let Ok((mut send, mut receive)) = self.connection.accept_bi().await {
            let guest = self.clone();
            tasks.spawn(async move {
                let mut frames = FrameReader::new(APP_REQUEST_LEN_MAX);
                while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
                    let mut bytes = &chunk.bytes[..];
                    while let Ok(Some(frame)) = frames.next(&mut bytes) {
                        let request = AppRequest::decode(frame).unwrap();
                        if !guest.serve(&mut send, request).await {
                            return;
                        }
                    }
                }
            });
        }
    }

    async fn datagrams(self) {
        while let Ok(datagram) = self.connection.read_datagram().await {
            let request = AppRequest::decode(datagram).unwrap();
            if let Act::Answer = (self.script)(self.number, &request) {
                let reply = self.answer(&request).await;
                self.connection.send_datagram(reply.encode_to_vec().into()).unwrap();
            }
        }
    }

    async fn push(self, mut pushes: watch::Receiver<Vec<v1::AppPush>>, mut sent: usize) {
        let Ok(mut stream) = self.connection.open_uni().await else {
            return;
        };
        while pushes.changed().await.is_ok() {
            let mut bytes = BytesMut::new();
            let all = pushes.borrow_and_update().clone();
            all[sent..].iter().for_each(|push| encode_frame(push, &mut bytes));
            sent = all.len();
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }

    /// False when the stream is over.
    async fn serve(&self, send: &mut SendStream, request: AppRequest) -> bool {
        let reply = match (self.script)(self.number, &request) {
            Act::Answer => self.answer(&request).await,
            Act::Refuse(error) => reply_to(&request, app_reply::Body::Error(error)),
            Act::Silence => std::future::pending().await,
            Act::Raw(bytes) => {
                send.write_all(&bytes).await.unwrap();
                send.finish().unwrap();
                return false;
            }
            Act::Close(code) => {
                self.connection.close((code as u32).into(), b"");
                return false;
            }
        };
        let mut bytes = BytesMut::new();
        encode_frame(&reply, &mut bytes);
        send.write_all(&bytes).await.is_ok()
    }

    async fn answer(&self, request: &AppRequest) -> AppReply {
        let body = match request.body.clone().unwrap() {
            app_request::Body::Hello(_) => app_reply::Body::Welcome(v1::AppWelcome {
                venue_id: "stadium".into(),
                generation: 7,
                token_expires_in_s: 600,
                requests_open_max: 16,
            }),
            app_request::Body::Query(query) => {
                let decision_id = self.seen.queries.fetch_add(1, SeqCst) as u64 + 1;
                app_reply::Body::Decision(v1::Decision {
                    decision_id,
                    stage: query.want,
                    ..v1::Decision::default()
                })
            }
            app_request::Body::Signal(signal) => {
                let mut signals = self.seen.signals.lock().await;
                let duplicate = signals.contains(&signal.message_id);
                if !duplicate {
                    signals.push(signal.message_id.clone());
                }
                app_reply::Body::SignalAck(v1::SignalAck {
                    message_id: signal.message_id,
                    duplicate,
                    ..v1::SignalAck::default()
                })
            }
            app_request::Body::Outcome(outcome) => app_reply::Body::OutcomeAck(v1::OutcomeAck {
                decision_id: outcome.decision_id,
            }),
            app_request::Body::Hubs(v1::HubsRequest { first }) => app_reply::Body::Hubs(hubs_from(first)),
            app_request::Body::WatchPresence(_) => app_reply::Body::PresenceWatched(v1::PresenceWatched {}),
            app_request::Body::Readings(request) => app_reply::Body::Readings(v1::ReadingsReply {
                next: request.after,
                ..v1::ReadingsReply::default()
            }),
        };
        reply_to(request, body)
    }
}

/// One page of forty hubs.
fn hubs_from(first: u32) -> v1::HubsReport {
    let hub = |number| v1::HubStatus {
        hub_id: format!("hub-{number}"),
        ..v1::HubStatus::default()
    };
    v1::HubsReport {
        hubs_known: 40,
        first,
        hubs: (first..40).take(HUBS_PER_REPORT_MAX).map(hub).collect(),
        ..v1::HubsReport::default()
    }
}

fn reply_to(request: &AppRequest, body: app_reply::Body) -> AppReply {
    AppReply {
        request_id: request.request_id,
        body: Some(body),
    }
}

pub(crate) fn is_hello(request: &AppRequest) -> bool {
    matches!(request.body, Some(app_request::Body::Hello(_)))
}

/// Answers everything.
pub(crate) fn honest() -> Script {
    Arc::new(|_, _| Act::Answer)
}

/// Welcomes everybody, and does this with every other request.
pub(crate) fn always(act: Act) -> Script {
    Arc::new(
        move |_, request| {
            if is_hello(request) { Act::Answer } else { act.clone() }
        },
    )
}
