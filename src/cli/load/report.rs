//! What a load saw: counts, latencies, and how they are printed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nextbest_proto::v1;
use serde_json::json;

/// Significant digits of the histogram.
const DIGITS: u8 = 3;
/// Longest latency that is told apart, in nanoseconds: a minute.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// What a load saw.
pub(in crate::cli) struct Report {
    /// Queries sent.
    pub(in crate::cli) sent: u64,
    /// Queries answered with a decision.
    pub(in crate::cli) ok: u64,
    /// Queries that failed, were refused, or could not be sent in time.
    pub(in crate::cli) errors: u64,
    /// Those errors that have a name: what the gateway said, "timeout" or "lost".
    pub(super) errors_by_name: BTreeMap<String, u64>,
    /// How long it took.
    pub(super) lasted: Duration,
    /// Whether each connection waited for its answer before it asked again.
    pub(super) is_closed_loop: bool,
    /// What the hubs sent.
    pub(super) sightings: Option<Sightings>,
    /// Whether answers say their generation, so that one that was made of two shows.
    pub(super) tests_generations: bool,
    /// Answers whose message says another generation than the one they name, or none.
    pub(super) mixed: u64,
    latency_ns: Histogram<u64>,
    /// How long those waited for their error who got one.
    error_latency_ns: Histogram<u64>,
}

/// What the hubs of a load sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sightings {
    /// Sightings sent.
    pub(super) sent: u64,
    /// Sightings that the gateway acknowledged.
    pub(super) taken: u64,
    /// For how long.
    pub(super) lasted: Duration,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            sent: 0,
            ok: 0,
            errors: 0,
            errors_by_name: BTreeMap::new(),
            lasted: Duration::ZERO,
            is_closed_loop: false,
            sightings: None,
            tests_generations: false,
            mixed: 0,
            latency_ns: latencies(),
            error_latency_ns: latencies(),
        }
    }
}

fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, DIGITS).unwrap_or_else(|_| {
        // The bounds are constants that the constructor accepts.
        unreachable!("a histogram from 1 ns to a minute with three digits exists")
    })
}

impl Report {
    /// An answer or an error came for a query that was due since then.
    pub(super) fn answered(&mut self, since: Option<Instant>, answer: Option<&v1::Decision>) {
        let latency_ns = since.map(|since| u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let Some(decision) = answer else {
            self.errors += 1;
            latency_ns
                .into_iter()
                .for_each(|ns| self.error_latency_ns.saturating_record(ns));
            return;
        };
        self.ok += 1;
        if self.tests_generations && !says_its_generation(decision) {
            self.mixed += 1;
        }
        latency_ns
            .into_iter()
            .for_each(|ns| self.latency_ns.saturating_record(ns));
    }

    /// Names an error that is counted elsewhere.
    pub(super) fn named(&mut self, name: &str) {
        match self.errors_by_name.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.errors_by_name.insert(name.to_owned(), 1)),
        }
    }

    /// A query was due and could not be sent: too many are waiting.
    pub(super) fn unsent(&mut self) {
        self.sent += 1;
        self.errors += 1;
    }

    fn us(&self, quantile: f64) -> f64 {
        us(&self.latency_ns, quantile)
    }

    fn rate(&self) -> f64 {
        (self.ok as f64 / self.lasted.as_secs_f64().max(1e-9)).round()
    }

    /// One object.
    pub(in crate::cli) fn json(&self) -> serde_json::Value {
        let mut object = json!({
            "sent": self.sent,
            "ok": self.ok,
            "errors": self.errors,
            "errors_by_name": self.errors_by_name,
            "errors_p99_us": us(&self.error_latency_ns, 0.99),
            "errors_max_us": us(&self.error_latency_ns, 1.0),
            "mixed": self.mixed,
            "rate": self.rate(),
            "loop": if self.is_closed_loop { "closed" } else { "open" },
            "p50_us": self.us(0.5),
            "p90_us": self.us(0.9),
            "p99_us": self.us(0.99),
            "p999_us": self.us(0.999),
            "max_us": self.us(1.0),
        });
        if let (Some(sightings), Some(object)) = (self.sightings, object.as_object_mut()) {
            object.insert("sightings_sent".into(), json!(sightings.sent));
            object.insert("sightings_taken".into(), json!(sightings.taken));
            object.insert("sightings_rate".into(), json!(sightings.rate().round()));
        }
        object
    }

    /// For people.
    pub(in crate::cli) fn text(&self) -> String {
        let mut text = format!(
            "{} queries in {:.1} s ({} loop): {} answered, {} errors, {}/s\n\
             latency  p50 {} us   p90 {} us   p99 {} us   p99.9 {} us   max {} us\n",
            self.sent,
            self.lasted.as_secs_f64(),
            if self.is_closed_loop { "closed" } else { "open" },
            self.ok,
            self.errors,
            self.rate(),
            self.us(0.5),
            self.us(0.9),
            self.us(0.99),
            self.us(0.999),
            self.us(1.0),
        );
        if self.errors > 0 {
            text.push_str(&format!(
                "errors   p99 {} us   max {} us\n",
                us(&self.error_latency_ns, 0.99),
                us(&self.error_latency_ns, 1.0)
            ));
        }
        for (name, count) in &self.errors_by_name {
            text.push_str(&format!("{count} errors are {name}\n"));
        }
        if let Some(sightings) = self.sightings {
            text.push_str(&format!(
                "{} sightings sent, {} taken, {:.0}/s\n",
                sightings.sent,
                sightings.taken,
                sightings.rate()
            ));
        }
        text
    }

    /// Writes the distribution in HdrHistogram's percentile format, in microseconds.
    pub(super) fn write_hgrm(&self, file: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(file)?);
        writeln!(
            out,
            "{:>12} {:>14} {:>10} {:>14}\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        )?;
        let mut total = 0;
        for value in self.latency_ns.iter_quantiles(5) {
            total += value.count_since_last_iteration();
            let (us, quantile) = (value.value_iterated_to() as f64 / 1e3, value.quantile_iterated_to());
            writeln!(
                out,
                "{us:>12.3} {quantile:>14.12} {total:>10} {:>14.2}",
                1.0 / (1.0 - quantile)
            )?;
        }
        let (mean, deviation) = (self.latency_ns.mean() / 1e3, self.latency_ns.stdev() / 1e3);
        writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]")?;
        writeln!(
            out,
            "#[Max     = {:>12.3}, Total count    = {total:>12}]",
            self.latency_ns.max() as f64 / 1e3
        )?;
        out.flush()
    }
}

/// A quantile in microseconds, to a tenth.
fn us(latency_ns: &Histogram<u64>, quantile: f64) -> f64 {
    (latency_ns.value_at_quantile(quantile) as f64 / 100.0).round() / 10.0
}

/// Whether every message of an answer says the number of the generation that the answer names.
fn says_its_generation(decision: &v1::Decision) -> bool {
    let expected = format!("Generation {}.", decision.generation);
    !decision.answers.is_empty() && decision.answers.iter().all(|answer| answer.message == expected)
}

impl Sightings {
    fn rate(&self) -> f64 {
        self.taken as f64 / self.lasted.as_secs_f64().max(1e-9)
    }
}

/// A progress bar on standard error, when that is a terminal.
pub(super) fn progress(len: u64, what: &'static str) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("{msg:>18} [{bar:40}] {pos}/{len}").unwrap_or(ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(len), target)
        .with_style(style)
        .with_message(what)
}
