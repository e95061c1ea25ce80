//! What `nextbest locate` says: a table for people, one object for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::recording::{SCORE_EVERY_MS, Scores, Site};

/// One walk, or all of them.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) sightings: usize,
    pub(super) scores: Scores,
    pub(super) ns_per_sighting: f64,
}

/// All walks, and what they come to together.
pub(super) struct Report {
    site: String,
    /// The file that the cells come from; `None`: an open rectangle.
    floor: Option<String>,
    walks: Vec<Line>,
    all: Line,
}

impl Report {
    pub(super) fn new(site: &Site, floor: Option<String>, walks: Vec<Line>) -> Self {
        let mut scores = Scores::default();
        walks.iter().for_each(|walk| scores.add(&walk.scores));
        let sightings = walks.iter().map(|walk| walk.sightings).sum();
        let spent_ns: f64 = walks
            .iter()
            .map(|walk| walk.ns_per_sighting * walk.sightings as f64)
            .sum();
        let all = Line {
            name: "all".to_owned(),
            sightings,
            scores,
            ns_per_sighting: if sightings == 0 {
                0.0
            } else {
                spent_ns / sightings as f64
            },
        };
        let survey = match site.surveyed_places() {
            0 => "no survey".to_owned(),
            places => format!("a survey at {places} places"),
        };
        let cells = floor.as_ref().map_or_else(
            || "an open rectangle for a floor".to_owned(),
            |file| format!("the cells of {file}"),
        );
        Self {
            site: format!(
                "{} hubs, {survey}, {} zones, {cells}",
                site.hubs.len(),
                site.zones.names.len()
            ),
            floor,
            walks,
            all,
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.site);
        let width = self
            .walks
            .iter()
            .map(|walk| walk.name.chars().count())
            .max()
            .unwrap_or(0)
            .max(4);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:width$} {:>9} {:>7} {:>6} {:>6} {:>6} {:>6} {:>8} {:>10} {:>8} {:>12}",
            "walk",
            "sightings",
            "instant",
            "mean m",
            "p50 m",
            "p90 m",
            "p95 m",
            "zones %",
            "switches",
            "delay s",
            "ns/sighting"
        );
        for walk in &self.walks {
            walk.write(width, &mut text);
        }
        if self.walks.len() > 1 {
            self.all.write(width, &mut text);
        }
        text.push_str(&self.notes());
        text
    }

    /// The walks, in their order.
    pub(super) fn walks(&self) -> &[Line] {
        &self.walks
    }

    fn notes(&self) -> String {
        let mut notes = format!(
            "\nasked every {SCORE_EVERY_MS} ms, from sightings before that instant alone; - is what nobody wrote down the truth of\n"
        );
        let scores = &self.all.scores;
        let unplaced = scores.instants - scores.placed;
        if unplaced > 0 {
            let _ = writeln!(
                notes,
                "at {unplaced} instants there was no place, since nobody had heard the tag"
            );
        }
        if scores.missed > 0 {
            let _ = writeln!(notes, "{} true switches were never followed", scores.missed);
        }
        let build = if cfg!(debug_assertions) {
            "a debug build, which is no measure"
        } else {
            "a release build"
        };
        let _ = writeln!(
            notes,
            "ns/sighting: from bytes to zone through the whole engine, median of repeated plays; {build}"
        );
        notes
    }

    pub(super) fn json(&self) -> Value {
        let mut object = self.all.json();
        object["floor"] = self.floor.as_deref().into();
        object["walks"] = self.walks.iter().map(Line::json).collect();
        object
    }
}

impl Line {
    fn write(&self, width: usize, text: &mut String) {
        let scores = &self.scores;
        let metres = |metres: Option<f32>| figure(metres, 2);
        let switches = match scores.zoned {
            0 => "-".to_owned(),
            _ => format!("{} for {}", scores.switches, scores.true_switches),
        };
        let _ = writeln!(
            text,
            "{:width$} {:>9} {:>7} {:>6} {:>6} {:>6} {:>6} {:>8} {switches:>10} {:>8} {:>12.0}",
            self.name,
            self.sightings,
            scores.instants,
            metres(scores.mean_m()),
            metres(scores.percentile_m(0.50)),
            metres(scores.percentile_m(0.90)),
            metres(scores.percentile_m(0.95)),
            figure(scores.zone_accuracy().map(|share| 100.0 * share), 1),
            figure(scores.delay_s(), 1),
            self.ns_per_sighting,
        );
    }

    /// The figures that stand beside a drawn walk.
    pub(super) fn figures(&self) -> Vec<String> {
        let scores = &self.scores;
        let mut figures = vec![format!(
            "{} sightings, asked at {} instants",
            self.sightings, scores.instants
        )];
        if let Some(mean_m) = scores.mean_m() {
            let at = |share| figure(scores.percentile_m(share), 2);
            figures.push(format!(
                "error in m: mean {mean_m:.2}, p50 {}, p90 {}, p95 {}",
                at(0.50),
                at(0.90),
                at(0.95)
            ));
        }
        if let Some(accuracy) = scores.zone_accuracy() {
            figures.push(format!(
                "zone right {:.1} %, {} switches for {} true, median delay {} s",
                100.0 * accuracy,
                scores.switches,
                scores.true_switches,
                figure(scores.delay_s(), 1)
            ));
        }
        figures
    }

    fn json(&self) -> Value {
        let scores = &self.scores;
        let zoned = |count: usize| (scores.zoned > 0).then_some(count);
        json!({
            "walk": self.name,
            "sightings": self.sightings,
            "instants": scores.instants,
            "placed": scores.placed,
            "mean_m": rounded(scores.mean_m()),
            "p50_m": rounded(scores.percentile_m(0.50)),
            "p90_m": rounded(scores.percentile_m(0.90)),
            "p95_m": rounded(scores.percentile_m(0.95)),
            "zone_accuracy": rounded(scores.zone_accuracy()),
            "zone_switches": zoned(scores.switches),
            "true_switches": zoned(scores.true_switches),
            "missed_switches": zoned(scores.missed),
            "delay_s": rounded(scores.delay_s()),
            "ns_per_sighting": (self.sightings > 0).then(|| (self.ns_per_sighting * 10.0).round() / 10.0),
        })
    }
}

/// A figure, or a dash where nobody knows the truth.
fn figure(value: Option<f32>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// To four decimals, which is more than a recording can tell.
fn rounded(value: Option<f32>) -> Option<f64> {
    value.map(|value| (f64::from(value) * 1e4).round() / 1e4)
}
