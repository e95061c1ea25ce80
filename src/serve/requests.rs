//! What an app may ask, and who it may ask for.
//!
//! Identity comes from the token alone. A customer's token speaks for that customer; a service's names the
//! customer in each request. The token's end is checked at every request, because a connection may outlive it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::BytesMut;
use nextbest_proto::PROTOCOL_VERSION;
use nextbest_proto::frame::encode_frame;
use nextbest_proto::limits::APP_REQUEST_NOT_SIGNAL_LEN_MAX;
use nextbest_proto::v1::{self, ErrorCode, app_reply};
use prost::Message as _;
use quinn::{Connection, VarInt};
use tokio::sync::Notify;

use super::app_worker::AppWorker;
use super::durable::Until;
use super::held::Held;
use super::leaving::Owed;
use super::metrics::Counter;
use super::overload::{RETRY_AFTER_MS, Step};
use super::presence_watch::PresenceWatch;
use super::refusals::{journal_error, not_taken, token_error, wire_error};
use super::request_stream::error_reply;
use super::speaker::{Language, Speaker};
use super::stream_watch::StreamWatch;
use super::token::Role;
use super::transport::SERVICE_STREAMS_MAX;
use crate::engine::{CustomerSlot, Speaker as Says};
use crate::model::{Decision, Query, Timestamp};
use crate::planted::{Bug, planted};
use crate::wire::{self, Body, QueryRequest, WireError};

/// Streams that may end in bytes that are no frame before the connection does.
const BROKEN_STREAMS_MAX: u32 = 10;

/// The state of one app's connection.
pub(super) struct Session {
    pub(super) worker: Rc<AppWorker>,
    pub(super) connection: Connection,
    /// Told once, when the hello was welcomed.
    pub(super) welcomed: Notify,
    pub(super) presence_watch: PresenceWatch,
    speaker: RefCell<Option<Rc<Speaker>>>,
    broken_streams: Cell<u32>,
    pub(super) streams: StreamWatch,
    pub(super) held: Held,
    /// What a gateway that stops waits for.
    pub(super) owed: Rc<Owed>,
}

/// What to do after a request.
pub(super) enum Then {
    /// Its reply is in the buffer.
    Next,
    /// Its reply waits for the journal.
    AwaitDurable(Waiting),
    /// The connection ends; the request's id and why.
    Close(u64, v1::Error),
}

/// An acknowledgement that waits until its record is durable.
pub(super) struct Waiting {
    request_id: u64,
    until: Until,
    reply: app_reply::Body,
}

impl Session {
    pub(super) fn new(worker: Rc<AppWorker>, connection: Connection, owed: Rc<Owed>) -> Self {
        Self {
            streams: StreamWatch::new(worker.shared.clock.now()),
            held: Held::new(&worker.pool),
            worker,
            connection,
            welcomed: Notify::new(),
            presence_watch: PresenceWatch::default(),
            speaker: RefCell::default(),
            broken_streams: Cell::new(0),
            owed,
        }
    }

    /// Answers one frame of a stream that came at `came` into `out`.
    pub(super) fn answer_frame(self: &Rc<Self>, came: Timestamp, frame: &[u8], out: &mut BytesMut) -> Then {
        let request = match wire::read_app_request(frame) {
            Ok(request) => request,
            Err(refused) => {
                self.note_wait();
                return self.refuse(refused.request_id, wire_error(refused.error), out);
            }
        };
        if !matches!(request.body, Body::Query(_)) {
            self.note_wait();
        }
        let id = request.request_id;
        if frame.len() > APP_REQUEST_NOT_SIGNAL_LEN_MAX && !matches!(request.body, Body::Signal(_)) {
            return self.refuse(id, v1::Error::new(ErrorCode::FrameTooLarge), out);
        }
        let answered = match request.body {
            Body::Hello(hello) => match self.hello(hello) {
                Ok(welcome) => Ok(reply(id, app_reply::Body::Welcome(welcome), out)),
                Err(error) => return Then::Close(id, error),
            },
            Body::Query(query) => {
                self.worker.shared.metrics.count(Counter::QueryStream);
                self.query(
                    came,
                    &query,
                    |decision, out| wire::decision_reply(id, decision, out),
                    out,
                )
            }
            Body::Signal(signal) => self.signal(came, id, signal),
            Body::Outcome(outcome) => self.outcome(came, id, outcome),
            Body::Hubs(hubs) => self.hubs(came, id, hubs, out),
            Body::WatchPresence(watch) => self.watch_presence(came, id, watch, out),
            Body::Readings(readings) => self.readings(came, id, readings, out),
        };
        match answered {
            Ok(then) => then,
            // Who was revoked has nothing to ask any more.
            Err(error) if error.code() == ErrorCode::TokenRevoked => Then::Close(id, error),
            Err(error) => self.refuse(id, error, out),
        }
    }

