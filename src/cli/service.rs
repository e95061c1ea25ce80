//! A session with a running gateway as its service principal, for commands that ask about the venue.
//!
//! The token is signed for the one run when the signing key is in the key folder, or read from
//! `tokens/service.jwt`. Deliberately absent: reconnecting; who asks again starts the command again.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Trust};
use tokio::runtime::Runtime;

use super::Failure;
use super::address::parse_address;
use crate::serve::clock::unix_s;
use crate::serve::key_maker::SERVICE_SUBJECT;
use crate::serve::keys::KeyFolder;
use crate::serve::token::Role;

/// Life of the token that is signed for one run, in seconds: somebody may watch for a day.
const TOKEN_LIFE_S: u64 = 86_400;

/// Which gateway, and with which keys.
#[derive(Debug, Args)]
pub(super) struct ServiceArguments {
    /// The gateway's address for apps.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to: SocketAddr,
    /// The key folder.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

/// A session and what it lives in.
pub(super) struct Service {
    endpoint: ClientEndpoint,
    pub(super) session: AppSession,
}

impl Service {
    /// Connects and says hello.
    pub(super) async fn connect(arguments: &ServiceArguments) -> Result<Self, Failure> {
        let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
        let hello = AppHelloSettings {
            token: token(&keys)?,
            app: concat!("nextbest ", env!("CARGO_PKG_VERSION")).to_owned(),
            ..AppHelloSettings::default()
        };
        let trust = keys.authority().map_err(Failure::wrong)?;
        let trust = Trust::from_der(&trust).map_err(Failure::wrong)?;
        let endpoint = ClientEndpoint::towards(arguments.to).map_err(Failure::wrong)?;
        let session = AppSession::connect(&endpoint, arguments.to, &arguments.server_name, &trust, hello)
            .await
            .map_err(|error| Failure::no_answer(format!("{} did not let the service in: {error}", arguments.to)))?;
        Ok(Self { endpoint, session })
    }

    /// Leaves.
    pub(super) async fn close(self) {
        self.session.close();
        self.endpoint.idle().await;
    }
}

/// A runtime for one command.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::wrong)
}

fn token(keys: &KeyFolder) -> Result<String, Failure> {
    if fs::exists(keys.path().join("token-signing.key")).unwrap_or(false) {
        let signer = keys.token_signer().map_err(Failure::wrong)?;
        return signer
            .sign(SERVICE_SUBJECT, Role::Service, unix_s(), TOKEN_LIFE_S)
            .map_err(Failure::wrong);
    }
    keys.token(SERVICE_SUBJECT).map_err(Failure::wrong)
}
