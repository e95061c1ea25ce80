//! Which family a topic belongs to, and what its parts name.
//!
//! Firmware lets its owner choose where topics begin, so the beginnings are settings; the rest of a topic is fixed.

use super::Family;

/// Where each family's topics begin, as its firmware is set, and what a distance means.
#[derive(Clone, Debug, PartialEq)]
pub struct Topics {
    /// ESPresense: `<espresense>/devices/<id>/<room>`.
    pub espresense: String,
    /// OpenMQTTGateway and Theengs: `<openmqttgateway>/<gateway>/BTtoMQTT/<address>`.
    pub openmqttgateway: String,
    /// Home Assistant's `mqtt_room`: `<room>/<the room's name>`; what Home Assistant calls `state_topic`.
    pub room: String,
    /// happy-bubbles: `<happy_bubbles>/<hub>/ibeacon/<uuid>`.
    pub happy_bubbles: String,
    /// MOKO: this topic, and everything below it.
    pub moko: String,
    /// What a distance means that comes without a signal strength.
    pub path_loss: PathLoss,
}

impl Default for Topics {
    /// As each firmware, and for MOKO `barnowl-mokosmart`, is set when nobody changed it.
    fn default() -> Self {
        Self {
            espresense: "espresense".to_owned(),
            openmqttgateway: "home".to_owned(),
            room: "room_presence".to_owned(),
            happy_bubbles: "happy-bubbles/ble".to_owned(),
            moko: "mokosmart".to_owned(),
            path_loss: PathLoss::default(),
        }
    }
}

/// Distances in metres below which nothing gets louder, as in the locator.
const NEAR_M: f64 = 0.5;

/// A distance back into a signal strength: `rssi = at_1m_dbm - 10 * exponent * log10(distance) - db_per_m * distance`, the
/// locator's own formula, which believes the distance that was sent when the numbers are its own too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathLoss {
    /// dBm at one metre.
    pub at_1m_dbm: f32,
    /// The exponent of the path loss.
    pub exponent: f32,
    /// dB that every metre takes besides.
    pub db_per_m: f32,
}

impl PathLoss {
    /// The signal strength in dBm at a distance in metres.
    #[must_use]
    pub fn rssi_dbm(&self, distance_m: f64) -> f64 {
        let spread_db = 10.0 * f64::from(self.exponent) * distance_m.max(NEAR_M).log10();
        f64::from(self.at_1m_dbm) - spread_db - f64::from(self.db_per_m) * distance_m
    }
}

impl Default for PathLoss {
    /// What the locator assumes of a venue without a survey, whose pack says nothing else.
    fn default() -> Self {
        Self {
            at_1m_dbm: -59.0,
            exponent: 1.8,
            db_per_m: 0.45,
        }
    }
}

impl Topics {
    /// The filters that a client subscribes to, with the family that comes by each.
    #[must_use]
    pub fn filters(&self) -> Vec<(Family, String)> {
        vec![
            (Family::Espresense, format!("{}/devices/+/+", self.espresense)),
            (Family::Espresense, format!("{}/rooms/+/telemetry", self.espresense)),
            (Family::Espresense, format!("{}/rooms/+/status", self.espresense)),
            (
                Family::OpenMqttGateway,
                format!("{}/+/BTtoMQTT/+", self.openmqttgateway),
            ),
            (Family::OpenMqttGateway, format!("{}/+/SYStoMQTT", self.openmqttgateway)),
            (Family::OpenMqttGateway, format!("{}/+/LWT", self.openmqttgateway)),
            (Family::Room, format!("{}/+", self.room)),
            (Family::HappyBubbles, format!("{}/+/+/+", self.happy_bubbles)),
            (Family::Moko, format!("{}/#", self.moko)),
        ]
    }

    /// The family that publishes to a topic; `None`: none of them.
    #[must_use]
    pub fn family(&self, topic: &str) -> Option<Family> {
        let families = [
            (Family::Espresense, &self.espresense),
            (Family::HappyBubbles, &self.happy_bubbles),
            (Family::Moko, &self.moko),
            (Family::Room, &self.room),
            (Family::OpenMqttGateway, &self.openmqttgateway),
        ];
        let mut found = families.into_iter().filter(|(_, base)| below(base, topic).is_some());
        found.next().map(|(family, _)| family)
    }
}

/// The parts of a topic below its base; `None` when it is not below it. `Some("")`: the base itself.
pub(super) fn below<'t>(base: &str, topic: &'t str) -> Option<&'t str> {
    let rest = topic.strip_prefix(base)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix('/')
    }
}

/// The parts of a topic below its base, when there are exactly `N`.
pub(super) fn parts<'t, const N: usize>(base: &str, topic: &'t str) -> Option<[&'t str; N]> {
    let mut rest = below(base, topic)?.split('/');
    let mut parts = [""; N];
    for part in &mut parts {
        *part = rest.next()?;
    }
    rest.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_tell_their_family() {
        let topics = Topics::default();
        for (topic, family) in [
            (
                "espresense/devices/known:aabbccddeeff/kitchen",
                Some(Family::Espresense),
            ),
            (
                "home/OpenMQTTGateway/BTtoMQTT/AABBCCDDEEFF",
                Some(Family::OpenMqttGateway),
            ),
            ("room_presence/kitchen", Some(Family::Room)),
            ("happy-bubbles/ble/living-room/ibeacon/e2c5", Some(Family::HappyBubbles)),
            ("mokosmart", Some(Family::Moko)),
            ("mokosmart/112233445566/publish", Some(Family::Moko)),
            ("mokosmarter/x", None),
            ("espresenses/devices/a/b", None),
            ("", None),
        ] {
            assert_eq!(topics.family(topic), family, "{topic}");
        }
    }

    #[test]
    fn parts_are_counted_exactly() {
        assert_eq!(parts::<2>("a", "a/b/c"), Some(["b", "c"]));
        assert_eq!(parts::<2>("a", "a/b"), None);
        assert_eq!(parts::<2>("a", "a/b/c/d"), None);
    }
}
