//! The thread of the hubs, and which connection each hub has.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use nextbest_proto::v1::{self, ErrorCode};
use nextbest_venue::HubIx;
use quinn::Connection;

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
