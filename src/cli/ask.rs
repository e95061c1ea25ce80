//! `nextbest ask`: one question to a running gateway, as one customer.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Trust};
use nextbest_proto::v1;

use super::address::parse_address;
use super::{Failure, answer};
use crate::serve::clock::unix_s;
use crate::serve::keys::KeyFolder;
use crate::serve::token::Role;

/// Life of the token that is signed for one question, in seconds.
const TOKEN_LIFE_S: u64 = 60;

/// Ask a running gateway what is best for a customer.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nextbest ask --to 127.0.0.1:4433 --keys keys --as ada --want food\n  \
                        nextbest ask --to 127.0.0.1:4433 --keys keys --as ada --want restroom --locale es --why\n\n\
                        Uses tokens/CUSTOMER.jwt of the key folder, or signs a token when the signing key is there."
)]
pub(super) struct Arguments {
    /// The gateway's address for apps.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    to: SocketAddr,
    /// The key folder.
    #[arg(long, value_name = "DIR", default_value = "keys")]
    keys: PathBuf,
    /// The customer who asks.
    #[arg(long = "as", value_name = "CUSTOMER")]
    customer: String,
    /// What they want: a category of the venue's places, such as food; empty for anything.
    #[arg(long, value_name = "CATEGORY", default_value = "")]
    want: String,
    /// The language to answer in, as BCP 47.
    #[arg(long, value_name = "TAG", default_value = "")]
    locale: String,
    /// How many answers, 1 to 3.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3))]
    answers: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Also say why each other action was not chosen.
    #[arg(long)]
    why: bool,
    /// The name in the gateway's certificate.
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    server_name: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let keys = KeyFolder::open(&arguments.keys).map_err(Failure::wrong)?;
    let hello = AppHelloSettings {
        token: token(&keys, &arguments.customer)?,
        locale: arguments.locale.clone(),
        app: concat!("nextbest ask ", env!("CARGO_PKG_VERSION")).to_owned(),
        subscribe: false,
    };
    let trust = keys.authority().map_err(Failure::wrong)?;
    let trust = Trust::from_der(&trust).map_err(Failure::wrong)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::wrong)?;
    let (decision, took) = runtime.block_on(ask(arguments, &trust, hello))?;
    if arguments.json {
        say!("{}", answer::json(&decision, took));
    } else {
        say_part!("{}", answer::text(&decision, took));
    }
    Ok(())
}

/// The customer's token, or one that is signed for this question.
fn token(keys: &KeyFolder, customer: &str) -> Result<String, Failure> {
    if fs::exists(keys.path().join("token-signing.key")).unwrap_or(false) {
        let signer = keys.token_signer().map_err(Failure::wrong)?;
        return signer
            .sign(customer, Role::Customer, unix_s(), TOKEN_LIFE_S)
            .map_err(Failure::wrong);
    }
    keys.token(customer).map_err(Failure::wrong)
}

async fn ask(
    arguments: &Arguments,
    trust: &Trust,
    hello: AppHelloSettings,
) -> Result<(v1::Decision, Duration), Failure> {
    let endpoint = ClientEndpoint::towards(arguments.to).map_err(Failure::wrong)?;
    let session = AppSession::connect(&endpoint, arguments.to, &arguments.server_name, trust, hello)
        .await
        .map_err(|error| {
            Failure::no_answer(format!(
                "{} did not let {} in: {error}",
                arguments.to, arguments.customer
            ))
        })?;
    let query = v1::Query {
        want: arguments.want.clone(),
        answers_max: arguments.answers,
        why: arguments.why,
        ..v1::Query::default()
    };
    let asked = now();
    let decision = session.query(query).await.map_err(Failure::no_answer)?;
    let took = asked.elapsed();
    session.close();
    endpoint.idle().await;
    Ok((decision, took))
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long one question took, for the person who asked it"
    )]
    Instant::now()
}
