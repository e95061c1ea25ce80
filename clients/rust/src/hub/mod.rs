//! The hub's side: a session, the buffer of what is not yet acknowledged, and a client that reconnects.

mod client;
mod keeper;
mod outbox;
mod session;
mod shared;
mod store;

pub use client::{HubClient, HubClientSettings, HubTarget};
pub use keeper::ACK_TIMEOUT_MS;
pub use outbox::{Batch, IN_FLIGHT_LEN_MAX, Outbox, OutboxSettings, OutboxStatistics, SequenceUnknown};
pub use session::{HubEvent, HubHelloSettings, HubReceiver, HubSender, HubSession};
pub use shared::{HubReadings, HubStatistics};
pub use store::{ClockReading, OutboxStore, STORE_FILE_LEN_MAX, STORE_RETRY_S, StoreError};
