//! More queries than a gateway can answer: some are answered, the others are told so at once, and afterwards
//! everything is as before. The gateway is made slow on purpose, so that a test can ask for too much.
#![expect(clippy::panic, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::sync::Arc;
use std::time::Duration;

use nextbest::serve::GatewaySettings;
use nextbest::serve::overload::Step;
use nextbest::serve::transport::SERVICE_STREAMS_MAX;
use nextbest_client::{AppSession, RequestError};
use nextbest_proto::v1::{self, ErrorCode};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::house::{House, WAIT};

/// What each query costs the gateway.
const QUERY_COST: Duration = Duration::from_millis(5);
/// Queries at once: eight seconds of work.
const QUERIES: usize = 1_600;

fn slow_house() -> House {
    House::open_with(&GatewaySettings {
        drain_wait: Duration::ZERO,
        test_query_cost: QUERY_COST,
        ..GatewaySettings::default()
    })
}

fn query(deadline_ms: u32) -> v1::Query {
    v1::Query {
        subject: "ada".into(),
        want: "food".into(),
        deadline_ms,
        ..v1::Query::default()
    }
}

/// What became of the queries.
#[derive(Default)]
struct Asked {
    answered: usize,
    refused: Vec<v1::Error>,
    /// The caller gave up before anything came.
    given_up: usize,
}

/// Asks everything at once.
async fn ask_all(app: &Arc<AppSession>, deadline_ms: u32) -> Asked {
    let mut asking = JoinSet::new();
    for _ in 0..QUERIES {
        let app = Arc::clone(app);
        asking.spawn(async move { app.query(query(deadline_ms)).await });
    }
    let mut asked = Asked::default();
    for outcome in asking.join_all().await {
        match outcome {
            Ok(_) => asked.answered += 1,
            Err(RequestError::Refused(error)) => asked.refused.push(error),
            Err(RequestError::Timeout { .. }) => asked.given_up += 1,
            Err(error) => panic!("neither answered nor refused: {error}"),
        }
    }
    asked
}

#[tokio::test]
async fn who_cannot_be_answered_in_time_is_told_so() {
    let house = slow_house();
    let app = Arc::new(house.app(house.service_token()).await.unwrap());
    let asked = timeout(WAIT, ask_all(&app, 10_000)).await.expect("an end");
    let (answered, refused) = (asked.answered, &asked.refused);
    assert!(answered >= 10, "the gateway must go on answering: {answered}");
    assert!(
        refused.len() > QUERIES / 2,
        "only {} of {QUERIES} were refused",
        refused.len()
    );
    assert_eq!(answered + refused.len(), QUERIES, "nobody is left waiting");
    for error in refused {
        assert_eq!(error.code(), ErrorCode::Overloaded, "{error}");
        assert!(error.retry && error.retry_after_ms > 0, "{error:?}");
    }
    let overload = house.gateway.overload();
    assert_eq!(
        overload.shed(Step::Queries),
        refused.len() as u64,
        "each is counted once"
    );
    assert!(app.query(query(10_000)).await.is_ok(), "afterwards all is well");
}

#[tokio::test]
async fn what_nobody_would_read_is_not_answered() {
    let house = slow_house();
    let app = Arc::new(house.app(house.service_token()).await.unwrap());
    let asked = timeout(WAIT, ask_all(&app, 1)).await.expect("an end");
    assert_eq!(asked.answered + asked.refused.len() + asked.given_up, QUERIES);
    // The gateway has read everything before this one.
    app.query(query(10_000)).await.unwrap();
    let late = house.gateway.metrics().errors(ErrorCode::DeadlinePassed);
    assert!(
        late > u64::from(SERVICE_STREAMS_MAX) / 2,
        "of the queries that went out before their callers gave up most are late, but only {late} were refused"
    );
}
