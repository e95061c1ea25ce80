//! `nextbest check`: is this pack right, and what would it cost?

use std::path::PathBuf;

use clap::Args;

use super::{Failure, pack};
use crate::config::Pack;
use crate::engine::MemoryBound;
use crate::serve::GatewaySettings;

/// Check a pack: every mistake at once, with file, line and column; or what is in it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  nextbest check --pack packs/stadium\n\nLeaves with 0 when the pack can be served, \
                        with 1 and one report for each mistake when it cannot."
)]
pub(super) struct Arguments {
    /// The pack's folder.
    #[arg(long, value_name = "DIR")]
    pack: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let pack = pack::load(&arguments.pack)?;
    // What only shows when a generation is built is a mistake as well.
    let _engine = pack::engine(&pack)?;
    println!("{} ({}) can be served.", pack.name, pack.id);
    println!("{}", contents(&pack));
    println!("{}", memory(&pack));
    Ok(())
}

fn contents(pack: &Pack) -> String {
    let (spec, venue) = (&pack.spec, &pack.spec.venue);
    let treatments: usize = spec.actions.iter().map(|action| action.treatments.len()).sum();
    let map = format!(
        "map       {} levels, {} zones, {} places, {} hubs, {} beacons",
        venue.levels.len(),
        venue.zones.len(),
        venue.places.len(),
        venue.hubs.len(),
        venue.beacons.len(),
    );
    let journey = format!(
        "journey   {} stages, {} transitions, {} segments, {} traits",
        spec.journey.stages.len(),
        spec.journey.transitions.len(),
        spec.segments.len(),
        spec.traits.len(),
    );
    let actions = format!("actions   {} with {treatments} treatments", spec.actions.len());
    [map, journey, actions].join("\n")
}

/// The most memory that a gateway with this pack takes.
pub(super) fn memory(pack: &Pack) -> String {
    let bound = MemoryBound::of(&pack.spec.settings);
    let (engine, transport) = (
        bound.total_bytes(),
        GatewaySettings::from(&pack.serve).transport_bytes_max() as u64,
    );
    format!(
        "memory    at most {}: {} for {} customers and {} tags, {} for {} apps and {} hubs",
        bytes(engine + transport),
        bytes(engine),
        pack.spec.settings.customers_max,
        pack.spec.settings.tags_max,
        bytes(transport),
        pack.serve.app_connections_max,
        pack.serve.hub_connections_max,
    )
}

fn bytes(count: u64) -> String {
    const MIB: u64 = 1 << 20;
    match count {
        0..MIB => format!("{} KiB", count.div_ceil(1 << 10)),
        MIB.. if count < 1 << 30 => format!("{} MiB", count.div_ceil(MIB)),
        _ => format!("{:.1} GiB", count as f64 / f64::from(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(1_000), "1 KiB");
        assert_eq!(bytes(5 << 20), "5 MiB");
        assert_eq!(bytes(3 << 29), "1.5 GiB");
    }
}
