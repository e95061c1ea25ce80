//! One session of an app: its three ways of asking, its errors, its pushes.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use nextbest_client::{
    AppHelloSettings, AppSession, ConnectError, IDLE_TIMEOUT_S, KEEP_ALIVE_S, Lost, Mode, PUSHES_LEN_MAX,
    ProtocolError, RequestError,
};
use nextbest_proto::{
    frame::{FrameError, encode_frame},
    limits::{APP_REPLY_LEN_MAX, APP_REQUEST_NOT_SIGNAL_LEN_MAX},
    v1::{self, ErrorCode, app_push, app_request},
};
use tokio::time::Instant;

use crate::{
    app_gateway::{Act, AppGateway, Script, always, honest},
    world::{CERTIFICATES, Certificates, Network, gateway},
};

const MODES: [Mode; 3] = [Mode::Stream, Mode::Datagram, Mode::Session];

async fn connect(network: &Arc<Network>) -> Result<AppSession, ConnectError> {
    let hello = AppHelloSettings {
        token: "token".into(),
        subscribe: true,
        ..AppHelloSettings::default()
    };
    AppSession::connect(&network.client(), gateway(), "localhost", &CERTIFICATES.trust(), hello).await
}

async fn world(script: Script) -> (Arc<Network>, AppGateway, AppSession) {
    let network = Network::new();
    let gateway = AppGateway::start(&network, script);
    let session = connect(&network).await.unwrap();
    (network, gateway, session)
}

fn want(want: &str) -> v1::Query {
    v1::Query {
        want: want.into(),
        ..v1::Query::default()
    }
}

