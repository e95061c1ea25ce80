//! A recording of real hubs, as a folder of comma-separated files.
//!
//! ```text
//! hubs.csv        hub,alias,x_m,y_m,z_m             one line for each hub; z is its height
//! walks/*.csv     t_ms,hub,tag,rssi_dbm,x_m,y_m     one line for each sighting, in order of time; x and y are
//!                                                   the truth of that moment and may be left empty
//! ```
//!
//! The first line names the columns. Parsing takes text, so that a test needs no file; [`Recording::read`] is
//! the one function that opens any. Deliberately absent: quotes in fields, which no column needs.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use nextbest_venue::Point;

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
    /// A line is not what it should be.
    #[error("{file}, line {line}: {found}; expected {expected}")]
    Line {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
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
    /// The first mistake, with file and line.
    pub fn read(folder: &Path) -> Result<Self, RecordingError> {
        let hubs = Self::parse_hubs("hubs.csv", &read_text(&folder.join("hubs.csv"))?)?;
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
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            walks.push(Self::parse_walk(&name, &read_text(&path)?, &hubs)?);
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

    /// Reads the hubs from the text of `hubs.csv`.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn parse_hubs(file: &str, text: &str) -> Result<Vec<RecordedHub>, RecordingError> {
        let mut table = Table::new(file, text, ["hub", "x_m", "y_m", "z_m"])?;
        let mut hubs = Vec::new();
        while let Some(row) = table.next_row()? {
            let [id, east, north, height] = row.fields;
            let at = Point::new(row.number(east, "metres")?, row.number(north, "metres")?);
            hubs.push(RecordedHub {
                id: id.to_owned(),
                at,
                height_m: row.number(height, "metres")?,
            });
        }
        match hubs.is_empty() {
            true => Err(RecordingError::Empty {
                what: file.to_owned(),
                expected: "at least one line with a hub",
            }),
            false => Ok(hubs),
        }
    }

    /// Reads a walk from the text of its file.
    ///
    /// # Errors
    /// The first mistake, with its line; a hub that is not among `hubs` is one.
    pub fn parse_walk(name: &str, text: &str, hubs: &[RecordedHub]) -> Result<RecordedWalk, RecordingError> {
        let numbers: HashMap<&str, usize> = hubs.iter().enumerate().map(|(ix, hub)| (hub.id.as_str(), ix)).collect();
        let mut table = Table::new(name, text, ["t_ms", "hub", "tag", "rssi_dbm", "x_m", "y_m"])?;
        let mut sightings: Vec<RecordedSighting> = Vec::new();
        while let Some(row) = table.next_row()? {
            let [at_ms, hub, tag, rssi_dbm, east, north] = row.fields;
            let at_ms: f64 = row.number(at_ms, "milliseconds since the beginning of the walk")?;
            if !at_ms.is_finite() || sightings.last().is_some_and(|last| at_ms < last.at_ms) {
                return Err(row.wrong(at_ms, "a time that is not before the line above"));
            }
            let hub = *numbers.get(hub).ok_or_else(|| row.wrong(hub, "a hub of hubs.csv"))?;
            let tag = parse_address(tag).ok_or_else(|| row.wrong(tag, "an address as 12 hexadecimal digits"))?;
            let rssi_dbm = row.number(rssi_dbm, "a whole number of dBm from -127 to 20")?;
            let truth = match (east, north) {
                ("", "") => None,
                _ => Some(Point::new(row.number(east, "metres")?, row.number(north, "metres")?)),
            };
            sightings.push(RecordedSighting {
                at_ms,
                hub,
                tag,
                rssi_dbm,
                truth,
            });
        }
        Ok(RecordedWalk {
            name: name.to_owned(),
            sightings,
        })
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

/// Lines under a line of column names, of which `N` are wanted.
struct Table<'a, const N: usize> {
    file: &'a str,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    columns: [usize; N],
}

/// The wanted fields of one line.
struct Row<'a, const N: usize> {
    file: &'a str,
    line: usize,
    fields: [&'a str; N],
}

impl<'a, const N: usize> Table<'a, N> {
    fn new(file: &'a str, text: &'a str, wanted: [&'static str; N]) -> Result<Self, RecordingError> {
        let mut lines = text.lines().enumerate();
        let names: Vec<&str> = lines
            .next()
            .map_or("", |(_, line)| line)
            .split(',')
            .map(str::trim)
            .collect();
        let mut columns = [0; N];
        for (column, wanted) in columns.iter_mut().zip(wanted) {
            let missing = || RecordingError::Line {
                file: file.to_owned(),
                line: 1,
                found: format!("no column `{wanted}`"),
                expected: "the names of the columns",
            };
            *column = names.iter().position(|name| *name == wanted).ok_or_else(missing)?;
        }
        Ok(Self { file, lines, columns })
    }

    fn next_row(&mut self) -> Result<Option<Row<'a, N>>, RecordingError> {
        let Some((above, line)) = self.lines.by_ref().find(|(_, line)| !line.trim().is_empty()) else {
            return Ok(None);
        };
        let all: Vec<&str> = line.split(',').map(str::trim).collect();
        let mut row = Row {
            file: self.file,
            line: above + 1,
            fields: [""; N],
        };
        for (at, column) in self.columns.iter().enumerate() {
            let Some(value) = all.get(*column) else {
                return Err(row.wrong(line, "as many fields as columns"));
            };
            if let Some(field) = row.fields.get_mut(at) {
                *field = value;
            }
        }
        Ok(Some(row))
    }
}

impl<const N: usize> Row<'_, N> {
    fn number<T: std::str::FromStr>(&self, field: &str, expected: &'static str) -> Result<T, RecordingError> {
        field.parse().map_err(|_| self.wrong(field, expected))
    }

    fn wrong(&self, found: impl std::fmt::Display, expected: &'static str) -> RecordingError {
        RecordingError::Line {
            file: self.file.to_owned(),
            line: self.line,
            found: format!("`{found}`"),
            expected,
        }
    }
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

fn read_text(path: &Path) -> Result<String, RecordingError> {
    let unreadable = |source| RecordingError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > FILE_BYTES_MAX {
        let found = format!("{bytes} bytes");
        let file = path.display().to_string();
        return Err(RecordingError::Line {
            file,
            line: 1,
            found,
            expected: "a file of at most 64 MiB",
        });
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// Most walks of a recording.
const WALKS_MAX: usize = 1_024;
/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const HUBS: &str = "hub,alias,x_m,y_m,z_m\na1,one,7.0,7.09,1.22\nb2,two,0.5,-1,2.3\n";
    const HEAD: &str = "t_ms,hub,tag,rssi_dbm,x_m,y_m\n";

    fn walk(lines: &str) -> Result<RecordedWalk, RecordingError> {
        let hubs = Recording::parse_hubs("hubs.csv", HUBS).unwrap();
        Recording::parse_walk("walk", &format!("{HEAD}{lines}"), &hubs)
    }

    fn mistake(lines: &str) -> String {
        walk(lines).unwrap_err().to_string()
    }

    #[test]
    fn a_walk_is_read_with_its_truth() {
        let walk = walk("0.0,b2,e78f135624ce,-84,11.5,4.25\n0.149,a1,e7:8f:13:56:24:ce,-82,,\n").unwrap();
        let tag = [0xe7, 0x8f, 0x13, 0x56, 0x24, 0xce];
        let truth = Some(Point::new(11.5, 4.25));
        assert_eq!(
            walk.sightings[0],
            RecordedSighting {
                at_ms: 0.0,
                hub: 1,
                tag,
                rssi_dbm: -84,
                truth
            }
        );
        assert_eq!(
            walk.sightings[1],
            RecordedSighting {
                at_ms: 0.149,
                hub: 0,
                tag,
                rssi_dbm: -82,
                truth: None
            }
        );
        assert_eq!(walk.lasts_ms(), 1);
    }

    #[test]
    fn each_mistake_names_line_and_what_was_expected() {
        assert_eq!(
            mistake("0,c3,e78f135624ce,-84,1,1"),
            "walk, line 2: `c3`; expected a hub of hubs.csv"
        );
        assert_eq!(
            mistake("0,a1,e78f135624ce,-84,1,1\n5,a1,e78f,-84,1,1"),
            "walk, line 3: `e78f`; expected an address as 12 hexadecimal digits"
        );
        assert_eq!(
            mistake("0,a1,e78f135624ce,-840,1,1"),
            "walk, line 2: `-840`; expected a whole number of dBm from -127 to 20"
        );
        assert_eq!(
            mistake("9,a1,e78f135624ce,-84,1,1\n5,a1,e78f135624ce,-84,1,1"),
            "walk, line 3: `5`; expected a time that is not before the line above"
        );
        assert_eq!(
            mistake("9,a1"),
            "walk, line 2: `9,a1`; expected as many fields as columns"
        );
        let no_column = Recording::parse_hubs("hubs.csv", "hub,x_m,y_m\n")
            .unwrap_err()
            .to_string();
        assert_eq!(
            no_column,
            "hubs.csv, line 1: no column `z_m`; expected the names of the columns"
        );
    }
}
