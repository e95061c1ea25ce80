//! One connection of an app: hello, requests in three ways, pushes.
//!
//! Deliberately absent: reconnecting, which is [`crate::AppClient`]'s.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use nextbest_proto::{
    PROTOCOL_VERSION,
    limits::{APP_REPLY_LEN_MAX, APP_REQUEST_LEN_MAX, APP_REQUEST_NOT_SIGNAL_LEN_MAX},
    v1::{self, app_reply, app_request},
};
use prost::Message;
use quinn::{Connection, VarInt};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::{
    app::{
        datagrams::Datagrams,
        pipeline::Pipeline,
        pushes::{Pushes, read_pushes},
        reply::Reply,
        stream::{StreamReceiver, StreamSender},
    },
    endpoint::{ClientEndpoint, Trust},
    error::{ConnectError, FrameError, Lost, ProtocolError, RequestError},
    framing::{StreamReader, StreamWriter},
};

/// The hello is the first request of a connection.
const HELLO_ID: u64 = 1;
/// How long the gateway may take to welcome us, in milliseconds.
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// How long a request may take when it names no deadline of its own, in milliseconds.
pub const REQUEST_TIMEOUT_MS: u64 = 2_000;
/// Most requests that one session keeps open in one mode, whatever the gateway allows.
pub const REQUESTS_OPEN_MAX: usize = 1_024;

/// Who connects.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AppHelloSettings {
    /// A signed token that names the customer or the service.
    pub token: String,
    /// The language the person reads, as BCP 47. Empty: the venue's.
    pub locale: String,
    /// Name and version of the app, for the operator.
    pub app: String,
    /// True to get pushes.
    pub subscribe: bool,
}

impl std::fmt::Debug for AppHelloSettings {
    /// Without the token, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            token: _,
            locale,
            app,
            subscribe,
        } = self;
        f.debug_struct("AppHelloSettings")
            .field("locale", locale)
            .field("app", app)
            .field("subscribe", subscribe)
            .finish_non_exhaustive()
    }
}

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// A stream of its own: no request waits for another.
    #[default]
    Stream,
    /// A datagram: cheapest, and it may be lost.
    Datagram,
    /// The session's one long-lived stream: cheaper than a stream each, replies in the order of the requests.
    Session,
}

/// One connection of an app. Requests may be made from many tasks at once; dropping it closes the connection.
#[derive(Debug)]
pub struct AppSession {
    connection: Connection,
    welcome: v1::AppWelcome,
    request_id: AtomicU64,
    pipeline: Pipeline,
    datagrams: Arc<Datagrams>,
    pushes: Arc<Pushes>,
    drain: watch::Receiver<Option<v1::Drain>>,
    /// Readers of pushes and datagrams; they end with the session.
    readers: JoinSet<()>,
}

impl AppSession {
    /// Connects, says hello and waits for the welcome, at most [`CONNECT_TIMEOUT_MS`].
    ///
    /// # Errors
    /// [`ConnectError`], with the gateway's words when it refused.
    pub async fn connect(
        endpoint: &ClientEndpoint,
        to: SocketAddr,
        server_name: &str,
        trust: &Trust,
        hello: AppHelloSettings,
    ) -> Result<Self, ConnectError> {
        let pushes = Arc::new(Pushes::default());
        let within = Duration::from_millis(CONNECT_TIMEOUT_MS);
        let mut session =
            Self::connect_within(within, endpoint, to, server_name, trust, hello, Arc::clone(&pushes)).await?;
        let connection = session.connection.clone();
        session.readers.spawn(async move {
            connection.closed().await;
            pushes.end();
        });
        Ok(session)
    }

    /// Connects with a time limit and a queue of pushes that may outlive the session.
    pub(crate) async fn connect_within(
        within: Duration,
        endpoint: &ClientEndpoint,
        to: SocketAddr,
        server_name: &str,
        trust: &Trust,
        hello: AppHelloSettings,
        pushes: Arc<Pushes>,
    ) -> Result<Self, ConnectError> {
        let opened = async {
            let connection = endpoint.connect(trust.app_config(), to, server_name).await?;
            let welcome = say_hello(&connection, hello).await?;
            Ok(Self::new(connection, welcome, pushes))
        };
        let after_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        timeout(within, opened)
            .await
            .unwrap_or(Err(ConnectError::Timeout { after_ms }))
    }

