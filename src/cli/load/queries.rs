//! The queries of a load: sent when they are due, timed from then, counted apart when they fail.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nextbest_client::{AppClient, AppSession, Mode, RequestError, StreamReceiver, StreamSender};
use nextbest_proto::v1::{self, app_reply, app_request};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::super::Failure;
use super::pace::{self, now};
use super::report::{self, Report};
use super::{Arguments, Target, Travel, people};

/// Queries of one connection that may wait to be sent, or be on their way; more count as errors.
const OPEN_MAX: usize = 1_024;
/// How long the last answers are waited for.
const GRACE: Duration = Duration::from_secs(5);

/// Who asks: a session that ends with its connection, or a client that connects again.
#[derive(Clone)]
enum Asker {
    Session(Rc<AppSession>),
    Client(Rc<AppClient>),
}

impl Asker {
    async fn connect(arguments: &Arguments, target: &Target) -> Result<Self, Failure> {
        if arguments.mode == Travel::Client {
            return Ok(Self::Client(Rc::new(people::client(arguments, target))));
        }
        people::connect(arguments, target).await.map(Rc::new).map(Self::Session)
    }

    async fn ask(&self, mode: Mode, query: v1::Query) -> Result<v1::Decision, RequestError> {
        match self {
            Self::Session(session) => session.query_by(mode, query).await,
            Self::Client(client) => client.query_by(mode, query).await,
        }
    }

    fn close(&self) {
        match self {
            Self::Session(session) => session.close(),
            Self::Client(client) => client.close(),
        }
    }
}

/// What all connections write into; they share a thread.
type Shared = Rc<RefCell<Report>>;

/// Sends queries for as long as asked, and reports.
pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<Report, Failure> {
    let mut sessions = Vec::new();
    for _ in 0..arguments.connections {
        sessions.push(Asker::connect(arguments, target).await?);
    }
    let shared = Shared::default();
    shared.borrow_mut().is_closed_loop = arguments.rate == 0;
    shared.borrow_mut().tests_generations = arguments.test_generations;
    let began = now();
    let progress = report::progress(arguments.lasts.as_secs().max(1), "asking");
    let ticking = tokio::task::spawn_local(tick(progress.clone()));
    if arguments.rate == 0 {
        closed_loop(arguments, &sessions, &shared, began + arguments.lasts).await;
    } else {
        open_loop(arguments, &sessions, &shared).await?;
    }
    ticking.abort();
    progress.finish_and_clear();
    let mut report = shared.take();
    report.lasted = began.elapsed();
    for session in sessions {
        session.close();
    }
    Ok(report)
}

async fn tick(progress: indicatif::ProgressBar) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        progress.inc(1);
    }
}

/// Each connection asks again as soon as it is answered.
async fn closed_loop(arguments: &Arguments, sessions: &[Asker], shared: &Shared, until: Instant) {
    let mut connections = JoinSet::new();
    for (first, session) in (0_u32..).zip(sessions) {
        let (session, shared, arguments) = (session.clone(), shared.clone(), arguments.clone());
        connections.spawn_local(async move {
            let mut number = first;
            while now() < until {
                let due = now();
                ask(&session, arguments.mode.into(), query(&arguments, number), due, &shared).await;
                number = number.wrapping_add(arguments.connections);
            }
        });
    }
    connections.join_all().await;
}

/// Queries are sent when they are due, whatever became of those before.
async fn open_loop(arguments: &Arguments, sessions: &[Asker], shared: &Shared) -> Result<(), Failure> {
    let mut beats = pace::start(arguments.rate, arguments.lasts);
    let mut connections = JoinSet::new();
    let mut doors = Vec::new();
    for session in sessions {
        let (door, due) = mpsc::channel(OPEN_MAX);
        doors.push(door);
        let (session, shared, arguments) = (session.clone(), shared.clone(), arguments.clone());
        if let (Travel::Session, Asker::Session(session)) = (arguments.mode, &session) {
            let stream = session.open_stream().await.map_err(Failure::no_answer)?;
            connections.spawn_local(pipeline(arguments, stream, due, shared));
        } else {
            connections.spawn_local(scatter(arguments, session, due, shared));
        }
    }
    let mut number = 0_u32;
    while let Some(beat) = beats.recv().await {
        for _ in 0..beat.requests {
            let Some(door) = doors.get(number as usize % doors.len()) else {
                continue;
            };
            if door.try_send((number, beat.due)).is_err() {
                shared.borrow_mut().unsent();
            }
            number = number.wrapping_add(1);
        }
    }
    drop(doors);
    let _ = tokio::time::timeout(GRACE, connections.join_all()).await;
    // Whatever has no answer by then has failed.
    let mut report = shared.borrow_mut();
    report.errors = report.sent.saturating_sub(report.ok);
    Ok(())
}

