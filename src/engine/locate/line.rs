//! A row of a window as three vectors of four numbers, so that a step closes in a few hundred instructions whatever the
//! compiler makes of loops.
//!
//! Left to itself it turns rows into columns to vectorise them, which costs more than it gains. `wide` is portable and
//! needs no `unsafe` here. Deliberately absent: wider vectors; what the baseline of every 64-bit processor has suffices.

use std::ops::{Add, AddAssign, Mul, MulAssign, Sub};

use wide::{f32x4, f32x8, i16x8, i32x8, u8x16};

use super::floor::{WINDOW_CELLS, WINDOW_SIDE};

/// Numbers of one vector.
const LANES: usize = 4;
/// Vectors of one row.
const VECTORS: usize = WINDOW_SIDE / LANES;
const _: () = assert!(
    WINDOW_SIDE == LANES * VECTORS && VECTORS == 3,
    "a row is three whole vectors"
);

/// Bytes that are read at once for a row; those beyond it don't count.
pub(super) const LOADED_LEN: usize = 16;
/// Four bits as four numbers.
const FOUR_BITS: [f32x4; 16] = {
    let mut numbers = [f32x4::ZERO; 16];
    let mut bits = 0;
    while bits < 16 {
        numbers[bits] = f32x4::new([
            (bits & 1) as f32,
            (bits >> 1 & 1) as f32,
            (bits >> 2 & 1) as f32,
            (bits >> 3) as f32,
        ]);
        bits += 1;
    }
    numbers
};

/// One row of a window, from west to east.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line([f32x4; VECTORS]);

impl Line {
    pub(super) const NOTHING: Self = Self([f32x4::ZERO; VECTORS]);

    #[inline]
    pub(super) const fn all(value: f32) -> Self {
        Self([f32x4::new([value; LANES]); VECTORS])
    }

    #[inline]
    pub(super) const fn of(row: [f32; WINDOW_SIDE]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = row;
        Self([
            f32x4::new([a, b, c, d]),
            f32x4::new([e, f, g, h]),
            f32x4::new([i, j, k, l]),
        ])
    }

    /// Small whole numbers, of which the first twelve count.
    #[inline]
    pub(super) fn of_bytes(bytes: [u8; LOADED_LEN]) -> Self {
        let bytes = u8x16::new(bytes);
        let numbers = |eight: i16x8| f32x8::from_i32x8(i32x8::from_i16x8(eight)).to_array();
        let [a, b, c, d, e, f, g, h] = numbers(i16x8::from_u8x16_low(bytes));
        let [i, j, k, l, ..] = numbers(i16x8::from_u8x16_high(bytes));
        Self::of([a, b, c, d, e, f, g, h, i, j, k, l])
    }

    /// One where a bit is set and zero elsewhere, the lowest bit first.
    #[inline]
    pub(super) fn of_bits(bits: u32) -> Self {
        let four = |shift: u32| FOUR_BITS[(bits >> shift & 15) as usize];
        Self([four(0), four(4), four(8)])
    }

    #[inline]
    pub(super) fn row(self) -> [f32; WINDOW_SIDE] {
        let [west, middle, east] = self.0;
        let [a, b, c, d] = west.to_array();
        let [e, f, g, h] = middle.to_array();
        let [i, j, k, l] = east.to_array();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// Each cell's western neighbour; nothing lies west of the first.
    #[inline]
    pub(super) fn western(self) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, _] = self.row();
        Self::of([0.0, a, b, c, d, e, f, g, h, i, j, k])
    }

    /// Each cell's eastern neighbour; nothing lies east of the last.
    #[inline]
    pub(super) fn eastern(self) -> Self {
        let [_, b, c, d, e, f, g, h, i, j, k, l] = self.row();
        Self::of([b, c, d, e, f, g, h, i, j, k, l, 0.0])
    }

    #[inline]
    pub(super) fn sum(self) -> f32 {
        let [a, b, c, d] = (self.0[0] + self.0[1] + self.0[2]).to_array();
        (a + b) + (c + d)
    }

    #[inline]
    pub(super) fn least(self) -> f32 {
        let [a, b, c, d] = self.0[0].fast_min(self.0[1]).fast_min(self.0[2]).to_array();
        a.min(b).min(c.min(d))
    }

    #[inline]
    pub(super) fn at_most(self, other: Self) -> Self {
        Self::zip(self, other, f32x4::fast_min)
    }

    #[inline]
    pub(super) fn at_least(self, other: Self) -> Self {
        Self::zip(self, other, f32x4::fast_max)
    }

    #[inline]
    pub(super) fn inverse(self) -> Self {
        let [a, b, c] = self.0;
        Self([f32x4::ONE / a, f32x4::ONE / b, f32x4::ONE / c])
    }

    #[inline]
    fn zip(left: Self, right: Self, with: impl Fn(f32x4, f32x4) -> f32x4) -> Self {
        let ([a, b, c], [d, e, f]) = (left.0, right.0);
        Self([with(a, d), with(b, e), with(c, f)])
    }
}

impl Add for Line {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self::zip(self, other, |left, right| left + right)
    }
}

impl Sub for Line {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self::zip(self, other, |left, right| left - right)
    }
}

impl Mul for Line {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        Self::zip(self, other, |left, right| left * right)
    }
}

impl AddAssign for Line {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl MulAssign for Line {
    #[inline]
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

/// A number for each cell of a window, row by row from the south.
pub(super) type Lines = [Line; WINDOW_SIDE];

/// The lines of a window's cells.
#[inline]
pub(super) fn lines<T: Copy>(cells: &[T; WINDOW_CELLS], number: impl Fn(T) -> f32) -> Lines {
    // A flat loop, which vectorises whatever it converts from.
    let mut numbers = [0.0; WINDOW_CELLS];
    for (out, cell) in numbers.iter_mut().zip(cells) {
        *out = number(*cell);
    }
    let mut lines = [Line::NOTHING; WINDOW_SIDE];
    for (line, row) in lines.iter_mut().zip(numbers.as_chunks().0) {
        *line = Line::of(*row);
    }
    lines
}

/// The cells of lines.
#[inline]
pub(super) fn flat(lines: &Lines) -> [f32; WINDOW_CELLS] {
    let mut cells = [0.0; WINDOW_CELLS];
    for (row, line) in cells.as_chunks_mut().0.iter_mut().zip(lines) {
        *row = line.row();
    }
    cells
}

/// The sum of each line.
#[inline]
pub(super) fn sums(lines: &Lines) -> [f32; WINDOW_SIDE] {
    let mut sums = [0.0; WINDOW_SIDE];
    for (sums, lines) in sums
        .as_chunks_mut::<LANES>()
        .0
        .iter_mut()
        .zip(lines.as_chunks::<LANES>().0)
    {
        let [a, b, c, d] = f32x4::transpose(lines.map(|Line([a, b, c])| a + b + c));
        *sums = ((a + b) + (c + d)).to_array();
    }
    sums
}
