//! The thread of the hubs, and which connection each hub has.
//!
//! After a reload of the keys every hub that has a connection is looked at again, so that a revoked one is gone at once.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use nextbest_proto::v1::{self, ErrorCode};
use nextbest_venue::HubIx;
use quinn::Connection;
use rustls::pki_types::CertificateDer;
use tokio::task::yield_now;

use super::certificate::{CertificateSubject, subject_of};
use super::closing;
use super::shared::Shared;

/// What the hub sessions of a thread share.
pub(super) struct HubWorker {
    pub(super) shared: Arc<Shared>,
    /// By hub: its newest connection.
    connections: RefCell<Vec<Option<Connection>>>,
}

impl HubWorker {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            connections: RefCell::default(),
        }
    }

    /// Whether the certificate that a connection came with is one that would be let in, and whose it is.
    pub(super) fn check_certificate(&self, connection: &Connection) -> Result<CertificateSubject, v1::Error> {
        let identity = connection.peer_identity();
        let chain = identity.and_then(|identity| identity.downcast::<Vec<CertificateDer<'static>>>().ok());
        let chain = chain.map(|chain| *chain).unwrap_or_default();
        let subject = chain.first().and_then(subject_of);
        let subject =
            subject.ok_or_else(|| v1::Error::because(ErrorCode::NotAllowed, "a hub's certificate is expected"))?;
        let access = self.shared.access.current();
        let is_refused = access.refuses_hub(subject.common_name.as_deref().unwrap_or_default(), &subject.serial);
        if is_refused || !access.trusts_hub(&chain, self.shared.clock.unix_s()) {
            return Err(v1::Error::new(ErrorCode::HubRevoked));
        }
        Ok(subject)
    }

    /// Gives the hub to `connection`. Whoever had it is closed with `hub_replaced`.
    pub(super) fn take_over(self: &Rc<Self>, hub: HubIx, connection: &Connection) -> Held {
        let mut connections = self.connections.borrow_mut();
        if connections.len() <= hub.index() {
            connections.resize(hub.index() + 1, None);
        }
        if let Some(held) = connections.get_mut(hub.index())
            && let Some(old) = held.replace(connection.clone())
        {
            let error = v1::Error::new(ErrorCode::HubReplaced);
            self.shared.metrics.count_error(error.code());
            tracing::warn!(hub = hub.index(), from = %old.remote_address(), to = %connection.remote_address(), "hub replaced");
            closing::close(&old, &error);
        }
        Held {
            worker: Rc::clone(self),
            hub,
            connection_id: connection.stable_id(),
        }
    }
}

/// Closes the hubs that the keys do not let in any more, after each reload.
pub(super) async fn close_refused(worker: Rc<HubWorker>) {
    let mut taken = worker.shared.access.subscribe();
    while taken.changed().await.is_ok() {
        let connections: Vec<_> = worker.connections.borrow().iter().flatten().cloned().collect();
        for connection in connections {
            if let Err(error) = worker.check_certificate(&connection) {
                worker.shared.metrics.count_error(error.code());
                tracing::warn!(code = %error.name, peer = %connection.remote_address(), "hub closed: {}", error.sentence);
                closing::close(&connection, &error);
            }
            // Checking a signature takes longer than a hub may wait behind another.
            yield_now().await;
        }
    }
}

/// A hub that is held by a connection; dropping it lets the hub go, unless a newer connection has it.
pub(super) struct Held {
    worker: Rc<HubWorker>,
    hub: HubIx,
    connection_id: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(held) = self.worker.connections.borrow_mut().get_mut(self.hub.index())
            && held
                .as_ref()
                .is_some_and(|connection| connection.stable_id() == self.connection_id)
        {
            *held = None;
        }
    }
}
