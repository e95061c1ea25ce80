//! What the state of a gateway that runs can be asked: what was read back, what is known of a person, and their erasure.

use super::Gateway;
use super::durable::{EraseError, Recovered};
use crate::engine::KnownPerson;
use crate::journal::Counts;

impl Gateway {
    /// What was read back at the start.
    #[must_use]
    pub const fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// What the journal has done; `None` when no state is kept.
    #[must_use]
    pub fn journal(&self) -> Option<Counts> {
        self.keeper.counts().map(|(counts, _)| counts)
    }

    /// Erases a customer: from memory at once, and from the state folder with every copy of it, by destroying their key.
    /// Returns when that is durable; blocks for a sync of the disk or two.
    ///
    /// # Errors
    /// [`EraseError`].
    pub fn erase(&self, customer: &str) -> Result<(), EraseError> {
        self.keeper.erase(self.clock.now(), customer)
    }

    /// Everything that is known of a customer; `None` when nobody knows them.
    #[must_use]
    pub fn known(&self, customer: &str) -> Option<KnownPerson> {
        self.keeper.known(self.clock.now(), customer)
    }
}