    /// Answers a datagram into `out`; returns the request's id.
    pub(super) fn answer_datagram(&self, datagram: &[u8], out: &mut BytesMut) -> u64 {
        let shared = &self.worker.shared;
        let came = shared.clock.now();
        let (id, answered) = match wire::read_app_request(datagram) {
            Ok(wire::Request {
                request_id: id,
                body: Body::Query(query),
            }) => {
                let write =
                    |decision: &Decision<'_>, out: &mut BytesMut| wire::decision_reply_datagram(id, decision, out);
                shared.metrics.count(Counter::QueryDatagram);
                (id, self.query(came, &query, write, out))
            }
            Ok(wire::Request {
                request_id,
                body:
                    Body::Hello(_)
                    | Body::Signal(_)
                    | Body::Outcome(_)
                    | Body::Hubs(_)
                    | Body::WatchPresence(_)
                    | Body::Readings(_),
            }) => {
                let sentence = "only a query may come as a datagram, because only a query may be lost";
                (
                    request_id,
                    Err(v1::Error::because(ErrorCode::UnexpectedMessage, sentence)),
                )
            }
            Err(refused) => (refused.request_id, Err(wire_error(refused.error))),
        };
        if let Err(error) = answered {
            self.refuse_datagram(id, error, out);
        }
        id
    }

    /// Puts an error into `out`, as the whole of a datagram.
    pub(super) fn refuse_datagram(&self, request_id: u64, error: v1::Error, out: &mut BytesMut) {
        self.count_error(&error);
        out.clear();
        let encoded = error_reply(request_id, error).encode(out);
        debug_assert!(encoded.is_ok(), "a BytesMut grows");
    }

    /// Waits for the journal, then puts the acknowledgement into `out`.
    pub(super) async fn acknowledge(&self, waiting: Waiting, out: &mut BytesMut) {
        let keeper = &self.worker.shared.keeper;
        let durable = poll_fn(|context| {
            if planted(Bug::AcknowledgedBeforeDurable) {
                return Poll::Ready(Ok(()));
            }
            keeper.poll_durable(waiting.until, context)
        });
        let body = match durable.await {
            Ok(()) => waiting.reply,
            Err(error) => {
                let error = journal_error(&error);
                self.count_error(&error);
                app_reply::Body::Error(error)
            }
        };
        reply(waiting.request_id, body, out);
    }

    /// Counts what a peer was told.
    pub(super) fn count_error(&self, error: &v1::Error) {
        self.worker.shared.metrics.count_error(error.code());
    }

    /// Counts a stream that ended in bytes that are no frame; true when the connection has had its share.
    pub(super) fn is_one_too_many(&self) -> bool {
        self.broken_streams.set(self.broken_streams.get().saturating_add(1));
        self.broken_streams.get() > BROKEN_STREAMS_MAX
    }

    /// The customer whose zone changes this session wants to hear of. A service has none.
    pub(super) fn subscribed_customer(&self) -> Option<CustomerSlot> {
        let speaker = self.speaker.borrow();
        let customer = &speaker.as_ref().filter(|speaker| speaker.wants_pushes)?.customer;
        customer.get().map(|who| who.slot)
    }

