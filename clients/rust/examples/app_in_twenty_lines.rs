//! Asks a gateway what is best for a customer, and prints the answer with its reasons.
//!
//! `cargo run --locked -p nextbest-client --example app_in_twenty_lines -- 127.0.0.1:4433 CA.pem TOKEN food`

use std::{error::Error, process::ExitCode};

use nextbest_client::{AppHelloSettings, AppSession, ClientEndpoint, Trust};
use nextbest_proto::v1::Query;

const USAGE: &str = "expected: ADDRESS CA_FILE TOKEN WANT, for example 127.0.0.1:4433 keys/ca.pem eyJ.. food";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match ask().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn ask() -> Result<(), Box<dyn Error>> {
    let [to, ca, token, want]: [String; 4] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| USAGE)?;
    let gateway = to.parse()?;
    let trust = Trust::from_pem(&std::fs::read_to_string(ca)?)?;
    let endpoint = ClientEndpoint::towards(gateway)?;
    let hello = AppHelloSettings {
        token,
        ..AppHelloSettings::default()
    };
    let session = AppSession::connect(&endpoint, gateway, "localhost", &trust, hello).await?;
    let decision = session
        .query(Query {
            want,
            ..Query::default()
        })
        .await?;
    for answer in &decision.answers {
        println!("{} ({:?})", answer.message, answer.reasons().collect::<Vec<_>>());
    }
    if decision.answers.is_empty() {
        println!("no action ({:?})", decision.reasons().collect::<Vec<_>>());
    }
    drop(session);
    endpoint.idle().await;
    Ok(())
}
