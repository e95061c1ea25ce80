//! The main job through the public doors: hubs hear tags, an app asks, and the person is sent to the stand with the
//! least walk and wait; a signal that was acknowledged is seen by the next answer; a push finds who moved.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod house;
#[path = "house/staff.rs"]
mod staff;

use house::{HUBS, House, WAIT, acknowledged, food, heard, identify};
use nextbest::serve::GatewaySettings;
use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest_client::{AppHelloSettings, AppSession, HubSession};
use nextbest_proto::v1::{self, app_push};
use tokio::time::timeout;

/// Where somebody stands: the RSSI at the hubs in the west, the middle and the east.
type Place = [i32; 3];
const WEST: Place = [-52, -86, -97];
const MIDDLE: Place = [-84, -52, -91];

/// The three hubs of the hall.
struct Hubs {
    sessions: Vec<HubSession>,
    next_sequence: u64,
}

impl Hubs {
    async fn of(house: &House) -> Self {
        let mut sessions = Vec::new();
        for hub_id in HUBS {
            sessions.push(house.hub(hub_id, 1).await.unwrap());
        }
        Self {
            sessions,
            next_sequence: 0,
        }
    }

    /// Each hub hears everybody once, and the gateway has taken it.
    async fn hear(&mut self, people: &[(u8, Place)]) {
        for (hub, session) in self.sessions.iter_mut().enumerate() {
            let heard: Vec<_> = people.iter().map(|(n, place)| heard(*n, place[hub])).collect();
            session.send_batch(self.next_sequence, 0, &heard).await.unwrap();
            let next_sequence = acknowledged(session).await;
            assert_eq!(next_sequence, self.next_sequence + people.len() as u64);
        }
        self.next_sequence += people.len() as u64;
    }
}

async fn register(house: &House, people: &[(u8, Place)]) {
    let desk = house.app(house.service_token()).await.unwrap();
    for (n, _) in people {
        let ack = desk
            .signal(identify(&format!("identify-{n}"), &format!("fan-{n}"), *n))
            .await
            .unwrap();
        assert!(!ack.duplicate);
    }
}

/// Asks until the answer is as wanted, while the hubs go on hearing everybody.
async fn ask_until(
    app: &AppSession,
    hubs: &mut Hubs,
    people: &[(u8, Place)],
    query: &v1::Query,
    is_wanted: impl Fn(&v1::Decision) -> bool,
) -> v1::Decision {
    let asked = async {
        loop {
            hubs.hear(people).await;
            let decision = app.query(query.clone()).await.unwrap();
            if is_wanted(&decision) {
                return decision;
            }
        }
    };
    timeout(WAIT, asked).await.expect("the wanted answer in time")
}

fn place(decision: &v1::Decision) -> Option<&v1::Place> {
    decision.answers.first()?.place.as_ref()
}

#[tokio::test]
async fn a_person_is_sent_to_the_nearest_stand_and_past_it_when_it_is_crowded() {
    let house = House::open();
    let mut hubs = Hubs::of(&house).await;
    // Ada is fan-0, in the middle, nearer to the west.
    let ada = [(0, MIDDLE)];
    register(&house, &ada).await;
    let app = house.app(house.token("fan-0")).await.unwrap();

    // Asking for nothing in particular sends nobody anywhere.
    let nothing = v1::Query::default();
    ask_until(&app, &mut hubs, &ada, &nothing, |decision| {
        decision.zone == "floor-west"
    })
    .await;
    assert_eq!(house.alive_hubs(), HUBS.len());
    let quiet = app.query(food()).await.unwrap();
    let nearest = place(&quiet).expect("a place");
    assert_eq!(nearest.id, "west-grill", "{quiet:?}");
    assert!(nearest.walk_s.is_some_and(|walk_s| walk_s > 0));

    let crowd: Vec<_> = ada.into_iter().chain((1..=25).map(|n| (n, WEST))).collect();
    register(&house, &crowd[1..]).await;
    let is_east = |decision: &v1::Decision| place(decision).is_some_and(|place| place.id == "east-grill");
    let crowded = ask_until(&app, &mut hubs, &crowd, &food(), is_east).await;
    let further = place(&crowded).expect("a place");
    assert!(further.walk_s > nearest.walk_s, "{crowded:?}");
    assert!(
        crowded.answers[0].message.starts_with("East Grill: "),
        "{}",
        crowded.answers[0].message
    );
}

