//! The venue's own system: it reports orders, and speaks for fans who have no token of their own.
//!
//! One connection that reconnects, with a service principal's token; requests go through a bounded queue to a
//! bounded number at once. A report that finds the queue full is dropped and counted: the run goes on.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use nextbest_client::{AppClient, AppClientSettings, ClientEndpoint};
use nextbest_proto::v1::{Outcome, Property, Signal, SignalKind, property::Value};
use tokio::{sync::mpsc, task::JoinSet};

use super::{Gateway, Progress, hello};

/// Where reports go.
#[derive(Debug, Clone)]
pub(crate) struct Till {
    client: Arc<AppClient>,
    reports: mpsc::Sender<Report>,
    progress: Arc<Progress>,
}

#[derive(Debug)]
enum Report {
    Signal(Signal),
    Outcome(Outcome),
}

impl Till {
    /// Connects as the service principal. The task that sends reports ends with `tasks`.
    pub(crate) fn open(
        endpoint: &ClientEndpoint,
        gateway: &Gateway,
        token: String,
        progress: &Arc<Progress>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let Gateway {
            apps,
            server_name,
            trust,
            ..
        } = gateway;
        let settings = AppClientSettings {
            request_timeout_ms: REQUEST_TIMEOUT_MS,
            ..AppClientSettings::default()
        };
        let client = AppClient::start(
            endpoint.clone(),
            *apps,
            server_name,
            trust.clone(),
            hello(token),
            settings,
        );
        let (reports, reported) = mpsc::channel(REPORTS_WAITING_MAX);
        let till = Self {
            client: Arc::new(client),
            reports,
            progress: Arc::clone(progress),
        };
        tasks.spawn(send_reports(Arc::clone(&till.client), Arc::clone(progress), reported));
        till
    }

    /// The connection, to ask on behalf of somebody.
    pub(crate) fn client(&self) -> &Arc<AppClient> {
        &self.client
    }

    /// Reports that somebody bought something at a place.
    pub(crate) fn order_completed(&self, customer: &str, place_id: &str) {
        let place = Property {
            name: "place".into(),
            value: Some(Value::Text(place_id.into())),
        };
        self.report(Report::Signal(Signal {
            kind: SignalKind::Track.into(),
            subject: customer.into(),
            name: "Order Completed".into(),
            properties: vec![place],
            channel: "store".into(),
            ..Signal::default()
        }));
    }

    /// Reports what became of a decision, on behalf of its subject.
    pub(crate) fn outcome(&self, outcome: Outcome) {
        self.report(Report::Outcome(outcome));
    }

    fn report(&self, report: Report) {
        if self.reports.try_send(report).is_err() {
            self.progress.till_failed("a report", "too many wait to be sent");
        }
    }
}

async fn send_reports(client: Arc<AppClient>, progress: Arc<Progress>, mut reports: mpsc::Receiver<Report>) {
    let mut open = JoinSet::new();
    while let Some(report) = reports.recv().await {
        while open.len() >= REQUESTS_OPEN_MAX {
            open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        let (client, progress) = (Arc::clone(&client), Arc::clone(&progress));
        open.spawn(async move {
            let (done, counter) = match report {
                Report::Signal(signal) => (client.signal(signal).await.map(drop), &progress.signals),
                Report::Outcome(outcome) => (client.outcome(outcome).await.map(drop), &progress.outcomes),
            };
            match done {
                Ok(()) => {
                    counter.fetch_add(1, Relaxed);
                }
                Err(error) => progress.till_failed("a report", &error.to_string()),
            }
        });
    }
}

/// How the simulation names itself to the gateway.
pub(crate) const AGENT: &str = concat!("firmware-sim ", env!("CARGO_PKG_VERSION"));
/// Reports that wait to be sent.
const REPORTS_WAITING_MAX: usize = 8_192;
/// Requests of the service principal that are open at once.
const REQUESTS_OPEN_MAX: usize = 256;
/// Reports may wait for a gateway that restarts.
const REQUEST_TIMEOUT_MS: u64 = 10_000;
