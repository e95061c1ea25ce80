//! What came in by the doors, by family and by what became of it. All labels are known when the program is built.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::payload::{BadReport, Family, Read};

/// What became of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadOutcome {
    /// It was read; its reports are counted on their own.
    Read,
    /// Nothing of it could be used.
    Unreadable,
    /// Its source sends more than the doors' limits allow.
    Flood,
    /// It needs a token, and has none.
    Unauthorized,
}

/// What became of a record of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOutcome {
    /// It became a sighting, which is counted among the sightings.
    Sighting,
    /// No hub of the map goes by the name.
    UnknownHub,
    /// Its hub reports more than the doors' limits allow.
    Flood,
    /// Whoever sent it does not speak for its hub.
    NotAllowed,
}

const PAYLOAD_OUTCOMES: [&str; 4] = ["read", "unreadable", "flood", "unauthorized"];
const REPORT_OUTCOMES: [&str; 4] = ["sighting", "unknown_hub", "flood", "not_allowed"];
/// Records that were left out come after the outcomes above, by kind.
const RECORD_OUTCOMES_LEN: usize = REPORT_OUTCOMES.len() + BadReport::KINDS.len();

/// The doors' counters.
#[derive(Debug, Default)]
pub struct DoorCounts {
    families: [FamilyCounts; Family::ALL.len()],
    connections_refused: AtomicU64,
}

#[derive(Debug, Default)]
struct FamilyCounts {
    payloads: [AtomicU64; PAYLOAD_OUTCOMES.len()],
    records: [AtomicU64; RECORD_OUTCOMES_LEN],
    malformed_adverts: AtomicU64,
}

impl DoorCounts {
    /// Counts a payload.
    pub(super) fn payload(&self, family: Family, outcome: PayloadOutcome) {
        add(&self.of(family).payloads, outcome as usize, 1);
    }

    /// Counts reports.
    pub(super) fn reports(&self, family: Family, outcome: ReportOutcome, n: u32) {
        add(&self.of(family).records, outcome as usize, n);
    }

    /// Counts what reading a payload has left out.
    pub(super) fn left_out(&self, family: Family, read: &Read) {
        let counts = self.of(family);
        for (kind, n) in read.left_out.counts().into_iter().enumerate() {
            add(&counts.records, REPORT_OUTCOMES.len() + kind, n);
        }
        counts
            .malformed_adverts
            .fetch_add(u64::from(read.malformed_adverts), Ordering::Relaxed);
    }

    /// Counts a connection that was too much.
    pub(super) fn connection_refused(&self) {
        self.connections_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that were too much.
    #[must_use]
    pub fn connections_refused(&self) -> u64 {
        self.connections_refused.load(Ordering::Relaxed)
    }

    /// Payloads of a family with this outcome.
    #[must_use]
    pub fn payloads(&self, family: Family, outcome: PayloadOutcome) -> u64 {
        at(&self.of(family).payloads, outcome as usize)
    }

    /// Reports of a family with this outcome.
    #[must_use]
    pub fn reported(&self, family: Family, outcome: ReportOutcome) -> u64 {
        at(&self.of(family).records, outcome as usize)
    }

    /// Appends the counters in the text format of Prometheus.
    pub(in crate::serve) fn write(&self, text: &mut String) -> fmt::Result {
        const PAYLOADS: &str = "nextbest_door_payloads_total";
        const RECORDS: &str = "nextbest_door_records_total";
        const REFUSED: &str = "nextbest_door_connections_refused_total";
        const ADVERTS: &str = "nextbest_door_malformed_adverts_total";
        head(text, PAYLOADS, "Payloads of other makers' hubs by what became of them.")?;
        self.write_each(text, PAYLOADS, |counts| PAYLOAD_OUTCOMES.iter().zip(&counts.payloads))?;
        head(
            text,
            RECORDS,
            "Records of other makers' payloads by what became of them.",
        )?;
        let outcomes = || REPORT_OUTCOMES.iter().chain(&BadReport::KINDS);
        self.write_each(text, RECORDS, |counts| outcomes().zip(&counts.records))?;
        head(
            text,
            ADVERTS,
            "Advertisements in other makers' payloads that were malformed.",
        )?;
        for (family, counts) in Family::ALL.iter().zip(&self.families) {
            let value = counts.malformed_adverts.load(Ordering::Relaxed);
            writeln!(text, "{ADVERTS}{{family=\"{}\"}} {value}", family.name())?;
        }
        head(text, REFUSED, "Connections to the HTTP door that were too much.")?;
        writeln!(text, "{REFUSED} {}", self.connections_refused())
    }

    fn write_each<'c, I: Iterator<Item = (&'c &'static str, &'c AtomicU64)>>(
        &'c self,
        text: &mut String,
        metric: &str,
        outcomes: impl Fn(&'c FamilyCounts) -> I,
    ) -> fmt::Result {
        for (family, counts) in Family::ALL.iter().zip(&self.families) {
            for (outcome, count) in outcomes(counts) {
                let (family, value) = (family.name(), count.load(Ordering::Relaxed));
                writeln!(text, "{metric}{{family=\"{family}\",outcome=\"{outcome}\"}} {value}")?;
            }
        }
        Ok(())
    }

    #[expect(clippy::indexing_slicing, reason = "there is one for each family")]
    fn of(&self, family: Family) -> &FamilyCounts {
        &self.families[family as usize]
    }
}

fn head(text: &mut String, metric: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {metric} {help}\n# TYPE {metric} counter")
}

fn add(counts: &[AtomicU64], at: usize, n: u32) {
    if let Some(count) = counts.get(at).filter(|_| n > 0) {
        count.fetch_add(u64::from(n), Ordering::Relaxed);
    }
}

fn at(counts: &[AtomicU64], at: usize) -> u64 {
    counts.get(at).map_or(0, |count| count.load(Ordering::Relaxed))
}
