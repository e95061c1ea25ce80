//! The picture that `nextbest locate --draw` writes, as SVG or PNG by the end of its name.

use std::fs;
use std::path::{Path, PathBuf};

use super::report::Report;
use crate::cli::Failure;
use crate::recording::{DRAWN_WALKS_MAX, Instant, Played, Site, draw};

/// Takes a path that says which format is meant.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match ending(&path) {
        Some("svg" | "png") => Ok(path),
        _ => Err("expected a name that ends in .svg or .png".to_owned()),
    }
}

/// Draws the walks of a report.
pub(super) fn write(path: &Path, site: &Site, played: &[Vec<Instant>], report: &Report) -> Result<(), Failure> {
    let figures: Vec<Vec<String>> = report.walks().iter().map(super::report::Line::figures).collect();
    let lines = report.walks().iter().zip(played).zip(&figures);
    let walks: Vec<Played<'_>> = lines
        .map(|((line, instants), figures)| Played {
            name: &line.name,
            instants,
            figures,
        })
        .collect();
    let picture = draw(site, &walks);
    let bytes = match ending(path) {
        Some("png") => picture.png().map_err(Failure::wrong)?,
        _ => picture.svg().into_bytes(),
    };
    fs::write(path, bytes).map_err(|error| Failure::wrong(format!("cannot write {}: {error}", path.display())))?;
    if walks.len() > DRAWN_WALKS_MAX {
        eprintln!("the picture shows the first {DRAWN_WALKS_MAX} of {} walks", walks.len());
    }
    Ok(())
}

fn ending(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}
