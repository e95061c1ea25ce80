//! What stands still in a recording: hubs, cells, zones and a site survey.

use std::path::{Path, PathBuf};

use firmware_sim::replay::recording::{
    self as recorded, RecordedHub, RecordingError, parse_hubs, parse_walk, read_source,
};
use nextbest_venue::{Mistake, Point, Source};

use super::floor;
use super::labelled::{self, SidedHub};
use super::walk::Walk;
use super::zones::Zones;
use crate::config::read_survey;
use crate::engine::locate::{FloorPlan, LEVEL_SIDE_MAX, Locator, LocatorError, LocatorSettings, Station, SurveyPoint};

/// The files of a site.
#[derive(Clone, Debug, Default)]
pub struct SiteFiles {
    /// `hubs.csv`, or `measurement_config.txt` of a labelled recording.
    pub hubs: PathBuf,
    /// Site surveys, taken together.
    pub surveys: Vec<PathBuf>,
    /// `zones.csv`; a labelled recording has its own two.
    pub zones: Option<PathBuf>,
    /// `walkable_1m.csv`; without it, all cells round the hubs and surveyed points can be walked on.
    pub walkable: Option<PathBuf>,
    /// Whether hubs and walks are in the form of a labelled recording.
    pub labelled: bool,
}

/// A site as its files say.
#[derive(Clone, Debug)]
pub struct Site {
    /// The hubs; a station is its place in this list.
    pub hubs: Vec<RecordedHub>,
    /// The zones; none when no file names any.
    pub zones: Zones,
    /// The cells, each with its zone.
    pub floor: FloorPlan,
    /// What a survey heard; empty without one.
    pub survey: Vec<SurveyPoint>,
    labelled: bool,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can't be read.
    #[error(transparent)]
    Unreadable(RecordingError),
    /// What it says is wrong.
    #[error("{}", .0.first().map_or_else(String::new, ToString::to_string))]
    Mistakes(Vec<Mistake>),
    /// The hubs are further apart than the locator's cells reach.
    #[error("the hubs in {file} span more than {LEVEL_SIDE_MAX} m; expected metres of one floor")]
    TooWide {
        /// The hubs' file.
        file: String,
    },
}

impl From<RecordingError> for OpenError {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::Line(mistake) => Self::Mistakes(vec![*mistake]),
            unreadable @ (RecordingError::Read { .. }
            | RecordingError::TooLarge { .. }
            | RecordingError::Empty { .. }) => Self::Unreadable(unreadable),
        }
    }
}

impl From<Box<Mistake>> for OpenError {
    fn from(mistake: Box<Mistake>) -> Self {
        Self::Mistakes(vec![*mistake])
    }
}

impl Site {
    /// Reads a site.
    ///
    /// # Errors
    /// The first file that is wrong; of a survey every mistake.
    pub fn open(files: &SiteFiles) -> Result<Self, OpenError> {
        let source = read_source(&files.hubs)?;
        let sided: Vec<SidedHub> = match files.labelled {
            true => labelled::parse_hubs(&source)?,
            false => Vec::new(),
        };
        let hubs = match files.labelled {
            true => sided.iter().map(|(hub, _)| hub.clone()).collect(),
            false => parse_hubs(&source)?,
        };
        let survey = surveys(&files.surveys, &hubs)?;
        let drawn = match &files.zones {
            Some(path) => Zones::parse(&read_source(path)?)?,
            None => Zones::default(),
        };
        let by_side = files.labelled && files.zones.is_none();
        let zone = |at: Point| match by_side {
            true => labelled::side_at(&sided, at),
            false => floor::zone_or_none(drawn.at(at)),
        };
        let floor = match &files.walkable {
            Some(path) => floor::parse(&read_source(path)?, zone)?,
            None => {
                floor::around(&known_points(&hubs, &survey), zone).ok_or(OpenError::TooWide { file: source.name })?
            }
        };
        let zones = match by_side {
            true => Zones {
                names: labelled::SIDES.map(str::to_owned).to_vec(),
                rectangles: Vec::new(),
            },
            false => drawn,
        };
        Ok(Self {
            hubs,
            zones,
            floor,
            survey,
            labelled: files.labelled,
        })
    }

    /// Reads a walk's file: one walk for each tag in it.
    ///
    /// # Errors
    /// It can't be read, or its first mistake.
    pub fn walks(&self, path: &Path) -> Result<Vec<Walk>, OpenError> {
        let (name, source): (String, Source) = (recorded::walk_name(path), read_source(path)?);
        if self.labelled {
            return Ok(vec![labelled::parse_walk(&name, &source, &self.hubs)?]);
        }
        Ok(Walk::of(&parse_walk(&name, &source, &self.hubs)?))
    }

    /// The hubs as the locator takes them.
    #[must_use]
    pub fn stations(&self) -> Vec<Station> {
        let station = |hub: &RecordedHub| Station {
            level: 0,
            east_m: hub.at.east_m,
            north_m: hub.at.north_m,
            height_m: hub.height_m,
        };
        self.hubs.iter().map(station).collect()
    }

    /// The real locator of this site, with its survey if there is one.
    ///
    /// # Errors
    /// The locator's own.
    pub fn locator(&self, settings: LocatorSettings) -> Result<Locator, LocatorError> {
        let survey = (!self.survey.is_empty()).then_some(self.survey.as_slice());
        Locator::new(self.floor.clone(), self.stations(), survey, settings)
    }

    /// The true zone of a walk at an instant, with [`NO_ZONE`](crate::engine::locate::NO_ZONE) outside of all; `None`
    /// where nobody knows.
    #[must_use]
    pub fn true_zone(&self, walk: &Walk, at_ms: f64) -> Option<u16> {
        let labelled = walk.true_zone(at_ms);
        let drawn = || (!self.zones.rectangles.is_empty()).then_some(&self.zones);
        labelled.or_else(|| Some(floor::zone_or_none(drawn()?.at(walk.true_place(at_ms)?))))
    }

    /// How many places the survey was taken at.
    #[must_use]
    pub fn surveyed_places(&self) -> usize {
        let mut places: Vec<(u32, u32)> = self
            .survey
            .iter()
            .map(|point| (point.east_m.to_bits(), point.north_m.to_bits()))
            .collect();
        places.sort_unstable();
        places.dedup();
        places.len()
    }
}

fn surveys(paths: &[PathBuf], hubs: &[RecordedHub]) -> Result<Vec<SurveyPoint>, OpenError> {
    let station = |id: &str| u16::try_from(hubs.iter().position(|hub| hub.id == id)?).ok();
    let (mut survey, mut mistakes) = (Vec::new(), Vec::new());
    for path in paths {
        let (points, wrong) = read_survey(&read_source(path)?, station, |_| 0);
        survey.extend(points);
        mistakes.extend(wrong);
    }
    if mistakes.is_empty() {
        Ok(survey)
    } else {
        Err(OpenError::Mistakes(mistakes))
    }
}

/// Where somebody stood or a hub hangs: the floor reaches at least so far, and a margin more.
fn known_points(hubs: &[RecordedHub], survey: &[SurveyPoint]) -> Vec<Point> {
    let hubs = hubs.iter().map(|hub| hub.at);
    hubs.chain(survey.iter().map(|point| Point::new(point.east_m, point.north_m)))
        .collect()
}
