//! Apps and hubs in Rust: what talks to a nextbest gateway over QUIC.
//!
//! | you are | and want | use |
//! |---|---|---|
//! | an app, a backend, a kiosk | answers, whatever happens to the network | [`AppClient`] |
//! | the same | one connection and every error | [`AppSession`] |
//! | a load tester | frames at a rate that you choose | [`AppSession::open_stream`], [`HubSession::split`] |
//! | a hub | that no sighting is lost or counted twice | [`HubClient`] |
//! | a simulated hub | one connection and every frame | [`HubSession`] |
//!
//! ```no_run
//! use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Trust};
//! use nextbest_proto::v1::Query;
//!
//! # async fn ask(ca_pem: &str, token: String) -> Result<(), Box<dyn std::error::Error>> {
//! let gateway = "127.0.0.1:4433".parse()?;
//! let endpoint = ClientEndpoint::towards(gateway)?;
//! let hello = AppHelloSettings { token, ..AppHelloSettings::default() };
//! let session = AppSession::connect(&endpoint, gateway, "localhost", &Trust::from_pem(ca_pem)?, hello).await?;
//! let decision = session.query(Query { want: "food".into(), ..Query::default() }).await?;
//! for answer in decision.answers {
//!     println!("{}", answer.message);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Everything runs inside the caller's tokio runtime, also a single-threaded one, and reads no clock but tokio's,
//! so that a simulation can run it in virtual time. Every queue and buffer has a named maximum.
//!
//! Deliberately absent: advertisement formats (the contract's crate), radios, and the HTTP doors of the gateway.

mod app;
mod backoff;
mod endpoint;
mod error;
mod framing;
mod hub;
mod locked;

pub use app::{
    AppClient, AppClientSettings, AppHelloSettings, AppSession, CONNECT_TIMEOUT_MS, Mode, PUSHES_LEN_MAX,
    REQUEST_TIMEOUT_MS, REQUESTS_OPEN_MAX, StreamReceiver, StreamSender,
};
pub use backoff::BackoffSettings;
pub use endpoint::{ClientEndpoint, Credentials, EndpointSettings, IDLE_TIMEOUT_S, KEEP_ALIVE_S, Trust};
pub use error::{CertificateError, ConnectError, HubError, Lost, ProtocolError, RequestError};
pub use hub::{
    ACK_TIMEOUT_MS, Batch, ClockReading, HubClient, HubClientSettings, HubEvent, HubHelloSettings, HubReadings,
    HubReceiver, HubSender, HubSession, HubStatistics, HubTarget, IN_FLIGHT_LEN_MAX, Outbox, OutboxSettings,
    OutboxStatistics, OutboxStore, STORE_FILE_LEN_MAX, STORE_RETRY_S, SequenceUnknown, StoreError,
};
