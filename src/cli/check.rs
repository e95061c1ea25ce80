//! `nextbest check`: is this pack right, and what would it cost?

use std::path::PathBuf;

use clap::Args;

use super::{Failure, pack};
use crate::config::Pack;
use crate::serve::GatewaySettings;
use crate::serve::overload::memory::machine_bytes;
use crate::serve::worst_case::{Bytes, WorstCase};

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
    say!("{} ({}) can be served.", pack.name, pack.id);
    say!("{}", contents(&pack));
    say!("{}", memory(&pack));
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

/// The most memory that a gateway with this pack and a state folder takes, and whether this machine has it.
fn memory(pack: &Pack) -> String {
    let worst = WorstCase::with_state(&pack.spec, &GatewaySettings::from(&pack.serve));
    let line = format!("memory    {worst}");
    match machine_bytes().filter(|machine| worst.total_bytes() > *machine) {
        Some(machine) => format!(
            "{line}\n          this machine has {} and would not serve it",
            Bytes(machine)
        ),
        None => line,
    }
}
