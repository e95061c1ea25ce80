//! A thousand configurations, one after the other, under load: every answer comes from exactly one of them and names it,
//! and none fails. Each generation says its number in its message, so that an answer made from two would show.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nextbest::engine::Generation;
use nextbest_client::AppSession;
use tokio::task::JoinSet;

use self::house::{House, food, pack_edited};

/// Configurations that are published.
const RELOADS: u64 = 1_000;
/// Apps that ask meanwhile, one question after the other.
const APPS: usize = 4;

/// The hall, with a message that says the generation's number.
fn generation(number: u64) -> Generation {
    let pack = pack_edited(|name, text| match name {
        "messages/en.ftl" => text.replace(
            "There is a grill at each end of the hall.",
            &format!("Generation {number}."),
        ),
        _ => text,
    });
    let mut spec = pack.spec;
    spec.number = number;
    Generation::build(spec).unwrap()
}

/// Asks until told to stop; returns the generations that answered.
async fn ask(app: AppSession, is_over: Arc<AtomicBool>) -> BTreeSet<u64> {
    let mut seen = BTreeSet::new();
    while !is_over.load(Ordering::Relaxed) {
        let decision = app.query(food()).await.unwrap();
        let message = &decision.answers.first().unwrap().message;
        assert_eq!(
            *message,
            format!("Generation {}.", decision.generation),
            "an answer of two generations"
        );
        seen.insert(decision.generation);
    }
    seen
}

#[tokio::test]
async fn every_answer_is_of_one_generation() {
    let house = House::open();
    house.engine.publish(generation(2)).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut apps = JoinSet::new();
    for number in 0..APPS {
        let app = house.app(house.token(&format!("person-{number}"))).await.unwrap();
        apps.spawn(ask(app, Arc::clone(&is_over)));
    }
    let engine = Arc::clone(&house.engine);
    let publishing = tokio::task::spawn_blocking(move || {
        for number in 3..3 + RELOADS {
            engine.publish(generation(number)).unwrap();
        }
    });
    publishing.await.unwrap();
    is_over.store(true, Ordering::Relaxed);
    let mut seen = BTreeSet::new();
    for of_one in apps.join_all().await {
        seen.extend(of_one);
    }
    assert!(seen.len() > 100, "only {} generations answered", seen.len());
}
