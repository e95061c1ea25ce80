#![doc = include_str!("ARCHITECTURE.md")]

pub mod model;
pub mod planted;

pub mod engine;

// What peers and files say is read here: an index that is out of range would be theirs to choose.
#[warn(clippy::indexing_slicing)]
pub mod config;
#[warn(clippy::indexing_slicing)]
pub mod wire;

#[cfg(feature = "shell")]
#[warn(clippy::indexing_slicing)]
pub mod journal;
#[cfg(feature = "shell")]
pub mod recording;
#[cfg(feature = "shell")]
#[warn(clippy::indexing_slicing)]
pub mod serve;

#[cfg(feature = "shell")]
pub mod hub;

#[cfg(feature = "shell")]
pub mod cli;
