//! A gateway that takes everything, writes it down, and answers with the next place of the kind that is wanted.
//!
//! It is for the driver what a mirror is for a dancer: it holds no opinion. It can lose all its connections once.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, UdpSocket},
    sync::{Arc, LazyLock},
};

use bytes::BytesMut;
use firmware_sim::drive::{Credentials, Gateway};
use nextbest_client::Trust;
use nextbest_proto::{
    ALPN,
    frame::{FrameReader, encode_frame},
    limits::{APP_REQUEST_LEN_MAX, HUB_TO_GATEWAY_LEN_MAX},
    v1::{self, ErrorCode, app_reply, app_request, gateway_to_hub, hub_to_gateway},
};
use nextbest_venue::Venue;
use prost::Message;
use quinn::{
    Connection, Endpoint, EndpointConfig, RecvStream, SendStream, ServerConfig, crypto::rustls::QuicServerConfig,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
};

/// Everything that was said to it.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Per hub and boot epoch, what is taken next.
    pub(crate) next: HashMap<(String, u64), u64>,
    /// Sightings by identity.
    pub(crate) sightings: HashMap<Vec<u8>, u32>,
    /// Sequence numbers that a hub skipped.
    pub(crate) skipped: u64,
    pub(crate) hellos: usize,
    pub(crate) goodbyes: usize,
    pub(crate) healths: usize,
    /// Who carries which tag.
    pub(crate) registered: HashMap<String, Vec<u8>>,
    pub(crate) orders: Vec<(String, String)>,
    /// Who asked, and with whose token.
    pub(crate) queries: Vec<(String, String)>,
    pub(crate) outcomes: Vec<(String, v1::OutcomeKind)>,
}

pub(crate) struct TestGateway {
    pub(crate) book: watch::Receiver<Book>,
    pub(crate) addresses: Gateway,
    losing: broadcast::Sender<()>,
    _tasks: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    venue: Arc<Venue>,
    book: Arc<watch::Sender<Book>>,
    losing: broadcast::Sender<()>,
}

impl TestGateway {
    pub(crate) fn start(venue: &Arc<Venue>) -> Self {
        let (losing, _) = broadcast::channel(1);
        let (book, reader) = watch::channel(Book::default());
        let shared = Shared {
            venue: Arc::clone(venue),
            book: Arc::new(book),
            losing: losing.clone(),
        };
        let (apps, hubs) = (listen(KEYS.app_listener()), listen(KEYS.hub_listener()));
        let addresses = Gateway {
            apps: apps.local_addr().unwrap(),
            hubs: hubs.local_addr().unwrap(),
            server_name: "localhost".into(),
            trust: Trust::from_pem(&KEYS.ca_pem).unwrap(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(apps, shared.clone(), |shared, connection| {
            drop(tokio::spawn(app(shared, connection)));
        }));
        tasks.spawn(accept(hubs, shared, |shared, connection| {
            drop(tokio::spawn(hub(shared, connection)));
        }));
        Self {
            book: reader,
            addresses,
            losing,
            _tasks: tasks,
        }
    }

    /// Closes every connection that is open.
    pub(crate) fn lose_connections(&self) {
        self.losing.send(()).unwrap();
    }
}

/// With room for what hundreds of hubs say while this thread is at something else.
fn listen(config: ServerConfig) -> Endpoint {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let state = quinn::udp::UdpSocketState::new((&socket).into()).unwrap();
    state.set_recv_buffer_size((&socket).into(), 4 << 20).unwrap();
    let runtime = quinn::default_runtime().unwrap();
    Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime).unwrap()
}

async fn accept(endpoint: Endpoint, shared: Shared, serve: fn(Shared, Connection)) {
    while let Some(incoming) = endpoint.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            let (mut losing, lost) = (shared.losing.subscribe(), connection.clone());
            tokio::spawn(async move {
                if losing.recv().await.is_ok() {
                    lost.close((ErrorCode::Draining as u32).into(), b"");
                }
            });
            serve(shared, connection);
        });
    }
}

