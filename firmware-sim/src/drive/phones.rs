//! Phones: who asks connects as themselves, asks, and reports what came of it.
//!
//! A bounded number of phones keeps its connection; when another needs one, the phone that has been quiet the
//! longest hangs up. Fans without a token of their own are spoken for by the service principal. A phone that
//! fails is counted, and its owner goes where they always go.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use nextbest_client::{AppSession, ClientEndpoint};
use nextbest_proto::v1::{Decision, Outcome, OutcomeKind, Query};
use tokio::{
    runtime::Builder,
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::crowd::FanIx;

use super::{Credentials, Gateway, Progress, till::Till, world::IDLE_MS};

/// Somebody wants to know where to go.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) fan: FanIx,
    pub(super) customer: String,
    pub(super) want: String,
}

/// What the gateway told them; nothing when it or the phone failed.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) fan: FanIx,
    pub(super) customer: String,
    pub(super) want: String,
    pub(super) decision: Option<Decision>,
    pub(super) latency_us: u64,
}

/// To the phones.
#[derive(Debug)]
pub(super) enum Errand {
    Ask(Ask),
    /// What became of what a fan was told, in order; at most [`OUTCOMES_MAX`].
    Report(FanIx, Vec<Outcome>),
}

/// All phones; one task runs them.
pub(super) struct Phones {
    pub(super) endpoint: ClientEndpoint,
    pub(super) gateway: Arc<Gateway>,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) till: Till,
    pub(super) progress: Arc<Progress>,
    pub(super) open_max: usize,
    /// Whose turn it is to connect and ask. Real phones have a processor each; here a handshake of one would count as
    /// waiting time of another.
    pub(super) turn: Semaphore,
}

/// A phone in use, given back with what it heard.
struct Done {
    fan: FanIx,
    session: Option<Arc<AppSession>>,
    heard: Option<Heard>,
}

/// Connections that are kept, and when each was last used.
#[derive(Default)]
struct Pool {
    kept: HashMap<FanIx, (u64, Arc<AppSession>)>,
    uses: u64,
}

