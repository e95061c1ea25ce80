//! A recording of real hubs, as a folder of comma-separated files.
//!
//! ```text
//! hubs.csv        hub,alias,x_m,y_m,z_m             one line for each hub; z is its height
//! walks/*.csv     t_ms,hub,tag,rssi_dbm,x_m,y_m     one line for each sighting, in order of time; x and y are
//!                                                   the truth of that moment and may be empty or missing
//! ```
//!
//! The first line names the columns, as in every [`Table`]. Parsing takes text, so that a test needs no file;
//! [`Recording::read`] and [`read_source`] are the functions that open any. Deliberately absent: scoring.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use nextbest_venue::{Mistake, Point, Source, table::Table};

/// Hubs and what they heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The hubs, in the order of the file.
    pub hubs: Vec<RecordedHub>,
    /// The walks, in order of their names.
    pub walks: Vec<RecordedWalk>,
}

/// A hub of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedHub {
    /// Its id.
    pub id: String,
    /// Where it was, in the recording's own metres.
    pub at: Point,
    /// Its height above the floor.
    pub height_m: f32,
}

/// One walk with one or more tags.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedWalk {
    /// The file's name without its ending.
    pub name: String,
    /// What was heard, in order of time.
    pub sightings: Vec<RecordedSighting>,
}