async fn hub(shared: Shared, connection: Connection) {
    let Ok((mut send, mut receive)) = connection.accept_bi().await else {
        return;
    };
    let mut frames = FrameReader::new(HUB_TO_GATEWAY_LEN_MAX);
    let mut hub_id = String::new();
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        let mut bytes = &chunk.bytes[..];
        while let Some(frame) = frames.next(&mut bytes).unwrap() {
            let body = v1::HubToGateway::decode(frame).unwrap().body.unwrap();
            if let Some(reply) = shared.hear(&mut hub_id, body) {
                say(&mut send, &v1::GatewayToHub { body: Some(reply) }).await;
            }
        }
    }
}

async fn app(shared: Shared, connection: Connection) {
    let token = Arc::new(watch::Sender::new(String::new()));
    while let Ok((send, receive)) = connection.accept_bi().await {
        tokio::spawn(app_stream(shared.clone(), Arc::clone(&token), send, receive));
    }
}

async fn app_stream(shared: Shared, token: Arc<watch::Sender<String>>, mut send: SendStream, mut receive: RecvStream) {
    let mut frames = FrameReader::new(APP_REQUEST_LEN_MAX);
    while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
        let mut bytes = &chunk.bytes[..];
        while let Some(frame) = frames.next(&mut bytes).unwrap() {
            let request = v1::AppRequest::decode(frame).unwrap();
            let body = Some(shared.answer(&token, request.body.unwrap()));
            say(
                &mut send,
                &v1::AppReply {
                    request_id: request.request_id,
                    body,
                },
            )
            .await;
        }
    }
}

async fn say(send: &mut SendStream, message: &impl Message) {
    let mut bytes = BytesMut::new();
    encode_frame(message, &mut bytes);
    // The peer may be gone.
    let _gone = send.write_all(&bytes).await;
}

impl Shared {
    fn hear(&self, hub_id: &mut String, body: hub_to_gateway::Body) -> Option<gateway_to_hub::Body> {
        let mut reply = None;
        self.book.send_modify(|book| match body {
            hub_to_gateway::Body::Hello(hello) => {
                book.hellos += 1;
                hub_id.clone_from(&hello.hub_id);
                let next = book.next.entry((hello.hub_id, hello.boot_epoch)).or_default();
                let next_sequence = (*next).max(hello.oldest_sequence);
                let welcome = v1::HubWelcome {
                    next_sequence,
                    heartbeat_ms: 2_000,
                    sightings_per_batch_max: 256,
                };
                reply = Some(gateway_to_hub::Body::Welcome(welcome));
            }
            hub_to_gateway::Body::Batch(batch) => {
                let next_sequence = book.take(hub_id, batch);
                reply = Some(gateway_to_hub::Body::Ack(v1::BatchAck { next_sequence }));
            }
            hub_to_gateway::Body::Health(_) => book.healths += 1,
            hub_to_gateway::Body::Goodbye(_) => book.goodbyes += 1,
        });
        reply
    }

    fn answer(&self, token: &watch::Sender<String>, body: app_request::Body) -> app_reply::Body {
        match body {
            app_request::Body::Hello(hello) => {
                token.send_replace(hello.token);
                let welcome = v1::AppWelcome {
                    token_expires_in_s: 600,
                    requests_open_max: 64,
                    ..Default::default()
                };
                app_reply::Body::Welcome(welcome)
            }
            app_request::Body::Query(query) => app_reply::Body::Decision(self.decide(query, &token.borrow())),
            app_request::Body::Signal(signal) => {
                let message_id = signal.message_id.clone();
                self.book.send_modify(|book| book.signal(signal));
                app_reply::Body::SignalAck(v1::SignalAck {
                    message_id,
                    duplicate: false,
                    ..v1::SignalAck::default()
                })
            }
            app_request::Body::Hubs(_) | app_request::Body::WatchPresence(_) => panic!("a crowd asks for neither"),
            app_request::Body::Outcome(outcome) => {
                let (kind, decision_id) = (outcome.kind(), outcome.decision_id);
                let who = if outcome.subject.is_empty() {
                    token.borrow().clone()
                } else {
                    outcome.subject
                };
                self.book.send_modify(|book| book.outcomes.push((who, kind)));
                app_reply::Body::OutcomeAck(v1::OutcomeAck { decision_id })
            }
            app_request::Body::Readings(_) => app_reply::Body::Error(v1::Error::new(v1::ErrorCode::UnexpectedMessage)),
        }
    }