#[tokio::test(start_paused = true)]
async fn hubs_are_read_page_by_page() {
    let (_network, _gateway, session) = world(honest()).await;
    let report = session.hubs().await.unwrap();
    let ids: Vec<&str> = report.hubs.iter().map(|hub| hub.hub_id.as_str()).collect();
    let expected: Vec<String> = (0..40).map(|number| format!("hub-{number}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test(start_paused = true)]
async fn every_mode_answers() {
    let (_network, gateway, session) = world(honest()).await;
    assert_eq!(session.welcome().generation, 7);
    for mode in MODES {
        assert_eq!(
            session.query_by(mode, want("food")).await.unwrap().stage,
            "food",
            "{mode:?}"
        );
    }
    assert_eq!(gateway.queries(), 3);
    let signal = v1::Signal {
        message_id: "m-1".into(),
        ..v1::Signal::default()
    };
    assert!(!session.signal(signal.clone()).await.unwrap().duplicate);
    assert!(session.signal(signal).await.unwrap().duplicate);
    let outcome = v1::Outcome {
        decision_id: 9,
        ..v1::Outcome::default()
    };
    assert_eq!(session.outcome(outcome).await.unwrap().decision_id, 9);
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_the_session_stream_and_each_gets_its_own_reply() {
    let (_network, gateway, session) = world(honest()).await;
    let session = Arc::new(session);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..100 {
        let session = Arc::clone(&session);
        callers.spawn(async move {
            let name = format!("place-{caller}");
            assert_eq!(session.query_by(Mode::Session, want(&name)).await.unwrap().stage, name);
        });
    }
    // One who gives up takes nobody's reply.
    let given_up = tokio::time::timeout(Duration::ZERO, session.query_by(Mode::Session, want("never"))).await;
    assert!(given_up.is_err());
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    assert!(gateway.queries() >= 100);
}

#[tokio::test(start_paused = true)]
async fn the_gateways_error_comes_through_with_its_code_and_sentence() {
    let refusal = v1::Error::because(ErrorCode::UnknownSubject, "The subject anna is not known.").after(250);
    let (_network, _gateway, session) = world(always(Act::Refuse(refusal.clone()))).await;
    for mode in [Mode::Stream, Mode::Session] {
        let error = session.query_by(mode, want("food")).await.unwrap_err();
        assert_eq!(error, RequestError::Refused(refusal.clone()), "{mode:?}");
        assert_eq!(error.refusal().map(|error| error.retry_after_ms), Some(250));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_hello_says_why() {
    let network = Network::new();
    let refusal = v1::Error::new(ErrorCode::TokenExpired);
    let answer = refusal.clone();
    let _gateway = AppGateway::start(&network, Arc::new(move |_, _| Act::Refuse(answer.clone())));
    let error = connect(&network).await.unwrap_err();
    assert_eq!(error, ConnectError::Refused(refusal));
    assert!(!error.is_passing());
}

#[tokio::test(start_paused = true)]
async fn a_connection_closed_in_the_hello_says_why() {
    let network = Network::new();
    let _gateway = AppGateway::start(&network, Arc::new(|_, _| Act::Close(ErrorCode::Overloaded)));
    let error = connect(&network).await.unwrap_err();
    assert_eq!(
        error.refusal().map(v1::Error::code),
        Some(ErrorCode::Overloaded),
        "{error}"
    );
    assert!(error.is_passing());
}

#[tokio::test(start_paused = true)]
async fn a_silent_gateway_is_a_timeout_in_every_mode_and_the_deadline_is_kept() {
    let (_network, _gateway, session) = world(always(Act::Silence)).await;
    for mode in MODES {
        let asked_at = Instant::now();
        let query = v1::Query {
            deadline_ms: 300,
            ..want("food")
        };
        let error = session.query_by(mode, query).await.unwrap_err();
        assert_eq!(error, RequestError::Timeout { after_ms: 300 }, "{mode:?}");
        assert_eq!(asked_at.elapsed().as_millis(), 300, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_datagram_is_a_timeout_and_the_next_one_is_answered() {
    let (network, gateway, session) = world(honest()).await;
    network.cut();
    let error = session.query_by(Mode::Datagram, want("food")).await.unwrap_err();
    assert_eq!(error, RequestError::Timeout { after_ms: 2_000 });
    network.mend();
    assert!(session.query_by(Mode::Datagram, want("food")).await.is_ok());
    assert_eq!(gateway.queries(), 1, "a lost datagram is not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_vanishes_is_noticed_by_the_idle_timeout() {
    let (network, _gateway, session) = world(honest()).await;
    network.cut();
    let cut_at = Instant::now();
    assert_eq!(session.closed().await, Lost::Silent);
    // The timer starts again with the first packet that is sent into the void, a keep-alive.
    let longest_s = IDLE_TIMEOUT_S + KEEP_ALIVE_S + 1;
    assert!(
        cut_at.elapsed() <= Duration::from_secs(longest_s),
        "{:?}",
        cut_at.elapsed()
    );
    assert_eq!(
        session.query(want("food")).await.unwrap_err(),
        RequestError::Lost(Lost::Silent)
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_over_the_limit_is_refused_unread() {
    // The length says 16,385 bytes; none of them follow.
    let mut bytes = BytesMut::new();
    prost::encode_length_delimiter(APP_REPLY_LEN_MAX + 1, &mut bytes).unwrap();
    let (_network, _gateway, session) = world(always(Act::Raw(bytes.to_vec()))).await;
    let expected = FrameError::TooLarge {
        len: APP_REPLY_LEN_MAX as u64 + 1,
        len_max: APP_REPLY_LEN_MAX,
    };
    for mode in [Mode::Stream, Mode::Session] {
        let error = session.query_by(mode, want("food")).await.unwrap_err();
        assert_eq!(
            error,
            RequestError::Protocol(ProtocolError::Frame(expected.clone())),
            "{mode:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_is_a_protocol_error_and_the_session_lives_on() {
    let mut other_reply = BytesMut::new();
    encode_frame(
        &v1::AppReply {
            request_id: 4_711,
            body: None,
        },
        &mut other_reply,
    );
    let garbage = [
        vec![5, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![10, 8, 1],
        vec![0x80; 11],
        vec![0x81, 0],
        vec![0],
        vec![],
        other_reply.to_vec(),
    ];
    for bytes in garbage {
        let shown = bytes.clone();
        let script: Script = Arc::new(move |_, request| match &request.body {
            Some(app_request::Body::Query(query)) if query.want == "garbage" => Act::Raw(bytes.clone()),
            _ => Act::Answer,
        });
        let (_network, _gateway, session) = world(script).await;
        for mode in [Mode::Stream, Mode::Session] {
            let error = session.query_by(mode, want("garbage")).await.unwrap_err();
            let is_clean_end = shown.is_empty() && error == RequestError::Lost(Lost::Finished);
            assert!(
                is_clean_end || matches!(error, RequestError::Protocol(_)),
                "{shown:?} {mode:?}: {error}"
            );
            assert!(session.query_by(mode, want("food")).await.is_ok(), "{shown:?} {mode:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_what_is_in_flight_with_the_reason() {
    for mode in [Mode::Stream, Mode::Session] {
        let (_network, _gateway, session) = world(always(Act::Close(ErrorCode::Draining))).await;
        let error = session.query_by(mode, want("food")).await.unwrap_err();
        assert!(
            matches!(error, RequestError::Lost(Lost::Closed(_))),
            "{mode:?}: {error}"
        );
        assert_eq!(
            error.refusal().map(v1::Error::code),
            Some(ErrorCode::Draining),
            "{mode:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_over_the_limit_is_not_sent() {
    let (_network, gateway, session) = world(honest()).await;
    for mode in MODES {
        let error = session
            .query_by(mode, want(&"x".repeat(APP_REQUEST_NOT_SIGNAL_LEN_MAX)))
            .await
            .unwrap_err();
        assert!(matches!(error, RequestError::TooLarge { .. }), "{mode:?}: {error}");
    }
    // Within the contract, but too large for the path.
    let error = session
        .query_by(Mode::Datagram, want(&"x".repeat(2_000)))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            RequestError::TooLarge {
                len_max: 1_000..=1_999,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(gateway.queries(), 0);
}

#[tokio::test(start_paused = true)]
async fn pushes_wait_in_a_bounded_queue_and_the_drain_behind_them_is_heard() {
    let (_network, gateway, session) = world(honest()).await;
    let decision = |decision_id| {
        app_push::Body::Decision(v1::Decision {
            decision_id,
            ..v1::Decision::default()
        })
    };
    // Streams may overtake each other: once this one is heard, the others are on their way.
    gateway.push([decision(0)]);
    assert_eq!(session.next_push().await.unwrap().body, Some(decision(0)));
    let drain = v1::Drain {
        reconnect_after_ms: 5,
        jitter_ms: 0,
    };
    gateway.push((1..=1_000).map(decision).chain([app_push::Body::Drain(drain)]));
    assert_eq!(session.drained().await, drain);
    assert_eq!(session.pushes_dropped(), 1_001 - PUSHES_LEN_MAX as u64);
    let first = 1_000 - PUSHES_LEN_MAX as u64 + 2;
    assert_eq!(session.next_push().await.unwrap().body, Some(decision(first)));
    session.close();
    let mut last = None;
    while let Some(push) = session.next_push().await {
        last = push.body;
    }
    assert_eq!(last, Some(app_push::Body::Drain(drain)));
}

#[tokio::test(start_paused = true)]
async fn the_halves_of_a_stream_carry_frames_that_are_encoded_already() {
    let (_network, gateway, session) = world(honest()).await;
    let (mut sender, mut receiver) = session.open_stream().await.unwrap();
    let mut frames = BytesMut::new();
    for request_id in 100..110 {
        let body = Some(app_request::Body::Query(want("food")));
        encode_frame(&v1::AppRequest { request_id, body }, &mut frames);
    }
    sender.send(&frames).await.unwrap();
    for request_id in 100..110 {
        assert_eq!(receiver.receive().await.unwrap().unwrap().request_id, request_id);
    }
    sender.finish();
    assert_eq!(receiver.receive_encoded().await.unwrap(), None);
    assert_eq!(gateway.queries(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_of_another_authority_is_not_trusted() {
    let network = Network::new();
    let _gateway = AppGateway::start(&network, honest());
    let stranger = Certificates::new().trust();
    let hello = AppHelloSettings::default();
    let error = AppSession::connect(&network.client(), gateway(), "localhost", &stranger, hello)
        .await
        .unwrap_err();
    assert!(matches!(&error, ConnectError::Lost(Lost::Transport(_))), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn another_protocol_is_refused_in_the_handshake() {
    let network = Network::new();
    let _gateway = AppGateway::start_with(&network, b"h3", honest());
    let error = connect(&network).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Lost(Lost::Transport(_))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_not_there_is_a_timeout() {
    let network = Network::new();
    let error = connect(&network).await.unwrap_err();
    assert_eq!(error, ConnectError::Timeout { after_ms: 10_000 });
}
