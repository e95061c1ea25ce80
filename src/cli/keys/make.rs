//! `nextbest keys --out`: certificates, keys and tokens to start with.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;

use crate::cli::demo::stadium;
use crate::cli::{Failure, pack};
use crate::serve::clock::unix_s;
use crate::serve::key_maker::{KeyRequest, make_keys};

#[derive(Debug, Args)]
// Its own name for clap, which would take that of the struct, and the command around it has the same.
#[group(id = "make")]
pub(super) struct Arguments {
    /// The folder to make.
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,
    /// The pack whose venue and hubs the keys are for; without a pack and a venue, the stadium that is built in.
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
    /// The venue's id, when there is no pack.
    #[arg(long, value_name = "ID", conflicts_with = "pack")]
    venue: Option<String>,
    /// More hubs that get a certificate, separated by commas.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    hubs: Vec<String>,
    /// Customers that get a token, separated by commas.
    #[arg(long, value_name = "IDS", value_delimiter = ',', default_value = "ada")]
    customers: Vec<String>,
    /// Names or addresses of the gateway beyond localhost, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    name: Vec<String>,
    /// Replace a folder that has keys already. Every token and certificate of before is refused; who has an admin token and
    /// what is revoked stay.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let request = request(arguments)?;
    let out = arguments
        .out
        .as_ref()
        .ok_or_else(|| Failure::wrong("--out is expected"))?;
    let written = make_keys(out, &request, unix_s()).map_err(Failure::wrong)?;
    say!(
        "Made {written} files for the venue {} in {}: {} hubs, {} customers, 1 service.",
        request.venue_id,
        out.display(),
        request.hub_ids.len(),
        request.customer_ids.len(),
    );
    Ok(())
}

fn request(arguments: &Arguments) -> Result<KeyRequest, Failure> {
    let mut request = KeyRequest {
        venue_id: arguments.venue.clone().unwrap_or_default(),
        hub_ids: Vec::new(),
        hub_zones: HashMap::new(),
        customer_ids: arguments.customers.clone(),
        server_names: arguments.name.clone(),
        replace: arguments.force,
    };
    let pack = match (&arguments.pack, &arguments.venue) {
        (Some(dir), _) => Some(pack::load(dir)?),
        (None, Some(_)) => None,
        (None, None) => Some(stadium()?),
    };
    if let Some(pack) = pack {
        let venue = pack.spec.venue;
        request.venue_id.clone_from(&venue.id);
        request.hub_ids.extend(venue.hubs.iter().map(|hub| hub.id.clone()));
        request.hub_zones.extend(venue.hubs.iter().map(|hub| {
            let zones = hub.zones.iter().filter_map(|zone| venue.zones.get(zone.index()));
            (hub.id.clone(), zones.map(|zone| zone.id.clone()).collect())
        }));
    }
    request.hub_ids.extend(arguments.hubs.iter().cloned());
    request.hub_ids.sort();
    request.hub_ids.dedup();
    Ok(request)
}
