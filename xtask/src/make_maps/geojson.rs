//! Writes features as GeoJSON that a person can read: one file for each type of feature, three lines for each feature.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Metres east and north of the venue's anchor.
pub(super) type Metres = (f64, f64);

/// How coordinates are written.
#[derive(Clone, Copy)]
pub(super) enum Frame {
    /// Metres, to the centimetre.
    Local,
    /// WGS84 degrees, to seven decimals (about a centimetre).
    Wgs84 { lon_deg: f64, lat_deg: f64 },
}

impl Frame {
    /// The inverse of the flat frame in which nextbest-venue reads a map: the radii of curvature of the WGS84 ellipsoid at
    /// the anchor, along the meridian and across it.
    fn write(self, (east_m, north_m): Metres) -> String {
        match self {
            Self::Local => format!("[{:.2}, {:.2}]", tidy(east_m), tidy(north_m)),
            Self::Wgs84 { lon_deg, lat_deg } => {
                let (a_m, e2) = (6_378_137.0, 6.694_379_990_14e-3);
                let bend = 1.0 - e2 * lat_deg.to_radians().sin().powi(2);
                let east_m_per_deg = (a_m / bend.sqrt() * lat_deg.to_radians().cos()).to_radians();
                let north_m_per_deg = (a_m * (1.0 - e2) / bend.powf(1.5)).to_radians();
                format!(
                    "[{:.7}, {:.7}]",
                    lon_deg + east_m / east_m_per_deg,
                    lat_deg + north_m / north_m_per_deg
                )
            }
        }
    }
}

/// No negative zero.
fn tidy(metres: f64) -> f64 {
    (metres * 100.0).round() / 100.0 + 0.0
}

/// A map that grows feature by feature.
pub(super) struct Map {
    frame: Frame,
    files: BTreeMap<&'static str, String>,
}

/// The shape of a feature.
pub(super) enum Shape<'p> {
    /// A relationship has none.
    Nothing,
    Point(Metres),
    Line(&'p [Metres]),
    /// The outer ring, then the holes; none repeats its first corner.
    Polygon(&'p [Vec<Metres>]),
}

impl Map {
    pub(super) fn new(frame: Frame) -> Self {
        Self {
            frame,
            files: BTreeMap::new(),
        }
    }

    /// Adds a feature; values of properties are JSON already.
    pub(super) fn add(&mut self, kind: &'static str, id: &str, properties: &[(&str, String)], shape: &Shape<'_>) {
        let geometry = self.geometry(shape);
        let properties: Vec<String> = properties
            .iter()
            .map(|(key, value)| format!("{}: {value}", text(key)))
            .collect();
        let file = self.files.entry(kind).or_default();
        if !file.is_empty() {
            file.push_str(",\n");
        }
        let _ = write!(
            file,
            "{{\"type\": \"Feature\", \"id\": {}, \"feature_type\": {},\n \"properties\": {{{}}},\n \"geometry\": {geometry}}}",
            text(id),
            text(kind),
            properties.join(", "),
        );
    }

    /// The files: name and text.
    pub(super) fn into_files(self) -> Vec<(String, String)> {
        let wrap = |features| format!("{{\"type\": \"FeatureCollection\", \"features\": [\n{features}\n]}}\n");
        self.files
            .into_iter()
            .map(|(kind, features)| (format!("{kind}.geojson"), wrap(features)))
            .collect()
    }

    fn geometry(&self, shape: &Shape<'_>) -> String {
        let of = |kind, coordinates| format!("{{\"type\": \"{kind}\", \"coordinates\": {coordinates}}}");
        match shape {
            Shape::Nothing => "null".to_owned(),
            Shape::Point(at) => of("Point", self.frame.write(*at)),
            Shape::Line(points) => of("LineString", self.positions(points)),
            Shape::Polygon(rings) => {
                let close = |ring: &Vec<Metres>| ring.iter().chain(ring.first()).copied().collect::<Vec<_>>();
                let rings: Vec<String> = rings.iter().map(|ring| self.positions(&close(ring))).collect();
                of("Polygon", format!("[{}]", rings.join(", ")))
            }
        }
    }

    fn positions(&self, points: &[Metres]) -> String {
        let points: Vec<String> = points.iter().map(|point| self.frame.write(*point)).collect();
        format!("[{}]", points.join(", "))
    }
}

/// A JSON text; the maps' names need no escapes.
pub(super) fn text(value: &str) -> String {
    format!("\"{value}\"")
}

/// Names in English and Spanish.
pub(super) fn names(english: &str, spanish: &str) -> String {
    format!("{{\"en\": {}, \"es\": {}}}", text(english), text(spanish))
}

/// A JSON array of texts.
pub(super) fn texts<T: AsRef<str>>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(|value| text(value.as_ref())).collect();
    format!("[{}]", values.join(", "))
}

/// The corners of an upright rectangle.
pub(super) fn rectangle((west, south): Metres, (east, north): Metres) -> Vec<Metres> {
    vec![(west, south), (east, south), (east, north), (west, north)]
}
