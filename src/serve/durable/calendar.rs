//! Dates of what was written down before records had dates of their own: by the clock of the journal, which knows when it
//! began.

use crate::engine::Engine;
use crate::engine::customer::Horizon;
use crate::engine::state::{PersonState, StateError};
use crate::model::Timestamp;

/// Which dates belong to moments of the journal's clock.
#[derive(Clone, Copy)]
pub(super) struct Calendar {
    /// The moment of the recovery.
    pub(super) now: Timestamp,
    /// The date when the clock was at zero, in seconds since 1970-01-01 UTC.
    pub(super) epoch_unix_s: u64,
}

impl Calendar {
    /// The date at a moment, in seconds since 1970-01-01 UTC.
    pub(super) fn date_s(self, at: Timestamp) -> u32 {
        u32::try_from(self.epoch_unix_s.saturating_add(u64::from(at.as_secs()))).unwrap_or(u32::MAX)
    }

    /// What is known of a window of message ids that was written down without dates: that it is from before the recovery.
    pub(super) fn horizon(self) -> Horizon {
        let latest_s = self.date_s(self.now);
        Horizon {
            forgotten_s: 0,
            older_s: latest_s,
            younger_s: latest_s,
        }
    }

    /// A person as they were written down, with dates for the consents of one who was written down without: that of the journal's beginning, as
    /// nobody knows a later one.
    pub(super) fn person(self, engine: &Engine, bytes: &[u8]) -> Result<PersonState, StateError> {
        let mut state = PersonState::decode(bytes)?;
        let consent_default = engine.generation().settings().consent_default;
        state.date_consents(consent_default, self.date_s(Timestamp::default()));
        Ok(state)
    }
}
