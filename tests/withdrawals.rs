//! A gateway that leaves everything undone that it may still hears who withdraws a consent, and says nothing else.
//!
//! It sheds because the process has more memory than it was allowed, which this test brings about by taking it. A file of its
//! own, because every gateway of a process would see that.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::fs;

use house::{House, WAIT};
use nextbest::serve::GatewaySettings;
use nextbest::serve::overload::Step;
use nextbest_client::RequestError;
use nextbest_proto::v1::{self, ErrorCode};
use tokio::time::timeout;

/// What is allowed beside what the process has at the start, and then taken.
const ALLOWED_BYTES: usize = 256 << 20;

/// Bytes that this process has in memory.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kib * 1_024
}

fn consent(number: u32, allowed: bool) -> v1::Signal {
    v1::Signal {
        message_id: format!("consent-{number}"),
        kind: v1::SignalKind::Identify.into(),
        consents: vec![v1::Consent {
            purpose: v1::Purpose::Location.into(),
            allowed,
            ..v1::Consent::default()
        }],
        ..v1::Signal::default()
    }
}

#[tokio::test]
async fn withdrawing_is_heard_when_signals_and_queries_are_not() {
    let house = House::open_with(&GatewaySettings {
        memory_bytes_max: Some(resident_bytes() + ALLOWED_BYTES as u64),
        ..GatewaySettings::default()
    });
    let app = house.app(house.token("ada")).await.unwrap();
    app.signal(consent(0, true)).await.unwrap();
    let taken = vec![1_u8; ALLOWED_BYTES];
    let mut number = 0;
    let shed = async {
        loop {
            number += 1;
            match app.signal(consent(number, true)).await {
                Ok(_) => {}
                Err(RequestError::Refused(error)) => break error,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let error = timeout(WAIT, shed).await.unwrap();
    assert_eq!(error.code(), ErrorCode::Overloaded, "{error}");
    let overload = house.gateway.overload();
    assert!(overload.step() >= Step::Signals, "{:?}", overload.step());
    for withdrawn in 1..=50 {
        app.signal(consent(number + withdrawn, false)).await.unwrap();
    }
    let refused = app.signal(consent(0, true)).await;
    assert!(
        refused.is_err(),
        "what is no withdrawal is refused, also when it is known: {refused:?}"
    );
    assert_eq!(overload.shed(Step::Signals), 2, "each is counted once");
    assert!(taken.iter().all(|byte| *byte == 1));
}
