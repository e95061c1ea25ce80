//! Work during which no lock of the standard library is poisoned.
//!
//! quinn takes the locks of an endpoint and of its connections again when it drops what has panicked, and unwraps them:
//! the panic has poisoned the lock, so there is a second one while the first unwinds, and that ends the process. Nothing
//! outside of quinn can come between the two. But the standard library poisons a lock only when a thread begins to
//! panic while it holds it: one that is unwinding already poisons nothing (`library/std/src/sync/poison.rs`, `Flag::done`).
//! So the threads of the QUIC listeners do all their work while they unwind, in the destructor of a value that was dropped
//! by it. What panics there is caught as ever, by tokio for each task and by `super::endpoint_driver` for each driver; what it
//! held is dropped, and the process lives. It costs each lock a look at the thread's own count of panics, a nanosecond or
//! two; and the standard library's own panic hook prints a full backtrace, which takes seconds, so `nextbest serve` has another.
//!
//! That is how the library is, and not a promise of it: `tests/endpoint_rebuilt.rs` fails when it changes, and whoever updates
//! the toolchain hears of it there. Deliberately absent: what is consistent after a panic; who catches one throws
//! away what it was in.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs `work` so that no panic in it poisons a lock. A panic that it does not catch itself goes on to the caller.
pub(super) fn unpoisoned(work: impl FnOnce()) {
    let mut ended = Ok(());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _work = InUnwinding {
            work: Some(work),
            ended: &mut ended,
        };
        // Without a word: the panic hook is not called.
        resume_unwind(Box::new(()));
    }));
    debug_assert!(unwound.is_err(), "it has unwound to here");
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

struct InUnwinding<'a, F: FnOnce()> {
    work: Option<F>,
    ended: &'a mut Result<(), Box<dyn Any + Send>>,
}

impl<F: FnOnce()> Drop for InUnwinding<'_, F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            *self.ended = catch_unwind(AssertUnwindSafe(work));
        }
    }
}

#[cfg(test)]
mod tests {
    #[expect(clippy::disallowed_types, reason = "what the module is about")]
    use std::sync::Mutex;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_types, reason = "what the module is about")]
    fn a_panic_that_is_caught_poisons_nothing() {
        let lock = Mutex::new(0);
        let mut is_done = false;
        unpoisoned(|| {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let _held = lock.lock().unwrap();
                panic!("injected");
            }));
            is_done = caught.is_err() && lock.lock().is_ok();
        });
        assert!(is_done);
        assert!(!std::thread::panicking(), "the thread goes on as it was");
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _held = lock.lock().unwrap();
            panic!("injected");
        }));
        assert!(caught.is_err() && lock.is_poisoned(), "outside, locks are as ever");
    }

    #[test]
    fn a_panic_that_is_not_caught_goes_on() {
        let caught = catch_unwind(|| unpoisoned(|| panic!("injected")));
        let said = caught.unwrap_err();
        assert_eq!(said.downcast_ref::<&str>(), Some(&"injected"));
    }
}
