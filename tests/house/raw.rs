//! The back door: connections that speak whatever a test writes, and what the gateway counted of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[path = "tls.rs"]
pub(crate) mod tls;

use std::net::SocketAddr;

use nextbest::serve::keys::Identity;
use nextbest::serve::metrics::Counter;
use nextbest_proto::v1::ErrorCode;
use quinn::{Connection, ConnectionError, Endpoint};

use crate::house::{House, WAIT};

impl House {
    pub(crate) fn counted(&self, counter: Counter) -> u64 {
        self.gateway.metrics().value(counter)
    }

    pub(crate) fn errors(&self, code: ErrorCode) -> u64 {
        self.gateway.metrics().errors(code)
    }

    /// A connection that speaks whatever the test writes.
    pub(crate) async fn raw(
        &self,
        to: SocketAddr,
        alpn: &[u8],
        identity: Option<Identity>,
    ) -> Result<(Endpoint, Connection), ConnectionError> {
        let config = tls::quic(self.keys.authority().unwrap(), alpn, identity);
        let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let connection = endpoint.connect_with(config, to, "localhost").unwrap().await?;
        Ok((endpoint, connection))
    }
}

/// Waits for the end of a connection; the code it was closed with.
pub(crate) async fn closed_with(connection: &Connection) -> Option<u64> {
    match tokio::time::timeout(WAIT, connection.closed())
        .await
        .expect("a close in time")
    {
        ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
        ConnectionError::VersionMismatch
        | ConnectionError::TransportError(_)
        | ConnectionError::ConnectionClosed(_)
        | ConnectionError::Reset
        | ConnectionError::TimedOut
        | ConnectionError::LocallyClosed
        | ConnectionError::CidsExhausted => None,
    }
}
