//! An app that reconnects: answers within the deadline, whatever happens to the connection.

use std::{sync::Arc, time::Duration};

use nextbest_client::{
    AppClient, AppClientSettings, AppHelloSettings, BackoffSettings, ConnectError, Lost, Mode, RequestError,
};
use nextbest_proto::v1::{self, ErrorCode, app_push, app_request};
use tokio::time::Instant;

use crate::{
    app_gateway::{Act, AppGateway, Script, always, honest, is_hello},
    world::{CERTIFICATES, Network, gateway},
};

fn start(network: &Arc<Network>) -> AppClient {
    start_with_seed(network, 42)
}

fn start_with_seed(network: &Arc<Network>, seed: u64) -> AppClient {
    let backoff = BackoffSettings {
        seed: Some(seed),
        ..BackoffSettings::default()
    };
    let settings = AppClientSettings {
        backoff,
        ..AppClientSettings::default()
    };
    let hello = AppHelloSettings {
        token: "old".into(),
        subscribe: true,
        ..AppHelloSettings::default()
    };
    AppClient::start(
        network.client(),
        gateway(),
        "localhost",
        CERTIFICATES.trust(),
        hello,
        settings,
    )
}

fn want(want: &str) -> v1::Query {
    v1::Query {
        want: want.into(),
        ..v1::Query::default()
    }
}

/// Does this with the requests of the first connection.
fn first(act: Act) -> Script {
    Arc::new(move |connection, request| match connection {
        0 if !is_hello(request) => act.clone(),
        _ => Act::Answer,
    })
}

