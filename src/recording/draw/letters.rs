//! Letters as strokes, as a plotter writes them, so that a PNG needs no font.
//!
//! A glyph is some lines through points of a grid: each point is two digits, x from 0 to 4 and y from 0 to 8. The
//! baseline is 2, small letters reach 6, capitals 8, and tails 0. Deliberately absent: accents and other scripts; what
//! is not in the table is a box.

use super::canvas::Px;

/// Width of a stroke for a size of one.
pub(super) const WEIGHT: f32 = 0.09;
/// Size of the grid's unit for a size of one: capitals are then as high as those of usual fonts.
const UNIT: f32 = 0.12;
/// Space between two letters, in units.
const BETWEEN: f32 = 1.9;
/// Width of a space, in units.
const SPACE: f32 = 2.0;
const BASELINE: f32 = 2.0;
const BOX: &str = "02 08 48 42 02";

const GLYPHS: [(char, &str); 77] = [
    ('0', "18 38 47 43 32 12 03 07 18"),
    ('1', "07 28 22"),
    ('2', "07 18 38 47 46 02 42"),
    ('3', "07 18 38 47 46 35 25|35 44 43 32 12 03"),
    ('4', "32 38 04 44"),
    ('5', "48 08 05 35 44 43 32 12 03"),
    ('6', "47 38 18 07 03 12 32 43 44 35 15 04"),
    ('7', "08 48 12"),
    ('8', "18 38 47 46 35 15 06 07 18|15 04 03 12 32 43 44 35"),
    ('9', "03 12 32 43 47 38 18 07 06 15 35 46"),
    ('A', "02 28 42|14 34"),
    ('B', "02 08 38 47 46 35 05|35 44 43 32 02"),
    ('C', "47 38 18 07 03 12 32 43"),
    ('D', "02 08 28 46 44 22 02"),
    ('E', "48 08 02 42|05 35"),
    ('F', "48 08 02|05 35"),
    ('G', "47 38 18 07 03 12 32 43 45 25"),
    ('H', "08 02|48 42|05 45"),
    ('I', "08 02"),
    ('J', "38 33 22 12 03"),
    ('K', "08 02|48 04|15 42"),
    ('L', "08 02 42"),
    ('M', "02 08 25 48 42"),
    ('N', "02 08 42 48"),
    ('O', "18 38 47 43 32 12 03 07 18"),
    ('P', "02 08 38 47 46 35 05"),
    ('Q', "18 38 47 43 32 12 03 07 18|24 42"),
    ('R', "02 08 38 47 46 35 05|25 42"),
    ('S', "47 38 18 07 06 15 35 44 43 32 12 03"),
    ('T', "08 48|28 22"),
    ('U', "08 03 12 32 43 48"),
    ('V', "08 22 48"),
    ('W', "08 12 26 32 48"),
    ('X', "08 42|48 02"),
    ('Y', "08 25 48|25 22"),
    ('Z', "08 48 02 42"),
    ('a', "46 42|45 36 16 05 03 12 32 43"),
    ('b', "08 02|05 16 36 45 43 32 12 03"),
    ('c', "45 36 16 05 03 12 32 43"),
    ('d', "48 42|45 36 16 05 03 12 32 43"),
    ('e', "04 44 45 36 16 05 03 12 32 43"),
    ('f', "38 28 17 12|06 36"),
    ('g', "46 41 30 10 01|45 36 16 05 03 12 32 43"),
    ('h', "08 02|05 16 36 45 42"),
    ('i', "06 02|08 07"),
    ('j', "16 11 00|18 17"),
    ('k', "08 02|36 04 32"),
    ('l', "08 03 12"),
    ('m', "02 06|05 16 25 22|25 36 45 42"),
    ('n', "02 06|05 16 36 45 42"),
    ('o', "16 36 45 43 32 12 03 05 16"),
    ('p', "06 00|05 16 36 45 43 32 12 03"),
    ('q', "46 40|45 36 16 05 03 12 32 43"),
    ('r', "02 06|05 16 26"),
    ('s', "45 36 16 05 14 34 43 32 12 03"),
    ('t', "18 13 22 32|06 36"),
    ('u', "06 03 12 32 43|46 42"),
    ('v', "06 22 46"),
    ('w', "06 12 25 32 46"),
    ('x', "06 42|46 02"),
    ('y', "06 22|46 10"),
    ('z', "06 46 02 42"),
    ('.', "02 03"),
    (',', "03 01"),
    (':', "02 03|05 06"),
    ('-', "05 35"),
    ('_', "02 42"),
    ('/', "02 48"),
    ('%', "02 48|08 07 17 18 08|33 32 42 43 33"),
    ('(', "18 07 03 12"),
    (')', "08 17 13 02"),
    ('+', "05 45|27 23"),
    ('=', "04 44|06 46"),
    ('<', "46 04 42"),
    ('>', "06 44 02"),
    ('?', "07 18 38 47 46 25 24|22 23"),
    ('\'', "08 07"),
];

/// How wide a text is.
pub(super) fn width(text: &str, size: f32) -> f32 {
    let units: f32 = text.chars().map(|letter| wide(letter) + BETWEEN).sum();
    (units - BETWEEN).max(0.0) * UNIT * size
}

/// The lines of a text whose baseline begins at a point.
pub(super) fn strokes(text: &str, at: Px, size: f32) -> Vec<Vec<Px>> {
    let (mut lines, mut x) = (Vec::new(), 0.0);
    for letter in text.chars() {
        for line in glyph(letter).split('|').filter(|line| !line.is_empty()) {
            let place = |(right, up): (f32, f32)| Px {
                x: at.x + (x + right) * UNIT * size,
                y: at.y - (up - BASELINE) * UNIT * size,
            };
            lines.push(points(line).map(place).collect());
        }
        x += wide(letter) + BETWEEN;
    }
    lines
}

fn glyph(letter: char) -> &'static str {
    if letter == ' ' {
        return "";
    }
    GLYPHS
        .iter()
        .find(|(known, _)| *known == letter)
        .map_or(BOX, |(_, lines)| lines)
}

fn wide(letter: char) -> f32 {
    let lines = glyph(letter);
    if lines.is_empty() {
        return SPACE;
    }
    lines
        .split('|')
        .flat_map(points)
        .map(|(right, _)| right)
        .fold(0.0, f32::max)
}

fn points(line: &str) -> impl Iterator<Item = (f32, f32)> {
    let digit = |text: &str, at: usize| {
        text.as_bytes()
            .get(at)
            .map_or(0.0, |byte| f32::from(byte.saturating_sub(b'0')))
    };
    line.split(' ').map(move |point| (digit(point, 0), digit(point, 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_glyph_stays_on_its_grid() {
        for (letter, lines) in GLYPHS {
            let on_grid = |point: &str| point.len() == 2 && point.as_bytes()[0] <= b'4' && point.as_bytes()[1] <= b'8';
            assert!(lines.split(['|', ' ']).all(on_grid), "{letter}: {lines}");
            assert!(
                lines.split('|').all(|line| line.contains(' ')),
                "{letter} has a line of one point"
            );
        }
    }

    #[test]
    fn a_text_is_as_wide_as_its_strokes() {
        let right = strokes("Wide text 95%", Px { x: 0.0, y: 0.0 }, 10.0)
            .into_iter()
            .flatten()
            .map(|at| at.x)
            .fold(0.0, f32::max);
        assert!((right - width("Wide text 95%", 10.0)).abs() < 0.01);
        assert_eq!(strokes("ñ", Px { x: 0.0, y: 0.0 }, 10.0)[0].len(), 5, "a box");
    }
}
