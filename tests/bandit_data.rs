//! What the learner must reach on data that nobody here made: digits, segment and phishing of `tests/data/bandit`, each
//! played in ten orders, one pass, with the library's settings. A change that makes it learn worse is noticed here;
//! `examples/bandit.rs` prints the same with times.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use nextbest::engine::learn::{ArmKey, ArmSpec, Context, LearnSettings, Learner};

/// Labelled rows, and the orders to play them in.
struct Data {
    features: usize,
    arms: u64,
    rows: Vec<(u64, Context)>,
    orders: Vec<Vec<usize>>,
}

impl Data {
    fn read(rows: &str, orders: &str) -> Self {
        let mut lines = rows.lines();
        let header: Vec<u64> = lines
            .next()
            .unwrap()
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        let row = |line: &str| {
            let (label, features) = line.split_once(' ').unwrap();
            let features: Vec<f32> = features.split(' ').map(|number| number.parse().unwrap()).collect();
            (label.parse().unwrap(), Context::of(&features))
        };
        let order = |line: &str| line.split(' ').map(|number| number.parse().unwrap()).collect();
        Self {
            features: header[1] as usize,
            arms: header[2],
            rows: lines.map(row).collect(),
            orders: orders.lines().map(order).collect(),
        }
    }

    /// The mean reward of one pass.
    fn play(&self, order: &[usize], seed: u64) -> f64 {
        let settings = LearnSettings {
            features: self.features,
            seed,
            ..LearnSettings::default()
        };
        let mut learner = Learner::new(settings).unwrap();
        let spec = |arm| ArmSpec {
            key: ArmKey(arm),
            group: 0,
            rate: settings.rate,
        };
        learner.offer(0, &(0..self.arms).map(spec).collect::<Vec<_>>());
        let offered: Vec<u16> = (0..self.arms as u16).collect();
        let mut right = 0.0;
        for (round, row) in order.iter().enumerate() {
            let (label, context) = &self.rows[*row];
            let pick = learner
                .publish(0)
                .pick(context, &offered, seed << 32 | round as u64)
                .unwrap();
            let reward = if u64::from(pick.action) == *label { 1.0 } else { 0.0 };
            right += f64::from(reward);
            learner.learn(0, context, ArmKey(u64::from(pick.action)), reward, false);
        }
        right / order.len() as f64
    }
}

#[track_caller]
fn check(name: &str, rows: &str, orders: &str, goal: f64) {
    let data = Data::read(rows, orders);
    assert_eq!(data.orders.len(), 10, "{name}");
    let rewards: Vec<f64> = (1..)
        .zip(&data.orders)
        .map(|(seed, order)| data.play(order, seed))
        .collect();
    let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
    println!("{name}: {mean:.4} over ten orders, the goal is {goal}: {rewards:.3?}");
    assert!(mean >= goal, "{name}: {mean:.4}, the goal is {goal}: {rewards:.3?}");
}

#[test]
fn digits() {
    let (rows, orders) = (
        include_str!("data/bandit/digits.txt"),
        include_str!("data/bandit/digits.perm"),
    );
    check("digits", rows, orders, 0.855);
}

#[test]
fn segment() {
    let (rows, orders) = (
        include_str!("data/bandit/segment.txt"),
        include_str!("data/bandit/segment.perm"),
    );
    check("segment", rows, orders, 0.85);
}

#[test]
fn phishing() {
    let (rows, orders) = (
        include_str!("data/bandit/phishing.txt"),
        include_str!("data/bandit/phishing.perm"),
    );
    check("phishing", rows, orders, 0.905);
}
