//! An app that reconnects: answers within the caller's deadline, whatever happens to the connection.
//!
//! One task keeps a session open. Requests take the session that is there, wait for one when there is none, and
//! are made again when it breaks: queries because asking twice does no harm, signals because their `message_id`
//! makes the gateway apply them once. Outcomes have nothing of the kind and are not made again once they may have
//! arrived. Deliberately absent: a store that outlives the process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use nextbest_proto::v1::{self, ErrorCode, app_request};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use crate::{
    app::{
        pushes::Pushes,
        reply::Reply,
        session::{AppHelloSettings, AppSession, Mode, REQUEST_TIMEOUT_MS},
    },
    backoff::{Backoff, BackoffSettings},
    endpoint::{ClientEndpoint, Trust},
    error::{ConnectError, Lost, RequestError},
    locked::Locked,
};

/// Shortest wait before a request is made again that the gateway could not take, in milliseconds.
const RETRY_MS_MIN: u64 = 20;

/// How an [`AppClient`] waits and reconnects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppClientSettings {
    /// How long a request may take that names no deadline of its own, all attempts together, in milliseconds.
    pub request_timeout_ms: u64,
    /// When a request is open and not one packet comes for this long, the session is given up, in milliseconds. A
    /// gateway that was killed does not say goodbye, and the idle timeout is far beyond any deadline. A gateway that
    /// takes its time acknowledges the packet, and is waited for.
    pub silence_ms: u64,
    /// How long to wait between attempts to connect.
    pub backoff: BackoffSettings,
}

impl Default for AppClientSettings {
    /// Requests 2 s, silence 500 ms.
    fn default() -> Self {
        Self {
            request_timeout_ms: REQUEST_TIMEOUT_MS,
            silence_ms: 500,
            backoff: BackoffSettings::default(),
        }
    }
}

/// An app's connection to the gateway, whatever happens to it. Dropping it closes the connection.
#[derive(Debug)]
pub struct AppClient {
    settings: AppClientSettings,
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: watch::Sender<State>,
    hello: watch::Sender<AppHelloSettings>,
    pushes: Arc<Pushes>,
    random: Locked<Backoff>,
    /// Requests that wait for a session.
    waiting: watch::Sender<usize>,
}

#[derive(Debug, Clone)]
enum State {
    Connecting,
    /// A request found the session broken before its own connection did: another one is to be opened, after a wait
    /// that the gateway has asked for, if it has.
    Doubted(Option<Duration>),
    Open(Arc<AppSession>),
    /// The gateway does not let us in, and trying again does not help by itself.
    Refused(ConnectError),
    Closed,
}

impl Shared {
    /// The client may be closed while the keeper still runs on another thread.
    fn become_unless_closed(&self, next: State) {
        self.state.send_if_modified(|state| {
            let is_closed = matches!(state, State::Closed);
            if !is_closed {
                *state = next;
            }
            !is_closed
        });
    }

    /// Waits until a request waits for a session.
    async fn wanted(&self) {
        // The sender is ours: there is always an answer.
        let mut waiting = self.waiting.subscribe();
        let _waiting = waiting.wait_for(|&waiting| waiting > 0).await;
    }

    /// Waits until a request finds the session broken, and how long the gateway asks to wait.
    async fn doubted(&self) -> Option<Duration> {
        let mut state = self.state.subscribe();
        let doubted = state.wait_for(|state| matches!(state, State::Doubted(_))).await;
        match doubted.as_deref() {
            Ok(State::Doubted(wait)) => *wait,
            Ok(State::Connecting | State::Open(_) | State::Refused(_) | State::Closed) | Err(_) => None,
        }
    }
}

