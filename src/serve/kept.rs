//! What the state of a gateway that runs can be asked: what was read back, what is known of a person, and their erasure.

use super::Gateway;
use super::durable::{EraseError, Proof, Recovered};
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
    /// Returns when that is durable; blocks for a sync of the disk or two. What is kept of it is when, who asked for it and
    /// why; the reason must not name the customer.
    ///
    /// # Errors
    /// [`EraseError`].
    pub fn erase(&self, customer: &str, who: &str, why: &str) -> Result<(), EraseError> {
        let proof = Proof {
            unix_s: self.clock.unix_s(),
            who: who.to_owned(),
            why: why.to_owned(),
        };
        self.keeper.erase(self.clock.now(), customer, proof)
    }

    /// How many people were erased, and the latest proofs of it, oldest first.
    #[must_use]
    pub fn erasures(&self) -> (u64, Vec<Proof>) {
        self.keeper.erasures()
    }

    /// Everything that is known of a customer; `None` when nobody knows them.
    #[must_use]
    pub fn known(&self, customer: &str) -> Option<KnownPerson> {
        self.keeper.known(self.clock.now(), customer)
    }
}