#[tokio::test(start_paused = true)]
async fn a_query_is_made_again_when_the_connection_breaks_under_it() {
    for mode in [Mode::Stream, Mode::Session] {
        let network = Network::new();
        let gateway = AppGateway::start(&network, first(Act::Close(ErrorCode::Internal)));
        let client = start(&network);
        assert_eq!(
            client.query_by(mode, want("food")).await.unwrap().stage,
            "food",
            "{mode:?}"
        );
        assert_eq!(gateway.connections(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_sent_again_with_its_id_and_applied_once() {
    let network = Network::new();
    let gateway = AppGateway::start(&network, first(Act::Close(ErrorCode::Internal)));
    let client = start(&network);
    let ack = client.signal(v1::Signal::default()).await.unwrap();
    assert_eq!(ack.message_id.len(), 32, "it gets an id when it has none");
    assert_eq!(*gateway.seen.signals.lock().await, [ack.message_id]);
    let named = v1::Signal {
        message_id: "mine".into(),
        ..v1::Signal::default()
    };
    assert_eq!(client.signal(named).await.unwrap().message_id, "mine");
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_may_have_arrived_is_not_sent_again() {
    let network = Network::new();
    let gateway = AppGateway::start(&network, first(Act::Close(ErrorCode::Internal)));
    let client = start(&network);
    let error = client.outcome(v1::Outcome::default()).await.unwrap_err();
    assert!(matches!(error, RequestError::Lost(_)), "{error}");
    client.outcome(v1::Outcome::default()).await.unwrap();
    assert_eq!(gateway.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_within_the_deadline_and_then_named() {
    let network = Network::new();
    let overloaded = v1::Error::new(ErrorCode::Overloaded).after(300);
    let _gateway = AppGateway::start(&network, always(Act::Refuse(overloaded.clone())));
    let client = start(&network);
    let asked_at = Instant::now();
    let query = v1::Query {
        deadline_ms: 1_000,
        ..want("food")
    };
    assert_eq!(
        client.query(query).await.unwrap_err(),
        RequestError::Refused(overloaded)
    );
    assert_eq!(asked_at.elapsed().as_millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_said_at_once() {
    let network = Network::new();
    let refusal = v1::Error::new(ErrorCode::InvalidField);
    let _gateway = AppGateway::start(&network, always(Act::Refuse(refusal.clone())));
    let client = start(&network);
    let asked_at = Instant::now();
    assert_eq!(
        client.query(want("food")).await.unwrap_err(),
        RequestError::Refused(refusal)
    );
    assert_eq!(asked_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_on_the_wire_is_what_is_left_of_it() {
    let network = Network::new();
    let (heard, mut deadlines) = tokio::sync::mpsc::channel(16);
    let script: Script = Arc::new(move |_, request| match &request.body {
        Some(app_request::Body::Query(query)) => {
            heard.try_send(query.deadline_ms).unwrap();
            Act::Refuse(v1::Error::new(ErrorCode::Overloaded).after(400))
        }
        _ => Act::Answer,
    });
    let _gateway = AppGateway::start(&network, script);
    let query = v1::Query {
        deadline_ms: 1_000,
        ..want("food")
    };
    assert!(start(&network).query(query).await.is_err());
    let mut seen = Vec::new();
    while let Some(deadline_ms) = deadlines.recv().await {
        seen.push(deadline_ms);
        if seen.len() == 3 {
            break;
        }
    }
    assert_eq!(seen, [1_000, 600, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_was_killed_is_left_long_before_the_idle_timeout() {
    let network = Network::new();
    let _first = AppGateway::start(&network, honest());
    let client = start(&network);
    client.query(want("food")).await.unwrap();
    network.unplug();
    let second = AppGateway::start(&network, honest());
    let asked_at = Instant::now();
    client.query(want("food")).await.unwrap();
    assert!(asked_at.elapsed() < Duration::from_secs(2), "{:?}", asked_at.elapsed());
    assert_eq!(second.queries(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_takes_its_time_is_waited_for() {
    let network = Network::new();
    let gateway = AppGateway::start(&network, always(Act::Silence));
    let client = start(&network);
    let asked_at = Instant::now();
    assert_eq!(
        client.query(want("food")).await.unwrap_err(),
        RequestError::Timeout { after_ms: 2_000 }
    );
    assert_eq!(asked_at.elapsed().as_millis(), 2_000);
    assert_eq!(gateway.connections(), 1);
}

const DRAIN: v1::Drain = v1::Drain {
    reconnect_after_ms: 500,
    jitter_ms: 5_000,
};

#[tokio::test(start_paused = true)]
async fn while_the_gateway_drains_it_answers_and_then_another_session_does() {
    let network = Network::new();
    let gateway = AppGateway::start(&network, honest());
    let client = start(&network);
    client.query(want("food")).await.unwrap();
    gateway.push([app_push::Body::Drain(DRAIN)]);
    assert!(matches!(
        client.next_push().await.unwrap().body,
        Some(app_push::Body::Drain(_))
    ));
    let drained_at = Instant::now();
    while gateway.connections() == 1 {
        client.query(want("food")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        (500..=5_600).contains(&drained_at.elapsed().as_millis()),
        "{:?}",
        drained_at.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_gone_after_its_drain_costs_no_query() {
    for seed in 0..20 {
        let network = Network::new();
        let gateway = AppGateway::start(&network, first(Act::Close(ErrorCode::Draining)));
        let client = start_with_seed(&network, seed);
        while client.session().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        gateway.push([app_push::Body::Drain(DRAIN)]);
        assert!(matches!(
            client.next_push().await.unwrap().body,
            Some(app_push::Body::Drain(_))
        ));
        let drained_at = Instant::now();
        // The default deadline is 2 s, the jitter 5 s.
        client.query(want("food")).await.unwrap();
        assert_eq!(
            drained_at.elapsed().as_millis(),
            500,
            "not before the gateway wants it, and not much later"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_only_refuses_because_it_drains_is_left_as_well() {
    let network = Network::new();
    let draining = v1::Error::new(ErrorCode::Draining).after(100);
    let gateway = AppGateway::start(&network, first(Act::Refuse(draining)));
    let client = start(&network);
    client.query(want("food")).await.unwrap();
    assert_eq!((gateway.connections(), gateway.queries()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn pushes_go_on_after_a_break() {
    let network = Network::new();
    let gateway = AppGateway::start(&network, first(Act::Close(ErrorCode::Internal)));
    let client = start(&network);
    client.query(want("food")).await.unwrap();
    let decision = app_push::Body::Decision(v1::Decision {
        decision_id: 5,
        ..v1::Decision::default()
    });
    gateway.push([decision.clone()]);
    assert_eq!(client.next_push().await.unwrap().body, Some(decision));
    client.close();
    assert_eq!(client.next_push().await, None);
    assert_eq!(
        client.query(want("food")).await.unwrap_err(),
        RequestError::Lost(Lost::Local)
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_can_be_renewed() {
    let network = Network::new();
    let expired = v1::Error::new(ErrorCode::TokenExpired);
    let refusal = expired.clone();
    let script: Script = Arc::new(move |_, request| match &request.body {
        Some(app_request::Body::Hello(hello)) if hello.token == "old" => Act::Refuse(refusal.clone()),
        _ => Act::Answer,
    });
    let gateway = AppGateway::start(&network, script);
    let client = start(&network);
    let error = client.query(want("food")).await.unwrap_err();
    assert_eq!(error, RequestError::Connect(ConnectError::Refused(expired)));
    client.renew_token("new".into());
    let mut asked = client.query(want("food")).await;
    while let Err(RequestError::Connect(_)) = asked {
        tokio::task::yield_now().await;
        asked = client.query(want("food")).await;
    }
    assert!(asked.is_ok());
    assert!(gateway.connections() <= 3, "a refusal is not answered with a storm");
}

#[tokio::test(start_paused = true)]
async fn without_a_gateway_a_query_ends_at_its_deadline() {
    let client = start(&Network::new());
    let asked_at = Instant::now();
    assert_eq!(
        client.query(want("food")).await.unwrap_err(),
        RequestError::Timeout { after_ms: 2_000 }
    );
    assert_eq!(asked_at.elapsed().as_millis(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_breaks_at_every_request_is_not_stormed() {
    let network = Network::new();
    // It gives in at last, so that a storm is a failure, not a test that hangs.
    let script: Script = Arc::new(|connection, request| match connection {
        0..1_000 if !is_hello(request) => Act::Close(ErrorCode::Internal),
        _ => Act::Answer,
    });
    let gateway = AppGateway::start(&network, script);
    let client = start(&network);
    for _ in 0..30 {
        client.query(want("food")).await.unwrap_err();
    }
    // A minute: waits double from 0.1 s to 10 s.
    assert!((8..=20).contains(&gateway.connections()), "{}", gateway.connections());
}