impl Phones {
    /// Serves errands as [`Phones::run`] does, on a thread, a runtime and a socket of its own: what the crowd computes
    /// between two packets is no part of how long an answer takes.
    pub(super) fn run_apart(mut self, errands: mpsc::Receiver<Errand>, heard: mpsc::Sender<Heard>) {
        thread::spawn(move || {
            let progress = Arc::clone(&self.progress);
            let runtime = Builder::new_current_thread().enable_all().build();
            let ran = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
                runtime.block_on(async move {
                    let endpoint = super::socket_towards(self.gateway.apps).map_err(|error| error.to_string())?;
                    self.endpoint = endpoint.clone();
                    self.run(errands, heard).await;
                    // The gateway may be gone already.
                    let _in_time = timeout(Duration::from_millis(IDLE_MS), endpoint.idle()).await;
                    Ok(())
                })
            });
            if let Err(error) = ran {
                progress.phone_failed("all phones", &error);
            }
        });
    }

    /// Serves errands until nobody sends them. Answers go to `heard`.
    async fn run(self, mut errands: mpsc::Receiver<Errand>, heard: mpsc::Sender<Heard>) {
        let phones = Arc::new(self);
        let mut pool = Pool::default();
        let mut busy: JoinSet<Done> = JoinSet::new();
        loop {
            tokio::select! {
                errand = errands.recv(), if busy.len() < BUSY_MAX => {
                    let Some(errand) = errand else { return };
                    let fan = errand.fan();
                    let session = pool.take(fan);
                    pool.shrink(phones.open_max.saturating_sub(busy.len() + 1));
                    busy.spawn(Arc::clone(&phones).serve(errand, session));
                }
                Some(done) = busy.join_next(), if !busy.is_empty() => {
                    let Ok(Done { fan, session, heard: news }) = done else { continue };
                    if let Some(session) = session {
                        pool.keep(fan, session);
                        pool.shrink(phones.open_max.saturating_sub(busy.len()));
                    }
                    if let Some(news) = news && heard.send(news).await.is_err() {
                        return;
                    }
                }
            }
            phones
                .progress
                .phones_open
                .store((pool.kept.len() + busy.len()) as u64, Relaxed);
        }
    }

    async fn serve(self: Arc<Self>, errand: Errand, session: Option<Arc<AppSession>>) -> Done {
        match errand {
            Errand::Ask(ask) => self.ask(ask, session).await,
            Errand::Report(fan, outcomes) => self.report(fan, outcomes, session).await,
        }
    }

    async fn ask(&self, ask: Ask, session: Option<Arc<AppSession>>) -> Done {
        let Ask { fan, customer, want } = ask;
        // The semaphore is never closed.
        let _turn = self.turn.acquire().await;
        let session = match (session, self.credentials.app_token(&customer)) {
            (Some(session), _) => Some(session),
            (None, Some(token)) => match self.connect(token).await {
                Ok(session) => Some(session),
                Err(why) => {
                    self.progress.phone_failed(&customer, &why);
                    return Done {
                        fan,
                        session: None,
                        heard: Some(Heard::nothing(fan, customer, want)),
                    };
                }
            },
            (None, None) => None,
        };
        let subject = if session.is_some() {
            String::new()
        } else {
            customer.clone()
        };
        let query = Query {
            subject,
            want: want.clone(),
            ..Query::default()
        };
        let asked = Instant::now();
        let decided = match &session {
            Some(session) => session.query(query).await,
            None => self.till.client().query(query).await,
        };
        let latency_us = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        match decided {
            Ok(decision) => {
                self.progress.queried(latency_us);
                Done {
                    fan,
                    session,
                    heard: Some(Heard {
                        fan,
                        customer,
                        want,
                        decision: Some(decision),
                        latency_us,
                    }),
                }
            }
            Err(error) => {
                self.progress.phone_failed(&customer, &error.to_string());
                // A session that failed once is not kept.
                Done {
                    fan,
                    session: None,
                    heard: Some(Heard::nothing(fan, customer, want)),
                }
            }
        }
    }

    /// By the phone when it is still connected, else by the service principal.
    async fn report(&self, fan: FanIx, outcomes: Vec<Outcome>, mut session: Option<Arc<AppSession>>) -> Done {
        for outcome in outcomes.into_iter().take(OUTCOMES_MAX) {
            let Some(phone) = &session else {
                self.till.outcome(outcome);
                continue;
            };
            let own = Outcome {
                subject: String::new(),
                ..outcome.clone()
            };
            match phone.outcome(own).await {
                Ok(_) => {
                    self.progress.outcomes.fetch_add(1, Relaxed);
                }
                Err(error) => {
                    self.progress.phone_failed(&outcome.subject, &error.to_string());
                    session = None;
                }
            }
        }
        Done {
            fan,
            session,
            heard: None,
        }
    }

    async fn connect(&self, token: String) -> Result<Arc<AppSession>, String> {
        let session = self.gateway.app_session(&self.endpoint, token).await;
        session.map(Arc::new).map_err(|error| error.to_string())
    }
}

impl Errand {
    fn fan(&self) -> FanIx {
        match self {
            Self::Ask(ask) => ask.fan,
            Self::Report(fan, _) => *fan,
        }
    }
}

impl Heard {
    fn nothing(fan: FanIx, customer: String, want: String) -> Self {
        Self {
            fan,
            customer,
            want,
            decision: None,
            latency_us: 0,
        }
    }

    /// What to report of the first answer.
    pub(super) fn outcome(&self, kind: OutcomeKind) -> Option<Outcome> {
        let decision = self.decision.as_ref()?;
        let action = decision.answers.first()?.action.clone();
        let (subject, decision_id) = (self.customer.clone(), decision.decision_id);
        Some(Outcome {
            subject,
            decision_id,
            action,
            kind: kind.into(),
        })
    }
}

impl Pool {
    fn take(&mut self, fan: FanIx) -> Option<Arc<AppSession>> {
        self.kept.remove(&fan).map(|(_, session)| session)
    }

    fn keep(&mut self, fan: FanIx, session: Arc<AppSession>) {
        self.uses += 1;
        self.kept.insert(fan, (self.uses, session));
    }

    /// Hangs up those that have been quiet the longest.
    fn shrink(&mut self, len_max: usize) {
        while self.kept.len() > len_max {
            let Some(quietest) = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(fan, _)| *fan) else {
                return;
            };
            self.kept.remove(&quietest);
        }
    }
}

/// Impression, acceptance, conversion.
const OUTCOMES_MAX: usize = 3;
/// Phones that connect, ask or report at once.
const BUSY_MAX: usize = 64;
