//! Seeded randomness: a counter hashed into 64 bits, so that a draw depends on its seed and name alone.
//!
//! Two ways to draw. [`Prng`] is a sequence, for a hub's jitter. [`draw`] is a function of `(seed, who, what)`:
//! a fan's walking speed does not change because another fan asked first, which is what makes two runs of one
//! seed the same bit for bit. Nothing here is fit for secrets.

/// A sequence of pseudo-random numbers (SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014). Small enough for a microcontroller.
#[derive(Debug, Clone)]
pub struct Prng(u64);

impl Prng {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A whole number in `0..limit`; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        scale(self.next_u64(), limit)
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        unit(self.next_u64())
    }
}

/// 64 bits that depend on nothing but the arguments.
#[must_use]
pub fn draw(seed: u64, who: u64, what: u64) -> u64 {
    mix(mix(seed ^ who.wrapping_mul(GOLDEN)).wrapping_add(what.wrapping_mul(GOLDEN)) ^ who)
}

/// Turns 64 bits into a number in `[0, 1)`: the upper 24 bits, as many as an `f32` holds exactly.
#[must_use]
pub fn unit(bits: u64) -> f32 {
    (bits >> 40) as f32 * (1.0 / 16_777_216.0)
}

/// Turns 64 bits into a whole number in `0..limit` without the bias of a remainder; 0 when `limit` is 0.
#[must_use]
pub fn scale(bits: u64, limit: u64) -> u64 {
    ((u128::from(bits) * u128::from(limit)) >> 64) as u64
}

/// A standard normal number from 64 bits: the sum of twelve uniform 5-bit parts (Irwin-Hall), which needs no
/// logarithm. Its tails end at 6 standard deviations; no radio or walker here depends on what lies beyond.
#[must_use]
pub fn normal(bits: u64) -> f32 {
    let (mut sum, mut rest) = (0_u64, bits);
    for _ in 0..12 {
        sum += rest & 31;
        rest >>= 5;
    }
    // A uniform number on 0..=31 has variance (32^2 - 1) / 12, the sum of twelve of them 32^2 - 1.
    (sum as f32 - 12.0 * 15.5) * (1.0 / 31.984_371)
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 2^64 divided by the golden ratio, odd: the increment of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_reference() {
        // The sequence of seed 1234567 as published with the reference implementation.
        let mut prng = Prng::new(1_234_567);
        assert_eq!(prng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(prng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_spread_one() {
        let mut prng = Prng::new(7);
        let (mut sum, mut squares, count) = (0.0_f64, 0.0_f64, 100_000);
        for _ in 0..count {
            let x = f64::from(normal(prng.next_u64()));
            sum += x;
            squares += x * x;
        }
        let (mean, spread) = (sum / f64::from(count), (squares / f64::from(count)).sqrt());
        assert!(
            mean.abs() < 0.02 && (spread - 1.0).abs() < 0.02,
            "mean {mean}, spread {spread}"
        );
    }

    #[test]
    fn whole_numbers_stay_below_their_limit() {
        let mut prng = Prng::new(3);
        assert!((0..10_000).all(|_| prng.below(7) < 7));
        assert_eq!(prng.below(0), 0);
    }

    #[test]
    fn a_draw_depends_on_every_argument() {
        let reference = draw(1, 2, 3);
        assert_eq!(reference, draw(1, 2, 3));
        assert!(
            [draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)]
                .iter()
                .all(|other| *other != reference)
        );
    }
}
