//! The zones that a recording is scored with: named rectangles.
//!
//! `zones.csv` has the columns `zone`, `x_min_m`, `x_max_m`, `y_min_m` and `y_max_m`. Several lines may bear one name:
//! together they are one zone. Where rectangles overlap, the first counts.

use std::ops::{Range, RangeInclusive};

use nextbest_venue::table::Table;
use nextbest_venue::{Mistake, Point, Source};

/// Zones that a recording may have.
const ZONES_LEN_MAX: usize = 4_096;
/// Borders, in the recording's own metres.
const PLACE_M: RangeInclusive<f32> = -1e5..=1e5;

/// The zones of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zones {
    /// Their names; a zone is its place in this list.
    pub names: Vec<String>,
    /// Where they are.
    pub rectangles: Vec<Rectangle>,
}

/// A part of a zone: from its western and southern border up to, and without, the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Rectangle {
    /// The zone.
    pub zone: u16,
    /// From west to east, in metres.
    pub east_m: Range<f32>,
    /// From south to north, in metres.
    pub north_m: Range<f32>,
}

impl Zones {
    /// Reads `zones.csv`.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(source: &Source) -> Result<Self, Box<Mistake>> {
        let mut table = Table::new(source)?;
        let [zone, x_min, x_max, y_min, y_max] =
            ["zone", "x_min_m", "x_max_m", "y_min_m", "y_max_m"].map(|name| table.column(name));
        let (zone, x_min, x_max, y_min, y_max) = (zone?, x_min?, x_max?, y_min?, y_max?);
        let mut zones = Self::default();
        while let Some(row) = table.next_row() {
            let name = row.text(&zone)?;
            if name.is_empty() {
                return Err(row.wrong(&zone, "the name of a zone"));
            }
            if zones.rectangles.len() == ZONES_LEN_MAX {
                return Err(row.wrong(&zone, format!("at most {ZONES_LEN_MAX} rectangles")));
            }
            let east_m = row.number(&x_min, PLACE_M)?..row.number(&x_max, PLACE_M)?;
            let north_m = row.number(&y_min, PLACE_M)?..row.number(&y_max, PLACE_M)?;
            if east_m.is_empty() {
                return Err(row.wrong(&x_max, format!("more than x_min_m, which is {}", east_m.start)));
            }
            if north_m.is_empty() {
                return Err(row.wrong(&y_max, format!("more than y_min_m, which is {}", north_m.start)));
            }
            let zone = zones.named(name);
            zones.rectangles.push(Rectangle { zone, east_m, north_m });
        }
        if zones.names.is_empty() {
            return Err(table.wrong_head("there is no zone", "at least one line with a zone"));
        }
        Ok(zones)
    }

    /// The zone at a point, if there is one.
    #[must_use]
    pub fn at(&self, at: Point) -> Option<u16> {
        let holds =
            |rectangle: &&Rectangle| rectangle.east_m.contains(&at.east_m) && rectangle.north_m.contains(&at.north_m);
        self.rectangles.iter().find(holds).map(|rectangle| rectangle.zone)
    }

    /// The number of a zone by its name, which is new or known.
    fn named(&mut self, name: &str) -> u16 {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        // There are at most ZONES_LEN_MAX.
        u16::try_from(place).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(text: &str) -> Result<Zones, String> {
        let source = Source {
            name: "zones.csv".to_owned(),
            text: format!("zone,x_min_m,x_max_m,y_min_m,y_max_m\n{text}").into(),
        };
        Zones::parse(&source).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn a_zone_may_have_several_rectangles_and_ends_before_its_far_border() {
        let zones = zones("a,0,2,0,2\nb,2,4,0,2\na,0,4,2,4").unwrap();
        let at = |east_m, north_m| zones.at(Point::new(east_m, north_m));
        assert_eq!(zones.names, ["a", "b"]);
        assert_eq!(
            [at(0.0, 0.0), at(2.0, 1.0), at(3.0, 2.0), at(4.0, 1.0)],
            [Some(0), Some(1), Some(0), None]
        );
    }

    #[test]
    fn a_rectangle_without_area_is_a_mistake() {
        let mistake = zones("a,0,2,3,3").unwrap_err();
        assert_eq!(
            mistake,
            "zones.csv:2:9: `y_max_m` is `3`; expected more than y_min_m, which is 3"
        );
        assert_eq!(
            zones("").unwrap_err(),
            "zones.csv:1:1: there is no zone; expected at least one line with a zone"
        );
    }
}
