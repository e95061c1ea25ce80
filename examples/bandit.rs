//! Plays labelled data as a stream of decisions: one pass, one action at a time, a reward only for what was taken.
//!
//! ```console
//! $ cargo run --locked --release --example bandit -- digits.txt digits.perm
//! $ cargo run --locked --release --example bandit -- digits.txt digits.perm segment.txt segment.perm --json
//! ```
//!
//! `NAME.txt` begins with a line `rows features arms`; each further line is `label f1 f2 ..`, where the label is the
//! number of the one action that earns 1. `NAME.perm` has one order per line, the numbers of all rows from 0. In each
//! order a learner that knows nothing picks an action for a row, is told what that action earned, and goes on. The
//! learner has the library's default settings, whatever the data. `pick_ns` and `update_ns` are medians over all rounds,
//! so that what else the machine does is not in them; an update includes publishing what was learned, and both include
//! reading the clock, about 30 ns.

#![expect(clippy::disallowed_methods, reason = "an example that measures reads a clock")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use nextbest::engine::learn::{ARMS_MAX, ArmKey, ArmSpec, Context, FEATURES_MAX, LearnSettings, Learner};

/// Rows of one file at most.
const ROWS_MAX: usize = 10_000_000;

const USAGE: &str = "usage: bandit DATA.txt DATA.perm [DATA.txt DATA.perm ..] [--json]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bandit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (flags, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let is_json = match flags.as_slice() {
        [] => false,
        [flag] if flag == "--json" => true,
        _ => return Err(USAGE.into()),
    };
    if files.is_empty() || files.len() % 2 == 1 {
        return Err(USAGE.into());
    }
    for pair in files.chunks_exact(2) {
        let data = Data::read(Path::new(&pair[0]))?;
        let orders = read_orders(Path::new(&pair[1]), data.labels.len())?;
        let score = Score::of(&data, &orders)?;
        if is_json {
            println!("{}", score.json());
        } else {
            println!("{}: {}", pair[0], score.sentence(&data, orders.len()));
        }
    }
    Ok(())
}

/// One file of labelled rows.
struct Data {
    features: usize,
    arms: usize,
    labels: Vec<usize>,
    contexts: Vec<Context>,
}

