//! A survey that is taken live: the gateway, its hubs and the command that ships are real, and the engineer is a script.
//!
//! Promise: what is in `survey.csv` is what the hubs heard while the engineer stood there; a survey that ends in the middle
//! keeps what was done and goes on; nobody's tag is taken or looked at who was not asked.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "other tests ask more of the house")]
mod house;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use house::{HUBS, House, WAIT, acknowledged, heard, identify, tag};
use nextbest_client::{HubSession, RequestError};
use nextbest_proto::v1::{self, ErrorCode};
use tokio::time::{interval, timeout};

/// What each hub hears in turn, strong and weak, in dBm.
const HEARD_DBM: [[i32; 2]; 3] = [[-50, -54], [-60, -64], [-70, -74]];
/// Who carries the tag in the tests, as the house numbers people.
const SURVEYOR: u8 = 9;
const PLAN: &str = "place,x_m,y_m,z_m\nA,2.5,2.5,1.2\nB,6.5,2.5,1.2\nC,10.5,2.5,1.2\n";

#[tokio::test]
async fn a_survey_that_was_killed_goes_on_and_holds_what_the_hubs_heard() {
    let scene = Scene::new();
    // Killed while it listens at the second place.
    let after_a = scene
        .while_hubs_hear(3, |scene| {
            let mut child = scene.start(&[], "\n\n");
            let out = BufReader::new(child.stdout.take().unwrap());
            let mut lines = out.lines().map(Result::unwrap);
            assert!(lines.any(|line| line.starts_with("place A is taken: 3 hubs")));
            assert!(lines.any(|line| line.starts_with("stand at place B")));
            child.kill().unwrap();
            child.wait().unwrap();
            fs::read_to_string(scene.out()).unwrap()
        })
        .await;
    let rows = rows(&after_a);
    assert_eq!(rows.len(), HUBS.len(), "{after_a}");
    for (row, hub) in rows.iter().zip(HUBS) {
        check_row(row, (2.5, hub));
    }
    // B, B again, and not C.
    let said = scene.while_hubs_hear(3, |scene| scene.run(&[], "\nr\n\nq\n")).await;
    let text = String::from_utf8(said.stdout.clone()).unwrap();
    assert!(said.status.success(), "{said:?}");
    assert!(text.starts_with("3 places, 2 left\n"), "{text}");
    assert_eq!(text.matches("place B is taken").count(), 2, "{text}");
    assert!(text.contains("stand at place C: x 10.50 m, y 2.50 m, level "), "{text}");
    assert!(text.contains("1 of 3 places left"), "{text}");
    assert!(text.contains("nextbest check --pack"), "{text}");
    let survey = fs::read_to_string(scene.out()).unwrap();
    assert!(survey.starts_with(&after_a), "what was done before stays as it was");
    let rows = self::rows(&survey);
    assert_eq!(rows.len(), 2 * HUBS.len(), "{survey}");
    for (row, hub) in rows[HUBS.len()..].iter().zip(HUBS) {
        check_row(row, (6.5, hub));
    }
}

#[tokio::test]
async fn a_place_that_too_few_hubs_hear_is_not_taken() {
    let scene = Scene::new();
    // Tries, skips it, and then nobody is there any more.
    let said = scene.while_hubs_hear(2, |scene| scene.run(&[], "\ns\n")).await;
    let text = String::from_utf8(said.stdout.clone()).unwrap();
    assert!(said.status.success(), "{said:?}");
    assert!(text.contains("only 2 of at least 3 hubs heard the tag here"), "{text}");
    assert!(text.contains("stand at place B"), "{text}");
    assert!(!scene.out().exists());
}

#[tokio::test]
async fn a_tag_that_somebody_else_carries_is_theirs_unless_it_is_taken_over() {
    let scene = Scene::new();
    let desk = scene.house.app(scene.house.service_token()).await.unwrap();
    desk.signal(identify("m-1", "ada", SURVEYOR)).await.unwrap();
    let refused = scene.while_hubs_hear(0, |scene| scene.run(&[], "")).await;
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert!(sentence.contains("somebody else carries this tag"), "{sentence}");
    assert!(
        desk.readings(request("ada", SURVEYOR)).await.is_ok(),
        "ada still carries it"
    );
    let taken = scene.while_hubs_hear(0, |scene| scene.run(&["--take-over"], "")).await;
    assert!(taken.status.success(), "{taken:?}");
    assert!(desk.readings(request("surveyor", SURVEYOR)).await.is_ok());
}

