//! What only a service principal may ask: how the venue's own equipment is, who comes, stays and goes, and what is heard
//! of a tag that a survey is taken with.
//!
//! A customer who asks is refused with `not_allowed`. Deliberately absent: what is best for one person, which
//! is a query like anybody's.

use std::rc::Rc;

use bytes::BytesMut;
use nextbest_proto::v1::{self, app_reply};
use prost::Message as _;
use tokio::task::spawn_local;

use super::overload::Step;
use super::readings::readings_since;
use super::refusals::{not_taken, wire_error};
use super::requests::{Session, Then, reply};
use super::{hub_book, presence_watch};
use crate::model::Timestamp;
use crate::wire::{self, WireError};

impl Session {
    /// Reports are for services, and the first thing that there is no time for.
    fn check_report(&self, came: Timestamp) -> Result<(), v1::Error> {
        self.check_service(came)?;
        self.check_step(Step::Reports)
    }

    /// How every hub is.
    pub(super) fn hubs(
        &self,
        came: Timestamp,
        request_id: u64,
        bytes: &[u8],
        out: &mut BytesMut,
    ) -> Result<Then, v1::Error> {
        self.check_report(came)?;
        let request = v1::HubsRequest::decode(bytes).map_err(|_| wire_error(WireError::Malformed))?;
        let report = hub_book::report(&self.worker.shared, request.first);
        Ok(reply(request_id, app_reply::Body::Hubs(report), out))
    }

    /// Begins a watch of who comes, stays and goes; the events are pushed.
    pub(super) fn watch_presence(
        self: &Rc<Self>,
        came: Timestamp,
        request_id: u64,
        bytes: &[u8],
        out: &mut BytesMut,
    ) -> Result<Then, v1::Error> {
        self.check_report(came)?;
        let asked = wire::read_watch(bytes).map_err(wire_error)?;
        if self.presence_watch.begin(&self.worker.shared, asked)? {
            // One for each connection of a service.
            spawn_local(presence_watch::run(Rc::clone(self)));
        }
        let watched = v1::PresenceWatched {};
        Ok(reply(request_id, app_reply::Body::PresenceWatched(watched), out))
    }

    /// What the hubs hear of a tag. Its carrier has to be named, so that nobody watches a tag without knowing whose it is.
    pub(super) fn readings(
        &self,
        came: Timestamp,
        request_id: u64,
        bytes: &[u8],
        out: &mut BytesMut,
    ) -> Result<Then, v1::Error> {
        self.check_report(came)?;
        let request = v1::ReadingsRequest::decode(bytes).map_err(|_| wire_error(WireError::Malformed))?;
        let tag = wire::read_readings(&request).map_err(wire_error)?;
        let shared = &self.worker.shared;
        let who = shared.keeper.customer(came, &request.subject);
        let customer = who.map_err(|error| not_taken(&error))?.slot;
        let readings = readings_since(&shared.engine, came, customer, &tag, request.after)?;
        Ok(reply(request_id, app_reply::Body::Readings(readings), out))
    }
}
