//! The frame of the coordinates: WGS84 degrees become metres east and north of the anchor, local metres stay.
//!
//! The venue feature names the frame, so it is read before any geometry. Deliberately absent: other map projections and
//! heights (a level has an elevation).

use super::json::{Item, Members};
use crate::geometry::Point;

/// Semi-major axis of the WGS84 ellipsoid in metres (NGA.STND.0036).
const WGS84_A_M: f64 = 6_378_137.0;
/// First eccentricity squared of the WGS84 ellipsoid (NGA.STND.0036).
const WGS84_E2: f64 = 6.694_379_990_14e-3;
/// Furthest that a feature may lie from the anchor: beyond, the flat frame is off by more than a centimetre or so, and a
/// swapped longitude and latitude is the likely cause.
pub(crate) const REACH_M_MAX: f64 = 5_000.0;
/// Beyond this latitude a metre east is too many degrees for the flat frame.
const LATITUDE_DEG_MAX: f64 = 85.0;

/// How positions of the files are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Frame {
    /// The venue feature is mistaken: positions are passed over in silence.
    Unknown,
    /// Metres, used as they are.
    Local,
    /// Degrees around an anchor.
    Wgs84 {
        lon_deg: f64,
        lat_deg: f64,
        /// Metres for one degree of longitude at the anchor.
        east_m_per_deg: f64,
        /// Metres for one degree of latitude at the anchor.
        north_m_per_deg: f64,
    },
}

impl Frame {
    /// The flat frame that touches the ellipsoid at the anchor: a degree of latitude is measured on the meridian's radius of
    /// curvature M, one of longitude on N cos(lat) (Torge and Müller, Geodesy, 4th edition, section 4.1.3). Within 500 m of
    /// the anchor the error stays below 3 cm at 60 degrees of latitude.
    pub(crate) fn around(lon_deg: f64, lat_deg: f64) -> Self {
        let sin = lat_deg.to_radians().sin();
        let bend = 1.0 - WGS84_E2 * sin * sin;
        let prime_vertical_m = WGS84_A_M / bend.sqrt();
        let meridian_m = WGS84_A_M * (1.0 - WGS84_E2) / (bend * bend.sqrt());
        Self::Wgs84 {
            lon_deg,
            lat_deg,
            east_m_per_deg: (prime_vertical_m * lat_deg.to_radians().cos()).to_radians(),
            north_m_per_deg: meridian_m.to_radians(),
        }
    }

    /// The point at a longitude and latitude; in a frame without an anchor, the same numbers in metres.
    pub(crate) fn at_degrees(&self, lon: f64, lat: f64) -> Point {
        match *self {
            Self::Unknown | Self::Local => Point::new(lon as f32, lat as f32),
            Self::Wgs84 {
                lon_deg,
                lat_deg,
                east_m_per_deg,
                north_m_per_deg,
            } => Point::new(
                ((lon - lon_deg) * east_m_per_deg) as f32,
                ((lat - lat_deg) * north_m_per_deg) as f32,
            ),
        }
    }

    /// Longitude and latitude of a point in a frame around an anchor; the point itself in another.
    pub(crate) fn degrees_of(&self, at: Point) -> (f64, f64) {
        let (east_m, north_m) = (f64::from(at.east_m), f64::from(at.north_m));
        match *self {
            Self::Unknown | Self::Local => (east_m, north_m),
            Self::Wgs84 {
                lon_deg,
                lat_deg,
                east_m_per_deg,
                north_m_per_deg,
            } => (lon_deg + east_m / east_m_per_deg, lat_deg + north_m / north_m_per_deg),
        }
    }

    /// Reads `frame` and `anchor` of the venue's properties.
    pub(crate) fn read(properties: &Members<'_, '_>) -> Option<Self> {
        let item = properties.need("frame", "\"wgs84\" with an `anchor`, or \"local\" for metres")?;
        match item.word(&["wgs84", "local"], "frame")? {
            "local" => match properties.find("anchor") {
                None => Some(Self::Local),
                Some(anchor) => {
                    anchor.wrong("a local frame has no anchor", "no `anchor`, or `\"frame\": \"wgs84\"`");
                    None
                }
            },
            _ => {
                let anchor = properties.need("anchor", "a GeoJSON Point: [longitude, latitude] of the frame's zero")?;
                let (lon_deg, lat_deg) = degrees(&super::shape::point_item(&anchor)?)?;
                Some(Self::around(lon_deg, lat_deg))
            }
        }
    }

    /// Reads one position.
    pub(crate) fn position(&self, item: &Item<'_, '_>) -> Option<Point> {
        let (east_m, north_m) = match *self {
            Self::Unknown => return None,
            Self::Local => pair(
                item,
                REACH_M_MAX,
                REACH_M_MAX,
                "[metres east, metres north] within 5,000 m",
            )?,
            Self::Wgs84 {
                lon_deg,
                lat_deg,
                east_m_per_deg,
                north_m_per_deg,
            } => {
                let (lon, lat) = degrees(item)?;
                ((lon - lon_deg) * east_m_per_deg, (lat - lat_deg) * north_m_per_deg)
            }
        };
        if east_m.abs().max(north_m.abs()) > REACH_M_MAX {
            item.wrong(
                format!("this is {:.0} km from the anchor", east_m.hypot(north_m) / 1_000.0),
                "[longitude, latitude] within 5 km of it",
            );
            return None;
        }
        Some(Point::new(east_m as f32, north_m as f32))
    }
}

pub(crate) fn degrees(item: &Item<'_, '_>) -> Option<(f64, f64)> {
    pair(
        item,
        180.0,
        LATITUDE_DEG_MAX,
        "[longitude, latitude] in degrees: -180 to 180, then -85 to 85",
    )
}

fn pair(item: &Item<'_, '_>, first_max: f64, second_max: f64, expected: &str) -> Option<(f64, f64)> {
    let parts = item.array(3, expected)?;
    let [first, second] = parts.as_slice() else {
        item.wrong(format!("a position of {} numbers", parts.len()), expected);
        return None;
    };
    let first = first.number(-first_max, first_max, expected);
    let second = second.number(-second_max, second_max, expected);
    Some((first?, second?))
}
