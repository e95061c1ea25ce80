//! The journal in files: nothing acknowledged is lost, nothing damaged is read, and nobody erased is readable.
//!
//! One file for each promise, in `journal/`; its header tells the bugs that it finds.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "journal/damage.rs"]
mod damage;
#[path = "journal/faults.rs"]
mod faults;
#[path = "journal/golden.rs"]
mod golden;
#[path = "journal/power_loss.rs"]
mod power_loss;
#[path = "journal/refused.rs"]
mod refused;
#[cfg(unix)]
#[path = "journal/running.rs"]
mod running;
#[path = "journal/salvaged.rs"]
mod salvaged;
#[path = "journal/world.rs"]
mod world;
