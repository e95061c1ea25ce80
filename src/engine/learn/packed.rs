//! Weights and inputs as small whole numbers, for readers: eight products in one instruction that every 64-bit processor
//! has, in half of the memory.
//!
//! A row of weights has a scale of its own, so that its largest is [`WEIGHT_MAX`]; an input has steps of a 1,024th. What
//! that rounds away is a thousandth of a reward, far below what members disagree by. No sum can run over:
//! [`INPUTS`] x [`WEIGHT_MAX`] x [`INPUT_MAX`] is below 2^31.

use wide::{f32x4, f32x8, i16x8, i32x4};

use super::context::FEATURES_MAX;
use super::inputs::{BINS, INPUTS, VECTORS};
use super::linear::Weights;

/// Vectors of eight numbers in a row.
pub(super) const PACKED: usize = INPUTS / 8;
/// The largest weight of a row, 11 bits.
const WEIGHT_MAX: i32 = 2_047;
/// The largest input, 13 bits.
const INPUT_MAX: i32 = 8_191;
/// What an input of 1 becomes.
const INPUT_UNIT: f32 = 1_024.0;
const _: () = assert!(
    INPUTS as i64 * WEIGHT_MAX as i64 * INPUT_MAX as i64 <= i32::MAX as i64,
    "a sum may run over"
);

/// What a ratio of 1 becomes; the largest that fits is 31, further than counts get.
const RATIO_UNIT: f32 = 1_024.0;

/// Ratios of naive Bayes of four features, by bin; 0 for features that there are none of.
pub(super) type Ratios = [[i16; BINS]; 4];

/// A row of small whole numbers.
pub(super) type Row = [i16x8; PACKED];

/// Inputs, packed.
#[inline]
pub(super) fn pack_inputs(inputs: &Weights) -> Row {
    pack(inputs, INPUT_UNIT, INPUT_MAX)
}

/// Weights, packed, and what a sum of their products is to be multiplied by.
pub(super) fn pack_weights(weights: &Weights) -> (Row, f32) {
    let largest = weights
        .iter()
        .fold(f32x4::ZERO, |largest, four| largest.max(four.abs()));
    let largest = largest.to_array().into_iter().fold(f32::MIN_POSITIVE, f32::max);
    let row = pack(weights, WEIGHT_MAX as f32 / largest, WEIGHT_MAX);
    (row, largest / (WEIGHT_MAX as f32 * INPUT_UNIT))
}

/// The sums of products of several rows with the same inputs.
#[inline]
pub(super) fn products<const ROWS: usize>(rows: &[[i16x8; ROWS]; PACKED], inputs: &Row) -> [f32; ROWS] {
    let mut sums = [i32x4::ZERO; ROWS];
    for (rows, inputs) in rows.iter().zip(inputs) {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum += row.dot(*inputs);
        }
    }
    let mut products = [0.0; ROWS];
    for (product, sum) in products.iter_mut().zip(sums) {
        *product = sum.round_float().reduce_add();
    }
    products
}

/// Ratios of naive Bayes, multiplied by a factor.
pub(super) fn pack_ratios(ratios: &[[f32; BINS]], factor: f32) -> Vec<Ratios> {
    let unit = factor * RATIO_UNIT;
    let pack = |four: &[[f32; BINS]]| {
        std::array::from_fn(|at| {
            four.get(at)
                .map_or([0; BINS], |ratios| ratios.map(|ratio| (ratio * unit).round() as i16))
        })
    };
    ratios.chunks(4).map(pack).collect()
}

/// The sum of the ratios of a context's bins.
#[inline]
pub(super) fn ratios_sum(ratios: &[Ratios], bins: &[u8; FEATURES_MAX]) -> f32 {
    let mut sums = [0_i32; 4];
    for (four, bins) in ratios.iter().zip(bins.as_chunks::<4>().0) {
        for ((sum, ratios), bin) in sums.iter_mut().zip(four).zip(bins) {
            // 64 numbers of 16 bits can't run over.
            *sum = i32::wrapping_add(*sum, i32::from(ratios[usize::from(*bin) % BINS]));
        }
    }
    let [a, b, c, d] = sums.map(|sum| sum as f32);
    (a + b + c + d) / RATIO_UNIT
}

#[inline]
fn pack(numbers: &[f32x4; VECTORS], unit: f32, max: i32) -> Row {
    let (unit, max) = (f32x8::splat(unit), f32x8::splat(max as f32));
    let mut row = [i16x8::ZERO; PACKED];
    for (packed, [low, high]) in row.iter_mut().zip(numbers.as_chunks::<2>().0) {
        let ([a, b, c, d], [e, f, g, h]) = (low.to_array(), high.to_array());
        let eight = f32x8::new([a, b, c, d, e, f, g, h]) * unit;
        *packed = i16x8::from_i32x8_saturate(eight.fast_max(-max).fast_min(max).fast_round_int());
    }
    row
}
