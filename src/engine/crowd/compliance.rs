//! How many of those we send somewhere go there, and where the others go: learned, not told.
//!
//! A promise ends in one of three ways: the person comes, they come to the nearest place of the kind instead, or nothing
//! is heard of them until it expires. Both shares are means of beta distributions, whose priors are worth
//! `PRIOR_PROMISES` promises, so that the first minutes of a match are not believed too soon and a wrong prior is
//! forgotten within a few hundred answers. Old evidence is halved when there is much of it, so that a crowd that changes
//! its habits is followed.

use std::sync::atomic::{AtomicU32, Ordering};

use super::bins::PARTS;

/// How many promises a prior is worth.
const PRIOR_PROMISES: f32 = 20.0;
/// Of those who do not follow an answer, the share that goes to the nearest place before anything is known. Some stay in
/// their seats.
const NEAREST_PRIOR: f32 = 0.5;
/// Promises whose outcome counts; of more, all count half.
const EVIDENCE_MAX: u32 = 8_192;

/// What became of promises, and the shares that follow.
pub struct Compliance {
    prior: f32,
    came: AtomicU32,
    nearest: AtomicU32,
    lost: AtomicU32,
}

impl Compliance {
    /// Nothing is known but a share, 0 to 1.
    #[must_use]
    pub fn new(prior: f32) -> Self {
        Self {
            prior: prior.clamp(0.0, 1.0),
            came: AtomicU32::new(0),
            nearest: AtomicU32::new(0),
            lost: AtomicU32::new(0),
        }
    }

    /// Somebody came to where they were sent.
    pub fn on_came(&self) {
        self.came.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody came to the nearest place instead.
    pub fn on_nearest(&self) {
        self.nearest.fetch_add(1, Ordering::Relaxed);
    }

    /// So many promises expired.
    pub fn on_lost(&self, promises: u32) {
        self.lost.fetch_add(promises, Ordering::Relaxed);
        let evidence = self.came.load(Ordering::Relaxed)
            + self.nearest.load(Ordering::Relaxed)
            + self.lost.load(Ordering::Relaxed);
        if evidence > EVIDENCE_MAX {
            for count in [&self.came, &self.nearest, &self.lost] {
                // What comes in between is evidence too: only what was seen is taken.
                let half = count.load(Ordering::Relaxed) / 2;
                count.fetch_sub(half, Ordering::Relaxed);
            }
        }
    }

    /// The share of those sent somewhere who come.
    #[must_use]
    pub fn share(&self) -> f32 {
        let (came, strayed) = (self.count(&self.came), self.strayed());
        (self.prior * PRIOR_PROMISES + came) / (PRIOR_PROMISES + came + strayed)
    }

    /// The share of those sent somewhere who go to the nearest place instead.
    #[must_use]
    pub fn nearest_share(&self) -> f32 {
        let (nearest, strayed) = (self.count(&self.nearest), self.strayed());
        let of_strayed = (NEAREST_PRIOR * PRIOR_PROMISES + nearest) / (PRIOR_PROMISES + strayed);
        (1.0 - self.share()) * of_strayed
    }

    /// Both shares in parts of a person: of the place, and of the nearest.
    #[must_use]
    pub fn parts(&self) -> (u64, u64) {
        let parts = |share: f32| ((share * PARTS as f32).round() as u64).min(PARTS);
        (parts(self.share()), parts(self.nearest_share()))
    }

    fn strayed(&self) -> f32 {
        self.count(&self.nearest) + self.count(&self.lost)
    }

    #[expect(clippy::unused_self, reason = "reads as what it counts")]
    fn count(&self, count: &AtomicU32) -> f32 {
        count.load(Ordering::Relaxed) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells of so many promises, of which a share comes and the others go to the nearest place.
    fn tell(compliance: &Compliance, promises: u32, share: f32) {
        for promise in 0..promises {
            if (promise as f32 * share).fract() + share >= 1.0 {
                compliance.on_came();
            } else {
                compliance.on_nearest();
            }
        }
    }

    #[test]
    fn a_wrong_prior_is_forgotten_within_a_few_hundred_answers() {
        for prior in [0.42, 0.6, 0.78] {
            let compliance = Compliance::new(prior);
            assert!((compliance.share() - prior).abs() < 1e-6);
            tell(&compliance, 400, 0.6);
            assert!((compliance.share() - 0.6).abs() < 0.02, "{}", compliance.share());
            assert!((compliance.nearest_share() - 0.4).abs() < 0.05);
        }
    }

    #[test]
    fn a_crowd_that_changes_its_habits_is_followed() {
        let compliance = Compliance::new(0.6);
        for _ in 0..200 {
            tell(&compliance, 100, 1.0);
            compliance.on_lost(0);
        }
        for _ in 0..200 {
            tell(&compliance, 50, 0.2);
            compliance.on_lost(50);
        }
        assert!((compliance.share() - 0.1).abs() < 0.05, "{}", compliance.share());
    }

    #[test]
    fn nobody_is_expected_twice() {
        let compliance = Compliance::new(0.3);
        tell(&compliance, 1_000, 0.3);
        let (place, nearest) = compliance.parts();
        assert!(place + nearest <= PARTS, "{place} {nearest}");
    }
}
