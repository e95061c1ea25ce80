//! What staff gets of people: everything of one person, for the privacy officer alone; their erasure, proved without them;
//! and of nobody anything else, wherever one looks: at admin answers, metrics, exports of others and the log.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test stops at the first surprise, and the log is written by threads of the gateway"
)]

#[path = "house/canaries.rs"]
mod canaries;
#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;
#[path = "house/staff.rs"]
mod staff;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use canaries::{canaries, says};
use house::{House, food, heard, identify};
use nextbest::serve::GatewaySettings;
use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest::serve::clock::unix_s;
use nextbest_client::AppSession;
use nextbest_proto::v1;
use serde_json::{Value, json};

/// People with canaries.
const PEOPLE: u32 = 1_000;
const EXPORT: &str = "/v1/admin/person/export";
const ERASE: &str = "/v1/admin/person/erase";
const ERASURES: &str = "/v1/admin/erasures";

fn open() -> House {
    House::open_with(&GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        ..GatewaySettings::default()
    })
}

/// A privacy officer.
struct Officer<'a> {
    house: &'a House,
    token: String,
}

impl<'a> Officer<'a> {
    fn of(house: &'a House) -> Self {
        Self {
            token: house.staff("dpo", AdminRole::PrivacyOfficer),
            house,
        }
    }

    async fn ask(&self, verb: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, answer) = self.house.ask(verb, path, &self.token, &body.to_string()).await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap())
    }

    async fn about(&self, path: &str, customer: &str) -> (u16, Value) {
        self.ask("POST", path, &json!({ "customer": customer, "why": "request 17" }))
            .await
    }
}

async fn till(house: &House) -> AppSession {
    house.app(house.service_token()).await.unwrap()
}

/// A date that is the same for a whole run: two hours ago, to the hour.
fn said_s() -> u64 {
    (unix_s() / 3_600 - 2) * 3_600
}

/// Somebody who carries a tag and a key, has ordered once, and has said something about three purposes.
async fn ada(house: &House) -> AppSession {
    let phone = house.app(house.token("ada")).await.unwrap();
    let consent = |purpose: v1::Purpose, allowed, until_unix_s| v1::Consent {
        purpose: purpose.into(),
        allowed,
        given_unix_s: said_s(),
        until_unix_s,
    };
    let says = v1::Signal {
        consents: vec![
            consent(v1::Purpose::Marketing, true, said_s() + 60),
            consent(v1::Purpose::Research, false, 0),
        ],
        ..identify("m1", "", 7)
    };
    phone.signal(says).await.unwrap();
    let carried = v1::Tag {
        identity_kind: v1::IdentityKind::Address.into(),
        resolving_key: vec![0xab; 16],
        ..v1::Tag::default()
    };
    let till = till(house).await;
    let registers = v1::Signal {
        tags: vec![carried],
        ..identify("m2", "ada", 7)
    };
    till.signal(registers).await.unwrap();
    let ordered = v1::Signal {
        message_id: "m3".into(),
        kind: v1::SignalKind::Track.into(),
        subject: "ada".into(),
        name: "Order Completed".into(),
        ..v1::Signal::default()
    };
    till.signal(ordered).await.unwrap();
    phone
}

