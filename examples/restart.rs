//! How long a gateway takes to be ready again with so many customers: first from records alone, then from a snapshot.
//!
//! ```console
//! $ cargo run --locked --release --example restart -- 1000000
//! ```
//!
//! It fills a scratch folder with a record for each customer, then starts the stadium's gateway on it twice.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "an example that measures stops at the first surprise, and reads a clock"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nextbest::config::{self, pack_files};
use nextbest::engine::spec::Spec;
use nextbest::engine::{Engine, Generation, PersonKey};
use nextbest::journal::storage::Directory;
use nextbest::journal::{self, Journal as _, JournalError, Record, RecordKind, Settings};
use nextbest::model::Timestamp;
use nextbest::serve::clock::{Clock, unix_s};
use nextbest::serve::durable::State;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::{Gateway, GatewaySettings};

fn main() {
    let people = std::env::args()
        .nth(1)
        .map_or(1_000_000, |people| people.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("nextbest-restart-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let spec = stadium(people);
    let request = KeyRequest {
        venue_id: spec.venue.id.clone(),
        ..KeyRequest::default()
    };
    make_keys(&folder.join("keys"), &request, unix_s()).unwrap();
    let keys = KeyFolder::open(&folder.join("keys")).unwrap();
    let began = Instant::now();
    fill(&folder.join("state"), &spec, people);
    println!("{people} customers written in {:.1} s", began.elapsed().as_secs_f64());
    for from in ["records alone", "a snapshot"] {
        let engine = Arc::new(Engine::new(Generation::build(spec.clone()).unwrap()).unwrap());
        let state = State::folder(&folder.join("state")).unwrap();
        let began = Instant::now();
        let gateway = Gateway::start_kept(
            &GatewaySettings::default(),
            Arc::clone(&engine),
            &keys,
            Clock::start(),
            &state,
        )
        .unwrap();
        let ready_s = began.elapsed().as_secs_f64();
        let known = engine.counts().customers;
        println!(
            "ready in {ready_s:.2} s from {from}: {known} customers, {:?}",
            gateway.recovered()
        );
        let began = Instant::now();
        gateway.stop();
        println!(
            "stopped in {:.2} s, with a snapshot when there was news",
            began.elapsed().as_secs_f64()
        );
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// A record for each customer.
fn fill(folder: &Path, spec: &Spec, people: u32) {
    let engine = Engine::new(Generation::build(spec.clone()).unwrap()).unwrap();
    let settings = Settings {
        people_max: people,
        ..Settings::default()
    };
    let opened = journal::open(
        Arc::new(Directory::create(folder).unwrap()),
        &settings,
        unix_s() * 1_000,
    )
    .unwrap();
    let _writing = opened.journal.start().unwrap();
    for n in 0..people {
        let state = engine.newcomer(&format!("customer-{n:07}"), PersonKey([n.into(), 1]));
        let person = opened.vault.person_new().unwrap();
        let mut sealed = Vec::new();
        opened.vault.seal(person, &state.encode(), &mut sealed).unwrap();
        let record = Record {
            at: Timestamp::from_millis(u64::from(n)),
            kind: RecordKind::Person,
            subject: Some(person),
            payload: &sealed,
        };
        while let Err(JournalError::Full) = opened.journal.append(&record) {
            std::thread::yield_now();
        }
    }
}

fn stadium(people: u32) -> Spec {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/stadium");
    let mut files = Vec::new();
    for path in pack_files() {
        let at = root.join(path.path);
        let found = match path.ending {
            Some(_) => fs::read_dir(&at).unwrap().map(|item| item.unwrap().path()).collect(),
            None => vec![at],
        };
        for file in found.into_iter().filter(|file| file.is_file()) {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read_to_string(&file).unwrap()));
        }
    }
    let mut spec = config::load(&files).unwrap();
    spec.settings.customers_max = people;
    spec
}