    fn new(connection: Connection, welcome: v1::AppWelcome, pushes: Arc<Pushes>) -> Self {
        let open_max = usize::try_from(welcome.requests_open_max).unwrap_or(REQUESTS_OPEN_MAX);
        let open_max = open_max.clamp(1, REQUESTS_OPEN_MAX);
        let datagrams = Arc::new(Datagrams::new(open_max));
        let (drained, drain) = watch::channel(None);
        let mut readers = JoinSet::new();
        readers.spawn(read_pushes(connection.clone(), Arc::clone(&pushes), drained));
        readers.spawn(Arc::clone(&datagrams).read(connection.clone()));
        Self {
            pipeline: Pipeline::new(connection.clone(), open_max),
            connection,
            welcome,
            request_id: AtomicU64::new(HELLO_ID + 1),
            datagrams,
            pushes,
            drain,
            readers,
        }
    }

    /// What the gateway said to the hello.
    pub fn welcome(&self) -> &v1::AppWelcome {
        &self.welcome
    }

    /// Asks what is best for the person, on a stream of its own.
    ///
    /// # Errors
    /// [`RequestError`]; it waits for the query's `deadline_ms`, or [`REQUEST_TIMEOUT_MS`] when that is 0.
    pub async fn query(&self, query: v1::Query) -> Result<v1::Decision, RequestError> {
        self.query_by(Mode::Stream, query).await
    }

    /// Asks what is best for the person.
    ///
    /// # Errors
    /// As for [`AppSession::query`].
    pub async fn query_by(&self, mode: Mode, query: v1::Query) -> Result<v1::Decision, RequestError> {
        let deadline_ms = match query.deadline_ms {
            0 => REQUEST_TIMEOUT_MS,
            deadline_ms => u64::from(deadline_ms),
        };
        self.request(mode, app_request::Body::Query(query), deadline_ms).await
    }

    /// Reports something that the person did. When it is acknowledged, every later query sees it.
    ///
    /// # Errors
    /// [`RequestError`]; after a timeout or a loss send it again with the same `message_id`.
    pub async fn signal(&self, signal: v1::Signal) -> Result<v1::SignalAck, RequestError> {
        self.request(Mode::Stream, app_request::Body::Signal(signal), REQUEST_TIMEOUT_MS)
            .await
    }

