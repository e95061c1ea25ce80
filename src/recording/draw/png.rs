//! A picture as the bytes of a PNG file, at twice its size so that thin lines stay thin.

use tiny_skia::{Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::canvas::{Colour, Picture, Px, Shape, Side};
use super::letters;

/// Dots of the file for a pixel of the picture.
const SCALE: f32 = 2.0;

/// Why a picture can't be painted.
#[derive(Debug, thiserror::Error)]
pub enum PaintError {
    /// There is no memory for so many dots.
    #[error("a picture of {width} x {height} pixels is too large for PNG; draw SVG instead")]
    TooLarge {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
    /// It can't be written as PNG.
    #[error("the picture can't be written as PNG: {0}")]
    Encode(String),
}

impl Picture {
    /// The picture as PNG.
    ///
    /// # Errors
    /// It is too large.
    pub fn png(&self) -> Result<Vec<u8>, PaintError> {
        let (width, height) = ((self.width * SCALE).ceil() as u32, (self.height * SCALE).ceil() as u32);
        let mut page = Pixmap::new(width, height).ok_or(PaintError::TooLarge {
            width: self.width,
            height: self.height,
        })?;
        page.fill(Color::WHITE);
        for shape in &self.shapes {
            paint(&mut page, shape);
        }
        page.encode_png().map_err(|error| PaintError::Encode(error.to_string()))
    }
}

fn paint(page: &mut Pixmap, shape: &Shape) {
    match shape {
        Shape::Box {
            at,
            width,
            height,
            fill,
        } => {
            if let Some(rectangle) = Rect::from_xywh(at.x, at.y, *width, *height) {
                page.fill_rect(rectangle, &of(*fill), transform(), None);
            }
        }
        Shape::Line { points, width, colour } => stroke(page, through(points), *width, *colour),
        Shape::Dot { at, radius, fill } => {
            if let Some(circle) = PathBuilder::from_circle(at.x, at.y, *radius) {
                page.fill_path(&circle, &of(*fill), FillRule::Winding, transform(), None);
            }
        }
        Shape::Text {
            at,
            size,
            side,
            colour,
            text,
        } => {
            let width = letters::width(text, *size);
            let x = match side {
                Side::Right => at.x,
                Side::Middle => at.x - width / 2.0,
                Side::Left => at.x - width,
            };
            for line in letters::strokes(text, Px { x, y: at.y }, *size) {
                stroke(page, through(&line), letters::WEIGHT * size, *colour);
            }
        }
    }
}

fn through(points: &[Px]) -> Option<Path> {
    let mut path = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    path.move_to(first.x, first.y);
    rest.iter().for_each(|at| path.line_to(at.x, at.y));
    path.finish()
}

fn stroke(page: &mut Pixmap, path: Option<Path>, width: f32, colour: Colour) {
    let stroke = Stroke {
        width,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    if let Some(path) = path {
        page.stroke_path(&path, &of(colour), &stroke, transform(), None);
    }
}

fn of(Colour(red, green, blue, opacity): Colour) -> Paint<'static> {
    let mut paint = Paint {
        anti_alias: true,
        ..Paint::default()
    };
    paint.set_color_rgba8(red, green, blue, opacity);
    paint
}

fn transform() -> Transform {
    Transform::from_scale(SCALE, SCALE)
}
