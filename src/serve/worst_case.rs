//! The most memory that a gateway can take, row by row, from its settings alone.
//!
//! Every table, buffer and queue has a named maximum, so the worst that peers can do is a sum. It is printed when
//! the gateway starts and by `nextbest check`; a gateway that the machine cannot hold does not start. Deliberately
//! absent: what the program itself takes, a few tens of MiB that do not grow with what peers do.

use std::fmt;

use super::durable::{changes_bytes_max, state_bytes_max};
use super::{GatewaySettings, http};
use crate::engine::spec::{Settings, Spec};
use crate::engine::{MemoryBound, radio_maps_bytes_max};

/// One row: what takes memory, and how much at worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What takes it.
    pub what: &'static str,
    /// How much, in bytes.
    pub bytes: u64,
}

/// The most memory that a gateway can take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorstCase {
    /// What it is made of.
    pub rows: Vec<Row>,
}

impl WorstCase {
    /// The worst case of a pack's engine with a gateway's settings.
    #[must_use]
    pub fn of(pack: &Spec, gateway: &GatewaySettings) -> Self {
        Self::with_maps(&pack.settings, radio_maps_bytes_max(pack), gateway)
    }

    fn with_maps(engine: &Settings, radio_maps_bytes: u64, gateway: &GatewaySettings) -> Self {
        let tables = MemoryBound::of(engine);
        let (services, listeners) = (
            gateway.identities.services_connections_max,
            [gateway.http, gateway.admin],
        );
        let services = (services as usize).min(gateway.apps.connections_max) * gateway.apps.service_bytes_max();
        let listeners = http::bytes_max(listeners.iter().flatten().count());
        let row = |what, bytes| Row { what, bytes };
        Self {
            rows: vec![
                row("customers", tables.customers_bytes),
                row("tags", tables.tags_bytes),
                row("message ids", tables.message_ids_bytes),
                row("presence events", tables.presence_bytes),
                row("radio maps", radio_maps_bytes),
                row("keys of tags", tables.identities_bytes),
                row("connections of apps", gateway.apps.listener_bytes_max() as u64),
                row("what services take beyond that", services as u64),
                row("connections of hubs", gateway.hubs.listener_bytes_max() as u64),
                row("HTTPS connections", listeners as u64),
                row("doors for other hubs", gateway.doors.bytes_max() as u64),
                row("changes by staff", changes_bytes_max()),
                row("state on its way to the disk", gateway.state_bytes_max),
            ],
        }
    }

    /// The worst case with a state folder.
    #[must_use]
    pub fn with_state(pack: &Spec, gateway: &GatewaySettings) -> Self {
        let gateway = GatewaySettings {
            state_bytes_max: state_bytes_max(pack.settings.customers_max),
            ..gateway.clone()
        };
        Self::of(pack, &gateway)
    }

    /// All of it, in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }
}

/// One line: the sum, and the rows that are not nothing.
impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {}:", Bytes(self.total_bytes()))?;
        let rows = self.rows.iter().filter(|row| row.bytes > 0);
        for (place, row) in rows.enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma} {} {}", Bytes(row.bytes), row.what)?;
        }
        Ok(())
    }
}

/// A number of bytes as people read it, rounded up.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        match self.0 {
            0..MIB => write!(f, "{} KiB", self.0.div_ceil(1 << 10)),
            MIB.. if self.0 < 1 << 30 => write!(f, "{} MiB", self.0.div_ceil(MIB)),
            _ => write!(f, "{:.1} GiB", self.0 as f64 / f64::from(1 << 30)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let text = |bytes| Bytes(bytes).to_string();
        assert_eq!(text(1_000), "1 KiB");
        assert_eq!(text(5 << 20), "5 MiB");
        assert_eq!(text(3 << 29), "1.5 GiB");
    }

    #[test]
    fn twice_the_connections_cost_twice_the_memory() {
        let engine = Settings::default();
        let few = GatewaySettings::default();
        let mut many = few.clone();
        many.apps.connections_max *= 2;
        let total = |settings| WorstCase::with_maps(&engine, 0, settings).total_bytes();
        let of_one = few.apps.connection_bytes_max() as u64;
        assert_eq!(total(&many) - total(&few), few.apps.connections_max as u64 * of_one);
    }

    #[test]
    fn shut_doors_cost_nothing_and_are_not_shown() {
        let worst = WorstCase::with_maps(&Settings::default(), 0, &GatewaySettings::default());
        assert!(!worst.to_string().contains("doors"), "{worst}");
    }
}
