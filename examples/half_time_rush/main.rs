//! The half-time rush: twenty thousand people in fifteen minutes, forty stands, and six ways to tell each where to go.
//!
//! ```console
//! $ cargo run --locked --release --example half_time_rush -- --seeds 10 --layout ring --capacity 1.3 --compliance 0.6
//! ```
//!
//! Every policy plays the same worlds: the same people set out at the same moments, walk as fast and take as long at the
//! counter, and those who do not comply go to the nearest stand whatever they are told. `promise ledger` is the engine
//! itself: a pack is made for each world, every person is a customer with a tag, each question is an `Engine::decide`, and the
//! engine knows of queues only what a counter says every `--snapshot-seconds`, with noise. It is compared with what boards
//! and apps do, among them walk + wait with exact counts of the very moment, which nobody has.
//!
//! Reading order: `options` (what can be asked), `rush` (a world and its people), `map` (its pack), `play` (what happens),
//! `comparators` and `gateway` (who sends). Deliberately absent: crowding on the way, and people who change their mind.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an example that measures stops at the first surprise"
)]

mod comparators;
mod gateway;
mod map;
mod options;
mod play;
mod rush;

use comparators::{Comparator, Rule};
use gateway::Gateway;
use options::Options;
use play::{Counts, Played, play};
use rush::Rush;

/// What the others are measured against.
const REFERENCE: &str = "walk + wait, fresh";

/// What a policy came to over all seeds.
struct Result {
    policy: &'static str,
    mean_s: f64,
    p95_s: f64,
    wait_mean_s: f64,
    decide_ns: f64,
}

fn main() {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return print!("{}", options::HELP),
        Err(mistake) => {
            eprintln!("half_time_rush: {mistake}\ntry --help");
            std::process::exit(2);
        }
    };
    let mut played: Vec<(&'static str, Vec<Played>)> = Vec::new();
    let mut learned = Vec::new();
    for seed in 0..options.seeds {
        let rush = Rush::new(seed, &options);
        for (policy, result) in play_all(&rush, &options, &mut learned) {
            match played.iter_mut().find(|(known, _)| *known == policy) {
                Some((_, results)) => results.push(result),
                None => played.push((policy, vec![result])),
            }
        }
    }
    let results: Vec<Result> = played
        .iter()
        .map(|(policy, played)| over_seeds(policy, played))
        .collect();
    if options.json {
        print_json(&results);
    } else {
        print_table(&options, &results);
        println!("\n{}", learned.last().unwrap());
    }
}

/// Plays one world with every policy.
fn play_all(rush: &Rush, options: &Options, learned: &mut Vec<String>) -> Vec<(&'static str, Played)> {
    let mut played = Vec::new();
    for (policy, rule, counts) in [
        ("nearest", Rule::Nearest, Counts::Old),
        ("shortest queue, stale", Rule::Shortest, Counts::Old),
        ("shortest queue, fresh", Rule::Shortest, Counts::Fresh),
        ("walk + wait, stale", Rule::WalkAndWait, Counts::Old),
        (REFERENCE, Rule::WalkAndWait, Counts::Fresh),
        ("best of two of ten nearest", Rule::BestOfTwo, Counts::Old),
    ] {
        played.push((policy, play(rush, options, &mut Comparator::new(rush, rule), counts)));
    }
    let mut gateway = Gateway::new(rush, options);
    played.push(("promise ledger", play(rush, options, &mut gateway, Counts::Old)));
    learned.push(gateway.summary());
    played
}

fn over_seeds(policy: &'static str, played: &[Played]) -> Result {
    let mean = |of: fn(&Played) -> f64| played.iter().map(of).sum::<f64>() / played.len() as f64;
    Result {
        policy,
        mean_s: mean(|played| played.mean_s),
        p95_s: mean(|played| played.p95_s),
        wait_mean_s: mean(|played| played.wait_mean_s),
        decide_ns: mean(|played| played.decide_ns),
    }
}

fn print_table(options: &Options, results: &[Result]) {
    println!("{}", options.sentence());
    println!("\npolicy                        mean s   p95 s  wait s | against {REFERENCE}: mean  p95 | decide ns");
    let reference = results.iter().find(|result| result.policy == REFERENCE).unwrap();
    for result in results {
        println!(
            "{:28} {:7.0} {:7.0} {:7.0} | {:31.3} {:.3} | {:9.0}",
            result.policy,
            result.mean_s,
            result.p95_s,
            result.wait_mean_s,
            result.mean_s / reference.mean_s,
            result.p95_s / reference.p95_s,
            result.decide_ns
        );
    }
}

fn print_json(results: &[Result]) {
    let objects: Vec<serde_json::Value> = results
        .iter()
        .map(|result| {
            serde_json::json!({
                "policy": result.policy,
                "mean_s": result.mean_s,
                "p95_s": result.p95_s,
                "wait_mean_s": result.wait_mean_s,
                "decide_ns": result.decide_ns,
            })
        })
        .collect();
    println!("{:#}", serde_json::Value::from(objects));
}
