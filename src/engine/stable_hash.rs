//! SipHash-2-4, for what is written down: the same in every version, on every machine.
//!
//! The hashers of the standard library and of foldhash promise no such thing. A key that is secret makes a hash that
//! tells nothing and that nobody can make collide at will.
//! Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, with its test vectors.

/// Takes bytes; gives 64 bits.
#[derive(Clone, Copy)]
pub struct StableHasher {
    v: [u64; 4],
    /// Bytes that do not fill a word yet.
    tail: u64,
    len: u64,
}

impl StableHasher {
    /// A hasher with a key of two words.
    #[must_use]
    pub const fn new(key: [u64; 2]) -> Self {
        let [k0, k1] = key;
        Self {
            v: [
                k0 ^ 0x736f_6d65_7073_6575,
                k1 ^ 0x646f_7261_6e64_6f6d,
                k0 ^ 0x6c79_6765_6e65_7261,
                k1 ^ 0x7465_6462_7974_6573,
            ],
            tail: 0,
            len: 0,
        }
    }

    /// Takes bytes. Where they end is not told apart: see [`StableHasher::text`].
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.tail |= u64::from(*byte) << (self.len % 8 * 8);
            self.len = self.len.wrapping_add(1);
            if self.len.is_multiple_of(8) {
                let word = std::mem::take(&mut self.tail);
                self.v[3] ^= word;
                rounds(&mut self.v, 2);
                self.v[0] ^= word;
            }
        }
        self
    }

    /// Takes one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Takes a word, the lowest byte first.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Takes a text with its length, so that "ab" and "c" are not "a" and "bc".
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.u64(text.len() as u64).bytes(text.as_bytes())
    }

    /// The hash of all that was taken.
    #[must_use]
    pub fn finish(&self) -> u64 {
        let mut v = self.v;
        let last = self.tail | self.len << 56;
        v[3] ^= last;
        rounds(&mut v, 2);
        v[0] ^= last;
        v[2] ^= 0xff;
        rounds(&mut v, 4);
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

fn rounds(v: &mut [u64; 4], count: u32) {
    let [mut v0, mut v1, mut v2, mut v3] = *v;
    for _ in 0..count {
        v0 = v0.wrapping_add(v1);
        v2 = v2.wrapping_add(v3);
        v1 = v1.rotate_left(13) ^ v0;
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v1);
        v0 = v0.wrapping_add(v3);
        v1 = v1.rotate_left(17) ^ v2;
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.rotate_left(32);
    }
    *v = [v0, v1, v2, v3];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the paper's vectors: bytes 0 to 15.
    const KEY: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];

    #[test]
    fn the_vectors_of_the_paper() {
        let hash = |len: u8| StableHasher::new(KEY).bytes(&(0..len).collect::<Vec<_>>()).finish();
        assert_eq!(hash(0), 0x726f_db47_dd0e_0e31);
        assert_eq!(hash(1), 0x74f8_39c5_93dc_67fd);
        assert_eq!(hash(8), 0x93f5_f579_9a93_2462);
        assert_eq!(hash(15), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn texts_are_told_apart_by_where_they_end() {
        let hash = |a: &str, b: &str| StableHasher::new(KEY).text(a).text(b).finish();
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
    }
}