impl AppClient {
    /// Starts to connect, in a task of the current runtime. Requests may be made at once; they wait.
    pub fn start(
        endpoint: ClientEndpoint,
        to: SocketAddr,
        server_name: &str,
        trust: Trust,
        hello: AppHelloSettings,
        settings: AppClientSettings,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: watch::Sender::new(State::Connecting),
            hello: watch::Sender::new(hello),
            pushes: Arc::new(Pushes::default()),
            random: Locked::new(Backoff::new(settings.backoff)),
            waiting: watch::Sender::new(0),
        });
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            endpoint,
            to,
            server_name: server_name.to_owned(),
            trust,
            backoff: Backoff::new(settings.backoff),
        };
        Self {
            settings,
            shared,
            keeper: tokio::spawn(keeper.keep()),
        }
    }

    /// Asks what is best for the person. It is asked again after a break, within the query's `deadline_ms` (or the
    /// settings' timeout when that is 0).
    ///
    /// # Errors
    /// [`RequestError`], of the last attempt.
    pub async fn query(&self, query: v1::Query) -> Result<v1::Decision, RequestError> {
        self.query_by(Mode::Stream, query).await
    }

    /// Asks what is best for the person, in a mode. A datagram that is lost is a timeout: it is not sent again.
    ///
    /// # Errors
    /// As for [`AppClient::query`].
    pub async fn query_by(&self, mode: Mode, query: v1::Query) -> Result<v1::Decision, RequestError> {
        let deadline_ms = match query.deadline_ms {
            0 => self.settings.request_timeout_ms,
            deadline_ms => u64::from(deadline_ms),
        };
        let request = |left_ms: u64| {
            let deadline_ms = u32::try_from(left_ms).unwrap_or(u32::MAX);
            app_request::Body::Query(v1::Query {
                deadline_ms,
                ..query.clone()
            })
        };
        self.request(mode, request, deadline_ms, Again::Yes).await
    }

    /// Reports something that the person did. It gets a `message_id` when it has none, and is sent again after a
    /// break, so that the gateway applies it once.
    ///
    /// # Errors
    /// [`RequestError`], of the last attempt. The signal may have been applied; send it again with the same id.
    pub async fn signal(&self, mut signal: v1::Signal) -> Result<v1::SignalAck, RequestError> {
        if signal.message_id.is_empty() {
            signal.message_id = self
                .shared
                .random
                .with(|random| format!("{:016x}{:016x}", random.random(), random.random()));
        }
        let request = |_left_ms| app_request::Body::Signal(signal.clone());
        self.request(Mode::Stream, request, self.settings.request_timeout_ms, Again::Yes)
            .await
    }

    /// Reports what became of a decision. It is sent again only while it can't have arrived.
    ///
    /// # Errors
    /// [`RequestError`]. After [`RequestError::Lost`] or a timeout the outcome may have been counted.
    pub async fn outcome(&self, outcome: v1::Outcome) -> Result<v1::OutcomeAck, RequestError> {
        let request = |_left_ms| app_request::Body::Outcome(outcome.clone());
        self.request(
            Mode::Stream,
            request,
            self.settings.request_timeout_ms,
            Again::IfRefused,
        )
        .await
    }

    /// Asks what the hubs heard of a tag since the last reply; only for a service principal. It is asked again after a
    /// break, which loses nothing: `after` says from where.
    ///
    /// # Errors
    /// [`RequestError`], of the last attempt.
    pub async fn readings(&self, request: v1::ReadingsRequest) -> Result<v1::ReadingsReply, RequestError> {
        let body = |_left_ms| app_request::Body::Readings(request.clone());
        self.request(Mode::Stream, body, self.settings.request_timeout_ms, Again::Yes)
            .await
    }

    /// The next push of any session; see [`AppSession::next_push`]. `None` after [`AppClient::close`].
    pub async fn next_push(&self) -> Option<v1::AppPush> {
        self.shared.pushes.next().await
    }

    /// The session that is open, if there is one.
    pub fn session(&self) -> Option<Arc<AppSession>> {
        match &*self.shared.state.borrow() {
            State::Open(session) => Some(Arc::clone(session)),
            State::Connecting | State::Doubted(_) | State::Refused(_) | State::Closed => None,
        }
    }

    /// Uses another token from the next session on. When the gateway has refused the last one it connects at once.
    pub fn renew_token(&self, token: String) {
        self.shared.hello.send_modify(|hello| hello.token = token);
    }

    /// Closes the session; requests that are open, and new ones, end with an error.
    pub fn close(&self) {
        self.keeper.abort();
        let last = self.shared.state.send_replace(State::Closed);
        if let State::Open(session) = last {
            session.close();
        }
        self.shared.pushes.end();
    }

    /// Makes a request until it is answered, refused for good, or `timeout_ms` have passed.
    async fn request<R: Reply>(
        &self,
        mode: Mode,
        body: impl Fn(u64) -> app_request::Body,
        timeout_ms: u64,
        again: Again,
    ) -> Result<R, RequestError> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        let mut last_error = RequestError::Timeout { after_ms: timeout_ms };
        loop {
            let Ok(session) = timeout_at(deadline, self.open_session()).await else {
                return Err(last_error);
            };
            let session = session?;
            let left = deadline.saturating_duration_since(Instant::now());
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
            last_error = match self.attempt(&session, mode, body(left_ms), left_ms).await {
                Ok(reply) => return Ok(reply),
                Err(RequestError::Timeout { .. }) => {
                    return Err(RequestError::Timeout { after_ms: timeout_ms });
                }
                Err(error) => error,
            };
            let Some(wait) = self.wait_after(&session, &last_error, again) else {
                return Err(last_error);
            };
            if timeout_at(deadline, sleep(wait)).await.is_err() {
                return Err(last_error);
            }
        }
    }

    /// How long to wait before the request is made again; `None` when it must not be.
    fn wait_after(&self, session: &Arc<AppSession>, error: &RequestError, again: Again) -> Option<Duration> {
        match error {
            RequestError::Refused(refusal) if refusal.retry => {
                let wait = Duration::from_millis(u64::from(refusal.retry_after_ms).max(RETRY_MS_MIN));
                if refusal.code() == ErrorCode::Draining {
                    self.replace(session, Some(wait));
                }
                Some(wait)
            }
            RequestError::Lost(_) => {
                self.replace(session, None);
                matches!(again, Again::Yes).then_some(Duration::ZERO)
            }
            RequestError::Refused(_)
            | RequestError::Timeout { .. }
            | RequestError::Connect(_)
            | RequestError::TooLarge { .. }
            | RequestError::DatagramUnsent(_)
            | RequestError::Protocol(_) => None,
        }
    }

    async fn open_session(&self) -> Result<Arc<AppSession>, RequestError> {
        if let Some(session) = self.session() {
            return Ok(session);
        }
        let _waiting = Waiting::new(&self.shared);
        let mut state = self.shared.state.subscribe();
        let settled = state
            .wait_for(|state| !matches!(state, State::Connecting | State::Doubted(_)))
            .await;
        match settled.as_deref() {
            Ok(State::Open(session)) => Ok(Arc::clone(session)),
            Ok(State::Refused(error)) => Err(error.clone().into()),
            Ok(State::Connecting | State::Doubted(_) | State::Closed) | Err(_) => Err(Lost::Local.into()),
        }
    }

    /// One attempt; gives up when the gateway does not even acknowledge the packet that carries it.
    async fn attempt<R: Reply>(
        &self,
        session: &AppSession,
        mode: Mode,
        body: app_request::Body,
        left_ms: u64,
    ) -> Result<R, RequestError> {
        let packets_heard = || session.connection().stats().udp_rx.datagrams;
        let before = packets_heard();
        let silence = async {
            sleep(Duration::from_millis(self.settings.silence_ms)).await;
            if packets_heard() > before {
                // It is there and takes its time.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            replied = session.request(mode, body, left_ms) => replied,
            () = silence => Err(Lost::Silent.into()),
        }
    }

    /// Takes the session out of use, and has the keeper open another one, after this wait or one of its own.
    fn replace(&self, session: &Arc<AppSession>, wait: Option<Duration>) {
        self.shared.state.send_if_modified(|state| {
            let is_open = matches!(state, State::Open(open) if Arc::ptr_eq(open, session));
            if is_open {
                *state = State::Doubted(wait);
            }
            is_open
        });
    }
}

