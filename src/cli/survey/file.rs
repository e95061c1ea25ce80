//! `survey.csv` while it grows: a line for each place and hub, and what is in the file already.
//!
//! The file is replaced whole, so that whoever pulls the plug has the survey of before or the one of after. Deliberately
//! absent: what a survey means, and reading it into a pack, which `config` does.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use firmware_sim::replay::recording::read_source;
use nextbest_venue::Point;

use super::super::Failure;
use crate::recording::{HeardAtStop, Stop};

/// The columns.
const HEAD: &str = "x_m,y_m,z_m,hub,rssi_mean_dbm,rssi_sd_db,rssi_p75_dbm";
/// Places that are nearer than this are one, in metres.
const SAME_PLACE_M: f32 = 0.1;
/// Heights that differ by less are of one level, in metres.
const SAME_LEVEL_M: f32 = 1.5;

/// A survey that may have been begun.
pub(super) struct SurveyFile {
    path: PathBuf,
    lines: Vec<String>,
}

impl SurveyFile {
    /// The survey of a file; empty when there is none.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut survey = Self {
            path: path.to_owned(),
            lines: Vec::new(),
        };
        if !path.exists() {
            return Ok(survey);
        }
        let source = read_source(path).map_err(Failure::wrong)?;
        let mut lines = source.text.lines();
        if lines.next().map(str::trim) != Some(HEAD) {
            return Err(Failure::wrong(format!(
                "{} is no survey that was begun here; expected the columns {HEAD}",
                path.display()
            )));
        }
        survey.lines = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Ok(survey)
    }

    /// How many lines it has.
    pub(super) const fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether a place is in it.
    pub(super) fn has(&self, stop: &Stop) -> bool {
        self.lines.iter().any(|line| is_of(line, stop))
    }

    /// Takes what a place had out of it.
    pub(super) fn forget(&mut self, stop: &Stop) {
        self.lines.retain(|line| !is_of(line, stop));
    }

    /// Adds what was heard at a place. `hub_id` names a hub by its place in the caller's list.
    pub(super) fn add<'a>(&mut self, stop: &Stop, heard: &[HeardAtStop], hub_id: impl Fn(usize) -> &'a str) {
        let line = |heard: &HeardAtStop| {
            format!(
                "{},{},{},{},{:.2},{:.2},{}",
                stop.at.east_m,
                stop.at.north_m,
                stop.height_m,
                hub_id(heard.hub),
                heard.mean_dbm,
                heard.spread_db,
                heard.p75_dbm
            )
        };
        self.lines.extend(heard.iter().map(line));
    }

    /// Puts it in the place of the file.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".part");
        let written = fs::File::create(&beside)
            .and_then(|mut file| {
                writeln!(file, "{HEAD}")?;
                self.lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&beside, &self.path));
        written.map_err(|error| Failure::wrong(format!("cannot write {}: {error}", self.path.display())))
    }
}

/// Whether a line is of a place.
fn is_of(line: &str, stop: &Stop) -> bool {
    let mut fields = line.split(',').map(|field| field.parse::<f32>().ok());
    let mut next = || fields.next().flatten();
    let (Some(east_m), Some(north_m), Some(height_m)) = (next(), next(), next()) else {
        return false;
    };
    stop.at.distance_m(Point::new(east_m, north_m)) < SAME_PLACE_M && (stop.height_m - height_m).abs() < SAME_LEVEL_M
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(east_m: f32, height_m: f32) -> Stop {
        Stop {
            from_ms: 0.0,
            to_ms: 1.0,
            at: Point::new(east_m, 2.0),
            height_m,
        }
    }

    #[test]
    fn a_place_above_another_is_another() {
        let heard = HeardAtStop {
            hub: 0,
            count: 9,
            mean_dbm: -60.0,
            spread_db: 1.0,
            p75_dbm: -59,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("survey.csv");
        let mut survey = SurveyFile::open(&path).unwrap();
        survey.add(&stop(1.0, 1.2), std::slice::from_ref(&heard), |_| "west");
        survey.add(&stop(1.0, 5.2), &[heard], |_| "west");
        survey.write().unwrap();
        let mut survey = SurveyFile::open(&path).unwrap();
        assert!(survey.has(&stop(1.05, 1.0)) && !survey.has(&stop(1.2, 1.2)));
        survey.forget(&stop(1.0, 1.2));
        assert!(survey.has(&stop(1.0, 5.2)) && !survey.has(&stop(1.0, 1.2)));
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("survey.csv");
        fs::write(&path, "a,b\n1,2\n").unwrap();
        assert!(SurveyFile::open(&path).is_err());
    }
}