/// A hub heard a tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordedSighting {
    /// Since the beginning of the walk.
    pub at_ms: f64,
    /// A position in the recording's hubs.
    pub hub: usize,
    /// The tag's address.
    pub tag: [u8; 6],
    /// Signal strength.
    pub rssi_dbm: i8,
    /// Where the tag truly was, in the recording's own metres.
    pub truth: Option<Point>,
}

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}; a recording has `hubs.csv` and `walks/*.csv`", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any recording.
    #[error("{path} has {len} bytes; expected at most {FILE_BYTES_MAX}", path = path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its bytes.
        len: u64,
    },
    /// A line is not what it should be.
    #[error(transparent)]
    Line(#[from] Box<Mistake>),
    /// There is nothing in it.
    #[error("{what}: {expected}")]
    Empty {
        /// Where.
        what: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl Recording {
    /// Reads a recording's folder.
    ///
    /// # Errors
    /// The first mistake, with file, line and column.
    pub fn read(folder: &Path) -> Result<Self, RecordingError> {
        let hubs = parse_hubs(&read_source(&folder.join("hubs.csv"))?)?;
        let walks_folder = folder.join("walks");
        let unreadable = |source| RecordingError::Read {
            path: walks_folder.clone(),
            source,
        };
        let entries = fs::read_dir(&walks_folder).map_err(unreadable)?;
        let mut paths: Vec<PathBuf> = entries
            .take(WALKS_MAX)
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "csv"));
        paths.sort();
        let mut walks = Vec::with_capacity(paths.len());
        for path in paths {
            walks.push(parse_walk(&walk_name(&path), &read_source(&path)?, &hubs)?);
        }
        if walks.is_empty() {
            let what = walks_folder.display().to_string();
            return Err(RecordingError::Empty {
                what,
                expected: "at least one file `*.csv` with a walk",
            });
        }
        Ok(Self { hubs, walks })
    }

    /// The addresses of all tags, each once.
    #[must_use]
    pub fn tags(&self) -> Vec<[u8; 6]> {
        let mut tags: Vec<_> = self
            .walks
            .iter()
            .flat_map(|walk| &walk.sightings)
            .map(|sighting| sighting.tag)
            .collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}

impl RecordedWalk {
    /// When the last sighting was, since the beginning.
    #[must_use]
    pub fn lasts_ms(&self) -> u64 {
        self.sightings.last().map_or(0, |sighting| sighting.at_ms.ceil() as u64)
    }
}

/// Reads the hubs from `hubs.csv`.
///
/// # Errors
/// The first mistake; a hub that comes twice and a file without any are among them.
pub fn parse_hubs(source: &Source) -> Result<Vec<RecordedHub>, Box<Mistake>> {
    let mut table = Table::new(source)?;
    let [id, east, north, height] = ["hub", "x_m", "y_m", "z_m"].map(|name| table.column(name));
    let (id, east, north, height) = (id?, east?, north?, height?);
    let mut hubs: Vec<RecordedHub> = Vec::new();
    while let Some(row) = table.next_row() {
        let name = row.text(&id)?;
        if name.is_empty() || hubs.iter().any(|hub| hub.id == name) {
            return Err(row.wrong(&id, "an id that no other hub has"));
        }
        if hubs.len() == HUBS_MAX {
            return Err(row.wrong(&id, format!("at most {HUBS_MAX} hubs")));
        }
        hubs.push(RecordedHub {
            id: name.to_owned(),
            at: Point::new(row.number(&east, PLACE_M)?, row.number(&north, PLACE_M)?),
            height_m: row.number(&height, HEIGHT_M)?,
        });
    }
    if hubs.is_empty() {
        return Err(table.wrong_head("there is no hub", "at least one line with a hub"));
    }
    Ok(hubs)
}

/// Reads a walk from its file.
///
/// # Errors
/// The first mistake; a hub that is not among `hubs` is one, and so is a time before the line above.
pub fn parse_walk(name: &str, source: &Source, hubs: &[RecordedHub]) -> Result<RecordedWalk, Box<Mistake>> {
    let numbers: HashMap<&str, usize> = hubs.iter().enumerate().map(|(ix, hub)| (hub.id.as_str(), ix)).collect();
    let mut table = Table::new(source)?;
    let [at_ms, hub, tag, rssi] = ["t_ms", "hub", "tag", "rssi_dbm"].map(|name| table.column(name));
    let (at_ms, hub, tag, rssi) = (at_ms?, hub?, tag?, rssi?);
    let truth = table.find("x_m").zip(table.find("y_m"));
    let mut sightings: Vec<RecordedSighting> = Vec::new();
    while let Some(row) = table.next_row() {
        let time_ms: f64 = row.number(&at_ms, TIME_MS)?;
        if sightings.last().is_some_and(|last| time_ms < last.at_ms) {
            return Err(row.wrong(&at_ms, "a time that is not before the line above"));
        }
        if sightings
            .first()
            .is_some_and(|first| time_ms - first.at_ms > WALK_MS_MAX)
        {
            return Err(row.wrong(&at_ms, "a walk of at most a day"));
        }
        let known = numbers.get(row.text(&hub)?).copied();
        let address = parse_address(row.text(&tag)?);
        let truth = match &truth {
            Some((east, north)) => row
                .number_or_none(east, PLACE_M)?
                .zip(row.number_or_none(north, PLACE_M)?)
                .map(|(east_m, north_m)| Point::new(east_m, north_m)),
            None => None,
        };
        sightings.push(RecordedSighting {
            at_ms: time_ms,
            hub: known.ok_or_else(|| row.wrong(&hub, "a hub of hubs.csv"))?,
            tag: address.ok_or_else(|| row.wrong(&tag, "an address as 12 hexadecimal digits"))?,
            rssi_dbm: row.number(&rssi, RSSI_DBM)?,
            truth,
        });
    }
    Ok(RecordedWalk {
        name: name.to_owned(),
        sightings,
    })
}

/// A walk's name: its file's, without the ending.
#[must_use]
pub fn walk_name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn parse_address(text: &str) -> Option<[u8; 6]> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    if digits.len() != 12 || !digits.is_ascii() {
        return None;
    }
    let mut address = [0; 6];
    for (at, byte) in address.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(address)
}

