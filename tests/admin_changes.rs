//! What staff changes is in the journal before it is made: who, in which role, what, when and why. It is still there after
//! the power is lost and after a snapshot, and what it says of a person goes with the person.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;
#[path = "house/staff.rs"]
mod staff;

use std::sync::Arc;
use std::time::Duration;

use house::{House, identify, pack};
use nextbest::engine::{Engine, Generation};
use nextbest::journal::storage::{Disk, Failing, Fault, PowerLoss, Storage, Tail};
use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest::serve::clock::{Clock, unix_s};
use nextbest::serve::durable::State;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::{Gateway, GatewaySettings};
use serde_json::Value;
use tempfile::TempDir;

const REVOKE: &str = "/v1/admin/revoke";

fn keys() -> (TempDir, KeyFolder) {
    let dir = TempDir::new().unwrap();
    let request = KeyRequest {
        venue_id: "hall".into(),
        hub_ids: vec!["hub-west".into(), "hub-east".into()],
        ..KeyRequest::default()
    };
    make_keys(dir.path(), &request, unix_s()).unwrap();
    let keys = KeyFolder::open(dir.path()).unwrap();
    (dir, keys)
}

/// A gateway that keeps its state in `storage`.
fn open((dir, keys): (TempDir, KeyFolder), storage: Arc<dyn Storage>) -> House {
    let engine = Arc::new(Engine::new(Generation::build(pack().spec).unwrap()).unwrap());
    let settings = GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        drain_wait: Duration::ZERO,
        ..GatewaySettings::default()
    };
    let mut state = State::in_storage(storage);
    state.settings.segment_len = 1 << 20;
    state.settings.queue_bytes_max = 256 << 10;
    let clock = Clock::start();
    let gateway = Gateway::start_kept(&settings, Arc::clone(&engine), &keys, clock, &state).unwrap();
    House {
        gateway,
        engine,
        clock,
        signer: keys.token_signer().unwrap(),
        keys,
        dir,
    }
}

/// Ends the gateway; the keys stay.
fn close(house: House) -> (TempDir, KeyFolder) {
    house.gateway.stop();
    (house.dir, house.keys)
}

/// The changes that a role is shown.
async fn shown(house: &House, role: AdminRole) -> Vec<Value> {
    let name = format!("{}-{}", role.name(), house.keys.admin_tokens().unwrap().iter().count());
    let token = house.staff(&name, role);
    let (status, answer) = house.ask("GET", "/v1/admin/changes", &token, "").await;
    assert_eq!(status, 200, "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let changes: Value = serde_json::from_str(body).unwrap();
    changes["changes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_change_is_there_after_the_power_was_lost_and_what_it_says_of_a_person_goes_with_them() {
    let storage = PowerLoss::with(Disk::default());
    let house = open(keys(), Arc::new(storage.clone()));
    let app = house.app(house.token("ada")).await.unwrap();
    app.signal(identify("m-1", "", 1)).await.unwrap();
    let operator = house.staff("ops", AdminRole::Operator);
    let agent = house.staff("desk", AdminRole::Agent);
    let stolen = r#"{"hub":"hub-west","why":"stolen on Sunday"}"#;
    assert_eq!(house.ask("POST", REVOKE, &operator, stolen).await.0, 200);
    let lost = r#"{"customer":"ada","why":"ada lost her phone"}"#;
    assert_eq!(house.ask("POST", REVOKE, &agent, lost).await.0, 200);
    let unknown = r#"{"customer":"canary-unknown","why":"called at the desk"}"#;
    assert_eq!(house.ask("POST", REVOKE, &agent, unknown).await.0, 200);
    // The power goes with everything that was not synced.
    let disk = storage.disk().after_loss(Tail::Lost);
    let house = open(close(house), Arc::new(PowerLoss::with(disk.clone())));
    let [called, phone, hub] = &shown(&house, AdminRole::PrivacyOfficer).await[..] else {
        panic!("three changes are expected");
    };
    assert_eq!((&hub["who"], &hub["role"]), (&"ops".into(), &"operator".into()));
    assert_eq!(
        (&hub["what"], &hub["about"]),
        (&"revoke a hub".into(), &"hub-west".into())
    );
    assert_eq!(hub["why"], "stolen on Sunday");
    assert!(hub["unix_ms"].as_u64().unwrap().abs_diff(unix_s() * 1_000) < 600_000);
    assert_eq!(
        (&phone["person"], &phone["person_why"]),
        (&"ada".into(), &"ada lost her phone".into())
    );
    assert_eq!(
        (&called["about"], &called["why"]),
        (&"".into(), &"called at the desk".into())
    );
    let hers = &shown(&house, AdminRole::Operator).await[1];
    assert_eq!(
        (hers.get("person"), hers.get("person_why")),
        (None, None),
        "an operator sees nobody: {hers}"
    );
    assert_eq!(hers["who"], "desk");
    for name in disk.names() {
        let bytes = disk.clone().bytes_mut(name).unwrap().clone();
        assert!(
            !bytes
                .windows(14)
                .any(|window| window == b"canary-unknown" || window == b"ada lost her p"),
            "{name}"
        );
    }
    // She is erased; a snapshot is taken, and the gateway starts from that.
    let kept = PowerLoss::with(disk);
    let house = open(close(house), Arc::new(kept.clone()));
    house.gateway.erase("ada", "dpo", "request 17").unwrap();
    let house = open(close(house), Arc::new(kept));
    let hers = &shown(&house, AdminRole::PrivacyOfficer).await[1];
    assert_eq!((&hers["person"], &hers["person_why"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&hers["who"], &hers["what"]),
        (&"desk".into(), &"revoke a customer's tokens".into())
    );
}

/// How many operations of the disk there were before a change and after it, and whether it was made, when the disk fails at
/// the operation `fails_at`; `None` when that was before.
async fn change_on_a_disk_that_fails(fails_at: u64) -> Option<(u64, u64, bool)> {
    let storage = Arc::new(Failing::new(
        Arc::new(PowerLoss::with(Disk::default())),
        fails_at,
        Fault::Device,
    ));
    let house = open(keys(), Arc::clone(&storage) as Arc<dyn Storage>);
    let operator = house.staff("ops", AdminRole::Operator);
    let before = storage.operations();
    if before >= fails_at {
        return None;
    }
    let stolen = r#"{"hub":"hub-west","why":"stolen"}"#;
    let (status, answer) = house.ask("POST", REVOKE, &operator, stolen).await;
    let is_made = !house.keys.revoked_text().unwrap().is_empty();
    assert_eq!(status, if is_made { 200 } else { 503 }, "{answer}");
    Some((before, storage.operations(), is_made))
}

#[tokio::test]
async fn a_change_that_cannot_be_journaled_is_not_made() {
    let (before, after, is_made) = change_on_a_disk_that_fails(u64::MAX).await.unwrap();
    assert!(is_made && after > before, "{before} to {after}");
    let mut refused = 0;
    for fails_at in before + 1..=after {
        if let Some((.., is_made)) = change_on_a_disk_that_fails(fails_at).await {
            refused += u64::from(!is_made);
        }
    }
    assert!(
        refused > 0,
        "a failure at one of {} operations is expected to be noticed",
        after - before
    );
}
