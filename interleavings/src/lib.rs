//! nextbest's own concurrent structures, built with loom's atomics.
//!
//! They are compiled in from their files: loom's atomics do not live outside of a model, so nothing else of nextbest may
//! meet them. The tests explore every order in which threads may run:
//!
//! ```text
//! cargo test --locked --manifest-path interleavings/Cargo.toml --target-dir target/interleavings
//! ```
//!
//! Deliberately absent: code of its own.

#[path = "../../src/engine/presence/mod.rs"]
pub mod presence;
#[path = "../../src/engine/slab.rs"]
pub mod slab;

/// Where they look for one another, and for a step's length, which no interleaving depends on.
mod engine {
    pub(crate) use crate::slab;
}
mod model {
    pub(crate) const STEP_MS: u64 = 250;
}
