//! A thousand configurations, one after the other, under load: every answer comes from exactly one of them and names it,
//! and none fails. Each generation says its number in its messages, and has other locales in another order than the one
//! before, so that an answer made from two, or in a language by the number that it had in another, would show.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nextbest::config::Pack;
use nextbest::engine::Generation;
use nextbest_client::{AppHelloSettings, AppSession};
use tokio::task::JoinSet;

use self::house::{House, food};

/// Configurations that are published.
const RELOADS: u64 = 1_000;
/// Apps that ask meanwhile, one question after the other.
const APPS: usize = 4;

/// The locales of generations, which take turns; the first is the default.
const LOCALES: [&[&str]; 4] = [&["en", "de"], &["en", "fr", "de"], &["de", "en"], &["fr"]];
/// What the apps want to read.
const WANTED: [&str; APPS] = ["en", "de", "fr-CA", ""];

fn locales(number: u64) -> &'static [&'static str] {
    LOCALES[number as usize % LOCALES.len()]
}

/// The hall, in the locales of the generation, with messages that say their locale and its number.
fn generation(number: u64) -> Generation {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hall");
    let read = |name: &str| (name.to_owned(), fs::read_to_string(dir.join(name)).unwrap());
    let names = ["journey.toml", "actions.toml", "settings.toml", "venue/hall.geojson"];
    let mut files = names.map(read).to_vec();
    let (_, text) = read("pack.toml");
    let locales = locales(number);
    let text = text
        .replace("default_locale = \"en\"", &format!("default_locale = {:?}", locales[0]))
        .replace("locales = [\"en\"]", &format!("locales = {locales:?}"));
    files.push(("pack.toml".to_owned(), text));
    let (_, text) = read("messages/en.ftl");
    for locale in locales {
        let says = format!("{locale} {number}");
        let text = text.replace("There is a grill at each end of the hall.", &says);
        files.push((format!("messages/{locale}.ftl"), text));
    }
    let pack = Pack::load(&files).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let mut spec = pack.spec;
    spec.number = number;
    Generation::build(spec).unwrap()
}

/// The locale that serves somebody in a generation.
fn served(wanted: &str, number: u64) -> &'static str {
    let locales = locales(number);
    let language = wanted.split('-').next();
    let own = locales.iter().find(|locale| Some(**locale) == language);
    own.unwrap_or(&locales[0])
}

/// Asks until told to stop; returns the generations that answered.
async fn ask(app: AppSession, wanted: &'static str, is_over: Arc<AtomicBool>) -> BTreeSet<u64> {
    let mut seen = BTreeSet::new();
    while !is_over.load(Ordering::Relaxed) {
        let decision = app.query(food()).await.unwrap();
        let message = &decision.answers.first().unwrap().message;
        let number = decision.generation;
        assert_eq!(
            *message,
            format!("{} {number}", served(wanted, number)),
            "an answer of two generations to whom wants {wanted:?}"
        );
        seen.insert(number);
    }
    seen
}

#[tokio::test]
async fn every_answer_is_of_one_generation() {
    let house = House::open();
    house.engine.publish(generation(2)).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut apps = JoinSet::new();
    for (number, wanted) in WANTED.into_iter().enumerate() {
        let hello = AppHelloSettings {
            token: house.token(&format!("person-{number}")),
            locale: wanted.to_owned(),
            ..AppHelloSettings::default()
        };
        let app = house.app_with(hello).await.unwrap();
        apps.spawn(ask(app, wanted, Arc::clone(&is_over)));
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
