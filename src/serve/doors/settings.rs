//! What the doors are told. Everything has a default but where they listen: a door that nobody asked for is shut.

use std::net::SocketAddr;

use super::bucket::Rate;
use super::mqtt::MqttSettings;
use crate::wire::payload::Topics;

/// The doors that are open.
#[derive(Clone, Debug, Default)]
pub struct DoorsSettings {
    /// UDP address for raddecs; `None`: not listened on.
    pub udp: Option<SocketAddr>,
    /// The venue's MQTT broker, and a listener of our own.
    pub mqtt: MqttSettings,
    /// How fast whom may come.
    pub limits: DoorLimits,
    /// How the topics of MQTT families begin.
    pub topics: Topics,
}

impl DoorsSettings {
    /// Whether a door is open.
    pub(in crate::serve) const fn are_any(&self) -> bool {
        self.udp.is_some() || self.mqtt.broker.is_some() || self.mqtt.listener.is_some()
    }
}

/// How fast whom may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorLimits {
    /// Payloads from one address.
    pub payloads: Rate,
    /// Reports of one hub.
    pub reports: Rate,
}

impl Default for DoorLimits {
    /// A gateway that sends what it heard every 100 ms, and a room of 400 people heard five times a second.
    fn default() -> Self {
        Self {
            payloads: Rate { per_s: 200, burst: 400 },
            reports: Rate {
                per_s: 2_000,
                burst: 4_000,
            },
        }
    }
}
