//! A picture as the text of an SVG file.

use std::fmt::{self, Write as _};

use nextbest_venue::svg::escape;

use super::canvas::{Colour, Picture, Shape, Side};

impl Picture {
    /// The picture as SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
        );
        for shape in &self.shapes {
            // Writing to a string cannot fail.
            let _ = write(&mut svg, shape);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn write(svg: &mut String, shape: &Shape) -> fmt::Result {
    match shape {
        Shape::Box {
            at,
            width,
            height,
            fill,
        } => writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" {}/>",
            at.x,
            at.y,
            paint("fill", *fill)
        ),
        Shape::Line { points, width, colour } => {
            let points: Vec<String> = points.iter().map(|at| format!("{:.1},{:.1}", at.x, at.y)).collect();
            writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" {} stroke-width=\"{width}\" stroke-linejoin=\"round\" \
                 stroke-linecap=\"round\"/>",
                points.join(" "),
                paint("stroke", *colour)
            )
        }
        Shape::Dot { at, radius, fill } => {
            writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\" {}/>",
                at.x,
                at.y,
                paint("fill", *fill)
            )
        }
        Shape::Text {
            at,
            size,
            side,
            colour,
            text,
        } => {
            let anchor = match side {
                Side::Right => "start",
                Side::Middle => "middle",
                Side::Left => "end",
            };
            writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" {}>{}</text>",
                at.x,
                at.y,
                paint("fill", *colour),
                escape(text)
            )
        }
    }
}

fn paint(what: &str, Colour(red, green, blue, opacity): Colour) -> String {
    let colour = format!("{what}=\"#{red:02x}{green:02x}{blue:02x}\"");
    match opacity {
        u8::MAX => colour,
        opacity => format!("{colour} {what}-opacity=\"{:.2}\"", f32::from(opacity) / 255.0),
    }
}