impl Drop for AppClient {
    fn drop(&mut self) {
        self.close();
    }
}

/// A request that waits for a session, counted as long as it does.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.waiting.send_modify(|waiting| *waiting += 1);
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// Whether a request may be made again when it may have arrived.
#[derive(Debug, Clone, Copy)]
enum Again {
    Yes,
    IfRefused,
}

/// The task that keeps a session open.
struct Keeper {
    shared: Arc<Shared>,
    endpoint: ClientEndpoint,
    to: SocketAddr,
    server_name: String,
    trust: Trust,
    backoff: Backoff,
}

impl Keeper {
    async fn keep(mut self) {
        let mut hello = self.shared.hello.subscribe();
        loop {
            let settings = hello.borrow_and_update().clone();
            match self.connect(settings).await {
                Ok(session) => self.hold(Arc::new(session)).await,
                Err(error) if error.is_passing() => sleep(self.backoff.failed()).await,
                Err(error) => {
                    self.shared.become_unless_closed(State::Refused(error));
                    tokio::select! {
                        biased;
                        _renewed = hello.changed() => {}
                        () = sleep(self.backoff.refused()) => {}
                    }
                    self.shared.become_unless_closed(State::Connecting);
                }
            }
        }
    }

    async fn connect(&self, hello: AppHelloSettings) -> Result<AppSession, ConnectError> {
        let pushes = Arc::clone(&self.shared.pushes);
        let within = self.backoff.attempt();
        AppSession::connect_within(
            within,
            &self.endpoint,
            self.to,
            &self.server_name,
            &self.trust,
            hello,
            pushes,
        )
        .await
    }

    /// Lets requests use the session until it ends, and waits as long as is due before the next.
    ///
    /// Those who have requests in flight hold it themselves, so that they finish.
    async fn hold(&mut self, session: Arc<AppSession>) {
        let opened_at = Instant::now();
        self.shared.become_unless_closed(State::Open(Arc::clone(&session)));
        // In a fixed order, here and wherever else somebody waits for several things: a run on virtual time and a seed is
        // then the same each time.
        let asked = tokio::select! {
            biased;
            _lost = session.closed() => None,
            drain = session.drained() => Some(self.backoff.drained(&drain)),
            wait = self.shared.doubted() => wait.map(|wait| (wait, wait)),
        };
        let ended_at = Instant::now();
        self.backoff.lasted(opened_at.elapsed());
        // Also when the gateway asks for less: sessions that end at once must not make a storm.
        let least = self.backoff.failed();
        let (least, wait) = asked.map_or((least, least), |(asked, wait)| (asked.max(least), wait.max(least)));
        // A gateway that drains still answers, until it says otherwise.
        tokio::select! {
            biased;
            _lost = session.closed() => {}
            _wait = self.shared.doubted() => {}
            () = sleep_until(ended_at + wait) => {}
        }
        self.shared.become_unless_closed(State::Connecting);
        drop(session);
        sleep_until(ended_at + least).await;
        // The jitter spreads those who have nothing to ask; those who have are spread by their questions.
        tokio::select! {
            biased;
            () = self.shared.wanted() => {}
            () = sleep_until(ended_at + wait) => {}
        }
    }
}
