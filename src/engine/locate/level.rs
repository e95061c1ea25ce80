//! On which level a tag is: evidence for each level over the present one, with hysteresis.
//!
//! Deliberately absent: stairs; the radio knows of a change before a map of stairs could confirm it.

use super::floor::LEVELS_MAX;

/// Share of the evidence that is kept from one step to the next: a memory of about five readings.
const MEMORY: f32 = 0.8;
/// Evidence is held within this many times what is needed, so that an old certainty does not delay a change.
const EVIDENCE_MAX: f32 = 2.0;

/// Evidence for each level over the present one, in nats.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LevelEvidence([f32; LEVELS_MAX]);

impl LevelEvidence {
    /// Adds one step's log likelihood of each level; says which level to move to, if any has the evidence.
    pub(super) fn add(&mut self, fit_nats: &[f32], here: u8, needed_nats: f32) -> Option<u8> {
        let fit_here = *fit_nats.get(usize::from(here))?;
        let mut best = (here, needed_nats);
        for (level, (evidence, fit)) in (0u8..).zip(self.0.iter_mut().zip(fit_nats)) {
            *evidence =
                (MEMORY * *evidence + fit - fit_here).clamp(-EVIDENCE_MAX * needed_nats, EVIDENCE_MAX * needed_nats);
            if *evidence > best.1 {
                best = (level, *evidence);
            }
        }
        (best.0 != here).then_some(best.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_reading_moves_nobody_and_several_do() {
        let mut evidence = LevelEvidence::default();
        assert_eq!(evidence.add(&[-6.0, -1.0], 0, 6.0), None);
        for _ in 0..10 {
            assert_eq!(evidence.add(&[-1.0, -2.0], 0, 6.0), None);
        }
        let moved = (0..5)
            .map(|_| evidence.add(&[-4.0, -1.0], 0, 6.0))
            .find_map(|moved| moved);
        assert_eq!(moved, Some(1));
        assert_eq!(evidence.add(&[], 0, 6.0), None);
    }
}
