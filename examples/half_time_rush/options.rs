//! What can be asked of the example, from its arguments; every mistake names the argument and what was expected.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What `--help` says.
pub(crate) const HELP: &str = "\
The half-time rush: where to send everybody, and what it costs to know only half.

  cargo run --locked --release --example half_time_rush -- [options]

  --seeds N               worlds to play, each with every policy; 1 to 1000, default 10
  --fans N                people who set out within 15 minutes; 100 to 100000, default 20000
  --stands N              places to go to; 2 to 200, default 40
  --layout L              ring (a stadium's concourse), line (a promenade) or clusters (four food courts); default ring
  --capacity X            what the stands can serve in 15 minutes, by people; 0.2 to 5, default 1.3
  --compliance X          share of the people who go where they are told, the others go to the nearest; 0 to 1, default 1
  --snapshot-seconds S    a counter says how many people are at each stand every so often; 1 to 600, default 30
  --noise X               share of the people whom a count misses; it also sees three passers-by at a time. 0 to 0.9,
                          default 0.2; 0: exact counts, though old
  --prior-compliance X    what the engine believes of compliance before it has learned; 0 to 1, default 0.6
  --tills                 the stands' tills report each sale
  --close-a-stand         the largest stand closes after 5 minutes; who waits there asks again
  --halve-a-service       the largest stand serves half as fast from the 5th minute on
  --json                  an array of objects: policy, mean_s, p95_s, wait_mean_s, decide_ns
  --help                  this

examples
  half_time_rush --seeds 10 --layout ring --capacity 1.3
  half_time_rush --layout clusters --capacity 1.0 --compliance 0.6 --prior-compliance 0.78
  half_time_rush --seeds 3 --close-a-stand --json
";

/// How stands lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Ring,
    Line,
    Clusters,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) fans: usize,
    pub(crate) stands: usize,
    pub(crate) layout: Layout,
    pub(crate) capacity: f64,
    pub(crate) compliance: f64,
    pub(crate) snapshot_s: f64,
    pub(crate) noise: f64,
    pub(crate) prior_compliance: f64,
    pub(crate) tills: bool,
    pub(crate) close_a_stand: bool,
    pub(crate) halve_a_service: bool,
    pub(crate) json: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seeds: 10,
            fans: 20_000,
            stands: 40,
            layout: Layout::Ring,
            capacity: 1.3,
            compliance: 1.0,
            snapshot_s: 30.0,
            noise: 0.2,
            prior_compliance: 0.6,
            tills: false,
            close_a_stand: false,
            halve_a_service: false,
            json: false,
        }
    }
}

impl Options {
    /// Reads the arguments; `None`: somebody asked for help.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let (name, mut given) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || given.take().or_else(|| arguments.next());
            match name.as_str() {
                "--seeds" => options.seeds = number(&name, value(), 1..=1_000)?,
                "--fans" => options.fans = number(&name, value(), 100..=100_000)?,
                "--stands" => options.stands = number(&name, value(), 2..=200)?,
                "--layout" => options.layout = layout(value())?,
                "--capacity" => options.capacity = number(&name, value(), 0.2..=5.0)?,
                "--compliance" => options.compliance = number(&name, value(), 0.0..=1.0)?,
                "--snapshot-seconds" => options.snapshot_s = number(&name, value(), 1.0..=600.0)?,
                "--noise" => options.noise = number(&name, value(), 0.0..=0.9)?,
                "--prior-compliance" => options.prior_compliance = number(&name, value(), 0.0..=1.0)?,
                "--tills" => options.tills = true,
                "--close-a-stand" => options.close_a_stand = true,
                "--halve-a-service" => options.halve_a_service = true,
                "--json" => options.json = true,
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("{other:?} is no option of it")),
            }
            if let Some(value) = given {
                return Err(format!("{name} takes no value, but has {value:?}"));
            }
        }
        Ok(Some(options))
    }

    /// What is played, in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let more = [
            (self.tills, ", tills report"),
            (self.close_a_stand, ", the largest stand closes after 5 minutes"),
            (
                self.halve_a_service,
                ", the largest stand serves half as fast after 5 minutes",
            ),
        ];
        let more: String = more
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, words)| *words)
            .collect();
        format!(
            "{} seeds, {} people, {} stands ({:?}), capacity {}, compliance {} (believed {}), counts every {} s that miss {}{more}",
            self.seeds,
            self.fans,
            self.stands,
            self.layout,
            self.capacity,
            self.compliance,
            self.prior_compliance,
            self.snapshot_s,
            self.noise,
        )
    }
}

fn layout(value: Option<String>) -> Result<Layout, String> {
    match value.as_deref() {
        Some("ring") => Ok(Layout::Ring),
        Some("line") => Ok(Layout::Line),
        Some("clusters") => Ok(Layout::Clusters),
        Some(other) => Err(format!("--layout must be ring, line or clusters, not {other:?}")),
        None => Err("--layout needs a value: ring, line or clusters".to_owned()),
    }
}

fn number<T: FromStr + PartialOrd + Display>(
    name: &str,
    value: Option<String>,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let (from, to) = (range.start(), range.end());
    let value = value.ok_or_else(|| format!("{name} needs a number from {from} to {to}"))?;
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{name} must be a number from {from} to {to}, not {value:?}"))
}
