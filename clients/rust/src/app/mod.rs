//! The app's side: a session, its three ways of asking, its pushes, and a client that reconnects.

mod client;
mod datagrams;
mod pipeline;
mod pushes;
mod reply;
mod session;
mod stream;

pub use client::{AppClient, AppClientSettings};
pub use pushes::PUSHES_LEN_MAX;
pub use session::{AppHelloSettings, AppSession, CONNECT_TIMEOUT_MS, Mode, REQUEST_TIMEOUT_MS, REQUESTS_OPEN_MAX};
pub use stream::{StreamReceiver, StreamSender};