/// A stream or a datagram for each query.
async fn scatter(arguments: Arguments, session: Asker, mut due: mpsc::Receiver<(u32, Instant)>, shared: Shared) {
    let open = Arc::new(Semaphore::new(OPEN_MAX));
    let mut asking = JoinSet::new();
    while let Some((number, due)) = due.recv().await {
        let Ok(permit) = open.clone().try_acquire_owned() else {
            shared.borrow_mut().unsent();
            continue;
        };
        let (session, shared, query) = (session.clone(), shared.clone(), query(&arguments, number));
        asking.spawn_local(async move {
            ask(&session, arguments.mode.into(), query, due, &shared).await;
            drop(permit);
        });
        while asking.try_join_next().is_some() {}
    }
    asking.join_all().await;
}

/// All queries of a connection on one stream; the answers come in the order of the queries.
async fn pipeline(
    arguments: Arguments,
    (mut sender, mut receiver): (StreamSender, StreamReceiver),
    mut due: mpsc::Receiver<(u32, Instant)>,
    shared: Shared,
) {
    let open = Rc::new(RefCell::new(VecDeque::with_capacity(OPEN_MAX)));
    let answered = tokio::task::spawn_local({
        let (open, shared) = (open.clone(), shared.clone());
        async move {
            while let Ok(Some(reply)) = receiver.receive().await {
                let since = open.borrow_mut().pop_front();
                let mut report = shared.borrow_mut();
                if let Some(app_reply::Body::Error(error)) = &reply.body {
                    report.named(&error.name);
                }
                let decision = if let Some(app_reply::Body::Decision(decision)) = &reply.body {
                    Some(decision)
                } else {
                    None
                };
                report.answered(since, decision);
            }
        }
    });
    while let Some((number, since)) = due.recv().await {
        if open.borrow().len() >= OPEN_MAX {
            shared.borrow_mut().unsent();
            continue;
        }
        open.borrow_mut().push_back(since);
        shared.borrow_mut().sent += 1;
        let body = Some(app_request::Body::Query(query(&arguments, number)));
        if sender
            .send_request(&v1::AppRequest {
                request_id: u64::from(number),
                body,
            })
            .await
            .is_err()
        {
            shared.borrow_mut().errors += 1;
            break;
        }
    }
    sender.finish();
    let _ = answered.await;
    shared.borrow_mut().errors += open.borrow().len() as u64;
}

async fn ask(asker: &Asker, mode: Mode, query: v1::Query, due: Instant, shared: &Shared) {
    shared.borrow_mut().sent += 1;
    let answer = asker.ask(mode, query).await;
    let mut report = shared.borrow_mut();
    if let Err(error) = &answer {
        report.named(name(error));
    }
    report.answered(Some(due), answer.as_ref().ok());
}

/// An error's name in the report.
fn name(error: &RequestError) -> &str {
    match error {
        RequestError::Refused(refusal) => &refusal.name,
        RequestError::Timeout { .. } => "timeout",
        RequestError::Lost(_) | RequestError::Connect(_) => "lost",
        RequestError::TooLarge { .. } | RequestError::DatagramUnsent(_) | RequestError::Protocol(_) => "unsent",
    }
}

fn query(arguments: &Arguments, number: u32) -> v1::Query {
    v1::Query {
        subject: people::customer(number % arguments.subjects),
        want: arguments.want.clone(),
        deadline_ms: arguments.deadline_ms,
        ..v1::Query::default()
    }
}
