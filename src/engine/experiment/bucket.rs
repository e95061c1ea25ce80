//! From an id to a share of one, and from that to a bucket: GrowthBook's way, to the bit.
//!
//! Source: github.com/growthbook/growthbook, `packages/sdk-js/src/util.ts` (MIT), specification 0.8.0; FNV-1a of 32 bits
//! (Fowler, Noll and Vo), over UTF-16 units as JavaScript has them. Version 1 is biased where several experiments share
//! ids, and is here for those that began with it; version 2 hashes twice.

/// Buckets at most.
pub const BUCKETS_MAX: usize = 64;

/// How far from 1 the sum of weights may be.
pub const WEIGHTS_OFF_MAX: f64 = 0.01;

/// Why buckets can't be made.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BucketError {
    /// Too many.
    #[error("{0} buckets; at most {BUCKETS_MAX} are possible")]
    TooMany(usize),
    /// Not a share.
    #[error("{0}; a share is between 0 and 1")]
    Share(f64),
    /// Weights that are not all of it.
    #[error("weights sum to {0}; they sum to 1")]
    Sum(f64),
}

/// The share of one, below it, that an id has under a seed; `None` for a version that there is none of.
#[must_use]
pub fn share_of(seed: &str, id: &str, version: u32) -> Option<f64> {
    match version {
        1 => {
            let hash = fnv1a(id.encode_utf16().chain(seed.encode_utf16()));
            Some(f64::from(hash % 1_000) / 1_000.0)
        }
        2 => {
            let first = fnv1a(seed.encode_utf16().chain(id.encode_utf16()));
            let hash = fnv1a(decimal(first));
            Some(f64::from(hash % 10_000) / 10_000.0)
        }
        _ => None,
    }
}

/// Whether an id is in the part `from..to` of a namespace: experiments in parts that don't overlap share nobody.
#[must_use]
pub fn in_namespace(namespace: &str, from: f64, to: f64, id: &str) -> bool {
    let hash = fnv1a(
        id.encode_utf16()
            .chain("__".encode_utf16())
            .chain(namespace.encode_utf16()),
    );
    (from..to).contains(&(f64::from(hash % 1_000) / 1_000.0))
}

/// Which shares are in which bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges(Vec<(f64, f64)>);

impl Ranges {
    /// So many buckets, each with the first part of its weight that is covered. Weights that are not as many, or don't
    /// sum to 1, are taken to be even, as GrowthBook does.
    ///
    /// # Errors
    /// [`BucketError::TooMany`] for more than [`BUCKETS_MAX`].
    pub fn new(buckets: usize, coverage: f64, weights: Option<&[f64]>) -> Result<Self, BucketError> {
        if buckets > BUCKETS_MAX {
            return Err(BucketError::TooMany(buckets));
        }
        let coverage = coverage.clamp(0.0, 1.0);
        let fits = |weights: &&[f64]| {
            let sum: f64 = weights.iter().sum();
            weights.len() == buckets && (sum - 1.0).abs() <= WEIGHTS_OFF_MAX
        };
        let even = even_weights(buckets);
        let weights = weights.filter(fits).unwrap_or(&even);
        let mut from = 0.0;
        let range = |weight: &f64| {
            let start = from;
            from += weight;
            (start, start + coverage * weight)
        };
        Ok(Self(weights.iter().map(range).collect()))
    }

    /// From where each begins and ends.
    ///
    /// # Errors
    /// [`BucketError::TooMany`] for more than [`BUCKETS_MAX`].
    pub fn of(ranges: &[(f64, f64)]) -> Result<Self, BucketError> {
        if ranges.len() > BUCKETS_MAX {
            return Err(BucketError::TooMany(ranges.len()));
        }
        Ok(Self(ranges.to_vec()))
    }

    /// Where each begins and ends; the end is not in it.
    #[must_use]
    pub fn ranges(&self) -> &[(f64, f64)] {
        &self.0
    }

    /// The bucket of a share; `None` in none.
    #[must_use]
    pub fn choose(&self, share: f64) -> Option<usize> {
        self.0.iter().position(|(from, to)| (*from..*to).contains(&share))
    }
}

/// The same weight for each.
#[must_use]
pub fn even_weights(buckets: usize) -> Vec<f64> {
    vec![1.0 / buckets as f64; buckets]
}

/// FNV-1a of 32 bits, a UTF-16 unit at a time.
fn fnv1a(units: impl Iterator<Item = u16>) -> u32 {
    units.fold(0x811c_9dc5, |hash, unit| {
        (hash ^ u32::from(unit)).wrapping_mul(0x0100_0193)
    })
}

/// The digits of a number, the largest first, as UTF-16.
fn decimal(number: u32) -> impl Iterator<Item = u16> {
    let digits = number.checked_ilog10().unwrap_or(0);
    (0..=digits)
        .rev()
        .map(move |place| b'0' as u16 + (number / 10_u32.pow(place) % 10) as u16)
}