impl Data {
    fn read(path: &Path) -> Result<Self, String> {
        let at = |line: usize, what: String| format!("{}:{line}: {what}", path.display());
        let text = read(path)?;
        let mut lines = text.lines();
        let header = numbers::<usize>(lines.next().unwrap_or("")).map_err(|what| at(1, what))?;
        let [rows, features, arms] = header[..] else {
            return Err(at(
                1,
                format!("{} numbers; the first line is `rows features arms`", header.len()),
            ));
        };
        for (what, number, max) in [
            ("rows", rows, ROWS_MAX),
            ("features", features, FEATURES_MAX),
            ("arms", arms, ARMS_MAX),
        ] {
            if !(1..=max).contains(&number) {
                return Err(at(1, format!("{number} {what}; between 1 and {max} are possible")));
            }
        }
        let mut data = Self {
            features,
            arms,
            labels: Vec::new(),
            contexts: Vec::new(),
        };
        for (row, line) in lines.filter(|line| !line.trim().is_empty()).enumerate() {
            data.add(line).map_err(|what| at(row + 2, what))?;
        }
        if data.labels.len() != rows {
            return Err(at(
                1,
                format!("{rows} rows are announced, {} follow", data.labels.len()),
            ));
        }
        Ok(data)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let (label, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        let label: usize = number(label)?;
        if label >= self.arms {
            return Err(format!("label {label}; the {} arms are numbered from 0", self.arms));
        }
        let features = numbers::<f32>(rest)?;
        if features.len() != self.features {
            return Err(format!("{} features; {} are announced", features.len(), self.features));
        }
        if let Some(feature) = features.iter().find(|feature| !feature.is_finite()) {
            return Err(format!("{feature} is not a finite number"));
        }
        self.labels.push(label);
        self.contexts.push(Context::of(&features));
        Ok(())
    }
}

/// The orders to play rows in; each has every row once.
fn read_orders(path: &Path, rows: usize) -> Result<Vec<Vec<usize>>, String> {
    let text = read(path)?;
    let mut orders = Vec::new();
    for (line, order) in text.lines().enumerate().filter(|(_, order)| !order.trim().is_empty()) {
        let at = |what: String| format!("{}:{}: {what}", path.display(), line + 1);
        let order = numbers::<usize>(order).map_err(at)?;
        let mut seen = vec![false; rows];
        for row in &order {
            match seen.get_mut(*row) {
                None => return Err(at(format!("row {row}; the {rows} rows are numbered from 0"))),
                Some(true) => return Err(at(format!("row {row} comes twice"))),
                Some(seen) => *seen = true,
            }
        }
        if order.len() != rows {
            return Err(at(format!("{} rows; an order has all {rows}", order.len())));
        }
        orders.push(order);
    }
    if orders.is_empty() {
        return Err(format!("{}:1: no order; each line is one", path.display()));
    }
    Ok(orders)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn numbers<T: std::str::FromStr>(line: &str) -> Result<Vec<T>, String> {
    line.split_whitespace().map(number).collect()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let shown: String = text.chars().take(20).collect();
    text.parse()
        .map_err(|_| format!("`{shown}` is not a number that can stand here"))
}

/// One pass over the data.
struct Pass {
    reward: f64,
    reward_last_fifth: f64,
    pick_ns: Vec<u64>,
    update_ns: Vec<u64>,
}

impl Pass {
    fn play(data: &Data, order: &[usize], seed: u64) -> Result<Self, Box<dyn Error>> {
        let settings = LearnSettings {
            features: data.features,
            seed,
            ..LearnSettings::default()
        };
        let mut learner = Learner::new(settings)?;
        let specs: Vec<ArmSpec> = (0..data.arms).map(|arm| spec(arm, &settings)).collect();
        learner.offer(0, &specs);
        let offered: Vec<u16> = (0..u16::try_from(data.arms)?).collect();
        let mut published = learner.publish(0);
        let mut pass = Self {
            reward: 0.0,
            reward_last_fifth: 0.0,
            pick_ns: Vec::with_capacity(order.len()),
            update_ns: Vec::with_capacity(order.len()),
        };
        let last_fifth_from = order.len() - order.len().div_ceil(5);
        for (round, row) in order.iter().enumerate() {
            let (context, label) = (&data.contexts[*row], data.labels[*row]);
            let began = Instant::now();
            let pick = published.pick(context, &offered, seed << 32 | round as u64);
            pass.pick_ns.push(nanoseconds(began));
            let action = pick.ok_or("no arm to pick")?.action;
            let is_right = usize::from(action) == label;
            let reward = f32::from(u8::from(is_right));
            pass.reward += f64::from(reward);
            if round >= last_fifth_from {
                pass.reward_last_fifth += f64::from(reward);
            }
            let began = Instant::now();
            learner.learn(0, context, ArmKey(u64::from(action)), reward, false);
            published = learner.publish(0);
            pass.update_ns.push(nanoseconds(began));
        }
        pass.reward /= order.len() as f64;
        pass.reward_last_fifth /= (order.len() - last_fifth_from) as f64;
        Ok(pass)
    }
}

fn nanoseconds(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn spec(arm: usize, settings: &LearnSettings) -> ArmSpec {
    ArmSpec {
        key: ArmKey(arm as u64),
        group: 0,
        rate: settings.rate,
    }
}

/// What the passes say together.
struct Score {
    reward_mean: f64,
    reward_sd: f64,
    reward_last_fifth: f64,
    pick_ns: u64,
    update_ns: u64,
}

impl Score {
    fn of(data: &Data, orders: &[Vec<usize>]) -> Result<Self, Box<dyn Error>> {
        let passes: Vec<Pass> = (1..)
            .zip(orders)
            .map(|(seed, order)| Pass::play(data, order, seed))
            .collect::<Result<_, _>>()?;
        let len = passes.len() as f64;
        let mean = |of: fn(&Pass) -> f64| passes.iter().map(of).sum::<f64>() / len;
        let reward_mean = mean(|pass| pass.reward);
        let squares: f64 = passes.iter().map(|pass| (pass.reward - reward_mean).powi(2)).sum();
        Ok(Self {
            reward_mean,
            reward_sd: if len > 1.0 { (squares / (len - 1.0)).sqrt() } else { 0.0 },
            reward_last_fifth: mean(|pass| pass.reward_last_fifth),
            pick_ns: median(passes.iter().flat_map(|pass| &pass.pick_ns)),
            update_ns: median(passes.iter().flat_map(|pass| &pass.update_ns)),
        })
    }

    fn json(&self) -> String {
        format!(
            r#"{{"reward_mean":{:.6},"reward_sd":{:.6},"reward_last_fifth":{:.6},"pick_ns":{},"update_ns":{}}}"#,
            self.reward_mean, self.reward_sd, self.reward_last_fifth, self.pick_ns, self.update_ns
        )
    }

    fn sentence(&self, data: &Data, orders: usize) -> String {
        format!(
            "{} rows, {} features, {} arms, {orders} orders\n  \
             mean reward {:.4}, standard deviation {:.4}, last fifth {:.4}\n  \
             pick {} ns, update {} ns",
            data.labels.len(),
            data.features,
            data.arms,
            self.reward_mean,
            self.reward_sd,
            self.reward_last_fifth,
            self.pick_ns,
            self.update_ns
        )
    }
}

fn median<'a>(durations: impl Iterator<Item = &'a u64>) -> u64 {
    let mut durations: Vec<u64> = durations.copied().collect();
    let middle = durations.len() / 2;
    if durations.is_empty() {
        return 0;
    }
    *durations.select_nth_unstable(middle).1
}
