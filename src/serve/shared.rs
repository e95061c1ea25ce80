//! What all sessions of a gateway share.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::GatewaySettings;
use super::access::AccessBook;
use super::admin::LONG_ANSWERS_MAX;
use super::admin::audit::Audit;
use super::clock::Clock;
use super::durable::{Keeper, Opened};
use super::hub_book::HubBook;
use super::metrics::Metrics;
use super::overload::Overload;
use super::presence_watch::Watches;
use super::subscribers::Subscribers;
use crate::engine::Engine;

/// One gateway, as its sessions see it.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) keeper: Arc<Keeper>,
    /// Whom the keys let in.
    pub(super) access: Arc<AccessBook>,
    /// Takes note of what staff changes.
    pub(super) audit: Arc<dyn Audit>,
    /// The venue that the keys are for; certificates and tokens of another are refused.
    pub(super) venue_id: String,
    pub(super) subscribers: Subscribers,
    pub(super) hub_book: HubBook,
    pub(super) overload: Arc<Overload>,
    pub(super) watches: Watches,
    /// Places for long answers to staff.
    pub(super) long_answers: Arc<Semaphore>,
    /// Requests that one app connection may have open.
    pub(super) requests_open_max: u32,
    pub(super) stage: watch::Receiver<Stage>,
}

/// How far the gateway is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// What was kept is being read; nobody is answered.
    Recovering,
    /// Everything is taken.
    Serving,
    /// Peers are told to go; no connection is taken, requests still are.
    Draining,
}

/// What all sessions of a gateway share, and how it is told to go.
pub(super) fn share(
    settings: &GatewaySettings,
    opened: &Opened,
    (access, venue_id): (&Arc<AccessBook>, String),
    overload: &Arc<Overload>,
) -> (Arc<Shared>, watch::Sender<Stage>) {
    let (stage, stage_receiver) = watch::channel(Stage::Recovering);
    // Before anybody asks; from the first tick on it is told again and again.
    opened.engine.set_date(opened.clock.now(), opened.clock.date_s());
    let hub_book = HubBook::new(opened.engine.generation().venue().hubs.len());
    let shared = Shared {
        engine: Arc::clone(&opened.engine),
        clock: opened.clock,
        metrics: Arc::default(),
        keeper: Arc::clone(&opened.keeper),
        access: Arc::clone(access),
        audit: Arc::clone(&settings.audit),
        venue_id,
        subscribers: Subscribers::default(),
        hub_book,
        overload: Arc::clone(overload),
        watches: Watches::default(),
        long_answers: Arc::new(Semaphore::new(LONG_ANSWERS_MAX)),
        requests_open_max: settings.apps.bidi_streams_max,
        stage: stage_receiver,
    };
    (Arc::new(shared), stage)
}
