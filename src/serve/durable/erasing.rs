//! Erasing somebody: from memory at once, from the disk with every copy of it by destroying their key, and what is kept to
//! prove it.
//!
//! Deliberately absent: destroying the key, which is the journal's when the record of the erasure is durable.

use thiserror::Error;

use super::proofs::Proof;
use super::{Keeper, wait};
use crate::journal::{JournalError, Record, RecordKind};
use crate::model::Timestamp;

/// A person was not erased for good.
#[derive(Debug, Error)]
pub enum EraseError {
    /// Nobody knows them.
    #[error("nobody knows the customer")]
    Unknown,
    /// The reason would tell who it was.
    #[error("the reason names the customer; a proof is expected to name nobody")]
    NamesThem,
    /// It is not known whether the disk has it; ask again after a restart.
    #[error("{0}; ask for the erasure again after a restart")]
    Journal(#[from] JournalError),
}

impl Keeper {
    /// Erases a person: from memory at once; from the disk, with every copy of it, by destroying their key. Returns when
    /// that is durable. Blocks for a sync of the disk or two.
    pub(in crate::serve) fn erase(&self, now: Timestamp, id: &str, proof: Proof) -> Result<(), EraseError> {
        if proof.names(id) {
            return Err(EraseError::NamesThem);
        }
        let Some(kept) = &self.kept else {
            self.engine.forget(id).ok_or(EraseError::Unknown)?;
            self.proofs.add_next(proof);
            return Ok(());
        };
        let position = {
            let _order = kept.order();
            let slot = self.engine.customer_existing(id).ok_or(EraseError::Unknown)?;
            let position = kept.journal.append(&Record {
                at: now,
                kind: RecordKind::Erasure,
                subject: Some(self.who(slot).person()),
                payload: &proof.encode(),
            })?;
            self.engine.forget(id);
            self.proofs.add(position.0, proof);
            position
        };
        wait(&*kept.journal, position)?;
        Ok(())
    }

    /// How many people were erased, and the latest proofs of it, oldest first.
    pub(in crate::serve) fn erasures(&self) -> (u64, Vec<Proof>) {
        self.proofs.list()
    }
}
