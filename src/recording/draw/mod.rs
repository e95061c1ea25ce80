//! A picture of played walks: where the tag was, where it was said to be, and how the error went.
//!
//! A picture is a list of shapes (`canvas`), written as SVG text or painted as PNG, so that both show the same. Each
//! walk has a panel: the plan on the left, figures and charts on the right. PNG goes through tiny-skia, which fills
//! and strokes paths and needs neither a system library nor a font; lettering is drawn as strokes (`letters`).
//! Deliberately absent: colours that carry a meaning on their own; everything is named beside the plan.

mod canvas;
mod charts;
mod letters;
mod panel;
mod plan;
mod png;
mod svg;

pub use canvas::Picture;
pub use png::PaintError;

use super::play::Instant;
use super::site::Site;

/// Walks that one picture shows; of more, the first.
pub const DRAWN_WALKS_MAX: usize = 12;

/// A played walk.
#[derive(Clone, Copy, Debug)]
pub struct Played<'a> {
    /// Its name.
    pub name: &'a str,
    /// What was said and what was true.
    pub instants: &'a [Instant],
    /// Lines of figures to print beside it.
    pub figures: &'a [String],
}

/// Draws walks under one another.
#[must_use]
pub fn draw(site: &Site, walks: &[Played<'_>]) -> Picture {
    let shown = walks.get(..DRAWN_WALKS_MAX).unwrap_or(walks);
    let mut picture = Picture::new(panel::WIDTH_PX, panel::HEIGHT_PX * shown.len().max(1) as f32);
    for (place, walk) in shown.iter().enumerate() {
        panel::draw(&mut picture, place as f32 * panel::HEIGHT_PX, site, walk);
    }
    picture
}