    /// Reports what became of a decision.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn outcome(&self, outcome: v1::Outcome) -> Result<v1::OutcomeAck, RequestError> {
        self.request(Mode::Stream, app_request::Body::Outcome(outcome), REQUEST_TIMEOUT_MS)
            .await
    }

    /// Asks how every hub of the venue is. Only a service principal may.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn hubs(&self) -> Result<v1::HubsReport, RequestError> {
        let mut report = self.hubs_from(0).await?;
        while report.hubs.len() < report.hubs_known as usize {
            let first = u32::try_from(report.hubs.len()).unwrap_or(u32::MAX);
            let page = self.hubs_from(first).await?;
            if page.hubs.is_empty() {
                break;
            }
            report.hubs.extend(page.hubs);
        }
        Ok(report)
    }

    async fn hubs_from(&self, first: u32) -> Result<v1::HubsReport, RequestError> {
        let body = app_request::Body::Hubs(v1::HubsRequest { first });
        self.request(Mode::Stream, body, REQUEST_TIMEOUT_MS).await
    }

    /// Asks to be told who comes, stays and goes; the events are pushes, see [`AppSession::next_push`]. Only a service
    /// principal may; another watch on the same session replaces this one.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn watch_presence(&self, watch: v1::WatchPresence) -> Result<v1::PresenceWatched, RequestError> {
        self.request(
            Mode::Stream,
            app_request::Body::WatchPresence(watch),
            REQUEST_TIMEOUT_MS,
        )
        .await
    }

    /// Asks what the hubs heard of a tag since the last reply; only for a service principal.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn readings(&self, request: v1::ReadingsRequest) -> Result<v1::ReadingsReply, RequestError> {
        self.request(Mode::Stream, app_request::Body::Readings(request), REQUEST_TIMEOUT_MS)
            .await
    }

    /// The next push, [`v1::Drain`] included; `None` when the connection is gone and the queue empty.
    ///
    /// The queue holds [`crate::PUSHES_LEN_MAX`]; when it is full the oldest message goes, because it is about
    /// a moment that has passed. A drain never goes.
    pub async fn next_push(&self) -> Option<v1::AppPush> {
        self.pushes.next().await
    }

    /// Pushes that went because nobody took them in time.
    pub fn pushes_dropped(&self) -> u64 {
        self.pushes.dropped()
    }

    /// Opens a long-lived stream of frames of its own, in two halves: for a sender that does not wait for replies.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn open_stream(&self) -> Result<(StreamSender, StreamReceiver), RequestError> {
        let (send, receive) = self.connection.open_bi().await.map_err(Lost::from)?;
        Ok((StreamSender::new(send), StreamReceiver::new(receive)))
    }

    /// The QUIC connection: its statistics, its round trip time, its datagrams.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits until the connection is gone, and says why.
    pub async fn closed(&self) -> Lost {
        self.connection.closed().await.into()
    }

    /// Closes the connection; requests that are open end with [`Lost::Local`].
    pub fn close(&self) {
        self.connection.close(VarInt::from_u32(0), b"");
    }

    /// Waits until the gateway asks us to leave.
    pub async fn drained(&self) -> v1::Drain {
        let mut drain = self.drain.clone();
        loop {
            if let Some(drain) = *drain.borrow_and_update() {
                return drain;
            }
            if drain.changed().await.is_err() {
                // The reader has gone with the connection: no drain will come.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Sends a request in a mode and waits for its reply; an error of the gateway is an error here.
    pub(crate) async fn request<R: Reply>(
        &self,
        mode: Mode,
        body: app_request::Body,
        timeout_ms: u64,
    ) -> Result<R, RequestError> {
        let request_id = self.request_id.fetch_add(1, Relaxed);
        let request = v1::AppRequest {
            request_id,
            body: Some(body),
        };
        check_length(&request)?;
        let replied = async {
            match mode {
                Mode::Stream => Ok(ask_on_stream(&self.connection, &request).await?),
                Mode::Session => self.pipeline.ask(request).await,
                Mode::Datagram => self.datagrams.ask(&self.connection, &request).await,
            }
        };
        let in_time = timeout(Duration::from_millis(timeout_ms), replied).await;
        take(
            request_id,
            in_time.unwrap_or(Err(RequestError::Timeout { after_ms: timeout_ms }))?,
        )
    }
}

impl Drop for AppSession {
    fn drop(&mut self) {
        self.close();
    }
}

async fn say_hello(connection: &Connection, hello: AppHelloSettings) -> Result<v1::AppWelcome, ConnectError> {
    let AppHelloSettings {
        token,
        locale,
        app,
        subscribe,
    } = hello;
    let hello = v1::AppHello {
        protocol_version: PROTOCOL_VERSION,
        token,
        locale,
        app,
        subscribe,
    };
    let request = v1::AppRequest {
        request_id: HELLO_ID,
        body: Some(app_request::Body::Hello(hello)),
    };
    let reply = ask_on_stream(connection, &request).await?;
    if let Some(app_reply::Body::Error(error)) = reply.body {
        return Err(ConnectError::Refused(error));
    }
    let expected = v1::AppWelcome::EXPECTED;
    take(HELLO_ID, reply).map_err(|_other| ProtocolError::MessageUnexpected { expected }.into())
}

/// One request and its reply on a stream of their own.
async fn ask_on_stream(connection: &Connection, request: &v1::AppRequest) -> Result<v1::AppReply, FrameError> {
    let (send, receive) = connection.open_bi().await.map_err(Lost::from)?;
    let mut writer = StreamWriter::new(send);
    let written = async {
        writer.send(request, APP_REQUEST_LEN_MAX).await?;
        writer.finish();
        Ok::<_, FrameError>(())
    };
    let mut reader = StreamReader::new(receive, APP_REPLY_LEN_MAX);
    match written.await {
        // A gateway that refuses the stream may say why before it stops reading.
        Ok(()) | Err(FrameError::Lost(Lost::Closed(_) | Lost::Finished)) => reader.message("a reply").await,
        Err(error) => Err(error),
    }
}

fn check_length(request: &v1::AppRequest) -> Result<(), RequestError> {
    let len_max = match request.body {
        Some(app_request::Body::Signal(_)) => APP_REQUEST_LEN_MAX,
        _ => APP_REQUEST_NOT_SIGNAL_LEN_MAX,
    };
    match request.encoded_len() {
        len if len > len_max => Err(RequestError::TooLarge { len, len_max }),
        _ => Ok(()),
    }
}

/// The reply that was asked for, or the gateway's error.
fn take<R: Reply>(request_id: u64, reply: v1::AppReply) -> Result<R, RequestError> {
    match reply.body {
        Some(app_reply::Body::Error(error)) => return Err(RequestError::Refused(error)),
        Some(body) if reply.request_id == request_id => R::from_body(body),
        Some(_) | None => None,
    }
    .ok_or_else(|| ProtocolError::MessageUnexpected { expected: R::EXPECTED }.into())
}
