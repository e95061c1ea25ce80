//! The client against a small gateway that misbehaves on request, on a network in memory, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app_gateway;
mod hub_gateway;
mod world;

mod app_client;
mod app_session;
mod endpoint;
mod hub_client;