#[tokio::test]
async fn the_privacy_officer_gets_everything_that_is_known_and_nobody_else_anything() {
    let house = open();
    let officer = Officer::of(&house);
    let phone = ada(&house).await;
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    for sequence in 0..8 {
        hub.send_batch(sequence, 0, &[heard(7, -50)]).await.unwrap();
        house::acknowledged(&mut hub).await;
        tokio::time::timeout(house::WAIT, phone.query(food()))
            .await
            .unwrap()
            .unwrap();
    }
    let (status, known) = officer.about(EXPORT, "ada").await;
    assert_eq!(status, 200, "{known}");
    assert_eq!(
        (&known["customer"], &known["stage"]),
        (&json!("ada"), &json!("conversion"))
    );
    assert_eq!(known["traits"]["orders"], 1.0);
    assert!(known["decisions"].as_u64().unwrap() > 0);
    let consents = &known["consents"];
    assert_eq!(
        (&consents["marketing"]["status"], &consents["marketing"]["allowed"]),
        (&json!("expired"), &json!(false))
    );
    let date = |what: &str| {
        consents["marketing"][what]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert_eq!(date("until").as_second() - date("said").as_second(), 60);
    assert!(date("until").as_second() < unix_s() as i64);
    assert_eq!(consents["research"]["status"], "withdrawn");
    assert_eq!(
        consents["service"],
        json!({ "status": "never asked", "allowed": true, "said": null, "until": null })
    );
    assert_eq!(consents["personalization"]["allowed"], false);
    let tags = known["tags"].as_array().unwrap();
    assert_eq!(tags[0], json!({ "kind": "address", "identity": "e78f13000007" }));
    assert_eq!(tags[1], json!({ "kind": "resolving_key" }));
    assert!(!known.to_string().contains("abab"), "a key is not repeated");

    assert_eq!(officer.about(EXPORT, "nobody").await.0, 404);
    assert_eq!(officer.ask("POST", EXPORT, &json!({ "customer": "ada" })).await.0, 400);
    assert_eq!(
        officer
            .ask("POST", EXPORT, &json!({ "customer": "ada", "why": " " }))
            .await
            .0,
        400
    );
    let more = json!({ "customer": "ada", "why": "x", "role": "operator" });
    assert_eq!(officer.ask("POST", EXPORT, &more).await.0, 400);
    let body = json!({ "customer": "ada", "why": "curious" }).to_string();
    for role in AdminRole::ALL
        .into_iter()
        .filter(|role| *role != AdminRole::PrivacyOfficer)
    {
        let token = house.staff(role.name(), role);
        for (verb, path) in [("POST", EXPORT), ("POST", ERASE), ("GET", ERASURES)] {
            assert_eq!(
                house.ask(verb, path, &token, &body).await.0,
                403,
                "{path} as {}",
                role.name()
            );
        }
    }
    for token in [String::new(), house.token("ada"), house.service_token()] {
        assert_eq!(house.ask("POST", ERASE, &token, &body).await.0, 401);
    }
    assert_eq!(officer.about(EXPORT, "ada").await.0, 200, "nobody has erased her");
}

#[tokio::test]
async fn an_erasure_is_proved_without_the_person_and_who_comes_again_is_somebody_new() {
    let house = open();
    let officer = Officer::of(&house);
    let phone = ada(&house).await;
    assert_eq!(phone.query(food()).await.unwrap().stage, "conversion");
    let named = json!({ "customer": "ada", "why": "Ada has asked for it" });
    assert_eq!(officer.ask("POST", ERASE, &named).await.0, 400, "a proof names nobody");
    let (status, done) = officer.about(ERASE, "ada").await;
    assert_eq!(
        (status, &done["erased"], &done["who"]),
        (200, &json!(true), &json!("dpo"))
    );
    assert_eq!(officer.about(EXPORT, "ada").await.0, 404);
    assert_eq!(officer.about(ERASE, "ada").await.0, 404, "once is enough");
    let (_, proofs) = officer.ask("GET", ERASURES, &json!({})).await;
    assert_eq!(proofs["erased"], 1);
    let proof = &proofs["proofs"][0];
    assert_eq!((&proof["who"], &proof["why"]), (&json!("dpo"), &json!("request 17")));
    assert_eq!(proof["at"], done["at"]);
    assert!(!proofs.to_string().contains("ada"));
    assert_eq!(phone.query(food()).await.unwrap().stage, "reach", "nobody knows her");
}

/// Requests of a person that are refused, each with their canaries in it.
async fn go_wrong(house: &House, till: &AppSession, n: u32) {
    let [id, _, word, name, _] = canaries(n);
    let conflict = v1::Signal {
        name: format!("another {name}"),
        ..says(n)
    };
    let dated = v1::Signal {
        message_id: format!("dated {word}"),
        consents: vec![v1::Consent {
            purpose: v1::Purpose::Marketing.into(),
            allowed: true,
            given_unix_s: u64::from(u32::MAX),
            until_unix_s: 0,
        }],
        ..says(n)
    };
    let long = v1::Signal {
        message_id: word.repeat(9),
        ..says(n)
    };
    let of_venue = v1::Signal {
        subject: String::new(),
        message_id: format!("venue {word}"),
        ..says(n)
    };
    for wrong in [conflict, dated, long, of_venue] {
        assert!(till.signal(wrong).await.is_err());
    }
    let outcome = v1::Outcome {
        subject: id.clone(),
        decision_id: 9,
        action: name.clone(),
        kind: v1::OutcomeKind::Accept.into(),
    };
    assert!(till.outcome(outcome).await.is_err());
    let watch = v1::WatchPresence {
        subject: id.clone(),
        zone: word.clone(),
    };
    assert!(till.watch_presence(watch).await.is_err());
    assert!(house.app(format!("{id}.{word}.{name}")).await.is_err());
}

/// Writes into the log that the test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_thousand_people_are_in_their_own_export_and_nowhere_else() {
    let log = Log::default();
    let written = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || written.clone())
        .try_init()
        .expect("this test alone sets the log");
    let house = open();
    let (officer, till) = (Officer::of(&house), till(&house).await);
    tracing::info!("the log is taken");
    for n in 0..PEOPLE {
        till.signal(says(n)).await.unwrap();
    }
    for n in (0..PEOPLE).step_by(50) {
        go_wrong(&house, &till, n).await;
    }
    let mut answers = Vec::new();
    for n in (0..PEOPLE).step_by(10) {
        let [id, ..] = canaries(n);
        let (status, known) = officer.about(EXPORT, &id).await;
        let known = known.to_string();
        assert_eq!(status, 200);
        assert_eq!(
            known.matches("canary-").count(),
            1,
            "their own id and nobody's: {known}"
        );
        assert!(known.contains(&id));
        if n % 100 == 0 {
            assert_eq!(officer.about(ERASE, &id).await.0, 200);
            answers.push(officer.about(EXPORT, &id).await.1.to_string());
        }
    }
    let operator = house.staff("ops", AdminRole::Operator);
    for path in ["/metrics", "/v1/admin/hubs", "/v1/admin/whoami", "/healthz"] {
        answers.push(house.ask("GET", path, &operator, "").await.1);
    }
    answers.push(officer.ask("GET", ERASURES, &json!({})).await.1.to_string());
    let wrong = json!({ "customer": canaries(1)[0], "why": canaries(1)[2], "more": canaries(1)[3] });
    answers.push(officer.ask("POST", EXPORT, &wrong).await.1.to_string());
    for answer in &answers {
        assert!(!answer.contains("canary-"), "{answer}");
    }
    house.gateway.stop();
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("the log is taken") && log.contains("admin: erase a person"));
    let found = log.lines().find(|line| line.contains("canary-"));
    assert_eq!(found, None);
}

