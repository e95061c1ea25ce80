//! What only a service principal may ask: how the venue's own equipment is.
//!
//! A customer who asks is refused with `not_allowed`. Deliberately absent: anything about one person, which is a
//! query like anybody's.

use bytes::BytesMut;
use nextbest_proto::v1::{self, app_reply};
use prost::Message as _;

use super::hub_book;
use super::requests::{Session, Then, reply, wire_error};
use crate::model::Timestamp;
use crate::wire::WireError;

impl Session {
    /// How every hub is.
    pub(super) fn hubs(
        &self,
        came: Timestamp,
        request_id: u64,
        bytes: &[u8],
        out: &mut BytesMut,
    ) -> Result<Then, v1::Error> {
        self.check_service(came)?;
        let request = v1::HubsRequest::decode(bytes).map_err(|_| wire_error(WireError::Malformed))?;
        let report = hub_book::report(&self.worker.shared, request.first);
        Ok(reply(request_id, app_reply::Body::Hubs(report), out))
    }
}
