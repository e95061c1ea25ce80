//! The customers of a load: their ids and tags, and their registration before it starts.

use nextbest_client::{AppClient, AppClientSettings, AppHelloSettings, AppSession};
use nextbest_proto::v1;
use tokio::task::JoinSet;

use super::super::Failure;
use super::{Arguments, Target};

/// Signals that are on their way at once.
const OPEN_MAX: usize = 256;

/// The id of a customer.
pub(super) fn customer(number: u32) -> String {
    format!("load-{number}")
}

/// The address of a customer's tag: a static random one, as its two top bits say.
pub(super) fn tag(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0xc0, 0x10, a, b, c, d]
}

/// Signals the gateway who carries which tag, and waits until it has taken all of it.
pub(super) async fn register(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    if arguments.tags == 0 {
        return Ok(());
    }
    let session = connect(arguments, target).await?;
    let session = std::rc::Rc::new(session);
    let progress = super::report::progress(u64::from(arguments.tags), "registering tags");
    let mut open = JoinSet::new();
    for number in 0..arguments.tags {
        if open.len() >= OPEN_MAX {
            taken(open.join_next().await)?;
            progress.inc(1);
        }
        let session = session.clone();
        open.spawn_local(async move { session.signal(identify(number)).await.map(|_| ()) });
    }
    while !open.is_empty() {
        taken(open.join_next().await)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    session.close();
    Ok(())
}

/// A client that speaks as the service, and comes back after a restart.
pub(super) fn client(arguments: &Arguments, target: &Target) -> AppClient {
    AppClient::start(
        target.endpoint.clone(),
        arguments.to,
        &arguments.server_name,
        target.trust.clone(),
        hello(target),
        AppClientSettings::default(),
    )
}

fn hello(target: &Target) -> AppHelloSettings {
    AppHelloSettings {
        token: target.service_token.clone(),
        app: concat!("nextbest load ", env!("CARGO_PKG_VERSION")).to_owned(),
        ..AppHelloSettings::default()
    }
}

/// A session that speaks as the service.
pub(super) async fn connect(arguments: &Arguments, target: &Target) -> Result<AppSession, Failure> {
    AppSession::connect(
        &target.endpoint,
        arguments.to,
        &arguments.server_name,
        &target.trust,
        hello(target),
    )
    .await
    .map_err(|error| Failure::no_answer(format!("{} did not let the load in: {error}", arguments.to)))
}

type Joined = Option<Result<Result<(), nextbest_client::RequestError>, tokio::task::JoinError>>;

fn taken(joined: Joined) -> Result<(), Failure> {
    match joined {
        Some(Ok(Err(error))) => Err(Failure::no_answer(format!("registering a tag failed: {error}"))),
        Some(Err(error)) => Err(Failure::wrong(error)),
        Some(Ok(Ok(()))) | None => Ok(()),
    }
}

fn identify(number: u32) -> v1::Signal {
    let tag = v1::Tag {
        identity_kind: v1::IdentityKind::Address.into(),
        identity: bytes::Bytes::copy_from_slice(&tag(number)),
        ..v1::Tag::default()
    };
    let consent = |purpose: v1::Purpose| v1::Consent {
        purpose: purpose.into(),
        allowed: true,
        ..v1::Consent::default()
    };
    v1::Signal {
        message_id: format!("load-identify-{number}"),
        kind: v1::SignalKind::Identify.into(),
        subject: customer(number),
        tags: vec![tag],
        consents: vec![consent(v1::Purpose::Service), consent(v1::Purpose::Location)],
        ..v1::Signal::default()
    }
}
