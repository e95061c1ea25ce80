//! A value behind a lock that is held only for one closure, never across an await.

#[expect(
    clippy::disallowed_types,
    reason = "held for a few instructions, by tasks of one session only"
)]
use std::sync::{Mutex, PoisonError};

/// A value that several tasks change, each for a moment.
#[derive(Debug, Default)]
#[expect(
    clippy::disallowed_types,
    reason = "held for a few instructions, by tasks of one session only"
)]
pub(crate) struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    #[expect(
        clippy::disallowed_types,
        reason = "held for a few instructions, by tasks of one session only"
    )]
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Runs `with` on the value. A panic inside poisons nothing: the value is data, not an invariant of memory.
    pub(crate) fn with<R>(&self, with: impl FnOnce(&mut T) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