    fn decide(&self, query: v1::Query, token: &str) -> v1::Decision {
        let who = if query.subject.is_empty() {
            token.to_owned()
        } else {
            query.subject
        };
        let places: Vec<_> = self
            .venue
            .places
            .iter()
            .filter(|place| place.category == query.want)
            .collect();
        let number = self.book.borrow().queries.len();
        self.book.send_modify(|book| book.queries.push((who, token.to_owned())));
        let place = places[number % places.len()];
        let place = v1::Place {
            id: place.id.clone(),
            name: place.names[0].1.clone(),
            ..v1::Place::default()
        };
        let answer = v1::Answer {
            action: "go".into(),
            message: "Go".into(),
            place: Some(place),
            ..v1::Answer::default()
        };
        v1::Decision {
            decision_id: number as u64 + 1,
            answers: vec![answer],
            ..v1::Decision::default()
        }
    }
}

impl Book {
    fn take(&mut self, hub_id: &str, batch: v1::SightingBatch) -> u64 {
        let next = self.next.entry((hub_id.to_owned(), batch.boot_epoch)).or_default();
        for (sequence, sighting) in (batch.first_sequence..).zip(batch.sightings) {
            if sequence >= *next {
                self.skipped += sequence - *next;
                *next = sequence + 1;
                *self.sightings.entry(sighting.identity.to_vec()).or_default() += 1;
            }
        }
        *next
    }

    fn signal(&mut self, signal: v1::Signal) {
        match signal.kind() {
            v1::SignalKind::Identify => {
                let allowed = |purpose| {
                    signal
                        .consents
                        .iter()
                        .any(|consent| consent.purpose() == purpose && consent.allowed)
                };
                assert!(allowed(v1::Purpose::Location) && allowed(v1::Purpose::Service));
                self.registered.insert(signal.subject, signal.tags[0].identity.to_vec());
            }
            v1::SignalKind::Track => {
                assert_eq!(
                    (signal.name.as_str(), signal.properties[0].name.as_str()),
                    ("Order Completed", "place")
                );
                let Some(v1::property::Value::Text(place)) = &signal.properties[0].value else {
                    panic!("a place's id")
                };
                self.orders.push((signal.subject, place.clone()));
            }
            other => panic!("nobody sends {other:?}"),
        }
    }
}

/// One authority and one certificate, which every hub shows: nobody checks names here.
pub(crate) struct Keys {
    ca_pem: String,
    ca: CertificateDer<'static>,
    leaf: (CertificateDer<'static>, Vec<u8>),
    leaf_pem: (String, String),
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&leaf_key, &issuer)
        .unwrap();
    Keys {
        ca_pem: ca.pem(),
        ca: ca.der().clone(),
        leaf: (leaf.der().clone(), leaf_key.serialize_der()),
        leaf_pem: (leaf.pem(), leaf_key.serialize_pem()),
    }
});

impl Keys {
    fn app_listener(&self) -> ServerConfig {
        self.listener(builder().with_no_client_auth())
    }

    fn hub_listener(&self) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        self.listener(builder().with_client_cert_verifier(verifier))
    }

    fn listener(
        &self,
        builder: rustls::ConfigBuilder<rustls::ServerConfig, rustls::server::WantsServerCert>,
    ) -> ServerConfig {
        let key = PrivateKeyDer::try_from(self.leaf.1.clone()).unwrap();
        let mut tls = builder.with_single_cert(vec![self.leaf.0.clone()], key).unwrap();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()))
    }
}

fn builder() -> rustls::ConfigBuilder<rustls::ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
}

/// Every hub has the same certificate; a customer's token is their name, and one in three has none.
pub(crate) struct Everybody;

impl Credentials for Everybody {
    fn hub(&self, _hub_id: &str) -> Option<nextbest_client::Credentials> {
        nextbest_client::Credentials::from_pem(&KEYS.leaf_pem.0, &KEYS.leaf_pem.1).ok()
    }

    fn app_token(&self, customer: &str) -> Option<String> {
        let number: u32 = customer.strip_prefix("fan-")?.parse().ok()?;
        (!number.is_multiple_of(3)).then(|| customer.to_owned())
    }

    fn service_token(&self) -> String {
        "service".to_owned()
    }
}