#[tokio::test]
async fn the_next_answer_sees_a_signal_that_was_acknowledged_on_another_connection() {
    let house = House::open();
    let (phone, till) = (
        house.app(house.token("ada")).await.unwrap(),
        house.app(house.service_token()).await.unwrap(),
    );
    assert_eq!(phone.query(food()).await.unwrap().stage, "reach");
    let order = v1::Signal {
        message_id: "order-1".into(),
        kind: v1::SignalKind::Track.into(),
        subject: "ada".into(),
        name: "Order Completed".into(),
        ..v1::Signal::default()
    };
    assert!(!till.signal(order.clone()).await.unwrap().duplicate);
    assert_eq!(phone.query(food()).await.unwrap().stage, "conversion");
    assert!(
        till.signal(order).await.unwrap().duplicate,
        "the same signal is applied once"
    );
}

#[tokio::test]
async fn an_outcome_is_taken_for_a_decision_that_was_made_and_for_no_other() {
    let house = House::open();
    let app = house.app(house.token("ada")).await.unwrap();
    let decision = app.query(food()).await.unwrap();
    let outcome = v1::Outcome {
        decision_id: decision.decision_id,
        action: decision.answers[0].action.clone(),
        kind: v1::OutcomeKind::Accept.into(),
        ..v1::Outcome::default()
    };
    assert_eq!(
        app.outcome(outcome.clone()).await.unwrap().decision_id,
        decision.decision_id
    );
    let stranger = house.app(house.token("ben")).await.unwrap();
    let refused = stranger.outcome(outcome).await.unwrap_err();
    assert_eq!(
        refused.refusal().map(v1::Error::code),
        Some(v1::ErrorCode::UnknownDecision)
    );
}

#[tokio::test]
async fn who_comes_into_a_queue_is_told_so_without_asking() {
    let house = House::open();
    let mut hubs = Hubs::of(&house).await;
    let hello = AppHelloSettings {
        token: house.token("fan-0"),
        subscribe: true,
        ..AppHelloSettings::default()
    };
    let app = house.app_with(hello).await.unwrap();
    register(&house, &[(0, WEST)]).await;
    let pushed = async {
        loop {
            tokio::select! {
                push = app.next_push() => match push.expect("the session goes on").body {
                    Some(app_push::Body::Decision(decision)) => return decision,
                    other => panic!("{other:?}"),
                },
                () = hubs.hear(&[(0, WEST)]) => {}
            }
        }
    };
    let decision = timeout(WAIT, pushed).await.expect("a push in time");
    assert_eq!(decision.answers[0].message, "You are in the queue.");
}

#[tokio::test]
async fn staff_sees_what_was_counted_and_anybody_whether_it_serves() {
    let free = Some("127.0.0.1:0".parse().unwrap());
    let house = House::open_with(&GatewaySettings {
        http: free,
        admin: free,
        ..GatewaySettings::default()
    });
    let app = house.app(house.token("ada")).await.unwrap();
    app.query(food()).await.unwrap();
    let viewer = house.staff("grafana", AdminRole::Viewer);
    let (_, metrics) = house.ask("GET", "/metrics", &viewer, "").await;
    assert!(
        metrics.contains("nextbest_queries_total{way=\"stream\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("nextbest_decide_seconds_count 1\n"), "{metrics}");
    assert!(metrics.contains("nextbest_hubs_known 3\n"), "{metrics}");
    let public = house.gateway.public_addr().unwrap();
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 404),
        ("/nothing", 404),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        assert_eq!(house.ask_raw(public, request).await.0, status, "{path}");
    }
}