    /// Decides for somebody who did not ask, in the language of the hello.
    pub(super) fn decide_unasked<R>(
        &self,
        now: Timestamp,
        customer: CustomerSlot,
        query: &Query<'_>,
        write: impl FnOnce(&Decision<'_>) -> R,
    ) -> Option<R> {
        let speaker = self.speaker.borrow().clone()?;
        Some(self.worker.decide(now, customer, &speaker.language, query, write))
    }

    /// Whether the token has ended or was revoked.
    pub(super) fn is_over(&self) -> bool {
        self.speaker(self.worker.shared.clock.now()).is_err()
    }

    /// Whether the customer of this session is still who they were when they last asked.
    pub(super) fn is_current(&self) -> bool {
        let speaker = self.speaker.borrow();
        let customer = speaker.as_ref().and_then(|speaker| speaker.customer.get());
        customer.is_some_and(|who| self.worker.shared.keeper.is_current(who))
    }

    fn refuse(&self, request_id: u64, error: v1::Error, out: &mut BytesMut) -> Then {
        self.count_error(&error);
        reply(request_id, app_reply::Body::Error(error), out)
    }

    fn hello(&self, hello: &[u8]) -> Result<v1::AppWelcome, v1::Error> {
        if self.speaker.borrow().is_some() {
            return Err(v1::Error::because(
                ErrorCode::UnexpectedMessage,
                "a connection says hello once",
            ));
        }
        let hello = wire::read_hello(hello).map_err(wire_error)?;
        if hello.protocol_version != PROTOCOL_VERSION {
            return Err(v1::Error::new(ErrorCode::UnsupportedVersion));
        }
        let shared = &self.worker.shared;
        let unix_s = shared.clock.unix_s();
        let access_number = shared.access.number();
        let principal = shared
            .access
            .current()
            .admit(&hello.token, unix_s)
            .map_err(token_error)?;
        let joined = self.worker.identities.join(shared.clock.now(), &principal)?;
        let customer = match principal.role {
            Role::Customer => {
                let who = shared.keeper.customer(shared.clock.now(), &principal.subject);
                Some(who.map_err(|error| not_taken(&error))?)
            }
            Role::Service => None,
        };
        let generation = shared.engine.generation();
        let requests_open_max = self.grant_streams(principal.role);
        let token_expires_in_s = principal.expires_unix_s.saturating_sub(unix_s);
        let speaker = Speaker {
            customer: Cell::new(customer),
            subjects: RefCell::default(),
            language: Language::new(&hello.locale),
            expires: shared.clock.moment_of(principal.expires_unix_s),
            wants_pushes: hello.subscribe,
            joined,
            principal,
            access_number: Cell::new(access_number),
        };
        match speaker.role() {
            Role::Customer => self.held.is_a_customers(),
            Role::Service => self.held.is_a_services(),
        }
        self.speaker.replace(Some(Rc::new(speaker)));
        self.welcomed.notify_one();
        Ok(v1::AppWelcome {
            venue_id: shared.venue_id.clone(),
            generation: generation.number(),
            token_expires_in_s: u32::try_from(token_expires_in_s).unwrap_or(u32::MAX),
            requests_open_max,
        })
    }

    /// Lets a service principal, who speaks for many, have more requests open; returns how many.
    fn grant_streams(&self, role: Role) -> u32 {
        match role {
            Role::Customer => self.worker.shared.requests_open_max,
            Role::Service => {
                let streams_max = self.worker.shared.requests_open_max.max(SERVICE_STREAMS_MAX);
                self.connection
                    .set_max_concurrent_bi_streams(VarInt::from_u32(streams_max));
                streams_max
            }
        }
    }

    fn query(
        &self,
        came: Timestamp,
        request: &QueryRequest<'_>,
        write: impl FnOnce(&Decision<'_>, &mut BytesMut) -> Result<(), wire::ReplyTooLarge>,
        out: &mut BytesMut,
    ) -> Result<Then, v1::Error> {
        let shared = &self.worker.shared;
        let now = shared.clock.now();
        let speaker = self.asking(now)?;
        let find = || speaker.customer(&shared.keeper, now, request.subject);
        let is_service = speaker.role() == Role::Service;
        let is_valued = || find().is_ok_and(|who| shared.engine.is_valued(who.slot));
        self.worker.admit(came, now, request, is_service, is_valued)?;
        let customer = find()?.slot;
        self.worker
            .decide(now, customer, &speaker.language, &request.query, |decision| {
                write(decision, out)
            })
            .map_err(|error| v1::Error::because(ErrorCode::Internal, error.to_string()))?;
        Ok(Then::Next)
    }

    fn signal(&self, came: Timestamp, request_id: u64, bytes: &[u8]) -> Result<Then, v1::Error> {
        let shared = &self.worker.shared;
        let speaker = self.speaker(came)?;
        let message = v1::Signal::decode(bytes);
        // Whoever withdraws a consent, and says nothing else, is heard whatever there is to do and however often they ask.
        if !message.as_ref().is_ok_and(only_withdraws) {
            speaker.joined.spend(came)?;
            self.check_step(Step::Signals)?;
        }
        let message = message.map_err(|_| wire_error(WireError::Malformed))?;
        let signal = wire::read_signal(&message).map_err(wire_error)?;
        let is_of_venue = speaker.role() == Role::Service && message.subject.is_empty();
        let taken = if is_of_venue {
            shared.keeper.venue_signal(came, &signal)
        } else {
            let who = speaker.customer(&shared.keeper, came, &message.subject)?;
            let says = match speaker.role() {
                Role::Service => Says::Service,
                Role::Customer => Says::Customer,
            };
            shared.keeper.signal(came, who, &signal, says, bytes)
        };
        let (applied, until) = taken.map_err(|error| not_taken(&error))?;
        let duplicate = applied.is_duplicate;
        let tags_refused = wire::tags_refused(&message, &applied.tags, &applied.keys);
        shared.metrics.count(if duplicate {
            Counter::SignalDuplicate
        } else {
            Counter::SignalApplied
        });
        let ack = v1::SignalAck {
            message_id: message.message_id,
            duplicate,
            tags_refused,
        };
        Ok(Then::AwaitDurable(Waiting {
            request_id,
            until,
            reply: app_reply::Body::SignalAck(ack),
        }))
    }

    fn outcome(&self, came: Timestamp, request_id: u64, bytes: &[u8]) -> Result<Then, v1::Error> {
        let shared = &self.worker.shared;
        let speaker = self.asking(came)?;
        let message = v1::Outcome::decode(bytes).map_err(|_| wire_error(WireError::Malformed))?;
        let outcome = wire::read_outcome(&message).map_err(wire_error)?;
        let who = speaker.customer(&shared.keeper, came, &message.subject)?;
        let taken = shared.keeper.outcome(came, who, &outcome, bytes);
        let until = taken.map_err(|error| not_taken(&error))?;
        shared.metrics.count(Counter::OutcomeTaken);
        let ack = v1::OutcomeAck {
            decision_id: message.decision_id,
        };
        Ok(Then::AwaitDurable(Waiting {
            request_id,
            until,
            reply: app_reply::Body::OutcomeAck(ack),
        }))
    }

    /// Tells how long a request has waited that is answered whatever the wait; queries tell it when they are judged.
    fn note_wait(&self) {
        let _noted = self.worker.shared.overload.apps.backlog.wait();
    }

    /// Refuses what there is no time for at the moment.
    pub(super) fn check_step(&self, step: Step) -> Result<(), v1::Error> {
        if self.worker.shared.overload.sheds(step) {
            return Err(v1::Error::new(ErrorCode::Overloaded).after(RETRY_AFTER_MS));
        }
        Ok(())
    }

    /// Who asks, if they were welcomed, their token is good and they do not ask too often.
    fn asking(&self, now: Timestamp) -> Result<Rc<Speaker>, v1::Error> {
        let speaker = self.speaker(now)?;
        speaker.joined.spend(now)?;
        Ok(speaker)
    }

    /// Refuses everybody but a service principal, whose token has not ended.
    pub(super) fn check_service(&self, now: Timestamp) -> Result<(), v1::Error> {
        match self.asking(now)?.role() {
            Role::Service => Ok(()),
            Role::Customer => Err(v1::Error::because(
                ErrorCode::NotAllowed,
                "only a service principal may ask about the venue",
            )),
        }
    }

    /// Who speaks, if they were welcomed and their token has not ended.
    fn speaker(&self, now: Timestamp) -> Result<Rc<Speaker>, v1::Error> {
        let speaker = self
            .speaker
            .borrow()
            .clone()
            .ok_or_else(|| v1::Error::new(ErrorCode::HelloExpected))?;
        speaker.check(&self.worker.shared.access, now).map_err(token_error)?;
        Ok(speaker)
    }
}

/// Whether a signal withdraws consents and says nothing else.
fn only_withdraws(signal: &v1::Signal) -> bool {
    let says_more = !signal.name.is_empty()
        || !signal.properties.is_empty()
        || !signal.anonymous_id.is_empty()
        || !signal.tags.is_empty();
    !says_more && !signal.consents.is_empty() && signal.consents.iter().all(|consent| !consent.allowed)
}

/// Puts a reply into `out`.
pub(super) fn reply(request_id: u64, body: app_reply::Body, out: &mut BytesMut) -> Then {
    encode_frame(
        &v1::AppReply {
            request_id,
            body: Some(body),
        },
        out,
    );
    Then::Next
}
