//! Tells the gateway whose tag is whose, before anybody moves.
//!
//! Tens of thousands of signals go through one stream, hundreds of them in flight, so that a stadium is known in
//! a second and not after one round trip for each. A connection that breaks is made again and
//! goes on with the first signal that was not acknowledged; the gateway applies each once, by its id.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use nextbest_client::{ClientEndpoint, RequestError};
use nextbest_proto::v1::{AppReply, AppRequest, Consent, Purpose, Signal, SignalKind, Tag, app_reply, app_request};

use super::{DriveError, Gateway, Progress};

/// Everybody who shall be known, and to whom to say so.
pub(crate) struct Registration {
    pub(crate) endpoint: ClientEndpoint,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) token: String,
    pub(crate) progress: Arc<Progress>,
    /// Customers and the tags that they carry.
    pub(crate) people: Vec<(String, Tag)>,
    /// Tells the signals of this run from those of an earlier one.
    pub(crate) run: u64,
}

impl Registration {
    /// Registers everybody. Who could not be registered is counted.
    pub(crate) async fn run(self) {
        let (mut done, mut failures) = (0, 0);
        while done < self.people.len() && failures < FAILURES_MAX {
            let before = done;
            if let Err(why) = self.attempt(&mut done).await {
                self.progress.till_failed("registering tags", &why);
                failures = if done > before { 0 } else { failures + 1 };
            }
        }
    }

    /// Goes on until all are done or the connection breaks.
    async fn attempt(&self, done: &mut usize) -> Result<(), String> {
        let session = self.gateway.app_session(&self.endpoint, self.token.clone()).await;
        let session = session.map_err(|error| error.to_string())?;
        let (mut sender, mut receiver) = session.open_stream().await.map_err(|error| error.to_string())?;
        let mut sent = *done;
        while *done < self.people.len() {
            if sent < self.people.len() && sent - *done < IN_FLIGHT_MAX {
                sender
                    .send_request(&self.request(sent))
                    .await
                    .map_err(|error| error.to_string())?;
                sent += 1;
            } else {
                self.acknowledged(receiver.receive().await, *done)?;
                *done += 1;
            }
        }
        Ok(())
    }

    /// Replies come in the order of the requests.
    fn acknowledged(&self, reply: Result<Option<AppReply>, RequestError>, number: usize) -> Result<(), String> {
        match reply.map_err(|error| error.to_string())?.and_then(|reply| reply.body) {
            Some(app_reply::Body::SignalAck(_)) => {
                self.progress.fans_registered.fetch_add(1, Relaxed);
                Ok(())
            }
            Some(app_reply::Body::Error(error)) if error.retry => Err(error.sentence),
            Some(app_reply::Body::Error(error)) => {
                let customer = self.people.get(number).map_or("", |(customer, _)| customer);
                self.progress
                    .till_failed(&format!("registering {customer}"), &error.sentence);
                Ok(())
            }
            Some(_) | None => Err("the gateway sent something else where an acknowledgement was expected".to_owned()),
        }
    }

    fn request(&self, number: usize) -> AppRequest {
        let signal = self.people.get(number).map(|(customer, tag)| {
            let message_id = format!("identify-{:x}-{number}", self.run);
            app_request::Body::Signal(Signal {
                message_id,
                ..identify(customer, tag.clone())
            })
        });
        AppRequest {
            request_id: number as u64 + 1,
            body: signal,
        }
    }
}

/// Whether the gateway lets the service principal in, tried once and closed again.
///
/// # Errors
/// [`DriveError::Service`], with the gateway's words when it refused.
pub(crate) async fn check(endpoint: &ClientEndpoint, gateway: &Gateway, token: String) -> Result<(), DriveError> {
    let to = gateway.apps;
    let checked = gateway.app_session(endpoint, token).await;
    checked.map(drop).map_err(|source| DriveError::Service { to, source })
}

/// The signal that makes a tag a customer's, with their consent to be answered and located by it.
fn identify(customer: &str, tag: Tag) -> Signal {
    let allowed = [
        Purpose::Service,
        Purpose::Location,
        Purpose::Personalization,
        Purpose::Marketing,
    ];
    Signal {
        kind: SignalKind::Identify.into(),
        subject: customer.into(),
        tags: vec![tag],
        consents: allowed
            .map(|purpose| Consent {
                purpose: purpose.into(),
                allowed: true,
                ..Consent::default()
            })
            .into(),
        channel: "store".into(),
        ..Signal::default()
    }
}

/// Signals on their way: some 30 kB, which a stream's window holds.
const IN_FLIGHT_MAX: usize = 256;
/// Connections in a row that brought nothing.
const FAILURES_MAX: u32 = 5;
