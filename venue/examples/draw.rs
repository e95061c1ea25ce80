//! Draws the map in a folder, one SVG plan for each level, with a few routes on it:
//! `cargo run --locked -p nextbest-venue --example draw -- packs/stadium/venue FOLDER`.

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use nextbest_venue::{LevelIx, Mistake, PlaceIx, Route, Source, Venue, load, svg};

/// Routes drawn on each plan.
const ROUTES: usize = 5;

#[expect(
    clippy::disallowed_methods,
    reason = "a program, not the core: it says how long loading takes"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: draw FOLDER_OF_GEOJSON FOLDER_FOR_SVG";
    let (from, to) = (env::args().nth(1).ok_or(usage)?, env::args().nth(2).ok_or(usage)?);
    let sources = read(Path::new(&from))?;
    let start = Instant::now();
    let venue = match load(&sources) {
        Ok(venue) => venue,
        Err(mistakes) => return Err(explain(&mistakes).into()),
    };
    let (took_ms, kib) = (start.elapsed().as_millis(), venue.walks.memory_bytes() >> 10);
    println!(
        "{}: {} zones, {} places, {} hubs",
        venue.name,
        venue.zones.len(),
        venue.places.len(),
        venue.hubs.len()
    );
    println!("loaded in {took_ms} ms; walking times take {kib} KiB");
    fs::create_dir_all(&to)?;
    for (at, level) in venue.levels.iter().enumerate() {
        let path = Path::new(&to).join(format!("{}-{}.svg", venue.id, level.id));
        fs::write(&path, svg::draw_with_routes(&venue, LevelIx(at as u8), &routes(&venue)))?;
        println!("drew {}", path.display());
    }
    Ok(())
}

fn read(folder: &Path) -> std::io::Result<Vec<Source>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "geojson"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            Ok(Source {
                name: path.display().to_string(),
                text: fs::read_to_string(&path)?.into(),
            })
        })
        .collect()
}

fn explain(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n{mistake}")).collect()
}

/// From hubs far apart to places far apart.
fn routes(venue: &Venue) -> Vec<Route> {
    let (hubs, places) = (venue.hubs.len(), venue.places.len());
    (0..ROUTES.min(places))
        .filter_map(|at| {
            let hub = venue.hubs.get(at * hubs / ROUTES)?;
            let place = PlaceIx(((at * 2 + 1) * places / (2 * ROUTES)) as u16);
            venue.walks.steps_to_place(venue, (hub.level, hub.at), place)
        })
        .collect()
}