/// Reads one file of a recording, of at most 64 MiB.
///
/// # Errors
/// It can't be read, or is too large.
pub fn read_source(path: &Path) -> Result<Source, RecordingError> {
    let unreadable = |source| RecordingError::Read {
        path: path.to_owned(),
        source,
    };
    let len = fs::metadata(path).map_err(unreadable)?.len();
    if len > FILE_BYTES_MAX {
        return Err(RecordingError::TooLarge {
            path: path.to_owned(),
            len,
        });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Ok(Source {
        name: path.display().to_string(),
        text: text.into(),
    })
}

/// Most walks of a recording.
const WALKS_MAX: usize = 1_024;
/// Most hubs of a recording.
const HUBS_MAX: usize = 4_096;
/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Longest walk, in milliseconds.
const WALK_MS_MAX: f64 = 86_400_000.0;
/// Times, in milliseconds: from the beginning of the walk or of 1970.
const TIME_MS: std::ops::RangeInclusive<f64> = 0.0..=1e13;
/// Places, in the recording's own metres.
const PLACE_M: std::ops::RangeInclusive<f32> = -1e5..=1e5;
/// Heights, in metres.
const HEIGHT_M: std::ops::RangeInclusive<f32> = -1e3..=1e4;
/// What a radio can give, in dBm.
const RSSI_DBM: std::ops::RangeInclusive<i8> = -127..=20;

#[cfg(test)]
mod tests {
    use super::*;

    const HUBS: &str = "hub,alias,x_m,y_m,z_m\na1,one,7.0,7.09,1.22\nb2,two,0.5,-1,2.3\n";
    const HEAD: &str = "t_ms,hub,tag,rssi_dbm,x_m,y_m\n";

    fn source(name: &str, text: &str) -> Source {
        Source {
            name: name.to_owned(),
            text: text.into(),
        }
    }

    fn walk(text: &str) -> Result<RecordedWalk, Box<Mistake>> {
        let hubs = parse_hubs(&source("hubs.csv", HUBS)).unwrap();
        parse_walk("walk", &source("walk.csv", text), &hubs)
    }

    fn mistake(lines: &str) -> String {
        walk(&format!("{HEAD}{lines}")).unwrap_err().to_string()
    }

    #[test]
    fn a_walk_is_read_with_its_truth() {
        let text = format!("{HEAD}0.0,b2,e78f135624ce,-84,11.5,4.25\n0.149,a1,e7:8f:13:56:24:ce,-82,,\n");
        let walk = walk(&text).unwrap();
        let tag = [0xe7, 0x8f, 0x13, 0x56, 0x24, 0xce];
        let expected = |at_ms, hub, rssi_dbm, truth| RecordedSighting {
            at_ms,
            hub,
            tag,
            rssi_dbm,
            truth,
        };
        assert_eq!(walk.sightings[0], expected(0.0, 1, -84, Some(Point::new(11.5, 4.25))));
        assert_eq!(walk.sightings[1], expected(0.149, 0, -82, None));
        assert_eq!(walk.lasts_ms(), 1);
    }

    #[test]
    fn a_walk_without_truth_is_read() {
        let walk = walk("t_ms,hub,tag,rssi_dbm\n0.0,b2,e78f135624ce,-84\n").unwrap();
        assert_eq!(walk.sightings[0].truth, None);
    }

    #[test]
    fn each_mistake_names_its_place_and_what_was_expected() {
        assert_eq!(
            mistake("0,c3,e78f135624ce,-84,1,1"),
            "walk.csv:2:3: `hub` is `c3`; expected a hub of hubs.csv"
        );
        assert_eq!(
            mistake("0,a1,e78f135624ce,-84,1,1\n5,a1,e78f,-84,1,1"),
            "walk.csv:3:6: `tag` is `e78f`; expected an address as 12 hexadecimal digits"
        );
        assert_eq!(
            mistake("0,a1,e78f135624ce,-128,1,1"),
            "walk.csv:2:19: `rssi_dbm` is `-128`; expected a number from -127 to 20"
        );
        assert_eq!(
            mistake("9,a1,e78f135624ce,-84,1,1\n5,a1,e78f135624ce,-84,1,1"),
            "walk.csv:3:1: `t_ms` is `5`; expected a time that is not before the line above"
        );
        assert_eq!(
            mistake("0,a1,e78f135624ce,-84,1,1\n1e12,a1,e78f135624ce,-84,1,1"),
            "walk.csv:3:1: `t_ms` is `1e12`; expected a walk of at most a day"
        );
        assert_eq!(
            mistake("9,a1"),
            "walk.csv:2:1: the line ends before `tag`; expected a field `tag`"
        );
        let hubs = |text: &str| parse_hubs(&source("hubs.csv", text)).unwrap_err().to_string();
        assert_eq!(
            hubs("hub,x_m,y_m\n"),
            "hubs.csv:1:1: no column `z_m`; expected `z_m` beside `hub,x_m,y_m`"
        );
        assert_eq!(
            hubs("hub,x_m,y_m,z_m\na,1,1,1\na,1,1,1"),
            "hubs.csv:3:1: `hub` is `a`; expected an id that no other hub has"
        );
    }
}
