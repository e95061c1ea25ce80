//! Numbers that look random and follow from a seed: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
//! number generators", OOPSLA 2014).

/// What is added to the state at each step: the golden ratio's fraction.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of one word: the next number of a generator in this state.
pub(super) const fn mixed(state: u64) -> u64 {
    let z = state.wrapping_add(STEP);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A share of one, below it, from the upper bits of a word.
pub(super) const fn share(word: u64) -> f32 {
    (word >> 40) as f32 / (1 << 24) as f32
}

/// The generator.
#[derive(Clone, Debug)]
pub(super) struct Noise(u64);

impl Noise {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn word(&mut self) -> u64 {
        let word = mixed(self.0);
        self.0 = self.0.wrapping_add(STEP);
        word
    }

    /// Evenly below `len`, which is not 0; a bias of `len` in 2^64 is of no account here.
    pub(super) const fn below(&mut self, len: usize) -> usize {
        (self.word() % len as u64) as usize
    }

    /// About normal, with mean 0 and variance 1: the sum of twelve even numbers, cut at six deviations. No logarithm, so
    /// that the same seed gives the same bits on every machine.
    pub(super) fn normal(&mut self) -> f32 {
        let halves = |word: u64| (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
        let sum = halves(self.word()) + halves(self.word()) + halves(self.word());
        (sum as f32 + 6.0) / 65_536.0 - 6.0
    }
}
