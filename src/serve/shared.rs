//! What all sessions of a gateway share.

use std::sync::Arc;

use tokio::sync::watch;

use super::access::AccessBook;
use super::admin::audit::Audit;
use super::clock::Clock;
use super::hub_book::HubBook;
use super::metrics::Metrics;
use super::overload::Overload;
use super::subscribers::Subscribers;
use crate::engine::Engine;
use crate::journal::Journal;

/// One gateway, as its sessions see it.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) journal: Arc<dyn Journal>,
    /// Whom the keys let in.
    pub(super) access: Arc<AccessBook>,
    /// Takes note of what staff changes.
    pub(super) audit: Arc<dyn Audit>,
    /// The venue that the keys are for; certificates and tokens of another are refused.
    pub(super) venue_id: String,
    pub(super) subscribers: Subscribers,
    pub(super) hub_book: HubBook,
    pub(super) overload: Arc<Overload>,
    /// Requests that one app connection may have open.
    pub(super) requests_open_max: u32,
    pub(super) stage: watch::Receiver<Stage>,
}

/// How far the gateway is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Everything is taken.
    Serving,
    /// Peers are told to go; no connection is taken, requests still are.
    Draining,
}
