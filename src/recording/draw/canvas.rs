//! Shapes on a page, in pixels from its upper left corner.

/// A picture: a white page with shapes, the later over the earlier.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) shapes: Vec<Shape>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A filled rectangle.
    Box {
        at: Px,
        width: f32,
        height: f32,
        fill: Colour,
    },
    /// A line through points.
    Line {
        points: Vec<Px>,
        width: f32,
        colour: Colour,
    },
    /// A filled circle.
    Dot { at: Px, radius: f32, fill: Colour },
    /// Letters; `at` is on their baseline.
    Text {
        at: Px,
        size: f32,
        side: Side,
        colour: Colour,
        text: String,
    },
}

/// A point of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Px {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// On which side of its point a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It begins there.
    Right,
    /// It is centred there.
    Middle,
    /// It ends there.
    Left,
}

/// Red, green, blue and opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const INK: Colour = Colour(0x22, 0x26, 0x2b, 0xff);
pub(super) const FAINT: Colour = Colour(0x6a, 0x72, 0x7c, 0xff);
pub(super) const RULE: Colour = Colour(0xd0, 0xd5, 0xda, 0xff);
pub(super) const FLOOR: Colour = Colour(0xf1, 0xf2, 0xf4, 0xff);
pub(super) const TRUTH: Colour = Colour(0x11, 0x11, 0x11, 0xff);
pub(super) const SAID: Colour = Colour(0x0b, 0x63, 0xce, 0xff);
pub(super) const ERROR: Colour = Colour(0xd9, 0x48, 0x0f, 0x90);
pub(super) const HUB: Colour = Colour(0x0f, 0x7b, 0x4d, 0xff);

impl Picture {
    pub(super) fn new(width: f32, height: f32) -> Self {
        Self {
            width,
            height,
            shapes: Vec::new(),
        }
    }

    pub(super) fn rectangle(&mut self, at: Px, width: f32, height: f32, fill: Colour) {
        self.shapes.push(Shape::Box {
            at,
            width,
            height,
            fill,
        });
    }

    pub(super) fn line(&mut self, points: Vec<Px>, width: f32, colour: Colour) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line { points, width, colour });
        }
    }

    pub(super) fn dot(&mut self, at: Px, radius: f32, fill: Colour) {
        self.shapes.push(Shape::Dot { at, radius, fill });
    }

    pub(super) fn text(&mut self, at: Px, size: f32, side: Side, colour: Colour, text: impl Into<String>) {
        self.shapes.push(Shape::Text {
            at,
            size,
            side,
            colour,
            text: text.into(),
        });
    }
}

pub(super) const fn px(x: f32, y: f32) -> Px {
    Px { x, y }
}

/// A colour for each zone: neighbours in the list are far apart on the wheel (the golden angle), all are pale.
pub(super) fn zone_colour(zone: u16, opacity: u8) -> Colour {
    let hue = f32::from(zone) * 137.508 % 360.0;
    let channel = |offset: f32| {
        let turned = ((hue + offset) % 360.0 / 60.0 - 3.0).abs() - 1.0;
        (120.0 + 120.0 * turned.clamp(0.0, 1.0)) as u8
    };
    Colour(channel(0.0), channel(240.0), channel(120.0), opacity)
}