#[tokio::test]
async fn counts_of_people_are_told_in_tens() {
    let house = open();
    let operator = house.staff("ops", AdminRole::Operator);
    let till = till(&house).await;
    let customers = async |house: &House| {
        let (_, text) = house.ask("GET", "/metrics", &operator, "").await;
        let line = text.lines().find_map(|line| line.strip_prefix("nextbest_customers "));
        line.unwrap().parse::<u32>().unwrap()
    };
    for (people, told) in [(9, 0), (10, 10), (11, 10), (19, 10), (20, 20)] {
        for n in 0..people {
            till.query(v1::Query {
                subject: format!("person-{n}"),
                ..food()
            })
            .await
            .unwrap();
        }
        assert_eq!(customers(&house).await, told, "of {people}");
    }
}

#[tokio::test]
async fn the_command_exports_erases_and_lists_and_says_when_it_may_not() {
    let house = open();
    let _phone = ada(&house).await;
    let tokens = tempfile::TempDir::new().unwrap();
    let file = |role: AdminRole| {
        let path = tokens.path().join(role.name());
        std::fs::write(&path, house.staff(role.name(), role) + "\n").unwrap();
        path
    };
    let (dpo, viewer) = (file(AdminRole::PrivacyOfficer), file(AdminRole::Viewer));
    let run = async |arguments: &[&str], token: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nextbest"));
        command.arg("person").args(arguments).arg("--token").arg(token);
        command
            .arg("--admin")
            .arg(house.gateway.admin_addr().unwrap().to_string());
        command.arg("--keys").arg(house.keys.path());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, refused, said) = run(&["export", "ada", "--why", "curious"], &viewer).await;
    assert_eq!((code, refused.as_str()), (Some(3), ""), "{said}");
    assert!(said.contains("does not allow that"), "{said}");
    let (code, known, said) = run(&["export", "ada", "--why", "request 17"], &dpo).await;
    assert_eq!(code, Some(0), "{said}");
    let known: Value = serde_json::from_str(&known).unwrap();
    assert_eq!(
        (&known["customer"], &known["traits"]["orders"]),
        (&json!("ada"), &json!(1.0))
    );
    let (code, done, said) = run(&["erase", "ada", "--why", "request 17"], &dpo).await;
    assert!(code == Some(0) && done.contains("\"erased\": true"), "{said}");
    let (code, _, said) = run(&["export", "ada", "--why", "request 17"], &dpo).await;
    assert!(code == Some(3) && said.contains("nobody knows the customer"), "{said}");
    let (code, proofs, _) = run(&["erasures"], &dpo).await;
    assert!(
        code == Some(0) && proofs.contains("request 17") && !proofs.contains("ada"),
        "{proofs}"
    );
}