#[tokio::test]
async fn readings_are_for_a_service_that_names_who_carries_the_tag() {
    let scene = Scene::new();
    let desk = scene.house.app(scene.house.service_token()).await.unwrap();
    let ask = |subject: &str, n| code_of(desk.readings(request(subject, n)));
    assert_eq!(ask("ada", 1).await, Some(ErrorCode::UnknownSubject));
    for n in 1..=5 {
        desk.signal(identify(&format!("m-{n}"), &format!("fan-{n}"), n))
            .await
            .unwrap();
    }
    assert_eq!(ask("ada", 1).await, Some(ErrorCode::NotAllowed));
    for n in 1..=4 {
        assert_eq!(ask(&format!("fan-{n}"), n).await, None);
    }
    assert_eq!(ask("fan-5", 5).await, Some(ErrorCode::Overloaded), "four are watched");
    let own = scene.house.app(scene.house.token("fan-1")).await.unwrap();
    assert_eq!(code_of(own.readings(request("", 1))).await, Some(ErrorCode::NotAllowed));
    let withdrawn = v1::Signal {
        consents: vec![v1::Consent {
            purpose: v1::Purpose::Location.into(),
            allowed: false,
            ..v1::Consent::default()
        }],
        tags: Vec::new(),
        ..identify("m-9", "fan-1", 1)
    };
    desk.signal(withdrawn).await.unwrap();
    assert_eq!(
        ask("fan-1", 1).await,
        Some(ErrorCode::UnknownSubject),
        "the tag was given back"
    );
    assert_eq!(ask("fan-5", 5).await, None, "and made room");
}

async fn code_of(asked: impl Future<Output = Result<v1::ReadingsReply, RequestError>>) -> Option<ErrorCode> {
    match asked.await {
        Ok(_) => None,
        Err(RequestError::Refused(error)) => Some(error.code()),
        Err(other) => unreachable!("{other}"),
    }
}

fn request(subject: &str, n: u8) -> v1::ReadingsRequest {
    v1::ReadingsRequest {
        subject: subject.into(),
        tag: Some(tag(n)),
        after: 0,
    }
}

/// One line of the survey in its fields.
fn rows(survey: &str) -> Vec<Vec<&str>> {
    let mut lines = survey.lines();
    assert_eq!(
        lines.next(),
        Some("x_m,y_m,z_m,hub,rssi_mean_dbm,rssi_sd_db,rssi_p75_dbm")
    );
    lines.map(|line| line.split(',').collect()).collect()
}

/// Each hub heard strong and weak equally often; a place may begin or end between the two.
fn check_row(row: &[&str], (east_m, hub): (f32, &str)) {
    let number = |column: usize| row[column].parse::<f32>().unwrap();
    assert_eq!((number(0), number(1), number(2), row[3]), (east_m, 2.5, 1.2, hub));
    let [strong, weak] = HEARD_DBM[HUBS.iter().position(|known| *known == hub).unwrap()];
    let mean = (strong + weak) as f32 / 2.0;
    assert!((number(4) - mean).abs() < 0.3, "{row:?}");
    assert!((number(5) - 2.0).abs() < 0.05, "{row:?}");
    assert_eq!(number(6), strong as f32, "{row:?}");
}

struct Scene {
    house: House,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("plan.csv"), PLAN).unwrap();
        Self {
            house: House::open(),
            dir,
        }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("survey.csv")
    }

    /// Does something that blocks while the first hubs hear the tag.
    async fn while_hubs_hear<T>(&self, hubs: usize, work: impl FnOnce(&Surveyor) -> T + Send + 'static) -> T
    where
        T: Send + 'static,
    {
        let scene = Surveyor {
            to: self.house.gateway.app_addr(),
            keys: self.house.dir.path().to_owned(),
            dir: self.dir.path().to_owned(),
        };
        let working = tokio::task::spawn_blocking(move || work(&scene));
        let hearing = self.hear(hubs);
        let done = async {
            tokio::select! {
                done = working => done.unwrap(),
                () = hearing => unreachable!("hubs hear until nobody listens"),
            }
        };
        timeout(3 * WAIT, done).await.unwrap()
    }

    /// The first hubs hear the tag ten times in a batch, for ever.
    async fn hear(&self, hubs: usize) {
        let epoch = self.house.clock.now().as_millis() + 1;
        let mut sessions: Vec<HubSession> = Vec::new();
        for hub_id in HUBS.iter().take(hubs) {
            sessions.push(self.house.hub(hub_id, epoch).await.unwrap());
        }
        let mut pace = interval(Duration::from_millis(50));
        for batch in 0.. {
            pace.tick().await;
            for (session, [strong, weak]) in sessions.iter_mut().zip(HEARD_DBM) {
                let batch_of: Vec<_> = (0..5)
                    .flat_map(|_| [heard(SURVEYOR, strong), heard(SURVEYOR, weak)])
                    .collect();
                session.send_batch(batch * 10, 0, &batch_of).await.unwrap();
                acknowledged(session).await;
            }
        }
    }
}

/// The command, with what it is told in every test.
struct Surveyor {
    to: SocketAddr,
    keys: PathBuf,
    dir: PathBuf,
}

impl Surveyor {
    fn out(&self) -> PathBuf {
        self.dir.join("survey.csv")
    }

    fn start(&self, arguments: &[&str], says: &str) -> Child {
        let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hall");
        let mut child = Command::new(env!("CARGO_BIN_EXE_nextbest"))
            .args(["survey", "take", "--seconds", "1", "--tag", "e78f13000009"])
            .args(["--to", &self.to.to_string()])
            .arg("--pack")
            .arg(pack)
            .arg("--keys")
            .arg(&self.keys)
            .arg("--points")
            .arg(self.dir.join("plan.csv"))
            .arg("--out")
            .arg(self.out())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(says.as_bytes()).unwrap();
        child
    }

    fn run(&self, arguments: &[&str], says: &str) -> Output {
        self.start(arguments, says).wait_with_output().unwrap()
    }
}
